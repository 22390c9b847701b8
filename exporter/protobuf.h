/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire format of Protocol Buffers (protobuf.dev, "Encoding"): what OTLP needs of it, written
 * and read by hand.
 */
#ifndef EXPORTER_PROTOBUF_H
#define EXPORTER_PROTOBUF_H

#include <stddef.h>
#include <stdint.h>

#include "exporter/bytes.h"

#define PROTOBUF_VARINT_MAX 10 /* bytes */

enum protobuf_type {
	PROTOBUF_VARINT = 0,
	PROTOBUF_FIXED64 = 1,
	PROTOBUF_BYTES = 2,
	PROTOBUF_FIXED32 = 5,
};

/* ---- writing; errors stay in out->error ---- */

/** protobuf_varint_length - bytes that a value takes. */
size_t protobuf_varint_length(uint64_t value);

/** protobuf_varint - a value without a field number. */
void protobuf_varint(struct bytes *out, uint64_t value);

void protobuf_add_varint(struct bytes *out, unsigned int field, uint64_t value);
void protobuf_add_fixed64(struct bytes *out, unsigned int field, uint64_t value);
void protobuf_add_double(struct bytes *out, unsigned int field, double value);
void protobuf_add_bytes(struct bytes *out, unsigned int field, const void *data, size_t length);

/** protobuf_add_text - a string; each thing in it that is not UTF-8 becomes U+FFFD. NULL is "". */
void protobuf_add_text(struct bytes *out, unsigned int field, const char *text);

/** protobuf_add_head - field number and length of a message; its bytes are appended next. */
void protobuf_add_head(struct bytes *out, unsigned int field, size_t length);

/** protobuf_begin - begin a message whose length is not known yet. Return: for protobuf_end(). */
size_t protobuf_begin(struct bytes *out, unsigned int field);
void protobuf_end(struct bytes *out, size_t begin);

/* ---- reading ---- */

struct protobuf_reader {
	const uint8_t *at, *end;
};

struct protobuf_field {
	unsigned int number;
	enum protobuf_type type;
	uint64_t value;      /* of VARINT, FIXED64, FIXED32 */
	const uint8_t *data; /* of BYTES: points into what is read */
	size_t length;
};

/** protobuf_next - the next field. Return: 1; 0: the end; -EBADMSG. */
int protobuf_next(struct protobuf_reader *reader, struct protobuf_field *ret_field);

#endif
