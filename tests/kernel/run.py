#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boot another kernel in an emulator and run the unit test programs that stand on eBPF there.

All of the machine is an initramfs: these programs, what they load and what they start. Its /init
says which program begins and how it ended. Each case that the programs list must have run: there is
nothing for which one may be skipped.
"""

import argparse
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
TIMEOUT = 600  # of the machine, seconds
# In a pid namespace too, where processes have other numbers than those that the kernel counts by.
BOTH = ["source/test_kernel", "source/test_files", "source/test_ebpf"]
PROGRAMS = BOTH + [
    "source/test_scope",
    "attach/test_proc",
    "util/test_sandbox",
    "util/test_sandbox_attacher",
    "util/test_sandbox_keeper",
]
# The other case places probes a thousand times, which takes too long in an emulator.
SOME = {"source/test_attach_cycles": ["cycles_of_single_probes"]}
# What the programs start.
COMMANDS = ["bash", "cp", "env", "sh", "sleep", "true"]
LINE = re.compile(r"^(ok|FAIL|skip) ([A-Za-z0-9_]+)(?:: .*)?$")
FOLDERS = ["dev", "etc", "proc", "sys", "tests", "tmp", "usr/bin", "usr/lib", "usr/lib64"]


def output_of(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


class Root:
    """The folder that becomes the initramfs."""

    def __init__(self, path):
        self.path = path
        shutil.rmtree(path, ignore_errors=True)
        for folder in FOLDERS:
            (path / folder).mkdir(parents=True)
        for folder in ("bin", "lib", "lib64"):
            (path / folder).symlink_to("usr/" + folder)

    def put(self, file, name):
        target = self.path / name.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)

    def put_linked(self, file, name):
        """With the shared objects that it loads, where it looks for them."""
        self.put(file, name)
        for library in re.findall(r"(/\S+) \(0x", output_of("ldd", file)):
            if not (self.path / library.lstrip("/")).exists():
                self.put(library, library)

    def write(self, name, text):
        (self.path / name).write_text(text)

    def pack(self, busybox, archive):
        names = sorted(str(p.relative_to(self.path)) for p in self.path.rglob("*"))
        with open(archive, "wb") as file:
            subprocess.run(
                [busybox, "cpio", "-o", "-H", "newc", "-R", "0:0"],
                input="\n".join(names).encode(),
                stdout=file,
                stderr=subprocess.DEVNULL,
                cwd=self.path,
                check=True,
            )


class Run:
    """One program in one place, and its cases that are still to come."""

    def __init__(self, programs, place, program, cases=()):
        self.place, self.program, self.cases = place, program, cases
        self.waiting = set(cases or output_of(programs / program, "--list").split())

    def line(self):
        return " ".join([self.place, self.program, *self.cases])

    def name(self):
        return self.program + (" in a pid namespace" if self.place == "namespace" else "")


def make_runs(programs):
    runs = [Run(programs, "machine", program) for program in PROGRAMS]
    runs += [Run(programs, "machine", *item) for item in SOME.items()]
    return runs + [Run(programs, "namespace", program) for program in BOTH]


def make_root(folder, programs, runs):
    root = Root(folder / "root")
    root.put(HERE / "init", "init")
    root.put(folder / "busybox", "usr/bin/busybox")
    for command in COMMANDS:
        root.put_linked(shutil.which(command), "usr/bin/" + command)
    for program in {run.program for run in runs}:
        root.put_linked(programs / program, "tests/" + program)
    libssl = output_of("gcc", "-print-file-name=libssl.so.3").strip()
    root.put_linked(libssl, "usr/lib/%s/libssl.so.3" % output_of("gcc", "-print-multiarch").strip())
    root.write("etc/passwd", "root:x:0:0::/tmp:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
    root.write("etc/hosts", "127.0.0.1 localhost\n")
    root.write("etc/shadow", "root:*:::::::\n")
    (root.path / "etc" / "shadow").chmod(0o600)
    root.write("runs", "".join(run.line() + "\n" for run in runs))
    return root


def emulator(kernel, archive):
    """Without tsc=reliable the kernel comes to mistrust its clock, and counts in ticks of 4 ms."""
    return [
        "qemu-system-x86_64",
        *["-M", "pc", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1024"],
        *["-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot"],
        *["-kernel", str(kernel), "-initrd", str(archive)],
        *["-append", "console=ttyS0 quiet panic=-1 oops=panic tsc=reliable rdinit=/init"],
    ]


class Console:
    """Reads what the machine says, and counts."""

    def __init__(self, runs):
        self.left = list(runs)
        self.run = None
        self.counts = {"ok": 0, "FAIL": 0, "skip": 0}
        self.faults = []
        self.done = False

    def fault(self, text):
        self.faults.append(text)
        print("FAIL %s" % text, flush=True)

    def read(self, line):
        word, _, rest = line.partition(" ")
        if word == "begin" and self.left:
            self.run = self.left.pop(0)
            print("  TEST  %s" % self.run.name(), flush=True)
        elif word == "end" and self.run:
            self.end(rest)
        elif word == "kernel":
            print("  BOOT  Linux %s" % rest, flush=True)
        elif word == "complaint":
            self.fault("the kernel complained: %s" % rest)
        elif line == "done":
            self.done = True
        elif self.run:
            self.read_case(line)

    def read_case(self, line):
        match = LINE.match(line)
        if not match or match.group(2) not in self.run.waiting:
            return
        self.run.waiting.remove(match.group(2))
        self.counts[match.group(1)] += 1
        if match.group(1) != "ok":
            self.fault("%s: %s" % (self.run.name(), line))

    def end(self, status):
        if status not in ("0", "1"):
            self.fault("%s ended with %s" % (self.run.name(), status))
        self.run = None

    def finish(self, runs):
        """All is read. Return: is all well?"""
        for run in self.left:
            self.fault("%s did not begin" % run.name())
        for run in runs:
            for case in sorted(run.waiting) if run not in self.left else []:
                self.fault("%s: %s did not run" % (run.name(), case))
        if not self.done:
            self.fault("the machine did not come to its end")
        return bool(self.counts["ok"]) and not self.faults


def boot(command, log, console):
    machine = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    timer = threading.Timer(TIMEOUT, machine.kill)
    timer.start()
    try:
        with open(log, "w") as file:
            for line in machine.stdout:
                text = line.decode("utf-8", "replace").rstrip("\r\n")
                file.write(text + "\n")
                file.flush()
                console.read(text)
    finally:
        timer.cancel()
        machine.kill()
        machine.wait()


def main():
    parser = argparse.ArgumentParser(description="run tests of eBPF on another kernel")
    parser.add_argument("--build", default="build")
    parser.add_argument("--kernel", required=True, help="the version")
    options = parser.parse_args()
    folder = Path(options.build).resolve() / "kernel"
    programs = Path(options.build).resolve() / "tests" / "unit"
    runs = make_runs(programs)
    archive = folder / "initramfs"
    make_root(folder, programs, runs).pack(folder / "busybox", archive)
    console = Console(runs)
    log = folder / "console.log"
    boot(emulator(folder / ("vmlinuz-" + options.kernel), archive), log, console)
    well = console.finish(runs)
    print(
        "kernel %s: %d ok, %d FAIL, %d skip; all that the machine said is in %s"
        % (options.kernel, *console.counts.values(), log)
    )
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
