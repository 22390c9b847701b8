/* SPDX-License-Identifier: Apache-2.0 */
/* Mistakes that tools for the price of models are known to make; each is a case, by its number. */
#include "tests/unit/pricing/card_text.h"

#define MILLION 1000000

static struct pricing_charge charge_with(const char *provider, const char *model,
					 enum pricing_bucket bucket, uint64_t quantity)
{
	struct pricing_charge charge = charge_of(provider, model);

	pricing_usage_set(&charge.usage, bucket, quantity);
	return charge;
}

/* Cost of a model of provider "p" on a card of one row. */
static const char *cost_with(const char *rest, struct pricing_charge charge)
{
	char json[4096];
	struct pricing_card *card;
	const char *text;

	snprintf(
		json, sizeof(json),
		"{\"schema\": 1, \"version\": \"2026-01-31\", \"rows\": [%s%s}]}",
		"{\"provider\": \"p\", \"model\": \"m\", \"currency\": \"USD\", \"source\": \"s\", "
		"\"checked\": \"2026-01-31\", ",
		rest);
	card = card_of(json);
	charge.provider = "p";
	charge.model = "m";
	text = cost(card, &charge);
	pricing_card_free(card);
	return text;
}

#define COST(rest, bucket, quantity) cost_with(rest, charge_with("p", "m", bucket, quantity))

/* 1 */
TEST(cached_tokens_are_counted_once_and_a_negative_bucket_is_reported)
{
	struct pricing_charge charge = charge_with("p", "m", PRICING_INPUT, 1000);
	enum pricing_bucket bucket = PRICING_BUCKETS;

	pricing_usage_set(&charge.usage, PRICING_CACHE_READ, 900);
	CHECK_INT(pricing_usage_exclude(&charge.usage, &bucket), 0);
	CHECK_TEXT(cost_with("\"prices\": {\"input\": \"3\", \"cache_read\": \"0.3\"}", charge),
		   "0.00057");
	pricing_usage_set(&charge.usage, PRICING_CACHE_READ, 101);
	CHECK(pricing_usage_exclude(&charge.usage, &bucket) < 0);
	CHECK_INT(bucket, PRICING_INPUT);
}

TEST(video_tokens_of_the_output_are_counted_once)
{
	struct pricing_charge charge = charge_with("p", "m", PRICING_OUTPUT, 1000);
	enum pricing_bucket bucket = PRICING_BUCKETS;

	pricing_usage_set(&charge.usage, PRICING_OUTPUT_VIDEO, 600);
	CHECK_INT(pricing_usage_exclude(&charge.usage, &bucket), 0);
	CHECK_INT(pricing_usage_output(&charge.usage), 1000);
	CHECK_TEXT(cost_with("\"prices\": {\"output\": \"1\", \"output_video\": \"10\"}", charge),
		   "0.0064");
}

/* 2 */
TEST(a_one_hour_cache_write_is_not_billed_at_the_five_minute_rate)
{
	static const char writes[] = "\"prices\": {\"cache_write_5m\": \"3.75\", "
				     "\"cache_write_1h\": \"6\"}";
	static const char unsplit[] = "\"prices\": {\"cache_write_5m\": \"3.75\"}, \"billed_as\": "
				      "{\"cache_write\": \"cache_write_5m\"}";

	CHECK_TEXT(COST(writes, PRICING_CACHE_WRITE_5M, MILLION), "3.75");
	CHECK_TEXT(COST(writes, PRICING_CACHE_WRITE_1H, MILLION), "6");
	CHECK_TEXT(COST(unsplit, PRICING_CACHE_WRITE, MILLION), "3.75");
	/* nothing is assumed, and nothing is 0 */
	CHECK_TEXT(COST(writes, PRICING_CACHE_WRITE, MILLION), "bucket");
}

