# SPDX-License-Identifier: Apache-2.0
"""One price out of two sources: where they agree, or as pricing/overrides.json settles it."""

import collections
import fnmatch
import json
from decimal import Decimal
from fractions import Fraction

from figures import TOKENS, figure_of, price_text, round_digits
from sources import Era

GENAI, LITELLM = "genai-prices", "litellm"


class Disagreement:
    """What two sources say of one field of a model; values are figures, or sets of bounds."""

    def __init__(self, provider, names, field, said, conditions):
        self.provider, self.names, self.field = provider, names, field
        self.said = said
        self.conditions = conditions

    def __str__(self):
        said = ", ".join(f"{source} {value}" for source, value in self.said.items())
        marks = "".join(f" [{c}]" for c in sorted(self.conditions))
        return f"{self.provider}/{self.names[0]} {self.field}: {said}{marks}"


def field_name(key):
    scope, above, bucket = key
    return f"{scope or 'standard'}{f'>{above}' if above else ''}/{bucket}"


class Overrides:
    """pricing/overrides.json: how disagreements are settled, each with its reason."""

    KEYS = {"provider", "model", "field", "when", "choice", "start", "count", "reason", "source"}

    def __init__(self, path):
        content = json.loads(path.read_text())
        self.checked = content["checked"]
        self.closed = content["closed"]
        self.entries = content["settled"]
        self.gratis = content["free"]
        self.uplifts = content["uplifts"]
        self.currencies = content["currencies"]
        self.successors = content["successors"]
        self.doubted = content["doubted"]
        self.variants = content["variants"]
        self.foreign = content["foreign"]
        self.used = [[] for _ in self.entries]
        self.open = []
        for entry in self.entries:
            unknown = entry.keys() - self.KEYS
            missing = {"provider", "field", "choice", "count", "reason", "source"} - entry.keys()
            assert not unknown and not missing, f"{path}: {entry}: {unknown or missing}"
        self.listed = [(e["provider"], e["names"]) for e in content["names"]]
        self.used_free = [0] * len(self.gratis)
        self.used_doubted = [0] * len(self.doubted)
        self.used_foreign = [set() for _ in self.foreign]
        self.used_successors = [0] * len(self.successors)

    def free(self, provider, names):
        """Whether what has no price costs nothing."""
        for i, entry in enumerate(self.gratis):
            if matches(entry["provider"], [provider]) and matches(entry["model"], names):
                self.used_free[i] += 1
                return entry
        return None

    def doubt(self, provider, names, field):
        """The reason why a figure that one source tells alone is not taken, or None."""
        for i, entry in enumerate(self.doubted):
            if (
                matches(entry["provider"], [provider])
                and matches(entry["model"], names)
                and matches(entry["field"], [field])
            ):
                self.used_doubted[i] += 1
                return {**entry, "choice": "none"}
        return None

    def is_foreign(self, provider, name):
        """Whether a package has a model as a provider's who does not sell it."""
        for i, entry in enumerate(self.foreign):
            if matches(entry["provider"], [provider]) and matches(entry["model"], [name]):
                self.used_foreign[i].add((provider, name))
                return True
        return False

    def names(self, provider):
        """Names that a provider has and neither package: name -> the one that is priced."""
        found = {}
        for providers, listed in self.listed:
            found |= listed if matches(providers, [provider]) else {}
        return found

    def find(self, disagreement):
        for entry, used in zip(self.entries, self.used):
            if (
                matches(entry["provider"], [disagreement.provider])
                and matches(entry.get("model", "*"), disagreement.names)
                and matches(entry["field"], [disagreement.field])
                and set(entry.get("when", ())) <= disagreement.conditions
            ):
                used.append(disagreement)
                return entry
        self.open.append(disagreement)
        return None

    def errors(self):
        for entry, used in zip(self.entries, self.used):
            if not used or len(used) != entry["count"]:
                yield f"settles {len(used)}, not {entry['count']}: {json.dumps(entry)}"
        for entry, used in zip(self.gratis, self.used_free):
            if not used:
                yield f"nothing that has no price: {json.dumps(entry)}"
        for entry, used in zip(self.doubted, self.used_doubted):
            if used != entry["count"]:
                yield f"doubts {used}, not {entry['count']}: {json.dumps(entry)}"
        for entry, used in zip(self.foreign, self.used_foreign):
            if len(used) != entry["count"]:
                yield f"foreign are {len(used)}, not {entry['count']}: {json.dumps(entry)}"
        for entry, used in zip(self.successors, self.used_successors):
            if not used:
                yield f"no model that another answers for: {json.dumps(entry)}"


