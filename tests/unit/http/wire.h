/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds byte streams to the http stage, writes down as text what comes out of it, and keeps what
 * a recorder would write of the bytes.
 */
#ifndef TESTS_UNIT_HTTP_WIRE_H
#define TESTS_UNIT_HTTP_WIRE_H

#include "agent/http/http.h"
#include "agent/limits.h"
#include "agent/util/buffer.h"
#include "tests/unit/test.h"

#define WIRE_MAX (256 * MIB)

struct wire_direction {
	struct buffer sent;  /* every byte, in stream order; zeros for gaps */
	struct buffer cover; /* a byte for each: 0 not told, 'p' passed, 'o' opaque, 'k' key */
	struct buffer file;  /* what a recorder would write */
	uint64_t passed;
};

struct wire {
	struct http *http;
	struct buffer log; /* a line an event; pieces of a body joined */
	int open_body;     /* type of the body that the log's last line is, -1 none */
	bool quiet;        /* bodies are counted only, and bytes are not kept */
	uint64_t n_bytes, n_exchanges, n_messages;
	uint32_t partial; /* of the last EXCHANGE_END */
	char fingerprint[32];
	int ignore; /* type of event at which the sink wants no more, -1 none */
	struct wire_direction direction[2];
	struct conn_info info;
	struct conn_key key;
	uint64_t time_ns;
	uint64_t times[EXCHANGE_END + 1]; /* of the last event of each type */
	enum verdict verdict;
	unsigned int n_verdicts;
	struct control control;
	bool redacted;
	uint64_t offset[2];
};

#define WIRE __attribute__((unused)) static

WIRE void wire_note(struct wire *w, const void *data, size_t length)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < length; i++) {
		if (bytes[i] == '\n')
			CHECK(!buffer_append(&w->log, "\\n", 2));
		else if (bytes[i] < ' ' || bytes[i] > '~')
			CHECK(!buffer_printf(&w->log, "\\x%02x", bytes[i]));
		else
			CHECK(!buffer_append(&w->log, bytes + i, 1));
	}
}

WIRE void wire_body(struct wire *w, const struct exchange_event *event, const char *name)
{
	w->n_bytes += event->length;
	if (w->quiet)
		return;
	if (w->open_body != (int)event->type) {
		if (w->open_body >= 0)
			buffer_append(&w->log, "\n", 1);
		buffer_printf(&w->log, "%" PRIu64 " %s ", event->id, name);
		w->open_body = event->type;
	}
	wire_note(w, event->data, event->length);
}

WIRE void wire_fields(struct wire *w, const struct exchange_event *event)
{
	for (size_t i = 0; !w->quiet && i < event->n_fields; i++) {
		const struct header_field *field = &event->fields[i];

		buffer_append(&w->log, "  ", 2);
		wire_note(w, field->name, field->name_length);
		buffer_append(&w->log, "=", 1);
		wire_note(w, field->value, field->value_length);
		buffer_append(&w->log, "\n", 1);
	}
}

WIRE int wire_exchange(void *context, const struct exchange_event *e)
{
	static const char *const bodies[] = {[EXCHANGE_REQUEST_BODY] = "sent",
					     [EXCHANGE_RESPONSE_BODY] = "got",
					     [EXCHANGE_MESSAGE_DATA] = "data"};
	static const char *const ends[] = {[EXCHANGE_REQUEST_END] = "request-end",
					   [EXCHANGE_RESPONSE_END] = "response-end",
					   [EXCHANGE_END] = "end"};
	struct wire *w = context;

	CHECK(e->type <= EXCHANGE_END && e->id);
	w->times[e->type] = e->time_ns;
	if (e->type == EXCHANGE_REQUEST_BODY || e->type == EXCHANGE_RESPONSE_BODY ||
	    e->type == EXCHANGE_MESSAGE_DATA) {
		wire_body(w, e, bodies[e->type]);
		return w->ignore == (int)e->type;
	}
	if (w->open_body >= 0 && !w->quiet)
		buffer_append(&w->log, "\n", 1);
	w->open_body = -1;
	switch (e->type) {
	case EXCHANGE_REQUEST_HEAD:
		buffer_printf(&w->log, "%" PRIu64 " @%" PRIu64 " %s %s %s\n", e->id, e->position,
			      e->method, e->target, e->authority ? e->authority : "-");
		snprintf(w->fingerprint, sizeof(w->fingerprint), "%s",
			 e->key_fingerprint ? e->key_fingerprint : "");
		wire_fields(w, e);
		break;
	case EXCHANGE_RESPONSE_HEAD:
		buffer_printf(&w->log, "%" PRIu64 " %u\n", e->id, e->status);
		wire_fields(w, e);
		break;
	case EXCHANGE_MESSAGE_END:
		w->n_messages++;
		if (!w->quiet)
			buffer_printf(&w->log, "%" PRIu64 " message %s\n", e->id, e->name);
		break;
	default:
		buffer_printf(&w->log, "%" PRIu64 " %s %x %" PRIu64 "/%" PRIu64 "\n", e->id,
			      ends[e->type], e->partial, e->bytes_seen, e->bytes_declared);
	}
	if (e->type == EXCHANGE_END) {
		w->n_exchanges++;
		w->partial = e->partial;
	}
	return w->ignore == (int)e->type;
}

