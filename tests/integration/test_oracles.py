# SPDX-License-Identifier: Apache-2.0
"""The card that is compiled in, beside the two packages that it is made of."""

import json
import os
import re
import subprocess
from fractions import Fraction

import pytest

from conftest import DEPS, ROOT, TOLLSPAN

PACKAGES = DEPS / "ratecard" / "bin" / "python"
CARD = ROOT / "pricing" / "card.json"
OVERRIDES = ROOT / "pricing" / "overrides.json"
TODAY = json.loads(OVERRIDES.read_text())["checked"]


def run(script, *options):
    if not PACKAGES.exists():
        pytest.skip("no genai-prices and litellm: make deps-ratecard")
    return subprocess.run(
        [str(PACKAGES), str(ROOT / "tests" / "pricing" / script), *map(str, options)],
        env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )


def ratecard(tmp_path, *options):
    """The generator's run, with what it writes in tmp_path: card and report."""
    out = ["--out", tmp_path / "card.json", "--report", tmp_path / "report.txt"]
    return run("ratecard.py", *out, *options)


def rows(path, provider, model):
    return [
        row
        for row in json.loads(path.read_text())["rows"]
        if row["provider"] == provider and row["model"] == model
    ]


def amounts(lines, *options):
    """What the program says that each line of --stdin costs; None where it is unpriced."""
    done = subprocess.run(
        [str(TOLLSPAN), "price", "--stdin", *options],
        input="".join(json.dumps(line) + "\n" for line in lines),
        capture_output=True,
        text=True,
        check=True,
    )
    answers = [json.loads(line).get("gen_ai.usage.cost") for line in done.stdout.splitlines()]
    return [answer and round(answer, 12) for answer in answers]


def line(provider, model, **fields):
    return {"gen_ai.provider.name": provider, "gen_ai.request.model": model, **fields}


def test_all_cases_and_random_usages_cost_what_the_packages_say():
    """The seed is new in each run, and in the output."""
    done = run("differ.py", "--tollspan", TOLLSPAN, "--usages", 100000)
    assert done.returncode == 0, done.stdout + done.stderr


LISTS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from differences import Case, Differences, changes
known = Differences(Path(sys.argv[2]))
cases = {Case("litellm", "fallback", "x", f"model-{i}", "reasoning", "") for i in range(20)}
listed, silent, _ = known.made(cases)
assert listed and not silent
assert not list(changes(listed, known.made(cases)[0]))
one = next(iter(cases))
for others in (cases - {one}, cases - {one} | {one._replace(model="other")}):
    assert list(changes(listed, known.made(others)[0]))
assert known.made(cases | {one._replace(kind="no such")})[1]
"""


def test_a_difference_more_or_less_is_not_as_listed(tmp_path):
    """Also where one name ceases to differ and another begins."""
    script = tmp_path / "lists.py"
    script.write_text(LISTS)
    folder = ROOT / "tests" / "pricing"
    done = run(script, folder, folder / "differences.json")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module", name="fresh")
def fixture_fresh(tmp_path_factory):
    """The generator's run on the card as it is: card.json and report.txt."""
    folder = tmp_path_factory.mktemp("ratecard")
    done = ratecard(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_card_is_made_again_as_it_is(fresh):
    assert (fresh / "card.json").read_bytes() == CARD.read_bytes()
    assert CARD.stat().st_size <= 3 * 10**6


def test_a_dated_name_that_costs_other_than_its_base_is_reported(fresh):
    """Either it was so when the name was made, or a snapshot has a neighbour's price."""
    _, _, section = (fresh / "report.txt").read_text().partition("## Dated names that cost other ")
    lines = section.partition("\n\n")[0].splitlines()
    assert "openai/gpt-4o-2024-05-13 standard/input: 5/M, the undated name 2.5/M" in lines
    assert not any("gpt-4o-2024-11-20" in line for line in lines)


def test_every_name_of_both_packages_is_found_or_reported(fresh):
    report = fresh / "report.txt"
    done = run("coverage.py", "--tollspan", TOLLSPAN, "--report", report)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_name_that_is_not_found_is_an_error(fresh, tmp_path):
    report = tmp_path / "report.txt"
    lines = (fresh / "report.txt").read_text().splitlines(keepends=True)
    report.write_text("".join(line for line in lines if "bedrock/guardrails" not in line))
    done = run("coverage.py", "--tollspan", TOLLSPAN, "--report", report)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "not found: aws.bedrock/guardrails" in done.stdout


def test_every_row_says_where_its_prices_are_from():
    versions = re.findall(r"^(genai-prices|litellm)==(.+)$", pins(), re.MULTILINE)
    packages = [f"{name} {version}" for name, version in versions]
    assert len(packages) == 2
    for row in json.loads(CARD.read_text())["rows"]:
        by_hand = row["provider"] in ("openai", "anthropic") and "http" in row["source"]
        by_hand |= row["source"].startswith("added: ")
        assert by_hand or any(package in row["source"] for package in packages), row
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["checked"]), row
        assert row["checked"] <= TODAY, row


