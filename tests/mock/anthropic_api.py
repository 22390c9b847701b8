# SPDX-License-Identifier: Apache-2.0
"""Anthropic messages: cached tokens lie beside the input; streams tell usage twice."""

import wording
from reply import (
    CACHE_READ,
    CACHE_WRITE,
    CACHE_WRITE_1H,
    CACHE_WRITE_5M,
    INPUT,
    OUTPUT,
    REASONING,
    WEB_FETCH,
    WEB_SEARCH,
    Reply,
    compact,
    input_count,
    output_count,
    part_of,
    rare,
)

SNAPSHOTS = {
    "claude-sonnet-4-6": "claude-sonnet-4-6",
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
    "claude-opus-4-8": "claude-opus-4-8",
    "claude-opus-4-5": "claude-opus-4-5-20251101",
}


class Counts:
    """One call's tokens, or one iteration's."""

    def __init__(self, rng, most=150000):
        self.input = min(input_count(rng), most)
        self.read = rng.choice([0, 0, rng.randint(1, 20000)])
        self.write_5m = rng.choice([0, 0, rng.randint(1, 9000)])
        self.write_1h = rng.choice([0, 0, 0, rng.randint(1, 9000)])
        self.output = output_count(rng)
        self.thinking = part_of(rng, self.output, 0.3)

    def add(self, other):
        for name in ("input", "read", "write_5m", "write_1h", "output", "thinking"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @staticmethod
    def zero(rng):
        counts = Counts(rng)
        counts.input = counts.read = counts.write_5m = counts.write_1h = 0
        counts.output = counts.thinking = 0
        return counts

    def cache(self):
        return {
            "cache_creation_input_tokens": self.write_5m + self.write_1h,
            "cache_read_input_tokens": self.read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.write_5m,
                "ephemeral_1h_input_tokens": self.write_1h,
            },
        }

    def facts(self):
        return {
            INPUT: self.input + self.read + self.write_5m + self.write_1h,
            OUTPUT: self.output,
            CACHE_READ: self.read,
            CACHE_WRITE: self.write_5m + self.write_1h,
            CACHE_WRITE_5M: self.write_5m,
            CACHE_WRITE_1H: self.write_1h,
        }


class Usage:
    """The usage object of a call, its stream's two halves and the truth about it."""

    def __init__(self, rng):
        self.counts = Counts(rng)
        self.extra = {"service_tier": "priority" if rare(rng, 0.25) else "standard"}
        self.facts = {}
        self.has_thinking = rng.random() < 0.3
        self.searches = rng.randint(1, 3) if rare(rng, 0.1) else 0
        self.iterations = iterations(rng, self.counts) if rare(rng, 0.1) else None
        whole = self.counts
        if self.iterations:
            whole = Counts.zero(rng)
            for _, part in self.iterations:
                whole.add(part)
            self.has_thinking = False
        self.facts = whole.facts()
        if self.has_thinking:
            self.facts[REASONING] = self.counts.thinking
        if self.searches:
            self.extra["server_tool_use"] = {
                "web_search_requests": self.searches,
                "web_fetch_requests": 0,
            }
            self.facts.update({WEB_SEARCH: self.searches, WEB_FETCH: 0})

    def final(self):
        """What only the end of a call tells."""
        usage = {"output_tokens": self.counts.output}
        if self.has_thinking:
            usage["output_tokens_details"] = {"thinking_tokens": self.counts.thinking}
        if self.searches:
            usage["server_tool_use"] = self.extra["server_tool_use"]
        if self.iterations:
            usage["iterations"] = [
                dict(head, input_tokens=c.input, output_tokens=c.output, **c.cache())
                for head, c in self.iterations
            ]
        return usage

    def whole(self):
        return {
            "input_tokens": self.counts.input,
            **self.counts.cache(),
            **self.extra,
            **self.final(),
        }

    def start(self, rng):
        """message_start: the output has hardly begun, and the input may yet be corrected."""
        self.corrected = rng.random() < 0.2
        told = self.counts.input + rng.randint(1, 9) if self.corrected else self.counts.input
        extra = {k: v for k, v in self.extra.items() if k != "server_tool_use"}
        return dict({"input_tokens": told, "output_tokens": 1}, **self.counts.cache(), **extra)

    def delta(self, rng):
        """message_delta: cumulative; the cache fields often absent."""
        usage = self.final()
        if self.corrected or rng.random() < 0.5:
            usage["input_tokens"] = self.counts.input
        if rng.random() < 0.4:
            cache = self.counts.cache()
            del cache["cache_creation"]
            usage.update(cache)
        return usage


