/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "tests/unit/pricing/card_text.h"

#define FLAT(price) "\"prices\": {\"input\": \"" price "\"}"

/* Dollars per million of what a name matches. */
static const char *price_of(const struct pricing_card *card, const char *name)
{
	struct pricing_charge charge = charge_of("p", name);

	pricing_usage_set(&charge.usage, PRICING_INPUT, 1000000);
	return cost(card, &charge);
}

static struct pricing_card *models(void)
{
	return card_of(CARD(ROW("m", "\"aliases\": [\"m-latest\", \"nick\"], " FLAT("1")) "," ROW(
		"m-mini", FLAT("2")) "," ROW("m-2026-01-05", FLAT("3")) "," ROW("m-20",
										FLAT("4"))));
}

TEST(exact_comes_first)
{
	struct pricing_card *card = models();

	CHECK_TEXT(price_of(card, "m"), "1");
	CHECK_TEXT(price_of(card, "m-mini"), "2");
	CHECK_TEXT(price_of(card, "m-2026-01-05"), "3");
	CHECK_TEXT(price_of(card, "m-20"), "4");
	pricing_card_free(card);
}

TEST(a_dated_snapshot_is_its_model)
{
	struct pricing_card *card = models();

	CHECK_TEXT(price_of(card, "m-2026-01-06"), "1");
	CHECK_TEXT(price_of(card, "m-20260106"), "1");
	CHECK_TEXT(price_of(card, "m@20260106"), "1");
	CHECK_TEXT(price_of(card, "m-mini-2026-01-05"), "2");
	pricing_card_free(card);
}

TEST(an_alias_is_its_model)
{
	struct pricing_card *card = models();

	CHECK_TEXT(price_of(card, "m-latest"), "1");
	CHECK_TEXT(price_of(card, "nick"), "1");
	CHECK_TEXT(price_of(card, "Nick"), "1");
	CHECK_TEXT(price_of(card, "M-2026-01-06"), "1");
	CHECK_TEXT(price_of(card, "M-MINI"), "2");
	pricing_card_free(card);
}

/* What a user's card calls so comes before what is built in; but it is no guess at snapshots. */
TEST(an_alias_of_a_later_card_comes_first)
{
	static const char later[] =
		CARD(ROW("own", "\"aliases\": [\"m\", \"m-2026-01-05\"], " FLAT("9")));
	struct pricing_card *card = models();

	CHECK_INT(pricing_card_load(card, later, strlen(later), NULL, 0), 0);
	CHECK_TEXT(price_of(card, "m"), "9");
	CHECK_TEXT(price_of(card, "m-2026-01-05"), "9");
	CHECK_TEXT(price_of(card, "m-2026-01-06"), "1");
	CHECK_TEXT(price_of(card, "m-mini"), "2");
	pricing_card_free(card);
}

/* Within a card a dated snapshot of a model comes before an alias. */
TEST(a_snapshot_comes_before_an_alias)
{
	struct pricing_card *card = card_of(CARD(
		ROW("m", FLAT("1")) "," ROW("n", "\"aliases\": [\"m-2026-01-05\"], " FLAT("2"))));

	CHECK_TEXT(price_of(card, "m-2026-01-05"), "1");
	pricing_card_free(card);
}

TEST(names_that_differ_in_case_only_are_one)
{
	static const char text[] = CARD(ROW("m", FLAT("1")) "," ROW("M", FLAT("2")));
	struct pricing_card *card = NULL;
	char error[256];

	CHECK_INT(pricing_card_new(&card), 0);
	CHECK_INT(pricing_card_load(card, text, strlen(text), error, sizeof(error)), -EINVAL);
	CHECK(strstr(error, "is another model's too"));
	pricing_card_free(card);
}

TEST(a_neighbour_is_not_a_match)
{
	static const char *const names[] = {
		"",
		"m-",
		"m-min",
		"m-mini-",
		"m-mini-fast",
		"mm",
		"m ",
		" m",
		"m-2026-01",
		"m-2026-13-05",
		"m-2026-00-05",
		"m-2026-01-32",
		"m-2026-01-00",
		"m-2026-1-05",
		"m2026-01-05",
		"m-2026010",
		"m-202601055",
		"m@2026-01-06",
		"m_20260106",
		"m-20261301",
		"m-20260132",
		"m--2026-01-05",
		"2026-01-05",
		"-2026-01-05",
		"@20260106",

		"m-1026-01-05",
		"x/m",
		"m-0613",
		"m-latest-2026-01-06",
		"nicky",
		"m-2026/01/06",
		"m-v1:0",
	};
	struct pricing_card *card = models();

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(price_of(card, names[i]), "model") != 0)
			test_fail(__FILE__, __LINE__, "\"%s\" matches", names[i]);
	}
	pricing_card_free(card);
}

