/* SPDX-License-Identifier: Apache-2.0 */
/* Batches: what is in them, when they are full, how they are compressed. */
#include <errno.h>

#include "exporter/exporter.h"
#include "tests/unit/exporter/decode.h"
#include "tests/unit/test.h"

static struct exporter_batch *batch;
static struct exporter_attribute attribute = {"k", EXPORTER_STRING, {.text = "v"}};
static const struct exporter_resource resource = {.id = 7};

static struct exporter_span span_of(uint64_t id, const struct exporter_resource *of)
{
	struct exporter_span span = {
		.sequence = id,
		.trace_id = {0xaa},
		.name = id % 3 ? "chat one" : "chat two",
		.start_ns = 1000,
		.end_ns = 2000,
		.attributes = &attribute,
		.n_attributes = 1,
		.resource = of,
	};

	for (int i = 0; i < 8; i++)
		span.span_id[i] = (uint8_t)(id >> (56 - 8 * i));
	return span;
}

static int add(uint64_t id)
{
	struct exporter_span span = span_of(id, &resource);

	return exporter_batch_add(batch, &span);
}

static int encoded_spans(enum exporter_compression compression, const char *encoding, uint64_t *ids)
{
	const uint8_t *body;
	size_t length, raw_length;

	CHECK_INT(exporter_batch_encode(batch, compression, &body, &length, &raw_length), 0);
	return decode_spans(encoding, body, length, ids, 2000);
}

TEST(each_compression_has_the_same_spans)
{
	static const char *const encodings[] = {"zstd", "gzip", ""};
	const uint8_t *body;
	size_t length, raw_length;

	CHECK_INT(exporter_batch_new(&batch, "1"), 0);
	for (uint64_t id = 1; id <= 500; id++)
		CHECK_INT(add(id), 0);
	CHECK_INT(exporter_batch_spans(batch), 500);
	for (unsigned int i = 0; i < 6; i++) {
		enum exporter_compression compression = i % 3;
		uint64_t ids[2000], sum = 0;

		CHECK_INT(encoded_spans(compression, encodings[compression], ids), 500);
		for (int j = 0; j < 500; j++)
			sum += ids[j];
		CHECK_INT(sum, 500 * 501 / 2);
		CHECK_INT(exporter_batch_encode(batch, compression, &body, &length, &raw_length),
			  0);
		CHECK(compression == EXPORTER_NONE ? length == raw_length
						   : length < raw_length / 4);
	}
	exporter_batch_free(batch);
}

TEST(adding_and_clearing_after_encoding)
{
	uint64_t ids[2000];

	CHECK_INT(exporter_batch_new(&batch, "1"), 0);
	CHECK_INT(add(1), 0);
	CHECK_INT(encoded_spans(EXPORTER_ZSTD, "zstd", ids), 1);
	CHECK_INT(add(2), 0);
	CHECK_INT(encoded_spans(EXPORTER_ZSTD, "zstd", ids), 2);
	exporter_batch_clear(batch);
	CHECK_INT(exporter_batch_spans(batch), 0);
	CHECK_INT(add(9), 0);
	CHECK_INT(encoded_spans(EXPORTER_NONE, "", ids), 1);
	CHECK_INT(ids[0], 9);
	exporter_batch_free(batch);
	exporter_batch_free(NULL);
}

TEST(one_resource_spans_for_each_resource)
{
	static const unsigned int path[] = {1, 0}, inner[] = {2, 2, 0};
	static struct exporter_resource resources[300];
	const uint8_t *body, *of_resource;
	size_t length, raw_length;
	uint64_t size, total = 0;

	CHECK_INT(exporter_batch_new(&batch, "1"), 0);
	for (uint64_t id = 1; id <= 900; id++) {
		struct exporter_span span = span_of(id, &resources[id * 7 % 300]);

		resources[id * 7 % 300].id = id * 7 % 300 * 1000003;
		CHECK_INT(exporter_batch_add(batch, &span), 0);
	}
	CHECK_INT(exporter_batch_encode(batch, EXPORTER_NONE, &body, &length, &raw_length), 0);
	for (unsigned int i = 0; i < 300; i++) {
		unsigned int n = i, m = 3;

		of_resource = decode_find(body, length, path, &n, &size);
		CHECK(of_resource);
		CHECK(!decode_find(of_resource, (size_t)size, inner, &m, &total));
		m = 2;
		CHECK(decode_find(of_resource, (size_t)size, inner, &m, &total));
	}
	exporter_batch_free(batch);
}

