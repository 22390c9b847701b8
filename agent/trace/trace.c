/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trace/trace.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/limits.h"
#include "agent/trace/process.h"
#include "agent/trace/traceparent.h"
#include "agent/util/hash.h"
#include "agent/util/map.h"

struct call_key {
	struct conn_key conn;
	uint64_t position;
};

/* The ids of an open call: later facts do not move it. */
struct call_ids {
	uint8_t trace_id[TRACE_ID_SIZE];
	uint8_t span_id[SPAN_ID_SIZE];
	uint8_t parent_span_id[SPAN_ID_SIZE];
	struct process_key root;
};

struct trace {
	struct trace_opts opts;
	struct process_table *processes;
	struct map *open; /* call_key → call_ids */
	uint8_t boot_id[BOOT_ID_SIZE];
	int64_t wall_offset_ns;
	uint64_t next_expire_ns;
};

/* What ids are hashes of, little-endian and packed, so that they are the same everywhere. */
struct process_seed {
	uint8_t boot_id[BOOT_ID_SIZE];
	uint64_t start;
	uint32_t pid;
} __attribute__((packed));

struct call_seed {
	struct process_seed process;
	uint64_t conn;
	uint64_t generation;
	uint32_t layer;
	uint64_t position;
} __attribute__((packed));

int trace_new(struct trace **ret_trace, const struct trace_opts *opts)
{
	struct trace *trace = calloc(1, sizeof(*trace));
	int r;

	if (!trace)
		return -ENOMEM;
	trace->opts = *opts;
	r = process_table_new(&trace->processes);
	if (r == 0)
		r = map_new(&trace->open, sizeof(struct call_key), LIMIT_OPEN_CALLS);
	if (r < 0) {
		trace_free(trace);
		return r;
	}
	*ret_trace = trace;
	return 0;
}

void trace_free(struct trace *trace)
{
	size_t cursor = 0;
	void *ids;

	if (!trace)
		return;
	while (trace->open && map_next(trace->open, &cursor, NULL, &ids))
		free(ids);
	map_free(trace->open);
	process_table_free(trace->processes);
	free(trace);
}

/* ---- processes ---- */

/* The sink's errors are its own to count; only a lack of memory goes upstream. */
static int emit_process(struct trace *trace, const struct process *process)
{
	struct process_event event;
	int r;

	process_describe(process, &event);
	event.wall_offset_ns = trace->wall_offset_ns;
	memcpy(event.boot_id, trace->boot_id, sizeof(event.boot_id));
	r = trace->opts.process(trace->opts.context, &event);
	return r == -ENOMEM ? r : 0;
}

/* A process that makes a call, and those that it descends from, as far as they were not told. */
static int emit_line(struct trace *trace, struct process *process)
{
	int r = 0;

	for (int depth = 0; r == 0 && process && depth < LIMIT_PROCESS_DEPTH; depth++) {
		if (process_mark(process))
			break;
		r = emit_process(trace, process);
		process = process_parent(trace->processes, process);
	}
	return r;
}

int trace_tell(struct trace *trace, const struct process_key *key)
{
	struct process *process;
	bool made;
	int r;

	if (!trace->opts.callers_only)
		return 0;
	r = process_table_get(trace->processes, key, &made, &process);
	return r < 0 || !process ? r : emit_line(trace, process);
}

int trace_feed(struct trace *trace, const struct cr_head *record)
{
	struct process *process = NULL;
	int r;

	switch (record->type) {
	case CR_CLOCK: {
		const struct cr_clock *clock = (const struct cr_clock *)record;

		memcpy(trace->boot_id, clock->boot_id, sizeof(trace->boot_id));
		trace->wall_offset_ns = clock->wall_offset_ns;
		return 0;
	}
	case CR_FORK:
	case CR_EXEC:
	case CR_EXIT:
	case CR_PROC:
		r = process_table_feed(trace->processes, record, &process);
		if (r < 0 || !process || (trace->opts.callers_only && !process_is_marked(process)))
			return r;
		return emit_process(trace, process);
	default:
		return 0;
	}
}

