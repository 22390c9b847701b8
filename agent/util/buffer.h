/* SPDX-License-Identifier: Apache-2.0 */
/* A byte buffer that is born with a cap. */
#ifndef AGENT_UTIL_BUFFER_H
#define AGENT_UTIL_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct buffer {
	uint8_t *data;
	size_t length;
	size_t capacity;
	size_t cap; /* length never exceeds it */
};

/** buffer_init - an empty buffer; nothing is allocated yet. */
void buffer_init(struct buffer *buffer, size_t cap);

/*
 * buffer_append - add bytes at the end.
 * Return: 0, -ENOMEM, or -E2BIG if the cap would be passed; the buffer is then unchanged.
 */
int buffer_append(struct buffer *buffer, const void *data, size_t length);

/** buffer_append_text - as buffer_append(), of a C string without its NUL. */
int buffer_append_text(struct buffer *buffer, const char *text);

/** buffer_printf - as buffer_append(), formatted. */
__attribute__((format(printf, 2, 3))) int buffer_printf(struct buffer *buffer, const char *format,
							...);

/** buffer_text - the bytes with a NUL behind them, which is not counted; NULL on -ENOMEM. */
const char *buffer_text(struct buffer *buffer);

/** buffer_consume - drop bytes at the front; more than there are drops all. */
void buffer_consume(struct buffer *buffer, size_t length);

/** buffer_clear - length 0; memory is kept. */
static inline void buffer_clear(struct buffer *buffer)
{
	buffer->length = 0;
}

/** buffer_free - give the memory back; the buffer is as after buffer_init(). */
void buffer_free(struct buffer *buffer);

#endif
