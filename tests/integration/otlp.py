# SPDX-License-Identifier: Apache-2.0
"""Trace data of OTLP, in its JSON form, as flat dictionaries: one a span."""

import base64

CLIENT = 3  # opentelemetry.proto.trace.v1.Span.SpanKind
ERROR = 2  # opentelemetry.proto.trace.v1.Status.StatusCode


def hex_of_base64(text):
    return base64.b64decode(text).hex()


def value_of(value):
    """AnyValue; 64-bit integers are strings in JSON."""
    for name, held in value.items():
        if name == "intValue":
            return int(held)
        if name == "doubleValue":
            return float(held)
        if name == "arrayValue":
            return [value_of(one) for one in held.get("values", [])]
        if name == "kvlistValue":
            return attributes_of(held.get("values", []))
        return held
    return None


def attributes_of(pairs):
    found = {}
    for pair in pairs:
        assert pair["key"] not in found, "attribute %s is there twice" % pair["key"]
        found[pair["key"]] = value_of(pair["value"])
    return found


def spans_of(data, batch, hex_of=str):
    """The spans of an ExportTraceServiceRequest. `batch` and `group` tell of one request, and of one
    ResourceSpans within it; `hex_of` turns an id of the JSON form into hexadecimal digits."""
    spans = []
    for group, part in enumerate(data.get("resourceSpans", [])):
        resource = attributes_of(part.get("resource", {}).get("attributes", []))
        for scope in part.get("scopeSpans", []):
            for span in scope.get("spans", []):
                spans.append(
                    {
                        "trace_id": hex_of(span["traceId"]),
                        "span_id": hex_of(span["spanId"]),
                        "parent_span_id": hex_of(span.get("parentSpanId", "")),
                        "name": span.get("name", ""),
                        "kind": span.get("kind", 0),
                        "start_ns": int(span.get("startTimeUnixNano", 0)),
                        "end_ns": int(span.get("endTimeUnixNano", 0)),
                        "status": span.get("status", {}).get("code", 0),
                        "attributes": attributes_of(span.get("attributes", [])),
                        "resource": resource,
                        "scope": scope.get("scope", {}),
                        "batch": batch,
                        "group": group,
                    }
                )
    return spans
