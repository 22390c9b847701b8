/* SPDX-License-Identifier: Apache-2.0 */
/* Prices, context tiers, service tiers, variants and regions of a row, from JSON. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

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
	int64_t most = bucket_is_token(bucket) ? PRICE_PER_TOKENS_MAX : PRICE_PER_OTHER_MAX;
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
	if (text.per > most)
		return json_bad(reader, "the price of %s is for more than %lld", name,
				(long long)most);
	price.per = (uint64_t)text.per;
	*ret_price = price;
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
	struct price_list *list = out;
	int n = cJSON_GetArraySize(value);
	struct context_tier *contexts;

	if (!cJSON_IsArray(value) || n < 1 || n > CARD_CONTEXTS_MAX)
		return json_bad(reader, "%s is not an array of 1 to %d", what, CARD_CONTEXTS_MAX);
	contexts = arena_get(reader->arena, (size_t)n * sizeof(*contexts));
	if (!contexts)
		return -ENOMEM;
	list->contexts = contexts;
	for (const cJSON *item = value->child; item; item = item->next) {
		struct context_text context = {0};
		int r = json_fields(reader, what, item, fields, 3, &context);

		if (r < 0)
			return r;
		if (!context.has_from)
			return json_bad(reader, "context has neither \"above\" nor \"from\"");
		if (list->n_contexts && context.tier.from <= contexts[list->n_contexts - 1].from)
			return json_bad(reader, "context is not in ascending order");
		contexts[list->n_contexts++] = context.tier;
	}
	return 0;
}

/* ---- tiers ---- */

static int read_tier_prices(struct json_reader *reader, const char *what, const cJSON *value,
			    void *out)
{
	struct price_tier *tier = out;

	return json_prices(reader, what, value, &tier->list.set);
}

static int read_tier_context(struct json_reader *reader, const char *what, const cJSON *value,
			     void *out)
{
	struct price_tier *tier = out;

	return json_contexts(reader, what, value, &tier->list);
}

/* A tier's value is its prices, or the name of the tier of this row that it is the same as. */
static int read_tier(struct json_reader *reader, const cJSON *value, const struct price_tier *tiers,
		     size_t n_tiers, struct price_tier *tier)
{
	static const struct json_field fields[] = {
		{"prices", read_tier_prices, true},
		{"context", read_tier_context, false},
		{"hours", json_hours, false},
	};
	const char *same = cJSON_GetStringValue(value), *name = tier->name;

	if (!same)
		return json_fields(reader, name, value, fields, 3, tier);
	for (size_t i = 1; i < n_tiers; i++) {
		if (!strcmp(tiers[i].name, same)) {
			*tier = tiers[i];
			tier->name = name;
			return 0;
		}
	}
	return json_bad(reader, "tier \"%s\" is the same as \"%.64s\", which is no tier before it",
			name, same);
}

/* A key of an object that names something. */
static int read_name(struct json_reader *reader, const char *of, const char *name,
		     const char **ret_name)
{
	if (!*name || strlen(name) > CARD_TEXT_MAX)
		return json_bad(reader, "\"%.64s\" can not be the name of a %s", name, of);
	*ret_name = arena_text(reader->arena, name);
	return *ret_name ? 0 : -ENOMEM;
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

		if (tier_is_standard(name))
			return json_bad(reader, "\"%s\" can not be the name of a tier", name);
		for (size_t i = 1; i < row->n_tiers; i++) {
			if (!strcasecmp(tiers[i].name, name))
				return json_bad(reader, "%s has \"%s\" twice", what, name);
		}
		r = read_name(reader, "tier", name, &tier->name);
		if (r >= 0)
			r = read_tier(reader, item, tiers, row->n_tiers, tier);
		if (r < 0)
			return r;
		row->n_tiers++;
	}
	return 0;
}

/* ---- regions ---- */

int json_millionths(struct json_reader *reader, const char *what, const cJSON *value, uint64_t max,
		    uint32_t *ret_millionths)
{
	const pricing_amount micro = 1000000;
	pricing_amount pico;
	const char *text;
	int r = json_text(reader, what, value, CARD_TEXT_MAX, &text);

	if (r < 0)
		return r;
	if (amount_parse(text, &pico) < 0 || pico % micro ||
	    pico / micro > (pricing_amount)max * (pricing_amount)MULTIPLIER_ONE)
		return json_bad(reader,
				"%s is not a decimal of at most %" PRIu64
				" with at most 6 decimals",
				what, max);
	*ret_millionths = (uint32_t)(pico / micro);
	return 0;
}

static int read_multiplier(struct json_reader *reader, const char *what, const cJSON *value,
			   void *out)
{
	struct region *region = out;

	return json_millionths(reader, what, value, MULTIPLIER_MAX, &region->multiplier);
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

		for (size_t i = 0; i < row->n_regions; i++) {
			if (!strcasecmp(regions[i].name, item->string))
				return json_bad(reader, "%s has \"%s\" twice", what, item->string);
		}
		r = read_name(reader, "region", item->string, &region->name);
		if (r >= 0)
			r = json_fields(reader, region->name, item, fields, 1, region);
		if (r < 0)
			return r;
		row->n_regions++;
	}
	return 0;
}

/* ---- variants ---- */

static int read_variant_prices(struct json_reader *reader, const char *what, const cJSON *value,
			       void *out)
{
	struct variant *variant = out;

	return json_prices(reader, what, value, &variant->set);
}

int json_variants(struct json_reader *reader, const char *what, const cJSON *value,
		  struct card_row *row)
{
	static const struct json_field fields[] = {{"prices", read_variant_prices, true}};
	int n = cJSON_GetArraySize(value);
	struct variant *variants;

	if (!cJSON_IsObject(value) || n > CARD_VARIANTS_MAX)
		return json_bad(reader, "%s is not an object of at most %d", what,
				CARD_VARIANTS_MAX);
	variants = arena_get(reader->arena, (size_t)n * sizeof(*variants));
	if (!variants)
		return -ENOMEM;
	row->variants = variants;
	for (const cJSON *item = value->child; item; item = item->next) {
		struct variant *variant = &variants[row->n_variants];
		int r;

		if (strpbrk(item->string, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
			return json_bad(reader, "the variant \"%.64s\" is not in lower case",
					item->string);
		for (size_t i = 0; i < row->n_variants; i++) {
			if (!strcmp(variants[i].name, item->string))
				return json_bad(reader, "%s has \"%s\" twice", what, item->string);
		}
		r = read_name(reader, "variant", item->string, &variant->name);
		if (r >= 0)
			r = json_fields(reader, variant->name, item, fields, 1, variant);
		if (r < 0)
			return r;
		row->n_variants++;
	}
	return 0;
}