/* 3 */
TEST(context_switches_the_whole_request_and_cache_rates_have_tiers_too)
{
	static const char above[] =
		"\"prices\": {\"input\": \"1\", \"cache_read\": \"0.1\"}, \"context\": [{\"above\": "
		"200000, \"prices\": {\"input\": \"2\", \"cache_read\": \"0.2\"}}]";
	static const char from[] =
		"\"prices\": {\"input\": \"1\"}, \"context\": [{\"from\": 128000, \"prices\": "
		"{\"input\": \"2\"}}]";
	struct pricing_charge charge = charge_with("p", "m", PRICING_INPUT, 100000);

	pricing_usage_set(&charge.usage, PRICING_CACHE_READ, 100000);
	CHECK_TEXT(cost_with(above, charge), "0.11");
	pricing_usage_set(&charge.usage, PRICING_CACHE_READ, 100001);
	CHECK_TEXT(cost_with(above, charge), "0.2200002");
	/* at the threshold itself, as xAI has it */
	CHECK_TEXT(COST(from, PRICING_INPUT, 127999), "0.127999");
	CHECK_TEXT(COST(from, PRICING_INPUT, 128000), "0.256");
}

TEST(a_sum_of_requests_is_never_tiered)
{
	struct pricing_card *card = card_of(
		CARD(ROW("m", "\"prices\": {\"input\": \"1\"}, \"context\": [{\"above\": 200000, "
			      "\"prices\": {\"input\": \"2\"}}]")));
	struct pricing_charge charge = charge_with("p", "m", PRICING_INPUT, 150000);
	struct pricing_result result;
	pricing_amount sum = 0;
	char text[PRICING_AMOUNT_TEXT_MAX];

	for (int i = 0; i < 2; i++) {
		pricing_price(card, &charge, &result);
		sum += result.amount;
	}
	CHECK_TEXT(pricing_amount_text(sum, text), "0.3");
	pricing_card_free(card);
}

