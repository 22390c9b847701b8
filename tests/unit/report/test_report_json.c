/* SPDX-License-Identifier: Apache-2.0 */
/* Held against cJSON, another's parser, and against the fields' own rules. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <unistd.h>

#include "agent/report.h"
#include "tests/unit/ledger/example.h"
#include "tests/unit/test.h"

static struct ledger *ledger;
static char *text;
static size_t length;

static void begin(void)
{
	struct process_event process = example_process(43, 1100);
	int64_t writer;

	CHECK_INT(ledger_open(&ledger, NULL, NULL, 0), 0);
	CHECK_INT(ledger_begin_writer(ledger, "run", "0.1.0", EXAMPLE_OFFSET, &writer), 0);
	CHECK_INT(ledger_write_process(ledger, &process), 0);
}

static void write_call(struct example *example)
{
	CHECK_INT(ledger_write_call(ledger, &example->event), 0);
}

/* The JSON of what was written; the ledger is closed. */
static cJSON *finish(void)
{
	struct report_opts opts = {.ledger = ledger};
	FILE *out = open_memstream(&text, &length);
	cJSON *json;

	CHECK_INT(report_json(out, &opts), 0);
	fclose(out);
	ledger_close(ledger);
	json = cJSON_ParseWithOpts(text, NULL, true);
	CHECK(json);
	return json;
}

static void end(cJSON *json)
{
	cJSON_Delete(json);
	free(text);
}

static const cJSON *call_of(const cJSON *json, int i)
{
	const cJSON *call = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "calls"), i);

	CHECK(call);
	return call;
}

static void check_text(const cJSON *object, const char *name, const char *expected)
{
	const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

	if (!value || strcmp(value, expected))
		test_fail(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", name,
			  value ? value : "(none)", expected);
}

static void check_number(const cJSON *object, const char *name, double expected)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	if (!cJSON_IsNumber(item) || item->valuedouble != expected)
		test_fail(__FILE__, __LINE__, "%s is %.17g, not %.17g", name,
			  item ? item->valuedouble : -1, expected);
}

static void check_absent(const cJSON *object, const char *name)
{
	if (cJSON_GetObjectItemCaseSensitive(object, name))
		test_fail(__FILE__, __LINE__, "%s is there", name);
}

TEST(a_whole_call)
{
	struct example example;
	const cJSON *call;
	cJSON *json;

	begin();
	example_make(&example, 7);
	write_call(&example);
	json = finish();
	call = call_of(json, 0);
	check_text(call, "trace_id", EXAMPLE_TRACE);
	check_text(call, "span_id", "0000000000000007");
	check_text(call, "parent_span_id", "00f067aa0ba902b7");
	check_text(call, "start_time", "2023-11-14T22:13:21.000007000Z");
	check_text(call, "end_time", "2023-11-14T22:13:22.500007000Z");
	check_number(call, "duration_ms", 1500);
	check_number(call, "tollspan.time_to_first_token_ms", 250.000001);
	check_text(call, "gen_ai.operation.name", "chat");
	check_text(call, "gen_ai.provider.name", "openai");
	check_text(call, "gen_ai.request.model", "gpt-4o");
	check_text(call, "gen_ai.response.model", "gpt-4o-2024-08-06");
	check_text(call, "gen_ai.response.id", "chatcmpl-1");
	check_text(call, "gen_ai.conversation.id", "conv_1");
	check_text(call, "tollspan.key.fingerprint", "k1:0123456789abcdef");
	check_text(call, "tollspan.card.version", "2026-11-01+abcdef");
	check_text(call, "tollspan.completeness", "exact");
	check_text(call, "tollspan.capture", "preload");
	check_text(call, "openai.response.service_tier", "default");
	check_text(call, "a.quote", "\"\xef\xbf\xbd\n");
	check_text(call, "server.address", "api.openai.com");
	check_number(call, "server.port", 8443);
	check_text(call, "http.request.method", "POST");
	check_text(call, "url.path", "/v1/chat/completions");
	check_number(call, "http.response.status_code", 200);
	check_absent(call, "error.type");
	check_number(call, "process.pid", 43);
	check_text(call, "process.executable.name", "python3.11");
	CHECK(strstr(text,
		     "\"process.command_args\":[\"python3\",\"agent.py\",\"--api-key\",\"***\"]"));
	end(json);
}

