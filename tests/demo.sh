#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A small agent on two official SDKs, a local provider, and what its calls cost.
set -eu
cd "$(dirname "$0")/.."
folder=build/demo
python=.deps/python/bin/python
rm -rf "$folder"
mkdir -p "$folder"

"$python" tests/mock/provider.py --usual --latency 150-900 --pace 25 >"$folder/provider" </dev/null &
provider=$!
trap 'kill "$provider" 2>/dev/null || true; wait "$provider" 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM
tries=0
until [ -s "$folder/provider" ]; do
	tries=$((tries + 1))
	[ "$tries" -le 100 ] || { echo 'demo: the provider does not start' >&2; exit 1; }
	sleep 0.1
done
told() {
	"$python" -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1" <"$folder/provider"
}
base=$(told base)
ca=$(told ca)
port=$(told port)
capture=preload
[ "$(id -u)" != 0 ] || capture=ebpf

run() { printf '\n$ %s\n' "$*"; "$@"; }
under() {
	env -i PATH="$PATH" HOME="$HOME" TERM="${TERM-dumb}" LANG="${LANG-C.UTF-8}" SSL_CERT_FILE="$ca" \
		OPENAI_BASE_URL="$base/v1" OPENAI_API_KEY=sk-demo \
		ANTHROPIC_BASE_URL="$base" ANTHROPIC_API_KEY=sk-ant-demo "$@"
}

printf '\nThe provider is local, its token counts are random; the program is not changed.\n'
printf '\n$ tollspan run --capture=%s -- python agent.py\n' "$capture"
under build/tollspan run --capture="$capture" --summary=text --ledger="$folder/ledger.db" \
	--endpoint "localhost:$port=openai,anthropic" -- "$python" tests/clients/agent.py
run build/tollspan trace --ledger="$folder/ledger.db"
printf '\nThe ledger is %s; build/tollspan report --ledger=%s reads it.\n' \
	"$folder/ledger.db" "$folder/ledger.db"
