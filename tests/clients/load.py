# SPDX-License-Identifier: Apache-2.0
"""Calls on several kept connections, each one every $PACE ms, until the file $LOAD_END appears."""

import os
import threading
import time

import http_client

HEADERS = {"authorization": "Bearer sk-fake", "content-type": "application/json"}
until = time.monotonic() + float(os.environ.get("LOAD_SECONDS", "120"))
counts = []


def over():
    return time.monotonic() > until or os.path.exists(os.environ["LOAD_END"])


def work(worker):
    connection, number = http_client.connect(), worker
    while not over():
        body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 99}
        if number % 3 == 0:
            body.update(stream=True, model="claude-haiku-4-5")
        else:
            body.update(model="gpt-4o-mini")
        if number % 3 == 1:
            body.update(stream=True, stream_options={"include_usage": True})
        path = "/v1/chat/completions" if number % 3 else "/v1/messages"
        assert http_client.call(connection, path, body, **HEADERS) == 200
        counts.append(1)
        number += 1
        if number % 16 == 0:  # a new one now and then
            connection.close()
        time.sleep(float(os.environ.get("PACE", "100")) / 1000)


threads = [threading.Thread(target=work, args=(n,)) for n in range(int(os.environ["CONNECTIONS"]))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(counts))
