/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/http/body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_event_stream(const struct head *head)
{
	static const char type[] = "text/event-stream";
	size_t length, n = sizeof(type) - 1;
	const char *value = head_get(head, "content-type", &length);

	return value && length >= n && !strncasecmp(value, type, n) &&
	       (length == n || value[n] == ';' || value[n] == ' ' || value[n] == '\t' ||
		value[n] == ',');
}

static int name_encoding(struct body *body, const char *name, size_t length)
{
	free(body->encoding);
	body->encoding = strndup(name, length < BODY_ENCODING_MAX ? length : BODY_ENCODING_MAX);
	return body->encoding ? 0 : -ENOMEM;
}

/* Content codings, and then transfer codings, which were applied to their result. */
static int collect_encodings(const struct head *head, struct buffer *out)
{
	static const char *const names[] = {"content-encoding", "transfer-encoding"};
	const char *text = (const char *)head->text.data;

	for (size_t n = 0; n < 2; n++) {
		for (size_t i = 0; i < head->n_fields; i++) {
			const struct head_field *field = &head->fields[i];

			if (field->name_length != strlen(names[n]) ||
			    memcmp(text + field->name, names[n], field->name_length) != 0)
				continue;
			if (buffer_append(out, text + field->value, field->value_length) ||
			    buffer_append(out, ",", 1))
				return -ENOMEM;
		}
	}
	return 0;
}

static int begin_decoder(struct body *body, const struct head *head, struct decode_budget *budget)
{
	struct buffer encodings;
	const char *unknown = "";
	size_t length = 0;
	int r;

	buffer_init(&encodings, 2 * LIMIT_HTTP_HEAD);
	r = collect_encodings(head, &encodings);
	if (!r && encodings.length)
		r = decoder_new(&body->decoder, budget, (const char *)encodings.data,
				encodings.length, &unknown, &length);
	if (r == -EOPNOTSUPP) {
		r = name_encoding(body, unknown, length);
		body->partial |= PARTIAL_ENCODING;
		body->stopped = true;
	} else if (r == -E2BIG) {
		r = 0;
		body->partial |= PARTIAL_LIMIT;
		body->stopped = true;
	}
	buffer_free(&encodings);
	return r;
}

int body_begin(struct body *body, const struct head *head, struct decode_budget *budget,
	       bool events)
{
	if (events && is_event_stream(head)) {
		body->sse = malloc(sizeof(*body->sse));
		if (!body->sse)
			return -ENOMEM;
		sse_init(body->sse);
	}
	return begin_decoder(body, head, budget);
}

struct decoded {
	struct body *body;
	const struct body_sink *sink;
};

static int deliver(void *context, const uint8_t *data, size_t length)
{
	const struct decoded *d = context;

	/* The consumer may have lost interest in the middle of a feed. */
	if (d->body->stopped)
		return 0;
	if (d->body->sse)
		return sse_feed(d->body->sse, &d->sink->message, data, length);
	return d->sink->bytes(d->sink->context, data, length);
}

int body_feed(struct body *body, const struct body_sink *sink, const uint8_t *data, size_t length)
{
	struct decoded decoded = {body, sink};
	int r;

	body->seen += length;
	if (body->stopped) {
		if (body->encoding)
			body->undecoded += length;
		return 0;
	}
	if (!body->decoder)
		return deliver(&decoded, data, length);
	body->busy = true;
	r = decoder_feed(body->decoder, deliver, &decoded, data, length);
	body->busy = false;
	if (r == -EBADMSG) {
		const char *name = decoder_name(body->decoder);

		body->partial |= PARTIAL_ENCODING;
		body->undecoded += length;
		body->stopped = true;
		r = name_encoding(body, name, strlen(name));
	} else if (r == -ENOBUFS || r == -EFBIG) {
		body->partial |= PARTIAL_LIMIT;
		body->stopped = true;
		r = 0;
	}
	if (body->stopped)
		body_stop(body);
	return r;
}

void body_missing(struct body *body, uint64_t length)
{
	body->missing += length;
	body->partial |= PARTIAL_GAP;
	/* Events stand apart from each other; of other content the rest would be misread. */
	if (body->sse && !body->decoder)
		sse_gap(body->sse);
	else
		body_stop(body);
}

void body_end(struct body *body)
{
	if (body->decoder && !body->stopped && decoder_end(body->decoder) < 0)
		body->partial |= PARTIAL_ENCODING;
	if (body->sse && !body->stopped && sse_open(body->sse))
		body->partial |= PARTIAL_CUT;
	if (body->sse && body->sse->limited)
		body->partial |= PARTIAL_LIMIT;
}

void body_stop(struct body *body)
{
	body->stopped = true;
	if (body->busy)
		return;
	decoder_free(body->decoder);
	body->decoder = NULL;
}

uint64_t body_declared(const struct body *body)
{
	return body->has_declared ? body->declared : body->seen + body->missing;
}

void body_release(struct body *body)
{
	decoder_free(body->decoder);
	free(body->sse);
	free(body->encoding);
	body->decoder = NULL;
	body->sse = NULL;
	body->encoding = NULL;
}
