# SPDX-License-Identifier: Apache-2.0
"""Prices as exact numbers, and how a card writes them.

A figure is what one unit of a bucket costs, as a Fraction. A set of figures maps
(scope, above, bucket) to a figure: scope is "" for standard, a tier's name, "variant:NAME" or
"hours" (outside of peak hours); above is the total input from which it holds, exclusive.
"""

import re
from decimal import Decimal
from fractions import Fraction

BUCKETS = [
    "input",
    "cache_read",
    "cache_read_audio",
    "cache_read_image",
    "cache_write",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
    "input_audio",
    "output_audio",
    "input_image",
    "output_image",
    "input_video",
    "output_video",
    "requests",
    "web_search",
    "web_fetch",
    "file_search",
    "code_execution",
    "pages",
    "images",
    "milliseconds",
    "characters",
    "cache_storage",
    "search_units",
    "sessions",
    "grounding",
]
TOKENS = set(BUCKETS[: BUCKETS.index("requests")])
FEES = {"web_search", "web_fetch", "file_search", "code_execution", "grounding"}
OUTPUT = {"output", "reasoning", "output_audio", "output_image", "output_video"}
# The unit in which a price is written, and others for what has no end in it.
PER = {
    "milliseconds": [1000, 60_000, 3_600_000],
    "characters": [1_000_000],
    "web_search": [1000],
    "file_search": [1000],
    "code_execution": [1000],
    "web_fetch": [1, 1000],
    "grounding": [1000],
    "pages": [1000],
    "requests": [1000],
    "search_units": [1000],
    "images": [1, 1000],
    "cache_storage": [3_600_000_000],  # a million tokens for an hour
}
PARTS = (1, 3, 6, 7, 9)  # a price that has no end may have one for so many units
DOUBLE_DIGITS = 15  # decimal digits that a double always holds
DOUBLE_ERROR = Decimal(2) ** -50
PART_DIGITS = 6  # of the price of which such a price is a part
# Speech is sold by the minute or the hour: of a second's price so many digits tell which.
SPEECH_MAX, SPEECH_DIGITS = Decimal("0.001"), 3


def exact(value):
    """A source's number as a Fraction; of a float the decimal that it prints as."""
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal) and len(value.as_tuple().digits) >= DOUBLE_DIGITS:
        part = part_of(value)
        if part is not None:
            return part
        # what arithmetic on doubles leaves behind the last digit that counts
        value = round_digits(value, DOUBLE_DIGITS)
    return Fraction(value)


def part_of(value):
    """A third, a seventh, … of a short decimal, cut as a double, without the cut; or None."""
    for part in PARTS[1:]:
        whole = round_digits(value * part, PART_DIGITS)
        if abs(whole / part - value) <= value * DOUBLE_ERROR:
            return Fraction(whole) / part
    return None


def rounded(exact_value, short):
    """Whether a figure is another to its own last digit."""
    unit = Fraction(1)
    while (short / unit).denominator != 1:
        unit /= 10
    return abs(exact_value - short) <= unit / 2


def round_digits(value, digits):
    return Decimal(f"{value:.{digits - 1}e}")


def period(value):
    """A price for a second that is one for a minute or an hour, cut: the exact quotient."""
    text = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    digits = len(text.normalize().as_tuple().digits)
    if digits >= 10:
        tried = {5}
    else:
        tried = range(1, digits) if digits >= SPEECH_DIGITS and text < SPEECH_MAX else ()
    for kept in tried:
        for seconds in (60, 3600):
            whole = round_digits(text * seconds, kept)
            quotient = Fraction(whole) / seconds
            if round_digits(Decimal(quotient.numerator) / quotient.denominator, digits) == text:
                return quotient
    return exact(value)


def of_pixels(value, pixels):
    """The price of an image of which a source tells the price of a pixel, cut: or None."""
    text = Decimal(repr(float(value)))
    digits = len(text.as_tuple().digits)
    whole = (text * pixels).quantize(Decimal("0.0001")).normalize()
    back = round_digits(whole / pixels, digits) if whole else None
    return Fraction(whole) if back == text else None


def decimal(figure):
    """A Fraction as a text without exponent, or None where it has no end or too many digits."""
    scaled = figure * 10**12
    if scaled.denominator != 1 or figure >= 10**9:
        return None
    text = f"{scaled.numerator // 10**12}.{scaled.numerator % 10**12:012d}"
    return text.rstrip("0").rstrip(".")


def price(bucket, figure):
    """A figure as a card's price, or None where no card can say it."""
    token = bucket in TOKENS
    default = 1_000_000 if token else 1
    units = [1_000_000] if token else PER.get(bucket, [1, 1000])
    for per in [unit * part for part in PARTS for unit in units]:
        text = decimal(figure * per)
        if text is not None:
            return text if per == default or text == "0" else {"price": text, "per": per}
    return None


def figure_of(bucket, value):
    """A card's price as a figure."""
    per = 1_000_000 if bucket in TOKENS else 1
    if isinstance(value, dict):
        value, per = value["price"], value["per"]
    return Fraction(Decimal(value)) / per


def price_text(bucket, figure):
    """A figure for a person: for a million tokens, or for one."""
    if bucket in TOKENS:
        return f"{float(figure * 1_000_000):.12g}/M"
    return f"{float(figure):.12g}"


def anthropic_like(model, figures):
    """Whether an unsplit cache write is one of five minutes."""
    return bool(re.search(r"claude", model)) or any(
        bucket == "cache_write_1h" for _, _, bucket in figures
    )
