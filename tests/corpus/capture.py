# SPDX-License-Identifier: Apache-2.0
"""Writes and reads capture files, from the layouts of bpf/capture_record.h.

A Capture is a file in the making, a Connection one TLS connection in it. Bytes are handed to a
connection in operations (one read or write of the program), and cut into records.
"""

import ipaddress
import random
import struct

VERSION = 1
DATA_MAX = 32 * 1024
MAGIC = 0x4E4150534C4C4F54

DATA, CONN, LINK, END, FORK, EXEC, EXIT, PROC = 1, 2, 3, 4, 5, 6, 7, 8
CLOCK, TICK, LOST, FILE, UNSEEN = 9, 10, 11, 14, 15
SEND, RECV = 0, 1
LAYER_TLS_STREAM = 1
ROLE_UNKNOWN, ROLE_CLIENT, ROLE_SERVER = 0, 1, 2
CUT_NONE, CUT_LOST, CUT_CAP, CUT_VERDICT, CUT_FAULT, CUT_REDACTED = range(6)
CAPTURE_EBPF, CAPTURE_PRELOAD, CAPTURE_REPLAY = 1, 2, 3
HAS_ENTRY = 0x04
FLAG_REDACTED = 0x01
PROC_ROOT, PROC_HAS_UID = 0x01, 0x02
FIELD_EXE, FIELD_ARG, FIELD_COMM, FIELD_CGROUP, FIELD_ENV, FIELD_SNI, FIELD_ALPN = range(1, 8)

HEAD_LAYOUT = struct.Struct("<IHBBQ")
ADDRESS_LAYOUT = struct.Struct("<BBH16sI")
FIELD_LAYOUT = struct.Struct("<HH")
# What follows the head; each but CLOCK, TICK and FILE begins with the process: start, pid, 0.
BODY_LAYOUT = {
    DATA: struct.Struct("<QII 10Q II BBBB I"),
    CONN: struct.Struct("<QII QQQ 24s 24s BBB5x"),
    LINK: struct.Struct("<QII QQQQ BB6x"),
    END: struct.Struct("<QII QQ B7x"),
    FORK: struct.Struct("<QII QII"),
    EXEC: struct.Struct("<QII"),
    EXIT: struct.Struct("<QII II"),
    PROC: struct.Struct("<QII QII Q IIII"),
    CLOCK: struct.Struct("<16s q"),
    TICK: struct.Struct("<"),
    LOST: struct.Struct("<QII QQ QQ II"),
    FILE: struct.Struct("<Q 16s II"),
    UNSEEN: struct.Struct("<QII"),
}
SIZES = {DATA: 128, CONN: 112, LINK: 72, END: 56, FORK: 48, EXEC: 32, EXIT: 40, PROC: 72,
         CLOCK: 40, TICK: 16, LOST: 72, FILE: 48, UNSEEN: 32}
assert HEAD_LAYOUT.size == 16 and ADDRESS_LAYOUT.size == 24 and FIELD_LAYOUT.size == 4
assert {t: HEAD_LAYOUT.size + layout.size for t, layout in BODY_LAYOUT.items()} == SIZES

TICK_NS = 250_000_000


def address(text, port):
    ip = ipaddress.ip_address(text)
    return ADDRESS_LAYOUT.pack(ip.version, 0, port, ip.packed.ljust(16, b"\0"), 0)


def fields(pairs):
    out = b""
    for tag, text in pairs:
        data = text.encode() if isinstance(text, str) else text
        out += FIELD_LAYOUT.pack(tag, len(data)) + data
    return out


class Capture:
    """A capture file. `now` is its boot time in ns; it only moves forward."""

    def __init__(self, out, start_ns=1_000_000_000, wall_offset_ns=1_750_000_000_000_000_000,
                 boot_id=bytes(range(16)), capture=CAPTURE_PRELOAD, hash_key=b"\x5a" * 16):
        self.out = out
        self.now = start_ns
        self.wall_offset_ns = wall_offset_ns
        self.next_tick = start_ns + TICK_NS
        self.conns = 0
        self.data_flags = 0
        self.record(FILE, (MAGIC, hash_key, capture, 0))
        self.record(CLOCK, (boot_id, wall_offset_ns))

    def record(self, kind, values, tail=b"", flags=0):
        body = BODY_LAYOUT[kind].pack(*values) + tail
        length = HEAD_LAYOUT.size + len(body)
        padding = -length % 8
        self.out.write(HEAD_LAYOUT.pack(length + padding, kind, VERSION, flags, self.now))
        self.out.write(body + b"\0" * padding)

    def advance(self, ns):
        """Time passes; a tick is written for each quarter of a second, as sources do."""
        until = self.now + ns
        while self.next_tick <= until:
            self.now = self.next_tick
            self.record(TICK, ())
            self.next_tick += TICK_NS
        self.now = until

    def process(self, pid, exe="/usr/bin/python3", argv=("python3", "agent.py"), start=100,
                parent=0, root=True, env=()):
        named = [(FIELD_EXE, exe), (FIELD_COMM, exe.rsplit("/", 1)[-1])]
        named += [(FIELD_ARG, arg) for arg in argv] + [(FIELD_ENV, text) for text in env]
        flags = PROC_HAS_UID | (PROC_ROOT if root else 0)
        self.record(PROC, (start, pid, 0, 1 if parent else 0, parent, 0, 0, 1000, pid, flags, 0),
                    fields(named))
        return (start, pid, 0)

    def wall_ns(self, boot_ns):
        return boot_ns + self.wall_offset_ns


