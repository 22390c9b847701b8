/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/capture.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent/attach/libs.h"
#include "agent/attach/proc.h"
#include "agent/attach/site.h"
#include "agent/limits.h"
#include "agent/source/ebpf.h"
#include "agent/source/preload.h"
#include "agent/user.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"

/* The shim's rings tell nobody that they fill. */
#define PRELOAD_INTERVAL_MS 10

/* What the end of a run waits for, at most. */
#define DRAIN_NS 1000000000ull

struct capture {
	struct ebpf_source *ebpf; /* one of the two */
	struct preload_source *preload;
	struct control preload_control;
	char library[LIMIT_PATH]; /* the shim */
	char environment[LIMIT_PATH];
};

/* ---- the shim ---- */

/* The shim lies beside the program (a build), or where `make install` puts it. */
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

static int start_preload(struct capture *capture, record_sink sink, void *context, char *error,
			 size_t error_size)
{
	struct preload_source_opts opts = {.sink = sink, .context = context};
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

/* ---- eBPF ---- */

static int start_ebpf(struct capture *capture, record_sink sink, void *context, char *error,
		      size_t error_size)
{
	struct ebpf_opts opts = {
		.sink = sink,
		.context = context,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.find_sites = site_find,
		.describe = proc_record,
	};
	const char *why = "eBPF";
	int r = ebpf_source_start(&capture->ebpf, &opts);

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

int capture_new(struct capture **ret_capture, enum capture_mode mode, bool attach, record_sink sink,
		void *context, char *error, size_t error_size)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	int r = -EPERM;

	if (!capture)
		return -ENOMEM;
	if (mode == CAPTURE_PRELOAD && attach) {
		snprintf(error, error_size,
			 "-p needs eBPF: a library can not be loaded into a "
			 "program that runs already");
		r = -EINVAL;
	} else if (mode == CAPTURE_PRELOAD) {
		r = start_preload(capture, sink, context, error, error_size);
	} else if (mode == CAPTURE_EBPF || attach || geteuid() == 0) {
		r = start_ebpf(capture, sink, context, error, error_size);
	}
	if (r < 0 && mode == CAPTURE_AUTO && !attach) {
		if (*error)
			log_verbose("%s; trying preload", error);
		r = start_preload(capture, sink, context, error, error_size);
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

int capture_follow(struct capture *capture, pid_t root, const char *executable, char *error,
		   size_t error_size)
{
	int r;

	if (capture->preload) {
		preload_source_set_root(capture->preload, (uint32_t)root);
		return 0;
	}
	r = executable ? libs_known(executable, ebpf_source_prepare, capture->ebpf) : 0;
	if (r == 0)
		r = ebpf_source_follow(capture->ebpf, root, true);
	if (r < 0)
		snprintf(error, error_size, "process %ld can not be followed: %s", (long)root,
			 strerror(-r));
	return r;
}

int capture_watch(struct capture *capture, struct loop *loop)
{
	int r;

	if (capture->ebpf)
		return loop_add(loop, ebpf_source_fd(capture->ebpf), EPOLLIN, on_ebpf, capture);
	r = loop_add(loop, preload_source_fd(capture->preload), EPOLLIN, on_preload, capture);
	return r < 0 ? r : loop_every(loop, PRELOAD_INTERVAL_MS, on_preload, capture);
}

int capture_drain(struct capture *capture)
{
	return capture->ebpf ? ebpf_source_finish(capture->ebpf)
			     : preload_source_drain(capture->preload, true);
}

const struct control *capture_control(struct capture *capture)
{
	return capture->ebpf ? ebpf_source_control(capture->ebpf) : &capture->preload_control;
}

enum capture_sight capture_sight(const struct capture *capture, const struct process_key *process)
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

void capture_free(struct capture *capture)
{
	if (!capture)
		return;
	ebpf_source_free(capture->ebpf);
	preload_source_free(capture->preload);
	free(capture);
}
