/* SPDX-License-Identifier: Apache-2.0 */
/* Another interposer in LD_PRELOAD: counts what passes, and goes on to the next. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int SSL_write(void *ssl, const void *bytes, int n);

static unsigned int passed;

int SSL_write(void *ssl, const void *bytes, int n)
{
	void *symbol = dlsym(RTLD_NEXT, "SSL_write");
	int (*real)(void *, const void *, int);

	memcpy(&real, &symbol, sizeof(real));
	passed++;
	return real(ssl, bytes, n);
}

__attribute__((destructor)) static void say(void)
{
	if (passed)
		printf("passed %u\n", passed);
	fflush(stdout);
}
