/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls connect() in many ways and prints what each returned; then "counted PID N", N being those
 * of a stream to the internet that were not refused at once. With an argument, a thread is
 * cancelled in it as well.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILLERS 3

static struct sockaddr_in listening, closed;

static int listen_on_loopback(struct sockaddr_in *ret_address, int backlog)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t size = sizeof(*ret_address);

	*ret_address = (struct sockaddr_in){.sin_family = AF_INET};
	ret_address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)ret_address, size) || listen(fd, backlog) ||
	    getsockname(fd, (struct sockaddr *)ret_address, &size))
		perror("listen");
	return fd;
}

static void attempt(const char *name, int fd, const void *address, size_t length)
{
	int ret;

	errno = 0;
	ret = connect(fd, address, (socklen_t)length);
	printf("%s %d %d\n", name, ret, errno);
	close(fd);
}

static void attempt_all(void)
{
	struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/nonexistent/socket"};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = listening.sin_port};
	size_t size = sizeof(listening);

	inet_pton(AF_INET6, "::ffff:127.0.0.1", &six.sin6_addr);
	attempt("stream", socket(AF_INET, SOCK_STREAM, 0), &listening, size);
	attempt("stream6", socket(AF_INET6, SOCK_STREAM, 0), &six, sizeof(six));
	attempt("datagram", socket(AF_INET, SOCK_DGRAM, 0), &listening, size);
	attempt("refused", socket(AF_INET, SOCK_STREAM, 0), &closed, size);
	attempt("local", socket(AF_UNIX, SOCK_STREAM, 0), &local, sizeof(local));
	attempt("no descriptor", -1, &listening, size);
	attempt("no address", socket(AF_INET, SOCK_STREAM, 0), NULL, size);
	attempt("short address", socket(AF_INET, SOCK_STREAM, 0), &listening, 1);
}

static void attempt_in_child(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		attempt("child", socket(AF_INET, SOCK_STREAM, 0), &listening, sizeof(listening));
		printf("counted %d 1\n", getpid());
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

/* ---- a thread that waits in it ---- */

static struct sockaddr_in full; /* its queue is: the kernel drops what else comes */

static void clean(void *text)
{
	printf("%s\n", (const char *)text);
}

static void *wait_in_connect(void *context)
{
	int fd = *(int *)context;

	pthread_cleanup_push(clean, "cleaned");
	connect(fd, (struct sockaddr *)&full, sizeof(full));
	pthread_cleanup_pop(0);
	return NULL;
}

static void cancel_in_connect(void)
{
	int fds[FILLERS + 1];
	pthread_t thread;
	void *result = NULL;

	listen_on_loopback(&full, 0);
	for (int i = 0; i < FILLERS; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(fds[i], (struct sockaddr *)&full, sizeof(full));
	}
	fds[FILLERS] = socket(AF_INET, SOCK_STREAM, 0);
	pthread_create(&thread, NULL, wait_in_connect, &fds[FILLERS]);
	usleep(100000);
	pthread_cancel(thread);
	pthread_join(thread, &result);
	puts(result == PTHREAD_CANCELED ? "cancelled" : "not cancelled");
}

int main(int argc, char **argv)
{
	listen_on_loopback(&listening, 16);
	close(listen_on_loopback(&closed, 1));
	attempt_all();
	attempt_in_child();
	if (argc > 1)
		cancel_in_connect();
	printf("counted %d %d\n", getpid(), argc > 1 ? 2 + FILLERS : 2);
	return 0;
}
