/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content decoding (RFC 9110 section 8.4), incremental, in memory out of one budget: gzip
 * (RFC 1952, any number of members), deflate (RFC 1950, and RFC 1951 as some servers send it),
 * br (RFC 7932), zstd (RFC 8878, any number of frames, windows up to 8 MiB as RFC 9659 allows).
 */
#ifndef AGENT_HTTP_DECODE_H
#define AGENT_HTTP_DECODE_H

#include <stddef.h>
#include <stdint.h>

struct decoder;

/* What all decoders of a pipeline hold together. */
struct decode_budget {
	size_t used, max;
};

/* Decoded bytes, a small piece at a time. A negative return ends decoder_feed() with it. */
typedef int (*decode_sink)(void *context, const uint8_t *data, size_t length);

/*
 * decoder_new - for the encodings in the order in which they were applied, as in Content-Encoding:
 *	names separated by commas. Memory is taken with the first byte.
 * @ret_decoder: NULL where nothing is to be decoded.
 * @ret_unknown: with -EOPNOTSUPP, the encoding that is not known, within `encodings`.
 * Return: 0, -ENOMEM, -EOPNOTSUPP, -E2BIG beyond LIMIT_DECODE_CHAIN.
 */
int decoder_new(struct decoder **ret_decoder, struct decode_budget *budget, const char *encodings,
		size_t length, const char **ret_unknown, size_t *ret_unknown_length);

/*
 * decoder_feed - decode the next bytes. After an error the decoder is of no more use.
 * Return: 0, -ENOMEM, what the sink gave, -ENOBUFS where the budget is spent, -EFBIG beyond
 * LIMIT_DECODE_RATIO, -EBADMSG for damage.
 */
int decoder_feed(struct decoder *decoder, decode_sink sink, void *context, const uint8_t *data,
		 size_t length);

/** decoder_end - Return: 0, or -EBADMSG where the content is not complete. */
int decoder_end(const struct decoder *decoder);

/** decoder_name - of the encoding that the last error came from. */
const char *decoder_name(const struct decoder *decoder);

void decoder_free(struct decoder *decoder);

#endif
