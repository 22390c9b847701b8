/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS over a BIO pair within one thread, with a private copy of libssl, so that probes in that file
 * are met by no other process. What was written and read goes into a log that the test shares.
 */
#ifndef TESTS_UNIT_SOURCE_PAIR_H
#define TESTS_UNIT_SOURCE_PAIR_H

#include <dlfcn.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAIR_LOG_MAX 65536

/* One call that moved bytes: what the sender knows. */
struct pair_entry {
	uint64_t ssl;
	uint32_t pid, tid;
	uint32_t direction; /* enum cr_direction */
	uint32_t length;
	uint32_t seed; /* of its bytes, by pair_byte() */
};

struct pair_log {
	_Atomic uint32_t n;
	_Atomic uint32_t step;      /* for the test and its child to wait for each other */
	_Atomic uint32_t attacher;  /* its pid */
	_Atomic uint64_t loaded_ns; /* when the child had the library */
	struct pair_entry entries[PAIR_LOG_MAX];
};

struct pair_library {
	void *handle;
	SSL_CTX *(*ctx_new)(const SSL_METHOD *);
	const SSL_METHOD *(*method)(void);
	int (*ciphers)(SSL_CTX *, const char *);
	long (*ctrl)(SSL_CTX *, int, long, void *);
	SSL *(*new)(SSL_CTX *);
	void (*free)(SSL *);
	void (*ctx_free)(SSL_CTX *);
	int (*up_ref)(SSL *);
	void (*bio)(SSL *, BIO *, BIO *);
	void (*connect_state)(SSL *);
	void (*accept_state)(SSL *);
	int (*handshake)(SSL *);
	int (*read)(SSL *, void *, int);
	int (*write)(SSL *, const void *, int);
	int (*read_ex)(SSL *, void *, size_t, size_t *);
	int (*write_ex)(SSL *, const void *, size_t, size_t *);
};

struct pair {
	const struct pair_library *library;
	struct pair_log *log;
	SSL_CTX *client_ctx, *server_ctx;
	SSL *client, *server;
};

static inline uint8_t pair_byte(uint32_t seed, size_t at)
{
	uint32_t x = seed * 2654435761u + (uint32_t)at * 40503u;

	return (uint8_t)(x >> 13 ^ x);
}

/* Where the library that dlopen() would take lies. */
static inline int pair_library_path(char *path, size_t size)
{
	void *handle = dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL);
	Dl_info info;
	int r = -1;

	if (!handle)
		return -1;
	if (dladdr(dlsym(handle, "SSL_read"), &info) && info.dli_fname) {
		snprintf(path, size, "%s", info.dli_fname);
		r = 0;
	}
	dlclose(handle);
	return r;
}

static inline int pair_copy_library(const char *folder, char *path, size_t size)
{
	char from[4096];
	struct stat st;
	int in, out, r = -1;

	if (pair_library_path(from, sizeof(from)))
		return -1;
	snprintf(path, size, "%s/libssl.so.3", folder);
	in = open(from, O_RDONLY | O_CLOEXEC);
	out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (in >= 0 && out >= 0 && !fstat(in, &st)) {
		off_t left = st.st_size;
		ssize_t n;

		while (left > 0 && (n = sendfile(out, in, NULL, (size_t)left)) > 0)
			left -= n;
		r = left ? -1 : 0;
	}
	close(in);
	close(out);
	return r;
}

static inline int pair_load(struct pair_library *library, const char *path)
{
	void *h = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!h)
		return -1;
	library->handle = h;
	library->ctx_new = (SSL_CTX * (*)(const SSL_METHOD *)) dlsym(h, "SSL_CTX_new");
	library->method = (const SSL_METHOD *(*)(void))dlsym(h, "TLS_method");
	library->ciphers = (int (*)(SSL_CTX *, const char *))dlsym(h, "SSL_CTX_set_cipher_list");
	library->ctrl = (long (*)(SSL_CTX *, int, long, void *))dlsym(h, "SSL_CTX_ctrl");
	library->new = (SSL * (*)(SSL_CTX *)) dlsym(h, "SSL_new");
	library->free = (void (*)(SSL *))dlsym(h, "SSL_free");
	library->ctx_free = (void (*)(SSL_CTX *))dlsym(h, "SSL_CTX_free");
	library->up_ref = (int (*)(SSL *))dlsym(h, "SSL_up_ref");
	library->bio = (void (*)(SSL *, BIO *, BIO *))dlsym(h, "SSL_set_bio");
	library->connect_state = (void (*)(SSL *))dlsym(h, "SSL_set_connect_state");
	library->accept_state = (void (*)(SSL *))dlsym(h, "SSL_set_accept_state");
	library->handshake = (int (*)(SSL *))dlsym(h, "SSL_do_handshake");
	library->read = (int (*)(SSL *, void *, int))dlsym(h, "SSL_read");
	library->write = (int (*)(SSL *, const void *, int))dlsym(h, "SSL_write");
	library->read_ex = (int (*)(SSL *, void *, size_t, size_t *))dlsym(h, "SSL_read_ex");
	library->write_ex =
		(int (*)(SSL *, const void *, size_t, size_t *))dlsym(h, "SSL_write_ex");
	return library->read && library->write_ex && library->up_ref ? 0 : -1;
}

