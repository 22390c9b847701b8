# SPDX-License-Identifier: Apache-2.0
"""What pricing/additions.json adds to the card, and what is an error of it."""

import json

import pytest

from conftest import ROOT
from test_oracles import CARD, TODAY, amounts, line, ratecard, rows

ADDITIONS = ROOT / "pricing" / "additions.json"
COHERE = {
    "provider": "cohere",
    "model": "command-a",
    "reason": "r",
    "source": "s",
    "read": "own page",
}


def generate(tmp_path, *entries, base=CARD):
    """The generator's run with further entries."""
    content = json.loads(ADDITIONS.read_text())
    content["added"] += entries
    path = tmp_path / "additions.json"
    path.write_text(json.dumps(content))
    return ratecard(tmp_path, "--base", base, "--additions", path)


def command_a(tmp_path):
    return rows(tmp_path / "card.json", "cohere", "command-a")


WRONG = [
    # what an entry says, and what is said of it
    ({"prices": {"input": "2.5"}}, "a package has command-a standard/input 2.5/M: "),
    ({"prices": {"input": "7"}}, "a package has command-a standard/input 2.5/M: "),
    ({"prices": {"input": "7"}, "start": "2026-03-01"}, "a package has command-a standard/input "),
    ({"model": "no-such", "prices": {"cache_read": "1"}}, "no row of no-such: "),
    (
        {"end": "2020-01-01", "start": "2026-01-01", "hours": []},
        "no row of command-a at that time: ",
    ),
    ({"new": True, "prices": {"input": "7"}}, "a package has command-a: "),
    ({"instead": {"prices": {"cache_read": "1"}}}, "the card has no command-a standard/cache_read"),
]


def test_an_addition_that_a_package_has_or_of_nothing_is_an_error(tmp_path):
    entries = [{**COHERE, **fields} for fields, _ in WRONG]
    done = generate(tmp_path, *entries)
    assert done.returncode == 1, done.stderr
    for entry, (_, said) in zip(entries, WRONG):
        found = [text for text in done.stdout.splitlines() if text.endswith(json.dumps(entry))]
        assert any(text.startswith(said) for text in found), (said, found)
    assert not (tmp_path / "card.json").exists()


def test_a_figure_is_added_for_all_time_or_from_a_day_until_one(tmp_path):
    (before,) = rows(CARD, "cohere", "command-a")
    entries = [
        {
            **COHERE,
            "prices": {"cache_read": "0.25"},
            "tiers": {"batch": {"prices": {"input": "1"}}},
        },
        {
            **COHERE,
            "start": "2026-03-01",
            "end": "2026-04-01",
            "instead": {"prices": {"input": before["prices"]["input"]}},
            "prices": {"input": "7"},
        },
        {**COHERE, "ends": "2026-11-01"},
    ]
    done = generate(tmp_path, *entries)
    assert done.returncode == 0, done.stdout + done.stderr
    first, second, third = command_a(tmp_path)
    assert first["prices"] == third["prices"] == {**before["prices"], "cache_read": "0.25"}
    assert second["prices"] == {**first["prices"], "input": "7"}
    assert [row.get("start") for row in (first, second, third)] == [
        None,
        "2026-03-01",
        "2026-04-01",
    ]
    assert [row.get("end") for row in (first, second, third)] == [None, None, "2026-11-01"]
    for row in (first, second, third):
        assert row["tiers"] == {"batch": {"prices": {"input": "1"}}}
        assert row["source"].startswith(before["source"] + "; added: ")
        assert "cache_read of s, own page" in row["source"]

    # once more with what it made, with another figure, and without
    made = (tmp_path / "card.json").read_text()
    base = tmp_path / "base.json"
    base.write_text(made)
    assert generate(tmp_path, *entries, base=base).returncode == 0
    assert (tmp_path / "card.json").read_text() == made
    entries[0] = {**entries[0], "prices": {"cache_read": "0.5"}}
    assert generate(tmp_path, *entries, base=base).returncode == 0
    assert [row["prices"]["cache_read"] for row in command_a(tmp_path)] == ["0.5"] * 3


