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

/*
 * ebpf_kernel_new - load all programs and attach those that follow the tree.
 * @ret_step: set on failure to what failed.
 * Return: 0 or a negative errno.
 */
int ebpf_kernel_new(struct ebpf_kernel **ret_kernel, size_t ring_size, bool single_probes,
		    enum kernel_step *ret_step);

/** ebpf_kernel_follow - put a process in the tree. Return: 1, 0 if it is there already, or errno.
 */
int ebpf_kernel_follow(struct ebpf_kernel *kernel, pid_t pid, uint64_t start);

bool ebpf_kernel_follows(const struct ebpf_kernel *kernel, pid_t pid);

/*
 * ebpf_kernel_attach - place the probes of one file; they stay until ebpf_kernel_free().
 * @fd: the file; not needed after the call.
 * Return: how many probes were placed; a negative errno if none could be.
 */
int ebpf_kernel_attach(struct ebpf_kernel *kernel, int fd, const struct probe_site *sites,
		       size_t n);

/** ebpf_kernel_sweep - forget the connections of processes that are gone. */
void ebpf_kernel_sweep(struct ebpf_kernel *kernel);

int ebpf_kernel_lifecycle_fd(const struct ebpf_kernel *kernel);

/** ebpf_kernel_lifecycle_lost - events that found no room, since load. */
uint64_t ebpf_kernel_lifecycle_lost(const struct ebpf_kernel *kernel);

/** ebpf_kernel_reader_fds - ring, losses, verdicts, verdict epoch. */
void ebpf_kernel_reader_fds(const struct ebpf_kernel *kernel, int fds[4]);

void ebpf_kernel_free(struct ebpf_kernel *kernel);

#endif
