/* SPDX-License-Identifier: Apache-2.0 */
/* What client and server of sse_load have in common. */
#ifndef TESTS_BENCH_SSE_LOAD_H
#define TESTS_BENCH_SSE_LOAD_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define LOAD_PATH "/v1/chat/completions"
#define LOAD_READ (16 * 1024) /* RFC 8446 section 5.1: what one read gives at most */

/* How late an event was sent: a count for each 0.1 ms; the last is for all that is later. */
#define LOAD_LATE_NS 100000
#define LOAD_LATE_STEPS 100000

struct load {
	unsigned int streams; /* connections at once */
	unsigned int rate;    /* events a second of each; 0: as fast as they go */
	unsigned int events;  /* of one call, at least 2 */
	unsigned int seconds; /* how long new calls are begun, where they repeat */
	bool repeat;          /* a call that is finished is followed by the next */
	bool wait;            /* for a line on standard input */
	bool apart;           /* the server is no descendant */
	const char *log;      /* of calls that were served; NULL: none */
	int listener;
	uint16_t port;
};

/* In memory that both processes share. */
struct load_served {
	uint64_t calls, events, bytes; /* bytes of HTTP */
	uint64_t cpu_us;
	bool failed;
	uint32_t late[LOAD_LATE_STEPS + 1];
};

struct load_received {
	uint64_t calls, bytes;
	double seconds; /* from the first request to the end of the last response */
};

/* Model as it is asked for, and as the response names it. */
struct load_model {
	const char *alias, *name;
};

extern const struct load_model load_models[];
extern const unsigned int load_n_models;

/* load_die - say on standard error what failed, with OpenSSL's reasons, and exit. */
_Noreturn void load_die(const char *what);

/* load_context - TLS 1.3, AES-128-GCM, no session tickets. */
SSL_CTX *load_context(const SSL_METHOD *method);

/*
 * load_serve - serve until the other side closes `control`.
 * Return: only when all is written; the counts are complete then.
 */
void load_serve(const struct load *load, struct load_served *served, int control);

/* load_call - open all connections, then make the calls. */
void load_call(const struct load *load, struct load_received *received);

static inline uint64_t load_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

#endif
