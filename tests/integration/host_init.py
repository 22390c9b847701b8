# SPDX-License-Identifier: Apache-2.0
"""The first process of a Host (host.py): in a pid and a mount namespace of its own, it makes private
what must be, and does what it is told, a JSON line each. All ends with it, and it ends with its
standard input.
"""

import ctypes
import json
import os
import select
import shutil
import signal
import socket
import struct
import sys

MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
COPIES = "/run/copies"

libc = ctypes.CDLL(None, use_errno=True)
ended = {}  # pid → exit status, or minus the signal


def mount(source, target, kind=None, flags=0):
    text = [part and part.encode() for part in (source, target, kind)]
    if libc.mount(text[0], text[1], text[2], ctypes.c_ulong(flags), None):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)


def bind_copy(path, text=None):
    """In place of the file, a copy of it in memory (or a file of this text), for this namespace."""
    copy = os.path.join(COPIES, "%d.%s" % (len(os.listdir(COPIES)), os.path.basename(path)))
    if text is None:
        shutil.copyfile(path, copy)
    else:
        with open(copy, "w") as file:
            file.write(text)
    shutil.copymode(path, copy)
    mount(copy, path, flags=MS_BIND)


def identity(path):
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_dev, found.st_ino, found.st_ctime_ns]


def setup(copies, users):
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    mount("tmpfs", "/run", "tmpfs")
    os.chmod("/run", 0o755)
    os.mkdir(COPIES, 0o755)
    for path in copies:
        before = identity(path)
        bind_copy(path)
        assert identity(path)[:2] != before[:2], path
    for path, line in (
        ("/etc/passwd", "{0}:x:{1}:{1}::/:/bin/false"),
        ("/etc/group", "{0}:x:{1}:"),
    ):
        with open(path) as file:
            lines = [file.read().rstrip("\n")] + [line.format(*user) for user in users.items()]
        bind_copy(path, "\n".join(lines) + "\n")
    fresh()
    return [identity(path)[:2] for path in copies]


def fresh():
    """An empty /var/lib."""
    mount("tmpfs", "/var/lib", "tmpfs")
    os.chmod("/var/lib", 0o755)


def become(argv, env, stdout, stderr, cwd, uid, cgroup):
    """What the child does before it is another program."""
    os.setsid()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python ignores them
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    for number, path in ((1, stdout), (2, stderr)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666), number)
    os.chdir(cwd)
    if cgroup:
        with open(os.path.join(cgroup, "cgroup.procs"), "w") as file:
            file.write("0")
    if uid:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    os.execvpe(argv[0], argv, env)


def spawn(**how):
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            become(**how)
        except BaseException as error:
            os.write(write, repr(error).encode())
        finally:
            os._exit(127)
    os.close(write)
    with os.fdopen(read, "rb") as told:
        error = told.read()
    if error:
        raise OSError("%s: %s" % (how["argv"][0], error.decode()))
    return pid


def send_signal(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it has just ended


def reap():
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        ended[pid] = os.waitstatus_to_exitcode(status)


def processes():
    """(pid, parent, name) of all but this one."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            fields = status(int(entry)) if entry.isdigit() and entry != "1" else None
        except OSError:
            continue
        if fields and not fields["State"].startswith("Z"):
            found.append([int(entry), int(fields["PPid"]), fields["Name"]])
    return found


def threads(pid):
    """Its threads, each as status()."""
    return [status("%d/task/%s" % (pid, thread)) for thread in os.listdir("/proc/%d/task" % pid)]


def status(pid):
    with open("/proc/%s/status" % pid) as file:
        return {name: value.strip() for name, _, value in (line.partition(":") for line in file)}


def descriptors(pid):
    """What a process has open."""
    folder = "/proc/%d/fd" % pid
    return [os.readlink(os.path.join(folder, number)) for number in os.listdir(folder)]


def captured(path, pid):
    """What the agent answers, once it has done what was known to the kernel before."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as agent:
        agent.settimeout(60)
        agent.connect(path)
        agent.send(struct.pack("=II", 1, pid))
        return struct.unpack("=Ii", agent.recv(8))[1]


def read(path):
    with open(path, errors="surrogateescape") as file:
        return file.read()


def write(path, text, mode):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


COMMANDS = {
    "setup": setup,
    "fresh": fresh,
    "spawn": spawn,
    "signal": send_signal,
    "poll": ended.get,
    "processes": processes,
    "status": status,
    "threads": threads,
    "identity": identity,
    "descriptors": descriptors,
    "captured": captured,
    "read": read,
    "write": write,
    "rename": os.rename,
}


def answer(line):
    name, arguments, options = json.loads(line)
    try:
        return {"result": COMMANDS[name](*arguments, **options)}
    except Exception as error:
        return {"error": "%s: %r" % (name, error)}


def main():
    wakeup, waker = os.pipe()
    for end in (wakeup, waker):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    commands = sys.stdin.buffer.raw
    pending = b""
    while True:
        ready, _, _ = select.select([0, wakeup], [], [])
        reap()
        if wakeup in ready:
            os.read(wakeup, 4096)
        if 0 not in ready:
            continue
        data = commands.read(65536)
        if not data:
            return
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            reap()
            sys.stdout.write(json.dumps(answer(line)) + "\n")
            sys.stdout.flush()


main()
