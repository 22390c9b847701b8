/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/record/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "agent/limits.h"
#include "agent/record/output.h"
#include "agent/util/map.h"
#include "agent/util/record_check.h"
#include "agent/util/redact.h"

struct held {
	struct held *next;           /* in the order of the file */
	struct held *next_in_stream; /* DATA */
	struct stream *stream;       /* DATA: what it belongs to; else NULL */
	size_t size;                 /* what it counts against LIMIT_RECORD_HELD */
	_Alignas(CR_ALIGN) uint8_t record[];
};

struct stream_key {
	struct conn_key conn;
	uint32_t direction;
	uint32_t reserved; /* 0 */
};

struct stream {
	struct stream_key key;
	struct held *first, *last;
	uint64_t passed;                   /* bytes before it may be written */
	uint64_t opaque_begin, opaque_end; /* the last range that may not */
	bool ended;
};

struct recorder {
	struct output *output;
	struct map *streams;
	struct held *first, *last;
	size_t held; /* bytes */
};

static struct cr_head *head_of(struct held *held)
{
	return (void *)held->record;
}

static struct cr_data *data_of(struct held *held)
{
	return (void *)held->record;
}

static uint64_t captured_end(const struct cr_data *data)
{
	return data->stream_offset + data->captured_length;
}

/* ---- streams ---- */

static void stream_drop(struct recorder *recorder, struct stream *stream)
{
	map_remove(recorder->streams, &stream->key);
	free(stream);
}

/* What is forgotten is told anew by the next redaction, or its bytes are never written. */
static void drop_idle_streams(struct recorder *recorder)
{
	size_t cursor = 0;
	void *value;

	while (map_next(recorder->streams, &cursor, NULL, &value)) {
		struct stream *stream = value;

		if (!stream->first)
			stream_drop(recorder, stream);
	}
}

static struct stream *stream_find(struct recorder *recorder, const struct conn_key *conn,
				  uint8_t direction)
{
	struct stream_key key;

	memset(&key, 0, sizeof(key));
	key.conn = *conn;
	key.direction = direction;
	return map_get(recorder->streams, &key);
}

static int stream_get(struct recorder *recorder, const struct conn_key *conn, uint8_t direction,
		      struct stream **ret_stream)
{
	struct stream *stream = stream_find(recorder, conn, direction);
	int r;

	if (stream) {
		*ret_stream = stream;
		return 0;
	}
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return -ENOMEM;
	stream->key.conn = *conn;
	stream->key.direction = direction;
	r = map_put(recorder->streams, &stream->key, stream);
	if (r == -ENOSPC) {
		drop_idle_streams(recorder);
		r = map_put(recorder->streams, &stream->key, stream);
	}
	if (r < 0) {
		free(stream);
		return -ENOMEM;
	}
	*ret_stream = stream;
	return 0;
}

static void conn_of_data(const struct cr_data *data, struct conn_key *ret_conn)
{
	memset(ret_conn, 0, sizeof(*ret_conn));
	ret_conn->process.start = data->process.start;
	ret_conn->process.pid = data->process.pid;
	ret_conn->conn = data->conn;
	ret_conn->generation = data->generation;
	ret_conn->layer = data->layer;
}

static void note_end(struct recorder *recorder, const struct cr_end *end)
{
	struct conn_key conn = {.conn = end->conn, .generation = end->generation};

	conn.process.start = end->process.start;
	conn.process.pid = end->process.pid;
	conn.layer = end->layer;
	for (int direction = CR_SEND; direction <= CR_RECV; direction++) {
		struct stream *stream = stream_find(recorder, &conn, (uint8_t)direction);

		if (stream && !stream->first)
			stream_drop(recorder, stream);
		else if (stream)
			stream->ended = true;
	}
}

/* ---- held records ---- */

static struct held *held_new(struct recorder *recorder, const void *record, size_t length,
			     size_t room)
{
	size_t size = sizeof(struct held) + (room > length ? room : length);
	struct held *held = calloc(1, size);

	if (!held)
		return NULL;
	memcpy(held->record, record, length);
	held->size = size;
	recorder->held += size;
	return held;
}

