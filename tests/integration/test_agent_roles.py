# SPDX-License-Identifier: Apache-2.0
"""The agent's processes: who they are, and what each of them gave up."""

import pytest
from agent_bench import AgentBench
from conftest import CLIENTS, need_root
from host import LEDGER, SOCKET, USERS, Host, HostProvider

NOBODY = 65534
COMM = {
    "attacher": "tollspan-attach",
    "worker": "tollspan-worker",
    "keeper": "tollspan-keeper",
    "finder": "tollspan-finder",
}
# Capabilities (capability.h) that nobody here needs: CAP_NET_ADMIN, CAP_SYS_MODULE, CAP_SYS_RAWIO,
# CAP_SYS_BOOT, CAP_SYS_TIME, CAP_MKNOD, CAP_SETFCAP
NEVER = [12, 16, 17, 22, 25, 27, 31]


class Roles:
    """An agent that has seen calls, and /proc/PID/status of its roles."""

    def __init__(self, folder, users):
        self.users = users
        self.host = Host(folder, users)
        self.bench = None
        try:
            provider = HostProvider(self.host, folder)
            self.bench = AgentBench(self.host, provider, folder)
            self.agent = self.bench.start()
            self.bench.client(["/bin/sh", CLIENTS / "curl.sh"]).ok()
            self.bench.check()
            self.pids = {role: self.agent.role(role) for role in COMM}
            self.status = {role: self.host.ask("status", pid) for role, pid in self.pids.items()}
        except BaseException:
            self.stop()
            raise

    def stop(self):
        if self.bench:
            self.bench.collector.stop()
        self.host.stop()

    def uid(self, role):
        if role == "attacher":
            return 0
        return self.users.get("tollspan" if role == "keeper" else "tollspan-worker", NOBODY)


@pytest.fixture(scope="module", params=[USERS, {}], ids=["users", "no_users"])
def roles(request, tmp_path_factory):
    """With the users that a package makes, and without."""
    need_root()
    made = Roles(tmp_path_factory.mktemp("roles"), request.param)
    yield made
    made.stop()


@pytest.mark.parametrize("role", sorted(COMM))
def test_role(roles, role):
    host, status, uid = roles.host, roles.status[role], roles.uid(role)
    assert status["Name"] == COMM[role]
    assert int(status["PPid"]) == (1 if role == "attacher" else roles.agent.pid)
    assert status["Uid"].split() == [str(uid)] * 4
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    sets = {
        name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    }
    if role == "attacher":
        assert sets["CapEff"]
        assert not [n for n in NEVER if (sets["CapPrm"] | sets["CapBnd"]) >> n & 1]
    else:
        assert status["Gid"].split()[0] not in ("", "0") and len(set(status["Gid"].split())) == 1
        assert set(status["Groups"].split()) <= set(status["Gid"].split())
        assert not any(sets.values()), sets
    # every thread is locked as the first one
    for thread in host.ask("threads", roles.pids[role]):
        assert (thread["Seccomp"], thread["NoNewPrivs"]) == ("2", "1")
        assert (thread["Uid"], thread["CapEff"]) == (status["Uid"], status["CapEff"])


@pytest.mark.parametrize("role", ["worker", "finder"])
def test_those_who_read_what_is_foreign_hold_no_file_of_the_agent_s(roles, role):
    """Nor an internet socket; the finder may just have a program before it."""
    host, pid = roles.host, roles.pids[role]
    held = host.ask("descriptors", pid)
    files = [path for path in held if path.startswith("/") and not path.startswith("/memfd:")]
    assert not [
        path for path in files if path.startswith(("/var/", "/etc/", "/run/tollspan"))
    ], held
    if role == "worker":
        told = {str(roles.agent.stdout), str(roles.agent.stderr)}
        assert set(files) <= {"/dev/null"} | told, held
    assert internet_sockets(host, pid, held) == []


def internet_sockets(host, pid, held):
    """Those of a process's descriptors that the kernel lists under tcp, udp or raw."""
    known = set()
    for table in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        for line in host.ask("read", "/proc/%d/net/%s" % (pid, table)).splitlines()[1:]:
            known.add("socket:[%s]" % line.split()[9])
    return [name for name in held if name in known]


def test_keeper_has_the_ledger_and_no_probe(roles):
    held = roles.host.ask("descriptors", roles.pids["keeper"])
    assert LEDGER in held
    assert not [name for name in held if "bpf" in name or "perf" in name], held


def test_only_the_attacher_has_probes(roles):
    held = roles.host.ask("descriptors", roles.agent.pid)
    assert [name for name in held if "bpf" in name]
    assert not [name for name in held if name.startswith("/var/")], held


def test_files_of_the_agent(roles):
    """The ledger is the keeper's alone; the socket is for every local user."""
    host = roles.host
    told = host.run("/bin/stat", "-c", "%u %a", LEDGER).ok().output().split()
    assert told[0] == str(roles.uid("keeper")) and int(told[1], 8) & 0o077 == 0
    kind, mode = host.run("/bin/stat", "-c", "%F,%a", SOCKET).ok().output().strip().split(",")
    assert kind == "socket" and int(mode, 8) & 0o006 == 0o006


def test_end(roles):
    """None of them stays."""
    assert roles.agent.stop() == 0
    alive = {name for _, _, name in roles.host.ask("processes")}
    assert not alive & set(COMM.values())
