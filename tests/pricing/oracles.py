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
from litellm.types.utils import Usage as LitellmUsage

import names
import sources
from usages import INPUT, OUTPUT, WRITES

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
        "cache_read_tokens": ["cache_read"],
        "cache_write_tokens": WRITES,
        "cache_write_1h_tokens": ["cache_write_1h"],
        "input_audio_tokens": ["input_audio"],
        "output_audio_tokens": ["output_audio"],
        "input_image_tokens": ["input_image"],
        "output_image_tokens": ["output_image"],
        "web_searches": ["web_search"],
        "input_document_pages": ["pages"],
        "input_characters": ["characters"],
    }
    # What a bucket is billed with, the first that the model has.
    CHAINS = {
        "input": ["input_mtok"],
        "cache_read": ["cache_read_mtok", "input_mtok"],
        "cache_write": ["cache_write_mtok", "input_mtok"],
        "cache_write_5m": ["cache_write_mtok", "input_mtok"],
        "cache_write_1h": ["cache_write_1h_mtok", "cache_write_mtok", "input_mtok"],
        "output": ["output_mtok"],
        "reasoning": ["output_reasoning_mtok", "output_mtok"],
        "input_audio": ["input_audio_mtok", "input_mtok"],
        "output_audio": ["output_audio_mtok", "output_mtok"],
        "input_image": ["input_image_mtok", "input_mtok"],
        "output_image": ["output_image_mtok", "output_mtok"],
        "web_search": ["web_searches_kcount"],
        "pages": ["input_document_kpages"],
        "characters": ["input_mchars"],
        "milliseconds": ["audio_hours", "input_audio_hours"],
        "requests": ["requests_kcount"],
    }

    def __init__(self, today):
        self.today = today
        self.catalogue = sources.GenaiPrices(today)
        self.found = {}

    def model(self, usage):
        key = usage.provider, usage.model
        if key not in self.found:
            self.found[key] = self.catalogue.find(*key)
        return self.found[key]

    def context(self, usage, model):
        """How this package names a tier of the model, or None where it knows none."""
        if not usage.tier:
            return {}
        for variant in model.price_variants or ():
            for key, value in variant.when.items():
                if value == usage.tier and key != "search_type":
                    return {key: value}
        return None

    def price(self, usage):
        """The price, or None where the package does not say."""
        model = self.model(usage)
        context = self.context(usage, model) if model else None
        if not self.knows(usage) or bool(usage.quantities.get("requests")) != self.by_request(
            usage
        ):
            return None
        fields = {name: usage.sum(buckets) for name, buckets in self.FIELDS.items()}
        fields = {name: value for name, value in fields.items() if value}
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
    }
    # Fields that have no price of their own above a number of tokens.
    FLAT = {
        "output_cost_per_reasoning_token",
        "output_cost_per_audio_token",
        "input_cost_per_image_token",
        "output_cost_per_image_token",
    }
    ROUNDINGS = 24  # products, sums and conversions of one price

    def __init__(self, today):
        self.catalogue = sources.Litellm()
        self.today = today

    def key(self, usage):
        """The entry that litellm finds for a name: the longer of two."""
        key = self.catalogue.keys.get((usage.provider, usage.model))
        if key is None:
            return None
        longer = f"{self.catalogue.table[key]['litellm_provider']}/{self.bare(key)}"
        return longer if longer in self.catalogue.table else key

    def bare(self, key):
        """A key without its provider, which litellm puts before it."""
        return key.removeprefix(self.catalogue.table[key]["litellm_provider"] + "/")

    def price(self, usage):
        key = self.key(usage)
        if key is None or usage.time.date() != self.today:
            return None
        if usage.tier and usage.tier not in self.TIERS:
            return None
        if usage.sum(set(usage.quantities) - set(INPUT + OUTPUT)):
            return None
        identity = self.catalogue.table[key]["litellm_provider"]
        if self.bare(key).startswith(identity + "/"):
            return None  # litellm takes the provider off twice, and finds another model
        asked = self.usage(usage)
        try:
            if identity in self.GENERIC:
                sides = generic_cost_per_token(
                    model=self.bare(key),
                    usage=asked,
                    custom_llm_provider=identity,
                    service_tier=usage.tier,
                    current_time=usage.time.astimezone(timezone.utc),
                )
            else:
                sides = litellm.cost_per_token(
                    model=self.bare(key),
                    custom_llm_provider=identity,
                    usage_object=asked,
                    service_tier=usage.tier,
                )
        except Exception:  # what litellm raises has no common base
            return None
        return Decimal(sides[0]) + Decimal(sides[1])

    @staticmethod
    def usage(usage):
        prompt = {
            "cached_tokens": usage.sum(["cache_read"]),
            "cache_write_tokens": usage.sum(WRITES),
            "audio_tokens": usage.sum(["input_audio"]),
            "image_tokens": usage.sum(["input_image"]),
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
                found[bucket] = Rate(figure, "direct" if direct else "other")
                break
        return found

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
        total = usage.sum(INPUT)
        inclusive = usage.provider == "x_ai"
        bounds = {
            int(match.group(1)) * 1000
            for field in fields
            if (match := sources.re.search(r"_above_(\d+)k_tokens", field))
        }
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
