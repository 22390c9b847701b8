/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random cards and charges: what a table gives, against a plain reading of the rows as they were
 * parsed, with times by the C library's calendar and amounts by 256-bit integers.
 */
#include <time.h>

#include "pricing/card.h"
#include "tests/unit/pricing/card_random.h"

#define CARDS 60
#define CHARGES 500

static struct parsed_card parse(const char *json)
{
	struct parsed_card parsed = {0};
	char error[512] = "";

	if (card_parse(json, strlen(json), &parsed, error, sizeof(error)) < 0)
		test_fail(__FILE__, __LINE__, "%s", error);
	return parsed;
}

/* ---- the plain reading ---- */

#define LIMBS 5

static void big_multiply(uint64_t big[LIMBS], uint64_t by)
{
	unsigned __int128 carry = 0;

	for (int i = 0; i < LIMBS; i++) {
		carry += (unsigned __int128)big[i] * by;
		big[i] = (uint64_t)carry;
		carry >>= 64;
	}
}

/* Returns whether there was a rest. */
static bool big_divide(uint64_t big[LIMBS], uint64_t by)
{
	unsigned __int128 rest = 0;

	for (int i = LIMBS - 1; i >= 0; i--) {
		rest = rest << 64 | big[i];
		big[i] = (uint64_t)(rest / by);
		rest %= by;
	}
	return rest != 0;
}

/* quantity × rate × multiplier × factor / per, half to even. */
static pricing_amount plain_amount(uint64_t quantity, const struct price *price,
				   uint64_t multiplier, uint64_t factor)
{
	uint64_t big[LIMBS] = {(uint64_t)price->rate, (uint64_t)(price->rate >> 64)};
	pricing_amount halves;
	bool rest;

	big_multiply(big, quantity);
	big_multiply(big, multiplier);
	big_multiply(big, factor);
	big_multiply(big, 2);
	rest = big_divide(big, price->per);
	rest |= big_divide(big, 1000000000000ull);
	CHECK(!big[2] && !big[3] && !big[4]);
	halves = (pricing_amount)((unsigned __int128)big[1] << 64 | big[0]);
	if (halves % 2 == 0)
		return halves / 2;
	return halves / 2 + (rest || halves / 2 % 2);
}

static bool is_for(const char *only, const char *name)
{
	return !only || (name && !strcmp(only, name));
}

static bool names_row(const struct card_row *row, const char *name)
{
	if (!strcmp(row->model, name))
		return true;
	if (!strcmp(name, "m1-2025-02-03"))
		return !strcmp(row->model, "m1");
	return name[0] == 'a' && row->model[1] == name[1];
}

static int plain_rank(const struct card_row *row)
{
	return (row->key ? 2 : 0) + (row->tag ? 1 : 0);
}

static const struct card_row *plain_row(const struct parsed_card *card,
					const struct pricing_charge *charge)
{
	const struct card_row *best = NULL;

	for (int rank = 3; rank >= 0; rank--) {
		for (size_t i = 0; i < card->n_rows; i++) {
			const struct card_row *row = &card->rows[i];

			if (strcmp(row->provider, charge->provider) != 0 ||
			    !names_row(row, charge->model) || plain_rank(row) != rank ||
			    !is_for(row->key, charge->key) || !is_for(row->tag, charge->tag) ||
			    row->start > charge->time)
				continue;
			if (!best || row->start > best->start)
				best = row;
		}
		if (best && charge->time < best->end)
			return best;
		best = NULL;
	}
	return NULL;
}

static const struct price_tier *plain_tier(const struct card_row *row, const char *name)
{
	bool fast = name && (!strcmp(name, "fast") || !strcmp(name, "priority"));

	if (!name || !strcmp(name, "default") || !strcmp(name, "auto"))
		return &row->tiers[0];
	for (size_t i = 1; i < row->n_tiers; i++) {
		const char *tier = row->tiers[i].name;

		if (!strcmp(tier, name) ||
		    (fast && (!strcmp(tier, "fast") || !strcmp(tier, "priority"))))
			return &row->tiers[i];
	}
	return NULL;
}

