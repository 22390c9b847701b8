# SPDX-License-Identifier: Apache-2.0
"""libexporter and real servers: TLS, certificates, proxies, headers."""

import contextlib
import gzip
import os
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import zstandard
from conftest import ROOT, TOLLSPAN
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

sys.path.insert(0, str(ROOT / "tests" / "mock"))
from provider import make_ca

SEND = TOLLSPAN.parent / "tests" / "programs" / "export_send"
PREFIX = "OTEL_EXPORTER_OTLP_"
SPANS = 1500
DELIVERED = "result 0 cursor %d" % SPANS


class Collector(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        encoding = self.headers.get("Content-Encoding")
        if encoding == "zstd":
            body = zstandard.ZstdDecompressor().decompress(body)
        elif encoding == "gzip":
            body = gzip.decompress(body)
        request = ExportTraceServiceRequest.FromString(body)
        self.server.requests.append((self.path, self.headers, request))
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A handshake that the other side breaks off is what some tests are about."""


@contextlib.contextmanager
def serving(address):
    server = Quiet((address, 0), Collector)
    server.requests = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def collector():
    with serving("127.0.0.1") as server:
        yield server


@pytest.fixture
def authority(tmp_path):
    make_ca(str(tmp_path))
    return tmp_path


def secured(server, authority):
    """A collector, with TLS: its certificate is for localhost and 127.0.0.1."""
    server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.context.load_cert_chain(authority / "server.pem", authority / "server.key")
    server.socket = server.context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    return server


@pytest.fixture
def secure(collector, authority):
    return secured(collector, authority)


def send(endpoint, ms=20000, spans=SPANS, **variables):
    assert SEND.exists(), "%s is not built: make programs" % SEND
    env = {"PATH": os.environ["PATH"], PREFIX + "ENDPOINT": endpoint, **variables}
    done = subprocess.run(
        [str(SEND), str(spans), str(ms)],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.stdout.splitlines()


def url(server, scheme="http", host="127.0.0.1"):
    return "%s://%s:%d" % (scheme, host, server.server_address[1])


def received(server):
    return [
        span.span_id
        for _, _, request in server.requests
        for group in request.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


@pytest.mark.parametrize("compression", ["zstd", "gzip", "none"])
def test_all_spans_arrive(collector, compression):
    variables = {
        PREFIX + "COMPRESSION": compression,
        PREFIX + "HEADERS": "x-tenant=team%20one",
    }
    assert send(url(collector), **variables) == [DELIVERED]
    assert len(set(received(collector))) == len(received(collector)) == SPANS
    for path, headers, _ in collector.requests:
        assert path == "/v1/traces"
        assert headers["Content-Type"] == "application/x-protobuf"
        assert headers["Content-Encoding"] == (compression if compression != "none" else None)
        assert headers["User-Agent"].startswith("tollspan/")
        assert headers["x-tenant"] == "team one"


def test_tls_with_the_authority(secure, authority):
    lines = send(
        url(secure, "https", "localhost"),
        **{PREFIX + "CERTIFICATE": str(authority / "ca.pem")},
    )
    assert lines == [DELIVERED]
    assert len(received(secure)) == SPANS


def refused(lines):
    assert len(lines) == 2 and lines[0].startswith("failing "), lines
    assert lines[1] == "result -110 cursor 0"
    return lines[0]


def test_tls_of_an_unknown_authority(secure):
    assert "certificate" in refused(send(url(secure, "https", "localhost"), 500))
    assert not secure.requests


def test_tls_of_another_host(authority):
    with serving("127.0.0.2") as server:
        endpoint = url(secured(server, authority), "https", "127.0.0.2")
        certificate = {PREFIX + "CERTIFICATE": str(authority / "ca.pem")}
        assert "127.0.0.2" in refused(send(endpoint, 500, **certificate))
        assert not server.requests


def test_missing_authority_file(secure):
    text = refused(
        send(url(secure, "https"), 500, **{PREFIX + "CERTIFICATE": "/nonexistent/ca.pem"})
    )
    assert "/nonexistent/ca.pem" in text


def client_certificate(folder):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        + ["-nodes", "-days", "2", "-subj", "/CN=agent"]
        + ["-keyout", "client.key", "-out", "client.pem"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return {
        PREFIX + "CLIENT_CERTIFICATE": str(folder / "client.pem"),
        PREFIX + "CLIENT_KEY": str(folder / "client.key"),
    }


def test_client_certificate(secure, authority):
    certificate = client_certificate(authority)
    secure.context.verify_mode = ssl.CERT_REQUIRED
    secure.context.load_verify_locations(authority / "client.pem")
    ca = {PREFIX + "CERTIFICATE": str(authority / "ca.pem")}
    refused(send(url(secure, "https"), 500, **ca))
    assert send(url(secure, "https"), **ca, **certificate) == [DELIVERED]


def test_plain_http_to_a_port_of_tls(secure):
    refused(send(url(secure), 500))


def test_proxy_of_the_environment(collector):
    """The collector as its own proxy: it is asked for a whole URL."""
    proxy = {"http_proxy": url(collector).replace("//", "//user:s3cret@")}
    assert send("http://collector.invalid:4318", **proxy) == [DELIVERED]
    path, headers, _ = collector.requests[0]
    assert path == "http://collector.invalid:4318/v1/traces"
    assert headers["Proxy-Authorization"].startswith("Basic ")
    collector.requests.clear()
    assert send(url(collector), no_proxy="127.0.0.1", **proxy) == [DELIVERED]
    assert collector.requests[0][0] == "/v1/traces"


@pytest.mark.parametrize(
    "proxy", ["http://user:s3cret@127.0.0.1:1", "http://user:s3cret@a b", "s3cret://user:s3cret@x"]
)
def test_proxy_that_fails_keeps_its_password(proxy):
    text = refused(send("http://collector.invalid:4318", 500, http_proxy=proxy))
    assert "s3cret" not in text and "user" not in text


def test_nobody_listens():
    text = refused(send("http://user:s3cret@127.0.0.1:1/otlp?key=hush", 300))
    assert text == "failing http://127.0.0.1:1/otlp/v1/traces: Connection refused"


def test_grpc_is_refused_with_the_alternative():
    (line,) = send("http://127.0.0.1:4317", **{PREFIX + "PROTOCOL": "grpc"})
    assert line.startswith("config ") and "grpc" in line and "http/protobuf" in line
