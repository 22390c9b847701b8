# SPDX-License-Identifier: Apache-2.0
"""A disk that is full for a while: what was called meanwhile is kept, and delivered afterwards."""

from agent_bench import AgentBench
from conftest import wait_until

STATE = "/var/lib/tollspan"
FILL = STATE + "/fill"


def mount(host, *options):
    host.run("/bin/mount", *options, STATE).ok()


def test_full_disk(host, host_provider, tmp_path):
    with AgentBench(host, host_provider, tmp_path) as bench:
        host.run("/bin/mkdir", "-p", STATE).ok()
        mount(host, "-t", "tmpfs", "-o", "size=1m", "tmpfs")
        try:
            bench.start()
            held = bench.held()
            held.call(5)
            host.run("/bin/dd", "if=/dev/zero", "of=" + FILL, "bs=1k")  # as much as there is room
            held.call(60)
            wait_until(lambda: "No space left" in bench.agent.told(), bench.agent.told)
            held.call(5)
            host.run("/bin/rm", FILL).ok()
            mount(host, "-o", "remount,size=32m")
            held.call(5)
            spans = bench.check()
            assert len(spans) == 75
            held.end()
            bench.end()
            report = host.report()
            assert len(report["calls"]) == 75 and report["lost"] == {}
        finally:
            bench.close()
            host.run("/bin/umount", STATE)
