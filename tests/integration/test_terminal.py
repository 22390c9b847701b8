# SPDX-License-Identifier: Apache-2.0
"""`tollspan run` on a terminal: signals of the keyboard, and job control as a shell sees it."""

import os
import pty
import select
import signal
import sys
import time
from pathlib import Path

from conftest import TOLLSPAN, clean_env, python_client, wait_until

CATCHES = """
import os, signal, sys, time
def caught(number, frame):
    os.write(1, b"caught %d\\n" % number)
    sys.exit(7)
signal.signal(signal.SIGINT, caught)
signal.signal(signal.SIGTERM, caught)
os.write(1, b"ready\\n")
time.sleep(30)
"""
DEFAULT = """
import signal, time
signal.signal(signal.SIGINT, signal.SIG_DFL)
print("ready", flush=True)
time.sleep(30)
"""
WAITS = """
import os, sys, time
print("ready", os.getpid(), "!", flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.02)
print("gone on", flush=True)
"""


class Terminal:
    """A command on a pseudo-terminal of its own."""

    def __init__(self, command, env):
        self.output = ""
        self.told = 0  # how much of it was waited for
        self.pid, self.fd = pty.fork()
        if not self.pid:
            try:
                # whoever started the tests in the background has had these ignored
                for number in (signal.SIGINT, signal.SIGQUIT):
                    signal.signal(number, signal.SIG_DFL)
                os.execve(str(command[0]), [str(part) for part in command], env)
            finally:
                os._exit(99)

    def read(self, seconds):
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.output += data.decode("utf-8", "replace")
        return bool(data)

    def wait_for(self, text, seconds=60):
        """After what was waited for before. Return: what came between."""
        start, until = self.told, time.monotonic() + seconds
        while text not in self.output[start:]:
            assert time.monotonic() < until, "no %r in %r" % (text, self.output)
            if not self.read(0.2):
                break
        assert text in self.output[start:], self.output
        found = self.output.index(text, start)
        self.told = found + len(text)
        return self.output[start:found]

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self, seconds=60):
        """The status as waitpid gives it."""
        until = time.monotonic() + seconds
        while True:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                while self.read(0.05) and select.select([self.fd], [], [], 0.05)[0]:
                    pass
                os.close(self.fd)
                return status
            if time.monotonic() > until:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise AssertionError("does not end: %r" % self.output)


def run_command(mode, *command, options=()):
    return [TOLLSPAN, "run", "--capture=" + mode, "--ledger=none", *options, "--", *command]


def python(code):
    return (sys.executable, "-c", code)


def on_terminal(bench, command, **env):
    return Terminal(command, clean_env(bench.provider, bench.home, TERM="xterm", **env))


def test_interrupt_caught(bench, mode):
    terminal = on_terminal(bench, run_command(mode, *python(CATCHES)))
    terminal.wait_for("ready")
    terminal.type("\x03")
    terminal.wait_for("caught 2")
    assert os.WEXITSTATUS(terminal.end()) == 7
    assert terminal.output.count("caught") == 1


def test_interrupt_kills(bench, mode):
    terminal = on_terminal(bench, run_command(mode, *python(DEFAULT)))
    terminal.wait_for("ready")
    terminal.type("\x03")
    status = terminal.end()
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT


def test_quit_kills(bench, mode):
    terminal = on_terminal(
        bench, run_command(mode, "/bin/sh", "-c", "ulimit -c 0; echo ready; exec sleep 30")
    )
    terminal.wait_for("ready")
    time.sleep(0.1)
    terminal.type("\x1c")
    status = terminal.end()
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGQUIT


def test_terminate_is_passed_on(bench, mode):
    terminal = on_terminal(bench, run_command(mode, *python(CATCHES)))
    terminal.wait_for("ready")
    os.kill(terminal.pid, signal.SIGTERM)
    terminal.wait_for("caught 15")
    assert os.WEXITSTATUS(terminal.end()) == 7


def test_terminate_kills(bench, mode):
    terminal = on_terminal(bench, run_command(mode, *python(DEFAULT)))
    terminal.wait_for("ready")
    os.kill(terminal.pid, signal.SIGTERM)
    status = terminal.end()
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGTERM


def state_of(pid):
    return Path("/proc/%d/stat" % pid).read_text().rsplit(") ", 1)[1][0]


def test_stop_and_foreground(bench, mode):
    """^Z stops the job, the shell says so, and fg goes on with it."""
    script, go = bench.folder / "waits.py", bench.folder / "go"
    script.write_text(WAITS)
    terminal = on_terminal(bench, ["/bin/bash", "--norc", "--noprofile", "-i"], PS1="prompt> ")
    terminal.wait_for("prompt> ")
    terminal.type(" ".join(map(str, run_command(mode, sys.executable, script, go))) + "\n")
    terminal.wait_for("ready")
    pid = int(terminal.wait_for("!"))
    terminal.type("\x1a")
    terminal.wait_for("Stopped")
    wait_until(lambda: state_of(pid) == "T")
    go.touch()
    time.sleep(0.5)
    assert state_of(pid) == "T"
    assert terminal.read(0.1) and "gone on" not in terminal.output
    terminal.type("fg\n")
    terminal.wait_for("gone on")
    terminal.type("echo status=$?\n")
    terminal.wait_for("status=0")
    terminal.type("exit\n")
    terminal.end()


def test_background_and_kill(bench, mode):
    """Started with &, the job leaves the terminal to the shell, and dies of kill %1."""
    terminal = on_terminal(bench, ["/bin/bash", "--norc", "--noprofile", "-i"], PS1="prompt> ")
    terminal.wait_for("prompt> ")
    command = run_command(mode, "/bin/sh", "-c", "'echo be\"\"gun; exec sleep 30'")
    terminal.type(" ".join(map(str, command)) + " &\n")
    terminal.wait_for("begun")
    terminal.type("kill %1; wait %1; echo status=$?\n")
    terminal.wait_for("status=143")
    terminal.type("exit\n")
    terminal.end()


def test_program_reads_the_terminal(bench, mode):
    code = (
        'import sys; print("ready", flush=True); print("got " + sys.stdin.readline().strip()[::-1])'
    )
    terminal = on_terminal(bench, run_command(mode, *python(code)))
    terminal.wait_for("ready")
    terminal.type("stressed\n")
    terminal.wait_for("got desserts")
    assert terminal.end() == 0


def test_program_sees_a_terminal(bench, mode):
    code = (
        "import os; print(os.isatty(0), os.isatty(1), os.isatty(2), "
        "os.tcgetpgrp(0) == os.getpgrp())"
    )
    terminal = on_terminal(bench, run_command(mode, *python(code)))
    terminal.wait_for("True True True True")
    assert terminal.end() == 0


def test_summary_by_default_on_a_terminal(bench, mode):
    terminal = on_terminal(
        bench,
        run_command(mode, *python_client("http_client"), options=["--endpoint", bench.endpoint()]),
    )
    assert terminal.end(60) == 0
    assert "gpt-4o-mini" in terminal.output and mode in terminal.output.lower()
