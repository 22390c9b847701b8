/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The capture record: what the kernel programs, the preload shim and capture files all speak.
 *
 * Little-endian, explicit padding, asserted sizes. A record is `head.length` bytes long, head and
 * padding included; the length is a multiple of 8, so that a run of records can be walked in
 * place. A reader skips types that it does not know and bytes behind those that it does.
 * Not every source fills every field: a flag in `present`, or a zero length, says what is absent.
 */
#ifndef TOLLSPAN_CAPTURE_RECORD_H
#define TOLLSPAN_CAPTURE_RECORD_H

#ifdef __bpf__
typedef signed char cr_s8;
typedef unsigned char cr_u8;
typedef unsigned short cr_u16;
typedef unsigned int cr_u32;
typedef unsigned long long cr_u64;
typedef signed long long cr_s64;
#else
#include <stddef.h>
#include <stdint.h>
typedef uint8_t cr_u8;
typedef uint16_t cr_u16;
typedef uint32_t cr_u32;
typedef uint64_t cr_u64;
typedef int64_t cr_s64;
#endif

#define CR_VERSION 1
#define CR_ALIGN 8

/* No record is longer; a longer one is damage. An operation is cut into as many as it needs. */
#define CR_LENGTH_MAX (64 * 1024)

/* Bytes that one DATA record carries at most. */
#define CR_DATA_MAX (32 * 1024)

enum cr_type {
	CR_DATA = 1,    /* bytes of one direction of a connection */
	CR_CONN = 2,    /* what is known of a connection; repeatable, late, partial */
	CR_LINK = 3,    /* two connections that are one */
	CR_END = 4,     /* a connection ended: a hint, pointers are reused without it */
	CR_FORK = 5,    /* a process was made */
	CR_EXEC = 6,    /* a process began a program */
	CR_EXIT = 7,    /* a process ended */
	CR_PROC = 8,    /* what is known of a process, read while it lives */
	CR_CLOCK = 9,   /* boot id and wall clock; first, and again when the offset changes */
	CR_TICK = 10,   /* time passes */
	CR_LOST = 11,   /* records that did not get here */
	CR_HELLO = 12,  /* shim to collector: who it is */
	CR_PLAN = 13,   /* collector to shim: its ring, later the addresses to patch */
	CR_FILE = 14,   /* first record of a capture file */
	CR_UNSEEN = 15, /* a process that could not be captured */
};

/* cr_head.flags: keys in these bytes are fingerprints already. */
#define CR_FLAG_REDACTED 0x01

struct cr_head {
	cr_u32 length;  /* whole record in bytes, multiple of CR_ALIGN */
	cr_u16 type;    /* enum cr_type */
	cr_u8 version;  /* CR_VERSION */
	cr_u8 flags;    /* CR_FLAG_* */
	cr_u64 time_ns; /* CLOCK_BOOTTIME */
};

/* A process of one boot: the host's pid alone is reused. */
struct cr_process {
	cr_u64 start; /* USER_HZ ticks since boot, as field 22 of /proc/PID/stat */
	cr_u32 pid;   /* thread group id in the host's (else the reader's) pid namespace */
	cr_u32 reserved;
};

enum cr_layer {
	CR_LAYER_TLS_STREAM = 1, /* plaintext of a TLS library's stream */
	CR_LAYER_TLS_RECORD = 2, /* plaintext of TLS records, inner type apart in tls_type */
	CR_LAYER_SOCKET = 3,     /* bytes of a socket */
};

enum cr_direction {
	CR_SEND = 0, /* the process wrote */
	CR_RECV = 1, /* the process read */
};

/* Why captured_length is below true_length. */
enum cr_cut {
	CR_CUT_NONE = 0,
	CR_CUT_LOST = 1,     /* no room, or the reader was too slow */
	CR_CUT_CAP = 2,      /* more than the source takes of one operation */
	CR_CUT_VERDICT = 3,  /* not wanted: no loss */
	CR_CUT_FAULT = 4,    /* the memory could not be read */
	CR_CUT_REDACTED = 5, /* withheld from a capture file */
};

/* cr_data.present */
#define CR_HAS_TASK 0x01
#define CR_HAS_CGROUP 0x02
#define CR_HAS_ENTRY 0x04