/* A span with one text of this length. */
static int add_large(uint64_t id, size_t length)
{
	struct exporter_span span = span_of(id, &resource);
	char *text = malloc(length + 1);
	int r;

	memset(text, 'x', length);
	text[length] = '\0';
	attribute.text = text;
	r = exporter_batch_add(batch, &span);
	attribute.text = "v";
	free(text);
	return r;
}

TEST(full_by_bytes)
{
	const uint8_t *body;
	size_t length, raw_length;
	uint64_t ids[2000];
	unsigned int n = 0;

	CHECK_INT(exporter_batch_new(&batch, "1"), 0);
	CHECK_INT(add_large(1, EXPORTER_BATCH_BYTES), -E2BIG);
	CHECK_INT(exporter_batch_spans(batch), 0);
	for (; add_large(n + 1, 100000) == 0; n++)
		CHECK(n < 100);
	CHECK(n >= 40 && n <= 41);
	CHECK_INT(add_large(n + 1, 100000), -ENOSPC);
	CHECK_INT(add_large(n + 1, EXPORTER_BATCH_BYTES * 2), -ENOSPC);
	CHECK_INT(exporter_batch_spans(batch), n);
	CHECK_INT(exporter_batch_encode(batch, EXPORTER_NONE, &body, &length, &raw_length), 0);
	CHECK(length <= EXPORTER_BATCH_BYTES);
	CHECK_INT(decode_spans("", body, length, ids, 2000), n);
	CHECK_INT(add(n + 1), 0);
	exporter_batch_clear(batch);
	CHECK_INT(add_large(1, EXPORTER_BATCH_BYTES - 1000), 0);
	CHECK_INT(encoded_spans(EXPORTER_GZIP, "gzip", ids), 1);
	exporter_batch_free(batch);
}

/* What does not fit leaves no trace of its resource either. */
TEST(resource_of_a_span_that_does_not_fit)
{
	static const unsigned int path[] = {1, 0};
	struct exporter_attribute large = {"large", EXPORTER_STRING, {.text = NULL}};
	struct exporter_resource other = {8, &large, 1}, same = {8, NULL, 0};
	struct exporter_span span = span_of(2, &other);
	char *text = malloc(EXPORTER_BATCH_BYTES + 1);
	const uint8_t *body;
	size_t length, raw_length;
	uint64_t size;
	unsigned int n = 1;

	memset(text, 'x', EXPORTER_BATCH_BYTES);
	text[EXPORTER_BATCH_BYTES] = '\0';
	large.text = text;
	CHECK_INT(exporter_batch_new(&batch, "1"), 0);
	CHECK_INT(exporter_batch_add(batch, &span), -E2BIG);
	CHECK_INT(add(1), 0);
	CHECK_INT(exporter_batch_add(batch, &span), -ENOSPC);
	span.resource = &same;
	CHECK_INT(exporter_batch_add(batch, &span), 0);
	CHECK_INT(exporter_batch_encode(batch, EXPORTER_NONE, &body, &length, &raw_length), 0);
	CHECK(length < 400);
	CHECK(decode_find(body, length, path, &n, &size));
	free(text);
	exporter_batch_free(batch);
}

TEST(empty_batch)
{
	const uint8_t *body;
	size_t length, raw_length;

	CHECK_INT(exporter_batch_new(&batch, "1"), 0);
	CHECK_INT(exporter_batch_encode(batch, EXPORTER_NONE, &body, &length, &raw_length), 0);
	CHECK_INT(length, 0);
	CHECK_INT(exporter_batch_encode(batch, EXPORTER_ZSTD, &body, &length, &raw_length), 0);
	CHECK_INT(ZSTD_getFrameContentSize(body, length), 0);
	exporter_batch_free(batch);
}

/* The window that a receiver needs: RFC 9659 allows 8 MiB. */
TEST(zstd_window_is_small)
{
	const uint8_t *body;
	size_t length, raw_length;
	uint64_t ids[2000];

	CHECK_INT(exporter_batch_new(&batch, "1"), 0);
	CHECK_INT(add_large(1, EXPORTER_BATCH_BYTES - 1000), 0);
	CHECK_INT(exporter_batch_encode(batch, EXPORTER_ZSTD, &body, &length, &raw_length), 0);
	CHECK_INT(ZSTD_getFrameContentSize(body, length), raw_length);
	CHECK_INT(decode_spans("zstd", body, length, ids, 2000), 1);
	exporter_batch_free(batch);
}

TEST_MAIN()
