#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A model provider for tests: HTTPS on the loopback, random token counts, and a log of the truth.

Prints one JSON line when it listens: {"port", "base", "ca", "log", "seed"}. Ends at SIGTERM, or at
the end of its standard input where that is a pipe. A fault is asked for by the request header
`x-mock-fault: KIND[=VALUE]` or by a model name `fault-KIND[=VALUE]/MODEL`:
  429, 500      that status, with the API's own error body
  inband        status 200, then an error event (Anthropic, streamed)
  drop          the connection is cut within the body
  slow=MS       the first token comes MS milliseconds late
  huge=BYTES    a body of at least that size

The request header `x-mock-report: KIND` has the response report a cost, as reported.py has it:
openrouter, byok, perplexity, xai, deepinfra, litellm, litellm-hit, litellm+openrouter and the like.

The log has a line per call when it arrives, {"id", "open": true}, and one when it is over, with
what a reader of the wire must find. Token counts have the names of tollspan's own output.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import ssl
import stat
import subprocess
import sys
import tempfile
import time
import zlib

import anthropic_api
import openai_api
import reported
from reply import Reply, settings

try:
    import brotli
    import zstandard
except ImportError:
    brotli = zstandard = None

HEAD_MAX = 256 * 1024
REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal Server Error",
}


