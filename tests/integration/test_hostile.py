# SPDX-License-Identifier: Apache-2.0
"""Input that no honest provider sends: a clear error or a `partial` call, bounded memory, no crash.

All runs once more, without the bound, on a build with sanitizers: that of `make check`, or what
TOLLSPAN_ASAN_BINARY names.
"""

import functools
import io
import json
import os
import random
import zlib

import brotli
import pytest
import zstandard

from replayed import ROOT, Exchange, Replay, cap, request, response, response_head

PEAK = 64 * 1024 * 1024
NORMAL = os.environ.get("TOLLSPAN", str(ROOT / "build" / "tollspan"))
ASAN = os.environ.get("TOLLSPAN_ASAN_BINARY", str(ROOT / "build" / "asan" / "tollspan"))
MIB = 1024 * 1024

IN, OUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
USAGE = b'"usage":{"prompt_tokens":1234,"completion_tokens":567,"total_tokens":1801}'
BODY = b'{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o-mini","choices":[],' + \
    USAGE + b"}"


@pytest.fixture(params=["normal", "sanitizers"])
def replay(request):
    if request.param == "sanitizers" and not os.access(ASAN, os.X_OK):
        pytest.skip("no build with sanitizers; make check makes one")

    def run(write, status=0, arguments=()):
        result = Replay(ASAN if request.param == "sanitizers" else NORMAL, write, arguments)
        assert result.status in (status if isinstance(status, tuple) else (status,)), result.stderr
        assert "Sanitizer" not in result.stderr and "runtime error" not in result.stderr
        if request.param == "normal":
            assert result.peak <= PEAK
        return result
    return run


def one_exchange(received, sent=None, end=True):
    """A capture of one request and what came back."""
    def write(out):
        exchange = Exchange(out)
        exchange.send(request() if sent is None else sent)
        for data in [received] if isinstance(received, bytes) else received:
            exchange.recv(data)
        if end:
            exchange.end()
    return write


def is_exact(call):
    return (call["tollspan.completeness"], call.get(IN), call.get(OUT)) == ("exact", 1234, 567)


def is_partial(call):
    return call["tollspan.completeness"] == "partial" and call["tollspan.cost.status"] == "unpriced"


# ---- framing ----

TRUNCATED = {
    "in_a_chunk": b"40\r\n" + BODY[:20],
    "in_a_size": b"4",
    "before_the_last_chunk": b"14\r\n" + BODY[:20] + b"\r\n",
    "size_is_no_number": b"zz\r\n" + BODY,
    "size_beyond_64_bits": b"fffffffffffffffff\r\n" + BODY,
    "size_that_lies": b"5\r\n" + BODY,
    "size_negative": b"-5\r\n" + BODY,
    "size_without_end": b"0" * 100_000,
}


@pytest.mark.parametrize("name", TRUNCATED)
def test_broken_chunks(replay, name):
    head = response_head("Transfer-Encoding: chunked")
    calls = replay(one_exchange(head + TRUNCATED[name])).calls
    assert len(calls) == 1
    assert calls[0]["tollspan.completeness"] == "partial"
    assert OUT not in calls[0] or is_exact({**calls[0], "tollspan.completeness": "exact"})


LYING = {
    "longer_than_the_body": ["Content-Length: 100000"],
    "beyond_64_bits": ["Content-Length: 99999999999999999999999"],
    "negative": ["Content-Length: -1"],
    "no_number": ["Content-Length: many"],
    "two_that_differ": [f"Content-Length: {len(BODY)}", "Content-Length: 7"],
}


@pytest.mark.parametrize("name", LYING)
def test_lying_length(replay, name):
    calls = replay(one_exchange(response_head(*LYING[name]) + BODY)).calls
    assert len(calls) <= 1
    for call in calls:
        assert call["tollspan.completeness"] == "partial" or is_exact(call)


def test_length_shorter_than_the_body(replay):
    """What follows is no response to anything; the call before it ends where it says."""
    calls = replay(one_exchange(response(BODY) + BODY * 3)).calls
    assert [is_exact(call) for call in calls] == [True]


