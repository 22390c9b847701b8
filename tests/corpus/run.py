#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recorded exchanges through the whole program, compared with the oracle, call by call.

usage: run.py [--tollspan FILE] [--seed N] [--keep DIR] DIR     (DIR holds *.jsonl.zst)

Prints agreeing / all for each family and every difference. Exits 1 on one whose exchange is not in
differences.txt.
"""

import argparse
import calendar
import collections
import io
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import urllib.parse

import zstandard

import oracle
import wrap

PER_FILE = 150
HERE = pathlib.Path(__file__).resolve().parent


def read_exchanges(directory):
    for path in sorted(pathlib.Path(directory).glob("*.jsonl.zst")):
        with open(path, "rb") as file:
            stream = zstandard.ZstdDecompressor().stream_reader(file)
            for line in io.TextIOWrapper(stream, encoding="utf-8"):
                yield json.loads(line)


def select(exchanges):
    """Those of the oracle's families, each once, with a target that a request line can hold."""
    out = {}
    for exchange in exchanges:
        exchange["target"] = urllib.parse.quote(exchange["target"], safe="!#$%&'()*+,/:;=?@[]~")
        if oracle.family(exchange):
            out.setdefault(exchange["id"], exchange)
    return list(out.values())


def read_listed():
    """{exchange id: reason} of the differences that are known."""
    listed = {}
    for line in (HERE / "differences.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            ident, _, reason = line.partition(" ")
            listed[ident] = reason.strip()
    return listed


def into_files(rng, exchanges):
    """Groups of exchanges; what belongs to one chain stays together, in order."""
    units = collections.OrderedDict()
    for exchange in exchanges:
        exchange["chain"] = oracle.chain(exchange)
        units.setdefault(exchange["chain"] or exchange["id"], []).append(exchange)
    units = list(units.values())
    rng.shuffle(units)
    flat = [exchange for unit in units for exchange in unit]
    while flat:
        n = PER_FILE
        while n < len(flat) and flat[n]["chain"] and flat[n]["chain"] == flat[n - 1]["chain"]:
            n += 1
        yield flat[:n]
        flat = flat[n:]


def nanoseconds(text):
    """RFC 3339 in UTC with nine decimals, as ns since 1970."""
    seconds, _, fraction = text.rstrip("Z").partition(".")
    whole = calendar.timegm(time.strptime(seconds, "%Y-%m-%dT%H:%M:%S"))
    return whole * 1_000_000_000 + int(fraction.ljust(9, "0"))


def replay(tollspan, path, endpoints):
    """The calls that the program finds in a capture file, by their start in ns."""
    command = [tollspan, "replay", "--json=lines"]
    for endpoint in sorted(endpoints):
        command.append(f"--endpoint={endpoint}")
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run([*command, path], capture_output=True, check=False, timeout=600,
                              env={"HOME": home, "PATH": os.environ["PATH"]})
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} {path}: exit {done.returncode}\n{done.stderr.decode()}")
    for output in (done.stdout, done.stderr):
        if wrap.KEY.encode() in output:
            sys.exit(f"{path}: the planted key is in the output")
    calls = [json.loads(line) for line in done.stdout.decode().splitlines()]
    return {nanoseconds(call["start_time"]): call for call in calls}


def compare(exchanges, times, calls):
    """{exchange id: list of differences}, and the calls that no exchange explains."""
    background, out = set(), {}
    for exchange in exchanges:
        start, end = times[exchange["id"]]
        want, got = oracle.expected(exchange, background), calls.pop(start, None)
        if got is None:
            out[exchange["id"]] = ["no call"]
            continue
        out[exchange["id"]] = oracle.differences(want, got)
        if end and nanoseconds(got["end_time"]) != end:
            out[exchange["id"]].append(f"end_time: got {got['end_time']}")
    return out, list(calls.values())


def run(arguments, exchanges):
    results, strays = {}, []
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as temporary:
        directory = arguments.keep or temporary
        for n, group in enumerate(into_files(rng, exchanges)):
            path = os.path.join(directory, f"{n}.capture")
            with open(path, "wb") as out:
                times = wrap.write(out, group, arguments.seed + n)
            endpoints = {oracle.endpoint(e) for e in group} - {None}
            differences, rest = compare(group, times,
                                        replay(arguments.tollspan, path, merge(endpoints)))
            results.update(differences)
            strays += [f"{path}: {json.dumps(call)}" for call in rest]
    return results, strays


def merge(endpoints):
    """HOST=a and HOST=b as HOST=a,b."""
    hosts = collections.defaultdict(set)
    for endpoint in endpoints:
        host, _, name = endpoint.partition("=")
        hosts[host].add(name)
    return [f"{host}={','.join(sorted(names))}" for host, names in hosts.items()]


def report(exchanges, results, strays, listed):
    """Print all; return the number of differences that are not listed."""
    agreeing, every, unlisted = collections.Counter(), collections.Counter(), 0
    for exchange in exchanges:
        name = oracle.family(exchange)
        name += "" if oracle.native(exchange) else " (other hosts)"
        different = results[exchange["id"]]
        every[name] += 1
        agreeing[name] += not different
        if different:
            reason = listed.get(exchange["id"])
            unlisted += reason is None
            print(f"{exchange['id']} {name} {exchange['host']}"
                  f"{' (listed: ' + reason + ')' if reason else ''}")
            print("".join(f"    {text}\n" for text in different), end="")
    for stray in strays:
        print(f"a call that nobody made: {stray}")
    for name in sorted(every):
        print(f"{name:45} {agreeing[name]:5} / {every[name]}")
    print(f"{'all':45} {agreeing.total():5} / {every.total()}, {unlisted + len(strays)} unlisted")
    return unlisted + len(strays)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tollspan", default="build/tollspan")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--keep", help="leave the capture files in this directory")
    parser.add_argument("directory")
    arguments = parser.parse_args()
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {arguments.seed}", flush=True)
    exchanges = select(read_exchanges(arguments.directory))
    if not exchanges:
        sys.exit(f"{arguments.directory}: no exchange of these families in *.jsonl.zst")
    results, strays = run(arguments, exchanges)
    sys.exit(1 if report(exchanges, results, strays, read_listed()) else 0)


if __name__ == "__main__":
    main()
