/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/ebpf_attacher_internal.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/limits.h"
#include "agent/util/clock.h"
#include "agent/util/procfs.h"
#include "agent/util/record_check.h"
#include "bpf/capture.h"

#define SWEEP_MS 1000
#define KERNEL_SWEEPS 5 /* sweeps from one of the kernel's tables to the next */
#define RESULT_MS 1000  /* how long an answer waits for room */

/* ---- what the reader is told ---- */

static int tell(void *context, uint32_t type, const struct buffer *payload)
{
	struct attacher *attacher = context;
	struct seam_message message = {.type = type, .length = (uint32_t)payload->length};

	if (attacher->socket < 0)
		return -EPIPE;
	return seam_send(attacher->socket, &message, payload->data, NULL, 0);
}

static int tell_silent(void *context, const struct buffer *hello)
{
	int r = tell(context, SEAM_SILENT, hello);

	return r == -EAGAIN ? 0 : r;
}

/* Of the host the reader's socket does not wait for room: an answer does. */
static int send_message(struct attacher *attacher, const struct seam_message *message,
			const int *fds, size_t n_fds)
{
	struct pollfd room = {.fd = attacher->socket, .events = POLLOUT};
	int r = seam_send(attacher->socket, message, NULL, fds, n_fds);

	if (r == -EAGAIN && poll(&room, 1, RESULT_MS) == 1)
		r = seam_send(attacher->socket, message, NULL, fds, n_fds);
	return r;
}

static int send_result(struct attacher *attacher, int value)
{
	struct seam_message message = {.type = SEAM_RESULT, .value = value};

	return send_message(attacher, &message, NULL, 0);
}

int attacher_send(struct attacher *attacher, uint32_t type, int fd)
{
	struct seam_message message = {.type = type};

	if (attacher->socket < 0)
		return -EPIPE;
	return send_message(attacher, &message, &fd, fd >= 0);
}

/* The executable, also of a process that is gone, where its file is still there. */
static int open_executable(const struct watched *watched)
{
	const struct cr_head *hello = (const void *)watched->hello.data;
	size_t offset = sizeof(struct cr_hello), length;
	char path[LIMIT_PATH];
	struct stat st;
	unsigned int tag;
	const char *text;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/exe", watched->process.pid);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0)
		return fd;
	text = record_field_next(hello, &offset, &tag, &length);
	if (!text || tag != CR_FIELD_EXE || !watched->exe_inode)
		return -1;
	snprintf(path, sizeof(path), "%.*s", (int)length, text);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0 && !fstat(fd, &st) && st.st_dev == watched->exe_device &&
	    st.st_ino == watched->exe_inode)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

int attacher_report_silent(struct attacher *attacher, struct watched *watched)
{
	const struct buffer *hello;
	int fd, r;

	if (!processes_is_silent(watched, &hello))
		return 0;
	if (!attacher->searches)
		return tell_silent(attacher, hello);
	fd = open_executable(watched);
	r = searches_add(attacher->searches, hello, fd);
	if (fd >= 0)
		close(fd);
	return r;
}

/* ---- mappings ---- */

/* Probe what a range of a process's memory maps. The kernel opens it: no path is involved. */
static void probe_range(struct attacher *attacher, struct watched *watched, pid_t pid,
			uint64_t start, uint64_t end)
{
	char link[80], path[LIMIT_PATH];
	ssize_t length;
	int fd;

	snprintf(link, sizeof(link), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)pid, start,
		 end);
	fd = open(link, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (probed_files_add(attacher->files, fd, false) > 0 && watched)
		processes_probed(attacher->processes, watched);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = watched ? readlink(link, path, sizeof(path) - 1) : -1;
	if (length > 0) {
		path[length] = '\0';
		processes_note_mapping(attacher->processes, watched, path);
	}
	close(fd);
}

struct scan {
	struct attacher *attacher;
	struct watched *watched;
};

static int scan_mapping(void *context, const struct procfs_mapping *mapping)
{
	struct scan *scan = context;

	probe_range(scan->attacher, scan->watched, (pid_t)scan->watched->process.pid,
		    mapping->start, mapping->end);
	return 0;
}

void attacher_scan(struct attacher *attacher, struct watched *watched)
{
	struct scan scan = {.attacher = attacher, .watched = watched};

	procfs_mappings((pid_t)watched->process.pid, scan_mapping, &scan);
}

