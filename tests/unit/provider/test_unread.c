/* SPDX-License-Identifier: Apache-2.0 */
/* What costs money and is not read is told as a loss with a name. */
#include "tests/unit/provider/exchange.h"

static void run_post(const char *authority, const char *target, const char *endpoint)
{
	struct exchange x = {
		.authority = authority,
		.target = target,
		.endpoint = endpoint,
		.request = "{\"model\":\"m\"}",
		.response = "{}",
	};

	run_at(&x, SIZE_MAX);
	CHECK(told.ignored);
	CHECK_INT(told.begins + told.ends, 0);
}

#define OPENAI "api.openai.com"
#define CLAUDE "api.anthropic.com"
#define GEMINI "generativelanguage.googleapis.com"
#define NAME_32 "abcdefghijklmnopqrstuvwxyzabcdef"

static const struct {
	const char *authority, *target, *endpoint, *name;
} paid[] = {
	{OPENAI, "/v1/embeddings", NULL, "openai POST /v1/embeddings"},
	{OPENAI, "/v1/embeddings/?a=/b", NULL, "openai POST /v1/embeddings"},
	{"eu." OPENAI, "/v1/images/generations", NULL, "openai POST /v1/images/generations"},
	{OPENAI, "/v1/audio/transcriptions", NULL, "openai POST /v1/audio/transcriptions"},
	{OPENAI, "/v1/completions", NULL, "openai POST /v1/completions"},
	{OPENAI, "/v1/batches", NULL, "openai POST /v1/batches"},
	{OPENAI, "/v1/threads/thread_a1b2/runs", NULL, "openai POST /v1/threads/*"},
	{OPENAI, "/v1/threads/runs", NULL, "openai POST /v1/threads/runs"},
	{OPENAI, "/v1/vector_stores/vs_1/files", NULL, "openai POST /v1/vector_stores/*"},
	{CLAUDE, "/v1/messages/batches", NULL, "anthropic POST /v1/messages/batches"},
	{CLAUDE, "/v1/complete", NULL, "anthropic POST /v1/complete"},
	{CLAUDE, "/v1/conversations", NULL, "anthropic POST /v1/conversations"},
	{GEMINI, "/v1beta/models/gemini-2.5-pro:generateContent", NULL,
	 "gcp.gemini POST /v1beta/models/*:generateContent"},
	{"bedrock-runtime.us-east-1.amazonaws.com", "/model/a.b-v1%3A0/converse", NULL,
	 "aws.bedrock POST /model/*/converse"},
	{"api.cohere.com", "/v2/chat", NULL, "cohere POST /v2/chat"},
	{"api.mistral.ai", "/v1/conversations", NULL, "mistral_ai POST /v1/conversations"},
	{"llm.corp:8443", "/v1/embeddings", "llm.corp=openai", "openai POST /v1/embeddings"},
	{"llm.corp", "/v1/embeddings", "llm.corp=openai,anthropic", "llm.corp POST /v1/embeddings"},
	/* names without end */
	{OPENAI, "/", NULL, "openai POST /"},
	{OPENAI, "//v1//x", NULL, "openai POST /v1/x"},
	{OPENAI, "/" NAME_32, NULL, "openai POST /" NAME_32},
	{OPENAI, "/" NAME_32 "g", NULL, "openai POST /*"},
	{OPENAI, "/v1beta2/v12/v1x", NULL, "openai POST /v1beta2/v12/*"},
	{OPENAI, "/v/a b/\x01", NULL, "openai POST /v/*/*"},
};

TEST(what_is_paid_and_not_read_is_lost)
{
	for (size_t i = 0; i < sizeof(paid) / sizeof(*paid); i++) {
		run_post(paid[i].authority, paid[i].target, paid[i].endpoint);
		CHECK_INT(lost.count, 1);
		CHECK_TEXT(lost.name, paid[i].name);
		CHECK_INT(lost.event.cause, CR_CAUSE_PROTOCOL);
		CHECK_INT(lost.event.records, 1);
		CHECK_INT(lost.event.bytes, 11);
		CHECK_INT(lost.event.process.start, 5);
		CHECK_INT(lost.event.process.pid, 6);
	}
}

static const struct {
	const char *authority, *target, *endpoint;
} unpaid[] = {
	{OPENAI, "/v1/files", NULL},
	{OPENAI, "/v1/uploads/upload_1/parts", NULL},
	{OPENAI, "/v1/batches/batch_1/cancel", NULL},
	{OPENAI, "/v1/chat/completions/chatcmpl-1", NULL},
	{OPENAI, "/v1/conversations", NULL},
	{OPENAI, "/v1/threads/thread_1/messages", NULL},
	{OPENAI, "/v1/realtime/client_secrets", NULL},
	{OPENAI, "/v1/traces/ingest", NULL},
	{OPENAI, "/v1/organization/projects", NULL},
	{CLAUDE, "/v1/messages/batches/msgbatch_1/cancel", NULL},
	{CLAUDE, "/v1/files/?beta=true", NULL},
	{CLAUDE, "/api/event_logging/batch", NULL},
	{CLAUDE, "/api/event_logging/v2/batch", NULL},
	{CLAUDE, "/api/eval/sdk-1", NULL},
	{CLAUDE, "/v1/traces", NULL},
	{GEMINI, "/v1beta/models/gemini-2.5-pro:countTokens", NULL},
	{GEMINI, "/upload/v1beta/files", NULL},
	{"bedrock-runtime.eu-west-1.amazonaws.com", "/model/a.b/count-tokens", NULL},
	{"llm.corp", "/v1/files", "llm.corp=openai"},
	/* nobody knows that it is billed */
	{"example.org", "/v1/embeddings", NULL},
	{"localhost:8000", "/v1/embeddings", "localhost:8001=openai"},
	{"api.openai.com.example.org", "/v1/embeddings", NULL},
};

