#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# curl: a call of each kind, two of them on one connection.
set -eu
ask() { curl -sS --fail --cacert "$SSL_CERT_FILE" -H 'content-type: application/json' "$@"; }
chat=$OPENAI_BASE_URL/chat/completions
messages=$ANTHROPIC_BASE_URL/v1/messages
body='{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]'
short='{"model":"claude-haiku-4-5","max_tokens":9,"messages":[]'

ask -H 'authorization: Bearer sk-fake' -d "$body}" "$chat" >/dev/null
ask --compressed -H 'authorization: Bearer sk-fake' \
	-d "$body,\"stream\":true,\"stream_options\":{\"include_usage\":true}}" "$chat" >/dev/null
ask --compressed -H 'x-api-key: sk-ant-fake' -d "$short}" \
	"$messages" "$messages" >/dev/null
ask -H 'x-api-key: sk-ant-fake' -d "$short,\"stream\":true}" \
	"$messages" >/dev/null
