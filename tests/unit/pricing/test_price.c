/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/pricing/card_text.h"

static struct pricing_charge usage_of(uint64_t input, uint64_t cached, uint64_t output)
{
	struct pricing_charge charge = charge_of("p", "m");

	pricing_usage_set(&charge.usage, PRICING_INPUT, input);
	pricing_usage_set(&charge.usage, PRICING_CACHE_READ, cached);
	pricing_usage_set(&charge.usage, PRICING_OUTPUT, output);
	return charge;
}

TEST(every_line_explains_itself)
{
	struct pricing_card *card = card_of(CARD(ROW("m", PRICES)));
	struct pricing_charge charge = usage_of(700, 300, 200);
	struct pricing_result result;

	pricing_price(card, &charge, &result);
	CHECK_INT(result.status, PRICING_PRICED);
	CHECK_INT(result.n_lines, 3);
	CHECK_INT(result.lines[1].bucket, PRICING_CACHE_READ);
	CHECK_INT(result.lines[1].billed_as, PRICING_CACHE_READ);
	CHECK_INT(result.lines[1].quantity, 300);
	CHECK_INT(result.lines[1].rate, 300000000000ll);
	CHECK_INT(result.lines[1].per, 1000000);
	CHECK_INT(result.lines[1].amount, 90000000ll);
	CHECK_INT(result.amount, 5190000000ll);
	CHECK_TEXT(result.currency, "USD");
	CHECK_TEXT(result.row, "p/m");
	CHECK_TEXT(result.source, "s");
	CHECK_INT(result.missing, PRICING_BUCKETS);
	pricing_card_free(card);
}

TEST(a_zero_needs_no_price)
{
	struct pricing_card *card = card_of(CARD(ROW("m", PRICES)));
	struct pricing_charge charge = usage_of(1000, 0, 0);

	pricing_usage_set(&charge.usage, PRICING_WEB_SEARCH, 0);
	CHECK_TEXT(cost(card, &charge), "0.003");
	pricing_card_free(card);
}

TEST(a_missing_price_leaves_the_priced_part_apart)
{
	struct pricing_card *card = card_of(CARD(ROW("m", PRICES)));
	struct pricing_charge charge = usage_of(1000, 0, 1000);
	struct pricing_result result;

	/* of several the first is told */
	pricing_usage_set(&charge.usage, PRICING_CACHE_WRITE, 1);
	pricing_usage_set(&charge.usage, PRICING_PAGES, 1);
	pricing_price(card, &charge, &result);
	CHECK_INT(result.status, PRICING_UNPRICED_BUCKET);
	CHECK_INT(result.missing, PRICING_CACHE_WRITE);
	CHECK_INT(result.amount, 18000000000ll);
	CHECK_INT(result.n_lines, 4);
	CHECK(!result.lines[1].priced);
	CHECK(result.lines[2].priced);
	CHECK_TEXT(result.row, "p/m");
	pricing_card_free(card);
}

TEST(a_price_of_zero_is_a_price)
{
	struct pricing_card *card = card_of(CARD(ROW("m", "\"prices\": {\"input\": \"0\"}")));
	struct pricing_charge charge = usage_of(1000, 0, 0);

	CHECK_TEXT(cost(card, &charge), "0");
	pricing_card_free(card);
}

TEST(a_bucket_is_billed_as_another_only_where_the_row_says_so)
{
	struct pricing_card *card = card_of(CARD(ROW(
		"m", PRICES ", \"billed_as\": {\"reasoning\": \"output\"}") "," ROW("n", PRICES)));
	struct pricing_charge charge = usage_of(0, 0, 100);
	struct pricing_result result;

	pricing_usage_set(&charge.usage, PRICING_REASONING, 900);
	pricing_price(card, &charge, &result);
	CHECK_INT(result.status, PRICING_PRICED);
	CHECK_INT(result.amount, 15000000000ll);
	CHECK_INT(result.lines[1].bucket, PRICING_REASONING);
	CHECK_INT(result.lines[1].billed_as, PRICING_OUTPUT);
	charge.model = "n";
	CHECK_TEXT(cost(card, &charge), "bucket");
	pricing_card_free(card);
}

/* ---- service tiers ---- */

static struct pricing_card *tiered(void)
{
	return card_of(CARD(ROW(
		"m", PRICES
		", \"tiers\": {\"batch\": {\"prices\": {\"input\": \"1.5\", \"output\": \"7.5\"}}, "
		"\"priority\": {\"prices\": {\"input\": \"6\", \"output\": \"30\"}, \"context\": "
		"[{\"above\": 1000, \"prices\": {}}]}, \"fast\": \"priority\"}")));
}

