# SPDX-License-Identifier: Apache-2.0
"""What the agent's tests share: it runs in a host of its own, and exports to a real collector."""

import time

from collector import Collector
from conftest import CLIENTS, PYTHON
from spans import check_spans, id_of


class AgentBench:
    def __init__(self, host, provider, folder, collector=None):
        self.host, self.provider, self.folder = host, provider, folder
        self.collector = collector or Collector(folder)
        self.agent = None
        self.taken = set()
        host.ask("fresh")
        provider.calls()

    def start(self, *options, flush=20, **env):
        """@flush: seconds for the collector at the end; it waits for what is missing only."""
        self.agent = self.host.agent(
            "--endpoint",
            "localhost:%d=openai,anthropic" % self.provider.port,
            *(["--flush-timeout=%d" % flush] if flush else []),
            *options,
            env=self.collector.environment(**env),
        )
        return self.agent

    def client(self, command, env=None, **how):
        return self.host.client(self.provider, command, env, **how)

    def held(self, *command, **how):
        return Held(self.host, self.provider, command, **how)

    def new_spans(self, n, seconds=60):
        """The spans that were not looked at yet, when there are `n`."""
        until = time.monotonic() + seconds
        while True:
            spans = [span for span in self.collector.spans() if id_of(span) not in self.taken]
            if len(set(map(id_of, spans))) >= n:
                self.taken |= set(map(id_of, spans))
                return spans
            assert time.monotonic() < until and self.agent.poll() is None, "%d spans of %d\n%s" % (
                len(spans),
                n,
                self.agent.told(),
            )
            time.sleep(0.2)

    def check(self, log=None, once=True):
        """The spans since the last time are the provider's calls since then (or these)."""
        log = self.provider.calls() if log is None else log
        assert log, "there was no call"
        return check_spans(self.new_spans(len(log)), log, "ebpf", self.provider.port, once)

    def end(self):
        """The agent ends in order, and had nothing more to tell."""
        assert self.agent.stop() == 0, self.agent.told()
        more = [span for span in self.collector.spans() if id_of(span) not in self.taken]
        assert not more, more

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for pid, _, _ in self.host.ask("processes"):
            if pid != self.provider.child.pid:
                self.host.ask("signal", pid, 9)
        self.collector.stop()


class Held:
    """A program with one connection, that calls when it is told to; `command` comes before it."""

    def __init__(self, host, provider, command=(), python=PYTHON, env=None, **how):
        self.prefix = host.name("held")
        self.calls = 0
        self.process = host.client(
            provider,
            [*command, python, CLIENTS / "held.py"],
            dict(env or {}, HELD=self.prefix),
            **how,
        )
        self.wait("connected")

    def wait(self, what):
        until = time.monotonic() + 60
        while self.process.output().count("\n") <= self.calls:
            assert self.process.poll() is None, self.process.told()
            assert time.monotonic() < until, "not %s\n%s" % (what, self.process.told())
            time.sleep(0.02)

    def call(self, times=1):
        for _ in range(times):
            self.calls += 1
            self.prefix.with_name("%s.%d" % (self.prefix.name, self.calls)).touch()
            self.wait("answered")

    def end(self):
        self.prefix.with_name(self.prefix.name + ".end").touch()
        self.process.ok()


class Load:
    """Calls at a steady pace on several connections, until end()."""

    def __init__(self, bench, connections=4, pace=100, seconds=120):
        self.stop_file = bench.host.name("load")
        env = {"LOAD_END": self.stop_file, "LOAD_SECONDS": seconds}
        env.update(CONNECTIONS=connections, PACE=pace)
        self.process = bench.client([PYTHON, CLIENTS / "load.py"], env)

    def end(self):
        self.stop_file.touch()
        return int(self.process.ok().output())
