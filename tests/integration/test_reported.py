# SPDX-License-Identifier: Apache-2.0
"""Costs that responses report: they are the cost, and the card's stands beside them."""

import sqlite3
from decimal import Decimal

from conftest import python_client
from expect import COST, DIFFERENCE, LOCAL, SOURCE, STATUS, check_calls, reported_cost
from otlp_server import OtlpServer
from spans import check_spans, cost
from test_reprice import card, prices, report, reprice, rows_of

CLIENT = python_client("reported")


def spent(calls):
    """What calls cost together, by their exact amounts."""
    return sum(Decimal(call["tollspan.cost.amount"]) for call in calls if call.get(COST))


def test_the_reported_cost_is_the_cost(bench, mode):
    bench.provider.calls()
    ran = bench.run(mode, CLIENT).ok()
    log = bench.provider.calls()
    pairs = check_calls(ran.calls, log, mode, bench.provider.port)
    told = [entry for entry in log if entry.get("reported")]
    assert {entry["reported"]["source"] for entry in told} == {"provider", "gateway"}
    assert len(told) > 20 and len(told) < len(log)
    assert any(LOCAL in call for call, entry in pairs if entry.get("reported"))
    # what no card knows costs what is reported
    unknown = [call for call, entry in pairs if entry.get("model_asked") == "no-such-model"]
    assert len(unknown) == 2
    for call in unknown:
        assert call[STATUS] == "priced" and LOCAL not in call and DIFFERENCE not in call, call


def test_totals(bench):
    bench.provider.calls()
    ran = bench.run("preload", CLIENT).ok()
    calls = report(bench).values()
    total = Decimal(str(ran.summary["totals"]["cost"]["USD"]))
    assert total == spent(calls)
    reported = sum(reported_cost(entry) or 0 for entry in bench.provider.calls())
    local = sum(call[COST] for call in calls if call.get(SOURCE) == "local")
    assert total == reported + local
    assert ran.summary["totals"]["unpriced_calls"] == sum(c[STATUS] == "unpriced" for c in calls)
    db = sqlite3.connect(str(bench.ledger))
    view = db.execute("SELECT span_id, cost, cost_source, local_cost FROM calls").fetchall()
    db.close()
    by_span = {call["span_id"]: call for call in calls}
    for span, amount, source, beside in view:
        call = by_span[span]
        assert amount == call.get("tollspan.cost.amount"), call
        assert (source, beside) == (call.get(SOURCE), call.get(LOCAL)), call


def test_words(bench):
    text = bench.run("preload", CLIENT, summary="text").ok().text
    assert "ok, by provider\n" in text and "ok, by gateway\n" in text and "  ok\n" in text


def test_spans(bench):
    bench.provider.calls()
    with OtlpServer() as server:
        ran = bench.run(
            "preload", CLIENT, server.environment(), ["--export", "--flush-timeout=20"]
        ).ok()
        spans = server.wait(len(ran.calls))
    log = bench.provider.calls()
    check_spans(spans, log, "preload", bench.provider.port)
    assert cost(spans) == {"USD": spent(report(bench).values())}


def test_the_agents_spans(agent_bench):
    """Over the seam between its two processes."""
    agent_bench.start()
    agent_bench.client(CLIENT).ok()
    spans = agent_bench.check()
    agent_bench.end()
    sources = {span["attributes"].get(SOURCE) for span in spans}
    assert sources >= {"local", "provider", "gateway"}
    calls = agent_bench.host.report()["calls"]
    amounts = {call["span_id"]: call.get("tollspan.cost.amount") for call in calls}
    assert amounts == {
        span["span_id"]: span["attributes"].get("tollspan.cost.amount") for span in spans
    }


def test_reprice_leaves_it(bench):
    bench.run("preload", CLIENT).ok()
    new = card(bench.folder / "new.json", rows_of(bench.ledger, "3"))
    before, first = report(bench), prices(bench.ledger, 0)
    told = reprice(bench, "--card", new)
    latest = report(bench, "--pricing=latest")
    assert prices(bench.ledger, 0) == first and prices(bench.ledger, 1)
    assert report(bench) == before
    changed = 0
    for span, call in latest.items():
        was = before[span]
        if call.get(SOURCE) in ("provider", "gateway"):
            assert call[COST] == was[COST] and call[STATUS] == "priced", (was, call)
            assert call.get(LOCAL) is not None, call
            assert Decimal(call[DIFFERENCE]) == call[COST] - Decimal(call[LOCAL]), call
            changed += call[LOCAL] != was.get(LOCAL)
    assert changed
    reported = {s for s, call in before.items() if call.get(SOURCE) in ("provider", "gateway")}
    assert not reported & {change["span_id"] for change in told["largest"]}
    assert told["before"]["USD"] == spent(before.values())
    assert told["after"]["USD"] == spent(latest.values())
