#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether the card has every name that genai-prices and litellm know, or the report says why not.

usage: coverage.py --tollspan PROGRAM --report FILE

Names that are neither found nor in the report are printed, and the exit status is then 1.
"""

import argparse
import collections
import json
import re
import subprocess
import sys
from datetime import date
from importlib.util import find_spec
from pathlib import Path

from genai_prices.data import providers

import names
import sources
from catalogue import is_whole

OVERRIDES = Path(__file__).resolve().parents[2] / "pricing/overrides.json"
SECTION = "## Models without a price"
DAYS = ("-20250514", "-2025-05-14", "@20250514")
UNDATED = re.compile(r"[@:]|-latest$")  # what has no date behind it
NO_ROW = "no row for this provider and model at that time"


def litellm_names():
    """Provider and name of each entry, and the aliases of entries."""
    folder = Path(find_spec("litellm").submodule_search_locations[0])
    table = json.loads((folder / "model_prices_and_context_window_backup.json").read_text())
    for key, fields in table.items():
        target = table.get(fields.get("alias_of"), fields)
        if key == "sample_spec" or "litellm_provider" not in target:
            continue
        name = names.Name(key, target["litellm_provider"])
        yield name.provider, name.model


def listed_names():
    """Provider and name of what pricing/overrides.json adds."""
    for entry in json.loads(OVERRIDES.read_text())["names"]:
        listed = entry["provider"]
        for provider in [listed] if isinstance(listed, str) else listed:
            yield from ((provider, name) for name in entry["names"])


def genai_names():
    """Provider and name of each model: those listed, those that its rule has, and dated ones."""
    catalogue = sources.GenaiPrices(date.today())
    others = [*litellm_names(), *listed_names()]
    for provider in sorted(p for q in providers for p in names.genai_providers(q.id)):
        models = catalogue.models(provider)
        listed = {id(m): sources.listed_names(m) for m in models}
        everything = [name for members in listed.values() for name in members]
        everything += [name for p, name in others if p == provider]
        for model in models:
            known = [n for n in sources.pattern_names(model) if is_whole(n, everything)]
            known = [n for n in listed[id(model)] + known if catalogue.find(provider, n) is model]
            spare = model.id[-1].isalnum() and not catalogue.maker(provider, model)
            for name in known or [model.id] * spare:
                yield provider, name
                for day in DAYS if not UNDATED.search(name) and not names.undated(name) else ():
                    if catalogue.find(provider, name + day) is model:
                        yield provider, name + day


def usage(provider, model):
    return json.dumps(
        {
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model,
            "gen_ai.usage.input_tokens": 1,
        }
    )


def unknown(tollspan, asked):
    """The names of which the program has no row."""
    text = "".join(usage(p, m) + "\n" for p, m in asked)
    done = subprocess.run(
        [str(tollspan), "price", "--stdin"], input=text, capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(asked), done.stderr
    return [n for n, line in zip(asked, lines) if json.loads(line).get("reason") == NO_ROW]


def reported(path):
    """The names that the report lists, with the reason."""
    section = path.read_text().partition(SECTION + "\n")[2].partition("\n\n")[0]
    found = {}
    for line in section.splitlines():
        why, _, name = line.rpartition(": ")
        provider, _, model = name.partition("/")
        found[provider, model] = why
    return found


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--tollspan", type=Path, required=True)
    options.add_argument("--report", type=Path, required=True)
    options = options.parse_args()
    asked = sorted({*litellm_names(), *genai_names(), *listed_names()})
    reasons = reported(options.report)
    # of a dated name the report has the one that is not
    undated = {(p, name): (p, names.undated(name)) for p, name in asked}
    reasons |= {name: reasons[whole] for name, whole in undated.items() if whole in reasons}
    missing = unknown(options.tollspan, asked)
    counts = collections.Counter(reasons.get(name, "not in the report") for name in missing)
    print(f"{len(asked)} names, {len(asked) - len(missing)} of them in the card")
    for why, count in counts.most_common():
        print(f"{count} × {why}")
    silent = [name for name in missing if name not in reasons]
    for provider, model in silent:
        print(f"not found: {provider}/{model}")
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
