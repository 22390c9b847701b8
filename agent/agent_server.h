/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attacher's socket, where any local user may ask one question: is this process of mine
 * followed? See agent_socket.h for the other side.
 */
#ifndef AGENT_AGENT_SERVER_H
#define AGENT_AGENT_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "agent/util/loop.h"

struct agent_server;

typedef bool (*agent_server_answer)(void *context, pid_t pid);

/*
 * agent_server_new - make the socket, and let the loop serve it. A socket that an agent which is
 *	gone has left is replaced.
 * @path: of the socket, whose folder is made; outlives the server.
 * Return: 0; -EADDRINUSE: another agent serves there; another negative errno.
 */
int agent_server_new(struct agent_server **ret_server, struct loop *loop, const char *path,
		     agent_server_answer answer, void *context);

/** agent_server_free - also takes the socket away. */
void agent_server_free(struct agent_server *server);

#endif