/* ---- ids ---- */

static struct process_seed seed_of(const struct trace *trace, const struct process_key *key)
{
	struct process_seed seed = {.start = htole64(key->start), .pid = htole32(key->pid)};

	memcpy(seed.boot_id, trace->boot_id, sizeof(seed.boot_id));
	return seed;
}

/* The first n bytes of a digest; never all zero, which stands for no id. */
static void make_id(const void *seed, size_t length, uint8_t *id, size_t n)
{
	struct hash_piece piece = {.data = seed, .length = length};
	uint8_t digest[HASH_SIZE], any = 0;

	hash_sha256(&piece, 1, digest);
	for (size_t i = 0; i < n; i++)
		any |= digest[i];
	memcpy(id, digest, n);
	if (!any)
		id[n - 1] = 1;
}

static int make_ids(struct trace *trace, const struct call_event *event, struct call_ids *ids)
{
	struct process_key root = event->conn.process;
	struct call_seed seed = {
		.process = seed_of(trace, &event->conn.process),
		.conn = htole64(event->conn.conn),
		.generation = htole64(event->conn.generation),
		.layer = htole32(event->conn.layer),
		.position = htole64(event->position),
	};
	struct process_seed trace_seed;
	struct process *process;
	bool made;
	int r = process_table_get(trace->processes, &event->conn.process, &made, &process);

	if (r == 0 && process && trace->opts.callers_only)
		r = emit_line(trace, process);
	else if (r == 0 && made)
		r = emit_process(trace, process);
	if (r < 0)
		return r;
	memset(ids, 0, sizeof(*ids));
	make_id(&seed, sizeof(seed), ids->span_id, sizeof(ids->span_id));
	if (event->traceparent &&
	    traceparent_parse(event->traceparent, ids->trace_id, ids->parent_span_id) == 0)
		return 0;
	if (process)
		process_root(trace->processes, process, &root);
	trace_seed = seed_of(trace, &root);
	make_id(&trace_seed, sizeof(trace_seed), ids->trace_id, sizeof(ids->trace_id));
	ids->root = root;
	return 0;
}

/* Beyond the cap the ids are not kept, and made anew from what is known then. */
static int keep_ids(struct trace *trace, const struct call_key *key, const struct call_ids *ids)
{
	struct call_ids *kept = malloc(sizeof(*kept));
	int r;

	if (!kept)
		return -ENOMEM;
	*kept = *ids;
	r = map_put(trace->open, key, kept);
	if (r < 0)
		free(kept);
	return r == -ENOSPC ? 0 : r;
}

int trace_call(struct trace *trace, struct call_event *event)
{
	struct call_key key;
	struct call_ids ids, *kept;
	int r = 0;

	memset(&key, 0, sizeof(key));
	key.conn = event->conn;
	key.position = event->position;
	kept = map_get(trace->open, &key);
	if (kept) {
		ids = *kept;
	} else {
		r = make_ids(trace, event, &ids);
		if (r == 0 && event->type != CALL_END)
			r = keep_ids(trace, &key, &ids);
	}
	if (r < 0)
		return r;
	if (event->type == CALL_END)
		free(map_remove(trace->open, &key));
	memcpy(event->trace_id, ids.trace_id, sizeof(ids.trace_id));
	memcpy(event->span_id, ids.span_id, sizeof(ids.span_id));
	memcpy(event->parent_span_id, ids.parent_span_id, sizeof(ids.parent_span_id));
	event->root = ids.root;
	r = trace->opts.call(trace->opts.context, event);
	return r == -ENOMEM ? r : 0;
}

int trace_expire(struct trace *trace, uint64_t now_ns)
{
	if (now_ns < trace->next_expire_ns)
		return 0;
	trace->next_expire_ns = now_ns + LIMIT_PROCESS_ENDED_NS / 4;
	process_table_expire(trace->processes, now_ns);
	return 0;
}

int trace_end(struct trace *trace, uint64_t now_ns)
{
	return 0;
}
