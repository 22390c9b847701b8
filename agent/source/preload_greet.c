/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/preload_greet.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
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

/* /proc is read while the shim waits, but not if it has waited so long already. */
#define LATE_NS 10000000

/* Where descriptors or memory are short, it is tried again after this. */
#define SHORTAGE_NS 5000000

#define STACK_BYTES (256 * KIB)

struct pending {
	int fd; /* -1: free */
	uint64_t since_ns;
};

/* The lock guards the list; the rest is the thread's alone once it runs, but for `rings`. */
struct preload_greeter {
	int listener, epoll;
	int ready; /* eventfd: the list is not empty */
	int stop;  /* eventfd: the thread is to end */
	char address[sizeof(NAME_PREFIX) + 2 * NAME_BYTES];
	uint64_t ring_bytes;
	unsigned int rings; /* atomic: that are not given up */
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;
	struct preload_greeting *first, **last;
	struct pending pending[LIMIT_GREETINGS];
	uint8_t hello[CR_HELLO_MAX] __attribute__((aligned(8)));
	char exe[PATH_MAX];
};

/* @what: a struct pending, or NULL for the listener, or the greeter itself for `stop`. */
static int watch(struct preload_greeter *greeter, int fd, void *what)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};

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

/* Who is at the other end. */
static int identify(int fd, struct preload_greeting *greeting)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int pidfd;

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
	greeting->pidfd = pidfd;
	greeting->uid = peer.uid;
	return preload_proc_stat((uint32_t)peer.pid, &greeting->process, NULL);
}

static bool is_hello(const struct preload_greeter *greeter, ssize_t n)
{
	const struct cr_head *head = (const struct cr_head *)greeter->hello;

	return n >= (ssize_t)sizeof(struct cr_hello) && head->type == CR_HELLO &&
	       head->length == (size_t)n && !record_check(head, (size_t)n);
}

/* The executable's path by the shim's word, or NULL. */
static const char *read_exe(struct preload_greeter *greeter)
{
	size_t offset = sizeof(struct cr_hello), length;
	const char *text;
	unsigned int tag;

	while ((text = record_field_next((const struct cr_head *)greeter->hello, &offset, &tag,
					 &length))) {
		if (tag != CR_FIELD_EXE || length >= sizeof(greeter->exe))
			continue;
		memcpy(greeter->exe, text, length);
		greeter->exe[length] = 0;
		return greeter->exe;
	}
	return NULL;
}

static int make_ring(struct preload_greeter *greeter, struct preload_ring *ret_ring, int *ret_fd)
{
	int ret = -EMFILE;

	if (__atomic_add_fetch(&greeter->rings, 1, __ATOMIC_RELAXED) <= LIMIT_RINGS)
		ret = preload_ring_new(greeter->ring_bytes, ret_ring, ret_fd);
	if (ret)
		__atomic_sub_fetch(&greeter->rings, 1, __ATOMIC_RELAXED);
	return ret;
}

void preload_greeter_give_up(struct preload_greeter *greeter, struct preload_ring *ring)
{
	if (!ring->shared)
		return;
	preload_ring_free(ring);
	__atomic_sub_fetch(&greeter->rings, 1, __ATOMIC_RELAXED);
}

void preload_greeting_free(struct preload_greeter *greeter, struct preload_greeting *greeting)
{
	preload_greeter_give_up(greeter, &greeting->ring);
	if (greeting->pidfd >= 0)
		close(greeting->pidfd);
	buffer_free(&greeting->hello);
	buffer_free(&greeting->proc);
	free(greeting);
}

