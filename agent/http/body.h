/* SPDX-License-Identifier: Apache-2.0 */
/* The body of one message: content decoding, and the events of a text/event-stream. */
#ifndef AGENT_HTTP_BODY_H
#define AGENT_HTTP_BODY_H

#include "agent/event.h"
#include "agent/http/decode.h"
#include "agent/http/head.h"
#include "agent/http/sse.h"

/* Callbacks return 0 or negative. */
struct body_sink {
	void *context;
	decode_sink bytes; /* of a body that is no stream of events */
	struct sse_sink message;
};

#define BODY_ENCODING_MAX 32

struct body {
	struct decoder *decoder; /* NULL: identity */
	struct sse *sse;         /* NULL: no stream of events */
	bool stopped;            /* nothing more comes out */
	bool busy;               /* within body_feed() */
	bool has_declared;
	uint32_t partial;                 /* bits of enum partial_reason */
	uint64_t seen, missing, declared; /* encoded bytes */
	uint64_t undecoded;               /* of `seen`, what could not be decoded */
	char *encoding;                   /* that is unknown or damaged; NULL: none */
};

/*
 * body_begin - by the fields of its head.
 * @body: zeroed.
 * @events: a text/event-stream is read as such.
 * Return: 0 or -ENOMEM.
 */
int body_begin(struct body *body, const struct head *head, struct decode_budget *budget,
	       bool events);

/** body_feed - Return: 0, or what the sink gave. */
int body_feed(struct body *body, const struct body_sink *sink, const uint8_t *data, size_t length);

/** body_missing - so many bytes are not there. */
void body_missing(struct body *body, uint64_t length);

/** body_end - the message is complete: is its content? */
void body_end(struct body *body);

/** body_stop - nothing more is wanted. */
void body_stop(struct body *body);

/** body_declared - bytes by Content-Length, else what was seen and is known missing. */
uint64_t body_declared(const struct body *body);

void body_release(struct body *body);

#endif
