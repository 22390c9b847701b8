/* SPDX-License-Identifier: Apache-2.0 */
/* Which processes of the host are followed: scopes of one kind OR, of several kinds AND. */
#ifndef AGENT_SOURCE_EBPF_SCOPE_H
#define AGENT_SOURCE_EBPF_SCOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "agent/limits.h"

/* All empty: every process. Strings are the caller's. */
struct ebpf_scope {
	uid_t uids[LIMIT_SCOPES];
	size_t n_uids;
	pid_t pids[LIMIT_SCOPES]; /* with their descendants */
	size_t n_pids;
	const char *cgroups[LIMIT_SCOPES]; /* paths below the cgroup v2 root, with what is below */
	size_t n_cgroups;
	const char *exes[LIMIT_SCOPES]; /* paths as /proc/PID/exe has them, or names */
	size_t n_exes;
};

/*
 * ebpf_scope_holds - is a process of these users, cgroups and executables? The pids are not looked
 *	at: descent is what the tree itself knows.
 */
bool ebpf_scope_holds(const struct ebpf_scope *scope, pid_t pid);

/** ebpf_scope_is_own - is it a process of tollspan's own, going by its executable? */
bool ebpf_scope_is_own(pid_t pid);

#endif
