/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "agent/http/decode.h"
#include "agent/limits.h"
#include "tests/unit/http/encode.h"

#define TEXT_SIZE 200000

struct sink {
	struct buffer out;
	bool counting;
	uint64_t n;
	size_t largest;
	int result;
};

static int on_bytes(void *context, const uint8_t *data, size_t length)
{
	struct sink *s = context;

	CHECK(length > 0);
	s->n += length;
	if (length > s->largest)
		s->largest = length;
	if (!s->counting)
		CHECK(!buffer_append(&s->out, data, length));
	return s->result;
}

/* Words of a small alphabet: compressible, and not of one kind. */
static uint8_t *make_text(void)
{
	uint8_t *text = malloc(TEXT_SIZE);

	srand(4);
	for (size_t i = 0; i < TEXT_SIZE; i++)
		text[i] = (uint8_t)(rand() % 7 ? 'a' + rand() % 5 : rand());
	return text;
}

static void encode_as(struct buffer *out, const char *how, const void *data, size_t length)
{
	if (!strcmp(how, "gzip"))
		encode_zlib(out, data, length, 31);
	else if (!strcmp(how, "deflate"))
		encode_zlib(out, data, length, 15);
	else if (!strcmp(how, "raw"))
		encode_zlib(out, data, length, -15);
	else if (!strcmp(how, "br"))
		encode_brotli(out, data, length, 9);
	else if (!strcmp(how, "zstd3"))
		encode_zstd(out, data, length, 3);
	else if (!strcmp(how, "zstd19"))
		encode_zstd(out, data, length, 19);
	else
		CHECK(!"known");
}

static int decode(const char *encodings, struct decode_budget *budget, struct sink *sink,
		  const uint8_t *data, size_t length, size_t step, int *ret_end)
{
	struct decoder *decoder;
	const char *unknown;
	size_t unknown_length;
	int r = decoder_new(&decoder, budget, encodings, strlen(encodings), &unknown,
			    &unknown_length);

	for (size_t at = 0, n; !r && at < length; at += n) {
		n = step ? step : 1 + (size_t)rand() % 3000;
		if (n > length - at)
			n = length - at;
		r = decoder_feed(decoder, on_bytes, sink, data + at, n);
	}
	*ret_end = r ? 1 : decoder_end(decoder);
	decoder_free(decoder);
	CHECK_INT(budget->used, 0);
	return r;
}

static void round_trip(const char *encodings, const char *how1, const char *how2,
		       unsigned int members)
{
	static const size_t steps[] = {SIZE_MAX, 1, 0, 0, 16384};
	struct decode_budget budget = {.max = LIMIT_DECODE_WINDOWS};
	struct buffer once, all;
	uint8_t *text = make_text();

	buffer_init(&once, 64 * MIB);
	buffer_init(&all, 64 * MIB);
	for (unsigned int i = 0; i < members; i++)
		encode_as(&once, how1, text + i * (TEXT_SIZE / members), TEXT_SIZE / members);
	if (how2)
		encode_as(&all, how2, once.data, once.length);
	else
		buffer_append(&all, once.data, once.length);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct sink sink = {0};
		int end;

		buffer_init(&sink.out, 64 * MIB);
		CHECK_INT(decode(encodings, &budget, &sink, all.data, all.length, steps[i], &end),
			  0);
		CHECK_INT(end, 0);
		CHECK_INT(sink.out.length, TEXT_SIZE);
		CHECK(!memcmp(sink.out.data, text, TEXT_SIZE));
		CHECK(sink.largest <= 16 * KIB);
		buffer_clear(&sink.out);
		CHECK_INT(
			decode(encodings, &budget, &sink, all.data, all.length - 1, steps[i], &end),
			0);
		CHECK_INT(end, -EBADMSG);
		buffer_free(&sink.out);
	}
	buffer_free(&once);
	buffer_free(&all);
	free(text);
}

TEST(gzip)
{
	round_trip("gzip", "gzip", NULL, 1);
	round_trip("x-gzip", "gzip", NULL, 1);
	round_trip("GZIP", "gzip", NULL, 1);
}

TEST(gzip_of_many_members)
{
	round_trip("gzip", "gzip", NULL, 5);
}

TEST(deflate_with_header_and_raw)
{
	round_trip("deflate", "deflate", NULL, 1);
	round_trip("deflate", "raw", NULL, 1);
}

TEST(brotli)
{
	round_trip("br", "br", NULL, 1);
}

TEST(zstd)
{
	round_trip("zstd", "zstd3", NULL, 1);
	round_trip("zstd", "zstd19", NULL, 1);
}

TEST(zstd_of_many_frames)
{
	round_trip("zstd", "zstd3", NULL, 5);
}

TEST(encodings_in_a_row)
{
	round_trip("gzip, br", "gzip", "br", 1);
	round_trip("identity ,zstd,  gzip", "zstd3", "gzip", 1);
	round_trip("deflate,zstd", "raw", "zstd19", 1);
}

TEST(names)
{
	struct decode_budget budget = {.max = 1};
	struct decoder *decoder = (void *)&budget;
	const char *unknown;
	size_t length;

	CHECK_INT(decoder_new(&decoder, &budget, "", 0, &unknown, &length), 0);
	CHECK(!decoder);
	CHECK_INT(decoder_new(&decoder, &budget, "identity", 8, &unknown, &length), 0);
	CHECK(!decoder);
	CHECK_INT(decoder_new(&decoder, &budget, "gzip, exotic", 12, &unknown, &length),
		  -EOPNOTSUPP);
	CHECK_INT(length, 6);
	CHECK(!memcmp(unknown, "exotic", 6));
	CHECK_INT(decoder_new(&decoder, &budget, "br,br,br,br,br", 14, &unknown, &length), -E2BIG);
	decoder_free(NULL);
}

