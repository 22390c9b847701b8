/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/ebpf_attacher.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent/limits.h"
#include "agent/source/ebpf_files.h"
#include "agent/source/ebpf_finder.h"
#include "agent/source/ebpf_kernel.h"
#include "agent/source/ebpf_seam.h"
#include "agent/source/ebpf_watch.h"
#include "agent/util/clock.h"
#include "agent/util/loop.h"
#include "agent/util/map.h"
#include "agent/util/procfs.h"
#include "agent/util/record_check.h"
#include "bpf/capture.h"

#define SWEEP_MS 5000
#define PATH_SIZE 4096

/* What is remembered of a process while it is in the tree. */
struct watched {
	struct cr_process process;
	struct buffer hello;  /* what it runs and maps, as far as it is known */
	struct buffer record; /* the last CR_PROC of it */
	bool probed;          /* it has mapped a file with probes */
	bool connected;       /* it has opened a TCP connection */
	bool reported;        /* that nothing of it is probed */
};

struct attacher {
	const struct ebpf_opts *opts;
	int socket;
	struct loop *loop;
	struct ebpf_kernel *kernel;
	struct finder *finder;
	struct probed_files *files;
	struct mapping_watch *watch;
	struct ring_buffer *lifecycle;
	struct map *watched; /* pid_t → struct watched */
	uint64_t lifecycle_lost;
	uint64_t attach_start;  /* of opts->attach, as it was before the reader spoke */
	struct cr_process root; /* the process that was followed last; pid 0: none */
	bool swept;             /* no process has ended since the last sweep */
};

/* ---- what the reader is told ---- */

static int send_record(struct attacher *attacher, const struct buffer *record)
{
	struct seam_message message = {.type = SEAM_RECORD, .length = (uint32_t)record->length};

	return seam_send(attacher->socket, &message, record->data, NULL, 0);
}

static int send_result(struct attacher *attacher, int value)
{
	struct seam_message message = {.type = SEAM_RESULT, .value = value};

	return seam_send(attacher->socket, &message, NULL, NULL, 0);
}

/* Read what a process is, and tell. One that is gone already stays what it was. */
static int describe(struct attacher *attacher, struct watched *watched, unsigned int flags)
{
	struct buffer record;
	int r;

	buffer_init(&record, LIMIT_PROC_RECORD);
	if (attacher->opts->describe((pid_t)watched->process.pid, flags, &record) < 0) {
		buffer_free(&record);
		return 0;
	}
	buffer_free(&watched->record);
	watched->record = record;
	r = send_record(attacher, &record);
	return r == -EPIPE ? r : 0;
}

/* A process that was just born is what its parent is; it may be gone before it could be read. */
static int inherit(struct attacher *attacher, struct watched *watched, const struct watched *parent)
{
	struct cr_proc proc;
	int r;

	if (parent->record.length < sizeof(proc))
		return describe(attacher, watched, 0);
	buffer_clear(&watched->record);
	r = buffer_append(&watched->record, parent->record.data, parent->record.length);
	if (r < 0)
		return 0;
	memcpy(&proc, watched->record.data, sizeof(proc));
	proc.head.time_ns = clock_boot_ns();
	proc.process = watched->process;
	proc.parent = parent->process;
	proc.ns_pid = 0;
	proc.flags &= ~(cr_u32)CR_PROC_ROOT;
	memcpy(watched->record.data, &proc, sizeof(proc));
	r = send_record(attacher, &watched->record);
	return r == -EPIPE ? r : 0;
}

/* A process that has connected, and in which nothing could be probed. */
static int report_silent(struct attacher *attacher, struct watched *watched)
{
	struct seam_message message = {.type = SEAM_SILENT};
	struct buffer *hello = &watched->hello;
	int r = 0;

	if (!watched->connected || watched->probed || watched->reported)
		return 0;
	watched->reported = true;
	if (!hello->length)
		r = record_begin(hello, CR_HELLO, sizeof(struct cr_hello), clock_boot_ns());
	if (!r) {
		memcpy(hello->data + offsetof(struct cr_hello, process), &watched->process,
		       sizeof(watched->process));
		r = record_finish(hello, 0);
	}
	if (r < 0)
		return r;
	message.length = (uint32_t)hello->length;
	return seam_send(attacher->socket, &message, hello->data, NULL, 0);
}