PER_MILLION = re.compile(r"input|output|cache_(read|write)|reasoning")
READS = {
    "cache_read": "input",
    "cache_read_audio": "input_audio",
    "cache_read_image": "input_image",
}
CHEAPER, DEARER = {"batch", "flex"}, {"priority", "fast", "ultrafast"}
PRICE_MAX = 10_000  # of a million tokens
# Providers whose batches and flex cost half, and models of which their pages say otherwise.
HALVED = {"openai", "anthropic", "gcp.gemini"}
NOT_HALF = {
    "ft:babbage-002",
    "ft:gpt-4o-2024-08-06",
    "gpt-3.5-0301",
    "gpt-3.5-turbo-0613",
    "gpt-3.5-turbo-1106",
}


def rate(bucket, price):
    if isinstance(price, dict):
        return Fraction(price["price"]) / price["per"]
    return Fraction(price) / (10**6 if PER_MILLION.match(bucket) else 1)


def price_lists(row):
    """Prices of a row: (tier, or kind of list, and the input above which they hold) -> rates."""
    found = {"": row}
    for name, tier in row.get("tiers", {}).items():
        found[name] = found[tier] if isinstance(tier, str) else tier
    found |= {f"hours {i}": rule for i, rule in enumerate(row.get("hours", ()))}
    found |= {f"variant {name}": variant for name, variant in row.get("variants", {}).items()}
    lists = {(name, 0): content["prices"] for name, content in found.items()}
    for name, content in found.items():
        for long in content.get("context", ()):
            lists[name, long.get("above", long.get("from"))] = long["prices"]
    return {key: {b: rate(b, price) for b, price in lists[key].items()} for key in lists}


def strange(row):
    """What no provider does, and what a slip of a source looks like."""
    lists = price_lists(row)
    for (name, above), rates in lists.items():
        where = f"{name or 'standard'}{f'>{above}' if above else ''}"
        base, standard = lists[name, 0], lists.get(("", above), {})
        for bucket, value in rates.items():
            if value < 0:
                yield f"{where}/{bucket} is negative"
            if PER_MILLION.match(bucket) and value > Fraction(PRICE_MAX, 10**6):
                yield f"{where}/{bucket} is too much"
            if value > rates.get(READS.get(bucket), value):
                yield f"{where}/{bucket} costs more than what is not cached"
            if value < base.get(bucket, value):
                yield f"{where}/{bucket} costs less than in short requests"
            if name in CHEAPER and value > standard.get(bucket, value):
                yield f"{where}/{bucket} costs more than standard"
            if name in DEARER and value < standard.get(bucket, value):
                yield f"{where}/{bucket} costs less than standard"
            if row["provider"] in HALVED and name in CHEAPER and bucket in ("input", "output"):
                if 2 * value != standard.get(bucket) and row["model"] not in NOT_HALF:
                    yield f"{where}/{bucket} is not half of standard"
    if {"input_audio", "output_audio"} & row["prices"].keys() and "milliseconds" in row["prices"]:
        yield "milliseconds beside tokens of audio"
    for name in [row["model"], *row.get("aliases", ())]:
        if not name[-1].isalnum():
            yield f"{name} is a pattern"


