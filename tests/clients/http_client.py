# SPDX-License-Identifier: Apache-2.0
"""Plain http.client on ssl, for Python 3.6 and later: one connection, kept alive.

CALLS (default 6) of them; with PLANT set, that key goes into headers and the query.
"""

import http.client
import json
import os
import ssl
from urllib.parse import urlsplit


def connect():
    base = urlsplit(os.environ["OPENAI_BASE_URL"])
    context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    return http.client.HTTPSConnection(base.hostname, base.port, context=context)


def call(connection, path, body, **headers):
    text = json.dumps(body)
    if headers.pop("chunked", False):
        connection.request(
            "POST", path, iter([text[:9].encode(), text[9:].encode()]), headers, encode_chunked=True
        )
    else:
        connection.request("POST", path, text, headers)
    response = connection.getresponse()
    response.read()
    return response.status


def main():
    key = os.environ.get("PLANT", "sk-fake")
    query = "?api_key=" + key if "PLANT" in os.environ else ""
    headers = {
        "authorization": "Bearer " + key,
        "x-api-key": key,
        "content-type": "application/json",
    }
    connection = connect()
    for number in range(int(os.environ.get("CALLS", "6"))):
        streamed = {"stream": True, "stream_options": {"include_usage": True}} if number % 2 else {}
        accept = ("gzip", "identity", "deflate")[number % 3]
        if number % 3 == 2:
            path, body = "/v1/messages", {"model": "claude-sonnet-4-6", "max_tokens": 9}
            streamed.pop("stream_options", None)
        else:
            path, body = "/v1/chat/completions", {"model": "gpt-4o-mini"}
        body.update(
            streamed, messages=[{"role": "user", "content": "é" * 40000 if number == 3 else "Hi"}]
        )
        chunked = {"chunked": True, "transfer-encoding": "chunked"} if number == 4 else {}
        status = call(
            connection,
            path + query,
            body,
            **dict(headers, **{"accept-encoding": accept}, **chunked),
        )
        assert status == 200, status
    connection.close()


if __name__ == "__main__":
    main()
