# SPDX-License-Identifier: Apache-2.0
"""Capture files that a replay is measured with. Each writer returns the bytes of HTTP content."""

import json
import os
import random
import sys
import zlib

import brotli
import zstandard

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "corpus"))
import capture as cap  # noqa: E402

HOST = "api.openai.com"
PATH = "/v1/chat/completions"
MODEL = "gpt-4o-mini-2024-07-18"
TLS_RECORD = 16 * 1024  # RFC 8446 section 5.1: what one read gives at most
WORDS = ("The", " answer", " is", " that", " a", " bridge", " of", " stone", " stands", " where",
         " two", " roads", ",", " and", " its", " toll", " was", ".\\n\\n", " \\\"paid\\\"", " in",
         " silver", " caf\u00e9", " before", " the", " war")


class Encoder:
    """A content encoding whose output is complete after each event, as servers send streams."""

    def __init__(self, name):
        self.name = name
        if name == "gzip":
            compressor = zlib.compressobj(6, zlib.DEFLATED, 31)
            self.encode = lambda data: compressor.compress(data) + compressor.flush(
                zlib.Z_SYNC_FLUSH)
            self.finish = compressor.flush
        elif name == "br":
            compressor = brotli.Compressor(quality=5)
            self.encode = lambda data: compressor.process(data) + compressor.flush()
            self.finish = compressor.finish
        elif name == "zstd":
            compressor = zstandard.ZstdCompressor(level=3).compressobj()
            self.encode = lambda data: compressor.compress(data) + compressor.flush(
                zstandard.COMPRESSOBJ_FLUSH_BLOCK)
            self.finish = compressor.flush
        else:
            self.encode = lambda data: data
            self.finish = lambda: b""


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""


def event(call, choices, usage="null"):
    return (f'data: {{"id":"chatcmpl-{call:024x}","object":"chat.completion.chunk",'
            f'"created":1750000000,"model":"{MODEL}","service_tier":"default",'
            f'"system_fingerprint":"fp_{call & 0xffffffffff:010x}","choices":[{choices}],'
            f'"usage":{usage},"obfuscation":"{call * 7919 % 10 ** 12:x}"}}\n\n').encode()


def token_event(rng, call):
    return event(call, f'{{"index":0,"delta":{{"content":"{rng.choice(WORDS)}"}},'
                       '"logprobs":null,"finish_reason":null}')


def first_event(call):
    return event(call, '{"index":0,"delta":{"role":"assistant","content":"","refusal":null},'
                       '"logprobs":null,"finish_reason":null}')


def last_events(call, prompt, completion):
    stop = event(call, '{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}')
    usage = event(call, "", f'{{"prompt_tokens":{prompt},"completion_tokens":{completion},'
                            f'"total_tokens":{prompt + completion},"prompt_tokens_details":'
                            '{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":'
                            '{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,'
                            '"rejected_prediction_tokens":0}}')
    return stop + usage + b"data: [DONE]\n\n"


def request(body):
    return (f"POST {PATH} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer sk-bench\r\n"
            "Content-Type: application/json\r\nAccept: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def small_request():
    return request(json.dumps({"model": "gpt-4o-mini", "stream": True,
                               "stream_options": {"include_usage": True},
                               "messages": [{"role": "user", "content": "Hi"}]}).encode())


def response_head(kind, encoding="identity"):
    coding = "" if encoding == "identity" else f"Content-Encoding: {encoding}\r\n"
    return (f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{coding}"
            "Transfer-Encoding: chunked\r\nopenai-processing-ms: 210\r\n\r\n").encode()


def send(connection, direction, data):
    for at in range(0, len(data), TLS_RECORD):
        connection.operation(direction, data[at:at + TLS_RECORD])


def write_stream(path, megabytes):
    """One streamed answer; each event is a chunk of its own, a read brings a TLS record full."""
    rng = random.Random(1)
    with open(path, "wb") as out:
        capture = cap.Capture(out)
        connection = cap.Connection(capture, capture.process(4000), HOST)
        connection.operation(cap.SEND, small_request())
        # a long stretch of varied events, repeated
        events = b"".join(chunk(token_event(rng, 1)) for _ in range(4000))
        times = max(1, round(megabytes * 1e6 / len(events)))
        connection.operation(cap.RECV, response_head("text/event-stream") + chunk(first_event(1)))
        rest = b""
        for _ in range(times):
            data = rest + events
            whole = len(data) - len(data) % TLS_RECORD
            send(connection, cap.RECV, data[:whole])
            rest = data[whole:]
        send(connection, cap.RECV, rest + chunk(last_events(1, 9, 4000 * times)) + b"0\r\n\r\n")
        connection.end()
    return times * len(events)


def long_request(megabytes):
    rng = random.Random(2)
    messages, size = [], 0
    while size < megabytes * 1e6:
        text = "".join(rng.choice(WORDS) for _ in range(4000)).replace("\\n", "\n")
        text = text.replace('\\"', '"')
        messages.append({"role": rng.choice(["user", "assistant"]), "content": text})
        size += len(json.dumps(text)) + 32
    return json.dumps({"model": "gpt-4o-mini", "messages": messages}).encode()


def write_requests(path, megabytes, times):
    """Long requests, one after the other on one connection, each with a short answer."""
    body = long_request(megabytes)
    answer = (b'{"id":"chatcmpl-1","object":"chat.completion","model":"%s","choices":[{"index":0,'
              b'"message":{"role":"assistant","content":"Yes."},"finish_reason":"stop"}],"usage":'
              b'{"prompt_tokens":2000000,"completion_tokens":2,"total_tokens":2000002}}'
              % MODEL.encode())
    with open(path, "wb") as out:
        capture = cap.Capture(out)
        connection = cap.Connection(capture, capture.process(4000), HOST)
        for _ in range(times):
            send(connection, cap.SEND, request(body))
            connection.operation(cap.RECV, response_head("application/json") + chunk(answer) +
                                 b"0\r\n\r\n")
        connection.end()
    return times * len(body)


def write_streams(path, encoding, n, events=20):
    """n streams that are all open at once, and get their events in turn."""
    rng = random.Random(3)
    total = 0
    with open(path, "wb") as out:
        capture = cap.Capture(out)
        process = capture.process(4000)
        streams = []
        for i in range(n):
            connection = cap.Connection(capture, process, HOST)
            encoder = Encoder(encoding)
            connection.operation(cap.SEND, small_request())
            connection.operation(cap.RECV, response_head("text/event-stream", encoding) +
                                 chunk(encoder.encode(first_event(i))))
            streams.append((connection, encoder))
        for _ in range(events):
            for i, (connection, encoder) in enumerate(streams):
                data = token_event(rng, i)
                total += len(data)
                connection.operation(cap.RECV, chunk(encoder.encode(data)))
        for i, (connection, encoder) in enumerate(streams):
            data = encoder.encode(last_events(i, 9, events)) + encoder.finish()
            connection.operation(cap.RECV, chunk(data) + b"0\r\n\r\n")
            connection.end()
    return total
