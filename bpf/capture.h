/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel programs of capture.bpf.c and their loader share, beside the capture record. */
#ifndef TOLLSPAN_CAPTURE_H
#define TOLLSPAN_CAPTURE_H

#include "bpf/capture_record.h"

/* Function under a probe: its attach cookie. The numbers are those of enum site_function. */
enum capture_function {
	CAPTURE_READ = 1,
	CAPTURE_WRITE = 2,
	CAPTURE_READ_EX = 3,
	CAPTURE_WRITE_EX = 4,
	CAPTURE_FREE = 5,
	CAPTURE_READ_INTERNAL = 6,
	CAPTURE_WRITE_INTERNAL = 7,
	CAPTURE_WRITE_FLAGS = 8,
	CAPTURE_UP_REF = 9,
	CAPTURE_NEW = 10,
};

/* Bytes of each operation that the verdict "heads" lets through. */
#define CAPTURE_HEADS 4096

/* Pieces of one operation at most: 64 MiB. What is beyond is lost by CR_CAUSE_CAP. */
#define CAPTURE_PIECES_MAX 2048

/* Processes, threads and connections that are followed at once. */
#define CAPTURE_PROCESSES_MAX 65536
#define CAPTURE_THREADS_MAX 65536
#define CAPTURE_CONNECTIONS_MAX 65536
#define CAPTURE_STRANGERS_MAX 16384

/* Events of the lifecycle ring only, each a struct cr_exec. */
#define CAPTURE_EVENT_CONNECT 0x8000 /* a process opened a TCP connection */
#define CAPTURE_EVENT_STRANGER                                            \
	0x8001 /* a process that is not captured called a probed function \
		*/

/* CR_EXEC, with its field EXE: the program as it was called; cut where longer, zero behind. */
struct capture_began {
	struct cr_exec exec;
	struct cr_field field;
	char path[252];
};

_Static_assert(sizeof(struct capture_began) % CR_ALIGN == 0, "capture_began");

/* Value of the map `tree`; the key is the thread group id in the attacher's pid namespace. */
struct capture_process {
	cr_u64 start; /* USER_HZ ticks since boot */
	cr_u32 pid;   /* as the key */
	cr_u32 image; /* counts exec */
	cr_u32 connected;
	cr_u32 quiet; /* followed for its descendants' sake: nothing of it is captured */
	cr_u32 told;  /* it was captured before: of its end the reader is told */
	cr_u32 reserved;
};

/* Value of the map `strangers`: as what a process was told. The key is that of `tree`. */
struct capture_stranger {
	cr_u64 start; /* of the process, ns */
	cr_u64 cgroup;
	cr_u32 uid;
	cr_u32 reserved;
};

/* Key of the map `connections`. */
struct capture_conn_key {
	cr_u64 ssl;
	cr_u64 start;
	cr_u32 pid;
	cr_u32 image;
};

/* Key of the map `verdicts`; the value is a u32, enum verdict. */
struct capture_verdict_key {
	cr_u64 conn;
	cr_u64 generation;
	cr_u32 pid;
	cr_u32 reserved;
};

/* Slots of the map `losses`. */
enum capture_loss {
	CAPTURE_LOSS_RING = 0,
	CAPTURE_LOSS_FAULT = 1,
	CAPTURE_LOSS_CAP = 2,
	CAPTURE_LOSS_TABLE = 3,
	CAPTURE_LOSS_EVENT = 4,     /* records of processes and connections that found no room */
	CAPTURE_LOSS_LIFECYCLE = 5, /* events that the lifecycle ring had no room for */
	CAPTURE_LOSSES = 6,
};

struct capture_lost {
	cr_u64 records;
	cr_u64 bytes;
};

#endif
