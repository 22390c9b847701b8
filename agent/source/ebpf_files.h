/* SPDX-License-Identifier: Apache-2.0 */
/* The files that were looked at, each once: by device and inode, whatever its paths. */
#ifndef AGENT_SOURCE_EBPF_FILES_H
#define AGENT_SOURCE_EBPF_FILES_H

#include <stdbool.h>

#include "agent/source/ebpf_finder.h"
#include "agent/source/ebpf_kernel.h"

struct probed_files;

/** probed_files_new - @kernel and @finder stay the caller's. Return: 0 or -ENOMEM. */
int probed_files_new(struct probed_files **ret_files, struct ebpf_kernel *kernel,
		     struct finder *finder);

/*
 * probed_files_add - look at a file, unless that was done, and place its probes.
 * @keep: it is worth probing though nobody has mapped it.
 * Return: how many probes it has; 0 for none; a negative errno.
 */
int probed_files_add(struct probed_files *files, int fd, bool keep);

/** probed_files_begin - begin a round, in which every file that is mapped is to be added again. */
void probed_files_begin(struct probed_files *files);

/*
 * probed_files_prune - end the round: take the probes out of files that nobody has mapped, and that
 *	have no name any more or were not mapped for PROBED_FILES_ROUNDS. They hold a file system.
 */
void probed_files_prune(struct probed_files *files);

#define PROBED_FILES_ROUNDS 10

void probed_files_free(struct probed_files *files);

#endif