/* A context without certificates: an anonymous key exchange. */
static inline SSL_CTX *pair_context(const struct pair_library *library)
{
	SSL_CTX *ctx = library->ctx_new(library->method());

	if (!ctx)
		return NULL;
	library->ctrl(ctx, SSL_CTRL_SET_MAX_PROTO_VERSION, TLS1_2_VERSION, NULL);
	library->ciphers(ctx, "AECDH-AES128-SHA:@SECLEVEL=0");
	return ctx;
}

static inline int pair_open(struct pair *pair, const struct pair_library *library,
			    struct pair_log *log, size_t room)
{
	BIO *a, *b;

	pair->library = library;
	pair->log = log;
	pair->client_ctx = pair_context(library);
	pair->server_ctx = pair_context(library);
	if (!pair->client_ctx || !pair->server_ctx || !BIO_new_bio_pair(&a, room, &b, room))
		return -1;
	pair->client = library->new (pair->client_ctx);
	pair->server = library->new (pair->server_ctx);
	library->bio(pair->client, a, a);
	library->bio(pair->server, b, b);
	library->connect_state(pair->client);
	library->accept_state(pair->server);
	for (int i = 0; i < 20; i++) {
		int done = library->handshake(pair->client) == 1;

		if (library->handshake(pair->server) == 1 && done)
			return 0;
	}
	return -1;
}

static inline void pair_note(struct pair_log *log, SSL *ssl, uint32_t direction, size_t length,
			     uint32_t seed)
{
	uint32_t i = atomic_fetch_add(&log->n, 1);

	if (i < PAIR_LOG_MAX)
		log->entries[i] = (struct pair_entry){.ssl = (uintptr_t)ssl,
						      .pid = (uint32_t)getpid(),
						      .tid = (uint32_t)gettid(),
						      .direction = direction,
						      .length = (uint32_t)length,
						      .seed = seed};
}

/*
 * Client to server: one write of `length` bytes, tried again with the same buffer while the BIO is
 * full, and as many reads as it takes.
 */
static inline int pair_send(struct pair *pair, size_t length, uint32_t seed, bool extended)
{
	const struct pair_library *library = pair->library;
	uint8_t *out = malloc(length), *in = malloc(length);
	size_t received = 0, count;
	bool written = false;
	int r = -1;

	for (size_t i = 0; out && i < length; i++)
		out[i] = pair_byte(seed, i);
	for (int i = 0; out && in && i < 1000000 && (!written || received < length); i++) {
		if (!written) {
			if (extended)
				written = library->write_ex(pair->client, out, length, &count) == 1;
			else
				written = library->write(pair->client, out, (int)length) > 0;
			if (written)
				pair_note(pair->log, pair->client, CR_SEND, length, seed);
		}
		if (extended) {
			if (library->read_ex(pair->server, in + received, length - received,
					     &count) != 1)
				count = 0;
		} else {
			int n = library->read(pair->server, in + received,
					      (int)(length - received));

			count = n > 0 ? (size_t)n : 0;
		}
		/* The bytes of a read go on where the last one ended. */
		if (count)
			pair_note(pair->log, pair->server, CR_RECV, count, seed);
		received += count;
	}
	if (written && received == length && !memcmp(out, in, length))
		r = 0;
	free(out);
	free(in);
	return r;
}

static inline void pair_close(struct pair *pair)
{
	pair->library->free(pair->client);
	pair->library->free(pair->server);
	pair->library->ctx_free(pair->client_ctx);
	pair->library->ctx_free(pair->server_ctx);
}

static inline struct pair_log *pair_log_new(void)
{
	void *log = mmap(NULL, sizeof(struct pair_log), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return log == MAP_FAILED ? NULL : log;
}

#endif