/*
 * One piece of one operation (a read or a write call that moved bytes). The pieces of an operation
 * tile it: each covers true_length bytes from op_offset on, of which captured_length follow this
 * struct. A piece that could not be sent leaves a hole in stream_offset.
 */
struct cr_data {
	struct cr_head head;
	struct cr_process process;
	cr_u64 task;          /* tid or goroutine */
	cr_u64 cgroup;        /* cgroup v2 id */
	cr_u64 conn;          /* what the library calls it: SSL pointer, context, file */
	cr_u64 generation;    /* boot time in ns at which the source first saw the connection */
	cr_u64 op;            /* number of the operation within connection and direction, from 0 */
	cr_u64 op_offset;     /* of the first byte here within its operation */
	cr_u64 op_length;     /* bytes that the operation moved in all */
	cr_u64 stream_offset; /* of the first byte here within its direction, from first sight */
	cr_u64 entry_ns;      /* CLOCK_BOOTTIME at entry and at return of the call */
	cr_u64 return_ns;
	cr_u32 true_length;
	cr_u32 captured_length;
	cr_u8 layer;     /* enum cr_layer */
	cr_u8 direction; /* enum cr_direction */
	cr_u8 cut;       /* enum cr_cut */
	cr_u8 tls_type;  /* inner content type, for CR_LAYER_TLS_RECORD */
	cr_u32 present;  /* CR_HAS_* */
			 /* captured_length bytes */
};

/* Variable parts of a record: tag, length, then that many bytes, one after the other, unaligned. */
struct cr_field {
	cr_u16 tag; /* enum cr_field_tag */
	cr_u16 length;
};

enum cr_field_tag {
	CR_FIELD_END = 0,      /* padding: no field follows */
	CR_FIELD_EXE = 1,      /* path of the executable */
	CR_FIELD_ARG = 2,      /* one argument; repeated, in order */
	CR_FIELD_COMM = 3,     /* short name */
	CR_FIELD_CGROUP = 4,   /* path */
	CR_FIELD_ENV = 5,      /* NAME=VALUE of an allowed variable; repeated */
	CR_FIELD_SNI = 6,      /* server name that was asked for */
	CR_FIELD_ALPN = 7,     /* protocol that was chosen */
	CR_FIELD_LIBRARY = 8,  /* path of the TLS library */
	CR_FIELD_SITE = 9,     /* function that is probed */
	CR_FIELD_MAPPING = 10, /* path of a mapped object; repeated */
	CR_FIELD_REASON = 11,  /* text for a person */
	CR_FIELD_REMEDY = 12,  /* text for a person */
	CR_FIELD_NAME = 13,    /* what a loss is about, such as a protocol */
};

struct cr_address {
	cr_u8 family; /* 0 absent, 4, 6 */
	cr_u8 reserved;
	cr_u16 port; /* host byte order */
	cr_u8 bytes[16];
	cr_u32 reserved2;
};

enum cr_role {
	CR_ROLE_UNKNOWN = 0,
	CR_ROLE_CLIENT = 1,
	CR_ROLE_SERVER = 2,
};

#define CR_CONN_JOINED_LATE 0x01 /* bytes went by before the source saw it */

struct cr_conn {
	struct cr_head head;
	struct cr_process process;
	cr_u64 conn;
	cr_u64 generation;
	cr_u64 netns; /* inode of the network namespace, 0 unknown */
	struct cr_address local;
	struct cr_address peer;
	cr_u8 layer;
	cr_u8 role;  /* enum cr_role */
	cr_u8 flags; /* CR_CONN_* */
	cr_u8 reserved[5];
	/* fields: SNI, ALPN, LIBRARY, SITE */
};

struct cr_link {
	struct cr_head head;
	struct cr_process process;
	cr_u64 conn, generation;
	cr_u64 other, other_generation;
	cr_u8 layer, other_layer;
	cr_u8 reserved[6];
};

struct cr_end {
	struct cr_head head;
	struct cr_process process;
	cr_u64 conn, generation;
	cr_u8 layer;
	cr_u8 reserved[7];
};

struct cr_fork {
	struct cr_head head;
	struct cr_process process; /* the new one */
	struct cr_process parent;
};

struct cr_exec {
	struct cr_head head;
	struct cr_process process;
	/* fields: EXE, where the source has it */
};

#define CR_EXIT_STATUS_UNKNOWN 0xffffffffu

