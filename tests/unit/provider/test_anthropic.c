/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/provider/exchange.h"

#define HOST "api.anthropic.com"
#define TARGET "/v1/messages"
#define ASK                                                                          \
	"{\"model\":\"claude-x\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\"," \
	"\"content\":\"\\\"usage\\\":{\\\"input_tokens\\\":1}\"}]}"
#define BODY(usage)                                                                      \
	"{\"id\":\"msg_1\",\"type\":\"message\",\"model\":\"claude-x-1\",\"content\":[{" \
	"\"type\":\"tool_use\",\"input\":{\"usage\":{\"input_tokens\":7}}}],"            \
	"\"stop_reason\":\"tool_use\",\"usage\":" usage "}"

TEST(body_with_every_count)
{
	static const struct exchange x = {
		.authority = HOST,
		.target = TARGET "?beta=true",
		.request = "{\"model\":\"claude-x\",\"max_tokens\":9,\"messages\":[],"
			   "\"service_tier\":\"auto\",\"metadata\":{\"user_id\":"
			   "\"user_1_account__session_abc-1\"}}",
		.response_fields = {"request-id", "req_1", "anthropic-organization-id", "org_1"},
		.response = BODY(
			"{\"input_tokens\":10,\"cache_creation_input_tokens\":30,"
			"\"cache_read_input_tokens\":200,\"cache_creation\":{"
			"\"ephemeral_5m_input_tokens\":20,\"ephemeral_1h_input_tokens\":10},"
			"\"output_tokens\":50,\"output_tokens_details\":{\"thinking_tokens\":15},"
			"\"server_tool_use\":{\"web_search_requests\":2,\"web_fetch_requests\":1},"
			"\"service_tier\":\"priority\",\"inference_geo\":\"us\"}"),
	};

	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_USAGE);
		CHECK_INT(told.event.partial, 0);
		CHECK(told.event.provider_known);
		CHECK_TEXT(told.provider, "anthropic");
		CHECK_TEXT(told.family, "anthropic.messages");
		CHECK_TEXT(told.path, TARGET);
		CHECK_TEXT(told.request_model, "claude-x");
		CHECK_TEXT(told.response_model, "claude-x-1");
		CHECK_TEXT(told.response_id, "msg_1");
		CHECK_TEXT(told.conversation_id, "abc-1");
		CHECK_INT(told.event.n_charges, 1);
		CHECK_TEXT(told.charges[0].model, "claude-x-1");
		CHECK_TEXT(told.charges[0].tier, "priority");
		CHECK_TEXT(told.charges[0].region, "us");
		CHECK_INT(quantity(0, PRICING_INPUT), 10);
		CHECK_INT(quantity(0, PRICING_CACHE_READ), 200);
		CHECK_INT(quantity(0, PRICING_CACHE_WRITE), -1);
		CHECK_INT(quantity(0, PRICING_CACHE_WRITE_5M), 20);
		CHECK_INT(quantity(0, PRICING_CACHE_WRITE_1H), 10);
		CHECK_INT(quantity(0, PRICING_OUTPUT), 35);
		CHECK_INT(quantity(0, PRICING_REASONING), 15);
		CHECK_INT(quantity(0, PRICING_WEB_SEARCH), 2);
		CHECK_INT(quantity(0, PRICING_WEB_FETCH), 1);
		CHECK_INT(pricing_usage_input(&told.charges[0].usage), 240);
		CHECK_TEXT(attribute("anthropic.response.inference_geo"), "us");
		CHECK_TEXT(attribute("http.response.header.request-id"), "req_1");
		CHECK_TEXT(attribute("http.response.header.anthropic-organization-id"), "org_1");
		CHECK_TEXT(attribute("gen_ai.response.finish_reasons"), "[\"tool_use\"]");
	});
}