def make_ca(folder):
    """A certificate authority and a certificate of localhost, by the openssl command."""

    def openssl(*args):
        subprocess.run(
            ("openssl",) + args,
            cwd=folder,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(
        "req",
        "-x509",
        *key,
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        "-days",
        "2",
        "-subj",
        "/CN=tollspan test authority",
        "-addext",
        "keyUsage=critical,keyCertSign,cRLSign",
    )
    with open(os.path.join(folder, "ext"), "w") as file:
        file.write(
            "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
            "extendedKeyUsage=serverAuth\nsubjectKeyIdentifier=hash\n"
            "authorityKeyIdentifier=keyid\nsubjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\n"
        )
    openssl(
        "req", "-new", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost"
    )
    openssl(
        "x509",
        "-req",
        "-in",
        "server.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        "ext",
        "-out",
        "server.pem",
    )


class Encoder:
    """A content encoding, fed in pieces; flush() makes all that was fed readable."""

    def __init__(self, name):
        self.name = name
        if name == "gzip":
            self.coder = zlib.compressobj(6, zlib.DEFLATED, 31)
        elif name == "deflate":
            self.coder = zlib.compressobj()
        elif name == "br":
            self.coder = brotli.Compressor(quality=4)
        elif name == "zstd":
            self.coder = zstandard.ZstdCompressor(level=3).compressobj()

    def feed(self, data):
        if self.name == "identity":
            return data
        return self.coder.process(data) if self.name == "br" else self.coder.compress(data)

    def flush(self):
        if self.name == "identity":
            return b""
        if self.name == "br":
            return self.coder.flush()
        if self.name == "zstd":
            return self.coder.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        return self.coder.flush(zlib.Z_SYNC_FLUSH)

    def finish(self):
        if self.name == "identity":
            return b""
        return self.coder.finish() if self.name == "br" else self.coder.flush()


def decode(body, encoding):
    if encoding in ("gzip", "deflate"):
        return zlib.decompress(body, 47)
    if encoding == "br":
        return brotli.decompress(body)
    if encoding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    return body


class Log:
    """JSON lines, whole ones only."""

    def __init__(self, path):
        self.file = open(path, "w", encoding="utf-8")
        self.calls = 0

    def arrived(self):
        self.calls += 1
        self.write({"id": self.calls, "open": True})
        return self.calls

    def write(self, entry):
        self.file.write(json.dumps(entry) + "\n")
        self.file.flush()


class Request:
    def __init__(self, head):
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, self.version = lines[0].split(" ")
        self.path = self.target.split("?")[0]
        self.headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if colon:
                self.headers[name.strip().lower()] = value.strip()
        self.json = {}

    def get(self, name, default=""):
        return self.headers.get(name, default)

    def fault(self):
        """(kind, value) asked for, and the model without the prefix that asked."""
        model = str(self.json.get("model", ""))
        text = self.get("x-mock-fault")
        if not text and model.startswith("fault-"):
            text, _, model = model[len("fault-") :].partition("/")
        kind, _, value = text.partition("=")
        return kind, int(value) if value.isdigit() else 0, model


async def read_body(reader, request, writer):
    if request.get("expect").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if request.get("transfer-encoding").lower() == "chunked":
        body = bytearray()
        while True:
            size = int((await reader.readline()).split(b";")[0], 16)
            body += await reader.readexactly(size)
            await reader.readline()
            if not size:
                break
        body = bytes(body)
    else:
        body = await reader.readexactly(int(request.get("content-length", "0")))
    return decode(body, request.get("content-encoding").lower())


class Server:
    def __init__(self, options, log):
        self.options, self.log = options, log
        self.connections = 0
        self.stored = {}

    async def serve(self, reader, writer):
        self.connections += 1
        number = self.connections
        try:
            while await self.exchange(reader, writer, number):
                pass
        except (
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
            ConnectionError,
            ValueError,
            ssl.SSLError,
        ):
            pass
        finally:
            writer.transport.abort() if writer.transport.is_closing() else writer.close()

    async def exchange(self, reader, writer, connection):
        """One request and its answer. False when the connection is over."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False
        request = Request(head[:-4])
        number = self.log.arrived()
        rng = random.Random("%s/%d" % (self.options.seed, number))
        entry = {
            "id": number,
            "method": request.method,
            "path": request.path,
            "connection": connection,
            "traceparent": request.get("traceparent", None),
            "user_agent": request.get("user-agent", None),
            "complete": False,
        }
        try:
            body = await read_body(reader, request, writer)
            request.json = json.loads(body) if body else {}
            kind, value, model = request.fault()
            entry.update(
                model_asked=request.json.get("model"), stream=bool(request.json.get("stream"))
            )
            reply = self.answer(rng, request, model, kind, value)
            if request.get("x-mock-report"):
                reported.add(rng, reply, request.get("x-mock-report"))
            entry.update(reply.facts, status=reply.status)
            entry["encoding"] = self.encoding(rng, request)
            await self.send(rng, writer, reply, entry, kind, value)
        finally:
            self.log.write(entry)
        return not writer.transport.is_closing() and request.get("connection").lower() != "close"

    def answer(self, rng, request, model, fault, value):
        api = "anthropic" if "messages" in request.path else "openai"
        if fault in ("429", "500"):
            return refusal(api, int(fault))
        size = value or 8000000 if fault == "huge" else 0
        where = (request.method, request.path.rstrip("/"))
        if where == ("POST", "/v1/chat/completions"):
            reply = openai_api.chat(rng, request.json, model, size)
        elif where == ("POST", "/v1/responses"):
            reply = openai_api.responses(rng, request.json, model, size, self.stored)
        elif where == ("POST", "/v1/messages/count_tokens"):
            reply = anthropic_api.count_tokens(rng, model)
        elif where == ("POST", "/v1/messages"):
            reply = anthropic_api.messages(rng, request.json, model, size)
            if fault == "inband" and reply.events:
                reply = anthropic_api.overloaded(reply)
        elif where == ("POST", "/v1/embeddings"):
            reply = openai_api.embeddings(rng, model)
        elif where == ("GET", "/v1/models"):
            models = sorted(openai_api.SNAPSHOTS) + sorted(anthropic_api.SNAPSHOTS)
            listed = [
                {"id": m, "object": "model", "created": 1, "owned_by": "mock"} for m in models
            ]
            reply = Reply(
                {"api": "models", "free": True, "usage": None},
                body={"object": "list", "data": listed},
            )
        elif request.method == "GET" and request.path.startswith("/v1/responses/"):
            reply = openai_api.retrieve(request.path.rsplit("/", 1)[1], self.stored) or refusal(
                api, 404
            )
        else:
            reply = refusal(api, 404)
        return reply

    def encoding(self, rng, request):
        asked = [part.split(";")[0].strip() for part in request.get("accept-encoding").split(",")]
        able = [name for name in ("gzip", "deflate") if name in asked]
        able += [name for name in ("br", "zstd") if name in asked and brotli]
        forced = request.get("x-mock-encoding") or self.options.encoding
        if forced == "random":
            return rng.choice(able + ["identity"])
        return forced if forced in able else "identity"

    async def send(self, rng, writer, reply, entry, fault, value):
        low, high = self.options.latency
        delay = (low + (high - low) * rng.random()) / 1000
        if fault == "slow":
            delay += value / 1000
            entry["delay_ms"] = value
        encoder = Encoder(entry["encoding"])
        head = [
            "HTTP/1.1 %d %s" % (reply.status, REASONS.get(reply.status, "Status")),
            "content-type: %s" % ("text/event-stream" if reply.events else "application/json"),
            "x-request-id: req_%d" % entry["id"],
            "date: " + http_date(),
        ]
        head += ["%s: %s" % header for header in reply.headers]
        if encoder.name != "identity":
            head.append("content-encoding: " + encoder.name)
        if reply.events:
            await self.send_events(rng, writer, reply, head, encoder, delay, fault == "drop")
        else:
            await asyncio.sleep(delay)
            await self.send_body(rng, writer, reply, head, encoder, fault == "drop")
        entry["complete"] = not writer.transport.is_closing()
        entry["dropped"] = fault == "drop"

    async def send_events(self, rng, writer, reply, head, encoder, delay, drop):
        parts = [part.encode() for part in reply.sse()]
        cut_at = rng.randint(1, max(1, len(parts) - 2)) if drop else -1
        out = Pieces(rng, writer, chunked=True)
        out.head(head + ["transfer-encoding: chunked"])
        for index, part in enumerate(parts):
            if index == cut_at:
                await out.cut(encoder.feed(part[: len(part) // 2]) + encoder.flush())
                return
            flushed = rng.random() < 0.8
            await out.body(encoder.feed(part) + (encoder.flush() if flushed else b""))
            if index == 0:
                await out.flush()
                await asyncio.sleep(delay)
            elif rng.random() < 0.3:
                await asyncio.sleep(self.options.pace * rng.random() / 1000)
        await out.body(encoder.finish(), last=True)

    async def send_body(self, rng, writer, reply, head, encoder, drop):
        data = encoder.feed(reply.text(rng).encode()) + encoder.finish()
        out = Pieces(rng, writer, chunked=rng.random() < 0.5)
        length = "content-length: %d" % len(data)
        out.head(head + ["transfer-encoding: chunked" if out.chunked else length])
        if drop:
            await out.cut(data[: len(data) // 2])
        else:
            await out.body(data, last=True)


class Pieces:
    """Bytes on their way out, with random chunks and random TLS writes."""

    def __init__(self, rng, writer, chunked):
        self.rng, self.writer, self.chunked = rng, writer, chunked
        self.pending = bytearray()
        self.tiny = rng.random() < 0.1

    def head(self, lines):
        self.pending += ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    async def body(self, data, last=False):
        while data:
            size = self.rng.choice(
                [len(data), len(data), self.rng.randint(1, 4000), self.rng.randint(1, 60)]
            )
            piece, data = (
                data[: size if len(data) < 100000 else 60000],
                data[size if len(data) < 100000 else 60000 :],
            )
            if self.chunked:
                extension = ";x=y" if self.rng.random() < 0.05 else ""
                self.pending += b"%X%s\r\n%s\r\n" % (len(piece), extension.encode(), piece)
            else:
                self.pending += piece
            if len(self.pending) > 30000 or self.rng.random() < 0.5:
                await self.flush()
        if last:
            if self.chunked:
                self.pending += b"0\r\n\r\n"
            await self.flush()

    async def cut(self, data):
        """These bytes, and then the connection is gone."""
        await self.body(data)
        await self.flush()
        self.writer.transport.abort()

    async def flush(self):
        whole, self.pending = bytes(self.pending), bytearray()
        if self.tiny and len(whole) < 2000:
            for start in range(0, len(whole), 7):
                self.writer.write(whole[start : start + 7])
        elif len(whole) > 1 and self.rng.random() < 0.5:
            cut = self.rng.randint(1, len(whole) - 1)
            self.writer.write(whole[:cut])
            await asyncio.sleep(0)
            self.writer.write(whole[cut:])
        else:
            self.writer.write(whole)
        await self.writer.drain()


def refusal(api, status):
    name = {429: "rate_limit_error", 500: "api_error", 404: "not_found_error"}[status]
    facts = {"api": "refusal", "usage": None, "error": str(status), "failed": True, "provider": api}
    if api == "anthropic":
        body = {
            "type": "error",
            "error": {"type": name, "message": "refused"},
            "request_id": "req_x",
        }
    else:
        body = {"error": {"message": "refused", "type": name, "param": None, "code": None}}
    return Reply(facts, body=body, status=status, headers=[("retry-after-ms", "20")])


def http_date():
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())


def latency(text):
    low, _, high = text.partition("-")
    return (float(low), float(high or low))


def parse_options():
    parser = argparse.ArgumentParser(description="a model provider for tests")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", default=None, help="of all random choices; printed")
    parser.add_argument("--log", help="file of JSON lines; default: in the temporary folder")
    parser.add_argument(
        "--encoding", default="random", help="random, identity, gzip, deflate, br, zstd"
    )
    parser.add_argument(
        "--latency", type=latency, default=(0, 3), help="MIN-MAX ms to the first token"
    )
    parser.add_argument("--pace", type=float, default=2, help="at most so many ms between events")
    parser.add_argument("--usual", action="store_true", help="no rare tiers, tools or cache writes")
    parser.add_argument("--plain", action="store_true", help="HTTP without TLS")
    options = parser.parse_args()
    settings["rare"] = not options.usual
    options.seed = options.seed or str(random.SystemRandom().randrange(1 << 32))
    return options


async def run(options, folder):
    context = None
    if not options.plain:
        make_ca(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(
            os.path.join(folder, "server.pem"), os.path.join(folder, "server.key")
        )
        context.set_alpn_protocols(["http/1.1"])
    log = options.log or os.path.join(folder, "log.jsonl")
    server = Server(options, Log(log))
    listening = await asyncio.start_server(
        server.serve, "127.0.0.1", options.port, ssl=context, limit=HEAD_MAX, backlog=512
    )
    port = listening.sockets[0].getsockname()[1]
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        loop.add_reader(0, lambda: os.read(0, 4096) or over.set())
    base = "%s://localhost:%d" % ("http" if options.plain else "https", port)
    print(
        json.dumps(
            {
                "port": port,
                "base": base,
                "ca": None if options.plain else os.path.join(folder, "ca.pem"),
                "log": log,
                "seed": options.seed,
            }
        ),
        flush=True,
    )
    await over.wait()
    listening.close()


def main():
    options = parse_options()
    folder = tempfile.mkdtemp(prefix="mock-provider-")
    try:
        asyncio.run(run(options, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
