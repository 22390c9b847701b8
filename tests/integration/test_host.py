# SPDX-License-Identifier: Apache-2.0
"""The host of the agent's tests keeps apart what is in it, and what is outside."""

import os
import signal
import time
from pathlib import Path

import pytest
from agent_bench import Held
from conftest import need_root
from host import USERS, Host, HostProvider, probed_files
from spans import bill


def mounts():
    return Path("/proc/self/mountinfo").read_text()


def test_no_file_with_tls_is_shared(host, host_provider):
    """Of all that a program there maps, nothing that may be probed is a file of the machine."""
    held = Held(host, host_provider)
    maps = held.process.maps()
    held.call(2)
    held.end()
    private = {path: found for path, found in maps.items() if path in probed_files()}
    assert any("libssl" in path for path in private)
    for path, found in private.items():
        outside = os.stat(path)
        assert found != (outside.st_dev, outside.st_ino)
    assert [entry["status"] for entry in host_provider.calls()] == [200, 200]


def test_nothing_is_mounted_outside(tmp_path):
    need_root()
    before = mounts()
    with Host(tmp_path) as host:
        done = host.run("/bin/sh", "-c", "touch /run/x /var/lib/y; ls /run /var/lib").ok()
        assert done.output().split() == ["/run:", "copies", "x", "/var/lib:", "y"]
        assert not os.path.exists("/run/x") and not os.path.exists("/var/lib/y")
        assert mounts() == before
    assert mounts() == before


def test_all_ends_with_it(tmp_path):
    need_root()
    with Host(tmp_path) as host:
        host.spawn("/bin/sh", "-c", "setsid sleep 76543 & exec sleep 76543")
        until = time.monotonic() + 60
        while len(host.ask("processes")) < 2:
            assert time.monotonic() < until
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            assert b"76543" not in (folder / "cmdline").read_bytes()
        except OSError:
            pass


def test_processes_of_it(host):
    process = host.spawn("/bin/sh", "-c", "echo out; echo err >&2; sleep 60 & exec sleep 60")
    until = time.monotonic() + 60
    while [name for _, _, name in host.ask("processes")].count("sleep") < 2:
        assert time.monotonic() < until
    assert process.host.ask("status", process.pid)["Name"] == "sleep"
    process.signal(signal.SIGUSR1)
    assert process.wait() == -signal.SIGUSR1
    assert (process.output(), process.errors()) == ("out\n", "err\n")
    assert host.run("/bin/sh", "-c", "exit 42").poll() == 42
    with pytest.raises(AssertionError, match="no-such-program"):
        host.spawn("/no-such-program")


@pytest.mark.parametrize("users", [USERS, {}], ids=["users", "no_users"])
def test_users(tmp_path, users):
    need_root()
    with Host(tmp_path, users) as host:
        told = host.run("/bin/sh", "-c", "id -u tollspan; id -u tollspan-worker").output()
    assert told.split() == [str(uid) for uid in users.values()]


def test_the_oracle_knows_a_usual_bill(tmp_path, host):
    """What the tests of money rest on."""
    with HostProvider(host, tmp_path, "--usual") as provider:
        held = Held(host, provider)
        held.call(4)
        held.end()
        assert bill(provider.calls()) > 0
