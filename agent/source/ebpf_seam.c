/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/ebpf_seam.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

union control_room {
	struct cmsghdr align;
	char room[CMSG_SPACE(SEAM_FDS_MAX * sizeof(int))];
};

int seam_send(int socket, const struct seam_message *message, const void *payload, const int *fds,
	      size_t n_fds)
{
	struct iovec parts[2] = {
		{.iov_base = (void *)message, .iov_len = sizeof(*message)},
		{.iov_base = (void *)payload, .iov_len = message->length},
	};
	struct msghdr header = {.msg_iov = parts, .msg_iovlen = message->length ? 2 : 1};
	union control_room control;

	if (n_fds > SEAM_FDS_MAX)
		return -EINVAL;
	if (n_fds) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		header.msg_control = control.room;
		header.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&header);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	while (sendmsg(socket, &header, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return errno == ECONNRESET ? -EPIPE : -errno;
	return 0;
}

static void take_fds(struct msghdr *header, int ret_fds[SEAM_FDS_MAX])
{
	int fds[SEAM_FDS_MAX];
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (n > SEAM_FDS_MAX)
			n = SEAM_FDS_MAX;
		memcpy(fds, CMSG_DATA(c), n * sizeof(int));
		break;
	}
	for (size_t i = 0; i < SEAM_FDS_MAX; i++)
		if (ret_fds)
			ret_fds[i] = i < n ? fds[i] : -1;
		else if (i < n)
			close(fds[i]);
}

int seam_receive(int socket, struct seam_message *ret_message, void *payload, size_t size,
		 int ret_fds[SEAM_FDS_MAX], int timeout_ms)
{
	struct pollfd wait = {.fd = socket, .events = POLLIN};
	struct seam_message message;
	struct iovec parts[2] = {
		{.iov_base = &message, .iov_len = sizeof(message)},
		{.iov_base = payload, .iov_len = size},
	};
	union control_room control;
	struct msghdr header = {.msg_iov = parts,
				.msg_iovlen = size ? 2 : 1,
				.msg_control = control.room,
				.msg_controllen = sizeof(control.room)};
	ssize_t n;
	int r;

	while ((r = poll(&wait, 1, timeout_ms)) < 0 && errno == EINTR)
		;
	if (r <= 0)
		return r < 0 ? -errno : -EAGAIN;
	while ((n = recvmsg(socket, &header, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
		;
	if (n <= 0)
		return n < 0 && errno != ECONNRESET ? -errno : -EPIPE;
	take_fds(&header, ret_fds);
	if ((size_t)n < sizeof(message) || (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
	    message.length != (size_t)n - sizeof(message)) {
		for (size_t i = 0; ret_fds && i < SEAM_FDS_MAX; i++) {
			if (ret_fds[i] >= 0)
				close(ret_fds[i]);
			ret_fds[i] = -1;
		}
		return -EBADMSG;
	}
	*ret_message = message;
	return 0;
}
