# SPDX-License-Identifier: Apache-2.0
"""report, trace, price and check, on real content."""

import json
import subprocess
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
        timeout=30,
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


def test_price_refuses_what_is_no_query(bench):
    done = bench.tollspan("price", "--stdin")
    assert done.returncode == 0 and done.stdout == ""
    assert bench.tollspan("price", "--no-such-option").returncode == 2


def test_price_validates_a_card(bench):
    done = bench.tollspan("price", "--validate", ROOT / "pricing" / "card.json")
    assert done.returncode == 0, done.stderr
    bad = bench.folder / "bad.json"
    bad.write_text('{"rows": [{"model": 1}]}')
    done = bench.tollspan("price", "--validate", bad)
    assert done.returncode == 1 and "bad.json" in done.stderr


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
