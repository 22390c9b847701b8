#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The card beside the two packages that it is made of: every case once, and random usages.

usage: differ.py --tollspan PROGRAM [--card CARD] [--usages N] [--seed N] [--show N] [--write]

Where prices differ, the package's own figures have to give its price to the last digit, and each
bucket that differs has to be of a class with a reason. What differs in all cases has to be what
tests/pricing/differences.json lists, exactly (--write lists it anew); random usages may differ in
nothing else.
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

import additions
import cases
import figures
import merge
import names
import oracles
import ratecard
import usages
from catalogue import Catalogue
from differences import Case, Differences, changes

ROOT = Path(__file__).resolve().parents[2]
FULL_RUN = 100_000
SECOND = 1000
HALF = Fraction(1, 2 * 10**12)  # what rounding a line may change
# Names of one bucket: a package does not tell the lifetimes apart.
BUCKETS = {"cache_write_5m": "cache_write"}


class Reasons:
    """Why the card says other than a package, by what made the card."""

    def __init__(self, overrides):
        self.settled, self.known, self.groups, self.chosen = {}, {}, {}, {}
        catalogue = self.catalogue = Catalogue(overrides)
        self.genai, self.litellm = catalogue.genai, catalogue.litellm
        builder = ratecard.Builder(overrides, ratecard.rows.Writer(), {"rows": []})
        for model in catalogue.models:
            builder.add(model)
            for name in model.names:
                self.settled[model.provider, name] = {f for f, _ in model.merged.settled}
                self.groups[model.provider, name] = model.merged.group
                self.chosen[model.provider, name] = {
                    (key[2], value)
                    for key, value in model.merged.era.figures.items()
                    if model.merged.origin.get(key) == {"override"}
                } | {(key[2], v) for era in model.given for key, v in era.figures.items()}
        self.snapshots = collections.defaultdict(list)
        for provider, name in self.litellm.models:
            self.snapshots[provider, names.undated(name)].append(name)
        # (provider, model, bucket) that was left out
        self.left_out = {(item[0], item[1], item[3]) for item in builder.writer.left_out}
        self.closed = set(overrides.closed)
        self.additions = additions.Additions(ROOT / "pricing/additions.json")

    def told(self, usage, bucket, card, scopes=None):
        """Whether a package has the card's figure for the bucket and tier, of a name of the row."""
        row = usage.row
        key = row["provider"], row["model"]
        if key not in self.known:
            self.known[key] = list(self.read_eras(row))
        if scopes is None:
            scopes = {usage.tier} if usage.tier else {"", f"variant:{usage.variant}"}
            scopes |= {""} if bucket in figures.FEES else set()
        return any(
            value == card
            for era in self.known[key]
            for (scope, _, told), value in era.figures.items()
            if scope in scopes and BUCKETS.get(told, told) == BUCKETS.get(bucket, bucket)
        )

    def read_eras(self, row):
        known = [row["model"], *row.get("aliases", ())]
        for name in list(known):
            known += self.groups.get((row["provider"], name), ())
            known += self.snapshots[row["provider"], name]
        for name in dict.fromkeys(known):
            era = self.litellm.models.get((row["provider"], name))
            if era:
                yield era
            model = self.genai.find(row["provider"], name)
            if model:
                past, now, future = self.catalogue.eras(model, row["provider"])
                yield from [*past, now, *future]

    def of(self, oracle, usage, bucket, card, rate):
        """The class of one bucket's difference, from what made the card."""
        told = card is not None or rate.kind in ("direct", "pixel")
        if told and self.additions.explains(usage, bucket, card):
            return "added"
        if card is None and rate.kind not in ("direct", "pixel"):
            return "fallback"
        if usage.provider in names.AZURE and bucket in figures.FEES and not oracle.doubles:
            return "left out"  # a rule of the package has the maker's price of its own tool
        if card is None:
            return self.withheld(usage, bucket)
        conversion = self.catalogue.conversions.entry(usage.provider)
        if conversion:
            rate = rate._replace(value=self.converted(conversion, oracle, rate))
            if rate.value == card:
                return "currency"
        short = bucket not in figures.TOKENS and rate.value and merge.cut(rate.value, card)
        if short or card in same_figures(usage, bucket, rate):
            return "digits"
        if (bucket, card) in self.chosen.get((usage.provider, usage.model), ()):
            return "settled"
        if self.told(usage, bucket, card, {"hours"}):
            return "settled" if self.is_settled(usage, bucket) else "hours"
        if not self.told(usage, bucket, card):
            # its own figure was not taken, so it has another bucket's
            own = bucket not in usage.row.get("billed_as", ())
            return "unexplained" if own or not self.is_settled(usage, bucket) else "settled"
        if rate.kind != "direct":
            return "early" if rate.kind == "early" else "alone"
        if (usage.provider, usage.row["model"]) in self.litellm.dropped:
            return "left out"
        return "settled" if self.is_settled(usage, bucket) else "unexplained"

    def converted(self, conversion, oracle, rate):
        published = self.catalogue.conversions.published(conversion, oracle.name, rate.value)
        return Fraction(0) if published is None else published

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
        others = {bucket, BUCKETS.get(bucket, bucket)}
        if {(*row, name) for name in others} & self.left_out or row in self.litellm.dropped:
            return "left out"
        lost = {(p, m.lower(), key[2]) for p, m, key in self.catalogue.conversions.lost}
        if (row[0], row[1].lower(), bucket) in lost:
            return "left out"
        return "by hand" if usage.provider in self.closed else "unexplained"


