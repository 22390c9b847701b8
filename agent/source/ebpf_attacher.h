/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attacher: the process that keeps the privilege. It loads the programs, follows processes and
 * places probes. With opts.scope it follows the host, else the trees that its reader names.
 */
#ifndef AGENT_SOURCE_EBPF_ATTACHER_H
#define AGENT_SOURCE_EBPF_ATTACHER_H

#include "agent/source/ebpf.h"
#include "agent/source/ebpf_kernel.h"
#include "agent/source/ebpf_scope.h"
#include "agent/util/loop.h"

struct attacher;

/*
 * attacher_new - load, and let the loop call it. @opts: borrowed for as long as the attacher.
 * @ret_step: set on failure to what failed.
 * Return: 0 or a negative errno.
 */
int attacher_new(struct attacher **ret_attacher, const struct ebpf_opts *opts, struct loop *loop,
		 enum kernel_step *ret_step);

/*
 * attacher_connect - there is a reader, on the other end of this socket, which is taken over: tell
 *	it what is known. Of the host it may be another one; the one before has no say any more.
 * Return: 0 or a negative errno.
 */
int attacher_connect(struct attacher *attacher, int socket);

/** attacher_disconnect - the reader is gone. */
void attacher_disconnect(struct attacher *attacher);

/*
 * attacher_send - to the reader: SEAM_NEIGHBOUR with a descriptor, or SEAM_STOP.
 * Return: 0; -EPIPE without a reader; another negative errno.
 */
int attacher_send(struct attacher *attacher, uint32_t type, int fd);

/** attacher_prepare - probe a file that nobody may have mapped yet; a callback of libs_known(). */
int attacher_prepare(void *attacher, const char *path);

/** attacher_follow_host - follow what opts.scope holds, of what runs and of what comes. */
int attacher_follow_host(struct attacher *attacher);

/** attacher_captures - is this process captured now? */
bool attacher_captures(struct attacher *attacher, pid_t pid);

void attacher_free(struct attacher *attacher);

/*
 * attacher_run - load, tell the reader, and serve it until it closes its end.
 * @socket: to the reader.
 * Return: 0 or a negative errno.
 */
int attacher_run(const struct ebpf_opts *opts, int socket);

#endif
