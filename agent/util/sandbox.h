/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox: each process of the agent gives up what it does not need, for good.
 *
 *	attacher: keeps its user and the capabilities named in sandbox.c, and no others
 *	finder, worker: no capability; can open no file and no socket, can start nothing
 *	keeper: no capability; files and sockets, no programs
 *
 * What finder and worker need of the system beyond their descriptors (a library's own files, a
 * clock's time zone) they must have taken before: it can be opened no more. They may still ask for
 * the size and times of a path (newfstatat() with AT_EMPTY_PATH is how glibc does fstat(), and its
 * path can not be looked at), and end by _exit(): what a sanitizer does at exit() is refused.
 */
#ifndef AGENT_UTIL_SANDBOX_H
#define AGENT_UTIL_SANDBOX_H

#include <sys/types.h>

enum sandbox_role {
	SANDBOX_ATTACHER,
	SANDBOX_WORKER,
	SANDBOX_KEEPER,
	SANDBOX_FINDER,
};

/*
 * sandbox_become - be this user and group for good, without supplementary groups, and drop every
 *	capability of every set, the bounding and ambient ones among them. Not for SANDBOX_ATTACHER.
 *	Also: no core dumps, not dumpable (nobody of the same user may trace it). The caller has one
 *	thread. A parent-death signal (prctl(2)) is gone after it.
 * Return: 0 or a negative errno: -EINVAL for -1, which setresuid(2) takes for "as it is"; -EPERM
 *	without CAP_SETUID, CAP_SETGID and CAP_SETPCAP. After a failure the process is to end.
 */
int sandbox_become(uid_t uid, gid_t gid);

/*
 * sandbox_lock - no_new_privs, and the role's system call filter (seccomp(2)), of all threads; for
 *	SANDBOX_ATTACHER first the capabilities that it does not need. A refused call fails with
 *EPERM; one of another architecture ends the process. Filters add up: a child of the attacher can
 *lock itself further. Return: 0 or a negative errno. After a failure the process is to end.
 */
int sandbox_lock(enum sandbox_role role);

#endif
