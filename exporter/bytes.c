/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 256

void bytes_init(struct bytes *bytes, size_t cap)
{
	*bytes = (struct bytes){.cap = cap};
}

static int grow(struct bytes *bytes, size_t more)
{
	size_t capacity = bytes->capacity ? bytes->capacity : CAPACITY_MIN;
	uint8_t *data;

	if (more > bytes->cap - bytes->length)
		return -E2BIG;
	while (capacity < bytes->length + more)
		capacity *= 2;
	if (capacity > bytes->cap)
		capacity = bytes->cap;
	data = realloc(bytes->data, capacity);
	if (!data)
		return -ENOMEM;
	bytes->data = data;
	bytes->capacity = capacity;
	return 0;
}

uint8_t *bytes_reserve(struct bytes *bytes, size_t more)
{
	if (bytes->error)
		return NULL;
	if (!bytes->data || more > bytes->capacity - bytes->length)
		bytes->error = grow(bytes, more);
	return bytes->error ? NULL : bytes->data + bytes->length;
}

void bytes_append(struct bytes *bytes, const void *data, size_t length)
{
	uint8_t *to = bytes_reserve(bytes, length);

	if (!to || !length)
		return;
	memcpy(to, data, length);
	bytes->length += length;
}

uint8_t *bytes_insert(struct bytes *bytes, size_t offset, size_t length)
{
	if (!bytes_reserve(bytes, length))
		return NULL;
	memmove(bytes->data + offset + length, bytes->data + offset, bytes->length - offset);
	bytes->length += length;
	return bytes->data + offset;
}

void bytes_truncate(struct bytes *bytes, size_t length)
{
	bytes->length = length;
	bytes->error = 0;
}

void bytes_free(struct bytes *bytes)
{
	free(bytes->data);
	bytes_init(bytes, bytes->cap);
}
