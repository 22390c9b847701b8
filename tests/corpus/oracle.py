# SPDX-License-Identifier: Apache-2.0
"""What a recorded exchange should come out as: derived from the providers' formats alone.

Knows OpenAI chat completions and Responses and Anthropic messages, by path, on any host. An answer
is a dict of the fields of interface and wire description: a value must be equal, ABSENT must not be
there, a set holds what is right where the description leaves it open, PRESENT is any value.
"""

import base64
import json
import re
from decimal import ROUND_HALF_EVEN, Decimal

ABSENT, PRESENT = object(), object()

INPUT = "gen_ai.usage.input_tokens"
OUTPUT = "gen_ai.usage.output_tokens"
CACHE_READ = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE = "gen_ai.usage.cache_creation.input_tokens"
REASONING = "gen_ai.usage.reasoning.output_tokens"
STANDARD = (INPUT, OUTPUT, CACHE_READ, CACHE_WRITE, REASONING)
OWN = "tollspan.usage."
STATUS, COMPLETE, COST = "tollspan.cost.status", "tollspan.completeness", "gen_ai.usage.cost"
SOURCE, AMOUNT = "tollspan.cost.source", "tollspan.cost.amount"

NATIVE_HOSTS = {"api.openai.com": "openai", "api.anthropic.com": "anthropic"}

FAMILIES = (
    ("openai.chat", re.compile(r".*/chat/completions")),
    ("openai.responses", re.compile(r".*/responses")),
    ("openai.responses.compact", re.compile(r".*/responses/compact")),
    ("openai.responses.retrieve", re.compile(r".*/responses/resp_[^/]+")),
    ("anthropic.count_tokens", re.compile(r".*/v1/messages/count_tokens")),
    ("anthropic.messages", re.compile(r"(?!.*/threads/).*/v1/messages")),
)


def family(exchange):
    path = exchange["target"].partition("?")[0]
    method = exchange["method"].upper()
    for name, pattern in FAMILIES:
        if pattern.fullmatch(path):
            return name if method == ("GET" if name.endswith("retrieve") else "POST") else None
    return None


def host_of(exchange):
    return exchange["host"].lower().removesuffix(":443")


def native(exchange):
    return host_of(exchange) in NATIVE_HOSTS


def endpoint(exchange):
    """What --endpoint says of the exchange's host, or None where it is known by its name."""
    if native(exchange):
        return None
    return f"{exchange['host']}={family(exchange).partition('.')[0]}"


def chain(exchange):
    """The id that a background response shares with its polls, else None."""
    name = family(exchange)
    if name == "openai.responses.retrieve":
        return exchange["target"].partition("?")[0].rpartition("/")[2]
    if name != "openai.responses":
        return None
    _, response, _ = response_object(exchange)
    return response.get("id") if response.get("background") is True else None


def text_of(body):
    if not body:
        return ""
    if "base64" in body:
        return base64.b64decode(body["base64"]).decode("utf-8", "replace")
    return body["text"]


def number(value):
    """A count: a non-negative integer. True is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def member(value, *names):
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def is_stream(exchange):
    """By the content type, as HTTP says; by its looks where the recording has lost the header."""
    for name, value in exchange["response_headers"]:
        if name.lower() == "content-type":
            return value.partition(";")[0].strip().lower() == "text/event-stream"
    return text_of(exchange["response_body"]).lstrip().startswith(("data:", "event:", ":"))


def events(text):
    """(event name, data) as the HTML standard splits a stream, the last one unfinished or not."""
    name, data = "", []
    for line in [*re.split(r"\r\n|\n|\r", text), ""]:
        if not line:
            if data:
                yield name, "\n".join(data)
            name, data = "", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)


def documents(exchange):
    """(the JSON objects of a response, a stream of events or one document; whether all is JSON)."""
    text = text_of(exchange["response_body"])
    texts = [data for _, data in events(text)] if is_stream(exchange) else [text] if text else []
    out, whole = [], True
    for data in texts:
        try:
            value = json.loads(data)
        except ValueError:
            whole = whole and data.strip() == "[DONE]"
            continue
        if isinstance(value, dict):
            out.append(value)
    return out, whole


def put(fields, name, value):
    fields[name] = ABSENT if value is None else value


def has_error(document):
    """An error of the provider's own within an OpenAI body; a null one is none."""
    if document.get("type") in ("error", "response.failed"):
        return True
    return bool(document.get("error")) or bool(member(document, "response", "error"))


