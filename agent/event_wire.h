/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event_wire: the second seam. Events of the pipeline's end as messages between two processes of
 * one program: the worker, which may have been taken over by what it parses, and the keeper, which
 * believes nothing that it reads.
 *
 * A message is a head (u32 length of all of it, u16 type, u16 zero, u64 number), and a body. The
 * same program is on both sides, so there is no version; every length is checked all the same.
 */
#ifndef AGENT_EVENT_WIRE_H
#define AGENT_EVENT_WIRE_H

#include "agent/event.h"
#include "agent/util/buffer.h"

enum event_wire_type {
	EVENT_WIRE_CALL = 1,
	EVENT_WIRE_PROCESS,
	EVENT_WIRE_LOSS,
	EVENT_WIRE_UNSEEN,
	EVENT_WIRE_END,        /* worker to keeper: nothing more comes */
	EVENT_WIRE_ACCEPTED,   /* keeper to worker: all up to number are kept */
	EVENT_WIRE_BACKGROUND, /* keeper to worker: a response that was begun in the background */
	EVENT_WIRE_READY,      /* keeper to worker: the table is whole */
	EVENT_WIRE_REFUSED,    /* keeper to worker: the one of this number will never be kept */
};

struct event_wire_head {
	uint32_t length;
	uint16_t type;
	uint16_t reserved;
	uint64_t number;
};

/* No message is longer; an event that would be is not sent (-E2BIG). */
#define EVENT_WIRE_MAX (512 * 1024)

/*
 * event_wire_put_* - append one message to out.
 * Return: 0; -E2BIG beyond EVENT_WIRE_MAX, out's cap or the cap of a list; -EINVAL for what
 *	event_wire_read() would refuse; -ENOMEM. On failure out holds what it held.
 */
int event_wire_put_call(struct buffer *out, uint64_t number, const struct call_event *event);
int event_wire_put_process(struct buffer *out, uint64_t number, const struct process_event *event);
int event_wire_put_loss(struct buffer *out, uint64_t number, const struct loss_event *event);
int event_wire_put_unseen(struct buffer *out, uint64_t number, const struct unseen_event *event);
/* END, ACCEPTED, READY and REFUSED have no body; of BACKGROUND it is the response's id. */
int event_wire_put_word(struct buffer *out, uint64_t number, enum event_wire_type type,
			const char *text);

/* A NULL function: such a message is -EBADMSG. */
struct event_wire_sinks {
	void *context;
	call_sink call;
	process_sink process;
	loss_sink loss;
	unseen_sink unseen;
	/* END, ACCEPTED, BACKGROUND, READY, REFUSED; @text: NULL where there is none */
	int (*word)(void *context, uint64_t number, enum event_wire_type type, const char *text);
};

struct event_wire_reader;

/** event_wire_reader_new - with room for the pieces of one event. Return: 0 or -ENOMEM. */
int event_wire_reader_new(struct event_wire_reader **ret_reader);

/*
 * event_wire_read - decode the first message of data and give it to its sink.
 * @data: texts are not copied: the event that a sink gets points into it.
 * @ret_length: bytes that it took; @ret_number: its number.
 * Return: 0; -EAGAIN: not whole yet, more bytes are needed; -EBADMSG: damage; what the sink gave.
 * Every string that a sink gets is NUL-terminated, and every enumeration within its range. What a
 * text says, and what a number counts, is not checked.
 */
int event_wire_read(struct event_wire_reader *reader, const uint8_t *data, size_t length,
		    const struct event_wire_sinks *sinks, size_t *ret_length, uint64_t *ret_number);

void event_wire_reader_free(struct event_wire_reader *reader);

#endif
