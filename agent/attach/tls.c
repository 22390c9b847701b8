/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/attach/tls.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/limits.h"

/* Most telling first: BoringSSL and aws-lc also hold texts of the OpenSSL that they came from. */
static const struct trace {
	const char *text;
	const char *name;
} traces[] = {
	{"crypto/tls.(*Conn).", "Go's crypto/tls"},
	{"rustls::", "rustls"},
	{"ssl/ssl_lib.cc", "BoringSSL"},
	{"OpenSSL 3.", "OpenSSL"},
	{"OpenSSL 1.", "OpenSSL"},
	{"mbedtls_ssl_write", "mbed TLS"},
	{"wolfSSL_write", "wolfSSL"},
	{"gnutls_record_send", "GnuTLS"},
};

#define TRACES (sizeof(traces) / sizeof(*traces))

static const struct {
	const char *prefix, *name;
} libraries[] = {
	{"libgnutls", "GnuTLS"},       {"libnspr4", "NSS"}, {"libmbedtls", "mbed TLS"},
	{"libwolfssl", "wolfSSL"},     {"libs2n", "s2n"},   {"libtls.so", "LibreSSL"},
	{"libboringssl", "BoringSSL"},
};

#define WINDOW (1 * MIB)
#define NEEDLE_MAX 64

struct needle {
	const char *bytes;
	size_t length; /* at most NEEDLE_MAX */
};

/* The first of the needles that is in these bytes; n: none. */
static size_t first_in(const uint8_t *bytes, size_t size, const struct needle *needles, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (memmem(bytes, size, needles[i].bytes, needles[i].length))
			return i;
	return n;
}

/*
 * The first of the needles that is in a file, up to the cap; n: none. It is read, not mapped: one
 * that shrinks meanwhile must not end the process.
 */
static size_t first_in_file(int fd, const struct needle *needles, size_t n)
{
	uint8_t *window = malloc(NEEDLE_MAX + WINDOW);
	size_t kept = 0, at = 0, found = n;
	struct stat status;

	if (!window || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		goto out;
	/* What is less telling than what was found is searched for no more. */
	while (found && at < LIMIT_TLS_SCAN) {
		ssize_t got = pread(fd, window + kept, WINDOW, (off_t)at);
		size_t size;

		if (got <= 0)
			break;
		at += (size_t)got;
		size = kept + (size_t)got;
		found = first_in(window, size, needles, found);
		/* A needle may lie across two windows. */
		kept = size < NEEDLE_MAX ? size : NEEDLE_MAX;
		memmove(window, window + size - kept, kept);
	}
out:
	free(window);
	return found;
}

const char *tls_inside_fd(int fd)
{
	struct needle needles[TRACES];
	size_t found;

	for (size_t i = 0; i < TRACES; i++)
		needles[i] = (struct needle){traces[i].text, strlen(traces[i].text)};
	found = first_in_file(fd, needles, TRACES);
	return found < TRACES ? traces[found].name : NULL;
}

static int open_file(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

const char *tls_inside(const char *path)
{
	int fd = open_file(path);
	const char *name;

	if (fd < 0)
		return NULL;
	name = tls_inside_fd(fd);
	close(fd);
	return name;
}

bool tls_may_load(const char *path)
{
	static const char symbol[] = "\0dlopen"; /* a whole entry of a string table */
	struct needle needle = {symbol, sizeof(symbol)};
	int fd = open_file(path);
	bool found;

	if (fd < 0)
		return false;
	found = first_in_file(fd, &needle, 1) == 0;
	close(fd);
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
