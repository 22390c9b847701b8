/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/preload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent/limits.h"
#include "agent/source/preload_greet.h"
#include "agent/source/preload_proc.h"
#include "agent/source/preload_ring.h"
#include "agent/util/buffer.h"
#include "agent/util/clock.h"
#include "agent/util/map.h"
#include "agent/util/record_check.h"

#define RING_BYTES_DEFAULT (4 * MIB)
#define RING_BYTES_MIN 4096
#define RING_BYTES_MAX (1ull << 30)
#define EVENTS 64

/* Records of one process in a row, before another's turn is looked for. */
#define RUN 64

/* A process that greeted; kept after its exit, without ring, for preload_source_seen(). */
struct process {
	struct cr_process key;
	struct process *next, **back; /* list of those with a ring */
	struct preload_ring ring;
	uint64_t netns;
	uint64_t until; /* position that a drain goes to */
	uint64_t time_ns;
	int pidfd;
	bool dead;
	bool ready;          /* peek found a record, of time_ns */
	bool captured;       /* data came */
	bool attached;       /* the shim took its ring; set when the ring is given up */
	uint64_t connects;   /* counted in rings that were given up */
	struct buffer hello; /* its last; empty where nothing can come of it any more */
};

struct preload_source {
	struct preload_source_opts opts;
	struct preload_greeter *greeter;
	int epoll;
	struct map *processes; /* struct cr_process → struct process */
	struct map *by_pid;    /* uint32_t → struct process, the last that had it */
	struct process *first;
	unsigned int n_rings;
	uint32_t root;
	uint8_t record[CR_LENGTH_MAX] __attribute__((aligned(8)));
};

/* ---- what goes to the sink ---- */

static int emit_struct(struct preload_source *source, enum cr_type type, void *record, size_t size,
		       uint64_t time_ns)
{
	struct cr_head *head = record;

	head->length = (uint32_t)size;
	head->type = (uint16_t)type;
	head->version = CR_VERSION;
	head->time_ns = time_ns;
	return source->opts.sink(source->opts.context, head);
}

static int emit_loss(struct preload_source *source, const struct process *p, unsigned int cause,
		     const struct cr_ring_lost *lost)
{
	struct cr_lost record = {
		.process = p->key,
		.records = lost->records,
		.bytes = lost->bytes,
		.cause = cause,
	};

	return emit_struct(source, CR_LOST, &record, sizeof(record), clock_boot_ns());
}

static int emit_losses(struct preload_source *source, struct process *p)
{
	struct cr_ring_lost lost;
	int ret = 0;

	for (unsigned int cause = 1; cause < CR_RING_CAUSES && !ret; cause++) {
		if (preload_ring_lost(&p->ring, cause, &lost))
			ret = emit_loss(source, p, cause, &lost);
	}
	return ret;
}

static int emit_proc(struct preload_source *source, const struct preload_greeting *greeting)
{
	struct cr_proc *proc = (struct cr_proc *)greeting->proc.data;

	if (!greeting->proc.length)
		return 0;
	if (greeting->process.pid == source->root)
		proc->flags |= CR_PROC_ROOT;
	return source->opts.sink(source->opts.context, &proc->head);
}

/* ---- records of the shim ---- */

static uint64_t not_after(uint64_t time_ns, uint64_t now)
{
	return time_ns < now ? time_ns : now;
}

/* Check a record that was copied out, and put the kernel's word in place of the shim's. */
static int admit(const struct process *p, struct cr_head *record)
{
	struct cr_data *data = (struct cr_data *)record;
	struct cr_conn *conn = (struct cr_conn *)record;
	uint64_t now = clock_boot_ns();

	if (record_check(record, record->length))
		return -EBADMSG;
	record->flags = 0;
	record->time_ns = not_after(record->time_ns, now);
	switch (record->type) {
	case CR_DATA:
		if (data->layer != CR_LAYER_TLS_STREAM || data->captured_length > CR_DATA_MAX)
			return -EBADMSG;
		data->process = p->key;
		data->cgroup = 0;
		data->present &= ~(uint32_t)CR_HAS_CGROUP;
		data->entry_ns = not_after(data->entry_ns, now);
		data->return_ns = not_after(data->return_ns, now);
		return 0;
	case CR_CONN:
		if (conn->layer != CR_LAYER_TLS_STREAM || conn->role > CR_ROLE_SERVER)
			return -EBADMSG;
		conn->process = p->key;
		conn->netns = p->netns;
		return 0;
	case CR_END:
		((struct cr_end *)record)->process = p->key;
		return 0;
	default:
		return -EBADMSG;
	}
}