struct cr_exit {
	struct cr_head head;
	struct cr_process process;
	cr_u32 status; /* as wait(2) gives it, or CR_EXIT_STATUS_UNKNOWN */
	cr_u32 reserved;
};

#define CR_PROC_ROOT 0x01    /* root of the tree that `run` wraps */
#define CR_PROC_HAS_UID 0x02 /* uid is known */

struct cr_proc {
	struct cr_head head;
	struct cr_process process;
	struct cr_process parent; /* pid 0: unknown */
	cr_u64 cgroup;            /* cgroup v2 id, 0 unknown */
	cr_u32 uid;
	cr_u32 ns_pid; /* pid in its own namespace, 0 unknown */
	cr_u32 flags;  /* CR_PROC_* */
	cr_u32 reserved;
	/* fields: EXE, COMM, ARG…, CGROUP, ENV… */
};

struct cr_clock {
	struct cr_head head;
	cr_u8 boot_id[16];
	cr_s64 wall_offset_ns; /* CLOCK_REALTIME minus CLOCK_BOOTTIME */
};

struct cr_tick {
	struct cr_head head;
};

enum cr_cause {
	CR_CAUSE_RING_FULL = 1, /* the reader was too slow */
	CR_CAUSE_FAULT = 2,     /* the program's memory could not be read */
	CR_CAUSE_CAP = 3,       /* longer than the source takes */
	CR_CAUSE_TABLE_FULL =
		4,              /* more connections or calls at once than the source has room for */
	CR_CAUSE_KILLED = 5,    /* the program died while it wrote the record */
	CR_CAUSE_PROTOCOL = 6,  /* a protocol that is not read; its name is in NAME */
	CR_CAUSE_MALFORMED = 7, /* not what its protocol allows */
	CR_CAUSE_LIMIT = 8,     /* a cap of the pipeline was passed */
	CR_CAUSE_LEDGER = 9,    /* could not be written to the ledger */
	CR_CAUSE_UNDECODABLE = 10, /* a content encoding that is not known, or is damaged */
	CR_CAUSE_EXPORT = 11,      /* calls that were not exported; where to is in NAME */
};

struct cr_lost {
	struct cr_head head;
	struct cr_process process; /* pid 0: of no one process */
	cr_u64 conn, generation;   /* 0: of no one connection */
	cr_u64 records;
	cr_u64 bytes;
	cr_u32 cause; /* enum cr_cause */
	cr_u32 reserved;
	/* fields: NAME */
};

struct cr_unseen {
	struct cr_head head;
	struct cr_process process;
	/* fields: EXE, REASON, REMEDY */
};

#define CR_FILE_MAGIC 0x4e4150534c4c4f54ull /* "TOLLSPAN" */

struct cr_file {
	struct cr_head head;
	cr_u64 magic;       /* CR_FILE_MAGIC */
	cr_u8 hash_key[16]; /* random; keys the hashes of message blocks in this file */
	cr_u32 capture;     /* enum cr_capture: how it was captured */
	cr_u32 reserved;
};

enum cr_capture {
	CR_CAPTURE_UNKNOWN = 0,
	CR_CAPTURE_EBPF = 1,
	CR_CAPTURE_PRELOAD = 2,
	CR_CAPTURE_REPLAY = 3,
};

_Static_assert(sizeof(struct cr_head) == 16, "cr_head");
_Static_assert(sizeof(struct cr_process) == 16, "cr_process");
_Static_assert(sizeof(struct cr_data) == 128, "cr_data");
_Static_assert(sizeof(struct cr_field) == 4, "cr_field");
_Static_assert(sizeof(struct cr_address) == 24, "cr_address");
_Static_assert(sizeof(struct cr_conn) == 112, "cr_conn");
_Static_assert(sizeof(struct cr_link) == 72, "cr_link");
_Static_assert(sizeof(struct cr_end) == 56, "cr_end");
_Static_assert(sizeof(struct cr_fork) == 48, "cr_fork");
_Static_assert(sizeof(struct cr_exec) == 32, "cr_exec");
_Static_assert(sizeof(struct cr_exit) == 40, "cr_exit");
_Static_assert(sizeof(struct cr_proc) == 72, "cr_proc");
_Static_assert(sizeof(struct cr_clock) == 40, "cr_clock");
_Static_assert(sizeof(struct cr_lost) == 72, "cr_lost");
_Static_assert(sizeof(struct cr_unseen) == 32, "cr_unseen");
_Static_assert(sizeof(struct cr_file) == 48, "cr_file");

