/* SPDX-License-Identifier: Apache-2.0 */
#define ZLIB_CONST
#include "exporter/compress.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>
#include <zstd.h>

/* docs/performance.md has what other levels cost and save. */
#define ZSTD_LEVEL 9
#define GZIP_LEVEL 6
#define GZIP_WINDOW_BITS (15 + 16) /* + 16: with a gzip head */
#define GZIP_MEMORY_LEVEL 9

struct compressor {
	ZSTD_CCtx *zstd;
	z_stream zlib;
	bool has_zlib;
};

int compressor_new(struct compressor **ret_compressor)
{
	struct compressor *compressor = calloc(1, sizeof(*compressor));

	if (!compressor)
		return -ENOMEM;
	*ret_compressor = compressor;
	return 0;
}

static int run_zstd(struct compressor *compressor, const uint8_t *data, size_t length,
		    struct bytes *out)
{
	size_t room = ZSTD_compressBound(length), n;
	uint8_t *to = bytes_reserve(out, room);

	if (!compressor->zstd)
		compressor->zstd = ZSTD_createCCtx();
	if (!to || !compressor->zstd)
		return out->error ? out->error : -ENOMEM;
	n = ZSTD_compressCCtx(compressor->zstd, to, room, data, length, ZSTD_LEVEL);
	if (ZSTD_isError(n))
		return -ENOMEM;
	out->length = n;
	return 0;
}

static int start_gzip(struct compressor *compressor)
{
	if (compressor->has_zlib)
		return deflateReset(&compressor->zlib) == Z_OK ? 0 : -ENOMEM;
	if (deflateInit2(&compressor->zlib, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW_BITS,
			 GZIP_MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	compressor->has_zlib = true;
	return 0;
}

static int run_gzip(struct compressor *compressor, const uint8_t *data, size_t length,
		    struct bytes *out)
{
	z_stream *zlib = &compressor->zlib;
	int r = start_gzip(compressor);
	size_t room;

	if (r < 0)
		return r;
	room = deflateBound(zlib, length);
	zlib->next_in = data;
	zlib->next_out = bytes_reserve(out, room);
	if (!zlib->next_out)
		return out->error;
	if (length > UINT_MAX || room > UINT_MAX)
		return -E2BIG;
	zlib->avail_in = (uInt)length;
	zlib->avail_out = (uInt)room;
	if (deflate(zlib, Z_FINISH) != Z_STREAM_END)
		return -ENOMEM;
	out->length = zlib->total_out;
	return 0;
}

int compressor_run(struct compressor *compressor, enum exporter_compression compression,
		   const uint8_t *data, size_t length, struct bytes *out)
{
	bytes_truncate(out, 0);
	if (compression == EXPORTER_ZSTD)
		return run_zstd(compressor, data, length, out);
	return run_gzip(compressor, data, length, out);
}

void compressor_free(struct compressor *compressor)
{
	if (!compressor)
		return;
	ZSTD_freeCCtx(compressor->zstd);
	if (compressor->has_zlib)
		deflateEnd(&compressor->zlib);
	free(compressor);
}

const char *compression_name(enum exporter_compression compression)
{
	switch (compression) {
	case EXPORTER_ZSTD:
		return "zstd";
	case EXPORTER_GZIP:
		return "gzip";
	default:
		return "none";
	}
}
