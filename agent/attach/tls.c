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

const char *tls_inside(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *name = NULL;
	struct stat status;
	size_t size;
	void *file;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size == 0) {
		close(fd);
		return NULL;
	}
	size = (size_t)status.st_size < LIMIT_TLS_SCAN ? (size_t)status.st_size : LIMIT_TLS_SCAN;
	file = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (file == MAP_FAILED)
		return NULL;
	for (size_t i = 0; i < sizeof(traces) / sizeof(*traces) && !name; i++) {
		if (memmem(file, size, traces[i].text, strlen(traces[i].text)))
			name = traces[i].name;
	}
	munmap(file, size);
	return name;
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
