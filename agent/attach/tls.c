/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/attach/tls.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/limits.h"

/* Most telling first: BoringSSL and aws-lc also hold texts of the OpenSSL that they came from. */
static const struct trace {
	const char *text;
	const char *name;
} traces[] = {
	{"crypto/tls.(*Conn).Write", "Go's crypto/tls"},
	{"rustls::", "rustls"},
	{"ssl/ssl_lib.cc", "BoringSSL"},
	{"OpenSSL 3.", "OpenSSL"},
	{"OpenSSL 1.", "OpenSSL"},
	{"mbedtls_ssl_write", "mbed TLS"},
	{"wolfSSL_write", "wolfSSL"},
	{"gnutls_record_send", "GnuTLS"},
};

static const struct {
	const char *prefix, *name;
} libraries[] = {
	{"libgnutls", "GnuTLS"},       {"libnspr4", "NSS"}, {"libmbedtls", "mbed TLS"},
	{"libwolfssl", "wolfSSL"},     {"libs2n", "s2n"},   {"libtls.so", "LibreSSL"},
	{"libboringssl", "BoringSSL"},
};

/* Map a file for reading, up to the cap. Return: NULL if it can not be read. */
static void *map_file(const char *path, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	void *file = MAP_FAILED;
	struct stat status;
	size_t size = 0;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
		size = (size_t)status.st_size;
		size = size < LIMIT_TLS_SCAN ? size : LIMIT_TLS_SCAN;
		file = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	close(fd);
	*ret_size = size;
	return file == MAP_FAILED ? NULL : file;
}

const char *tls_inside(const char *path)
{
	const char *name = NULL;
	size_t size;
	void *file = map_file(path, &size);

	if (!file)
		return NULL;
	for (size_t i = 0; i < sizeof(traces) / sizeof(*traces) && !name; i++) {
		if (memmem(file, size, traces[i].text, strlen(traces[i].text)))
			name = traces[i].name;
	}
	munmap(file, size);
	return name;
}

bool tls_may_load(const char *path)
{
	static const char symbol[] = "\0dlopen"; /* a whole entry of a string table */
	size_t size;
	void *file = map_file(path, &size);
	bool found;

	if (!file)
		return false;
	found = memmem(file, size, symbol, sizeof(symbol));
	munmap(file, size);
	return found;
}

const char *tls_library(const char *path)
{
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries); i++) {
		if (!strncmp(name, libraries[i].prefix, strlen(libraries[i].prefix)))
			return libraries[i].name;
	}
	return NULL;
}
