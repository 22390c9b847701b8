# SPDX-License-Identifier: Apache-2.0
"""Random usages of the models of a card, and what `tollspan price --stdin` makes of them."""

import json
import subprocess
from datetime import datetime, timedelta, timezone
from decimal import Decimal

EPOCH = datetime(2025, 1, 1, tzinfo=timezone.utc)
DAYS = 800
FIELDS = {
    "input": "gen_ai.usage.input_tokens",
    "cache_read": "gen_ai.usage.cache_read.input_tokens",
    "cache_write": "gen_ai.usage.cache_creation.input_tokens",
    "cache_write_5m": "tollspan.usage.cache_creation_5m",
    "cache_write_1h": "tollspan.usage.cache_creation_1h",
    "output": "gen_ai.usage.output_tokens",
    "reasoning": "gen_ai.usage.reasoning.output_tokens",
    "input_audio": "tollspan.usage.input_audio",
    "output_audio": "tollspan.usage.output_audio",
    "input_image": "tollspan.usage.input_image",
    "output_image": "tollspan.usage.output_image",
    "web_search": "tollspan.usage.requests.web_search",
    "pages": "tollspan.usage.pages",
    "milliseconds": "tollspan.usage.milliseconds",
    "characters": "tollspan.usage.characters",
    "requests": "tollspan.usage.requests",
}
INPUT = [
    "input",
    "cache_read",
    "cache_write",
    "cache_write_5m",
    "cache_write_1h",
    "input_audio",
    "input_image",
]
OUTPUT = ["output", "reasoning", "output_audio", "output_image"]
WRITES = ["cache_write", "cache_write_5m", "cache_write_1h"]


class Usage:
    """Quantities by bucket, which exclude each other, of one call."""

    def __init__(self, provider, model, row, tier, time, quantities):
        self.provider, self.model, self.row = provider, model, row
        self.tier, self.time, self.quantities = tier, time, quantities

    def sum(self, buckets):
        return sum(self.quantities.get(bucket, 0) for bucket in buckets)

    def query(self):
        """A line for --stdin: totals include their parts there."""
        line = {
            "gen_ai.provider.name": self.provider,
            "gen_ai.request.model": self.model,
            "time": self.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        if self.tier:
            line["openai.response.service_tier"] = self.tier
        values = dict(self.quantities)
        values["input"], values["output"] = self.sum(INPUT), self.sum(OUTPUT)
        if self.sum(WRITES):
            values["cache_write"] = self.sum(WRITES)
        for bucket, quantity in values.items():
            line[FIELDS[bucket]] = quantity
        return json.dumps(line)

    def __str__(self):
        what = " ".join(f"{b}={q}" for b, q in self.quantities.items() if q)
        return f"{self.provider}/{self.model} {self.tier or 'standard'} {self.time:%Y-%m-%d} {what}"


def tokens(random):
    """Counts of all sizes, and those at which prices change."""
    if random.random() < 0.2:
        bound = random.choice([32_000, 100_000, 128_000, 200_000, 256_000, 272_000, 512_000])
        return max(0, bound + random.randint(-1, 1))
    return int(10 ** random.uniform(0, 6.2))


def priced(row):
    """All buckets that a row prices somewhere."""
    lists = [row["prices"], *(c["prices"] for c in row.get("context", ()))]
    lists += [t["prices"] for t in row.get("tiers", {}).values() if not isinstance(t, str)]
    return {bucket for prices in lists for bucket in prices}


def quantities(random, row):
    """Mostly what the row prices; at times what it does not."""
    known = priced(row)
    found = {}
    if random.random() < 0.9:
        found["input"] = tokens(random)
    if random.random() < 0.8 and ("output" in known or random.random() < 0.05):
        found["output"] = tokens(random)
    for bucket in FIELDS:
        if bucket in ("input", "output", "requests"):
            continue
        if random.random() < (0.25 if bucket in known else 0.01):
            count = tokens(random) if bucket in INPUT + OUTPUT else random.randint(1, 5000)
            found[bucket] = count
    if "output" in known and random.random() < 0.2:
        found["reasoning"] = tokens(random)
    if "requests" in known:
        found["requests"] = 1
    return found or {"input": 1}


def usages(random, card, number):
    """Usages of names, tiers and days; half of them on the day of the card."""
    named = [
        (row, name) for row in card["rows"] for name in [row["model"], *row.get("aliases", ())]
    ]
    now = datetime.fromisoformat(card["version"]).replace(hour=12, tzinfo=timezone.utc)
    for _ in range(number):
        row, name = random.choice(named)
        tiers = [t for t in row.get("tiers", {})]
        tier = random.choice(tiers) if tiers and random.random() < 0.4 else None
        time = now
        if random.random() < 0.5:
            time = EPOCH + timedelta(seconds=random.randrange(DAYS * 86400))
        yield Usage(row["provider"], name, row, tier, time, quantities(random, row))


def prices(tollspan, asked):
    """What the program says of each usage."""
    text = "".join(usage.query() + "\n" for usage in asked)
    done = subprocess.run(
        [str(tollspan), "price", "--stdin"], input=text, capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(asked), done.stderr
    return [json.loads(line, parse_float=Decimal) for line in lines]
