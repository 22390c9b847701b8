/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "agent/price_line.h"
#include "agent/util/clock.h"
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
		"\"tollspan.region\": \"eu\", \"tollspan.key.fingerprint\": \"k\", "
		"\"tollspan.tag\": \"t\", \"time\": \"1970-01-02\", "
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
	CHECK_TEXT(charge->key, "k");
	CHECK_TEXT(charge->tag, "t");
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

TEST(a_span_of_a_report_can_be_priced_again)
{
	struct price_line *line = parse(LINE(
		", \"start_time\": \"1970-01-03T00:00:00.000000000Z\", "
		"\"anthropic.response.service_tier\": \"standard\", "
		"\"anthropic.response.speed\": \"fast\", "
		"\"anthropic.response.inference_geo\": \"us\", \"gen_ai.usage.input_tokens\": 1"));
	const struct pricing_charge *charge = price_line_charge(line);

	CHECK_INT(charge->time, 2 * 86400);
	CHECK_TEXT(charge->tier, "fast");
	CHECK_TEXT(charge->region, "us");
	price_line_free(line);
	line = parse(LINE(", \"anthropic.response.speed\": \"standard\", "
			  "\"anthropic.response.service_tier\": \"batch\", "
			  "\"gen_ai.usage.input_tokens\": 1"));
	CHECK_TEXT(price_line_charge(line)->tier, "batch");
	price_line_free(line);
}

/* Of other instrumentations: older names, and a sum that says nothing more. */
TEST(a_host_tells_the_geography_where_nothing_else_does)
{
	static const char *const lines[][2] = {
		{", \"server.address\": \"eu.api.openai.com\"", "eu"},
		{", \"server.address\": \"eu.api.openai.com\", \"tollspan.region\": \"us\"", "us"},
		{", \"server.address\": \"api.openai.com\"", ""},
	};

	for (size_t i = 0; i < 3; i++) {
		char text[512];
		struct price_line *line;

		snprintf(text, sizeof(text), LINE("%s, \"gen_ai.usage.input_tokens\": 1"),
			 lines[i][0]);
		line = parse(text);
		CHECK_TEXT(price_line_charge(line)->region ? price_line_charge(line)->region : "",
			   lines[i][1]);
		price_line_free(line);
	}
}

