# SPDX-License-Identifier: Apache-2.0
"""Reads the two packages: prices of a model, by date, as sets of figures (figures.py)."""

import collections
import importlib.metadata
import json
import re
from datetime import date, timedelta
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

from genai_prices.data import providers
from genai_prices.types import (
    ClauseAnd,
    ClauseContains,
    ClauseEndsWith,
    ClauseEquals,
    ClauseOr,
    ClauseStartsWith,
    StartDateConstraint,
    TimeOfDateConstraint,
)

import names
from figures import FEES, TOKENS, exact, of_pixels, period, rounded

VERSIONS = {name: importlib.metadata.version(name) for name in ("genai-prices", "litellm")}


class Era:
    """What a source says of a model from a day on: figures, and what goes with them."""

    def __init__(self, start=None):
        self.start = start
        self.figures = {}
        self.windows = []  # outside of peak hours: (from, to, days or None), UTC
        self.regions = {}  # geography -> multiplier
        self.unsaid = set()  # geographies that have a price, but no multiplier
        self.others = {}  # figures that the source contradicts elsewhere
        self.blocked = set()  # (tier, above) of which the source tells standard prices only
        self.text = None  # a row's source, where it is not the packages that know the model

    def bounds(self, scope):
        return {above for s, above, _ in self.figures if s == scope and above}


# ---- genai-prices ----

PER_TOKEN = Fraction(1, 1_000_000)
GENAI = {
    "input_mtok": ("", "input", PER_TOKEN),
    "output_mtok": ("", "output", PER_TOKEN),
    "cache_read_mtok": ("", "cache_read", PER_TOKEN),
    "cache_write_mtok": ("", "cache_write", PER_TOKEN),
    "cache_write_1h_mtok": ("", "cache_write_1h", PER_TOKEN),
    "cache_audio_read_mtok": ("", "cache_read_audio", PER_TOKEN),
    "cache_image_read_mtok": ("", "cache_read_image", PER_TOKEN),
    "input_audio_mtok": ("", "input_audio", PER_TOKEN),
    "output_audio_mtok": ("", "output_audio", PER_TOKEN),
    "input_image_mtok": ("", "input_image", PER_TOKEN),
    "output_image_mtok": ("", "output_image", PER_TOKEN),
    "input_video_mtok": ("", "input_video", PER_TOKEN),
    "output_video_mtok": ("", "output_video", PER_TOKEN),
    "output_reasoning_mtok": ("", "reasoning", PER_TOKEN),
    "web_searches_kcount": ("", "web_search", Fraction(1, 1000)),
    "storage_searches_kcount": ("", "file_search", Fraction(1, 1000)),
    "requests_kcount": ("", "requests", Fraction(1, 1000)),
    "input_document_kpages": ("", "pages", Fraction(1, 1000)),
    "input_annotated_document_kpages": ("variant:annotated", "pages", Fraction(1, 1000)),
    "audio_hours": ("", "milliseconds", Fraction(1, 3_600_000)),
    "input_audio_hours": ("", "milliseconds", Fraction(1, 3_600_000)),
    "input_mchars": ("", "characters", PER_TOKEN),
}


def search_bucket(provider, model, bucket):
    """Google bills grounding where others bill searches."""
    google = provider == "gcp.gemini" or provider.startswith("gcp.") and "gemini" in model
    return "grounding" if bucket == "web_search" and google else bucket