TEST(another_provider_is_not_a_match)
{
	struct pricing_card *card = models();
	struct pricing_charge charge = charge_of("q", "m");

	pricing_usage_set(&charge.usage, PRICING_INPUT, 1);
	CHECK_TEXT(cost(card, &charge), "model");
	charge.provider = NULL;
	CHECK_TEXT(cost(card, &charge), "model");
	charge.provider = "p";
	charge.model = NULL;
	CHECK_TEXT(cost(card, &charge), "model");
	CHECK_TEXT(cost(NULL, &charge), "model");
	pricing_card_free(card);
}

TEST(an_empty_card_has_nothing)
{
	struct pricing_card *card = card_of(CARD(""));

	CHECK_TEXT(price_of(card, "m"), "model");
	pricing_card_free(card);
	CHECK_INT(pricing_card_new(&card), 0);
	CHECK_TEXT(price_of(card, "m"), "model");
	pricing_card_free(card);
}

TEST(a_row_holds_from_its_start_to_its_end)
{
	struct pricing_card *card = card_of(CARD(
		ROW("m", "\"start\": \"2025-06-01\", \"end\": \"2025-12-31\", " FLAT("1")) "," ROW(
			"m", "\"start\": \"2026-01-01\", " FLAT("2"))));
	struct pricing_charge charge = charge_of("p", "m");

	pricing_usage_set(&charge.usage, PRICING_INPUT, 1000000);
	CHECK_TEXT(cost(card, &charge), "2");
	charge.time = TIME_2026 - 1; /* the last day has no row */
	CHECK_TEXT(cost(card, &charge), "model");
	charge.time = TIME_2026 - DAY;
	CHECK_TEXT(cost(card, &charge), "model");
	charge.time = TIME_2026 - DAY - 1;
	CHECK_TEXT(cost(card, &charge), "1");
	charge.time = 1748736000; /* 2025-06-01T00:00:00Z */
	CHECK_TEXT(cost(card, &charge), "1");
	charge.time--;
	CHECK_TEXT(cost(card, &charge), "model");
	pricing_card_free(card);
}

TEST(a_price_change_leaves_history_alone)
{
	struct pricing_card *card =
		card_of(CARD(ROW("m", "\"start\": \"2026-01-01\", " FLAT("2")) "," ROW(
			"m", FLAT("1")) "," ROW("m", "\"start\": \"2026-01-03\", " FLAT("3"))));
	struct pricing_charge charge = charge_of("p", "m");

	pricing_usage_set(&charge.usage, PRICING_INPUT, 1000000);
	for (int day = -3; day < 6; day++) {
		const char *expected = day < 0 ? "1" : day < 2 ? "2" : "3";

		charge.time = TIME_2026 + day * DAY;
		CHECK_TEXT(cost(card, &charge), expected);
		charge.time += DAY - 1;
		CHECK_TEXT(cost(card, &charge), expected);
	}
	pricing_card_free(card);
}

TEST(a_later_card_hides_an_earlier_one)
{
	static const char own[] = CARD(
		ROW("m", "\"start\": \"2026-01-02\", "
			 "\"end\": \"2026-01-04\", " FLAT(
				 "9")) "," ROW("other", "\"aliases\": [\"nick\"], " FLAT("8")));
	struct pricing_card *card = models();
	struct pricing_charge charge = charge_of("p", "m-2026-01-31");

	pricing_usage_set(&charge.usage, PRICING_INPUT, 1000000);
	CHECK_INT(pricing_card_load(card, own, strlen(own), NULL, 0), 0);
	CHECK_TEXT(cost(card, &charge), "1");
	charge.time = TIME_2026 + DAY;
	CHECK_TEXT(cost(card, &charge), "9");
	charge.time = TIME_2026 + 3 * DAY - 1;
	CHECK_TEXT(cost(card, &charge), "9");
	charge.time++;
	CHECK_TEXT(cost(card, &charge), "1");
	charge.model = "m-latest";
	charge.time = TIME_2026 + DAY;
	CHECK_TEXT(cost(card, &charge), "9");
	CHECK_TEXT(price_of(card, "nick"), "8");
	CHECK_TEXT(price_of(card, "m-mini"), "2");
	pricing_card_free(card);
}

