/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket at which shims greet (bpf/capture_record.h), and the thread that answers them: a shim
 * waits 50 ms, whatever the rest of the program is at. Any local user can connect to an abstract
 * address: greetings are taken from processes of the collector's own user, of root, and from
 * descendants of the collector; the others are closed without an answer.
 */
#ifndef AGENT_SOURCE_PRELOAD_GREET_H
#define AGENT_SOURCE_PRELOAD_GREET_H

#include <stdint.h>

#include "agent/source/preload_ring.h"
#include "agent/util/buffer.h"
#include "bpf/capture_record.h"

struct preload_greeter;

/* A shim that was answered. Whoever takes the pidfd or the ring leaves -1 or zeros behind. */
struct preload_greeting {
	struct preload_greeting *next;
	struct cr_process process; /* by the kernel's word */
	uint32_t uid;
	int pidfd;
	uint64_t time_ns;
	uint64_t netns; /* inode of its network namespace, 0: unknown */
	struct preload_ring ring;
	struct buffer hello; /* the HELLO record: what the shim says of itself */
	struct buffer proc;  /* a PROC record; empty: none could be made */
};

/*
 * preload_greeter_new - listen, and begin to answer.
 * @ring_bytes: of each ring; a power of two of whole pages.
 */
int preload_greeter_new(uint64_t ring_bytes, struct preload_greeter **ret_greeter);

const char *preload_greeter_address(const struct preload_greeter *greeter);

/** preload_greeter_fd - readable when there is something for preload_greeter_take(). */
int preload_greeter_fd(const struct preload_greeter *greeter);

/*
 * preload_greeter_take - all that were answered since the last call, the oldest first, which are
 *	the caller's. Who writes into a ring was answered, so its greeting is among them.
 * Return: NULL: none.
 */
struct preload_greeting *preload_greeter_take(struct preload_greeter *greeter);

/** preload_greeter_give_up - free a ring, if there is one, and make room for another. */
void preload_greeter_give_up(struct preload_greeter *greeter, struct preload_ring *ring);

/** preload_greeting_free - free one greeting; its ring is given up. */
void preload_greeting_free(struct preload_greeter *greeter, struct preload_greeting *greeting);

/** preload_greeter_free - ends the thread first. All rings have been given up. */
void preload_greeter_free(struct preload_greeter *greeter);

#endif