class GenaiPrices:
    def __init__(self, today):
        self.today = today
        self.unmapped = collections.Counter()
        self.providers = {p.id: p for p in providers}

    def read_prices(self, prices, whose, scope, figures):
        """whose is provider and model."""
        bounds = {tier.start for v in vars(prices).values() for tier in getattr(v, "tiers", ())}
        for field, value in vars(prices).items():
            if value is None:
                continue
            if field not in GENAI:
                self.unmapped[field] += 1
                continue
            special, bucket, unit = GENAI[field]
            bucket = search_bucket(*whose, bucket)
            if special and scope:
                self.unmapped[f"{field} of a tier"] += 1
                continue
            tiers = {tier.start: tier.price for tier in getattr(value, "tiers", ())}
            current = getattr(value, "base", value)
            figures[special or scope, 0, bucket] = exact(current) * unit
            for bound in sorted(bounds) if not special else ():
                current = tiers.get(bound, current)
                figures[scope, bound, bucket] = exact(current) * unit

    def read_variants(self, model, provider, era, day):
        """Prices of tiers on a day; of those of one tier the first that has begun."""
        taken = set()
        for variant in model.price_variants or []:
            when = dict(variant.when)
            key, value = when.popitem()
            if when or key not in ("processing", "service_tier", "speed", "search_type"):
                self.unmapped[f"price variant by {key}"] += 1
                continue
            # the first date of a tier is when the package learnt of it, so it holds from the
            # row's start
            begun = variant.constraint is None or variant.constraint.start_date <= day
            if value in ("default", "web") or value in taken or not begun:
                continue
            taken.add(value)
            scope = f"variant:{value}" if key == "search_type" else value
            self.read_prices(variant.prices, (provider, model.id), scope, era.figures)

    def eras(self, model, provider):
        """What was, what holds today, and what is announced."""
        conditional = model.prices if isinstance(model.prices, list) else [model]
        found, peaks = [], []
        for item in conditional:
            constraint = getattr(item, "constraint", None)
            if isinstance(constraint, TimeOfDateConstraint):
                peaks.append((constraint, item.prices))
                continue
            day = constraint.start_date if constraint else None
            assert constraint is None or isinstance(constraint, StartDateConstraint)
            era = Era(day and day.isoformat())
            self.read_prices(item.prices, (provider, model.id), "", era.figures)
            found.append(era)
        days = [date.fromisoformat(era.start) if era.start else date.min for era in found]
        assert days == sorted(days), model.id
        now = max(i for i, day in enumerate(days) if day <= self.today)
        if peaks:
            self.read_peaks(peaks, (provider, model.id), found[now])
        for i, era in enumerate(found):
            # of what was over the tiers of its last day
            last = days[i + 1] - timedelta(days=1) if i < now else max(days[i], self.today)
            self.read_variants(model, provider, era, last)
            maker = self.maker(provider, model)
            for key in list(era.figures) if maker else ():
                # what tiers and tools cost is the seller's own
                if key[0] or key[2] in FEES and maker != "Anthropic":
                    del era.figures[key]
        return found[:now], found[now], found[now + 1 :]

    def read_peaks(self, peaks, whose, era):
        """Hours with a higher price become the row's own; the rest of the day is "hours"."""
        era.figures = {("hours", above, b): v for (_, above, b), v in era.figures.items()}
        sets = []
        for _, prices in peaks:
            figures = {}
            self.read_prices(prices, whose, "", figures)
            sets.append(figures)
        assert all(figures == sets[0] for figures in sets)
        era.figures.update(sets[0])
        times = sorted(
            (c.start_time.strftime("%H:%M"), c.end_time.strftime("%H:%M")) for c, _ in peaks
        )
        for i, (_, end) in enumerate(times):
            era.windows.append((end, times[(i + 1) % len(times)][0], None))
        era.windows = day_windows(era.windows)

    def models(self, provider):
        source = self.providers.get(names.genai_identity(provider))
        own = [m for m in source.models if names.genai_has(provider, m.id)] if source else []
        resold = names.RESOLD if provider in names.AZURE else ()
        return own + [m for maker in resold for m in self.providers[maker].models]

    def maker(self, provider, model):
        """Whose model it is that the provider sells at its maker's price, or None."""
        makers = names.RESOLD.items() if provider in names.AZURE else ()
        return next((name for p, name in makers if model in self.providers[p].models), None)

    def find(self, provider, name):
        """The model that a name means, or None."""
        name = name.lower()
        return next((m for m in self.models(provider) if m.is_match(name)), None)


def day_windows(windows):
    """Windows that do not pass midnight, in order; "00:00" ends a day."""
    cut = []
    for start, end, days in windows:
        if end != "00:00" and end < start:
            cut += [(start, "00:00", days), ("00:00", end, days)]
        else:
            cut.append((start, end, days))
    return sorted((w for w in cut if w[0] != w[1] or w[0] == "00:00"), key=str)


def equal_names(model):
    """The names that a model's match rule lists one by one."""
    return [clause.equals for clause in clauses(model) if isinstance(clause, ClauseEquals)]


