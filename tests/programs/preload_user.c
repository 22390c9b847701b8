/* SPDX-License-Identifier: Apache-2.0 */
/* A library that uses a TLS library, as Python's _ssl does; loaded by preload_host. */
#include <stddef.h>

void *SSL_CTX_new(const void *method);
void *SSL_new(void *context);
int SSL_read(void *ssl, void *bytes, int n);
int SSL_write(void *ssl, const void *bytes, int n);
int SSL_read_ex(void *ssl, void *bytes, size_t n, size_t *ret_n);
int SSL_write_ex(void *ssl, const void *bytes, size_t n, size_t *ret_n);
void SSL_free(void *ssl);

int use(char *ret_name, int n, int ex, void **ret_ssl);

/* Writes and reads n bytes. Return: 0, or -1 if a call failed. */
int use(char *ret_name, int n, int ex, void **ret_ssl)
{
	void *ssl = SSL_new(SSL_CTX_new(NULL));
	size_t done = 0;
	int ok;

	*ret_ssl = ssl;
	if (!ssl)
		return -1;
	if (ex)
		ok = SSL_write_ex(ssl, ret_name, (size_t)n, &done) == 1 && done == (size_t)n &&
		     SSL_read_ex(ssl, ret_name, (size_t)n, &done) == 1 && done == (size_t)n;
	else
		ok = SSL_write(ssl, ret_name, n) == n && SSL_read(ssl, ret_name, n) == n;
	SSL_free(ssl);
	return ok ? 0 : -1;
}
