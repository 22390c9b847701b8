# SPDX-License-Identifier: Apache-2.0
"""A host within the host: what runs in it is all that an agent in it can see.

The agent follows every process of its pid namespace, and its probes lie on files. So it runs in a
pid and a mount namespace of its own, in which each file that it may probe is a private copy: no
other process of the machine is ever followed, or slowed. Nothing is mounted outside, and all ends
with the namespace.
"""

import functools
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from conftest import DEPS, ROOT, RUN_TIMEOUT, TOLLSPAN, Provider, clean_env, need_root

INIT = ROOT / "tests" / "integration" / "host_init.py"
SOCKET = "/run/tollspan/agent.sock"
LEDGER = "/var/lib/tollspan/ledger.db"
USERS = {"tollspan": 64001, "tollspan-worker": 64002}
MAY_HAVE_TLS = re.compile(
    r"(libssl.*\.so.*|node|libnode.*\.so.*|python[0-9.]*|libpython.*\.so.*|_ssl\b.*\.so)"
)
WITHOUT_PROGRAMS = {"__pycache__", "test", "include", "share", "man", "doc", "typescript"}
READY_SECONDS = 60


@functools.lru_cache(maxsize=None)
def probed_files():
    """What a program of the tests may have TLS functions in."""
    cached = subprocess.run(
        ["/sbin/ldconfig", "-p"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    found = {
        os.path.realpath(line.split(" => ")[1]) for line in cached.splitlines() if "=>" in line
    }
    found.add(os.path.realpath(sys.executable))
    for top in (DEPS.resolve(), Path(os.environ.get("PYENV_ROOT", "/nonexistent")) / "versions"):
        for folder, folders, names in os.walk(str(top)):
            folders[:] = [name for name in folders if name not in WITHOUT_PROGRAMS]
            found |= {os.path.realpath(os.path.join(folder, name)) for name in names if named(name)}
    return sorted(path for path in found if named(os.path.basename(path)) and has_tls(path))


def named(name):
    return MAY_HAVE_TLS.fullmatch(name)


def has_tls(path):
    """Defined there, or only used: a copy too many does no harm."""
    try:
        with open(path, "rb") as file:
            return file.read(4) == b"\x7fELF" and b"\0SSL_read" in file.read()
    except OSError:
        return False


class Process:
    """One in the host; `pid` as it has it there."""

    def __init__(self, host, pid, stdout, stderr):
        self.host, self.pid = host, pid
        self.stdout, self.stderr = stdout, stderr

    def poll(self):
        """Exit status, minus the signal, or None."""
        return self.host.ask("poll", self.pid)

    def wait(self, seconds=RUN_TIMEOUT):
        until = time.monotonic() + seconds
        while self.poll() is None:
            if time.monotonic() > until:
                self.kill()
                raise AssertionError("ran over %g s\n%s" % (seconds, self.told()))
            time.sleep(0.02)
        return self.poll()

    def ok(self, seconds=RUN_TIMEOUT):
        assert self.wait(seconds) == 0, "status %s\n%s" % (self.poll(), self.told())
        return self

    def signal(self, number):
        if self.poll() is None:
            self.host.ask("signal", self.pid, int(number))

    def kill(self):
        self.signal(signal.SIGKILL)

    def stop(self, seconds=60):
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def maps(self):
        """Path → (device, inode) of the files that it has mapped."""
        found = {}
        for line in self.host.ask("read", "/proc/%d/maps" % self.pid).splitlines():
            fields = line.split(None, 5)
            if len(fields) == 6 and fields[5].startswith("/"):
                major, minor = (int(part, 16) for part in fields[3].split(":"))
                found[fields[5]] = (os.makedev(major, minor), int(fields[4]))
        return found

    def told(self):
        return (self.output() + self.errors())[-4000:]

    def output(self):
        return self.stdout.read_text(errors="replace")

    def errors(self):
        return self.stderr.read_text(errors="replace")


class Host:
    """`folder` is of the machine, for what the processes write."""

    def __init__(self, folder, users=USERS):
        need_root()
        self.folder = Path(folder)
        self.home = self.folder / "home"
        self.home.mkdir()
        self.number = 0
        self.copies = probed_files()
        with open(str(self.folder / "init.err"), "w") as errors:
            self.init = subprocess.Popen(
                ["unshare", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc"]
                + ["--propagation", "private", sys.executable, "-IS", str(INIT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        try:
            inside = self.ask("setup", self.copies, dict(users))
            for path, found in zip(self.copies, inside):
                outside = os.stat(path)
                assert found != [outside.st_dev, outside.st_ino], path
        except BaseException:
            self.stop()
            raise

    def ask(self, command, *arguments, **options):
        self.init.stdin.write(json.dumps([command, arguments, options]) + "\n")
        self.init.stdin.flush()
        line = self.init.stdout.readline()
        assert line, "the host is gone:\n" + (self.folder / "init.err").read_text()
        told = json.loads(line)
        assert "error" not in told, told["error"]
        return told["result"]

    def stop(self):
        """All that runs in it ends."""
        self.init.stdin.close()
        try:
            self.init.wait(10)
        except subprocess.TimeoutExpired:
            self.init.kill()
            self.init.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def spawn(self, *argv, env=None, uid=0, cgroup=None, cwd="/", kind=Process):
        self.number += 1
        name = "%03d.%s" % (self.number, os.path.basename(str(argv[0])))
        files = [self.folder / (name + "." + end) for end in ("out", "err")]
        pid = self.ask(
            "spawn",
            argv=[str(part) for part in argv],
            env=env if env is not None else clean_env(home=self.home),
            stdout=str(files[0]),
            stderr=str(files[1]),
            cwd=str(cwd),
            uid=uid,
            cgroup=cgroup,
        )
        return kind(self, pid, *files)

    def client(self, provider, command, env=None, **how):
        """A program that calls the provider."""
        return self.spawn(*command, env=clean_env(provider, self.home, **(env or {})), **how)

    def name(self, stem):
        """A path that is not taken."""
        self.number += 1
        return self.folder / ("%s.%d" % (stem, self.number))

    def run(self, *argv, seconds=RUN_TIMEOUT, **how):
        process = self.spawn(*argv, **how)
        process.wait(seconds)
        return process

    def tollspan(self, *arguments, **how):
        assert TOLLSPAN.exists(), "%s is not built" % TOLLSPAN
        return self.run(TOLLSPAN, *arguments, **how)

    def report(self, *options):
        """What the agent's ledger holds."""
        done = self.tollspan("report", "--json", *options).ok()
        return json.loads(done.output())

    def agent(self, *options, env=None):
        """The agent, when it is ready."""
        before = self.ask("identity", SOCKET)
        agent = self.spawn(
            TOLLSPAN, "agent", *options, env=clean_env(home=self.home, **(env or {})), kind=Agent
        )
        until = time.monotonic() + READY_SECONDS
        while self.ask("identity", SOCKET) in (None, before) or "ready" not in agent.errors():
            assert agent.poll() is None, "status %s\n%s" % (agent.poll(), agent.told())
            assert time.monotonic() < until, "the agent is not ready\n" + agent.told()
            time.sleep(0.02)
        return agent


class Agent(Process):
    ROLES = {"worker": "tollspan-worker", "keeper": "tollspan-keeper", "finder": "tollspan-finder"}

    def roles(self):
        """Role → pid, of those that run."""
        found = {"attacher": self.pid}
        for pid, parent, name in self.host.ask("processes"):
            for role, comm in self.ROLES.items():
                if (parent, name) == (self.pid, comm):
                    found[role] = pid
        return found

    def has_probed(self, pid):
        """The agent captures the process, and what that has mapped by now has its probes."""
        assert self.host.ask("captured", SOCKET, pid) == 1, self.told()

    def role(self, name, but=None, seconds=60):
        """The pid of one, which may have to be started again; not `but`."""
        until = time.monotonic() + seconds
        while True:
            pid = self.roles().get(name)
            if pid not in (None, but):
                return pid
            assert self.poll() is None and time.monotonic() < until, "no %s\n%s" % (
                name,
                self.told(),
            )
            time.sleep(0.02)


class HostProvider(Provider):
    """The mock provider, in a host."""

    def __init__(self, host, folder, *options):
        self.host = host
        super().__init__(folder, *options)

    def start(self, command):
        self.child = self.host.spawn(*command, env=dict(os.environ))
        until = time.monotonic() + READY_SECONDS
        while not self.child.output().endswith("\n"):
            assert self.child.poll() is None and time.monotonic() < until, self.child.told()
            time.sleep(0.02)
        return self.child.output()

    def stop(self):
        self.child.stop()