TEST(the_served_tier_is_billed)
{
	struct pricing_card *card = tiered();
	struct pricing_charge charge = usage_of(1000, 0, 0);

	CHECK_TEXT(cost(card, &charge), "0.003");
	charge.tier = "default";
	CHECK_TEXT(cost(card, &charge), "0.003");
	charge.tier = "standard";
	CHECK_TEXT(cost(card, &charge), "0.003");
	charge.tier = "on_demand";
	CHECK_TEXT(cost(card, &charge), "0.003");
	charge.tier = "auto";
	CHECK_TEXT(cost(card, &charge), "0.003");
	charge.tier = "";
	CHECK_TEXT(cost(card, &charge), "0.003");
	charge.tier = "batch";
	CHECK_TEXT(cost(card, &charge), "0.0015");
	charge.tier = "priority";
	CHECK_TEXT(cost(card, &charge), "0.006");
	charge.tier = "fast";
	CHECK_TEXT(cost(card, &charge), "0.006");
	pricing_card_free(card);
}

TEST(a_tier_without_a_price_is_not_standard)
{
	static const char *const tiers[] = {"flex", "scale", "batch ", "priorit", "autob"};
	struct pricing_card *card = tiered();
	struct pricing_charge charge = usage_of(1000, 0, 0);

	for (size_t i = 0; i < sizeof(tiers) / sizeof(*tiers); i++) {
		charge.tier = tiers[i];
		CHECK_TEXT(cost(card, &charge), "tier");
	}
	pricing_card_free(card);
}

TEST(a_bucket_that_the_tier_does_not_list_is_not_standard)
{
	struct pricing_card *card = tiered();
	struct pricing_charge charge = usage_of(1000, 1, 0);

	charge.tier = "batch";
	CHECK_TEXT(cost(card, &charge), "bucket");
	charge = usage_of(1001, 0, 0);
	charge.tier = "priority";
	CHECK_TEXT(cost(card, &charge), "bucket");
	pricing_card_free(card);
}

/* ---- context ---- */

static struct pricing_card *with_context(const char *bound)
{
	char json[1024];

	snprintf(json, sizeof(json),
		 CARD(ROW("m", PRICES ", \"context\": [{%s, \"prices\": {\"input\": \"6\", "
				      "\"cache_read\": \"0.6\", \"output\": \"22.5\"}}]")),
		 bound);
	return card_of(json);
}

TEST(exactly_at_the_threshold_is_the_lower_tier)
{
	struct pricing_card *card = with_context("\"above\": 200000");
	struct pricing_charge charge = usage_of(200000, 0, 1000000);

	CHECK_TEXT(cost(card, &charge), "15.6");
	charge = usage_of(200001, 0, 1000000);
	CHECK_TEXT(cost(card, &charge), "23.700006");
	pricing_card_free(card);
}

TEST(a_row_may_begin_at_its_threshold)
{
	struct pricing_card *card = with_context("\"from\": 200000");
	struct pricing_charge charge = usage_of(199999, 0, 0);

	CHECK_TEXT(cost(card, &charge), "0.599997");
	charge = usage_of(200000, 0, 0);
	CHECK_TEXT(cost(card, &charge), "1.2");
	pricing_card_free(card);
}

TEST(the_total_input_with_cached_tokens_switches_the_whole_request)
{
	struct pricing_card *card = with_context("\"above\": 200000");
	struct pricing_charge charge = usage_of(1, 200000, 10);

	/* 6e-6 + 200000 × 0.6e-6 + 10 × 22.5e-6 */
	CHECK_TEXT(cost(card, &charge), "0.120231");
	charge = usage_of(0, 200000, 10);
	CHECK_TEXT(cost(card, &charge), "0.06015");
	pricing_card_free(card);
}

