/* SPDX-License-Identifier: Apache-2.0 */
/* Encoders, for tests of what decodes. */
#ifndef TESTS_UNIT_HTTP_ENCODE_H
#define TESTS_UNIT_HTTP_ENCODE_H

#include <dlfcn.h>
#include <zlib.h>
#include <zstd.h>

#include "agent/util/buffer.h"
#include "tests/unit/test.h"

#define ENCODE __attribute__((unused)) static

/* window_bits as deflateInit2() takes it: 31 gzip, 15 zlib, -15 raw. */
ENCODE void encode_zlib(struct buffer *out, const void *data, size_t length, int window_bits)
{
	z_stream z = {.next_in = (uint8_t *)data, .avail_in = (unsigned int)length};
	uint8_t piece[4096];
	int r;

	CHECK(deflateInit2(&z, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	do {
		z.next_out = piece;
		z.avail_out = sizeof(piece);
		r = deflate(&z, Z_FINISH);
		CHECK(!buffer_append(out, piece, sizeof(piece) - z.avail_out));
	} while (r == Z_OK);
	deflateEnd(&z);
}

ENCODE void encode_zstd(struct buffer *out, const void *data, size_t length, int level)
{
	size_t room = ZSTD_compressBound(length), n;
	uint8_t *piece = malloc(room);

	n = ZSTD_compress(piece, room, data, length, level);
	CHECK(!ZSTD_isError(n));
	CHECK(!buffer_append(out, piece, n));
	free(piece);
}

/* The agent links the decoder alone: the encoder is loaded. */
ENCODE void encode_brotli(struct buffer *out, const void *data, size_t length, int quality)
{
	int (*compress)(int, int, int, size_t, const uint8_t *, size_t *, uint8_t *);
	void *library = dlopen("libbrotlienc.so.1", RTLD_NOW);
	size_t n = length + length / 2 + 1024;
	uint8_t *piece = malloc(n);

	CHECK(library);
	*(void **)&compress = dlsym(library, "BrotliEncoderCompress");
	CHECK(compress);
	CHECK(compress(quality, 22, 0, length, data, &n, piece));
	CHECK(!buffer_append(out, piece, n));
	free(piece);
	dlclose(library);
}

#endif
