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
from datetime import date
from pathlib import Path

import figures as f
import names
import regions
import rows
from additions import Additions
from convert import Conversions
from merge import (
    GENAI,
    LITELLM,
    Merged,
    Merger,
    Overrides,
    copy_era,
    field_name,
    matches,
)
from sources import (
    VERSIONS,
    Era,
    GenaiPrices,
    Litellm,
    equal_names,
    listed_names,
    pattern_names,
)

ROOT = Path(__file__).resolve().parents[2]
BY = {source: f"{source} {version}" for source, version in VERSIONS.items()}
SOURCE_MAX = 1000
CONVERTED = "; converted back to"
# Why a figure is not taken: by the choice that was made.
WITHHELD = {
    "none": "contradicted, so unpriced",
    "estimate": "an estimate of what the tokens cost, so unpriced",
    "other": "another model's, so unpriced",
    "sizes": "by size only",
}
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


class Model:
    """Names that have one price, and its history."""

    def __init__(self, provider, merged, past=(), future=(), preferred=None):
        self.provider = provider
        self.names = list(merged.names)
        self.merged = merged
        self.past, self.future = list(past), list(future)
        self.preferred = preferred
        self.rule = ""  # by which genai-prices has a price for these names
        self.given = []  # eras that neither package has of these names

    def succeed(self, era):
        """From the era's day on the names have its prices."""
        self.given.append(era)
        if (self.merged.era.start or "") > era.start:
            self.past.append(era)
            return
        self.past.append(self.merged.era)
        self.merged = Merged(self.provider, self.merged.names, era, {}, self.merged.settled)

    def content(self):
        era = self.merged.era
        key = sorted((k, v) for k, v in era.figures.items())
        return str(
            (
                key,
                era.start,
                era.windows,
                sorted(era.regions.items()),
                sorted(era.blocked),
                sorted(era.unsaid),
            )
        )

    def name(self):
        """The shortest name, or the one that is wanted."""
        if self.preferred in self.names:
            return self.preferred
        return min(self.names, key=lambda n: (len(n), n))


