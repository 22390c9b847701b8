/* SPDX-License-Identifier: Apache-2.0 */
/* Prices, context tiers, service tiers and regions of a row, from JSON. */
#include <errno.h>
#include <string.h>

#include "pricing/json.h"

/* ---- prices ---- */

struct price_text {
	const char *price;
	int64_t per;
};

static int read_price_text(struct json_reader *reader, const char *what, const cJSON *value,
			   void *out)
{
	struct price_text *text = out;

	return json_text(reader, what, value, CARD_TEXT_MAX, &text->price);
}

static int read_price_per(struct json_reader *reader, const char *what, const cJSON *value,
			  void *out)
{
	struct price_text *text = out;

	return json_integer(reader, what, value, 1, &text->per);
}

bool price_exact(const struct price *price, uint64_t multiplier, struct price *ret_price)
{
	/* rate < 10^(9 + 12) and multiplier < 2^53: no overflow */
	pricing_amount rate = price->rate * (pricing_amount)multiplier;

	if (rate % (pricing_amount)MULTIPLIER_ONE)
		return false;
	rate /= (pricing_amount)MULTIPLIER_ONE;
	if (rate % (pricing_amount)price->per)
		return false;
	*ret_price = (struct price){rate, rate / (pricing_amount)price->per, price->per};
	return true;
}

/* "3.00", or {"price": "10", "per": 1000} */
static int read_price(struct json_reader *reader, enum pricing_bucket bucket, const cJSON *value,
		      struct price *ret_price)
{
	static const struct json_field fields[] = {
		{"price", read_price_text, true},
		{"per", read_price_per, true},
	};
	const char *name = pricing_bucket_name(bucket);
	struct price_text text = {NULL, bucket_is_token(bucket) ? 1000000 : 1};
	struct price price = {0};
	int r;

	if (cJSON_IsObject(value))
		r = json_fields(reader, name, value, fields, 2, &text);
	else
		r = json_text(reader, name, value, CARD_TEXT_MAX, &text.price);
	if (r < 0)
		return r;
	r = amount_parse(text.price, &price.rate);
	if (r < 0)
		return json_bad(reader,
				"the price of %s is not a decimal of at most %d digits and %d "
				"decimals: \"%.40s\"",
				name, PRICE_DIGITS_MAX, PRICE_DECIMALS_MAX, text.price);
	price.per = (uint64_t)text.per;
	if (!price_exact(&price, MULTIPLIER_ONE, ret_price))
		return json_bad(reader,
				"the price of %s has more decimals than can be kept exactly", name);
	return 0;
}

int json_prices(struct json_reader *reader, const char *what, const cJSON *value,
		struct price_set *set)
{
	struct price prices[PRICING_BUCKETS], *kept;
	uint32_t present = 0;
	size_t n = 0;

	if (!cJSON_IsObject(value))
		return json_bad(reader, "%s is not an object", what);
	for (const cJSON *item = value->child; item; item = item->next) {
		int r, bucket = pricing_bucket_by_name(item->string);

		if (bucket < 0)
			return json_bad(reader, "%s has an unknown bucket \"%.64s\"", what,
					item->string);
		if (present & (1u << bucket))
			return json_bad(reader, "%s has \"%s\" twice", what, item->string);
		r = read_price(reader, (enum pricing_bucket)bucket, item, &prices[bucket]);
		if (r < 0)
			return r;
		present |= 1u << bucket;
	}
	kept = arena_get(reader->arena, (size_t)__builtin_popcount(present) * sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	for (uint32_t left = present; left; left &= left - 1)
		kept[n++] = prices[__builtin_ctz(left)];
	set->present = present;
	set->prices = kept;
	return 0;
}

/* ---- context tiers ---- */

struct context_text {
	struct context_tier tier;
	bool has_from;
};

static int read_context_bound(struct json_reader *reader, const char *what, const cJSON *value,
			      void *out)
{
	struct context_text *context = out;
	bool above = !strcmp(what, "above");
	int64_t bound = 0;
	int r;

	if (context->has_from)
		return json_bad(reader, "context has both \"above\" and \"from\"");
	r = json_integer(reader, what, value, 1, &bound);
	if (r < 0)
		return r;
	context->tier.from = (uint64_t)bound + above;
	context->has_from = true;
	return 0;
}

static int read_context_prices(struct json_reader *reader, const char *what, const cJSON *value,
			       void *out)
{
	struct context_text *context = out;

	return json_prices(reader, what, value, &context->tier.set);
}

int json_contexts(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	static const struct json_field fields[] = {
		{"above", read_context_bound, false},
		{"from", read_context_bound, false},
		{"prices", read_context_prices, true},
	};
	struct price_tier *tier = out;
	int n = cJSON_GetArraySize(value);
	struct context_tier *contexts;

	if (!cJSON_IsArray(value) || n < 1 || n > CARD_CONTEXTS_MAX)
		return json_bad(reader, "%s is not an array of 1 to %d", what, CARD_CONTEXTS_MAX);
	contexts = arena_get(reader->arena, (size_t)n * sizeof(*contexts));
	if (!contexts)
		return -ENOMEM;
	tier->contexts = contexts;
	for (const cJSON *item = value->child; item; item = item->next) {
		struct context_text context = {0};
		int r = json_fields(reader, what, item, fields, 3, &context);

		if (r < 0)
			return r;
		if (!context.has_from)
			return json_bad(reader, "context has neither \"above\" nor \"from\"");
		if (tier->n_contexts && context.tier.from <= contexts[tier->n_contexts - 1].from)
			return json_bad(reader, "context is not in ascending order");
		contexts[tier->n_contexts++] = context.tier;
	}
	return 0;
}

/* ---- tiers ---- */

static int read_tier_prices(struct json_reader *reader, const char *what, const cJSON *value,
			    void *out)
{
	struct price_tier *tier = out;

	return json_prices(reader, what, value, &tier->set);
}

/* A tier's value is its prices, or the name of the tier of this row that it is the same as. */
static int read_tier(struct json_reader *reader, const cJSON *value, const struct price_tier *tiers,
		     size_t n_tiers, struct price_tier *tier)
{
	static const struct json_field fields[] = {
		{"prices", read_tier_prices, true},
		{"context", json_contexts, false},
	};
	const char *same = cJSON_GetStringValue(value);

	if (!same)
		return json_fields(reader, tier->name, value, fields, 2, tier);
	for (size_t i = 1; i < n_tiers; i++) {
		if (!strcmp(tiers[i].name, same)) {
			tier->set = tiers[i].set;
			tier->contexts = tiers[i].contexts;
			tier->n_contexts = tiers[i].n_contexts;
			return 0;
		}
	}
	return json_bad(reader, "tier \"%s\" is the same as \"%.64s\", which is no tier before it",
			tier->name, same);
}

int json_tiers(struct json_reader *reader, const char *what, const cJSON *value,
	       struct card_row *row)
{
	int n = cJSON_GetArraySize(value);
	struct price_tier *tiers;

