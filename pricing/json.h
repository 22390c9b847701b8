/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the JSON of a card, with errors that name the row. Values go into the card's arena. */
#ifndef PRICING_JSON_H
#define PRICING_JSON_H

#include <cjson/cJSON.h>

#include "pricing/internal.h"

struct json_reader {
	struct arena *arena;
	char *error;
	size_t error_size;
	const char *item;     /* "row" or "discount" */
	size_t number;        /* of it, from 1; 0 outside */
	const char *provider; /* of it, once known */
	const char *model;
	const char *start;
};

/* A key of an object; read() puts its value into `out`, `what` names it in errors. */
struct json_field {
	const char *name;
	int (*read)(struct json_reader *reader, const char *what, const cJSON *value, void *out);
	bool required;
};

/** json_bad - write an error text that names the row. Return: -EINVAL. */
__attribute__((format(printf, 2, 3))) int json_bad(struct json_reader *reader, const char *format,
						   ...);

/*
 * json_fields - read an object by its keys (at most 32): an unknown one, one that comes twice and
 *	a required one that is missing are errors.
 */
int json_fields(struct json_reader *reader, const char *what, const cJSON *object,
		const struct json_field *fields, size_t n_fields, void *out);

/** json_text - a text of 1 to `max` bytes without control characters. */
int json_text(struct json_reader *reader, const char *what, const cJSON *value, size_t max,
	      const char **ret_text);

/** json_integer - a whole number of at least `min`, at most CARD_INTEGER_MAX. */
int json_integer(struct json_reader *reader, const char *what, const cJSON *value, int64_t min,
		 int64_t *ret_integer);

/** json_day - YYYY-MM-DD as its first second in UTC, and as text. */
int json_day(struct json_reader *reader, const char *what, const cJSON *value, int64_t *ret_time,
	     const char **ret_text);

/** json_prices - {bucket: price, …} */
int json_prices(struct json_reader *reader, const char *what, const cJSON *value,
		struct price_set *set);

/** json_millionths - a decimal text of at most `max`, with at most 6 decimals. */
int json_millionths(struct json_reader *reader, const char *what, const cJSON *value, uint64_t max,
		    uint32_t *ret_millionths);

/** json_contexts - [{"above" or "from": tokens, "prices": {…}}, …] into a struct price_list. */
int json_contexts(struct json_reader *reader, const char *what, const cJSON *value, void *out);

/** json_hours - [{"zone": …, "from": …, "to": …, "prices": {…}}, …] into a struct price_tier. */
int json_hours(struct json_reader *reader, const char *what, const cJSON *value, void *out);

/** json_tiers - {name: tier, …}, behind the standard tier that row->tiers has. */
int json_tiers(struct json_reader *reader, const char *what, const cJSON *value,
	       struct card_row *row);

/** json_variants - {name: {"prices": {…}}, …} into row. */
int json_variants(struct json_reader *reader, const char *what, const cJSON *value,
		  struct card_row *row);

/** json_regions - {name: {"multiplier": …}, …} into row. */
int json_regions(struct json_reader *reader, const char *what, const cJSON *value,
		 struct card_row *row);

/** json_row - a row; its number is the reader's. */
int json_row(struct json_reader *reader, const cJSON *value, struct card_row *ret_row);

/** json_discount - a discount; its number is the reader's. */
int json_discount(struct json_reader *reader, const cJSON *value, struct discount *ret_discount);

#endif
