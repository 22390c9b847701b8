# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the agent's processes at random moments under load: what was settled is not lost.

TOLLSPAN_KILLS says how often (make kill-test); the seed is printed, and TOLLSPAN_SEED sets it.
"""

import os
import random
import time

import pytest
from agent_bench import AgentBench, Load
from conftest import wait_until
from expect import check_calls
from host import HostProvider
from spans import call_of, id_of, unique

KILLS = int(os.environ.get("TOLLSPAN_KILLS", "4"))
BOTH = ["keeper", "worker"]  # in this order: no keeper sees the worker end
RESPONSE_ID = "gen_ai.response.id"


class Killed:
    """An agent under load, of which one or all are killed now and then."""

    def __init__(self, bench):
        self.bench = bench
        self.agent = bench.start()
        self.kept = set()

    def kill(self, role):
        self.kept |= ids_of_calls(self.bench.host.report("--since=20s"))
        pids = self.agent.roles()
        host = self.bench.host
        if role == "all":
            for pid in pids.values():
                host.ask("signal", pid, 9)
        else:
            for name in BOTH if role == "both" else [role]:
                host.ask("signal", self.agent.role(name), 9)
        if role in ("all", "attacher"):
            assert self.agent.wait() == -9
            self.wait_for_the_end(set(pids.values()))
            self.agent = self.bench.start()
        else:
            for name in BOTH if role == "both" else [role]:
                self.agent.role(name, but=pids.get(name))

    def wait_for_calls(self, n):
        """So many more than there are, whole ones."""
        before = self.whole()
        wait_until(lambda: len(self.whole() - before) >= n, self.agent.told)

    def whole(self):
        """Ids of the calls of the last minutes of which nothing is missing."""
        calls = self.bench.host.report("--since=5m")["calls"]
        return {call["span_id"] for call in calls if call.get("tollspan.completeness") == "exact"}

    def wait_for_the_end(self, pids):
        """Without their parent the others end by themselves."""
        until = time.monotonic() + 60
        while True:
            left = {pid: name for pid, _, name in self.bench.host.ask("processes") if pid in pids}
            if not left:
                return
            assert time.monotonic() < until, left
            time.sleep(0.02)


def ids_of_calls(report):
    return {(call["trace_id"], call["span_id"]) for call in report["calls"] if "end_time" in call}


def check_end(killed, log):
    """After the agent's last, orderly end."""
    bench = killed.bench
    known = {entry["response_id"]: entry for entry in log if entry.get("response_id")}
    spans = unique(bench.collector.spans(), once=False)
    ids = set(map(id_of, spans))
    report = bench.host.report()
    calls = ids_of_calls(report)
    assert len(calls) == len(report["calls"]), "calls without an end"
    assert calls == ids, "%d in the ledger only, %d at the collector only" % (
        len(calls - ids),
        len(ids - calls),
    )
    assert killed.kept <= calls
    told = [span["attributes"][RESPONSE_ID] for span in spans if RESPONSE_ID in span["attributes"]]
    assert len(set(told)) == len(told), "a call has two ids"
    assert set(told) <= set(known)
    whole = [span for span in spans if span["attributes"]["tollspan.completeness"] == "exact"]
    entries = [known[span["attributes"][RESPONSE_ID]] for span in whole]
    check_calls([call_of(span) for span in whole], entries, "ebpf", bench.provider.port)
    return whole, report


@pytest.mark.parametrize(
    "role", ["worker", "keeper", "both", "finder", "attacher", "all", "random"]
)
def test_kill(host, tmp_path, role):
    seed = os.environ.get("TOLLSPAN_SEED") or str(random.SystemRandom().randrange(1 << 32))
    print("seed", seed, "kills", KILLS)
    rng = random.Random(seed)
    with HostProvider(host, tmp_path) as provider, AgentBench(host, provider, tmp_path) as bench:
        killed = Killed(bench)
        load = Load(bench, connections=6, pace=40, seconds=120 + 10 * KILLS)
        roles = []
        for _ in range(KILLS):
            time.sleep(rng.uniform(0.05, 0.8))
            roles.append(
                rng.choice(["worker", "keeper", "finder", "attacher", "all"])
                if role == "random"
                else role
            )
            killed.kill(roles[-1])
        killed.wait_for_calls(20)  # and then it goes on as before
        made = load.end()
        before_the_end = len(bench.provider.calls())
        final = bench.held()
        final.call(4)
        final.end()
        assert killed.agent.stop() == 0, killed.agent.told()
        provider.seen = 0
        log = provider.calls()
        assert len(log) == before_the_end + 4 == made + 4
        whole, report = check_end(killed, log)
        assert {entry["response_id"] for entry in log[-4:]} <= {
            span["attributes"][RESPONSE_ID] for span in whole
        }, "it does not follow new programs any more"
        assert len(whole) >= 20, "%d of %d" % (len(whole), made)
        if {"worker", "both"} & set(roles):
            assert report["lost"]["killed"]["records"] >= 1