def test_no_row_has_strange_prices():
    """There is no exception: what was found in a package is in pricing/overrides.json (doubted)."""
    found = [
        f"{row['provider']}/{row['model']} {row.get('start', '')} {what}"
        for row in json.loads(CARD.read_text())["rows"]
        for what in strange(row)
    ]
    assert not found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"prices": {"input": "1", "cache_read": "2"}}, "standard/cache_read costs more"),
        ({"prices": {"input": "10001"}}, "standard/input is too much"),
        ({"prices": {"output": "-1"}}, "standard/output is negative"),
        ({"context": [{"above": 9, "prices": {"input": "0.9"}}]}, "standard>9/input costs less"),
        ({"tiers": {"batch": {"prices": {"output": "6"}}}}, "batch/output costs more"),
        ({"tiers": {"priority": {"prices": {"output": "4"}}}}, "priority/output costs less"),
        (
            {"tiers": {"flex": {"prices": {"input": "3"}}, "batch": "flex"}},
            "batch/input costs more",
        ),
        ({"tiers": {"batch": {"prices": {"input": "0.6"}}}}, "batch/input is not half"),
        ({"prices": {"input_audio": "1", "milliseconds": "1"}}, "milliseconds beside tokens"),
        ({"aliases": ["ft:gpt-"]}, "ft:gpt- is a pattern"),
    ],
)
def test_strange_prices_are_found(change, said):
    row = {"provider": "openai", "model": "m", "prices": {"input": "1", "output": "5"}}
    assert not list(strange(row))
    assert any(what.startswith(said) for what in strange({**row, **change}))


ALL_CLAUDE = re.compile(r"claude-(?=.*(opus|sonnet|haiku))[a-z0-9.-]+")
# Retired before there were batches, or an experiment that had none.
NO_BATCH = re.compile(r"claude-(3-sonnet|mythos-preview|instant.*|v?[12](\.\d)?)")
FEES = {"web_search", "web_fetch"}


def of_provider(provider):
    return [row for row in json.loads(CARD.read_text())["rows"] if row["provider"] == provider]


def history(found):
    """What models cost: (name, first day) -> lists of prices of tokens and of fees."""
    return {(row["model"], row.get("start", "")): price_lists(row) for row in found}


def test_all_spellings_of_a_claude_model_cost_the_same():
    """claude-sonnet-4.5 is claude-4-5-sonnet, whenever a price of one of them changes."""
    spellings = {}
    for (name, day), lists in history(of_provider("anthropic")).items():
        if ALL_CLAUDE.fullmatch(name):
            words = name.replace(".", "-").removesuffix("-0").removesuffix("-latest").split("-")
            tokens = {k: {b: v for b, v in p.items() if b not in FEES} for k, p in lists.items()}
            spellings.setdefault(tuple(sorted(words)), {}).setdefault(name, {})[day] = tokens
    several = [names for names in spellings.values() if len(names) > 1]
    assert len(several) >= 10
    for names in several:
        first = next(iter(names))
        assert [n for n in names if names[n] != names[first]] == [], first


def test_batches_of_claude_cost_half():
    """By Anthropic's rule: of every model, of long requests and in caches too."""
    for row in of_provider("anthropic"):
        if NO_BATCH.fullmatch(row["model"]):
            continue
        lists = price_lists(row)
        for (name, above), rates in lists.items():
            if name:
                continue
            half = {b: v / 2 for b, v in rates.items() if b not in FEES}
            batch = {b: v for b, v in lists["batch", above].items() if b not in FEES}
            # neither package tells it of one model, and no page was read
            half = {b: v for b, v in half.items() if b in batch or b != "cache_write_1h"}
            assert batch == half, row


def test_speech_is_priced_by_the_minute_or_the_hour():
    """A price of a second that a package cut would be off by its last digit."""
    cut = []
    for row in json.loads(CARD.read_text())["rows"]:
        for where, rates in price_lists(row).items():
            second = rates.get("milliseconds", 0) * 1000
            hour = float(second * 3600)
            if second < Fraction(1, 1000) and hour != float(f"{hour:.4g}"):
                cut.append((row["provider"], row["model"], where, hour))
    assert not cut


SNAPSHOT = re.compile(r"(.+)-20\d\d-?\d\d-?\d\d")
OTHERS = {"gpt-4o-2024-05-13"}  # whose own price is on the provider's page


def test_a_snapshot_costs_what_its_model_does_or_it_is_said_why():
    """Of OpenAI and Anthropic, whose pages have the price of a model for its snapshots."""
    now = {}
    for row in json.loads(CARD.read_text())["rows"]:
        if row["provider"] in ("openai", "anthropic"):
            if row.get("start", "") <= TODAY < row.get("end", "9"):
                for name in [row["model"], *row.get("aliases", ())]:
                    now[row["provider"], name] = row
    compared = 0
    for (provider, name), row in now.items():
        match = SNAPSHOT.fullmatch(name)
        base = match and now.get((provider, match.group(1)))
        if not base or base is row:
            continue
        compared += 1
        own, others = price_lists(row), price_lists(base)
        differ = [
            (key, bucket)
            for key in own.keys() & others.keys()
            for bucket in own[key].keys() & others[key].keys()
            if own[key][bucket] != others[key][bucket]
        ]
        assert not differ or name in OTHERS or "added: " in row["source"], (name, differ)
    assert compared > 10