/* ---- processes ---- */

static void watched_free(struct watched *watched)
{
	if (!watched)
		return;
	buffer_free(&watched->hello);
	buffer_free(&watched->record);
	free(watched);
}

static struct watched *watched_get(struct attacher *attacher, const struct cr_process *process)
{
	uint32_t key = process->pid;
	struct watched *watched = map_get(attacher->watched, &key);

	if (watched && watched->process.start == process->start)
		return watched;
	/* The same number, another process: the end of the first was not seen. */
	map_remove(attacher->watched, &key);
	watched_free(watched);
	watched = calloc(1, sizeof(*watched));
	if (!watched)
		return NULL;
	watched->process = *process;
	buffer_init(&watched->record, LIMIT_PROC_RECORD);
	buffer_init(&watched->hello, LIMIT_HELLO);
	if (map_put(attacher->watched, &key, watched) < 0) {
		free(watched);
		return NULL;
	}
	return watched;
}

/* Note one more of what a process runs and maps; what finds no room is left out. */
static void note_path(struct watched *watched, unsigned int tag, const char *path)
{
	struct buffer *hello = &watched->hello;
	size_t length = strlen(path);

	if (!hello->length &&
	    record_begin(hello, CR_HELLO, sizeof(struct cr_hello), clock_boot_ns()) < 0)
		return;
	if (hello->length + sizeof(struct cr_field) + length + CR_ALIGN <= LIMIT_HELLO)
		record_add_field(hello, tag, path, length);
}

/* @otherwise: how it was called, for a process that is gone already. */
static void note_executable(struct watched *watched, pid_t pid, const char *otherwise)
{
	char path[PATH_SIZE];

	buffer_clear(&watched->hello);
	watched->connected = watched->reported = false;
	if (procfs_exe(pid, path, sizeof(path)) > 0)
		note_path(watched, CR_FIELD_EXE, path);
	else if (otherwise && *otherwise == '/')
		note_path(watched, CR_FIELD_EXE, otherwise);
}

/* Probe what a range of a process's memory maps. The kernel opens it: no path is involved. */
static void probe_range(struct attacher *attacher, struct watched *watched, pid_t pid,
			uint64_t start, uint64_t end)
{
	char link[80], path[PATH_SIZE];
	ssize_t length;
	int fd;

	snprintf(link, sizeof(link), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)pid, start,
		 end);
	fd = open(link, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (probed_files_add(attacher->files, fd) > 0 && watched)
		watched->probed = true;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = watched ? readlink(link, path, sizeof(path) - 1) : -1;
	if (length > 0) {
		path[length] = '\0';
		note_path(watched, CR_FIELD_MAPPING, path);
	}
	close(fd);
}

struct scan {
	struct attacher *attacher;
	struct watched *watched;
	pid_t pid;
};

static int scan_mapping(void *context, const struct procfs_mapping *mapping)
{
	struct scan *scan = context;

	probe_range(scan->attacher, scan->watched, scan->pid, mapping->start, mapping->end);
	return 0;
}

/* Probe all that a process has mapped. */
static void scan_process(struct attacher *attacher, struct watched *watched, pid_t pid)
{
	struct scan scan = {.attacher = attacher, .watched = watched, .pid = pid};

	watched->probed = false;
	procfs_mappings(pid, scan_mapping, &scan);
}

static void scan_tree(struct attacher *attacher)
{
	size_t cursor = 0;
	const void *key;
	void *value;

	while (map_next(attacher->watched, &cursor, &key, &value)) {
		uint32_t pid;

		memcpy(&pid, key, sizeof(pid));
		scan_process(attacher, value, (pid_t)pid);
	}
}

