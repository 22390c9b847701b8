# SPDX-License-Identifier: Apache-2.0
"""Calls as told on the command line: PATH JSON [HEADER:VALUE…], one connection each.

CALLS_AT_ONCE says how often each is made, one after the other, on one connection.
"""

import http.client
import json
import os
import ssl
import sys
from urllib.parse import urlsplit

base = urlsplit(os.environ["OPENAI_BASE_URL"])
context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
connection = http.client.HTTPSConnection(base.hostname, base.port, context=context, timeout=60)
path, body, extra = sys.argv[1], sys.argv[2], sys.argv[3:]
headers = {"authorization": "Bearer sk-fake", "x-api-key": "sk-fake"}
headers.update(header.split(":", 1) for header in extra)
json.loads(body)
for _ in range(int(os.environ.get("CALLS", "1"))):
    connection.request("POST", path, body, headers)
    response = connection.getresponse()
    try:
        print(response.status, len(response.read()))
    except (http.client.IncompleteRead, OSError):
        print(response.status, "cut")
