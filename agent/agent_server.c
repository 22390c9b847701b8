/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/agent_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/agent_socket.h"
#include "agent/limits.h"
#include "agent/util/procfs.h"

#define BACKLOG 64

struct agent_server {
	struct loop *loop;
	const char *path;
	agent_server_answer answer;
	void *context;
	int fd;
	int clients[LIMIT_QUESTIONS]; /* a ring: the oldest makes room */
	size_t next;
};

/* Numbers of another pid namespace mean other processes here. */
static bool is_of_our_namespace(pid_t pid)
{
	char path[64];
	struct stat own, other;

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	return pid > 0 && !stat("/proc/self/ns/pid", &own) && !stat(path, &other) &&
	       own.st_ino == other.st_ino && own.st_dev == other.st_dev;
}

/* `run -u USER` asks for a command that it has started, and that is another user's. */
static bool is_child_of(pid_t parent, pid_t pid)
{
	struct procfs_stat stat;

	return !procfs_stat(pid, &stat) && stat.parent == parent;
}

static int32_t answer_to(struct agent_server *server, int client, uint32_t pid)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	pid_t ns_pid;
	uid_t uid;

	if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	if (!is_of_our_namespace(peer.pid))
		return 0;
	if (pid == 0 || pid > INT32_MAX || procfs_ids((pid_t)pid, &uid, &ns_pid) < 0)
		return -ESRCH;
	if (peer.uid != 0 && peer.uid != uid && !is_child_of(peer.pid, (pid_t)pid))
		return -EPERM;
	return server->answer(server->context, (pid_t)pid);
}

static void drop(struct agent_server *server, int fd)
{
	for (size_t i = 0; i < LIMIT_QUESTIONS; i++) {
		if (server->clients[i] != fd)
			continue;
		loop_remove(server->loop, fd);
		close(fd);
		server->clients[i] = -1;
		return;
	}
}

static int on_client(void *context, int fd, uint32_t events)
{
	struct agent_server *server = context;
	struct agent_question question;
	struct agent_answer answer = {.version = AGENT_SOCKET_VERSION};
	ssize_t n = recv(fd, &question, sizeof(question), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n == (ssize_t)sizeof(question) && question.version == AGENT_SOCKET_VERSION) {
		answer.result = answer_to(server, fd, question.pid);
		send(fd, &answer, sizeof(answer), MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	drop(server, fd);
	return 0;
}

static int on_connection(void *context, int fd, uint32_t events)
{
	struct agent_server *server = context;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	size_t at = server->next++ % LIMIT_QUESTIONS;

	if (client < 0)
		return 0;
	if (server->clients[at] >= 0)
		drop(server, server->clients[at]);
	if (loop_add(server->loop, client, EPOLLIN, on_client, server) < 0) {
		close(client);
		return 0;
	}
	server->clients[at] = client;
	return 0;
}

/* Does somebody answer there? */
static bool is_served(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool served =
		fd >= 0 && (!connect(fd, (const struct sockaddr *)address, sizeof(*address)) ||
			    errno == EAGAIN);

	if (fd >= 0)
		close(fd);
	return served;
}

static int make_folder(const char *path)
{
	char folder[LIMIT_PATH];

	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
	return mkdir(folder, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int listen_there(int fd, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int r;

	if (!strchr(path, '/') || strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	r = make_folder(path);
	if (r < 0)
		return r;
	if (is_served(&address))
		return -EADDRINUSE;
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    chmod(path, 0666) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return 0;
}

int agent_server_new(struct agent_server **ret_server, struct loop *loop, const char *path,
		     agent_server_answer answer, void *context)
{
	struct agent_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return -ENOMEM;
	*server = (struct agent_server){
		.loop = loop, .path = path, .answer = answer, .context = context};
	for (size_t i = 0; i < LIMIT_QUESTIONS; i++)
		server->clients[i] = -1;
	server->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = server->fd < 0 ? -errno : listen_there(server->fd, path);
	if (r == 0)
		r = loop_add(loop, server->fd, EPOLLIN, on_connection, server);
	if (r < 0) {
		if (server->fd >= 0)
			close(server->fd);
		free(server);
		return r;
	}
	*ret_server = server;
	return 0;
}

void agent_server_free(struct agent_server *server)
{
	if (!server)
		return;
	for (size_t i = 0; i < LIMIT_QUESTIONS; i++)
		if (server->clients[i] >= 0)
			drop(server, server->clients[i]);
	loop_remove(server->loop, server->fd);
	close(server->fd);
	unlink(server->path);
	free(server);
}
