/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/conn/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/limits.h"
#include "agent/util/map.h"
#include "agent/util/record_check.h"

#define TLS_APPLICATION_DATA 23 /* RFC 8446 section 5.1 */
#define EXPIRE_EVERY_NS (10ull * 1000000000)

/* What a source calls a connection; start and generation tell apart those that share it. */
struct pointer_key {
	uint64_t conn;
	uint32_t pid;
	uint32_t layer;
};

struct connection {
	struct conn_key key;
	struct conn_info info;
	uint64_t id;
	uint64_t active_ns;
	uint64_t next[2]; /* stream offset behind the last byte or gap of a direction */
	struct connection *newer, *older; /* of the same process */
};

struct conn_table {
	stream_sink sink;
	void *context;
	struct map *connections; /* pointer_key to struct connection */
	struct map *processes;   /* pid to its newest struct connection */
	uint64_t last_id;
	uint64_t expired_ns;
	uint64_t overflow_records, overflow_bytes;
};

int conn_table_new(struct conn_table **ret_table, stream_sink sink, void *context)
{
	struct conn_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->sink = sink;
	table->context = context;
	if (map_new(&table->connections, sizeof(struct pointer_key), LIMIT_CONNECTIONS) < 0 ||
	    map_new(&table->processes, sizeof(uint32_t), LIMIT_CONNECTIONS) < 0) {
		conn_table_free(table);
		return -ENOMEM;
	}
	*ret_table = table;
	return 0;
}

static void connection_free(struct connection *c)
{
	if (!c)
		return;
	free((char *)c->info.sni);
	free((char *)c->info.alpn);
	free((char *)c->info.library);
	free(c);
}

void conn_table_free(struct conn_table *table)
{
	size_t cursor = 0;
	void *value;

	if (!table)
		return;
	while (table->connections && map_next(table->connections, &cursor, NULL, &value))
		connection_free(value);
	map_free(table->connections);
	map_free(table->processes);
	free(table);
}

/* Only want of memory is passed up; the pipeline counts a sink's other errors. */
static int emit(struct conn_table *table, const struct connection *c, struct stream_event *event)
{
	event->id = c->id;
	event->key = &c->key;
	event->info = &c->info;
	return table->sink(table->context, event) == -ENOMEM ? -ENOMEM : 0;
}

static struct pointer_key pointer_key(const struct cr_process *process, uint64_t conn,
				      unsigned int layer)
{
	return (struct pointer_key){.conn = conn, .pid = process->pid, .layer = layer};
}

static struct pointer_key key_of(const struct connection *c)
{
	return (struct pointer_key){
		.conn = c->key.conn, .pid = c->key.process.pid, .layer = c->key.layer};
}

/* Connections of a process hang in a list, so that its end need not look at all others. */
static int link_process(struct conn_table *table, struct connection *c)
{
	struct connection *newest = map_get(table->processes, &c->key.process.pid);
	int r = map_put(table->processes, &c->key.process.pid, c);

	if (r < 0)
		return r;
	c->older = newest;
	if (newest)
		newest->newer = c;
	return 0;
}

static void unlink_process(struct conn_table *table, struct connection *c)
{
	if (c->older)
		c->older->newer = c->newer;
	if (c->newer)
		c->newer->older = c->older;
	else if (c->older)
		(void)map_put(table->processes, &c->key.process.pid, c->older);
	else
		map_remove(table->processes, &c->key.process.pid);
}

static int end_connection(struct conn_table *table, struct connection *c, uint64_t now_ns)
{
	struct stream_event event = {.type = STREAM_END, .entry_ns = now_ns, .time_ns = now_ns};
	struct pointer_key key = key_of(c);
	int r;

	map_remove(table->connections, &key);
	unlink_process(table, c);
	r = emit(table, c, &event);
	connection_free(c);
	return r;
}

static int end_process(struct conn_table *table, const struct cr_process *process, uint64_t now_ns)
{
	struct connection *c = map_get(table->processes, &process->pid), *older;
	int r = 0;

	for (; c && !r; c = older) {
		older = c->older;
		if (c->key.process.start <= process->start)
			r = end_connection(table, c, now_ns);
	}
	return r;
}

