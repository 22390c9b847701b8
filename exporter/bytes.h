/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that grow up to a cap. The first error stays: what is appended after it does nothing, so
 * that a writer looks once, at the end.
 */
#ifndef EXPORTER_BYTES_H
#define EXPORTER_BYTES_H

#include <stddef.h>
#include <stdint.h>

struct bytes {
	uint8_t *data;
	size_t length, capacity;
	size_t cap; /* length never exceeds it */
	int error;  /* 0, -ENOMEM, or -E2BIG: the cap would have been passed */
};

/** bytes_init - empty; nothing is allocated yet. */
void bytes_init(struct bytes *bytes, size_t cap);

/** bytes_reserve - room for `more` bytes behind the end. Return: where, or NULL with .error set. */
uint8_t *bytes_reserve(struct bytes *bytes, size_t more);

void bytes_append(struct bytes *bytes, const void *data, size_t length);

/** bytes_insert - make room for `length` bytes at `offset`. Return: there, or NULL. */
uint8_t *bytes_insert(struct bytes *bytes, size_t offset, size_t length);

/** bytes_truncate - back to a former length, and to no error. */
void bytes_truncate(struct bytes *bytes, size_t length);

/** bytes_free - give the memory back; as after bytes_init(). */
void bytes_free(struct bytes *bytes);

#endif
