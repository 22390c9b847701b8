# SPDX-License-Identifier: Apache-2.0
"""What is priced by the bench: every name of the built-in card; and a large card of a user's.

As a program, what genai-prices or litellm takes for the same charges:

usage: prices.py genai-prices|litellm CHARGES TIME

Needs an interpreter that has both (`make deps-ratecard`). What a package is given is made before
the clock starts: only its own function is measured, on each charge that it has a price for, in
random order. Prints an object as price.c does.
"""

import functools
import json
import random
import statistics
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CARD = ROOT / "pricing" / "card.json"
QUANTITIES = {"input": 700, "cache_read": 300, "output": 200}
PASSES = 3
AGAIN = 2000
AGAIN_OF = ("openai", "gpt-4o-mini")  # as price.c has it


def write_charges(path):
    """A line for each name of each model, as price.c reads it. Returns the day of the card."""
    card = json.loads(CARD.read_text(encoding="utf-8"))
    charges = {}
    for row in card["rows"]:
        known = [bucket for bucket in QUANTITIES if bucket in row["prices"]]
        known = known or list(row["prices"])[:1]
        if not known:
            continue  # a price of variants alone
        said = "\t".join(f"{bucket}={QUANTITIES.get(bucket, 3)}" for bucket in known)
        for name in (row["model"], *row.get("aliases", ())):
            charges[row["provider"], name] = f"{row['provider']}\t{name}\t{said}\n"
    Path(path).write_text("".join(charges.values()), encoding="utf-8")
    return int(datetime.fromisoformat(card["version"]).replace(tzinfo=timezone.utc).timestamp())


def write_user_card(path, size):
    """The built-in card's rows under other names, as often as fills so many bytes."""
    card = json.loads(CARD.read_text(encoding="utf-8"))
    rows, length, copy = [], 0, 0
    while length < size:
        for row in card["rows"]:
            # without aliases, which may be one for two models in two copies
            row = {**row, "model": f"{row['model']}-{copy}"}
            row.pop("aliases", None)
            rows.append(json.dumps(row))
            length += len(rows[-1]) + 2
            if length >= size:
                break
        copy += 1
    head = f'{{"schema": 1, "version": "{card["version"]}", "rows": [\n'
    Path(path).write_text(head + ",\n".join(rows) + "\n]}\n", encoding="utf-8")


# ---- the packages ----


def read_usages(path, at):
    from usages import Usage

    for line in Path(path).read_text(encoding="utf-8").splitlines():
        provider, model, *said = line.split("\t")
        quantities = {bucket: int(n) for bucket, n in (text.split("=") for text in said)}
        yield Usage({"provider": provider, "model": model}, model, at, quantities)


def genai_calls(usages, at):
    import genai_prices
    import names
    from oracles import INPUT, OUTPUT, GenaiPrices

    oracle = GenaiPrices(at.date())
    for usage in usages:
        if oracle.price(usage) is None:
            continue
        asked = genai_prices.Usage(
            input_tokens=usage.sum(INPUT),
            output_tokens=usage.sum(OUTPUT),
            cache_read_tokens=usage.sum(["cache_read"]) or None,
        )
        provider = names.genai_identity(usage.provider)
        yield (usage.provider, usage.model), functools.partial(
            genai_prices.calc_price,
            asked,
            usage.model,
            provider_id=provider,
            genai_request_timestamp=at,
        )


def litellm_calls(usages, at):
    import litellm
    from oracles import Litellm

    oracle = Litellm(at.date())
    for usage in usages:
        if oracle.price(usage) is None:
            continue
        key = oracle.key(usage)
        identity = oracle.catalogue.table[key]["litellm_provider"]
        model, asked = oracle.bare(key), oracle.usage(usage)
        yield (usage.provider, usage.model), functools.partial(
            litellm.cost_per_token,
            model=model,
            custom_llm_provider=identity,
            usage_object=asked,
        )


def measure(named):
    """As price.c does: passes for the mean, then single calls; and one model again and again."""
    calls = list(named.values())
    means, each = [], []
    for _ in range(PASSES):
        random.shuffle(calls)
        start = time.perf_counter_ns()
        for call in calls:
            call()
        means.append((time.perf_counter_ns() - start) / len(calls))
        random.shuffle(calls)
        for call in calls:
            start = time.perf_counter_ns()
            call()
            each.append(time.perf_counter_ns() - start)
    each.sort()
    start = time.perf_counter_ns()
    for _ in range(AGAIN):
        named[AGAIN_OF]()
    again = (time.perf_counter_ns() - start) / AGAIN
    return {
        "charges": len(calls),
        "priced": len(calls),
        "mean_ns": statistics.median(means),
        "p50_ns": each[(len(each) - 1) // 2],
        "p99_ns": each[(len(each) - 1) * 99 // 100],
        "again_ns": again,
    }


def main():
    package, path, seconds = sys.argv[1:]
    sys.path.insert(0, str(ROOT / "tests" / "pricing"))
    at = datetime.fromtimestamp(int(seconds), timezone.utc)
    make = {"genai-prices": genai_calls, "litellm": litellm_calls}[package]
    print(json.dumps(measure(dict(make(read_usages(path, at), at)))))


if __name__ == "__main__":
    main()
