# SPDX-License-Identifier: Apache-2.0
"""`tollspan run` leaves the wrapped program alone, and its own statuses are its own."""

import json
import os
import pwd
import signal
import sqlite3
import subprocess

import pytest
from conftest import TOLLSPAN, clean_env, need_root, python_client
from expect import COST


def plain(bench, mode, *command, options=()):
    return bench.tollspan(
        "run",
        "--capture=" + mode,
        "--ledger=none",
        *options,
        "--",
        *command,
        env=clean_env(home=bench.home),
    )


def test_output_and_status_are_untouched(bench, mode):
    done = plain(bench, mode, "/bin/sh", "-c", "echo out; echo err >&2; exit 42")
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 42)


def test_environment_is_untouched(bench, mode):
    """But for what the shim needs to be loaded."""
    done = plain(bench, mode, "/usr/bin/env")
    ours = [
        line
        for line in done.stdout.splitlines()
        if not line.startswith(("LD_PRELOAD=", "TOLLSPAN_"))
    ]
    bare = ["%s=%s" % item for item in clean_env(home=bench.home).items()]
    assert sorted(ours) == sorted(bare)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGTERM])
def test_death_by_signal_is_raised_again(bench, mode, number):
    done = plain(bench, mode, "/bin/sh", "-c", "kill -%d $$" % number)
    assert done.returncode == -number


def test_under_sudo_the_command_is_the_caller_s(bench, mode):
    need_root()
    for options, env in ([], {"SUDO_UID": 65534, "SUDO_GID": 65534}), (["-u", "nobody"], {}):
        done = bench.tollspan(
            "run",
            "--capture=" + mode,
            "--ledger=none",
            *options,
            "--",
            "/bin/sh",
            "-c",
            "id -u; id -g",
            env=clean_env(home=bench.home, **env),
        )
        assert (done.stdout, done.returncode) == ("65534\n65534\n", 0), done.stderr


def test_attach_needs_ebpf(bench):
    done = bench.tollspan("run", "--capture=preload", "--ledger=none", "-p", "1")
    assert done.returncode == 125 and done.stderr.startswith("tollspan: ")


def test_one_mode_is_used_and_named(bench):
    """auto is eBPF where privileged, else preload."""
    ran = bench.run("auto", python_client("http_client")).ok()
    expected = "preload" if os.geteuid() else "ebpf"
    assert {call["tollspan.capture"] for call in ran.calls} == {expected}


def test_usage_error_is_125(bench):
    assert plain(bench, "preload", "/bin/true", options=["--no-such-option"]).returncode == 125
    assert bench.tollspan("run").returncode == 125
    assert bench.tollspan("record", "--", "/bin/true").returncode == 125
    done = bench.tollspan("run", "--endpoint", "localhost=nosuchfamily", "--", "/bin/true")
    assert done.returncode == 125 and "nosuchfamily" in done.stderr


def test_not_executable_is_126(bench, mode):
    path = bench.folder / "plain"
    path.write_text("no program")
    done = plain(bench, mode, path)
    assert done.returncode == 126 and "plain" in done.stderr


def test_not_found_is_127(bench, mode):
    done = plain(bench, mode, "no-such-program-here")
    assert done.returncode == 127 and "no-such-program-here" in done.stderr


def test_unknown_command_is_2(bench):
    done = bench.tollspan("no-such-command")
    assert done.returncode == 2 and done.stdout == "" and "no-such-command" in done.stderr


def test_no_ledger(bench, mode):
    ran = bench.run(mode, python_client("http_client"), options=["--ledger=none"]).ok()
    assert len(ran.calls) == 6
    assert not bench.ledger.exists()
    assert not list(bench.home.rglob("*.db"))


