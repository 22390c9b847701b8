/* SPDX-License-Identifier: Apache-2.0 */
/* A discount of a card, from JSON. */
#include "pricing/json.h"

static int discount_provider(struct json_reader *reader, const char *what, const cJSON *value,
			     void *out)
{
	struct discount *discount = out;
	int r = json_text(reader, what, value, CARD_TEXT_MAX, &discount->provider);

	reader->provider = discount->provider;
	return r;
}

static int discount_model(struct json_reader *reader, const char *what, const cJSON *value,
			  void *out)
{
	struct discount *discount = out;
	int r = json_text(reader, what, value, CARD_TEXT_MAX, &discount->model);

	if (r >= 0)
		reader->model = discount->model;
	return r;
}

static int discount_key(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct discount *discount = out;

	return json_text(reader, what, value, CARD_TEXT_MAX, &discount->key);
}

static int discount_tag(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct discount *discount = out;

	return json_text(reader, what, value, CARD_TEXT_MAX, &discount->tag);
}

static int discount_factor(struct json_reader *reader, const char *what, const cJSON *value,
			   void *out)
{
	struct discount *discount = out;

	return json_millionths(reader, what, value, FACTOR_MAX, &discount->factor);
}

static int discount_start(struct json_reader *reader, const char *what, const cJSON *value,
			  void *out)
{
	struct discount *discount = out;

	return json_day(reader, what, value, &discount->start, &reader->start);
}

static int discount_end(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct discount *discount = out;
	const char *text;

	return json_day(reader, what, value, &discount->end, &text);
}

static int discount_source(struct json_reader *reader, const char *what, const cJSON *value,
			   void *out)
{
	struct discount *discount = out;

	return json_text(reader, what, value, CARD_SOURCE_MAX, &discount->source);
}

static int discount_checked(struct json_reader *reader, const char *what, const cJSON *value,
			    void *out)
{
	const char *text;
	int64_t time;

	return json_day(reader, what, value, &time, &text);
}

int json_discount(struct json_reader *reader, const cJSON *value, struct discount *ret_discount)
{
	static const struct json_field fields[] = {
		{"provider", discount_provider, true}, {"model", discount_model, false},
		{"key", discount_key, false},          {"tag", discount_tag, false},
		{"factor", discount_factor, true},     {"start", discount_start, false},
		{"end", discount_end, false},          {"source", discount_source, true},
		{"checked", discount_checked, true},
	};
	struct discount discount = {
		.start = TIME_EVER, .end = TIME_NEVER, .number = reader->number};
	int r;

	reader->provider = reader->start = NULL;
	reader->model = "*";
	r = json_fields(reader, "the discount", value, fields, sizeof(fields) / sizeof(*fields),
			&discount);
	if (r < 0)
		return r;
	if (discount.end <= discount.start)
		return json_bad(reader, "end is not after start");
	*ret_discount = discount;
	return 0;
}
