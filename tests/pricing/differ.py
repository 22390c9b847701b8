#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random usages, priced by tollspan and by the two packages that its card is made of.

usage: differ.py --tollspan PROGRAM [--card CARD] [--usages N] [--seed N] [--show N]

Where prices differ, the package's own figures have to give its price to the last digit, and each
bucket that differs has to be of a class that tests/pricing/differences.json names.
"""

import argparse
import collections
import json
import random
import sys
import time
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import figures
import merge
import oracles
import ratecard
import usages

ROOT = Path(__file__).resolve().parents[2]
FULL_RUN = 100_000  # usages with which every class of the list has to occur
SECOND = 1000
HALF = Fraction(1, 2 * 10**12)  # what rounding a line may change
# Names of one bucket: a package does not tell the lifetimes apart.
BUCKETS = {"cache_write_5m": "cache_write"}


class Differences:
    """tests/pricing/differences.json: the classes of difference, each with its reason."""

    KEYS = {"oracle", "class", "provider", "model", "field", "least", "reason", "source"}

    def __init__(self, path):
        self.entries = json.loads(path.read_text())["differences"]
        self.counts = [0] * len(self.entries)
        for entry in self.entries:
            assert entry.keys() == self.KEYS, f"{path}: {entry}"

    def find(self, oracle, kind, usage, bucket):
        for i, entry in enumerate(self.entries):
            if (
                entry["oracle"] == oracle.name
                and entry["class"] == kind
                and merge.matches(entry["provider"], [usage.provider])
                and merge.matches(entry["model"], [usage.model])
                and merge.matches(entry["field"], [bucket])
            ):
                self.counts[i] += 1
                return True
        return False


class Reasons:
    """Why the card says other than a package, by what made the card."""

    def __init__(self, overrides):
        self.settled, self.eras, self.groups = {}, {}, {}
        catalogue = ratecard.Catalogue(overrides)
        self.genai, self.litellm = catalogue.genai, catalogue.litellm
        base = {"rows": []}
        builder = ratecard.Builder(overrides, ratecard.rows.Writer(), base)
        for model in catalogue.models:
            builder.add(model)
            for name in model.names:
                self.settled[model.provider, name] = {f for f, _ in model.merged.settled}
                self.groups[model.provider, name] = model.merged.group
        # (provider, model, what was left out): a bucket, or hours and with them all
        self.left_out = {
            (item[0], item[1], "hours" if item[2] == "hours" else item[3])
            for item in builder.writer.left_out
        }
        self.closed = set(overrides.closed)

    def told(self, usage, bucket, card):
        """Whether a package has the card's figure for the bucket and tier, of a name of the row."""
        row = usage.row
        key = row["provider"], row["model"]
        if key not in self.eras:
            self.eras[key] = list(self.read_eras(row))
        scopes = {usage.tier} if usage.tier else {"", "hours"}
        if bucket in figures.FEES:
            scopes.add("")
        return any(
            value == card
            for era in self.eras[key]
            for (scope, _, told), value in era.figures.items()
            if scope in scopes and BUCKETS.get(told, told) == BUCKETS.get(bucket, bucket)
        )

    def read_eras(self, row):
        known = [row["model"], *row.get("aliases", ())]
        for name in list(known):
            known += self.groups.get((row["provider"], name), ())
        for name in dict.fromkeys(known):
            era = self.litellm.models.get((row["provider"], name))
            if era:
                yield era
            model = self.genai.find(row["provider"], name)
            if model:
                past, now, future = self.genai.eras(model, row["provider"])
                yield from [*past, now, *future]

    def of(self, usage, bucket, card, rate):
        """The class of one bucket's difference, from what made the card."""
        if card is None and rate.kind != "direct":
            return "fallback"
        if card is None:
            return self.withheld(usage, bucket)
        if merged_figure(rate) == card:
            return "digits"
        if not self.told(usage, bucket, card):
            return "unexplained"
        if rate.kind != "direct":
            return "early" if rate.kind == "early" else "alone"
        if (usage.provider, usage.row["model"]) in self.litellm.dropped:
            return "left out"
        return "settled" if self.is_settled(usage, bucket) else "unexplained"

    def is_settled(self, usage, bucket):
        """Whether an override chose this figure, or that of the model's text."""
        bucket = "cache_write" if bucket == "cache_write_5m" else bucket
        decided = (f"/{bucket}", "/context", "/windows", "standard/input", "standard/output")
        fields = self.settled.get((usage.provider, usage.model), ())
        return any(field.endswith(decided) for field in fields)

    def withheld(self, usage, bucket):
        """Why the card has no price where a package has one for just this."""
        if bucket == "cache_write_5m" and bucket not in usages.priced(usage.row):
            return "fallback"  # the provider does not tell lifetimes apart
        if self.is_settled(usage, bucket):
            return "settled"
        row = usage.provider, usage.row["model"]
        others = {bucket, BUCKETS.get(bucket, bucket), "hours"}
        if {(*row, name) for name in others} & self.left_out or row in self.litellm.dropped:
            return "left out"
        if bucket == "web_search" and usage.provider.startswith("gcp."):
            return "left out"
        return "by hand" if usage.provider in self.closed else "unexplained"