TEST(trailing_rubbish_is_passed_over)
{
	struct decode_budget budget = {.max = LIMIT_DECODE_WINDOWS};
	static const char *const hows[] = {"gzip", "br"};

	for (size_t i = 0; i < 2; i++) {
		struct sink sink = {0};
		struct buffer in;
		int end;

		buffer_init(&in, MIB);
		buffer_init(&sink.out, MIB);
		encode_as(&in, hows[i], "hello", 5);
		buffer_append(&in, "\0\0\0rubbish", 10);
		CHECK_INT(decode(hows[i], &budget, &sink, in.data, in.length, 1, &end), 0);
		CHECK_INT(end, 0);
		CHECK_INT(sink.n, 5);
		buffer_free(&in);
		buffer_free(&sink.out);
	}
}

TEST(damage_is_told)
{
	static const char *const names[] = {"gzip", "deflate", "br", "zstd"};
	struct decode_budget budget = {.max = LIMIT_DECODE_WINDOWS};
	uint8_t rubbish[4096];

	srand(1);
	for (size_t i = 0; i < sizeof(rubbish); i++)
		rubbish[i] = (uint8_t)rand();
	rubbish[0] = 0xff;
	for (size_t i = 0; i < 4; i++) {
		for (size_t step = 1; step <= 4096; step *= 4096) {
			struct sink sink = {.counting = true};
			int end;

			CHECK_INT(decode(names[i], &budget, &sink, rubbish, sizeof(rubbish), step,
					 &end),
				  -EBADMSG);
		}
	}
}

/* A gigabyte of zeros: by ratio gzip goes through, br and zstd do not. */
TEST(bombs)
{
	static const struct {
		const char *name;
		int result;
	} cases[] = {{"gzip", 0}, {"br", -EFBIG}, {"zstd", -EFBIG}};
	size_t length = 64 * MIB;
	uint8_t *zeros = calloc(1, length);

	for (size_t i = 0; i < 3; i++) {
		struct decode_budget budget = {.max = LIMIT_DECODE_WINDOWS};
		struct sink sink = {.counting = true};
		struct buffer in;
		int end, r = 0;

		buffer_init(&in, 64 * MIB);
		encode_as(&in, i == 2 ? "zstd3" : cases[i].name, zeros, length);
		for (int n = 0; n < (i ? 1 : 4) && !r; n++) /* members */
			r = decode(cases[i].name, &budget, &sink, in.data, in.length, 16384, &end);
		CHECK_INT(r, cases[i].result);
		if (!r)
			CHECK_INT(sink.n, 4 * length);
		else
			CHECK(sink.n <= 2 * MIB + in.length * LIMIT_DECODE_RATIO);
		CHECK(sink.largest <= 16 * KIB);
		buffer_free(&in);
	}
	free(zeros);
}

TEST(budget_is_kept)
{
	static const char *const names[] = {"gzip", "br", "zstd"};
	static const char *const hows[] = {"gzip", "br", "zstd3"};
	uint8_t *text = make_text();

	for (size_t i = 0; i < 3; i++) {
		struct decode_budget budget = {.max = 8 * KIB};
		struct sink sink = {.counting = true};
		struct buffer in;
		int end;

		buffer_init(&in, MIB);
		encode_as(&in, hows[i], text, TEXT_SIZE);
		CHECK_INT(decode(names[i], &budget, &sink, in.data, in.length, 1000, &end),
			  -ENOBUFS);
		budget.max = LIMIT_DECODE_WINDOWS;
		CHECK_INT(decode(names[i], &budget, &sink, in.data, in.length, 1000, &end), 0);
		buffer_free(&in);
	}
	free(text);
}

/* RFC 9659: a window beyond 8 MiB is not to be taken. */
TEST(zstd_window_is_limited)
{
	struct decode_budget budget = {.max = 256 * MIB};
	struct sink sink = {.counting = true};
	ZSTD_CCtx *encoder = ZSTD_createCCtx();
	uint8_t *text = make_text(), *out = malloc(2 * TEXT_SIZE);
	ZSTD_inBuffer in = {text, TEXT_SIZE, 0};
	ZSTD_outBuffer to = {out, 2 * TEXT_SIZE, 0};
	int end;

	ZSTD_CCtx_setParameter(encoder, ZSTD_c_windowLog, 24);
	CHECK(!ZSTD_isError(ZSTD_compressStream2(encoder, &to, &in, ZSTD_e_flush)));
	CHECK_INT(decode("zstd", &budget, &sink, out, to.pos, 1000, &end), -ENOBUFS);
	ZSTD_freeCCtx(encoder);
	free(text);
	free(out);
}

TEST(sink_error_is_passed_up)
{
	struct decode_budget budget = {.max = LIMIT_DECODE_WINDOWS};
	struct sink sink = {.counting = true, .result = -ENOMEM};
	struct buffer in;
	int end;

	buffer_init(&in, MIB);
	encode_as(&in, "gzip", "hello", 5);
	CHECK_INT(decode("gzip", &budget, &sink, in.data, in.length, 4096, &end), -ENOMEM);
	buffer_free(&in);
}

TEST_MAIN()
