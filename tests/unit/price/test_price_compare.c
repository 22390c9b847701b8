/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "agent/limits.h"
#include "agent/price_compare.h"
#include "tests/unit/test.h"

static const char rows[] =
	"{\"schema\": 1, \"version\": \"2026-01-31\", \"rows\": ["
	"{\"provider\": \"p\", \"model\": \"a\", \"currency\": \"USD\", \"source\": \"s\","
	" \"checked\": \"2026-01-31\", \"prices\": {\"input\": \"3\"}},"
	"{\"provider\": \"p\", \"model\": \"b\", \"currency\": \"USD\", \"source\": \"s\","
	" \"checked\": \"2026-01-31\", \"prices\": {\"input\": \"2\"}},"
	"{\"provider\": \"q\", \"model\": \"c\", \"currency\": \"USD\", \"source\": \"s\","
	" \"checked\": \"2026-01-31\", \"prices\": {\"input\": \"12\"}},"
	"{\"provider\": \"q\", \"model\": \"yen\", \"currency\": \"JPY\", \"source\": \"s\","
	" \"checked\": \"2026-01-31\", \"prices\": {\"input\": \"300\"}},"
	"{\"provider\": \"q\", \"model\": \"mute\", \"currency\": \"USD\", \"source\": \"s\","
	" \"checked\": \"2026-01-31\", \"prices\": {\"output\": \"1\"}},"
	"{\"provider\": \"q\", \"model\": \"b\", \"currency\": \"USD\", \"source\": \"s\","
	" \"checked\": \"2026-01-31\", \"prices\": {\"input\": \"99\"}},"
	"{\"provider\": \"p\", \"model\": \"free\", \"currency\": \"USD\", \"source\": \"s\","
	" \"checked\": \"2026-01-31\", \"prices\": {\"input\": \"0\"}}]}";

static struct pricing_card *card_of(void)
{
	struct pricing_card *card = NULL;

	CHECK_INT(pricing_card_new(&card), 0);
	CHECK_INT(pricing_card_load(card, rows, strlen(rows), NULL, 0), 0);
	return card;
}

/* What is printed for 1,000,000 tokens of a model and of others. */
static char *output(const char *provider, const char *model, const char *models, bool json)
{
	struct pricing_charge charge = {.provider = provider, .model = model, .time = 1769817600};
	struct pricing_card *card = card_of();
	struct price_compare *compare = NULL;
	char *text = NULL;
	size_t size;
	FILE *out;

	pricing_usage_set(&charge.usage, PRICING_INPUT, 1000000);
	CHECK_INT(price_compare_new(&compare, card, &charge, models), 0);
	out = open_memstream(&text, &size);
	CHECK(out);
	if (json)
		CHECK_INT(price_compare_json(out, compare), 0);
	else
		price_compare_text(out, compare);
	fclose(out);
	price_compare_free(compare);
	pricing_card_free(card);
	return text;
}

static void check_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		test_fail(__FILE__, __LINE__, "no \"%s\" in %s", part, text);
}

TEST(amounts_and_their_ratio_to_the_first)
{
	char *text = output("p", "a", "b,c", false);

	check_has(text, "a      p                        3 USD           1\n");
	check_has(text, "b      p                        2 USD    0.666667\n");
	check_has(text, "c      q                       12 USD           4\n");
	free(text);
}

TEST(the_charge_s_provider_comes_before_others)
{
	char *text = output("q", "c", "b,a", true);

	check_has(text,
		  "\"gen_ai.request.model\":\"b\",\"gen_ai.provider.name\":\"q\",\"ratio\":8.25");
	check_has(text,
		  "\"gen_ai.request.model\":\"a\",\"gen_ai.provider.name\":\"p\",\"ratio\":0.25");
	free(text);
}

TEST(what_is_unpriced_is_said_and_has_no_ratio)
{
	char *text = output(NULL, "a", "mute,nobody,b,yen", true), *lines;

	check_has(text, "\"missing\":\"input\"");
	CHECK(strstr(text, "\"ratio\":1,"));
	CHECK(!strstr(strstr(text, "\"ratio\":1,") + 8, "\"ratio\""));
	check_has(text,
		  "{\"gen_ai.request.model\":\"nobody\",\"tollspan.cost.status\":\"unpriced\"");
	/* two providers have it, and none is taken for the other */
	check_has(text, "{\"gen_ai.request.model\":\"b\",\"tollspan.cost.status\":\"unpriced\","
			"\"reason\":\"several providers have this model, and none is named\"");
	check_has(text, "\"gen_ai.usage.cost\":300,");
	free(text);
	lines = output(NULL, "a", "mute,yen", false);
	check_has(lines, "unpriced: a quantity has no price: input\n");
	check_has(lines, "300 JPY           -\n");
	free(lines);
}

TEST(nothing_is_a_ratio_of_nothing)
{
	char *text = output("p", "free", "a", false);

	check_has(text, "free   p                        0 USD           -\n");
	check_has(text, "a      p                        3 USD           -\n");
	free(text);
}

TEST(names_that_are_none_and_too_many)
{
	struct pricing_charge charge = {.provider = "p", .model = "a"};
	struct price_compare *compare = NULL;
	struct pricing_card *card = card_of();
	char many[2 * LIMIT_PRICE_MODELS + 1];

	CHECK_INT(price_compare_new(&compare, card, &charge, ""), -EINVAL);
	CHECK_INT(price_compare_new(&compare, card, &charge, "b,,c"), -EINVAL);
	CHECK_INT(price_compare_new(&compare, card, &charge, "b,"), -EINVAL);
	memset(many, 0, sizeof(many));
	for (size_t i = 0; i < LIMIT_PRICE_MODELS; i++)
		memcpy(many + 2 * i, i ? ",b" : "bb", 2);
	CHECK_INT(price_compare_new(&compare, card, &charge, many), -E2BIG);
	CHECK(!compare);
	price_compare_free(NULL);
	pricing_card_free(card);
}

TEST_MAIN()
