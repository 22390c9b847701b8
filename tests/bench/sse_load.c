/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many streams of model output at once over TLS on the loopback interface: a server and a client, a
 * process each, both on the shared libssl.
 *
 * usage: sse_load [OPTION]...
 *	--streams=N	connections at once; default 1000
 *	--rate=N	events a second of each; default 50; 0: as fast as they go
 *	--seconds=N	default 60
 *	--events=N	of one call; default: as many as the seconds hold
 *	--repeat	on a connection whose call is finished the next one begins, for `seconds`
 *	--log=FILE	a JSON line for each call that was served whole
 *	--wait		print {"client": PID, "server": PID}, and wait for a line before the first
 *			connection
 *	--server-apart	the server is no descendant of this process
 *
 * Prints a JSON object: `streams` that were received whole, their `events` and `bytes` of HTTP,
 * `seconds`, processor time of both, and `late_ms`, how long after their time events were sent. The
 * status is 1 where a byte is missing.
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/sse_load.h"

#define BACKLOG 4096

const struct load_model load_models[] = {
	{"gpt-4o-mini", "gpt-4o-mini-2024-07-18"},
	{"gpt-4o", "gpt-4o-2024-08-06"},
	{"gpt-4.1-mini", "gpt-4.1-mini-2025-04-14"},
};
const unsigned int load_n_models = sizeof(load_models) / sizeof(*load_models);

_Noreturn void load_die(const char *what)
{
	fprintf(stderr, "sse_load: %s: %s\n", what, strerror(errno));
	ERR_print_errors_fp(stderr);
	exit(1);
}

SSL_CTX *load_context(const SSL_METHOD *method)
{
	SSL_CTX *context = SSL_CTX_new(method);

	if (!context || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") != 1 ||
	    SSL_CTX_set_num_tickets(context, 0) != 1)
		load_die("context");
	/* A record's head and body come with one system call. */
	SSL_CTX_set_read_ahead(context, 1);
	return context;
}

/* ---- options ---- */

enum { STREAMS = 1, RATE, SECONDS, EVENTS, REPEAT, LOG, WAIT, APART };

static const struct option long_options[] = {
	{"streams", required_argument, NULL, STREAMS},
	{"rate", required_argument, NULL, RATE},
	{"seconds", required_argument, NULL, SECONDS},
	{"events", required_argument, NULL, EVENTS},
	{"repeat", no_argument, NULL, REPEAT},
	{"log", required_argument, NULL, LOG},
	{"wait", no_argument, NULL, WAIT},
	{"server-apart", no_argument, NULL, APART},
	{NULL, 0, NULL, 0},
};

static _Noreturn void usage(void)
{
	fprintf(stderr, "usage: sse_load [--streams=N] [--rate=N] [--seconds=N] [--events=N]\n"
			"                [--repeat] [--log=FILE] [--wait] [--server-apart]\n");
	exit(2);
}

static unsigned int number(const char *text, unsigned long most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value > most)
		usage();
	return (unsigned int)value;
}

static void read_options(struct load *load, int argc, char **argv)
{
	int option;

	*load = (struct load){.streams = 1000, .rate = 50, .seconds = 60};
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (option) {
		case STREAMS:
			load->streams = number(optarg, 20000);
			break;
		case RATE:
			load->rate = number(optarg, 1000);
			break;
		case SECONDS:
			load->seconds = number(optarg, 3600);
			break;
		case EVENTS:
			load->events = number(optarg, 10000000);
			break;
		case REPEAT:
			load->repeat = true;
			break;
		case LOG:
			load->log = optarg;
			break;
		case WAIT:
			load->wait = true;
			break;
		case APART:
			load->apart = true;
			break;
		default:
			usage();
		}
	}
	if (!load->events)
		load->events = load->rate * load->seconds;
	if (optind < argc || !load->streams || load->events < 2)
		usage();
}

/* ---- two processes ---- */