def merged_figure(rate):
    """A rate with the digits that the card takes."""
    number = Decimal(rate.value.numerator) / rate.value.denominator
    return figures.exact(number)


def card_rates(usage, answer):
    """What the card bills each bucket with; None where it has no price."""
    found = {}
    for line in answer.get("lines", ()):
        priced = "amount" in line
        found[line["bucket"]] = (
            Fraction(Decimal(str(line["rate"]))) / line["per"] if priced else None
        )
    return {bucket: found.get(bucket) for bucket, n in usage.quantities.items() if n}


def billed(bucket, quantity, usage):
    """Groq bills ten seconds at least, which is no price of a unit."""
    if bucket == "milliseconds" and usage.provider == "groq":
        return max(quantity, 10 * SECOND)
    return quantity


def explain(oracle, usage, answer, price, reasons):
    """[(class, bucket)], or None where the package's figures do not give its price."""
    card, rates = card_rates(usage, answer), oracle.rates(usage)
    other = {line["bucket"]: line.get("billed_as") for line in answer.get("lines", ())}
    total, found = Fraction(0), []
    for bucket, quantity in usage.quantities.items():
        rate = rates.get(bucket, oracles.NOTHING)
        amount = billed(bucket, quantity, usage)
        total += amount * rate.value
        if not quantity:
            continue
        figure = merged_figure(rate) if oracle.doubles else rate.value
        if card[bucket] != figure:
            as_bucket = other.get(bucket) or bucket
            if rate.kind != "direct" and rates.get(as_bucket, rate).value == rate.value:
                rate = rates.get(as_bucket, rate)
            else:
                as_bucket = bucket
            found.append((reasons.of(usage, as_bucket, card[bucket], rate), bucket))
        elif amount != quantity:
            found.append(("least quantity", bucket))
    expected = Decimal(total.numerator) / Decimal(total.denominator)
    return found if oracle.same(price, expected) else None


def amount_of(answer):
    """The price of a priced usage, else None: exact, where a line is rounded to 12 decimals."""
    if answer["tollspan.cost.status"] != "priced":
        return None
    lines = answer["lines"]
    exact = sum(n["quantity"] * Fraction(Decimal(str(n["rate"]))) / n["per"] for n in lines)
    said = Fraction(Decimal(str(answer["gen_ai.usage.cost"])))
    assert abs(said - exact) <= len(lines) * HALF, answer
    return Decimal(exact.numerator) / exact.denominator


def compare(oracle, asked, answers, reasons, differences):
    """Return: how often what was the case, and what nothing explains."""
    counts, wrong = collections.Counter(), []
    for usage, answer in zip(asked, answers):
        price = oracle.price(usage)
        if price is None:
            counts["not asked"] += 1
            continue
        amount = amount_of(answer)
        if amount is not None and oracle.same(price, amount):
            counts["equal"] += 1
            continue
        counts["explained"] += 1
        found = explain(oracle, usage, answer, price, reasons)
        missing = [
            (kind, bucket)
            for kind, bucket in found or ()
            if not differences.find(oracle, kind, usage, bucket)
        ]
        if found and not missing:
            continue
        counts["explained"] -= 1
        counts["unexplained"] += 1
        wrong.append((usage, amount, price, missing if found else found))
    return counts, wrong


def parse():
    options = argparse.ArgumentParser()
    options.add_argument("--tollspan", type=Path, required=True)
    options.add_argument("--card", type=Path, default=ROOT / "pricing/card.json")
    options.add_argument("--usages", type=int, default=FULL_RUN)
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options.add_argument("--show", type=int, default=20)
    return options.parse_args()


def main():
    options = parse()
    print(f"seed {options.seed}, {options.usages} usages")
    card = json.loads(options.card.read_text())
    today = date.fromisoformat(card["version"])
    asked = list(usages.usages(random.Random(options.seed), card, options.usages))
    answers = usages.prices(options.tollspan, asked)
    reasons = Reasons(merge.Overrides(ROOT / "pricing/overrides.json"))
    differences = Differences(ROOT / "tests/pricing/differences.json")
    failed = False
    for oracle in (oracles.GenaiPrices(today), oracles.Litellm(today)):
        start = time.monotonic()
        counts, wrong = compare(oracle, asked, answers, reasons, differences)
        seconds = time.monotonic() - start
        print(f"{oracle.name}: {dict(counts)}, {seconds:.1f} s")
        for usage, amount, price, missing in wrong[: options.show]:
            print(
                f"  {usage}: {amount}, {oracle.name} {price:.15g} {missing or 'not from its data'}"
            )
        failed |= bool(wrong)
    for entry, count in zip(differences.entries, differences.counts):
        what = f"{entry['oracle']} {entry['class']} {entry['field']}"
        print(f"{count:6} × {what}: {entry['reason']}")
        if options.usages >= FULL_RUN and count < entry["least"]:
            print(f"  expected at least {entry['least']}")
            failed = True
    return failed


if __name__ == "__main__":
    sys.exit(main())
