/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The side of sse_load that answers: OpenAI's chat completion chunks, each event a write of its
 * own, at its own time. A wheel of slots holds the connections by when their next event is due.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/certificate.h"
#include "tests/bench/sse_load.h"

#define EVENTS_AT_ONCE 256
#define TICK_NS 2000000
#define SLOTS 1024 /* 2 s: more than between two events of a stream */
#define PROMPT_MAX 100000
#define COMPLETION_MAX 4000

struct conn {
	struct conn *next; /* in its slot */
	SSL *ssl;
	int fd;
	bool shaken, open, called; /* open: in a call; called: not for the first time */
	unsigned int number;       /* of the connection */
	unsigned int sent;         /* events of this call */
	uint64_t due_ns;
	const struct load_model *model;
	char id[40];
	unsigned int prompt, completion;
	char prefix[256]; /* of every event of this call */
	char out[2048];
	size_t out_length; /* 0: nothing waits to be written */
};

struct server {
	const struct load *load;
	struct load_served *served;
	SSL_CTX *context;
	FILE *log;
	int epoll, control;
	bool ended;
	unsigned int connections;
	uint64_t interval_ns;
	uint64_t start_ns, tick; /* the last one that was served */
	struct conn *slots[SLOTS];
	uint64_t random;
};

static const char *const words[] = {" The", " answer", " is", " that",       " a",   " bridge",
				    " of",  " stone",  ",",   " and",        " its", " toll",
				    " was", ".\\n\\n", " in", " caf\xc3\xa9"};

#define N_WORDS (sizeof(words) / sizeof(*words))

/* Marsaglia's xorshift64. */
static uint64_t next_random(struct server *server)
{
	uint64_t x = server->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return server->random = x;
}

/* ---- what is sent ---- */

static void put_chunk(struct conn *conn, const char *choices, const char *usage)
{
	static const char middle[] = "],\"usage\":", end[] = "}\n\n";
	size_t length = strlen(conn->prefix) + strlen(choices) + sizeof(middle) - 1 +
			strlen(usage) + sizeof(end) - 1;

	conn->out_length += (size_t)snprintf(
		conn->out + conn->out_length, sizeof(conn->out) - conn->out_length,
		"%zx\r\n%s%s%s%s%s\r\n", length, conn->prefix, choices, middle, usage, end);
}

static void put_head(struct conn *conn)
{
	conn->out_length += (size_t)snprintf(conn->out, sizeof(conn->out),
					     "HTTP/1.1 200 OK\r\n"
					     "Content-Type: text/event-stream; charset=utf-8\r\n"
					     "Transfer-Encoding: chunked\r\n"
					     "openai-processing-ms: 210\r\n"
					     "x-request-id: req_%s\r\n\r\n",
					     conn->id);
}

static void put_end(struct conn *conn)
{
	char usage[256];

	snprintf(usage, sizeof(usage),
		 "{\"prompt_tokens\":%u,\"completion_tokens\":%u,\"total_tokens\":%u,"
		 "\"prompt_tokens_details\":{\"cached_tokens\":0},"
		 "\"completion_tokens_details\":{\"reasoning_tokens\":0}}",
		 conn->prompt, conn->completion, conn->prompt + conn->completion);
	put_chunk(conn, "", usage);
	conn->out_length +=
		(size_t)snprintf(conn->out + conn->out_length, sizeof(conn->out) - conn->out_length,
				 "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
}

static void put_event(struct server *server, struct conn *conn)
{
	unsigned int left = server->load->events - conn->sent;
	char choices[256];

	if (conn->sent == 0) {
		put_head(conn);
		put_chunk(conn,
			  "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\","
			  "\"refusal\":null},\"logprobs\":null,\"finish_reason\":null}",
			  "null");
	} else if (left == 1) {
		put_end(conn);
	} else if (left == 2) {
		put_chunk(conn,
			  "{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}",
			  "null");
	} else {
		snprintf(choices, sizeof(choices),
			 "{\"index\":0,\"delta\":{\"content\":\"%s\"},\"logprobs\":null,"
			 "\"finish_reason\":null}",
			 words[next_random(server) % N_WORDS]);
		put_chunk(conn, choices, "null");
	}
}

/* ---- when it is sent ---- */

static uint64_t tick_time(const struct server *server, uint64_t tick)
{
	return server->start_ns + tick * TICK_NS;
}

/* The first tick at which the event may be sent. */
static uint64_t due_tick(const struct server *server, const struct conn *conn)
{
	return (conn->due_ns - server->start_ns + TICK_NS - 1) / TICK_NS;
}

static void schedule(struct server *server, struct conn *conn)
{
	uint64_t tick = due_tick(server, conn);
	struct conn **slot;

	if (tick <= server->tick)
		tick = server->tick + 1;
	slot = &server->slots[tick % SLOTS];
	conn->next = *slot;
	*slot = conn;
}

static void note_late(struct server *server, const struct conn *conn)
{
	uint64_t now = load_now_ns(), due = tick_time(server, due_tick(server, conn));
	uint64_t step = now > due ? (now - due) / LOAD_LATE_NS : 0;

	server->served->late[step < LOAD_LATE_STEPS ? step : LOAD_LATE_STEPS]++;
}

static void watch(struct server *server, struct conn *conn, int operation, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = conn};

	if (epoll_ctl(server->epoll, operation, conn->fd, &event) < 0)
		load_die("epoll");
}