static void on_mapping(void *context, const struct mapping_event *event)
{
	struct attacher *attacher = context;
	struct watched *watched;
	uint32_t key = (uint32_t)event->pid;

	if (!event->pid) {
		scan_tree(attacher);
		return;
	}
	/* The event may be here before that of the fork. */
	watched = map_get(attacher->watched, &key);
	if (!watched && !ebpf_kernel_follows(attacher->kernel, event->pid))
		return;
	probe_range(attacher, watched, event->pid, event->start, event->start + event->length);
}

/* ---- events of the kernel ---- */

static int process_born(struct attacher *attacher, const struct cr_fork *record)
{
	struct watched *parent = map_get(attacher->watched, &record->parent.pid);
	struct watched *watched = watched_get(attacher, &record->process);

	if (!watched)
		return 0;
	if (!parent)
		return describe(attacher, watched, 0);
	watched->probed = parent->probed;
	buffer_clear(&watched->hello);
	if (buffer_append(&watched->hello, parent->hello.data, parent->hello.length) < 0)
		buffer_clear(&watched->hello);
	return inherit(attacher, watched, parent);
}

static int process_began(struct attacher *attacher, const struct capture_began *record)
{
	struct watched *watched = watched_get(attacher, &record->exec.process);
	pid_t pid = (pid_t)record->exec.process.pid;
	int r;

	if (!watched)
		return 0;
	r = report_silent(attacher, watched);
	note_executable(watched, pid, record->path);
	scan_process(attacher, watched, pid);
	return r < 0 ? r : describe(attacher, watched, 0);
}

static int process_ended(struct attacher *attacher, const struct cr_exit *record)
{
	struct watched *watched = map_get(attacher->watched, &record->process.pid);
	int r = 0;

	if (watched) {
		r = report_silent(attacher, watched);
		map_remove(attacher->watched, &record->process.pid);
		watched_free(watched);
	}
	attacher->swept = false;
	return r;
}

static int on_event(void *context, void *data, size_t size)
{
	struct attacher *attacher = context;
	const struct cr_head *head = data;
	const struct cr_exec *exec = data;
	struct watched *watched;

	if (size < sizeof(*exec))
		return 0;
	/* Mappings are made known on another ring: what was mapped before comes first. */
	mapping_watch_drain(attacher->watch, on_mapping, attacher);
	switch (head->type) {
	case CR_FORK:
		return size < sizeof(struct cr_fork) ? 0 : process_born(attacher, data);
	case CR_EXEC:
		return size < sizeof(struct capture_began) ? 0 : process_began(attacher, data);
	case CR_EXIT:
		return size < sizeof(struct cr_exit) ? 0 : process_ended(attacher, data);
	case CAPTURE_EVENT_CONNECT:
		watched = watched_get(attacher, &exec->process);
		if (watched)
			watched->connected = true;
		return 0;
	}
	return 0;
}

static int take_events(void *context, int fd, uint32_t events)
{
	struct attacher *attacher = context;
	uint64_t lost = ebpf_kernel_lifecycle_lost(attacher->kernel);
	int r;

	mapping_watch_drain(attacher->watch, on_mapping, attacher);
	r = ring_buffer__consume(attacher->lifecycle);
	if (lost != attacher->lifecycle_lost) {
		attacher->lifecycle_lost = lost;
		scan_tree(attacher);
	}
	return r < 0 ? r : 0;
}

static int sweep(void *context, int fd, uint32_t events)
{
	struct attacher *attacher = context;

	if (!attacher->swept)
		ebpf_kernel_sweep(attacher->kernel);
	attacher->swept = true;
	return 0;
}

/* ---- requests of the reader ---- */

struct walk {
	pid_t *pids;
	size_t n, room;
};

/*
 * The reader has no privilege, and may have been taken over by what it reads: it may have its own
 * children followed, or the one process that was named before it gave its privilege up.
 */
static bool may_follow(const struct attacher *attacher, pid_t pid, const struct procfs_stat *stat)
{
	const struct ebpf_opts *opts = attacher->opts;

	if (opts->attach)
		return pid == opts->attach && stat->start == attacher->attach_start;
	return stat->parent == opts->reader;
}

