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
    "cache_read_audio": "tollspan.usage.cache_read_audio",
    "cache_read_image": "tollspan.usage.cache_read_image",
    "cache_write": "gen_ai.usage.cache_creation.input_tokens",
    "cache_write_5m": "tollspan.usage.cache_creation_5m",
    "cache_write_1h": "tollspan.usage.cache_creation_1h",
    "output": "gen_ai.usage.output_tokens",
    "reasoning": "gen_ai.usage.reasoning.output_tokens",
    "input_audio": "tollspan.usage.input_audio",
    "output_audio": "tollspan.usage.output_audio",
    "input_image": "tollspan.usage.input_image",
    "output_image": "tollspan.usage.output_image",
    "input_video": "tollspan.usage.input_video",
    "output_video": "tollspan.usage.output_video",
    "web_search": "tollspan.usage.requests.web_search",
    "pages": "tollspan.usage.pages",
    "milliseconds": "tollspan.usage.milliseconds",
    "characters": "tollspan.usage.characters",
    "requests": "tollspan.usage.requests",
    "file_search": "tollspan.usage.requests.file_search",
    "grounding": "tollspan.usage.requests.grounding",
    "images": "tollspan.usage.images",
    "search_units": "tollspan.usage.search_units",
}
INPUT = [
    "input",
    "cache_read",
    "cache_read_audio",
    "cache_read_image",
    "cache_write",
    "cache_write_5m",
    "cache_write_1h",
    "input_audio",
    "input_image",
    "input_video",
]
OUTPUT = ["output", "reasoning", "output_audio", "output_image", "output_video"]
# What is billed by itself, each by a calculator of its own.
LONE = ["images", "milliseconds", "characters", "search_units"]
REGIONS = {"openai": ["eu", "us"], "gcp.vertex_ai": ["us-east5", "global"]}
HALF_HOUR = timedelta(minutes=30)
READS = ["cache_read", "cache_read_audio", "cache_read_image"]
WRITES = ["cache_write", "cache_write_5m", "cache_write_1h"]


class Usage:
    """Quantities by bucket, which exclude each other, of one call."""

    def __init__(self, row, model, time, quantities, tier=None, region=None, variant=None):
        self.provider, self.model, self.row = row["provider"], model, row
        self.tier, self.region, self.variant = tier, region, variant
        self.time, self.quantities = time, quantities

    def sum(self, buckets):
        total = 0
        for bucket in buckets:
            total += self.quantities.get(bucket, 0)
        return total

    def query(self):
        """A line for --stdin: totals include their parts there."""
        line = {
            "gen_ai.provider.name": self.provider,
            "gen_ai.request.model": self.model,
            "time": self.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        if self.tier:
            line["openai.response.service_tier"] = self.tier
        if self.region:
            line["tollspan.region"] = self.region
        if self.variant:
            line["tollspan.variant"] = self.variant
        values = dict(self.quantities)
        values["input"], values["output"] = self.sum(INPUT), self.sum(OUTPUT)
        if self.sum(READS):
            values["cache_read"] = self.sum(READS)
        if self.sum(WRITES):
            values["cache_write"] = self.sum(WRITES)
        for bucket, quantity in values.items():
            line[FIELDS[bucket]] = quantity
        return json.dumps(line)

    def __str__(self):
        what = " ".join(f"{b}={q}" for b, q in self.quantities.items() if q)
        scope = " ".join(filter(None, [self.tier or "standard", self.region, self.variant]))
        return f"{self.provider}/{self.model} {scope} {self.time:%Y-%m-%d %H:%M} {what}"


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
    lists += [rule["prices"] for rule in row.get("hours", ())]
    return {bucket for prices in lists for bucket in prices}


def mixed(row):
    """Buckets that a usage of a row has beside each other."""
    other = "web_search" if is_grounded(row) else "grounding"
    return [bucket for bucket in FIELDS if bucket not in ("images", "search_units", other)]


def is_grounded(row):
    """Whether searches are Google's, which bills grounding."""
    return row["provider"].startswith("gcp.") and "gemini" in row["model"]


def lone(row):
    """Bucket and variant of what a row bills by itself."""
    for bucket in LONE:
        if bucket in row["prices"]:
            yield bucket, None
        for name, variant in row.get("variants", {}).items():
            if bucket in variant["prices"]:
                yield bucket, name


def regions(row):
    """Geographies of which a package can be asked."""
    named = row.get("regions", {})
    return [r for r in REGIONS.get(row["provider"], ()) if r in named or "*" in named]


def quantities(random, row):
    """Mostly what the row prices; at times what it does not."""
    known = priced(row)
    found = {}
    if random.random() < 0.9:
        found["input"] = tokens(random)
    if random.random() < 0.8 and ("output" in known or random.random() < 0.05):
        found["output"] = tokens(random)
    for bucket in mixed(row):
        if bucket in ("input", "output", "requests"):
            continue
        if random.random() < (0.25 if bucket in known else 0.01):
            count = tokens(random) if bucket in INPUT + OUTPUT else random.randint(1, 5000)
            found[bucket] = count
    if "output" in known and random.random() < 0.2:
        found["reasoning"] = tokens(random)
    by_variant = any("requests" in v["prices"] for v in row.get("variants", {}).values())
    if "requests" in known or by_variant:
        found["requests"] = 1  # as the program takes it where a usage does not say
    return found or {"input": 1}


def usages(random, card, number):
    """Usages of names, tiers and days; half of them on the day of the card."""
    named = [
        (row, name) for row in card["rows"] for name in [row["model"], *row.get("aliases", ())]
    ]
    now = datetime.fromisoformat(card["version"]).replace(hour=12, tzinfo=timezone.utc)
    for _ in range(number):
        row, name = random.choice(named)
        time = now
        if random.random() < 0.5:
            time = EPOCH + timedelta(seconds=random.randrange(DAYS * 86400))
        elif "hours" in row:
            time = now.replace(hour=0) + HALF_HOUR * random.randrange(48)
        alone = list(lone(row))
        if alone and random.random() < 0.3:
            bucket, variant = random.choice(alone)
            yield Usage(row, name, time, {bucket: random.randint(1, 5000)}, variant=variant)
            continue
        tiers = list(row.get("tiers", {}))
        tier = random.choice(tiers) if tiers and random.random() < 0.4 else None
        places = regions(row)
        region = random.choice(places) if places and random.random() < 0.3 else None
        yield Usage(row, name, time, quantities(random, row), tier, region)


def prices(tollspan, asked):
    """What the program says of each usage."""
    text = "".join(usage.query() + "\n" for usage in asked)
    done = subprocess.run(
        [str(tollspan), "price", "--stdin"], input=text, capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(asked), done.stderr
    return [json.loads(line, parse_float=Decimal) for line in lines]
