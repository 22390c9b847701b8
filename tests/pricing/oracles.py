# SPDX-License-Identifier: Apache-2.0
"""The two packages, asked for the price of a usage (usages.py), and how each came to it.

rates() says which figure of its own data a package bills each bucket with. A Rate's kind is
"direct" where the data has a figure for just that bucket, tier and length, "early" where it is
standard's, as the package does not date the tier so far back, and else "other": another's figure,
or nothing.
"""

import collections
import os
import warnings
from datetime import timezone
from decimal import Decimal
from fractions import Fraction

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

# pylint: disable=wrong-import-position
import genai_prices
import litellm
from litellm.litellm_core_utils.llm_cost_calc.utils import generic_cost_per_token
from litellm.cost_calculator import default_image_cost_calculator
from litellm.types.utils import Usage as LitellmUsage

import names
import sources
from usages import INPUT, LONE, OUTPUT, READS, WRITES

warnings.simplefilter("ignore")
litellm.suppress_debug_info = True

Rate = collections.namedtuple("Rate", "value kind")
NOTHING = Rate(Fraction(0), "other")
DOUBLE = Decimal(2) ** -53


class GenaiPrices:
    """Decimals, so that nothing is rounded."""

    name = "genai-prices"
    doubles = False
    DIGITS = Decimal(10) ** -25
    FIELDS = {
        "output_reasoning_tokens": ["reasoning"],
        "cache_read_tokens": READS,
        "cache_audio_read_tokens": ["cache_read_audio"],
        "cache_image_read_tokens": ["cache_read_image"],
        "cache_write_tokens": WRITES,
        "cache_write_1h_tokens": ["cache_write_1h"],
        "input_audio_tokens": ["input_audio", "cache_read_audio"],
        "output_audio_tokens": ["output_audio"],
        "input_image_tokens": ["input_image", "cache_read_image"],
        "output_image_tokens": ["output_image"],
        "input_video_tokens": ["input_video"],
        "output_video_tokens": ["output_video"],
        "web_searches": ["web_search", "grounding"],
        "storage_searches": ["file_search"],
        "input_document_pages": ["pages"],
        "input_characters": ["characters"],
    }
    PARTS = {
        "cache_audio_read_tokens": "input_audio_tokens",
        "cache_image_read_tokens": "input_image_tokens",
    }
    # What a bucket is billed with, the first that the model has.
    CHAINS = {
        "input": ["input_mtok"],
        "cache_read": ["cache_read_mtok", "input_mtok"],
        "cache_read_audio": [
            "cache_audio_read_mtok",
            "cache_read_mtok",
            "input_audio_mtok",
            "input_mtok",
        ],
        "cache_read_image": [
            "cache_image_read_mtok",
            "cache_read_mtok",
            "input_image_mtok",
            "input_mtok",
        ],
        "cache_write": ["cache_write_mtok", "input_mtok"],
        "cache_write_5m": ["cache_write_mtok", "input_mtok"],
        "cache_write_1h": ["cache_write_1h_mtok", "cache_write_mtok", "input_mtok"],
        "output": ["output_mtok"],
        "reasoning": ["output_reasoning_mtok", "output_mtok"],
        "input_audio": ["input_audio_mtok", "input_mtok"],
        "output_audio": ["output_audio_mtok", "output_mtok"],
        "input_image": ["input_image_mtok", "input_mtok"],
        "output_image": ["output_image_mtok", "output_mtok"],
        "input_video": ["input_video_mtok", "input_mtok"],
        "output_video": ["output_video_mtok", "output_mtok"],
        "web_search": ["web_searches_kcount"],
        "grounding": ["web_searches_kcount"],
        "file_search": ["storage_searches_kcount"],
        "pages": ["input_document_kpages"],
        "characters": ["input_mchars"],
        "milliseconds": ["audio_hours", "input_audio_hours"],
        "requests": ["requests_kcount"],
    }

    today_only = has_regions = False
    BUCKETS = set(CHAINS)

    def __init__(self, today):
        self.today = today
        self.catalogue = sources.GenaiPrices(today)
        self.found = {}

    def model(self, usage):
        return self.named(usage.provider, usage.model)

    def named(self, *key):
        if key not in self.found:
            self.found[key] = self.catalogue.find(*key)
        return self.found[key]

    def constraints(self, provider, name):
        model = self.named(provider, name)
        listed = model.prices if model and isinstance(model.prices, list) else []
        return [item.constraint for item in listed if item.constraint]

    def days(self, provider, name):
        """The days on which prices change, or tiers begin."""
        model = self.named(provider, name)
        found = self.constraints(provider, name)
        found += [
            v.constraint for v in getattr(model, "price_variants", None) or () if v.constraint
        ]
        return {c.start_date.isoformat() for c in found if hasattr(c, "start_date")}

    def has_hours(self, provider, name):
        return any(hasattr(c, "start_time") for c in self.constraints(provider, name))

    def bounds(self, provider, name):
        """The lengths at which prices change."""
        model = self.named(provider, name)
        if not model:
            return set()
        listed = model.prices if isinstance(model.prices, list) else [model]
        return {
            tier.start
            for item in [*listed, *(model.price_variants or ())]
            for value in vars(item.prices).values()
            for tier in getattr(value, "tiers", ())
        }

    def context(self, usage, model):
        """How this package names a tier of the model, or None where it knows none."""
        if not usage.tier:
            return {}
        if self.catalogue.maker(usage.provider, model):
            return None  # of another seller's model it takes no tier
        for variant in model.price_variants or ():
            for key, value in variant.when.items():
                if value == usage.tier and key != "search_type":
                    return {key: value}
        return None

    def price(self, usage):
        """The price, or None where the package does not say."""
        model = self.model(usage)
        context = self.context(usage, model) if model else None
        if usage.region or usage.variant or usage.sum(["images", "search_units"]):
            return None
        if not self.knows(usage) or bool(usage.quantities.get("requests")) != self.by_request(
            usage
        ):
            return None
        fields = {name: usage.sum(buckets) for name, buckets in self.FIELDS.items()}
        # that cached tokens are none of audio is said; absent it would be a mistake
        fields = {n: v for n, v in fields.items() if v or n in self.PARTS and fields[self.PARTS[n]]}
        if usage.quantities.get("milliseconds"):
            seconds = Decimal(usage.quantities["milliseconds"]) / 1000
            fields["audio_seconds"] = fields["input_audio_seconds"] = seconds
        totals = genai_prices.Usage(
            input_tokens=usage.sum(INPUT), output_tokens=usage.sum(OUTPUT), **fields
        )
        try:
            return genai_prices.calc_price(
                totals,
                usage.model,
                provider_id=names.genai_identity(usage.provider),
                genai_request_timestamp=usage.time,
                price_context=context,
            ).total_price
        except (LookupError, ValueError):
            return None

    def prices(self, usage):
        model = self.model(usage)
        return model.get_prices(usage.time, self.context(usage, model))

    def by_request(self, usage):
        """Whether a request has a price, which this package then bills once a call."""
        return self.prices(usage).requests_kcount is not None

    def knows(self, usage):
        """Whether the package prices this tier of the model."""
        model = self.model(usage)
        return model is not None and self.context(usage, model) is not None

    def rates(self, usage):
        prices = self.prices(usage)
        found = {}
        for bucket, chain in self.CHAINS.items():
            found[bucket] = NOTHING
            for step, field in enumerate(chain):
                value = getattr(prices, field)
                if value is None:
                    continue
                figure = Fraction(self.at(value, usage)) * sources.GENAI[field][2]
                kind = "direct" if step == 0 or bucket == "milliseconds" else "other"
                if self.early(usage, field):
                    kind = "early"
                found[bucket] = Rate(figure, kind)
                break
        return found

    def early(self, usage, field):
        """Whether a tier's figure is the standard one, as the tier is not dated so far back."""
        if not usage.tier:
            return False
        context = self.context(usage, self.model(usage))
        begun = [
            variant
            for variant in self.model(usage).price_variants
            if variant.when == context
            and (variant.constraint is None or variant.constraint.active(usage.time))
        ]
        return not any(getattr(variant.prices, field) is not None for variant in begun)

    @staticmethod
    def at(value, usage):
        total = usage.sum(INPUT)
        reached = [t.price for t in getattr(value, "tiers", ()) if total > t.start]
        return reached[-1] if reached else getattr(value, "base", value)

    def same(self, price, amount):
        """Equal but for the last of the 28 digits that its decimals have."""
        return abs(price - amount) <= max(price, amount) * self.DIGITS


