# SPDX-License-Identifier: Apache-2.0
"""What an API answers, before the server cuts it into bytes."""

import json

INPUT = "gen_ai.usage.input_tokens"
OUTPUT = "gen_ai.usage.output_tokens"
CACHE_READ = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE = "gen_ai.usage.cache_creation.input_tokens"
REASONING = "gen_ai.usage.reasoning.output_tokens"
CACHE_WRITE_5M = "tollspan.usage.cache_creation_5m"
CACHE_WRITE_1H = "tollspan.usage.cache_creation_1h"
INPUT_AUDIO = "tollspan.usage.input_audio"
OUTPUT_AUDIO = "tollspan.usage.output_audio"
WEB_SEARCH = "tollspan.usage.requests.web_search"
WEB_FETCH = "tollspan.usage.requests.web_fetch"


class Reply:
    """A response: a JSON body, or a list of (event name or None, data text).

    `facts` go into the log: what a reader of the wire must find.
    """

    def __init__(self, facts, body=None, events=None, status=200, headers=()):
        self.facts, self.body, self.events = facts, body, events
        self.status, self.headers = status, list(headers)

    def text(self, rng):
        """The JSON body, compact or spaced, escaped or plain, as providers differ in it."""
        if rng.random() < 0.3:
            return json.dumps(self.body, indent=2, ensure_ascii=rng.random() < 0.5)
        return compact(self.body, rng.random() < 0.5)

    def sse(self):
        """The events as text, one string each."""
        out = []
        for name, data in self.events:
            head = "event: %s\n" % name if name else ""
            out.append("%sdata: %s\n\n" % (head, data))
        return out


def compact(value, ascii_only=False):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=ascii_only)


settings = {"rare": True}


def rare(rng, chance):
    """Whether something out of the ordinary happens; a provider started with --usual has none."""
    return rng.random() < chance and settings["rare"]


def input_count(rng):
    """Mostly small, at times large, and nothing that a context tier begins at."""
    return rng.choice([rng.randint(1, 50), rng.randint(50, 5000), rng.randint(5000, 150000)])


def output_count(rng):
    return rng.choice([rng.randint(1, 40), rng.randint(40, 1500), rng.randint(1500, 12000)])


def part_of(rng, whole, chance=0.5):
    """Zero, or a share of a whole."""
    return rng.randint(0, whole) if rng.random() < chance else 0
