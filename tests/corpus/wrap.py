# SPDX-License-Identifier: Apache-2.0
"""Turns recorded exchanges into HTTP/1.1 on connections of a capture file.

What the network and the client choose is random, by the seed: framing, content encodings, header
case, operation and record boundaries, interleaving, reuse of connections.
"""

import base64
import gzip
import random
import zlib

import brotli
import zstandard

import capture as cap

KEY = "sk-planted-" + "0123456789abcdef" * 2
HOP_HEADERS = {"content-length", "transfer-encoding", "content-encoding", "connection",
               "keep-alive", "host", "expect", "authorization", "x-api-key", "api-key", "upgrade"}
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found",
           429: "Too Many Requests", 500: "Internal Server Error"}


def body_bytes(body):
    if not body:
        return b""
    if "base64" in body:
        return base64.b64decode(body["base64"])
    # A recording may hold a lone surrogate; its bytes are then not UTF-8, as they may be on a wire.
    return body["text"].encode("utf-8", "surrogatepass")


def gzip_encode(rng, data):
    if rng.random() < 0.2:  # RFC 1952 section 2.2: members follow one another
        at = rng.randrange(len(data) + 1)
        return gzip.compress(data[:at], mtime=0) + gzip.compress(data[at:], mtime=0)
    return flushed(rng, zlib.compressobj(6, zlib.DEFLATED, 31), data)


def flushed(rng, compressor, data):
    """Flushed now and then, as servers do with streams."""
    out, edges = b"", [0, *cap.cut_randomly(rng, len(data), rng.choice([200, 5000, 1 << 30]))]
    for begin, end in zip(edges, [*edges[1:], len(data)]):
        out += compressor.compress(data[begin:end])
        if end < len(data):
            out += compressor.flush(zlib.Z_SYNC_FLUSH)
    return out + compressor.flush()


def brotli_encode(rng, data):
    compressor = brotli.Compressor(quality=rng.choice([1, 5]))
    out, edges = b"", [0, *cap.cut_randomly(rng, len(data), rng.choice([300, 1 << 30]))]
    for begin, end in zip(edges, [*edges[1:], len(data)]):
        out += compressor.process(data[begin:end])
        if end < len(data):
            out += compressor.flush()
    return out + compressor.finish()


def zstd_encode(rng, data):
    compressor = zstandard.ZstdCompressor(level=rng.choice([1, 3, 9]))
    if rng.random() < 0.2:  # RFC 8878 section 3: frames follow one another
        at = rng.randrange(len(data) + 1)
        return compressor.compress(data[:at]) + compressor.compress(data[at:])
    stream = compressor.compressobj()
    out, edges = b"", [0, *cap.cut_randomly(rng, len(data), rng.choice([300, 1 << 30]))]
    for begin, end in zip(edges, [*edges[1:], len(data)]):
        out += stream.compress(data[begin:end])
        if end < len(data):
            out += stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    return out + stream.flush()


ENCODERS = {
    "gzip": gzip_encode,
    "x-gzip": gzip_encode,
    "deflate": lambda rng, data: flushed(rng, zlib.compressobj(6), data),
    # Not what RFC 9110 says of "deflate", but what some servers send.
    "deflate-raw": lambda rng, data: flushed(rng, zlib.compressobj(6, zlib.DEFLATED, -15), data),
    "br": brotli_encode,
    "zstd": zstd_encode,
}


def encode(rng, data, share):
    """Data in a random content encoding: (header value or None, bytes)."""
    if not data or rng.random() >= share:
        return None, data
    name = rng.choice(sorted(ENCODERS))
    return name.removesuffix("-raw"), ENCODERS[name](rng, data)


def chunked(rng, data):
    """RFC 9112 section 7.1, at times with extensions and trailer fields."""
    out, edges = b"", [0, *cap.cut_randomly(rng, len(data), rng.choice([40, 1000, 16000]))]
    for begin, end in zip(edges, [*edges[1:], len(data)]):
        if end > begin:
            extension = b";a=\"b\"" if rng.random() < 0.02 else b""
            size = (b"%x" if rng.random() < 0.5 else b"%X") % (end - begin)
            out += size + extension + b"\r\n" + data[begin:end] + b"\r\n"
    return out + (b"0\r\nx-trailer: 1\r\n\r\n" if rng.random() < 0.05 else b"0\r\n\r\n")


def head(rng, start_line, headers):
    """A message head; field names are case-insensitive, and clients differ."""
    style = rng.choice([str, str.lower, str.title])
    lines = [f"{style(name)}: {value}" for name, value in headers]
    return "\r\n".join([start_line, *lines, "", ""]).encode("utf-8", "surrogatepass")


def kept(headers):
    return [(name, " ".join(value.split())) for name, value in headers
            if name.lower() not in HOP_HEADERS]


