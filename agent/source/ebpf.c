/* SPDX-License-Identifier: Apache-2.0 */
/* The reader's half. */
#include "agent/source/ebpf.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/limits.h"
#include "agent/source/ebpf_attacher.h"
#include "agent/source/ebpf_kernel.h"
#include "agent/source/ebpf_seam.h"
#include "agent/util/clock.h"
#include "agent/util/record_check.h"
#include "bpf/capture.h"

#define POLL_NS 10000000 /* the kernel wakes the reader only for a ring that fills up */
#define TICK_NS 250000000ull
#define CLOCK_STEP_NS 1000000 /* a smaller change of the wall offset is drift */
#define RECORDS_AT_ONCE 65536 /* then other descriptors get their turn */
#define READY_MS 30000
#define ANSWER_MS 10000

enum { FD_RING, FD_LOSSES, FD_VERDICTS, FD_EPOCH };

struct ebpf_source {
	struct ebpf_opts opts;
	struct control control;
	int socket;
	int epoll, timer;
	int fds[SEAM_FDS_MAX];
	struct ring_buffer *ring;
	uint64_t ring_bytes; /* what it has room for */
	bool ready;
	bool death_told;
	bool stopping;
	int ready_error;
	const char *why;
	bool clock_sent;
	uint8_t boot_id[16]; /* read at the start: later the reader may open no file */
	int64_t wall_offset_ns;
	uint64_t next_tick_ns;
	uint64_t epoch;
	struct buffer silent; /* CR_HELLO records in a row */
	size_t taken;         /* records of the ring in this turn */
	uint64_t taken_bytes; /* since it was set to 0 */
	struct capture_lost lost[CAPTURE_LOSSES];
	_Alignas(CR_ALIGN) uint8_t payload[LIMIT_PROC_RECORD];
};

/* ---- start ---- */

static void give_verdict(void *context, const struct conn_key *conn, enum verdict verdict)
{
	struct ebpf_source *source = context;
	struct capture_verdict_key key = {
		.conn = conn->conn, .generation = conn->generation, .pid = conn->process.pid};
	uint32_t value = verdict, zero = 0;

	/* A full map leaves the connection as it was: more is captured, nothing is lost. */
	if (!source->ready || bpf_map_update_elem(source->fds[FD_VERDICTS], &key, &value, BPF_ANY))
		return;
	source->epoch++;
	bpf_map_update_elem(source->fds[FD_EPOCH], &zero, &source->epoch, BPF_ANY);
}

/* The attacher: nothing of the caller's but one socket; a session of its own, so that the
 * terminal's signals do not reach it. */
__attribute__((noreturn)) static void become_attacher(const struct ebpf_opts *opts, int socket)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, normal = {.sa_handler = SIG_DFL};
	sigset_t none;
	int null;

	for (int i = 1; i < NSIG; i++)
		sigaction(i, &normal, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	/* What a program has just loaded must be probed before it is used; so hurry. */
	setpriority(PRIO_PROCESS, 0, -20);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; null >= 0 && i < 3; i++)
		dup2(null, i);
	if (socket != 3) {
		dup2(socket, 3);
		socket = 3;
	}
	syscall(SYS_close_range, 4, ~0u, 0);
	attacher_run(opts, socket);
	_exit(0);
}

/* By way of a child that ends at once: the attacher is no child that the caller would wait for. */
static int fork_attacher(struct ebpf_source *source, int socket)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (!pid) {
		pid = fork();
		if (!pid)
			become_attacher(&source->opts, socket);
		_exit(pid < 0);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status ? -EAGAIN : 0;
}