/* Keeps the order that recorders rely on, and never tells of bytes that did not come yet. */
WIRE int wire_redact(void *context, const struct redaction_event *e)
{
	struct wire *w = context;
	struct wire_direction *d = &w->direction[e->direction];
	uint64_t end = e->offset + e->length;

	CHECK(e->direction <= 1 && end <= w->offset[e->direction]);
	CHECK(e->offset >= d->passed);
	if (e->type == REDACTION_PASSED) {
		CHECK(!e->length);
		for (uint64_t i = d->passed; !w->quiet && i < e->offset; i++) {
			if (d->cover.data[i])
				continue;
			d->cover.data[i] = 'p';
			d->file.data[i] = d->sent.data[i];
		}
		d->passed = e->offset;
		return 0;
	}
	CHECK(e->length > 0);
	for (uint64_t i = e->offset; !w->quiet && i < end; i++) {
		CHECK(!d->cover.data[i]);
		d->cover.data[i] = e->type == REDACTION_KEY ? 'k' : 'o';
		d->file.data[i] =
			(uint8_t)(e->type == REDACTION_KEY ? e->replacement[i - e->offset] : '#');
	}
	return 0;
}

WIRE int wire_loss(void *context, const struct loss_event *e)
{
	struct wire *w = context;

	if (w->open_body >= 0 && !w->quiet)
		buffer_append(&w->log, "\n", 1);
	w->open_body = -1;
	buffer_printf(&w->log, "lost %u %s\n", e->cause, e->name ? e->name : "-");
	return 0;
}

WIRE void wire_verdict(void *context, const struct conn_key *conn, enum verdict verdict)
{
	struct wire *w = context;

	w->verdict = verdict;
	w->n_verdicts++;
}

WIRE void wire_open(struct wire *w)
{
	struct http_opts opts = {.exchange = wire_exchange,
				 .redaction = wire_redact,
				 .loss = wire_loss,
				 .context = w,
				 .control = &w->control,
				 .salt = "0123456789abcdef0123456789abcde"};

	memset(w, 0, sizeof(*w));
	w->control.context = w;
	w->control.verdict = wire_verdict;
	w->open_body = w->ignore = -1;
	w->time_ns = 1000;
	w->key.process.pid = 7;
	buffer_init(&w->log, WIRE_MAX);
	for (int i = 0; i < 2; i++) {
		buffer_init(&w->direction[i].sent, WIRE_MAX);
		buffer_init(&w->direction[i].cover, WIRE_MAX);
		buffer_init(&w->direction[i].file, WIRE_MAX);
	}
	CHECK(!http_new(&w->http, &opts));
}

WIRE void wire_event(struct wire *w, struct stream_event *event)
{
	event->id = 1;
	event->key = &w->key;
	event->info = &w->info;
	CHECK_INT(http_feed(w->http, event), 0);
}

