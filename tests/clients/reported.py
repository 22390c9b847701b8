# SPDX-License-Identifier: Apache-2.0
"""Calls whose responses report a cost, in each of the ways that the mock provider knows."""

import http.client
import json
import os
import ssl
from urllib.parse import urlsplit

KINDS = (
    "openrouter byok perplexity xai deepinfra litellm litellm-hit litellm+openrouter litellm+byok"
).split()
CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"


def requests():
    """(path, body, kind)"""
    talk = [{"role": "user", "content": "Hi"}]
    whole = {"stream": True, "stream_options": {"include_usage": True}}
    for kind in KINDS:
        yield CHAT, {"model": "gpt-4o-mini", "messages": talk}, kind
        yield RESPONSES, {"model": "gpt-5-mini", "input": "Hi"}, kind
        if kind != "litellm+openrouter" and kind != "litellm+byok":
            yield CHAT, dict(whole, model="gpt-4o", messages=talk), kind
            yield RESPONSES, {"model": "gpt-5", "input": "Hi", "stream": True}, kind
    yield CHAT, {"model": "no-such-model", "messages": talk}, "openrouter"
    yield CHAT, {"model": "no-such-model", "messages": talk}, "litellm"
    yield CHAT, {"model": "fault-500/gpt-4o", "messages": talk}, "litellm"
    for stream in (False, True):
        body = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": talk, "stream": stream}
        yield MESSAGES, body, "litellm"
    yield CHAT, {"model": "gpt-4o-mini", "messages": talk}, None


def main():
    base = urlsplit(os.environ["OPENAI_BASE_URL"])
    context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    connection = http.client.HTTPSConnection(base.hostname, base.port, context=context)
    for path, body, kind in requests():
        headers = {"authorization": "Bearer sk-fake", "content-type": "application/json"}
        headers["accept-encoding"] = "gzip"
        if kind:
            headers["x-mock-report"] = kind
        connection.request("POST", path, json.dumps(body), headers)
        response = connection.getresponse()
        response.read()
        assert response.status == (500 if "fault" in body["model"] else 200), response.status
    connection.close()


if __name__ == "__main__":
    main()