def test_what_is_wrong_has_no_price_where_what_is_right_is_not_known(tmp_path):
    """A figure, the prices of a length, and a bucket that has another's price: for a time."""
    (before,) = rows(CARD, "cohere", "command-a")
    entry = {
        **COHERE,
        "provider": ["cohere"],
        "end": "2026-03-01",
        "instead": {"prices": {"output": before["prices"]["output"]}},
        "context": [{"above": 1000, "prices": {}}],
    }
    entries = [entry, {**COHERE, "unbilled": ["reasoning"], "start": "2026-03-01"}]
    done = generate(tmp_path, *entries)
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = command_a(tmp_path)
    assert first["prices"] == {"input": before["prices"]["input"]}
    assert first["context"] == [{"above": 1000, "prices": {}}]
    assert second["prices"] == before["prices"] and "context" not in second
    assert second["start"] == "2026-03-01" and "reasoning" not in second.get("billed_as", {})
    assert "no output" in first["source"] and "no price above 1000" in first["source"]
    made = (tmp_path / "card.json").read_text()
    base = tmp_path / "base.json"
    base.write_text(made)
    assert generate(tmp_path, *entries, base=base).returncode == 0
    assert (tmp_path / "card.json").read_text() == made


def test_a_figure_that_is_nowhere_published_is_taken_out_for_a_time(tmp_path):
    (before,) = rows(CARD, "cohere", "command-a")
    wrong = {"prices": {"output": before["prices"]["output"]}}
    entry = {**COHERE, "start": "2026-03-01", "end": "2026-04-01", "instead": wrong}
    done = generate(tmp_path, entry)
    assert done.returncode == 0, done.stdout + done.stderr
    first, second, third = command_a(tmp_path)
    assert first["prices"] == third["prices"] == before["prices"]
    assert second["prices"] == {k: v for k, v in before["prices"].items() if k != "output"}
    assert "no output of s, own page" in second["source"]

    # once more with what it made, and then without it
    base = tmp_path / "base.json"
    base.write_text((tmp_path / "card.json").read_text())
    assert generate(tmp_path, entry, base=base).returncode == 0
    assert (tmp_path / "card.json").read_text() == base.read_text()
    wrong["prices"]["output"] = "7"
    done = generate(tmp_path, entry)
    assert done.returncode == 1
    assert "the card has not command-a standard/output 7/M: " in done.stdout


def test_hours_are_added_in_front_and_a_model_that_neither_package_has(tmp_path):
    night = {"zone": "UTC", "from": "00:00", "to": "06:00", "prices": {"input": "1", "output": "2"}}
    holiday = {
        "zone": "UTC",
        "from": "00:00",
        "to": "24:00",
        "start": "2026-12-25",
        "end": "2026-12-26",
    }
    new = {"model": "command-next", "new": True, "start": "2026-11-20", "prices": {"input": "3"}}
    entries = [{**COHERE, "hours": [night]}, {**COHERE, "hours": [holiday]}, {**COHERE, **new}]
    done = generate(tmp_path, *entries)
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = command_a(tmp_path)
    assert row["hours"] == [{**holiday, "prices": night["prices"]}, night]
    (row,) = rows(tmp_path / "card.json", "cohere", "command-next")
    assert row["start"] == "2026-11-20" and row["prices"] == {"input": "3"}
    assert row["source"] == "added: command-next: input of s, own page"