TEST(cache_writes_of_unknown_lifetime)
{
	struct exchange x = {.authority = HOST, .target = TARGET, .request = ASK};

	x.response = BODY("{\"input_tokens\":1,\"cache_creation_input_tokens\":30,"
			  "\"output_tokens\":2}");
	RUN(&x, {
		CHECK_INT(quantity(0, PRICING_CACHE_WRITE), 30);
		CHECK_INT(quantity(0, PRICING_CACHE_WRITE_5M), -1);
		CHECK_INT(told.event.partial, 0);
	});
	x.response = BODY("{\"input_tokens\":1,\"cache_creation_input_tokens\":0,"
			  "\"cache_creation\":null,\"output_tokens\":2}");
	RUN(&x, CHECK_INT(quantity(0, PRICING_CACHE_WRITE), 0));
	x.response = BODY("{\"input_tokens\":1,\"cache_creation_input_tokens\":30,"
			  "\"cache_creation\":{\"ephemeral_5m_input_tokens\":10}}");
	RUN(&x, {
		CHECK_INT(quantity(0, PRICING_INPUT), 1);
		CHECK_INT(quantity(0, PRICING_CACHE_WRITE), 20);
		CHECK_INT(quantity(0, PRICING_CACHE_WRITE_5M), 10);
		CHECK_INT(told.event.partial, PARTIAL_USAGE);
	});
}

TEST(rates)
{
	struct exchange x = {.authority = HOST, .target = TARGET, .request = ASK};

	x.response = BODY("{\"input_tokens\":1,\"service_tier\":\"standard\","
			  "\"inference_geo\":\"not_available\",\"speed\":\"standard\"}");
	RUN(&x, {
		CHECK_TEXT(told.charges[0].tier, "");
		CHECK_TEXT(told.charges[0].region, "");
		CHECK_TEXT(attribute("anthropic.response.service_tier"), "standard");
	});
	x.response = BODY("{\"input_tokens\":1,\"service_tier\":\"standard\","
			  "\"inference_geo\":\"global\",\"speed\":\"fast\"}");
	RUN(&x, {
		CHECK_TEXT(told.charges[0].tier, "fast");
		CHECK_TEXT(told.charges[0].region, "");
	});
}

#define EVENT(name, rest) "event: " name "\ndata: {\"type\":\"" name "\"" rest "}\n\n"
#define START                                                                       \
	EVENT("message_start",                                                      \
	      ",\"message\":{\"id\":\"msg_2\",\"model\":\"claude-x-1\",\"usage\":{" \
	      "\"input_tokens\":5,\"cache_creation_input_tokens\":40,"              \
	      "\"cache_read_input_tokens\":100,\"cache_creation\":{"                \
	      "\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":40},"  \
	      "\"output_tokens\":1,\"service_tier\":\"standard\"}}")
#define PING EVENT("ping", "")
#define DELTA                                                                             \
	EVENT("content_block_start", ",\"index\":0,\"content_block\":{\"type\":\"text\"," \
				     "\"text\":\"\"}")                                    \
	EVENT("content_block_delta", ",\"index\":0,\"delta\":{\"type\":\"text_delta\","   \
				     "\"text\":\"usage\"}")
#define END(usage) \
	EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":" usage)
#define STOP EVENT("message_stop", "")

TEST(stream_overwrites_count_by_count)
{
	static const struct exchange x = {
		.authority = HOST,
		.target = TARGET,
		.request = "{\"model\":\"c\",\"stream\":true,\"max_tokens\":1,\"messages\":[]}",
		.stream = START PING DELTA END(
			"{\"input_tokens\":9,\"cache_read_input_tokens\":null,\"output_tokens\":77,"
			"\"server_tool_use\":{\"web_search_requests\":3}}") STOP,
	};

	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_USAGE);
		CHECK_INT(told.event.partial, 0);
		CHECK_INT(told.progresses, 2);
		CHECK_INT(told.progress_charges, 1);
		CHECK_INT(told.progress_input, 145);
		CHECK(told.event.first_token_ns);
		CHECK_INT(quantity(0, PRICING_INPUT), 9);
		CHECK_INT(quantity(0, PRICING_CACHE_READ), 100);
		CHECK_INT(quantity(0, PRICING_CACHE_WRITE_1H), 40);
		CHECK_INT(quantity(0, PRICING_CACHE_WRITE_5M), 0);
		CHECK_INT(quantity(0, PRICING_OUTPUT), 77);
		CHECK_INT(quantity(0, PRICING_WEB_SEARCH), 3);
		CHECK_TEXT(attribute("gen_ai.response.finish_reasons"), "[\"end_turn\"]");
		/* both, as they came */
		CHECK(!strncmp(told.raw_usage, "[{\"input_tokens\":5,", 19));
		CHECK(strstr(told.raw_usage, "},{\"input_tokens\":9,"));
	});
}

