/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The question that any local user may ask an agent of the host, over a SOCK_SEQPACKET socket: is
 * this process of mine captured? One question and one answer a connection.
 */
#ifndef AGENT_AGENT_SOCKET_H
#define AGENT_AGENT_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define AGENT_SOCKET_VERSION 1

struct agent_question {
	uint32_t version;
	uint32_t pid; /* in the agent's pid namespace, which must be that of whoever asks */
};

struct agent_answer {
	uint32_t version;
	int32_t result; /* 1: it is; 0: it is not; or a negative errno: -EPERM for another user's */
};

/*
 * agent_socket_ask - ask at a socket's path.
 * @ms: at most, for all of it.
 * Return: 1 or 0; a negative errno, the agent's own (-EPERM, -ESRCH) or -ETIMEDOUT, -EPROTO and
 * those of connect(2): -ENOENT, -ECONNREFUSED where there is no agent.
 */
int agent_socket_ask(const char *path, pid_t pid, unsigned int ms);

/** agent_follows - does the agent of this host follow the process? Any failure, too, is no. */
bool agent_follows(pid_t pid);

#endif
