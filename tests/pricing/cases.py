# SPDX-License-Identifier: Apache-2.0
"""Every case in which a card's prices can differ from a package's, once: for each name each tier,
length of a request, geography, variant, and time at which either changes its mind."""

import collections
from datetime import datetime, timedelta, timezone

import usages
from usages import INPUT, OUTPUT, Usage

SMALL = 1000  # input tokens of a request that is not long
PART = 3
HALF_HOURS = 48
SECOND = timedelta(seconds=1)


def cases(card, oracle):
    """Usages of all names of a card that a package can be asked about."""
    rows = collections.defaultdict(list)
    for row in card["rows"]:
        for name in [row["model"], *row.get("aliases", ())]:
            rows[row["provider"], name].append(row)
    now = noon(card["version"])
    for (_, name), own in rows.items():
        for time in times(own, name, oracle, now):
            row = row_at(own, time)
            tiers = dict.fromkeys(tier for other in own for tier in other.get("tiers", {}))
            yield from mixed(row, name, time, oracle, tiers)
        yield from alone(row_at(own, now), name, now, oracle)


def noon(day):
    return datetime.fromisoformat(day).replace(hour=12, tzinfo=timezone.utc)


def row_at(rows, time):
    """The row that holds, or else the first."""
    day = time.date().isoformat()
    begun = [row for row in rows if row.get("start", "") <= day < row.get("end", "9")]
    return max(begun or rows[:1], key=lambda row: row.get("start", ""))


def times(rows, name, oracle, now):
    """The first second of each span in which neither changes and the last one of that before, and
    each half hour where prices have hours."""
    marks = []
    if not oracle.today_only:
        days = {row[key] for row in rows for key in ("start", "end") if key in row}
        days |= oracle.days(rows[0]["provider"], name)
        last = usages.EPOCH + timedelta(days=usages.DAYS)
        begun = [noon(day) for day in sorted(days) if day > usages.EPOCH.date().isoformat()]
        marks = [time for time in begun if time < last]
    found = [now] if oracle.today_only else [usages.EPOCH.replace(hour=12), now]
    for time in marks:
        found += [time.replace(hour=0) - SECOND, time.replace(hour=0)]
    if not any("hours" in row for row in rows) and not oracle.has_hours(rows[0]["provider"], name):
        return list(dict.fromkeys(found))
    spans = [now]
    if not oracle.today_only:
        # a Friday and a Saturday of each span
        spans = [usages.EPOCH.replace(hour=12), *marks, now]
        spans = [time + timedelta(days=(4 - time.weekday()) % 7) for time in spans]
        spans += [time + timedelta(days=1) for time in spans]
        days = {rule["start"] for r in rows for rule in r.get("hours", ()) if "start" in rule}
        spans += [noon(day) for day in sorted(days)]
    found += [t.replace(hour=0) + usages.HALF_HOUR * i for t in spans for i in range(HALF_HOURS)]
    return list(dict.fromkeys(found))


def lengths(row, name, oracle):
    """Total input: none, and on either side of each bound."""
    bounds = set(oracle.bounds(row["provider"], name))
    tiers = [t for t in row.get("tiers", {}).values() if not isinstance(t, str)]
    for content in [row, *tiers, *row.get("hours", ())]:
        bounds |= {c.get("above", c.get("from")) for c in content.get("context", ())}
    return sorted({0, SMALL} | {bound + i for bound in bounds for i in (-1, 0, 1)})


def mixed(row, name, time, oracle, tiers):
    """All that a usage can have beside each other."""
    buckets = [b for b in usages.mixed(row) if b in oracle.BUCKETS and b not in ("input", "output")]
    for tier in [None, *tiers]:
        for region in [None, *(usages.regions(row) if oracle.has_regions else ())]:
            for total in lengths(row, name, oracle):
                found = {bucket: PART for bucket in buckets if total or bucket not in INPUT}
                found["input"] = total - PART * sum(b in INPUT for b in found)
                found["output"] = SMALL
                usage = Usage(row, name, time, found, tier, region)
                if "requests" in found:
                    found["requests"] = int(oracle.knows(usage) and oracle.by_request(usage))
                yield usage


def alone(row, name, now, oracle):
    """What is billed by itself, and what litellm may bill so where the card has no price."""
    priced = list(usages.lone(row))
    others = [b for b in usages.LONE if b in usages.mixed(row) and (b, None) not in priced]
    others = others if oracle.doubles else []
    for bucket, variant in [*priced, *((bucket, None) for bucket in others)]:
        yield Usage(row, name, now, {bucket: SMALL}, variant=variant)


assert set(INPUT + OUTPUT) < set(usages.FIELDS)