def listed_names(model):
    """A model's own names: not what is a pattern by its end, "name-"."""
    return [name for name in [model.id, *equal_names(model)] if name[-1].isalnum()]


def clauses(model):
    """The clauses of a model's match rule, in whatever they are joined."""
    todo, found = [model.match], []
    while todo:
        clause = todo.pop(0)
        if isinstance(clause, (ClauseOr, ClauseAnd)):
            todo = [*(clause.or_ if isinstance(clause, ClauseOr) else clause.and_), *todo]
        else:
            found.append(clause)
    return found


def pattern_names(model):
    """What a model's match rule has whole names in, where it lists none: not "name-"."""
    fields = {
        ClauseStartsWith: "starts_with",
        ClauseContains: "contains",
        ClauseEndsWith: "ends_with",
    }
    found = [getattr(c, fields[type(c)]) for c in clauses(model) if type(c) in fields]
    return [name for name in found if name[0].isalnum() and name[-1].isalnum()]


# ---- litellm ----

LITELLM = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "input_cost_per_audio_token": "input_audio",
    "output_cost_per_audio_token": "output_audio",
    "cache_read_input_audio_token_cost": "cache_read_audio",
    "cache_read_input_image_token_cost": "cache_read_image",
    "input_cost_per_image_token": "input_image",
    "output_cost_per_image_token": "output_image",
    "input_cost_per_video_token": "input_video",
    "output_cost_per_video_token": "output_video",
    "output_cost_per_reasoning_token": "reasoning",
    "input_cost_per_request": "requests",
    "ocr_cost_per_page": "pages",
    "code_interpreter_cost_per_session": "sessions",
}
TIERS = {
    "batches": "batch",
    "flex": "flex",
    "priority": "priority",
    "ultrafast": "ultrafast",
    "balanced": "balanced",
}
FIELD = re.compile(
    r"(.+?)(?:_above_(\d+)k_tokens)?(?:_(batches|flex|priority|ultrafast|balanced))?"
)
# Read by name below, or no price of a usage.
ELSEWHERE = re.compile(
    r"input_cost_per_(query|second|character|pixel|image|token_cache_hit)"
    r"|input_cost_per_(audio|video)_per_second"
    r"|output_cost_per_(image|pixel|character|second(_.+)?|video_per_second|image_.+)"
    r"|annotation_cost_per_page|search_context_cost_per_query|(input|output)_dbu_cost_per_token"
)
SPEECH = {"audio_transcription", "audio_speech", "realtime", "video_generation"}
# What an image is made in, where a source has a price of a pixel for all sizes.
PIXEL_SIZES = [
    (256, 256),
    (512, 512),
    (768, 768),
    (768, 1024),
    (1024, 768),
    (768, 1344),
    (1344, 768),
    (1024, 1024),
    (1024, 1536),
    (1536, 1024),
    (1024, 1792),
    (1792, 1024),
    (1440, 1440),
    (1536, 1536),
    (2048, 2048),
]
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Entry:
    """One key of litellm's table."""

    def __init__(self, key, fields):
        self.key, self.fields = key, fields
        self.name = names.Name(key, fields["litellm_provider"])
        self.mode = fields.get("mode")

    def number(self, field):
        """A price that is told; 0 is how the table says that it knows none."""
        value = self.fields.get(field)
        return value if isinstance(value, (int, float)) and value else None

    def priced(self):
        """The fields that have a price."""
        return [field for field, value in self.fields.items() if "cost" in field and value]


def common_ratio(pairs):
    """What all prices are multiplied with but for rounding, as at least two are not; or None."""
    ratios = collections.Counter(other / own for own, other in pairs)
    for ratio, count in ratios.most_common():
        fit = len(ratios) == 1 or count > 1 and (ratio * 10**6).denominator == 1
        if fit and all(rounded(own * ratio, other) for own, other in pairs):
            return ratio
    return None