static int watch_fd(struct ebpf_source *source, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(source->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int open_fds(struct ebpf_source *source)
{
	struct itimerspec every = {.it_interval.tv_nsec = POLL_NS, .it_value.tv_nsec = POLL_NS};
	int r;

	source->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (source->epoll < 0)
		return -errno;
	source->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (source->timer < 0 || timerfd_settime(source->timer, 0, &every, NULL) < 0)
		return -errno;
	r = watch_fd(source, source->timer);
	return r < 0 ? r : watch_fd(source, source->socket);
}

int ebpf_source_pair(int pair[2])
{
	int size = 4 << 20;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	/* Many processes may be born before the reader looks; refused without privilege. */
	if (setsockopt(pair[1], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return 0;
}

int ebpf_source_adopt(struct ebpf_source **ret_source, const struct ebpf_opts *opts, int socket)
{
	struct ebpf_source *source = calloc(1, sizeof(*source));
	int r;

	if (!source) {
		close(socket);
		return -ENOMEM;
	}
	source->opts = *opts;
	buffer_init(&source->silent, LIMIT_SILENT);
	source->opts.reader = getpid();
	clock_boot_id(source->boot_id);
	source->control = (struct control){.context = source, .verdict = give_verdict};
	source->socket = socket;
	source->epoll = source->timer = -1;
	for (size_t i = 0; i < SEAM_FDS_MAX; i++)
		source->fds[i] = -1;
	r = open_fds(source);
	if (r < 0) {
		ebpf_source_free(source);
		return r;
	}
	*ret_source = source;
	return 0;
}

int ebpf_source_start(struct ebpf_source **ret_source, const struct ebpf_opts *opts)
{
	struct ebpf_source *source = NULL;
	int pair[2], r = ebpf_source_pair(pair);

	if (r < 0)
		return r;
	r = ebpf_source_adopt(&source, opts, pair[0]);
	if (r == 0)
		r = fork_attacher(source, pair[1]);
	close(pair[1]);
	if (r < 0) {
		ebpf_source_free(source);
		return r;
	}
	*ret_source = source;
	return 0;
}

bool ebpf_source_stopping(const struct ebpf_source *source)
{
	return source->stopping;
}

/* ---- records ---- */

/* @name: may be NULL. */
static int give_lost(struct ebpf_source *source, uint32_t cause, uint64_t records, uint64_t bytes,
		     const char *name)
{
	struct buffer record;
	struct cr_lost lost;
	int r;

	buffer_init(&record, LIMIT_PROC_RECORD);
	r = record_begin(&record, CR_LOST, sizeof(lost), clock_boot_ns());
	if (!r) {
		memcpy(&lost, record.data, sizeof(lost));
		lost.records = records;
		lost.bytes = bytes;
		lost.cause = cause;
		memcpy(record.data, &lost, sizeof(lost));
		if (name)
			r = record_add_field(&record, CR_FIELD_NAME, name, strlen(name));
	}
	if (!r)
		r = record_finish(&record, 0);
	if (!r)
		r = source->opts.sink(source->opts.context, (const struct cr_head *)record.data);
	buffer_free(&record);
	return r;
}

static int give(struct ebpf_source *source, const void *record, size_t size)
{
	const struct cr_head *head = record;
	bool data = size >= sizeof(struct cr_data) && head->type == CR_DATA;

	if (record_check(head, size))
		return give_lost(source, CR_CAUSE_MALFORMED, 1,
				 data ? size - sizeof(struct cr_data) : 0, NULL);
	return source->opts.sink(source->opts.context, head);
}

/* Once: without the attacher nothing new is probed, and what the tree does is not told. */
static int give_death(struct ebpf_source *source)
{
	if (!source->ready || source->ready_error || source->death_told)
		return 0;
	source->death_told = true;
	return give_lost(source, CR_CAUSE_KILLED, 1, 0,
			 "the attacher ended: later programs are not captured");
}

static int take_ring(void *context, void *data, size_t size)
{
	struct ebpf_source *source = context;
	int r = give(source, data, size);

	source->taken_bytes += size;
	return !r && ++source->taken == RECORDS_AT_ONCE ? -EBUSY : r;
}

static int give_clock(struct ebpf_source *source)
{
	int64_t offset = clock_wall_offset_ns();
	int64_t step = offset - source->wall_offset_ns;
	struct cr_clock clock = {
		.head = {.length = sizeof(clock), .type = CR_CLOCK, .version = CR_VERSION}};

	if (source->clock_sent && step < CLOCK_STEP_NS && step > -CLOCK_STEP_NS)
		return 0;
	clock.head.time_ns = clock_boot_ns();
	clock.wall_offset_ns = offset;
	memcpy(clock.boot_id, source->boot_id, sizeof(clock.boot_id));
	source->clock_sent = true;
	source->wall_offset_ns = offset;
	return give(source, &clock, sizeof(clock));
}

/* What the counters of the kernel have grown by. */
static int give_losses(struct ebpf_source *source)
{
	static const struct {
		uint32_t cause;
		const char *name;
	} causes[CAPTURE_LOSSES] = {
		[CAPTURE_LOSS_RING] = {CR_CAUSE_RING_FULL, NULL},
		[CAPTURE_LOSS_FAULT] = {CR_CAUSE_FAULT, NULL},
		[CAPTURE_LOSS_CAP] = {CR_CAUSE_CAP, NULL},
		[CAPTURE_LOSS_TABLE] = {CR_CAUSE_TABLE_FULL, NULL},
		[CAPTURE_LOSS_EVENT] = {CR_CAUSE_RING_FULL, "process events"},
	};
	int r = 0;

	for (uint32_t i = 0; !r && i < CAPTURE_LOSSES; i++) {
		struct capture_lost now, *before = &source->lost[i];

		if (!causes[i].cause || bpf_map_lookup_elem(source->fds[FD_LOSSES], &i, &now) ||
		    now.records == before->records)
			continue;
		r = give_lost(source, causes[i].cause, now.records - before->records,
			      now.bytes - before->bytes, causes[i].name);
		*before = now;
	}
	return r;
}

static int give_tick(struct ebpf_source *source)
{
	struct cr_tick tick = {
		.head = {.length = sizeof(tick), .type = CR_TICK, .version = CR_VERSION}};
	uint64_t now = clock_boot_ns();
	int r;

	if (now < source->next_tick_ns)
		return 0;
	source->next_tick_ns = now + TICK_NS;
	r = give_clock(source);
	if (!r)
		r = give_losses(source);
	tick.head.time_ns = now;
	return r ? r : give(source, &tick, sizeof(tick));
}

static int drain_ring(struct ebpf_source *source)
{
	int r;

	source->taken = 0;
	r = ring_buffer__consume(source->ring);
	return r < 0 && r != -EBUSY ? r : 0;
}

/* ---- the attacher's words ---- */

static int open_ring(struct ebpf_source *source)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(source->fds[FD_RING], &info, &size) < 0)
		return -errno;
	source->ring_bytes = info.max_entries;
	source->ring = ring_buffer__new(source->fds[FD_RING], take_ring, source, NULL);
	if (!source->ring)
		return -errno;
	return watch_fd(source, ring_buffer__epoll_fd(source->ring));
}

static int take_ready(struct ebpf_source *source, const struct seam_message *message,
		      int fds[SEAM_FDS_MAX])
{
	source->ready = true;
	source->ready_error = message->value;
	source->why = ebpf_kernel_step_text(message->argument);
	for (size_t i = 0; i < SEAM_FDS_MAX; i++) {
		source->fds[i] = fds[i];
		fds[i] = -1;
		if (source->fds[i] < 0 && !source->ready_error)
			source->ready_error = -EBADMSG;
	}
	if (!source->ready_error)
		source->ready_error = open_ring(source);
	return 0;
}

static struct silent_process silent_of(const struct cr_hello *hello)
{
	return (struct silent_process){
		.process = hello->process, .answered = true, .connects = 1, .hello = &hello->head};
}

static int take_silent(struct ebpf_source *source, const void *hello, size_t size)
{
	const struct cr_head *head = hello;

	if (record_check(head, size) || head->type != CR_HELLO || head->length != size ||
	    size < sizeof(struct cr_hello))
		return -EBADMSG;
	if (source->opts.silent) {
		struct silent_process silent = silent_of(hello);

		return source->opts.silent(source->opts.context, &silent);
	}
	if (source->silent.length + size <= LIMIT_SILENT)
		return buffer_append(&source->silent, hello, size);
	return give_lost(source, CR_CAUSE_LIMIT, 1, 0, "a process with nothing to probe in it");
}

static int take_neighbour(struct ebpf_source *source, int fds[SEAM_FDS_MAX])
{
	int fd = fds[0];

	if (fd < 0 || !source->opts.neighbour)
		return -EBADMSG;
	fds[0] = -1;
	return source->opts.neighbour(source->opts.context, fd);
}

/*
 * One message of the attacher, waiting at most timeout_ms.
 * Return: its type; 0 at the time limit; a negative errno, the sink's among them.
 */
static int take_message(struct ebpf_source *source, int timeout_ms, int *ret_value)
{
	struct seam_message message;
	int fds[SEAM_FDS_MAX], r;

	r = seam_receive(source->socket, &message, source->payload, sizeof(source->payload), fds,
			 timeout_ms);
	if (r == -EPIPE) {
		int told = give_death(source);

		return told < 0 ? told : r;
	}
	if (r < 0)
		return r == -EAGAIN ? 0 : r;
	switch (message.type) {
	case SEAM_READY:
		r = source->ready ? -EBADMSG : take_ready(source, &message, fds);
		break;
	case SEAM_RECORD:
		r = give(source, source->payload, message.length);
		break;
	case SEAM_SILENT:
		r = take_silent(source, source->payload, message.length);
		break;
	case SEAM_RESULT:
		*ret_value = message.value;
		break;
	case SEAM_NEIGHBOUR:
		r = take_neighbour(source, fds);
		break;
	case SEAM_STOP:
		source->stopping = true;
		break;
	default:
		r = -EBADMSG;
	}
	for (size_t i = 0; i < SEAM_FDS_MAX; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return r < 0 ? r : (int)message.type;
}

int ebpf_source_wait(struct ebpf_source *source, const char **ret_why)
{
	int r = 0, value;

	while (!source->ready && r >= 0) {
		r = take_message(source, READY_MS, &value);
		if (r == 0)
			r = -ETIMEDOUT;
	}
	if (r < 0 && !source->ready) {
		source->why = "waiting for the attacher";
		source->ready_error = r;
		source->ready = true;
	}
	if (source->ready_error == -EACCES)
		source->ready_error = -EPERM;
	if (source->ready_error && ret_why)
		*ret_why = source->why;
	return source->ready_error;
}

/* Ask, and take all that comes before the answer. */
static int ask(struct ebpf_source *source, const struct seam_message *message)
{
	int r = ebpf_source_wait(source, NULL), value = 0;

	if (r < 0)
		return r;
	r = give_clock(source);
	if (!r) {
		r = seam_send(source->socket, message, NULL, NULL, 0);
		/* What it still said comes first; then the end of it is told. */
		if (r == -EPIPE)
			r = 0;
	}
	while (!r) {
		r = take_message(source, ANSWER_MS, &value);
		if (r == 0)
			return -ETIMEDOUT;
		if (r == SEAM_RESULT)
			return value;
		r = r < 0 ? r : 0;
	}
	return r;
}

int ebpf_source_prepare(void *source, const char *path)
{
	struct seam_message message = {.type = SEAM_PREPARE};
	struct ebpf_source *self = source;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;

	if (fd < 0)
		return 0;
	r = seam_send(self->socket, &message, NULL, &fd, 1);
	close(fd);
	return r;
}

int ebpf_source_follow(struct ebpf_source *source, pid_t pid, bool root)
{
	struct seam_message message = {
		.type = SEAM_FOLLOW, .value = pid, .argument = root ? CR_PROC_ROOT : 0};

	return ask(source, &message);
}

int ebpf_source_kill(struct ebpf_source *source, pid_t pid, int signal)
{
	struct seam_message message = {
		.type = SEAM_KILL, .value = pid, .argument = (uint32_t)signal};

	return ask(source, &message);
}

/* ---- reading ---- */

int ebpf_source_fd(const struct ebpf_source *source)
{
	return source->epoll;
}

int ebpf_source_dispatch(struct ebpf_source *source)
{
	uint64_t expirations;
	int r = ebpf_source_wait(source, NULL), value;

	if (r < 0)
		return r;
	if (read(source->timer, &expirations, sizeof(expirations)) < 0 && errno != EAGAIN)
		return -errno;
	r = give_clock(source);
	if (r)
		return r;
	do
		r = take_message(source, 0, &value);
	while (r > 0);
	if (r < 0)
		return r;
	r = drain_ring(source);
	return r < 0 ? r : give_tick(source);
}

int ebpf_source_finish(struct ebpf_source *source)
{
	struct seam_message message = {.type = SEAM_FINISH};
	int asked, r;

	/* The ring is ours: without the attacher too, what is in it counts. */
	asked = ask(source, &message);
	if (!source->ring)
		return asked;
	/* All that is in it now, however long it takes; it may be written as fast as it is read. */
	source->taken_bytes = 0;
	do
		r = drain_ring(source);
	while (!r && source->taken == RECORDS_AT_ONCE && source->taken_bytes < source->ring_bytes);
	source->next_tick_ns = 0;
	if (!r)
		r = give_tick(source);
	return r < 0 ? r : asked;
}

int ebpf_source_silent(const struct ebpf_source *source, silent_fn fn, void *context)
{
	size_t at = 0;
	int r = 0;

	while (!r && at < source->silent.length) {
		const struct cr_hello *hello = (const void *)(source->silent.data + at);
		struct silent_process silent = silent_of(hello);

		at += hello->head.length;
		r = fn(context, &silent);
	}
	return r;
}

const struct control *ebpf_source_control(struct ebpf_source *source)
{
	return &source->control;
}

void ebpf_source_free(struct ebpf_source *source)
{
	if (!source)
		return;
	ring_buffer__free(source->ring);
	buffer_free(&source->silent);
	for (size_t i = 0; i < SEAM_FDS_MAX; i++)
		if (source->fds[i] >= 0)
			close(source->fds[i]);
	if (source->socket >= 0)
		close(source->socket);
	if (source->timer >= 0)
		close(source->timer);
	if (source->epoll >= 0)
		close(source->epoll);
	free(source);
}
