#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# deps.sh FOLDER VERSION: fetch what boots another kernel. Of Debian's packages qemu-system-x86 is
# installed; the newest cloud kernel of that version and busybox are only unpacked into the folder,
# as vmlinuz-VERSION and busybox.
set -eu
umask 022
folder=$1
version=$2

say() { printf '  %-5s %s\n' "$1" "$2"; }
fail() { printf 'kernel-test: %s\n' "$*" >&2; exit 1; }

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

quietly() {
	"$@" >"$folder/log" 2>&1 </dev/null || {
		tail -n 20 "$folder/log" >&2
		fail "failed: $*"
	}
}

# The newest kernel of the version that apt knows.
find_kernel() {
	apt-cache search --names-only "^linux-image-$(echo "$version" | sed 's/\./\\./g')\\." |
		sed -n 's/^\(linux-image-[0-9].*-cloud-amd64\) .*/\1/p' | sort -V | tail -n 1
}

# unpack PACKAGE: into $folder/new
unpack() {
	rm -rf "$folder/new"
	mkdir -p "$folder/new"
	(cd "$folder/new" && apt-get download -qq "$1" && dpkg -x ./*.deb .) >"$folder/log" 2>&1 || {
		tail -n 20 "$folder/log" >&2
		fail "apt-get could not download $1"
	}
}

[ "$(uname -m)" = x86_64 ] || fail 'this needs an x86-64 machine'
command -v apt-get >/dev/null || fail "this needs Debian's packages"
mkdir -p "$folder"
command -v qemu-system-x86_64 >/dev/null || {
	say APT qemu-system-x86
	quietly as_root apt-get update -qq
	quietly as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends qemu-system-x86
}
[ -f "$folder/busybox" ] || {
	say DEB busybox-static
	unpack busybox-static
	mv "$folder/new/bin/busybox" "$folder/busybox"
}
[ -f "$folder/vmlinuz-$version" ] || {
	kernel=$(find_kernel)
	[ -n "$kernel" ] || {
		quietly as_root apt-get update -qq
		kernel=$(find_kernel)
	}
	[ -n "$kernel" ] || fail "apt knows no cloud kernel $version"
	say DEB "$kernel"
	unpack "$kernel"
	mv "$folder"/new/boot/vmlinuz-* "$folder/vmlinuz-$version"
}
rm -rf "$folder/new" "$folder/log"