static void append(struct recorder *recorder, struct held *held, struct stream *stream)
{
	if (recorder->last)
		recorder->last->next = held;
	else
		recorder->first = held;
	recorder->last = held;
	held->stream = stream;
	if (!stream)
		return;
	if (stream->last)
		stream->last->next_in_stream = held;
	else
		stream->first = held;
	stream->last = held;
}

static void insert_behind(struct recorder *recorder, struct held *held, struct held *rest)
{
	struct stream *stream = held->stream;

	rest->stream = stream;
	rest->next = held->next;
	held->next = rest;
	if (recorder->last == held)
		recorder->last = rest;
	rest->next_in_stream = held->next_in_stream;
	held->next_in_stream = rest;
	if (stream->last == held)
		stream->last = rest;
}

static void remove_first(struct recorder *recorder)
{
	struct held *held = recorder->first;
	struct stream *stream = held->stream;

	recorder->first = held->next;
	if (!recorder->first)
		recorder->last = NULL;
	if (stream) {
		stream->first = held->next_in_stream;
		if (!stream->first) {
			stream->last = NULL;
			if (stream->ended)
				stream_drop(recorder, stream);
		}
	}
	recorder->held -= held->size;
	free(held);
}

/* The length of a DATA record with what it holds now. */
static void set_length(struct cr_data *data)
{
	size_t length = sizeof(*data) + data->captured_length;

	data->head.length = (uint32_t)((length + CR_ALIGN - 1) / CR_ALIGN * CR_ALIGN);
	memset((uint8_t *)data + length, 0, data->head.length - length);
}

/* Cut a record in two pieces of its operation; the second begins `at` captured bytes on. */
static int split(struct recorder *recorder, struct held *held, uint32_t at)
{
	struct cr_data *data = data_of(held), *rest_data;
	uint32_t rest_captured = data->captured_length - at;
	struct held *rest =
		held_new(recorder, data, sizeof(*data), sizeof(*data) + rest_captured + CR_ALIGN);

	if (!rest)
		return -ENOMEM;
	rest_data = data_of(rest);
	memcpy(rest_data + 1, (uint8_t *)(data + 1) + at, rest_captured);
	rest_data->op_offset += at;
	rest_data->stream_offset += at;
	rest_data->true_length -= at;
	rest_data->captured_length = rest_captured;
	set_length(rest_data);
	data->true_length = at;
	data->captured_length = at;
	data->cut = CR_CUT_NONE;
	set_length(data);
	insert_behind(recorder, held, rest);
	return 0;
}

/* Nothing of these bytes is written but that they were. */
static void withhold(struct cr_data *data)
{
	memset(data + 1, 0, data->captured_length);
	data->captured_length = 0;
	data->cut = CR_CUT_REDACTED;
	set_length(data);
}

/* ---- writing ---- */

static bool may_be_written(struct held *held)
{
	return !held->stream || data_of(held)->captured_length == 0 ||
	       captured_end(data_of(held)) <= held->stream->passed;
}

static int write_first(struct recorder *recorder)
{
	struct cr_head *head = head_of(recorder->first);
	int r;

	if (head->type == CR_DATA)
		head->flags |= CR_FLAG_REDACTED;
	r = output_write(recorder->output, head, head->length);
	if (r == 0 && head->type == CR_TICK)
		r = output_flush(recorder->output);
	remove_first(recorder);
	return r;
}

/* Write the first record now: what http has not passed of it as lengths. */
static int write_first_withheld(struct recorder *recorder)
{
	struct held *held = recorder->first;

	if (!may_be_written(held)) {
		struct cr_data *data = data_of(held);
		uint64_t passed = held->stream->passed;

		if (passed > data->stream_offset) {
			int r = split(recorder, held, (uint32_t)(passed - data->stream_offset));

			return r < 0 ? r : write_first(recorder);
		}
		if (data->captured_length < data->true_length) {
			int r = split(recorder, held, data->captured_length);

			if (r < 0)
				return r;
		}
		withhold(data);
	}
	return write_first(recorder);
}

