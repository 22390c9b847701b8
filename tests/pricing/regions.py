# SPDX-License-Identifier: Apache-2.0
"""Geographies of a row: what a request costs there, as a multiple of the row's own prices.

A geography that is not named has no price; "*" is any that is not named, but not "global". What is
known is from litellm's table; the rules are those that the providers publish:

- Amazon Bedrock: an id without "global." is of a region, and costs 10 % more than global since
  Claude 4.5; older Claude models cost the same in all regions. Others cost by region, and the list
  price is that of the United States.
- Vertex AI: since Claude 4.5 and Gemini 3 an endpoint that is not global costs 10 % more, where the
  provider says so; what is older, and models of others, cost the same in all regions.
- OpenAI: hosts of a geography cost 10 % more for models since 2026-03-05
  (https://developers.openai.com/api/docs/guides/data-residency).
- Anthropic: inference in the United States costs 10 % more since Claude Opus 4.6; models before it
  report "not_available".
"""

import re
from fractions import Fraction

import figures as f
import names

ONE = Fraction(1)
GEOGRAPHIES = "us us-gov eu apac jp au ca in sa me".split()
US = ["us", "us-east-1", "us-east-2", "us-west-2"]  # the regions of the list price
OLD_CLAUDE = re.compile(r"claude-(v\d|instant|2)")
# Claude models before 4.5.
FLAT_CLAUDE = re.compile(
    r"claude-(\d(-\d)?-(opus|sonnet|haiku)|(opus|sonnet)-4(-1)?(@|-?2025|$))|claude-[34]-"
)
# Google's models since there are endpoints that cost more.
NEW_GOOGLE = re.compile(r"gemini-([3-9]|omni|nano-banana|robotics)|deep-research|^xai/")
OPENAI_HOSTS = "us eu au in jp".split()
# OpenAI's models before 2026-03-05.
OLD_OPENAI = re.compile(
    r"(ft:)?(ada|babbage|curie|davinci|text-|tts-1|whisper"
    r"|(gpt-3|gpt-4|o[134]|codex-mini)(?!.*image)"
    r"|gpt-5(-1|-2|\.[0-3].*)?$|gpt-audio|gpt-realtime(-mini)?$|gpt-image-1|moderation|omni)"
)


class Geography:
    """known maps (provider, model) to the multipliers that a package tells, and what it can not.

    orphans maps it to eras by geography, of a model that the package has for some of them only.
    """

    def __init__(self, rows, known, orphans):
        self.known, self.orphans = known, orphans
        self.prices = {}
        for row in rows:
            for name in [row["model"], *row.get("aliases", ())]:
                self.prices[row["provider"], name] = token_prices(row)

    def told(self, row):
        """Multipliers of any of the row's names, and regions that no multiplier says."""
        found, unsaid = {}, set()
        for name in [row["model"], *row.get("aliases", ())]:
            regions, others = self.known.get((row["provider"], name), ({}, set()))
            for region, value in regions.items():
                found.setdefault(region, value)
            unsaid |= others
            for region, era in self.orphans.get((row["provider"], name), {}).items():
                prices = {b: v for (s, a, b), v in era.figures.items() if not s and not a}
                ratio = common_ratio(token_prices(row), prices)
                if ratio and is_multiplier(ratio):
                    found[region] = ratio
                else:
                    unsaid.add(region)
        return found, unsaid

    def of(self, row):
        found, unsaid = self.told(row)
        rule = {
            "anthropic": self.anthropic,
            "aws.bedrock": self.bedrock,
            "azure.ai.inference": lambda row, found, unsaid: with_global(found),
            "azure.ai.openai": lambda row, found, unsaid: with_global(found),
            "gcp.vertex_ai": self.vertex,
            "openai": self.openai,
        }.get(row["provider"])
        if rule:
            found = rule(row, found, unsaid)
        return {region: found[region] for region in sorted(found)}

    def anthropic(self, row, found, _):
        own = {name: Fraction(r["multiplier"]) for name, r in row.get("regions", {}).items()}
        return {"global": ONE, "not_available": ONE, **own, **found}

    def openai(self, row, found, _):
        own = {name: Fraction(r["multiplier"]) for name, r in row.get("regions", {}).items()}
        old = OLD_OPENAI.match(row["model"])
        told = {**own, **found}
        everywhere = told.get("eu", ONE if old else None)
        hosts = dict.fromkeys(OPENAI_HOSTS, everywhere) if everywhere else {}
        return with_global({**hosts, **told})

    def vertex(self, row, found, _):
        name = row["model"]
        if found:
            return with_global(found)
        if "claude" in name:
            return with_global({"*": ONE if FLAT_CLAUDE.search(name) else Fraction(11, 10)})
        return {} if NEW_GOOGLE.search(name) else with_global({"*": ONE})

    def bedrock(self, row, found, unsaid):
        name = row["model"]
        if "claude_platform/" in name:
            return {"global": ONE, "not_available": ONE, **found}
        if name.startswith("global.") or name.endswith("-latest"):
            return with_global({"*": ONE})
        if names.AWS_GEOGRAPHY.match(name):
            return {"*": ONE}
        if self.is_regional(row):
            others = {region: ONE for region in names.AWS_REGIONS if region not in unsaid}
            result = {**(others if unsaid else {"*": ONE}), **found}
            return with_global(result) if FLAT_CLAUDE.search(name) else result
        list_price = self.ratio(name, "us") or ONE
        result = {}
        if is_multiplier(list_price):
            result = {region: list_price for region in US if region not in unsaid}
        for geography in GEOGRAPHIES:
            ratio = self.ratio(name, geography)
            if ratio and is_multiplier(ratio):
                result[geography] = ratio
        return {**result, **found}

    def is_regional(self, row):
        """Whether the row's own price is that of any region."""
        known = [row["model"], *row.get("aliases", ())]
        if row["model"].startswith("regional."):
            return True
        if any("claude" in name for name in known):
            return not OLD_CLAUDE.search(row["model"])
        return any(self.ratio(name, "global") == Fraction(10, 11) for name in known)

    def ratio(self, name, geography):
        """What the geography's own id costs, as a multiple: or None."""
        own = self.prices.get(("aws.bedrock", name))
        other = self.prices.get(("aws.bedrock", f"{geography}.{name}"))
        if not own or not other or own.keys() != other.keys():
            return None
        return common_ratio(own, other)


def common_ratio(own, other):
    """What all prices are multiplied with, or None."""
    ratios = {other[key] / own[key] for key in own.keys() & other.keys() if own[key]}
    return ratios.pop() if len(ratios) == 1 else None


def with_global(found):
    """The row's own prices are those of global requests."""
    return {"global": ONE, **found} if found else found


def token_prices(row):
    return {b: f.figure_of(b, p) for b, p in row["prices"].items() if b in f.TOKENS}


def assign(rows, known, orphans):
    """Give each row its geographies."""
    geography = Geography(rows, known, orphans)
    for row in rows:
        found = geography.of(row)
        row.pop("regions", None)
        if found:
            row["regions"] = {
                name: {"multiplier": multiplier_text(value)} for name, value in found.items()
            }


def is_multiplier(value):
    """Whether a card can say it."""
    return (value * 10**6).denominator == 1


def multiplier_text(value):
    assert is_multiplier(value), value
    return f.decimal(value)