def same_figures(usage, bucket, rate):
    """What a package's figure is, where it has lost digits."""
    yield merged_figure(rate)
    if bucket == "milliseconds":
        second = rate.value * SECOND
        yield figures.period(Decimal(second.numerator) / second.denominator) / SECOND
    if rate.kind == "pixel":
        width, height = usage.variant.rpartition("/")[2].split("x")
        pixels = int(width) * int(height)
        yield figures.of_pixels(rate.value / pixels, pixels)


def merged_figure(rate):
    """A rate with the digits that the card takes."""
    number = Decimal(rate.value.numerator) / rate.value.denominator
    return figures.exact(number)


def multiplier(usage):
    """What the card's row multiplies the prices of tokens with."""
    regions = usage.row.get("regions", {})
    region = regions.get(usage.region, regions.get("*")) if usage.region else None
    if region is None or usage.region == "global" and "global" not in regions:
        return Fraction(1)
    return Fraction(Decimal(region["multiplier"]))


def card_rates(usage, answer):
    """What the card bills each bucket with; None where it has no price."""
    found = {}
    for line in answer.get("lines", ()):
        priced = "amount" in line
        found[line["bucket"]] = (
            Fraction(Decimal(str(line["rate"]))) / line["per"] if priced else None
        )
    return {bucket: found.get(bucket) for bucket, n in usage.quantities.items() if n}


def billed(oracle, bucket, quantity, usage):
    """Groq bills ten seconds at least, which is no price of a unit."""
    if bucket == "milliseconds" and usage.provider == "groq" and not oracle.doubles:
        return max(quantity, 10 * SECOND)
    return quantity


def differs(oracle, usage, card, rate):
    """Whether the card's figure of a bucket is another than the package's."""
    figure = merged_figure(rate) if oracle.doubles else rate.value
    return usage.row["currency"] != "USD" or card != figure


def explain(oracle, usage, answer, price, reasons):
    """[(class, bucket)], or None where the package's figures do not give its price."""
    card, rates = card_rates(usage, answer), oracle.rates(usage)
    other = {line["bucket"]: line.get("billed_as") for line in answer.get("lines", ())}
    total, found = Fraction(0), []
    for bucket, quantity in usage.quantities.items():
        rate = rates.get(bucket, oracles.NOTHING)
        amount = billed(oracle, bucket, quantity, usage)
        total += amount * rate.value
        if not quantity:
            continue
        if differs(oracle, usage, card[bucket], rate):
            as_bucket = other.get(bucket) or bucket
            if rate.kind != "direct" and rates.get(as_bucket, rate).value == rate.value:
                rate = rates.get(as_bucket, rate)
            else:
                as_bucket = bucket
            found.append((kind_of(oracle, usage, as_bucket, card[bucket], rate, reasons), bucket))
        elif amount != quantity:
            found.append(("least quantity", bucket))
    expected = Decimal(total.numerator) / Decimal(total.denominator)
    return found if oracle.same(price, expected) else None


def kind_of(oracle, usage, bucket, card, rate, reasons):
    """The class of a difference: first whether it is one of the geography alone."""
    if usage.region and bucket in figures.TOKENS:
        rate = rate._replace(value=rate.value / oracle.multiplier(usage))
        if card is not None:
            card /= multiplier(usage)
            if not differs(oracle, usage, card, rate):
                return "region"
    return reasons.of(oracle, usage, bucket, card, rate)