class Connection:
    """One connection. `entry` of an operation is the time when it is begun, `now` its return."""

    def __init__(self, capture, process, host=None, port=443, peer="127.0.0.1", info=True,
                 role=ROLE_CLIENT):
        self.capture = capture
        self.process = process
        capture.conns += 1
        self.conn = 0x7F0000000000 + 0x1000 * capture.conns
        self.generation = capture.now
        self.ops = [0, 0]
        self.offsets = [0, 0]
        if info:
            named = [(FIELD_SNI, host), (FIELD_ALPN, "http/1.1")] if host else []
            local = address("127.0.0.1", 40000 + capture.conns % 20000)
            capture.record(CONN, (*process, self.conn, self.generation, 0, local,
                                  address(peer, port), LAYER_TLS_STREAM, role, 0), fields(named))

    def operation(self, direction, data, cuts=(), took_ns=1000):
        """One operation, cut at the offsets `cuts` and wherever a record would be too long.

        Returns (entry, return) in boot ns.
        """
        entry = self.capture.now
        self.capture.advance(took_ns)
        edges = sorted({0, len(data), *cuts})
        for begin, end in zip(edges, edges[1:]):
            for at in range(begin, end, DATA_MAX):
                piece = data[at:min(at + DATA_MAX, end)]
                self.piece(direction, piece, len(piece), at, len(data), entry)
        self.ops[direction] += 1
        return entry, self.capture.now

    def piece(self, direction, captured, true_length, op_offset, op_length, entry, cut=CUT_NONE):
        self.capture.record(
            DATA, (*self.process, self.process[1], 0, self.conn, self.generation,
                   self.ops[direction], op_offset, op_length, self.offsets[direction], entry,
                   self.capture.now, true_length, len(captured), LAYER_TLS_STREAM, direction, cut,
                   0, HAS_ENTRY), captured, self.capture.data_flags)
        self.offsets[direction] += true_length

    def lose(self, direction, length):
        """An operation of which nothing was captured: a hole in the stream."""
        self.offsets[direction] += length
        self.ops[direction] += 1

    def end(self):
        self.capture.record(END, (*self.process, self.conn, self.generation, LAYER_TLS_STREAM))


def cut_randomly(rng, length, mean):
    """Offsets that cut `length` bytes into pieces of about `mean`."""
    cuts, at = [], 0
    while True:
        at += max(1, int(rng.expovariate(1 / mean)))
        if at >= length:
            return cuts
        cuts.append(at)


def random_operations(rng, data, mean=None):
    """Data as a list of operations, sometimes one, sometimes many small ones."""
    if mean is None:
        mean = rng.choice([7, 300, 4096, 16384, 1 << 30])
    mean = max(mean, len(data) / 2000)
    edges = [0, *cut_randomly(rng, len(data), mean), len(data)]
    return [data[a:b] for a, b in zip(edges, edges[1:])]


def read_records(data):
    """(type, flags, time_ns, struct values, tail) of each record of a capture file's bytes."""
    at = 0
    while at < len(data):
        length, kind, version, flags, time_ns = HEAD_LAYOUT.unpack_from(data, at)
        assert version == VERSION and length % 8 == 0 and at + length <= len(data)
        layout = BODY_LAYOUT[kind]
        values = layout.unpack_from(data, at + HEAD_LAYOUT.size)
        yield kind, flags, time_ns, values, data[at + HEAD_LAYOUT.size + layout.size:at + length]
        at += length


def streams(data):
    """The bytes of each (conn, generation, direction), put together from a capture file's bytes."""
    out = {}
    for kind, _, _, values, tail in read_records(data):
        if kind != DATA:
            continue
        key = (values[5], values[6], values[16])
        stream, captured = out.setdefault(key, bytearray()), values[14]
        assert values[10] == len(stream) and values[13] == captured
        stream += tail[:captured]
    return out
