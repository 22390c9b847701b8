/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/provider/exchange.h"

#define TARGET "/v1/chat/completions"
#define ASK "{\"model\":\"gpt-5\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define ASK_STREAM "{\"model\":\"gpt-5\",\"stream\":true,\"messages\":[]}"

TEST(body_with_every_count)
{
	static const struct exchange x = {
		.target = TARGET "?x=1",
		.request = "{\"model\":\"gpt-5\",\"service_tier\":\"flex\",\"user\":\"u-1\","
			   "\"safety_identifier\":\"s-1\",\"prompt_cache_key\":\"k\\u00e9\","
			   "\"metadata\":{\"team\":\"a\"},"
			   "\"messages\":[{\"role\":\"user\",\"content\":\"usage\"}]}",
		.fields = {"user-agent", "py/1", "traceparent", "00-ab-cd-01", "x-stainless-lang",
			   "python", "x-stainless-retry-count", "2"},
		.response_fields = {"x-request-id", "req_1", "openai-organization", "org",
				    "openai-project", "proj"},
		.response =
			"{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\","
			"\"model\":\"gpt-5-2025\","
			"\"service_tier\":\"priority\",\"choices\":[{\"index\":0,\"message\":{"
			"\"content\":\"{\\\"usage\\\":{\\\"prompt_tokens\\\":9}}\"},"
			"\"finish_reason\":\"stop\"},{\"index\":1,\"finish_reason\":\"length\"}],"
			"\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":300,"
			"\"total_tokens\":1300,\"prompt_tokens_details\":{\"cached_tokens\":600,"
			"\"audio_tokens\":50,\"cache_write_tokens\":100},"
			"\"completion_tokens_details\":{\"reasoning_tokens\":120,"
			"\"audio_tokens\":30,"
			"\"accepted_prediction_tokens\":5,\"rejected_prediction_tokens\":7}}}",
	};

	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_USAGE);
		CHECK_INT(told.event.partial, 0);
		CHECK(told.event.provider_known);
		CHECK_TEXT(told.provider, "openai");
		CHECK_TEXT(told.operation, "chat");
		CHECK_TEXT(told.request_model, "gpt-5");
		CHECK_TEXT(told.response_model, "gpt-5-2025");
		CHECK_TEXT(told.response_id, "chatcmpl-1");
		CHECK_TEXT(told.path, TARGET);
		CHECK_TEXT(told.server_address, "api.openai.com");
		CHECK_INT(told.event.server_port, 443);
		CHECK_TEXT(told.traceparent, "00-ab-cd-01");
		CHECK_INT(told.event.status, 200);
		CHECK_INT(told.event.bytes_seen, 11);
		CHECK_INT(told.event.bytes_declared, 12);
		CHECK_INT(told.event.first_token_ns, 0);
		CHECK(!told.event.streaming);
		CHECK_INT(told.event.n_charges, 1);
		CHECK_TEXT(told.charges[0].model, "gpt-5-2025");
		CHECK_TEXT(told.charges[0].tier, "priority");
		CHECK_INT(quantity(0, PRICING_INPUT), 250);
		CHECK_INT(quantity(0, PRICING_CACHE_READ), 600);
		CHECK_INT(quantity(0, PRICING_CACHE_WRITE), 100);
		CHECK_INT(quantity(0, PRICING_INPUT_AUDIO), 50);
		CHECK_INT(quantity(0, PRICING_OUTPUT), 150);
		CHECK_INT(quantity(0, PRICING_REASONING), 120);
		CHECK_INT(quantity(0, PRICING_OUTPUT_AUDIO), 30);
		CHECK_TEXT(attribute("openai.request.service_tier"), "flex");
		CHECK_TEXT(attribute("openai.response.service_tier"), "priority");
		CHECK_TEXT(attribute("gen_ai.response.finish_reasons"), "[\"stop\",\"length\"]");
		CHECK_TEXT(attribute("tollspan.request.user"), "u-1");
		CHECK_TEXT(attribute("tollspan.request.prompt_cache_key"), "k\xc3\xa9");
		CHECK_TEXT(attribute("tollspan.request.metadata"), "{\"team\":\"a\"}");
		CHECK_TEXT(attribute("user_agent.original"), "py/1");
		CHECK_TEXT(attribute("http.request.header.x-stainless-retry-count"), "2");
		CHECK_TEXT(attribute("http.response.header.openai-organization"), "org");
		CHECK(strstr(told.raw_usage, "{\"prompt_tokens\":1000,") == told.raw_usage);
	});
}

