# SPDX-License-Identifier: Apache-2.0
"""Compare what tollspan tells of calls with what the provider knows of them."""

import collections
from decimal import ROUND_HALF_EVEN, Decimal

INPUT = "gen_ai.usage.input_tokens"
OUTPUT = "gen_ai.usage.output_tokens"
CACHE_READ = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE = "gen_ai.usage.cache_creation.input_tokens"
WRITE_5M = "tollspan.usage.cache_creation_5m"
WRITE_1H = "tollspan.usage.cache_creation_1h"
AUDIO = ("tollspan.usage.input_audio", "tollspan.usage.output_audio")
COST = "gen_ai.usage.cost"
SOURCE = "tollspan.cost.source"
LOCAL = "tollspan.cost.local_amount"
DIFFERENCE = "tollspan.cost.difference"
PICO = Decimal("1e-12")
STATUS = "tollspan.cost.status"

# What differs between two runs of one program, or between two ways of seeing one run.
VARYING = {
    "trace_id",
    "span_id",
    "parent_span_id",
    "start_time",
    "end_time",
    "duration_ms",
    "tollspan.time_to_first_token_ms",
    "process.pid",
    "server.port",
    "tollspan.capture",
    "process.command_args",  # holds ports and temporary paths
}


def pair(calls, log):
    """Calls beside log entries: by response id, and what has none by path and status, in order."""
    assert len(calls) == len(log), "%d calls, the provider had %d:\n%s\n%s" % (
        len(calls),
        len(log),
        "\n".join(map(brief, calls)),
        "\n".join(map(brief_entry, log)),
    )
    by_id = collections.defaultdict(list)
    by_path = collections.defaultdict(list)
    for call in sorted(calls, key=lambda c: c["start_time"]):
        by_path[(call.get("url.path"), call.get("http.response.status_code"))].append(call)
        by_id[(call.get("gen_ai.response.id"), call.get("http.request.method"))].append(call)
    pairs, used = [], set()
    for entry in log:
        wanted = (
            by_id[(entry.get("response_id"), entry["method"])] if entry.get("response_id") else []
        )
        wanted = wanted or by_path[(entry["path"], entry.get("status"))]
        left = [call for call in wanted if id(call) not in used]
        assert left, "no call for %s among\n%s" % (brief_entry(entry), "\n".join(map(brief, calls)))
        used.add(id(left[0]))
        pairs.append((left[0], entry))
    return pairs


def brief(call):
    return "%s %s %s %s" % (
        call.get("http.request.method"),
        call.get("url.path"),
        call.get("http.response.status_code"),
        call.get("gen_ai.response.id"),
    )


def brief_entry(entry):
    return "%s %s %s %s (%s)" % (
        entry["method"],
        entry["path"],
        entry.get("status"),
        entry.get("response_id"),
        entry.get("encoding"),
    )


def check_calls(calls, log, capture, port):
    """Every call is what the provider's log says it is."""
    pairs = pair(calls, log)
    wrong = []
    for call, entry in pairs:
        for name, value, wanted in differences(call, entry, capture, port):
            wrong.append(
                "%s %s: %s is %r, not %r" % (entry["api"], brief_entry(entry), name, value, wanted)
            )
    assert not wrong, "\n".join(wrong)
    return pairs


def differences(call, entry, capture, port):
    checks = [
        ("http.response.status_code", call.get("http.response.status_code"), entry["status"]),
        ("server.address", call.get("server.address"), "localhost"),
        ("server.port", call.get("server.port"), port),
        ("http.request.method", call.get("http.request.method"), entry["method"]),
        ("url.path", call.get("url.path"), entry["path"]),
        ("tollspan.capture", call.get("tollspan.capture"), capture),
    ]
    if entry.get("dropped"):
        checks.append(("completeness", call.get("tollspan.completeness"), "partial"))
    else:
        checks += usage_checks(call, entry) + cost_checks(call, entry)
        checks += identity_checks(call, entry)
    return [check for check in checks if check[1] != check[2]]


def identity_checks(call, entry):
    checks = []
    if entry.get("model"):
        checks.append(("gen_ai.response.model", call.get("gen_ai.response.model"), entry["model"]))
    if entry.get("model_asked"):
        checks.append(
            ("gen_ai.request.model", call.get("gen_ai.request.model"), entry["model_asked"])
        )
    if entry.get("response_id"):
        checks.append(("gen_ai.response.id", call.get("gen_ai.response.id"), entry["response_id"]))
    if entry.get("provider"):
        checks.append(("gen_ai.provider.name", call.get("gen_ai.provider.name"), entry["provider"]))
    if entry.get("tier"):
        told = [value for name, value in call.items() if name.endswith("response.service_tier")]
        checks.append(("service_tier", told, [entry["tier"]]))
    if entry.get("traceparent"):
        checks.append(("trace_id", call.get("trace_id"), entry["traceparent"].split("-")[1]))
        checks.append(
            ("parent_span_id", call.get("parent_span_id"), entry["traceparent"].split("-")[2])
        )
    if entry["complete"] and entry["api"] != "background":
        billed_without = (
            entry.get("usage") is None and not entry.get("free") and not entry.get("error")
        )
        checks.append(
            (
                "tollspan.completeness",
                call.get("tollspan.completeness"),
                "partial" if billed_without else "exact",
            )
        )
    if entry.get("error"):
        checks.append(("has error.type", bool(call.get("error.type")), True))
    return checks


