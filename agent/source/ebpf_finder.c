/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/ebpf_finder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/limits.h"
#include "agent/source/ebpf_seam.h"
#include "agent/util/sandbox.h"

#define ANSWER_MS 2000
#define OVERFLOW_ID 65534
#define FINDER_FD 3

struct finder {
	const struct ebpf_opts *opts;
	pid_t pid;
	int socket;
};

/* All descriptors but the standard ones and the socket, which becomes FINDER_FD. */
static int keep_socket(int socket)
{
	if (socket != FINDER_FD && dup2(socket, FINDER_FD) < 0)
		return -errno;
	return syscall(SYS_close_range, FINDER_FD + 1, ~0u, 0) < 0 ? -errno : 0;
}

static int drop_privilege(const struct ebpf_opts *opts)
{
	struct rlimit memory = {.rlim_cur = 1024 * MIB, .rlim_max = 1024 * MIB};
	uid_t uid = opts->uid == (uid_t)-1 || opts->uid == 0 ? OVERFLOW_ID : opts->uid;
	gid_t gid = opts->uid == (uid_t)-1 || opts->uid == 0 ? OVERFLOW_ID : opts->gid;
	int r;

#ifndef __SANITIZE_ADDRESS__
	if (setrlimit(RLIMIT_AS, &memory) < 0)
		return -errno;
#else
	(void)memory;
#endif
	if (prctl(PR_SET_NAME, "tollspan-finder", 0, 0, 0) < 0)
		return -errno;
	r = sandbox_become(uid, gid);
	return r < 0 ? r : sandbox_lock(SANDBOX_FINDER);
}

/* A file that takes too long ends the finder; the next question starts another. */
static void limit_time(rlim_t seconds)
{
	struct rlimit limit = {.rlim_max = RLIM_INFINITY};
	struct timespec used = {0};

	getrlimit(RLIMIT_CPU, &limit);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	limit.rlim_cur = (rlim_t)used.tv_sec + 1 + seconds;
	if (limit.rlim_cur > limit.rlim_max)
		limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_CPU, &limit);
}

static int answer_find(const struct ebpf_opts *opts, int fd)
{
	struct seam_message answer = {.type = SEAM_SITES};
	struct probe_site sites[LIMIT_SITES];

	limit_time(LIMIT_FINDER_SECONDS);
	answer.value = fd < 0 ? -EBADF : opts->find_sites(fd, opts->find_flags, sites);
	if (answer.value > 0)
		answer.length = (uint32_t)((size_t)answer.value * sizeof(*sites));
	return seam_send(FINDER_FD, &answer, sites, NULL, 0);
}

static int answer_search(const struct ebpf_opts *opts, int fd)
{
	struct seam_message answer = {.type = SEAM_LIBRARY};
	const char *name;

	limit_time(LIMIT_SEARCH_SECONDS);
	name = fd >= 0 && opts->search ? opts->search(fd) : NULL;
	if (name)
		answer.length = (uint32_t)strnlen(name, FINDER_NAME_MAX - 1);
	return seam_send(FINDER_FD, &answer, name, NULL, 0);
}

static int serve(const struct ebpf_opts *opts)
{
	struct seam_message message;
	int fds[SEAM_FDS_MAX], r;

	while (!(r = seam_receive(FINDER_FD, &message, NULL, 0, fds, -1))) {
		r = message.type == SEAM_SEARCH ? answer_search(opts, fds[0])
						: answer_find(opts, fds[0]);
		for (size_t i = 0; i < SEAM_FDS_MAX; i++)
			if (fds[i] >= 0)
				close(fds[i]);
		if (r < 0)
			break;
	}
	return r;
}

static int start(struct finder *finder)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		int r = -errno;

		close(pair[0]);
		close(pair[1]);
		return r;
	}
	if (!pid) {
		if (!keep_socket(pair[1]) && !drop_privilege(finder->opts))
			serve(finder->opts);
		_exit(0);
	}
	close(pair[1]);
	finder->socket = pair[0];
	finder->pid = pid;
	return 0;
}

