/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/util/record_check.h"

#define READ_SIZE (4 * CR_LENGTH_MAX)
#define REASON_MAX 128

struct capture_file {
	int fd;
	bool own_fd;
	bool at_end;     /* nothing more can be read */
	bool begun;      /* the first record was seen */
	int error;       /* sticky */
	uint64_t offset; /* in the file, of the record at `start` */
	size_t start;    /* in data, of the record that was handed out or comes next */
	size_t taken;    /* length of the record that is handed out */
	size_t length;   /* of what was read */
	char reason[REASON_MAX];
	_Alignas(CR_ALIGN) uint8_t data[READ_SIZE];
};

int capture_file_open(struct capture_file **ret_file, const char *path)
{
	struct capture_file *file = calloc(1, sizeof(*file));

	if (!file)
		return -ENOMEM;
	file->own_fd = strcmp(path, "-") != 0;
	file->fd = file->own_fd ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	if (file->fd < 0) {
		int error = -errno;

		free(file);
		return error;
	}
	*ret_file = file;
	return 0;
}

/* Move what is left to the front, where it is aligned as it was, and read once. */
static int fill(struct capture_file *file)
{
	ssize_t n;

	if (file->start > 0) {
		memmove(file->data, file->data + file->start, file->length - file->start);
		file->length -= file->start;
		file->start = 0;
	}
	do
		n = read(file->fd, file->data + file->length, READ_SIZE - file->length);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	file->length += (size_t)n;
	file->at_end = n == 0;
	return 0;
}

__attribute__((format(printf, 3, 4))) static int fail(struct capture_file *file, int error,
						      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(file->reason, sizeof(file->reason), format, args);
	va_end(args);
	file->error = error;
	return error;
}

static int fail_truncated(struct capture_file *file, size_t available)
{
	const struct cr_head *head = (const void *)(file->data + file->start);

	if (!file->begun && available == 0)
		return fail(file, -ENODATA, "the file is empty");
	if (available < sizeof(*head))
		return fail(file, -ENODATA,
			    "the file ends within the head of a record: %zu of %zu "
			    "bytes",
			    available, sizeof(*head));
	return fail(file, -ENODATA, "the file ends within a record: %zu of %u bytes", available,
		    head->length);
}

static int fail_damaged(struct capture_file *file)
{
	const struct cr_head *head = (const void *)(file->data + file->start);

	if (!file->begun)
		return fail(file, -EBADMSG, "this is not a capture file");
	if (head->length < sizeof(*head) || head->length > CR_LENGTH_MAX ||
	    head->length % CR_ALIGN != 0)
		return fail(file, -EBADMSG, "damaged record: its length says %u bytes",
			    head->length);
	if (head->version != CR_VERSION)
		return fail(file, -EBADMSG, "damaged record: its version says %u", head->version);
	return fail(file, -EBADMSG, "damaged record of type %u: %u bytes do not hold what it says",
		    head->type, head->length);
}

/* The first record says what the file is, before its other bytes are believed. */
static int check_first(struct capture_file *file, size_t available)
{
	const struct cr_file *first = (const void *)(file->data + file->start);

	if (available >= sizeof(first->head) && first->head.type != CR_FILE)
		return fail(file, -EBADMSG, "this is not a capture file");
	if (available < offsetof(struct cr_file, hash_key))
		return 0;
	if (first->magic != CR_FILE_MAGIC)
		return fail(file, -EBADMSG, "this is not a capture file");
	if (first->head.version != CR_VERSION)
		return fail(file, -EBADMSG, "version %u of the format is not known here, only %u",
			    first->head.version, CR_VERSION);
	return 0;
}

static int check(struct capture_file *file)
{
	size_t available = file->length - file->start;
	int r = file->begun ? 0 : check_first(file, available);

	if (r < 0)
		return r;
	r = record_check((const void *)(file->data + file->start), available);
	return r == -EBADMSG ? fail_damaged(file) : r;
}

int capture_file_next(struct capture_file *file, const struct cr_head **ret_record)
{
	const struct cr_head *head;
	int r;

	if (file->error)
		return file->error;
	file->start += file->taken;
	file->offset += file->taken;
	file->taken = 0;
	while ((r = check(file)) == -EAGAIN) {
		size_t available = file->length - file->start;

		if (file->at_end)
			return available == 0 && file->begun ? 0 : fail_truncated(file, available);
		r = fill(file);
		if (r < 0)
			return fail(file, r, "it can not be read: %s", strerror(-r));
	}
	if (r < 0)
		return r;
	head = (const void *)(file->data + file->start);
	file->begun = true;
	file->taken = head->length;
	*ret_record = head;
	return 1;
}

int capture_file_feed(struct capture_file *file, record_sink sink, void *context)
{
	const struct cr_head *record = NULL;
	int r;

	while ((r = capture_file_next(file, &record)) > 0) {
		r = sink(context, record);
		if (r < 0)
			return r;
	}
	return r;
}

uint64_t capture_file_offset(const struct capture_file *file)
{
	return file->offset;
}

const char *capture_file_reason(const struct capture_file *file)
{
	return file->error ? file->reason : NULL;
}

void capture_file_free(struct capture_file *file)
{
	if (!file)
		return;
	if (file->own_fd)
		close(file->fd);
	free(file);
}
