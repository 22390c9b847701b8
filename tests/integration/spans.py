# SPDX-License-Identifier: Apache-2.0
"""Compare exported spans with what the provider, and the process itself, know of the calls."""

import collections
import socket
from decimal import Decimal

from expect import COST, check_calls, oracle, reported_cost
from otlp import CLIENT, ERROR

AMOUNT = "tollspan.cost.amount"
CURRENCY = "tollspan.cost.currency"


def id_of(span):
    return span["trace_id"], span["span_id"]


def call_of(span):
    """The span as the call that `--json` has; its cost is exact."""
    call = {name: value for name, value in span["resource"].items() if name.startswith("process.")}
    call.update(span["attributes"])
    call.update(trace_id=span["trace_id"], span_id=span["span_id"])
    if span["parent_span_id"]:
        call["parent_span_id"] = span["parent_span_id"]
    call.update(start_time=span["start_ns"], end_time=span["end_ns"])
    call["duration_ms"] = (span["end_ns"] - span["start_ns"]) / 1e6
    call.pop(COST, None)
    if AMOUNT in call:
        call[COST] = Decimal(call[AMOUNT])
    return call


def check_form(span):
    """What holds of every span."""
    attributes = span["attributes"]
    assert span["kind"] == CLIENT
    assert len(span["trace_id"]) == 32 and int(span["trace_id"], 16)
    assert len(span["span_id"]) == 16 and int(span["span_id"], 16)
    assert 0 < span["start_ns"] <= span["end_ns"]
    assert (span["status"] == ERROR) == ("error.type" in attributes), span
    check_name(span["name"], attributes)
    amount, currency = attributes.get(AMOUNT), attributes.get(CURRENCY)
    assert currency or not amount or Decimal(amount) == 0, span
    if currency == "USD" and amount is not None:
        assert attributes.get(COST) == float(Decimal(amount)), span
    else:
        assert not attributes.get(COST), span


def check_name(name, attributes):
    operation = attributes.get("gen_ai.operation.name")
    models = [attributes.get("gen_ai.%s.model" % which) for which in ("request", "response")]
    if operation:
        assert name in [" ".join((operation, model)) for model in models if model] or (
            name == operation and not any(models)
        ), (name, attributes)
    assert name


def unique(spans, once=True):
    """One of each id. What is sent again, where it may be, is what it was."""
    found = {}
    for span in spans:
        check_form(span)
        told = {name: value for name, value in span.items() if name not in ("batch", "group")}
        before = found.setdefault(id_of(span), told)
        assert before == told, "%s is another when sent again:\n%s\n%s" % (
            id_of(span),
            before,
            told,
        )
    assert not once or len(found) == len(spans), "%d spans of %d ids" % (len(spans), len(found))
    return list(found.values())


def check_spans(spans, log, capture, port, once=True):
    """The spans are the provider's calls, once each, and their money is the bill."""
    spans = unique(spans, once)
    check_calls([call_of(span) for span in spans], log, capture, port)
    assert_bill(spans, log)
    return spans


def cost(spans):
    """Currency → the exact sum."""
    sums = collections.defaultdict(Decimal)
    for span in spans:
        amount = Decimal(span["attributes"].get(AMOUNT, 0))
        if amount:
            sums[span["attributes"][CURRENCY]] += amount
    return dict(sums)


def bill(log):
    """What the provider charges for all of it, in USD; None where the oracle knows not."""
    total = Decimal(0)
    for entry in log:
        if entry.get("free") or entry.get("error"):
            continue
        if entry.get("dropped") or entry["api"] == "background":
            return None
        if entry.get("reported"):
            total += reported_cost(entry)
            continue
        if entry.get("usage") is None:
            continue  # nothing was told, and nothing is billed
        price = oracle(entry)
        if price is None:
            return None
        total += price
    return total


def assert_bill(spans, log):
    """Return: whether the oracle knew it."""
    wanted = bill(log)
    if wanted is None:
        return False
    assert cost(spans).get("USD", 0) == wanted
    rounded = sum(span["attributes"].get(COST, 0) for span in spans)
    assert abs(rounded - float(wanted)) <= 1e-12 * max(1, len(spans)), (rounded, wanted)
    return True


def check_resources(spans, service=None, extra=None):
    """One ResourceSpans per process in a request, and it says which process that is."""
    groups, programs = {}, {}
    for span in spans:
        told = span["resource"]
        process = (told["process.pid"], told["process.executable.path"])
        group = (span["batch"], span["group"])
        assert groups.setdefault((span["batch"], process), group) == group, "two of %s" % (process,)
        assert programs.setdefault(group, process) == process, "%s holds two" % (group,)
        assert told["service.name"] == (service or told["process.executable.name"])
        assert isinstance(told["process.pid"], int) and told["process.pid"] > 0
        assert told["process.executable.path"].startswith("/")
        assert told["process.executable.name"] == told["process.executable.path"].rsplit("/", 1)[1]
        assert isinstance(told["process.command_args"], list) and told["process.command_args"]
        assert told["host.name"] == socket.gethostname()
        for name, value in (extra or {}).items():
            assert told[name] == value
        assert span["scope"].get("name", "").startswith("tollspan")