def usage_checks(call, entry):
    usage = entry.get("usage")
    if usage is None:
        return [(name, call.get(name), None) for name in (INPUT, OUTPUT)]
    checks = [(name, call.get(name), wanted) for name, wanted in usage.items()]
    # what the provider did not report is absent, not zero
    checks += [
        (name, call.get(name) or None, None)
        for name in (CACHE_READ, CACHE_WRITE)
        if name not in usage
    ]
    return checks


def reported_cost(entry):
    """What the response says it cost, in dollars; None where it says nothing."""
    told = entry.get("reported")
    return Decimal(told["cost"]).quantize(PICO, ROUND_HALF_EVEN) if told else None


def reported_checks(call, entry):
    """The reported cost is the cost, and ours stands beside it where the card has a price."""
    cost, local = reported_cost(entry), call.get(LOCAL)
    checks = [
        (STATUS, call.get(STATUS), "priced"),
        (COST, as_decimal(call.get(COST)), cost),
        ("tollspan.cost.amount", Decimal(call["tollspan.cost.amount"]), cost),
        ("tollspan.cost.currency", call.get("tollspan.cost.currency"), "USD"),
        (SOURCE, call.get(SOURCE), entry["reported"]["source"]),
    ]
    wanted = oracle(entry) if entry.get("usage") else None
    if wanted is not None:
        checks.append((LOCAL, as_decimal(local), wanted))
    if local is None:
        checks.append((DIFFERENCE, call.get(DIFFERENCE), None))
    else:
        checks.append((DIFFERENCE, Decimal(call[DIFFERENCE]), cost - Decimal(local)))
    return checks


def cost_checks(call, entry):
    if entry.get("reported"):
        return reported_checks(call, entry)
    told = [(name, call.get(name), None) for name in (LOCAL, DIFFERENCE)]
    return told + local_cost_checks(call, entry)


def local_cost_checks(call, entry):
    status, cost = call.get(STATUS), call.get(COST)
    if entry.get("free"):
        return [(STATUS, status, "free"), (COST, cost, 0)]
    if entry.get("error"):
        return [(STATUS, status, "priced"), (COST, cost, 0)]
    if entry["api"] == "background":
        return []
    if entry.get("usage") is None:
        return [(STATUS, status, "unpriced"), (COST, cost, None)]
    wanted = oracle(entry)
    if wanted is None:  # whether the card has it is the card's affair; a price of nothing is not
        return [
            ("an unpriced call has a cost", status == "unpriced" and cost is not None, False),
            ("priced at nothing", status == "priced" and not cost, False),
        ]
    return [
        (STATUS, status, "priced"),
        (COST, as_decimal(cost), wanted),
        (SOURCE, call.get(SOURCE), "local"),
    ]


def as_decimal(cost):
    return None if cost is None else Decimal(str(cost)).quantize(PICO)


def oracle(entry):
    """What genai-prices has it cost; None for what it or the first card may not know."""
    import genai_prices

    usage = entry["usage"]
    if entry.get("charges", 1) > 1 or entry.get("tier") not in (None, "default", "standard"):
        return None
    if any(usage.get(name) for name in AUDIO) or any(
        "requests." in name and usage[name] for name in usage
    ):
        return None
    if entry["provider"] == "openai" and usage.get(CACHE_WRITE):
        return None
    counts = {
        "input_tokens": usage[INPUT],
        "output_tokens": usage[OUTPUT],
        "cache_read_tokens": usage.get(CACHE_READ),
        "cache_write_tokens": usage.get(CACHE_WRITE),
        "cache_write_5m_tokens": usage.get(WRITE_5M),
        "cache_write_1h_tokens": usage.get(WRITE_1H),
    }
    try:
        price = genai_prices.calc_price(
            genai_prices.Usage(**{name: n for name, n in counts.items() if n}),
            model_ref=entry["model"],
            provider_id=entry["provider"],
        )
    except LookupError:
        return None
    return price.total_price.quantize(PICO)


def stable(calls):
    """Calls without what varies, in an order of their own."""
    kept = [{name: value for name, value in call.items() if name not in VARYING} for call in calls]
    return sorted(
        kept,
        key=lambda c: (
            str(c.get("gen_ai.response.id")),
            c.get("url.path", ""),
            c.get("http.response.status_code", 0),
        ),
    )


def loss_of(summary):
    """Nothing may be lost, and nothing unseen, unless a test says so."""
    return {"lost": summary.get("lost"), "unseen": summary.get("unseen")}
