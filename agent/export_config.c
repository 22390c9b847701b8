/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/export_config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/limits.h"
#include "agent/util/log.h"

#define HEADERS_MAX (64 * KIB)

static const char *variable(void *context, const char *name)
{
	return getenv(name);
}

/* Return: bytes, HEADERS_MAX + 1 where there are more, or a negative errno. */
static ssize_t read_all(int fd, char *text)
{
	size_t length = 0;
	ssize_t n;

	while (length <= HEADERS_MAX) {
		n = read(fd, text + length, HEADERS_MAX + 1 - length);
		if (n == 0)
			break;
		if (n < 0 && errno != EINTR)
			return -errno;
		length += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)length;
}

static int read_headers(const char *path, char **ret_text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = calloc(1, HEADERS_MAX + 2);
	ssize_t n = fd < 0 ? -errno : text ? read_all(fd, text) : -ENOMEM;

	if (fd >= 0)
		close(fd);
	if (n < 0 || n > (ssize_t)HEADERS_MAX) {
		free(text);
		return n < 0 ? (int)n : -EFBIG;
	}
	*ret_text = text;
	return 0;
}

int export_config_read(struct exporter_config *ret_config, const struct options *options)
{
	const char *path = options->export_headers;
	char error[512] = "", *headers = NULL;
	int r = path ? read_headers(path, &headers) : 0;

	if (r < 0) {
		log_error("--export-headers=%s: %s", path, strerror(-r));
		return r;
	}
	r = exporter_config_read(ret_config, variable, NULL, headers, error, sizeof(error));
	free(headers);
	if (r < 0)
		log_error("export: %s", *error ? error : strerror(-r));
	return r;
}

void export_config_tell(void *context, enum exporter_news news, const char *text)
{
	if (news == EXPORTER_RECOVERED)
		log_notice("export: %s: it works again", text);
	else
		log_error("export: %s", text);
}

void export_config_tell_kept(uint64_t calls, const char *ledger, const char *next, int r)
{
	bool one = calls == 1;

	log_error("export: %" PRIu64 " call%s kept in %s, and go%s with the next %s: %s", calls,
		  one ? " is" : "s are", ledger, one ? "es" : "", next,
		  r == -ETIMEDOUT ? "timed out" : strerror(-r));
}