def matches(pattern, texts):
    patterns = [pattern] if isinstance(pattern, str) else pattern
    return any(fnmatch.fnmatchcase(text, p) for text in texts for p in patterns)


class Merged:
    """The result for one set of names that have one price."""

    def __init__(self, provider, names, era, origin, settled):
        self.provider, self.names, self.era = provider, names, era
        self.group = names  # all names of the price, of which a row may have some
        self.origin = origin  # key -> set of sources
        self.settled = settled  # overrides that were needed
        self.withheld = set()  # fields that the card of before may have, and must not

    def is_litellms(self):
        """Whether litellm was right of the price of text: it may then be of these names only."""
        texts = ("standard/input", "standard/output")
        return any(f in texts and e["choice"] == LITELLM for f, e in self.settled)


class Merger:
    def __init__(self, overrides):
        self.overrides = overrides
        self.agreed = collections.Counter()

    def settle(self, provider, names, field, said, conditions):
        """Return the choice: a source, "none", a variant's scope, or a figure as a text."""
        texts = {
            source: (
                price_text(field.rpartition("/")[2], value) if not isinstance(value, str) else value
            )
            for source, value in said.items()
        }
        found = self.overrides.find(Disagreement(provider, names, field, texts, conditions))
        return found or {"choice": "none"}

    def context(self, provider, names, first, second, conditions, settled):
        """Bounds that one source has and the other, which has the prices too, has not.

        Return: scopes of which long requests have no price.
        """
        scopes = {s for s, _, _ in first.figures} & {s for s, _, _ in second.figures}
        withheld = set()
        for scope in sorted(scopes):
            bounds = first.bounds(scope), second.bounds(scope)
            blocked = bool(bounds[0]) and {(scope, a) for a in bounds[0]} <= second.blocked
            if bounds[0] == bounds[1] or blocked:
                continue
            said = {
                GENAI: ",".join(map(str, sorted(bounds[0]))) or "none",
                LITELLM: ",".join(map(str, sorted(bounds[1]))) or "none",
            }
            field = f"{scope or 'standard'}/context"
            entry = self.settle(provider, names, field, said, conditions)
            settled.append((field, entry))
            if entry["choice"] == "none":
                # that a long request costs other is known, but not what
                second.blocked |= {(scope, above) for above in bounds[0] | bounds[1]}
                withheld.add(scope)
            for source, era in ((GENAI, first), (LITELLM, second)):
                if entry["choice"] != source:
                    drop = [k for k in era.figures if k[0] == scope and k[1]]
                    for key in drop:
                        del era.figures[key]
        return withheld

    def merge(self, provider, names, first, second, conditions):
        """first of genai-prices, second of litellm; either may be None."""
        settled = []
        first = copy_era(first)
        second = copy_era(second)
        withheld = set()
        as_text = second_hand(first, second)
        second.figures.update(as_text)
        if first.figures and second.figures:
            withheld = self.context(provider, names, first, second, conditions, settled)
        era = Era(first.start)
        origin = {}
        for key in sorted(first.figures.keys() | second.figures.keys()):
            said = {
                s: e.figures[key]
                for s, e in ((GENAI, first), (LITELLM, second))
                if key in e.figures
            }
            other = second.others.get(key)
            if key[2] not in TOKENS and len(said) == 2 and cut(said[LITELLM], said[GENAI]):
                said[LITELLM] = said[GENAI]
            sizes = {
                price_text(key[2], value)
                for (scope, _, bucket), value in second.figures.items()
                if bucket == key[2] and scope.startswith("variant:") and not key[0]
            }
            if key[:2] == ("", 0) and sizes and LITELLM not in said:
                # one price here, and there one for each size
                said[LITELLM] = ", ".join(sorted(sizes)) + " by variant"
            doubt = (
                self.overrides.doubt(provider, names, field_name(key)) if len(said) == 1 else None
            )
            if doubt:
                settled.append((field_name(key), doubt))
                continue
            if len(set(said.values())) == 1 and other is None:
                era.figures[key] = next(iter(said.values()))
                origin[key] = set(said)
                self.agreed[len(said)] += 1
                continue
            if other is not None:
                said["litellm too"] = other
            found = conditions | ({"contradicts itself"} if other is not None else set())
            field = field_name(key)
            entry = self.settle(provider, names, field, said, found)
            choice = entry["choice"]
            settled.append((field, entry))
            if isinstance(said.get(choice), str):
                continue
            if choice in said:
                era.figures[key] = said[choice]
                origin[key] = {choice}
            elif choice.startswith("variant:"):
                era.figures[key] = second.figures[choice, 0, key[2]]
                origin[key] = {"override"}
            elif choice != "none":
                Decimal(choice)
                era.figures[key] = figure_of(key[2], choice)
                origin[key] = {"override"}
        origin.update({key: {"override"} for key in as_text if key in origin})
        self.overrule(era, origin, settled, first, second)
        self.gratis(provider, names, era, origin, settled)
        if any("start" in entry for _, entry in settled) and not second.windows:
            # from that day on it is litellm's price, at all hours
            first.windows = []
            era.figures = {k: v for k, v in era.figures.items() if k[0] != "hours"}
        if any(bucket == "output_image" for _, _, bucket in era.figures):
            # the tokens of an image are billed, not the image
            # (that of a variant is for who is told no tokens)
            era.figures = {k: v for k, v in era.figures.items() if k[0] or k[2] != "images"}
        heard = {("", 0, "input_audio"), ("", 0, "output_audio")} & era.figures.keys()
        if heard and era.figures.pop(("", 0, "milliseconds"), None) is not None:
            # of a model whose audio tokens are billed, that of a minute is an estimate
            settled.append(("standard/milliseconds", {"choice": "estimate"}))
        self.hours(provider, names, first, second, era, conditions, settled)
        era.regions, era.unsaid = second.regions, second.unsaid
        # a tier of which genai-prices tells has the lengths that it tells
        told = {scope for scope, _, _ in first.figures} - withheld
        era.blocked = {(scope, above) for scope, above in second.blocked if scope not in told}
        origin = {key: sources for key, sources in origin.items() if key in era.figures}
        return Merged(provider, names, era, origin, settled)

    def gratis(self, provider, names, era, origin, settled):
        """A package has no price for what is free, and none for what it does not know."""
        entry = None if settled or era.figures else self.overrides.free(provider, names)
        if entry:
            for bucket in ("input", "cache_read", "output"):
                era.figures["", 0, bucket] = Fraction(0)
                origin["", 0, bucket] = {"override"}
            settled.append(("free", {"choice": entry["source"]}))

    @staticmethod
    def overrule(era, origin, settled, first, second):
        """Drop what a source tells alone of which the price of text was found to be another's, but
        for a price of audio that the other has for text."""
        choices = {
            entry["choice"]
            for field, entry in settled
            if field in ("standard/input", "standard/output")
            and not close(first, second, ("", 0, field.partition("/")[2]))
        }
        for source in (GENAI, LITELLM):
            if not choices - {source}:
                continue
            for key in [k for k, told in origin.items() if told == {source}]:
                text = era.figures.get((*key[:2], key[2].removesuffix("_audio")))
                same = key[2].endswith("put_audio") and text == era.figures[key]
                if key[2] in TOKENS and field_name(key) not in {f for f, _ in settled} and not same:
                    del era.figures[key], origin[key]
            if source == LITELLM:
                second.unsaid |= set(second.regions)
                second.regions = {}

    def hours(self, provider, names, first, second, era, conditions, settled):
        windows = [w for w in (first.windows, second.windows) if w]
        if not windows:
            return
        era.windows = windows[0]
        if len(windows) == 1 or windows[0] == windows[1]:
            return
        said = {GENAI: str(windows[0]), LITELLM: str(windows[1])}
        entry = self.settle(provider, names, "hours/windows", said, conditions)
        settled.append(("hours/windows", entry))
        era.windows = {GENAI: windows[0], LITELLM: windows[1]}.get(entry["choice"], [])


def cut(short, exact):
    """Whether a price is another with fewer digits, at least four."""
    number = Decimal(exact.numerator) / exact.denominator
    for digits in range(4, 9):
        if Fraction(round_digits(number, digits)) == short:
            return True
    return False


def second_hand(first, second):
    """What costs as much as text by a source that multiplied, at what the other has for text."""
    found = {}
    for text in (("", 0, "input"), ("", 0, "output")):
        if close(first, second, text) and first.figures[text] != second.figures[text]:
            rough, exact = second.figures[text], first.figures[text]
            same = {k for k, v in second.figures.items() if v == rough} - first.figures.keys()
            found.update(dict.fromkeys(same, exact))
    return found


def close(first, second, key):
    """Whether two sources have one price, but for the digits of what one of them multiplied."""
    both = first.figures.get(key), second.figures.get(key)
    return None not in both and abs(both[0] - both[1]) * 10_000 < both[0]


def copy_era(era):
    copy = Era()
    if era is not None:
        copy.start = era.start
        copy.figures = dict(era.figures)
        copy.windows, copy.regions = list(era.windows), dict(era.regions)
        copy.blocked, copy.others = set(era.blocked), dict(era.others)
        copy.unsaid = set(era.unsaid)
    return copy