WIRE void wire_account(struct wire *w, int direction, const void *data, size_t length, uint8_t mark)
{
	struct wire_direction *d = &w->direction[direction];
	size_t from = d->sent.length;
	static const uint8_t zeros[4096];

	w->offset[direction] += length;
	if (w->quiet)
		return;
	for (size_t left = length, n; left; left -= n) {
		n = left < sizeof(zeros) ? left : sizeof(zeros);
		CHECK(!buffer_append(&d->sent, data ? (const uint8_t *)data + length - left : zeros,
				     n));
		CHECK(!buffer_append(&d->cover, zeros, n));
		CHECK(!buffer_append(&d->file, zeros, n));
	}
	memset(d->cover.data + from, mark, length);
}

/* One operation, or with op false the rest of one. */
WIRE void wire_data(struct wire *w, int direction, const void *data, size_t length, bool op)
{
	/* Its own memory, so that a sanitizer sees a read beyond the end. */
	uint8_t *copy = malloc(length ? length : 1);
	struct stream_event event = {.type = STREAM_DATA,
				     .direction = (uint8_t)direction,
				     .redacted = w->redacted,
				     .op_start = op,
				     .offset = w->offset[direction],
				     .length = length,
				     .data = copy,
				     .entry_ns = w->time_ns,
				     .time_ns = w->time_ns + 1};

	memcpy(copy, data, length);
	w->time_ns += 10;
	wire_account(w, direction, data, length, 0);
	wire_event(w, &event);
	free(copy);
}

WIRE void wire_text(struct wire *w, int direction, const char *text)
{
	wire_data(w, direction, text, strlen(text), true);
}

WIRE void wire_gap(struct wire *w, int direction, size_t length)
{
	struct stream_event event = {.type = STREAM_GAP,
				     .direction = (uint8_t)direction,
				     .cut = CR_CUT_LOST,
				     .offset = w->offset[direction],
				     .length = length,
				     .entry_ns = w->time_ns,
				     .time_ns = w->time_ns + 1};

	w->time_ns += 10;
	wire_account(w, direction, NULL, length, 0);
	wire_event(w, &event);
}

/* Every byte must have been told to the recorder. */
WIRE void wire_check_cover(struct wire *w)
{
	for (int i = 0; i < 2; i++) {
		CHECK_INT(w->direction[i].passed, w->offset[i]);
		if (!w->quiet && w->offset[i])
			CHECK(!memchr(w->direction[i].cover.data, 0, w->direction[i].cover.length));
	}
}

WIRE void wire_close(struct wire *w)
{
	struct stream_event event = {
		.type = STREAM_END, .entry_ns = w->time_ns, .time_ns = w->time_ns};

	wire_event(w, &event);
	if (w->open_body >= 0 && !w->quiet)
		buffer_append(&w->log, "\n", 1);
	w->open_body = -1;
	wire_check_cover(w);
}

WIRE const char *wire_log(struct wire *w)
{
	return buffer_text(&w->log);
}

WIRE const char *wire_file(struct wire *w, int direction)
{
	return buffer_text(&w->direction[direction].file);
}

WIRE void wire_free(struct wire *w)
{
	http_free(w->http);
	buffer_free(&w->log);
	for (int i = 0; i < 2; i++) {
		buffer_free(&w->direction[i].sent);
		buffer_free(&w->direction[i].cover);
		buffer_free(&w->direction[i].file);
	}
}

/* How an operation of a script is cut into records. */
enum wire_split { SPLIT_NONE, SPLIT_BYTES, SPLIT_OPS, SPLIT_RANDOM, N_SPLITS };

WIRE void wire_operation(struct wire *w, int direction, const char *data, size_t length,
			 enum wire_split split)
{
	for (size_t at = 0, n; at < length; at += n) {
		n = split == SPLIT_NONE     ? length
		    : split == SPLIT_RANDOM ? 1 + (size_t)rand() % 40
					    : 1;
		if (n > length - at)
			n = length - at;
		wire_data(w, direction, data + at, n, !at || split == SPLIT_OPS);
	}
}

/* Operations: ">text" the client writes, "<text" it reads; NULL ends them. */
WIRE void wire_play(struct wire *w, const char *const *script, enum wire_split split)
{
	for (; *script; script++)
		wire_operation(w, **script == '<', *script + 1, strlen(*script) - 1, split);
}

#endif