/* ---- the shim's greeting and ring ---- */

/*
 * The shim connects to the collector's SOCK_SEQPACKET socket and sends one HELLO. The answer is one
 * PLAN with the descriptor of a memfd (SCM_RIGHTS), which holds the ring; then both close. Who the
 * shim is, the kernel says (SO_PEERCRED): what HELLO claims is of its own pid namespace.
 */
#define CR_HELLO_MAX (32 * 1024)

struct cr_hello {
	struct cr_head head;
	struct cr_process process;
	/* fields: EXE, MAPPING… */
};

struct cr_plan {
	struct cr_head head;
	cr_u64 ring_bytes; /* cr_ring.size */
	cr_u64 reserved;
};

/*
 * The memfd: struct cr_ring, padded to CR_RING_DATA, then `size` bytes (a power of two, whole
 * pages) of records, which both sides map twice in a row, so that a record is never split.
 *
 * head and tail count bytes since the ring was made. A writer (any thread of the process) takes
 * room by moving head with compare-and-swap, if head + length - tail <= size; else it counts the
 * record in lost[]. It then stores its record's first eight bytes as CR_RING_BUSY, with the bytes
 * of the program that the record carries behind it (u32); writes the rest; and stores the eight
 * bytes for good in one store (release). The reader copies a record out, zeroes its bytes, and
 * moves tail (release): so a word of zero says that room was taken, but nothing is written yet.
 * Records that a process left BUSY, or zero, when it died are of no use and are skipped.
 */
#define CR_RING_MAGIC 0x474e4952504c4c54ull /* "TLLPRING" */
#define CR_RING_VERSION 2
#define CR_RING_DATA (64 * 1024)
#define CR_RING_BUSY 0x80000000u
#define CR_RING_CAUSES 16     /* room for enum cr_cause */
#define CR_RING_VERDICTS 1024 /* connections that can have a verdict at once; power of two */
#define CR_RING_PROBES 8      /* slots that one connection may be in */

/* Bytes of an operation that are captured at the verdict HEADS. */
#define CR_HEADS_MAX 4096

enum cr_ring_verdict {
	CR_VERDICT_FULL = 0,
	CR_VERDICT_HEADS = 1,
	CR_VERDICT_NONE = 2,
};

struct cr_ring_lost {
	cr_u64 records;
	cr_u64 bytes;
};

/* The reader writes conn last (release); 0 is an empty slot. A connection without one is FULL. */
struct cr_ring_slot {
	cr_u64 conn;
	cr_u64 generation;
	cr_u64 verdict; /* enum cr_ring_verdict */
};

struct cr_ring {
	cr_u64 magic;
	cr_u32 version;
	cr_u32 reserved;
	cr_u64 size; /* of the data */
	cr_u8 pad[40];
	cr_u64 head; /* moved by writers */
	cr_u8 pad2[56];
	cr_u64 tail; /* moved by the reader */
	cr_u8 pad3[56];
	cr_u32 attached; /* 1 once the shim writes here */
	cr_u32 serial;   /* moved by the reader after each change of a verdict */
	cr_u64 connects; /* connect() of stream sockets to the internet; writers only add */
	cr_u8 pad4[48];
	struct cr_ring_lost lost[CR_RING_CAUSES]; /* by enum cr_cause; writers only add */
	struct cr_ring_slot verdicts[CR_RING_VERDICTS];
};

/* Slot of a connection's verdict: the first of CR_RING_PROBES in a row, modulo the table. */
static inline cr_u32 cr_ring_slot_of(cr_u64 conn)
{
	return (cr_u32)((conn * 0x9e3779b97f4a7c15ull) >> 40) & (CR_RING_VERDICTS - 1);
}

_Static_assert(sizeof(struct cr_hello) == 32, "cr_hello");
_Static_assert(sizeof(struct cr_plan) == 32, "cr_plan");
_Static_assert(sizeof(struct cr_ring_slot) == 24, "cr_ring_slot");
_Static_assert(sizeof(struct cr_ring) == 512 + 24 * CR_RING_VERDICTS, "cr_ring");
_Static_assert(sizeof(struct cr_ring) <= CR_RING_DATA, "cr_ring fits its pages");

#endif
