/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "agent/price_line.h"
#include "agent/util/clock.h"
#include "agent/usage_name.h"
#include "tests/unit/test.h"

static char error[256];

static struct price_line *parse(const char *text)
{
	struct price_line *line = NULL;

	if (price_line_parse(&line, text, strlen(text), 5 * NS_PER_SECOND, error, sizeof(error)))
		test_fail(__FILE__, __LINE__, "%s", error);
	return line;
}

static const char *error_of(const char *text)
{
	struct price_line *line = NULL;

	CHECK_INT(price_line_parse(&line, text, strlen(text), 0, error, sizeof(error)), -EINVAL);
	CHECK(!line);
	return error;
}

#define LINE(rest) "{\"gen_ai.request.model\": \"m\"" rest "}"

TEST(attributes_become_exclusive_quantities)
{
	struct price_line *line = parse(
		"{\"gen_ai.provider.name\": \"p\", \"gen_ai.request.model\": \"asked\", "
		"\"gen_ai.response.model\": \"served\", \"openai.response.service_tier\": \"flex\", "
		"\"tollspan.region\": \"eu\", \"time\": \"1970-01-02\", "
		"\"gen_ai.usage.input_tokens\": 1000, \"gen_ai.usage.cache_read.input_tokens\": 300, "
		"\"tollspan.usage.cache_read_audio\": 10, "
		"\"gen_ai.usage.cache_creation.input_tokens\": 200, "
		"\"tollspan.usage.cache_creation_5m\": 50, \"tollspan.usage.cache_creation_1h\": 40, "
		"\"gen_ai.usage.output_tokens\": 20, \"gen_ai.usage.reasoning.output_tokens\": 5, "
		"\"tollspan.usage.requests.web_search\": 2, \"gen_ai.usage.cost\": 0.5, "
		"\"server.address\": \"host\", \"tollspan.usage.input_audio\": null}");
	const struct pricing_charge *charge = price_line_charge(line);
	const uint64_t *quantity = charge->usage.quantity;

	CHECK_TEXT(charge->provider, "p");
	CHECK_TEXT(charge->model, "served");
	CHECK_TEXT(charge->tier, "flex");
	CHECK_TEXT(charge->region, "eu");
	CHECK_INT(charge->time, 86400);
	CHECK_INT(quantity[PRICING_INPUT], 500);
	CHECK_INT(quantity[PRICING_CACHE_READ], 290);
	CHECK_INT(quantity[PRICING_CACHE_READ_AUDIO], 10);
	CHECK_INT(quantity[PRICING_CACHE_WRITE], 110);
	CHECK_INT(quantity[PRICING_CACHE_WRITE_5M], 50);
	CHECK_INT(quantity[PRICING_CACHE_WRITE_1H], 40);
	CHECK_INT(quantity[PRICING_OUTPUT], 15);
	CHECK_INT(quantity[PRICING_REASONING], 5);
	CHECK_INT(quantity[PRICING_WEB_SEARCH], 2);
	CHECK(!pricing_usage_has(&charge->usage, PRICING_INPUT_AUDIO));
	CHECK_INT(pricing_usage_input(&charge->usage), 1000);
	price_line_free(line);
}

TEST(values_are_told_back_as_they_came)
{
	struct price_line *line = parse(LINE(
		", \"gen_ai.usage.input_tokens\": 1000, \"gen_ai.usage.cache_read.input_tokens\": 300, "
		"\"tollspan.usage.cache_read_image\": 10, "
		"\"gen_ai.usage.cache_creation.input_tokens\": 90, "
		"\"tollspan.usage.cache_creation_5m\": 50, \"gen_ai.usage.output_tokens\": 20"));
	const struct pricing_usage *usage = &price_line_charge(line)->usage;
	uint64_t value = 0;

	CHECK(usage_value(usage, PRICING_INPUT, &value));
	CHECK_INT(value, 1000);
	CHECK(usage_value(usage, PRICING_CACHE_READ, &value));
	CHECK_INT(value, 300);
	CHECK(usage_value(usage, PRICING_CACHE_WRITE, &value));
	CHECK_INT(value, 90);
	CHECK(usage_value(usage, PRICING_CACHE_WRITE_5M, &value));
	CHECK_INT(value, 50);
	CHECK(usage_value(usage, PRICING_OUTPUT, &value));
	CHECK_INT(value, 20);
	CHECK(!usage_value(usage, PRICING_CACHE_WRITE_1H, &value));
	CHECK(!usage_value(usage, PRICING_REASONING, &value));
	price_line_free(line);
}

TEST(a_line_without_a_time_is_now)
{
	struct price_line *line = parse(LINE(", \"gen_ai.usage.input_tokens\": 1"));

	CHECK_INT(price_line_charge(line)->time, 5);
	price_line_free(line);
	line = parse(
		LINE(", \"gen_ai.usage.input_tokens\": 1, \"time\": \"1969-12-31T23:59:59.5Z\""));
	CHECK_INT(price_line_charge(line)->time, -1);
	price_line_free(line);
}

TEST(a_wrong_line_says_what_is_wrong)
{
	CHECK_TEXT(error_of(""), "the line is not JSON");
	CHECK_TEXT(error_of("{}{}"), "the line is not JSON");
	CHECK_TEXT(error_of("[]"), "the line is not a JSON object");
	CHECK_TEXT(error_of("{}"), "gen_ai.request.model is missing");
	CHECK_TEXT(error_of(LINE("")), "gen_ai.usage.* is missing");
	CHECK_TEXT(error_of(LINE(", \"gen_ai.usage.input_tokens\": -1")),
		   "gen_ai.usage.input_tokens is not a whole number");
	CHECK_TEXT(error_of(LINE(", \"gen_ai.usage.input_tokens\": 1.5")),
		   "gen_ai.usage.input_tokens is not a whole number");
	CHECK_TEXT(error_of(LINE(", \"gen_ai.usage.input_tokens\": \"1\"")),
		   "gen_ai.usage.input_tokens is not a whole number");
	CHECK_TEXT(error_of(LINE(", \"gen_ai.usage.input_tokens\": 1e300")),
		   "gen_ai.usage.input_tokens is not a whole number");
	CHECK_TEXT(error_of(LINE(", \"gen_ai.usage.inputs\": 1")),
		   "gen_ai.usage.inputs is not a quantity that is known");
	CHECK_TEXT(error_of(LINE(", \"gen_ai.usage.input_tokens\": 1, \"time\": \"soon\"")),
		   "time is neither RFC 3339 nor a date");
	CHECK_TEXT(error_of(LINE(", \"gen_ai.usage.input_tokens\": 1, \"time\": \"24h\"")),
		   "time is neither RFC 3339 nor a date");
	CHECK_TEXT(error_of(LINE(", \"gen_ai.usage.input_tokens\": 1, "
				 "\"gen_ai.usage.cache_read.input_tokens\": 2")),
		   "gen_ai.usage.input_tokens is less than its parts");
	CHECK_TEXT(error_of(LINE(", \"gen_ai.usage.cache_creation.input_tokens\": 1, "
				 "\"tollspan.usage.cache_creation_1h\": 2")),
		   "gen_ai.usage.cache_creation.input_tokens is less than its parts");
	CHECK_TEXT(error_of(LINE(", \"gen_ai.provider.name\": 1")),
		   "gen_ai.provider.name is not a text");
}

TEST_MAIN()