static void scan_all(struct attacher *attacher)
{
	struct watched *watched;
	size_t cursor = 0;

	while ((watched = processes_next(attacher->processes, &cursor)))
		attacher_scan(attacher, watched);
}

static void on_mapping(void *context, const struct mapping_event *event)
{
	struct attacher *attacher = context;
	struct watched *watched;

	if (event->lost) {
		attacher->mappings_lost = true;
		return;
	}
	if (event->pid <= 0)
		return;
	if (*event->path == '/')
		processes_recent(attacher->processes, event);
	/* The event may be here before that of the fork. */
	watched = processes_find(attacher->processes, (uint32_t)event->pid);
	if (!watched && !ebpf_kernel_follows(attacher->kernel, event->pid, NULL))
		return;
	probe_range(attacher, watched, event->pid, event->start, event->start + event->length);
}

/* ---- events of the kernel ---- */

int attacher_take_in(struct attacher *attacher, const struct cr_process *process,
		     const char *called, unsigned int flags)
{
	struct watched *watched = processes_get(attacher->processes, process);
	int r;

	if (!watched)
		return -ENOMEM;
	processes_begin(attacher->processes, watched, called);
	r = processes_describe(attacher->processes, watched, flags);
	attacher_scan(attacher, watched);
	return r;
}

/* Is it in the tree, and not for its descendants' sake only? */
static bool is_captured(const struct attacher *attacher, const struct cr_process *process)
{
	bool quiet;

	return ebpf_kernel_follows(attacher->kernel, (pid_t)process->pid, &quiet) && !quiet;
}

static int process_born(struct attacher *attacher, const struct cr_fork *record)
{
	struct watched *parent = processes_find(attacher->processes, record->parent.pid);
	struct watched *watched;

	if (attacher->opts->scope && !is_captured(attacher, &record->process))
		return 0;
	watched = processes_get(attacher->processes, &record->process);
	if (!watched)
		return 0;
	return parent ? processes_inherit(attacher->processes, watched, parent,
					  record->head.time_ns)
		      : processes_describe(attacher->processes, watched, 0);
}

static int process_began(struct attacher *attacher, const struct capture_began *record)
{
	const struct cr_process *process = &record->exec.process;
	struct watched *watched = processes_find(attacher->processes, process->pid);
	int r = watched ? attacher_report_silent(attacher, watched) : 0, taken;

	if (attacher->opts->scope)
		return host_began(attacher, process, record->path);
	taken = attacher_take_in(attacher, process, record->path, 0);
	return r < 0 ? r : taken == -ENOMEM ? 0 : taken;
}

static int process_ended(struct attacher *attacher, const struct cr_exit *record)
{
	struct watched *watched = processes_find(attacher->processes, record->process.pid);
	int r = 0;

	if (watched) {
		r = attacher_report_silent(attacher, watched);
		processes_remove(attacher->processes, watched);
	}
	attacher->swept = false;
	return r;
}

static int process_connected(struct attacher *attacher, const struct cr_process *process)
{
	struct watched *watched;

	/* Of the host it may have been judged meanwhile; nothing would tell of its end then. */
	if (attacher->opts->scope && !is_captured(attacher, process))
		return 0;
	watched = processes_get(attacher->processes, process);
	if (watched && !watched->connected_ns)
		watched->connected_ns = clock_boot_ns();
	return 0;
}

static int on_event(void *context, void *data, size_t size)
{
	struct attacher *attacher = context;
	const struct cr_head *head = data;
	const struct cr_exec *exec = data;
	int r = 0;

	if (size < sizeof(*exec))
		return 0;
	/* Mappings are made known on another ring: what was mapped before comes first. */
	mapping_watch_drain(attacher->watch, on_mapping, attacher);
	switch (head->type) {
	case CR_FORK:
		r = size < sizeof(struct cr_fork) ? 0 : process_born(attacher, data);
		break;
	case CR_EXEC:
		r = size < sizeof(struct capture_began) ? 0 : process_began(attacher, data);
		break;
	case CR_EXIT:
		r = size < sizeof(struct cr_exit) ? 0 : process_ended(attacher, data);
		break;
	case CAPTURE_EVENT_CONNECT:
		r = process_connected(attacher, &exec->process);
		break;
	case CAPTURE_EVENT_STRANGER:
		r = attacher->opts->scope ? host_stranger(attacher, &exec->process) : 0;
		break;
	}
	/* An agent goes on without its reader, and gets another. */
	return attacher->opts->scope ? 0 : r;
}

