#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/card.schema.json beside what tollspan takes: the built-in card, and cards with one thing wrong.

usage: schema_check.py --tollspan PROGRAM [--cards N] [--seed N]
"""

import argparse
import copy
import json
import random
import re
import subprocess
import sys
from pathlib import Path

from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs/card.schema.json").read_text())
ROWS = 400  # of the built-in card, that are held against the schema
# What only a program can see: more than one value is needed for it.
BEYOND = re.compile(r"no tier before it|is not a day of the calendar")
WRONG = [None, True, -1, 1.5, "", "x", "-1", "1e3", "1.5.0", "2026-02-30", "\u0001"]
WRONG += [[], {}, ["a"], {"a": 1}]

WHOLE = {
    "schema": 1,
    "version": "2026-11-27",
    "makers": ["p", "q"],
    "provider_aliases": {"other": ["p", "q"]},
    "rows": [
        {
            "provider": "p",
            "model": "m",
            "aliases": ["n"],
            "start": "2026-01-01",
            "end": "2027-01-01",
            "currency": "USD",
            "source": "s",
            "checked": "2026-11-27",
            "prices": {"input": "3", "images": {"price": "5", "per": 1000}},
            "context": [{"above": 200000, "prices": {"input": "6"}}],
            "hours": [
                {
                    "zone": "+08:00",
                    "from": "16:30",
                    "to": "00:30",
                    "days": ["mon", "sun"],
                    "start": "2026-01-01",
                    "end": "2026-07-01",
                    "prices": {"input": "1"},
                    "context": [{"from": 100, "prices": {"input": "2"}}],
                }
            ],
            "variants": {"high/1024x1024": {"prices": {"images": "0.1"}}},
            "only": {"key": "k", "tag": "t"},
            "billed_as": {"reasoning": "input"},
            "tiers": {"batch": {"prices": {"input": "1.5"}}, "flex": "batch"},
            "regions": {"eu": {"multiplier": "1.1"}, "*": {"multiplier": "1"}},
        }
    ],
    "discounts": [
        {
            "provider": "p",
            "model": "m",
            "key": "k",
            "tag": "t",
            "factor": "0.85",
            "start": "2026-01-01",
            "end": "2027-01-01",
            "source": "s",
            "checked": "2026-11-27",
        }
    ],
}


def places(value, path=()):
    """Every place of a value."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for key, inner in enumerate(value):
            yield from places(inner, (*path, key))


def spoil(generator):
    """The card with one thing changed: a value, a key that is gone, or one that is new."""
    card = copy.deepcopy(WHOLE)
    path = generator.choice([p for p in places(card) if p])
    holder = card
    for key in path[:-1]:
        holder = holder[key]
    what = generator.choice(["value", "value", "gone", "new"])
    if what == "gone":
        del holder[path[-1]]
    elif what == "new" and isinstance(holder[path[-1]], dict):
        holder[path[-1]]["new"] = generator.choice(WRONG)
    else:
        holder[path[-1]] = generator.choice(WRONG)
    return card


def validate(tollspan, card):
    """What tollspan says is wrong, or None."""
    done = subprocess.run(
        [str(tollspan), "price", "--validate", "/dev/stdin"],
        input=json.dumps(card),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done
    return done.stderr.strip() if done.returncode else None


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--tollspan", type=Path, required=True)
    options.add_argument("--cards", type=int, default=1000)
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = options.parse_args()
    print(f"seed {options.seed}")
    generator = random.Random(options.seed)
    Draft202012Validator.check_schema(SCHEMA)
    schema = Draft202012Validator(SCHEMA)
    card = json.loads((ROOT / "pricing/card.json").read_text())
    card["rows"] = generator.sample(card["rows"], ROWS)
    wrong = [f"built-in: {error.message}" for error in schema.iter_errors(card)]
    wrong += [f"whole: {error.message}" for error in schema.iter_errors(WHOLE)]
    assert validate(options.tollspan, WHOLE) is None
    refused = 0
    for _ in range(options.cards):
        card = spoil(generator)
        said = validate(options.tollspan, card)
        error = next(schema.iter_errors(card), None)
        refused += error is not None
        if error is not None and said is None:
            wrong.append(f"tollspan takes {json.dumps(card)}: {error.message}")
        if error is None and said is not None and not BEYOND.search(said):
            wrong.append(f"the schema takes {json.dumps(card)}: {said}")
    print(f"{options.cards} cards, {refused} refused by the schema")
    print("\n".join(wrong[:20]))
    return bool(wrong) or refused < options.cards / 4


if __name__ == "__main__":
    sys.exit(main())
