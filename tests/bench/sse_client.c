/* SPDX-License-Identifier: Apache-2.0 */
/* The side of sse_load that calls. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/sse_load.h"

#define EVENTS_AT_ONCE 256
#define SPARE_SECONDS 60 /* what a call may take beyond its time */

struct stream {
	SSL *ssl;
	int fd;
	unsigned int calls;
};

struct client {
	const struct load *load;
	struct load_received *received;
	struct stream *streams;
	unsigned int open;
	int epoll;
	uint64_t end_ns; /* no call is begun later */
};

/* One after the other: the server needs as long for its part. */
static void open_stream(struct client *client, struct stream *stream, SSL_CTX *context)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(client->load->port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = stream};
	int one = 1;

	stream->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	stream->ssl = SSL_new(context);
	if (stream->fd < 0 || !stream->ssl ||
	    connect(stream->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		load_die("connect");
	setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (SSL_set_fd(stream->ssl, stream->fd) != 1 || SSL_connect(stream->ssl) != 1)
		load_die("handshake");
	if (fcntl(stream->fd, F_SETFL, O_NONBLOCK) < 0 ||
	    epoll_ctl(client->epoll, EPOLL_CTL_ADD, stream->fd, &event) < 0)
		load_die("epoll");
}

static void close_stream(struct client *client, struct stream *stream)
{
	SSL_free(stream->ssl);
	close(stream->fd);
	stream->ssl = NULL;
	client->open--;
}

static void send_request(struct client *client, struct stream *stream)
{
	unsigned int at = (unsigned int)(stream - client->streams) + stream->calls++;
	char body[512], request[1024];
	int n = snprintf(body, sizeof(body),
			 "{\"model\":\"%s\",\"stream\":true,\"stream_options\":"
			 "{\"include_usage\":true},\"messages\":[{\"role\":\"user\",\"content\":"
			 "\"What is the toll of span %u?\"}]}",
			 load_models[at % load_n_models].alias, at);
	int length = snprintf(request, sizeof(request),
			      "POST " LOAD_PATH " HTTP/1.1\r\n"
			      "Host: localhost:%u\r\n"
			      "Authorization: Bearer sk-load\r\n"
			      "Content-Type: application/json\r\n"
			      "Accept: application/json\r\n"
			      "Content-Length: %d\r\n\r\n%s",
			      client->load->port, n, body);

	if (SSL_write(stream->ssl, request, length) != length)
		load_die("request");
}

/* The server writes the end of a response in one record. */
static bool is_end(const char *bytes, size_t n)
{
	static const char end[] = "\r\n0\r\n\r\n";
	size_t length = sizeof(end) - 1;

	return n >= length && !memcmp(bytes + n - length, end, length);
}

static void end_call(struct client *client, struct stream *stream)
{
	client->received->calls++;
	if (client->load->repeat && load_now_ns() < client->end_ns)
		send_request(client, stream);
	else
		close_stream(client, stream);
}

static void read_stream(struct client *client, struct stream *stream)
{
	char bytes[LOAD_READ];

	do {
		int n = SSL_read(stream->ssl, bytes, sizeof(bytes));

		if (n <= 0) {
			if (SSL_get_error(stream->ssl, n) != SSL_ERROR_WANT_READ)
				load_die("response");
			return;
		}
		client->received->bytes += (uint64_t)n;
		if (is_end(bytes, (size_t)n))
			end_call(client, stream);
	} while (stream->ssl && SSL_has_pending(stream->ssl));
}

static void read_all(struct client *client, uint64_t deadline_ns)
{
	struct epoll_event events[EVENTS_AT_ONCE];

	while (client->open) {
		int n = epoll_wait(client->epoll, events, EVENTS_AT_ONCE, 1000);

		if (load_now_ns() > deadline_ns)
			load_die("calls do not end");
		for (int i = 0; i < n; i++)
			read_stream(client, events[i].data.ptr);
	}
}

void load_call(const struct load *load, struct load_received *received)
{
	SSL_CTX *context = load_context(TLS_client_method());
	struct client client = {.load = load, .received = received, .open = load->streams};
	uint64_t start_ns, most_ns = load->rate ? load->events * 1000000000ull / load->rate : 0;

	client.epoll = epoll_create1(EPOLL_CLOEXEC);
	client.streams = calloc(load->streams, sizeof(*client.streams));
	if (client.epoll < 0 || !client.streams)
		load_die("client");
	for (unsigned int i = 0; i < load->streams; i++)
		open_stream(&client, &client.streams[i], context);
	start_ns = load_now_ns();
	client.end_ns = start_ns + load->seconds * 1000000000ull;
	for (unsigned int i = 0; i < load->streams; i++)
		send_request(&client, &client.streams[i]);
	read_all(&client, client.end_ns + most_ns + SPARE_SECONDS * 1000000000ull);
	received->seconds = (double)(load_now_ns() - start_ns) / 1e9;
	close(client.epoll);
	free(client.streams);
	SSL_CTX_free(context);
}
