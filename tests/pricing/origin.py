# SPDX-License-Identifier: Apache-2.0
"""What a row says of where its prices are from."""

import collections
import re

from sources import VERSIONS

BY = {source: f"{source} {version}" for source, version in VERSIONS.items()}
SOURCE_MAX = 1000
# Why a figure is not taken: by the choice that was made.
WITHHELD = {
    "none": "contradicted, so unpriced",
    "estimate": "an estimate of what the tokens cost, so unpriced",
    "other": "another model's, so unpriced",
    "sizes": "by size only",
}


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
