/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "pricing/internal.h"

const char *pricing_status_text(enum pricing_status status)
{
	switch (status) {
	case PRICING_PRICED:
		return "priced";
	case PRICING_UNPRICED_MODEL:
		return "no row for this provider and model at that time";
	case PRICING_UNPRICED_BUCKET:
		return "a quantity has no price";
	case PRICING_UNPRICED_TIER:
		return "the service tier has no price";
	case PRICING_UNPRICED_REGION:
		return "the region has no price";
	case PRICING_UNPRICED_VARIANT:
		return "the variant has no price";
	case PRICING_UNPRICED_OVERFLOW:
		return "the amount is too large";
	}
	return "unknown";
}

/* NULL where the row does not price the tier. */
static const struct price_tier *find_tier(const struct card_row *row, const char *name)
{
	if (!name || !*name || !strcmp(name, "default") || !strcmp(name, "standard"))
		return &row->tiers[0];
	for (size_t i = 1; i < row->n_tiers; i++) {
		if (!strcmp(row->tiers[i].name, name))
			return &row->tiers[i];
	}
	return NULL;
}

/* 0 where the row does not price the region. */
static bool find_multiplier(const struct card_row *row, const char *name, uint64_t *ret_multiplier)
{
	*ret_multiplier = MULTIPLIER_ONE;
	for (size_t i = 0; name && i < row->n_regions; i++) {
		if (!strcmp(row->regions[i].name, name)) {
			*ret_multiplier = row->regions[i].multiplier;
			return true;
		}
	}
	return !name || !*name || !strcmp(name, "global");
}

/* The whole request is priced by its total input. */
static const struct price_set *find_set(const struct price_tier *tier, uint64_t input)
{
	const struct price_set *set = &tier->set;

	for (size_t i = 0; i < tier->n_contexts && input >= tier->contexts[i].from; i++)
		set = &tier->contexts[i].set;
	return set;
}

static const struct price *find_price(const struct price_set *set, enum pricing_bucket bucket)
{
	uint32_t bit = 1u << bucket;

	if (!(set->present & bit))
		return NULL;
	return &set->prices[__builtin_popcount(set->present & (bit - 1))];
}

static void fail(struct pricing_result *result, enum pricing_status status)
{
	if (result->status == PRICING_PRICED)
		result->status = status;
}

static void price_line(struct pricing_result *result, const struct price_set *set,
		       uint64_t multiplier, struct pricing_line *line)
{
	const struct price *listed = set ? find_price(set, line->billed_as) : NULL;
	pricing_amount total;
	struct price price;

	if (!listed) {
		if (result->status == PRICING_PRICED)
			result->missing = line->bucket;
		fail(result, PRICING_UNPRICED_BUCKET);
		return;
	}
	price = *listed;
	/* the card was refused if this were not exact */
	if (multiplier != MULTIPLIER_ONE && bucket_is_token(line->billed_as))
		price_exact(listed, multiplier, &price);
	line->rate = price.rate;
	line->per = price.per;
	if (__builtin_mul_overflow(price.unit, (pricing_amount)line->quantity, &line->amount) ||
	    __builtin_add_overflow(result->amount, line->amount, &total)) {
		line->amount = 0;
		fail(result, PRICING_UNPRICED_OVERFLOW);
		return;
	}
	line->priced = true;
	result->amount = total;
}

static const struct card_row *find_row(const struct pricing_card *card,
				       const struct pricing_charge *charge)
{
	if (!card || !charge->provider || !charge->model)
		return NULL;
	return card_find(card, charge->provider, charge->model, charge->time);
}

void pricing_price(const struct pricing_card *card, const struct pricing_charge *charge,
		   struct pricing_result *result)
{
	const struct card_row *row = find_row(card, charge);
	const struct price_tier *tier = row ? find_tier(row, charge->tier) : NULL;
	const struct price_set *set = NULL;
	uint64_t multiplier = MULTIPLIER_ONE;

	result->status = PRICING_PRICED;
	result->missing = PRICING_BUCKETS;
	result->amount = 0;
	result->n_lines = 0;
	memset(result->currency, 0, sizeof(result->currency));
	result->row = row ? row->id : NULL;
	result->source = row ? row->source : NULL;
	if (!row)
		result->status = PRICING_UNPRICED_MODEL;
	else if (!tier)
		result->status = PRICING_UNPRICED_TIER;
	else if (!find_multiplier(row, charge->region, &multiplier))
		result->status = PRICING_UNPRICED_REGION;
	else
		set = find_set(tier, pricing_usage_input(&charge->usage));
	if (row)
		memcpy(result->currency, row->currency, sizeof(result->currency));
	for (uint32_t left = charge->usage.present; left; left &= left - 1) {
		enum pricing_bucket bucket = (enum pricing_bucket)__builtin_ctz(left);
		struct pricing_line *line = &result->lines[result->n_lines];

		if (bucket >= PRICING_BUCKETS)
			break;
		if (!charge->usage.quantity[bucket])
			continue;
		*line = (struct pricing_line){
			.bucket = bucket,
			.billed_as = row ? (enum pricing_bucket)row->billed_as[bucket] : bucket,
			.quantity = charge->usage.quantity[bucket],
			.per = 1,
		};
		price_line(result, set, multiplier, line);
		result->n_lines++;
	}
}
