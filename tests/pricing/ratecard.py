#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes pricing/card.json from genai-prices and litellm; docs/card.md has the format.

usage: ratecard.py [--base CARD] [--out CARD] [--report FILE] [--overrides FILE]
                   [--additions FILE]

A price on which the two disagree, and that pricing/overrides.json does not settle, is printed, and
the exit status is then 1; so is an entry of pricing/additions.json whose figure one of them has. What
the card of before says stays: a price that changed is a new row.
"""

import argparse
import collections
import json
import re
import sys
from pathlib import Path

import figures as f
import names
import regions
import rows
from additions import Additions
from catalogue import Catalogue
from convert import Conversions
from merge import GENAI, Overrides, field_name
from origin import BY, SOURCE_MAX, WITHHELD, fields_text, origin_text

ROOT = Path(__file__).resolve().parents[2]
CONVERTED = "; converted back to"
# What a row of a closed provider may get in a tier that it has: the rest was left out by hand.
OPEN_BUCKETS = {
    "input_image",
    "cache_read_image",
    "output_image",
    "input_audio",
    "output_audio",
    "cache_read_audio",
    "images",
    "milliseconds",
    "characters",
}


# ---- the card of before ----


def contradicts(old, new):
    """Keys that two eras price differently."""
    return [k for k in old.figures.keys() & new.figures.keys() if old.figures[k] != new.figures[k]]


def extend(old, new, closed, settled):
    """Add what new knows beside old. Return: the keys that were added, and those that were not.

    settled are fields that an override decided: a closed row takes these too."""
    scopes = {s for s, _, _ in old.figures}
    added, refused = [], []
    for key, value in sorted(new.figures.items()):
        if key in old.figures:
            continue
        is_open = key[2] in OPEN_BUCKETS and not key[1] or field_name(key) in settled
        if closed and key[0] in scopes and not is_open:
            refused.append(key)
            continue
        if closed and key[:2] in old.blocked:
            refused.append(key)
            continue
        old.figures[key] = value
        added.append(key)
    old.blocked |= {b for b in new.blocked if b[0] not in scopes}
    if not closed:
        old.regions, old.windows, old.unsaid = new.regions, new.windows, new.unsaid
    return added, refused


def withhold(era, merged):
    """Take out what is not to be priced. Return: the keys of it."""
    withheld = {field for field, e in merged.settled if e["choice"] in WITHHELD}
    withheld |= merged.withheld
    dropped = [key for key in era.figures if field_name(key) in withheld]
    for key in dropped:
        del era.figures[key]
    return dropped


class Builder:
    def __init__(self, overrides, writer, base, additions=None):
        self.overrides, self.writer, self.additions = overrides, writer, additions
        self.conversions = Conversions(overrides)
        self.rows = []
        self.changes, self.refused, self.kept = [], [], []
        self.before = collections.defaultdict(list)
        self.meaning = {}
        for row in base["rows"]:
            foreign = overrides.is_foreign(row["provider"], row["model"])
            if foreign or not row["model"][-1].isalnum():
                continue
            self.before[row["provider"], row["model"]].append(row)
            for name in [row["model"], *row.get("aliases", ())]:
                self.meaning[row["provider"], name] = row["model"]
        self.used = set()
        self.owners = {}  # (provider, name) -> the model that has it
        self.moved = {}  # (provider, name) of what were aliases -> the model that has it now

    def build(self, catalogue):
        owners = {(model.provider, n): model for model in catalogue.models for n in model.names}
        self.owners = owners
        for key in catalogue.corrected:
            self.before.pop(key, None)
            self.meaning.pop(key, None)
        for model in catalogue.models:
            name = model.name()
            known = self.meaning.get((model.provider, name), name)
            others = owners.get((model.provider, known), model) is not model
            if others or known != name and names.undated(known) == name:
                self.moved.update({(model.provider, n): name for n in model.names})
                continue
            for other in model.names:
                known = self.meaning.get((model.provider, other), other)
                if owners.get((model.provider, known), model) is not model:
                    self.moved[model.provider, other] = name
        for model in catalogue.models:
            self.add(model)
        self.finish(catalogue)

    def add(self, model):
        provider = model.provider
        if self.moved.get((provider, model.name())) == model.name():
            # an alias in the card of before
            before = self.before[provider, self.meaning[provider, model.name()]]
            before = [{**row, "model": model.name(), "aliases": []} for row in before]
            self.write(model, model.names, before)
            return
        parts = collections.defaultdict(list)
        for name in model.names:
            known = self.meaning.get((provider, name))
            stem = names.undated(name)
            moved = (provider, name) in self.moved
            parts[None if moved else known or self.meaning.get((provider, stem))].append(name)
        fresh = parts.pop(None, [])
        if fresh and len(parts) == 1 and model.name() not in fresh:
            parts[next(iter(parts))] += fresh
        elif fresh:
            self.write(model, fresh, [])
        for known, members in parts.items():
            if (provider, known) in self.used:
                continue
            self.used.add((provider, known))
            self.write(model, [known, *members], self.before[provider, known])

    def write(self, model, members, before):
        name = before[0]["model"] if before else model.name()
        if name not in members:
            name = min(members, key=lambda n: (len(n), n))
        aliases = {a for row in before for a in row.get("aliases", ())} | set(members)
        own = (name, model.name())
        aliases -= {a for a in aliases if self.moved.get((model.provider, a), name) not in own}
        # a snapshot goes with its model
        stems = {a: (model.provider, names.undated(a)) for a in aliases}
        aliases -= {a for a, stem in stems.items() if self.owners.get(stem, model) is not model}
        aliases = sorted(a for a in aliases if a != name and names.undated(a) != name)
        eras = self.eras(model, before)
        written = []
        for era, source, checked, end in eras:
            currency = self.conversions.currency(model.provider)
            if currency != "USD" and CONVERTED not in source:
                source += f"{CONVERTED} {currency}"
            row = self.writer.row(
                model.provider, name, aliases, era, source, checked, end, currency
            )
            if row is not None:
                written.append(row)
            elif written and "end" not in written[-1] and era.start:
                written[-1]["end"] = era.start
        self.rows += written

    def eras(self, model, before):
        """(era, source, checked, end), by start."""
        today = self.overrides.checked
        by = BY[GENAI] + model.rule
        text = model.merged.era.text or origin_text(model.merged).replace(BY[GENAI], by, 1)
        dated = [(era, era.text or by, today, None) for era in model.past if era.figures]
        current = (model.merged.era, text, today, None)
        future = [(era, by, today, None) for era in model.future]
        if not before:
            return [*dated, current, *future]
        closed = model.provider in self.overrides.closed
        old = [(rows.read_row(r), r["source"], r["checked"], r.get("end")) for r in before]
        old.sort(key=lambda item: item[0].start or "")
        begun = [item for item in old if (item[0].start or "") <= today]
        last = begun[-1]
        new = model.merged.era
        differ = contradicts(last[0], new)
        settled = {field for field, e in model.merged.settled if e["choice"] not in WITHHELD}
        if (new.start or "") > (last[0].start or ""):
            self.changes.append(f"{model.provider}/{before[0]['model']}: from {new.start}")
            begun.append(current)
        elif differ:
            fields = ", ".join(sorted(map(field_name, differ)))
            self.changes.append(f"{model.provider}/{before[0]['model']}: from {today}: {fields}")
            changed = rows.read_row(before[-1])
            for key in differ:
                changed.figures[key] = new.figures[key]
            changed.start = today
            extend(changed, new, closed, settled)
            begun.append((changed, text, today, None))
        else:
            added, refused = extend(last[0], new, closed, settled)
            self.refused += [(model.provider, before[0]["model"], key) for key in refused]
            dropped = withhold(last[0], model.merged)
            source, checked = text, today
            if closed:
                source, checked = self.closed_source(model, last, added, dropped), last[2]
            if added or dropped:
                checked = today
            begun[-1] = (last[0], source, checked, last[3])
        return [*begun, *future]

    @staticmethod
    def closed_source(model, last, added, dropped):
        """The source of a closed provider's row, with what was added and taken out."""
        source = last[1]
        if dropped:
            # what was said to be of a package and is gone
            source = re.sub(r"; [a-z_, ]+ by [a-z-]+ [\d.]+$", "", source)
            source += f"; {fields_text(dropped)}: not taken"
        origin = model.merged.origin
        by = collections.defaultdict(list)
        for key in added:
            by[" and ".join(sorted(BY[s] for s in origin.get(key, ()) if s in BY))].append(key)
        for packages, keys in sorted(by.items()):
            if packages and not source.endswith(packages):
                source += f"; {fields_text(keys)} by {packages}"
        return source[:SOURCE_MAX]

    def finish(self, catalogue):
        """Rows of models that neither package knows any more, and the geographies of all."""
        for key, before in self.before.items():
            if key not in self.used:
                for row in before:
                    kept = [a for a in row.get("aliases", ()) if (key[0], a) not in self.moved]
                    self.rows.append({**row, "aliases": kept})
                self.kept.append(f"{key[0]}/{key[1]}")
        known = {}
        for model in catalogue.models:
            era = model.merged.era
            for name in model.merged.group + model.names:
                known[model.provider, name] = era.regions, era.unsaid
        self.additions.apply(self.rows, catalogue.models)
        regions.assign(self.rows, known, catalogue.litellm.orphans)
        self.additions.narrow(self.rows)


