/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/agent_socket.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/paths.h"
#include "agent/util/clock.h"

#define NS_PER_MS 1000000ull
#define ANSWER_MS 200

static int remaining_ms(uint64_t until_ns)
{
	uint64_t now = clock_boot_ns();

	return now < until_ns ? (int)((until_ns - now + NS_PER_MS - 1) / NS_PER_MS) : 0;
}

/* Return: 0, -ETIMEDOUT or another negative errno. */
static int wait_for(int fd, short events, uint64_t until_ns)
{
	struct pollfd wanted = {.fd = fd, .events = events};
	int n;

	do {
		n = poll(&wanted, 1, remaining_ms(until_ns));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}

/* connect(2) alone waits while the agent's backlog is full: poll(2) does not tell of its room. */
static int connect_to(int fd, const char *path, uint64_t until_ns)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(path);

	if (length >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, length);
	do {
		int ms = remaining_ms(until_ns);
		struct timeval left = {ms / 1000, ms % 1000 * 1000};

		if (ms == 0)
			return -ETIMEDOUT;
		if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof(left)) < 0)
			return -errno;
		if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
			return 0;
	} while (errno == EINTR || errno == EAGAIN);
	return -errno;
}

static int ask(int fd, pid_t pid, uint64_t until_ns)
{
	const struct agent_question question = {AGENT_SOCKET_VERSION, (uint32_t)pid};
	struct agent_answer answer;
	ssize_t n;
	int r;

	if (send(fd, &question, sizeof(question), MSG_NOSIGNAL) != (ssize_t)sizeof(question))
		return -errno;
	r = wait_for(fd, POLLIN, until_ns);
	if (r < 0)
		return r;
	n = recv(fd, &answer, sizeof(answer), MSG_TRUNC | MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	if (n != (ssize_t)sizeof(answer) || answer.version != AGENT_SOCKET_VERSION ||
	    answer.result > 1)
		return -EPROTO;
	return answer.result;
}

int agent_socket_ask(const char *path, pid_t pid, unsigned int ms)
{
	uint64_t until_ns = clock_boot_ns() + ms * NS_PER_MS;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -errno;
	r = connect_to(fd, path, until_ns);
	if (r == 0)
		r = ask(fd, pid, until_ns);
	close(fd);
	return r;
}

bool agent_follows(pid_t pid)
{
	return agent_socket_ask(PATHS_AGENT_SOCKET, pid, ANSWER_MS) == 1;
}
