# SPDX-License-Identifier: Apache-2.0
"""OpenAI chat completions and Responses, with counts that obey the provider's arithmetic."""

import time

import wording
from reply import (
    CACHE_READ,
    CACHE_WRITE,
    INPUT,
    INPUT_AUDIO,
    OUTPUT,
    OUTPUT_AUDIO,
    REASONING,
    Reply,
    compact,
    input_count,
    output_count,
    part_of,
    rare,
)

SNAPSHOTS = {
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5.4-mini": "gpt-5.4-mini-2026-03-17",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "o4-mini": "o4-mini-2025-04-16",
}


def served_tier(rng, request):
    """The tier served: not always the tier asked for, and at times not told."""
    asked = request.get("service_tier", "auto")
    if asked in ("flex", "priority"):
        return rng.choice([asked, "default"])
    return None if rare(rng, 0.25) else "default"


class Counts:
    """One call's tokens. Cached, cache-writing and audio tokens lie within the input."""

    def __init__(self, rng, model):
        self.input, self.output = input_count(rng), output_count(rng)
        self.cached = part_of(rng, self.input)
        self.written = part_of(rng, self.input - self.cached) if rare(rng, 0.1) else 0
        self.reasoning = part_of(rng, self.output)
        self.audio_in = self.audio_out = 0
        if "audio" in model:
            self.cached = self.written = self.reasoning = 0
            self.audio_in, self.audio_out = (
                part_of(rng, self.input, 1),
                part_of(rng, self.output, 1),
            )
        self.accepted = part_of(rng, self.output - self.reasoning - self.audio_out, 0.1)
        self.details = rng.random() < 0.9

    def facts(self, audio=True):
        usage = {INPUT: self.input, OUTPUT: self.output}
        if self.details:
            usage.update({CACHE_READ: self.cached, REASONING: self.reasoning})
            if self.written:
                usage[CACHE_WRITE] = self.written
            if audio:
                usage.update({INPUT_AUDIO: self.audio_in, OUTPUT_AUDIO: self.audio_out})
        return usage

    def chat(self):
        usage = {
            "prompt_tokens": self.input,
            "completion_tokens": self.output,
            "total_tokens": self.input + self.output,
        }
        if self.details:
            usage["prompt_tokens_details"] = {
                "cached_tokens": self.cached,
                "audio_tokens": self.audio_in,
            }
            if self.written:
                usage["prompt_tokens_details"]["cache_write_tokens"] = self.written
            usage["completion_tokens_details"] = {
                "reasoning_tokens": self.reasoning,
                "audio_tokens": self.audio_out,
                "accepted_prediction_tokens": self.accepted,
                "rejected_prediction_tokens": 0,
            }
        return usage

    def responses(self):
        usage = {
            "input_tokens": self.input,
            "output_tokens": self.output,
            "total_tokens": self.input + self.output,
        }
        if self.details:
            usage["input_tokens_details"] = {"cached_tokens": self.cached}
            if self.written:
                usage["input_tokens_details"]["cache_write_tokens"] = self.written
            usage["output_tokens_details"] = {"reasoning_tokens": self.reasoning}
        return usage


def wants_tool(request, items):
    """A tool is called once: until its result is among the messages."""
    told = any(m.get("role") == "tool" or m.get("type") == "function_call_output" for m in items)
    return bool(request.get("tools")) and not told


def tool_arguments(rng):
    return compact(
        {"city": wording.sentence(rng, 2), "usage": {"prompt_tokens": 31337, "total_tokens": 31337}}
    )


def chat(rng, request, model, size):
    """POST /v1/chat/completions"""
    counts, tier = Counts(rng, model), served_tier(rng, request)
    said, ident = wording.text(rng, size), wording.identifier(rng, "chatcmpl-")
    base = {
        "id": ident,
        "object": "chat.completion",
        "created": int(time.time()),
        "model": SNAPSHOTS.get(model, model),
    }
    if tier:
        base["service_tier"] = tier
    tool = None
    if wants_tool(request, request.get("messages", [])):
        tool = {
            "id": wording.identifier(rng, "call_"),
            "type": "function",
            "function": {
                "name": request["tools"][0]["function"]["name"],
                "arguments": tool_arguments(rng),
            },
        }
    facts = {
        "api": "chat",
        "operation": "chat",
        "provider": "openai",
        "model": base["model"],
        "response_id": ident,
        "tier": tier,
        "usage": counts.facts(),
    }
    if request.get("stream"):
        included = (request.get("stream_options") or {}).get("include_usage")
        if not included:
            facts["usage"] = None
        return Reply(
            facts, events=chat_events(rng, base, said, tool, counts.chat() if included else None)
        )
    message = {"role": "assistant", "content": None if tool else said, "refusal": None}
    if tool:
        message["tool_calls"] = [tool]
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": "tool_calls" if tool else "stop",
    }
    return Reply(
        facts, body=dict(base, choices=[choice], usage=counts.chat(), system_fingerprint="fp_1")
    )