/* Put a process in the tree. Return: 1 if it is new there, 0, or a negative errno. */
static int follow_one(struct attacher *attacher, pid_t pid, bool root, unsigned int flags)
{
	struct cr_process process = {.pid = (cr_u32)pid};
	struct procfs_stat stat;
	struct watched *watched;
	int added, r = procfs_stat(pid, &stat);

	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	if (root && !may_follow(attacher, pid, &stat))
		return -EPERM;
	added = ebpf_kernel_follow(attacher->kernel, pid, stat.start);
	if (added < 0)
		return added;
	process.start = stat.start;
	if (root)
		attacher->root = process;
	watched = watched_get(attacher, &process);
	if (!watched)
		return -ENOMEM;
	note_executable(watched, pid, NULL);
	scan_process(attacher, watched, pid);
	if (procfs_has_internet_socket(pid) > 0)
		watched->connected = true;
	r = describe(attacher, watched, flags);
	return r < 0 ? r : added;
}

static int add_child(void *context, pid_t child)
{
	struct walk *walk = context;

	if (walk->n == walk->room) {
		size_t room = walk->room ? 2 * walk->room : 64;
		pid_t *pids;

		if (room > LIMIT_PROCESSES)
			return -ENOMEM;
		pids = reallocarray(walk->pids, room, sizeof(*pids));
		if (!pids)
			return -ENOMEM;
		walk->pids = pids;
		walk->room = room;
	}
	walk->pids[walk->n++] = child;
	return 0;
}

/*
 * A process and its descendants. A parent is in the tree before its children are listed, so that
 * the kernel adds those that are born meanwhile.
 */
static int follow(struct attacher *attacher, pid_t root, unsigned int flags)
{
	struct walk walk = {0};
	int r = add_child(&walk, root);

	for (size_t i = 0; !r && i < walk.n; i++) {
		int added;

		/* A tree that holds the reader itself: it would capture its own capturing. */
		if (walk.pids[i] == attacher->opts->reader || walk.pids[i] == getpid())
			continue;
		added = follow_one(attacher, walk.pids[i], i == 0, i ? 0 : flags);

		if (added < 0 && (i == 0 || added != -ESRCH))
			r = added;
		else if (added >= 0 && procfs_children(walk.pids[i], add_child, &walk) == -ENOMEM)
			r = -ENOMEM;
	}
	free(walk.pids);
	return r;
}

/* What job passes on to the command, and to it alone. */
static int kill_root(const struct attacher *attacher, pid_t pid, uint32_t number)
{
	static const int passed_on[] = {SIGTERM, SIGHUP,  SIGINT,  SIGQUIT, SIGUSR1,
					SIGUSR2, SIGCONT, SIGALRM, SIGWINCH};
	struct procfs_stat stat;

	if (pid <= 0 || (cr_u32)pid != attacher->root.pid)
		return -EPERM;
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(*passed_on); i++) {
		if (number != (uint32_t)passed_on[i])
			continue;
		if (procfs_stat(pid, &stat) < 0 || stat.start != attacher->root.start)
			return -ESRCH;
		return kill(pid, passed_on[i]) < 0 ? -errno : 0;
	}
	return -EPERM;
}

static int finish(struct attacher *attacher)
{
	size_t cursor = 0;
	void *value;
	int r = take_events(attacher, -1, 0);

	while (!r && map_next(attacher->watched, &cursor, NULL, &value))
		r = report_silent(attacher, value);
	return r;
}

static int answer(struct attacher *attacher, const struct seam_message *message, const int *fds)
{
	int r;

	switch (message->type) {
	case SEAM_PREPARE:
		if (fds[0] >= 0)
			probed_files_add(attacher->files, fds[0]);
		return 0;
	case SEAM_FOLLOW:
		r = follow(attacher, message->value, message->argument & CR_PROC_ROOT);
		break;
	case SEAM_KILL:
		r = kill_root(attacher, message->value, message->argument);
		break;
	case SEAM_FINISH:
		r = finish(attacher);
		break;
	default:
		return -EBADMSG;
	}
	return r == -EPIPE ? r : send_result(attacher, r);
}

