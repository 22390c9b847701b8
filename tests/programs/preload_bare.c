/* SPDX-License-Identifier: Apache-2.0 */
/* No TLS library at all: what the shim's functions return then. */
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static void *find(const char *name)
{
	return dlsym(RTLD_DEFAULT, name);
}

int main(void)
{
	static const char *const names[] = {"SSL_read", "SSL_write", "SSL_read_ex", "SSL_write_ex"};
	char bytes[8] = {0};
	char object[256] = {0};
	size_t n = 5;

	for (int i = 0; i < 4; i++) {
		void *symbol = find(names[i]);
		int (*plain)(void *, void *, int);
		int (*ex)(void *, void *, size_t, size_t *);

		if (!symbol) {
			printf("%s none\n", names[i]);
			continue;
		}
		memcpy(&plain, &symbol, sizeof(plain));
		memcpy(&ex, &symbol, sizeof(ex));
		printf("%s %d\n", names[i],
		       i < 2 ? plain(object, bytes, 8) : ex(object, bytes, 8, &n));
	}
	return 0;
}
