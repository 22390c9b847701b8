#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the agent takes: idle, beside many streams, and under short calls.

usage: agent.py [--build DIR] [--only PART[,PART...]] [--seconds N] [--idle N] [--short N]
                [--streams N] [--rate N] [--pace N] [--connections N] [--server-apart]
                [--collector PATH]

Parts: streams; steady, short calls at a pace; flood, short calls as fast as they go; export, a
flood that goes on to a collector. Prints a JSON object, {"agent": {...}}.

The agent follows the load alone, keeps its state in a mount namespace of its own, and probes a
private copy of libssl. Memory is in KiB (where processes share pages, the sum of pss counts them
once), processor time in percent of one core. What the ledger holds is compared with what the load's
server has noted.
"""

import argparse
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

from library import copy_libssl

TICKS = os.sysconf("SC_CLK_TCK")
ROLES = {"tollspan-worker": "worker", "tollspan-keeper": "keeper"}
READY_SECONDS = 30
QUIET_SECONDS = 1  # a keeper that has taken no processor time for so long has nothing to do
DRAIN_SECONDS = 120
# Like a packet: what a host's own agent has in these folders is neither seen nor touched.
ALONE = ["unshare", "--mount", "--propagation", "private", "sh", "-c"]
ALONE += ['mount -t tmpfs none /var/lib && mount -t tmpfs none /run && exec "$@"', "sh"]
COLLECTOR = """\
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:%d"}}}
exporters:
  file: {path: %s}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [file]}
  telemetry:
    metrics: {level: none}
    logs: {level: warn}
"""


class Skip(Exception):
    """What this machine can not run, and why."""


def fail(what, said):
    sys.exit(f"agent.py: {what}: {said.strip()[-2000:]}")


# ---- processes ----


def status_of(pid):
    """(name, parent, ticks of processor time), or None for one that is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            name, _, rest = file.read().partition("(")[2].rpartition(")")
    except OSError:
        return None
    fields = rest.split()
    return name, int(fields[1]), int(fields[11]) + int(fields[12])