#define CHUNK(rest) "data: {\"id\":\"c1\",\"model\":\"gpt-5-x\"," rest "}\n\n"
#define FIRST                                                                \
	CHUNK("\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"," \
	      "\"content\":\"\"}}],\"usage\":null")
#define TOKEN CHUNK("\"choices\":[{\"index\":0,\"delta\":{\"content\":\"usage\"}}],\"usage\":null")
#define FINISH CHUNK("\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]")
#define USAGE                                                \
	CHUNK("\"choices\":[],\"service_tier\":\"default\"," \
	      "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":4,\"total_tokens\":14}")
#define DONE "data: [DONE]\n\n"

TEST(stream_with_usage)
{
	static const struct exchange x = {
		.target = TARGET,
		.request = ASK_STREAM,
		.stream = FIRST TOKEN FINISH USAGE DONE,
	};

	RUN(&x, {
		CHECK(told.event.streaming);
		CHECK_INT(told.event.billing, BILLING_USAGE);
		CHECK_INT(told.event.partial, 0);
		CHECK_INT(told.progresses, 1);
		CHECK(told.event.first_token_ns > told.event.start_ns);
		CHECK(told.event.first_token_ns < told.event.end_ns);
		CHECK_INT(quantity(0, PRICING_INPUT), 10);
		CHECK_INT(quantity(0, PRICING_OUTPUT), 4);
		CHECK_INT(quantity(0, PRICING_REASONING), -1);
		CHECK_INT(quantity(0, PRICING_CACHE_READ), -1);
		CHECK_TEXT(told.charges[0].tier, "default");
		CHECK_TEXT(attribute("gen_ai.response.finish_reasons"), "[\"stop\"]");
	});
}

TEST(first_token_is_not_the_empty_one)
{
	struct exchange x = {.target = TARGET, .request = ASK_STREAM, .stream = FIRST FINISH DONE};

	RUN(&x, CHECK_INT(told.event.first_token_ns, 0));
	x.stream = CHUNK("\"choices\":[{\"delta\":{\"tool_calls\":[{\"id\":\"t\"}]}}]") DONE;
	RUN(&x, CHECK(told.event.first_token_ns));
	x.stream =
		CHUNK("\"choices\":[{\"delta\":{\"tool_calls\":null,\"reasoning\":\"r\"}}]") DONE;
	RUN(&x, CHECK(told.event.first_token_ns));
}

TEST(stream_without_usage)
{
	static const struct exchange x = {
		.target = TARGET, .request = ASK_STREAM, .stream = FIRST TOKEN FINISH DONE};

	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_UNKNOWN);
		CHECK_INT(told.event.partial, PARTIAL_NO_USAGE);
		CHECK_INT(told.event.n_charges, 0);
		CHECK_TEXT(told.response_model, "gpt-5-x");
	});
}

TEST(stream_cut_before_and_after_its_usage)
{
	struct exchange x = {
		.target = TARGET, .request = ASK_STREAM, .stream = FIRST TOKEN, .cut = true};

	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_UNKNOWN);
		CHECK_INT(told.event.partial, PARTIAL_CUT | PARTIAL_NO_USAGE);
	});
	x.stream = FIRST TOKEN FINISH USAGE;
	x.partial = PARTIAL_CUT;
	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_USAGE);
		CHECK_INT(told.event.partial, 0);
	});
	/* its last event has no end: it is none */
	x.stream = FIRST TOKEN FINISH "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n";
	RUN(&x, CHECK_INT(told.event.billing, BILLING_UNKNOWN));
}