MILLION = 100_000  # of tokens, times ten
PUBLISHED = [
    # provider, model, time, tier, geography, bucket, price of a million: by the providers' pages
    # a promotion, no cheaper nights, the first of them, the last, and the hour in which they ended
    ("deepseek", "deepseek-chat", "2025-01-15T18:00:00Z", None, None, "output", 0.28),
    ("deepseek", "deepseek-chat", "2025-02-08T15:59:59Z", None, None, "input", 0.14),
    ("deepseek", "deepseek-chat", "2025-02-08T16:00:00Z", None, None, "input", 0.27),
    ("deepseek", "deepseek-chat", "2025-02-20T17:00:00Z", None, None, "output", 1.1),
    ("deepseek", "deepseek-reasoner", "2025-02-26T16:29:59Z", None, None, "output", 2.19),
    ("deepseek", "deepseek-reasoner", "2025-02-26T16:30:00Z", None, None, "output", 0.55),
    ("deepseek", "deepseek-chat", "2025-09-04T18:00:00Z", None, None, "output", 0.55),
    ("deepseek", "deepseek-chat", "2025-09-05T15:59:59Z", None, None, "output", 1.1),
    ("deepseek", "deepseek-chat", "2025-09-05T16:00:00Z", None, None, "output", 1.68),
    ("deepseek", "deepseek-chat", "2025-09-05T18:00:00Z", None, None, "output", 1.68),
    ("deepseek", "deepseek-v3.1-terminus", "2025-09-25T18:00:00Z", None, None, "output", 1.68),
    ("deepseek", "deepseek-v3.2-exp", "2025-10-25T18:00:00Z", None, None, "output", 0.42),
    ("deepseek", "deepseek-reasoner", "2025-09-28T12:00:00Z", None, None, "input", 0.56),
    ("deepseek", "deepseek-reasoner", "2026-04-23T12:00:00Z", None, None, "input", 0.28),
    ("deepseek", "deepseek-chat", "2026-04-24T12:00:00Z", None, None, "output", 0.28),
    ("deepseek", "deepseek-chat", "2026-07-24T12:00:00Z", None, None, "input", 0.14),
    ("deepseek", "deepseek-chat", "2026-07-25T00:00:00Z", None, None, "input", None),
    # Thursday and Saturday before, Saturday after weekends were exempted; nine in Beijing is one
    ("deepseek", "deepseek-v4-flash", "2026-08-20T01:00:00Z", None, None, "output", 1.32),
    ("deepseek", "deepseek-v4-flash", "2026-08-20T00:59:59Z", None, None, "output", 0.66),
    ("deepseek", "deepseek-v4-flash", "2026-08-20T04:00:00Z", None, None, "output", 0.66),
    ("deepseek", "deepseek-v4-flash", "2026-08-20T09:59:59Z", None, None, "output", 1.32),
    ("deepseek", "deepseek-v4-flash", "2026-08-20T10:00:00Z", None, None, "output", 0.66),
    ("deepseek", "deepseek-v4-flash", "2026-08-22T06:00:00Z", None, None, "output", 1.32),
    ("deepseek", "deepseek-v4-flash", "2026-08-29T06:00:00Z", None, None, "output", 0.66),
    ("deepseek", "deepseek-v4-pro", "2026-08-22T06:00:00Z", None, None, "output", 3.96),
    ("deepseek", "deepseek-v4-pro", "2026-08-22T05:00:00Z", None, None, "output", 1.98),
    ("deepseek", "deepseek-v4-pro", "2026-08-29T06:00:00Z", None, None, "output", 1.98),
    # the day before a holiday, the last hours of it in Beijing, and the day after
    ("deepseek", "deepseek-flash", "2026-09-30T07:00:00Z", None, None, "output", 1.2),
    ("deepseek", "deepseek-flash", "2026-10-07T07:00:00Z", None, None, "output", 0.6),
    ("deepseek", "deepseek-v4-pro", "2026-10-07T07:00:00Z", None, None, "output", 1.98),
    ("deepseek", "deepseek-flash", "2026-10-08T07:00:00Z", None, None, "output", 1.2),
    ("gcp.gemini", "gemini-4-argon", "2026-11-30T12:00:00Z", "flex", None, "output", 5),
    ("gcp.gemini", "gemini-4-argon", "2026-12-01T12:00:00Z", "flex", None, "output", 10),
    ("gcp.gemini", "gemini-4-argon", "2026-12-01T12:00:00Z", "priority", None, "input", 7.2),
    ("gcp.gemini", "gemini-3.8-flash", "2027-01-01T12:00:00Z", "priority", None, "output", 13.5),
    ("gcp.gemini", "gemini-3.6-flash", "2027-01-01T12:00:00Z", "priority", None, "output", None),
    ("gcp.gemini", "gemini-4-neon", "2026-11-18T00:00:00Z", "priority", None, "output", 27),
    ("gcp.gemini", "gemini-4-carbon", "2026-12-01T00:00:00Z", None, None, "input", 4),
    ("openai", "gpt-6.2-sol", "2026-11-20T00:00:00Z", "batch", None, "output", 5),
    ("openai", "gpt-6.2-astra", "2026-11-20T00:00:00Z", "priority", None, "input", 16),
    ("openai", "gpt-6.2-astra", "2026-11-20T00:00:00Z", "flex", None, "input", None),
    ("openai", "gpt-6.1-sol", "2026-11-20T00:00:00Z", None, "eu", "input", 2.2),
    ("openai", "gpt-6.1-sol", "2026-11-20T00:00:00Z", None, "jp", "input", None),
    ("openai", "o3", "2025-05-01T00:00:00Z", None, None, "output", 40),
    ("openai", "o1-mini", "2024-12-01T00:00:00Z", None, None, "output", 12),
    ("openai", "o1-mini-2024-09-12", "2025-02-01T00:00:00Z", None, None, "output", 4.4),
    ("openai", "gpt-4o", "2024-07-01T00:00:00Z", None, None, "input", 5),
    ("openai", "gpt-4o-2024-08-06", "2024-09-01T00:00:00Z", None, None, "input", 2.5),
    ("openai", "gpt-4o-2024-05-13", "2025-11-20T00:00:00Z", None, None, "input", 5),
    ("openai", "gpt-5-codex", "2025-11-20T00:00:00Z", None, None, "output", 10),
    ("openai", "gpt-5-codex", "2025-11-20T00:00:00Z", "priority", None, "output", 20),
    ("openai", "gpt-5-codex", "2025-11-20T00:00:00Z", "batch", None, "output", None),
    ("openai", "gpt-5.1-codex-2025-11-13", "2025-11-20T00:00:00Z", "flex", None, "input", None),
    ("openai", "gpt-5-chat-latest", "2025-11-20T00:00:00Z", "priority", None, "input", None),
    ("openai", "gpt-5.2-chat-latest", "2026-02-20T00:00:00Z", "batch", None, "input", None),
    ("openai", "gpt-5.1", "2025-11-20T00:00:00Z", "flex", None, "input", 0.625),
    ("openai", "gpt-4o-search-preview", "2025-11-20T00:00:00Z", "batch", None, "input", None),
    ("openai", "gpt-4o-mini-search-preview", "2025-11-20T00:00:00Z", "fast", None, "input", None),
    ("openai", "o3-deep-research", "2025-11-20T00:00:00Z", "batch", None, "output", 20),
    ("openai", "o4-mini-deep-research", "2025-11-20T00:00:00Z", "batch", None, "input", 1),
    ("openai", "gpt-4-1106-vision-preview", "2025-11-20T00:00:00Z", "batch", None, "output", 15),
    ("openai", "gpt-3.5-turbo-16k-0613", "2025-11-20T00:00:00Z", "batch", None, "input", 1.5),
    ("openai", "gpt-3.5-turbo-0301", "2025-11-20T00:00:00Z", "batch", None, "output", 2),
    ("openai", "text-embedding-ada-002", "2025-11-20T00:00:00Z", "batch", None, "input", 0.05),
    ("openai", "gpt-5.3-codex", "2026-09-20T00:00:00Z", "batch", None, "output", 7),
    ("openai", "gpt-oss-120b", "2025-11-20T00:00:00Z", None, None, "input", None),
    ("azure.ai.openai", "gpt-oss-20b", "2025-11-20T00:00:00Z", None, None, "input", None),
    ("openai", "gpt-4o:extended", "2025-11-20T00:00:00Z", None, None, "input", None),
    ("groq", "llama-3.3-70b-versatile", "2026-06-01T00:00:00Z", "batch", None, "output", 0.395),
    ("x_ai", "grok-4.6", "2026-11-20T00:00:00Z", None, "us", "output", 6.6),
    ("x_ai", "grok-4.7", "2026-11-20T00:00:00Z", None, "us", "output", 6.6),
    ("x_ai", "grok-4.20-beta-reasoning", "2026-04-29T23:59:59Z", None, None, "output", 6),
    ("x_ai", "grok-4.20-beta-reasoning", "2026-04-30T00:00:00Z", None, None, "output", 2.5),
    ("x_ai", "grok-4.20-reasoning", "2026-04-29T23:59:59Z", "batch", None, "output", None),
    ("anthropic", "claude-opus-4-1", "2025-11-08T00:00:00Z", "batch", None, "output", 37.5),
    ("anthropic", "claude-3-haiku-20240307", "2025-11-08T00:00:00Z", "batch", None, "input", 0.125),
    ("anthropic", "claude-opus-4-6", "2026-02-20T00:00:00Z", "fast", None, "output", 150),
    ("anthropic", "claude-opus-4-7", "2026-05-20T00:00:00Z", "fast", None, "input", 30),
    ("anthropic", "claude-mythos-preview", "2026-06-08T23:59:59Z", None, None, "output", 125),
    ("anthropic", "claude-mythos-preview", "2026-06-09T00:00:00Z", None, None, "output", 50),
    ("gcp.gemini", "gemini-2.0-flash", "2025-10-31T00:00:00Z", "batch", None, "output", 0.2),
    ("gcp.gemini", "gemini-2.5-flash-preview", "2025-05-01T00:00:00Z", None, None, "output", 0.6),
    ("gcp.gemini", "gemini-1.5-flash-8b-001", "2025-05-01T00:00:00Z", None, None, "output", 0.15),
    ("x_ai", "grok-4.6", "2026-11-20T00:00:00Z", None, "eu", "output", None),
]


