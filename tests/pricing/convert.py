# SPDX-License-Identifier: Apache-2.0
"""Figures of a package that are not as the provider publishes them, and what they were made of.

pricing/overrides.json lists them: prices in dollars that were converted from another currency, each
package at a rate of its own, and prices of the global endpoint for an id of a region.
"""

import copy
from decimal import Decimal
from fractions import Fraction

import figures as f
from merge import GENAI, LITELLM, matches

MILLION = 1_000_000
DIGITS_MAX = 4  # of a price that was converted


class Conversions:
    def __init__(self, overrides):
        self.currencies = overrides.currencies
        self.uplifts = overrides.uplifts
        self.used = set()
        self.lost = []  # (provider, model, key): what can not be converted back

    def currency(self, provider):
        """What a provider publishes its prices in."""
        entry = self.entry(provider)
        return entry["currency"] if entry else "USD"

    def entry(self, provider):
        return next((e for e in self.currencies if e["provider"] == provider), None)

    def factor(self, provider, name):
        """What a figure of litellm is multiplied with, and the entry that says so."""
        for i, entry in enumerate(self.uplifts):
            if matches(entry["provider"], [provider]) and matches(entry["model"], [name]):
                self.used.add(i)
                return entry
        return None

    def errors(self):
        for i, entry in enumerate(self.uplifts):
            if i not in self.used:
                yield f"no price that is another's: {entry['provider']} {entry['model']}"

    def litellm(self, models):
        """All that the package says, as published."""
        for (provider, name), era in list(models.items()):
            entry = self.factor(provider, name)
            if entry:
                models.setdefault((provider, f"global.{name}"), copy.deepcopy(era))
                factor = Fraction(Decimal(entry["factor"]))
                era.figures = {
                    k: v * factor if k[2] in f.TOKENS else v for k, v in era.figures.items()
                }
            self.era(provider, name, LITELLM, era)

    def genai(self, provider, name, eras):
        """The eras of a model, as published; what is read from the package stays as it is."""
        past, now, future = copy.deepcopy(eras)
        for era in (*past, now, *future):
            self.era(provider, name, GENAI, era)
        return past, now, future

    def era(self, provider, name, source, era):
        entry = self.entry(provider)
        if not entry:
            return
        found = {}
        for key, value in era.figures.items():
            published = self.published(entry, source, value)
            if published is None:
                self.lost.append((provider, name, key))
            else:
                found[key] = published
        era.figures = found

    @staticmethod
    def published(entry, source, value):
        """The shortest price for a million that is the source's once it is converted, or None."""
        rate = Fraction(Decimal(entry["rates"][source]))
        decimals = entry["decimals"].get(source)
        exact = value * MILLION * rate
        if decimals is None:
            number = Decimal(exact.numerator) / exact.denominator
            return Fraction(f.round_digits(number, DIGITS_MAX)) / MILLION
        half = Fraction(1, 2 * 10**decimals) * rate
        for digits in range(DIGITS_MAX):
            step = Fraction(1, 10**digits)
            low, high = -((half - exact) // step), (exact + half) // step
            if low == high:
                return low * step / MILLION
            if low < high:
                return None  # more than one
        return None
