/* SPDX-License-Identifier: Apache-2.0 */
/* Negotiated prices: rows for some, and discounts. */
#include "tests/unit/pricing/card_text.h"

#define MILLION 1000000
#define FLAT(price) "\"prices\": {\"input\": \"" price "\"}"
#define ONLY(holder) "\"only\": {" holder "}, "
#define CUT_OF(provider, rest)                                                     \
	"{\"provider\": \"" provider "\", \"source\": \"contract\", \"checked\": " \
	"\"2026-01-31\", " rest "}"
#define CUT(rest) CUT_OF("p", rest)
#define CARD_CUT(rows, cuts)                                                  \
	"{\"schema\": 1, \"version\": \"2026-01-31\", \"rows\": [" rows "], " \
	"\"discounts\": [" cuts "]}"

static const char *cost_for(const struct pricing_card *card, const char *model, const char *key,
			    const char *tag)
{
	struct pricing_charge charge = charge_of("p", model);

	charge.key = key;
	charge.tag = tag;
	pricing_usage_set(&charge.usage, PRICING_INPUT, MILLION);
	return cost(card, &charge);
}

TEST(the_more_special_row_comes_first)
{
	struct pricing_card *card = card_of(
		CARD(ROW("m", FLAT("9")) "," ROW("m", ONLY("\"tag\": \"t\"") FLAT("7")) "," ROW(
			"m", ONLY("\"key\": \"k\"")
				     FLAT("8")) "," ROW("m", ONLY("\"key\": \"k\", \"tag\": \"t\"")
								     FLAT("6"))));

	CHECK_TEXT(cost_for(card, "m", NULL, NULL), "9");
	CHECK_TEXT(cost_for(card, "m", "k", NULL), "8");
	CHECK_TEXT(cost_for(card, "m", NULL, "t"), "7");
	CHECK_TEXT(cost_for(card, "m", "k", "t"), "6");
	CHECK_TEXT(cost_for(card, "m", "k", "u"), "8");
	CHECK_TEXT(cost_for(card, "m", "l", "t"), "7");
	CHECK_TEXT(cost_for(card, "m", "", ""), "9");
	CHECK_TEXT(cost_for(card, "m-2026-01-01", "k", NULL), "8");
	pricing_card_free(card);
}

TEST(a_row_for_some_is_nobody_elses)
{
	struct pricing_card *card = card_of(CARD(ROW("m", ONLY("\"key\": \"k\"") FLAT("8"))));
	struct pricing_charge charge = charge_of("p", "m");
	struct pricing_result result;
	const char *provider = NULL;

	CHECK_TEXT(cost_for(card, "m", "k", NULL), "8");
	CHECK_TEXT(cost_for(card, "m", "l", NULL), "model");
	CHECK_TEXT(cost_for(card, "m", NULL, NULL), "model");
	CHECK_INT(pricing_card_provider(card, "m", TIME_2026, &provider), 0);
	CHECK_TEXT(provider, "p");
	charge.key = "k";
	pricing_price(card, &charge, &result);
	CHECK_TEXT(result.row, "p/m;key=k");
	pricing_card_free(card);
}

TEST(a_special_row_that_has_ended_leaves_the_common_one)
{
	struct pricing_card *card = card_of(CARD(ROW("m", FLAT("9")) "," ROW(
		"m", ONLY("\"key\": \"k\"") "\"end\": \"2026-01-02\", " FLAT("8"))));
	struct pricing_charge charge = charge_of("p", "m");

	charge.key = "k";
	pricing_usage_set(&charge.usage, PRICING_INPUT, MILLION);
	charge.time = TIME_2026 + DAY - 1;
	CHECK_TEXT(cost(card, &charge), "8");
	charge.time++;
	CHECK_TEXT(cost(card, &charge), "9");
	pricing_card_free(card);
}

TEST(a_later_card_hides_a_more_special_row)
{
	static const char later[] = CARD(ROW("m", FLAT("5")));
	struct pricing_card *card =
		card_of(CARD(ROW("m", FLAT("9")) "," ROW("m", ONLY("\"key\": \"k\"") FLAT("8"))));

	CHECK_INT(pricing_card_load(card, later, strlen(later), NULL, 0), 0);
	CHECK_TEXT(cost_for(card, "m", "k", NULL), "5");
	pricing_card_free(card);
}