def test_what_is_added_costs_what_the_providers_publish():
    lines = [
        line(
            provider,
            model,
            **{f"gen_ai.usage.{bucket}_tokens": MILLION, "time": time},
            **({"openai.response.service_tier": tier} if tier else {}),
            **({"tollspan.region": region} if region else {}),
        )
        for provider, model, time, tier, region, bucket, _ in PUBLISHED
    ]
    said = [amount and round(amount * 10, 9) for amount in amounts(lines)]
    assert [(*case[:6], amount) for case, amount in zip(PUBLISHED, said)] == PUBLISHED


PARTS = [
    # provider, model, time, field, quantity, its price
    ("deepseek", "deepseek-chat", "2026-04-26", "gen_ai.usage.cache_read.input_tokens", 1e6, 0.028),
    (
        "deepseek",
        "deepseek-chat",
        "2026-04-27",
        "gen_ai.usage.cache_read.input_tokens",
        1e6,
        0.0028,
    ),
    (
        "anthropic",
        "claude-sonnet-5-5",
        "2026-10-06",
        "gen_ai.usage.cache_read.input_tokens",
        1e6,
        0.2,
    ),
    (
        "anthropic",
        "claude-sonnet-5-5",
        "2026-10-07",
        "gen_ai.usage.cache_read.input_tokens",
        1e6,
        0.1,
    ),
    *(
        ("anthropic", model, day, "gen_ai.usage.cache_read.input_tokens", 1e6, price)
        for model in ("claude-sonnet-5.5", "claude-5-5-sonnet")
        for day, price in (("2026-10-06", 0.2), ("2026-10-07", 0.1))
    ),
    # a million is a long request
    *(
        ("gcp.gemini", model, day, "gen_ai.usage.cache_read.input_tokens", 1e6, price)
        for model, prices in (
            ("gemini-2.5-pro", (0.625, None, 0.25)),
            ("gemini-2.5-flash", (0.075, None, 0.03)),
            ("gemini-2.5-flash-lite", (0.025, None, 0.01)),
        )
        for day, price in zip(("2025-10-02", "2025-10-03", "2025-10-31"), prices)
    ),
    ("anthropic", "claude-sonnet-4-20250514", "2025-11-08", "gen_ai.usage.input_tokens", 1e6, 6),
    ("gcp.vertex_ai", "claude-sonnet-4@20250514", TODAY, "gen_ai.usage.input_tokens", 1e6, None),
    ("gcp.vertex_ai", "claude-sonnet-4@20250514", TODAY, "gen_ai.usage.input_tokens", 200_000, 0.6),
    *(
        ("x_ai", model, "2025-11-20", "gen_ai.usage.input_tokens", quantity, price)
        for model, quantity, price in (
            ("grok-4-fast-reasoning", 128_000, 0.0256),
            ("grok-4-fast-reasoning", 128_001, 0.0512004),
            ("grok-4-1-fast-reasoning", 128_001, None),
        )
    ),
    ("openai", "o3", "2025-06-09", "gen_ai.usage.cache_read.input_tokens", 1e6, 2.5),
    ("openai", "o3", "2025-06-10", "gen_ai.usage.cache_read.input_tokens", 1e6, 0.5),
    (
        "openai",
        "gpt-4o-search-preview",
        "2025-11-20",
        "gen_ai.usage.cache_read.input_tokens",
        1e6,
        None,
    ),
    (
        "openai",
        "gpt-4o-mini-search-preview",
        "2025-11-20",
        "tollspan.usage.requests.web_search",
        1000,
        25,
    ),
    ("openai", "text-moderation-latest", "2025-11-20", "gen_ai.usage.input_tokens", 1000, 0),
    ("x_ai", "grok-4.3", "2026-11-20", "tollspan.usage.requests.web_search", 1000, 5),
    ("x_ai", "grok-4.3", "2026-11-20", "tollspan.usage.requests.file_search", 1000, 2.5),
]


