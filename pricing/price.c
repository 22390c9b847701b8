/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "pricing/card.h"

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

static void fail(struct pricing_result *result, enum pricing_status status)
{
	if (result->status == PRICING_PRICED)
		result->status = status;
}

/* What a charge is priced with. */
struct question {
	struct price_scope scope;
	struct scale tokens, fees;
	bool priced; /* whether there is any price */
};

/* The variant's price where it has one, else the list's; of another variant it is unknown. */
static bool find_price(const struct question *question, enum pricing_bucket bucket,
		       struct price *ret_price)
{
	const struct price_scope *scope = &question->scope;
	const struct table_variant *variant = scope->variant;

	if (!question->priced || scope->other_variants & (1u << bucket))
		return false;
	if (variant &&
	    table_price_of(scope->table, variant->present, variant->prices, bucket, ret_price))
		return true;
	return table_price_of(scope->table, scope->present, scope->prices, bucket, ret_price);
}

static void price_line(struct pricing_result *result, const struct question *question,
		       struct pricing_line *line)
{
	pricing_amount total;
	struct price price;

	if (!find_price(question, line->billed_as, &price)) {
		bool of_variant = question->scope.other_variants & (1u << line->billed_as);

		if (result->status == PRICING_PRICED && !of_variant)
			result->missing = line->bucket;
		fail(result, of_variant ? PRICING_UNPRICED_VARIANT : PRICING_UNPRICED_BUCKET);
		return;
	}
	price = scale_price(price,
			    bucket_is_token(line->billed_as) ? &question->tokens : &question->fees);
	line->rate = price.rate;
	line->per = price.per;
	if (!price_amount(&price, line->quantity, &line->amount) ||
	    __builtin_add_overflow(result->amount, line->amount, &total)) {
		line->amount = 0;
		fail(result, PRICING_UNPRICED_OVERFLOW);
		return;
	}
	line->priced = true;
	result->amount = total;
}

static void start_result(struct pricing_result *result, const struct card_match *match)
{
	result->status = PRICING_PRICED;
	result->missing = PRICING_BUCKETS;
	result->amount = 0;
	result->n_lines = 0;
	result->row = result->source = result->discount = NULL;
	memset(result->currency, 0, sizeof(result->currency));
	if (!match->row) {
		result->status = PRICING_UNPRICED_MODEL;
		return;
	}
	result->row = table_text(match->table, match->row->id);
	result->source = table_text(match->table, match->row->source);
	memcpy(result->currency, match->row->currency, sizeof(result->currency));
}

static void ask(const struct pricing_card *card, const struct pricing_charge *charge,
		const struct card_match *match, struct question *question,
		struct pricing_result *result)
{
	const struct table_discount *discount;
	uint64_t factor = MULTIPLIER_ONE;

	if (!match->row)
		return;
	fail(result, scope_find(match, charge, &question->scope));
	if (result->status != PRICING_PRICED)
		return;
	discount = card_discount(card, charge, match, &result->discount);
	if (discount)
		factor = discount->factor;
	question->tokens = scale_of(question->scope.multiplier, factor);
	question->fees = scale_of(MULTIPLIER_ONE, factor);
	question->priced = true;
}

/* A charge that says nothing of requests is one, where a request has a price. */
static void count_request(const struct card_match *match, const struct question *question,
			  struct pricing_usage *usage)
{
	const struct price_scope *scope = &question->scope;
	uint32_t priced = scope->present;

	if (!question->priced || pricing_usage_has(usage, PRICING_REQUESTS))
		return;
	/* without a variant that the row has, its price is that of none, and is missing */
	priced |= scope->variant ? scope->variant->present : match->row->of_variants;
	if (priced & (1u << PRICING_REQUESTS))
		pricing_usage_set(usage, PRICING_REQUESTS, 1);
}

void pricing_price(const struct pricing_card *card, const struct pricing_charge *charge,
		   struct pricing_result *result)
{
	struct pricing_charge asked = *charge;
	struct pricing_usage *usage = &asked.usage;
	struct question question = {.priced = false};
	struct card_match match = {.row = NULL};

	if (card && asked.provider && asked.model) {
		card_find(card, &asked, false, &match);
		if (!match.row)
			card_find_alias(card, &asked, &match);
	}
	start_result(result, &match);
	ask(card, &asked, &match, &question, result);
	count_request(&match, &question, usage);
	for (uint32_t left = usage->present; left; left &= left - 1) {
		enum pricing_bucket bucket = (enum pricing_bucket)__builtin_ctz(left);
		struct pricing_line *line = &result->lines[result->n_lines];

		if (bucket >= PRICING_BUCKETS)
			break;
		if (!usage->quantity[bucket])
			continue;
		*line = (struct pricing_line){
			.bucket = bucket,
			.billed_as = bucket,
			.quantity = usage->quantity[bucket],
			.per = 1,
		};
		if (match.row)
			line->billed_as = (enum pricing_bucket)match.row->billed_as[bucket];
		price_line(result, &question, line);
		result->n_lines++;
	}
}