class Catalogue:
    """All models of both packages, with one price each."""

    def __init__(self, overrides):
        today = date.fromisoformat(overrides.checked)
        self.overrides = overrides
        self.genai, self.litellm = GenaiPrices(today), Litellm()
        self.corrected = set()  # (provider, model): what the card of before says is wrong
        for entry in overrides.variants:
            self.litellm.fold(entry)
            self.corrected |= {(p, name) for p in entry["provider"] for name in entry["variants"]}
        self.contradicted_aliases()
        self.conversions = Conversions(overrides)
        self.conversions.litellm(self.litellm.models)
        self.merger = Merger(overrides)
        self.counts = collections.Counter()
        self.unpriced = []
        self.models = []
        providers = {p for p, _ in self.litellm.models}
        for identity in self.genai.providers:
            providers |= set(names.genai_providers(identity))
        for provider in sorted(providers):
            models = self.provider(provider)
            self.succeed(provider, models)
            self.follow(provider, models)
            self.models += distinct(self.sold(provider, models), self.has_snapshots)

    def sold(self, provider, models):
        """Models without the names that the provider does not sell."""
        for model in models:
            for name in [n for n in model.names if self.overrides.is_foreign(provider, n)]:
                model.names.remove(name)
                self.unpriced.append((provider, name, "not sold by the provider"))
        return [model for model in models if model.names]

    def follow(self, provider, models):
        """A snapshot costs what the model does where litellm has one figure of both, overruled."""
        owners = {name: model for model in models for name in model.names}
        for model in models:
            stem = names.undated(model.name())
            base, told = owners.get(stem), self.litellm.models.get((provider, stem))
            if not base or not told or base is model:
                continue
            era, right = model.merged.era, base.merged.era
            overruled = {f: e for f, e in base.merged.settled if e["choice"] == GENAI}
            for key in [k for k in era.figures if field_name(k) in overruled]:
                if model.merged.origin[key] == {LITELLM} and era.figures[key] == told.figures[key]:
                    era.figures[key] = right.figures[key]
                    model.merged.origin[key] = {"override"}
                    field = field_name(key)
                    model.merged.settled.append((field, overruled[field]))
                    self.corrected.add((provider, model.name()))
                    self.counts["figures of snapshots that follow an override"] += 1

    def contradicted_aliases(self):
        """An alias that genai-prices has of another model, or litellm of two that differ in price,
        is a model of that name: of the global one's figures what the others say too."""
        targets = collections.defaultdict(list)
        for (provider, model), aliases in self.litellm.aliases.items():
            for alias in dict.fromkeys(aliases):
                targets[provider, alias].append(model)
        for (provider, alias), models in targets.items():
            own = self.genai.find(provider, alias)
            models.sort(key=lambda m: (not m.startswith("global."), m))
            eras = [self.litellm.models[provider, model] for model in models]
            other = own and any(self.genai.find(provider, model) is not own for model in models)
            told = [(era.figures, era.others) for era in eras]
            if not other and all(figures == told[0] for figures in told):
                continue
            era = self.litellm.models[provider, alias] = copy_era(eras[0])
            if other:
                # of which model the tiers are is not known
                era.figures = {key: v for key, v in era.figures.items() if not key[0]}
            for second in eras[1:]:
                for said in (second.figures, second.others):
                    both = era.figures.keys() & said.keys()
                    era.others |= {k: said[k] for k in both if said[k] != era.figures[k]}
            for model in models:
                rest = [name for name in self.litellm.aliases[provider, model] if name != alias]
                self.litellm.aliases[provider, model] = rest

    def eras(self, model, provider):
        """What genai-prices says of a model."""
        eras = self.genai.eras(model, provider)
        return self.conversions.genai(provider, model.id, eras)

    def pattern_names(self, provider, model, known):
        """Names that a model's rule has, but for what cuts a word of one that is known."""
        found = pattern_names(model)
        if provider == "aws.bedrock":
            found += [f"anthropic.{name}" for name in found if name.startswith("claude-")]
        found = [name for name in found if self.genai.find(provider, name) is model]
        return [name for name in {n.lower(): n for n in found}.values() if is_whole(name, known)]

    def has_snapshots(self, provider, name):
        """Whether the name has dated ones beside it by the model's rule: no alias has."""
        if names.undated(name) or re.search(r"[@:]|-latest$", name):
            return False
        model = self.genai.find(provider, name)
        dated = [name + day for day in ("-20250514", "-2025-05-14", "@20250514")]
        return model and any(self.genai.find(provider, other) is model for other in dated)

    def conditions(self, provider, name, model):
        found = set()
        listed = [n.lower() for n in [*equal_names(model), model.id]]
        if name.lower() not in listed:
            found.add("pattern")
        if (provider, name) in self.litellm.deprecated:
            found.add("deprecated")
        return found

    def provider(self, provider):
        told = {m: era for (p, m), era in self.litellm.models.items() if p == provider}
        lower = {}
        for name in told:
            lower.setdefault(name.lower(), name)
        named = collections.defaultdict(list)
        listed = {id(m): listed_names(m) for m in self.genai.models(provider)}
        others = self.overrides.names(provider)
        everything = [*told, *others, *(name for members in listed.values() for name in members)]
        for model in self.genai.models(provider):
            members = [n for n in listed[id(model)] if self.genai.find(provider, n) is model]
            members += self.pattern_names(provider, model, everything)
            spare = model.id[-1].isalnum() and not self.genai.maker(provider, model)
            named[id(model)] = list(dict.fromkeys(members)) or [model.id] * spare
        for name, known in others.items():
            if name in told:
                continue
            model = self.genai.find(provider, known)
            assert model, f"names: no model of {provider} is {known}"
            named[id(model)].append(name)
            if known in told:
                lower[name.lower()] = known
        alone = []
        for name in sorted(told):
            model = self.genai.find(provider, name)
            if model is None:
                alone.append(name)
                continue
            members = [name]
            short = names.unversioned(provider, name)
            if short not in told and self.genai.find(provider, short) is model:
                lower.setdefault(short.lower(), name)
                members.append(short)
            named[id(model)] += [n for n in members if n not in named[id(model)]]
        self.counts["names that both know"] += len(told) - len(alone)
        found = []
        for model in self.genai.models(provider):
            found += self.both(provider, model, named[id(model)], told, lower)
        for name in alone:
            found.append(self.single(provider, name, told[name]))
        return [m for m in found if m]

    def both(self, provider, model, listed, told, lower):
        """A model of genai-prices, with what litellm says of its names."""
        past, now, future = self.eras(model, provider)
        groups = collections.defaultdict(list)
        for name in listed:
            known = name if name in told else lower.get(name.lower())
            groups[known].append(name)
        silent = groups.pop(None, [])
        products = self.products(provider, model, silent, groups)
        home = next((k for k in groups if k.lower() == model.id.lower()), None)
        if home is None and len(groups) == 1:
            home = next(iter(groups))
        made = []
        for known, members in groups.items():
            merged, before = self.known(provider, model, known, members, told[known])
            if known == home and not merged.is_litellms():
                merged.names += silent
                silent = []
            own = [self.untiered(provider, model, known, e)[0] for e in (*past, *before)]
            later = [self.untiered(provider, model, known, e)[0] for e in future]
            preferred = known if merged.withheld else model.id
            made.append(Model(provider, merged, own, later, preferred))
        for members in filter(None, (silent, products)):
            era, others = self.untiered(provider, model, members[0], now)
            merged = self.merger.merge(provider, members, era, None, set())
            take_out(merged, now, others)
            made.append(Model(provider, merged, past, future, model.id))
        maker = self.genai.maker(provider, model)
        for one in made if maker else ():
            one.rule = f" by its rule that Azure costs what {maker} does"
        found = {}
        for one in made:
            twin = found.setdefault(one.content(), one)
            if twin is not one:
                twin.names += one.names
                twin.merged.group = [*twin.merged.group, *one.merged.group]
                twin.merged.settled = [*twin.merged.settled, *one.merged.settled]
        for one in found.values():
            if not one.merged.era.figures and not past and not future:
                self.leave_out(provider, one.names, one.merged)
        return [m for m in found.values() if m.merged.era.figures or m.past or m.future]

    def products(self, provider, model, silent, groups):
        """Names of further products, which have tiers less: those of litellm, written otherwise,
        go to these. Return: the rest of them."""
        written = {names.spelt(known): known for known in groups}
        rest = []
        for name in list(silent):
            known = written.get(names.spelt(name))
            if self.untiered(provider, model, known or name, Era())[1]:
                silent.remove(name)
                (groups[known] if known else rest).append(name)
        return rest

    def untiered(self, provider, model, name, era):
        """genai-prices' era of a product that a model's rule has beside it, without the tiers that
        litellm has of the model and not of the product. Return: it, and the keys without."""
        home = self.litellm.models.get((provider, model.id))
        if not home or not names.is_product(model.id, name):
            return era, set()
        own = self.litellm.models.get((provider, name), Era())
        tiers = {scope for scope, _, _ in home.figures} - {scope for scope, _, _ in own.figures}
        tiers |= {"fast"} if "priority" in tiers else set()
        tiers -= {scope for scope in tiers if not scope or scope.startswith("variant:")}
        era = copy_era(era)
        drop = {k for e in (era, home, own) for k in e.figures if k[0] in tiers}
        drop |= {("fast", a, b) for scope, a, b in drop if scope == "priority"}
        for key in drop & era.figures.keys():
            del era.figures[key]
        return era, drop

    def known(self, provider, model, known, members, era):
        """What both say of a name that litellm knows. Return: Merged, and what held before."""
        aliases = self.litellm.aliases.get((provider, known), [])
        members = list(dict.fromkeys([known, *members, *aliases]))
        _, all_now, _ = self.eras(model, provider)
        conditions = self.conditions(provider, known, model)
        now, others = self.untiered(provider, model, known, all_now)
        merged = self.merger.merge(provider, members, now, era, conditions)
        take_out(merged, all_now, others)
        starts = {entry["start"] for _, entry in merged.settled if "start" in entry}
        if not starts:
            return merged, []
        # the day from which litellm's price holds is known: until then it is the other's
        (merged.era.start,) = starts
        return merged, [now]

    def succeed(self, provider, models):
        """Names that another model answers since a day cost what that one does."""
        for i, entry in enumerate(self.overrides.successors):
            if entry["provider"] != provider:
                continue
            (new,) = [model for model in models if entry["as"] in model.names]
            for model in models:
                if any(matches(entry["model"], [name]) for name in model.names):
                    era = copy_era(new.merged.era)
                    era.start = entry["start"]
                    era.text = (
                        f"{origin_text(new.merged)}, of {entry['as']}, which answers since: "
                        f"{entry['source']}"
                    )
                    model.succeed(era)
                    self.overrides.used_successors[i] += 1

    def leave_out(self, provider, members, merged):
        """Say why names have no row."""
        for name in dict.fromkeys(members):
            why = self.litellm.unpriced.get((provider, name), "no price in either package")
            if merged.settled:
                why = "contradicted, and not settled for a price"
            self.unpriced.append((provider, name, why))

    def single(self, provider, name, era):
        """A model that litellm alone knows."""
        members = [name, *self.litellm.aliases.get((provider, name), [])]
        merged = self.merger.merge(provider, members, None, era, {"alone"})
        uplift = self.conversions.factor(provider, name)
        if uplift:
            merged.settled.append(("standard/input", {"choice": f"litellm × {uplift['factor']}"}))
        if (provider, name) in self.corrected:
            merged.settled.append(("standard/milliseconds", {"choice": "sizes"}))
        if not merged.era.figures:
            self.leave_out(provider, members, merged)
            return None
        return Model(provider, merged, preferred=name)


