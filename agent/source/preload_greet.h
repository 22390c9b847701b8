/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket at which shims greet (bpf/capture_record.h). Any local user can connect to an abstract
 * address: greetings are taken from processes of the collector's own user, of root, and from
 * descendants of the collector; the others are closed without an answer.
 */
#ifndef AGENT_SOURCE_PRELOAD_GREET_H
#define AGENT_SOURCE_PRELOAD_GREET_H

#include <stdint.h>

#include "bpf/capture_record.h"

struct preload_greeter;

struct preload_greeting {
	struct cr_process process; /* by the kernel's word */
	uint32_t uid;
	int pidfd;       /* the greeter's */
	const char *exe; /* by the shim's word; NULL: it did not say */
};

/*
 * The answer to a greeting: the memfd of a ring, which the greeter closes, and its size; the shim
 * gets no answer where they are left untouched. Return: 0, or a negative errno that ends the
 * dispatch.
 */
typedef int (*preload_greeted)(void *context, const struct preload_greeting *greeting,
			       int *ret_ring, uint64_t *ret_ring_bytes);

int preload_greeter_new(struct preload_greeter **ret_greeter);
const char *preload_greeter_address(const struct preload_greeter *greeter);
int preload_greeter_fd(const struct preload_greeter *greeter);

/** preload_greeter_dispatch - answer those that greeted; never waits. */
int preload_greeter_dispatch(struct preload_greeter *greeter, preload_greeted fn, void *context);

void preload_greeter_free(struct preload_greeter *greeter);

#endif
