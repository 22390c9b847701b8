/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signal handler that uses a connection of its own in the midst of calls on another. The library
 * is the stand-in, as OpenSSL's calls allocate, and may not be entered in a handler.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>

void *SSL_CTX_new(const void *method);
void *SSL_new(void *context);
int SSL_read(void *ssl, void *bytes, int n);
int SSL_write(void *ssl, const void *bytes, int n);
void SSL_free(void *ssl);

struct end {
	void *ssl;
	uint64_t ops[2], bytes[2], hash[2];
};

static struct end outer, inner;
static volatile sig_atomic_t handled;

static void count(struct end *end, int way, const char *bytes, int n)
{
	end->ops[way]++;
	end->bytes[way] += (uint64_t)n;
	for (int i = 0; i < n; i++)
		end->hash[way] = (end->hash[way] ^ (uint8_t)bytes[i]) * 0x100000001b3ull;
}

static void use(struct end *end, int n)
{
	char bytes[512];

	for (int i = 0; i < n; i++)
		bytes[i] = (char)(end->bytes[0] + (uint64_t)i);
	count(end, 0, bytes, SSL_write(end->ssl, bytes, n));
	n = SSL_read(end->ssl, bytes, n);
	count(end, 1, bytes, n);
}

static void on_alarm(int signal)
{
	use(&inner, 500);
	handled = handled + 1;
}

int main(void)
{
	struct itimerval timer = {.it_interval.tv_usec = 100, .it_value.tv_usec = 100};
	struct sigaction action = {.sa_handler = on_alarm};
	struct end *const ends[] = {&outer, &inner};
	void *context = SSL_CTX_new(NULL);

	for (int i = 0; i < 2; i++) {
		ends[i]->ssl = SSL_new(context);
		ends[i]->hash[0] = ends[i]->hash[1] = 0xcbf29ce484222325ull;
	}
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (int i = 0; i < 20000 || handled < 50; i++)
		use(&outer, 1 + i % 400);
	timer = (struct itimerval){0};
	setitimer(ITIMER_REAL, &timer, NULL);
	for (int i = 0; i < 4; i++)
		printf("moved %d %llx %s %llu %llu %llx\n", (int)getpid(),
		       (unsigned long long)(uintptr_t)ends[i / 2]->ssl, i % 2 ? "recv" : "send",
		       (unsigned long long)ends[i / 2]->ops[i % 2],
		       (unsigned long long)ends[i / 2]->bytes[i % 2],
		       (unsigned long long)ends[i / 2]->hash[i % 2]);
	SSL_free(outer.ssl);
	SSL_free(inner.ssl);
	return 0;
}
