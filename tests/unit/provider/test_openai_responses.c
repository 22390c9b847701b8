/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/provider/exchange.h"

#define TARGET "/v1/responses"
#define ASK "{\"model\":\"gpt-5\",\"input\":\"hi\"}"
#define USAGE                                                                         \
	"{\"input_tokens\":100,\"input_tokens_details\":{\"cached_tokens\":60,"       \
	"\"cache_write_tokens\":30},\"output_tokens\":50,\"output_tokens_details\":{" \
	"\"reasoning_tokens\":20},\"total_tokens\":150}"

TEST(body)
{
	static const struct exchange x = {
		.target = TARGET,
		.request =
			"{\"model\":\"gpt-5\",\"input\":[{\"role\":\"user\",\"content\":\"x\"}],"
			"\"previous_response_id\":\"resp_0\",\"conversation\":{\"id\":\"conv_1\"},"
			"\"service_tier\":\"auto\"}",
		.response =
			"{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"completed\","
			"\"error\":null,\"model\":\"gpt-5-2025\",\"service_tier\":\"flex\","
			"\"output\":[{\"type\":\"message\",\"status\":\"completed\",\"content\":"
			"[{\"text\":\"\\\"usage\\\":{\\\"input_tokens\\\":1}\","
			"\"usage\":{\"input_tokens\":2}}]}],\"usage\":" USAGE "}",
	};

	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_USAGE);
		CHECK_INT(told.event.partial, 0);
		CHECK_TEXT(told.family, "openai.responses");
		CHECK_TEXT(told.operation, "chat");
		CHECK_TEXT(told.response_id, "resp_1");
		CHECK_TEXT(told.response_model, "gpt-5-2025");
		CHECK_TEXT(told.conversation_id, "conv_1");
		CHECK_TEXT(told.charges[0].tier, "flex");
		CHECK_INT(quantity(0, PRICING_INPUT), 10);
		CHECK_INT(quantity(0, PRICING_CACHE_READ), 60);
		CHECK_INT(quantity(0, PRICING_CACHE_WRITE), 30);
		CHECK_INT(quantity(0, PRICING_OUTPUT), 30);
		CHECK_INT(quantity(0, PRICING_REASONING), 20);
		CHECK_INT(quantity(0, PRICING_WEB_SEARCH), -1);
		CHECK_TEXT(attribute("tollspan.request.previous_response_id"), "resp_0");
		CHECK_TEXT(told.raw_usage, USAGE);
	});
}

TEST(conversation_as_a_string)
{
	static const struct exchange x = {
		.target = TARGET,
		.request = "{\"model\":\"m\",\"input\":\"\",\"conversation\":\"conv_2\"}",
		.response = "{\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}",
	};

	RUN(&x, CHECK_TEXT(told.conversation_id, "conv_2"));
}

#define CREATED                                                                        \
	"event: response.created\ndata: {\"type\":\"response.created\",\"response\":{" \
	"\"id\":\"resp_2\",\"status\":\"in_progress\",\"model\":\"m-1\","              \
	"\"service_tier\":\"auto\",\"output\":[],\"usage\":null}}\n\n"
#define DELTA                                                                                \
	"event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\"," \
	"\"delta\":\"usage\"}\n\n"
#define LAST(kind, rest)                                                                 \
	"event: response." kind "\ndata: {\"type\":\"response." kind "\",\"response\":{" \
	"\"id\":\"resp_2\",\"status\":\"" kind "\",\"model\":\"m-1\","                   \
	"\"service_tier\":\"default\"" rest "}}\n\n"

TEST(stream)
{
	static const struct exchange x = {
		.target = TARGET,
		.request = "{\"model\":\"m\",\"input\":\"\",\"stream\":true}",
		.stream = CREATED DELTA DELTA LAST("completed", ",\"usage\":" USAGE),
	};

	RUN(&x, {
		CHECK(told.event.streaming);
		CHECK_INT(told.event.partial, 0);
		CHECK_INT(told.progresses, 1);
		CHECK(told.event.first_token_ns);
		CHECK_TEXT(told.response_id, "resp_2");
		CHECK_TEXT(told.charges[0].tier, "default");
		CHECK_INT(quantity(0, PRICING_INPUT), 10);
		CHECK_TEXT(attribute("openai.response.service_tier"), "default");
	});
}

TEST(tier_that_was_only_asked_for)
{
	static const struct exchange x = {
		.target = TARGET,
		.request = ASK,
		.response = "{\"service_tier\":\"auto\",\"usage\":{\"input_tokens\":1}}",
	};

	RUN(&x, CHECK_TEXT(told.charges[0].tier, ""));
}