static bool is_attached(const struct process *p)
{
	return p->attached ||
	       (p->ring.shared && __atomic_load_n(&p->ring.shared->attached, __ATOMIC_ACQUIRE));
}

static uint64_t connects_of(const struct process *p)
{
	uint64_t now = 0;

	if (p->ring.shared)
		now = __atomic_load_n(&p->ring.shared->connects, __ATOMIC_RELAXED);
	return p->connects + now;
}

static void free_ring(struct preload_source *source, struct process *p)
{
	p->attached = is_attached(p);
	p->connects = connects_of(p);
	preload_greeter_give_up(source->greeter, &p->ring);
}

/* A ring is given up at the first thing that the shim would not have written. */
static int close_damaged(struct preload_source *source, struct process *p)
{
	uint64_t left = preload_ring_head(&p->ring) - p->ring.tail;
	struct cr_ring_lost lost = {1, left <= p->ring.size ? left : 0};

	free_ring(source, p);
	return emit_loss(source, p, CR_CAUSE_MALFORMED, &lost);
}

/* Find the next record of a process's ring, up to where this drain goes. */
static int look(struct preload_source *source, struct process *p)
{
	int ret;

	p->ready = false;
	/* positions only grow: a difference below zero is one of the highest numbers */
	if (!p->ring.shared || (int64_t)(p->until - p->ring.tail) <= 0)
		return 0;
	ret = preload_ring_peek(&p->ring, p->dead, &p->time_ns);
	if (ret < 0)
		return close_damaged(source, p);
	p->ready = ret > 0;
	return 0;
}

static int look_first(struct preload_source *source, struct process *p)
{
	p->ready = false;
	if (!p->ring.shared)
		return 0;
	p->until = preload_ring_head(&p->ring);
	if (p->until - p->ring.tail > p->ring.size)
		return close_damaged(source, p);
	return look(source, p);
}

static int pass_on(struct preload_source *source, struct process *p)
{
	struct cr_head *record = (struct cr_head *)source->record;

	preload_ring_take(&p->ring, record);
	if (admit(p, record))
		return close_damaged(source, p);
	if (record->type == CR_DATA)
		p->captured = true;
	return source->opts.sink(source->opts.context, record);
}

/* The process whose record comes next; and the time up to which it is alone. */
static struct process *earliest(struct preload_source *source, uint64_t *ret_alone_ns)
{
	struct process *best = NULL;
	uint64_t alone_ns = UINT64_MAX;

	for (struct process *p = source->first; p; p = p->next) {
		if (!p->ready)
			continue;
		if (!best || p->time_ns < best->time_ns) {
			alone_ns = best ? best->time_ns : UINT64_MAX;
			best = p;
		} else if (p->time_ns < alone_ns) {
			alone_ns = p->time_ns;
		}
	}
	*ret_alone_ns = alone_ns;
	return best;
}

/* A run of records of one process. Return: 0 or a negative errno. */
static int pass_run(struct preload_source *source, struct process *p, uint64_t alone_ns)
{
	int ret = 0;

	for (unsigned int i = 0; i < RUN && p->ready && p->time_ns <= alone_ns && !ret; i++) {
		ret = pass_on(source, p);
		ret = ret ? ret : look(source, p);
	}
	return ret;
}

/* All that is in the rings now, merged by time. */
static int drain_rings(struct preload_source *source)
{
	struct process *p;
	uint64_t alone_ns;
	int ret;

	for (p = source->first; p; p = p->next) {
		ret = look_first(source, p);
		if (ret)
			return ret;
	}
	while ((p = earliest(source, &alone_ns))) {
		ret = pass_run(source, p, alone_ns);
		if (ret)
			return ret;
	}
	for (p = source->first; p; p = p->next) {
		ret = p->ring.shared ? emit_losses(source, p) : 0;
		if (ret)
			return ret;
	}
	return 0;
}

/* ---- processes ---- */

/* Of a process that greeted, nothing came, and that may have used TLS all the same. */
static bool is_silent(const struct process *p)
{
	return !p->captured && p->hello.length && (connects_of(p) || !is_attached(p));
}

/* Take a process off the list of those with a ring. */
static void retire(struct preload_source *source, struct process *p)
{
	free_ring(source, p);
	if (p->pidfd >= 0) {
		epoll_ctl(source->epoll, EPOLL_CTL_DEL, p->pidfd, NULL);
		close(p->pidfd);
		p->pidfd = -1;
	}
	if (p->back) {
		*p->back = p->next;
		if (p->next)
			p->next->back = p->back;
		p->back = NULL;
		source->n_rings--;
	}
	if (!is_silent(p))
		buffer_free(&p->hello);
}

