/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "agent/attach/libs.h"
#include "agent/attach/proc.h"
#include "agent/attach/site.h"
#include "agent/limits.h"
#include "agent/source/ebpf.h"
#include "agent/source/preload.h"
#include "agent/source/ticker.h"
#include "agent/util/log.h"
#include "agent/util/map.h"
#include "agent/util/procfs.h"

/*
 * The shim's rings tell nobody that they fill: they are looked at this often, and more often while
 * bytes come, since a loopback connection can fill one within some milliseconds.
 */
#define PRELOAD_INTERVAL_NS 10000000
#define PRELOAD_BUSY_INTERVAL_NS 1000000
#define PRELOAD_BUSY_LOOKS 500 /* without a record, then it is busy no more */

struct capture {
	record_sink sink;
	void *context;
	struct ebpf_source *ebpf; /* one of the two */
	struct map *called;       /* with eBPF: processes that data came from */
	struct buffer early;      /* and its records from before capture_watch() */
	bool watched;
	struct map *files; /* and whether there is something to probe in a file */
	struct preload_source *preload;
	int look_fd;             /* with the shim: when to look at the rings */
	unsigned int busy_looks; /* left, at the shorter interval */
	struct ticker ticker;    /* with the shim: eBPF's source tells the time itself */
	struct control preload_control;
	char library[LIMIT_PATH]; /* the shim */
	char environment[LIMIT_PATH];
};

/* ---- the shim ---- */

/* The shim lies beside the program (a build), or where `make install` puts it.
 */
