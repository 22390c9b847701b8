# SPDX-License-Identifier: Apache-2.0
"""The cost of a call as providers and gateways report it, each in its own shape and place.

The truth, `reported` in the log, is the number as it was sent: {"cost": "1.2e-05", "source": …}.
What is no whole cost, or an estimate, has none.
"""

import json
from decimal import Decimal

from reply import compact


def dollars(rng):
    """As a double is printed: with noise, an exponent, or neither."""
    cost = rng.random() * 10 ** -rng.randint(0, 8)
    return rng.choice([cost, round(cost, rng.randint(3, 13)), 0.0, 1e-05, 5e-13, 2.5e-12])


def in_usage(rng, kind):
    """(members of the usage object, the cost or None)"""
    cost = dollars(rng)
    if kind == "openrouter":
        upstream = rng.choice([None, cost])
        more = {"is_byok": False, "cost_details": {"upstream_inference_cost": upstream}}
        return dict(more, cost=cost), repr(cost)
    if kind == "byok":
        return {"cost": cost, "is_byok": True, "cost_details": {"upstream_inference_cost": 1}}, None
    if kind == "perplexity":
        parts = {"input_tokens_cost": cost / 4, "request_cost": 0.006}
        return {"cost": dict(parts, total_cost=cost)}, repr(cost)
    if kind == "xai":
        ticks = rng.randrange(10 ** rng.randint(1, 10))
        return {"cost_in_usd_ticks": ticks}, str(Decimal(ticks) / 10**10)
    if kind == "deepinfra":
        return {"estimated_cost": cost}, None
    return {}, None


def usage_of(body):
    """The usage object of a body or of an event's data, where it has one."""
    if not isinstance(body, dict):
        return None
    inner = body.get("response")
    return body.get("usage") or (usage_of(inner) if inner else None)


def add_to_events(events, members):
    """To every usage of a stream: the last one holds, those before it cost less."""
    objects = [json.loads(data) if data[:1] == "{" else None for _, data in events]
    told = [place for place, data in enumerate(objects) if usage_of(data)]
    for place in told:
        usage = usage_of(objects[place])
        usage.update(members)
        if place != told[-1] and isinstance(members.get("cost"), float):
            usage["cost"] = members["cost"] / 2
        events[place] = (events[place][0], compact(objects[place]))
    return bool(told)


def by_litellm(rng, reply, kind):
    """In the head of a body, in the last usage of a stream; `litellm-hit`: out of its cache."""
    cost = 0.0 if kind == "litellm-hit" else dollars(rng)
    reply.headers.append(("x-litellm-call-id", "%032x" % rng.getrandbits(128)))
    if not reply.events:
        reply.headers.append(("x-litellm-response-cost", repr(cost)))
        return repr(cost)
    if reply.facts["api"] in ("chat", "responses") and add_to_events(reply.events, {"cost": cost}):
        return repr(cost)
    return None


def add(rng, reply, kind):
    """Make a reply report a cost, and its facts say so."""
    gateway, _, provider = kind.partition("+")
    if not gateway.startswith("litellm"):
        gateway, provider = "", kind
    cost, source = None, "provider"
    if gateway:
        cost, source = by_litellm(rng, reply, gateway), "gateway"
    if provider:
        members, told = in_usage(rng, provider)
        if reply.events:
            found = add_to_events(reply.events, members)
        else:
            found = usage_of(reply.body)
            if found:
                found.update(members)
        if found and told is not None:
            cost, source = told, "provider"
    if cost is not None and reply.status == 200:
        reply.facts["reported"] = {"cost": cost, "source": source}