TEST(usage_in_each_chunk)
{
#define RUNNING(n, rest)                                                                \
	"data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"x\"}" rest "}]," \
	"\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":" #n "}}\n\n"
	struct exchange x = {
		.target = TARGET,
		.request = ASK_STREAM,
		.stream = RUNNING(1, "") RUNNING(2, "") RUNNING(3, ",\"finish_reason\":\"stop\"")
			DONE,
	};

	RUN(&x, {
		CHECK_INT(quantity(0, PRICING_OUTPUT), 3);
		CHECK_INT(told.event.partial, 0);
	});
	x.stream = RUNNING(1, "") RUNNING(2, "");
	x.cut = true;
	RUN(&x, {
		CHECK_INT(quantity(0, PRICING_OUTPUT), 2);
		CHECK_INT(told.event.partial, PARTIAL_CUT);
	});
}

TEST(groq_tells_it_apart)
{
	static const struct exchange x = {
		.authority = "api.groq.com",
		.target = "/openai/v1/chat/completions",
		.request = ASK_STREAM,
		.stream = TOKEN FINISH
		"data: {\"choices\":[],\"x_groq\":{\"id\":\"r\",\"usage\":{\"prompt_tokens\":7,"
		"\"completion_tokens\":2,\"total_tokens\":9}}}\n\n" DONE,
	};

	RUN(&x, {
		CHECK_TEXT(told.provider, "groq");
		CHECK(!told.event.provider_known);
		CHECK_INT(quantity(0, PRICING_INPUT), 7);
		CHECK_INT(quantity(0, PRICING_OUTPUT), 2);
	});
}

#define WITH_USAGE(usage)                                                           \
	"{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"finish_reason\":\"stop\"}]," \
	"\"usage\":" usage "}"

TEST(other_dialects)
{
	struct exchange x = {.authority = "api.x.ai", .target = TARGET, .request = ASK};

	/* reasoning beside the completion: the total says so */
	x.response = WITH_USAGE("{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":35,"
				"\"completion_tokens_details\":{\"reasoning_tokens\":20}}");
	RUN(&x, {
		CHECK_TEXT(told.provider, "x_ai");
		CHECK_INT(quantity(0, PRICING_OUTPUT), 5);
		CHECK_INT(quantity(0, PRICING_REASONING), 20);
		CHECK_INT(told.event.partial, 0);
	});
	x.authority = "api.deepseek.com";
	x.response = WITH_USAGE("{\"prompt_tokens\":10,\"completion_tokens\":5,"
				"\"prompt_cache_hit_tokens\":8,\"prompt_cache_miss_tokens\":2}");
	RUN(&x, {
		CHECK_INT(quantity(0, PRICING_INPUT), 2);
		CHECK_INT(quantity(0, PRICING_CACHE_READ), 8);
	});
	x.authority = "api.mistral.ai";
	x.response = WITH_USAGE("{\"prompt_tokens\":10,\"completion_tokens\":5,"
				"\"num_cached_tokens\":4,\"prompt_tokens_details\":null}");
	RUN(&x, CHECK_INT(quantity(0, PRICING_CACHE_READ), 4));
	x.response = WITH_USAGE("{\"prompt_tokens\":10,\"completion_tokens\":5,"
				"\"cached_tokens\":4,\"total_tokens\":15}");
	RUN(&x, CHECK_INT(quantity(0, PRICING_INPUT), 6));
}

TEST(search_models_search_once)
{
	static const struct exchange x = {
		.target = TARGET,
		.request = ASK,
		.response = "{\"model\":\"gpt-4o-search-preview-2025-03-11\",\"choices\":[],"
			    "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}",
	};

	RUN(&x, CHECK_INT(quantity(0, PRICING_WEB_SEARCH), 1));
}

