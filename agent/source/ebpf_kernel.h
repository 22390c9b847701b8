/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's side as the attacher sees it: programs, maps, the tree, and probes in files. */
#ifndef AGENT_SOURCE_EBPF_KERNEL_H
#define AGENT_SOURCE_EBPF_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/event.h"

struct ebpf_kernel;

enum kernel_step {
	KERNEL_NAMESPACE,
	KERNEL_OPEN,
	KERNEL_LOAD,
	KERNEL_LIFECYCLE,
	KERNEL_WATCH,
	KERNEL_FINDER,
};

/** ebpf_kernel_step_text - for a person; "" beyond the range. */
const char *ebpf_kernel_step_text(enum kernel_step step);

struct ebpf_kernel_opts {
	size_t ring_size;   /* bytes; 0: what the programs say */
	bool single_probes; /* do not use uprobe_multi */
	bool whole_host;    /* tell of processes outside the tree too: they may come into it */
};

/*
 * ebpf_kernel_new - load all programs and attach those that follow the tree. Processes are numbered
 *	as in our own pid namespace; those outside of it are never followed.
 * @ret_step: set on failure to what failed.
 * Return: 0 or a negative errno.
 */
int ebpf_kernel_new(struct ebpf_kernel **ret_kernel, const struct ebpf_kernel_opts *opts,
		    enum kernel_step *ret_step);

/*
 * ebpf_kernel_follow - put a process in the tree, or change how it is followed.
 * @quiet: it is there for its descendants' sake; nothing of it is captured.
 * Return: 1 if it is new there, else 0; -ENOSPC if the tree is full; another negative errno.
 */
int ebpf_kernel_follow(struct ebpf_kernel *kernel, pid_t pid, uint64_t start, bool quiet);

/** ebpf_kernel_unfollow - take a process out of the tree; its descendants stay. */
void ebpf_kernel_unfollow(struct ebpf_kernel *kernel, pid_t pid);

/*
 * ebpf_kernel_let_go - capture nothing of a process any more. One that was captured stays in the
 *	tree, quiet, until it ends: the reader, which knows it, is told of its end.
 */
void ebpf_kernel_let_go(struct ebpf_kernel *kernel, pid_t pid);

/** ebpf_kernel_follows - @ret_quiet: as it was followed; may be NULL. */
bool ebpf_kernel_follows(const struct ebpf_kernel *kernel, pid_t pid, bool *ret_quiet);

/* The probes of one file. */
struct ebpf_probes;

/*
 * ebpf_kernel_attach - place the probes of one file.
 * @fd: the file; not needed after the call.
 * @ret_probes: the caller's, to be freed before the kernel.
 * Return: how many probes were placed; a negative errno if none could be.
 */
int ebpf_kernel_attach(struct ebpf_kernel *kernel, int fd, const struct probe_site *sites, size_t n,
		       struct ebpf_probes **ret_probes);

/** ebpf_probes_free - take the probes out of the file. */
void ebpf_probes_free(struct ebpf_probes *probes);

/** ebpf_kernel_sweep - forget the connections of processes that are gone. */
void ebpf_kernel_sweep(struct ebpf_kernel *kernel);

int ebpf_kernel_lifecycle_fd(const struct ebpf_kernel *kernel);

/** ebpf_kernel_lifecycle_lost - events that found no room, since load. */
uint64_t ebpf_kernel_lifecycle_lost(const struct ebpf_kernel *kernel);

/** ebpf_kernel_reader_fds - ring, losses, verdicts, verdict epoch. */
void ebpf_kernel_reader_fds(const struct ebpf_kernel *kernel, int fds[4]);

void ebpf_kernel_free(struct ebpf_kernel *kernel);

#endif
