/* SPDX-License-Identifier: Apache-2.0 */
/* A collector that keeps sums of what it emits. */
#ifndef TESTS_UNIT_PRELOAD_COLLECT_H
#define TESTS_UNIT_PRELOAD_COLLECT_H

#include <sys/resource.h>
#include <time.h>

#include "agent/source/preload.h"
#include "agent/util/record_check.h"
#include "tests/unit/test.h"

#define STREAMS_MAX 4096
#define PATIENCE_MS 40000 /* with what is to come; it costs nothing when it comes */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* One direction of one connection, as captured. */
struct stream {
	uint32_t pid;
	uint64_t conn, generation;
	unsigned int direction;
	uint64_t ops, bytes, captured, hash, pieces;
	uint64_t next;    /* offset that the next record should have */
	uint64_t op_next; /* offset within the operation that is open, 0: none */
	bool holes;
	bool patterned; /* each byte is the low byte of its offset */
	bool late, ended;
};

struct collected {
	struct preload_source *source;
	struct stream *streams;
	size_t n_streams;
	unsigned int n_proc, n_exec, n_exit, n_end, n_conn, n_bad, n_odd;
	uint64_t lost_records[16], lost_bytes[16];
	uint64_t last_ns;
	char sni[64], library[256], exe[256];
	uint32_t root_pid;
	struct conn_key last;
	struct cr_data last_data;
};

static struct collected all;

static struct stream *stream_of(uint32_t pid, uint64_t conn, uint64_t generation, unsigned int way)
{
	struct stream *s;

	for (size_t i = all.n_streams; i-- > 0;) {
		s = &all.streams[i];
		if (s->pid == pid && s->conn == conn && s->generation == generation &&
		    s->direction == way)
			return s;
	}
	if (all.n_streams == STREAMS_MAX)
		return NULL;
	s = &all.streams[all.n_streams++];
	*s = (struct stream){.pid = pid, .conn = conn, .generation = generation, .direction = way};
	s->hash = 0xcbf29ce484222325ull;
	s->patterned = true;
	return s;
}

static void collect_data(const struct cr_data *data)
{
	const uint8_t *bytes = (const uint8_t *)(data + 1);
	struct stream *s =
		stream_of(data->process.pid, data->conn, data->generation, data->direction);

	all.last_data = *data;
	all.last = (struct conn_key){
		.process = {.pid = data->process.pid, .start = data->process.start},
		.conn = data->conn,
		.generation = data->generation,
		.layer = data->layer,
	};
	if (!s)
		return;
	if (data->stream_offset != s->next || data->op_offset != s->op_next)
		s->holes = true;
	if (data->op_offset + data->true_length > data->op_length || data->op + 1 < s->ops)
		all.n_odd++;
	s->next = data->stream_offset + data->true_length;
	s->op_next = data->op_offset + data->true_length;
	if (s->op_next == data->op_length)
		s->op_next = 0;
	s->ops = data->op + 1;
	s->pieces++;
	s->bytes += data->true_length;
	s->captured += data->captured_length;
	for (uint32_t i = 0; i < data->captured_length; i++) {
		s->hash = (s->hash ^ bytes[i]) * 0x100000001b3ull;
		s->patterned = s->patterned && bytes[i] == (uint8_t)(data->stream_offset + i);
	}
}

static void collect_conn(const struct cr_conn *conn)
{
	struct stream *s = stream_of(conn->process.pid, conn->conn, conn->generation, CR_SEND);
	size_t offset = sizeof(*conn), length;
	const char *text;
	unsigned int tag;

	all.n_conn++;
	if (s)
		s->late = conn->flags & CR_CONN_JOINED_LATE;
	while ((text = record_field_next(&conn->head, &offset, &tag, &length))) {
		if (tag == CR_FIELD_SNI)
			snprintf(all.sni, sizeof(all.sni), "%.*s", (int)length, text);
		if (tag == CR_FIELD_LIBRARY)
			snprintf(all.library, sizeof(all.library), "%.*s", (int)length, text);
	}
}

static void collect_proc(const struct cr_proc *proc)
{
	size_t offset = sizeof(*proc), length;
	const char *text;
	unsigned int tag;

	all.n_proc++;
	if (proc->flags & CR_PROC_ROOT)
		all.root_pid = proc->process.pid;
	while ((text = record_field_next(&proc->head, &offset, &tag, &length))) {
		if (tag == CR_FIELD_EXE)
			snprintf(all.exe, sizeof(all.exe), "%.*s", (int)length, text);
	}
}

static int collect(void *context, const struct cr_head *record)
{
	const struct cr_lost *lost = (const struct cr_lost *)record;

	if (record_check(record, record->length))
		all.n_bad++;
	switch (record->type) {
	case CR_DATA:
		collect_data((const struct cr_data *)record);
		break;
	case CR_CONN:
		collect_conn((const struct cr_conn *)record);
		break;
	case CR_PROC:
		collect_proc((const struct cr_proc *)record);
		break;
	case CR_LOST:
		all.lost_records[lost->cause % 16] += lost->records;
		all.lost_bytes[lost->cause % 16] += lost->bytes;
		break;
	case CR_END:
		all.n_end++;
		break;
	case CR_EXEC:
		all.n_exec++;
		break;
	case CR_EXIT:
		all.n_exit++;
		break;
	default:
		all.n_bad++;
	}
	return 0;
}

static void collect_start(uint64_t ring_bytes)
{
	struct preload_source_opts opts = {.ring_bytes = ring_bytes, .sink = collect};
	static struct stream streams[STREAMS_MAX];

	preload_source_free(all.source);
	all = (struct collected){.streams = streams};
	/* for the thread that answers, if allowed: a shim waits 50 ms, however busy the machine */
	setpriority(PRIO_PROCESS, 0, -20);
	CHECK_INT(preload_source_new(&opts, &all.source), 0);
	setpriority(PRIO_PROCESS, 0, 0);
}

static void collect_stop(void)
{
	preload_source_free(all.source);
	all.source = NULL;
}

#endif
