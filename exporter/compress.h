/* SPDX-License-Identifier: Apache-2.0 */
/* Compression of a body in one piece: zstd (RFC 8878) and gzip (RFC 1952). */
#ifndef EXPORTER_COMPRESS_H
#define EXPORTER_COMPRESS_H

#include <stddef.h>
#include <stdint.h>

#include "exporter/bytes.h"
#include "exporter/exporter.h"

struct compressor;

/** compressor_new - Return: 0 or -ENOMEM. */
int compressor_new(struct compressor **ret_compressor);

/*
 * compressor_run - @compression: not EXPORTER_NONE. @out: is overwritten.
 * Return: 0, -ENOMEM, or -E2BIG beyond out->cap.
 */
int compressor_run(struct compressor *compressor, enum exporter_compression compression,
		   const uint8_t *data, size_t length, struct bytes *out);

void compressor_free(struct compressor *compressor);

/** compression_name - as in Content-Encoding and OTEL_EXPORTER_OTLP_COMPRESSION. */
const char *compression_name(enum exporter_compression compression);

#endif
