/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as messages. What is taken from them must be the very bytes when it is put again. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/event_wire.h"
#include "tests/unit/agent/event_make.h"

#define REQUIRE(condition)                                             \
	do {                                                           \
		if (!(condition)) {                                    \
			fprintf(stderr, "violated: %s\n", #condition); \
			abort();                                       \
		}                                                      \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_call(void *context, struct call_event *event)
{
	REQUIRE(!event_wire_put_call(context, 0, event));
	return 0;
}

static int on_process(void *context, const struct process_event *event)
{
	REQUIRE(!event_wire_put_process(context, 0, event));
	return 0;
}

static int on_loss(void *context, const struct loss_event *event)
{
	REQUIRE(!event_wire_put_loss(context, 0, event));
	return 0;
}

static int on_unseen(void *context, const struct unseen_event *event)
{
	REQUIRE(!event_wire_put_unseen(context, 0, event));
	return 0;
}

static int on_word(void *context, uint64_t number, enum event_wire_type type, const char *text)
{
	REQUIRE(!event_wire_put_word(context, number, type, text));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct event_wire_reader *reader;
	struct buffer again;
	struct event_wire_sinks sinks = {.context = &again,
					 .call = on_call,
					 .process = on_process,
					 .loss = on_loss,
					 .unseen = on_unseen,
					 .word = on_word};
	uint64_t number;
	size_t length;
	int r;

	REQUIRE(reader || !event_wire_reader_new(&reader));
	buffer_init(&again, EVENT_WIRE_MAX);
	while (!(r = event_wire_read(reader, data, size, &sinks, &length, &number))) {
		REQUIRE(length <= size && again.length == length);
		for (size_t i = 0; i < 8; i++)
			again.data[8 + i] = (uint8_t)(number >> 8 * i);
		REQUIRE(!memcmp(again.data, data, length));
		buffer_clear(&again);
		data += length;
		size -= length;
	}
	REQUIRE(r == -EAGAIN || r == -EBADMSG);
	buffer_free(&again);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

/* Now and then, starts anew from a message; else its length is made to fit again. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	struct buffer out;
	struct maker maker;

	if (seed % 64) {
		size = LLVMFuzzerMutate(data, size, max);
		for (size_t i = 0; size >= 16 && seed % 4 && i < 4; i++)
			data[i] = (uint8_t)(size >> 8 * i);
		return size;
	}
	buffer_init(&out, EVENT_WIRE_MAX);
	maker_init(&maker, seed, seed % 128);
	event_wire_put_unseen(&out, seed, make_unseen(&maker));
	event_wire_put_loss(&out, seed, make_loss(&maker));
	event_wire_put_process(&out, seed, make_process(&maker));
	event_wire_put_call(&out, seed, make_call(&maker));
	event_wire_put_word(&out, seed, EVENT_WIRE_BACKGROUND, "resp_1");
	/* From any of them on, so that each is the first. */
	for (unsigned int i = 0; i < seed / 128 % 5; i++)
		buffer_consume(&out, out.data[0] | (size_t)out.data[1] << 8);
	if (out.length < max)
		max = out.length;
	memcpy(data, out.data, max);
	buffer_free(&out);
	maker_free(&maker);
	return max;
}