static bool plain_holds(const struct hours_rule *rule, time_t time)
{
	time_t local = time + rule->zone, midnight;
	struct tm tm;
	uint32_t second;

	gmtime_r(&local, &tm);
	second = (uint32_t)(tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec);
	if (rule->from < rule->to ? second < rule->from || second >= rule->to
				  : second < rule->from && second >= rule->to)
		return false;
	if (second < rule->from) {
		/* since yesterday */
		tm.tm_mday--;
	}
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	midnight = timegm(&tm);
	gmtime_r(&midnight, &tm);
	return rule->days >> (tm.tm_wday + 6) % 7 & 1 && midnight / 86400 >= rule->start &&
	       midnight / 86400 < rule->end;
}

static const struct price_set *plain_set(const struct price_tier *tier,
					 const struct pricing_charge *charge)
{
	const struct price_list *list = &tier->list;
	uint64_t input = pricing_usage_input(&charge->usage);
	const struct price_set *set;

	for (size_t i = tier->n_hours; i-- > 0;) {
		if (plain_holds(&tier->hours[i], charge->time))
			list = &tier->hours[i].list;
	}
	set = &list->set;
	for (size_t i = 0; i < list->n_contexts; i++) {
		if (input >= list->contexts[i].from)
			set = &list->contexts[i].set;
	}
	return set;
}

static const struct price *plain_price(const struct price_set *set, uint32_t bucket)
{
	const struct price *price = set->prices;

	for (uint32_t i = 0; i < bucket; i++)
		price += set->present >> i & 1;
	return set->present >> bucket & 1 ? price : NULL;
}

/* -1 where the region has no price */
static int64_t plain_multiplier(const struct card_row *row, const char *name)
{
	int64_t multiplier = -1;

	if (!name || !*name || (!strcmp(name, "global") && !row->n_regions))
		return 1000000;
	for (size_t i = 0; i < row->n_regions; i++) {
		if (!strcmp(row->regions[i].name, "*") && multiplier < 0 &&
		    strcmp(name, "global") != 0)
			multiplier = row->regions[i].multiplier;
		if (!strcmp(row->regions[i].name, name))
			multiplier = row->regions[i].multiplier;
	}
	return multiplier;
}

static uint64_t plain_factor(const struct parsed_card *card, const struct pricing_charge *charge,
			     const struct card_row *row)
{
	for (int rank = 7; rank >= 0; rank--) {
		for (size_t i = 0; i < card->n_discounts; i++) {
			const struct discount *discount = &card->discounts[i];
			int its = (discount->model ? 4 : 0) + (discount->key ? 2 : 0) +
				  (discount->tag ? 1 : 0);

			if (its == rank && !strcmp(discount->provider, charge->provider) &&
			    is_for(discount->model, row->model) &&
			    is_for(discount->key, charge->key) &&
			    is_for(discount->tag, charge->tag) && charge->time >= discount->start &&
			    charge->time < discount->end)
				return discount->factor;
		}
	}
	return 1000000;
}

struct plain {
	enum pricing_status status;
	pricing_amount amount;
	const char *row;
};

static const struct variant *plain_variant(const struct card_row *row,
					   const struct price_tier *tier,
					   const struct pricing_charge *charge)
{
	for (size_t i = 0; i < row->n_variants; i++) {
		if (charge->variant && tier == row->tiers &&
		    !strcasecmp(row->variants[i].name, charge->variant))
			return &row->variants[i];
	}
	return NULL;
}

static void plain_bucket(struct plain *plain, const struct card_row *row,
			 const struct price_tier *tier, const struct pricing_charge *charge,
			 enum pricing_bucket bucket, uint64_t multiplier, uint64_t factor)
{
	const struct variant *variant = plain_variant(row, tier, charge);
	enum pricing_bucket as = bucket == PRICING_REASONING ? PRICING_OUTPUT : bucket;
	const struct price *price = NULL;
	bool others = false;

	for (size_t i = 0; i < row->n_variants; i++)
		others |= row->variants[i].set.present >> as & 1;
	if (variant)
		price = plain_price(&variant->set, as);
	if (!price && !(charge->variant && !variant && others))
		price = plain_price(plain_set(tier, charge), as);
	if (!price && plain->status == PRICING_PRICED)
		plain->status = charge->variant && !variant && others ? PRICING_UNPRICED_VARIANT
								      : PRICING_UNPRICED_BUCKET;
	if (price)
		plain->amount += plain_amount(charge->usage.quantity[bucket], price,
					      bucket_is_token(as) ? multiplier : 1000000, factor);
}

/* Whether a request has a price in this list, in the charge's variant or, for want of it, in any.
 */
