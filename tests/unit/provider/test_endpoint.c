/* SPDX-License-Identifier: Apache-2.0 */
/* Which requests are model calls, of whom, and where. */
#include <errno.h>

#include "agent/provider/endpoint.h"
#include "agent/provider/family.h"
#include "tests/unit/provider/exchange.h"

#define CHAT "{\"model\":\"m\",\"messages\":[]}"
#define CLAUDE "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[]}"
#define INPUT "{\"model\":\"m\",\"input\":\"\"}"
#define ANSWER "{\"model\":\"m\",\"usage\":{\"prompt_tokens\":1,\"input_tokens\":1}}"

TEST(texts_of_endpoints)
{
	struct endpoint e;

	CHECK_INT(endpoint_parse("LLM.corp:8443=openai", &e), 0);
	CHECK_TEXT(e.host, "llm.corp");
	CHECK_INT(e.port, 8443);
	CHECK_INT(e.groups, GROUP_OPENAI);
	CHECK_INT(endpoint_parse("h.=anthropic,openai", &e), 0);
	CHECK_TEXT(e.host, "h");
	CHECK_INT(e.port, 0);
	CHECK_INT(e.groups, GROUP_OPENAI | GROUP_ANTHROPIC);
	CHECK_INT(endpoint_parse("[::1]:80=openai", &e), 0);
	CHECK_TEXT(e.host, "::1");
	CHECK_INT(endpoint_parse("h=gemini", &e), -ENOENT);
	CHECK_INT(endpoint_parse("h=openai,x", &e), -ENOENT);
	CHECK_TEXT(e.host, "::1"); /* untouched */
	CHECK_TEXT(e.provider, "");
	CHECK_INT(e.gpus, 0);
	CHECK_INT(endpoint_parse("h=openai,provider=my vllm,gpus=65536", &e), 0);
	CHECK_TEXT(e.provider, "my vllm");
	CHECK_INT(e.gpus, 65536);
}

TEST(texts_that_are_no_endpoints)
{
	static const char *const bad[] = {
		"",
		"h",
		"=openai",
		"h=",
		"h=openai,",
		"h=,openai",
		"h:=openai",
		"h:0=openai",
		"h:65536=openai",
		"h:x=openai",
		"h:1x=openai",
		"[::1=openai",
		"[::1]x=openai",
		"a b=openai",
		"a/b=openai",
		":1=openai",
		"[]=openai",
		"h=provider=x",
		"h=gpus=1",
		"h=openai,gpus=1",
		"h=openai,provider=",
		"h=openai,provider=a,gpus=",
		"h=openai,provider=a,gpus=0",
		"h=openai,provider=a,gpus=65537",
		"h=openai,provider=a,gpus=1x",
		"h=openai,provider=a,gpus=1,gpus=2",
		"h=openai,provider=a,provider=b",
	};
	struct endpoint e;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (endpoint_parse(bad[i], &e) != -EINVAL)
			test_fail(__FILE__, __LINE__, "%s was taken", bad[i]);
}

TEST(endpoints_are_billed)
{
	struct exchange x = {
		.authority = "localhost:8443",
		.target = "/v1/chat/completions",
		.request = CHAT,
		.response = ANSWER,
	};

	RUN(&x, {
		CHECK(!told.event.provider_known);
		CHECK_TEXT(told.provider, "openai");
		CHECK_TEXT(told.server_address, "localhost");
		CHECK_INT(told.event.server_port, 8443);
	});
	x.endpoint = "localhost:8443=openai";
	RUN(&x, CHECK(told.event.provider_known));
	x.endpoint = "LOCALHOST=openai,anthropic";
	RUN(&x, CHECK(told.event.provider_known));
	x.endpoint = "localhost:8444=openai";
	RUN(&x, CHECK(!told.event.provider_known));
	/* read by its shape, and not billed: nobody said that the host speaks this API */
	x.endpoint = "localhost:8443=anthropic";
	RUN(&x, {
		CHECK(!told.ignored);
		CHECK(!told.event.provider_known);
		CHECK_TEXT(told.family, "openai.chat");
	});
	x.target = "/anthropic/v1/messages";
	x.request = CLAUDE;
	RUN(&x, {
		CHECK(told.event.provider_known);
		CHECK_TEXT(told.provider, "anthropic");
	});
	/* it vouches for the host: the body need not look like it */
	x.request = "{}";
	RUN(&x, CHECK(!told.ignored));
}