def test_body_cut_before_its_usage(replay):
    cut = response(BODY)[:-len(USAGE)]
    for end in (True, False):
        calls = replay(one_exchange(cut, end=end)).calls
        assert [is_partial(call) for call in calls] == [True]
        assert IN not in calls[0] and OUT not in calls[0]


# ---- decompression bombs ----

BOMB = 1024 * MIB


@functools.lru_cache(maxsize=None)
def bomb(coding):
    compressor = {
        "gzip": lambda: zlib.compressobj(9, zlib.DEFLATED, 31),
        "br": lambda: brotli.Compressor(quality=3),
        "zstd": lambda: zstandard.ZstdCompressor(level=3).compressobj(),
    }[coding]()
    feed = compressor.process if coding == "br" else compressor.compress
    finish = compressor.finish if coding == "br" else compressor.flush
    parts = [feed(b'{"id":"bomb","choices":[{"message":{"content":"')]
    parts += [feed(b" " * MIB) for _ in range(BOMB // MIB)]
    return b"".join([*parts, feed(b'"}}],' + USAGE + b"}"), finish()])


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
@pytest.mark.parametrize("direction", ["request", "response"])
def test_bomb(replay, direction, coding):
    data, header = bomb(coding), f"Content-Encoding: {coding}"
    if direction == "response":
        calls = replay(one_exchange(response(data, header))).calls
        assert len(calls) == 1
        assert is_partial(calls[0]) or is_exact(calls[0])
    else:
        calls = replay(one_exchange(response(BODY), request(data, headers=[header]))).calls
        assert [(call[IN], call[OUT]) for call in calls] == [(1234, 567)]


def test_zstd_window_of_gigabytes(replay):
    """RFC 8878 section 3.1.1.1.2: a frame may ask for a window of 2 GB."""
    frame = bytes.fromhex("28b52ffd") + b"\x00" + bytes([21 << 3]) + b"\x01\x00\x00"
    calls = replay(one_exchange(response(frame, "Content-Encoding: zstd"))).calls
    assert [is_partial(call) for call in calls] == [True]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "unheard-of"])
def test_damaged_content(replay, coding):
    garbage = random.Random(coding).randbytes(5000)
    calls = replay(one_exchange(response(garbage, f"Content-Encoding: {coding}"))).calls
    assert [is_partial(call) for call in calls] == [True]


# ---- heads ----

HEADS = {
    "one_field_of_10_mb": [b"X-Long: " + b"a" * (10 * MIB) + b"\r\n"],
    "name_of_10_mb": [b"X" * (10 * MIB) + b": 1\r\n"],
    "500000_fields": [b"X-%d: abcdefgh\r\n" % i for i in range(500_000)],
    "folded_for_10_mb": [b"X-Fold: a\r\n", *[b" " + b"b" * 1000 + b"\r\n"] * 10_000],
    "bytes_that_are_no_text": [b"X-Bytes: \xff\xfe\x80\x00\x01\r\n"],
}


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("direction", ["request", "response"])
def test_head(replay, direction, name):
    """Whatever the head, no more than the one call, and the next exchange is whole."""
    def write(out):
        exchange = Exchange(out)
        lines, sent, received = b"".join(HEADS[name]), request(), response(BODY)
        if direction == "request":
            sent = sent.replace(b"\r\n", b"\r\n" + lines, 1)
        else:
            received = received.replace(b"\r\n", b"\r\n" + lines, 1)
        exchange.send(sent)
        exchange.recv(received)
        exchange.end()
        other = Exchange(out, exchange.capture)
        other.send(request())
        other.recv(response(BODY))
        other.end()
    calls = replay(write).calls
    assert 1 <= len(calls) <= 2
    assert is_exact(calls[-1])