TEST(usage_elsewhere_is_none)
{
	static const struct exchange x = {
		.target = TARGET,
		.request = "{\"model\":\"m\",\"messages\":[{\"usage\":{\"prompt_tokens\":1}}],"
			   "\"usage\":{\"prompt_tokens\":2},\"x\":{\"model\":\"no\"}}",
		.response =
			"{\"model\":\"m\",\"choices\":[{\"usage\":{\"prompt_tokens\":3},"
			"\"message\":{\"content\":\"\\\"usage\\\":{\\\"prompt_tokens\\\":4}\","
			"\"tool_calls\":[{\"usage\":{\"prompt_tokens\":5}}]}}],"
			"\"x\":{\"usage\":{\"prompt_tokens\":6}},\"usag\":{\"prompt_tokens\":7}}",
	};

	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_UNKNOWN);
		CHECK_INT(told.event.partial, PARTIAL_NO_USAGE);
		CHECK_TEXT(told.request_model, "m");
	});
}

TEST(escaped_and_repeated_keys)
{
	struct exchange x = {
		.target = TARGET,
		.request = ASK,
		.response = "{\"us\\u0061ge\":{\"prompt_tokens\":1,\"completion_tokens\":1},"
			    "\"usage\":{\"prompt_tokens\":5,\"prompt_tokens\":6,"
			    "\"completion_t\\u006fkens\":7}}",
	};

	RUN(&x, {
		CHECK_INT(quantity(0, PRICING_INPUT), 6);
		CHECK_INT(quantity(0, PRICING_OUTPUT), 7);
	});
	x.response = "{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1},\"usage\":null}";
	RUN(&x, CHECK_INT(told.event.billing, BILLING_UNKNOWN));
	x.response = "{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1},"
		     "\"usage\":{\"prompt_tokens\":2},\"choices\":[{\"finish_reason\":\"a\"}],"
		     "\"choices\":[{\"finish_reason\":\"b\",\"finish_reason\":\"c\"}]}";
	RUN(&x, {
		CHECK_INT(quantity(0, PRICING_INPUT), 2);
		CHECK_INT(quantity(0, PRICING_OUTPUT), -1);
		CHECK_TEXT(attribute("gen_ai.response.finish_reasons"), "[\"c\"]");
	});
}

TEST(quantities_that_are_none)
{
	static const char *const bad[] = {"-1", "1.5", "9007199254740993", "1e300", "\"7\"", "true",
					  "[]", "{}"};
	char text[256];
	struct exchange x = {.target = TARGET, .request = ASK, .response = text};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text),
			 WITH_USAGE("{\"prompt_tokens\":%s,\"completion_tokens\":5}"), bad[i]);
		RUN(&x, {
			CHECK_INT(told.event.billing, BILLING_USAGE);
			CHECK_INT(told.event.partial, PARTIAL_USAGE);
			CHECK_INT(quantity(0, PRICING_INPUT), -1);
			CHECK_INT(quantity(0, PRICING_OUTPUT), 5);
		});
	}
	x.response = WITH_USAGE("{\"prompt_tokens\":9007199254740991,\"completion_tokens\":1e2}");
	RUN(&x, {
		CHECK_INT(told.event.partial, 0);
		CHECK_INT(quantity(0, PRICING_INPUT), 9007199254740991);
		CHECK_INT(quantity(0, PRICING_OUTPUT), 100);
	});
	x.response = WITH_USAGE("{\"prompt_tokens\":null}");
	RUN(&x, CHECK_INT(told.event.billing, BILLING_UNKNOWN));
}

TEST(parts_beyond_their_total)
{
	static const struct exchange x = {
		.target = TARGET,
		.request = ASK,
		.response = WITH_USAGE("{\"prompt_tokens\":10,\"completion_tokens\":5,"
				       "\"prompt_tokens_details\":{\"cached_tokens\":11},"
				       "\"completion_tokens_details\":{\"reasoning_tokens\":2}}"),
	};

	RUN(&x, {
		CHECK_INT(told.event.partial, PARTIAL_USAGE);
		CHECK_INT(quantity(0, PRICING_INPUT), 10);
		CHECK_INT(quantity(0, PRICING_CACHE_READ), -1);
		CHECK_INT(quantity(0, PRICING_OUTPUT), 3);
		CHECK_INT(quantity(0, PRICING_REASONING), 2);
	});
}