def content_type(body):
    """What the server must have said: some recordings have lost their header."""
    text = body.lstrip()
    if text.startswith((b"data:", b"event:", b":")):
        return "text/event-stream"
    return "application/json" if text else None


def request_bytes(rng, exchange):
    headers = [("host", exchange["host"]), ("authorization", f"Bearer {KEY}")]
    headers += kept(exchange["request_headers"])
    coding, body = encode(rng, body_bytes(exchange["request_body"]), 0.15)
    if coding:
        headers.append(("content-encoding", coding))
    if body and rng.random() < 0.2:
        headers.append(("transfer-encoding", "chunked"))
        body = chunked(rng, body)
    elif body or exchange["method"].upper() == "POST":
        headers.append(("content-length", str(len(body))))
    line = f"{exchange['method'].upper()} {exchange['target']} HTTP/1.1"
    return head(rng, line, headers) + body


def response_bytes(rng, exchange, may_close):
    """(bytes of the response, whether its end is the connection's)."""
    headers, body = kept(exchange["response_headers"]), body_bytes(exchange["response_body"])
    if not any(name.lower() == "content-type" for name, _ in headers) and content_type(body):
        headers.append(("content-type", content_type(body)))
    coding, body = encode(rng, body, 0.7)
    closes = may_close and rng.random() < 0.1
    if coding:
        headers.append(("content-encoding", coding))
    if closes:
        headers.append(("connection", "close"))
    elif rng.random() < 0.6:
        headers.append(("transfer-encoding", "chunked"))
        body = chunked(rng, body)
    else:
        headers.append(("content-length", str(len(body))))
    status = exchange["status"]
    if status in (204, 304):  # RFC 9112 section 6.3: no body, whatever the fields say
        headers, body, closes = kept(exchange["response_headers"]), b"", False
    interim = b"HTTP/1.1 100 Continue\r\n\r\n" if rng.random() < 0.05 else b""
    line = f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}"
    return interim + head(rng, line, headers) + body, closes


class Lane:
    """A connection with its queue of operations: what it will do, one step at a time."""

    def __init__(self, rng, exchanges):
        self.steps = []
        for i, exchange in enumerate(exchanges):
            request = request_bytes(rng, exchange)
            response, closes = response_bytes(rng, exchange, i == len(exchanges) - 1)
            for n, data in enumerate(random_pieces(rng, request)):
                self.steps.append((exchange, cap.SEND, data, n == 0, False, closes))
            pieces = random_pieces(rng, response)
            for n, data in enumerate(pieces):
                self.steps.append((exchange, cap.RECV, data, False, n == len(pieces) - 1, closes))
        self.steps.reverse()
        self.connection = None


def random_pieces(rng, data):
    return [piece for piece in cap.random_operations(rng, data) if piece]


def write(out, exchanges, seed, lanes=8):
    """All exchanges into one capture file.

    Returns {exchange id: (wall ns of the request's first byte, wall ns of the response's last)}.
    """
    rng = random.Random(seed)
    capture = cap.Capture(out)
    process = capture.process(4000 + seed % 1000)
    waiting = make_lanes(rng, exchanges)
    active, times = [], {}
    while waiting or active:
        while waiting and len(active) < lanes:
            active.append(waiting.pop())
        lane = rng.choice(active)
        step(rng, capture, process, lane, times)
        if not lane.steps:
            active.remove(lane)
            capture.advance(rng.randrange(1000, 100_000))
            lane.connection.end()
    return times


def make_lanes(rng, exchanges):
    """Exchanges of a host share connections, up to five on one; a chain keeps its order on one."""
    chains, by_host, lanes = {}, {}, []
    for exchange in exchanges:
        chain = exchange.get("chain")
        groups, key = (chains, chain) if chain else (by_host, exchange["host"])
        groups.setdefault(key, []).append(exchange)
    for group in by_host.values():
        rng.shuffle(group)
        while group:
            n = rng.randrange(1, 6)
            lanes.append(Lane(rng, group[:n]))
            group = group[n:]
    lanes += [Lane(rng, group) for group in chains.values()]
    rng.shuffle(lanes)
    return lanes


def step(rng, capture, process, lane, times):
    exchange, direction, data, first, last, closes = lane.steps.pop()
    host, _, port = exchange["host"].partition(":")
    if not lane.connection:
        lane.connection = cap.Connection(capture, process, host, int(port or 443),
                                         info=rng.random() < 0.8)
    capture.advance(rng.randrange(100, 3_000_000))
    cuts = cap.cut_randomly(rng, len(data), 2000) if rng.random() < 0.3 else ()
    entry, returned = lane.connection.operation(direction, data, cuts, rng.randrange(100, 50_000))
    begin, end = times.get(exchange["id"], (None, None))
    times[exchange["id"]] = (capture.wall_ns(entry) if first else begin,
                             capture.wall_ns(returned) if last and not closes else end)
