/* SPDX-License-Identifier: Apache-2.0 */
#define ZSTD_STATIC_LINKING_ONLY
#include "agent/http/decode.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <string.h>
#include <strings.h>

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "agent/limits.h"

#define OUTPUT_SIZE (16 * KIB)
#define WINDOW_MIN (256 * KIB)
#define RATIO_FREE MIB         /* decoded bytes before the ratio counts */
#define ZSTD_WINDOW_LOG_MAX 23 /* 8 MiB, RFC 9659 section 3 */
#define GZIP_MAGIC 0x1f

struct stage;

struct codec {
	const char *name;
	int (*start)(struct stage *stage, const uint8_t *data, size_t length);
	/* Moves *data on and writes *ret_n bytes to out. Return: 1 if it can go on, 0 if it needs
	   input, or negative errno. */
	int (*step)(struct stage *stage, const uint8_t **data, const uint8_t *end, uint8_t *out,
		    size_t *ret_n);
	void (*stop)(struct stage *stage);
};

struct stage {
	const struct codec *codec;
	struct decoder *decoder;
	bool started;   /* the library's state is there */
	bool touched;   /* had a byte */
	bool complete;  /* at the end of a member or frame */
	bool refused;   /* the budget was spent */
	uint64_t moved; /* bytes in and out */
	size_t window;  /* bytes of blocks that the kernel backs as they are written */
	size_t charged; /* and those that were taken from the budget for them */
	union {
		z_stream zlib;
		BrotliDecoderState *brotli;
		ZSTD_DCtx *zstd;
	};
};

struct decoder {
	struct decode_budget *budget;
	decode_sink sink;
	void *context;
	uint64_t in, out;
	unsigned int failed; /* stage of the last error */
	unsigned int n;
	struct stage stages[]; /* in the order of decoding */
};

/* ---- memory out of the budget ---- */

union block {
	size_t size;
	max_align_t align;
};

static bool budget_take(struct stage *stage, size_t size)
{
	struct decode_budget *budget = stage->decoder->budget;

	if (size > budget->max || budget->max - size < budget->used) {
		stage->refused = true;
		return false;
	}
	budget->used += size;
	return true;
}

/* A window is asked for whole at a stream's first byte, and filled from its front as bytes come. */
static bool is_window(size_t size)
{
	return size >= WINDOW_MIN;
}