def test_caches_and_tools_that_are_added_cost_what_the_providers_publish():
    lines = []
    for provider, model, time, field, quantity, _ in PARTS:
        fields = {field: int(quantity), "time": f"{time}T12:00:00Z"}
        if "cache_read" in field:
            fields["gen_ai.usage.input_tokens"] = int(quantity)
        lines.append(line(provider, model, **fields))
    assert [(*case[:5], amount) for case, amount in zip(PARTS, amounts(lines))] == PARTS


HEARD = [
    # model, field, price of a million tokens: by OpenAI's page
    ("gpt-4o-audio-preview-2024-10-01", "tollspan.usage.input_audio", 100),
    ("gpt-4o-audio-preview-2024-10-01", "tollspan.usage.output_audio", 200),
    ("gpt-4o-audio-preview-2024-12-17", "tollspan.usage.input_audio", 40),
    ("gpt-4o-realtime-preview-2024-10-01", "tollspan.usage.output_audio", 200),
    ("gpt-4o-realtime-preview-2024-10-01", "tollspan.usage.cache_read_audio", 20),
    ("gpt-4o-realtime-preview-2024-12-17", "tollspan.usage.cache_read_audio", 2.5),
    ("gpt-4o-mini-transcribe-2025-03-20", "tollspan.usage.input_audio", 3),
    ("gpt-4o-mini-transcribe-2025-12-15", "tollspan.usage.input_audio", 3),
    ("gpt-4o-mini-tts-2025-12-15", "gen_ai.usage.output_tokens", 12),
    # what a minute costs is an estimate
    ("gpt-4o-transcribe", "tollspan.usage.milliseconds", None),
    ("gpt-4o-mini-transcribe-2025-03-20", "tollspan.usage.milliseconds", None),
]
TOTALS = {
    "input_audio": ["gen_ai.usage.input_tokens"],
    "output_audio": ["gen_ai.usage.output_tokens"],
    "cache_read_audio": [
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.cache_read.input_tokens",
    ],
}