def take_out(merged, era, others):
    """Say of a product's price what its model's era has and it has not."""
    merged.withheld = {field_name(key) for key in others}
    own = sorted(field_name(key) for key in others & era.figures.keys())
    merged.settled += [(field, {"choice": "other"}) for field in own]


def is_whole(name, known):
    """Whether a name is neither a known one in another case, nor cuts a word of one, or a year."""
    others = [other for other in known if other != name and other.lower().startswith(name.lower())]
    cut = any(other[len(name) :][:1].isalnum() or len(other) == len(name) for other in others)
    return not cut and not re.search(r"-20\d\d$", name)


def distinct(models, has_snapshots):
    """Each name once, and as a row of its own where it can be no alias: another's would be found
    for it first, or its snapshots would not be found."""
    taken, result = set(), []
    for model in models:
        model.names = [n for n in dict.fromkeys(model.names) if n not in taken]
        taken |= set(model.names)
        if model.names:
            result.append(model)
    todo, models = result, []
    while todo:
        model = todo.pop()
        primary = {m.name(): m for m in [*models, *todo]}
        first = model.name()
        strays = []
        for name in list(model.names):
            if name == first:
                continue
            if names.undated(name) == first:
                model.names.remove(name)
            elif has_snapshots(model.provider, name) or any(
                s != first and s in primary for s in names.stems(model.provider, name)
            ):
                model.names.remove(name)
                strays.append(name)
        for name in strays:
            todo.append(alone(model, [name], name))
        limit = rows.ALIASES_MAX + 1
        if len(model.names) > limit:
            rest = [n for n in model.names if n != first][limit - 1 :]
            model.names = [n for n in model.names if n not in rest]
            todo.append(alone(model, rest, rest[0]))
        models.append(model)
    by_name = {m.name(): m for m in models}
    drop = set()
    for model in models:
        stem = by_name.get(names.undated(model.name()))
        if stem and stem.content() == model.content() and not model.names[1:]:
            if not (model.past or model.future or stem.past or stem.future):
                drop.add(id(model))
    return sorted((m for m in models if id(m) not in drop), key=lambda m: m.name())


