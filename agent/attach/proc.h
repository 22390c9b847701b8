/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a process, as the record that the pipeline takes. */
#ifndef AGENT_ATTACH_PROC_H
#define AGENT_ATTACH_PROC_H

#include <sys/types.h>

#include "agent/util/buffer.h"
#include "bpf/capture_record.h"

/*
 * proc_record - append a CR_PROC record of a living process to out.
 * @flags: CR_PROC_ROOT or 0.
 * Of its environment only OTEL_SERVICE_NAME is read; arguments beyond LIMIT_ARGUMENTS are cut.
 * Return: 0; -ESRCH or -ENOENT if it is gone; -E2BIG, -ENOMEM. On failure out is unchanged.
 */
int proc_record(pid_t pid, unsigned int flags, struct buffer *out);

#endif