TEST(names_that_others_have)
{
	struct price_line *line = parse(LINE(", \"gen_ai.usage.prompt_tokens\": 7, "
					     "\"gen_ai.usage.completion_tokens\": 5, "
					     "\"gen_ai.usage.total_tokens\": 12"));
	const struct pricing_usage *usage = &price_line_charge(line)->usage;

	CHECK_INT(usage->quantity[PRICING_INPUT], 7);
	CHECK_INT(usage->quantity[PRICING_OUTPUT], 5);
	CHECK_INT(usage->present, 1u << PRICING_INPUT | 1u << PRICING_OUTPUT);
	price_line_free(line);
	CHECK_TEXT(error_of(LINE(", \"gen_ai.usage.prompt_tokens\": 7, "
				 "\"gen_ai.usage.input_tokens\": 7")),
		   "gen_ai.usage.input_tokens is there twice");
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
	CHECK_TEXT(error_of(LINE(", \"gen_ai.response.model\": \"a\\u0000b\"")),
		   "the line has a NUL");
	CHECK_TEXT(error_of(LINE(", \"gen_ai.response.model\": \"a\\\\u0000b\"")),
		   "gen_ai.usage.* is missing");
	CHECK_TEXT(error_of("{}"), "gen_ai.request.model is missing");
	CHECK_TEXT(error_of(LINE("")), "gen_ai.usage.* is missing");
	CHECK_TEXT(error_of(LINE(", \"gen_ai.usage.input_tokens\": -1")),
		   "gen_ai.usage.input_tokens is not a whole number below 2^53");
	CHECK_TEXT(error_of(LINE(", \"gen_ai.usage.input_tokens\": 1.5")),
		   "gen_ai.usage.input_tokens is not a whole number below 2^53");
	CHECK_TEXT(error_of(LINE(", \"gen_ai.usage.input_tokens\": \"1\"")),
		   "gen_ai.usage.input_tokens is not a whole number below 2^53");
	CHECK_TEXT(error_of(LINE(", \"gen_ai.usage.input_tokens\": 1e300")),
		   "gen_ai.usage.input_tokens is not a whole number below 2^53");
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

/* pico-units of what is reported, or -1 where nothing is */
static int64_t reported(const char *text)
{
	struct price_line *line = parse(text);
	const struct price_reported *reported = price_line_reported(line);
	int64_t amount = reported->source ? (int64_t)reported->amount : -1;

	price_line_free(line);
	return amount;
}

#define USED ", \"gen_ai.usage.input_tokens\": 1"
#define GATEWAY USED ", \"tollspan.cost.source\": \"gateway\", "

TEST(a_cost_that_others_report_keeps_its_digits)
{
	struct price_line *line = parse(LINE(GATEWAY "\"gen_ai.usage.cost\": 2"));

	CHECK_TEXT(price_line_reported(line)->source, "gateway");
	CHECK_TEXT(price_line_reported(line)->currency, "USD");
	price_line_free(line);
	line = parse(LINE(GATEWAY "\"tollspan.cost.amount\": \"2\", "
				  "\"tollspan.cost.currency\": \"EUR\""));
	CHECK_TEXT(price_line_reported(line)->currency, "EUR");
	price_line_free(line);
	CHECK_INT(reported(LINE(GATEWAY "\"gen_ai.usage.cost\": 0.1")), 100000000000);
	CHECK_INT(reported(LINE(GATEWAY "\"gen_ai.usage.cost\": 1e-12")), 1);
	CHECK_INT(reported(LINE(GATEWAY "\"gen_ai.usage.cost\": 6e-13")), 1);
	CHECK_INT(reported(LINE(GATEWAY "\"gen_ai.usage.cost\": 0.30000000000000004")),
		  300000000000);
	CHECK_INT(reported(LINE(GATEWAY "\"gen_ai.usage.cost\": 0.1, \"tollspan.cost.amount\": "
					"\"0.100000000001\"")),
		  100000000001);
	CHECK_INT(reported(LINE(USED ", \"gen_ai.usage.cost\": 0.1")), -1);
	CHECK_INT(reported(LINE(USED ", \"gen_ai.usage.cost\": 0.1, \"tollspan.cost.source\": "
				     "\"local\"")),
		  -1);
}

TEST(a_reported_cost_that_is_none)
{
	CHECK_TEXT(error_of(LINE(USED ", \"tollspan.cost.source\": \"gateway\"")),
		   "gen_ai.usage.cost is missing");
	CHECK_TEXT(error_of(LINE(USED ", \"tollspan.cost.source\": \"hearsay\"")),
		   "tollspan.cost.source is not local, provider or gateway");
	CHECK_TEXT(error_of(LINE(GATEWAY "\"gen_ai.usage.cost\": -0.1")),
		   "gen_ai.usage.cost is not an amount");
	CHECK_TEXT(error_of(LINE(GATEWAY "\"gen_ai.usage.cost\": 1e300")),
		   "gen_ai.usage.cost is not an amount");
	CHECK_TEXT(error_of(LINE(GATEWAY "\"gen_ai.usage.cost\": 1e15")),
		   "gen_ai.usage.cost is not an amount");
	for (size_t i = 0; i < 8; i++) {
		static const char *const amounts[] = {
			"", ".5", "1.", "-1", "1e3", " 1", "1000000000000000", "0.0000000000001"};
		char text[256];

		snprintf(text, sizeof(text), LINE(GATEWAY "\"tollspan.cost.amount\": \"%s\""),
			 amounts[i]);
		CHECK_TEXT(error_of(text), "tollspan.cost.amount is not an amount");
	}
	CHECK_TEXT(error_of(LINE(GATEWAY "\"gen_ai.usage.cost\": 1, \"tollspan.cost.currency\": "
					 "\"usd\"")),
		   "tollspan.cost.currency is not a currency");
}

TEST(only_what_failed_needs_no_usage)
{
	struct price_line *line = parse("{\"error.type\": \"429\"}");

	CHECK(price_line_failed(line));
	price_line_free(line);
	line = parse(LINE(USED ", \"error.type\": \"500\""));
	CHECK(!price_line_failed(line));
	price_line_free(line);
	CHECK_TEXT(error_of(LINE(", \"error.type\": null")), "gen_ai.usage.* is missing");
	CHECK_TEXT(error_of(LINE(", \"error.type\": 429")), "error.type is not a text");
}

TEST_MAIN()