def iterations(rng, top):
    """Entries whose `message` ones add up to the top level; the others come on top of it."""
    first, second = Counts(rng, 50000), Counts(rng, 50000)
    top.__dict__.update(first.__dict__)
    top.add(second)
    extra = Counts(rng, 50000)
    head = rng.choice(
        [{"type": "compaction"}, {"type": "advisor_message", "model": "claude-opus-4-5"}]
    )
    return [({"type": "message"}, first), (head, extra), ({"type": "message"}, second)]


def messages(rng, request, model, size):
    """POST /v1/messages"""
    usage, said = Usage(rng), wording.text(rng, size)
    body = {
        "id": wording.identifier(rng, "msg_01"),
        "type": "message",
        "role": "assistant",
        "model": SNAPSHOTS.get(model, model),
        "content": [{"type": "text", "text": said}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
    }
    if wants_tool(request):
        body["content"].append(
            {
                "type": "tool_use",
                "id": wording.identifier(rng, "toolu_01"),
                "name": request["tools"][0]["name"],
                "input": {"city": wording.sentence(rng, 2), "usage": {"input_tokens": 31337}},
            }
        )
        body["stop_reason"] = "tool_use"
    facts = {
        "api": "messages",
        "operation": "chat",
        "provider": "anthropic",
        "model": body["model"],
        "response_id": body["id"],
        "tier": usage.extra["service_tier"],
        "usage": usage.facts,
        "charges": len(usage.iterations) if usage.iterations else 1,
    }
    if request.get("stream"):
        return Reply(facts, events=message_events(rng, body, usage))
    return Reply(facts, body=dict(body, usage=usage.whole()))


def wants_tool(request):
    told = any(
        isinstance(m.get("content"), list)
        and any(isinstance(b, dict) and b.get("type") == "tool_result" for b in m["content"])
        for m in request.get("messages", [])
    )
    return bool(request.get("tools")) and not told


def message_events(rng, body, usage):
    events = []

    def add(kind, **fields):
        events.append((kind, compact(dict({"type": kind}, **fields))))

    add("message_start", message=dict(body, content=[], stop_reason=None, usage=usage.start(rng)))
    for index, block in enumerate(body["content"]):
        if block["type"] == "text":
            add("content_block_start", index=index, content_block={"type": "text", "text": ""})
            deltas = [{"type": "text_delta", "text": p} for p in wording.pieces(rng, block["text"])]
        else:
            add("content_block_start", index=index, content_block=dict(block, input={}))
            deltas = [
                {"type": "input_json_delta", "partial_json": p}
                for p in wording.pieces(rng, compact(block["input"]))
            ]
        if rng.random() < 0.5:
            add("ping")
        for delta in deltas:
            add("content_block_delta", index=index, delta=delta)
        add("content_block_stop", index=index)
    add(
        "message_delta",
        delta={"stop_reason": body["stop_reason"], "stop_sequence": None},
        usage=usage.delta(rng),
    )
    add("message_stop")
    return events


def count_tokens(rng, model):
    """POST /v1/messages/count_tokens: tokens that nobody bills."""
    return Reply(
        {"api": "count_tokens", "provider": "anthropic", "free": True, "usage": None},
        body={"input_tokens": input_count(rng)},
    )


def overloaded(reply):
    """An error within a response that began with status 200."""
    error = compact(
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    )
    reply.events = [("error", error)]
    reply.facts.update(
        usage=None, response_id=None, error="overloaded_error", tier=None, model=None
    )
    return reply