TEST(hosts_and_their_providers)
{
	static const struct {
		const char *authority, *provider, *region;
		bool known;
	} table[] = {
		{"api.openai.com", "openai", "", true},
		{"API.OpenAI.com.:443", "openai", "", true},
		{"eu.api.openai.com", "openai", "eu", true},
		{"us.api.openai.com", "openai", "us", true},
		{"api.openai.com.evil.example", "openai", "", false},
		{"xapi.openai.com", "openai", "", false},
		{"me.openai.azure.com", "azure.ai.openai", "", false},
		{"api.mistral.ai", "mistral_ai", "", false},
		{"api.deepseek.com", "deepseek", "", false},
		{"api.groq.com", "groq", "", false},
		{"api.perplexity.ai", "perplexity", "", false},
		{"us-east-1.api.x.ai", "x_ai", "", false},
		{"generativelanguage.googleapis.com", "gcp.gemini", "", false},
		{"us-central1-aiplatform.googleapis.com", "gcp.vertex_ai", "", false},
		{"bedrock-runtime.us-east-1.amazonaws.com", "aws.bedrock", "", false},
		{"openrouter.ai", "openai", "", false},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct exchange x = {
			.authority = table[i].authority,
			.target = "/api/v1/chat/completions",
			.request = CHAT,
			.response = ANSWER,
		};

		RUN(&x, {
			CHECK_TEXT(told.provider, table[i].provider);
			CHECK_INT(told.event.provider_known, table[i].known);
			CHECK_TEXT(told.charges[0].region, table[i].region);
		});
	}
}

TEST(shapes_of_paths)
{
	static const struct {
		const char *method, *authority, *target, *family;
	} table[] = {
		{"POST", "h", "/chat/completions", "openai.chat"},
		{"POST", "h", "/v1beta/openai/chat/completions?a=/x", "openai.chat"},
		{"post", "h", "/openai/deployments/d/chat/completions/", "openai.chat"},
		{"POST", "h", "//v1/chat/completions", "openai.chat"},
		{"POST", "h", "/v1/notchat/completions", NULL},
		{"POST", "h", "/v1/chat/completions/x", NULL},
		{"GET", "h", "/v1/chat/completions", NULL},
		{"GET", "api.openai.com", "/v1/chat/completions", "openai.stored"},
		{"POST", "h", "/openai/responses", "openai.responses"},
		{"POST", "h", "/v1/messages?beta=true", "anthropic.messages"},
		{"POST", "api.anthropic.com", "/v1/messages", "anthropic.messages"},
		{"POST", "api.openai.com", "/v1/messages", "anthropic.messages"},
		{"POST", "api.anthropic.com", "/v1/chat/completions", "openai.chat"},
		{"POST", "h", "/messages", NULL},
		{"POST", "h", "/v1/threads/t/messages", NULL},
		{"POST", "h", "/v1/messages/batches", NULL},
		{"POST", "h", "/v1/messages/count_tokens", "anthropic.count_tokens"},
		{"POST", "api.openai.com", "/v1/responses/input_tokens", "openai.input_tokens"},
		{"GET", "api.openai.com", "/v1/models", "openai.models"},
		{"GET", "api.openai.com", "/v1/models/gpt-5", "openai.models"},
		{"GET", "api.anthropic.com", "/v1/models?limit=2", "anthropic.models"},
		{"GET", "h", "/v1/models", NULL},
		{"GET", "api.openai.com", "/v1/responses/resp_1", "openai.responses.poll"},
		{"GET", "api.openai.com", "/v1/responses/", NULL},
		{"GET", "api.openai.com", "/v1/responses/r/input_items", "openai.stored"},
		{"DELETE", "api.openai.com", "/v1/responses/r", "openai.stored"},
		{"POST", "api.openai.com", "/v1/responses/r/cancel", "openai.stored"},
		{"POST", "api.openai.com", "/v1/embeddings", NULL},
		{"POST", "h", "/", NULL},
		{"POST", "h", "", NULL},
		{"OPTIONS", "h", "*", NULL},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct exchange x = {
			.method = table[i].method,
			.authority = table[i].authority,
			.target = table[i].target,
			.request =
				"{\"model\":\"m\",\"max_tokens\":1,\"messages\":[],\"input\":\"\"}",
			.response = ANSWER,
		};

		run_at(&x, SIZE_MAX);
		if (told.ignored != !table[i].family ||
		    (table[i].family && strcmp(told.family, table[i].family)))
			test_fail(__FILE__, __LINE__, "%s %s is %s", table[i].method,
				  table[i].target, told.ignored ? "none" : told.family);
	}
}

