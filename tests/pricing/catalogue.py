# SPDX-License-Identifier: Apache-2.0
"""Every model of both packages, with its names, what it costs, and what it did."""

import collections
import re
from datetime import date

import figures as f
import names
import rows
from convert import Conversions
from merge import GENAI, LITELLM, Merged, Merger, copy_era, field_name, matches
from origin import origin_text
from sources import Era, GenaiPrices, Litellm, equal_names, listed_names, pattern_names

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
