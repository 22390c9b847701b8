/* SPDX-License-Identifier: Apache-2.0 */
/* The trees that a reader names: a command of its own, or what it was started to attach to. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/limits.h"
#include "agent/source/ebpf_attacher_internal.h"
#include "agent/util/clock.h"
#include "agent/util/procfs.h"

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
	added = ebpf_kernel_follow(attacher->kernel, pid, stat.start, false);
	if (added < 0)
		return added;
	process.start = stat.start;
	if (root)
		attacher->root = process;
	r = attacher_take_in(attacher, &process, NULL, flags);
	watched = processes_find(attacher->processes, process.pid);
	if (watched && procfs_has_internet_socket(pid) > 0)
		watched->connected_ns = clock_boot_ns();
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
int tree_follow(struct attacher *attacher, pid_t root, unsigned int flags)
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

int tree_kill(const struct attacher *attacher, pid_t pid, uint32_t number)
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
