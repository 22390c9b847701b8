# SPDX-License-Identifier: Apache-2.0
"""One connection that is kept: a call when the file $HELD.1 appears, one at $HELD.2, …; the end at
$HELD.end. Prints a line when it is connected, and one after each call. For Python 3.6 and later.
"""

import json
import os
import time

import http_client

held = os.environ["HELD"]
connection = http_client.connect()
connection.connect()
print("connected", flush=True)
number = 1
until = time.time() + 120
while not os.path.exists(held + ".end"):
    if not os.path.exists("%s.%d" % (held, number)):
        assert time.time() < until
        time.sleep(0.02)
        continue
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
    if number % 2 == 0:
        body.update(stream=True, stream_options={"include_usage": True})
    headers = {"authorization": "Bearer sk-fake", "content-type": "application/json"}
    status = http_client.call(connection, "/v1/chat/completions", body, **headers)
    print(json.dumps(status), flush=True)
    number += 1