TEST(incomplete_and_failed)
{
	struct exchange x = {
		.target = TARGET,
		.request = ASK,
		.stream = CREATED LAST("incomplete", ",\"incomplete_details\":{\"reason\":"
						     "\"max_output_tokens\"},\"usage\":" USAGE),
	};

	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_USAGE);
		CHECK_INT(told.event.partial, 0);
		CHECK_TEXT(attribute("tollspan.response.incomplete_reason"), "max_output_tokens");
	});
	x.stream = CREATED LAST("failed", ",\"error\":{\"code\":\"server_error\"},\"usage\":null");
	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_FAILED);
		CHECK_TEXT(told.error_type, "server_error");
		CHECK_INT(told.event.n_charges, 0);
	});
	x.stream =
		CREATED LAST("failed", ",\"error\":{\"code\":\"server_error\"},\"usage\":" USAGE);
	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_USAGE);
		CHECK_TEXT(told.error_type, "server_error");
	});
	x.stream = CREATED "event: error\ndata: {\"type\":\"error\",\"code\":\"rate\","
			   "\"message\":\"m\"}\n\n";
	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_FAILED);
		CHECK_TEXT(told.error_type, "rate");
	});
	x.stream = CREATED DELTA;
	x.cut = true;
	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_UNKNOWN);
		CHECK_INT(told.event.partial, PARTIAL_CUT | PARTIAL_NO_USAGE);
	});
}

TEST(usage_in_other_events_is_none)
{
	static const struct exchange x = {
		.target = TARGET,
		.request = ASK,
		.stream =
			CREATED "event: response.output_text.delta\ndata: {\"type\":"
				"\"response.output_text.delta\",\"delta\":\"\\\"usage\\\":1\","
				"\"usage\":" USAGE ",\"response\":{\"usage\":" USAGE "}}\n\n"
				"event: response.output_item.done\ndata: {\"type\":"
				"\"response.output_item.done\",\"item\":{\"usage\":" USAGE "}}\n\n",
	};

	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_UNKNOWN);
		CHECK_INT(told.event.n_charges, 0);
	});
}

#define ITEMS                                                                 \
	"{\"type\":\"web_search_call\",\"status\":\"completed\","             \
	"\"action\":{\"type\":\"search\","                                    \
	"\"query\":\"status\"}},"                                             \
	"{\"type\":\"web_search_call\",\"status\":\"completed\","             \
	"\"action\":{\"type\":\"open_page\"}},"                               \
	"{\"status\":\"completed\",\"type\":\"web_search_call\"},"            \
	"{\"type\":\"web_search_call\",\"status\":\"failed\"},"               \
	"{\"type\":\"web_search_call\"},"                                     \
	"{\"type\":\"file_search_call\",\"status\":\"completed\"},"           \
	"{\"type\":\"code_interpreter_call\",\"status\":\"completed\"},"      \
	"{\"type\":\"image_generation_call\",\"status\":\"completed\","       \
	"\"result\":\"aGk=\"},"                                               \
	"{\"type\":\"function_call\",\"status\":\"completed\",\"arguments\":" \
	"\"{\\\"type\\\":\\\"web_search_call\\\"}\"}"
#define ITEM_DONE(item)                                                                    \
	"event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\"," \
	"\"item\":" item "}\n\n"
#define SEARCHED                                                            \
	ITEM_DONE("{\"type\":\"web_search_call\",\"status\":\"completed\"," \
		  "\"action\":{\"type\":\"search\"}}")

TEST(hosted_tools)
{
	struct exchange x = {
		.target = TARGET,
		.request = ASK,
		.response = "{\"output\":[" ITEMS "],\"usage\":" USAGE "}",
	};

	RUN(&x, {
		CHECK_INT(quantity(0, PRICING_WEB_SEARCH), 2);
		CHECK_INT(quantity(0, PRICING_FILE_SEARCH), 1);
		CHECK_INT(quantity(0, PRICING_CODE_EXECUTION), 1);
		CHECK_INT(quantity(0, PRICING_IMAGES), 1);
	});
	/* the array comes twice: the last one holds */
	x.response = "{\"output\":[" ITEMS "],\"usage\":" USAGE
		     ",\"output\":[{\"type\":\"file_search_call\",\"status\":\"completed\"}]}";
	RUN(&x, {
		CHECK_INT(quantity(0, PRICING_WEB_SEARCH), -1);
		CHECK_INT(quantity(0, PRICING_FILE_SEARCH), 1);
	});
	/* a stream tells each twice */
	x.response = NULL;
	x.stream = CREATED SEARCHED SEARCHED LAST(
		"completed",
		",\"output\":[{\"type\":\"web_search_call\",\"status\":\"completed\"},"
		"{\"type\":\"web_search_call\",\"status\":\"completed\"}],\"usage\":" USAGE);
	RUN(&x, CHECK_INT(quantity(0, PRICING_WEB_SEARCH), 2));
	x.stream = CREATED SEARCHED LAST("completed", ",\"usage\":" USAGE);
	RUN(&x, CHECK_INT(quantity(0, PRICING_WEB_SEARCH), 1));
}