/* Return: false if the socket has no room; it is told when it has. */
static bool flush(struct server *server, struct conn *conn)
{
	int n = SSL_write(conn->ssl, conn->out, (int)conn->out_length);

	if (n <= 0) {
		if (SSL_get_error(conn->ssl, n) != SSL_ERROR_WANT_WRITE)
			load_die("the client is gone");
		watch(server, conn, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
		return false;
	}
	server->served->events++;
	server->served->bytes += (uint64_t)n;
	conn->out_length = 0;
	conn->sent++;
	return true;
}

static void end_call(struct server *server, struct conn *conn)
{
	conn->open = false;
	conn->called = true;
	server->served->calls++;
	if (server->log)
		fprintf(server->log,
			"{\"id\":\"chatcmpl-%s\",\"model\":\"%s\",\"prompt_tokens\":%u,"
			"\"completion_tokens\":%u}\n",
			conn->id, conn->model->name, conn->prompt, conn->completion);
}

/* Send what is due now. */
static void advance(struct server *server, struct conn *conn)
{
	do {
		if (!conn->out_length) {
			if (server->interval_ns)
				note_late(server, conn);
			put_event(server, conn);
		}
		if (!flush(server, conn))
			return;
		if (conn->sent == server->load->events) {
			end_call(server, conn);
			return;
		}
	} while (!server->interval_ns);
	conn->due_ns += server->interval_ns;
	schedule(server, conn);
}

static void turn_wheel(struct server *server)
{
	uint64_t now = load_now_ns();

	while (tick_time(server, server->tick + 1) <= now) {
		struct conn *conn, *next;

		server->tick++;
		conn = server->slots[server->tick % SLOTS];
		server->slots[server->tick % SLOTS] = NULL;
		for (; conn; conn = next) {
			next = conn->next;
			advance(server, conn);
		}
	}
}

/* ---- what is received ---- */

static const struct load_model *find_model(const char *request)
{
	static const char key[] = "\"model\":\"";
	const char *at = strstr(request, key);

	for (unsigned int i = 0; at && i < load_n_models; i++) {
		size_t n = strlen(load_models[i].alias);

		if (!strncmp(at + sizeof(key) - 1, load_models[i].alias, n) &&
		    at[sizeof(key) - 1 + n] == '"')
			return &load_models[i];
	}
	return NULL;
}

/* Of one interval, each connection has a part of its own. */
static uint64_t first_due(const struct server *server, const struct conn *conn)
{
	uint64_t now = load_now_ns();

	if (conn->called)
		return now + server->interval_ns;
	return now +
	       server->interval_ns * (conn->number % server->load->streams) / server->load->streams;
}

static void begin_call(struct server *server, struct conn *conn, const char *request)
{
	conn->model = find_model(request);
	if (strncmp(request, "POST " LOAD_PATH " ", strlen("POST " LOAD_PATH " ")) != 0 ||
	    !conn->model || conn->open)
		load_die("request");
	conn->open = true;
	conn->sent = 0;
	conn->prompt = 1 + (unsigned int)(next_random(server) % PROMPT_MAX);
	conn->completion = 1 + (unsigned int)(next_random(server) % COMPLETION_MAX);
	snprintf(conn->id, sizeof(conn->id), "%016llx%08x", (unsigned long long)next_random(server),
		 (uint32_t)next_random(server));
	snprintf(conn->prefix, sizeof(conn->prefix),
		 "data: {\"id\":\"chatcmpl-%s\",\"object\":\"chat.completion.chunk\","
		 "\"created\":%lld,\"model\":\"%s\",\"choices\":[",
		 conn->id, (long long)time(NULL), conn->model->name);
	conn->due_ns = first_due(server, conn);
	if (server->interval_ns)
		schedule(server, conn);
	else
		advance(server, conn);
}

static void close_conn(struct conn *conn)
{
	if (conn->open)
		load_die("the client is gone");
	SSL_free(conn->ssl);
	close(conn->fd);
	free(conn);
}

/* Return: false where nothing is there yet. */
static bool shake_hands(struct conn *conn)
{
	int r = conn->shaken ? 1 : SSL_accept(conn->ssl);

	if (r != 1 && SSL_get_error(conn->ssl, r) != SSL_ERROR_WANT_READ)
		load_die("handshake");
	conn->shaken = r == 1;
	return conn->shaken;
}

/* A request comes in one record. */
static void read_conn(struct server *server, struct conn *conn)
{
	char request[LOAD_READ + 1];

	if (!shake_hands(conn))
		return;
	do {
		int n = SSL_read(conn->ssl, request, LOAD_READ);

		if (n <= 0 && SSL_get_error(conn->ssl, n) == SSL_ERROR_WANT_READ)
			return;
		if (n <= 0) {
			close_conn(conn);
			return;
		}
		request[n] = '\0';
		begin_call(server, conn, request);
	} while (SSL_has_pending(conn->ssl));
}

static void accept_conns(struct server *server)
{
	int fd, one = 1;

	while ((fd = accept4(server->load->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >=
	       0) {
		struct conn *conn = calloc(1, sizeof(*conn));

		if (!conn)
			load_die("memory");
		conn->fd = fd;
		conn->number = server->connections++;
		conn->ssl = SSL_new(server->context);
		if (!conn->ssl || SSL_set_fd(conn->ssl, fd) != 1)
			load_die("connection");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		watch(server, conn, EPOLL_CTL_ADD, EPOLLIN);
	}
	if (errno != EAGAIN)
		load_die("accept");
}

/* ---- the whole ---- */

static void on_event(struct server *server, const struct epoll_event *event)
{
	struct conn *conn = event->data.ptr;

	if (event->data.ptr == &server->control) {
		server->ended = true;
	} else if (event->data.ptr == server) {
		accept_conns(server);
	} else if (event->events & EPOLLOUT) {
		watch(server, conn, EPOLL_CTL_MOD, EPOLLIN);
		advance(server, conn);
	} else {
		read_conn(server, conn);
	}
}

static void run(struct server *server)
{
	struct epoll_event events[EVENTS_AT_ONCE];

	while (!server->ended) {
		uint64_t now = load_now_ns(), next = tick_time(server, server->tick + 1);
		struct timespec wait = {.tv_nsec = next > now ? (long)(next - now) : 0};
		int n = epoll_pwait2(server->epoll, events, EVENTS_AT_ONCE, &wait, NULL);

		for (int i = 0; i < n; i++)
			on_event(server, &events[i]);
		turn_wheel(server);
	}
}

static void open_server(struct server *server)
{
	struct epoll_event control = {.events = EPOLLIN, .data.ptr = &server->control};
	struct epoll_event listener = {.events = EPOLLIN, .data.ptr = server};

	server->context = load_context(TLS_server_method());
	if (!certificate_use(server->context))
		load_die("certificate");
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (server->epoll < 0 ||
	    epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->control, &control) < 0 ||
	    epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->load->listener, &listener) < 0)
		load_die("server");
	if (server->load->log && !(server->log = fopen(server->load->log, "w")))
		load_die(server->load->log);
	if (getrandom(&server->random, sizeof(server->random), 0) !=
		    (ssize_t)sizeof(server->random) ||
	    !server->random)
		load_die("random");
	if (server->load->rate)
		server->interval_ns = 1000000000ull / server->load->rate;
	server->start_ns = load_now_ns();
}

void load_serve(const struct load *load, struct load_served *served, int control)
{
	struct server *server = calloc(1, sizeof(*server));

	if (!server)
		load_die("memory");
	*server = (struct server){.load = load, .served = served, .control = control};
	open_server(server);
	run(server);
	if (server->log && fclose(server->log))
		load_die(load->log);
	close(server->epoll);
	SSL_CTX_free(server->context);
	free(server);
}
