# SPDX-License-Identifier: Apache-2.0
"""report, trace, price and check, on real content."""

import json
import random
import resource
import select
import subprocess
import sys
from decimal import Decimal

import pytest
from conftest import ROOT, TOLLSPAN, Bench, clean_env, python_client
from expect import COST, INPUT, OUTPUT, STATUS, oracle


@pytest.fixture(scope="module")
def filled(tmp_path_factory, provider):
    """A ledger with one agent's calls."""
    folder = tmp_path_factory.mktemp("filled")
    bench = Bench(folder, provider)
    ran = bench.run("preload", python_client("agent")).ok()
    return bench, ran


def test_report(filled):
    bench, ran = filled
    done = bench.tollspan("report", "--ledger=%s" % bench.ledger)
    assert (done.returncode, done.stderr) == (0, "")
    for model in {call["gen_ai.response.model"] for call in ran.calls}:
        assert model in done.stdout
    assert "$" in done.stdout or "USD" in done.stdout


def test_report_json(filled):
    bench, ran = filled
    done = bench.tollspan("report", "--json", "--ledger=%s" % bench.ledger)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)


def test_report_of_another_time(filled):
    bench, _ = filled
    done = bench.tollspan(
        "report", "--until=2020-01-01", "--since=2019-01-01", "--ledger=%s" % bench.ledger
    )
    assert done.returncode == 0, done.stderr
    assert "gpt" not in done.stdout


def test_trace(filled):
    bench, ran = filled
    newest = bench.tollspan("trace", "--ledger=%s" % bench.ledger)
    assert (newest.returncode, newest.stderr) == (0, "")
    assert newest.stdout.count("claude-") >= 3
    ident = ran.calls[0]["trace_id"]
    assert ident in newest.stdout
    named = bench.tollspan("trace", ident, "--ledger=%s" % bench.ledger)
    assert named.stdout == newest.stdout


def test_trace_json_has_the_live_calls(filled):
    bench, ran = filled
    done = bench.tollspan("trace", "--json=lines", "--ledger=%s" % bench.ledger)
    assert done.returncode == 0, done.stderr
    stored = {call["span_id"]: call for call in map(json.loads, done.stdout.splitlines())}
    assert stored == {call["span_id"]: call for call in ran.calls}


def test_trace_of_an_unknown_id(filled):
    bench, _ = filled
    done = bench.tollspan("trace", "0" * 31 + "1", "--ledger=%s" % bench.ledger)
    assert done.returncode == 1 and done.stderr.startswith("tollspan: ")


def test_ledger_that_is_not_there(bench):
    for command in ("report", "trace"):
        done = bench.tollspan(command, "--ledger=%s" % (bench.folder / "none.db"))
        assert done.returncode == 1 and "none.db" in done.stderr
        assert not (bench.folder / "none.db").exists()


def price(bench, *queries):
    text = "".join(json.dumps(query) + "\n" for query in queries)
    done = subprocess.run(
        [str(TOLLSPAN), "price", "--stdin"],
        input=text,
        text=True,
        check=False,
        timeout=60,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_env(home=bench.home),
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line, parse_float=Decimal) for line in done.stdout.splitlines()]


def test_price_many(bench):
    """Against genai-prices, in order."""
    queries, wanted = [], []
    for number in range(40):
        provider, model = [
            ("openai", "gpt-4o-mini"),
            ("anthropic", "claude-haiku-4-5"),
            ("openai", "gpt-4.1"),
            ("anthropic", "claude-sonnet-4-6"),
        ][number % 4]
        query = {
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model,
            INPUT: 1000 + 37 * number,
            OUTPUT: 11 * number,
            "gen_ai.usage.cache_read.input_tokens": 13 * number,
        }
        queries.append(query)
        usage = {name: value for name, value in query.items() if "usage" in name}
        wanted.append(oracle({"usage": usage, "provider": provider, "model": model}))
    answers = price(bench, *queries)
    assert [answer[STATUS] for answer in answers] == ["priced"] * 40
    assert [answer[COST] for answer in answers] == wanted
    for answer in answers:
        assert sum(Decimal(str(line["amount"])) for line in answer["lines"]) == answer[COST]
        assert answer["tollspan.card.version"]


