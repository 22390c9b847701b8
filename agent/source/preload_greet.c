/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/preload_greet.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/limits.h"
#include "agent/source/preload_proc.h"
#include "agent/util/clock.h"
#include "agent/util/hash.h"
#include "agent/util/record_check.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

#define NAME_BYTES 12
#define NAME_PREFIX "@tollspan-"
#define ANCESTORS_MAX 64

/* A shim says HELLO at once: one that has not by then never will. */
#define PATIENCE_NS NS_PER_SECOND

struct pending {
	int fd; /* -1: free */
	uint64_t since_ns;
};

struct preload_greeter {
	int listener, epoll;
	char address[sizeof(NAME_PREFIX) + 2 * NAME_BYTES];
	struct pending pending[LIMIT_GREETINGS];
	uint8_t hello[CR_HELLO_MAX] __attribute__((aligned(8)));
	char exe[PATH_MAX];
};

static int watch(struct preload_greeter *greeter, int fd, struct pending *pending)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = pending};

	return epoll_ctl(greeter->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int listen_at(struct preload_greeter *greeter)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t n = strlen(greeter->address);

	greeter->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (greeter->listener < 0)
		return -errno;
	memcpy(address.sun_path, greeter->address, n);
	address.sun_path[0] = 0;
	if (bind(greeter->listener, (struct sockaddr *)&address,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) ||
	    listen(greeter->listener, LIMIT_GREETINGS))
		return -errno;
	return watch(greeter, greeter->listener, NULL);
}

int preload_greeter_new(struct preload_greeter **ret_greeter)
{
	struct preload_greeter *greeter = calloc(1, sizeof(*greeter));
	uint8_t name[NAME_BYTES];
	int ret = 0;

	if (!greeter)
		return -ENOMEM;
	for (unsigned int i = 0; i < LIMIT_GREETINGS; i++)
		greeter->pending[i].fd = -1;
	greeter->listener = -1;
	greeter->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (greeter->epoll < 0 || getrandom(name, sizeof(name), 0) != sizeof(name))
		ret = -errno;
	memcpy(greeter->address, NAME_PREFIX, strlen(NAME_PREFIX));
	hash_hex(name, sizeof(name), greeter->address + strlen(NAME_PREFIX));
	ret = ret ? ret : listen_at(greeter);
	if (ret) {
		preload_greeter_free(greeter);
		return ret;
	}
	*ret_greeter = greeter;
	return 0;
}

const char *preload_greeter_address(const struct preload_greeter *greeter)
{
	return greeter->address;
}

int preload_greeter_fd(const struct preload_greeter *greeter)
{
	return greeter->epoll;
}

static void forget(struct pending *pending)
{
	close(pending->fd); /* which also takes it out of the epoll set */
	pending->fd = -1;
}

static bool descends_from_us(uint32_t pid)
{
	struct cr_process process;
	uint32_t parent;

	for (unsigned int i = 0; i < ANCESTORS_MAX && pid > 1; i++, pid = parent) {
		if (pid == (uint32_t)getpid())
			return true;
		if (preload_proc_stat(pid, &process, &parent))
			return false;
	}
	return false;
}

/* Who is at the other end; the greeting's pidfd is then the caller's. */
static int identify(int fd, struct preload_greeting *ret_greeting)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int pidfd, ret;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return -errno;
	if (peer.pid <= 0)
		return -ESRCH;
	if (peer.uid && peer.uid != geteuid() && !descends_from_us((uint32_t)peer.pid))
		return -EPERM;
	size = sizeof(pidfd);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size))
		pidfd = (int)syscall(SYS_pidfd_open, peer.pid, 0);
	if (pidfd < 0)
		return -errno;
	ret = preload_proc_stat((uint32_t)peer.pid, &ret_greeting->process, NULL);
	if (ret) {
		close(pidfd);
		return ret;
	}
	ret_greeting->uid = peer.uid;
	ret_greeting->pidfd = pidfd;
	return 0;
}