@pytest.mark.parametrize("data", [
    b"\x00" * 100_000, b"\r\n" * 100_000, b"GET " * 100_000, b"HTTP/1.1 200 OK\r\n\r\n" * 10_000,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100_000, b"\x16\x03\x01" * 50_000,
    b"POST /v1/chat/completions HTTP/1.1\r\n" * 10_000,
], ids=["zeros", "line_ends", "methods", "responses", "http2", "tls", "start_lines"])
def test_not_http(replay, data):
    assert replay(one_exchange(data, data)).calls == []


def test_requests_without_a_response(replay):
    calls = replay(one_exchange(b"", request() * 5000)).calls
    assert all(call["tollspan.completeness"] == "partial" for call in calls)


# ---- content ----

def test_invalid_utf8(replay):
    body = BODY.replace(b"chatcmpl-1", b"id-\xff\xc0\x80-\xed\xa0\x80") \
        .replace(b"[]", b'["\xf8\x88\x80\x80\x80", "\\ud800", "\\udc00\\ud800"]')
    calls = replay(one_exchange(response(body), request(b'{"model":"m\xff\xfe\xc3"}'))).calls
    assert [(call[IN], call[OUT]) for call in calls] == [(1234, 567)]


@pytest.mark.parametrize("direction", ["request", "response"])
@pytest.mark.parametrize("bracket", ["[]", "{}"])
def test_deep_json(replay, direction, bracket):
    opening = b"[" if bracket == "[]" else b'{"a":'
    closing = b"]" if bracket == "[]" else b"}"
    deep = b'{"model":"gpt-4o-mini","deep":' + opening * 100_000 + b"1" + closing * 100_000
    if direction == "request":
        calls = replay(one_exchange(response(BODY), request(deep + b"}"))).calls
        assert [(call[IN], call[OUT]) for call in calls] == [(1234, 567)]
    else:
        calls = replay(one_exchange(response(deep + b"," + USAGE + b"}"))).calls
        assert len(calls) == 1
        assert is_exact(calls[0]) or is_partial(calls[0])


def stream_body(out, direction, begin, end, size):
    exchange = Exchange(out)
    block, left = b"abcdefg " * 8192, size
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\n" \
        if direction == cap.SEND else b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    head += b"Content-Length: %d\r\n\r\n" % (len(begin) + size + len(end))
    move = exchange.send if direction == cap.SEND else exchange.recv
    if direction == cap.RECV:
        exchange.send(request())
    move(head + begin)
    while left:
        move(block[:min(left, len(block))])
        left -= min(left, len(block))
    move(end)
    if direction == cap.SEND:
        exchange.recv(response(BODY))
    exchange.end()


def test_response_of_1_gb(replay):
    calls = replay(lambda out: stream_body(
        out, cap.RECV, b'{"model":"gpt-4o-mini","choices":["', b'"],' + USAGE + b"}",
        1024 * MIB)).calls
    assert [is_exact(call) for call in calls] == [True]


def test_request_of_1_gb(replay):
    calls = replay(lambda out: stream_body(
        out, cap.SEND, b'{"messages":["', b'"],"model":"gpt-4o"}', 1024 * MIB)).calls
    assert [is_exact(call) for call in calls] == [True]
    assert calls[0]["gen_ai.request.model"] == "gpt-4o"


@pytest.mark.parametrize("line", [
    b"data: " + b"x" * (32 * MIB), b"event: " + b"x" * (32 * MIB), b"x" * (32 * MIB),
    b"data:\n" * (4 * MIB), b"\r" * (4 * MIB), b"\n" * (4 * MIB), b": ping\n\n" * (2 * MIB),
], ids=["data", "event", "field", "empty_data", "cr", "lf", "comments"])
def test_stream_of_events(replay, line):
    body = b"data: {\"id\":\"a\",\"model\":\"gpt-4o\"}\n\n" + line + b"\n\n" \
        b"data: {\"choices\":[]," + USAGE + b"}\n\ndata: [DONE]\n\n"
    calls = replay(one_exchange(response(body, kind="text/event-stream"))).calls
    assert [(call.get(IN), call.get(OUT)) for call in calls] == [(1234, 567)]