/* What a later card says for other times, keys or tags hides nothing, by whatever kind of name. */
TEST(a_row_that_does_not_hold_hides_nothing)
{
	static const struct {
		const char *later, *name;
	} cases[] = {
		{CARD(ROW("m-2026-01-06", "\"start\": \"2026-03-01\", " FLAT("9"))),
		 "m-2026-01-06"},
		{CARD(ROW("nick", "\"start\": \"2026-03-01\", " FLAT("9"))), "nick"},
		{CARD(ROW("own", "\"aliases\": [\"m\"], \"start\": \"2026-03-01\", " FLAT("9"))),
		 "m"},
		{CARD(ROW("own", "\"aliases\": [\"nick\"], \"only\": {\"key\": \"k\"}, "
				 "\"start\": \"2026-03-01\", " FLAT("9"))),
		 "nick"},
		{CARD(ROW("m-2026-01-06",
			  "\"only\": {\"tag\": \"t\"}, \"start\": \"2026-03-01\", " FLAT("9"))),
		 "M-2026-01-06"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pricing_card *card = models();
		struct pricing_charge charge = charge_of("p", cases[i].name);

		CHECK_INT(pricing_card_load(card, cases[i].later, strlen(cases[i].later), NULL, 0),
			  0);
		pricing_usage_set(&charge.usage, PRICING_INPUT, 1000000);
		charge.key = "k";
		charge.tag = "t";
		CHECK_TEXT(cost(card, &charge), "1");
		charge.time += 60 * DAY;
		CHECK_TEXT(cost(card, &charge), "9");
		charge.key = charge.tag = "other";
		CHECK_TEXT(cost(card, &charge), strstr(cases[i].later, "only") ? "1" : "9");
		pricing_card_free(card);
	}
}

/* Nor does it lead to a neighbour in its own card. */
TEST(a_row_that_does_not_hold_leads_to_no_other_of_its_card)
{
	static const char later[] = CARD(ROW("own", FLAT("9")) "," ROW(
		"own-2026-01-05", "\"start\": \"2026-03-01\", " FLAT("8")));
	struct pricing_card *card = models();
	struct pricing_charge charge = charge_of("p", "own-2026-01-05");

	CHECK_INT(pricing_card_load(card, later, strlen(later), NULL, 0), 0);
	pricing_usage_set(&charge.usage, PRICING_INPUT, 1000000);
	CHECK_TEXT(cost(card, &charge), "model");
	charge.time += 60 * DAY;
	CHECK_TEXT(cost(card, &charge), "8");
	pricing_card_free(card);
}

TEST(the_provider_of_a_model_is_found)
{
	struct pricing_card *card = card_of(
		CARD("{\"provider\": \"q\", \"model\": \"n\", \"currency\": \"USD\", \"source\": "
		     "\"s\", \"checked\": \"2026-01-01\", \"prices\": {}}," ROW(
			     "m", FLAT("1")) "," ROW("n", FLAT("1"))));
	const char *provider = NULL;

	CHECK_INT(pricing_card_provider(card, "m-20260101", TIME_2026, &provider), 0);
	CHECK_TEXT(provider, "p");
	CHECK_INT(pricing_card_provider(card, "n", TIME_2026, &provider), -EEXIST);
	CHECK_INT(pricing_card_provider(card, "o", TIME_2026, &provider), -ENOENT);
	CHECK_TEXT(provider, "p");
	pricing_card_free(card);
}

/* Rows of one price for a model of each provider, and who is preferred. */
#define SOLD_BY(provider)                                                                        \
	"{\"provider\": \"" provider "\", \"model\": \"n\", \"currency\": \"USD\", \"source\": " \
	"\"s\", \"checked\": \"2026-01-01\", \"prices\": {}}"
#define MADE_BY(makers, rows)                                                                     \
	"{\"schema\": 1, \"version\": \"2026-01-01\", \"makers\": [" makers "], \"rows\": [" rows \
	"]}"

TEST(a_model_without_a_provider_is_its_makers)
{
	struct pricing_card *card = card_of(
		MADE_BY("\"none\", \"b\", \"c\"", SOLD_BY("a") "," SOLD_BY("c") "," SOLD_BY("b")));
	static const char other[] = MADE_BY("\"c\"", ""), bad[] = MADE_BY("\"c\", \"c\"", "");
	const char *provider = NULL;
	char error[256];

	CHECK_INT(pricing_card_provider(card, "n-2026-01-01", TIME_2026, &provider), 0);
	CHECK_TEXT(provider, "b");
	CHECK_INT(pricing_card_load(card, other, strlen(other), NULL, 0), 0);
	CHECK_INT(pricing_card_provider(card, "n", TIME_2026, &provider), 0);
	CHECK_TEXT(provider, "c");
	CHECK_INT(pricing_card_load(card, bad, strlen(bad), error, sizeof(error)), -EINVAL);
	CHECK_TEXT(error, "makers has \"c\" twice");
	pricing_card_free(card);
}

TEST(a_provider_may_have_other_names)
{
	static const char text[] =
		"{\"schema\": 1, \"version\": \"2026-01-01\", \"provider_aliases\": {\"x\": [\"none\", "
		"\"q\", \"p\"], \"q\": [\"p\"]}, \"rows\": [" ROW("m", FLAT("1")) "," ROW(
			"n",
			FLAT("2")) ", {\"provider\": \"q\", \"model\": \"n\", \"currency\": \"USD\", \"source\": "
				   "\"s\", \"checked\": \"2026-01-01\", " FLAT(
					   "3") "}], \"discounts\": [{\"provider\": "
						"\"q\", \"factor\": \"0.5\", \"source\": \"s\", \"checked\": \"2026-01-01\"}]}";
	static const struct {
		const char *provider, *model, *cost;
	} cases[] = {{"p", "m", "1"},     {"p", "n", "2"},     {"q", "n", "1.5"},
		     {"q", "m", "1"},     {"x", "n", "1.5"},   {"x", "m", "1"},
		     {"x", "o", "model"}, {"y", "m", "model"}, {"X", "m", "model"}};
	struct pricing_card *card = card_of(text);

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pricing_charge charge = charge_of(cases[i].provider, cases[i].model);

		pricing_usage_set(&charge.usage, PRICING_INPUT, 1000000);
		CHECK_TEXT(cost(card, &charge), cases[i].cost);
	}
	pricing_card_free(card);
}

