# SPDX-License-Identifier: Apache-2.0
"""A model of one's own, priced by the time of its GPUs; and prices for a tag."""

import json
from datetime import datetime, timezone
from decimal import Decimal
from fractions import Fraction

from conftest import CLIENTS, python_client
from expect import COST, STATUS

CURL = ["/bin/sh", CLIENTS / "curl.sh"]
GPU = "tollspan.usage.gpu_milliseconds"
GPUS = 2
FREE = ("input", "cache_read", "cache_write", "output", "reasoning", "input_audio", "output_audio")


def card(path, prices, provider="mine", **more):
    """A card with a row for each model of the clients."""
    rows = [
        {
            "provider": provider,
            "model": model,
            "currency": "USD",
            "source": "a test",
            "checked": "2026-11-27",
            "prices": prices,
            "tiers": {tier: {"prices": prices} for tier in ("flex", "priority")},
        }
        for model in ("gpt-4o", "gpt-4o-mini")
    ]
    path.write_text(json.dumps({"schema": 1, "version": "2026-11-27", "rows": rows, **more}))
    return path


def nanoseconds(text):
    """Of a time as it is printed, with nine decimals."""
    whole, decimals = text.rstrip("Z").split(".")
    day = datetime.fromisoformat(whole).replace(tzinfo=timezone.utc)
    return int(day.timestamp()) * 10**9 + int(decimals)


def shares(calls):
    """Milliseconds of GPU of each call: at each moment the open calls have alike of it."""
    spans = [(nanoseconds(c["start_time"]), nanoseconds(c["end_time"])) for c in calls]
    moments = sorted({moment for span in spans for moment in span})
    found = [Fraction(0)] * len(calls)
    for begin, end in zip(moments, moments[1:]):
        open_calls = [i for i, (b, e) in enumerate(spans) if b <= begin and end <= e]
        for i in open_calls:
            found[i] += Fraction((end - begin) * GPUS, len(open_calls) * 10**6)
    return found


def test_concurrent_calls_share_the_gpus(bench):
    gpu_hour = {"price": "3.60", "per": 3600000}
    prices = {"gpu_milliseconds": gpu_hour, **{bucket: "0" for bucket in FREE}}
    endpoint = "localhost:%d=openai,provider=mine,gpus=%d" % (bench.provider.port, GPUS)
    options = ("--endpoint", endpoint, "--card", card(bench.folder / "card.json", prices))
    ran = bench.run("preload", python_client("pool"), options=options).ok()
    assert len(ran.calls) == 64
    for call, share in zip(ran.calls, shares(ran.calls)):
        assert call["gen_ai.provider.name"] == "mine"
        assert call[STATUS] == "priced", json.dumps(call, default=str)
        assert abs(call[GPU] - share) <= 2, (call, float(share))
        assert Decimal(str(call[COST])) == call[GPU] * Decimal("0.000001"), call


def test_without_a_rate_it_is_unpriced(bench):
    endpoint = "localhost:%d=openai,provider=mine,gpus=1" % bench.provider.port
    ran = bench.run("preload", CURL, options=("--endpoint", endpoint)).ok()
    chats = [call for call in ran.calls if GPU in call]
    assert chats
    for call in chats:
        assert call[STATUS] == "unpriced" and COST not in call, call


def test_a_discount_for_a_tag(bench):
    discount = {
        "provider": "openai",
        "tag": "team x",
        "factor": "0.5",
        "source": "annex C",
        "checked": "2026-11-27",
    }
    path = bench.folder / "card.json"
    path.write_text(
        json.dumps({"schema": 1, "version": "2026-11-27", "rows": [], "discounts": [discount]})
    )
    replayed = []
    bench.run("preload", CURL, verb="record", options=("-o", bench.capture_file)).ok()
    for options in (("--tag", "team y"), ("--tag=team x",)):
        done = bench.tollspan(
            "replay", bench.capture_file, "--json", "--endpoint", bench.endpoint(), "--card", path,
            *options,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        replayed.append(json.loads(done.stdout, parse_float=Decimal)["calls"])
    paid = 0
    for full, half in zip(*replayed):
        assert full["tollspan.tag"] == "team y" and half["tollspan.tag"] == "team x"
        if full["gen_ai.provider.name"] == "openai" and full.get(COST):
            assert half[COST] == full[COST] / 2, (full, half)
            paid += 1
        else:
            assert half.get(COST) == full.get(COST)
    assert paid


def test_a_tag_is_a_short_text(bench):
    for tag in ("", "x" * 257, "a\nb"):
        done = bench.tollspan("run", "--tag=" + tag, "--", "/bin/true")
        assert done.returncode == 125 and "--tag" in done.stderr


def test_history_is_priced_by_its_tag_and_key(bench):
    """A row for a tag, a discount for a key: both hold for what was called with them."""
    ran = bench.run("preload", CURL, options=("--tag=team x",)).ok()
    paid = [c for c in ran.calls if c.get(COST) and c["gen_ai.provider.name"] == "openai"]
    assert paid
    key = paid[0]["tollspan.key.fingerprint"]
    prices = {bucket: "1" for bucket in (*FREE, "web_search")}
    path = card(bench.folder / "card.json", prices, provider="openai")
    text = json.loads(path.read_text())
    for row in text["rows"]:
        row["only"] = {"tag": "team x"}
        row["model"] = paid[0]["gen_ai.response.model"]
    text["rows"] = text["rows"][:1]
    text["discounts"] = [
        {
            "provider": "openai",
            "key": key,
            "factor": "0.5",
            "source": "annex C",
            "checked": "2026-11-27",
        }
    ]
    path.write_text(json.dumps(text))
    done = bench.tollspan(
        "reprice", "--since=1h", "--ledger=%s" % bench.ledger, "--card", path, "--json"
    )
    assert done.returncode == 0, done.stderr
    done = bench.tollspan(
        "report", "--ledger=%s" % bench.ledger, "--pricing=latest", "--json", "--since=1h"
    )
    now = {c["span_id"]: c for c in json.loads(done.stdout, parse_float=Decimal)["calls"]}
    repriced = 0
    for call in paid:
        if call["gen_ai.response.model"] != text["rows"][0]["model"]:
            assert now[call["span_id"]][COST] == Decimal(str(call[COST])) / 2
            continue
        tokens = call["gen_ai.usage.input_tokens"] + call["gen_ai.usage.output_tokens"]
        if call.get("openai.response.service_tier", "default") == "default":
            assert now[call["span_id"]][COST] == Decimal(tokens) / 1000000 / 2, call
            repriced += 1
    assert repriced