static bool prices_requests(const struct card_row *row, const struct price_set *set,
			    const struct variant *variant)
{
	bool priced = set->present >> PRICING_REQUESTS & 1;

	for (size_t i = 0; i < row->n_variants; i++)
		if (!variant || variant == &row->variants[i])
			priced |= row->variants[i].set.present >> PRICING_REQUESTS & 1;
	return priced;
}

static struct plain price_plainly(const struct parsed_card *card,
				  const struct pricing_charge *asked)
{
	struct pricing_charge counted = *asked, *charge = &counted;
	const struct card_row *row = plain_row(card, charge);
	const struct price_tier *tier = row ? plain_tier(row, charge->tier) : NULL;
	int64_t multiplier = row ? plain_multiplier(row, charge->region) : 0;
	struct plain plain = {.row = row ? row->id : NULL};
	uint64_t factor;

	if (!row || !tier || multiplier < 0) {
		plain.status = !row    ? PRICING_UNPRICED_MODEL
			       : !tier ? PRICING_UNPRICED_TIER
				       : PRICING_UNPRICED_REGION;
		return plain;
	}
	factor = plain_factor(card, charge, row);
	if (!pricing_usage_has(&charge->usage, PRICING_REQUESTS) &&
	    prices_requests(row, plain_set(tier, charge), plain_variant(row, tier, charge)))
		pricing_usage_set(&charge->usage, PRICING_REQUESTS, 1);
	for (int bucket = 0; bucket < PRICING_BUCKETS; bucket++) {
		if (pricing_usage_has(&charge->usage, (enum pricing_bucket)bucket) &&
		    charge->usage.quantity[bucket])
			plain_bucket(&plain, row, tier, charge, (enum pricing_bucket)bucket,
				     (uint64_t)multiplier, factor);
	}
	return plain;
}

/* ---- properties ---- */

static enum pricing_status check_charge(const struct pricing_card *card,
					const struct parsed_card *parsed)
{
	struct pricing_charge charge = random_charge();
	struct plain plain = price_plainly(parsed, &charge);
	struct pricing_result result;

	pricing_price(card, &charge, &result);
	CHECK_INT(result.status, plain.status);
	CHECK(result.amount == plain.amount);
	if (plain.row)
		CHECK_TEXT(result.row, plain.row);
	else
		CHECK(!result.row);
	return result.status;
}

TEST(a_card_round_trips)
{
	unsigned int seen[PRICING_UNPRICED_OVERFLOW + 1] = {0};

	random_seed();
	for (int i = 0; i < CARDS; i++) {
		char *json = random_card();
		struct parsed_card parsed = parse(json);
		struct pricing_card *card = card_of(json);

		for (int j = 0; j < CHARGES; j++)
			seen[check_charge(card, &parsed)]++;
		pricing_card_free(card);
		arena_free(&parsed.arena);
		free(json);
	}
	/* the random charges reach every branch but overflow */
	for (int status = 0; status < PRICING_UNPRICED_OVERFLOW; status++)
		CHECK(seen[status] > CARDS);
}

/* A table has no pointers: it is the same at another place, as in the program. */
TEST(a_table_can_be_moved)
{
	random_seed();
	for (int i = 0; i < CARDS; i++) {
		char *json = random_card();
		struct pricing_card *card = card_of(json), *moved = NULL;
		const struct table *table = card->layers[0];
		struct table *copy = malloc(table->size);

		CHECK(copy);
		memcpy(copy, table, table->size);
		CHECK_INT(pricing_card_new(&moved), 0);
		CHECK_INT(card_add(moved, copy, copy, NULL, 0), 0);
		CHECK_TEXT(pricing_card_version(moved), pricing_card_version(card));
		for (int j = 0; j < CHARGES; j++) {
			struct pricing_charge charge = random_charge();
			struct pricing_result a, b;

			pricing_price(card, &charge, &a);
			pricing_price(moved, &charge, &b);
			CHECK_INT(b.status, a.status);
			CHECK(b.amount == a.amount);
		}
		pricing_card_free(card);
		pricing_card_free(moved);
		free(json);
	}
}