def no_usage(fields, failed):
    for name in STANDARD:
        fields[name] = ABSENT
    if failed:
        fields.update({STATUS: "priced", COST: 0, "error.type": PRESENT})
    else:
        fields.update({STATUS: "unpriced", COMPLETE: "partial", COST: ABSENT})


def tells(usage, *names):
    """Is this a usage with a count in it?"""
    return isinstance(usage, dict) and any(number(usage.get(name)) is not None for name in names)


def leave_open(fields, *names):
    for name in names:
        fields[name] = {ABSENT, PRESENT}


def broken(fields):
    """Not JSON to its end: what was told before the break may be taken, but it is not exact."""
    leave_open(fields, "gen_ai.response.model", "gen_ai.response.id", *STANDARD)
    leave_open(fields, "openai.response.service_tier", COST, SOURCE, AMOUNT)
    fields.update({COMPLETE: "partial", STATUS: {"priced", "unpriced"}})


def told_usage(fields):
    fields[STATUS] = {"priced", "unpriced"}
    fields[COMPLETE] = "exact"


def in_spite_of_error(fields, failed):
    """What was used before an error is billed; whether that is all is not told."""
    if failed:
        fields["error.type"] = PRESENT
        fields[COMPLETE] = {"exact", "partial"}


def last(documents_, *names):
    """The last text that is there and not empty; the first chunk of some hosts has empty names."""
    found = None
    for document in documents_:
        value = member(document, *names)
        if isinstance(value, str) and value:
            found = value
    return found


def text_or_none(value):
    return value if isinstance(value, str) and value else None


def first_number(*values):
    return next((n for n in map(number, values) if n is not None), None)


def openai_usage(fields, usage, input_name, output_name):
    """Cached tokens are within the input, reasoning within the output."""
    put(fields, INPUT, number(usage.get(input_name)))
    put(fields, OUTPUT, number(usage.get(output_name)))
    details = usage.get(input_name + "_details")
    put(fields, CACHE_READ, first_number(
        member(details, "cached_tokens"), usage.get("num_cached_tokens"),  # Mistral
        usage.get("cached_tokens"),  # Together, Hugging Face
        usage.get("prompt_cache_hit_tokens")))  # DeepSeek
    put(fields, CACHE_WRITE, number(member(details, "cache_write_tokens")))
    put(fields, OWN + "input_audio", number(member(details, "audio_tokens")))
    details = usage.get(output_name + "_details")
    put(fields, REASONING, number(member(details, "reasoning_tokens")))
    put(fields, OWN + "output_audio", number(member(details, "audio_tokens")))
    told_usage(fields)
    reported(fields, usage)
    beside(fields, number(usage.get("total_tokens")))
    within(fields, INPUT, CACHE_READ, CACHE_WRITE, OWN + "input_audio")
    within(fields, OUTPUT, REASONING, OWN + "output_audio")


def reported(fields, usage):
    """A cost that the response tells is the cost; with the user's own key it is a fee alone."""
    cost, byok = usage.get("cost"), usage.get("is_byok")
    if byok is None:
        byok = bool(member(usage.get("cost_details"), "upstream_inference_cost"))
    if isinstance(cost, bool) or not isinstance(cost, (int, float)) or byok:
        fields[SOURCE] = {ABSENT, "local"}
        return
    exact = Decimal(str(cost)).quantize(Decimal("1e-12"), ROUND_HALF_EVEN)
    text = f"{exact:f}".rstrip("0").rstrip(".")
    fields.update({STATUS: "priced", SOURCE: "provider", AMOUNT: text})


def beside(fields, total):
    """Some hosts count reasoning or cached tokens apart; the total tells whether they do."""
    counts = [fields[name] for name in (INPUT, OUTPUT, CACHE_READ, REASONING)]
    if total is None or ABSENT in counts[:2] or total == sum(counts[:2]):
        return
    cached, reasoning = (0 if n is ABSENT else n for n in counts[2:])
    for more_in, more_out in ((0, reasoning), (cached, 0), (cached, reasoning)):
        if total == counts[0] + more_in + counts[1] + more_out:
            fields[INPUT] += more_in
            fields[OUTPUT] += more_out
            return


def within(fields, total, *parts):
    """Parts that do not fit into their total, or have none, contradict it: which is wrong?"""
    told = [name for name in parts if fields[name] is not ABSENT]
    if fields[total] is ABSENT:
        leave_open(fields, total, *parts)
        fields[COMPLETE] = {"exact", "partial"}
    elif sum(fields[name] for name in told) > fields[total]:
        fields[COMPLETE] = "partial"
        leave_open(fields, *told)