static void *budget_alloc(void *opaque, size_t size)
{
	struct stage *stage = opaque;
	union block *block;

	if (is_window(size)) {
		block = mmap(NULL, sizeof(*block) + size, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (block == MAP_FAILED)
			return NULL;
		stage->window += size;
	} else {
		if (!budget_take(stage, size))
			return NULL;
		block = malloc(sizeof(*block) + size);
		if (!block) {
			stage->decoder->budget->used -= size;
			return NULL;
		}
	}
	block->size = size;
	return block + 1;
}

/* Take from the budget what the windows of a stage have come to hold. */
static bool charge_windows(struct stage *stage)
{
	size_t held = stage->moved < stage->window ? (size_t)stage->moved : stage->window;

	if (held <= stage->charged)
		return true;
	if (!budget_take(stage, held - stage->charged))
		return false;
	stage->charged = held;
	return true;
}

static void budget_free(void *opaque, void *address)
{
	struct stage *stage = opaque;
	union block *block = address;

	if (!block)
		return;
	block--;
	if (!is_window(block->size)) {
		stage->decoder->budget->used -= block->size;
		free(block);
		return;
	}
	stage->window -= block->size;
	if (stage->charged > stage->window) {
		stage->decoder->budget->used -= stage->charged - stage->window;
		stage->charged = stage->window;
	}
	munmap(block, sizeof(*block) + block->size);
}

static int no_memory(const struct stage *stage)
{
	return stage->refused ? -ENOBUFS : -ENOMEM;
}

/* ---- zlib: gzip and deflate ---- */

static void *zlib_alloc(void *opaque, unsigned int items, unsigned int size)
{
	return budget_alloc(opaque, (size_t)items * size);
}

static int zlib_start(struct stage *stage, int window_bits)
{
	stage->zlib = (z_stream){.zalloc = zlib_alloc, .zfree = budget_free, .opaque = stage};
	return inflateInit2(&stage->zlib, window_bits) == Z_OK ? 0 : no_memory(stage);
}

static int gzip_start(struct stage *stage, const uint8_t *data, size_t length)
{
	return zlib_start(stage, 16 + MAX_WBITS);
}

/* The low half of a zlib header's first byte is 8; a raw block that begins so is of type 0 with
   padding that is not 0, or begins a code that no encoder makes. */
static int deflate_start(struct stage *stage, const uint8_t *data, size_t length)
{
	return zlib_start(stage, (data[0] & 0x0f) == 8 ? MAX_WBITS : -MAX_WBITS);
}

static int zlib_step(struct stage *stage, const uint8_t **data, const uint8_t *end, uint8_t *out,
		     size_t *ret_n)
{
	z_stream *z = &stage->zlib;
	int r;

	if (stage->complete) {
		/* Another member, or padding and rubbish, which all readers pass over. */
		if (*data == end || **data != GZIP_MAGIC || inflateReset(z) != Z_OK) {
			*data = end;
			return 0;
		}
		stage->complete = false;
	}
	z->next_in = (uint8_t *)*data;
	z->avail_in = (unsigned int)(end - *data);
	z->next_out = out;
	z->avail_out = OUTPUT_SIZE;
	r = inflate(z, Z_SYNC_FLUSH);
	*data = z->next_in;
	*ret_n = OUTPUT_SIZE - z->avail_out;
	if (r == Z_MEM_ERROR)
		return no_memory(stage);
	if (r == Z_STREAM_END) {
		stage->complete = true;
		return *data < end;
	}
	if (r != Z_OK && r != Z_BUF_ERROR)
		return -EBADMSG;
	return !z->avail_out || (r == Z_OK && z->avail_in);
}

static void zlib_stop(struct stage *stage)
{
	inflateEnd(&stage->zlib);
}

/* ---- brotli ---- */

static int brotli_start(struct stage *stage, const uint8_t *data, size_t length)
{
	stage->brotli = BrotliDecoderCreateInstance(budget_alloc, budget_free, stage);
	return stage->brotli ? 0 : no_memory(stage);
}

static int brotli_step(struct stage *stage, const uint8_t **data, const uint8_t *end, uint8_t *out,
		       size_t *ret_n)
{
	size_t in = (size_t)(end - *data), room = OUTPUT_SIZE;
	BrotliDecoderErrorCode error;

	if (stage->complete) {
		*data = end;
		return 0;
	}
	switch (BrotliDecoderDecompressStream(stage->brotli, &in, data, &room, &out, NULL)) {
	case BROTLI_DECODER_RESULT_SUCCESS:
		stage->complete = true;
		break;
	case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
		break;
	case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
		*ret_n = OUTPUT_SIZE - room;
		return 1;
	default:
		error = BrotliDecoderGetErrorCode(stage->brotli);
		if (error <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
		    error >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES)
			return no_memory(stage);
		return -EBADMSG;
	}
	*ret_n = OUTPUT_SIZE - room;
	return 0;
}

static void brotli_stop(struct stage *stage)
{
	BrotliDecoderDestroyInstance(stage->brotli);
}

/* ---- zstd ---- */

static int zstd_start(struct stage *stage, const uint8_t *data, size_t length)
{
	ZSTD_customMem memory = {budget_alloc, budget_free, stage};

	stage->zstd = ZSTD_createDCtx_advanced(memory);
	if (!stage->zstd)
		return no_memory(stage);
	ZSTD_DCtx_setParameter(stage->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
	return 0;
}

static int zstd_step(struct stage *stage, const uint8_t **data, const uint8_t *end, uint8_t *out,
		     size_t *ret_n)
{
	ZSTD_inBuffer in = {*data, (size_t)(end - *data), 0};
	ZSTD_outBuffer output = {out, OUTPUT_SIZE, 0};
	size_t r;

	/* At a frame's end a call without input would ask for the next frame's header. */
	if (stage->complete && !in.size)
		return 0;
	r = ZSTD_decompressStream(stage->zstd, &output, &in);
	*data += in.pos;
	*ret_n = output.pos;
	if (ZSTD_isError(r)) {
		if (ZSTD_getErrorCode(r) == ZSTD_error_memory_allocation)
			return no_memory(stage);
		if (ZSTD_getErrorCode(r) == ZSTD_error_frameParameter_windowTooLarge)
			return -ENOBUFS;
		return -EBADMSG;
	}
	stage->complete = r == 0;
	return output.pos == OUTPUT_SIZE || in.pos < in.size;
}

static void zstd_stop(struct stage *stage)
{
	ZSTD_freeDCtx(stage->zstd);
}

/* ---- the chain ---- */

static const struct codec codecs[] = {
	{"gzip", gzip_start, zlib_step, zlib_stop},
	{"x-gzip", gzip_start, zlib_step, zlib_stop},
	{"deflate", deflate_start, zlib_step, zlib_stop},
	{"br", brotli_start, brotli_step, brotli_stop},
	{"zstd", zstd_start, zstd_step, zstd_stop},
};

static bool equals(const char *text, size_t length, const char *name)
{
	return strlen(name) == length && !strncasecmp(text, name, length);
}

static const struct codec *find_codec(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
		if (equals(name, length, codecs[i].name))
			return &codecs[i];
	}
	return NULL;
}

/* The next name of a list; false at its end. */
static bool next_name(const char **text, const char *end, const char **ret_name, size_t *ret_length)
{
	const char *at = *text;

	while (at < end && (*at == ' ' || *at == '\t' || *at == ','))
		at++;
	*ret_name = at;
	while (at < end && *at != ' ' && *at != '\t' && *at != ',')
		at++;
	*ret_length = (size_t)(at - *ret_name);
	*text = at;
	return *ret_length > 0;
}

int decoder_new(struct decoder **ret_decoder, struct decode_budget *budget, const char *encodings,
		size_t length, const char **ret_unknown, size_t *ret_unknown_length)
{
	const struct codec *chain[LIMIT_DECODE_CHAIN];
	const char *end = encodings + length, *name;
	struct decoder *decoder = NULL;
	unsigned int n = 0;
	size_t name_length;

	while (next_name(&encodings, end, &name, &name_length)) {
		const struct codec *codec = find_codec(name, name_length);

		if (equals(name, name_length, "identity") || equals(name, name_length, "none") ||
		    equals(name, name_length, "chunked"))
			continue;
		if (!codec) {
			*ret_unknown = name;
			*ret_unknown_length = name_length;
			return -EOPNOTSUPP;
		}
		if (n == LIMIT_DECODE_CHAIN)
			return -E2BIG;
		chain[n++] = codec;
	}
	if (n) {
		decoder = calloc(1, sizeof(*decoder) + n * sizeof(decoder->stages[0]));
		if (!decoder)
			return -ENOMEM;
		decoder->budget = budget;
		decoder->n = n;
	}
	for (unsigned int i = 0; i < n; i++) {
		decoder->stages[i].codec = chain[n - 1 - i];
		decoder->stages[i].decoder = decoder;
	}
	*ret_decoder = decoder;
	return 0;
}

static int deliver(struct decoder *decoder, const uint8_t *data, size_t length)
{
	decoder->out += length;
	if (decoder->out > RATIO_FREE && decoder->out / LIMIT_DECODE_RATIO > decoder->in)
		return -EFBIG;
	return decoder->sink(decoder->context, data, length);
}

/* Recurses once a stage, of which there are LIMIT_DECODE_CHAIN at most. */
static int run_stage(struct decoder *decoder, unsigned int i, const uint8_t *data, size_t length)
{
	struct stage *stage = &decoder->stages[i];
	const uint8_t *end = data + length;
	uint8_t out[OUTPUT_SIZE];
	int more = 1, r = 0;

	if (!length)
		return 0;
	decoder->failed = i;
	stage->touched = true;
	if (!stage->started) {
		r = stage->codec->start(stage, data, length);
		if (r)
			return r;
		stage->started = true;
	}
	while (more > 0) {
		const uint8_t *before = data;
		size_t n = 0;

		more = stage->codec->step(stage, &data, end, out, &n);
		stage->moved += (size_t)(data - before) + n;
		if (more >= 0 && !charge_windows(stage))
			more = -ENOBUFS;
		if (n)
			r = i + 1 < decoder->n ? run_stage(decoder, i + 1, out, n)
					       : deliver(decoder, out, n);
		if (r)
			return r;
		decoder->failed = i;
	}
	return more;
}

int decoder_feed(struct decoder *decoder, decode_sink sink, void *context, const uint8_t *data,
		 size_t length)
{
	decoder->sink = sink;
	decoder->context = context;
	decoder->in += length;
	return run_stage(decoder, 0, data, length);
}

int decoder_end(const struct decoder *decoder)
{
	for (unsigned int i = 0; i < decoder->n; i++) {
		if (decoder->stages[i].touched && !decoder->stages[i].complete)
			return -EBADMSG;
	}
	return 0;
}

const char *decoder_name(const struct decoder *decoder)
{
	return decoder->stages[decoder->failed].codec->name;
}

void decoder_free(struct decoder *decoder)
{
	if (!decoder)
		return;
	for (unsigned int i = 0; i < decoder->n; i++) {
		if (decoder->stages[i].started)
			decoder->stages[i].codec->stop(&decoder->stages[i]);
	}
	free(decoder);
}