def test_price_of_the_unknown(bench):
    answers = price(
        bench,
        {"gen_ai.provider.name": "openai", "gen_ai.request.model": "acme-9000", INPUT: 5},
        {
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o-mini",
            INPUT: 5,
            "openai.response.service_tier": "no-such-tier",
        },
    )
    assert [answer[STATUS] for answer in answers] == ["unpriced", "unpriced"]
    assert all(COST not in answer for answer in answers)


def priced(bench, *args):
    done = bench.tollspan("price", "--json", *args)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout, parse_float=Decimal)


@pytest.fixture
def all_buckets(bench):
    """A card with another price for each bucket: the first is 1, the second 2, …"""
    listed = bench.tollspan("price", "--help").stdout.split("Quantities", 1)[1]
    names = [word[2:] for word in listed.split() if word.startswith("--")]
    prices = {
        name.replace("-", "_"): {"price": str(rate), "per": 1} for rate, name in enumerate(names, 1)
    }
    row = {"provider": "p", "model": "m", "currency": "USD", "source": "s", "prices": prices}
    path = bench.folder / "all.json"
    path.write_text(
        json.dumps(
            {"schema": 1, "version": "2026-11-27", "rows": [{**row, "checked": "2026-11-27"}]}
        )
    )
    return path, names


def test_price_every_bucket_by_its_name(bench, all_buckets):
    card, names = all_buckets
    assert len(names) >= 25
    for rate, name in enumerate(names, 1):
        none = ["--requests=0"] if name != "requests" else []  # else it is one, as it has a price
        told = priced(bench, "--card", card, "--model=m", "--provider=p", "--%s=3" % name, *none)
        (line,) = told["lines"]
        assert line["bucket"] == name.replace("-", "_") and line["quantity"] == 3
        assert told[COST] == 3 * rate == Decimal(line["amount"])
        assert line["row"] and told["source"] == "s"


def test_price_takes_the_parts_out(bench, all_buckets):
    card, names = all_buckets
    rates = {name: rate for rate, name in enumerate(names, 1)}
    parts = {"cache-read": 20, "cache-write-5m": 7, "cache-write-1h": 5, "reasoning": 30}
    left = {"input": 100 - 32, "output": 50 - 30}
    given = {**parts, "input": 100, "output": 50}
    args = ["--%s=%d" % item for item in given.items()]
    told = priced(bench, "--card", card, "--model=m", "--provider=p", *args)
    once = {"requests": 1}
    assert told[COST] == sum(rates[name] * n for name, n in {**parts, **left, **once}.items())


ATTRIBUTES = {
    "input": INPUT,
    "output": OUTPUT,
    "cache-read": "gen_ai.usage.cache_read.input_tokens",
    "cache-write": "gen_ai.usage.cache_creation.input_tokens",
    "cache-write-5m": "tollspan.usage.cache_creation_5m",
    "cache-write-1h": "tollspan.usage.cache_creation_1h",
    "reasoning": "gen_ai.usage.reasoning.output_tokens",
    "web-search": "tollspan.usage.requests.web_search",
    "web-fetch": "tollspan.usage.requests.web_fetch",
    "file-search": "tollspan.usage.requests.file_search",
    "code-execution": "tollspan.usage.requests.code_execution",
    "grounding": "tollspan.usage.requests.grounding",
}