def memory_of(pid):
    """(resident, proportional) KiB."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        found = dict(line.split()[:2] for line in file if line.startswith(("Rss:", "Pss:")))
    return int(found["Rss:"]), int(found["Pss:"])


def kernel_maps(pid):
    """KiB of kernel memory behind the descriptors of eBPF maps that a process has."""
    total = 0
    for name in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{name}") as file:
                found = dict(line.split(":\t", 1) for line in file if ":\t" in line)
        except OSError:
            continue
        if "map_id" in found:
            total += int(found["memlock"])
    return total // 1024


class Agent:
    """Follows one process and its descendants, until stop()."""

    def __init__(self, bench, pid, environment):
        self.ledger = os.path.join(bench.folder, "state", "ledger.db")
        self.errors = os.path.join(bench.folder, "agent.err")
        command = [bench.tollspan, "agent", f"--pid={pid}", f"--ledger={self.ledger}"]
        command += ["--endpoint=localhost=openai"]
        os.mkdir(os.path.dirname(self.ledger))
        os.chmod(os.path.dirname(self.ledger), 0o777)
        with open(self.errors, "w") as errors:
            self.child = subprocess.Popen(
                ALONE + command,
                env={**bench.env, **environment},
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
            )
        self.wait_ready()
        self.pids = self.find_roles()

    def said(self):
        with open(self.errors) as file:
            return file.read()

    def wait_ready(self):
        until = time.monotonic() + READY_SECONDS
        while "agent: ready" not in self.said():
            if self.child.poll() is not None or time.monotonic() > until:
                self.kill()
                if "eBPF:" in self.said():
                    raise Skip(self.said().strip())
                fail("the agent does not start", self.said())
            time.sleep(0.02)

    def find_roles(self):
        """Role → pids. The children that are neither worker nor keeper are finders."""
        pids = {"attacher": [self.child.pid], "worker": [], "keeper": [], "finder": []}
        for name in filter(str.isdigit, os.listdir("/proc")):
            status = status_of(name)
            if status and status[1] == self.child.pid:
                pids[ROLES.get(status[0], "finder")].append(int(name))
        if len(pids["worker"]) != 1 or len(pids["keeper"]) != 1:
            fail("the agent's roles were not found", self.said())
        return pids

    def ticks(self):
        """Role → ticks since its start."""
        now = {role: [status_of(pid) for pid in pids] for role, pids in self.pids.items()}
        if None in sum(now.values(), []):
            fail("a process of the agent ended", self.said())
        return {role: sum(status[2] for status in found) for role, found in now.items()}

    def memory(self):
        """Role → (resident, proportional)."""
        return {
            role: tuple(map(sum, zip(*map(memory_of, pids)))) for role, pids in self.pids.items()
        }

    def wait_drained(self):
        """Until the keeper has written what it was sent. Returns seconds without the quiet ones."""
        start = changed = time.monotonic()
        before = self.ticks()["keeper"]
        while time.monotonic() - changed < QUIET_SECONDS:
            time.sleep(0.1)
            now = self.ticks()["keeper"]
            # Its timers alone take a tick or so a second.
            if now - before > 2:
                before, changed = now, time.monotonic()
            if time.monotonic() - start > DRAIN_SECONDS:
                break
        return changed - start

    def stop(self):
        """Seconds that the end took."""
        start = time.monotonic()
        self.child.terminate()
        if self.child.wait(60) != 0:
            fail(f"the agent's status is {self.child.returncode}", self.said())
        return time.monotonic() - start

    def kill(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()


class Usage:
    """Memory and processor time of each role, from the making of it to end()."""

    def __init__(self, agent):
        self.agent, self.most = agent, agent.memory()
        self.ticks, self.start = agent.ticks(), time.monotonic()

    def look(self):
        for role, now in self.agent.memory().items():
            self.most[role] = tuple(map(max, zip(self.most[role], now)))

    def end(self):
        self.look()
        seconds, ticks = time.monotonic() - self.start, self.agent.ticks()
        usage = {
            role: {
                "rss_kib": rss,
                "pss_kib": pss,
                "cpu_percent": round(100 * (ticks[role] - self.ticks[role]) / TICKS / seconds, 2),
            }
            for role, (rss, pss) in self.most.items()
        }
        usage["all"] = {
            key: round(sum(role[key] for role in usage.values()), 2)
            for key in ("rss_kib", "pss_kib", "cpu_percent")
        }
        return usage


class Load:
    """sse_load, that waits for go()."""

    def __init__(self, bench, *options):
        self.log = os.path.join(bench.folder, "log")
        self.child = subprocess.Popen(
            [bench.load, "--wait", f"--log={self.log}", *options],
            env={**bench.env, "LD_LIBRARY_PATH": bench.library},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.pid = json.loads(self.child.stdout.readline())["client"]

    def go(self):
        self.child.stdin.write("\n")

    def ended(self, seconds):
        """Is it over within so many seconds?"""
        return bool(select.select([self.child.stdout], [], [], seconds)[0])

    def result(self):
        said = self.child.stdout.read()
        if self.child.wait(30) != 0:
            fail("sse_load", f"status {self.child.returncode}")
        return json.loads(said)

    def served(self):
        """Response id → what was told of it."""
        with open(self.log) as file:
            return {call["id"]: call for call in map(json.loads, file)}

    def kill(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()


class Collector:
    """A real one, on a free port of the loopback."""

    def __init__(self, bench, path):
        self.spans = os.path.join(bench.folder, "spans")
        config, errors = (os.path.join(bench.folder, name) for name in ("otelcol.yaml", "otelcol"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        with open(config, "w") as file:
            file.write(COLLECTOR % (self.port, self.spans))
        with open(errors, "w") as file:
            self.child = subprocess.Popen(
                [path, "--config", config], stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )
        until = time.monotonic() + READY_SECONDS
        while not self.listens():
            if self.child.poll() is not None or time.monotonic() > until:
                self.stop()
                with open(errors) as file:
                    fail("the collector does not start", file.read())
            time.sleep(0.05)

    def listens(self):
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def environment(self):
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}"}

    def wait_quiet(self):
        """Until no span has come for a while; `last` is when the last one came."""
        until = time.monotonic() + DRAIN_SECONDS
        size, changed = -1, time.monotonic()
        while time.monotonic() - changed < 5 * QUIET_SECONDS and time.monotonic() < until:
            now = os.stat(self.spans).st_size if os.path.exists(self.spans) else 0
            if now != size:
                size, changed, self.last = now, time.monotonic(), time.time()
            time.sleep(0.1)

    def received(self):
        """The id of each span."""
        ids = []
        if not os.path.exists(self.spans):
            return ids
        with open(self.spans) as file:
            for line in file:
                for resource in json.loads(line)["resourceSpans"]:
                    for scope in resource["scopeSpans"]:
                        ids += [span["traceId"] + span["spanId"] for span in scope["spans"]]
        return ids

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(20)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


# ---- what was captured ----


def compare(bench, agent, served):
    """The ledger against what the server knows."""
    told = json.loads(
        subprocess.run(
            [bench.tollspan, "report", "--json", f"--ledger={agent.ledger}"],
            env=bench.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
    )
    right, found = 0, {}
    for call in told["calls"]:
        found[call.get("gen_ai.response.id")] = call
    for name, truth in served.items():
        call = found.get(name, {})
        right += (
            call.get("tollspan.completeness") == "exact"
            and call.get("gen_ai.response.model") == truth["model"]
            and call.get("gen_ai.usage.input_tokens") == truth["prompt_tokens"]
            and call.get("gen_ai.usage.output_tokens") == truth["completion_tokens"]
        )
    return {
        "served": len(served),
        "right": right,
        "in_ledger": len(told["calls"]),
        "input_tokens": {
            "served": sum(truth["prompt_tokens"] for truth in served.values()),
            "in_ledger": tokens(told, "gen_ai.usage.input_tokens"),
        },
        "output_tokens": {
            "served": sum(truth["completion_tokens"] for truth in served.values()),
            "in_ledger": tokens(told, "gen_ai.usage.output_tokens"),
        },
        "lost_records": sum(lost["records"] for lost in told["lost"].values()),
        "lost": told["lost"],
    }


def tokens(told, name):
    return sum(call.get(name, 0) for call in told["calls"])


# ---- the measurements ----


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.tollspan = os.path.join(os.path.abspath(options.build), "tollspan")
        self.load = os.path.join(os.path.abspath(options.build), "tests", "bench", "sse_load")
        self.library = os.path.join(folder, "lib")
        self.env = {"PATH": os.environ["PATH"], "HOME": folder, "LC_ALL": "C.UTF-8"}
        os.mkdir(self.library)
        if not copy_libssl(self.load, self.library):
            raise Skip("sse_load loads no shared libssl")

    def run(self, load, environment, idle=1, settle=None):
        """What an agent beside the load took; `settle` comes before its end."""
        agent = None
        try:
            agent = Agent(self, load.pid, environment)
            told = {"kernel_maps_kib": kernel_maps(agent.child.pid)}
            usage = Usage(agent)
            time.sleep(idle)
            told["idle"] = usage.end()
            usage, before, start = Usage(agent), agent.ticks(), time.monotonic()
            self.began = time.time()
            load.go()
            while not load.ended(1):
                usage.look()
            told["busy"] = usage.end()
            told["load"] = load.result()
            told["drain_seconds"] = round(agent.wait_drained(), 2)
            told["seconds"] = round(time.monotonic() - start - QUIET_SECONDS, 2)
            used = {role: (n - before[role]) / TICKS for role, n in agent.ticks().items()}
            told["cpu_seconds"] = {role: round(n, 2) for role, n in used.items()}
            if settle:
                settle()
            told["stop_seconds"] = round(agent.stop(), 2)
            told["ledger"] = compare(self, agent, load.served())
            return told
        finally:
            load.kill()
            if agent:
                agent.kill()


def measure_streams(bench):
    options = bench.options
    load = [f"--streams={options.streams}", f"--rate={options.rate}"]
    load += [f"--seconds={options.seconds}"] + ["--server-apart"] * options.server_apart
    return bench.run(Load(bench, *load), {}, options.idle)


def short_calls(bench, load, environment=None, settle=None):
    """Calls of two events on kept connections."""
    told = bench.run(
        Load(bench, *load, "--events=2", "--repeat", f"--seconds={bench.options.short}"),
        environment or {},
        settle=settle,
    )
    stored, ledger = told["ledger"]["right"], told["ledger"]
    told["calls_per_second"] = round(ledger["served"] / told["load"]["seconds"])
    told["stored_per_second"] = round(stored / told["seconds"])
    told["keeper_us_per_call"] = round(1e6 * told["cpu_seconds"]["keeper"] / max(stored, 1), 1)
    return told


def measure_steady(bench):
    # Its two events take a call two intervals.
    connections = max(1, 2 * bench.options.pace // bench.options.rate)
    return short_calls(bench, [f"--streams={connections}", f"--rate={bench.options.rate}"])


def flood(bench):
    return [f"--streams={bench.options.connections}", "--rate=0"]


def measure_flood(bench):
    return short_calls(bench, flood(bench))


def measure_export(bench):
    if not os.path.exists(bench.options.collector):
        raise Skip(f"there is no collector at {bench.options.collector}")
    collector = Collector(bench, os.path.abspath(bench.options.collector))
    try:
        told = short_calls(bench, flood(bench), collector.environment(), collector.wait_quiet)
    finally:
        collector.stop()
    received = collector.received()
    distinct = len(set(received))
    told["spans"] = {
        "distinct": distinct,
        "twice": len(received) - distinct,
        "per_second": round(distinct / max(collector.last - bench.began, 0.001)),
    }
    return told


PARTS = {
    "streams": measure_streams,
    "steady": measure_steady,
    "flood": measure_flood,
    "export": measure_export,
}


def add_options(parser):
    parser.add_argument("--seconds", type=int, default=60, help="of the streams")
    parser.add_argument("--idle", type=int, default=10, help="seconds before them")
    parser.add_argument("--short", type=int, default=10, help="seconds of short calls")
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=50, help="events a second of a stream")
    parser.add_argument("--pace", type=int, default=4000, help="steady short calls a second")
    parser.add_argument("--connections", type=int, default=4, help="of a flood of short calls")
    parser.add_argument("--server-apart", action="store_true", help="only the client is followed")
    parser.add_argument("--collector", default=".deps/collector/otelcol")


def measure(options, parts=tuple(PARTS)):
    """Part → what was measured, or why it was not."""
    if os.geteuid() != 0:
        raise Skip("eBPF needs root")
    told = {}
    for name in parts:
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            try:
                told[name] = PARTS[name](Bench(options, folder))
            except Skip as reason:
                told[name] = {"skipped": str(reason)}
    return told


def main():
    parser = argparse.ArgumentParser(description="what the agent takes")
    parser.add_argument("--build", default="build")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, joined by commas")
    add_options(parser)
    options = parser.parse_args()
    try:
        told = measure(options, options.only.split(","))
    except Skip as reason:
        told = {"skipped": str(reason)}
    print(json.dumps({"agent": told}, indent=1))


if __name__ == "__main__":
    main()