TEST(a_path_alone_is_not_enough)
{
	struct exchange x = {.authority = "forum.example", .response = ANSWER};

	x.target = "/v1/messages";
	x.request = "{\"text\":\"hello\",\"messages\":[]}";
	RUN(&x, CHECK(told.ignored));
	x.target = "/survey/responses";
	x.request = "{\"answers\":[1],\"input\":2}";
	RUN(&x, CHECK(told.ignored));
	x.target = "/chat/completions";
	x.request = "{\"messages\":\"no array\"}";
	RUN(&x, CHECK(told.ignored));
	x.request = "not JSON";
	RUN(&x, CHECK(told.ignored));
	x.request = NULL;
	RUN(&x, CHECK(told.ignored));
	x.request = CHAT;
	x.fields[0] = "content-type";
	x.fields[1] = "multipart/form-data; boundary=json";
	RUN(&x, CHECK(told.ignored));
	x.fields[1] = "application/vnd.api+JSON; charset=utf-8";
	RUN(&x, CHECK(!told.ignored));
	x.fields[0] = NULL;
	x.target = "/x/responses";
	x.request = "{\"prompt\":{\"id\":\"p\"}}";
	RUN(&x, CHECK(!told.ignored));
	x.request = INPUT;
	RUN(&x, CHECK(!told.ignored));
}

TEST(where_no_host_was_named)
{
	struct feeder f;
	struct exchange x = {.authority = "", .target = "/v1/chat/completions", .request = CHAT};

	begin_feeder(&f, SIZE_MAX);
	f.info.sni = "api.openai.com";
	f.info.peer = (struct cr_address){.family = 4, .port = 8443, .bytes = {10, 0, 0, 1}};
	feed_exchange(&f, &x);
	CHECK_TEXT(told.server_address, "api.openai.com");
	CHECK_INT(told.event.server_port, 8443);
	CHECK(told.event.provider_known);
	f.info.sni = NULL;
	feed_exchange(&f, &x);
	CHECK_TEXT(told.server_address, "10.0.0.1");
	f.info.peer.family = 0;
	feed_exchange(&f, &x);
	CHECK_TEXT(told.server_address, "");
	provider_free(f.provider);
}

TEST(an_answer_before_the_request_is_whole)
{
	struct exchange x = {
		.authority = "api.openai.com",
		.target = "/v1/chat/completions",
		.request = "{\"model\":\"m\",\"messages\":[",
		.status = 413,
	};
	struct feeder f;
	struct exchange_event end = {.type = EXCHANGE_END, .partial = PARTIAL_CUT};
	struct exchange_event head = {
		.type = EXCHANGE_REQUEST_HEAD,
		.method = "POST",
		.target = x.target,
		.authority = x.authority,
	};

	begin_feeder(&f, SIZE_MAX);
	memset(&told, 0, sizeof(told));
	feed(&f, &head);
	feed_pieces(&f, EXCHANGE_REQUEST_BODY, x.request, strlen(x.request));
	CHECK_INT(told.begins, 0);
	feed_response(&f, &x);
	CHECK_INT(told.begins, 1);
	CHECK_TEXT(told.request_model, "m");
	feed(&f, &end);
	CHECK_INT(told.begins, 1);
	CHECK_INT(told.ends, 1);
	CHECK_INT(told.event.billing, BILLING_FAILED);
	CHECK_TEXT(told.error_type, "413");
	provider_free(f.provider);
}