def alone(model, members, name):
    merged = model.merged
    group = merged.group
    merged = Merged(model.provider, members, merged.era, merged.origin, merged.settled)
    merged.group = group
    other = Model(model.provider, merged, model.past, model.future, name)
    other.rule, other.given = model.rule, model.given
    merged.withheld = model.merged.withheld
    return other


# ---- what a row says of where its prices are from ----


def fields_text(keys):
    """Tiers, and buckets of the standard tier."""
    fields = {"variants" if k[0].startswith("variant:") else k[0] or k[2] for k in keys}
    return ", ".join(sorted(fields))


def origin_text(merged):
    """Both sources, and what one of them tells alone."""
    by = collections.defaultdict(set)
    for key, sources in merged.origin.items():
        by[tuple(sorted(sources))].add(key)
    sources = sorted({s for key in by for s in key if s in BY})
    if not sources:
        return " and ".join(BY.values())
    text = " and ".join(BY[s] for s in sources)
    if len(by) > 1:
        for key, figures in sorted(by.items()):
            if len(key) == 1 and key[0] in BY:
                fields = fields_text(figures)
                text += f"; {fields} by {key[0]} alone"
    for choice in sorted({e["choice"] for _, e in merged.settled}):
        fields = sorted(
            {field.replace("standard/", "") for field, e in merged.settled if e["choice"] == choice}
        )
        if choice == "other":
            fields = sorted({re.split("[>/]", field)[0] for field in fields})
        what = WITHHELD.get(choice, f"settled for {choice}")
        text += f"; {', '.join(fields)}: {what}"
    return text[:SOURCE_MAX]


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