/* Two charges of 700 + 300 + 150 + 50 input and 120 + 80 output tokens each. */
TEST(usage_and_cost)
{
	struct example example;
	const cJSON *call, *charge;
	cJSON *json;

	begin();
	example_make(&example, 7);
	write_call(&example);
	json = finish();
	call = call_of(json, 0);
	check_number(call, "gen_ai.usage.input_tokens", 2400);
	check_number(call, "gen_ai.usage.output_tokens", 400);
	check_number(call, "gen_ai.usage.cache_read.input_tokens", 600);
	check_number(call, "gen_ai.usage.cache_creation.input_tokens", 400);
	check_number(call, "gen_ai.usage.reasoning.output_tokens", 160);
	check_number(call, "tollspan.usage.cache_creation_5m", 300);
	check_number(call, "tollspan.usage.cache_creation_1h", 100);
	check_number(call, "tollspan.usage.requests.web_search", 4);
	check_number(call, "tollspan.usage.input_audio", 0); /* told, and zero */
	check_absent(call, "tollspan.usage.output_audio");
	CHECK(strstr(text, "\"gen_ai.usage.cost\":0.005190000001,"));
	check_text(call, "tollspan.cost.amount", "0.005190000001");
	check_text(call, "tollspan.cost.currency", "USD");
	check_text(call, "tollspan.cost.status", "priced");
	check_text(call, "tollspan.cost.source", "local");
	check_absent(call, "tollspan.cost.priced_part");
	charge = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(call, "tollspan.charges"), 1);
	check_text(charge, "model", "advisor");
	check_text(charge, "tier", "flex");
	check_text(charge, "region", "eu");
	check_number(cJSON_GetObjectItemCaseSensitive(charge, "usage"), "cache_read", 300);
	CHECK(strstr(text, "\"cost\":0.000000000001,"));
	end(json);
}

TEST(what_is_not_known_is_absent)
{
	struct example example;
	static const char *const present[] = {
		"trace_id",
		"span_id",
		"start_time",
		"tollspan.cost.status",
		"tollspan.completeness",
		"process.pid",
	};
	struct call_event bare;
	const cJSON *call;
	cJSON *json;

	begin();
	example_make(&example, 7);
	bare = (struct call_event){
		.type = CALL_END,
		.conn = {.process = {.start = 9, .pid = 99}},
		.start_ns = 1,
		.wall_offset_ns = EXAMPLE_OFFSET,
		.billing = BILLING_UNKNOWN,
		.partial = PARTIAL_NO_USAGE,
	};
	memcpy(bare.trace_id, example.event.trace_id, sizeof(bare.trace_id));
	example.event = bare;
	write_call(&example);
	json = finish();
	call = call_of(json, 0);
	CHECK_INT(cJSON_GetArraySize(call), sizeof(present) / sizeof(present[0]));
	for (size_t i = 0; i < sizeof(present) / sizeof(present[0]); i++)
		CHECK(cJSON_HasObjectItem(call, present[i]));
	check_text(call, "tollspan.cost.status", "unpriced");
	check_text(call, "tollspan.completeness", "partial");
	end(json);
}

TEST(unpriced_failed_and_free)
{
	struct example example;
	const cJSON *call, *totals;
	cJSON *json;

	begin();
	example_make(&example, 1);
	example.event.cost_status = COST_UNPRICED;
	example.event.n_charges = 1;
	example.charges[0].price.status = PRICING_UNPRICED_BUCKET;
	example.charges[0].price.missing = PRICING_WEB_SEARCH;
	write_call(&example);
	example_make(&example, 2);
	example.event.n_charges = 0;
	example.event.billing = BILLING_FAILED;
	example.event.status = 429;
	example.event.error_type = "rate_limit_error";
	write_call(&example);
	example_make(&example, 3);
	example.event.n_charges = 0;
	example.event.billing = BILLING_FREE;
	example.event.cost_status = COST_FREE;
	write_call(&example);
	json = finish();
	call = call_of(json, 0);
	check_absent(call, "gen_ai.usage.cost");
	check_absent(call, "tollspan.cost.amount");
	check_absent(call, "tollspan.charges");
	check_text(call, "tollspan.cost.status", "unpriced");
	check_text(call, "tollspan.cost.priced_part", "0.00519");
	call = call_of(json, 1);
	check_number(call, "gen_ai.usage.cost", 0);
	check_text(call, "tollspan.cost.status", "priced");
	check_text(call, "error.type", "rate_limit_error");
	check_absent(call, "gen_ai.usage.input_tokens");
	call = call_of(json, 2);
	check_number(call, "gen_ai.usage.cost", 0);
	check_text(call, "tollspan.cost.status", "free");
	totals = cJSON_GetObjectItemCaseSensitive(json, "totals");
	check_number(totals, "calls", 3);
	check_number(totals, "unpriced_calls", 1);
	check_number(totals, "errors", 1);
	CHECK_INT(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(totals, "cost")), 0);
	end(json);
}

