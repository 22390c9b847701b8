/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sse: the events of a stream do not depend on how it is cut, and are those of a reader that holds
 * the stream whole. The first byte seeds the cuts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/http/sse.h"
#include "agent/util/buffer.h"

#define OUT_MAX (1 << 20)

#define REQUIRE(condition)                                             \
	do {                                                           \
		if (!(condition)) {                                    \
			fprintf(stderr, "violated: %s\n", #condition); \
			abort();                                       \
		}                                                      \
	} while (0)

static int on_data(void *context, const uint8_t *data, size_t length)
{
	REQUIRE(length);
	return buffer_append(context, data, length);
}

static int on_end(void *context, const char *name)
{
	REQUIRE(strlen(name) <= LIMIT_SSE_NAME);
	return buffer_printf(context, "\x01<%s>", name);
}

static void cut(struct buffer *out, const uint8_t *data, size_t size, unsigned int seed)
{
	const struct sse_sink sink = {out, on_data, on_end};
	struct sse sse;

	buffer_init(out, OUT_MAX);
	sse_init(&sse);
	for (size_t at = 0, n; at < size; at += n) {
		uint8_t *copy;

		seed = seed * 1103515245 + 12345;
		n = 1 + (seed >> 16) % 9;
		if (n > size - at)
			n = size - at;
		copy = malloc(n);
		memcpy(copy, data + at, n);
		REQUIRE(!sse_feed(&sse, &sink, copy, n));
		free(copy);
	}
}

/* One line of the model: appends data, or keeps the name. */
static void model_line(struct buffer *out, const uint8_t *line, size_t length, bool *has_data,
		       const uint8_t **name, size_t *name_length)
{
	const uint8_t *colon = memchr(line, ':', length);
	size_t field = colon ? (size_t)(colon - line) : length;
	const uint8_t *value = colon ? colon + 1 : line + length;
	size_t rest = length - (size_t)(value - line);

	if (rest && *value == ' ') {
		value++;
		rest--;
	}
	if (field == 4 && !memcmp(line, "data", 4)) {
		if (*has_data)
			buffer_append(out, "\n", 1);
		*has_data = true;
		buffer_append(out, value, rest);
	} else if (field == 5 && !memcmp(line, "event", 5)) {
		*name = value;
		*name_length = rest < LIMIT_SSE_NAME ? rest : LIMIT_SSE_NAME;
	}
}

static void model(struct buffer *out, const uint8_t *data, size_t size)
{
	const uint8_t *name = NULL;
	size_t name_length = 0, at = 0;
	bool has_data = false;

	buffer_init(out, OUT_MAX);
	if (size >= 3 && !memcmp(data, "\xef\xbb\xbf", 3))
		at = 3;
	while (at < size) {
		size_t end = at;

		while (end < size && data[end] != '\r' && data[end] != '\n')
			end++;
		if (end == at && end < size) {
			char text[LIMIT_SSE_NAME + 1] = "";

			if (name_length)
				memcpy(text, name, name_length);
			if (has_data)
				buffer_printf(out, "\x01<%s>", text);
			has_data = false;
			name_length = 0;
		} else if (end < size || memchr(data + at, ':', end - at)) {
			model_line(out, data + at, end - at, &has_data, &name, &name_length);
		}
		at = end + 1 + (end + 1 < size && data[end] == '\r' && data[end + 1] == '\n');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer a, b, whole;

	if (!size)
		return 0;
	cut(&a, data + 1, size - 1, data[0]);
	cut(&b, data + 1, size - 1, data[0] + 77u);
	model(&whole, data + 1, size - 1);
	REQUIRE(a.length == b.length && (!a.length || !memcmp(a.data, b.data, a.length)));
	REQUIRE(a.length == whole.length && (!a.length || !memcmp(a.data, whole.data, a.length)));
	buffer_free(&a);
	buffer_free(&b);
	buffer_free(&whole);
	return 0;
}