def pins():
    return (ROOT / "tests" / "env" / "ratecard.txt").read_text()


def test_rows_of_a_card_are_in_order():
    found = json.loads(CARD.read_text())["rows"]
    keys = [(row["provider"], row["model"], row.get("start", "")) for row in found]
    assert keys == sorted(set(keys))
    text = CARD.read_text().splitlines()
    assert [json.loads(line.rstrip(",")) for line in text[2:-1]] == found


@pytest.fixture(scope="module", name="changed")
def fixture_changed(tmp_path_factory):
    """The generator's run on a card of before, in which a figure is not that of the packages."""
    folder = tmp_path_factory.mktemp("changed")
    card = json.loads(CARD.read_text())
    (row,) = [r for r in card["rows"] if (r["provider"], r["model"]) == ("cohere", "command-a")]
    packages_price = row["prices"]["input"]
    row["prices"]["input"] = "123"
    row["checked"] = "2026-01-01"
    (folder / "before.json").write_text(json.dumps(card))
    done = ratecard(folder, "--base", folder / "before.json")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, card, packages_price


def test_a_changed_price_appends_a_row_with_a_start(changed):
    folder, card, packages_price = changed
    old, new = rows(folder / "card.json", "cohere", "command-a")
    assert "start" not in old and old["prices"]["input"] == "123"
    assert old["checked"] == "2026-01-01"
    assert new["start"] == TODAY and new["checked"] == TODAY
    assert new["prices"] == {**old["prices"], "input": packages_price}
    report = f"cohere/command-a: from {TODAY}: standard/input"
    assert report in (folder / "report.txt").read_text().splitlines()
    # to the last row but the new one the card is as it was
    others = json.loads((folder / "card.json").read_text())["rows"]
    others.remove(new)
    assert others == card["rows"]


def test_history_is_priced_by_the_row_of_its_day(changed):
    """The day before a changed price costs what it did."""
    folder, _, packages_price = changed
    usage = line("cohere", "command-a", **{"gen_ai.usage.input_tokens": 1_000_000})
    lines = [{**usage, "time": day} for day in ("2026-11-26", TODAY)]
    card = ["--card", str(folder / "card.json")]
    assert amounts(lines, *card) == [123, float(packages_price)]


def test_what_nothing_settles_is_an_error(tmp_path):
    """Without one of the overrides: its disagreements are printed, and no card is written."""
    overrides = tmp_path / "overrides.json"
    content = json.loads(OVERRIDES.read_text())
    content["settled"] = [e for e in content["settled"] if e["provider"] != "ovhcloud"]
    overrides.write_text(json.dumps(content))
    done = ratecard(tmp_path, "--overrides", overrides)
    assert done.returncode == 1, done.stderr
    both = r"not settled: ovhcloud/\S+ standard/input: genai-prices [\d.]+/M, litellm [\d.]+/M"
    assert re.search(both, done.stdout), done.stdout
    assert not (tmp_path / "card.json").exists()


def test_an_override_of_nothing_is_an_error(tmp_path):
    """One of each kind."""
    overrides = tmp_path / "overrides.json"
    content = json.loads(OVERRIDES.read_text())
    said = {
        "settled": "settles 0, not ",
        "free": "nothing that has no price: ",
        "uplifts": "no price that is another's: ",
        "successors": "no model that another answers for: ",
        "doubted": "doubts 0, not ",
    }
    for section in said:
        content[section].append({**content[section][0], "model": "no-such"})
    overrides.write_text(json.dumps(content))
    done = ratecard(tmp_path, "--overrides", overrides)
    assert done.returncode == 1, done.stderr
    assert [text for text in said.values() if text not in done.stdout] == []


