/* SPDX-License-Identifier: Apache-2.0 */
/*
 * framing: one direction of a connection cut into messages (RFC 9112), on llhttp; finds the start
 * of the next message again where the thread was lost; tells what may be recorded of the bytes.
 */
#ifndef AGENT_HTTP_FRAMING_H
#define AGENT_HTTP_FRAMING_H

#include <llhttp.h>

#include "agent/event.h"
#include "agent/http/head.h"

/* What the head of a message means for what follows it. */
enum framing_body {
	FRAMING_BODY,    /* as the head says */
	FRAMING_NO_BODY, /* the next message */
	FRAMING_ABANDON, /* of no interest: search for the next start line */
	FRAMING_DEAD,    /* another protocol */
};

struct framing;

enum framing_state {
	FRAMING_SEARCH, /* for an operation that begins with a start line */
	FRAMING_IDLE,   /* between messages */
	FRAMING_HEAD,
	FRAMING_LENGTH,  /* body of Content-Length */
	FRAMING_CHUNKED, /* and trailers */
	FRAMING_CLOSE,   /* body up to the end of the connection */
	FRAMING_OVER,    /* another protocol */
};

/* Callbacks return 0 or negative, which ends the feeding, but for those that say otherwise. */
struct framing_events {
	/* A message begins. Return: 1 to be asked again, with all that follows, later. */
	int (*begin)(void *context, struct framing *framing);
	/* Its head is complete, in framing->head. */
	int (*head)(void *context, struct framing *framing, enum framing_body *ret_body);
	int (*body)(void *context, struct framing *framing, const uint8_t *data, size_t length);
	/* So many bytes of the body are missing here. */
	int (*missing)(void *context, struct framing *framing, uint64_t length);
	int (*end)(void *context, struct framing *framing);
	/* The thread was lost: one bit of enum partial_reason, and where it was. */
	int (*lost)(void *context, struct framing *framing, uint32_t reason,
		    enum framing_state where);
	/* The preface of HTTP/2 instead of a start line. */
	int (*preface)(void *context, struct framing *framing);
	void (*redaction)(void *context, struct framing *framing, struct redaction_event *event);
};

enum framing_kind { FRAMING_UNKNOWN, FRAMING_REQUEST, FRAMING_RESPONSE, FRAMING_H2 };

#define START_LINE_MAX 24 /* bytes that tell a start line */

struct piece {
	const uint8_t *data;
	size_t length;
	uint64_t offset, entry_ns, time_ns;
	bool redacted, op_start;
};

struct framing {
	const struct framing_events *events;
	void *context;
	const uint8_t *salt;
	enum framing_state state;
	enum framing_kind kind; /* what this direction carries, once known */
	uint8_t direction;
	bool begun; /* a message was found */
	bool paused_in_head, in_chunk, in_trailer;
	uint8_t start_length; /* bytes in start */
	int error;            /* of a callback within llhttp */
	llhttp_t parser;
	struct head *head;
	uint64_t remaining; /* of FRAMING_LENGTH */
	uint64_t position;  /* stream offset of the message */
	uint64_t begin_ns;  /* entry of the operation that holds it */
	uint64_t passed;    /* told as such */
	uint64_t body_end;  /* stream offset behind the last byte of a body */
	uint64_t seen;      /* stream offset behind all that came */
	const struct piece *piece;
	struct piece start_piece; /* of what is in start */
	uint8_t start[START_LINE_MAX];
};

void framing_init(struct framing *framing, const struct framing_events *events, void *context,
		  const uint8_t *salt, uint8_t direction);

/*
 * framing_feed - the next bytes.
 * @ret_used: bytes taken; less than all where `begin` said to ask again later.
 * Return: 0 or -ENOMEM.
 */
int framing_feed(struct framing *framing, const struct piece *piece, size_t *ret_used);

/** framing_gap - bytes are missing from offset on. Return: 0 or -ENOMEM. */
int framing_gap(struct framing *framing, uint64_t offset, uint64_t length);

/** framing_lose - give up the message and search for the next, as after a gap at offset. */
int framing_lose(struct framing *framing, uint64_t offset, uint32_t reason);

/** framing_stop - all that follows is another protocol. */
void framing_stop(struct framing *framing);

/*
 * framing_close - no more comes behind this offset.
 * @closed: the connection ended, which ends a body that is ended so.
 * Return: 0 or -ENOMEM.
 */
int framing_close(struct framing *framing, uint64_t offset, bool closed);

void framing_release(struct framing *framing);

/** framing_classify - what do these bytes begin? Return: 1, 0 if more are needed, -1 nothing. */
int framing_classify(const uint8_t *data, size_t length, enum framing_kind *ret_kind);

#endif