TEST(several_thresholds)
{
	struct pricing_card *card = card_of(CARD(ROW(
		"m", "\"prices\": {\"input\": \"1\"}, \"context\": [{\"above\": 10, \"prices\": "
		     "{\"input\": \"2\"}}, {\"above\": 20, \"prices\": {\"input\": \"3\"}}]")));
	static const struct {
		uint64_t input;
		const char *cost;
	} cases[] = {{10, "0.00001"}, {11, "0.000022"}, {20, "0.00004"}, {21, "0.000063"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pricing_charge charge = usage_of(cases[i].input, 0, 0);

		CHECK_TEXT(cost(card, &charge), cases[i].cost);
	}
	pricing_card_free(card);
}

/* ---- regions ---- */

TEST(a_region_multiplies_the_prices_of_tokens)
{
	struct pricing_card *card = card_of(CARD(ROW(
		"m", "\"prices\": {\"input\": \"3\", \"web_search\": {\"price\": \"10\", \"per\": "
		     "1000}}, \"regions\": {\"us\": {\"multiplier\": \"1.1\"}}")));
	struct pricing_charge charge = usage_of(1000, 0, 0);
	struct pricing_result result;

	pricing_usage_set(&charge.usage, PRICING_WEB_SEARCH, 1);
	CHECK_TEXT(cost(card, &charge), "0.013");
	charge.region = "global";
	CHECK_TEXT(cost(card, &charge), "region");
	charge.region = "US";
	CHECK_TEXT(cost(card, &charge), "0.0133");
	pricing_price(card, &charge, &result);
	CHECK_INT(result.lines[0].rate, 3300000000000ll);
	charge.region = "eu";
	CHECK_TEXT(cost(card, &charge), "region");
	pricing_card_free(card);
}

/* ---- range ---- */

TEST(an_amount_that_does_not_fit_is_said)
{
	struct pricing_card *card = card_of(CARD(
		ROW("m", "\"prices\": {\"input\": {\"price\": \"999999999\", \"per\": 1}, "
			 "\"cache_read\": \"1\", \"output\": {\"price\": \"9\", \"per\": 1}}")));
	struct pricing_charge charge = usage_of(UINT64_MAX, 1000000, 0);
	struct pricing_result result;

	pricing_price(card, &charge, &result);
	CHECK_INT(result.status, PRICING_UNPRICED_OVERFLOW);
	CHECK_INT(result.amount, 1000000000000ll);
	CHECK(!result.lines[0].priced);
	CHECK(result.lines[1].priced);
	charge = usage_of(0, 0, UINT64_MAX);
	CHECK_TEXT(cost(card, &charge), "166020696663385964535");
	pricing_card_free(card);
}

TEST(a_total_that_does_not_fit_is_said)
{
	struct pricing_card *card = card_of(
		CARD(ROW("m", "\"prices\": {\"input\": {\"price\": \"5000000\", \"per\": 1}, "
			      "\"output\": {\"price\": \"5000000\", \"per\": 1}}")));
	struct pricing_charge charge = usage_of(UINT64_MAX, 0, 0);

	CHECK_TEXT(cost(card, &charge), "92233720368547758075000000");
	charge = usage_of(UINT64_MAX, 0, UINT64_MAX);
	CHECK_TEXT(cost(card, &charge), "overflow");
	pricing_card_free(card);
}

TEST(bits_beyond_the_buckets_are_passed_over)
{
	struct pricing_card *card = card_of(CARD(ROW("m", PRICES)));
	struct pricing_charge charge = usage_of(1000, 0, 0);

	charge.usage.present |= 1u << PRICING_BUCKETS | 1u << 31;
	CHECK_TEXT(cost(card, &charge), "0.003");
	pricing_card_free(card);
}

/* ---- properties ---- */

static uint64_t random_state = 88172645463325252ull;

static uint64_t next_random(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % below;
}

static pricing_amount amount_of(const struct pricing_card *card,
				const struct pricing_charge *charge)
{
	struct pricing_result result;

	pricing_price(card, charge, &result);
	CHECK_INT(result.status, PRICING_PRICED);
	return result.amount;
}

TEST(cost_is_additive_and_grows_with_each_bucket)
{
	struct pricing_card *card = card_of(CARD(ROW("m", PRICES)));

	for (int i = 0; i < 10000; i++) {
		struct pricing_charge a = usage_of(next_random(1ull << 40), next_random(1 << 20),
						   next_random(1 << 30));
		struct pricing_charge b =
			usage_of(next_random(1000), next_random(1000), next_random(1000));
		struct pricing_charge both = a, more = a;
		pricing_amount cost_a = amount_of(card, &a), cost_b = amount_of(card, &b);

		for (int bucket = 0; bucket < PRICING_BUCKETS; bucket++)
			both.usage.quantity[bucket] += b.usage.quantity[bucket];
		CHECK(amount_of(card, &both) == cost_a + cost_b);
		more.usage.quantity[PRICING_CACHE_READ]++;
		CHECK(amount_of(card, &more) == cost_a + 300000);
		more = a;
		more.usage.quantity[PRICING_OUTPUT]++;
		CHECK(amount_of(card, &more) == cost_a + 15000000);
	}
	pricing_card_free(card);
}

TEST_MAIN()