/* Some events found no room: what they were about is looked for. */
static void recover_events(struct attacher *attacher)
{
	struct watched *watched;
	size_t cursor = 0;

	while (attacher->opts->scope && (watched = processes_next(attacher->processes, &cursor)))
		if (!is_captured(attacher, &watched->process)) {
			attacher_report_silent(attacher, watched);
			processes_remove(attacher->processes, watched);
		}
	attacher->mappings_lost = true;
	if (attacher->opts->scope)
		attacher_follow_host(attacher);
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
		recover_events(attacher);
	}
	/* Once, of however many processors the events were lost. */
	if (attacher->mappings_lost) {
		attacher->mappings_lost = false;
		scan_all(attacher);
	}
	return r < 0 ? r : 0;
}

/* What nobody maps any more need not be probed, in an agent that lives for months. */
static void prune_files(struct attacher *attacher)
{
	probed_files_begin(attacher->files);
	scan_all(attacher);
	probed_files_prune(attacher->files);
}

static int sweep(void *context, int fd, uint32_t events)
{
	struct attacher *attacher = context;

	attacher->sweeps++;
	if (!attacher->swept && attacher->sweeps % KERNEL_SWEEPS == 0) {
		ebpf_kernel_sweep(attacher->kernel);
		attacher->swept = true;
	}
	if (!attacher->opts->scope)
		return 0;
	if (attacher->sweeps % 60 == 0)
		prune_files(attacher);
	return host_sweep(attacher);
}

/* ---- requests of the reader ---- */

static int finish(struct attacher *attacher)
{
	struct watched *watched;
	size_t cursor = 0;
	int r = take_events(attacher, -1, 0);

	while (!r && (watched = processes_next(attacher->processes, &cursor)))
		r = attacher_report_silent(attacher, watched);
	if (!r && attacher->searches)
		r = searches_end(attacher->searches);
	return r;
}

