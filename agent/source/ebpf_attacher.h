/* SPDX-License-Identifier: Apache-2.0 */
/* The attacher: the process that keeps the privilege. */
#ifndef AGENT_SOURCE_EBPF_ATTACHER_H
#define AGENT_SOURCE_EBPF_ATTACHER_H

#include "agent/source/ebpf.h"

/*
 * attacher_run - load, tell the reader, and serve it until it closes its end.
 * @socket: to the reader.
 * Return: 0 or a negative errno.
 */
int attacher_run(const struct ebpf_opts *opts, int socket);

#endif
