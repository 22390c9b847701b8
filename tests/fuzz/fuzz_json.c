/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON scanner: any bytes, in pieces whose sizes the first byte gives, as in one piece. */
#include <stdlib.h>
#include <string.h>

#include "agent/provider/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const paths[] = {"usage", "usage.a", "a.*.b", "a?", "b.c", "*.d", "e"};

struct tally {
	uint64_t begun[7], ended[7], gone[7], bytes[7];
	uint64_t sum;
};

static int count(void *context, const struct json_value *value)
{
	struct tally *tally = context;

	if (value->path >= 7)
		abort();
	tally->begun[value->path] +=
		value->part == JSON_VALUE_BEGIN || value->part == JSON_VALUE_WHOLE;
	tally->ended[value->path] +=
		value->part == JSON_VALUE_END || value->part == JSON_VALUE_WHOLE;
	tally->gone[value->path] += value->part == JSON_VALUE_GONE;
	tally->bytes[value->path] += value->length;
	for (size_t i = 0; i < value->length; i++)
		tally->sum += (uint8_t)value->text[i];
	if (tally->ended[value->path] > tally->begun[value->path])
		abort();
	return 0;
}

static int scan(const uint8_t *data, size_t size, size_t step, struct tally *tally)
{
	struct json *json;
	int r = 0;

	memset(tally, 0, sizeof(*tally));
	if (json_new(&json, paths, 7, count, tally) < 0)
		abort();
	for (size_t at = 0; at < size && !r; at += step)
		r = json_feed(json, data + at, size - at < step ? size - at : step);
	if (!r)
		r = json_end(json);
	json_free(json);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally whole, pieces;
	int r, s;

	if (!size)
		return 0;
	r = scan(data + 1, size - 1, size, &whole);
	s = scan(data + 1, size - 1, 1 + data[0] % 16, &pieces);
	if (r != s || (!r && memcmp(&whole, &pieces, sizeof(whole))))
		abort();
	return 0;
}