TEST(bad_provider_aliases_are_named)
{
	static const struct {
		const char *aliases, *error;
	} bad[] = {
		{"[]", "provider_aliases is not an object"},
		{"{\"a\": \"b\"}", "\"a\" is no name of an array of providers"},
		{"{\"a\": []}", "\"a\" is no name of an array of providers"},
		{"{\"\": [\"b\"]}", "\"\" is no name of an array of providers"},
		{"{\"a\": [1]}", "a is not a text"},
		{"{\"a\": [\"b\"], \"a\": [\"c\"]}", "provider_aliases has \"a\" twice"},
	};
	struct pricing_card *card = NULL;
	char text[512], error[256];

	CHECK_INT(pricing_card_new(&card), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text),
			 "{\"schema\": 1, \"version\": \"2026-01-01\", \"rows\": [], "
			 "\"provider_aliases\": %s}",
			 bad[i].aliases);
		CHECK_INT(pricing_card_load(card, text, strlen(text), error, sizeof(error)),
			  -EINVAL);
		CHECK_TEXT(error, bad[i].error);
	}
	pricing_card_free(card);
}

TEST(many_models_are_all_found)
{
	enum { N = 3000 };
	struct pricing_card *card;
	char *json = NULL, name[32];
	size_t length = 0;
	FILE *out = open_memstream(&json, &length);

	CHECK(out);
	fprintf(out, "{\"schema\": 1, \"version\": \"2026-01-31\", \"rows\": [");
	for (int i = 0; i < N; i++)
		fprintf(out,
			"%s{\"provider\": \"p\", \"model\": \"m%d\", \"currency\": \"USD\", "
			"\"source\": \"s\", \"checked\": \"2026-01-01\", \"prices\": "
			"{\"input\": \"%d\"}}",
			i ? "," : "", i, i);
	fprintf(out, "]}");
	fclose(out);
	card = card_of(json);
	for (int i = 0; i < N; i++) {
		char expected[32];

		snprintf(name, sizeof(name), "m%d", i);
		snprintf(expected, sizeof(expected), "%d", i);
		CHECK_TEXT(price_of(card, name), expected);
	}
	pricing_card_free(card);
	free(json);
}

TEST_MAIN()
