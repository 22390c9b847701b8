# SPDX-License-Identifier: Apache-2.0
"""Rows of a card, from and to an era of a model (sources.py)."""

import json
import re
from fractions import Fraction

import figures as f
import names
from sources import Era

KEYS = [
    "provider",
    "model",
    "aliases",
    "start",
    "end",
    "currency",
    "source",
    "checked",
    "prices",
    "context",
    "billed_as",
    "tiers",
    "variants",
    "hours",
    "regions",
]
ALIASES_MAX = 64
VARIANTS_MAX = 64
MODALITIES = {
    "input_image": "input",
    "input_video": "input",
    "input_audio": "input",
    "cache_read_audio": "cache_read",
    "cache_read_image": "cache_read",
}


class Writer:
    """Writes eras as rows."""

    def __init__(self):
        self.left_out = []

    def prices(self, row, era, scope, above):
        """A complete list of prices for a scope and a context."""
        found = {}
        base = {b: v for (s, a, b), v in era.figures.items() if s == scope and a == above}
        for (s, a, bucket), value in era.figures.items():
            fee = not s and bucket in f.FEES
            if not a and (fee or above and s == scope and bucket not in f.TOKENS):
                base.setdefault(bucket, value)
        for bucket in f.BUCKETS:
            if bucket not in base:
                continue
            price = f.price(bucket, base[bucket])
            if price is None:
                self.left_out.append((row["provider"], row["model"], scope, bucket))
                continue
            found[bucket] = price
        return found

    def scope(self, row, era, scope):
        result = {"prices": self.prices(row, era, scope, 0)}
        bounds = era.bounds(scope) | {above for s, above in era.blocked if s == scope}
        word, less = ("from", -1) if row["provider"] == "x_ai" else ("above", 0)
        context = [
            {
                word: above - less,
                "prices": (
                    self.prices(row, era, scope, above) if (scope, above) not in era.blocked else {}
                ),
            }
            for above in sorted(bounds)
        ]
        if context:
            result["context"] = context
        return result

    def row(self, provider, model, aliases, era, source, checked, end=None, currency="USD"):
        """A row, or None where there is nothing that it could price."""
        row = {"provider": provider, "model": model}
        if aliases:
            row["aliases"] = aliases
        if era.start:
            row["start"] = era.start
        if end:
            row["end"] = end
        row.update(currency=currency, source=source, checked=checked)
        era = named(era, model)
        standard = self.scope(row, era, "")
        row["prices"] = standard["prices"]
        if "context" in standard:
            row["context"] = standard["context"]
        billed = billed_as(provider, model, era)
        if billed:
            row["billed_as"] = billed
        scopes = sorted({s for s, _, _ in era.figures if s and s != "hours"})
        tiers = {}
        for scope in scopes:
            if not scope.startswith("variant:"):
                tier = self.scope(row, era, scope)
                same = next((name for name, t in tiers.items() if t == tier), None)
                tiers[scope] = same or tier
        if any(isinstance(tier, str) or tier["prices"] for tier in tiers.values()):
            row["tiers"] = tiers
        self.special(row, era, scopes)
        if era.regions:
            row["regions"] = {
                name: {"multiplier": f.decimal(value)} for name, value in era.regions.items()
            }
        priced = row["prices"] or "tiers" in row or "variants" in row
        return row if priced else None

    def special(self, row, era, scopes):
        """Variants and hours."""
        variants = {}
        for scope in scopes:
            if scope.startswith("variant:"):
                own = {k: v for k, v in era.figures.items() if k[0] == scope}
                lone = Era()
                lone.figures = own
                variants[scope.removeprefix("variant:")] = {
                    "prices": self.prices(row, lone, scope, 0)
                }
        assert len(variants) <= VARIANTS_MAX
        if variants:
            row["variants"] = variants
        rules = []
        for start, end, days in era.windows:
            rule = {"zone": "UTC", "from": start, "to": "24:00" if end == "00:00" else end}
            if days:
                rule["days"] = list(days)
            rules.append({**rule, **self.scope(row, era, "hours")})
        if rules:
            row["hours"] = rules


def named(era, model):
    """An era whose unsplit cache writes and reasoning have the buckets that a card bills."""
    copy = Era(era.start)
    copy.windows, copy.regions, copy.blocked = era.windows, era.regions, era.blocked
    copy.unsaid = era.unsaid
    lifetimes = f.anthropic_like(model, era.figures)
    reasoning = any(
        bucket == "reasoning" and era.figures.get((scope, above, "output")) != value
        for (scope, above, bucket), value in era.figures.items()
    )
    for (scope, above, bucket), value in era.figures.items():
        if bucket == "reasoning" and not reasoning:
            continue
        if bucket == "cache_write" and lifetimes:
            bucket = "cache_write_5m"
        copy.figures[scope, above, bucket] = value
    return copy


def all_names(row):
    return [row["model"], *row.get("aliases", ())]


def billed_as(provider, model, era):
    priced = {bucket for _, _, bucket in era.figures}
    billed = {}
    if "cache_write_5m" in priced and "cache_write" not in priced:
        billed["cache_write"] = "cache_write_5m"
    if "output" in priced and "reasoning" not in priced:
        billed["reasoning"] = "output"
    if provider in ("gcp.gemini", "gcp.vertex_ai") and "gemini" in model:
        for bucket, other in MODALITIES.items():
            apart = bucket == "cache_read_audio" and "input_audio" in priced
            if bucket not in priced and other in priced and not apart:
                billed[bucket] = other
    return billed


def read_row(row):
    """The era that a row writes."""
    era = Era(row.get("start"))
    words = {"above": 0, "from": -1}
    swap = {b: a for a, b in row.get("billed_as", {}).items() if a == "cache_write"}
    scopes = {"": row}
    for name, tier in row.get("tiers", {}).items():
        scopes[name] = scopes[tier] if isinstance(tier, str) else tier
    for name, variant in row.get("variants", {}).items():
        scopes[f"variant:{name}"] = variant
    for rule in row.get("hours", ()):
        scopes["hours"] = rule
        era.windows.append(
            (
                rule["from"],
                rule["to"].replace("24:00", "00:00"),
                tuple(rule["days"]) if "days" in rule else None,
            )
        )
    for scope, content in scopes.items():
        lists = [(0, content["prices"])]
        for context in content.get("context", ()):
            word = "above" if "above" in context else "from"
            lists.append((context[word] + words[word], context["prices"]))
            if not context["prices"]:
                era.blocked.add((scope, context[word] + words[word]))
        for above, prices in lists:
            for bucket, price in prices.items():
                if (scope or above) and bucket in f.FEES and not scope.startswith("variant:"):
                    continue
                key = scope, above, swap.get(bucket, bucket)
                era.figures[key] = f.figure_of(bucket, price)
    era.windows.sort(key=str)
    for name, region in row.get("regions", {}).items():
        era.regions[name] = Fraction(region["multiplier"])
    return era


def text(card):
    """One row a line; a card's rows by provider, model and start."""
    rows = sorted(card["rows"], key=lambda r: (r["provider"], r["model"], r.get("start", "")))
    rows = [{key: row[key] for key in KEYS if key in row and row[key] != []} for row in rows]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    makers, aliases = json.dumps(card["makers"]), json.dumps(card["provider_aliases"])
    head = f'{{"schema": 1, "version": "{card["version"]}", "makers": {makers},'
    return f'{head}\n"provider_aliases": {aliases}, "rows": [\n{lines}\n]}}\n'