static void listen_there(struct load *load)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	load->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (load->listener < 0 ||
	    bind(load->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(load->listener, BACKLOG) < 0 ||
	    getsockname(load->listener, (struct sockaddr *)&address, &size) < 0)
		load_die("listen");
	load->port = ntohs(address.sin_port);
}

static void raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		load_die("files");
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static uint64_t cpu_us(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

/* Its pid goes ahead of all; the end of the socket tells that it is done. */
static _Noreturn void be_server(const struct load *load, struct load_served *served, int control)
{
	pid_t pid = getpid();

	if (write(control, &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
		load_die("control");
	load_serve(load, served, control);
	served->cpu_us = cpu_us();
	served->failed = false;
	exit(0);
}

/* Return: our end of the control socket. */
static int start_server(const struct load *load, struct load_served *served, pid_t *ret_pid)
{
	int pair[2], status = 0;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		load_die("control");
	served->failed = true;
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		if (load->apart && fork() != 0)
			_exit(0);
		be_server(load, served, pair[1]);
	}
	if (pid < 0 || (load->apart && (waitpid(pid, &status, 0) != pid || status)))
		load_die("fork");
	close(pair[1]);
	close(load->listener);
	if (read(pair[0], ret_pid, sizeof(*ret_pid)) != (ssize_t)sizeof(*ret_pid))
		load_die("server");
	return pair[0];
}

static void end_server(int control)
{
	char byte;

	shutdown(control, SHUT_WR);
	if (read(control, &byte, 1) != 0)
		load_die("control");
	close(control);
	while (wait(NULL) > 0)
		;
}

static void wait_for_line(pid_t server)
{
	int c;

	printf("{\"client\": %d, \"server\": %d}\n", (int)getpid(), (int)server);
	fflush(stdout);
	do
		c = getchar();
	while (c != '\n' && c != EOF);
}

/* ---- what it was ---- */

/* ms that this share of all events were late at most. */
static double late_ms(const struct load_served *served, double share)
{
	uint64_t total = 0, passed = 0;
	uint32_t step = 0;

	for (uint32_t i = 0; i <= LOAD_LATE_STEPS; i++)
		total += served->late[i];
	while (step < LOAD_LATE_STEPS) {
		passed += served->late[step];
		if ((double)passed >= share * (double)total)
			break;
		step++;
	}
	return (step + 1) * (double)LOAD_LATE_NS / 1e6;
}

static void print_result(const struct load *load, const struct load_served *served,
			 const struct load_received *received)
{
	printf("{\"streams\": %llu, \"events\": %llu, \"bytes\": %llu, \"seconds\": %.3f, "
	       "\"cpu_seconds\": {\"client\": %.2f, \"server\": %.2f}",
	       (unsigned long long)received->calls, (unsigned long long)served->events,
	       (unsigned long long)received->bytes, received->seconds, (double)cpu_us() / 1e6,
	       (double)served->cpu_us / 1e6);
	if (load->rate)
		printf(", \"late_ms\": {\"p50\": %.1f, \"p99\": %.1f, \"most\": %.1f}",
		       late_ms(served, 0.5), late_ms(served, 0.99), late_ms(served, 1));
	printf("}\n");
}

int main(int argc, char **argv)
{
	struct load_received received = {0};
	struct load_served *served;
	struct load load;
	pid_t server;
	int control;

	read_options(&load, argc, argv);
	raise_files();
	listen_there(&load);
	served = mmap(NULL, sizeof(*served), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (served == MAP_FAILED)
		load_die("memory");
	control = start_server(&load, served, &server);
	if (load.wait)
		wait_for_line(server);
	load_call(&load, &received);
	end_server(control);
	if (served->failed || served->calls != received.calls || served->bytes != received.bytes) {
		fprintf(stderr, "sse_load: %llu calls and %llu bytes were served\n",
			(unsigned long long)served->calls, (unsigned long long)served->bytes);
		return 1;
	}
	print_result(&load, served, &received);
	return 0;
}