static int take_request(void *context, int fd, uint32_t events)
{
	struct attacher *attacher = context;
	struct seam_message message;
	int fds[SEAM_FDS_MAX], r;

	r = seam_receive(attacher->socket, &message, NULL, 0, fds, 0);
	if (r < 0)
		return r == -EAGAIN ? 0 : r;
	r = answer(attacher, &message, fds);
	for (size_t i = 0; i < SEAM_FDS_MAX; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return r;
}

/* ---- start and end ---- */

static int set_up(struct attacher *attacher, enum kernel_step *ret_step)
{
	const struct ebpf_opts *opts = attacher->opts;
	int r;

	*ret_step = KERNEL_FINDER;
	r = finder_new(&attacher->finder, opts);
	if (r < 0)
		return r;
	r = ebpf_kernel_new(&attacher->kernel, opts->ring_size, opts->single_probes, ret_step);
	if (r < 0)
		return r;
	*ret_step = KERNEL_WATCH;
	r = mapping_watch_new(&attacher->watch);
	if (r < 0)
		return r;
	r = probed_files_new(&attacher->files, attacher->kernel, attacher->finder);
	if (r < 0)
		return r;
	r = map_new(&attacher->watched, sizeof(uint32_t), LIMIT_PROCESSES);
	if (r < 0)
		return r;
	attacher->lifecycle = ring_buffer__new(ebpf_kernel_lifecycle_fd(attacher->kernel), on_event,
					       attacher, NULL);
	return attacher->lifecycle ? 0 : -errno;
}

static int set_up_loop(struct attacher *attacher)
{
	const int *fds;
	size_t n = mapping_watch_fds(attacher->watch, &fds);
	int r = loop_new(&attacher->loop);

	if (!r)
		r = loop_add(attacher->loop, attacher->socket, EPOLLIN, take_request, attacher);
	if (!r)
		r = loop_add(attacher->loop, ring_buffer__epoll_fd(attacher->lifecycle), EPOLLIN,
			     take_events, attacher);
	for (size_t i = 0; !r && i < n; i++)
		r = loop_add(attacher->loop, fds[i], EPOLLIN, take_events, attacher);
	if (!r)
		r = loop_every(attacher->loop, SWEEP_MS, sweep, attacher);
	return r;
}

static void tear_down(struct attacher *attacher)
{
	size_t cursor = 0;
	void *value;

	while (attacher->watched && map_next(attacher->watched, &cursor, NULL, &value))
		watched_free(value);
	map_free(attacher->watched);
	loop_free(attacher->loop);
	ring_buffer__free(attacher->lifecycle);
	mapping_watch_free(attacher->watch);
	probed_files_free(attacher->files);
	finder_free(attacher->finder);
	ebpf_kernel_free(attacher->kernel);
}

int attacher_run(const struct ebpf_opts *opts, int socket)
{
	struct attacher attacher = {.opts = opts, .socket = socket, .swept = true};
	struct seam_message ready = {.type = SEAM_READY};
	enum kernel_step step = KERNEL_OPEN;
	struct procfs_stat stat;
	int fds[SEAM_FDS_MAX], r;

	if (opts->attach && !procfs_stat(opts->attach, &stat))
		attacher.attach_start = stat.start;
	r = set_up(&attacher, &step);
	if (!r)
		r = set_up_loop(&attacher);
	ready.value = r;
	ready.argument = step;
	if (!r)
		ebpf_kernel_reader_fds(attacher.kernel, fds);
	if (seam_send(socket, &ready, NULL, fds, r ? 0 : SEAM_FDS_MAX) < 0)
		r = -EPIPE;
	if (!r)
		r = loop_run(attacher.loop);
	tear_down(&attacher);
	return r == -EPIPE ? 0 : r;
}