def test_audio_costs_what_its_snapshot_does():
    lines = []
    for model, field, _ in HEARD:
        fields = dict.fromkeys(TOTALS.get(field.rpartition(".")[2], ()), MILLION)
        lines.append(line("openai", model, **{**fields, field: MILLION, "time": TODAY}))
    said = [amount and round(amount * 10, 9) for amount in amounts(lines)]
    assert [(*case[:2], amount) for case, amount in zip(HEARD, said)] == HEARD


MADE = [
    # provider, model, quantity, variant, price: by OpenAI's page
    ("openai", "dall-e-3", "images", "standard/1024x1024", 0.04),
    ("openai", "dall-e-3", "images", "hd/1792x1024", 0.12),
    ("openai", "dall-e-3", "images", "standard/512x512", None),
    ("openai", "dall-e-2", "images", "256x256", 0.016),
    ("openai", "dall-e-2", "images", "standard/1024x1024", 0.02),
    ("openai", "gpt-image-1-mini", "images", "high/1024x1536", 0.052),
    ("openai", "chatgpt-image-latest", "images", "medium/1536x1024", 0.05),
    ("openai", "gpt-image-1.5", "images", "low/1024x1024", 0.009),
    ("openai", "gpt-image-1.5", "images", "standard/1024x1024", None),
    ("openai", "gpt-image-1.5", "images", "1024x1024", None),
    ("openai", "sora-2-pro", "milliseconds", "1792x1024", 0.0005),
    ("openai", "sora-2-pro", "milliseconds", "720x1280", 0.0003),
    ("openai", "sora-2-pro", "milliseconds", "1920x1080", None),
    ("openai", "sora-2-pro", "milliseconds", None, None),
    ("openai", "sora-2-pro-high-res", "milliseconds", None, None),
    ("azure.ai.openai", "sora-2-pro", "milliseconds", "1024x1792", 0.0005),
    ("openai", "sora-2", "milliseconds", "720x1280", 0.0001),
]


