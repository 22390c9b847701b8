# SPDX-License-Identifier: Apache-2.0
"""The two collectors of the tests: what they read is what the official classes wrote."""

import gzip
import ssl
import urllib.error
import urllib.request

import pytest
import zstandard
from collector import Collector
from conftest import Tls
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.trace.v1 import trace_pb2
from otlp import CLIENT
from otlp_server import RESET, OtlpServer, garbage, partial, status

ATTRIBUTES = {
    "text": "ä",
    "big": (1 << 62) + 1,
    "real": 0.1,
    "truth": True,
    "list": ["a", "b"],
    "none": [],
}


def fill(pairs, values):
    for name, value in values.items():
        pair = pairs.add(key=name)
        if isinstance(value, bool):
            pair.value.bool_value = value
        elif isinstance(value, int):
            pair.value.int_value = value
        elif isinstance(value, float):
            pair.value.double_value = value
        elif isinstance(value, str):
            pair.value.string_value = value
        else:
            pair.value.array_value.SetInParent()
            for one in value:
                pair.value.array_value.values.add(string_value=one)


def request_of(n):
    """A request of `n` spans, each of another resource."""
    message = trace_service_pb2.ExportTraceServiceRequest()
    for number in range(n):
        part = message.resource_spans.add()
        fill(part.resource.attributes, {"service.name": "service %d" % number})
        span = part.scope_spans.add().spans.add(
            trace_id=b"\xab" * 16,
            span_id=(number + 1).to_bytes(8, "big"),
            name="chat gpt-4o",
            kind=trace_pb2.Span.SPAN_KIND_CLIENT,
            start_time_unix_nano=(1 << 60) + 1,
            end_time_unix_nano=(1 << 60) + 2,
        )
        fill(span.attributes, ATTRIBUTES)
        span.status.code = trace_pb2.Status.STATUS_CODE_ERROR
    return message.SerializeToString()


def post(endpoint, body, encoding, **options):
    request = urllib.request.Request(
        endpoint + "/v1/traces",
        data=body,
        headers={"Content-Type": "application/x-protobuf", "Content-Encoding": encoding},
    )
    return urllib.request.urlopen(request, timeout=20, **options)


def check(spans, n):
    assert [span["span_id"] for span in spans] == ["%016x" % (k + 1) for k in range(n)]
    for number, span in enumerate(spans):
        assert span["trace_id"] == "ab" * 16 and span["parent_span_id"] == ""
        assert (span["name"], span["kind"], span["status"]) == ("chat gpt-4o", CLIENT, 2)
        assert (span["start_ns"], span["end_ns"]) == ((1 << 60) + 1, (1 << 60) + 2)
        assert span["attributes"] == ATTRIBUTES
        assert span["resource"] == {"service.name": "service %d" % number}
        assert span["group"] == number


@pytest.mark.parametrize("encoding,encode", [("zstd", zstandard.compress), ("gzip", gzip.compress)])
def test_collectors_read_a_body(tmp_path, encoding, encode):
    body = encode(request_of(3))
    with Collector(tmp_path) as real, OtlpServer() as server:
        for one in (real, server):
            assert post(one.endpoint, body, encoding).status == 200
            check(one.wait(3), 3)
        assert server.requests[0].encoding == encoding
        assert server.requests[0].length == len(body)


def test_collector_that_was_killed_keeps_what_it_took(tmp_path):
    with Collector(tmp_path) as real:
        post(real.endpoint, zstandard.compress(request_of(1)), "zstd")
        real.kill()
        assert not real.listens()
        check(real.spans(), 1)
        real.start()
        post(real.endpoint, zstandard.compress(request_of(2)), "zstd")
        assert len(real.spans()) == 3
        assert {span["batch"] for span in real.spans()} == {0, 1}


def test_collector_by_tls(tmp_path):
    tls = Tls(tmp_path)
    context = ssl.create_default_context(cafile=str(tls.ca))
    with Collector(tmp_path, tls=tls.pair) as real, OtlpServer(tls=tls.pair) as server:
        for one in (real, server):
            body = zstandard.compress(request_of(1))
            assert post(one.endpoint, body, "zstd", context=context).status == 200
            check(one.wait(1), 1)
            with pytest.raises(urllib.error.URLError):
                post(one.endpoint, body, "zstd")


def test_fake_collector_follows_its_script():
    body = zstandard.compress(request_of(2))
    with OtlpServer() as server:
        server.script(status(503), status(429, retry_after=7), RESET, garbage(), partial(1))
        for code in (503, 429):
            with pytest.raises(urllib.error.HTTPError) as caught:
                post(server.endpoint, body, "zstd")
            assert caught.value.code == code
        assert caught.value.headers["Retry-After"] == "7"
        for _ in (RESET, "garbage"):
            with pytest.raises(Exception) as caught:
                post(server.endpoint, body, "zstd")
            assert not isinstance(caught.value, urllib.error.HTTPError)
        assert server.resets == 1 and server.spans() == []
        answer = trace_service_pb2.ExportTraceServiceResponse.FromString(
            post(server.endpoint, body, "zstd").read()
        )
        assert answer.partial_success.rejected_spans == 1
        server.refused["zstd"] = 415
        with pytest.raises(urllib.error.HTTPError):
            post(server.endpoint, body, "zstd")
        assert post(server.endpoint, gzip.compress(request_of(2)), "gzip").status == 200
        assert len(server.spans()) == 4