def amount_of(answer):
    """The price of a priced usage, else None: exact, where a line is rounded to 12 decimals."""
    if answer["tollspan.cost.status"] != "priced":
        return None
    lines = answer["lines"]
    exact = sum(n["quantity"] * Fraction(Decimal(str(n["rate"]))) / n["per"] for n in lines)
    said = Fraction(Decimal(str(answer["gen_ai.usage.cost"])))
    assert abs(said - exact) <= len(lines) * HALF, answer
    return Decimal(exact.numerator) / exact.denominator


class Comparison:
    """Usages priced by the card and by a package."""

    def __init__(self, oracle, reasons):
        self.oracle, self.reasons = oracle, reasons
        self.counts = collections.Counter()
        self.found = set()  # Case of all that differs
        self.wrong = []  # (usage, amount, price, what nothing explains)

    def add(self, usage, answer, listed=None):
        """listed are the cases that may differ, where they are known."""
        price = self.oracle.price(usage)
        if price is None:
            self.counts["not asked"] += 1
            return
        amount = amount_of(answer)
        same_currency = usage.row["currency"] == "USD"
        if amount is not None and same_currency and self.oracle.same(price, amount):
            self.counts["equal"] += 1
            return
        found = explain(self.oracle, usage, answer, price, self.reasons)
        own = {
            Case(self.oracle.name, kind, usage.provider, usage.model, bucket, usage.tier or "")
            for kind, bucket in found or ()
        }
        self.found |= own
        bad = {case for case in own if case.kind == "unexplained"}
        if listed is not None:
            bad |= {case for case in own if case._replace(tier="") not in listed}
        if own and not bad:
            self.counts["explained"] += 1
            return
        self.counts["unexplained"] += 1
        self.wrong.append((usage, amount, price, sorted((c.kind, c.field) for c in bad)))

    def show(self, number):
        print(f"  {self.oracle.name}: {dict(self.counts)}")
        for usage, amount, price, bad in self.wrong[:number]:
            name = self.oracle.name
            print(f"    {usage}: {amount}, {name} {price:.15g} {bad or 'not from its data'}")


def compare(options, oracle, reasons, asked, listed=None):
    start = time.monotonic()
    comparison = Comparison(oracle, reasons)
    for usage, answer in zip(asked, usages.prices(options.tollspan, asked)):
        comparison.add(usage, answer, listed)
    comparison.show(options.show)
    print(f"  {len(asked)} usages, {time.monotonic() - start:.1f} s")
    return comparison


def check_list(options, found):
    """Hold the list against all cases. Return: whether it is as it has to be."""
    differences = Differences(ROOT / "tests/pricing/differences.json")
    entries, silent, unused = differences.made(found)
    for case in silent[: options.show]:
        print(f"no reason: {case}")
    for reason in unused:
        print(f"a reason of nothing: {json.dumps(reason)}")
    if silent or unused:
        return False
    if options.write:
        differences.write(entries)
    lines = [] if options.write else list(changes(differences.entries, entries))
    for line in lines[: 2 * options.show]:
        print(line)
    print(
        f"{len(found)} cases differ, in {len(entries)} entries; "
        f"{len(lines)} lines are not as listed"
    )
    return not lines


def parse():
    options = argparse.ArgumentParser()
    options.add_argument("--tollspan", type=Path, required=True)
    options.add_argument("--card", type=Path, default=ROOT / "pricing/card.json")
    options.add_argument("--usages", type=int, default=FULL_RUN)
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options.add_argument("--show", type=int, default=20)
    options.add_argument("--write", action="store_true")
    return options.parse_args()


def main():
    options = parse()
    card = json.loads(options.card.read_text())
    today = date.fromisoformat(card["version"])
    reasons = Reasons(merge.Overrides(ROOT / "pricing/overrides.json"))
    packages = [oracles.GenaiPrices(today), oracles.Litellm(today)]
    failed, found = False, set()
    print("every case")
    for oracle in packages:
        comparison = compare(options, oracle, reasons, list(cases.cases(card, oracle)))
        found |= comparison.found
        failed |= bool(comparison.wrong)
    failed |= not check_list(options, found)
    print(f"seed {options.seed}")
    listed = {case._replace(tier="") for case in found}
    asked = list(usages.usages(random.Random(options.seed), card, options.usages))
    for oracle in packages:
        failed |= bool(compare(options, oracle, reasons, asked, listed).wrong)
    return failed


if __name__ == "__main__":
    sys.exit(main())
