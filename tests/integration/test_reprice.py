# SPDX-License-Identifier: Apache-2.0
"""`tollspan reprice`: history by other cards, beside the first amount."""

import json
import sqlite3
import threading
from decimal import Decimal

import pytest
from conftest import CLIENTS, python_client
from expect import COST, STATUS
from otlp_server import OtlpServer, status
from spans import cost, unique

CURL = ["/bin/sh", CLIENTS / "curl.sh"]
ADVISOR = ("anthropic", "claude-opus-4-5")  # in some of its answers
TIERS = ("flex", "priority")  # those of the provider that have prices of their own


def card(path, rows, discounts=()):
    """A card of rows {(provider, model): prices}, and of discounts."""
    path.write_text(
        json.dumps(
            {
                "schema": 1,
                "version": "2026-11-27",
                "rows": [
                    {
                        "provider": provider,
                        "model": model,
                        "currency": "USD",
                        "source": "a test",
                        "checked": "2026-11-27",
                        "prices": prices,
                        **more,
                    }
                    for (provider, model), (prices, more) in rows.items()
                ],
                "discounts": [
                    {"source": "a test", "checked": "2026-11-27", **item} for item in discounts
                ],
            }
        )
    )
    return path


def charges(ledger):
    """{charge: (provider, model, {bucket: quantity})} as the ledger has it."""
    db = sqlite3.connect(str(ledger))
    found = {}
    for number, provider, model in db.execute(
        "SELECT ch.id, c.provider, ch.model FROM charge ch JOIN call c ON c.id = ch.call"
        " WHERE c.billing <> 'free'"
    ):
        usage = dict(db.execute("SELECT bucket, quantity FROM usage WHERE charge = ?", [number]))
        found[number] = (provider, model, usage)
    db.close()
    return found


def rows_of(ledger, rate):
    """A card's rows with the same rate for every bucket, tier and region of what was used."""
    rows = {}
    for provider, model, usage in charges(ledger).values():
        prices, more = rows.setdefault((provider, model), ({}, {"tiers": {}, "regions": {}}))
        for bucket in usage:
            prices[bucket] = {"price": rate, "per": 1000000}
    db = sqlite3.connect(str(ledger))
    tiers = [t for (t,) in db.execute("SELECT DISTINCT tier FROM charge WHERE tier IS NOT NULL")]
    regions = [r for (r,) in db.execute("SELECT DISTINCT region FROM charge WHERE region NOT NULL")]
    db.close()
    for prices, more in rows.values():
        more["tiers"] = {t: {"prices": prices} for t in tiers if t not in ("default", "standard")}
        more["regions"] = {r: {"multiplier": "1"} for r in regions if r != "global"}
        for name in ("tiers", "regions"):
            if not more[name]:
                del more[name]
    return rows


def cost_of(usage, rate):
    """What a usage costs at one rate for all, in pico-units."""
    return int(sum(usage.values()) * Decimal(rate) * 10**6)


def prices(ledger, pricing):
    db = sqlite3.connect(str(ledger))
    found = dict(db.execute("SELECT charge, amount FROM price WHERE pricing = ?", [pricing]))
    db.close()
    return found


def billed(ledger):
    """The bill of the calls whose charges all have a price; a part of a call is no bill."""
    db = sqlite3.connect(str(ledger))
    (amount,) = db.execute(
        "WITH first AS (SELECT ch.call, p.status, p.amount FROM price p JOIN charge ch"
        " ON ch.id = p.charge WHERE p.pricing = 0) SELECT sum(amount) FROM first"
        " WHERE call NOT IN (SELECT call FROM first WHERE status <> 'priced')"
    ).fetchone()
    db.close()
    return amount or 0


