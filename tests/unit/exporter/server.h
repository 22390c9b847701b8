/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A collector on the loopback, in a thread, that answers as the test says: it keeps what it was
 * sent. One connection at a time; the handler runs in the thread.
 */
#ifndef TESTS_UNIT_EXPORTER_SERVER_H
#define TESTS_UNIT_EXPORTER_SERVER_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/exporter/decode.h"

#define REQUESTS_MAX 400
#define REQUEST_SPANS_MAX 4096
#define HEAD_SIZE 4096
#define ANSWER_SIZE 4096

struct request {
	char head[HEAD_SIZE];
	char encoding[16];
	uint64_t ids[REQUEST_SPANS_MAX];
	int n;          /* spans; -1: could not be read */
	int connection; /* from 1 on */
	uint64_t ms;    /* when it came */
};

enum action { ANSWER, HANG, CLOSE, RESET };

struct server;
/* Decide on a request; `number` counts from 1. Fills server->answer for ANSWER. */
typedef enum action (*server_handler)(struct server *server, const struct request *request,
				      int number);

struct server {
	server_handler handler;
	int listener, stop[2], connections;
	unsigned int port;
	pthread_t thread;
	pthread_mutex_t lock;
	struct request *requests[REQUESTS_MAX];
	int n;
	char answer[ANSWER_SIZE];
	size_t answer_length;
	int state; /* the handler's own */
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- answers ---- */

__attribute__((unused)) static enum action answer_raw(struct server *server, const void *data,
						      size_t length)
{
	memcpy(server->answer, data, length);
	server->answer_length = length;
	return ANSWER;
}

static enum action answer_with(struct server *server, const char *status, const char *headers,
			       const void *body, size_t length)
{
	int head =
		snprintf(server->answer, ANSWER_SIZE,
			 "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status, headers, length);

	memcpy(server->answer + head, body, length);
	server->answer_length = (size_t)head + length;
	return ANSWER;
}

__attribute__((unused)) static enum action answer(struct server *server, const char *status)
{
	return answer_with(server, status, "", "", 0);
}

/* ---- the thread ---- */

static bool wait_readable(struct server *server, int fd)
{
	struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
			       {.fd = server->stop[0], .events = POLLIN}};

	return poll(fds, 2, -1) > 0 && !fds[1].revents;
}

static const char *head_value(const char *head, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = head; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncasecmp(line, name, length) && line[length] == ':')
			return line + length + 2;
	}
	return NULL;
}

static bool read_bytes_of(struct server *server, int fd, uint8_t *to, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t got = wait_readable(server, fd) ? read(fd, to + at, n - at) : 0;

		if (got <= 0)
			return false;
		at += (size_t)got;
	}
	return true;
}

static struct request *read_request(struct server *server, int fd)
{
	struct request *request = calloc(1, sizeof(*request));
	size_t length = 0, body_length;
	const char *value;
	uint8_t *body;

	while (length < HEAD_SIZE - 1 &&
	       (length < 4 || memcmp(request->head + length - 4, "\r\n\r\n", 4) != 0)) {
		if (!read_bytes_of(server, fd, (uint8_t *)request->head + length, 1)) {
			free(request);
			return NULL;
		}
		length++;
	}
	request->ms = now_ms();
	request->connection = server->connections;
	value = head_value(request->head, "Content-Encoding");
	if (value)
		snprintf(request->encoding, sizeof(request->encoding), "%.*s",
			 (int)strcspn(value, "\r"), value);
	value = head_value(request->head, "Content-Length");
	body_length = value ? strtoul(value, NULL, 10) : 0;
	body = malloc(body_length + 1);
	if (!read_bytes_of(server, fd, body, body_length)) {
		free(body);
		free(request);
		return NULL;
	}
	request->n =
		decode_spans(request->encoding, body, body_length, request->ids, REQUEST_SPANS_MAX);
	free(body);
	return request;
}

static int keep_request(struct server *server, struct request *request)
{
	int number;

	pthread_mutex_lock(&server->lock);
	if (server->n < REQUESTS_MAX)
		server->requests[server->n++] = request;
	number = server->n;
	pthread_mutex_unlock(&server->lock);
	return number;
}

static void serve(struct server *server, int fd)
{
	struct linger linger = {.l_onoff = 1};
	struct request *request;
	uint8_t byte;

	while ((request = read_request(server, fd))) {
		int number = keep_request(server, request);
		enum action action = server->handler(server, request, number);

		if (action == ANSWER) {
			if (send(fd, server->answer, server->answer_length, MSG_NOSIGNAL) < 0)
				return;
			continue;
		}
		if (action == HANG)
			read_bytes_of(server, fd, &byte, 1);
		if (action == RESET)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
		return;
	}
}

static void *server_thread(void *context)
{
	struct server *server = context;

	while (wait_readable(server, server->listener)) {
		int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		server->connections++;
		serve(server, fd);
		close(fd);
	}
	return NULL;
}

/* @port: 0: any. */
static void server_start_at(struct server *server, server_handler handler, unsigned int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	socklen_t size = sizeof(address);
	int on = 1;

	*server = (struct server){.handler = handler};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	CHECK(!bind(server->listener, (struct sockaddr *)&address, size));
	CHECK(!listen(server->listener, 8));
	CHECK(!getsockname(server->listener, (struct sockaddr *)&address, &size));
	server->port = ntohs(address.sin_port);
	CHECK(!pipe(server->stop));
	pthread_mutex_init(&server->lock, NULL);
	CHECK(!pthread_create(&server->thread, NULL, server_thread, server));
}

__attribute__((unused)) static void server_start(struct server *server, server_handler handler)
{
	server_start_at(server, handler, 0);
}

static int server_count(struct server *server)
{
	int n;

	pthread_mutex_lock(&server->lock);
	n = server->n;
	pthread_mutex_unlock(&server->lock);
	return n;
}

/* Wait until there were n requests. */
__attribute__((unused)) static bool server_wait(struct server *server, int n, unsigned int ms)
{
	uint64_t until = now_ms() + ms;

	while (server_count(server) < n && now_ms() < until)
		usleep(2000);
	return server_count(server) >= n;
}

static void server_stop(struct server *server)
{
	if (write(server->stop[1], "", 1) == 1)
		pthread_join(server->thread, NULL);
	close(server->stop[0]);
	close(server->stop[1]);
	close(server->listener);
	for (int i = 0; i < server->n; i++)
		free(server->requests[i]);
	pthread_mutex_destroy(&server->lock);
}

#endif
