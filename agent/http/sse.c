/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/http/sse.h"

#include <string.h>

static const uint8_t byte_order_mark[3] = {0xef, 0xbb, 0xbf};

void sse_init(struct sse *sse)
{
	memset(sse, 0, sizeof(*sse));
}

void sse_gap(struct sse *sse)
{
	bool limited = sse->limited;

	sse_init(sse);
	sse->state = SSE_LOST;
	sse->line_data = true;
	sse->limited = limited;
}

bool sse_open(const struct sse *sse)
{
	return sse->has_data || sse->name_length || (sse->state == SSE_FIELD && sse->matched);
}

static void start_line(struct sse *sse)
{
	sse->state = SSE_FIELD;
	sse->field = SSE_NONE;
	sse->matched = 0;
}

static int start_value(struct sse *sse, const struct sse_sink *sink)
{
	bool again = sse->has_data;

	sse->state = SSE_SPACE;
	if (sse->matched == 4 && !memcmp(sse->prefix, "data", 4)) {
		sse->field = SSE_DATA;
		sse->has_data = true;
		return again ? sink->data(sink->context, (const uint8_t *)"\n", 1) : 0;
	}
	if (sse->matched == 5 && !memcmp(sse->prefix, "event", 5)) {
		sse->field = SSE_EVENT;
		sse->name_length = 0;
		return 0;
	}
	sse->state = SSE_SKIP;
	return 0;
}

static int dispatch(struct sse *sse, const struct sse_sink *sink)
{
	bool complete = sse->has_data;

	sse->name[sse->name_length] = '\0';
	sse->has_data = false;
	sse->name_length = 0;
	return complete ? sink->end(sink->context, sse->name) : 0;
}

static int end_line(struct sse *sse, const struct sse_sink *sink)
{
	int r = 0;

	if (sse->state == SSE_LOST) {
		if (!sse->line_data)
			start_line(sse);
		sse->line_data = false;
		return 0;
	}
	if (sse->state == SSE_START || (sse->state == SSE_FIELD && !sse->matched)) {
		/* The mark cut short is the name of a field of no interest. */
		if (!(sse->state == SSE_START && sse->matched))
			r = dispatch(sse, sink);
	} else if (sse->state == SSE_FIELD) {
		r = start_value(sse, sink); /* a name without a colon has an empty value */
	}
	start_line(sse);
	return r;
}

static void append_name(struct sse *sse, const uint8_t *data, size_t length)
{
	size_t room = LIMIT_SSE_NAME - sse->name_length;

	if (length > room) {
		length = room;
		sse->limited = true;
	}
	memcpy(sse->name + sse->name_length, data, length);
	sse->name_length += (uint8_t)length;
}

/* Bytes of one line, at least one. Return: how many were taken, or negative. */
static ptrdiff_t feed_line(struct sse *sse, const struct sse_sink *sink, const uint8_t *data,
			   size_t length)
{
	int r = 0;

	switch (sse->state) {
	case SSE_START:
		if (data[0] == byte_order_mark[sse->matched]) {
			if (++sse->matched == sizeof(byte_order_mark))
				start_line(sse);
			return 1;
		}
		if (sse->matched)
			sse->state = SSE_SKIP;
		else
			start_line(sse);
		return 0;
	case SSE_FIELD:
		if (data[0] == ':') {
			r = start_value(sse, sink);
			return r ? r : 1;
		}
		if (sse->matched == sizeof(sse->prefix)) {
			sse->state = SSE_SKIP;
			return 0;
		}
		sse->prefix[sse->matched++] = (char)data[0];
		return 1;
	case SSE_SPACE:
		sse->state = SSE_VALUE;
		return data[0] == ' ';
	case SSE_VALUE:
		if (sse->field == SSE_EVENT)
			append_name(sse, data, length);
		else
			r = sink->data(sink->context, data, length);
		return r ? r : (ptrdiff_t)length;
	case SSE_LOST:
		sse->line_data = true;
		return (ptrdiff_t)length;
	case SSE_SKIP:
		break;
	}
	return (ptrdiff_t)length;
}

int sse_feed(struct sse *sse, const struct sse_sink *sink, const uint8_t *data, size_t length)
{
	const uint8_t *end = data + length, *cr = NULL;
	int r;

	while (data < end) {
		const uint8_t *stop, *lf;

		if (sse->skip_lf) {
			sse->skip_lf = false;
			if (*data == '\n') {
				data++;
				continue;
			}
		}
		lf = memchr(data, '\n', (size_t)(end - data));
		stop = lf ? lf : end;
		/* A CR further on was found already, if it was looked for. */
		if (!cr || cr < data)
			cr = memchr(data, '\r', (size_t)(stop - data));
		if (cr && cr < stop)
			stop = cr;
		while (data < stop) {
			ptrdiff_t n = feed_line(sse, sink, data, (size_t)(stop - data));

			if (n < 0)
				return (int)n;
			data += n;
		}
		if (data == end)
			break;
		sse->skip_lf = *data++ == '\r';
		r = end_line(sse, sink);
		if (r)
			return r;
	}
	return 0;
}
