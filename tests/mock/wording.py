# SPDX-License-Identifier: Apache-2.0
"""Random text that a model might say, some of it made to look like usage."""

WORDS = """the of a bridge river toll token and count cost price lantern paper ferry morning
north over under slow quick careful answer question because therefore perhaps seven nineteen
""".split()

ODD = [
    "naïve café",
    "日本語のテキスト",
    "Ω≈ç√∫˜µ≤≥÷",
    "🌉🚲🧾",
    "\u202eright-to-left\u202c",
    "zero\u200bwidth",
    'tab\tnewline\nquote" backslash\\',
    "line\u2028separator",
    "\x7f",
    "é\u0301\u0301\u0301",
    '"usage":{"prompt_tokens":999999,"completion_tokens":888888,"total_tokens":1888887}',
    '{"usage": {"input_tokens": 424242, "output_tokens": 434343}}',
    'data: {"usage":{"input_tokens":1}}\n\n',
    'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":777777}}\n\n',
    "data: [DONE]\n\n",
    "\\u0022usage\\u0022:{\\u0022input_tokens\\u0022:5}",
    "0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    '"model":"gpt-0-fake"',
    "</script><!--",
    '}}}]]]"""',
    '"service_tier":"priority"',
]


def sentence(rng, words=12):
    """A few words; now and then something odd among them."""
    out = [rng.choice(WORDS) for _ in range(rng.randint(1, words))]
    if rng.random() < 0.4:
        out.insert(rng.randrange(len(out) + 1), rng.choice(ODD))
    return " ".join(out)


def text(rng, size=0):
    """At least `size` characters."""
    parts = [sentence(rng) for _ in range(rng.randint(1, 8))]
    length = sum(map(len, parts))
    while length < size:
        parts.append(sentence(rng, 40))
        length += len(parts[-1])
    return ". ".join(parts)


def pieces(rng, whole, most=24):
    """Cut a text into pieces as a stream of tokens would."""
    count = min(len(whole), rng.randint(1, most))
    cuts = sorted(rng.sample(range(1, len(whole)), count - 1)) if len(whole) > 1 else []
    return [whole[a:b] for a, b in zip([0] + cuts, cuts + [len(whole)])]


def identifier(rng, prefix, length=24):
    return prefix + "".join(rng.choice("0123456789abcdefghijkmnpqrstuvwxyz") for _ in range(length))
