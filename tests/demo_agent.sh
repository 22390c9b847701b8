#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The agent beside programs that know nothing of it, and what an OpenTelemetry Collector gets.
# It follows this shell's processes only.
set -eu
cd "$(dirname "$0")/.."
fail() { printf 'demo-agent: %s\n' "$*" >&2; exit 1; }
[ "$(id -u)" = 0 ] || fail 'the agent needs root: sudo make demo-agent'
otelcol=.deps/collector/otelcol
[ -x "$otelcol" ] || fail 'the OpenTelemetry Collector needs Go 1.26 to be built'

# The agent's usual places, /run/tollspan and /var/lib/tollspan, are the demo's alone.
[ "${1-}" = private ] || exec unshare --mount --propagation private sh -euc \
	'mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /var/lib; exec "$0" private' "$PWD/tests/demo_agent.sh"

folder=$PWD/build/demo-agent
python=.deps/python/bin/python
rm -rf "$folder"
mkdir -p "$folder"
provider='' collector='' agent='' before=''
end() {
	for pid in $before $agent $collector $provider; do
		kill "$pid" 2>/dev/null || true
	done
	wait
}
trap end EXIT
trap 'exit 130' INT TERM

# within SECONDS WHAT COMMAND…: until the command succeeds.
within() {
	tries=$(($1 * 10)) what=$2
	shift 2
	until "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || fail "$what"
		sleep 0.1
	done
}
told() {
	"$python" -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1" <"$folder/provider"
}
run() { printf '\n$ %s\n' "$*"; "$@"; }
# In a subshell: the environment is no more than this, and the process is the program's.
under() {
	exec env -i PATH="$PATH" HOME="$HOME" TERM="${TERM-dumb}" LANG="${LANG-C.UTF-8}" "$@"
}

"$python" tests/mock/provider.py --usual --latency 150-900 --pace 25 --log "$folder/provider.jsonl" \
	>"$folder/provider" 2>"$folder/provider.log" </dev/null &
provider=$!
within 10 'the provider does not start' test -s "$folder/provider"
base=$(told base) ca=$(told ca) port=$(told port)
client() {
	under SSL_CERT_FILE="$ca" OPENAI_BASE_URL="$base/v1" OPENAI_API_KEY=sk-demo \
		ANTHROPIC_BASE_URL="$base" ANTHROPIC_API_KEY=sk-ant-demo "$@"
}

otlp=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$folder/collector.yaml" <<YAML
receivers:
  otlp: {protocols: {http: {endpoint: 127.0.0.1:$otlp}}}
exporters:
  file: {path: $folder/collector.jsonl, rotation: {max_megabytes: 100}}
service:
  pipelines: {traces: {receivers: [otlp], exporters: [file]}}
  telemetry: {metrics: {level: none}, logs: {level: warn}}
YAML
"$otelcol" --config "$folder/collector.yaml" >"$folder/collector.log" 2>&1 &
collector=$!

printf '\nThe provider is local, its token counts are random; the programs are not changed.\n'
printf 'A program that runs before the agent, with an open connection:\n'
printf '\n$ python held.py &\n'
(client HELD="$folder/held" OTEL_SERVICE_NAME=before "$python" tests/clients/held.py) >"$folder/before" &
before=$!
within 10 'the first program does not start' test -s "$folder/before"

printf '$ OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:%s tollspan agent --pid %s &\n' "$otlp" $$
(under OTEL_EXPORTER_OTLP_ENDPOINT="http://localhost:$otlp" build/tollspan agent --pid $$ \
	--endpoint "localhost:$port=openai,anthropic") 2>"$folder/agent.log" &
agent=$!
ready() {
	kill -0 "$agent" 2>/dev/null || fail "the agent does not start: $(cat "$folder/agent.log")"
	[ -S /run/tollspan/agent.sock ]
}
within 20 'the agent does not get ready' ready
cat "$folder/agent.log"

touch "$folder/held.1" "$folder/held.2"
printf '\nA program that is started later:\n\n$ python agent.py\n'
(client "$python" tests/clients/agent.py)
answered() { [ "$(wc -l <"$folder/before")" -ge 3 ]; }
within 20 'the first program does not go on' answered

printf '\nWhat the OpenTelemetry Collector wrote:\n\n'
"$python" tests/demo_spans.py "$folder/collector.jsonl" "$folder/provider.jsonl"
run build/tollspan report
kill "$agent"
wait "$agent" || fail "the agent ended with $?"
agent=''
printf '\nAll of it, as the Collector has it, is in %s.\n' "$folder/collector.jsonl"