static int release(struct recorder *recorder)
{
	while (recorder->first) {
		int r;

		if (may_be_written(recorder->first))
			r = write_first(recorder);
		else if (recorder->held > LIMIT_RECORD_HELD)
			r = write_first_withheld(recorder);
		else
			break;
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- redaction ---- */

static void overwrite(struct cr_data *data, uint64_t begin, uint64_t end, const char *replacement)
{
	uint64_t from = begin > data->stream_offset ? begin : data->stream_offset;
	uint64_t to = end < captured_end(data) ? end : captured_end(data);

	if (from < to)
		memcpy((uint8_t *)(data + 1) + (from - data->stream_offset),
		       replacement + (from - begin), to - from);
}

/* Withhold what lies in [begin, end) of a record; what is behind becomes the stream's next. */
static int make_opaque(struct recorder *recorder, struct held *held, uint64_t begin, uint64_t end)
{
	struct cr_data *data = data_of(held);
	int r;

	if (data->captured_length == 0 || captured_end(data) <= begin || data->stream_offset >= end)
		return 0;
	if (begin > data->stream_offset) {
		r = split(recorder, held, (uint32_t)(begin - data->stream_offset));
		if (r < 0)
			return r;
		data = data_of(held->next_in_stream);
		held = held->next_in_stream;
	}
	if (end < captured_end(data) || data->captured_length < data->true_length) {
		uint64_t until = end < captured_end(data) ? end : captured_end(data);

		r = split(recorder, held, (uint32_t)(until - data->stream_offset));
		if (r < 0)
			return r;
	}
	withhold(data);
	return 0;
}

int recorder_redact(struct recorder *recorder, const struct redaction_event *event)
{
	uint64_t end = event->length > UINT64_MAX - event->offset ? UINT64_MAX
								  : event->offset + event->length;
	struct stream *stream;
	int r = stream_get(recorder, event->conn, event->direction, &stream);

	if (r < 0)
		return r;
	switch (event->type) {
	case REDACTION_KEY:
		for (struct held *h = stream->first; h; h = h->next_in_stream)
			overwrite(data_of(h), event->offset, end, event->replacement);
		return 0;
	case REDACTION_OPAQUE:
		stream->opaque_begin = event->offset;
		stream->opaque_end = end;
		for (struct held *h = stream->first; r == 0 && h; h = h->next_in_stream)
			r = make_opaque(recorder, h, event->offset, end);
		return r < 0 ? r : release(recorder);
	case REDACTION_PASSED:
		if (event->offset > stream->passed)
			stream->passed = event->offset;
		return release(recorder);
	}
	return 0;
}

/* ---- feeding ---- */

static int feed_data(struct recorder *recorder, const struct cr_data *data)
{
	struct conn_key conn;
	struct stream *stream;
	struct held *held;
	int r;

	conn_of_data(data, &conn);
	r = stream_get(recorder, &conn, data->direction, &stream);
	if (r < 0)
		return r;
	stream->ended = false;
	held = held_new(recorder, data, sizeof(*data) + data->captured_length,
			sizeof(*data) + data->captured_length + CR_ALIGN);
	if (!held)
		return -ENOMEM;
	set_length(data_of(held));
	append(recorder, held, stream);
	return make_opaque(recorder, held, stream->opaque_begin, stream->opaque_end);
}

/* A field of a process's record, without the keys that may stand in an argument or a variable. */
static int redact_field(struct buffer *out, enum redact_next *next, unsigned int tag,
			const char *field, size_t length)
{
	enum redact_next variable = REDACT_PLAIN;
	struct buffer text;
	int r;

	if (tag != CR_FIELD_ARG && tag != CR_FIELD_ENV)
		return record_add_field(out, tag, field, length);
	buffer_init(&text, CR_LENGTH_MAX);
	r = redact_argument(&text, field, length, tag == CR_FIELD_ARG ? next : &variable);
	if (r == 0)
		r = record_add_field(out, tag, (const char *)text.data, text.length);
	buffer_free(&text);
	return r;
}

static int redact_fields(const struct cr_head *record, size_t struct_size, struct buffer *out)
{
	enum redact_next next = REDACT_PLAIN;
	size_t offset = struct_size, length, whole;
	const char *field;
	unsigned int tag;
	int r = buffer_append(out, record, struct_size);

	whole = out->length;
	while (r == 0 && (field = record_field_next(record, &offset, &tag, &length))) {
		whole = out->length;
		r = redact_field(out, &next, tag, field, length);
	}
	if (r == -E2BIG) { /* a replacement is longer than its key: the last fields go */
		out->length = whole;
		r = 0;
	}
	return r < 0 ? r : record_finish(out, 0);
}

/* A record whose fields may be a command line. */
static int feed_process(struct recorder *recorder, const struct cr_head *record, size_t struct_size)
{
	struct held *held = NULL;
	struct buffer out;
	int r;

	buffer_init(&out, CR_LENGTH_MAX);
	r = redact_fields(record, struct_size, &out);
	if (r == 0) {
		held = held_new(recorder, out.data, out.length, 0);
		if (held)
			append(recorder, held, NULL);
		else
			r = -ENOMEM;
	}
	buffer_free(&out);
	return r;
}

static int feed_other(struct recorder *recorder, const struct cr_head *record)
{
	struct held *held = held_new(recorder, record, record->length, 0);

	if (!held)
		return -ENOMEM;
	append(recorder, held, NULL);
	if (record->type == CR_END)
		note_end(recorder, (const struct cr_end *)record);
	return 0;
}

int recorder_feed(struct recorder *recorder, const struct cr_head *record)
{
	int r;

	switch (record->type) {
	case CR_DATA:
		r = feed_data(recorder, (const struct cr_data *)record);
		break;
	case CR_PROC:
		r = feed_process(recorder, record, sizeof(struct cr_proc));
		break;
	case CR_EXEC:
		r = feed_process(recorder, record, sizeof(struct cr_exec));
		break;
	case CR_CONN:
	case CR_LINK:
	case CR_END:
	case CR_FORK:
	case CR_EXIT:
	case CR_CLOCK:
	case CR_TICK:
	case CR_LOST:
	case CR_UNSEEN:
		r = feed_other(recorder, record);
		break;
	default: /* the file has its own first record, and of no other it is known what it holds */
		return 0;
	}
	return r < 0 ? r : release(recorder);
}

/* ---- birth and end ---- */

static int write_file_record(struct recorder *recorder, enum cr_capture capture)
{
	struct cr_file record;

	memset(&record, 0, sizeof(record));
	record.head.length = sizeof(record);
	record.head.type = CR_FILE;
	record.head.version = CR_VERSION;
	record.magic = CR_FILE_MAGIC;
	record.capture = capture;
	if (getrandom(record.hash_key, sizeof(record.hash_key), 0) !=
	    (ssize_t)sizeof(record.hash_key))
		return -errno;
	return output_write(recorder->output, &record, sizeof(record));
}

int recorder_new(struct recorder **ret_recorder, const char *path, enum cr_capture capture)
{
	struct recorder *recorder = calloc(1, sizeof(*recorder));
	int r;

	if (!recorder)
		return -ENOMEM;
	r = map_new(&recorder->streams, sizeof(struct stream_key), 2 * LIMIT_CONNECTIONS);
	if (r == 0)
		r = output_new(&recorder->output, path);
	if (r == 0)
		r = write_file_record(recorder, capture);
	if (r < 0) {
		recorder_free(recorder);
		return r;
	}
	*ret_recorder = recorder;
	return 0;
}

int recorder_end(struct recorder *recorder)
{
	int r = 0;

	while (r == 0 && recorder->first)
		r = write_first_withheld(recorder);
	return r < 0 ? r : output_sync(recorder->output);
}

void recorder_free(struct recorder *recorder)
{
	size_t cursor = 0;
	void *value;

	if (!recorder)
		return;
	while (recorder->first)
		remove_first(recorder);
	while (recorder->streams && map_next(recorder->streams, &cursor, NULL, &value))
		free(value);
	map_free(recorder->streams);
	output_free(recorder->output);
	free(recorder);
}