def test_an_image_and_a_second_cost_by_their_size():
    lines = [
        line(
            provider,
            model,
            **{f"tollspan.usage.{bucket}": 1, "time": TODAY},
            **({"tollspan.variant": variant} if variant else {}),
        )
        for provider, model, bucket, variant, _ in MADE
    ]
    assert [(*case[:4], amount) for case, amount in zip(MADE, amounts(lines))] == MADE


STORED = [
    # model, start of the row, price of a million tokens for an hour
    ("gemini-2.5-pro", None, "4.5"),
    ("gemini-2.5-flash", None, "1"),
    ("gemini-3.8-flash", None, "0.5"),
    ("gemini-3.8-flash", "2027-01-01", "1"),
]


@pytest.mark.parametrize(("model", "start", "price"), STORED)
def test_a_stored_cache_costs_by_the_hour(model, start, price):
    (row,) = [r for r in rows(CARD, "gcp.gemini", model) if r.get("start") == start]
    assert row["prices"]["cache_storage"] == {"price": price, "per": 1_000_000 * 3600}


CONTRADICTED = [
    # provider, model, price of a million tokens of input, of cached input: what both say of it
    ("x_ai", "grok-latest", 2, None),
    ("x_ai", "grok-4.7", 2, 0.5),
    ("x_ai", "grok-4.5", 2, 0.3),
    ("aws.bedrock", "claude-sonnet-latest", 2, 0.1),
    ("aws.bedrock", "gpt-sol-latest", 2, 0.1),
]


def test_an_alias_of_two_models_has_no_price_in_which_they_differ_but_as_settled():
    lines = [
        line(
            provider,
            model,
            **{"gen_ai.usage.input_tokens": MILLION, "time": TODAY},
            **({"gen_ai.usage.cache_read.input_tokens": MILLION} if cached else {}),
        )
        for provider, model, _, _ in CONTRADICTED
        for cached in (False, True)
    ]
    found = iter([amount and round(amount * 10, 9) for amount in amounts(lines)])
    assert [(*case[:2], next(found), next(found)) for case in CONTRADICTED] == CONTRADICTED