# ---- usage ----

def test_usage_split_at_every_byte(replay):
    stream = b"data: {\"id\":\"a\",\"model\":\"gpt-4o-mini\",\"usage\":null}\r\n\r\n" \
        b"data: {\"choices\":[]," + USAGE + b"}\r\n\r\ndata: [DONE]\r\n\r\n"
    whole = [response(BODY), response(stream, kind="text/event-stream"),
             response_head("Transfer-Encoding: chunked") +
             b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n"]

    def write(out):
        exchange = Exchange(out)
        for data in whole:
            for at in range(1, len(data)):
                exchange.send(request())
                exchange.recv(data[:at])
                exchange.recv(data[at:])
            exchange.send(request(), cuts=range(len(request())))
            exchange.recv(data, cuts=range(len(data)))
        exchange.end()
    calls = replay(write).calls
    assert len(calls) == sum(len(data) for data in whole)
    assert all(is_exact(call) for call in calls)


FAKE = '"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}'
ADVERSARIAL = {
    "in_text": '{"choices":[{"message":{"content":%s}}],%s}' % (json.dumps("{" + FAKE + "}"), "%s"),
    "in_tool_arguments": '{"choices":[{"message":{"tool_calls":[{"function":{"arguments":%s}}]}}],'
                         '%s}'
                         % (json.dumps("{" + FAKE + "}"), "%s"),
    "nested_before": '{"choices":[{%s}],"metadata":{%s},%s}' % (FAKE, FAKE, "%s"),
    "nested_behind": '{%s,"choices":[{%s}],"metadata":{"a":{%s}}}' % ("%s", FAKE, FAKE),
    "key_in_text": '{"a":"usage","b":"\\"usage\\":{","c":"}",%s}',
    "array_of_them": '{"choices":[[[{%s}]]],%s}' % (FAKE, "%s"),
    "other_key": '{"usagE":{"prompt_tokens":9},"usage2":{"prompt_tokens":9},"usag":{},%s}',
    "escaped_backslash": '{"\\\\usage":{"prompt_tokens":9},"a":"\\\\",%s}',
    "space": '\n\t {"a" : 1 ,\r\n %s }\n',
}


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_usage_is_not_searched_for(replay, name):
    body = (ADVERSARIAL[name] % USAGE.decode()).encode()
    stream = b"data: " + body.strip().replace(b"\r\n", b" ").replace(b"\n", b" ") + b"\n\n"
    json.loads(body)

    def write(out):
        exchange = Exchange(out)
        for data in (response(body), response(stream, kind="text/event-stream")):
            exchange.send(request(b'{"model":"gpt-4o-mini",' + FAKE.encode() + b"}"))
            exchange.recv(data)
    assert [is_exact(call) for call in replay(write).calls] == [True, True]


@pytest.mark.parametrize("key", ['"us\\u0061ge"', '"\\u0075\\u0073\\u0061\\u0067\\u0065"'])
def test_escaped_key_is_the_same_key(replay, key):
    """RFC 8259 section 8.3: names are compared after unescaping."""
    body = BODY.replace(b'"usage"', key.encode()) \
        .replace(b'"prompt_tokens"', b'"prompt\\u005ftokens"')
    assert [is_exact(call) for call in replay(one_exchange(response(body))).calls] == [True]


def test_duplicate_keys(replay):
    """RFC 8259 section 4 leaves open which counts; most readers take the last."""
    for body in ("{%s,%s}" % (FAKE, USAGE.decode()),
                 '{"usage":{"prompt_tokens":1,%s}' % USAGE.decode().partition("{")[2]):
        calls = replay(one_exchange(response(body.encode()))).calls
        assert [(call[IN], call[OUT]) for call in calls] == [(1234, 567)]


@pytest.mark.parametrize("value", [
    "-1", "1e308", "1.5", "9" * 400, '"12"', "[1]", "{}", "true", "18446744073709551616",
    "-9223372036854775808",
])
def test_counts_that_are_none(replay, value):
    body = '{"model":"gpt-4o-mini","usage":{"prompt_tokens":%s,"completion_tokens":2}}' % value
    calls = replay(one_exchange(response(body.encode()))).calls
    assert len(calls) == 1
    assert calls[0]["tollspan.completeness"] == "partial"
    assert calls[0].get(IN, 0) == 0


def test_parts_beyond_their_total(replay):
    body = '{"model":"gpt-4o-mini","usage":{"prompt_tokens":10,"completion_tokens":2,' \
        '"prompt_tokens_details":{"cached_tokens":11}}}'
    calls = replay(one_exchange(response(body.encode()))).calls
    assert [call["tollspan.completeness"] for call in calls] == ["partial"]


def test_parts_without_their_total(replay):
    """What is not told is not zero."""
    body = '{"model":"gpt-4o-mini","usage":{"prompt_tokens_details":{"cached_tokens":0},' \
        '"completion_tokens_details":{"reasoning_tokens":0},"total_tokens":5}}'
    calls = replay(one_exchange(response(body.encode()))).calls
    assert [is_partial(call) for call in calls] == [True]
    assert IN not in calls[0] and OUT not in calls[0]


# ---- the file itself ----

def damaged(out, seed):
    """A capture in which one byte in a thousand is another."""
    whole = io.BytesIO()
    exchange = Exchange(whole)
    for _ in range(20):
        exchange.send(request())
        exchange.recv(response(BODY))
    data, rng = bytearray(whole.getvalue()), random.Random(seed)
    for _ in range(len(data) // 1000):
        data[rng.randrange(cap.SIZES[cap.FILE], len(data))] = rng.randrange(256)
    out.write(data)


@pytest.mark.parametrize("seed", range(8))
def test_damaged_file(replay, seed):
    result = replay(lambda out: damaged(out, seed), status=(0, 1))
    assert result.status == 0 or "at byte " in result.stderr


def test_truncated_file_still_tells_what_came_before(replay):
    def write(out):
        exchange = Exchange(out)
        exchange.send(request())
        exchange.recv(response(BODY))
        out.write(b"\x40\0\0\0")
    result = replay(write, status=1)
    assert "at byte " in result.stderr
    assert [is_exact(call) for call in result.calls] == [True]


@pytest.mark.parametrize("data", [b"", b"{}", b"\0" * 100_000, b"\xff" * 100_000],
                         ids=["empty", "json", "zeros", "ones"])
def test_no_capture_file(replay, data):
    assert replay(lambda out: out.write(data), status=1).stderr.startswith("tollspan: ")


def test_offsets_that_jump(replay):
    """Records whose places in the stream make no sense: gaps, repeats, the end of 64 bits."""
    def write(out):
        exchange, rng = Exchange(out), random.Random(7)
        connection = exchange.connection
        for _ in range(3000):
            direction = rng.randrange(2)
            connection.offsets[direction] = rng.choice(
                [0, 1, 100, 1 << 20, (1 << 63) + 5, (1 << 64) - 40_000, rng.randrange(1 << 64)])
            connection.offsets[direction] %= (1 << 64) - 100_000
            data = request() if direction == cap.SEND else response(BODY)
            connection.operation(direction, data[:rng.randrange(1, len(data))])
    replay(write)


def test_many_connections(replay):
    """Each begins a head and falls silent."""
    def write(out):
        first = Exchange(out)
        for _ in range(20_000):
            Exchange(out, first.capture).send(request()[:40])
        first.send(request())
        first.recv(response(BODY))
        first.end()
    calls = replay(write).calls
    assert [is_exact(call) for call in calls if call["tollspan.completeness"] == "exact"] == [True]


def test_many_processes(replay):
    def write(out):
        first = Exchange(out)
        for pid in range(5000, 25_000):
            first.capture.process(pid, argv=("x" * 100,), parent=4242, root=False)
        first.send(request())
        first.recv(response(BODY))
        first.end()
    assert [is_exact(call) for call in replay(write).calls] == [True]