def dump(ledger, *without):
    """All rows of all tables but some."""
    db = sqlite3.connect(str(ledger))
    tables = [t for (t,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = {t: db.execute("SELECT * FROM %s" % t).fetchall() for t in tables if t not in without}
    db.close()
    return rows


def reprice(bench, *args):
    done = bench.tollspan("reprice", "--ledger=%s" % bench.ledger, "--since=1d", "--json", *args)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return json.loads(done.stdout, parse_float=Decimal)


def report(bench, *args):
    done = bench.tollspan("report", "--json=lines", "--ledger=%s" % bench.ledger, *args)
    assert (done.returncode, done.stderr) == (0, "")
    calls = [json.loads(line, parse_float=Decimal) for line in done.stdout.splitlines()]
    return {call["span_id"]: call for call in calls}


@pytest.fixture
def unknown(bench):
    """A run whose models no card knows at any tier: the user's own card hides every price."""
    bench.run("preload", CURL).ok()
    known = rows_of(bench.ledger, "1")
    for suffix in ("", "-wal", "-shm"):
        path = bench.ledger.parent / (bench.ledger.name + suffix)
        if path.exists():
            path.unlink()
    none = {key: ({"pages": "1"}, {}) for key in known}
    bench.run("preload", CURL, options=["--card", card(bench.folder / "none.json", none)]).ok()
    return bench


def test_from_unpriced_to_priced(unknown):
    bench = unknown
    ledger = bench.ledger
    first = prices(ledger, 0)
    assert not any(first.values())
    new = card(bench.folder / "new.json", rows_of(ledger, "2.5"))
    before = report(bench)
    told = reprice(bench, "--card", new)
    used = {number: cost_of(usage, "2.5") for number, (_, _, usage) in charges(ledger).items()}
    used = {number: cost for number, cost in used.items() if cost}
    assert used and prices(ledger, 1) == used
    assert prices(ledger, 0) == first
    assert report(bench) == before  # the bill
    latest = report(bench, "--pricing=latest")
    assert sum(call.get(COST, 0) for call in latest.values()) == Decimal(
        sum(used.values())
    ) / Decimal(10**12)
    assert told["newly_priced"] == sum(
        before[span][STATUS] == "unpriced" and call[STATUS] == "priced"
        for span, call in latest.items()
    )
    assert told["changed"] == len(used)
    assert told["after"] == {"USD": Decimal(sum(used.values())) / Decimal(10**12)}
    assert sum(told["before"].values()) == 0
    largest = [change["after"]["amount"] for change in told["largest"]]
    assert largest == sorted(largest, reverse=True)
    assert largest == sorted((call[COST] for call in latest.values() if call.get(COST)))[::-1]


def fingerprints(ledger):
    """{provider: fingerprint of the key} of what is billed by usage."""
    db = sqlite3.connect(str(ledger))
    found = db.execute(
        "SELECT DISTINCT provider, key_fingerprint FROM call WHERE id IN (SELECT call FROM charge)"
    ).fetchall()
    db.close()
    keys = dict(found)
    assert len(found) == len(keys) and all(keys.values())
    return keys


def used_costs(ledger, rate_of):
    """What each charge with a usage costs at its provider's rate, in pico-units."""
    costs = {
        number: cost_of(usage, rate_of[provider])
        for number, (provider, _, usage) in charges(ledger).items()
    }
    return {number: cost for number, cost in costs.items() if cost}


def test_rows_and_discounts_of_a_key(unknown):
    """A row for one key comes before that for all, and a discount is the key's that called."""
    bench = unknown
    ledger = bench.ledger
    keys = fingerprints(ledger)
    assert set(keys) == {"openai", "anthropic"}
    rows = rows_of(ledger, "4")
    path = card(
        bench.folder / "keys.json",
        rows,
        [
            {"provider": "anthropic", "key": keys["anthropic"], "factor": "0.5"},
            {"provider": "openai", "key": "of-somebody-else", "factor": "0.1"},
        ],
    )
    told = json.loads(path.read_text())
    for row in [row for row in told["rows"] if row["provider"] == "openai"]:
        text = json.dumps(row).replace('"price": "4"', '"price": "3"')
        told["rows"].append({**json.loads(text), "only": {"key": keys["openai"]}})
        text = text.replace('"price": "3"', '"price": "1"')
        told["rows"].append({**json.loads(text), "only": {"key": "of-somebody-else"}})
    path.write_text(json.dumps(told))
    assert reprice(bench, "--card", path)["changed"]
    assert prices(ledger, 1) == used_costs(ledger, {"openai": "3", "anthropic": "2"})


def test_a_live_call_has_its_key_s_discount(bench):
    """The bill itself, by the card in the user's configuration, whatever the second run uses."""
    bench.run("preload", CURL).ok()
    keys = fingerprints(bench.ledger)
    listed = bench.tollspan("price", "--help").stdout.split("Quantities", 1)[1].split()
    buckets = [word[2:].replace("-", "_") for word in listed if word.startswith("--")]
    buckets.remove("requests")  # one a call where they have a price
    every = {bucket: {"price": "4", "per": 1000000} for bucket in buckets}
    more = {
        "tiers": {tier: {"prices": every} for tier in TIERS},
        "regions": {"*": {"multiplier": "1"}},
    }
    models = {*rows_of(bench.ledger, "4"), ADVISOR}
    rows = {model: (every, more) for model in models}
    bench.ledger.unlink()
    folder = bench.home / ".config" / "tollspan"
    folder.mkdir(parents=True)
    card(
        folder / "card.json",
        rows,
        [
            {"provider": "openai", "key": keys["openai"], "factor": "0.25"},
            {"provider": "anthropic", "key": keys["openai"], "factor": "0.1"},
        ],
    )
    bench.run("preload", CURL).ok()
    assert fingerprints(bench.ledger) == keys
    bill = {number: amount for number, amount in prices(bench.ledger, 0).items() if amount}
    assert bill == used_costs(bench.ledger, {"openai": "1", "anthropic": "4"})


def test_again_adds_nothing(unknown):
    bench = unknown
    new = card(bench.folder / "new.json", rows_of(bench.ledger, "2"))
    dry = reprice(bench, "--card", new, "--dry-run")
    assert not prices(bench.ledger, 1)
    first = reprice(bench, "--card", new)
    assert {**dry, "dry_run": False} == first and first["changed"]
    state = dump(bench.ledger)
    second = reprice(bench, "--card", new)
    assert dump(bench.ledger) == state
    assert (second["changed"], second["newly_priced"], second["largest"]) == (0, 0, [])
    assert second["before"] == second["after"] == first["after"]


def test_text(unknown):
    bench = unknown
    new = card(bench.folder / "new.json", rows_of(bench.ledger, "2"))
    done = bench.tollspan("reprice", "--ledger", bench.ledger, "--since=1d", "--card", new)
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("newly priced: ", "BEFORE", "LARGEST CHANGES", "USD", str(bench.ledger)):
        assert word in done.stdout
    shown = bench.tollspan("report", "--ledger", bench.ledger, "--pricing=latest")
    assert shown.returncode == 0 and "unpriced" not in shown.stdout
    assert "unpriced" in bench.tollspan("report", "--ledger", bench.ledger).stdout


def test_spans_have_the_bill(bench):
    """What waits for a collector is as it was, and goes out as billed, though priced anew."""
    with OtlpServer() as server:
        server.script(*[status(503, retry_after=60)] * 4)
        options = ["--export", "--flush-timeout=100ms"]
        ran = bench.run("preload", CURL, server.environment(), options).ok()
        before, bill = dump(bench.ledger, "price", "price_line"), prices(bench.ledger, 0)
        assert len(before["export"]) == len(ran.calls)
        calls = report(bench)
        new = card(bench.folder / "new.json", rows_of(bench.ledger, "7"))
        assert reprice(bench, "--card", new)["changed"]
        assert dump(bench.ledger, "price", "price_line") == before
        assert prices(bench.ledger, 0) == bill
        assert report(bench) == calls
        server.steps.clear()
        options = ["--export", "--flush-timeout=20"]
        bench.run("preload", ["/bin/true"], server.environment(), options).ok()
        spans = unique(server.wait(len(calls)))
    assert cost(spans) == {"USD": Decimal(billed(bench.ledger)) / Decimal(10**12)}


def test_while_a_run_writes(bench):
    """Repricing over and over, by two cards, while a run writes the same file: nothing is lost."""
    bench.run("preload", CURL).ok()
    cards = [card(bench.folder / n, rows_of(bench.ledger, n[0])) for n in ("1.json", "2.json")]
    stop, failures = threading.Event(), []

    def over_and_over():
        for i in range(1000):
            if stop.is_set():
                break
            done = bench.tollspan(
                "reprice", "--ledger", bench.ledger, "--since=1d", "--card", cards[i % 2]
            )
            if done.returncode:
                failures.append(done.stderr)

    threads = [threading.Thread(target=over_and_over) for _ in range(2)]
    bench.provider.calls()
    for thread in threads:
        thread.start()
    ran = bench.run("preload", python_client("openai_sync")).ok()
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert not ran.summary["lost"]
    assert len(ran.calls) == len(bench.provider.calls())
    db = sqlite3.connect(str(bench.ledger))
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert not db.execute("PRAGMA foreign_key_check").fetchall()
    # numbers without holes, and no price that is the same as the one before
    assert not db.execute(
        "SELECT 1 FROM price GROUP BY charge HAVING max(pricing) + 1 <> count(*)"
    ).fetchall()
    assert not db.execute(
        "SELECT 1 FROM price a JOIN price b ON b.charge = a.charge AND b.pricing = a.pricing + 1"
        " WHERE a.status = b.status AND a.amount IS b.amount AND a.currency IS b.currency"
        " AND a.missing IS b.missing"
    ).fetchall()
    db.close()


def test_usage(bench):
    for args, said in (
        (["reprice"], "--since"),
        (["reprice", "--since=soon"], "soon"),
        (["reprice", "--since=1d", "x"], "x"),
        (["reprice", "--since=1d", "--no-such-option"], "--no-such-option"),
        (["report", "--pricing=2"], "--pricing=2"),
    ):
        done = bench.tollspan(*args)
        assert done.returncode == 2 and done.stdout == "", args
        assert said in done.stderr, args
    assert bench.tollspan("reprice", "--help").returncode == 0


def test_no_ledger_is_made(bench):
    none = bench.folder / "none.db"
    done = bench.tollspan("reprice", "--since=1d", "--ledger=%s" % none)
    assert done.returncode == 1 and "none.db" in done.stderr
    assert not none.exists()


def test_bad_card(bench):
    bad = bench.folder / "bad.json"
    bad.write_text("{}")
    bench.run("preload", CURL).ok()
    state = dump(bench.ledger)
    done = bench.tollspan("reprice", "--since=1d", "--ledger", bench.ledger, "--card", bad)
    assert done.returncode == 1 and "bad.json" in done.stderr
    assert dump(bench.ledger) == state


def test_locked(bench):
    """Another program keeps the file: said within seconds, and nothing is written."""
    bench.run("preload", CURL).ok()
    new = card(bench.folder / "new.json", rows_of(bench.ledger, "4"))
    db = sqlite3.connect(str(bench.ledger), isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    done = bench.tollspan("reprice", "--since=1d", "--ledger", bench.ledger, "--card", new)
    db.execute("ROLLBACK")
    db.close()
    assert done.returncode == 1 and "locked" in done.stderr
    assert not prices(bench.ledger, 1)