def chat(exchange, fields):
    docs, whole = documents(exchange)
    put(fields, "gen_ai.response.model", last(docs, "model"))
    put(fields, "gen_ai.response.id", last(docs, "id"))
    put(fields, "openai.response.service_tier", last(docs, "service_tier"))
    usage = None
    for document in docs:
        for told in (member(document, "x_groq", "usage"), document.get("usage")):
            usage = told if tells(told, "prompt_tokens", "completion_tokens") else usage
    failed = exchange["status"] >= 400 or any(has_error(d) for d in docs)
    if usage is not None:
        openai_usage(fields, usage, "prompt_tokens", "completion_tokens")
        in_spite_of_error(fields, failed)
    else:
        no_usage(fields, failed)
    if not whole and not failed:
        broken(fields)


def response_object(exchange):
    """The documents of a body, the Response in its last state, and whether all is JSON."""
    docs, whole = documents(exchange)
    if not is_stream(exchange):
        return docs, docs[-1] if docs else {}, whole
    found = {}
    for document in docs:
        if isinstance(document.get("response"), dict):
            found = document["response"]
    return docs, found, whole


def responses(exchange, fields, background):
    docs, response, whole = response_object(exchange)
    put(fields, "gen_ai.response.model", text_or_none(response.get("model")))
    put(fields, "gen_ai.response.id", text_or_none(response.get("id")))
    put(fields, "openai.response.service_tier", text_or_none(response.get("service_tier")) or
        last(docs, "response", "service_tier"))
    failed = exchange["status"] >= 400 or any(has_error(d) for d in docs)
    usage = response.get("usage")
    if tells(usage, "input_tokens", "output_tokens"):
        openai_usage(fields, usage, "input_tokens", "output_tokens")
        in_spite_of_error(fields, failed)
    else:
        no_usage(fields, failed)
        if response.get("background") is True and response.get("id") and not failed:
            background.add(response["id"])  # a later poll has the usage, and the bill
            fields.update({STATUS: {"free", "unpriced"}, COMPLETE: PRESENT, COST: {ABSENT, 0}})
    if not whole and not failed:
        broken(fields)


def retrieve(exchange, fields, background):
    """Repeats what its create was billed for, but for the first that sees a background one done."""
    _, response, _ = response_object(exchange)
    if response.get("id") in background and isinstance(response.get("usage"), dict):
        background.discard(response["id"])
        openai_usage(fields, response["usage"], "input_tokens", "output_tokens")
    elif exchange["status"] >= 400:
        fields.update({STATUS: {"free", "priced"}, COST: 0})
    else:
        fields.update({STATUS: "free", COST: 0})


def anthropic_counts(usage):
    """Cached tokens are beside the input; a count that is not told is not zero, but adds none."""
    read = number(usage.get("cache_read_input_tokens"))
    write = number(usage.get("cache_creation_input_tokens"))
    five = number(member(usage, "cache_creation", "ephemeral_5m_input_tokens"))
    hour = number(member(usage, "cache_creation", "ephemeral_1h_input_tokens"))
    if write is None and (five is not None or hour is not None):
        write = (five or 0) + (hour or 0)
    fresh = number(usage.get("input_tokens"))
    return {
        INPUT: None if fresh is None else fresh + (read or 0) + (write or 0),
        OUTPUT: number(usage.get("output_tokens")),
        CACHE_READ: read,
        CACHE_WRITE: write,
        OWN + "cache_creation_5m": five,
        OWN + "cache_creation_1h": hour,
        REASONING: number(member(usage, "output_tokens_details", "thinking_tokens")),
    }


def unsplit_writes(usage):
    """Cache writes that are told without a lifetime, below zero if the lifetimes exceed them."""
    split = [number(member(usage, "cache_creation", f"ephemeral_{t}_input_tokens"))
             for t in ("5m", "1h")]
    write = number(usage.get("cache_creation_input_tokens"))
    return 0 if write is None or split == [None, None] else write - sum(n or 0 for n in split)


def add_counts(a, b):
    return {k: b[k] if a[k] is None else a[k] if b[k] is None else a[k] + b[k] for k in a}