TEST(a_special_row_of_a_later_card_leaves_the_others_theirs)
{
	static const char later[] = CARD(ROW("m", ONLY("\"key\": \"k\"") FLAT("5")));
	struct pricing_card *card = card_of(CARD(ROW("m", FLAT("9"))));

	CHECK_INT(pricing_card_load(card, later, strlen(later), NULL, 0), 0);
	CHECK_TEXT(cost_for(card, "m", "k", NULL), "5");
	CHECK_TEXT(cost_for(card, "m", NULL, NULL), "9");
	pricing_card_free(card);
}

/* ---- discounts ---- */

TEST(the_most_special_discount_is_taken_alone)
{
	static const char *const cuts[8] = {
		CUT("\"factor\": \"0.9\""),
		CUT("\"factor\": \"0.8\", \"tag\": \"t\""),
		CUT("\"factor\": \"0.7\", \"key\": \"k\""),
		CUT("\"factor\": \"0.6\", \"key\": \"k\", \"tag\": \"t\""),
		CUT("\"factor\": \"0.5\", \"model\": \"m\""),
		CUT("\"factor\": \"0.4\", \"model\": \"m\", \"tag\": \"t\""),
		CUT("\"factor\": \"0.3\", \"model\": \"m\", \"key\": \"k\""),
		CUT("\"factor\": \"0.2\", \"model\": \"m\", \"key\": \"k\", \"tag\": \"t\""),
	};
	static const char *const costs[8] = {"9", "8", "7", "6", "5", "4", "3", "2"};
	char json[4096];

	/* with the first n only, the n-th is the most special that there is */
	for (int n = 1; n <= 8; n++) {
		struct pricing_card *card;
		size_t length =
			(size_t)snprintf(json, sizeof(json),
					 "{\"schema\": 1, \"version\": \"2026-01-31\", "
					 "\"rows\": [" ROW("m", FLAT("10")) "], \"discounts\": [");

		for (int i = 0; i < n; i++)
			length += (size_t)snprintf(json + length, sizeof(json) - length, "%s%s",
						   i ? "," : "", cuts[i]);
		snprintf(json + length, sizeof(json) - length, "]}");
		card = card_of(json);
		CHECK_TEXT(cost_for(card, "m", "k", "t"), costs[n - 1]);
		CHECK_TEXT(cost_for(card, "m", "l", "u"), n < 5 ? "9" : "5");
		pricing_card_free(card);
	}
}

TEST(a_discount_is_for_its_provider_model_and_time)
{
	struct pricing_card *card = card_of(
		CARD_CUT(ROW("m", "\"aliases\": [\"nick\"], " FLAT("10")) "," ROW("n", FLAT("10")),
			 CUT("\"factor\": \"0.85\", \"model\": \"m\", \"start\": "
			     "\"2026-01-01\", \"end\": \"2026-01-02\"")));
	struct pricing_charge charge = charge_of("p", "m");
	struct pricing_result result;

	CHECK_TEXT(cost_for(card, "m", NULL, NULL), "8.5");
	CHECK_TEXT(cost_for(card, "m-2026-01-05", NULL, NULL), "8.5");
	CHECK_TEXT(cost_for(card, "nick", NULL, NULL), "8.5");
	CHECK_TEXT(cost_for(card, "n", NULL, NULL), "10");
	pricing_usage_set(&charge.usage, PRICING_INPUT, MILLION);
	pricing_price(card, &charge, &result);
	CHECK_TEXT(result.discount, "contract");
	CHECK_INT(result.lines[0].rate, 8500000000000ll);
	CHECK_INT(result.lines[0].per, MILLION);
	charge.time = TIME_2026 - 1;
	CHECK_TEXT(cost(card, &charge), "10");
	charge.time = TIME_2026 + DAY;
	CHECK_TEXT(cost(card, &charge), "10");
	pricing_price(card, &charge, &result);
	CHECK(!result.discount);
	pricing_card_free(card);
}

/* A snapshot may be cheaper than its model; names hold in whatever case. */
TEST(a_discount_may_name_the_model_as_the_response_does)
{
	struct pricing_card *card = card_of(CARD_CUT(
		ROW("m", FLAT("10")), CUT("\"factor\": \"0.5\", \"model\": \"M-2026-01-05\"")));

	CHECK_TEXT(cost_for(card, "m-2026-01-05", NULL, NULL), "5");
	CHECK_TEXT(cost_for(card, "m-2026-01-06", NULL, NULL), "10");
	CHECK_TEXT(cost_for(card, "m", NULL, NULL), "10");
	pricing_card_free(card);
	card = card_of(
		CARD_CUT(ROW("m", FLAT("10")), CUT("\"factor\": \"0.5\", \"model\": \"M\"")));
	CHECK_TEXT(cost_for(card, "m-2026-01-05", NULL, NULL), "5");
	pricing_card_free(card);
}