/* 4 */
TEST(the_served_tier_is_billed_and_one_without_a_price_is_unpriced)
{
	static const char row[] = "\"prices\": {\"input\": \"1\"}, \"tiers\": {\"batch\": "
				  "{\"prices\": {\"input\": \"0.5\"}}}";
	static const struct {
		const char *tier, *cost;
	} cases[] = {{NULL, "1"},      {"default", "1"},  {"standard", "1"}, {"on_demand", "1"},
		     {"auto", "1"},    {"batch", "0.5"},  {"flex", "tier"},  {"priority", "tier"},
		     {"fast", "tier"}, {"scale", "tier"}, {"BATCH", "0.5"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pricing_charge charge = charge_with("p", "m", PRICING_INPUT, MILLION);

		charge.tier = cases[i].tier;
		CHECK_TEXT(cost_with(row, charge), cases[i].cost);
	}
}

TEST(priority_is_also_called_fast)
{
	static const char priority[] = "\"prices\": {\"input\": \"1\"}, \"tiers\": {\"priority\": "
				       "{\"prices\": {\"input\": \"2\"}}}";
	static const char fast[] = "\"prices\": {\"input\": \"1\"}, \"tiers\": {\"fast\": "
				   "{\"prices\": {\"input\": \"2\"}}}";
	static const char both[] = "\"prices\": {\"input\": \"1\"}, \"tiers\": {\"fast\": "
				   "{\"prices\": {\"input\": \"2\"}}, \"priority\": {\"prices\": "
				   "{\"input\": \"3\"}}}";
	struct pricing_charge charge = charge_with("p", "m", PRICING_INPUT, MILLION);

	charge.tier = "fast";
	CHECK_TEXT(cost_with(priority, charge), "2");
	CHECK_TEXT(cost_with(fast, charge), "2");
	CHECK_TEXT(cost_with(both, charge), "2");
	charge.tier = "priority";
	CHECK_TEXT(cost_with(priority, charge), "2");
	CHECK_TEXT(cost_with(fast, charge), "2");
	CHECK_TEXT(cost_with(both, charge), "3");
}

/* Anthropic's fast is a speed at a higher price, its priority is capacity that was bought. */
TEST(anthropic_has_two_tiers_of_these_names)
{
	static const struct {
		const char *provider, *model;
	} models[] = {{"anthropic", "claude-x"},
		      {"anthropic", "x"},
		      {"aws.bedrock", "anthropic.claude-x"},
		      {"gcp.vertex_ai", "claude-x"}};
	char text[512];

	for (size_t i = 0; i < sizeof(models) / sizeof(*models); i++) {
		struct pricing_charge charge =
			charge_with(models[i].provider, models[i].model, PRICING_INPUT, MILLION);
		struct pricing_card *card;

		snprintf(text, sizeof(text),
			 "{\"schema\": 1, \"version\": \"2026-01-31\", \"rows\": [{\"provider\": "
			 "\"%s\", \"model\": \"%s\", \"currency\": \"USD\", \"source\": \"s\", "
			 "\"checked\": \"2026-01-31\", \"prices\": {\"input\": \"1\"}, \"tiers\": "
			 "{\"fast\": {\"prices\": {\"input\": \"6\"}}}}]}",
			 models[i].provider, models[i].model);
		card = card_of(text);
		charge.tier = "fast";
		CHECK_TEXT(cost(card, &charge), "6");
		charge.tier = "priority";
		CHECK_TEXT(cost(card, &charge), "tier");
		pricing_card_free(card);
	}
}

/* 5 */
static struct pricing_card *bedrock(void)
{
	return card_of(
		"{\"schema\": 1, \"version\": \"2026-01-31\", \"rows\": [{\"provider\": "
		"\"aws.bedrock\", \"model\": \"anthropic.claude-sonnet-4-5\", \"currency\": "
		"\"USD\", \"source\": \"s\", \"checked\": \"2026-01-31\", \"prices\": {\"input\": "
		"\"3\"}, \"regions\": {\"global\": {\"multiplier\": \"1\"}, \"*\": {\"multiplier\": "
		"\"1.1\"}}}]}");
}

TEST(a_model_id_is_normalised_and_geography_stays_a_dimension)
{
	static const struct {
		const char *model, *cost;
	} cases[] = {
		{"global.anthropic.claude-sonnet-4-5-20250929-v1:0", "3"},
		{"us.anthropic.claude-sonnet-4-5-20250929-v1:0", "3.3"},
		{"jp.anthropic.claude-sonnet-4-5-20250929-v1:0", "3.3"},
		{"arn:aws:bedrock:eu-west-1:123456789012:inference-profile/"
		 "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
		 "3.3"},
		{"arn:aws:bedrock:us-east-1::foundation-model/"
		 "anthropic.claude-sonnet-4-5-20250929-v1:0",
		 "3.3"},
		{"arn:aws:bedrock:us-east-1:123456789012:inference-profile/"
		 "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
		 "3"},
		{"arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3",
		 "model"},
		{"us.anthropic.claude-sonnet-4-5-mini-v1:0", "model"},
		{"xx.anthropic.claude-sonnet-4-5-20250929-v1:0", "model"},
	};
	struct pricing_card *card = bedrock();

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pricing_charge charge =
			charge_with("aws.bedrock", cases[i].model, PRICING_INPUT, MILLION);

		CHECK_TEXT(cost(card, &charge), cases[i].cost);
		if (!strcmp(cases[i].cost, "model"))
			continue;
		/* what the charge itself says comes first */
		charge.region = "global";
		CHECK_TEXT(cost(card, &charge), "3");
	}
	pricing_card_free(card);
}

TEST(a_bare_id_in_a_region_costs_what_the_region_costs)
{
	struct pricing_card *card = bedrock();
	struct pricing_charge charge = charge_with(
		"aws.bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", PRICING_INPUT, MILLION);

	CHECK_TEXT(cost(card, &charge), "3");
	charge.region = "us-east-1";
	CHECK_TEXT(cost(card, &charge), "3.3");
	pricing_card_free(card);
}

