/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector of the preload shim: answers greetings, drains the rings. The sink is called from
 * the caller's thread only.
 *
 * Per process it emits PROC at its greeting (EXEC before it, where the same process greeted
 * before), then what the shim recorded, LOST when its counters moved, and EXIT. process, cgroup and
 * network namespace of each record are the kernel's word, not the shim's. Records of one connection
 * are in order; those of several processes are merged by time, as far as they are there. CLOCK and
 * TICK are the caller's to add.
 */
#ifndef AGENT_SOURCE_PRELOAD_H
#define AGENT_SOURCE_PRELOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/event.h"
#include "agent/source/source.h"

/* The variable that tells the shim where to greet, beside LD_PRELOAD. */
#define PRELOAD_SOCKET_VARIABLE "TOLLSPAN_PRELOAD_SOCKET"

struct preload_source;

struct preload_source_opts {
	uint64_t ring_bytes; /* per process; made a power of two of whole pages; 0: 4 MiB */
	record_sink sink;
	void *context;
};

/** preload_source_new - listen, and answer from now on. Return: 0 or a negative errno. */
int preload_source_new(const struct preload_source_opts *opts, struct preload_source **ret_source);

/** preload_source_address - value for PRELOAD_SOCKET_VARIABLE; lives as long as the source. */
const char *preload_source_address(const struct preload_source *source);

/** preload_source_fd - readable when there is something for preload_source_dispatch(). */
int preload_source_fd(const struct preload_source *source);

/*
 * preload_source_dispatch - take up those that greeted and drain the rings; never waits. Greetings
 *	are answered by a thread of the source's own, but a ring tells nobody that it fills: call it
 *	when the descriptor is readable, and every 10 ms.
 * Return: 0, -ENOMEM, or what the sink returned.
 */
int preload_source_dispatch(struct preload_source *source);

/*
 * preload_source_drain - as dispatch, until nothing is left that the processes had written when it
 *was called.
 * @final: processes that live are done with, too: nothing is taken from them any more.
 */
int preload_source_drain(struct preload_source *source, bool final);

/** preload_source_set_root - the process whose PROC gets CR_PROC_ROOT; before it greets. */
void preload_source_set_root(struct preload_source *source, uint32_t pid);

enum preload_seen {
	PRELOAD_UNKNOWN,  /* never greeted */
	PRELOAD_GREETED,  /* it, or the process that it was forked from, has a ring */
	PRELOAD_CAPTURED, /* data came from it */
};

/*
 * preload_source_seen - what is known of a process, also after its exit.
 * @start: USER_HZ ticks since boot, or 0: whoever had that pid last.
 */
enum preload_seen preload_source_seen(const struct preload_source *source, uint32_t pid,
				      uint64_t start);

/*
 * preload_source_connects - how often a process called connect() for a stream to the internet, and
 *	was not refused at once; also after its exit. System calls that pass by the C library (Go)
 *are not counted.
 * @start: as above.
 */
uint64_t preload_source_connects(const struct preload_source *source, uint32_t pid, uint64_t start);

/*
 * preload_source_silent - call back with each that greeted, EXE and MAPPING as of its start and by
 *	the shim's word. Return: 0, or what the callback returned.
 */
int preload_source_silent(const struct preload_source *source, silent_fn fn, void *context);

/** preload_source_processes - processes that have a ring now. */
unsigned int preload_source_processes(const struct preload_source *source);

/** preload_source_control - verdicts for connections; context lives as long as the source. */
struct control preload_source_control(struct preload_source *source);

void preload_source_free(struct preload_source *source);

#endif