TEST(a_contradiction_that_is_settled_later)
{
	struct exchange x = {
		.authority = HOST,
		.target = TARGET,
		.request = ASK,
		.stream = EVENT("message_start",
				",\"message\":{\"usage\":{\"input_tokens\":5,\"output_tokens\":1,"
				"\"output_tokens_details\":{\"thinking_tokens\":2}}}")
			END("{\"output_tokens\":9}"),
	};

	RUN(&x, {
		CHECK_INT(told.event.partial, 0);
		CHECK_INT(quantity(0, PRICING_OUTPUT), 7);
	});
	x.stream = EVENT("message_start", ",\"message\":{\"usage\":{\"input_tokens\":-5}}")
		END("{\"output_tokens\":9}");
	RUN(&x, {
		CHECK_INT(told.event.partial, PARTIAL_USAGE);
		CHECK_INT(quantity(0, PRICING_INPUT), -1);
	});
}

TEST(stream_cut)
{
	struct exchange x = {.authority = HOST,
			     .target = TARGET,
			     .request = ASK,
			     .stream = START DELTA,
			     .cut = true};

	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_USAGE);
		CHECK_INT(told.event.partial, PARTIAL_CUT);
		CHECK_INT(quantity(0, PRICING_INPUT), 5);
		CHECK_INT(quantity(0, PRICING_CACHE_READ), 100);
	});
	/* ended in order, but without its last usage */
	x.cut = false;
	RUN(&x, CHECK_INT(told.event.partial, PARTIAL_CUT));
	/* cut behind it */
	x.cut = true;
	x.partial = PARTIAL_CUT;
	x.stream = START DELTA END("{\"output_tokens\":77}");
	RUN(&x, {
		CHECK_INT(told.event.partial, 0);
		CHECK_INT(quantity(0, PRICING_OUTPUT), 77);
		CHECK_INT(quantity(0, PRICING_INPUT), 5);
	});
	x.stream = "";
	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_UNKNOWN);
		CHECK_INT(told.event.partial, PARTIAL_CUT | PARTIAL_NO_USAGE);
	});
}

TEST(errors_within_a_stream)
{
#define ERROR EVENT("error", ",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}")
	struct exchange x = {
		.authority = HOST, .target = TARGET, .request = ASK, .stream = PING ERROR};

	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_FAILED);
		CHECK_TEXT(told.error_type, "overloaded_error");
		CHECK_INT(told.event.partial, 0);
	});
	x.stream = START DELTA ERROR;
	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_USAGE);
		CHECK_INT(told.event.partial, PARTIAL_CUT);
		CHECK_TEXT(told.error_type, "overloaded_error");
		CHECK_INT(quantity(0, PRICING_INPUT), 5);
	});
}

TEST(usage_in_other_events_is_none)
{
	static const struct exchange x = {
		.authority = HOST,
		.target = TARGET,
		.request = ASK,
		.stream = EVENT("content_block_delta",
				",\"delta\":{\"text\":\"\\\"usage\\\":{\\\"input_tokens\\\":1}\","
				"\"usage\":{\"input_tokens\":1}},\"usage\":{\"input_tokens\":2},"
				"\"message\":{\"usage\":{\"input_tokens\":3}}"),
	};

	RUN(&x, CHECK_INT(told.event.billing, BILLING_UNKNOWN));
}