def chat_events(rng, base, said, tool, usage):
    base = dict(base, object="chat.completion.chunk", system_fingerprint="fp_1")

    def chunk(delta, finish=None):
        body = dict(base, choices=[{"index": 0, "delta": delta, "finish_reason": finish}])
        if usage:
            body["usage"] = None
        return (None, compact(body))

    events = [chunk({"role": "assistant", "content": "" if not tool else None})]
    if tool:
        first = dict(tool, index=0, function={"name": tool["function"]["name"], "arguments": ""})
        events.append(chunk({"tool_calls": [first]}))
        events += [
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
            for piece in wording.pieces(rng, tool["function"]["arguments"])
        ]
    else:
        events += [chunk({"content": piece}) for piece in wording.pieces(rng, said)]
    events.append(chunk({}, "tool_calls" if tool else "stop"))
    if usage:
        events.append((None, compact(dict(base, choices=[], usage=usage))))
    events.append((None, "[DONE]"))
    return events


def responses(rng, request, model, size, stored):
    """POST /v1/responses; `stored` keeps what GET may ask for later."""
    counts, tier = Counts(rng, model.replace("audio", "")), served_tier(rng, request)
    ident = wording.identifier(rng, "resp_")
    items = request.get("input")
    output = [message_item(rng, wording.text(rng, size))]
    if wants_tool(request, items if isinstance(items, list) else []):
        output = [
            {
                "id": wording.identifier(rng, "fc_"),
                "type": "function_call",
                "status": "completed",
                "call_id": wording.identifier(rng, "call_"),
                "name": request["tools"][0]["name"],
                "arguments": tool_arguments(rng),
            }
        ]
    body = {
        "id": ident,
        "object": "response",
        "created_at": int(time.time()),
        "status": "completed",
        "background": bool(request.get("background")),
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": SNAPSHOTS.get(model, model),
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": request.get("previous_response_id"),
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": request.get("tools", []),
        "top_p": 1.0,
        "text": {"format": {"type": "text"}},
        "truncation": "disabled",
        "usage": counts.responses(),
    }
    if tier:
        body["service_tier"] = tier
    facts = {
        "api": "responses",
        "operation": "chat",
        "provider": "openai",
        "model": body["model"],
        "response_id": ident,
        "tier": tier,
        "usage": counts.facts(audio=False),
    }
    stored[ident] = {"body": body, "facts": facts, "polls": 0}
    if body["background"]:
        queued = dict(body, status="queued", output=[], usage=None)
        return Reply(dict(facts, api="background", usage=None), body=queued)
    if request.get("stream"):
        return Reply(facts, events=response_events(rng, body))
    return Reply(facts, body=body)


def message_item(rng, said):
    return {
        "id": wording.identifier(rng, "msg_"),
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": said, "annotations": []}],
    }


def response_events(rng, body):
    events = []

    def add(kind, **fields):
        events.append(
            (kind, compact(dict({"type": kind, "sequence_number": len(events)}, **fields)))
        )

    begun = dict(body, status="in_progress", output=[], usage=None)
    add("response.created", response=begun)
    add("response.in_progress", response=begun)
    item = body["output"][0]
    where = {"item_id": item["id"], "output_index": 0}
    if item["type"] == "function_call":
        add(
            "response.output_item.added",
            output_index=0,
            item=dict(item, status="in_progress", arguments=""),
        )
        for piece in wording.pieces(rng, item["arguments"]):
            add("response.function_call_arguments.delta", delta=piece, **where)
        add(
            "response.function_call_arguments.done",
            arguments=item["arguments"],
            name=item["name"],
            **where,
        )
    else:
        said = item["content"][0]["text"]
        where["content_index"] = 0
        add(
            "response.output_item.added",
            output_index=0,
            item=dict(item, status="in_progress", content=[]),
        )
        add(
            "response.content_part.added",
            part={"type": "output_text", "text": "", "annotations": []},
            **where,
        )
        for piece in wording.pieces(rng, said):
            add("response.output_text.delta", delta=piece, logprobs=[], **where)
        add("response.output_text.done", text=said, logprobs=[], **where)
        add("response.content_part.done", part=item["content"][0], **where)
    add("response.output_item.done", output_index=0, item=item)
    add("response.completed", response=body)
    return events


def retrieve(ident, stored):
    """GET /v1/responses/{id}: billed once: the first completed poll of a background one."""
    entry = stored.get(ident)
    if not entry:
        return None
    entry["polls"] += 1
    facts = dict(entry["facts"], api="retrieve")
    background = entry["body"]["background"]
    if background and entry["polls"] == 1:
        running = dict(entry["body"], status="in_progress", output=[], usage=None)
        return Reply(dict(facts, free=True, usage=None), body=running)
    billed = background and entry["polls"] == 2
    if not billed:
        facts.update(free=True, usage=None)
    return Reply(facts, body=entry["body"])


def embeddings(rng, model):
    count = input_count(rng)
    return Reply(
        {"api": "embeddings", "usage": None},
        body={
            "object": "list",
            "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -0.25]}],
            "model": model,
            "usage": {"prompt_tokens": count, "total_tokens": count},
        },
    )