PROFILE = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/"
GEOGRAPHIES = [
    # provider, model, geography, price of a million input tokens: by the providers' rules
    ("aws.bedrock", "global.anthropic.claude-opus-4-6-v1", "us-east-1", 5),
    ("aws.bedrock", f"{PROFILE}global.anthropic.claude-sonnet-4-6", None, 3),
    ("aws.bedrock", f"{PROFILE}eu.anthropic.claude-sonnet-4-6", None, 3.3),
    ("aws.bedrock", "global.anthropic.claude-haiku-4-5", None, 1),
    ("aws.bedrock", "us.anthropic.claude-opus-4-6-v1", "us-east-1", 5.5),
    ("aws.bedrock", "anthropic.claude-opus-4-6-v1", None, 5.5),
    ("aws.bedrock", "anthropic.claude-opus-4-6-v1", "eu-west-1", 5.5),
    ("aws.bedrock", "anthropic.claude-opus-4-6-v1", "global", None),
    ("aws.bedrock", "jp.anthropic.claude-sonnet-4-5-20250929-v1:0", None, 3.3),
    ("aws.bedrock", "anthropic.claude-opus-4-20250514-v1:0", "eu-west-1", 15),
    ("aws.bedrock", "amazon.nova-pro-v1:0", "us-west-2", 0.8),
    ("aws.bedrock", "amazon.nova-pro-v1:0", "me-central-1", None),
    ("gcp.vertex_ai", "claude-opus-4-6", "global", 5),
    ("gcp.vertex_ai", "claude-opus-4-6", "us-east5", 5.5),
    ("gcp.vertex_ai", "claude-3-5-haiku", "us-east5", 0.8),
    ("gcp.vertex_ai", "gemini-2.5-flash", "europe-west4", 0.3),
    ("gcp.vertex_ai", "google/gemini-2.5-flash", None, 0.3),
    ("azure.ai.openai", "gpt-4o-mini", "eu", 0.165),
    ("azure.ai.openai", "gpt-4o-mini-2024-07-18", "us", 0.165),
    ("azure.ai.openai", "gpt-4o-mini", "global", 0.15),
    ("azure.ai.inference", "gpt-4o-mini", "eu", 0.165),
    ("openai", "gpt-5.4", "eu", 2.75),
    ("openai", "gpt-5.4", None, 2.5),
    ("openai", "gpt-5.4", "jp", 2.75),
    ("openai", "gpt-4o", "eu", 2.5),
    ("openai", "gpt-4o", "somewhere", None),
    ("anthropic", "claude-opus-4-6", "us", 5.5),
    ("anthropic", "claude-opus-4-6", "global", 5),
    ("anthropic", "claude-opus-4-6", "not_available", 5),
    ("anthropic", "claude-opus-4-5", "not_available", 5),
    ("anthropic", "claude-opus-4-5", "us", None),
]


def test_geographies_cost_what_the_providers_publish():
    lines = [
        line(
            provider,
            model,
            **{"gen_ai.usage.input_tokens": 100_000, "time": TODAY},
            **({"tollspan.region": region} if region else {}),
        )
        for provider, model, region, _ in GEOGRAPHIES
    ]
    said = [
        (*case[:3], amount and round(amount * 10, 9))
        for case, amount in zip(GEOGRAPHIES, amounts(lines))
    ]
    assert said == GEOGRAPHIES


RETIRED = "grok-3 grok-3-latest grok-4 grok-4-0709 grok-4-latest".split()
RETIRED += [
    f"grok-{version}-fast-{kind}{suffix}"
    for version in ("4", "4-1")
    for kind in ("reasoning", "non-reasoning")
    for suffix in ("", "-latest")
]
RETIRED += ["grok-4-fast", "grok-4-1-fast"]
CODE_FAST = "grok-code-fast grok-code-fast-1 grok-code-fast-1-0825".split()
HISTORY = [
    # model, time, price of a million tokens of input and of output: as the provider published
    *((model, "2026-05-16T00:00:00Z", 1.25, 2.5) for model in RETIRED + CODE_FAST),
    *((model, "2026-05-15T23:59:59Z", 3, 15) for model in RETIRED[:5]),
    *((model, "2026-05-15T23:59:59Z", 0.2, 0.5) for model in RETIRED[5:]),
    *((model, "2026-05-15T23:59:59Z", 0.2, 1.5) for model in CODE_FAST),
    *((model, "2026-05-19T23:59:59Z", 1.25, 2.5) for model in CODE_FAST),
    *((model, "2026-05-20T00:00:00Z", 1, 2) for model in CODE_FAST),
]