/* Ours is 0.005190000001 dollars; by hand. */
static void report_cost(uint64_t position, enum reported_source source, int64_t amount,
			const char *currency, enum pricing_status status)
{
	struct example example;

	example_make(&example, position);
	example.event.reported_source = source;
	example.event.reported = amount;
	for (size_t i = 0; i < 2; i++) {
		snprintf(example.charges[i].price.currency, PRICING_CURRENCY_MAX, "%s", currency);
		example.charges[i].price.status = status;
	}
	write_call(&example);
}

TEST(reported_costs)
{
	struct example example;
	const cJSON *call;
	cJSON *json;

	begin();
	report_cost(1, REPORTED_PROVIDER, 5190000000, "USD", PRICING_PRICED);
	report_cost(2, REPORTED_GATEWAY, 6000000000, "USD", PRICING_PRICED);
	report_cost(3, REPORTED_PROVIDER, 1, "EUR", PRICING_PRICED);
	report_cost(4, REPORTED_PROVIDER, 2, "USD", PRICING_UNPRICED_TIER);
	example_make(&example, 5);
	example.event.n_charges = 0;
	example.event.billing = BILLING_UNKNOWN;
	example.event.reported_source = REPORTED_GATEWAY;
	write_call(&example);
	json = finish();

	call = call_of(json, 0);
	CHECK(strstr(text, "\"gen_ai.usage.cost\":0.00519,"));
	check_text(call, "tollspan.cost.amount", "0.00519");
	check_text(call, "tollspan.cost.currency", "USD");
	check_text(call, "tollspan.cost.status", "priced");
	check_text(call, "tollspan.cost.source", "provider");
	check_text(call, "tollspan.cost.local_amount", "0.005190000001");
	check_absent(call, "tollspan.cost.local_currency");
	check_text(call, "tollspan.cost.difference", "-0.000000000001");

	call = call_of(json, 1);
	check_text(call, "tollspan.cost.amount", "0.006");
	check_text(call, "tollspan.cost.source", "gateway");
	check_text(call, "tollspan.cost.difference", "0.000809999999");

	call = call_of(json, 2);
	check_text(call, "tollspan.cost.amount", "0.000000000001");
	check_text(call, "tollspan.cost.currency", "USD");
	check_text(call, "tollspan.cost.local_amount", "0.005190000001");
	check_text(call, "tollspan.cost.local_currency", "EUR");
	check_absent(call, "tollspan.cost.difference");

	call = call_of(json, 3);
	check_text(call, "tollspan.cost.status", "priced");
	check_absent(call, "tollspan.cost.priced_part");
	check_absent(call, "tollspan.cost.local_amount");
	check_absent(call, "tollspan.cost.difference");

	call = call_of(json, 4);
	check_number(call, "gen_ai.usage.cost", 0);
	check_text(call, "tollspan.cost.amount", "0");
	check_text(call, "tollspan.cost.currency", "USD");
	check_text(call, "tollspan.cost.source", "gateway");
	check_absent(call, "tollspan.cost.local_amount");

	/* 0.00519 + 0.006 + 1 and 2 pico-dollars */
	CHECK(strstr(text, "\"cost\":{\"USD\":0.011190000003}"));
	check_number(cJSON_GetObjectItemCaseSensitive(json, "totals"), "unpriced_calls", 0);
	end(json);
}

/* 20 calls of two charges of 2^63 - 1 pico-units: 40 × 9223372036854775807, by Python. */
TEST(totals_are_exact_beyond_64_bits)
{
	struct example example;
	const cJSON *totals;
	cJSON *json;

	begin();
	for (uint64_t i = 1; i <= 20; i++) {
		example_make(&example, i);
		example.charges[0].price.amount = INT64_MAX;
		example.charges[1].price.amount = INT64_MAX;
		write_call(&example);
	}
	example_make(&example, 21);
	memcpy(example.charges[0].price.currency, "EUR", 4);
	example.event.n_charges = 1;
	write_call(&example);
	json = finish();
	CHECK(strstr(text, "\"cost\":{\"USD\":368934881.47419103228,\"EUR\":0.00519}"));
	totals = cJSON_GetObjectItemCaseSensitive(json, "totals");
	check_number(totals, "calls", 21);
	check_number(totals, "gen_ai.usage.input_tokens", 41 * 1200);
	check_number(totals, "gen_ai.usage.cache_read.input_tokens", 41 * 300);
	check_number(totals, "wall_time_ms", 1500.02); /* 20 µs from the first to the last */
	CHECK(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(totals, "complete")));
	end(json);
}