static int retire_dead(struct preload_source *source)
{
	struct process *p = source->first, *next;
	int ret = 0;

	for (; p && !ret; p = next) {
		struct cr_exit record = {.process = p->key, .status = CR_EXIT_STATUS_UNKNOWN};

		next = p->next;
		if (!p->dead)
			continue;
		retire(source, p);
		ret = emit_struct(source, CR_EXIT, &record, sizeof(record), clock_boot_ns());
	}
	return ret;
}

/* Where there is no more room: the ended of whom nothing is left to be told. */
static void forget_ended(struct preload_source *source)
{
	size_t cursor = 0;
	void *value;

	while (map_next(source->processes, &cursor, NULL, &value)) {
		struct process *p = value;

		if (p->back || p->hello.length)
			continue;
		if (map_get(source->by_pid, &p->key.pid) == p)
			map_remove(source->by_pid, &p->key.pid);
		map_remove(source->processes, &p->key);
		free(p);
	}
}

static struct process *process_new(struct preload_source *source, const struct cr_process *key)
{
	struct process *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	if (map_count(source->processes) == LIMIT_PROCESSES)
		forget_ended(source);
	p->key = *key;
	p->pidfd = -1;
	buffer_init(&p->hello, 0);
	if (map_put(source->processes, key, p)) {
		free(p);
		return NULL;
	}
	return p;
}

/* The same process again: it began a program. What the old image left is all there will be. */
static int begin_again(struct preload_source *source, struct process *p, uint64_t time_ns)
{
	struct cr_exec record = {.process = p->key};
	int ret;

	p->dead = true;
	ret = drain_rings(source);
	p->dead = false;
	retire(source, p);
	return ret ? ret : emit_struct(source, CR_EXEC, &record, sizeof(record), time_ns);
}

/* Put a process on the list, with the ring that it was given. */
static int adopt(struct preload_source *source, struct process *p,
		 struct preload_greeting *greeting)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = p};

	if (epoll_ctl(source->epoll, EPOLL_CTL_ADD, greeting->pidfd, &event))
		return -errno;
	p->pidfd = greeting->pidfd;
	p->ring = greeting->ring;
	p->netns = greeting->netns;
	buffer_free(&p->hello);
	p->hello = greeting->hello;
	buffer_init(&greeting->hello, 0);
	p->dead = p->ready = p->attached = false;
	greeting->pidfd = -1;
	greeting->ring = (struct preload_ring){0};
	p->next = source->first;
	p->back = &source->first;
	if (p->next)
		p->next->back = &p->next;
	source->first = p;
	source->n_rings++;
	return 0;
}

/* A shim was answered. Where there is no room for its process, nobody reads what it writes. */
static int greeted(struct preload_source *source, struct preload_greeting *greeting)
{
	struct process *p = map_get(source->processes, &greeting->process);
	int ret;

	if (p && p->back && (ret = begin_again(source, p, greeting->time_ns)))
		return ret;
	if (!p)
		p = process_new(source, &greeting->process);
	if (!p || adopt(source, p, greeting))
		return 0;
	map_put(source->by_pid, &p->key.pid, p);
	return emit_proc(source, greeting);
}

static int take_greetings(struct preload_source *source)
{
	struct preload_greeting *greeting = preload_greeter_take(source->greeter), *next;
	int ret = 0;

	for (; greeting; greeting = next) {
		next = greeting->next;
		ret = ret ? ret : greeted(source, greeting);
		preload_greeting_free(source->greeter, greeting);
	}
	return ret;
}

/* ---- interface ---- */

static int dispatch(struct preload_source *source, bool *ret_more)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(source->epoll, events, EVENTS, 0);
	int ret = take_greetings(source);

	*ret_more = n == EVENTS;
	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr != source)
			((struct process *)events[i].data.ptr)->dead = true;
	}
	ret = ret ? ret : drain_rings(source);
	return ret ? ret : retire_dead(source);
}

int preload_source_dispatch(struct preload_source *source)
{
	bool more;

	return dispatch(source, &more);
}

int preload_source_drain(struct preload_source *source, bool final)
{
	bool more = true;
	/* the end of a process that is taken up by the first is seen by the second */
	int ret = dispatch(source, &more);

	more = true;
	while (more && !ret)
		ret = dispatch(source, &more);
	while (final && source->first)
		retire(source, source->first);
	return ret;
}