TEST(an_opaque_arn_needs_the_users_word)
{
	static const char arn[] =
		"arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3";
	struct pricing_card *card =
		card_of("{\"schema\": 1, \"version\": \"2026-01-31\", \"rows\": [{\"provider\": "
			"\"aws.bedrock\", \"model\": \"ours\", \"aliases\": "
			"[\"arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/"
			"a1b2c3\"], \"currency\": \"USD\", \"source\": \"s\", \"checked\": "
			"\"2026-01-31\", \"prices\": {\"input\": \"4\"}}]}");
	struct pricing_charge charge = charge_with("aws.bedrock", arn, PRICING_INPUT, MILLION);

	CHECK_TEXT(cost(card, &charge), "4");
	pricing_card_free(card);
}

TEST(a_region_that_a_row_does_not_name_is_unpriced)
{
	static const char none[] = "\"prices\": {\"input\": \"1\"}";
	static const char some[] = "\"prices\": {\"input\": \"1\"}, \"regions\": {\"us\": "
				   "{\"multiplier\": \"1.1\"}}";
	static const char rest[] = "\"prices\": {\"input\": \"1\"}, \"regions\": {\"*\": "
				   "{\"multiplier\": \"1.2\"}, \"us\": {\"multiplier\": \"1.1\"}}";
	static const struct {
		const char *region, *none, *some, *rest;
	} cases[] = {{NULL, "1", "1", "1"},
		     {"global", "1", "region", "region"},
		     {"us", "region", "1.1", "1.1"},
		     {"ap-south-1", "region", "region", "1.2"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pricing_charge charge = charge_with("p", "m", PRICING_INPUT, MILLION);

		charge.region = cases[i].region;
		CHECK_TEXT(cost_with(none, charge), cases[i].none);
		CHECK_TEXT(cost_with(some, charge), cases[i].some);
		CHECK_TEXT(cost_with(rest, charge), cases[i].rest);
	}
}

/* A geography's own row is its price; the rest of the name does not lead past it. */
TEST(a_geography_with_a_row_of_its_own)
{
	struct pricing_card *card = card_of(
		"{\"schema\": 1, \"version\": \"2026-01-31\", \"rows\": [{\"provider\": "
		"\"aws.bedrock\", \"model\": \"amazon.nova-pro-v1:0\", \"currency\": \"USD\", "
		"\"source\": \"s\", \"checked\": \"2026-01-31\", \"prices\": {\"input\": \"8\"}, "
		"\"regions\": {\"*\": {\"multiplier\": \"1\"}}}, {\"provider\": \"aws.bedrock\", "
		"\"model\": \"eu.amazon.nova-pro-v1:0\", \"currency\": \"USD\", \"source\": \"s\", "
		"\"checked\": \"2026-01-31\", \"prices\": {\"input\": \"9\"}}]}");
	static const struct {
		const char *model, *cost;
	} cases[] = {
		{"amazon.nova-pro-v1:0", "8"},
		{"eu.amazon.nova-pro-v1:0", "9"},
		{"us.amazon.nova-pro-v1:0", "8"},
		{"arn:aws:bedrock:eu-west-1:123456789012:inference-profile/"
		 "eu.amazon.nova-pro-v1:0",
		 "9"},
		{"arn:aws:bedrock:us-east-1:123456789012:inference-profile/"
		 "us.amazon.nova-pro-v1:0",
		 "8"},
		/* what is known is the price of regions */
		{"global.amazon.nova-pro-v1:0", "region"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pricing_charge charge =
			charge_with("aws.bedrock", cases[i].model, PRICING_INPUT, MILLION);

		CHECK_TEXT(cost(card, &charge), cases[i].cost);
	}
	pricing_card_free(card);
}

/* 6 */
TEST(a_prefix_never_bills_a_neighbour)
{
	struct pricing_card *card = card_of(CARD(
		ROW("m", "\"aliases\": [\"m-latest\"], \"prices\": {\"input\": \"5\"}") "," ROW(
			"m-mini", "\"prices\": {\"input\": \"1\"}")));
	static const struct {
		const char *model, *cost;
	} cases[] = {{"m", "5"},
		     {"m-2026-01-01", "5"},
		     {"m-latest", "5"},
		     {"m-mini", "1"},
		     {"m-mini-20260101", "1"},
		     {"m-nano", "model"},
		     {"m-mini-x", "model"},
		     {"m-2026", "model"},
		     {"m-latest-20260101", "model"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pricing_charge charge =
			charge_with("p", cases[i].model, PRICING_INPUT, MILLION);

		CHECK_TEXT(cost(card, &charge), cases[i].cost);
	}
	pricing_card_free(card);
}

/* 7 */
TEST(a_changed_price_appends_a_row_and_history_keeps_its_own)
{
	struct pricing_card *card = card_of(CARD(ROW("m", "\"prices\": {\"input\": \"2\"}") "," ROW(
		"m", "\"start\": \"2026-01-01\", \"prices\": {\"input\": \"1\"}")));
	struct pricing_charge charge = charge_with("p", "m", PRICING_INPUT, MILLION);

	CHECK_TEXT(cost(card, &charge), "1");
	charge.time--;
	CHECK_TEXT(cost(card, &charge), "2");
	pricing_card_free(card);
}

/* 8; 2026-01-05 is a Monday */
#define MONDAY (TIME_2026 + 4 * DAY)
#define AT(day, hour, minute) (MONDAY + (day)*DAY + (hour)*3600 + (minute)*60)

static const char *off_peak(const char *rule, int64_t time)
{
	struct pricing_charge charge = charge_with("p", "m", PRICING_INPUT, MILLION);
	char row[1024];

	snprintf(row, sizeof(row),
		 "\"prices\": {\"input\": \"2\"}, \"hours\": [{%s, \"prices\": {\"input\": "
		 "\"1\"}}]",
		 rule);
	charge.time = time;
	return cost_with(row, charge);
}

TEST(off_peak_is_by_time_and_a_window_may_pass_midnight)
{
	static const char rule[] = "\"zone\": \"UTC\", \"from\": \"16:30\", \"to\": \"00:30\"";

	CHECK_TEXT(off_peak(rule, AT(0, 16, 30) - 1), "2");
	CHECK_TEXT(off_peak(rule, AT(0, 16, 30)), "1");
	CHECK_TEXT(off_peak(rule, AT(1, 0, 30) - 1), "1");
	CHECK_TEXT(off_peak(rule, AT(1, 0, 30)), "2");
	/* before 1970 too */
	CHECK_TEXT(off_peak(rule, -DAY + 17 * 3600), "1");
	CHECK_TEXT(off_peak(rule, -DAY + 600), "1");
	CHECK_TEXT(off_peak(rule, -DAY + 12 * 3600), "2");
}

TEST(off_peak_is_by_weekday_of_the_day_on_which_the_window_began)
{
	static const char rule[] = "\"zone\": \"UTC\", \"from\": \"22:00\", \"to\": \"06:00\", "
				   "\"days\": [\"fri\"]";

	CHECK_TEXT(off_peak(rule, AT(4, 21, 59)), "2");
	CHECK_TEXT(off_peak(rule, AT(4, 22, 0)), "1");
	CHECK_TEXT(off_peak(rule, AT(5, 5, 59)), "1");
	CHECK_TEXT(off_peak(rule, AT(5, 6, 0)), "2");
	CHECK_TEXT(off_peak(rule, AT(5, 22, 0)), "2");
	CHECK_TEXT(off_peak(rule, AT(4, 5, 0)), "2");
}

TEST(off_peak_is_by_zone)
{
	static const char rule[] = "\"zone\": \"+08:00\", \"from\": \"00:00\", \"to\": \"24:00\", "
				   "\"days\": [\"sat\", \"sun\"]";
	static const char west[] = "\"zone\": \"-03:30\", \"from\": \"00:00\", \"to\": \"01:00\"";

	CHECK_TEXT(off_peak(rule, AT(4, 16, 0) - 1), "2");
	CHECK_TEXT(off_peak(rule, AT(4, 16, 0)), "1");
	CHECK_TEXT(off_peak(rule, AT(6, 16, 0) - 1), "1");
	CHECK_TEXT(off_peak(rule, AT(6, 16, 0)), "2");
	CHECK_TEXT(off_peak(west, AT(0, 3, 30)), "1");
	CHECK_TEXT(off_peak(west, AT(0, 4, 30)), "2");
	/* no such time there is */
	CHECK_TEXT(off_peak(rule, INT64_MAX - 1), "2");
}

TEST(off_peak_is_by_date_together_with_the_others)
{
	static const char rule[] =
		"\"zone\": \"+08:00\", \"from\": \"23:00\", \"to\": \"01:00\", \"days\": [\"tue\"], "
		"\"start\": \"2026-01-06\", \"end\": \"2026-01-13\"";

	/* Tuesday the 6th at 23:00 there is 15:00 in UTC */
	CHECK_TEXT(off_peak(rule, AT(1, 15, 0)), "1");
	CHECK_TEXT(off_peak(rule, AT(1, 16, 59)), "1");
	CHECK_TEXT(off_peak(rule, AT(1, 17, 0)), "2");
	CHECK_TEXT(off_peak(rule, AT(2, 15, 0)), "2");
	CHECK_TEXT(off_peak(rule, AT(8, 15, 0)), "2");
	CHECK_TEXT(off_peak(rule, AT(-6, 15, 0)), "2");
}

TEST(the_first_rule_that_holds_is_taken_and_its_list_is_complete)
{
	static const char row[] =
		"\"prices\": {\"input\": \"9\", \"output\": \"9\"}, \"hours\": ["
		"{\"zone\": \"UTC\", \"from\": \"00:00\", \"to\": \"12:00\", \"prices\": {\"input\": "
		"\"1\"}, \"context\": [{\"above\": 1000, \"prices\": {\"input\": \"3\"}}]},"
		"{\"zone\": \"UTC\", \"from\": \"06:00\", \"to\": \"18:00\", \"prices\": {\"input\": "
		"\"2\"}}], \"tiers\": {\"batch\": {\"prices\": {\"input\": \"4\"}}, \"flex\": "
		"{\"prices\": {\"input\": \"5\"}, \"hours\": [{\"zone\": \"UTC\", \"from\": "
		"\"11:00\", \"to\": \"12:00\", \"prices\": {\"input\": \"6\"}}]}}";
	struct pricing_charge charge = charge_with("p", "m", PRICING_INPUT, 1000);

	charge.time = AT(0, 11, 0);
	CHECK_TEXT(cost_with(row, charge), "0.001");
	pricing_usage_set(&charge.usage, PRICING_INPUT, 2000);
	CHECK_TEXT(cost_with(row, charge), "0.006");
	charge.tier = "batch";
	CHECK_TEXT(cost_with(row, charge), "0.008");
	charge.tier = "flex";
	CHECK_TEXT(cost_with(row, charge), "0.012");
	charge.tier = NULL;
	charge.time = AT(0, 12, 0);
	CHECK_TEXT(cost_with(row, charge), "0.004");
	charge.time = AT(0, 18, 0);
	CHECK_TEXT(cost_with(row, charge), "0.018");
	charge.time = AT(0, 11, 0);
	pricing_usage_set(&charge.usage, PRICING_OUTPUT, 1);
	CHECK_TEXT(cost_with(row, charge), "bucket");
}

/* 9 */
TEST(fees_are_by_their_own_units)
{
	CHECK_TEXT(COST("\"prices\": {\"web_search\": {\"price\": \"10\", \"per\": 1000}}",
			PRICING_WEB_SEARCH, 3),
		   "0.03");
	CHECK_TEXT(COST("\"prices\": {\"grounding\": {\"price\": \"14\", \"per\": 1000}}",
			PRICING_GROUNDING, 5),
		   "0.07");
	CHECK_TEXT(COST("\"prices\": {\"sessions\": \"0.03\"}", PRICING_SESSIONS, 2), "0.06");
	CHECK_TEXT(COST("\"prices\": {\"pages\": {\"price\": \"1\", \"per\": 1000}}", PRICING_PAGES,
			7),
		   "0.007");
	CHECK_TEXT(COST("\"prices\": {\"milliseconds\": {\"price\": \"0.006\", \"per\": 60000}}",
			PRICING_MILLISECONDS, 90000),
		   "0.009");
	CHECK_TEXT(COST("\"prices\": {\"characters\": {\"price\": \"15\", \"per\": 1000000}}",
			PRICING_CHARACTERS, 2000),
		   "0.03");
	/* a million tokens for an hour */
	CHECK_TEXT(COST("\"prices\": {\"cache_storage\": {\"price\": \"1\", \"per\": "
			"3600000000}}",
			PRICING_CACHE_STORAGE, 3600ull * 50000),
		   "0.05");
}

TEST(a_call_is_one_request_where_nothing_is_said)
{
	static const char row[] = "\"prices\": {\"input\": \"1\", \"requests\": {\"price\": "
				  "\"5\", \"per\": 1000}}";
	static const char by_size[] =
		"\"prices\": {\"input\": \"1\"}, \"variants\": {\"low\": "
		"{\"prices\": {\"requests\": \"0.005\"}}, \"free\": {\"prices\": {}}}";
	struct pricing_charge charge = charge_with("p", "m", PRICING_INPUT, MILLION);

	CHECK_TEXT(cost_with(row, charge), "1.005");
	CHECK_TEXT(cost_with(by_size, charge), "bucket");
	charge.variant = "low";
	CHECK_TEXT(cost_with(by_size, charge), "1.005");
	charge.variant = "LOW";
	CHECK_TEXT(cost_with(by_size, charge), "1.005");
	/* a variant without a price of a request is not one of another's */
	charge.variant = "free";
	CHECK_TEXT(cost_with(by_size, charge), "1");
	charge.variant = "other";
	CHECK_TEXT(cost_with(by_size, charge), "variant");
	charge.variant = NULL;
	pricing_usage_set(&charge.usage, PRICING_REQUESTS, 3);
	CHECK_TEXT(cost_with(row, charge), "1.015");
	pricing_usage_set(&charge.usage, PRICING_REQUESTS, 0);
	CHECK_TEXT(cost_with(row, charge), "1");
}

TEST(an_image_is_by_quality_and_size)
{
	static const char row[] =
		"\"prices\": {\"input\": \"5\", \"output\": \"10\"}, \"variants\": "
		"{\"high/1024x1024\": {\"prices\": "
		"{\"images\": \"0.167\"}}, \"low/1024x1024\": {\"prices\": {\"images\": \"0.011\", "
		"\"input\": \"4\"}}}, \"regions\": {\"us\": {\"multiplier\": \"2\"}}, "
		"\"tiers\": {\"batch\": {\"prices\": {\"input\": \"2.5\"}}}";
	struct pricing_charge charge = charge_with("p", "m", PRICING_IMAGES, 2);

	CHECK_TEXT(cost_with(row, charge), "bucket");
	charge.variant = "high/1024x1024";
	CHECK_TEXT(cost_with(row, charge), "0.334");
	/* what is published of a variant is its standard price */
	charge.tier = "batch";
	CHECK_TEXT(cost_with(row, charge), "variant");
	charge.tier = NULL;
	charge.variant = "medium/1024x1024";
	CHECK_TEXT(cost_with(row, charge), "variant");
	pricing_usage_set(&charge.usage, PRICING_INPUT, MILLION);
	charge.variant = "high/1024x1024";
	CHECK_TEXT(cost_with(row, charge), "5.334");
	charge.variant = "low/1024x1024";
	charge.region = "us";
	CHECK_TEXT(cost_with(row, charge), "8.022");
	charge.usage = (struct pricing_usage){0};
	pricing_usage_set(&charge.usage, PRICING_INPUT, MILLION);
	charge.region = NULL;
	charge.variant = NULL;
	CHECK_TEXT(cost_with(row, charge), "5");
	/* what a variant changes is not known of another one; what none does needs no name */
	charge.variant = "medium/1024x1024";
	CHECK_TEXT(cost_with(row, charge), "variant");
	charge.usage = (struct pricing_usage){0};
	pricing_usage_set(&charge.usage, PRICING_OUTPUT, MILLION);
	CHECK_TEXT(cost_with(row, charge), "10");
	pricing_usage_set(&charge.usage, PRICING_PAGES, 1);
	CHECK_TEXT(cost_with(row, charge), "bucket");
}

/* 12: what a call bills besides is a charge of its own, by its own model */
TEST(usage_of_another_model_is_extra)
{
	struct pricing_card *card = card_of(CARD(ROW("m", "\"prices\": {\"input\": \"3\"}") "," ROW(
		"n", "\"prices\": {\"input\": \"1\"}")));
	struct pricing_charge first = charge_with("p", "m", PRICING_INPUT, 1000);
	struct pricing_charge second = charge_with("p", "n", PRICING_INPUT, 1000);

	CHECK_TEXT(cost(card, &first), "0.003");
	CHECK_TEXT(cost(card, &second), "0.001");
	pricing_card_free(card);
}

/* 13 */
TEST(a_self_hosted_model_is_by_gpu_hours_or_unpriced)
{
	struct pricing_charge charge = charge_with("p", "m", PRICING_GPU_MILLISECONDS, 1800000);

	CHECK_TEXT(cost_with("\"prices\": {\"gpu_milliseconds\": {\"price\": \"2.50\", \"per\": "
			     "3600000}}",
			     charge),
		   "1.25");
	CHECK_TEXT(cost_with("\"prices\": {\"input\": \"1\"}", charge), "bucket");
	/* 2.5 / 3,600,000 has no end; a third of an hour does */
	pricing_usage_set(&charge.usage, PRICING_GPU_MILLISECONDS, 1);
	CHECK_TEXT(cost_with("\"prices\": {\"gpu_milliseconds\": {\"price\": \"2.50\", \"per\": "
			     "3600000}}",
			     charge),
		   "0.000000694444");
}

/* 14 */
TEST(money_does_not_drift_and_is_rounded_once_a_line)
{
	struct pricing_charge charge = charge_with("p", "m", PRICING_INPUT, 10000);

	/* 0.034999… in floating point */
	pricing_usage_set(&charge.usage, PRICING_OUTPUT, 1000);
	CHECK_TEXT(cost_with("\"prices\": {\"input\": \"2\", \"output\": \"15\"}", charge),
		   "0.035");
	/* half a pico-unit goes to the even one; 10 · 0.05 pico is 0.5 */
	CHECK_TEXT(COST("\"prices\": {\"input\": \"0.00000005\"}", PRICING_INPUT, 10), "0");
	CHECK_TEXT(COST("\"prices\": {\"input\": \"0.00000005\"}", PRICING_INPUT, 11),
		   "0.000000000001");
	CHECK_TEXT(COST("\"prices\": {\"input\": \"0.00000005\"}", PRICING_INPUT, 30),
		   "0.000000000002");
	CHECK_TEXT(COST("\"prices\": {\"input\": \"0.00000005\"}", PRICING_INPUT, 50),
		   "0.000000000002");
	/* not rounded for each of a million, nor for one unit */
	CHECK_TEXT(
		COST("\"prices\": {\"images\": {\"price\": \"1\", \"per\": 3}}", PRICING_IMAGES, 3),
		"1");
	CHECK_TEXT(
		COST("\"prices\": {\"images\": {\"price\": \"1\", \"per\": 3}}", PRICING_IMAGES, 2),
		"0.666666666667");
}

TEST_MAIN()