def anthropic_usage(fields, usage):
    counts = anthropic_counts(usage)
    entries = [e for e in usage.get("iterations") or [] if isinstance(e, dict)]
    if entries:  # each is billed: the sum is over all of them, whatever the top level says
        thinking = counts[REASONING]
        counts = anthropic_counts(entries[0])
        for entry in entries[1:]:
            counts = add_counts(counts, anthropic_counts(entry))
        if counts[REASONING] is None and thinking is not None:
            counts[REASONING] = thinking
    for name, value in counts.items():
        put(fields, name, value)
    unsplit = [unsplit_writes(entry) for entry in entries or [usage]]
    if min(unsplit) < 0:
        leave_open(fields, INPUT, CACHE_WRITE)
        fields[COMPLETE] = "partial"
    elif max(unsplit) > 0:  # a stream told more of them later, but not their lifetime
        fields[COMPLETE] = {"exact", "partial"}
    within(fields, OUTPUT, REASONING)
    if entries and fields[REASONING] is not ABSENT:
        leave_open(fields, REASONING)  # the entries do not tell it, only their sum does
    if counts[INPUT] is None:
        leave_open(fields, *counts)
        fields[COMPLETE] = {"exact", "partial"}
    tools = usage.get("server_tool_use")
    for kind in ("web_search", "web_fetch"):
        put(fields, f"{OWN}requests.{kind}", number(member(tools, kind + "_requests")))


def merged(old, new):
    """Later counts replace earlier ones; what is not told again stays."""
    out = dict(old)
    out.update({k: v for k, v in new.items() if v is not None})
    return out


def message_of(exchange, docs):
    """(message, usage, whether its counts are final) of a response."""
    if not is_stream(exchange):
        message = docs[-1] if docs else {}
        return message, message.get("usage"), True
    message, usage, final = {}, None, False
    for document in docs:
        if document.get("type") == "message_start":
            message = document.get("message") or {}
            usage = message.get("usage")
        elif document.get("type") == "message_delta" and isinstance(document.get("usage"), dict):
            usage, final = merged(usage or {}, document["usage"]), True
    return message, usage, final


def messages(exchange, fields):
    docs, whole = documents(exchange)
    message, usage, final = message_of(exchange, docs)
    put(fields, "gen_ai.response.model", text_or_none(message.get("model")))
    put(fields, "gen_ai.response.id", text_or_none(message.get("id")))
    failed = exchange["status"] >= 400 or any(d.get("type") == "error" for d in docs)
    if tells(usage, "input_tokens", "output_tokens"):
        told_usage(fields)
        anthropic_usage(fields, usage)
        in_spite_of_error(fields, failed)
        put(fields, "anthropic.response.service_tier", text_or_none(usage.get("service_tier")))
        if not final:
            fields.pop(OUTPUT)  # it is not known yet in message_start
            fields[COMPLETE] = {"partial", "estimated"}
    else:
        no_usage(fields, failed)
    if not whole and not failed:
        broken(fields)


def request_model(exchange):
    try:
        body = json.loads(text_of(exchange["request_body"]))
    except ValueError:
        return None
    return text_or_none(member(body, "model"))


def expected(exchange, background):
    """The answer for one exchange; `background` is a set that is kept from one to the next."""
    name = family(exchange)
    fields = {
        "http.response.status_code": exchange["status"],
        "http.request.method": exchange["method"].upper(),
        "url.path": exchange["target"].partition("?")[0],
        "server.address": exchange["host"].partition(":")[0].lower(),
        "tollspan.key.fingerprint": PRESENT,
    }
    if native(exchange):
        fields["gen_ai.provider.name"] = NATIVE_HOSTS[host_of(exchange)]
    if name == "openai.responses.retrieve":
        retrieve(exchange, fields, background)
        return fields
    model = request_model(exchange)
    if model:
        fields["gen_ai.request.model"] = model
    if name == "openai.chat":
        chat(exchange, fields)
    elif name in ("openai.responses", "openai.responses.compact"):
        responses(exchange, fields, background)
    elif name == "anthropic.messages":
        messages(exchange, fields)
    else:
        fields.update({STATUS: {"free", "priced"} if exchange["status"] >= 400 else "free",
                       COST: 0})
    if name != "anthropic.count_tokens":
        fields["gen_ai.operation.name"] = "chat"
    return fields


def differences(want, got):
    """Texts, one for each field of `got` that is not as it should be."""
    out = []
    for name, value in sorted(want.items()):
        actual = got.get(name, ABSENT)
        allowed = value if isinstance(value, (set, frozenset)) else {value}
        if actual in allowed or (PRESENT in allowed and actual is not ABSENT):
            continue
        out.append(f"{name}: want {show(allowed)}, got {show([actual])}")
    for name, value in sorted(got.items()):
        if name in STANDARD and name not in want and want.get(STATUS) not in ({"free"}, "free"):
            if name != OUTPUT:
                out.append(f"{name}: want absent, got {value!r}")
    return out


def show(values):
    words = ["absent" if v is ABSENT else "any" if v is PRESENT else repr(v) for v in values]
    return " or ".join(sorted(words))
