/* SPDX-License-Identifier: Apache-2.0 */
/* Reader's side of a shim's ring (bpf/capture_record.h). The writer is not trusted. */
#ifndef AGENT_SOURCE_PRELOAD_RING_H
#define AGENT_SOURCE_PRELOAD_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/capture_record.h"

struct preload_ring {
	struct cr_ring *shared; /* NULL: none */
	uint8_t *data;
	uint64_t size;
	uint64_t head;      /* as last read */
	uint64_t tail;      /* what the shared page says of it is not believed */
	uint64_t told_tail; /* what was last written there */
	uint32_t serial;
	uint32_t length; /* of the record that peek found */
	struct cr_ring_lost killed;
	struct cr_ring_lost told[CR_RING_CAUSES];
};

/*
 * preload_ring_new - make a ring.
 * @ret_fd: its memfd, sealed at its size, which is the caller's.
 */
int preload_ring_new(uint64_t size, struct preload_ring *ret_ring, int *ret_fd);

/*
 * preload_ring_peek - is there a record?
 * @dead: its writers are gone: what they left half-written is skipped, and counted in `killed`.
 * Return: 1 with its time, 0, or -EBADMSG if the ring is damaged.
 */
int preload_ring_peek(struct preload_ring *ring, bool dead, uint64_t *ret_time_ns);

/** preload_ring_take - copy out the record that peek found; record has room for CR_LENGTH_MAX. */
void preload_ring_take(struct preload_ring *ring, void *record);

/** preload_ring_head - position behind what writers have taken. */
uint64_t preload_ring_head(const struct preload_ring *ring);

/** preload_ring_lost - what a cause lost since this was last asked. Return: false: nothing. */
bool preload_ring_lost(struct preload_ring *ring, unsigned int cause,
		       struct cr_ring_lost *ret_lost);

/** preload_ring_verdict - how much of a connection is wanted from now on. */
void preload_ring_verdict(struct preload_ring *ring, uint64_t conn, uint64_t generation,
			  enum cr_ring_verdict verdict);

void preload_ring_free(struct preload_ring *ring);

#endif