static int new_connection(struct conn_table *table, const struct cr_process *process, uint64_t conn,
			  uint64_t generation, unsigned int layer, struct connection **ret_c)
{
	struct pointer_key key = pointer_key(process, conn, layer);
	struct connection *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->key = (struct conn_key){.process = {.start = process->start, .pid = process->pid},
				   .conn = conn,
				   .generation = generation,
				   .layer = layer};
	r = map_put(table->connections, &key, c);
	if (r < 0) {
		free(c);
		return r;
	}
	r = link_process(table, c);
	if (r < 0) {
		map_remove(table->connections, &key);
		free(c);
		return r;
	}
	c->id = ++table->last_id;
	*ret_c = c;
	return 0;
}

/* -1, 0, 1: is what the record names before, the same as, or after the connection? */
static int compare_age(const struct cr_process *process, uint64_t generation,
		       const struct connection *c)
{
	if (process->start != c->key.process.start)
		return process->start < c->key.process.start ? -1 : 1;
	if (generation != c->key.generation)
		return generation < c->key.generation ? -1 : 1;
	return 0;
}

/*
 * The connection that a record is of, made if need be, with *ret_new set.
 * Return: 0, -ENOMEM, -ESTALE for one that is over, -ENOSPC where there is no room.
 */
static int find_connection(struct conn_table *table, const struct cr_process *process,
			   uint64_t conn, uint64_t generation, unsigned int layer, uint64_t now_ns,
			   struct connection **ret_c, bool *ret_new)
{
	struct pointer_key key = pointer_key(process, conn, layer);
	struct connection *c = map_get(table->connections, &key);
	int age = c ? compare_age(process, generation, c) : 1, r;

	if (age < 0)
		return -ESTALE;
	*ret_new = age > 0;
	if (age == 0) {
		*ret_c = c;
		return 0;
	}
	if (c) {
		r = end_connection(table, c, now_ns);
		if (r < 0)
			return r;
	}
	return new_connection(table, process, conn, generation, layer, ret_c);
}

static int replace_text(const char **text, const char *value, size_t length)
{
	char *copy;

	if (!length || (*text && strlen(*text) == length && !memcmp(*text, value, length)))
		return 0;
	copy = strndup(value, length < LIMIT_CONN_TEXT ? length : LIMIT_CONN_TEXT);
	if (!copy)
		return -ENOMEM;
	free((char *)*text);
	*text = copy;
	return 0;
}

/* What this record does not tell stays as it was. */
static int merge_info(struct conn_info *info, const struct cr_conn *record)
{
	size_t offset = sizeof(*record), length;
	const char *value;
	unsigned int tag;
	int r = 0;

	if (record->role)
		info->role = record->role;
	if (record->flags & CR_CONN_JOINED_LATE)
		info->joined_late = true;
	if (record->local.family)
		info->local = record->local;
	if (record->peer.family)
		info->peer = record->peer;
	while (!r && (value = record_field_next(&record->head, &offset, &tag, &length))) {
		if (tag == CR_FIELD_SNI)
			r = replace_text(&info->sni, value, length);
		else if (tag == CR_FIELD_ALPN)
			r = replace_text(&info->alpn, value, length);
		else if (tag == CR_FIELD_LIBRARY)
			r = replace_text(&info->library, value, length);
	}
	return r;
}

static int feed_conn(struct conn_table *table, const struct cr_conn *record)
{
	struct stream_event event = {.entry_ns = record->head.time_ns,
				     .time_ns = record->head.time_ns};
	struct connection *c;
	bool is_new;
	int r = find_connection(table, &record->process, record->conn, record->generation,
				record->layer, record->head.time_ns, &c, &is_new);

	if (r == -ENOSPC)
		table->overflow_records++;
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	c->active_ns = record->head.time_ns;
	r = merge_info(&c->info, record);
	event.type = is_new ? STREAM_OPEN : STREAM_INFO;
	return r ? r : emit(table, c, &event);
}