/* The reader of an agent has no say in whom it spies on: it may only ask for the end. */
static int answer(struct attacher *attacher, const struct seam_message *message, const int *fds)
{
	bool host = attacher->opts->scope;
	int r = -EPERM;

	switch (message->type) {
	case SEAM_PREPARE:
		if (fds[0] >= 0 && !host)
			probed_files_add(attacher->files, fds[0], true);
		return 0;
	case SEAM_FOLLOW:
		if (!host)
			r = tree_follow(attacher, message->value, message->argument & CR_PROC_ROOT);
		break;
	case SEAM_KILL:
		if (!host)
			r = tree_kill(attacher, message->value, message->argument);
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
	if (r == 0) {
		r = answer(attacher, &message, fds);
		for (size_t i = 0; i < SEAM_FDS_MAX; i++)
			if (fds[i] >= 0)
				close(fds[i]);
	}
	if (r == -EAGAIN)
		return 0;
	if (r < 0 && attacher->opts->scope) {
		attacher_disconnect(attacher);
		return 0;
	}
	return r;
}

/* ---- start and end ---- */

static int set_up(struct attacher *attacher, enum kernel_step *ret_step)
{
	const struct ebpf_opts *opts = attacher->opts;
	struct ebpf_kernel_opts kernel = {
		.ring_size = opts->ring_size,
		.single_probes = opts->single_probes,
		.whole_host = opts->scope && !opts->scope->n_pids,
	};
	int r;

	*ret_step = KERNEL_FINDER;
	r = finder_new(&attacher->finder, opts);
	if (r < 0)
		return r;
	r = ebpf_kernel_new(&attacher->kernel, &kernel, ret_step);
	if (r < 0)
		return r;
	*ret_step = KERNEL_WATCH;
	r = mapping_watch_new(&attacher->watch);
	if (r < 0)
		return r;
	r = probed_files_new(&attacher->files, attacher->kernel, attacher->finder);
	if (r < 0)
		return r;
	r = processes_new(&attacher->processes, opts, opts->scope != NULL, tell, attacher);
	if (r < 0)
		return r;
	attacher->lifecycle = ring_buffer__new(ebpf_kernel_lifecycle_fd(attacher->kernel), on_event,
					       attacher, NULL);
	return attacher->lifecycle ? 0 : -errno;
}

static int watch(struct attacher *attacher)
{
	const int *fds;
	size_t n = mapping_watch_fds(attacher->watch, &fds);
	int r = loop_add(attacher->loop, ring_buffer__epoll_fd(attacher->lifecycle), EPOLLIN,
			 take_events, attacher);

	for (size_t i = 0; !r && i < n; i++)
		r = loop_add(attacher->loop, fds[i], EPOLLIN, take_events, attacher);
	if (!r)
		r = loop_every(attacher->loop, SWEEP_MS, sweep, attacher);
	if (!r && attacher->opts->scope)
		r = searches_new(&attacher->searches, attacher->opts, attacher->loop, tell_silent,
				 attacher);
	return r;
}

int attacher_new(struct attacher **ret_attacher, const struct ebpf_opts *opts, struct loop *loop,
		 enum kernel_step *ret_step)
{
	struct attacher *attacher = calloc(1, sizeof(*attacher));
	struct procfs_stat stat;
	int r;

	if (!attacher)
		return -ENOMEM;
	attacher->opts = opts;
	attacher->loop = loop;
	attacher->socket = -1;
	attacher->swept = true;
	if (opts->attach && !procfs_stat(opts->attach, &stat))
		attacher->attach_start = stat.start;
	r = set_up(attacher, ret_step);
	if (r == 0)
		r = watch(attacher);
	if (r < 0) {
		attacher_free(attacher);
		return r;
	}
	*ret_attacher = attacher;
	return 0;
}

int attacher_connect(struct attacher *attacher, int socket)
{
	struct seam_message ready = {.type = SEAM_READY};
	int fds[SEAM_FDS_MAX], r;

	attacher_disconnect(attacher);
	attacher->socket = socket;
	if (attacher->opts->scope)
		fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK);
	ebpf_kernel_reader_fds(attacher->kernel, fds);
	r = seam_send(socket, &ready, NULL, fds, SEAM_FDS_MAX);
	if (r == 0)
		r = loop_add(attacher->loop, socket, EPOLLIN, take_request, attacher);
	if (r == 0)
		processes_tell_all(attacher->processes, true);
	return r;
}

void attacher_disconnect(struct attacher *attacher)
{
	if (attacher->socket < 0)
		return;
	loop_remove(attacher->loop, attacher->socket);
	close(attacher->socket);
	attacher->socket = -1;
}

int attacher_prepare(void *context, const char *path)
{
	struct attacher *attacher = context;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return 0;
	probed_files_add(attacher->files, fd, true);
	close(fd);
	return 0;
}

bool attacher_captures(struct attacher *attacher, pid_t pid)
{
	bool quiet;

	/* What has just begun may not be in the tree yet. */
	take_events(attacher, -1, 0);
	return ebpf_kernel_follows(attacher->kernel, pid, &quiet) && !quiet;
}

void attacher_free(struct attacher *attacher)
{
	if (!attacher)
		return;
	attacher_disconnect(attacher);
	searches_free(attacher->searches);
	processes_free(attacher->processes);
	ring_buffer__free(attacher->lifecycle);
	mapping_watch_free(attacher->watch);
	probed_files_free(attacher->files);
	finder_free(attacher->finder);
	ebpf_kernel_free(attacher->kernel);
	free(attacher);
}

int attacher_run(const struct ebpf_opts *opts, int socket)
{
	struct seam_message failed = {.type = SEAM_READY};
	enum kernel_step step = KERNEL_OPEN;
	struct attacher *attacher = NULL;
	struct loop *loop = NULL;
	int r = loop_new(&loop);

	if (r == 0)
		r = attacher_new(&attacher, opts, loop, &step);
	if (r == 0) {
		r = attacher_connect(attacher, socket);
		if (r == 0)
			r = loop_run(loop);
	} else {
		failed.value = r;
		failed.argument = step;
		seam_send(socket, &failed, NULL, NULL, 0);
	}
	attacher_free(attacher);
	loop_free(loop);
	return r == -EPIPE ? 0 : r;
}
