/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cards.h"
#include "agent/price_output.h"
#include "tests/unit/test.h"

static const char rows[] =
	"{\"schema\": 1, \"version\": \"2026-01-31\", \"rows\": [{\"provider\": \"p\", \"model\": "
	"\"m\", \"currency\": \"EUR\", \"source\": \"a \\\"page\\\"\", \"checked\": \"2026-01-31\", "
	"\"start\": \"2026-01-01\", \"prices\": {\"input\": \"3\", \"output\": \"15\", \"web_search\": "
	"{\"price\": \"10\", \"per\": 1000}}, \"billed_as\": {\"reasoning\": \"output\"}}]}";

static const char fractions[] =
	"{\"schema\": 1, \"version\": \"2026-01-31\", \"rows\": [{\"provider\": \"p\", \"model\": "
	"\"m\", \"currency\": \"EUR\", \"source\": \"s\", \"checked\": \"2026-01-31\", \"prices\": "
	"{\"input\": {\"price\": \"12.5\", \"per\": 10000000}, \"output\": {\"price\": \"1\", \"per\": "
	"3000000}, \"reasoning\": \"0.000000000001\", \"web_search\": {\"price\": \"10\", \"per\": "
	"1000}}}], \"discounts\": [{\"provider\": \"p\", \"key\": \"k\", \"factor\": \"0.25\", \"source\": "
	"\"annex C\", \"checked\": \"2026-01-31\"}]}";

static struct pricing_card *card_from(const char *json)
{
	struct pricing_card *card = NULL;

	CHECK(pricing_card_new(&card) == 0);
	CHECK(pricing_card_load(card, json, strlen(json), NULL, 0) == 0);
	return card;
}

static struct pricing_charge charge_of(void)
{
	struct pricing_charge charge = {.provider = "p", .model = "m", .time = 1769817600};

	pricing_usage_set(&charge.usage, PRICING_INPUT, UINT64_MAX / 2);
	pricing_usage_set(&charge.usage, PRICING_REASONING, 7);
	pricing_usage_set(&charge.usage, PRICING_WEB_SEARCH, 1);
	return charge;
}

/* What is printed, with the version of the card replaced by V. */
static char *printed_by(const char *json_card, const struct pricing_charge *charge, bool json)
{
	struct pricing_card *card = card_from(json_card);
	struct pricing_result result;
	const char *version = pricing_card_version(card);
	char *text = NULL, *at;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	CHECK(out);
	pricing_price(card, charge, &result);
	if (json)
		CHECK_INT(price_output_json(out, card, charge, &result, NULL), 0);
	else
		price_output_text(out, card, charge, &result);
	fclose(out);
	at = strstr(text, version);
	CHECK(at);
	*at = 'V';
	memmove(at + 1, at + strlen(version), strlen(at + strlen(version)) + 1);
	pricing_card_free(card);
	return text;
}

static char *printed(const struct pricing_charge *charge, bool json)
{
	return printed_by(rows, charge, json);
}

TEST(json_keeps_every_digit)
{
	struct pricing_charge charge = charge_of();
	char *text = printed(&charge, true);

	/* (2^63 - 1) × 3e-6 + 7 × 15e-6 + 0.01 */
	CHECK_TEXT(
		text,
		"{\"gen_ai.usage.cost\":27670116110564.337526,\"tollspan.cost.status\":\"priced\","
		"\"tollspan.cost.currency\":\"EUR\",\"tollspan.card.version\":\"V\","
		"\"source\":\"a \\\"page\\\"\",\"lines\":["
		"{\"bucket\":\"input\",\"quantity\":9223372036854775807,\"rate\":\"3\","
		"\"per\":1000000,\"amount\":\"27670116110564.327421\",\"row\":\"p/m@2026-01-01\"},"
		"{\"bucket\":\"reasoning\",\"quantity\":7,\"billed_as\":\"output\",\"rate\":\"15\","
		"\"per\":1000000,\"amount\":\"0.000105\",\"row\":\"p/m@2026-01-01\"},"
		"{\"bucket\":\"web_search\",\"quantity\":1,\"rate\":\"10\",\"per\":1000,"
		"\"amount\":\"0.01\",\"row\":\"p/m@2026-01-01\"}]}\n");
	free(text);
}

