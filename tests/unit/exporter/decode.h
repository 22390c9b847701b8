/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies read back: which spans are in a request. It shares no code with what wrote them. */
#ifndef TESTS_UNIT_EXPORTER_DECODE_H
#define TESTS_UNIT_EXPORTER_DECODE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>
#include <zstd.h>

#define DECODE_MAX (16u << 20)

/* What lies in a message at a place. Return: NULL at the end, or where bytes are damaged. */
static const uint8_t *decode_field(const uint8_t *at, const uint8_t *end, unsigned int *ret_number,
				   const uint8_t **ret_data, uint64_t *ret_value)
{
	uint64_t parts[2] = {0, 0};
	unsigned int type = 0;

	for (int part = 0; part < 2; part++) {
		int shift = 0;

		if (part == 1 && type != 0 && type != 2)
			break;
		do {
			if (at >= end || shift > 63)
				return NULL;
			parts[part] += (uint64_t)(*at & 127) << shift;
			shift += 7;
		} while (*at++ >= 128);
		if (part == 0)
			type = parts[0] & 7;
	}
	*ret_number = (unsigned int)(parts[0] / 8);
	*ret_value = parts[1];
	*ret_data = at;
	if (type == 1 || type == 5)
		*ret_value = type == 1 ? 8 : 4;
	else if (type != 0 && type != 2)
		return NULL;
	if (type != 0 && *ret_value > (uint64_t)(end - at))
		return NULL;
	return type ? at + *ret_value : at;
}

/*
 * The n-th (from 0) field at a path of numbers that ends with 0.
 * Return: its bytes, or, of a varint, only its value; NULL: there is none.
 */
static const uint8_t *decode_find(const uint8_t *data, size_t length, const unsigned int *path,
				  unsigned int *n, uint64_t *ret_value)
{
	const uint8_t *end = data + length, *at = data, *from;
	unsigned int number;
	uint64_t value;

	while (at && at < end) {
		at = decode_field(at, end, &number, &from, &value);
		if (!at || number != path[0])
			continue;
		if (path[1]) {
			from = decode_find(from, (size_t)value, path + 1, n, &value);
			if (!from)
				continue;
		} else if ((*n)--) {
			continue;
		}
		*ret_value = value;
		return from;
	}
	return NULL;
}

/* As sent → as it was before. To be freed; NULL: it is not of this encoding. */
static uint8_t *decode_body(const char *encoding, const uint8_t *body, size_t length,
			    size_t *ret_length)
{
	uint8_t *raw = malloc(DECODE_MAX);
	z_stream zlib = {.next_in = (uint8_t *)body, .avail_in = (uInt)length};
	size_t n = 0;

	if (!strcmp(encoding, "zstd")) {
		n = ZSTD_decompress(raw, DECODE_MAX, body, length);
		n = ZSTD_isError(n) ? 0 : n;
	} else if (!strcmp(encoding, "gzip")) {
		zlib.next_out = raw;
		zlib.avail_out = DECODE_MAX;
		inflateInit2(&zlib, 15 + 16);
		n = inflate(&zlib, Z_FINISH) == Z_STREAM_END ? zlib.total_out : 0;
		inflateEnd(&zlib);
	} else if (!*encoding && length <= DECODE_MAX) {
		memcpy(raw, body, n = length);
	}
	if (!n) {
		free(raw);
		return NULL;
	}
	*ret_length = n;
	return raw;
}

/*
 * Span ids of a request, as numbers, in the order of sending.
 * Return: how many, or -1 for what is no request.
 */
__attribute__((unused)) static int decode_spans(const char *encoding, const uint8_t *body,
						size_t length, uint64_t *ids, int max)
{
	static const unsigned int path[] = {1, 2, 2, 2, 0};
	size_t raw_length;
	uint8_t *raw = decode_body(encoding, body, length, &raw_length);
	int n = raw ? 0 : -1;

	while (raw && n < max) {
		unsigned int number = (unsigned int)n;
		uint64_t size;
		const uint8_t *id = decode_find(raw, raw_length, path, &number, &size);

		if (!id || size != 8)
			break;
		ids[n] = 0;
		for (int i = 0; i < 8; i++)
			ids[n] = ids[n] << 8 | id[i];
		n++;
	}
	free(raw);
	return n;
}

#endif