TEST(what_costs_nothing_is_not_lost)
{
	for (size_t i = 0; i < sizeof(unpaid) / sizeof(*unpaid); i++) {
		run_post(unpaid[i].authority, unpaid[i].target, unpaid[i].endpoint);
		if (lost.count)
			test_fail(__FILE__, __LINE__, "%s is lost", lost.name);
	}
}

TEST(only_a_post_is_lost)
{
	struct exchange x = {.target = "/v1/embeddings"};
	static const char *const methods[] = {"GET", "DELETE", "HEAD", "PUT", "OPTIONS"};

	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		x.method = methods[i];
		run_at(&x, SIZE_MAX);
		CHECK_INT(lost.count, 0);
	}
}

TEST(a_failed_request_is_not_lost)
{
	static const struct {
		unsigned int status;
		int lost;
	} statuses[] = {{200, 1}, {201, 1}, {299, 1}, {300, 0}, {400, 0}, {401, 0}, {500, 0}};
	struct exchange x = {.target = "/v1/embeddings", .request = "{}", .response = "{}"};

	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
		x.status = statuses[i].status;
		run_at(&x, SIZE_MAX);
		CHECK_INT(lost.count, statuses[i].lost);
	}
	x.no_response = true;
	run_at(&x, SIZE_MAX);
	CHECK_INT(lost.count, 1);
}

/* The head of one more request, and no end to it. */
static void feed_open(struct feeder *f, const char *method, const char *target)
{
	struct exchange_event head = {
		.type = EXCHANGE_REQUEST_HEAD,
		.method = method,
		.target = target,
		.authority = OPENAI,
	};

	f->id++;
	f->ignored = false;
	feed(f, &head);
}

TEST(open_requests_are_lost_at_the_end)
{
	struct feeder f;

	memset(&lost, 0, sizeof(lost));
	begin_feeder(&f, 1);
	for (int i = 0; i < 3; i++)
		feed_open(&f, "POST", "/v1/embeddings");
	CHECK_INT(lost.count, 0);
	CHECK_INT(provider_end(f.provider, 9), 0);
	CHECK_INT(lost.count, 3);
	CHECK_INT(lost.event.bytes, 0);
	feed_open(&f, "POST", "/v1/embeddings"); /* freed with the stage */
	provider_free(f.provider);
}

TEST(more_open_requests_than_there_is_room_for_are_lost_at_once)
{
	struct feeder f;

	memset(&lost, 0, sizeof(lost));
	begin_feeder(&f, 1);
	for (size_t i = 0; i < LIMIT_UNREAD; i++)
		feed_open(&f, "POST", "/v1/embeddings");
	CHECK_INT(lost.count, 0);
	feed_open(&f, "POST", "/v1/embeddings");
	CHECK_INT(lost.count, 1);
	CHECK_INT(provider_end(f.provider, 9), 0);
	CHECK_INT(lost.count, LIMIT_UNREAD + 1);
	provider_free(f.provider);
}

TEST(calls_beyond_the_limit_are_lost)
{
	const struct exchange chat = {.target = "/v1/chat/completions", .request = "{}"};
	const struct exchange refused = {
		.target = "/v1/chat/completions", .request = "{}", .status = 429};
	const struct exchange models = {.method = "GET", .target = "/v1/models"};
	struct feeder f;

	begin_feeder(&f, SIZE_MAX);
	for (size_t i = 0; i < LIMIT_CALLS; i++) {
		feed_open(&f, "GET", "/v1/models");
		CHECK(!f.ignored);
	}
	feed_exchange(&f, &chat);
	CHECK(told.ignored);
	CHECK_INT(lost.count, 1);
	CHECK_INT(lost.event.cause, CR_CAUSE_LIMIT);
	CHECK_INT(lost.event.bytes, 11);
	CHECK_TEXT(lost.name, "openai POST /v1/chat/completions");
	feed_exchange(&f, &refused);
	CHECK_INT(lost.count, 0);
	feed_exchange(&f, &models);
	CHECK_INT(lost.count, 0);
	provider_free(f.provider);
}

TEST(a_long_path_is_cut_and_its_call_kept)
{
	static char target[5000];
	struct exchange x = {
		.target = target,
		.request = "{\"model\":\"m\"}",
		.response =
			"{\"model\":\"m\",\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}",
	};

	snprintf(target, sizeof(target), "/%0*d/v1/chat/completions", 4000, 0);
	RUN(&x, {
		CHECK_INT(lost.count, 0);
		CHECK_INT(told.event.partial, PARTIAL_LIMIT);
		CHECK_INT(told.event.status, 200);
		CHECK_INT(strlen(told.path), TOLD_TEXT - 1);
		CHECK_INT(quantity(0, PRICING_INPUT), 1);
	});
}

TEST_MAIN()