TEST(lost_and_unseen)
{
	static const struct loss_event losses[] = {
		{.cause = CR_CAUSE_RING_FULL, .records = 2, .bytes = 100, .wall_ns = 1},
		{.cause = CR_CAUSE_PROTOCOL, .name = "h2", .records = 1, .bytes = 5, .wall_ns = 2},
		{.cause = CR_CAUSE_RING_FULL, .records = 3, .bytes = 11, .wall_ns = 3},
		{.cause = CR_CAUSE_PROTOCOL, .name = "ws", .records = 1, .bytes = 7, .wall_ns = 4},
		{.cause = CR_CAUSE_PROTOCOL, .records = 1, .bytes = 1, .wall_ns = 5},
		{.cause = 999, .records = 1, .bytes = UINT64_MAX, .wall_ns = 6},
	};
	struct unseen_event unseen = {.process = {.start = 9, .pid = 77},
				      .executable = "/x/\x1b[31mnode",
				      .reason = "why",
				      .remedy = "so"};
	const cJSON *lost, *item;
	cJSON *json;

	begin();
	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++)
		CHECK_INT(ledger_write_loss(ledger, &losses[i]), 0);
	CHECK_INT(ledger_write_unseen(ledger, &unseen), 0);
	json = finish();
	lost = cJSON_GetObjectItemCaseSensitive(json, "lost");
	item = cJSON_GetObjectItemCaseSensitive(lost, "ring_full");
	check_number(item, "records", 5);
	check_number(item, "bytes", 111);
	check_absent(item, "names");
	item = cJSON_GetObjectItemCaseSensitive(lost, "protocol");
	check_number(item, "records", 3);
	check_number(item, "bytes", 13);
	item = cJSON_GetObjectItemCaseSensitive(item, "names");
	CHECK_INT(cJSON_GetArraySize(item), 2);
	check_number(cJSON_GetObjectItemCaseSensitive(item, "ws"), "bytes", 7);
	check_number(cJSON_GetObjectItemCaseSensitive(lost, "unknown"), "records", 1);
	item = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "unseen"), 0);
	check_number(item, "process.pid", 77);
	check_text(item, "process.executable.path", "/x/\x1b[31mnode");
	check_text(item, "reason", "why");
	check_text(item, "remedy", "so");
	CHECK(!strchr(text, '\x1b'));
	CHECK(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(json, "totals"), "complete")));
	end(json);
}

TEST(an_empty_ledger)
{
	cJSON *json;

	begin();
	json = finish();
	CHECK_INT(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "calls")), 0);
	CHECK(cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(json, "unseen")));
	CHECK(cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(json, "lost")));
	check_number(cJSON_GetObjectItemCaseSensitive(json, "totals"), "calls", 0);
	end(json);
}

TEST(lines_are_calls)
{
	struct report_opts opts = {0};
	struct example example;
	int n = 0;
	FILE *out;

	begin();
	for (uint64_t i = 1; i <= 3; i++) {
		example_make(&example, i);
		example.event.response_id = "a\nb\xe2\x80\xa8"
					    "c";
		write_call(&example);
	}
	opts.ledger = ledger;
	out = open_memstream(&text, &length);
	CHECK_INT(report_json_lines(out, &opts), 0);
	fclose(out);
	ledger_close(ledger);
	for (char *line = text, *next; *line; line = next, n++) {
		cJSON *json;

		next = strchr(line, '\n');
		CHECK(next);
		*next++ = '\0';
		json = cJSON_ParseWithOpts(line, NULL, true);
		CHECK(json);
		check_text(json, "gen_ai.response.id",
			   "a\nb\xe2\x80\xa8"
			   "c");
		cJSON_Delete(json);
	}
	CHECK_INT(n, 3);
	free(text);
}

/* Any bytes in any text give valid JSON and valid UTF-8 in it. */
TEST(any_text_is_valid_json)
{
	struct example example;
	char noise[64];
	cJSON *json;

	begin();
	srandom(7);
	for (uint64_t i = 1; i <= 300; i++) {
		size_t n = 1 + (size_t)random() % (sizeof(noise) - 1);

		for (size_t k = 0; k < n; k++)
			noise[k] = (char)(1 + random() % 255);
		noise[n] = '\0';
		example_make(&example, i);
		example.event.response_model = example.event.path = noise;
		example.attributes[0].value = noise;
		write_call(&example);
	}
	json = finish();
	CHECK_INT(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "calls")), 300);
	end(json);
}

TEST(a_full_output_is_an_error)
{
	struct report_opts opts = {0};
	struct example example;
	FILE *out = fopen("/dev/full", "w");

	CHECK(out);
	begin();
	example_make(&example, 1);
	write_call(&example);
	opts.ledger = ledger;
	CHECK_INT(report_json(out, &opts), -EIO);
	fclose(out);
	out = fopen("/dev/full", "w");
	CHECK_INT(report_json_lines(out, &opts), -EIO);
	fclose(out);
	out = fopen("/dev/full", "w");
	CHECK_INT(report_text(out, &opts), -EIO);
	fclose(out);
	ledger_close(ledger);
}

TEST_MAIN()