static void stop(struct finder *finder)
{
	if (finder->socket >= 0)
		close(finder->socket);
	finder->socket = -1;
	if (finder->pid > 0) {
		kill(finder->pid, SIGKILL);
		waitpid(finder->pid, NULL, 0);
	}
	finder->pid = 0;
}

int finder_new(struct finder **ret_finder, const struct ebpf_opts *opts)
{
	struct finder *finder = calloc(1, sizeof(*finder));
	int r;

	if (!finder)
		return -ENOMEM;
	finder->opts = opts;
	finder->socket = -1;
	r = start(finder);
	if (r < 0) {
		free(finder);
		return r;
	}
	*ret_finder = finder;
	return 0;
}

static int check_sites(const struct seam_message *answer, struct probe_site *sites)
{
	if (answer->type != SEAM_SITES || answer->value > LIMIT_SITES)
		return -EBADMSG;
	if (answer->value <= 0)
		return answer->value;
	if (answer->length != (size_t)answer->value * sizeof(*sites))
		return -EBADMSG;
	for (int i = 0; i < answer->value; i++) {
		if (sites[i].function < SITE_SSL_READ || sites[i].function > SITE_SSL_NEW)
			return -EBADMSG;
		sites[i].name[sizeof(sites[i].name) - 1] = '\0';
	}
	return answer->value;
}

static int ask_once(struct finder *finder, int fd, struct seam_message *answer,
		    struct probe_site sites[LIMIT_SITES])
{
	struct seam_message question = {.type = SEAM_FIND};
	int r = finder->socket < 0 ? start(finder) : 0;

	if (r == 0)
		r = seam_send(finder->socket, &question, NULL, &fd, 1);
	if (r == 0)
		r = seam_receive(finder->socket, answer, sites,
				 LIMIT_SITES * sizeof(struct probe_site), NULL, ANSWER_MS);
	if (r < 0)
		stop(finder);
	return r;
}

int finder_ask(struct finder *finder, int fd, struct probe_site *ret_sites)
{
	struct probe_site sites[LIMIT_SITES];
	struct seam_message answer = {0};
	int r = ask_once(finder, fd, &answer, sites);

	/* It may have died before: that says nothing of this file. */
	if (r == -EPIPE)
		r = ask_once(finder, fd, &answer, sites);
	if (r < 0)
		return r;
	r = check_sites(&answer, sites);
	if (r > 0)
		memcpy(ret_sites, sites, (size_t)r * sizeof(*sites));
	return r;
}

void finder_revive(struct finder *finder)
{
	struct pollfd socket = {.fd = finder->socket, .events = POLLIN};

	if (finder->socket >= 0 && poll(&socket, 1, 0) == 1 && socket.revents & POLLHUP)
		stop(finder);
	if (finder->socket < 0)
		start(finder);
}

int finder_search(struct finder *finder, int fd)
{
	struct seam_message question = {.type = SEAM_SEARCH};
	int r = finder->socket < 0 ? start(finder) : 0;

	if (r == 0)
		r = seam_send(finder->socket, &question, NULL, &fd, 1);
	if (r < 0)
		stop(finder);
	return r;
}

int finder_fd(const struct finder *finder)
{
	return finder->socket;
}

int finder_found(struct finder *finder, char ret_name[FINDER_NAME_MAX])
{
	char name[FINDER_NAME_MAX] = "";
	struct seam_message answer;
	int r = seam_receive(finder->socket, &answer, name, sizeof(name) - 1, NULL, 0);

	memset(ret_name, 0, FINDER_NAME_MAX);
	if (r == 0 && answer.type == SEAM_LIBRARY) {
		memcpy(ret_name, name, answer.length);
		return 0;
	}
	stop(finder);
	return -EPIPE;
}

void finder_free(struct finder *finder)
{
	if (!finder)
		return;
	stop(finder);
	free(finder);
}
