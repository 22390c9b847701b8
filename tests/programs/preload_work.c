/* SPDX-License-Identifier: Apache-2.0 */
/*
 * preload_work CASE: moves bytes over TLS connections in memory and prints, for each connection
 * and direction, what it moved by its own count:
 *
 *	moved PID CONNECTION DIRECTION OPERATIONS BYTES HASH RECORDS
 *
 * RECORDS is how many of at most 32 KiB the operations make. CONNECTION is the address of the SSL
 *object; HASH is FNV-1a over the bytes in order.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAIR_BUFFER (1 << 20)
#define BIG (300 * 1000)
#define RECORD_MAX (32 * 1024) /* CR_DATA_MAX */

struct end {
	SSL *ssl;
	uint64_t ops[2], bytes[2], hash[2], records[2]; /* 0: written, 1: read */
};

struct pair {
	struct end client, server;
	bool ex;
	unsigned int seed;
};

static SSL_CTX *client_context, *server_context;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "preload_work: %s\n", what);
	exit(3);
}

static void make_contexts(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();

	client_context = SSL_CTX_new(TLS_client_method());
	server_context = SSL_CTX_new(TLS_server_method());
	if (!key || !certificate || !client_context || !server_context)
		die("contexts");
	X509_set_pubkey(certificate, key);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	if (!X509_sign(certificate, key, EVP_sha256()) ||
	    SSL_CTX_use_certificate(server_context, certificate) != 1 ||
	    SSL_CTX_use_PrivateKey(server_context, key) != 1)
		die("certificate");
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static void count(struct end *end, int direction, const void *data, size_t n)
{
	const uint8_t *bytes = data;

	end->ops[direction]++;
	end->records[direction] += (n + RECORD_MAX - 1) / RECORD_MAX;
	end->bytes[direction] += n;
	for (size_t i = 0; i < n; i++)
		end->hash[direction] = (end->hash[direction] ^ bytes[i]) * 0x100000001b3ull;
}

static void start_counting(struct end *end)
{
	for (int i = 0; i < 2; i++) {
		end->ops[i] = end->bytes[i] = end->records[i] = 0;
		end->hash[i] = 0xcbf29ce484222325ull;
	}
}

static void report(const struct end *end)
{
	static const char *const names[] = {"send", "recv"};
	char line[256];
	int n = 0;

	for (int i = 0; i < 2; i++)
		n += snprintf(line + n, sizeof(line) - (size_t)n,
			      "moved %d %llx %s %llu %llu %llx %llu\n", getpid(),
			      (unsigned long long)(uintptr_t)end->ssl, names[i],
			      (unsigned long long)end->ops[i], (unsigned long long)end->bytes[i],
			      (unsigned long long)end->hash[i],
			      (unsigned long long)end->records[i]);
	if (write(1, line, (size_t)n) != n)
		die("report");
}

static void open_pair(struct pair *pair)
{
	BIO *a, *b;

	if (BIO_new_bio_pair(&a, PAIR_BUFFER, &b, PAIR_BUFFER) != 1)
		die("BIO pair");
	pair->client.ssl = SSL_new(client_context);
	pair->server.ssl = SSL_new(server_context);
	start_counting(&pair->client);
	start_counting(&pair->server);
	SSL_set_tlsext_host_name(pair->client.ssl, "api.example.test");
	SSL_set_bio(pair->client.ssl, a, a);
	SSL_set_bio(pair->server.ssl, b, b);
	SSL_set_connect_state(pair->client.ssl);
	SSL_set_accept_state(pair->server.ssl);
	for (int i = 0; i < 10; i++) {
		int c = SSL_do_handshake(pair->client.ssl), s = SSL_do_handshake(pair->server.ssl);

		if (c == 1 && s == 1)
			return;
	}
	die("handshake");
}

static void close_pair(struct pair *pair)
{
	report(&pair->client);
	report(&pair->server);
	SSL_free(pair->client.ssl);
	SSL_free(pair->server.ssl);
}

static bool put(struct end *end, const void *data, size_t n, bool ex)
{
	size_t done = 0;
	int ret;

	if (ex) {
		if (SSL_write_ex(end->ssl, data, n, &done) != 1)
			return false;
	} else {
		ret = SSL_write(end->ssl, data, (int)n);
		if (ret <= 0)
			return false;
		done = (size_t)ret;
	}
	count(end, 0, data, done);
	return done == n;
}

/* One read; 0 if nothing is there. */
static size_t get(struct end *end, void *data, size_t n, bool ex)
{
	size_t done = 0;
	int ret;

	if (ex) {
		if (SSL_read_ex(end->ssl, data, n, &done) != 1)
			return 0;
	} else {
		ret = SSL_read(end->ssl, data, (int)n);
		done = ret > 0 ? (size_t)ret : 0;
	}
	if (done)
		count(end, 1, data, done);
	return done;
}

/* n bytes there, and half of them back: at least one, so that each way has its operation. */
static void transfer(struct pair *pair, size_t n)
{
	uint8_t *data = malloc(n), *back = malloc(n);
	size_t got = 0, half = (n + 1) / 2;

	for (size_t i = 0; i < n; i++)
		data[i] = (uint8_t)rand_r(&pair->seed);
	if (!put(&pair->client, data, n, pair->ex))
		die("write");
	while (got < n)
		got += get(&pair->server, back, n, pair->ex);
	if (!put(&pair->server, data, half, pair->ex))
		die("write back");
	for (got = 0; got < half;)
		got += get(&pair->client, back, n, pair->ex);
	/* a read that finds nothing moves nothing */
	if (get(&pair->server, back, n, pair->ex))
		die("too much");
	free(data);
	free(back);
}

static void work(struct pair *pair, unsigned int rounds, size_t max)
{
	for (unsigned int i = 0; i < rounds; i++)
		transfer(pair, 1 + (size_t)rand_r(&pair->seed) % max);
}

static void whole(bool ex, unsigned int rounds, size_t max)
{
	struct pair pair = {.ex = ex, .seed = (unsigned int)getpid()};

	open_pair(&pair);
	work(&pair, rounds, max);
	close_pair(&pair);
}

/* ---- cases ---- */

static void case_big(void)
{
	struct pair pair = {.seed = 7};

	open_pair(&pair);
	transfer(&pair, BIG);
	close_pair(&pair);
}

static void *thread_main(void *argument)
{
	struct pair pair = {.ex = (uintptr_t)argument & 1,
			    .seed = (unsigned int)(uintptr_t)argument};

	open_pair(&pair);
	work(&pair, 100, 3000);
	close_pair(&pair);
	return NULL;
}

static void case_threads(void)
{
	pthread_t threads[64];

	for (uintptr_t i = 0; i < 64; i++) {
		if (pthread_create(&threads[i], NULL, thread_main, (void *)(i + 1)))
			die("thread");
	}
	for (unsigned int i = 0; i < 64; i++)
		pthread_join(threads[i], NULL);
}

/* Parent and child go on with a connection of their own, and each with its copy of an old one. */
static void case_fork(void)
{
	struct pair old = {.seed = 3};
	struct pair fresh = {.seed = 5};
	pid_t pid;

	open_pair(&old);
	work(&old, 20, 2000);
	open_pair(&fresh);
	pid = fork();
	if (!pid) {
		start_counting(&old.client);
		start_counting(&old.server);
	}
	work(&old, 20, 2000);
	work(&fresh, 20, 2000);
	close_pair(&old);
	close_pair(&fresh);
	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
}

static void case_threads_fork(void)
{
	pid_t pids[4];
	unsigned int *begun = mmap(NULL, sizeof(*begun), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	whole(false, 3, 100);
	for (unsigned int i = 0; i < 4; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			/* 256 busy threads would keep the collector from its answer for long */
			whole(false, 1, 100);
			__atomic_fetch_add(begun, 1, __ATOMIC_RELAXED);
			while (__atomic_load_n(begun, __ATOMIC_RELAXED) < 4)
				usleep(1000);
			case_threads();
			_exit(0);
		}
	}
	for (unsigned int i = 0; i < 4; i++)
		waitpid(pids[i], NULL, 0);
}

static void case_vfork(char *self)
{
	pid_t pid;

	whole(false, 10, 1000);
	pid = vfork();
	if (!pid) {
		execl(self, self, "plain", NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
	whole(false, 10, 1000);
}

static void case_exec(char *self)
{
	whole(false, 10, 1000);
	execl(self, self, "plain", NULL);
}

static void case_close_range(void)
{
	for (int fd = 3; fd < 256; fd++) {
		char path[64], target[64] = "";
		int type = 0;
		socklen_t size = sizeof(type);

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (readlink(path, target, sizeof(target) - 1) > 0 && strstr(target, "memfd:"))
			die("the ring is open");
		if (!getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) && type == SOCK_SEQPACKET)
			die("the socket is open");
	}
	syscall(SYS_close_range, 3, ~0u, 0);
	whole(true, 20, 1000);
}

/* errno as each call leaves it. */
static void case_errno(void)
{
	struct pair pair = {.seed = 9};
	char byte = 'x';
	int ret;

	open_pair(&pair);
	for (int i = 0; i < 3; i++) {
		errno = 77;
		ret = SSL_write(pair.client.ssl, &byte, 1);
		printf("write %d errno %d\n", ret, errno);
		errno = 78;
		ret = SSL_read(pair.server.ssl, &byte, 1);
		printf("read %d errno %d\n", ret, errno);
		errno = 79;
		ret = SSL_read(pair.server.ssl, &byte, 1);
		printf("read %d errno %d error %d\n", ret, errno,
		       SSL_get_error(pair.server.ssl, ret));
	}
	errno = 80;
	SSL_free(pair.client.ssl);
	printf("free errno %d\n", errno);
	errno = 81;
	pair.client.ssl = SSL_new(client_context);
	printf("new errno %d\n", errno);
}

static void case_reuse(void)
{
	for (unsigned int i = 0; i < 50; i++)
		whole(i & 1, 2, 100);
}

/* SSL_clear() makes another connection of the object; a second reference keeps it alive. */
static void case_references(void)
{
	struct pair pair = {.seed = 15};

	open_pair(&pair);
	work(&pair, 3, 100);
	SSL_up_ref(pair.client.ssl);
	SSL_free(pair.client.ssl);
	work(&pair, 3, 100);
	close_pair(&pair);
}

/* Moves bytes until it is killed; each is the low byte of its offset, so that any can be checked.
 */
static void *endless(void *argument)
{
	struct pair pair = {.seed = (unsigned int)(uintptr_t)argument};
	static const size_t sizes[] = {100, 5000, 40000, 8, 16384};
	uint8_t data[40000], back[40000];

	open_pair(&pair);
	for (unsigned int i = 0;; i++) {
		size_t n = sizes[(i + pair.seed) % 5], got = 0;

		for (size_t k = 0; k < n; k++)
			data[k] = (uint8_t)(pair.client.bytes[0] + k);
		if (SSL_write(pair.client.ssl, data, (int)n) != (int)n)
			die("write");
		pair.client.bytes[0] += n;
		while (got < n) {
			int ret = SSL_read(pair.server.ssl, back, sizeof(back));

			got += ret > 0 ? (size_t)ret : 0;
		}
	}
	return NULL;
}

static void case_endless(void)
{
	pthread_t thread;

	for (uintptr_t i = 1; i < 8; i++)
		pthread_create(&thread, NULL, endless, (void *)i);
	endless(NULL);
}

/* Waits for a line before each further operation. */
static void case_steps(void)
{
	struct pair pair = {.seed = 17};
	char line[16];

	open_pair(&pair);
	transfer(&pair, 10000);
	while (fgets(line, sizeof(line), stdin))
		transfer(&pair, 10000);
	close_pair(&pair);
}

/* Writes with nobody reading the ring, says so, and waits for the end of its input. */
static void case_stopped(void)
{
	char line[16];

	whole(false, 300, 3000);
	whole(true, 50, 60000);
	puts("done");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		;
}

/* Gives up its user and its root directory, then has a child that speaks. */
static void case_dropped(const char *directory)
{
	pid_t pid;

	whole(false, 5, 100);
	if (chroot(directory) || chdir("/") || setgid(65534) || setuid(65534))
		die("drop");
	pid = fork();
	if (!pid) {
		whole(false, 5, 100);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	make_contexts();
	if (!strcmp(name, "plain"))
		whole(false, 50, 5000);
	else if (!strcmp(name, "ex"))
		whole(true, 50, 5000);
	else if (!strcmp(name, "big"))
		case_big();
	else if (!strcmp(name, "threads"))
		case_threads();
	else if (!strcmp(name, "fork"))
		case_fork();
	else if (!strcmp(name, "forks"))
		case_threads_fork();
	else if (!strcmp(name, "vfork"))
		case_vfork(argv[0]);
	else if (!strcmp(name, "exec"))
		case_exec(argv[0]);
	else if (!strcmp(name, "close_range"))
		case_close_range();
	else if (!strcmp(name, "errno"))
		case_errno();
	else if (!strcmp(name, "reuse"))
		case_reuse();
	else if (!strcmp(name, "references"))
		case_references();
	else if (!strcmp(name, "endless"))
		case_endless();
	else if (!strcmp(name, "steps"))
		case_steps();
	else if (!strcmp(name, "stopped"))
		case_stopped();
	else if (!strcmp(name, "dropped"))
		case_dropped(argv[2]);
	else if (!strcmp(name, "secure"))
		printf("secure %lu\n", getauxval(AT_SECURE));
	else
		die("no such case");
	return 0;
}
