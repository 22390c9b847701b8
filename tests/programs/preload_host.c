/* SPDX-License-Identifier: Apache-2.0 */
/*
 * preload_host ROUNDS [-x] [-k] USER…: loads each of the user libraries RTLD_LOCAL, lets it use its
 *TLS library, and closes it; with -x by the _ex forms; with -k it keeps them open. A line each:
 *
 *	used PID CONNECTION NAME
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIZE 64

typedef int (*user)(char *ret_name, int n, int ex, void **ret_ssl);

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0, ex = 0, keep = 0;

	for (int r = 0; r < rounds; r++) {
		for (int i = 2; i < argc; i++) {
			char name[SIZE + 1] = {0};
			void *handle, *ssl, *symbol;
			user use;

			if (*argv[i] == '-') {
				ex = ex || argv[i][1] == 'x';
				keep = keep || argv[i][1] == 'k';
				continue;
			}
			handle = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);
			symbol = handle ? dlsym(handle, "use") : NULL;
			if (!symbol) {
				fprintf(stderr, "%s\n", dlerror());
				return 3;
			}
			memcpy(&use, &symbol, sizeof(use));
			printf("%s", use(name, SIZE, ex, &ssl) ? "failed " : "used ");
			printf("%d %lx %s\n", (int)getpid(), (unsigned long)ssl, name);
			if (!keep)
				dlclose(handle);
		}
	}
	return 0;
}