static uint64_t ring_size(uint64_t wanted)
{
	uint64_t size = RING_BYTES_MIN;

	wanted = wanted ? wanted : RING_BYTES_DEFAULT;
	while (size < wanted && size < RING_BYTES_MAX)
		size *= 2;
	return size;
}

int preload_source_new(const struct preload_source_opts *opts, struct preload_source **ret_source)
{
	struct preload_source *source = calloc(1, sizeof(*source));
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};
	int ret;

	if (!source)
		return -ENOMEM;
	source->opts = *opts;
	source->opts.ring_bytes = ring_size(opts->ring_bytes);
	source->epoll = epoll_create1(EPOLL_CLOEXEC);
	ret = source->epoll < 0 ? -errno : 0;
	ret = ret ? ret : map_new(&source->processes, sizeof(struct cr_process), LIMIT_PROCESSES);
	ret = ret ? ret : map_new(&source->by_pid, sizeof(uint32_t), LIMIT_PROCESSES);
	ret = ret ? ret : preload_greeter_new(source->opts.ring_bytes, &source->greeter);
	if (!ret &&
	    epoll_ctl(source->epoll, EPOLL_CTL_ADD, preload_greeter_fd(source->greeter), &event))
		ret = -errno;
	if (ret) {
		preload_source_free(source);
		return ret;
	}
	*ret_source = source;
	return 0;
}

const char *preload_source_address(const struct preload_source *source)
{
	return preload_greeter_address(source->greeter);
}

int preload_source_fd(const struct preload_source *source)
{
	return source->epoll;
}

void preload_source_set_root(struct preload_source *source, uint32_t pid)
{
	source->root = pid;
}

static const struct process *process_of(const struct preload_source *source, uint32_t pid,
					uint64_t start)
{
	const struct process *p = map_get(source->by_pid, &pid);

	return p && start && p->key.start != start ? NULL : p;
}

enum preload_seen preload_source_seen(const struct preload_source *source, uint32_t pid,
				      uint64_t start)
{
	const struct process *p = process_of(source, pid, start);

	if (!p)
		return preload_proc_inherits(pid) ? PRELOAD_GREETED : PRELOAD_UNKNOWN;
	if (p->captured)
		return PRELOAD_CAPTURED;
	/* a shim that got its answer too late stays inert */
	return is_attached(p) ? PRELOAD_GREETED : PRELOAD_UNKNOWN;
}

uint64_t preload_source_connects(const struct preload_source *source, uint32_t pid, uint64_t start)
{
	const struct process *p = process_of(source, pid, start);

	return p ? connects_of(p) : 0;
}

int preload_source_silent(const struct preload_source *source, silent_fn fn, void *context)
{
	size_t cursor = 0;
	void *value;
	int ret = 0;

	while (!ret && map_next(source->processes, &cursor, NULL, &value)) {
		const struct process *p = value;
		struct silent_process silent = {
			.process = p->key,
			.answered = is_attached(p),
			.connects = connects_of(p),
			.hello = (const struct cr_head *)p->hello.data,
		};

		if (is_silent(p))
			ret = fn(context, &silent);
	}
	return ret;
}

unsigned int preload_source_processes(const struct preload_source *source)
{
	return source->n_rings;
}

static void set_verdict(void *context, const struct conn_key *conn, enum verdict verdict)
{
	static const enum cr_ring_verdict verdicts[] = {
		[VERDICT_FULL] = CR_VERDICT_FULL,
		[VERDICT_HEADS] = CR_VERDICT_HEADS,
		[VERDICT_NONE] = CR_VERDICT_NONE,
	};
	struct preload_source *source = context;
	struct cr_process key = {.pid = conn->process.pid, .start = conn->process.start};
	struct process *p = map_get(source->processes, &key);

	if (p && p->ring.shared && conn->conn)
		preload_ring_verdict(&p->ring, conn->conn, conn->generation, verdicts[verdict]);
}

struct control preload_source_control(struct preload_source *source)
{
	return (struct control){.context = source, .verdict = set_verdict};
}

void preload_source_free(struct preload_source *source)
{
	size_t cursor = 0;
	void *p;

	if (!source)
		return;
	while (source->processes && map_next(source->processes, &cursor, NULL, &p)) {
		retire(source, p);
		buffer_free(&((struct process *)p)->hello);
		free(p);
	}
	map_free(source->processes);
	map_free(source->by_pid);
	preload_greeter_free(source->greeter);
	if (source->epoll >= 0)
		close(source->epoll);
	free(source);
}