TEST(compacting)
{
	static const struct exchange x = {
		.target = TARGET "/compact",
		.request = ASK,
		.response = "{\"id\":\"resp_3\",\"object\":\"response.compaction\",\"output\":[],"
			    "\"usage\":" USAGE "}",
	};

	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_USAGE);
		CHECK_TEXT(told.charges[0].model, "gpt-5");
	});
}

/* ---- responses that are made in the background ---- */

static const struct exchange create = {
	.target = TARGET,
	.request = "{\"model\":\"gpt-5\",\"input\":\"\",\"background\":true}",
	.response = "{\"id\":\"resp_9\",\"status\":\"queued\",\"background\":true,\"usage\":null}",
};
static const struct exchange poll_early = {
	.method = "GET",
	.target = TARGET "/resp_9",
	.response =
		"{\"id\":\"resp_9\",\"status\":\"in_progress\",\"background\":true,\"usage\":null}",
};
static const struct exchange poll_done = {
	.method = "GET",
	.target = TARGET "/resp_9?stream=false",
	.response = "{\"id\":\"resp_9\",\"status\":\"completed\",\"background\":true,"
		    "\"model\":\"gpt-5-x\",\"usage\":" USAGE "}",
};
static const struct exchange poll_other = {
	.method = "GET",
	.target = TARGET "/resp_8",
	.response = "{\"id\":\"resp_8\",\"status\":\"completed\",\"background\":true,"
		    "\"model\":\"gpt-5-x\",\"usage\":" USAGE "}",
};

TEST(a_background_response_is_billed_once)
{
	for (size_t i = 0; i < sizeof(run_steps) / sizeof(*run_steps); i++) {
		struct feeder f;

		begin_feeder(&f, run_steps[i]);
		feed_exchange(&f, &poll_done);
		CHECK_INT(told.event.billing, BILLING_FREE); /* nobody saw it made */
		CHECK_INT(told.event.n_charges, 0);
		CHECK_TEXT(told.raw_usage, "");
		feed_exchange(&f, &create);
		CHECK_INT(told.event.billing, BILLING_UNKNOWN);
		CHECK_INT(told.event.partial, PARTIAL_NO_USAGE);
		feed_exchange(&f, &poll_early);
		CHECK_INT(told.event.billing, BILLING_FREE);
		feed_exchange(&f, &poll_other);
		CHECK_INT(told.event.billing, BILLING_FREE);
		f.conn.conn = 77; /* on another connection */
		feed_exchange(&f, &poll_done);
		CHECK_INT(told.event.billing, BILLING_USAGE);
		CHECK_INT(told.event.partial, 0);
		CHECK_TEXT(told.charges[0].model, "gpt-5-x");
		CHECK_INT(quantity(0, PRICING_INPUT), 10);
		feed_exchange(&f, &poll_done);
		CHECK_INT(told.event.billing, BILLING_FREE);
		provider_free(f.provider);
	}
}

TEST(a_background_stream_is_not_billed_again)
{
	static const struct exchange streamed = {
		.target = TARGET,
		.request = "{\"model\":\"m\",\"input\":\"\",\"background\":true,\"stream\":true}",
		.stream = "data: {\"type\":\"response.queued\",\"response\":{\"id\":\"resp_9\","
			  "\"background\":true}}\n\n"
			  "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_9\","
			  "\"background\":true,\"usage\":" USAGE "}}\n\n",
	};
	struct exchange cut = streamed;
	struct feeder f;

	begin_feeder(&f, 9);
	feed_exchange(&f, &streamed);
	CHECK_INT(told.event.billing, BILLING_USAGE);
	feed_exchange(&f, &poll_done);
	CHECK_INT(told.event.billing, BILLING_FREE);
	/* the client leaves before the end, and asks later */
	cut.stream = "data: {\"type\":\"response.queued\",\"response\":{\"id\":\"resp_9\","
		     "\"background\":true}}\n\n";
	cut.cut = true;
	feed_exchange(&f, &cut);
	CHECK_INT(told.event.billing, BILLING_UNKNOWN);
	feed_exchange(&f, &poll_done);
	CHECK_INT(told.event.billing, BILLING_USAGE);
	provider_free(f.provider);
}

TEST(many_background_responses)
{
	char text[256];
	struct exchange x = create;
	struct feeder f;

	begin_feeder(&f, SIZE_MAX);
	feed_exchange(&f, &create);
	x.response = text;
	for (int i = 0; i < LIMIT_BACKGROUND; i++) {
		snprintf(text, sizeof(text), "{\"id\":\"resp_n%d\",\"status\":\"queued\"}", i);
		feed_exchange(&f, &x);
	}
	/* the oldest gave way */
	feed_exchange(&f, &poll_done);
	CHECK_INT(told.event.billing, BILLING_FREE);
	provider_free(f.provider);
}

TEST_MAIN()
