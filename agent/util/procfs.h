/* SPDX-License-Identifier: Apache-2.0 */
/* Reading /proc: see proc(5). A process may end at any time; then -ESRCH or -ENOENT comes back. */
#ifndef AGENT_UTIL_PROCFS_H
#define AGENT_UTIL_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/util/buffer.h"

#define PROCFS_COMM_SIZE 64

struct procfs_stat {
	uint64_t start; /* USER_HZ ticks since boot */
	pid_t parent;
	char state;
	char comm[PROCFS_COMM_SIZE];
};

/** procfs_stat - /proc/PID/stat. Return: 0 or a negative errno. */
int procfs_stat(pid_t pid, struct procfs_stat *ret_stat);

/** procfs_read - append a whole file of /proc/PID to out, up to its cap. Return: 0 or errno. */
int procfs_read(pid_t pid, const char *name, struct buffer *out);

/** procfs_exe - path of the executable, NUL-terminated. Return: its length or a negative errno. */
int procfs_exe(pid_t pid, char *path, size_t size);

/** procfs_ids - effective user id, and the pid in the process's own namespace. 0 or errno. */
int procfs_ids(pid_t pid, uid_t *ret_uid, pid_t *ret_ns_pid);

/** procfs_cgroup - path within the cgroup v2 hierarchy. Return: its length or a negative errno. */
int procfs_cgroup(pid_t pid, char *path, size_t size);

/** procfs_cgroup_id - id of a cgroup by that path, 0 if it can not be told. */
uint64_t procfs_cgroup_id(const char *path);

/*
 * procfs_children - call back with each child of each of its threads.
 * Return: 0, a negative errno, or the callback's non-zero.
 */
int procfs_children(pid_t pid, int (*fn)(void *context, pid_t child), void *context);

struct procfs_mapping {
	uint64_t start, end;
	uint64_t offset;
	uint32_t major, minor;
	uint64_t inode;
	const char *path; /* as the process's namespace names it; borrowed */
};

/*
 * procfs_mappings - call back with each executable mapping of a file.
 * Return: 0, a negative errno, or the callback's non-zero.
 */
int procfs_mappings(pid_t pid, int (*fn)(void *context, const struct procfs_mapping *mapping),
		    void *context);

/*
 * procfs_has_internet_socket - does the process hold a TCP socket, other than a listening one, or a
 *	connected UDP one?
 * Return: 1, 0 or a negative errno.
 */
int procfs_has_internet_socket(pid_t pid);

#endif