def lines_of(bench, *queries, options=(), status=0):
    """What `price --stdin` answers."""
    done = subprocess.run(
        [str(TOLLSPAN), "price", "--stdin", *map(str, options)],
        env=clean_env(None, bench.home),
        input="".join(json.dumps(query) + "\n" for query in queries),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return [json.loads(line, parse_float=Decimal) for line in done.stdout.splitlines()]


def test_price_every_bucket_by_its_attribute(bench, all_buckets):
    card, names = all_buckets
    queries = []
    for name in names:
        attribute = ATTRIBUTES.get(name, "tollspan.usage." + name.replace("-", "_"))
        query = {"gen_ai.provider.name": "p", "gen_ai.request.model": "m"}
        queries.append({**query, "tollspan.usage.requests": 0, attribute: 7})
    answers = lines_of(bench, *queries, options=["--card", card])
    assert len(answers) == len(names)
    for rate, (name, told) in enumerate(zip(names, answers), 1):
        (line,) = told["lines"]
        assert (line["bucket"], line["quantity"]) == (name.replace("-", "_"), 7)
        assert told[COST] == 7 * rate


def card_file(path, rows, discounts=()):
    """A card; of each row what differs from p's m at 4 dollars."""
    base = {"provider": "p", "currency": "USD", "source": "list", "checked": "2026-11-27"}
    rows = [{"model": "m", "prices": {"input": "4", "output": "8"}, **base, **row} for row in rows]
    discounts = [{"provider": "p", "checked": "2026-11-27", **item} for item in discounts]
    path.write_text(
        json.dumps(
            {"schema": 1, "version": "2026-11-27", "rows": rows, "discounts": list(discounts)}
        )
    )
    return path


@pytest.fixture
def by_holder(bench):
    """A row for one key, one for one tag, one for all; and discounts for others."""
    return card_file(
        bench.folder / "holders.json",
        [
            {},
            {"only": {"key": "k1"}, "prices": {"input": "3"}, "source": "of k1"},
            {"only": {"tag": "t1"}, "prices": {"input": "2"}, "source": "of t1"},
            {"model": "n", "prices": {"input": "6"}},
        ],
        [
            {"key": "k2", "factor": "0.5", "source": "annex K"},
            {"tag": "t2", "factor": "0.75", "source": "annex T"},
        ],
    )


# key, tag, what 1M input tokens of m cost, the row's source, the discount's
HOLDERS = [
    (None, None, "4", "list", None),
    ("k1", None, "3", "of k1", None),
    (None, "t1", "2", "of t1", None),
    ("k1", "t1", "3", "of k1", None),
    ("k2", None, "2", "list", "annex K"),
    (None, "t2", "3", "list", "annex T"),
    ("k2", "t2", "2", "list", "annex K"),
    ("k2", "t1", "1", "of t1", "annex K"),
    ("k3", "t3", "4", "list", None),
]


def test_price_by_key_and_tag(bench, by_holder):
    queries = []
    for key, tag, amount, source, discount in HOLDERS:
        args = ["--card", by_holder, "--model=m", "--input=1000000"]
        args += ["--key=%s" % key] if key else []
        args += ["--tag=%s" % tag] if tag else []
        told = priced(bench, *args)
        assert (told[COST], told["source"]) == (Decimal(amount), source), (key, tag)
        assert told.get("tollspan.cost.discount") == discount, (key, tag)
        shown = bench.tollspan("price", *args).stdout.splitlines()
        if discount:
            assert shown[-3:-1] == ["source    " + source, "discount  " + discount]
        else:
            assert shown[-2] == "source    " + source
        query = {"gen_ai.request.model": "m", INPUT: 1000000}
        query["tollspan.key.fingerprint"], query["tollspan.tag"] = key, tag
        queries.append((query, told))
    answers = lines_of(bench, *(query for query, _ in queries), options=["--card", by_holder])
    assert answers == [told for _, told in queries]


def test_price_compares_by_key_and_tag(bench, by_holder):
    args = ["--card", by_holder, "--model=m", "--compare=n", "--input=1000000"]
    costs = {
        holder: [model[COST] for model in priced(bench, *args, *holder)["models"]]
        for holder in ((), ("--key=k2",), ("--tag=t2",), ("--key=k1", "--tag=t2"))
    }
    assert costs == {
        (): [4, 6],
        ("--key=k2",): [2, 3],
        ("--tag=t2",): [3, Decimal("4.5")],
        ("--key=k1", "--tag=t2"): [Decimal("2.25"), Decimal("4.5")],
    }


def test_price_beside_what_others_report(bench, by_holder):
    """As on a span: their cost is the amount; ours, and the difference, stand beside it."""
    used = {"gen_ai.request.model": "m", INPUT: 1000000}
    reported = {**used, "tollspan.cost.source": "gateway"}
    answers = lines_of(
        bench,
        {**reported, COST: 4.25},
        {**reported, COST: 3.5, "tollspan.cost.amount": "3.500000000001"},
        {**reported, COST: 1, "tollspan.cost.currency": "EUR"},
        {**reported, COST: 1, "gen_ai.request.model": "unknown"},
        {**used, COST: 9},
        options=["--card", by_holder],
    )
    local, difference = "tollspan.cost.local_amount", "tollspan.cost.difference"
    found = [[a.get(f) for f in (COST, local, difference)] for a in answers]
    assert found == [
        [Decimal("4.25"), "4", "0.25"],
        [Decimal("3.500000000001"), "4", "-0.499999999999"],
        [1, "4", None],
        [1, None, None],
        [4, None, None],
    ]
    assert [a[STATUS] for a in answers] == ["priced"] * 5
    assert [a.get("tollspan.cost.source") for a in answers] == ["gateway"] * 4 + [None]
    assert answers[2]["tollspan.cost.currency"] == "EUR"
    assert answers[2]["tollspan.cost.local_currency"] == "USD"
    assert answers[3]["reason"] and answers[3]["tollspan.cost.priced_part"] == "0"


def test_price_of_what_failed(bench):
    """0 without usage, whatever the model, as the agent has it; what was used costs the same."""
    failed = {"gen_ai.provider.name": "openai", "error.type": "429"}
    model = {"gen_ai.request.model": "gpt-4o-mini"}
    none, known, unknown, used, alone = lines_of(
        bench,
        failed,
        {**failed, **model},
        {**failed, "gen_ai.request.model": "acme-9000"},
        {**failed, **model, INPUT: 1000},
        {"gen_ai.provider.name": "openai", **model, INPUT: 1000},
    )
    for told in (none, known, unknown):
        assert (told[STATUS], told[COST], told["lines"]) == ("priced", 0, [])
        assert told["tollspan.card.version"]
    assert used == alone and used[COST] > 0


def test_price_help_fits_a_terminal(bench):
    shown = bench.tollspan("price", "--help").stdout.splitlines()
    assert max(len(line) for line in shown) <= 80


@pytest.mark.parametrize(
    "args",
    [
        ["--no-such-option"],
        ["-x"],
        ["--model"],
        ["--model=m", "--input=1", "more"],
        ["--stdin", "--tier=batch"],
        ["--stdin", "--input=1"],
        ["--stdin", "--validate=x"],
        ["--validate=x", "--model=m"],
        ["--stdin", "--compare=m"],
        ["--json=yes", "--model=m", "--input=1"],
        ["--model=", "--input=1"],
        ["--provider=", "--model=gpt-4o", "--input=1"],
        ["--tier", "", "--model=gpt-4o", "--input=1"],
        [],
    ],
)
def test_price_usage(bench, args):
    done = bench.tollspan("price", *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("tollspan: price: ")


@pytest.mark.parametrize(
    "args, field",
    [
        (["--input=10", "--cache-read=11"], "--input"),
        (["--input=10", "--cache-write-5m=6", "--cache-write-1h=5"], "--input"),
        (["--output=10", "--reasoning=11"], "--output"),
        (["--input=-1"], "--input"),
        (["--input=1.5"], "--input"),
        (["--input=18446744073709551616"], "--input"),
        (["--input=1", "--input=2"], "--input"),
        (["--input=1", "--compare=gpt-4o,,"], "--compare"),
        (["--input=1", "--at=soon"], "--at"),
        (["--tier=batch"], "quantities"),
    ],
)
def test_price_refuses(bench, args, field):
    done = bench.tollspan("price", "--provider=anthropic", "--model=claude-sonnet-4-5", *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("tollspan: price: %s: " % field)


def test_price_compares(bench):
    """Each as it is priced alone, beside the first one's amount."""
    rows = [
        {"prices": {"input": "3", "cache_read": "0.3", "output": "15"}},
        {"model": "n", "prices": {"input": "1", "cache_read": "0.1", "output": "5"}},
        {
            "model": "of-another",
            "provider": "q",
            "prices": {"input": "2.5", "cache_read": "1.25", "output": "10"},
        },
    ]
    card = card_file(bench.folder / "compared.json", rows)
    usage = ["--card", card, "--input=9000", "--cache-read=300", "--output=700"]
    names = ["m", "n", "of-another", "no-such-model"]
    told = priced(bench, "--model", names[0], "--compare", ",".join(names[1:]), *usage)["models"]
    assert [model["gen_ai.request.model"] for model in told] == names
    first = told[0][COST]
    for name, model in zip(names, told):
        alone = priced(bench, "--model", name, *usage)
        assert {key: model[key] for key in alone} == alone
        if name == "no-such-model":
            assert model[STATUS] == "unpriced" and "ratio" not in model
        else:
            assert abs(model["ratio"] - model[COST] / first) <= Decimal("0.0000005")
    done = bench.tollspan("price", "--model", names[0], "--compare", ",".join(names[1:]), *usage)
    assert done.returncode == 0 and "unpriced" in done.stdout
    assert all(name in done.stdout for name in names + ["ratio", " p ", " q "])


def test_price_lines_in_order_with_their_numbers(bench):
    """Good and bad lines: an answer each, an error that says which line, and status 1."""
    of = {"gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
    good = json.dumps({**of, "gen_ai.usage.input_tokens": 1000})
    less = json.dumps(
        {
            **of,
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.cache_read.input_tokens": 11,
        }
    )
    long = json.dumps({"gen_ai.request.model": "x" * (1 << 20)})
    done = subprocess.run(
        [str(TOLLSPAN), "price", "--stdin"],
        env=clean_env(None, bench.home),
        input="\n".join([good, "", "{", less, long, good]),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1 and len(answers) == 6
    assert answers[0] == answers[5] and answers[0][STATUS] == "priced"
    for number, answer in enumerate(answers[1:5], 2):
        assert answer["error"].startswith("line %d: " % number)
    assert "gen_ai.usage.input_tokens" in answers[3]["error"]


GOOD = {"gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 10}


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n", "\n \r\n\t\n "])
def test_price_lines_that_end_in_blank_ones(bench, end):
    """A log may end so: the blank ones are no usages, and no mistakes."""
    done = subprocess.run(
        [str(TOLLSPAN), "price", "--stdin"],
        env=clean_env(None, bench.home),
        input=(json.dumps(GOOD) + end).encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    (answer,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert answer[STATUS] == "priced"


def test_price_an_empty_text_says_nothing(bench):
    (plain, empty) = lines_of(
        bench, GOOD, {**GOOD, "gen_ai.response.model": "", "gen_ai.provider.name": ""}
    )
    assert plain == empty and plain[STATUS] == "priced"


def test_price_answers_each_line_at_once(bench):
    """Whoever asks over a pipe may wait for an answer before the next question."""
    child = subprocess.Popen(
        [str(TOLLSPAN), "price", "--stdin"],
        env=clean_env(None, bench.home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        for tokens in (1, 1000, 3):
            child.stdin.write(json.dumps({**GOOD, "gen_ai.usage.input_tokens": tokens}) + "\n")
            child.stdin.flush()
            assert select.select([child.stdout], [], [], 60)[0], "no answer"
            (line,) = json.loads(child.stdout.readline())["lines"]
            assert line["quantity"] == tokens
        child.stdin.close()
        assert child.wait(timeout=60) == 0


def test_price_refuses_what_is_no_query(bench):
    done = bench.tollspan("price", "--stdin")
    assert done.returncode == 0 and done.stdout == ""
    assert bench.tollspan("price", "--no-such-option").returncode == 2


def processor_time():
    """Seconds, of the children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def validated(bench, text):
    """What --validate says of a card, in a second of processor time."""
    path = bench.folder / "validated.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    before = processor_time()
    done = bench.tollspan("price", "--validate", path)
    assert processor_time() - before < 1
    assert (done.returncode, done.stdout == "", done.stderr == "") in (
        (0, False, True),
        (1, True, False),
    )
    said = done.stdout + done.stderr
    assert said.count("\n") == 1 and str(path) in said
    return done.returncode, said.split("validated.json: ", 1)[1].strip()


ROW = {
    "provider": "p",
    "model": "m",
    "currency": "USD",
    "source": "s",
    "checked": "2026-11-27",
    "prices": {"input": "1"},
}


def card_text(*rows, **more):
    first = {**ROW, "model": "first"}
    return json.dumps({"schema": 1, "version": "2026-11-27", "rows": [first, *rows], **more})


def test_price_validates_a_card(bench):
    done = bench.tollspan("price", "--validate", ROOT / "pricing" / "card.json")
    assert done.returncode == 0, done.stderr
    assert validated(bench, card_text(ROW))[0] == 0
    assert validated(bench, card_text(ROW)[:-1] + " " * 100 + "}\n")[0] == 0
    done = bench.tollspan("price", "--validate", bench.folder / "none.json")
    assert done.returncode == 1 and "none.json: " in done.stderr
    done = bench.tollspan("price", "--validate", bench.folder)
    assert done.returncode == 1 and done.stdout == ""


@pytest.mark.parametrize(
    "change, said",
    [
        ({"model": 5}, "model"),
        ({"provider": []}, "provider"),
        ({"prices": {"input": 1}}, "input"),
        ({"prices": ["1"]}, "prices"),
        ({"prices": {"input": "-1"}}, "-1"),
        ({"prices": {"input": "1e3"}}, "1e3"),
        ({"prices": {"input": "1E-3"}}, "1E-3"),
        ({"prices": {"input": "nan"}}, "nan"),
        ({"prices": {"input": "1,5"}}, "1,5"),
        ({"prices": {"input": "1.0000000000001"}}, "decimals"),
        ({"prices": {"input": {"price": "1", "per": 0}}}, "per"),
        ({"prices": {"input": {"price": "1", "per": -1}}}, "per"),
        ({"prices": {"inputs": "1"}}, "inputs"),
        ({"pricez": {}}, "pricez"),
        ({"currency": "usd"}, "currency"),
        ({"start": "2026-02-30"}, "start"),
        ({"start": "2026-01-02", "end": "2026-01-01"}, "end"),
        ({"aliases": [1]}, "alias"),
        ({"tiers": {"batch": {}}}, "batch"),
        ({"regions": {"eu": {"multiplier": 1.1}}}, "multiplier"),
        ({"context": [{"above": -5, "prices": {"input": "1"}}]}, "above"),
        ({"only": {}}, "only"),
        ({"source": "a\u0001b"}, "control character"),
        ({"source": "x" * 10_000_000}, "source"),
    ],
)
def test_price_names_a_row_that_is_wrong(bench, change, said):
    status, told = validated(bench, card_text({**ROW, **change}))
    assert status == 1 and told.startswith("row 2 (") and said in told


def test_price_names_rows_that_are_at_odds(bench):
    early, late = {**ROW, "end": "2026-06-01"}, {**ROW, "start": "2026-01-01"}
    for rows, start, said in (
        ([ROW, ROW], "row 3 (p/m): ", "twice"),
        ([early, late], "row 3 (p/m@2026-01-01): ", "overlaps with p/m"),
        ([{**ROW, "aliases": ["z"]}, {**ROW, "model": "n", "aliases": ["z"]}], "row 3 (", '"z"'),
        ([7], "row 2 (", "object"),
        ([ROW] * 60_000, "row 3 (p/m): ", "twice"),
    ):
        status, told = validated(bench, card_text(*rows))
        assert status == 1 and told.startswith(start) and said in told, told
    rows = [{**ROW, "model": "m%d" % i} for i in range(40_000)]
    status, told = validated(bench, card_text(*rows, {**ROW, "prices": {"input": "-1"}}))
    assert status == 1 and told.startswith("row 40002 (p/m): ")
    status, told = validated(bench, card_text(discounts=[{"provider": "p", "factor": "-1"}]))
    assert status == 1 and told.startswith("discount 1 (p/*): ")


def test_price_names_a_key_that_is_there_twice(bench):
    for key, twice in (
        ("provider", '"provider": "p", "provider": "q"'),
        ("input", '"provider": "p", "prices": {"input": "1", "input": "2"}'),
        ("eu", '"regions": {"eu": {"multiplier": "1"}, "eu": {"multiplier": "2"}}'),
    ):
        text = card_text({"AT": 0}).replace('"AT": 0', twice)
        status, told = validated(bench, text)
        assert (status, told[:7]) == (1, "row 2 (") and '"%s" twice' % key in told
    text = card_text()
    status, told = validated(bench, text[:-1] + ', "rows": []}')
    assert status == 1 and '"rows" twice' in told


def test_price_validates_what_is_no_card(bench):
    good = card_text(ROW)
    for text in (
        "",
        good[:-1],
        good[: len(good) // 2],
        good + "x",
        good + good,
        good + "\0",
        "[" * 2_000_000,
        '{"a":' * 500_000,
        card_text({**ROW, "prices": "AT"}).replace('"AT"', "[" * 900 + "]" * 900),
        b"\x7fELF" + bytes(range(256)) * 4000,
        random.Random(5).randbytes(1_000_000),
        "null",
        good.replace('"schema": 1', '"schema": 2'),
        good.replace('"schema": 1, ', ""),
    ):
        assert validated(bench, text)[0] == 1, text[:80]
    status, told = validated(bench, "{\n\n" + good)
    assert status == 1 and "line 3" in told


LAUNCH = """
import os, resource, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], {})
_, status, used = os.wait4(pid, 0)
print(os.waitstatus_to_exitcode(status), used.ru_maxrss, used.ru_utime + used.ru_stime)
"""


def peak(*command, **more):
    """(status, peak of resident memory in KiB, seconds of processor time, stderr) of a program that
    a small one starts."""
    done = subprocess.run(
        [sys.executable, "-IS", "-c", LAUNCH, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
        **more,
    )
    status, kib, seconds = done.stdout.split()
    return int(status), int(kib), float(seconds), done.stderr


@pytest.mark.parametrize("piece", [None, b"[", (json.dumps(ROW) + ",").encode()])
def test_price_of_a_huge_card(bench, piece):
    """100 MB, as a file and as a pipe: refused in a second, with little memory."""
    path = bench.folder / "huge.json"
    with path.open("wb") as out:
        out.write(b'{"schema": 1, "version": "2026-11-27", "rows": [')
        block = piece * (1_000_000 // len(piece)) if piece else b""
        while block and out.tell() < 100_000_000:
            out.write(block)
        out.truncate(100_000_000)
    command = [TOLLSPAN, "price", "--validate"]
    try:
        runs = [peak(*command, path)]
        with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as cat:
            runs.append(peak(*command, "/dev/stdin", stdin=cat.stdout))
            cat.stdout.close()
    finally:
        path.unlink()
    for status, kib, seconds, said in runs:
        assert status == 1 and "larger than" in said
        assert kib < 64 * 1024 and seconds < 1


def test_check(bench):
    done = bench.tollspan("check")
    assert (
        done.returncode in (0, 1)
        and "preload" in done.stdout.lower()
        and "ebpf" in done.stdout.lower()
    )


def test_check_of_a_binary(bench):
    done = bench.tollspan("check", "/usr/bin/curl")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "libssl" in done.stdout


def test_help_and_version(bench):
    for args in (["--help"], ["run", "--help"], ["--version"], ["replay", "-h"]):
        done = bench.tollspan(*args)
        assert (done.returncode, done.stderr) == (0, ""), args
        assert done.stdout
    assert "libbpf" in bench.tollspan("--version").stdout
