# SPDX-License-Identifier: Apache-2.0
"""64 calls queued on a pool of 8 connections that are kept alive."""

from concurrent.futures import ThreadPoolExecutor

import httpx2
import openai

client = openai.OpenAI(
    timeout=60,
    http_client=openai.DefaultHttpx2Client(
        limits=httpx2.Limits(max_connections=8, max_keepalive_connections=8)
    ),
)


def one(number):
    client.chat.completions.create(
        model=("gpt-4o", "gpt-4o-mini")[number % 2],
        messages=[{"role": "user", "content": "call %d" % number}],
    )


with ThreadPoolExecutor(64) as threads:
    list(threads.map(one, range(64)))
