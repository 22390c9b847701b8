/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command whose TLS calls are captured whole, and throws the records away: what capture
 * costs the program, without a pipeline behind it.
 *
 * usage: whole_capture preload SHIM COMMAND [ARGUMENT]...
 *        whole_capture chosen|exported LIBRARY COMMAND [ARGUMENT]...
 *
 * SHIM is libtollspan-preload.so. LIBRARY is the libssl that the command loads: by eBPF its
 * functions are probed at the sites that are chosen for cost, or at the exported symbols. At the
 * end says on standard error how many data records were captured, and how many were lost.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/attach/proc.h"
#include "agent/attach/site.h"
#include "agent/source/ebpf.h"
#include "agent/source/preload.h"

#define PRELOAD_POLL_MS 1 /* that ring tells nobody that it fills */
#define EBPF_POLL_MS 50

struct counts {
	uint64_t data, lost;
};

struct follower {
	struct ebpf_source *ebpf; /* one of the two */
	struct preload_source *preload;
	struct counts counts;
	pid_t pid;
	int gate; /* to the child, which waits for it to be closed */
};

static _Noreturn void die(const char *what, int error)
{
	fprintf(stderr, "whole_capture: %s: %s\n", what, strerror(error < 0 ? -error : error));
	exit(1);
}

static int count(void *context, const struct cr_head *record)
{
	struct counts *counts = context;

	if (record->type == CR_DATA)
		counts->data++;
	else if (record->type == CR_LOST)
		counts->lost += ((const struct cr_lost *)record)->records;
	return 0;
}

static void start_command(struct follower *f, char **command, const char *shim)
{
	int gate[2];
	char byte;

	if (pipe(gate) < 0)
		die("pipe", errno);
	f->pid = fork();
	if (f->pid < 0)
		die("fork", errno);
	if (f->pid == 0) {
		close(gate[1]);
		if (read(gate[0], &byte, 1) < 0)
			_exit(126);
		close(gate[0]);
		if (shim) {
			setenv("LD_PRELOAD", shim, 1);
			setenv(PRELOAD_SOCKET_VARIABLE, preload_source_address(f->preload), 1);
		}
		execvp(command[0], command);
		_exit(127);
	}
	close(gate[0]);
	f->gate = gate[1];
}

static void open_preload(struct follower *f)
{
	struct preload_source_opts opts = {.sink = count, .context = &f->counts};
	int r = preload_source_new(&opts, &f->preload);

	if (r < 0)
		die("preload", r);
}

static void open_ebpf(struct follower *f, const char *library, unsigned int find_flags)
{
	struct ebpf_opts opts = {
		.sink = count,
		.context = &f->counts,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.find_sites = site_find,
		.find_flags = find_flags,
		.describe = proc_record,
	};
	const char *why = "eBPF";
	int r = ebpf_source_start(&f->ebpf, &opts);

	if (r == 0)
		r = ebpf_source_wait(f->ebpf, &why);
	if (r == 0)
		r = ebpf_source_prepare(f->ebpf, library);
	if (r < 0)
		die(why, r);
}

static int dispatch(struct follower *f)
{
	return f->ebpf ? ebpf_source_dispatch(f->ebpf) : preload_source_dispatch(f->preload);
}

static int drain(struct follower *f)
{
	return f->ebpf ? ebpf_source_finish(f->ebpf) : preload_source_drain(f->preload, true);
}

/* Return: exit status of the command. */
static int watch(struct follower *f)
{
	struct pollfd fds[2] = {
		{.fd = pidfd_open(f->pid, 0), .events = POLLIN},
		{.fd = f->ebpf ? ebpf_source_fd(f->ebpf) : preload_source_fd(f->preload),
		 .events = POLLIN},
	};
	int status, r = 0;

	if (fds[0].fd < 0)
		die("pidfd", errno);
	while (r == 0 && !(fds[0].revents & POLLIN)) {
		if (poll(fds, 2, f->ebpf ? EBPF_POLL_MS : PRELOAD_POLL_MS) < 0 && errno != EINTR)
			die("poll", errno);
		r = dispatch(f);
	}
	if (r == 0)
		r = drain(f);
	if (r < 0)
		die("records", r);
	close(fds[0].fd);
	if (waitpid(f->pid, &status, 0) < 0)
		die("wait", errno);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	struct follower f = {0};
	bool preload = argc > 3 && !strcmp(argv[1], "preload");
	bool chosen = argc > 3 && !strcmp(argv[1], "chosen");
	int status;

	if (!preload && !chosen && (argc < 4 || strcmp(argv[1], "exported"))) {
		fprintf(stderr,
			"usage: whole_capture preload|chosen|exported FILE COMMAND [ARGUMENT]...\n");
		return 2;
	}
	if (preload)
		open_preload(&f);
	else
		open_ebpf(&f, argv[2], chosen ? 0 : SITE_EXPORTED_ONLY);
	start_command(&f, argv + 3, preload ? argv[2] : NULL);
	if (f.ebpf) {
		int r = ebpf_source_follow(f.ebpf, f.pid, true);

		if (r < 0)
			die("follow", r);
	}
	close(f.gate);
	status = watch(&f);
	fprintf(stderr, "captured %llu lost %llu\n", (unsigned long long)f.counts.data,
		(unsigned long long)f.counts.lost);
	ebpf_source_free(f.ebpf);
	preload_source_free(f.preload);
	return status;
}
