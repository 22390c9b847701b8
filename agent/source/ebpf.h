/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ebpf: records from probes in the TLS functions of a process tree.
 *
 * ebpf_source_start() forks an attacher, which keeps the privilege, loads the programs, places the
 * probes and watches the tree; it forks in turn a finder without any privilege, which alone parses
 * ELF files. The caller is the reader: it may drop all privilege as soon as start has returned, and
 * gets the records from a ring that the kernel fills. Order of calls:
 *
 *	ebpf_source_start(&source, &opts);          as root; before other descriptors are opened
 *	ebpf_source_wait(source, &why);             -EPERM and the like: use another source
 *	ebpf_source_prepare(source, path);          each file to probe beforehand
 *	pid = fork();                               the child waits on a pipe
 *	ebpf_source_follow(source, pid, true);      from here on the child is followed
 *	setresuid(…);                               then release the child
 *	loop_add(loop, ebpf_source_fd(source), EPOLLIN, …) → ebpf_source_dispatch(source)
 *	ebpf_source_finish(source);                 the tree has ended: the rest of the records
 *	ebpf_source_free(source);
 *
 * `run -p PID` is the same without the fork: processes that run already are followed with their
 * descendants, and the next whole call on each of their connections is exact.
 */
#ifndef AGENT_SOURCE_EBPF_H
#define AGENT_SOURCE_EBPF_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "agent/event.h"
#include "agent/source/source.h"
#include "agent/util/buffer.h"

struct ebpf_scope;
struct ebpf_source;

struct ebpf_opts {
	record_sink sink;
	void *context;
	uid_t uid; /* of the finder; (uid_t)-1: the overflow user */
	gid_t gid;
	size_t ring_size;   /* bytes, a power of two of pages; 0: 16 MiB */
	bool single_probes; /* do not use uprobe_multi */
	pid_t attach;       /* the one process that may be followed; 0: children of the caller */
	pid_t reader;       /* filled in */

	/* What the stage attach supplies: site_find() and proc_record(). */
	int (*find_sites)(int fd, unsigned int flags, struct probe_site *ret_sites);
	unsigned int find_flags;
	int (*describe)(pid_t pid, unsigned int flags, struct buffer *out);

	/* Of an agent alone. */
	const struct ebpf_scope *scope;    /* follow the host, as far as this goes; NULL: a tree */
	const char *(*search)(int fd);     /* tls_inside_fd() */
	bool (*notable)(const char *path); /* is this mapping worth telling of a silent process? */
	silent_fn silent; /* of the reader: at once, with LIBRARY where one is inside */
	int (*neighbour)(void *context, int fd); /* of the reader: takes the descriptor over */
};

/*
 * ebpf_source_start - fork the attacher, which begins to load at once.
 * @opts: copied.
 * Return: 0, -ENOMEM, or the error of socketpair() or fork().
 */
int ebpf_source_start(struct ebpf_source **ret_source, const struct ebpf_opts *opts);

/** ebpf_source_pair - sockets for reader [0] and attacher [1]. Return: 0 or a negative errno. */
int ebpf_source_pair(int pair[2]);

/*
 * ebpf_source_adopt - be the reader of an attacher that is there already, in an agent. Nothing can
 *	be prepared, followed or killed by it.
 * @socket: to the attacher; taken over, also on failure.
 * Return: 0 or a negative errno.
 */
int ebpf_source_adopt(struct ebpf_source **ret_source, const struct ebpf_opts *opts, int socket);

/** ebpf_source_stopping - has the attacher asked for the end? ebpf_source_finish() is due then. */
bool ebpf_source_stopping(const struct ebpf_source *source);

/*
 * ebpf_source_wait - until the programs are loaded; may be called again.
 * @ret_why: may be NULL; set on failure to what failed, a literal.
 * Return: 0; -EPERM without privilege, -EOPNOTSUPP on a kernel that can not; other errors.
 */
int ebpf_source_wait(struct ebpf_source *source, const char **ret_why);

/*
 * ebpf_source_prepare - place probes in a file, if there is something to probe in it. They are
 *	there when the next ebpf_source_follow() returns.
 * @source: a struct ebpf_source; untyped so that this serves as a callback of libs_known().
 * Return: 0, also for a file that can not be opened; -EPIPE if the attacher is gone.
 */
int ebpf_source_prepare(void *source, const char *path);

/*
 * ebpf_source_follow - put a process, its descendants of now and of later in the tree, and place
 *	probes in what they have mapped.
 * @pid: opts.attach where that was given, or else a child of the process that called
 *	ebpf_source_start(): the attacher has privilege, and the reader no say in whom it spies on.
 * @root: the process is the root of what `run` wraps.
 * Return: 0; -EPERM for another process; -ESRCH; -ENOSPC if the tree is full; -EPIPE; what
 *ebpf_source_wait() gives.
 */
int ebpf_source_follow(struct ebpf_source *source, pid_t pid, bool root);

/*
 * ebpf_source_kill - have the attacher signal the process that was followed last.
 * @signal: one that job passes on (SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT,
 *	SIGALRM, SIGWINCH).
 * Return: 0; -EPERM for another process or signal; -ESRCH; or the errno of kill().
 */
int ebpf_source_kill(struct ebpf_source *source, pid_t pid, int signal);

/** ebpf_source_fd - becomes readable when ebpf_source_dispatch() has something to do. */
int ebpf_source_fd(const struct ebpf_source *source);

/*
 * ebpf_source_dispatch - give all records that are there to the sink: CLOCK once at first, TICK
 *	four times a second, LOST where counters have grown.
 * Return: 0; the sink's error; -EPIPE when the attacher has died: nothing more is captured, which
 *	a LOST record says once.
 */
int ebpf_source_dispatch(struct ebpf_source *source);

/** ebpf_source_finish - what the attacher still has to tell, then the rest. Return: as dispatch. */
int ebpf_source_finish(struct ebpf_source *source);

/*
 * ebpf_source_silent - call back with each process that opened a TCP connection and in which
 *	nothing was probed: EXE and MAPPING as of its end or, after ebpf_source_finish(), of then.
 * Return: 0, or what the callback returned.
 */
int ebpf_source_silent(const struct ebpf_source *source, silent_fn fn, void *context);

/** ebpf_source_control - verdicts; the table is good as long as the source. */
const struct control *ebpf_source_control(struct ebpf_source *source);

/** ebpf_source_free - end the attacher, and with it all probes. */
void ebpf_source_free(struct ebpf_source *source);

#endif