/* Emits what of the record lies behind `next`: a gap before it, its bytes, the cut behind them. */
static int feed_bytes(struct conn_table *table, struct connection *c, const struct cr_data *record)
{
	struct stream_event event = {.direction = record->direction,
				     .redacted = record->head.flags & CR_FLAG_REDACTED,
				     .entry_ns = record->present & CR_HAS_ENTRY ? record->entry_ns
										: record->return_ns,
				     .time_ns = record->return_ns};
	uint64_t *next = &c->next[record->direction], start = record->stream_offset,
		 end = start + record->true_length, captured = record->captured_length;
	uint64_t skip;
	int r = 0;

	if (captured > record->true_length)
		captured = record->true_length;
	if (end < start || end <= *next)
		return 0;
	if (start > *next) {
		event.type = STREAM_GAP;
		event.cut = CR_CUT_LOST;
		event.offset = *next;
		event.length = start - *next;
		*next = start;
		r = emit(table, c, &event);
	}
	skip = *next - start;
	if (!r && skip < captured) {
		event.type = STREAM_DATA;
		event.cut = CR_CUT_NONE;
		event.op_start = !skip && !record->op_offset;
		event.offset = *next;
		event.length = captured - skip;
		event.data = (const uint8_t *)(record + 1) + skip;
		*next = start + captured;
		r = emit(table, c, &event);
	}
	if (!r && *next < end) {
		event.type = STREAM_GAP;
		event.cut = record->cut ? record->cut : CR_CUT_LOST;
		event.op_start = false;
		event.offset = *next;
		event.length = end - *next;
		event.data = NULL;
		*next = end;
		r = emit(table, c, &event);
	}
	return r;
}

static int feed_data(struct conn_table *table, const struct cr_data *record)
{
	struct stream_event event = {
		.type = STREAM_OPEN, .entry_ns = record->return_ns, .time_ns = record->return_ns};
	struct connection *c;
	bool is_new;
	int r;

	if (record->direction > CR_RECV || !record->true_length)
		return 0;
	r = find_connection(table, &record->process, record->conn, record->generation,
			    record->layer, record->head.time_ns, &c, &is_new);
	if (r == -ENOSPC) {
		table->overflow_records++;
		table->overflow_bytes += record->true_length;
	}
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	c->active_ns = record->head.time_ns;
	if (is_new) {
		c->info.joined_late = record->stream_offset > 0;
		/* What went by before the first sight is no gap. */
		c->next[record->direction] = record->stream_offset;
		r = emit(table, c, &event);
		if (r)
			return r;
	}
	if (record->layer == CR_LAYER_TLS_RECORD && record->tls_type != TLS_APPLICATION_DATA) {
		/* Not of the stream, but counted in its offsets. */
		uint64_t end = record->stream_offset + record->true_length;

		if (record->stream_offset <= c->next[record->direction] &&
		    end > c->next[record->direction])
			c->next[record->direction] = end;
		return 0;
	}
	return feed_bytes(table, c, record);
}

static int feed_end(struct conn_table *table, const struct cr_end *record)
{
	struct pointer_key key = pointer_key(&record->process, record->conn, record->layer);
	struct connection *c = map_get(table->connections, &key);

	if (!c || compare_age(&record->process, record->generation, c) < 0)
		return 0;
	return end_connection(table, c, record->head.time_ns);
}

int conn_table_feed(struct conn_table *table, const struct cr_head *record)
{
	switch (record->type) {
	case CR_DATA:
		return feed_data(table, (const struct cr_data *)record);
	case CR_CONN:
		return feed_conn(table, (const struct cr_conn *)record);
	case CR_END:
		return feed_end(table, (const struct cr_end *)record);
	case CR_EXEC:
		return end_process(table, &((const struct cr_exec *)record)->process,
				   record->time_ns);
	case CR_EXIT:
		return end_process(table, &((const struct cr_exit *)record)->process,
				   record->time_ns);
	default:
		return 0;
	}
}

int conn_table_expire(struct conn_table *table, uint64_t now_ns)
{
	size_t cursor = 0;
	void *value;
	int r = 0;

	if (now_ns < table->expired_ns + EXPIRE_EVERY_NS)
		return 0;
	table->expired_ns = now_ns;
	while (!r && map_next(table->connections, &cursor, NULL, &value)) {
		struct connection *c = value;

		if (now_ns > c->active_ns && now_ns - c->active_ns > LIMIT_CONN_IDLE_NS)
			r = end_connection(table, c, now_ns);
	}
	return r;
}

int conn_table_end(struct conn_table *table, uint64_t now_ns)
{
	size_t cursor = 0;
	void *value;
	int r = 0;

	while (!r && map_next(table->connections, &cursor, NULL, &value))
		r = end_connection(table, value, now_ns);
	return r;
}

void conn_table_overflow(struct conn_table *table, uint64_t *ret_records, uint64_t *ret_bytes)
{
	*ret_records = table->overflow_records;
	*ret_bytes = table->overflow_bytes;
	table->overflow_records = 0;
	table->overflow_bytes = 0;
}
