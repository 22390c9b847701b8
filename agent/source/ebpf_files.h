/* SPDX-License-Identifier: Apache-2.0 */
/* The files that were looked at, each once: by device and inode, whatever its paths. */
#ifndef AGENT_SOURCE_EBPF_FILES_H
#define AGENT_SOURCE_EBPF_FILES_H

#include "agent/source/ebpf_finder.h"
#include "agent/source/ebpf_kernel.h"

struct probed_files;

/** probed_files_new - @kernel and @finder stay the caller's. Return: 0 or -ENOMEM. */
int probed_files_new(struct probed_files **ret_files, struct ebpf_kernel *kernel,
		     struct finder *finder);

/*
 * probed_files_add - look at a file, unless that was done, and place its probes.
 * Return: how many probes it has; 0 for none; a negative errno.
 */
int probed_files_add(struct probed_files *files, int fd);

void probed_files_free(struct probed_files *files);

#endif