class Litellm:
    def __init__(self):
        folder = Path(find_spec("litellm").submodule_search_locations[0])
        self.table = json.loads(
            (folder / "model_prices_and_context_window_backup.json").read_text()
        )
        self.unmapped = collections.Counter()
        self.zeros = collections.Counter()
        self.regional = []  # (provider, model, region) that no multiplier can say
        self.orphans = collections.defaultdict(dict)  # the same without a price for the rest
        self.aliases = collections.defaultdict(list)  # (provider, model) -> names
        self.models = {}  # (provider, model) -> Era
        self.keys = {}  # (provider, model) -> its first key in the table
        self.deprecated = set()
        self.dropped = set()  # (provider, model) of which a figure is not taken
        self.unpriced = {}  # (provider, model) -> why there is no figure
        self.read()

    def fold(self, entry):
        """Ids that are one model at several sizes become its variants."""
        for provider in entry["provider"]:
            made = Era()
            for name, sizes in entry["variants"].items():
                era = self.models.pop((provider, name))
                assert era.figures and not {b for _, _, b in era.figures} & TOKENS, name
                for _, _, bucket in era.figures:
                    for size in sizes:
                        key = f"variant:{size}", 0, bucket
                        made.figures[key] = era.figures["", 0, bucket]
                self.unpriced[provider, name] = f"a size of {entry['model']}"
            self.models[provider, entry["model"]] = made

    def identities(self):
        """What the table calls the providers."""
        return {entry["litellm_provider"] for entry in self.table.values() if entry.get("mode")}

    def read(self):
        regional = []
        for key, fields in self.table.items():
            if key == "sample_spec" or "litellm_provider" not in fields:
                continue
            entry = Entry(key, fields)
            whose = entry.name.provider, entry.name.model
            if entry.name.committed:
                self.unmapped["provisioned by the month"] += 1
                self.unpriced[whose] = "provisioned by the month"
                continue
            era = self.read_entry(entry)
            if not era.figures and entry.priced():
                self.unpriced[whose] = "a price that no bucket has: " + ", ".join(entry.priced())
            if entry.name.region:
                regional.append((entry, era))
                continue
            self.add(entry.name.provider, entry.name.model, era)
            if not entry.name.variant and era.figures:
                self.keys.setdefault((entry.name.provider, entry.name.model), key)
            if fields.get("deprecation_date"):
                self.deprecated.add((entry.name.provider, entry.name.model))
        for entry, era in regional:
            self.add_region(entry, era)
        for whose in self.orphans:
            self.models.setdefault(whose, Era())
        for key, fields in self.table.items():
            target = self.table.get(fields.get("alias_of"))
            if not target or "litellm_provider" not in target:
                continue
            name = names.Name(fields["alias_of"], target["litellm_provider"])
            alias = names.Name(key, target["litellm_provider"])
            if not name.region and (name.provider, name.model) in self.models:
                if (name.provider, alias.model) not in self.models:
                    self.aliases[name.provider, name.model].append(alias.model)

        self.share()

    def share(self):
        """What is sold by one interface of a seller and not by the other is by both."""
        for one, other in (names.AZURE, names.AZURE[::-1]):
            for known in (self.models, self.keys, self.unpriced, self.aliases, self.orphans):
                for (provider, model), value in list(known.items()):
                    if provider == one:
                        known.setdefault((other, model), value)

    def add(self, provider, model, era):
        known = self.models.setdefault((provider, model), Era())
        for figure, value in era.figures.items():
            if known.figures.setdefault(figure, value) != value:
                known.others[figure] = value
        known.windows = known.windows or era.windows
        known.regions.update(era.regions)
        known.blocked |= era.blocked

    def add_region(self, entry, era):
        """A geography's own entry: a multiplier where all prices have the same."""
        provider, model, region = entry.name.provider, entry.name.model, entry.name.region
        standard = self.models.get((provider, model))
        if region == "global" and standard is None:
            self.add(provider, model, era)
            return
        both = standard.figures.keys() & era.figures.keys() if standard else ()
        pairs = [(standard.figures[k], era.figures[k]) for k in both if k[2] in TOKENS]
        if not era.figures:
            return
        ratio = common_ratio(pairs)
        if ratio and ratio * 10**6 == int(ratio * 10**6):
            standard.regions.setdefault(region, ratio)
        else:
            self.regional.append((provider, model, region))
            if standard:
                standard.unsaid.add(region)
            else:
                self.orphans[provider, model][region] = era

    def read_entry(self, entry):
        era = Era()
        provider = entry.name.provider
        scope = f"variant:{entry.name.variant}" if entry.name.variant else ""
        for field, value in entry.fields.items():
            if (
                not isinstance(value, (int, float))
                or isinstance(value, bool)
                or "cost" not in field
            ):
                continue
            if not value:
                self.zeros[field] += 1
                continue
            base, above, tier = FIELD.fullmatch(field).groups()
            if base not in LITELLM:
                if not ELSEWHERE.fullmatch(base) or above or tier:
                    self.unmapped[field] += 1
                continue
            bound = int(above or 0) * 1000 - (provider == "x_ai" and above is not None)
            where = TIERS.get(tier, "")
            if scope and where:
                continue
            era.figures[scope or where, bound, LITELLM[base]] = exact(value)
        self.read_hit(entry, era)
        self.read_ranges(entry, era)
        self.read_search(entry, era)
        self.read_audio(entry, era, scope)
        self.read_images(entry, era, scope)
        self.read_off_peak(entry, era)
        self.read_factors(entry, era)
        for scope, above in {(s, a) for s, a, _ in era.figures if a}:
            # a long request whose text has no price of its own has that of any request
            if not {(scope, above, "input"), (scope, above, "output")} & era.figures.keys():
                for key in [k for k in era.figures if k[:2] == (scope, above)]:
                    del era.figures[key]
                self.dropped.add((provider, entry.name.model))
                self.unmapped["price of a long request without that of its text"] += 1
        for tier in {s for s, _, _ in era.figures if s in TIERS.values()}:
            missing = era.bounds("") - era.bounds(tier)
            era.blocked |= {(tier, above) for above in missing}
        return era

    def read_hit(self, entry, era):
        value = entry.number("input_cost_per_token_cache_hit")
        if value is not None:
            era.figures.setdefault(("", 0, "cache_read"), exact(value))

    def read_ranges(self, entry, era):
        """tiered_pricing: prices by ranges of the total input; a range's end is inclusive."""
        for item in entry.fields.get("tiered_pricing") or ():
            if "max_results_range" in item:
                first, last = item["max_results_range"]
                key = f"variant:{first}-{last}-results", 0, "requests"
                era.figures[key] = exact(item["input_cost_per_query"])
                continue
            above = int(item["range"][0])
            for field, value in item.items():
                if field in LITELLM and isinstance(value, (int, float)) and value:
                    era.figures["", above, LITELLM[field]] = exact(value)
                elif field != "range":
                    self.unmapped[f"tiered_pricing: {field}"] += 1

    def read_search(self, entry, era):
        sizes = {
            size.removeprefix("search_context_size_"): exact(price)
            for size, price in (entry.fields.get("search_context_cost_per_query") or {}).items()
            if price
        }
        bucket = search_bucket(entry.name.provider, entry.name.model, "web_search")
        if entry.name.provider == "perplexity" and len(set(sizes.values())) > 1:
            bucket = "requests"  # each of its requests searches: a fee by the size of the context
        if len(set(sizes.values())) == 1:
            era.figures["", 0, bucket] = next(iter(sizes.values()))
        else:
            for size, price in sizes.items():
                era.figures[f"variant:{size}", 0, bucket] = price
        query = entry.number("input_cost_per_query")
        if query is not None:
            unit = "search_units" if entry.mode == "rerank" else "requests"
            era.figures["", 0, unit] = exact(query)
        page = entry.number("annotation_cost_per_page")
        if page is not None:
            era.figures["variant:annotated", 0, "pages"] = exact(page)

    def read_audio(self, entry, era, scope):
        fields = ["input_cost_per_second", "output_cost_per_second"]
        fields += ["output_cost_per_video_per_second"]
        # one price on both sides is that of a second which is heard and written
        seconds = list({entry.number(f): 0 for f in fields if entry.number(f) is not None})
        if seconds and (entry.mode not in SPEECH or len(seconds) > 1):
            self.unmapped["price of a second of a server, or of two sides"] += 1
        elif seconds:
            era.figures[scope, 0, "milliseconds"] = period(seconds[0]) / 1000
        for field in entry.fields:
            match = re.fullmatch(r"output_cost_per_second_(\w+)", field)
            if match and entry.number(field) is not None:
                key = f"variant:{match.group(1).lower()}", 0, "milliseconds"
                era.figures[key] = period(entry.number(field)) / 1000
        base = era.figures.get(("", 0, "milliseconds"))
        if entry.name.provider.startswith("gcp.") and base and entry.mode == "video_generation":
            # Google's price of what is not named is that of its other sizes
            if any(s.startswith("variant:") and b == "milliseconds" for s, _, b in era.figures):
                for size in ("720p", "1080p"):
                    era.figures.setdefault((f"variant:{size}", 0, "milliseconds"), base)
        for kind in ("audio", "video"):
            value = entry.number(f"input_cost_per_{kind}_per_second")
            by_length = any(f"{kind}_per_second_above" in field for field in entry.fields)
            if value is not None and ("", 0, f"input_{kind}") not in era.figures and not by_length:
                era.figures[f"variant:{kind}", 0, "milliseconds"] = period(value) / 1000
        sides = [entry.number(f"{side}_cost_per_character") for side in ("input", "output")]
        if sides[0] is not None and sides[1] is None:
            era.figures[scope, 0, "characters"] = exact(sides[0])
        elif any(sides):
            self.unmapped["price of a character of two sides"] += 1

    def read_images(self, entry, era, scope):
        """Images that are made; where their tokens have a price it is that which is billed."""
        shown = entry.number("input_cost_per_image")
        if entry.mode == "embedding" and shown is not None:
            era.figures["", 0, "images"] = exact(shown)
        made = entry.mode in ("image_generation", "image_edit")
        if not made or any(b == "output_image" for _, _, b in era.figures):
            return
        pixel = entry.number("input_cost_per_pixel") or entry.number("output_cost_per_pixel")
        value = entry.number("output_cost_per_image")
        if value is None and not entry.number("output_cost_per_image_1K"):
            value = entry.number("input_cost_per_image")
        if value is not None:
            era.figures[scope, 0, "images"] = exact(value)
        elif pixel is not None and entry.name.variant:
            width, height = entry.name.variant.rpartition("/")[2].split("x")
            image = of_pixels(pixel, int(width) * int(height))
            if image is None:
                self.unmapped["price of a pixel that is no price of an image"] += 1
            else:
                era.figures[scope, 0, "images"] = image
        elif pixel is not None:
            for width, height in PIXEL_SIZES:
                key = f"variant:{width}x{height}", 0, "images"
                era.figures[key] = exact(pixel) * width * height
        for field in entry.fields:
            match = re.fullmatch(r"output_cost_per_image_(\d\S*)", field)
            if match and entry.number(field) is not None:
                size = match.group(1).lower()
                size = f"{size}x{size}" if size.isdigit() else size
                era.figures[f"variant:{size}", 0, "images"] = exact(entry.number(field))

    def read_off_peak(self, entry, era):
        off_peak = entry.fields.get("off_peak_pricing")
        if not off_peak:
            return
        for field, value in off_peak.items():
            if field in LITELLM and value:
                era.figures["hours", 0, LITELLM[field]] = exact(value)
        for window in off_peak["windows"]:
            hours = window["hours_utc"]
            for span in [hours] if isinstance(hours, str) else hours:
                start, end = span.split("-")
                days = tuple(DAYS[day - 1] for day in window["weekdays"])
                era.windows.append((start, end, days))
        era.windows.sort(key=str)

    def read_factors(self, entry, era):
        """Multipliers: of geographies, and of Anthropic's fast mode."""
        special = entry.fields.get("provider_specific_entry") or {}
        platform = entry.name.model.startswith("claude_platform/")
        if entry.name.provider == "anthropic" or platform:
            if "us" in special:
                era.regions["us"] = exact(special["us"])
            if "fast" in special:
                for (scope, above, bucket), value in list(era.figures.items()):
                    if not scope:
                        factor = 1 if bucket == "web_search" else exact(special["fast"])
                        era.figures["fast", above, bucket] = value * factor
        for side in ("eu", "us"):
            value = entry.fields.get(f"regional_processing_uplift_multiplier_{side}")
            if value:
                era.regions[side] = exact(value)
        value = entry.fields.get("fedramp_uplift_multiplier")
        if value and entry.name.provider == "openai":
            era.regions["fedramp"] = exact(value)
        value = entry.fields.get("regional_endpoint_uplift_multiplier")
        if value:
            era.regions["*"] = exact(value)
