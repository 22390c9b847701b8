# SPDX-License-Identifier: Apache-2.0
"""What libexporter encodes, decoded by OpenTelemetry's own message classes."""

import gzip
import random
import struct
import subprocess

import pytest
import zstandard
from conftest import TOLLSPAN
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

DUMP = TOLLSPAN.parent / "tests" / "programs" / "export_dump"
VERSION = "9.8.7"
KIND_CLIENT = 3
WINDOW_MAX = 8 << 20
NO_PARENT = bytes(8)

INTS = [0, 1, -1, 127, 128, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, -(2**63)]
BITS = [
    0x0000000000000000,  # 0
    0x8000000000000000,  # -0
    0x7FF0000000000000,  # inf
    0xFFF0000000000000,  # -inf
    0x7FF8000000000000,  # a quiet NaN
    0x7FF800000000BEEF,  # with a payload
    0x0000000000000001,  # the smallest
    0x7FEFFFFFFFFFFFFF,  # the largest
    0x3FB999999999999A,  # 0.1
]
TEXTS = [
    b"",
    b"plain",
    "äöü € 😀 \u2028 \u0001".encode(),
    b"\xff\xfe bad \x80",
    b"\xc3",
    b"\xe2\x82",
    b"\xf0\x9f\x98",
    b"cut \xf0\x9f\x98 here",
    b"\xed\xa0\x80 surrogate",
    b"\xf4\x90\x80\x80 beyond",
    b"\xc0\xaf overlong",
    b"x" * 100_000,
]


class Double:
    """By its bits, as a NaN is not equal to itself."""

    def __init__(self, bits):
        self.bits = bits


class Span:
    def __init__(self, resource, name=b"chat m", attributes=(), **fields):
        self.resource, self.name, self.attributes = resource, name, list(attributes)
        self.trace_id = fields.get("trace_id", bytes(range(16)))
        self.span_id = fields.get("span_id", b"12345678")
        self.parent = fields.get("parent", NO_PARENT)
        self.start, self.end = fields.get("start", 1), fields.get("end", 2)
        self.error = fields.get("error", False)


def text(value):
    return "x" + value.hex()


def attribute_line(name, value):
    if isinstance(value, bool):
        coded = "b %d" % value
    elif isinstance(value, int):
        coded = "i %d" % value
    elif isinstance(value, Double):
        coded = "d %x" % value.bits
    elif isinstance(value, bytes):
        coded = "s " + text(value)
    else:
        coded = " ".join(["l"] + [text(item) for item in value])
    return "A %s %s" % (text(name), coded)


def span_line(span):
    return "S %s %s %s %d %d %d %d %s" % (
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent.hex(),
        span.start,
        span.end,
        2 if span.error else 0,
        span.resource,
        text(span.name),
    )