TEST(iterations_are_charges)
{
	static const struct exchange x = {
		.authority = HOST,
		.target = TARGET,
		.request = ASK,
		.response = BODY(
			"{\"input_tokens\":30,\"output_tokens\":12,\"cache_read_input_tokens\":0,"
			"\"server_tool_use\":{\"web_search_requests\":1},\"iterations\":["
			"{\"type\":\"compaction\",\"input_tokens\":1000,\"output_tokens\":100},"
			"{\"type\":\"message\",\"input_tokens\":10,\"output_tokens\":5},"
			"{\"type\":\"advisor_message\",\"model\":\"claude-big\","
			"\"input_tokens\":500,\"output_tokens\":50,\"cache_read_input_tokens\":7,"
			"\"cache_creation_input_tokens\":3,\"cache_creation\":{"
			"\"ephemeral_5m_input_tokens\":3,\"ephemeral_1h_input_tokens\":0}},"
			"{\"type\":\"message\",\"input_tokens\":20,\"output_tokens\":7}]}"),
	};

	RUN(&x, {
		CHECK_INT(told.event.partial, 0);
		CHECK_INT(told.event.n_charges, 4);
		CHECK_TEXT(told.charges[0].model, "claude-x-1");
		CHECK_INT(quantity(0, PRICING_INPUT), 1000);
		CHECK_INT(quantity(0, PRICING_OUTPUT), 100);
		CHECK_INT(quantity(0, PRICING_WEB_SEARCH), 1);
		CHECK_TEXT(told.charges[1].model, "claude-x-1");
		CHECK_INT(quantity(1, PRICING_INPUT), 10);
		CHECK_INT(quantity(1, PRICING_WEB_SEARCH), -1);
		CHECK_TEXT(told.charges[2].model, "claude-big");
		CHECK_INT(quantity(2, PRICING_INPUT), 500);
		CHECK_INT(quantity(2, PRICING_CACHE_READ), 7);
		CHECK_INT(quantity(2, PRICING_CACHE_WRITE_5M), 3);
		CHECK_INT(quantity(3, PRICING_OUTPUT), 7);
	});
}

TEST(one_iteration_is_the_top_level)
{
	static const struct exchange x = {
		.authority = HOST,
		.target = TARGET,
		.request = ASK,
		.stream = START END(
			"{\"input_tokens\":5,\"cache_creation_input_tokens\":40,"
			"\"cache_read_input_tokens\":100,\"output_tokens\":9,"
			"\"output_tokens_details\":{\"thinking_tokens\":4},\"iterations\":[{"
			"\"type\":\"message\",\"input_tokens\":5,"
			"\"cache_creation_input_tokens\":40,"
			"\"cache_read_input_tokens\":100,\"output_tokens\":9}]}") STOP,
	};

	RUN(&x, {
		CHECK_INT(told.event.partial, 0);
		CHECK_INT(told.event.n_charges, 1);
		CHECK_INT(quantity(0, PRICING_OUTPUT), 5);
		CHECK_INT(quantity(0, PRICING_REASONING), 4);
		CHECK_INT(quantity(0, PRICING_CACHE_WRITE_1H), 40);
	});
}

TEST(too_many_iterations)
{
	char *text = malloc(64 * KIB), *p = text;
	struct exchange x = {.authority = HOST, .target = TARGET, .request = ASK, .response = text};

	p = stpcpy(p, "{\"model\":\"m\",\"usage\":{\"input_tokens\":1,"
		      "\"iterations\":[{\"input_tokens\":1}");
	for (int i = 0; i < LIMIT_CHARGES; i++)
		p = stpcpy(p, ",{\"input_tokens\":1}");
	stpcpy(p, "]}}");
	RUN(&x, {
		CHECK_INT(told.event.partial, PARTIAL_LIMIT);
		CHECK_INT(told.event.n_charges, LIMIT_CHARGES);
	});
	free(text);
}

TEST(failures)
{
	static const struct exchange x = {
		.authority = HOST,
		.target = TARGET,
		.request = ASK,
		.status = 529,
		.response = "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
			    "\"message\":\"Overloaded\"},\"request_id\":\"r\"}",
	};

	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_FAILED);
		CHECK_TEXT(told.error_type, "overloaded_error");
		CHECK_INT(told.event.status, 529);
	});
}

TEST(counting_tokens_is_free)
{
	static const struct exchange x = {
		.authority = HOST,
		.target = TARGET "/count_tokens",
		.request = ASK,
		.response = "{\"input_tokens\":2095,\"usage\":{\"input_tokens\":2095}}",
	};

	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_FREE);
		CHECK_INT(told.event.n_charges, 0);
		CHECK_TEXT(told.operation, "count_tokens");
		CHECK_TEXT(told.request_model, "claude-x");
	});
}

TEST_MAIN()