def test_default_ledger(bench, mode):
    env = clean_env(bench.provider, bench.home, XDG_STATE_HOME=bench.folder / "state")
    done = bench.tollspan(
        "run",
        "--capture=" + mode,
        "--endpoint",
        bench.endpoint(),
        "--",
        *python_client("http_client"),
        env=env,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (bench.folder / "state" / "tollspan" / "ledger.db").exists()


def test_ledger_that_can_not_be_opened(bench, mode):
    """The summary still prints, and the failure is told."""
    bench.ledger.mkdir()
    ran = bench.run(mode, python_client("http_client"))
    assert ran.status == 0
    assert len(ran.calls) == 6
    assert str(bench.ledger) in ran.stderr


def test_ledger_is_sql(bench, mode):
    ran = bench.run(mode, python_client("http_client")).ok()
    with sqlite3.connect(str(bench.ledger)) as database:
        tables = {
            row[0]
            for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        count = database.execute("SELECT count(*) FROM call").fetchone()[0]
    assert {"process", "call", "charge", "price_line", "loss", "unseen"} <= tables
    assert count == len(ran.calls)
    assert os.stat(str(bench.ledger)).st_mode & 0o077 == 0


@pytest.mark.parametrize("summary", ["none", "text", "json"])
def test_summary(bench, mode, summary):
    path = bench.folder / "summary"
    done = bench.tollspan(
        "run",
        "--capture=" + mode,
        "--summary=" + summary,
        "--ledger=none",
        "--endpoint",
        bench.endpoint(),
        "--",
        *python_client("http_client"),
    )
    assert (done.returncode, done.stdout) == (0, "")
    if summary == "none":
        assert done.stderr == ""
    elif summary == "text":
        assert "gpt-4o-mini" in done.stderr and "claude-sonnet-4-6" in done.stderr
        assert mode in done.stderr.lower()
    else:
        assert len(json.loads(done.stderr)["calls"]) == 6
    assert not path.exists()


def test_totals(bench, mode):
    ran = bench.run(mode, python_client("openai_sync")).ok()
    totals, calls = ran.summary["totals"], ran.calls
    assert totals["calls"] == len(calls)
    assert totals["errors"] == sum(1 for call in calls if call.get("error.type"))
    priced = sum(call.get(COST, 0) for call in calls)
    assert abs(float(str(totals["cost"]["USD"])) - priced) < 1e-9


def test_no_call_at_all(bench, mode):
    ran = bench.run(mode, ["/bin/true"]).ok()
    assert ran.calls == [] and ran.summary["totals"]["calls"] == 0
    assert ran.summary["unseen"] == []


def test_many_short_children(bench, mode):
    """A tree of processes that come and go, some of which call."""
    script = (
        'for n in 1 2 3 4 5; do (curl -sS --cacert "$SSL_CERT_FILE" -o /dev/null -d '
        '"{\\"model\\":\\"gpt-4o\\"}" "$OPENAI_BASE_URL/chat/completions") & '
        "(exec /bin/true) & done; wait"
    )
    bench.provider.calls()
    ran = bench.run(mode, ["/bin/sh", "-c", script]).ok()
    log = bench.provider.calls()
    assert len(log) == 5
    assert {call["gen_ai.response.id"] for call in ran.calls} == {
        entry["response_id"] for entry in log
    }


def test_two_at_once_share_a_ledger(bench, mode):
    """Many writers of one ledger."""
    command = [
        str(TOLLSPAN),
        "run",
        "--capture=" + mode,
        "--ledger=%s" % bench.ledger,
        "--endpoint",
        bench.endpoint(),
        "--",
    ] + [str(part) for part in python_client("http_client")]
    env = clean_env(bench.provider, bench.home)
    bench.provider.calls()
    children = [subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL) for _ in range(3)]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    log = bench.provider.calls()
    with sqlite3.connect(str(bench.ledger)) as database:
        ids = {row[0] for row in database.execute("SELECT response_id FROM call")}
    assert ids == {entry["response_id"] for entry in log}


def test_user_and_environment_under_sudo(bench):
    """The command is whose it would be without sudo: ids, home and name."""
    need_root()
    command = ["/bin/sh", "-c", "echo $(id -u):$(id -g) $HOME $USER"]
    nobody = pwd.getpwnam("nobody")
    ids = {"SUDO_UID": str(nobody.pw_uid), "SUDO_GID": str(nobody.pw_gid)}
    ran = bench.tollspan("run", "--ledger=none", "--", *command, env=dict(os.environ, **ids))
    assert ran.stdout.split() == [
        "%d:%d" % (nobody.pw_uid, nobody.pw_gid), nobody.pw_dir, "nobody",
    ]
    ran = bench.tollspan("run", "--ledger=none", "-u", "nobody", "--", *command)
    assert ran.stdout.split()[0] == "%d:%d" % (nobody.pw_uid, nobody.pw_gid)


@pytest.mark.parametrize("uid", ["abc", "-1", "99999999999999999999"])
def test_sudo_uid_that_is_none(bench, uid):
    """What is not understood does not run as root."""
    need_root()
    env = dict(os.environ, SUDO_UID=uid, SUDO_GID="1")
    ran = bench.tollspan("run", "--ledger=none", "--", "/bin/echo", "ran", env=env)
    assert ran.returncode == 125 and ran.stdout == ""
