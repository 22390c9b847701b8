# SPDX-License-Identifier: Apache-2.0
"""64 calls at once, each on a connection of its own."""

import http.client
import json
import os
import ssl
import threading
from urllib.parse import urlsplit

base = urlsplit(os.environ["OPENAI_BASE_URL"])
together = threading.Barrier(64)
failures = []


def one(number):
    try:
        context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
        connection = http.client.HTTPSConnection(
            base.hostname, base.port, context=context, timeout=60
        )
        connection.connect()
        together.wait(60)
        body = {
            "model": "gpt-4o-mini",
            "messages": [{"role": "user", "content": "call %d" % number}],
            "stream": number % 2 == 1,
            "stream_options": {"include_usage": True},
        }
        connection.request(
            "POST",
            "/v1/chat/completions",
            json.dumps(body),
            {"accept-encoding": "gzip", "authorization": "Bearer sk-fake"},
        )
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            failures.append(response.status)
    except Exception as error:  # a thread's failure must reach the exit status
        failures.append(error)


threads = [threading.Thread(target=one, args=(number,)) for number in range(64)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not failures, failures
