/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc says of a process that greeted, as a PROC record; see proc(5). */
#ifndef AGENT_SOURCE_PRELOAD_PROC_H
#define AGENT_SOURCE_PRELOAD_PROC_H

#include <stdint.h>

#include "agent/util/buffer.h"
#include "bpf/capture_record.h"

/*
 * preload_proc_stat - who a process is.
 * @ret_parent_pid: may be NULL.
 * Return: 0, -ESRCH, or another negative errno.
 */
int preload_proc_stat(uint32_t pid, struct cr_process *ret_process, uint32_t *ret_parent_pid);

/** preload_proc_netns - inode of its network namespace, 0: unknown. */
uint64_t preload_proc_netns(uint32_t pid);

/** preload_proc_inherits - does it map a ring, as a child that did not yet greet does? */
int preload_proc_inherits(uint32_t pid);

/*
 * preload_proc_record - append the PROC record of a process to out.
 * @exe: its executable where /proc does not tell, or NULL.
 */
int preload_proc_record(struct buffer *out, const struct cr_process *process, uint32_t uid,
			const char *exe, uint64_t time_ns);

#endif