/* Check HELLO, and take the executable's path from it. */
static int read_hello(struct preload_greeter *greeter, ssize_t n, const char **ret_exe)
{
	const struct cr_head *head = (const struct cr_head *)greeter->hello;
	size_t offset = sizeof(struct cr_hello), length;
	const char *text;
	unsigned int tag;

	if (n < (ssize_t)sizeof(struct cr_hello) || head->type != CR_HELLO ||
	    head->length != (size_t)n || record_check(head, (size_t)n))
		return -EBADMSG;
	while ((text = record_field_next(head, &offset, &tag, &length))) {
		if (tag != CR_FIELD_EXE || length >= sizeof(greeter->exe))
			continue;
		memcpy(greeter->exe, text, length);
		greeter->exe[length] = 0;
		*ret_exe = greeter->exe;
	}
	return 0;
}

static void send_plan(int fd, int ring, uint64_t ring_bytes)
{
	struct cr_plan plan = {
		.head = {.length = sizeof(plan), .type = CR_PLAN, .version = CR_VERSION},
		.ring_bytes = ring_bytes,
	};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {
		.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS},
	};
	struct iovec part = {&plan, sizeof(plan)};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	plan.head.time_ns = clock_boot_ns();
	memcpy(CMSG_DATA(&control.header), &ring, sizeof(ring));
	/* a shim that is gone, or waits no longer, has no use for it */
	(void)!sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int answer(struct preload_greeter *greeter, struct pending *pending, preload_greeted fn,
		  void *context)
{
	ssize_t n =
		recv(pending->fd, greeter->hello, sizeof(greeter->hello), MSG_DONTWAIT | MSG_TRUNC);
	struct preload_greeting greeting = {.pidfd = -1};
	uint64_t ring_bytes = 0;
	int ring = -1, ret = 0;

	if (n < 0 && errno == EAGAIN)
		return 0;
	if (!read_hello(greeter, n, &greeting.exe) && !identify(pending->fd, &greeting)) {
		ret = fn(context, &greeting, &ring, &ring_bytes);
		close(greeting.pidfd);
	}
	if (ring >= 0) {
		send_plan(pending->fd, ring, ring_bytes);
		close(ring);
	}
	forget(pending);
	return ret;
}

static struct pending *vacancy(struct preload_greeter *greeter, uint64_t now)
{
	struct pending *free_one = NULL;

	for (unsigned int i = 0; i < LIMIT_GREETINGS; i++) {
		struct pending *p = &greeter->pending[i];

		if (p->fd >= 0 && now - p->since_ns > PATIENCE_NS)
			forget(p);
		if (p->fd < 0)
			free_one = p;
	}
	return free_one;
}

static void accept_all(struct preload_greeter *greeter)
{
	uint64_t now = clock_boot_ns();
	int fd;

	while ((fd = accept4(greeter->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		struct pending *pending = vacancy(greeter, now);

		if (!pending || watch(greeter, fd, pending)) {
			close(fd);
			continue;
		}
		*pending = (struct pending){fd, now};
	}
}

int preload_greeter_dispatch(struct preload_greeter *greeter, preload_greeted fn, void *context)
{
	struct epoll_event events[LIMIT_GREETINGS];
	int ret = 0, n;

	/* the first round accepts, the second has what came with the connections */
	for (unsigned int round = 0; round < 2; round++) {
		n = epoll_wait(greeter->epoll, events, LIMIT_GREETINGS, 0);
		for (int i = 0; i < n && !ret; i++) {
			struct pending *pending = events[i].data.ptr;

			if (!pending)
				accept_all(greeter);
			else if (pending->fd >= 0)
				ret = answer(greeter, pending, fn, context);
		}
	}
	return ret;
}

void preload_greeter_free(struct preload_greeter *greeter)
{
	if (!greeter)
		return;
	for (unsigned int i = 0; i < LIMIT_GREETINGS; i++) {
		if (greeter->pending[i].fd >= 0)
			forget(&greeter->pending[i]);
	}
	if (greeter->listener >= 0)
		close(greeter->listener);
	if (greeter->epoll >= 0)
		close(greeter->epoll);
	free(greeter);
}
