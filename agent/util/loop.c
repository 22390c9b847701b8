/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/util/loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct watch {
	struct watch *next;
	loop_fn fn;
	void *context;
	int fd;
	bool timer;
	bool removed; /* freed when no event of this turn can name it any more */
};

struct loop {
	int epoll;
	bool stopped;
	struct watch *watches;
};

int loop_new(struct loop **ret_loop)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0) {
		int r = -errno;

		free(loop);
		return r;
	}
	*ret_loop = loop;
	return 0;
}

static int loop_watch(struct loop *loop, int fd, uint32_t events, loop_fn fn, void *context,
		      bool timer)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	struct epoll_event event = {.events = events, .data.ptr = watch};

	if (!watch)
		return -ENOMEM;
	*watch = (struct watch){loop->watches, fn, context, fd, timer, false};
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
		int r = -errno;

		free(watch);
		return r;
	}
	loop->watches = watch;
	return 0;
}

int loop_add(struct loop *loop, int fd, uint32_t events, loop_fn fn, void *context)
{
	return loop_watch(loop, fd, events, fn, context, false);
}

void loop_remove(struct loop *loop, int fd)
{
	for (struct watch *watch = loop->watches; watch; watch = watch->next) {
		if (watch->fd != fd || watch->removed)
			continue;
		epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
		watch->removed = true;
	}
}

static void sweep_removed(struct loop *loop)
{
	for (struct watch **at = &loop->watches; *at;) {
		struct watch *watch = *at;

		if (watch->removed) {
			*at = watch->next;
			free(watch);
		} else {
			at = &watch->next;
		}
	}
}

int loop_every(struct loop *loop, unsigned int interval_ms, loop_fn fn, void *context)
{
	struct timespec interval = {interval_ms / 1000, (long)(interval_ms % 1000) * 1000000};
	struct itimerspec spec = {interval, interval};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	int r;

	if (fd < 0)
		return -errno;
	r = timerfd_settime(fd, 0, &spec, NULL) < 0 ? -errno : 0;
	if (r == 0)
		r = loop_watch(loop, fd, EPOLLIN, fn, context, true);
	if (r < 0)
		close(fd);
	return r;
}

static int loop_call(struct watch *watch, uint32_t events)
{
	uint64_t expired;

	if (watch->removed)
		return 0;
	if (!watch->timer)
		return watch->fn(watch->context, watch->fd, events);
	if (read(watch->fd, &expired, sizeof(expired)) < 0)
		return 0;
	return watch->fn(watch->context, -1, events);
}

int loop_run(struct loop *loop)
{
	struct epoll_event events[32];
	int r = 0;

	loop->stopped = false;
	while (!loop->stopped && r >= 0) {
		int n = epoll_wait(loop->epoll, events, 32, -1);

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n && r >= 0 && !loop->stopped; i++)
			r = loop_call(events[i].data.ptr, events[i].events);
		sweep_removed(loop);
	}
	return r < 0 ? r : 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	while (loop->watches) {
		struct watch *watch = loop->watches;

		loop->watches = watch->next;
		if (watch->timer)
			close(watch->fd);
		free(watch);
	}
	close(loop->epoll);
	free(loop);
}
