#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what tollspan costs, prints a table, and writes BUILD/bench.json.

usage: run.py [--build DIR] [--rounds N] [--only PART[,PART...]] [--ratecard PYTHON]
              [agent.py's options]

Parts: tls, replay, memory, start, price, ledger, export, agent. What is compared is measured in
turn, in several rounds of one run, and of each the median is taken: from run to run a machine's
speed differs by more than what is looked for. The agent has one round, and its figures are of that.
"""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

import agent
import captures
import prices
from agent import Skip
from library import copy_libssl

SPAWNED = re.compile(r"^(\d+) (\d+) (\d+) (\d+)$", re.MULTILINE)
STREAM_MB = (40, 240)
REQUESTS = (2, 12)
REQUEST_MB = 10
STREAMS = 1000
ENCODINGS = ("identity", "gzip", "br", "zstd")


class Bench:
    def __init__(self, options, scratch):
        self.options = options
        self.build = os.path.abspath(options.build)
        self.rounds = options.rounds
        self.scratch = scratch
        self.tollspan = os.path.join(self.build, "tollspan")
        self.shim = os.path.join(self.build, "libtollspan-preload.so")
        self.rows = []
        self.agent = None  # what agent.py has measured
        self.root = os.geteuid() == 0
        # Nothing of the user's is read or written.
        self.env = {"PATH": os.environ["PATH"], "HOME": scratch, "LC_ALL": "C.UTF-8"}

    def program(self, name):
        return os.path.join(self.build, "tests", "bench", name)

    def run(self, command, env=None):
        done = subprocess.run(command, env={**self.env, **(env or {})}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            sys.exit(f"bench: {' '.join(command)}: status {done.returncode}\n{done.stderr}")
        return done

    def samples(self, command, env=None):
        """Median of the numbers that a program prints, and what it said beside them."""
        done = self.run(command, env)
        return statistics.median(float(line) for line in done.stdout.split()), done.stderr

    def spawn(self, times, *command):
        """(ns passed, ns of processor time, KiB at most) of each run, and the output."""
        done = self.run([self.program("spawn"), str(times), *command])
        runs = [tuple(map(int, found)) for found in SPAWNED.findall(done.stderr)]
        if len(runs) != times or any(status for _, _, _, status in runs):
            sys.exit(f"bench: {' '.join(command)} failed\n{done.stderr}")
        return [(ns, us * 1000, kib) for ns, us, kib, _ in runs], done.stdout

    def row(self, name, value, unit, goal=None, at_least=False, note=""):
        met = None if goal is None else value >= goal if at_least else value <= goal
        self.rows.append({"name": name, "value": value, "unit": unit, "goal": goal,
                          "goal_is": None if goal is None else "least" if at_least else "most",
                          "met": met, "note": note})


def in_turn(rounds, measures):
    """Each of the named measures once a round. Returns name → list of results."""
    results = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            results[name].append(measure())
    return results


# ---- what a TLS call costs ----

def own_library(bench):
    """A copy of libssl for this bench alone: probes lie in a file, whoever runs it."""
    folder = os.path.join(bench.scratch, "lib")
    os.mkdir(folder)
    library = copy_libssl(bench.program("tls_pair"), folder)
    if not library:
        raise Skip("tls_pair loads no shared libssl")
    return folder, library


def lost_share(stderr):
    captured, lost = map(int, re.search(r"captured (\d+) lost (\d+)", stderr).groups())
    return lost / (captured + lost)


def measure_tls(bench):
    folder, library = own_library(bench)
    env = {"LD_LIBRARY_PATH": folder}
    pair, whole = bench.program("tls_pair"), bench.program("whole_capture")
    under = [bench.tollspan, "run", "--summary=none", "--ledger=none"]
    measures = {
        "bare": lambda: bench.samples([pair, "20000"], env),
        "preload": lambda: bench.samples([whole, "preload", bench.shim, pair, "20000"], env),
        "run, preload": lambda: bench.samples([*under, "--capture=preload", "--", pair, "20000"],
                                              env),
    }
    if bench.root:
        measures |= {
            "chosen": lambda: bench.samples([whole, "chosen", library, pair, "5000"], env),
            "exported": lambda: bench.samples([whole, "exported", library, pair, "1000"], env),
            "run, eBPF": lambda: bench.samples([*under, "--capture=ebpf", "--", pair, "5000"],
                                               env),
        }
    results = in_turn(bench.rounds, measures)
    ns = {name: statistics.median(value for value, _ in found) for name, found in results.items()}
    lost = {name: max((lost_share(said) for _, said in results[name]), default=0)
            for name in ns if name in ("preload", "chosen", "exported")}
    bench.row("TLS write + read of 64 bytes: bare", ns["bare"], "ns")

    def each_round(compare, *names):
        return statistics.median(compare(*(value for value, _ in found))
                                 for found in zip(*(results[name] for name in names)))

    for name, title in (("preload", "under the shim, whole capture"),
                        ("run, preload", "under tollspan run --capture=preload"),
                        ("chosen", "under eBPF, whole capture, chosen sites"),
                        ("exported", "under eBPF, whole capture, exported symbols"),
                        ("run, eBPF", "under tollspan run --capture=ebpf")):
        if name in ns:
            bench.row(f"  {title}", ns[name], "ns",
                      note=f"{lost[name]:.1%} of records lost" if lost.get(name) else "")
    bench.row("  shim / bare", each_round(lambda bare, shim: shim / bare, "bare", "preload"), "×",
              1.1)
    if not bench.root:
        raise Skip("eBPF needs root")
    bench.row("  eBPF adds to a TLS call, chosen sites",
              each_round(lambda bare, chosen: (chosen - bare) / 2000, "bare", "chosen"), "µs", 2)
    bench.row("  chosen sites add / exported symbols add",
              each_round(lambda bare, chosen, exported: (chosen - bare) / (exported - bare),
                         "bare", "chosen", "exported"), "×", 0.3)


# ---- replay ----

def measure_replay(bench):
    """Two sizes of each: their difference has no start-up in it."""
    files = {}
    for size in (0, 1):
        path = os.path.join(bench.scratch, f"stream{size}")
        files["stream", size] = path, captures.write_stream(path, STREAM_MB[size])
        path = os.path.join(bench.scratch, f"request{size}")
        files["request", size] = path, captures.write_requests(path, REQUEST_MB, REQUESTS[size])

    def cpu_ns(path):
        return lambda: bench.spawn(1, bench.tollspan, "replay", path)[0][0][1]

    results = in_turn(bench.rounds, {key: cpu_ns(path) for key, (path, _) in files.items()})
    ns = {key: statistics.median(found) for key, found in results.items()}
    for kind, title, goal in (("stream", "replay of an SSE stream, identity", 500),
                              ("request", f"replay of {REQUEST_MB} MB JSON requests", None)):
        content = files[kind, 1][1] - files[kind, 0][1]
        bench.row(title, content * 1e3 / (ns[kind, 1] - ns[kind, 0]), "MB/s", goal, at_least=True)
    for path, _ in files.values():
        os.remove(path)


# ---- memory ----

def measure_memory(bench):
    path = os.path.join(bench.scratch, "streams")
    for encoding in ENCODINGS:
        captures.write_streams(path, encoding, STREAMS)
        runs, output = bench.spawn(1, bench.tollspan, "replay", "--json=lines", path)
        calls = [json.loads(line) for line in output.splitlines()]
        exact = sum(call["tollspan.completeness"] == "exact" for call in calls)
        bench.row(f"peak memory, {STREAMS} open streams, {encoding}", runs[0][2] / 1024, "MiB",
                  32 if encoding == "identity" else None,
                  note="" if exact == STREAMS else f"{exact} exact, the others partial")
    os.remove(path)


# ---- start-up ----

def measure_start(bench):
    run = [bench.tollspan, "run", "--summary=none", "--ledger=none"]
    commands = {"bare": ["true"], "preload": [*run, "--capture=preload", "--", "true"]}
    if bench.root:
        commands["ebpf"] = [*run, "--capture=ebpf", "--", "true"]
    results = in_turn(4 * bench.rounds, {
        name: lambda command=command: bench.spawn(1, *command)[0][0][0]
        for name, command in commands.items()})
    ms = {name: statistics.median(found) / 1e6 for name, found in results.items()}
    bench.row("fork, exec and end of true", ms["bare"], "ms")
    bench.row("  tollspan run --capture=preload adds", ms["preload"] - ms["bare"], "ms", 20)
    if not bench.root:
        raise Skip("eBPF needs root")
    bench.row("  tollspan run --capture=ebpf adds", ms["ebpf"] - ms["bare"], "ms", 150)


# ---- prices ----

USER_CARD = 3_000_000
COLD_STARTS = 30
PACKAGES = ("genai-prices", "litellm")


def price_measures(bench):
    """What is measured in each round: the lookups, the load, the start, and the packages."""
    charges, card = (os.path.join(bench.scratch, name) for name in ("charges", "card.json"))
    day = str(prices.write_charges(charges))
    prices.write_user_card(card, USER_CARD)
    program, starts = bench.program("price"), -(-COLD_STARTS // bench.rounds)
    ask = [bench.tollspan, "price", "--provider=openai", "--model=gpt-4o-mini", "--at=2025-12-01",
           "--input=700", "--output=200"]
    measures = {
        "ours": lambda: json.loads(bench.run([program, charges, day]).stdout),
        "load": lambda: bench.samples([program, "--load", card])[0],
        "cold": lambda: [ns for ns, _, _ in bench.spawn(starts, *ask)[0]]}
    if os.access(bench.options.ratecard, os.X_OK):
        for package in PACKAGES:
            command = [bench.options.ratecard, prices.__file__, package, charges, day]
            measures[package] = lambda command=command: json.loads(
                bench.run(command, {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}).stdout)
    return measures


def measure_price(bench):
    measures = price_measures(bench)
    results = in_turn(bench.rounds, measures)

    def median(name, field):
        return statistics.median(found[field] for found in results[name])

    ours = results["ours"][0]
    bench.row("a price by the built-in card, all names in random order", median("ours", "mean_ns"),
              "ns", 1000, note=f"{ours['charges']:,} names, {ours['priced']:,} with a price")
    bench.row("  99 of 100 at most", median("ours", "p99_ns"), "ns", 1000)
    bench.row("  one model again and again", median("ours", "again_ns"), "ns", 1000)
    for package in (package for package in PACKAGES if package in results):
        bench.row(f"  {package}, those that it prices", median(package, "mean_ns") / 1000, "µs",
                  note=f"{results[package][0]['charges']:,} names")
        for field, title in (("p99_ns", "99 of 100 at most"),
                             ("again_ns", "one model again and again")):
            bench.row(f"    {title}", median(package, field) / 1000, "µs")
        for field, title in (("mean_ns", "in random order"), ("again_ns", "one model again")):
            bench.row(f"    {package} / ours, {title}", statistics.median(
                theirs[field] / found[field]
                for theirs, found in zip(results[package], results["ours"])), "×")
    bench.row("tollspan price, from start to end",
              statistics.median(ns for found in results["cold"] for ns in found) / 1e6, "ms", 20,
              note=f"of {sum(map(len, results['cold']))} starts")
    bench.row(f"load of a user's card of {USER_CARD / 1e6:g} MB",
              statistics.median(results["load"]), "ms", 100)
    if not set(PACKAGES) <= set(results):
        raise Skip(f"{bench.options.ratecard} is not there (make deps-ratecard)")


# ---- spans on the wire ----

EXPORT_KINDS = (("calls_of_ten_in_a_trace", "ten spans a trace"),
                ("all_random", "with parent and first token"))


def measure_export(bench):
    """Sizes are the same in each run; of the speeds the median is taken."""
    runs = [json.loads(bench.run([bench.program("export")]).stdout) for _ in range(bench.rounds)]
    sizes = runs[0]
    for size in ("100", "1000", "10000"):
        for compression in ("zstd", "gzip", "none"):
            goal = 90 if (size, compression) == ("1000", "zstd") else None
            note = f"{sizes['typical']['attributes']:.1f} attributes a span" if goal else ""
            bench.row(f"a span in batches of {int(size):,}, {compression}",
                      sizes["typical"][size][compression], "bytes", goal, note=note)
    for kind, title in EXPORT_KINDS:
        bench.row(f"  in 1,000, zstd, {title}", sizes[kind]["1000"]["zstd"], "bytes")
    for level, found in sizes["zstd_levels"]["1000"].items():
        us = statistics.median(run["zstd_levels"]["1000"][level]["us"] for run in runs)
        bench.row(f"  in 1,000, zstd level {level}", found["bytes"], "bytes",
                  note=f"{us:.1f} µs a span")
    for compression in ("zstd", "gzip", "none"):
        speed = statistics.median(run["spans_a_second"][compression] for run in runs)
        bench.row(f"encoding and compressing, {compression}", speed / 1000, "k/s")


# ---- the ledger ----

def measure_ledger(bench):
    """A file of its own each time: pages of an old one would be read."""
    def run():
        folder = tempfile.mkdtemp(dir=bench.scratch)
        found = json.loads(bench.run([bench.program("ledger"), f"{folder}/ledger.db"]).stdout)
        shutil.rmtree(folder)
        return found

    results = in_turn(bench.rounds, {"ledger": run})["ledger"]
    for name, title in (("stored_per_s", "calls that a ledger stores: begin, settle, queue"),
                        ("settled_per_s", "  settle and queue alone"),
                        ("read_per_s", "calls that an exporter reads of it")):
        bench.row(title, statistics.median(found[name] for found in results), "/s")


# ---- the agent ----

def agent_calls(bench, told):
    ledger = told["ledger"]
    bench.row("  calls that are not exact in the ledger", ledger["served"] - ledger["right"], "",
              0, note=f"of {ledger['served']}; {ledger['lost_records']} records told as lost")


def agent_streams(bench, told):
    title = f"{bench.options.streams} streams of {bench.options.rate} events/s"
    idle, busy, load = told["idle"]["all"], told["busy"], told["load"]
    bench.row("agent, idle: memory of all its processes", idle["pss_kib"] / 1024, "MiB")
    bench.row("  kernel memory of its maps", told["kernel_maps_kib"] / 1024, "MiB")
    bench.row("  processor time", idle["cpu_percent"], "%")
    bench.row(f"agent, {title}: sent", load["events"] / load["seconds"], "/s",
              0.95 * bench.options.streams * bench.options.rate, at_least=True,
              note=f"99% at most {load['late_ms']['p99']} ms late")
    bench.row("  memory of all its processes", busy["all"]["pss_kib"] / 1024, "MiB")
    for role in ("attacher", "worker", "keeper"):
        bench.row(f"  processor time of the {role}", busy[role]["cpu_percent"], "%",
                  20 if role == "worker" else None)
    agent_calls(bench, told)


def agent_short(bench, told, title):
    bench.row(f"agent, {title}", told["calls_per_second"], "/s")
    bench.row("  stored", told["stored_per_second"], "/s")
    bench.row("  processor time of the keeper, each", told["keeper_us_per_call"], "µs")
    if "spans" in told:
        bench.row("  exported", told["spans"]["per_second"], "/s",
                  note=f"{told['spans']['distinct']} of {told['ledger']['in_ledger']}")


def measure_agent(bench):
    bench.agent = agent.measure(bench.options)
    reasons = [told["skipped"] for told in bench.agent.values() if "skipped" in told]
    done = {name: told for name, told in bench.agent.items() if "skipped" not in told}
    if "streams" in done:
        agent_streams(bench, done["streams"])
    for name, title in (("steady", "short calls"), ("flood", "a flood of short calls"),
                        ("export", "a flood that is exported")):
        if name in done:
            agent_short(bench, done[name], title)
        if name == "steady" and name in done:
            agent_calls(bench, done[name])
    if reasons:
        raise Skip("; ".join(reasons))


PARTS = {"tls": measure_tls, "replay": measure_replay, "memory": measure_memory,
         "start": measure_start, "price": measure_price, "ledger": measure_ledger,
         "export": measure_export, "agent": measure_agent}


def digits(value):
    if isinstance(value, int):
        return str(value)
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def print_table(rows):
    print(f"{'':<56} {'measured':>9}       {'goal':>8}")
    for row in rows:
        goal = ""
        if row["goal"] is not None:
            sign = "≥" if row["goal_is"] == "least" else "≤"
            goal = f"{sign} {row['goal']:g}".rjust(8) + ("  met" if row["met"] else "  MISSED")
        line = f"{row['name']:<56} {digits(row['value']):>9} {row['unit']:<5} {goal}"
        print(line.rstrip() + (f"  ({row['note']})" if row["note"] else ""))


def main():
    parser = argparse.ArgumentParser(description="what tollspan costs")
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, joined by commas")
    parser.add_argument("--ratecard", default=".deps/ratecard/bin/python",
                        help="an interpreter with genai-prices and litellm")
    agent.add_options(parser)
    options = parser.parse_args()
    folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    skipped = {}
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        bench = Bench(options, scratch)
        for name in options.only.split(","):
            try:
                PARTS[name](bench)
            except Skip as reason:
                skipped[name] = str(reason)
    print_table(bench.rows)
    for name, reason in skipped.items():
        print(f"{name}: not all was measured: {reason}")
    machine = {"machine": platform.machine(), "kernel": platform.release(),
               "processors": os.cpu_count()}
    with open(os.path.join(options.build, "bench.json"), "w") as out:
        json.dump({**machine, "rounds": options.rounds, "rows": bench.rows, "skipped": skipped,
                   "agent": bench.agent},
                  out, indent=1, ensure_ascii=False)
        out.write("\n")


if __name__ == "__main__":
    main()
