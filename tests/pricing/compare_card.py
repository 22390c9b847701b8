#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds every figure of pricing/card.json against the two packages that its rows name.

usage: compare_card.py [CARD]      in an environment that has genai-prices and litellm

Prints each figure that a package contradicts or that neither tells, and exits 1 if there is one.
Fees may be told for the standard tier only: they are the same in every tier and context.
"""
import importlib.metadata
import json
import re
import sys
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

from genai_prices.data import providers

FEES = {"web_search", "file_search", "web_fetch"}
GENAI = {
    "input_mtok": "input", "output_mtok": "output", "cache_read_mtok": "cache_read",
    "cache_write_1h_mtok": "cache_write_1h", "input_audio_mtok": "input_audio",
    "output_audio_mtok": "output_audio", "cache_audio_read_mtok": "cache_read_audio",
    "web_searches_kcount": "web_search", "storage_searches_kcount": "file_search",
}
LITELLM = {
    "input_cost_per_token": "input", "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read", "input_cost_per_audio_token": "input_audio",
    "output_cost_per_audio_token": "output_audio",
    "cache_read_input_audio_token_cost": "cache_read_audio",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
}
LITELLM_TIERS = {"batches": "batch", "flex": "flex", "priority": "priority",
                 "ultrafast": "ultrafast"}


def write_bucket(provider):
    return "cache_write_5m" if provider == "anthropic" else "cache_write"


def genai_set(prices, provider):
    """(above, bucket) -> price for a million tokens or a thousand uses."""
    found = {}
    for name, value in vars(prices).items():
        bucket = write_bucket(provider) if name == "cache_write_mtok" else GENAI.get(name)
        if value is None or bucket is None:
            continue
        found[0, bucket] = Decimal(getattr(value, "base", value))
        for tier in getattr(value, "tiers", ()):
            found[tier.start, bucket] = tier.price
    return found


def genai(provider, name):
    """start -> tier -> figures."""
    source = next(p for p in providers if p.id == provider)
    model = next((m for m in source.models if m.match.is_match(name)), None)
    if not model:
        return {}
    eras = model.prices if isinstance(model.prices, list) else [model]
    found = {}
    for era in eras:
        constraint = getattr(era, "constraint", None)
        start = constraint.start_date.isoformat() if constraint else None
        found[start] = {"": genai_set(era.prices, provider)}
    for variant in model.price_variants or []:
        when = variant.when
        tier = when.get("service_tier") or when.get("processing") or when.get("speed")
        found[start][tier] = genai_set(variant.prices, provider)
    return found


def litellm(provider, name, table):
    """tier -> figures."""
    entry = table.get(name, {})
    found = {"": {}}
    if entry.get("litellm_provider") != provider:
        return found
    for key, value in entry.items():
        match = re.fullmatch(r"(.*?)(?:_above_(\d+)k_tokens)?(?:_(batches|flex|priority|ultrafast))?",
                             key)
        base, above, tier = match.groups()
        bucket = (write_bucket(provider) if base == "cache_creation_input_token_cost"
                  else LITELLM.get(base))
        if bucket and isinstance(value, (int, float)):
            figures = found.setdefault(LITELLM_TIERS.get(tier, ""), {})
            figures[int(above or 0) * 1000, bucket] = Decimal(repr(float(value))) * 1000000
    search = entry.get("search_context_cost_per_query", {}).get("search_context_size_medium")
    if search is not None:
        found[""][0, "web_search"] = Decimal(repr(float(search))) * 1000
    factor = (entry.get("provider_specific_entry") or {}).get("fast")
    if factor:
        found["fast"] = {key: price * (1 if key[1] in FEES else Decimal(str(factor)))
                         for key, price in found[""].items()}
    return found


def card_figures(row):
    """tier, above, bucket, price of a row."""
    tiers = {"": row, **{name: tier for name, tier in row.get("tiers", {}).items()
                         if not isinstance(tier, str)}}
    for name, tier in tiers.items():
        for context in [{"above": 0, "prices": tier["prices"]}, *tier.get("context", [])]:
            for bucket, price in context["prices"].items():
                if isinstance(price, dict):
                    price = Decimal(price["price"]) * 1000 / price["per"]
                yield name, context["above"], bucket, Decimal(price)


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else "pricing/card.json"
    rows = json.load(open(path))["rows"]
    folder = Path(find_spec("litellm").submodule_search_locations[0])
    table = json.load(open(folder / "model_prices_and_context_window_backup.json"))
    confirmed = {0: 0, 1: 0, 2: 0}
    contradicted = 0
    for row in rows:
        eras = genai(row["provider"], row["model"])
        current = "end" not in row
        sources = {"genai-prices": eras.get(row.get("start"), {})}
        if current:
            sources["litellm"] = litellm(row["provider"], row["model"], table)
        for tier, above, bucket, price in card_figures(row):
            told = {name: figures[tier][above, bucket] for name, figures in sources.items()
                    if (above, bucket) in figures.get(tier, {})}
            for name, figure in told.items():
                if figure != price:
                    contradicted += 1
                    print(f"{row['model']}@{row.get('start', '')} {tier or 'standard'} >{above} "
                          f"{bucket}: card {price}, {name} {figure}")
            if not told and bucket not in FEES:
                contradicted += 1
                print(f"{row['model']} {tier or 'standard'} >{above} {bucket}: told by neither")
            confirmed[sum(figure == price for figure in told.values())] += 1
    for name in ("genai-prices", "litellm"):
        print(name, importlib.metadata.version(name))
    print(f"{confirmed[2]} figures of both, {confirmed[1]} of one, {confirmed[0]} fees; "
          f"{contradicted} contradicted")
    return contradicted > 0


if __name__ == "__main__":
    sys.exit(main())
