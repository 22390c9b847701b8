/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/record/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUTPUT_SIZE (64 * 1024)

struct output {
	int fd;
	int error; /* sticky */
	size_t length;
	uint8_t data[OUTPUT_SIZE];
};

/* A new file beside the old, and then in its place: nobody had it open before it was private. */
static int replace(const char *path)
{
	char *temporary;
	int fd, error;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		error = -errno;
	} else if (rename(temporary, path) < 0) {
		error = -errno;
		unlink(temporary);
		close(fd);
	} else {
		error = fd;
	}
	free(temporary);
	return error;
}

static int create(const char *path)
{
	struct stat link, target;
	int fd;

	if (lstat(path, &link) < 0)
		return errno == ENOENT ? replace(path) : -errno;
	if (S_ISREG(link.st_mode))
		return replace(path);
	if (stat(path, &target) < 0)
		return -errno;
	if (S_ISREG(target.st_mode))
		return -ELOOP;
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	/* The link may have been turned to a file meanwhile. */
	if (fstat(fd, &target) < 0 || S_ISREG(target.st_mode)) {
		close(fd);
		return -ELOOP;
	}
	return fd;
}

int output_new(struct output **ret_output, const char *path)
{
	struct output *output = calloc(1, sizeof(*output));

	if (!output)
		return -ENOMEM;
	output->fd = create(path);
	if (output->fd < 0) {
		int error = output->fd;

		free(output);
		return error;
	}
	*ret_output = output;
	return 0;
}

static int write_all(struct output *output, const uint8_t *data, size_t length)
{
	while (length > 0 && output->error == 0) {
		ssize_t n = write(output->fd, data, length);

		if (n < 0 && errno != EINTR)
			output->error = -errno;
		if (n > 0) {
			data += n;
			length -= (size_t)n;
		}
	}
	return output->error;
}

int output_flush(struct output *output)
{
	size_t length = output->length;

	output->length = 0;
	return write_all(output, output->data, length);
}

int output_write(struct output *output, const void *data, size_t length)
{
	if (length > OUTPUT_SIZE - output->length)
		output_flush(output);
	if (output->error)
		return output->error;
	if (length > OUTPUT_SIZE)
		return write_all(output, data, length);
	memcpy(output->data + output->length, data, length);
	output->length += length;
	return 0;
}

int output_sync(struct output *output)
{
	int r = output_flush(output);

	/* A pipe has nothing to wait for. */
	if (r == 0 && fsync(output->fd) < 0 && errno != EINVAL && errno != EROFS)
		output->error = -errno;
	return output->error;
}

void output_free(struct output *output)
{
	if (!output)
		return;
	close(output->fd);
	free(output);
}