TEST(failures)
{
	struct exchange x = {
		.target = TARGET,
		.request = ASK,
		.status = 429,
		.response = "{\"error\":{\"message\":\"slow down\",\"type\":\"requests\","
			    "\"param\":null,\"code\":\"rate_limit_exceeded\"}}",
	};

	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_FAILED);
		CHECK_INT(told.event.partial, 0);
		CHECK_TEXT(told.error_type, "requests");
		CHECK_TEXT(attribute("tollspan.error.code"), "rate_limit_exceeded");
	});
	x.response = "{\"error\":{\"code\":\"c\",\"type\":null},\"usage\":{\"prompt_tokens\":3}}";
	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_FAILED);
		CHECK_TEXT(told.error_type, "c");
	});
	x.status = 502;
	x.response = "<html>bad gateway</html>";
	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_FAILED);
		CHECK_INT(told.event.partial, 0);
		CHECK_TEXT(told.error_type, "502");
	});
	x.status = 200;
	x.response = "{\"error\":{\"code\":400,\"message\":\"limit\"}}";
	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_FAILED);
		CHECK_TEXT(told.error_type, "400");
	});
	x.response = NULL;
	x.request = ASK_STREAM;
	x.stream = "event: error\ndata: {\"error\":{\"type\":\"server_error\"}}\n\n";
	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_FAILED);
		CHECK_TEXT(told.error_type, "server_error");
	});
}

TEST(half_a_usage_is_not_a_whole_one)
{
	struct exchange x = {.target = TARGET, .request = ASK};

	x.response = "{\"usage\":{\"completion_tokens\":7,\"total_tokens\":7}}";
	RUN(&x, CHECK_INT(told.event.partial, PARTIAL_USAGE));
	x.response = "{\"usage\":{\"prompt_tokens\":-5,\"completion_tokens\":7}}";
	RUN(&x, CHECK_INT(told.event.partial, PARTIAL_USAGE));
}

TEST(bodies_that_are_damaged)
{
	struct exchange x = {.target = TARGET, .request = ASK};

	x.response = "{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1},\"x\":tru}";
	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_USAGE);
		CHECK_INT(told.event.partial, PARTIAL_MALFORMED);
	});
	x.response = "hello";
	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_UNKNOWN);
		CHECK_INT(told.event.partial, PARTIAL_MALFORMED | PARTIAL_NO_USAGE);
	});
	x.response = "{\"id\":\"a\",\"choices\":[{\"message\":{\"content\":\"cut of";
	x.partial = PARTIAL_GAP;
	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_UNKNOWN);
		CHECK_INT(told.event.partial, PARTIAL_GAP | PARTIAL_NO_USAGE);
	});
	x.response = NULL;
	x.partial = 0;
	x.no_response = true;
	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_UNKNOWN);
		CHECK_INT(told.event.partial, PARTIAL_CUT);
		CHECK_INT(told.event.status, 0);
	});
}

TEST(values_beyond_their_caps)
{
	char *text = malloc(64 * KIB), *p;
	struct exchange x = {.target = TARGET, .request = ASK, .response = text};

	p = stpcpy(text, "{\"model\":\"m\",\"usage\":{\"prompt_tokens\":1,\"x\":\"");
	memset(p, 'x', LIMIT_USAGE);
	stpcpy(p + LIMIT_USAGE, "\"}}");
	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_UNKNOWN);
		CHECK_INT(told.event.partial, PARTIAL_LIMIT | PARTIAL_NO_USAGE);
	});
	p = stpcpy(text, "{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1},\"id\":\"");
	memset(p, 'x', LIMIT_VALUE + 1);
	stpcpy(p + LIMIT_VALUE + 1, "\"}");
	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_USAGE);
		CHECK_INT(told.event.partial, PARTIAL_LIMIT);
	});
	free(text);
}

TEST(odd_bytes_in_names)
{
	static const struct exchange x = {
		.target = TARGET,
		.request = ASK,
		.response = "{\"model\":\"a\\u0000b\\n\xff\xc3\xa9\xed\xa0\x80\",\"id\":\"\","
			    "\"usage\":{\"prompt_tokens\":1}}",
	};

	RUN(&x, {
		CHECK(!strncmp(told.response_model, "a", 1));
		CHECK_TEXT(told.response_id, "");
	});
}

TEST_MAIN()
