/* SPDX-License-Identifier: Apache-2.0 */
/* One thread's event loop: descriptors and periodic timers over epoll. */
#ifndef AGENT_UTIL_LOOP_H
#define AGENT_UTIL_LOOP_H

#include <stdint.h>

struct loop;

/* A callback's negative return ends loop_run() with it; 0 goes on. */
typedef int (*loop_fn)(void *context, int fd, uint32_t events);

int loop_new(struct loop **ret_loop);

/** loop_add - call back on epoll events (EPOLLIN …) of fd, which stays the caller's. */
int loop_add(struct loop *loop, int fd, uint32_t events, loop_fn fn, void *context);

/** loop_remove - call back no more on a descriptor that was added; before it is closed. */
void loop_remove(struct loop *loop, int fd);

/** loop_every - call back (fd -1) every interval_ms, which is > 0. Return: 0 or negative errno. */
int loop_every(struct loop *loop, unsigned int interval_ms, loop_fn fn, void *context);

/** loop_run - until loop_stop(). Return: 0, or what a callback or epoll gave. */
int loop_run(struct loop *loop);

void loop_stop(struct loop *loop);
void loop_free(struct loop *loop);

#endif