/* The same prices, whatever is in the bill: no context, which are by the whole request. */
static char *flat_card(void)
{
	char *json = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&json, &size);

	CHECK(out);
	fprintf(out, "{\"schema\": 1, \"version\": \"2026-01-31\", \"discounts\": [{\"provider\": "
		     "\"p\", \"factor\": ");
	random_multiplier(out);
	fprintf(out,
		", \"source\": \"s\", \"checked\": \"2026-01-31\"}], \"rows\": [{\"provider\": "
		"\"p\", \"model\": \"m\", \"currency\": \"USD\", \"source\": \"s\", "
		"\"checked\": \"2026-01-31\", \"billed_as\": {\"reasoning\": \"output\"}, "
		"\"regions\": {\"us\": {\"multiplier\": ");
	random_multiplier(out);
	fputs("}}, ", out);
	random_prices(out, 100);
	fputs("}]}", out);
	fclose(out);
	return json;
}

static pricing_amount amount_of(const struct pricing_card *card, const struct pricing_usage *usage,
				struct pricing_result *result)
{
	struct pricing_charge charge = charge_of("p", "m");

	charge.region = "us";
	charge.usage = *usage;
	pricing_price(card, &charge, result);
	CHECK_INT(result->status, PRICING_PRICED);
	return result->amount;
}

TEST(cost_is_monotone_in_every_bucket)
{
	random_seed();
	for (int i = 0; i < CARDS * 10; i++) {
		char *json = flat_card();
		struct pricing_card *card = card_of(json);
		struct pricing_result result;

		for (int bucket = 0; bucket < PRICING_BUCKETS; bucket++) {
			struct pricing_usage usage = random_charge().usage, more;

			more = usage;
			pricing_usage_set(&more, (enum pricing_bucket)bucket,
					  usage.quantity[bucket] + 1 + random_quantity());
			CHECK(amount_of(card, &more, &result) >= amount_of(card, &usage, &result));
		}
		pricing_card_free(card);
		free(json);
	}
}

/* Each line is rounded once: a sum differs by less than one pico-unit a line from each. */
TEST(cost_is_additive_over_calls)
{
	random_seed();
	for (int i = 0; i < CARDS * 10; i++) {
		char *json = flat_card();
		struct pricing_card *card = card_of(json);
		struct pricing_usage a = random_charge().usage, b = random_charge().usage, both;
		struct pricing_result result;
		pricing_amount apart, difference;

		/* what is not told would be one request of each call, and one of both together */
		a.present |= 1u << PRICING_REQUESTS;
		b.present |= 1u << PRICING_REQUESTS;
		both = a;
		apart = amount_of(card, &a, &result);
		apart += amount_of(card, &b, &result);
		for (int bucket = 0; bucket < PRICING_BUCKETS; bucket++)
			both.quantity[bucket] += b.quantity[bucket];
		both.present |= b.present;
		difference = amount_of(card, &both, &result) - apart;
		CHECK(difference >= -(pricing_amount)result.n_lines &&
		      difference <= (pricing_amount)result.n_lines);
		pricing_card_free(card);
		free(json);
	}
}

TEST(cost_is_independent_of_order)
{
	random_seed();
	for (int i = 0; i < CARDS; i++) {
		char *json = random_card();
		struct pricing_card *card = card_of(json);
		struct pricing_charge charges[50];
		struct pricing_result result;
		pricing_amount forwards = 0, backwards = 0;

		for (int j = 0; j < 50; j++) {
			charges[j] = random_charge();
			pricing_price(card, &charges[j], &result);
			forwards += result.amount;
		}
		for (int j = 50; j-- > 0;) {
			pricing_price(card, &charges[j], &result);
			backwards += result.amount;
		}
		CHECK(forwards == backwards);
		pricing_card_free(card);
		free(json);
	}
}

/* A line's rate and per are exact, and its amount is their product to half a pico-unit. */
TEST(a_line_can_be_worked_out_again)
{
	random_seed();
	for (int i = 0; i < CARDS; i++) {
		char *json = random_card();
		struct pricing_card *card = card_of(json);

		for (int j = 0; j < CHARGES; j++) {
			struct pricing_charge charge = random_charge();
			struct pricing_result result;
			pricing_amount total = 0;

			pricing_price(card, &charge, &result);
			for (unsigned int k = 0; k < result.n_lines; k++) {
				const struct pricing_line *line = &result.lines[k];
				struct price price = {line->rate, line->per};

				CHECK(line->priced || !line->amount);
				if (line->priced)
					CHECK(line->amount == plain_amount(line->quantity, &price,
									   1000000, 1000000));
				total += line->amount;
			}
			CHECK(total == result.amount);
		}
		pricing_card_free(card);
		free(json);
	}
}

TEST_MAIN()
