/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small stand-in for a TLS library, of which several copies can be loaded: -DNAME="…" tells them
 * apart. Objects begin with a pointer into their library, as real ones do, unless -DOPAQUE. Its
 * SSL_read_ex() calls its SSL_read() through the linkage table. With -DNO_EX it has no _ex forms.
 */
#include <stdlib.h>
#include <string.h>

struct method {
	const char *name;
};

struct context {
	const struct method *method;
};

struct ssl {
	const struct method *method;
	struct context *context;
	char pad[64];
};

typedef struct context SSL_CTX;
typedef struct ssl SSL;

SSL_CTX *SSL_CTX_new(const void *unused);
SSL *SSL_new(SSL_CTX *context);
int SSL_read(SSL *ssl, void *bytes, int n);
int SSL_write(SSL *ssl, const void *bytes, int n);
int SSL_read_ex(SSL *ssl, void *bytes, size_t n, size_t *ret_n);
int SSL_write_ex(SSL *ssl, const void *bytes, size_t n, size_t *ret_n);
void SSL_free(SSL *ssl);

__attribute__((unused)) static const struct method method = {NAME};

SSL_CTX *SSL_CTX_new(const void *unused)
{
	SSL_CTX *context = calloc(1, 64);

#ifndef OPAQUE
	context->method = &method;
#endif
	return context;
}

SSL *SSL_new(SSL_CTX *context)
{
	SSL *ssl = calloc(1, sizeof(*ssl));

#ifndef OPAQUE
	ssl->method = context->method;
#endif
	return ssl;
}

/* Reads its own name, over and over: so a reader sees which copy it was. */
int SSL_read(SSL *ssl, void *bytes, int n)
{
	for (int i = 0; i < n; i++)
		((char *)bytes)[i] = NAME[(size_t)i % strlen(NAME)];
	return n;
}

/* Fails for an object of another copy. */
int SSL_write(SSL *ssl, const void *bytes, int n)
{
#ifndef OPAQUE
	if (ssl->method != &method)
		abort();
#endif
	return n;
}

#ifndef NO_EX
int SSL_read_ex(SSL *ssl, void *bytes, size_t n, size_t *ret_n)
{
	*ret_n = (size_t)SSL_read(ssl, bytes, (int)n);
	return 1;
}

int SSL_write_ex(SSL *ssl, const void *bytes, size_t n, size_t *ret_n)
{
	*ret_n = (size_t)SSL_write(ssl, bytes, (int)n);
	return 1;
}
#endif

void SSL_free(SSL *ssl)
{
	free(ssl);
}