static int find_library(char *path, size_t size)
{
	static const char *const places[] = {"", "../lib/tollspan/"};
	char own[LIMIT_PATH];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	char *slash;

	if (n < 0)
		return -errno;
	own[n] = '\0';
	slash = strrchr(own, '/');
	if (slash)
		slash[1] = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		n = snprintf(path, size, "%s%slibtollspan-preload.so", own, places[i]);
		if (n > 0 && (size_t)n < size && access(path, R_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

static int on_preload_record(void *context, const struct cr_head *record)
{
	struct capture *capture = context;

	if (record->type == CR_DATA)
		capture->busy_looks = PRELOAD_BUSY_LOOKS;
	return capture->sink(capture->context, record);
}

static int start_preload(struct capture *capture, char *error, size_t error_size)
{
	struct preload_source_opts opts = {.sink = on_preload_record, .context = capture};
	int r = find_library(capture->library, sizeof(capture->library));

	if (r < 0) {
		snprintf(error, error_size,
			 "libtollspan-preload.so: %s beside tollspan, nor in "
			 "../lib/tollspan: build or install it",
			 strerror(-r));
		return r;
	}
	r = preload_source_new(&opts, &capture->preload);
	if (r < 0) {
		snprintf(error, error_size, "preload: %s", strerror(-r));
		return r;
	}
	capture->preload_control = preload_source_control(capture->preload);
	snprintf(capture->environment, sizeof(capture->environment), "%s=%s",
		 PRELOAD_SOCKET_VARIABLE, preload_source_address(capture->preload));
	return 0;
}

static int on_preload(void *context, int fd, uint32_t events)
{
	struct capture *capture = context;

	return preload_source_dispatch(capture->preload);
}

static int look_later(struct capture *capture)
{
	struct itimerspec spec = {
		.it_value.tv_nsec =
			capture->busy_looks ? PRELOAD_BUSY_INTERVAL_NS : PRELOAD_INTERVAL_NS,
	};

	if (capture->busy_looks)
		capture->busy_looks--;
	return timerfd_settime(capture->look_fd, 0, &spec, NULL) < 0 ? -errno : 0;
}

static int on_look(void *context, int fd, uint32_t events)
{
	struct capture *capture = context;
	int r = preload_source_dispatch(capture->preload);

	return r < 0 ? r : look_later(capture);
}

static int watch_rings(struct capture *capture, struct loop *loop)
{
	int r;

	capture->look_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (capture->look_fd < 0)
		return -errno;
	r = loop_add(loop, capture->look_fd, EPOLLIN, on_look, capture);
	return r < 0 ? r : look_later(capture);
}

static int on_tick(void *context, int fd, uint32_t events)
{
	struct capture *capture = context;

	return ticker_tick(&capture->ticker);
}

/* ---- eBPF ---- */

struct file_key {
	uint64_t device, inode;
};

static int on_ebpf_record(void *context, const struct cr_head *record)
{
	struct capture *capture = context;

	if (record->type == CR_DATA) {
		const struct cr_process *process = &((const struct cr_data *)record)->process;
		struct process_key key = {.start = process->start, .pid = process->pid};

		/* Without room it may be told as unseen, wrongly; it is captured all the
		 * same. */
		map_put(capture->called, &key, capture);
	}
	if (!capture->watched)
		return buffer_append(&capture->early, record, record->length);
	return capture->sink(capture->context, record);
}

static int start_ebpf(struct capture *capture, pid_t attach, char *error, size_t error_size)
{
	struct ebpf_opts opts = {
		.sink = on_ebpf_record,
		.context = capture,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.attach = attach,
		.find_sites = site_find,
		.describe = proc_record,
	};
	const char *why = "eBPF";
	int r = map_new(&capture->called, sizeof(struct process_key), LIMIT_PROCESSES);

	if (r == 0)
		r = map_new(&capture->files, sizeof(struct file_key), LIMIT_PROBED_FILES);
	if (r == 0)
		r = ebpf_source_start(&capture->ebpf, &opts);
	if (r == 0)
		r = ebpf_source_wait(capture->ebpf, &why);
	if (r == 0)
		return 0;
	ebpf_source_free(capture->ebpf);
	capture->ebpf = NULL;
	if (r == -EPERM || r == -EACCES)
		snprintf(error, error_size,
			 "eBPF: %s; run as root (sudo), or with "
			 "--capture=preload",
			 strerror(-r));
	else
		snprintf(error, error_size, "eBPF: %s: %s", why, strerror(-r));
	return r;
}

static int on_ebpf(void *context, int fd, uint32_t events)
{
	struct capture *capture = context;

	return ebpf_source_dispatch(capture->ebpf);
}

/* ---- both ---- */

int capture_new(struct capture **ret_capture, enum capture_mode mode, pid_t attach,
		record_sink sink, void *context, char *error, size_t error_size)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	int r = -EPERM;

	if (!capture)
		return -ENOMEM;
	capture->sink = sink;
	capture->context = context;
	capture->look_fd = -1;
	buffer_init(&capture->early, LIMIT_EARLY_RECORDS);
	if (mode == CAPTURE_PRELOAD && attach) {
		snprintf(error, error_size,
			 "-p needs eBPF: a library can not be loaded into a "
			 "program that runs already");
		r = -EINVAL;
	} else if (mode == CAPTURE_PRELOAD) {
		r = start_preload(capture, error, error_size);
	} else if (mode == CAPTURE_EBPF || attach || geteuid() == 0) {
		r = start_ebpf(capture, attach, error, error_size);
	}
	if (r < 0 && mode == CAPTURE_AUTO && !attach) {
		if (*error)
			log_verbose("%s; trying preload", error);
		r = start_preload(capture, error, error_size);
	}
	if (r < 0) {
		capture_free(capture);
		return r;
	}
	*ret_capture = capture;
	return 0;
}

enum cr_capture capture_kind(const struct capture *capture)
{
	return capture->ebpf ? CR_CAPTURE_EBPF : CR_CAPTURE_PRELOAD;
}

void capture_job(const struct capture *capture, struct job_opts *opts)
{
	if (capture->preload) {
		opts->preload = capture->library;
		opts->environment = capture->environment;
	}
}

/* What the process will probably use is probed before it loads it. */
static int prepare_files(const struct capture *capture, const char *executable)
{
	const char *library_path = getenv("LD_LIBRARY_PATH");
	int r = libs_known(library_path, ebpf_source_prepare, capture->ebpf);

	return r < 0 || !executable
		       ? r
		       : libs_of(executable, library_path, ebpf_source_prepare, capture->ebpf);
}

int capture_follow(struct capture *capture, pid_t root, const char *executable, char *error,
		   size_t error_size)
{
	int r;

	if (capture->preload) {
		preload_source_set_root(capture->preload, (uint32_t)root);
		return 0;
	}
	r = prepare_files(capture, executable);
	if (r == 0)
		r = ebpf_source_follow(capture->ebpf, root, true);
	if (r < 0)
		snprintf(error, error_size, "process %ld can not be followed: %s", (long)root,
			 strerror(-r));
	return r;
}

static int give_early(struct capture *capture)
{
	const uint8_t *data = capture->early.data;
	size_t at = 0;
	int r = 0;

	capture->watched = true;
	while (r >= 0 && at < capture->early.length) {
		const struct cr_head *record = (const void *)(data + at);

		at += record->length;
		r = capture->sink(capture->context, record);
	}
	buffer_free(&capture->early);
	return r;
}

int capture_watch(struct capture *capture, struct loop *loop)
{
	int r = give_early(capture);

	if (r < 0)
		return r;
	if (capture->ebpf)
		return loop_add(loop, ebpf_source_fd(capture->ebpf), EPOLLIN, on_ebpf, capture);
	r = ticker_start(&capture->ticker, capture->sink, capture->context);
	if (r == 0)
		r = loop_every(loop, TICKER_INTERVAL_MS, on_tick, capture);
	if (r == 0)
		r = loop_add(loop, preload_source_fd(capture->preload), EPOLLIN, on_preload,
			     capture);
	return r < 0 ? r : watch_rings(capture, loop);
}

int capture_drain(struct capture *capture)
{
	return capture->ebpf ? ebpf_source_finish(capture->ebpf)
			     : preload_source_drain(capture->preload, true);
}

int capture_kill(void *context, pid_t pid, int signal)
{
	struct capture *capture = context;

	return capture->ebpf ? ebpf_source_kill(capture->ebpf, pid, signal) : -EPERM;
}

const struct control *capture_control(struct capture *capture)
{
	return capture->ebpf ? ebpf_source_control(capture->ebpf) : &capture->preload_control;
}

bool capture_reaches(const struct capture *capture, const char *path)
{
	static char yes, no;
	struct probe_site sites[LIMIT_SITES];
	struct file_key key;
	struct stat status;
	void *known;
	int fd;

	if (!capture->ebpf)
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	if (fstat(fd, &status) < 0) {
		close(fd);
		return false;
	}
	key = (struct file_key){status.st_dev, status.st_ino};
	known = map_get(capture->files, &key);
	if (!known) {
		known = site_find(fd, 0, sites) > 0 ? &yes : &no;
		map_put(capture->files, &key, known);
	}
	close(fd);
	return known == &yes;
}

static int on_mapping(void *context, const struct procfs_mapping *mapping)
{
	const char *name = strrchr(mapping->path, '/');

	return name && !strncmp(name, "/libssl", 7);
}

static enum capture_sight ebpf_sight(const struct capture *capture,
				     const struct process_key *process)
{
	pid_t pid = (pid_t)process->pid;
	char path[64];

	if (map_get(capture->called, process))
		return SIGHT_CALLED;
	snprintf(path, sizeof(path), "/proc/%ld/exe", (long)pid);
	if (procfs_mappings(pid, on_mapping, NULL) > 0 || capture_reaches(capture, path))
		return SIGHT_READY;
	return SIGHT_NONE;
}

static enum capture_sight preload_sight(const struct capture *capture,
					const struct process_key *process)
{
	switch (preload_source_seen(capture->preload, process->pid, process->start)) {
	case PRELOAD_CAPTURED:
		return SIGHT_CALLED;
	case PRELOAD_GREETED:
		return SIGHT_READY;
	default:
		return SIGHT_NONE;
	}
}

enum capture_sight capture_sight(const struct capture *capture, const struct process_key *process)
{
	return capture->ebpf ? ebpf_sight(capture, process) : preload_sight(capture, process);
}

bool capture_used_network(const struct capture *capture, const struct process_key *process)
{
	return capture->preload &&
	       preload_source_connects(capture->preload, process->pid, process->start);
}

int capture_silent(const struct capture *capture, silent_fn fn, void *context)
{
	return capture->ebpf ? ebpf_source_silent(capture->ebpf, fn, context)
			     : preload_source_silent(capture->preload, fn, context);
}

void capture_free(struct capture *capture)
{
	if (!capture)
		return;
	ebpf_source_free(capture->ebpf);
	preload_source_free(capture->preload);
	if (capture->look_fd >= 0)
		close(capture->look_fd);
	buffer_free(&capture->early);
	map_free(capture->called);
	map_free(capture->files);
	free(capture);
}