TEST(json_of_an_unpriced_usage_has_no_cost)
{
	struct pricing_charge charge = charge_of();
	char *text;

	charge.usage.quantity[PRICING_INPUT] = 1000000;
	pricing_usage_set(&charge.usage, PRICING_CACHE_READ, 2);
	text = printed(&charge, true);
	CHECK(!strstr(text, "gen_ai.usage.cost"));
	CHECK(strstr(text, "\"tollspan.cost.status\":\"unpriced\""));
	CHECK(strstr(text, "\"tollspan.cost.priced_part\":\"3.010105\""));
	CHECK(strstr(text, "\"missing\":\"cache_read\""));
	CHECK(strstr(text,
		     "{\"bucket\":\"cache_read\",\"quantity\":2,\"row\":\"p/m@2026-01-01\"}"));
	free(text);
}

TEST(text_explains_line_by_line)
{
	struct pricing_charge charge = charge_of();
	char *text;

	charge.usage.quantity[PRICING_INPUT] = 1000;
	text = printed(&charge, false);
	CHECK(!strncmp(text, "p m, standard tier, at 2026-01-31T00:00:00Z\n", 44));
	CHECK(strstr(text, "3 EUR per 1M"));
	CHECK(strstr(text, "reasoning (as output)"));
	CHECK(strstr(text, "10 EUR per 1k"));
	CHECK(strstr(text, " 0.013105 EUR\n"));
	CHECK(strstr(text, "\nrow       p/m@2026-01-01\nsource    a \"page\"\ncard      V\n"));
	free(text);
	charge.model = "n";
	text = printed(&charge, false);
	CHECK(strstr(text, "unpriced: no row for this provider and model at that time\n"));
	CHECK(!strstr(text, "the part with a price"));
	free(text);
}

TEST(rates_are_those_of_a_million_tokens_where_that_is_a_decimal)
{
	struct pricing_charge charge = charge_of();
	char *text;

	pricing_usage_set(&charge.usage, PRICING_OUTPUT, 3);
	text = printed_by(fractions, &charge, false);
	CHECK(strstr(text, " 1.25 EUR per 1M "));
	CHECK(strstr(text, " 1 EUR per 3000000 "));
	CHECK(strstr(text, " 0.000000000001 EUR per 1M "));
	CHECK(strstr(text, " 10 EUR per 1k "));
	CHECK(!strstr(text, "discount"));
	free(text);
	charge.key = "k";
	charge.tag = "t";
	text = printed_by(fractions, &charge, false);
	CHECK(strstr(text, ", key k, tag t, at "));
	CHECK(strstr(text, " 0.3125 EUR per 1M "));
	CHECK(strstr(text, " 0.25 EUR per 3000000 "));
	CHECK(strstr(text, " 0.00000000000025 EUR per 1M "));
	CHECK(strstr(text, " 2.5 EUR per 1k "));
	CHECK(strstr(text, "\nsource    s\ndiscount  annex C\ncard      V\n"));
	free(text);
	text = printed_by(fractions, &charge, true);
	CHECK(strstr(text, "\"source\":\"s\",\"tollspan.cost.discount\":\"annex C\","));
	free(text);
}