/* What /proc says of it; without that there is no PROC record, and the rest goes on. */
static void read_facts(struct preload_greeter *greeter, struct preload_greeting *greeting)
{
	greeting->netns = preload_proc_netns(greeting->process.pid);
	if (preload_proc_record(&greeting->proc, &greeting->process, greeting->uid,
				read_exe(greeter), greeting->time_ns))
		buffer_clear(&greeting->proc);
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

/*
 * The lock is held from before the answer until the greeting is on the list, so that who takes the
 * list finds all that may have written.
 */
static void hand_over(struct preload_greeter *greeter, struct preload_greeting *greeting, int fd,
		      int ring_fd)
{
	const struct cr_head *hello = (const struct cr_head *)greeter->hello;
	bool late = greeting->time_ns - hello->time_ns > LATE_NS;
	uint64_t one = 1;

	if (!late)
		read_facts(greeter, greeting);
	pthread_mutex_lock(&greeter->lock);
	send_plan(fd, ring_fd, greeter->ring_bytes);
	if (late)
		read_facts(greeter, greeting);
	*greeter->last = greeting;
	greeter->last = &greeting->next;
	(void)!write(greeter->ready, &one, sizeof(one));
	pthread_mutex_unlock(&greeter->lock);
}

static void answer(struct preload_greeter *greeter, struct pending *pending)
{
	ssize_t n =
		recv(pending->fd, greeter->hello, sizeof(greeter->hello), MSG_DONTWAIT | MSG_TRUNC);
	struct preload_greeting *greeting;
	int ring_fd;

	if (n < 0 && errno == EAGAIN)
		return;
	greeting = is_hello(greeter, n) ? calloc(1, sizeof(*greeting)) : NULL;
	if (greeting) {
		greeting->pidfd = -1;
		greeting->time_ns = clock_boot_ns();
		buffer_init(&greeting->hello, CR_HELLO_MAX);
		buffer_init(&greeting->proc, CR_LENGTH_MAX);
	}
	if (greeting && !identify(pending->fd, greeting) &&
	    !buffer_append(&greeting->hello, greeter->hello, (size_t)n) &&
	    !make_ring(greeter, &greeting->ring, &ring_fd)) {
		hand_over(greeter, greeting, pending->fd, ring_fd);
		close(ring_fd);
	} else if (greeting) {
		preload_greeting_free(greeter, greeting);
	}
	forget(pending);
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
	struct timespec pause = {.tv_nsec = SHORTAGE_NS};
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
	/* the socket stays readable */
	if (errno != EAGAIN)
		nanosleep(&pause, NULL);
}

static void *greet(void *context)
{
	struct preload_greeter *greeter = context;
	struct epoll_event events[LIMIT_GREETINGS];

	for (;;) {
		int n = epoll_wait(greeter->epoll, events, LIMIT_GREETINGS, -1);

		for (int i = 0; i < n; i++) {
			struct pending *pending = events[i].data.ptr;

			if (events[i].data.ptr == greeter)
				return NULL;
			if (!pending)
				accept_all(greeter);
			else if (pending->fd >= 0)
				answer(greeter, pending);
		}
	}
}

/* ---- interface ---- */

/* A thread that no signal comes to: they are the program's. */
static int start_thread(struct preload_greeter *greeter)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	int error = pthread_attr_init(&attributes);

	if (error)
		return -error;
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&greeter->thread, &attributes, greet, greeter);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	greeter->running = !error;
	return -error;
}

static int open_all(struct preload_greeter *greeter)
{
	uint8_t name[NAME_BYTES];
	int ret;

	greeter->epoll = epoll_create1(EPOLL_CLOEXEC);
	greeter->ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	greeter->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (greeter->epoll < 0 || greeter->ready < 0 || greeter->stop < 0 ||
	    getrandom(name, sizeof(name), 0) != sizeof(name))
		return -errno;
	memcpy(greeter->address, NAME_PREFIX, strlen(NAME_PREFIX));
	hash_hex(name, sizeof(name), greeter->address + strlen(NAME_PREFIX));
	ret = watch(greeter, greeter->stop, greeter);
	return ret ? ret : listen_at(greeter);
}

int preload_greeter_new(uint64_t ring_bytes, struct preload_greeter **ret_greeter)
{
	struct preload_greeter *greeter = calloc(1, sizeof(*greeter));
	int ret;

	if (!greeter)
		return -ENOMEM;
	for (unsigned int i = 0; i < LIMIT_GREETINGS; i++)
		greeter->pending[i].fd = -1;
	greeter->listener = -1;
	greeter->ring_bytes = ring_bytes;
	greeter->last = &greeter->first;
	pthread_mutex_init(&greeter->lock, NULL);
	ret = open_all(greeter);
	ret = ret ? ret : start_thread(greeter);
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
	return greeter->ready;
}

struct preload_greeting *preload_greeter_take(struct preload_greeter *greeter)
{
	struct preload_greeting *first;
	uint64_t n;

	pthread_mutex_lock(&greeter->lock);
	first = greeter->first;
	greeter->first = NULL;
	greeter->last = &greeter->first;
	(void)!read(greeter->ready, &n, sizeof(n));
	pthread_mutex_unlock(&greeter->lock);
	return first;
}

void preload_greeter_free(struct preload_greeter *greeter)
{
	struct preload_greeting *greeting, *next;
	uint64_t one = 1;

	if (!greeter)
		return;
	if (greeter->running) {
		(void)!write(greeter->stop, &one, sizeof(one));
		pthread_join(greeter->thread, NULL);
	}
	for (greeting = greeter->first; greeting; greeting = next) {
		next = greeting->next;
		preload_greeting_free(greeter, greeting);
	}
	for (unsigned int i = 0; i < LIMIT_GREETINGS; i++) {
		if (greeter->pending[i].fd >= 0)
			forget(&greeter->pending[i]);
	}
	for (unsigned int i = 0; i < 4; i++) {
		int fd = (const int[]){greeter->listener, greeter->epoll, greeter->ready,
				       greeter->stop}[i];

		if (fd >= 0)
			close(fd);
	}
	pthread_mutex_destroy(&greeter->lock);
	free(greeter);
}
