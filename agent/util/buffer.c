/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/util/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_init(struct buffer *buffer, size_t cap)
{
	*buffer = (struct buffer){.cap = cap};
}

/* Room for `more` bytes and a NUL. */
static int buffer_reserve(struct buffer *buffer, size_t more)
{
	size_t capacity = buffer->capacity ? buffer->capacity : 64;
	uint8_t *data;

	if (more < buffer->capacity - buffer->length)
		return 0;
	if (more > buffer->cap - buffer->length)
		return -E2BIG;
	while (capacity < buffer->length + more + 1)
		capacity *= 2;
	if (capacity > buffer->cap + 1)
		capacity = buffer->cap + 1;
	if (capacity <= buffer->capacity)
		return 0;
	data = realloc(buffer->data, capacity);
	if (!data)
		return -ENOMEM;
	buffer->data = data;
	buffer->capacity = capacity;
	return 0;
}

int buffer_append(struct buffer *buffer, const void *data, size_t length)
{
	int r = buffer_reserve(buffer, length);

	if (r < 0)
		return r;
	if (length)
		memcpy(buffer->data + buffer->length, data, length);
	buffer->length += length;
	return 0;
}

int buffer_append_text(struct buffer *buffer, const char *text)
{
	return buffer_append(buffer, text, strlen(text));
}

int buffer_printf(struct buffer *buffer, const char *format, ...)
{
	va_list args, again;
	int n, r;

	va_start(args, format);
	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	r = n < 0 ? -EINVAL : buffer_reserve(buffer, (size_t)n);
	if (r == 0) {
		vsnprintf((char *)buffer->data + buffer->length, (size_t)n + 1, format, again);
		buffer->length += (size_t)n;
	}
	va_end(again);
	return r;
}

const char *buffer_text(struct buffer *buffer)
{
	if (buffer_reserve(buffer, 0) < 0)
		return NULL;
	buffer->data[buffer->length] = '\0';
	return (const char *)buffer->data;
}

void buffer_consume(struct buffer *buffer, size_t length)
{
	if (length >= buffer->length) {
		buffer->length = 0;
		return;
	}
	buffer->length -= length;
	memmove(buffer->data, buffer->data + length, buffer->length);
}

void buffer_free(struct buffer *buffer)
{
	free(buffer->data);
	buffer_init(buffer, buffer->cap);
}