	if (!cJSON_IsObject(value) || n > CARD_TIERS_MAX)
		return json_bad(reader, "%s is not an object of at most %d", what, CARD_TIERS_MAX);
	tiers = arena_get(reader->arena, (size_t)(n + 1) * sizeof(*tiers));
	if (!tiers)
		return -ENOMEM;
	tiers[0] = row->tiers[0];
	row->tiers = tiers;
	for (const cJSON *item = value->child; item; item = item->next) {
		struct price_tier *tier = &tiers[row->n_tiers];
		const char *name = item->string;
		int r;

		if (!*name || strlen(name) > CARD_TEXT_MAX || !strcmp(name, "standard") ||
		    !strcmp(name, "default"))
			return json_bad(reader, "\"%.64s\" can not be the name of a tier", name);
		for (size_t i = 1; i < row->n_tiers; i++) {
			if (!strcmp(tiers[i].name, name))
				return json_bad(reader, "%s has \"%s\" twice", what, name);
		}
		tier->name = arena_text(reader->arena, name);
		if (!tier->name)
			return -ENOMEM;
		r = read_tier(reader, item, tiers, row->n_tiers, tier);
		if (r < 0)
			return r;
		row->n_tiers++;
	}
	return 0;
}

/* ---- regions ---- */

static int read_multiplier(struct json_reader *reader, const char *what, const cJSON *value,
			   void *out)
{
	struct region *region = out;
	const pricing_amount micro = 1000000;
	pricing_amount multiplier;
	const char *text;
	int r = json_text(reader, what, value, CARD_TEXT_MAX, &text);

	if (r < 0)
		return r;
	/* pico to millionths */
	if (amount_parse(text, &multiplier) < 0 || multiplier % micro ||
	    multiplier / micro > (pricing_amount)(1000 * MULTIPLIER_ONE))
		return json_bad(reader,
				"%s is not a decimal of at most 1000 with at most 6 decimals",
				what);
	region->multiplier = (uint64_t)(multiplier / micro);
	return 0;
}

int json_regions(struct json_reader *reader, const char *what, const cJSON *value,
		 struct card_row *row)
{
	static const struct json_field fields[] = {{"multiplier", read_multiplier, true}};
	int n = cJSON_GetArraySize(value);
	struct region *regions;

	if (!cJSON_IsObject(value) || n > CARD_REGIONS_MAX)
		return json_bad(reader, "%s is not an object of at most %d", what,
				CARD_REGIONS_MAX);
	regions = arena_get(reader->arena, (size_t)n * sizeof(*regions));
	if (!regions)
		return -ENOMEM;
	row->regions = regions;
	for (const cJSON *item = value->child; item; item = item->next) {
		struct region *region = &regions[row->n_regions];
		int r;

		if (!*item->string || strlen(item->string) > CARD_TEXT_MAX)
			return json_bad(reader, "\"%.64s\" can not be the name of a region",
					item->string);
		for (size_t i = 0; i < row->n_regions; i++) {
			if (!strcmp(regions[i].name, item->string))
				return json_bad(reader, "%s has \"%s\" twice", what, item->string);
		}
		region->name = arena_text(reader->arena, item->string);
		if (!region->name)
			return -ENOMEM;
		r = json_fields(reader, region->name, item, fields, 1, region);
		if (r < 0)
			return r;
		row->n_regions++;
	}
	return 0;
}
