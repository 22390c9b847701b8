# SPDX-License-Identifier: Apache-2.0
"""Programs in namespaces and on file systems of their own, as containers are, and a library that is
replaced under them."""

import pytest
from agent_bench import AgentBench


class Followed(AgentBench):
    """An agent, and programs that hold one connection each and have their own libssl."""

    def start(self):
        """Finds the host's own library first: (path, (device, inode))."""
        held = self.held()
        self.libssl = next(item for item in held.process.maps().items() if "libssl" in item[0])
        held.end()
        return super().start()

    def program(self, script, *command):
        """A program that is started by a script in a mount namespace of its own, which ends with
        exec of "$@"; $LIBSSL is where the system's library lies."""
        prefix = ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-euc"]
        env = {"LIBSSL": self.libssl[0]}
        return self.held(*prefix, script, "sh", *command, env=env)

    def own_library(self, held, shared=()):
        """The program's libssl is neither the host's nor one of these. Return: which it is."""
        found = [one for path, one in held.process.maps().items() if "libssl" in path]
        assert len(found) == 1 and found[0] != self.libssl[1] and found[0] not in shared
        return found[0]

    def check_calls_of(self, *helds, pids=None):
        """Each of them calls, and all is told, once."""
        self.provider.calls()
        wanted = pids or {held.process.pid for held in helds}
        for pid in wanted:
            self.agent.has_probed(pid)
        for held in helds:
            held.call(3)
        log = self.provider.calls()
        assert len(log) == 3 * len(helds)
        spans = self.check(log)
        assert {span["resource"]["process.pid"] for span in spans} == wanted
        for held in helds:
            held.end()
        return spans


@pytest.fixture(scope="module")
def followed(host, host_provider, tmp_path_factory):
    with Followed(host, host_provider, tmp_path_factory.mktemp("agent")) as bench:
        bench.start()
        yield bench


def test_mount_namespace(followed):
    """Another file under the same path."""
    held = followed.program(
        'cp "$LIBSSL" /run/own.so; mount --bind /run/own.so "$LIBSSL"; exec "$@"'
    )
    followed.own_library(held)
    followed.check_calls_of(held)


def test_chroot(followed):
    held = followed.program(
        'cp "$LIBSSL" /run/chroot.so; mkdir /run/root; mount --rbind / /run/root; '
        'mount --bind /run/chroot.so "/run/root$LIBSSL"; exec /usr/sbin/chroot /run/root "$@"'
    )
    followed.own_library(held)
    followed.check_calls_of(held)


def test_pid_namespace(followed):
    """The pid is the one that the agent sees."""
    held = followed.program('exec "$@"', "unshare", "--pid", "--fork", "--mount-proc")
    children = [
        pid for pid, parent, _ in followed.host.ask("processes") if parent == held.process.pid
    ]
    assert len(children) == 1
    followed.check_calls_of(held, pids=set(children))


def test_two_overlays_of_one_library(followed):
    """As two containers of one image have it."""
    followed.host.run("/bin/sh", "-euc", 'mkdir /run/lower; cp "$0" /run/lower', followed.libssl[0])
    script = (
        "mkdir -p /run/%(n)d/upper /run/%(n)d/work /run/%(n)d/merged; mount -t overlay overlay -o "
        "lowerdir=/run/lower,upperdir=/run/%(n)d/upper,workdir=/run/%(n)d/work /run/%(n)d/merged; "
        'exec env LD_LIBRARY_PATH=/run/%(n)d/merged "$@"'
    )
    helds = [followed.program(script % {"n": number}) for number in (1, 2)]
    for held in helds:
        followed.own_library(held)
    followed.check_calls_of(*helds)


def test_library_is_replaced(followed):
    """Who has the old file goes on with it; who comes later has the new one."""
    replace = 'cp "$0" /run/lib/new; mv /run/lib/new /run/lib/libssl.so.3'
    followed.host.run("/bin/sh", "-euc", "mkdir /run/lib; " + replace, followed.libssl[0]).ok()
    script = 'exec env LD_LIBRARY_PATH=/run/lib "$@"'
    old = followed.program(script)
    library = followed.own_library(old)
    followed.agent.has_probed(old.process.pid)
    old.call()
    followed.check()
    followed.host.run("/bin/sh", "-euc", replace, followed.libssl[0]).ok()
    new = followed.program(script)
    followed.own_library(new, shared=[library])
    followed.check_calls_of(old, new)


def test_nothing_else_was_told(followed):
    """The last one."""
    followed.end()
    report = followed.host.report()
    assert (report["lost"], report["unseen"]) == ({}, [])