TEST(the_end_of_all)
{
	struct exchange_event head = {
		.type = EXCHANGE_REQUEST_HEAD,
		.method = "POST",
		.target = "/v1/chat/completions",
		.authority = "api.openai.com",
	};
	struct feeder f;

	begin_feeder(&f, SIZE_MAX);
	memset(&told, 0, sizeof(told));
	for (f.id = 1; f.id <= 3; f.id++)
		feed(&f, &head);
	CHECK_INT(provider_end(f.provider, 1000), 0);
	CHECK_INT(told.begins, 3);
	CHECK_INT(told.ends, 3);
	CHECK_INT(told.event.partial, PARTIAL_CUT);
	CHECK_INT(told.event.billing, BILLING_UNKNOWN);
	CHECK_INT(told.event.end_ns, 1000);
	CHECK_INT(provider_end(f.provider, 1000), 0);
	CHECK_INT(told.ends, 3);
	/* what was never known is of no interest */
	head.type = EXCHANGE_RESPONSE_BODY;
	f.id = 99;
	feed(&f, &head);
	CHECK(f.ignored);
	provider_free(f.provider);
	provider_free(NULL);
}

/* ---- damage ---- */

static const struct exchange samples[] = {
	{
		.authority = "h",
		.target = "/v1/chat/completions",
		.request = "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"content\":\"x\"}]}",
		.stream =
			"data: {\"id\":\"c\","
			"\"choices\":[{\"delta\":{\"content\":\"\\ud83d\\ude00\"},"
			"\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":{"
			"\"prompt_tokens\":10,\"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\n"
			"data: [DONE]\n\n",
	},
	{
		.authority = "h",
		.target = "/v1/responses",
		.request = "{\"model\":\"m\",\"input\":\"x\",\"conversation\":{\"id\":\"c\"}}",
		.response =
			"{\"id\":\"r\",\"error\":null,\"output\":[{\"type\":\"web_search_call\","
			"\"status\":\"completed\",\"action\":{\"type\":\"search\"}}],"
			"\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}",
	},
	{
		.authority = "api.anthropic.com",
		.target = "/v1/messages",
		.request = "{\"model\":\"m\",\"metadata\":{\"user_id\":\"a_session_b\"}}",
		.stream = "data: {\"type\":\"message_start\",\"message\":{\"usage\":{"
			  "\"input_tokens\":1,"
			  "\"cache_creation\":{\"ephemeral_5m_input_tokens\":2}}}}\n\n"
			  "data: {\"type\":\"message_delta\","
			  "\"delta\":{\"stop_reason\":\"x\"},\"usage\":{"
			  "\"iterations\":[{\"input_tokens\":1,\"model\":\"n\"},"
			  "{\"output_tokens\":2}]}}"
			  "\n\n",
	},
};

static uint64_t seed = 7;

static unsigned int roll(unsigned int n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)(seed >> 33) % n;
}

/* A copy with some bytes changed, or cut short. */
static const char *damage(const char *text, char *copy, size_t size)
{
	static const char bytes[] = "{}[]\",:\\u09-.e \n\x80\xff";
	size_t length;

	if (!text)
		return NULL;
	snprintf(copy, size, "%s", text);
	length = strlen(copy);
	for (unsigned int i = roll(4); i > 0; i--)
		copy[roll((unsigned int)length)] = bytes[roll(sizeof(bytes) - 1)];
	if (!roll(4))
		copy[roll((unsigned int)length)] = '\0';
	return copy;
}

TEST(damaged_exchanges_end_in_order)
{
	char request[1024], response[1024], stream[1024];
	struct feeder f;
	int told_of = 0;

	begin_feeder(&f, 1);
	for (int i = 0; i < 20000; i++) {
		struct exchange x = samples[roll(3)];

		x.request = damage(x.request, request, sizeof(request));
		x.response = damage(x.response, response, sizeof(response));
		x.stream = damage(x.stream, stream, sizeof(stream));
		x.cut = !roll(5);
		x.status = roll(5) ? 200 : 100 * roll(7);
		f.step = 1 + roll(40);
		feed_exchange(&f, &x); /* begins and ends once, or is ignored */
		told_of += !told.ignored;
		for (size_t c = 0; c < told.event.n_charges && !told.ignored; c++)
			CHECK(pricing_usage_input(&told.charges[c].usage) < UINT64_MAX / 2);
	}
	CHECK(told_of > 10000);
	CHECK_INT(provider_end(f.provider, 1), 0);
	provider_free(f.provider);
}

TEST_MAIN()