/* Also where the provider is asked for, or its discount written, under another name of its. */
TEST(a_discount_is_for_a_provider_by_whatever_name)
{
	static const char *const names[] = {"p", "other"};
	struct pricing_card *card;
	char text[1024];

	for (size_t i = 0; i < 4; i++) {
		struct pricing_charge charge = charge_of(names[i % 2], "m");

		snprintf(text, sizeof(text),
			 "{\"schema\": 1, \"version\": \"2026-01-31\", \"provider_aliases\": "
			 "{\"other\": [\"q\", \"p\"]}, \"rows\": [" ROW(
				 "m", FLAT("10")) "], \"discounts\": [{\"provider\": \"%s\", "
						  "\"factor\": \"0.5\", \"source\": \"c\", "
						  "\"checked\": \"2026-01-31\"}]}",
			 names[i / 2]);
		card = card_of(text);
		pricing_usage_set(&charge.usage, PRICING_INPUT, MILLION);
		CHECK_TEXT(cost(card, &charge), "5");
		pricing_card_free(card);
	}
	card = card_of(CARD_CUT(ROW("m", FLAT("10")), CUT("\"factor\": \"0.5\"") ", " CUT_OF(
							      "q", "\"factor\": \"0.1\"")));
	CHECK_TEXT(cost_for(card, "m", NULL, NULL), "5");
	pricing_card_free(card);
}

TEST(a_discount_is_on_tokens_and_fees_and_over_a_region)
{
	struct pricing_card *card = card_of(
		CARD_CUT(ROW("m", "\"prices\": {\"input\": \"10\", \"web_search\": {\"price\": "
				  "\"10\", \"per\": 1000}}, \"regions\": {\"us\": {\"multiplier\": "
				  "\"1.1\"}}"),
			 CUT("\"factor\": \"0.5\"")));
	struct pricing_charge charge = charge_of("p", "m");

	charge.region = "us";
	pricing_usage_set(&charge.usage, PRICING_INPUT, MILLION);
	CHECK_TEXT(cost(card, &charge), "5.5");
	pricing_usage_set(&charge.usage, PRICING_WEB_SEARCH, 1000);
	CHECK_TEXT(cost(card, &charge), "10.5");
	pricing_card_free(card);
}

TEST(a_factor_that_leaves_a_fraction_is_kept_exactly)
{
	struct pricing_card *card =
		card_of(CARD_CUT(ROW("m", "\"prices\": {\"input\": \"0.000001\"}"),
				 CUT("\"factor\": \"0.333333\"")));
	struct pricing_charge charge = charge_of("p", "m");
	struct pricing_result result;

	pricing_usage_set(&charge.usage, PRICING_INPUT, 1);
	CHECK_TEXT(cost(card, &charge), "0");
	pricing_usage_set(&charge.usage, PRICING_INPUT, 2);
	CHECK_TEXT(cost(card, &charge), "0.000000000001");
	pricing_usage_set(&charge.usage, PRICING_INPUT, MILLION);
	CHECK_TEXT(cost(card, &charge), "0.000000333333");
	pricing_price(card, &charge, &result);
	CHECK_INT(result.lines[0].rate, 333333);
	CHECK_INT(result.lines[0].per, MILLION);
	pricing_card_free(card);
}

TEST(a_discount_of_a_later_card_comes_first)
{
	static const char later[] = CARD_CUT("", CUT("\"factor\": \"0.5\""));
	struct pricing_card *card = card_of(
		CARD_CUT(ROW("m", FLAT("10")), CUT("\"factor\": \"0.9\", \"model\": \"m\"")));

	CHECK_TEXT(cost_for(card, "m", NULL, NULL), "9");
	CHECK_INT(pricing_card_load(card, later, strlen(later), NULL, 0), 0);
	CHECK_TEXT(cost_for(card, "m", NULL, NULL), "5");
	pricing_card_free(card);
}

TEST(of_two_discounts_for_the_same_the_one_that_began_last_holds)
{
	struct pricing_card *card =
		card_of(CARD_CUT(ROW("m", FLAT("10")), CUT("\"factor\": \"0.9\"") "," CUT(
							       "\"factor\": \"0.8\", \"start\": "
							       "\"2026-01-01\"")));
	struct pricing_charge charge = charge_of("p", "m");

	pricing_usage_set(&charge.usage, PRICING_INPUT, MILLION);
	CHECK_TEXT(cost(card, &charge), "8");
	charge.time--;
	CHECK_TEXT(cost(card, &charge), "9");
	pricing_card_free(card);
}

TEST_MAIN()
