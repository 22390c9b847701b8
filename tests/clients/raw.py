# SPDX-License-Identifier: Apache-2.0
"""A call as told on the command line: PATH JSON [HEADER:VALUE…]. Prints its status, length and
milliseconds.

CALLS says how often it is made, one after the other, on one connection.
"""

import http.client
import json
import os
import ssl
import sys
import time
from urllib.parse import urlsplit

base = urlsplit(os.environ["OPENAI_BASE_URL"])
context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
connection = http.client.HTTPSConnection(base.hostname, base.port, context=context, timeout=60)
path, body, extra = sys.argv[1], sys.argv[2], sys.argv[3:]
headers = {"authorization": "Bearer sk-fake", "x-api-key": "sk-fake"}
headers.update(header.split(":", 1) for header in extra)
json.loads(body)
for _ in range(int(os.environ.get("CALLS", "1"))):
    began = time.monotonic()
    connection.request("POST", path, body, headers)
    response = connection.getresponse()
    try:
        length = len(response.read())
        print(response.status, length, (time.monotonic() - began) * 1000)
    except (http.client.IncompleteRead, OSError):
        print(response.status, "cut")
