/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace: gives calls their ids and their place, and keeps the table of processes.
 *
 * Ids are hashes of boot id, process, connection, generation and position, so that the same capture
 * gives the same ids anywhere: SHA-256 of boot_id[16], start u64, pid u32, of which a trace id is
 * the first 16 bytes; a span id is the first 8 of the same with conn u64, generation u64, layer u32
 * and position u64 behind, all little-endian. A trace is the application's own where a traceparent
 * says so (W3C Trace Context), else that of the process: the root of the wrapped tree where there
 * is one.
 */
#ifndef AGENT_TRACE_TRACE_H
#define AGENT_TRACE_TRACE_H

#include "agent/event.h"

struct trace;

struct trace_opts {
	call_sink call;
	process_sink process;
	void *context;
	bool callers_only; /* tell only of processes that make calls, and of their ancestors */
};

/** trace_new - Return: 0 or -ENOMEM. */
int trace_new(struct trace **ret_trace, const struct trace_opts *opts);

/** trace_feed - one record of type FORK, EXEC, EXIT, PROC or CLOCK; others are passed over. */
int trace_feed(struct trace *trace, const struct cr_head *record);

/** trace_tell - tell of a process, where callers_only has kept it back. Return: 0 or -ENOMEM. */
int trace_tell(struct trace *trace, const struct process_key *key);

/*
 * trace_call - fills in the ids of a call and passes it on. What BEGIN was given, PROGRESS and END
 *	are given too, whatever became known meanwhile.
 * Return: 0 or -ENOMEM.
 */
int trace_call(struct trace *trace, struct call_event *event);

/** trace_expire - forget processes that ended long ago. */
int trace_expire(struct trace *trace, uint64_t now_ns);

int trace_end(struct trace *trace, uint64_t now_ns);

void trace_free(struct trace *trace);

#endif
