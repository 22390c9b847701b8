/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Silent processes on their way to the reader: the executable of each is searched for a TLS library
 * inside, which may take seconds, by a finder of its own; nobody waits for it.
 */
#ifndef AGENT_SOURCE_EBPF_SEARCHES_H
#define AGENT_SOURCE_EBPF_SEARCHES_H

#include "agent/source/ebpf_finder.h"
#include "agent/util/loop.h"

struct searches;

/** searches_tell - @hello: CR_HELLO, with a LIBRARY where one was found inside. */
typedef int (*searches_tell)(void *context, const struct buffer *hello);

/** searches_new - @opts: borrowed for as long. Return: 0 or a negative errno. */
int searches_new(struct searches **ret_searches, const struct ebpf_opts *opts, struct loop *loop,
		 searches_tell tell, void *context);

/*
 * searches_add - @hello: copied. @fd: the executable, -1 where it is gone; stays the caller's.
 *	It is told at once where the executable is known already, or can not be searched.
 * Return: 0, -ENOMEM, or what tell() gave.
 */
int searches_add(struct searches *searches, const struct buffer *hello, int fd);

/** searches_revive - its finder may have died. */
void searches_revive(struct searches *searches);

/** searches_end - tell those that still wait, without a search. */
int searches_end(struct searches *searches);

void searches_free(struct searches *searches);

#endif
