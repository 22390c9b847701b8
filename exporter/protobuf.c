/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/protobuf.h"

#include <errno.h>
#include <endian.h>
#include <string.h>

#include "exporter/utf8.h"

#define FIELD_MAX ((1u << 29) - 1)

/* ---- writing ---- */

size_t protobuf_varint_length(uint64_t value)
{
	size_t n = 1;

	for (; value > 0x7f; value >>= 7)
		n++;
	return n;
}

/* Return: the number of bytes that were put. */
static size_t put_varint(uint8_t *to, uint64_t value)
{
	size_t n = 0;

	for (; value > 0x7f; value >>= 7)
		to[n++] = (uint8_t)(value | 0x80);
	to[n++] = (uint8_t)value;
	return n;
}

void protobuf_varint(struct bytes *out, uint64_t value)
{
	uint8_t *to = bytes_reserve(out, protobuf_varint_length(value));

	if (to)
		out->length += put_varint(to, value);
}

static void add_tag(struct bytes *out, unsigned int field, enum protobuf_type type)
{
	protobuf_varint(out, (uint64_t)field << 3 | type);
}

void protobuf_add_varint(struct bytes *out, unsigned int field, uint64_t value)
{
	add_tag(out, field, PROTOBUF_VARINT);
	protobuf_varint(out, value);
}

void protobuf_add_fixed64(struct bytes *out, unsigned int field, uint64_t value)
{
	uint64_t little = htole64(value);

	add_tag(out, field, PROTOBUF_FIXED64);
	bytes_append(out, &little, sizeof(little));
}

void protobuf_add_double(struct bytes *out, unsigned int field, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	protobuf_add_fixed64(out, field, bits);
}

void protobuf_add_head(struct bytes *out, unsigned int field, size_t length)
{
	add_tag(out, field, PROTOBUF_BYTES);
	protobuf_varint(out, length);
}

void protobuf_add_bytes(struct bytes *out, unsigned int field, const void *data, size_t length)
{
	protobuf_add_head(out, field, length);
	bytes_append(out, data, length);
}

static void append_repaired(struct bytes *out, const uint8_t *text, size_t length)
{
	for (size_t at = 0, n; at < length && !out->error; at += n) {
		n = utf8_prefix(text + at, length - at);
		bytes_append(out, text + at, n);
		if (n == 0 && !utf8_next(text + at, length - at, &n))
			bytes_append(out, UTF8_REPLACEMENT, strlen(UTF8_REPLACEMENT));
	}
}

void protobuf_add_text(struct bytes *out, unsigned int field, const char *text)
{
	size_t length = text ? strlen(text) : 0, begin;

	if (utf8_prefix((const uint8_t *)text, length) == length) {
		protobuf_add_bytes(out, field, text, length);
		return;
	}
	begin = protobuf_begin(out, field);
	append_repaired(out, (const uint8_t *)text, length);
	protobuf_end(out, begin);
}

size_t protobuf_begin(struct bytes *out, unsigned int field)
{
	add_tag(out, field, PROTOBUF_BYTES);
	return out->length;
}

void protobuf_end(struct bytes *out, size_t begin)
{
	size_t length = out->length - begin;
	uint8_t *to = bytes_insert(out, begin, protobuf_varint_length(length));

	if (to)
		put_varint(to, length);
}

/* ---- reading ---- */

static int read_varint(struct protobuf_reader *reader, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < PROTOBUF_VARINT_MAX && reader->at < reader->end; i++) {
		uint8_t byte = *reader->at++;

		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (!(byte & 0x80)) {
			*ret_value = value;
			return 0;
		}
	}
	return -EBADMSG;
}

static int read_fixed(struct protobuf_reader *reader, size_t size, uint64_t *ret_value)
{
	uint64_t value = 0;

	if ((size_t)(reader->end - reader->at) < size)
		return -EBADMSG;
	memcpy(&value, reader->at, size);
	reader->at += size;
	*ret_value = le64toh(value);
	return 0;
}

static int read_bytes(struct protobuf_reader *reader, struct protobuf_field *field)
{
	uint64_t length;
	int r = read_varint(reader, &length);

	if (r < 0)
		return r;
	if (length > (size_t)(reader->end - reader->at))
		return -EBADMSG;
	field->data = reader->at;
	field->length = (size_t)length;
	reader->at += length;
	return 0;
}

int protobuf_next(struct protobuf_reader *reader, struct protobuf_field *ret_field)
{
	struct protobuf_field field = {0};
	uint64_t tag;
	int r;

	if (reader->at == reader->end)
		return 0;
	r = read_varint(reader, &tag);
	if (r < 0)
		return r;
	if (tag >> 3 == 0 || tag >> 3 > FIELD_MAX)
		return -EBADMSG;
	field.number = (unsigned int)(tag >> 3);
	field.type = (enum protobuf_type)(tag & 7);
	switch (field.type) {
	case PROTOBUF_VARINT:
		r = read_varint(reader, &field.value);
		break;
	case PROTOBUF_FIXED64:
		r = read_fixed(reader, 8, &field.value);
		break;
	case PROTOBUF_FIXED32:
		r = read_fixed(reader, 4, &field.value);
		break;
	case PROTOBUF_BYTES:
		r = read_bytes(reader, &field);
		break;
	default:
		return -EBADMSG;
	}
	if (r < 0)
		return r;
	*ret_field = field;
	return 1;
}