def test_a_retired_model_costs_what_the_one_does_that_answers():
    lines = [
        line("x_ai", model, **{f"gen_ai.usage.{side}_tokens": 100_000, "time": time})
        for model, time, _, _ in HISTORY
        for side in ("input", "output")
    ]
    found = iter(round(amount * 10, 9) for amount in amounts(lines))
    assert [(*case[:2], next(found), next(found)) for case in HISTORY] == HISTORY


SEARCHES = [
    # model, size of the search context, price of a thousand requests
    ("sonar", None, 5),
    ("sonar", "low", 5),
    ("sonar", "medium", 8),
    ("sonar", "high", 12),
    ("sonar-pro", None, 6),
    ("sonar-pro", "high", 14),
    ("sonar-reasoning-pro", None, 6),
]


def test_a_search_without_a_size_is_a_small_one():
    lines = [
        line(
            "perplexity",
            model,
            **{"tollspan.usage.requests": 1000, "time": TODAY},
            **({"tollspan.variant": size} if size else {}),
        )
        for model, size, _ in SEARCHES
    ]
    assert [(*c[:2], a) for c, a in zip(SEARCHES, amounts(lines))] == SEARCHES


NAMES = [
    # provider, model, price of a million input tokens: what the providers call their models
    ("gcp.vertex_ai", "claude-sonnet-4@20250514", 3),
    ("gcp.vertex_ai", "claude-opus-4@20250514", 15),
    ("gcp.vertex_ai", "claude-opus-4-1@20250805", 15),
    ("gcp.vertex_ai", "claude-3-7-sonnet@20250219", 3),
    ("gcp.vertex_ai", "claude-3-5-sonnet-v2@20241022", 3),
    ("gcp.vertex_ai", "anthropic/claude-sonnet-4@20250514", 3),
    ("gcp.vertex_ai", "claude-opus-4-6@default", 5),
    ("gcp.vertex_ai", "gemini-2.0-flash-001", 0.15),
    ("gcp.gemini", "gemini-2.0-flash-001", 0.1),
    ("gcp.gemini", "gemini-1.5-pro-002", 1.25),
    ("gcp.gemini", "gemini-2.5-pro-preview-06-05", 1.25),
    ("anthropic", "claude-4-sonnet-20250514", 3),
    ("anthropic", "claude-haiku-4.5-20251001", 1),
    ("anthropic", "claude-2.1", 8),
    ("aws.bedrock", "anthropic.claude-sonnet-4-5-20250929", 3.3),
    ("aws.bedrock", "global.anthropic.claude-sonnet-4-5-20250929", 3),
    ("aws.bedrock", "anthropic.claude-opus-4-6", 5.5),
    ("aws.bedrock", "us.anthropic.claude-opus-4-6", 5.5),
    ("aws.bedrock", "global.anthropic.claude-opus-4-6", 5),
    ("aws.bedrock", "in.anthropic.claude-haiku-4-5-20251001-v1:0", 1.1),
    ("aws.bedrock", "anthropic.claude-3-haiku-20240307-v1:0", 0.25),
    ("aws.bedrock", "amazon.nova-pro", 0.8),
    ("aws.bedrock", "us.amazon.nova-pro", 0.8),
    ("azure.ai.openai", "gpt-4", 30),
    ("azure.ai.openai", "gpt-4-32k", 60),
    ("azure.ai.openai", "o1-pro", 150),
    ("azure.ai.inference", "gpt-4o", 2.5),
    ("azure.ai.inference", "gpt-5", 1.25),
    ("azure.ai.inference", "claude-sonnet-4-5", 3),
    ("azure.ai.openai", "phi-4", 0.125),
    # its own price there, not its maker's
    ("azure.ai.openai", "gpt-4-turbo", 11),
    ("azure.ai.inference", "grok-3-mini", 0.25),
    ("azure.ai.inference", "gpt-oss-120b", 0.15),
    ("azure.ai.inference", "deepseek-chat", None),
    # what provisioned throughput is bought by: no price of a token
    ("aws.bedrock", "amazon.nova-lite-v1:0:300k", None),
]


def test_a_model_is_found_by_what_its_provider_calls_it():
    lines = [
        line(provider, model, **{"gen_ai.usage.input_tokens": 100_000, "time": TODAY})
        for provider, model, _ in NAMES
    ]
    said = [amount and round(amount * 10, 9) for amount in amounts(lines)]
    assert [(*name[:2], amount) for name, amount in zip(NAMES, said)] == NAMES
