/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/ebpf_scope.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/util/procfs.h"

#define OWN_NAME "/tollspan"
#define DELETED " (deleted)"

static bool holds_uid(const struct ebpf_scope *scope, pid_t pid)
{
	pid_t ns_pid;
	uid_t uid;

	if (!scope->n_uids)
		return true;
	if (procfs_ids(pid, &uid, &ns_pid) < 0)
		return false;
	for (size_t i = 0; i < scope->n_uids; i++)
		if (scope->uids[i] == uid)
			return true;
	return false;
}

/* Is path the folder, or below it? */
static bool is_within(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	while (length && folder[length - 1] == '/')
		length--;
	return !strncmp(path, folder, length) && (!path[length] || path[length] == '/');
}

static bool holds_cgroup(const struct ebpf_scope *scope, pid_t pid)
{
	char path[LIMIT_PATH];

	if (!scope->n_cgroups)
		return true;
	if (procfs_cgroup(pid, path, sizeof(path)) < 0)
		return false;
	for (size_t i = 0; i < scope->n_cgroups; i++)
		if (is_within(path, scope->cgroups[i]))
			return true;
	return false;
}

/* A file that was replaced since is still what the process runs. */
static void strip_deleted(char *path)
{
	size_t length = strlen(path), tail = strlen(DELETED);

	if (length > tail && !strcmp(path + length - tail, DELETED))
		path[length - tail] = '\0';
}

static bool holds_exe(const struct ebpf_scope *scope, pid_t pid)
{
	char path[LIMIT_PATH];
	const char *name;

	if (!scope->n_exes)
		return true;
	if (procfs_exe(pid, path, sizeof(path)) <= 0)
		return false;
	strip_deleted(path);
	name = strrchr(path, '/');
	name = name ? name + 1 : path;
	for (size_t i = 0; i < scope->n_exes; i++)
		if (!strcmp(scope->exes[i], strchr(scope->exes[i], '/') ? path : name))
			return true;
	return false;
}

bool ebpf_scope_holds(const struct ebpf_scope *scope, pid_t pid)
{
	return holds_uid(scope, pid) && holds_cgroup(scope, pid) && holds_exe(scope, pid);
}

/* The file itself tells, under whatever name; else the name of another copy. */
bool ebpf_scope_is_own(pid_t pid)
{
	char link[64], path[LIMIT_PATH];
	struct stat own, other;
	const char *name;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	if (!stat("/proc/self/exe", &own) && !stat(link, &other) && own.st_dev == other.st_dev &&
	    own.st_ino == other.st_ino)
		return true;
	if (procfs_exe(pid, path, sizeof(path)) <= 0)
		return false;
	strip_deleted(path);
	name = strrchr(path, '/');
	return name && !strcmp(name, OWN_NAME);
}
