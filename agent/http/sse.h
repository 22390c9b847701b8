/* SPDX-License-Identifier: Apache-2.0 */
/* text/event-stream, as the HTML standard (section 9.2.6) reads it, without holding its data. */
#ifndef AGENT_HTTP_SSE_H
#define AGENT_HTTP_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/limits.h"

struct sse_sink {
	void *context;
	/* Bytes of the event's data; lines after the first come with "\n" before them. */
	int (*data)(void *context, const uint8_t *data, size_t length);
	/* The event is complete. Not called for one that has no data line. */
	int (*end)(void *context, const char *name);
};

enum sse_state {
	SSE_START, /* first line: a byte order mark may come */
	SSE_FIELD, /* in a field name */
	SSE_SPACE, /* behind the colon: one space is dropped */
	SSE_VALUE,
	SSE_SKIP, /* a comment, or a field of no interest, to the end of its line */
	SSE_LOST, /* after a gap, until an empty line */
};

enum sse_field { SSE_NONE, SSE_DATA, SSE_EVENT };

/* To be embedded; opaque. */
struct sse {
	enum sse_state state;
	enum sse_field field;
	bool skip_lf;    /* a CR ended the line: the LF behind it ends no other */
	bool has_data;   /* the event has a data line */
	bool line_data;  /* SSE_LOST: the line has bytes */
	bool limited;    /* a name was cut */
	uint8_t matched; /* bytes of the field's name, or of the byte order mark */
	uint8_t name_length;
	char prefix[6]; /* the field's name as far as it came */
	char name[LIMIT_SSE_NAME + 1];
};

void sse_init(struct sse *sse);

/** sse_feed - the next bytes. Return: 0, or what the sink gave first (negative). */
int sse_feed(struct sse *sse, const struct sse_sink *sink, const uint8_t *data, size_t length);

/** sse_gap - bytes are missing here: drops the event that is open, goes on after an empty line. */
void sse_gap(struct sse *sse);

/** sse_open - has an event begun that is not complete? */
bool sse_open(const struct sse *sse);

#endif