def unlike_their_base(found, today):
    """Dated names that cost other than the name that they are of."""
    eras = {
        (row["provider"], row["model"]): rows.read_row(row)
        for row in found
        if row.get("start", "") <= today < row.get("end", "9")
    }
    for (provider, name), era in sorted(eras.items()):
        base = eras.get((provider, names.undated(name)))
        for key in sorted(contradicts(base, era)) if base else ():
            prices = [f.price_text(key[2], e.figures[key]) for e in (era, base)]
            what = f"{field_name(key)}: {prices[0]}, the undated name {prices[1]}"
            yield f"{provider}/{name} {what}"


def report(catalogue, builder, size):
    """The lines of the report."""
    overrides, merger = catalogue.overrides, catalogue.merger
    providers = collections.Counter(row["provider"] for row in builder.rows)
    yield " and ".join(BY.values()) + f", compared on {overrides.checked}"
    yield f"{len(builder.rows)} rows, {len(providers)} providers, {size} bytes"
    models = sum(len(p.models) for p in catalogue.genai.providers.values())
    names_of_both = catalogue.counts["names that both know"]
    yield (
        f"{models} models of genai-prices, {len(catalogue.litellm.models)} of litellm, "
        f"{names_of_both} of both"
    )
    yield f"{merger.agreed[2]} figures of both, {merger.agreed[1]} of one"
    for what in sorted(set(catalogue.counts) - {"names that both know"}):
        yield f"{catalogue.counts[what]} {what}"
    yield ""
    yield "## Disagreements, settled"
    for entry, used in zip(overrides.entries, overrides.used):
        what = f"{entry['provider']} {entry.get('model', '*')} {entry['field']}"
        why = f"{entry['reason']} ({entry['source']})"
        yield f"{len(used)} × {entry['choice']}: {what}: {why}"
        yield from (f"    {d}" for d in used)
    yield ""
    yield "## Disagreements that nothing settles"
    yield from map(str, overrides.open)
    yield ""
    yield "## Prices that changed"
    yield from builder.changes
    yield ""
    yield "## Figures that a closed provider's row does not take"
    for provider, model, key in builder.refused:
        yield f"{provider}/{model} {field_name(key)}"
    yield ""
    yield "## Rows that neither package knows any more"
    yield from builder.kept
    yield ""
    yield "## Fields that no bucket has"
    for field, count in (catalogue.genai.unmapped + catalogue.litellm.unmapped).most_common():
        yield f"{count} × {field}"
    yield ""
    yield "## Dated names that cost other than the name that they are of"
    yield from unlike_their_base(builder.rows, overrides.checked)
    yield ""
    yield "## Geographies that no multiplier says: unpriced there"
    for provider, model, region in catalogue.litellm.regional:
        yield f"{provider}/{model} {region}"
    yield ""
    yield "## Models without a price"
    unpriced = dict(catalogue.litellm.unpriced)
    unpriced.update({(provider, model): why for provider, model, why in catalogue.unpriced})
    named = {(row["provider"], n) for row in builder.rows for n in rows.all_names(row)}
    for (provider, model), why in sorted(unpriced.items()):
        if (provider, model) not in named:
            yield f"{why}: {provider}/{model}"
    for row in builder.rows:
        if row.get("end", "9") <= overrides.checked:
            yield from (f"ended: {row['provider']}/{name}" for name in rows.all_names(row))
    yield ""
    yield "## Figures that no card can say"
    for item in builder.writer.left_out:
        yield " ".join(map(str, item))
    yield ""
    yield "## Figures that were converted from another currency, and can not be converted back"
    for provider, model, key in sorted(set(catalogue.conversions.lost)):
        yield f"{provider}/{model} {field_name(key)}"


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--base", type=Path, default=ROOT / "pricing/card.json")
    options.add_argument("--out", type=Path, default=ROOT / "pricing/card.json")
    options.add_argument("--report", type=Path, default=ROOT / "build/ratecard-report.txt")
    options.add_argument("--overrides", type=Path, default=ROOT / "pricing/overrides.json")
    options.add_argument("--additions", type=Path, default=ROOT / "pricing/additions.json")
    options = options.parse_args()
    overrides = Overrides(options.overrides)
    catalogue = Catalogue(overrides)
    additions = Additions(options.additions)
    base = additions.strip(json.loads(options.base.read_text()))
    builder = Builder(overrides, rows.Writer(), base, additions)
    builder.build(catalogue)
    providers = {row["provider"] for row in builder.rows}
    aliases = names.provider_aliases(catalogue.litellm.identities(), providers)
    head = {"version": overrides.checked, "makers": names.MAKERS, "provider_aliases": aliases}
    card = rows.text({**head, "rows": builder.rows})
    options.report.parent.mkdir(parents=True, exist_ok=True)
    lines = list(report(catalogue, builder, len(card.encode())))
    options.report.write_text("\n".join(lines) + "\n")
    errors = [f"not settled: {d}" for d in overrides.open] + list(overrides.errors())
    errors += [*catalogue.conversions.errors(), *additions.wrong]
    for line in lines[:4] + errors:
        print(line)
    print(
        f"{sum(map(len, overrides.used))} disagreements are settled, {len(overrides.open)} are not"
    )
    if errors:
        return 1
    options.out.write_text(card)
    return 0


if __name__ == "__main__":
    sys.exit(main())