class Litellm:
    """Doubles: a product for each bucket, and their sum."""

    name = "litellm"
    doubles = True
    TIERS = {"flex", "priority", "ultrafast", "balanced"}
    # Their own calculators take no tier, no context, or no time.
    GENERIC = {
        "fireworks_ai",
        "perplexity",
        "xai",
        "deepseek",
        "tencent",
        "dashscope",
        "qwencloud",
        "qwen_ai_platform",
    }
    CHAINS = {
        "input": ["input_cost_per_token"],
        "cache_read": ["cache_read_input_token_cost", "input_cost_per_token"],
        "cache_write": ["cache_creation_input_token_cost", "input_cost_per_token"],
        "cache_write_5m": ["cache_creation_input_token_cost", "input_cost_per_token"],
        "cache_write_1h": [
            "cache_creation_input_token_cost_above_1hr",
            "cache_creation_input_token_cost",
            "input_cost_per_token",
        ],
        "output": ["output_cost_per_token", "output_cost_per_image_token"],
        "reasoning": [
            "output_cost_per_reasoning_token",
            "output_cost_per_token",
            "output_cost_per_image_token",
        ],
        "input_audio": ["input_cost_per_audio_token", "input_cost_per_token"],
        "output_audio": [
            "output_cost_per_audio_token",
            "output_cost_per_token",
            "output_cost_per_image_token",
        ],
        "input_image": ["input_cost_per_image_token", "input_cost_per_token"],
        "output_image": ["output_cost_per_image_token", "output_cost_per_token"],
        "input_video": ["input_cost_per_video_token", "input_cost_per_token"],
        "output_video": [
            "output_cost_per_video_token",
            "output_cost_per_token",
            "output_cost_per_image_token",
        ],
    }
    MODES = {
        "milliseconds": "audio_transcription",
        "characters": "audio_speech",
        "search_units": "rerank",
        "images": "image_generation",
    }
    # Fields that have no price of their own above a number of tokens.
    FLAT = {
        "output_cost_per_reasoning_token",
        "output_cost_per_audio_token",
        "input_cost_per_image_token",
        "output_cost_per_image_token",
        "input_cost_per_video_token",
        "output_cost_per_video_token",
    }
    ROUNDINGS = 24  # products, sums and conversions of one price
    today_only = has_regions = True
    BUCKETS = set(INPUT + OUTPUT) - {"cache_read_audio", "cache_read_image"}

    def __init__(self, today):
        self.catalogue = sources.Litellm()
        self.today = today
        self.lengths = {}  # of requests, at which an entry's prices change
        self.variants = {}  # (provider, model, variant) -> key
        for key, fields in self.catalogue.table.items():
            if "litellm_provider" in fields and key != "sample_spec":
                name = names.Name(key, fields["litellm_provider"])
                if name.variant and not name.region:
                    self.variants[name.provider, name.model, name.variant] = key

    def key(self, usage):
        """The entry that litellm finds for a name: the longer of two."""
        if usage.variant:
            return self.variants.get((usage.provider, usage.model, usage.variant))
        key = self.catalogue.keys.get((usage.provider, usage.model))
        if key is None:
            return None
        longer = f"{self.catalogue.table[key]['litellm_provider']}/{self.bare(key)}"
        return longer if longer in self.catalogue.table else key

    @staticmethod
    def has_hours(_provider, _name):
        return False  # the card has those of the package

    def bounds(self, provider, name):
        """The lengths at which prices change."""
        key = self.catalogue.keys.get((provider, name))
        if key is None:
            return set()
        fields = self.catalogue.table[key]
        ranges = [r["range"] for r in fields.get("tiered_pricing") or () if "range" in r]
        return self.steps(key) | {int(start) for start, *_ in ranges if start}

    def steps(self, key):
        """The lengths that the fields of an entry have in their names."""
        if key not in self.lengths:
            found = [sources.re.search(r"_above_(\d+)k_", f) for f in self.catalogue.table[key]]
            self.lengths[key] = {int(match.group(1)) * 1000 for match in found if match}
        return self.lengths[key]

    def bare(self, key):
        """A key without its provider, which litellm puts before it."""
        return key.removeprefix(self.catalogue.table[key]["litellm_provider"] + "/")

    def price(self, usage):
        key = self.key(usage)
        if key is None or usage.time.date() != self.today:
            return None
        if usage.tier and usage.tier not in self.TIERS:
            return None
        if self.lone(usage):
            return self.lone_price(usage, key)
        if usage.sum(set(usage.quantities) - self.BUCKETS):
            return None
        identity = self.catalogue.table[key]["litellm_provider"]
        if self.bare(key).startswith(identity + "/"):
            return None  # litellm takes the provider off twice, and finds another model
        asked = self.usage(usage)
        try:
            # for a model of others on Vertex AI the usual way in takes no geography
            if identity in self.GENERIC or usage.region and identity.startswith("vertex_ai"):
                sides = generic_cost_per_token(
                    model=self.bare(key),
                    usage=asked,
                    custom_llm_provider=identity,
                    service_tier=usage.tier,
                    current_time=usage.time.astimezone(timezone.utc),
                    data_residency=usage.region,
                    vertex_location=usage.region,
                )
            else:
                sides = litellm.cost_per_token(
                    model=self.bare(key),
                    custom_llm_provider=identity,
                    usage_object=asked,
                    service_tier=usage.tier,
                    data_residency=usage.region,
                    vertex_location=usage.region,
                )
        except Exception:  # what litellm raises has no common base
            return None
        return Decimal(sides[0]) + Decimal(sides[1])

    @staticmethod
    def lone(usage):
        """The bucket of a usage that has nothing but what is billed by itself."""
        found = [bucket for bucket, quantity in usage.quantities.items() if quantity]
        return found[0] if len(found) == 1 and found[0] in LONE else None

    def lone_price(self, usage, key):
        bucket = self.lone(usage)
        fields, quantity = self.catalogue.table[key], usage.quantities[bucket]
        if usage.variant and not key.startswith(usage.variant.replace("x", "-x-")):
            if key.partition("/")[2] in self.catalogue.table:
                return None  # litellm finds another provider's first
        asked = {"model": self.bare(key), "custom_llm_provider": fields["litellm_provider"]}
        if fields.get("mode") != self.MODES[bucket]:
            return None
        try:
            if bucket == "images":
                # the calculator of a provider is for responses; this is the one behind it
                quality, _, size = (usage.variant or "").rpartition("/")
                return Decimal(
                    default_image_cost_calculator(
                        model=usage.model if usage.variant else key,
                        custom_llm_provider=asked["custom_llm_provider"],
                        quality=quality or None,
                        size=size or None,
                        n=quantity,
                    )
                )
            if bucket == "milliseconds":
                asked |= {
                    "call_type": "transcription",
                    "audio_transcription_file_duration": quantity / 1000,
                }
            elif bucket == "characters":
                asked |= {"call_type": "speech", "prompt_characters": quantity}
            else:
                asked |= {"call_type": "rerank", "rerank_billed_units": {"search_units": quantity}}
            return sum(map(Decimal, litellm.cost_per_token(**asked)))
        except Exception:  # what litellm raises has no common base
            return None

    def lone_rate(self, usage, key):
        """What the table has for what is billed by itself."""
        fields = self.catalogue.table[key]
        bucket = self.lone(usage)
        told = {
            "images": ["input_cost_per_image", "output_cost_per_image"],
            "milliseconds": ["output_cost_per_second", "input_cost_per_second"],
            "characters": ["input_cost_per_character"],
            "search_units": ["input_cost_per_query"],
        }[bucket]
        # a calculator of seconds takes the first that is not 0, one of images the first
        if bucket == "milliseconds":
            told.sort(key=lambda field: not fields.get(field))
        for field in told:
            if fields.get(field) is not None:
                value = Fraction(repr(float(fields[field])))
                value = value / 1000 if bucket == "milliseconds" else value
                return Rate(value, "direct" if value else "other")
        if bucket == "images" and fields.get("input_cost_per_pixel"):
            width, height = (usage.variant or "1024x1024").rpartition("/")[2].split("x")
            pixels = int(width) * int(height)
            return Rate(Fraction(repr(float(fields["input_cost_per_pixel"]))) * pixels, "pixel")
        return NOTHING

    @staticmethod
    def usage(usage):
        prompt = {
            "cached_tokens": usage.sum(["cache_read"]),
            "cache_write_tokens": usage.sum(WRITES),
            "audio_tokens": usage.sum(["input_audio"]),
            "image_tokens": usage.sum(["input_image"]),
            "video_tokens": usage.sum(["input_video"]),
            "text_tokens": usage.sum(["input"]),
        }
        if usage.sum(WRITES[1:]):
            prompt["cache_creation_token_details"] = {
                "ephemeral_5m_input_tokens": usage.sum(WRITES[:2]),
                "ephemeral_1h_input_tokens": usage.sum(WRITES[2:]),
            }
        completion = {
            "reasoning_tokens": usage.sum(["reasoning"]),
            "audio_tokens": usage.sum(["output_audio"]),
            "image_tokens": usage.sum(["output_image"]),
            "video_tokens": usage.sum(["output_video"]),
            "text_tokens": usage.sum(["output"]),
        }
        total, output = usage.sum(INPUT), usage.sum(OUTPUT)
        return LitellmUsage(
            prompt_tokens=total,
            completion_tokens=output,
            total_tokens=total + output,
            prompt_tokens_details=prompt,
            completion_tokens_details=completion,
        )

    def knows(self, usage):
        """Whether the package prices this model."""
        return self.key(usage) is not None

    def rates(self, usage):
        if self.lone(usage):
            return {self.lone(usage): self.lone_rate(usage, self.key(usage))}
        fields = self.catalogue.table[self.key(usage)]
        fields = self.off_peak(fields, usage)
        ranges = [r for r in fields.get("tiered_pricing") or () if "range" in r]
        if ranges:
            total = usage.sum(INPUT)
            reached = [r for r in ranges if r["range"][0] < total] or ranges[:0]
            fields = {**fields, **(reached[-1] if reached else {})}
        found = {}
        for bucket, chain in self.CHAINS.items():
            found[bucket] = NOTHING
            for step, base in enumerate(chain):
                value, told = self.field(fields, base, usage)
                if base == "output_cost_per_reasoning_token" and usage.tier and not told:
                    continue
                if (
                    value is None
                    or base == "output_cost_per_token"
                    and not value
                    and chain[step + 1 :]
                ):
                    continue
                direct = step == 0 and told and value != 0
                figure = Fraction(repr(float(value)))
                if fields["litellm_provider"] == "fireworks_ai" and bucket == "cache_read" and step:
                    figure /= 2  # what litellm takes where the table has nothing
                figure *= self.uplift(fields, usage)
                found[bucket] = Rate(figure, "direct" if direct else "other")
                break
        return found

    def multiplier(self, usage):
        return self.uplift(self.catalogue.table[self.key(usage)], usage)

    @staticmethod
    def uplift(fields, usage):
        """What a geography multiplies all prices with."""
        field = {
            "openai": f"regional_processing_uplift_multiplier_{usage.region}",
            "gcp.vertex_ai": "regional_endpoint_uplift_multiplier",
        }.get(usage.provider)
        if not usage.region or usage.region == "global":
            return 1
        return Fraction(repr(float(fields.get(field) or 1)))

    def off_peak(self, fields, usage):
        """The prices of the hour, where an entry has some of its own for it."""
        era = self.catalogue.models[usage.provider, usage.model]
        hour = usage.time.strftime("%H:%M")
        day = sources.DAYS[usage.time.weekday()]
        for start, end, days in era.windows:
            if start <= hour and (end == "00:00" or hour < end) and (not days or day in days):
                return {**fields, **fields["off_peak_pricing"]}
        return fields

    def field(self, fields, base, usage):
        """A price, and whether the table has it for just this tier and length."""
        tier = f"_{usage.tier}" if usage.tier else ""
        value = fields.get(base + tier)
        told = value is not None
        if value is None:
            value = fields.get(base)
        inclusive = usage.provider == "x_ai"
        bounds = self.steps(self.key(usage))
        total = usage.sum(INPUT) if bounds else 0
        for bound in sorted(bounds):
            if total > bound or inclusive and total == bound:
                if base in self.FLAT:
                    return value, False
                above = f"{base}_above_{bound // 1000}k_tokens"
                told = above + tier in fields
                value = fields.get(above + tier, fields.get(above, value))
        return value, told

    def same(self, price, amount):
        """Equal but for what the doubles on the way may have rounded."""
        return abs(price - amount) <= max(price, amount) * DOUBLE * self.ROUNDINGS
