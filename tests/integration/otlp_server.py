# SPDX-License-Identifier: Apache-2.0
"""A collector in Python that misbehaves on demand, and decodes by the official protobuf classes.

Each request to it takes a step off the script; when there is none left, all is well:

    server.script(status(503), status(429, retry_after=1), RESET)

`server.refused` has content encodings that it never takes, and the status for them.
"""

import gzip
import os
import socket
import ssl
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import zstandard
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from otlp import hex_of_base64, spans_of

BODY_MAX = 64 << 20
PATH = "/v1/traces"


def status(code, retry_after=None, location=None, body=b""):
    """Answered so, and not taken, unless it is a 2xx."""
    headers = {"Retry-After": retry_after, "Location": location}
    return lambda handler: handler.answer(
        code, body, {name: value for name, value in headers.items() if value is not None}
    )


def partial(rejected, message="refused by the test"):
    """Taken, but for so many spans."""
    response = trace_service_pb2.ExportTraceServiceResponse()
    response.partial_success.rejected_spans = rejected
    response.partial_success.error_message = message
    return status(200, body=response.SerializeToString())


def slow(seconds):
    """Taken, and answered late."""

    def step(handler):
        handler.owner.over.wait(seconds)
        handler.answer(200)

    return step


def silent():
    """Never answered."""

    def step(handler):
        handler.owner.over.wait()
        handler.close_connection = True

    return step


def garbage(data=b"\x16\x03\x01 this is no HTTP\r\n\r\n"):
    def step(handler):
        handler.wfile.write(data)
        handler.close_connection = True

    return step


RESET = object()  # the connection, in the middle of the body


class Request:
    """What came, and what was answered: a status, or None."""

    def __init__(self, handler, body):
        self.at = time.monotonic()
        self.path = handler.path
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self.encoding = self.headers.get("content-encoding", "identity")
        self.length = len(body)
        raw = decode(body, self.encoding)
        self.raw_length = len(raw)
        message = trace_service_pb2.ExportTraceServiceRequest.FromString(raw)
        self.json = MessageToDict(message, use_integers_for_enums=True)
        self.status = None
        self.spans = []


def decode(body, encoding):
    if encoding == "gzip":
        return gzip.decompress(body)
    if encoding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    assert encoding == "identity", encoding
    return body


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    @property
    def owner(self):
        return self.server.owner

    def do_POST(self):
        step = self.owner.next_step()
        length = int(self.headers["Content-Length"])
        assert 0 <= length <= BODY_MAX
        if step is RESET:
            self.rfile.read(length // 2)
            self.reset()
            return
        self.recorded = self.owner.record(self, self.rfile.read(length))
        refused = self.owner.refused.get(self.recorded.encoding)
        (status(refused) if refused else step or status(200))(self)

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.owner.resets += 1
        os.close(self.connection.detach())

    def answer(self, code, body=b"", headers=None):
        self.recorded.status = code
        self.send_response(code)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        """A client that went away is its own affair; what else fails here fails the test."""
        if not isinstance(sys.exc_info()[1], (OSError, ssl.SSLError)):
            self.owner.errors.append(repr(sys.exc_info()[1]))


class OtlpServer:
    """`tls` = (certificate, key)."""

    def __init__(self, tls=None):
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.steps, self.requests, self.errors = [], [], []
        self.refused = {}
        self.resets = 0
        self.listener = Listener(("127.0.0.1", 0), Handler)
        self.listener.owner = self
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*map(str, tls))
            self.listener.socket = context.wrap_socket(
                self.listener.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self.listener.server_address[1]
        self.endpoint = "%s://localhost:%d" % ("https" if tls else "http", self.port)
        threading.Thread(target=self.listener.serve_forever, args=(0.05,), daemon=True).start()

    def script(self, *steps):
        with self.lock:
            self.steps += steps

    def next_step(self):
        with self.lock:
            return self.steps.pop(0) if self.steps else None

    def record(self, handler, body):
        request = Request(handler, body)
        with self.lock:
            self.requests.append(request)
            request.spans = spans_of(request.json, len(self.requests), hex_of_base64)
        return request

    def spans(self):
        """Of all requests that were answered by 2xx."""
        with self.lock:
            return [
                span
                for request in self.requests
                if request.status and request.status // 100 == 2
                for span in request.spans
            ]

    def wait(self, n, seconds=60):
        """Its spans, once there are `n` of different ids."""
        until = time.monotonic() + seconds
        while True:
            spans = self.spans()
            found = len({(span["trace_id"], span["span_id"]) for span in spans})
            if found >= n:
                return spans
            assert time.monotonic() < until, "%d spans of %d after %g s" % (found, n, seconds)
            time.sleep(0.05)

    def environment(self, **more):
        return dict({"OTEL_EXPORTER_OTLP_ENDPOINT": self.endpoint}, **more)

    def stop(self):
        self.over.set()
        self.listener.shutdown()
        self.listener.server_close()
        assert not self.errors, self.errors

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
