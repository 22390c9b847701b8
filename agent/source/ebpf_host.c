/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host, as far as the scope goes. A process is judged when it is found, when it begins a
 * program, and when it uses a probed function as another user or in another cgroup than before.
 * With pids in the scope their descendants are in the kernel's tree, some of them quiet; else the
 * tree holds just what is captured.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/limits.h"
#include "agent/source/ebpf_attacher_internal.h"
#include "agent/util/clock.h"
#include "agent/util/procfs.h"

/* Looks at all of /proc, each for what was born during the one before. */
#define PASSES 8

/* A process that connected may still be loading the library that it is going to use. */
#define SILENT_NS 1000000000ull

/*
 * One that ends loses its memory, and with it its executable, before the kernel's program looks for
 * it in the tree: it is taken out there if it has one here.
 */
static bool is_running(const struct cr_process *process)
{
	struct procfs_stat stat;
	char path[LIMIT_PATH];

	return procfs_exe((pid_t)process->pid, path, sizeof(path)) > 0 &&
	       !procfs_stat((pid_t)process->pid, &stat) && stat.start == process->start;
}

static bool is_wanted(const struct attacher *attacher, pid_t pid)
{
	return pid != getpid() && !ebpf_scope_is_own(pid) &&
	       ebpf_scope_holds(attacher->opts->scope, pid);
}

static void forget(struct attacher *attacher, const struct cr_process *process)
{
	struct watched *watched = processes_find(attacher->processes, process->pid);

	if (watched)
		processes_remove(attacher->processes, watched);
}

/*
 * Put it in the tree as it is judged, or take it out.
 * @kin: it descends from a pid of the scope, where there is one.
 * Return: is it captured?
 */
static bool judge(struct attacher *attacher, const struct cr_process *process, bool kin)
{
	pid_t pid = (pid_t)process->pid;
	bool wanted = kin && is_wanted(attacher, pid);
	bool quiet = !wanted && kin && attacher->opts->scope->n_pids;

	if (!wanted && !quiet) {
		ebpf_kernel_let_go(attacher->kernel, pid);
		return false;
	}
	if (ebpf_kernel_follow(attacher->kernel, pid, process->start, quiet) < 0)
		return false;
	/* It may have ended before it was put there. */
	if (is_running(process))
		return wanted;
	ebpf_kernel_unfollow(attacher->kernel, pid);
	return false;
}

static bool is_kin(const struct attacher *attacher, const struct cr_process *process)
{
	return !attacher->opts->scope->n_pids ||
	       ebpf_kernel_follows(attacher->kernel, (pid_t)process->pid, NULL);
}

int host_began(struct attacher *attacher, const struct cr_process *process, const char *called)
{
	if (judge(attacher, process, is_kin(attacher, process)))
		return attacher_take_in(attacher, process, called, 0);
	forget(attacher, process);
	return 0;
}

int host_stranger(struct attacher *attacher, const struct cr_process *process)
{
	if (judge(attacher, process, is_kin(attacher, process)))
		return attacher_take_in(attacher, process, NULL, 0);
	return 0;
}

/* @again: judge it though it is in the tree. Return: 1 if it was not there before, else 0. */
static int find_one(struct attacher *attacher, pid_t pid, bool again)
{
	bool known = ebpf_kernel_follows(attacher->kernel, pid, NULL);
	struct cr_process process = {.pid = (cr_u32)pid};
	struct procfs_stat stat;
	char path[LIMIT_PATH];

	/* What runs no file is the kernel's own. */
	if ((known && !again) || procfs_stat(pid, &stat) < 0 || stat.state == 'Z' ||
	    procfs_exe(pid, path, sizeof(path)) <= 0)
		return 0;
	process.start = stat.start;
	if (judge(attacher, &process, true))
		attacher_take_in(attacher, &process, NULL, 0);
	return !known && ebpf_kernel_follows(attacher->kernel, pid, NULL);
}

static int find_all(struct attacher *attacher, bool again)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int found = 0;

	if (!proc)
		return -errno;
	while ((entry = readdir(proc)))
		if (isdigit((unsigned char)*entry->d_name))
			found += find_one(attacher, (pid_t)strtol(entry->d_name, NULL, 10), again);
	closedir(proc);
	return found;
}

struct line {
	struct attacher *attacher;
	int depth;
};

/* A parent is in the tree before its children are listed: the kernel adds those born meanwhile. */
static int find_line(void *context, pid_t pid)
{
	struct line *line = context;
	struct line below = {.attacher = line->attacher, .depth = line->depth + 1};

	if (line->depth > LIMIT_PROCESS_DEPTH)
		return 0;
	find_one(line->attacher, pid, true);
	procfs_children(pid, find_line, &below);
	return 0;
}

/* Later the number may mean another process. @start: of the first time; 0: there was none. */
static bool is_still(pid_t pid, uint64_t *start)
{
	struct procfs_stat stat;

	if (procfs_stat(pid, &stat) < 0 || (*start && *start != stat.start))
		return false;
	*start = stat.start;
	return true;
}

int attacher_follow_host(struct attacher *attacher)
{
	const struct ebpf_scope *scope = attacher->opts->scope;
	struct line line = {.attacher = attacher};
	int found = 1;

	for (size_t i = 0; i < scope->n_pids; i++)
		if (is_still(scope->pids[i], &attacher->starts[i]))
			find_line(&line, scope->pids[i]);
	for (int i = 0; i < PASSES && found > 0 && !scope->n_pids; i++)
		found = find_all(attacher, i == 0);
	return found < 0 ? found : 0;
}

int host_sweep(struct attacher *attacher)
{
	uint64_t now = clock_boot_ns();
	struct watched *watched;
	size_t cursor = 0;

	finder_revive(attacher->finder);
	searches_revive(attacher->searches);
	processes_tell_all(attacher->processes, false);
	while ((watched = processes_next(attacher->processes, &cursor)))
		if (watched->connected_ns && now - watched->connected_ns > SILENT_NS)
			attacher_report_silent(attacher, watched);
	return 0;
}