def encode(resources, spans, compression="none"):
    lines = []
    for number, attributes in resources.items():
        lines.append("R %d" % number)
        lines += [attribute_line(*attribute) for attribute in attributes]
    for span in spans:
        lines.append(span_line(span))
        lines += [attribute_line(*attribute) for attribute in span.attributes]
    assert DUMP.exists(), "%s is not built: make programs" % DUMP
    done = subprocess.run(
        [str(DUMP), compression, VERSION],
        input="\n".join(lines).encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def repaired(value):
    return value.decode("utf-8", "replace")


def check_value(value, expected):
    kind = value.WhichOneof("value")
    if isinstance(expected, bool):
        assert (kind, value.bool_value) == ("bool_value", expected)
    elif isinstance(expected, int):
        assert (kind, value.int_value) == ("int_value", expected)
    elif isinstance(expected, Double):
        assert kind == "double_value"
        assert struct.unpack("<Q", struct.pack("<d", value.double_value))[0] == expected.bits
    elif isinstance(expected, bytes):
        assert (kind, value.string_value) == ("string_value", repaired(expected))
    else:
        assert kind == "array_value"
        assert len(value.array_value.values) == len(expected)
        for got, item in zip(value.array_value.values, expected):
            check_value(got, item)


def check_attributes(got, expected):
    assert [item.key for item in got] == [repaired(name) for name, _ in expected]
    for item, (_, value) in zip(got, expected):
        check_value(item.value, value)


def check_span(got, span):
    assert got.trace_id == span.trace_id
    assert got.span_id == span.span_id
    assert got.parent_span_id == (b"" if span.parent == NO_PARENT else span.parent)
    assert got.name == repaired(span.name)
    assert got.kind == KIND_CLIENT
    assert got.start_time_unix_nano == span.start
    assert got.end_time_unix_nano == span.end
    assert got.status.code == (2 if span.error else 0)
    assert got.HasField("status") == span.error
    check_attributes(got.attributes, span.attributes)
    assert not got.events and not got.links and not got.trace_state and not got.flags
    assert not got.dropped_attributes_count


def check(body, resources, spans):
    """Every field of every message, and that there is nothing else."""
    request = ExportTraceServiceRequest.FromString(body)
    request.DiscardUnknownFields()
    assert request.ByteSize() == len(body), "unknown fields, or lengths longer than need be"
    by_id = {span.span_id: span for span in spans}
    assert len(by_id) == len(spans)
    used = {span.resource for span in spans}
    assert len(request.resource_spans) == len(used)
    seen = set()
    for group in request.resource_spans:
        (scope_spans,) = group.scope_spans
        assert (scope_spans.scope.name, scope_spans.scope.version) == ("tollspan", VERSION)
        assert not group.schema_url and not scope_spans.schema_url
        number = by_id[scope_spans.spans[0].span_id].resource
        check_attributes(group.resource.attributes, resources[number])
        for got in scope_spans.spans:
            span = by_id[got.span_id]
            assert span.resource == number
            check_span(got, span)
            assert got.span_id not in seen
            seen.add(got.span_id)
    assert len(seen) == len(spans)


def test_every_value_of_every_type():
    attributes = [(b"i%d" % i, value) for i, value in enumerate(INTS)]
    attributes += [(b"d%d" % i, Double(bits)) for i, bits in enumerate(BITS)]
    attributes += [(b"s%d" % i, value) for i, value in enumerate(TEXTS)]
    attributes += [(b"true", True), (b"false", False)]
    attributes += [(b"none", []), (b"empty", [b""]), (b"many", TEXTS[:-1])]
    attributes += [(value, b"name") for value in TEXTS]
    resources = {0: attributes}
    spans = [Span(0, attributes=attributes)]
    check(encode(resources, spans), resources, spans)


@pytest.mark.parametrize("n", range(6))
def test_few_attributes(n):
    """Ids and times lie among the last attributes, wherever these end."""
    resources = {1: []}
    spans = [Span(1, attributes=[(b"a%d" % i, i) for i in range(n)])]
    check(encode(resources, spans), resources, spans)


def test_fields_of_a_span():
    resources = {2**64 - 1: [(b"service.name", b"one")]}
    spans = [
        Span(2**64 - 1, span_id=bytes([i] * 8), **fields)
        for i, fields in enumerate(
            [
                {"start": 2**63 - 1, "end": 2**63 - 1},
                {"start": 0, "end": 0},
                {"start": 1764547200123456789, "end": 1764547201000000001},
                {"error": True},
                {"parent": bytes([0] * 7 + [1])},
                {"parent": b"\xff" * 8, "trace_id": b"\xff" * 16},
                {"name": b""},
                {"name": b"chat \xff"},
            ],
            1,
        )
    ]
    check(encode(resources, spans), resources, spans)


def test_times_before_1970_are_its_beginning():
    body = encode({1: []}, [Span(1, start=-(2**63), end=-1)])
    (group,) = ExportTraceServiceRequest.FromString(body).resource_spans
    (span,) = group.scope_spans[0].spans
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (0, 0)


def random_value(rng):
    return rng.choice(
        [
            lambda: rng.choice(INTS),
            lambda: rng.randrange(-(2**63), 2**63),
            lambda: Double(rng.getrandbits(64) | (1 << 51)),  # of NaNs, the quiet ones
            lambda: rng.random() < 0.5,
            lambda: random_text(rng),
            lambda: [random_text(rng) for _ in range(rng.randrange(5))],
        ]
    )()


def random_text(rng):
    return bytes(
        rng.choice([rng.randrange(1, 128), rng.randrange(1, 256)]) for _ in range(rng.randrange(40))
    )


def random_attributes(rng, most):
    return [(b"%d" % i + random_text(rng), random_value(rng)) for i in range(rng.randrange(most))]


def random_spans(rng, n, resources):
    return [
        Span(
            rng.choice(resources),
            random_text(rng),
            random_attributes(rng, 30),
            trace_id=rng.randbytes(16),
            span_id=struct.pack(">Q", i + 1),
            parent=rng.choice([NO_PARENT, rng.randbytes(8)]),
            start=rng.randrange(2**63),
            end=rng.randrange(2**63),
            error=rng.random() < 0.3,
        )
        for i in range(n)
    ]


@pytest.mark.parametrize("compression", ["zstd", "gzip", "none"])
def test_random_spans_of_a_thousand_resources(compression):
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    resources = {rng.getrandbits(64): random_attributes(rng, 6) for _ in range(1000)}
    spans = random_spans(rng, 1500, list(resources))
    body = encode(resources, spans, compression)
    if compression == "zstd":
        assert zstandard.get_frame_parameters(body).window_size <= WINDOW_MAX
        body = zstandard.ZstdDecompressor().decompress(body)
    elif compression == "gzip":
        body = gzip.decompress(body)
    check(body, resources, spans)


def test_no_spans_are_an_empty_request():
    assert encode({}, []) == b""