TEST(the_cards_hide_each_other_in_order)
{
	char folder[] = "/tmp/tollspan-cards-XXXXXX", path[64], error[512] = "";
	struct pricing_charge charge = charge_of();
	struct pricing_card *card = NULL;
	struct pricing_result result;
	FILE *file;

	CHECK(mkdtemp(folder));
	CHECK_INT(setenv("XDG_CONFIG_HOME", folder, 1), 0);
	snprintf(path, sizeof(path), "%s/tollspan", folder);
	CHECK_INT(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/tollspan/card.json", folder);
	file = fopen(path, "w");
	CHECK(file && fputs(rows, file) >= 0 && fclose(file) == 0);

	CHECK_INT(cards_load(&card, NULL, error, sizeof(error)), 0);
	pricing_price(card, &charge, &result);
	CHECK_INT(result.status, PRICING_PRICED);
	charge.provider = "openai";
	charge.model = "gpt-4o";
	pricing_price(card, &charge, &result);
	CHECK(result.row);
	pricing_card_free(card);
	card = NULL;

	file = fopen(path, "w");
	CHECK(file && fputs("{", file) >= 0 && fclose(file) == 0);
	CHECK(cards_load(&card, NULL, error, sizeof(error)) < 0);
	CHECK(!card);
	CHECK(!strncmp(error, path, strlen(path)));
	CHECK_INT(unlink(path), 0);
	CHECK(cards_load(&card, path, error, sizeof(error)) < 0);
	CHECK_INT(cards_load(&card, NULL, error, sizeof(error)), 0);
	pricing_card_free(card);
	*strrchr(path, '/') = '\0';
	CHECK_INT(rmdir(path), 0);
	CHECK_INT(rmdir(folder), 0);
}

TEST_MAIN()

static const char times[] =
	"{\"schema\": 1, \"version\": \"2026-01-31\", \"rows\": [{\"provider\": \"p\", \"model\": "
	"\"m\", \"currency\": \"EUR\", \"source\": \"one of many words, which does not fit into a line "
	"of a hundred columns, so that it goes on below, and on, and on\", \"checked\": "
	"\"2026-01-31\", \"prices\": {\"milliseconds\": {\"price\": \"0.006\", \"per\": 60000}, "
	"\"gpu_milliseconds\": {\"price\": \"2\", \"per\": 3600000}, \"cache_storage\": {\"price\": "
	"\"4.5\", \"per\": 3600000000}, \"characters\": {\"price\": \"7\", \"per\": 60000}}}]}";

TEST(rates_of_times_are_in_units_of_time)
{
	struct pricing_charge charge = {.provider = "p", .model = "m", .time = 1769817600};
	char *text;

	pricing_usage_set(&charge.usage, PRICING_MILLISECONDS, 60000);
	pricing_usage_set(&charge.usage, PRICING_GPU_MILLISECONDS, 36000);
	pricing_usage_set(&charge.usage, PRICING_CACHE_STORAGE, 1800000000);
	pricing_usage_set(&charge.usage, PRICING_CHARACTERS, 60000);
	text = printed_by(times, &charge, false);
	CHECK(strstr(text, " 0.006 EUR per minute "));
	CHECK(strstr(text, " 2 EUR per hour "));
	CHECK(strstr(text, " 4.5 EUR per 1M token-hours "));
	CHECK(strstr(text, " 7 EUR per 60000 "));
	CHECK(strstr(text, " 9.276 EUR\n")); /* 0.006 + 0.02 + 2.25 + 7 */
	free(text);
}

TEST(long_sources_go_on_below_and_columns_fit_what_is_in_them)
{
	struct pricing_charge charge = {.provider = "p", .model = "m", .time = 1769817600};
	char *text, *line, *rest;
	size_t width = 0, priced = 0;

	pricing_usage_set(&charge.usage, PRICING_MILLISECONDS, 1);
	pricing_usage_set(&charge.usage, PRICING_CHARACTERS, 10000000000000000000ull);
	text = printed_by(times, &charge, false);
	CHECK(strstr(text,
		     "\nsource    one of many words, which does not fit into a line of a hundred "
		     "columns, so that it goes on\n"));
	CHECK(strstr(text, "\n          below, and on, and on\n"));
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		if (!strstr(line, " EUR per "))
			continue;
		CHECK(priced++ == 0 || strlen(line) == width);
		width = strlen(line);
	}
	CHECK_INT(priced, 2);
	free(text);
}
