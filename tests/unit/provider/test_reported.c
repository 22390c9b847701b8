/* SPDX-License-Identifier: Apache-2.0 */
/* Costs that responses report: every shape, in pieces of every size, and the number reader. */
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "agent/provider/reported.h"
#include "tests/unit/provider/exchange.h"

__extension__ typedef unsigned __int128 wide;

/* ---- numbers ---- */

static int read_number(const char *text, int64_t *amount)
{
	return reported_number(text, strlen(text), 12, amount);
}

static void check_number(const char *text, int64_t expected)
{
	int64_t amount = -1;
	int r = read_number(text, &amount);

	if (r || amount != expected)
		test_fail(__FILE__, __LINE__, "%s: %d, %" PRId64 ", not %" PRId64, text, r, amount,
			  expected);
}

static void check_refused(const char *text, int error)
{
	int64_t amount = -7;

	if (read_number(text, &amount) != error || amount != -7)
		test_fail(__FILE__, __LINE__, "%s is taken for %" PRId64, text, amount);
}

TEST(numbers_are_exact)
{
	check_number("0", 0);
	check_number("0.0", 0);
	check_number("0e999999999999999999999", 0);
	check_number("1", 1000000000000);
	check_number("0.95", 950000000000);
	check_number("0.000000000001", 1);
	check_number("1.2e-05", 12000000);
	check_number("3.45E-5", 34500000);
	check_number("12e+3", 12000000000000000);
	check_number("0.00012e2", 12000000000);
	check_number("1e-12", 1);
	check_number("9223372.036854775807", INT64_MAX);
	check_number("9223372036854775807000000e-24", 9223372036855);
	/* as doubles are printed */
	check_number("0.0004970133333333333", 497013333);
	check_number("0.00011018000000000001", 110180000);
}

TEST(beyond_twelve_decimals_half_goes_to_even)
{
	check_number("0.0000000000005", 0);
	check_number("5e-13", 0);
	check_number("0.00000000000050000000000000000001", 1);
	check_number("0.0000000000015", 2);
	check_number("0.0000000000025", 2);
	check_number("0.00000000000250000001", 3);
	check_number("0.0000000000024999", 2);
	check_number("4.9e-13", 0);
	check_number("5.1e-13", 1);
	check_number("9e-14", 0);
	check_number("9e-999999999999999999999", 0);
	check_number("0.9999999999995", 1000000000000);
}

TEST(what_is_no_amount_is_refused)
{
	static const char *const texts[] = {"",     "-1",   "-0.0", "+1",   ".5",    "1.",  "01",
					    "00",   "NaN",  "nan",  "inf",  "None",  "1e",  "1e+",
					    "1e-",  "1.e3", "0x1",  "1 ",   " 1",    "1,5", "1e5.0",
					    "1..2", "1e5e", "null", "true", "\"1\"", "$1",  "1-"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		check_refused(texts[i], -EINVAL);
	check_refused("9223372.0368547758075", -ERANGE);
	check_refused("9223372.036854775808", -ERANGE);
	check_refused("9223373", -ERANGE);
	check_refused("1e7", -ERANGE);
	check_refused("1e999999999999999999999", -ERANGE);
	check_refused("99999999999999999999999999999999999999", -ERANGE);
}

/* Of the text as many bytes as are told, and no NUL behind them. */
TEST(the_length_is_the_end)
{
	int64_t amount = 0;
	char *text = malloc(4);

	memcpy(text, "1.25", 4);
	CHECK_INT(reported_number(text, 4, 12, &amount), 0);
	CHECK_INT(amount, 1250000000000);
	CHECK_INT(reported_number(text, 3, 12, &amount), 0);
	CHECK_INT(amount, 1200000000000);
	CHECK_INT(reported_number(text, 2, 12, &amount), -EINVAL);
	free(text);
}

static uint64_t random_state;

/* splitmix64 */
static uint64_t random_number(void)
{
	uint64_t z = (random_state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* digits × 10^power, as one of the ways in which it can be written. */
static void write_number(char *text, size_t size, uint64_t digits, int power)
{
	static const char zeros[] = "00000000000000000000000000000000000000000000000000000000000";
	char figures[64];
	int n = snprintf(figures, sizeof(figures), "%" PRIu64, digits);
	int cut = 1 + (int)(random_number() % (uint64_t)n);

	if (power <= 0 && power > -n && random_number() % 2) /* 12.34 */
		snprintf(text, size, "%.*s%s%s", n + power, figures, power ? "." : "",
			 figures + n + power);
	else if (power <= -n && power > -60 && random_number() % 2) /* 0.0012 */
		snprintf(text, size, "0.%.*s%s", -power - n, zeros, figures);
	else if (cut < n) /* 1.234e-5 */
		snprintf(text, size, "%.*s.%s%c%d", cut, figures, figures + cut,
			 random_number() % 2 ? 'e' : 'E', power + n - cut);
	else
		snprintf(text, size, "%se%s%d", figures,
			 power >= 0 && random_number() % 2 ? "+" : "", power);
}

/* digits × 10^power in pico-units by division, or -1 where they do not fit. */
static int64_t expect(uint64_t digits, int power)
{
	wide value = digits, unit = 1, rest;

	for (int i = power + 12; i > 0 && value && value <= INT64_MAX; i--)
		value *= 10;
	for (int i = power + 12; i < 0; i++) {
		if (unit > (wide)UINT64_MAX * 10)
			return 0; /* less than a tenth of it */
		unit *= 10;
	}
	rest = value % unit;
	value /= unit;
	if (2 * rest > unit || (2 * rest == unit && value % 2))
		value++;
	return value > INT64_MAX ? -1 : (int64_t)value;
}

TEST(random_numbers_are_what_division_makes_of_them)
{
	uint64_t seed = (uint64_t)getpid() << 32 | (uint64_t)time(NULL);
	size_t fits = 0;

	random_state = seed;
	for (size_t i = 0; i < 200000; i++) {
		uint64_t digits = random_number() >> random_number() % 64;
		int power = (int)(random_number() % 48) - 38;
		int64_t amount = -1, expected = expect(digits, power);
		char text[128];
		int r;

		if (i % 8 == 0) /* halves, and their neighbours */
			digits = digits / 1000 * 1000 + 499 + i / 8 % 3, power = -15,
			expected = expect(digits, power);
		write_number(text, sizeof(text), digits, power);
		r = read_number(text, &amount);
		if (r != (expected < 0 ? -ERANGE : 0) || amount != expected)
			test_fail(__FILE__, __LINE__,
				  "seed %" PRIu64 ": %s is %" PRId64 " (%d)"
				  ", not %" PRId64,
				  seed, text, amount, r, expected);
		fits += expected > 0;
	}
	CHECK(fits > 10000);
}

/* ---- shapes ---- */

#define CHAT "/v1/chat/completions"
#define RESPONSES "/v1/responses"
#define ASK "{\"model\":\"m\",\"messages\":[]}"
#define ASK_RESPONSES "{\"model\":\"m\",\"input\":\"hi\"}"
#define TOKENS "\"prompt_tokens\":10,\"completion_tokens\":4,\"total_tokens\":14"
#define BODY(usage)                                                                 \
	"{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"finish_reason\":\"stop\"}]," \
	"\"usage\":{" usage "}}"
#define RESPONSE(status, usage)                                                    \
	"{\"id\":\"resp_1\",\"model\":\"m\",\"status\":\"" status "\",\"usage\":{" \
	"\"input_tokens\":10,\"output_tokens\":4," usage "}}"

static void check_cost(enum reported_source source, int64_t amount)
{
	CHECK_INT(told.event.reported_source, source);
	CHECK_INT(told.event.reported, amount);
}

/* Of a chat body with this usage. */
static void check_usage(const char *usage, enum reported_source source, int64_t amount)
{
	char body[1024];
	struct exchange x = {.authority = "openrouter.ai", .target = CHAT, .request = ASK};

	snprintf(body, sizeof(body), BODY("%s"), usage);
	x.response = body;
	RUN(&x, {
		if (told.event.reported_source != source || told.event.reported != amount)
			test_fail(__FILE__, __LINE__, "%s is %d, %" PRId64, usage,
				  (int)told.event.reported_source, told.event.reported);
		CHECK_INT(told.event.partial & PARTIAL_MALFORMED, 0);
	});
}

static void check_taken(const char *usage, int64_t amount)
{
	check_usage(usage, REPORTED_PROVIDER, amount);
}

static void check_not_taken(const char *usage)
{
	check_usage(usage, REPORTED_NONE, 0);
}

TEST(openrouter)
{
	check_taken(TOKENS ",\"cost\":0.00014", 140000000);
	check_taken(TOKENS ",\"cost\":1.2e-05,\"is_byok\":false", 12000000);
	check_taken(TOKENS ",\"cost\":0", 0);
	check_taken(TOKENS ",\"cost\":0.0033789,\"is_byok\":false,\"cost_details\":"
			   "{\"upstream_inference_cost\":0.0033789}",
		    3378900000);
	check_taken(TOKENS ",\"cost\":0.5,\"cost_details\":{\"upstream_inference_cost\":null}",
		    500000000000);
	check_taken(TOKENS ",\"cost\":0.5,\"cost_details\":{\"upstream_inference_cost\":0.0}",
		    500000000000);
	/* no tokens at all */
	check_taken("\"cost\":0.25", 250000000000);
}

TEST(openrouter_with_the_users_own_key)
{
	check_not_taken(TOKENS ",\"cost\":0.95,\"is_byok\":true");
	check_not_taken(TOKENS ",\"is_byok\":true,\"cost\":0.95,\"cost_details\":"
			       "{\"upstream_inference_cost\":19}");
	check_not_taken(TOKENS ",\"cost\":0.95,\"cost_details\":{\"upstream_inference_cost\":19}");
	check_not_taken(TOKENS ",\"cost\":0.95,\"cost_details\":"
			       "{\"upstream_inference_cost\":\"19\"}");
}

TEST(perplexity)
{
	check_taken(TOKENS ",\"cost\":{\"input_tokens_cost\":1e-05,\"output_tokens_cost\":0.0005,"
			   "\"request_cost\":0.006,\"total_cost\":0.00651}",
		    6510000000);
	check_taken(TOKENS ",\"cost\":{\"currency\":\"USD\",\"total_cost\":0.1}", 100000000000);
	check_taken(TOKENS ",\"cost\":{\"currency\":null,\"total_cost\":0.1}", 100000000000);
	check_not_taken(TOKENS ",\"cost\":{\"currency\":\"EUR\",\"total_cost\":0.1}");
	check_not_taken(TOKENS ",\"cost\":{\"currency\":1,\"total_cost\":0.1}");
	check_not_taken(TOKENS ",\"cost\":{\"request_cost\":0.006}");
	check_not_taken(TOKENS ",\"total_cost\":0.006");
}

TEST(xai)
{
	check_taken(TOKENS ",\"cost_in_usd_ticks\":37756000", 3775600000);
	check_taken(TOKENS ",\"cost_in_usd_ticks\":0", 0);
	check_taken(TOKENS ",\"cost_in_usd_ticks\":92233720368547758", 9223372036854775800);
	check_taken(TOKENS ",\"cost\":0.5,\"cost_in_usd_ticks\":1", 100);
	check_not_taken(TOKENS ",\"cost_in_usd_ticks\":92233720368547759");
	check_not_taken(TOKENS ",\"cost_in_usd_ticks\":1.5");
	check_not_taken(TOKENS ",\"cost_in_usd_ticks\":1e3");
	check_not_taken(TOKENS ",\"cost_in_usd_ticks\":-1");
	check_not_taken(TOKENS ",\"cost_in_usd_ticks\":\"1\"");
}

TEST(what_is_no_reported_cost)
{
	check_not_taken(TOKENS);
	check_not_taken(TOKENS ",\"estimated_cost\":0.5"); /* DeepInfra */
	check_not_taken(TOKENS ",\"cost\":null");
	check_not_taken(TOKENS ",\"cost\":\"0.5\"");
	check_not_taken(TOKENS ",\"cost\":-0.5");
	check_not_taken(TOKENS ",\"cost\":true");
	check_not_taken(TOKENS ",\"cost\":[0.5]");
	check_not_taken(TOKENS ",\"cost\":9223373");
	check_not_taken(TOKENS ",\"details\":{\"cost\":0.5}");
	/* of a key that comes twice the last holds */
	check_taken(TOKENS ",\"cost\":0.5,\"cost\":0.25", 250000000000);
	check_not_taken(TOKENS ",\"cost\":0.5,\"cost\":\"?\"");
}

TEST(usage_and_billing_are_as_without_it)
{
	static const struct exchange x = {
		.target = CHAT, .request = ASK, .response = BODY(TOKENS ",\"cost\":0.5")};
	static const struct exchange bare = {
		.target = CHAT, .request = ASK, .response = BODY("\"cost\":0.5")};

	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_USAGE);
		CHECK_INT(told.event.partial, 0);
		CHECK_INT(quantity(0, PRICING_INPUT), 10);
		check_cost(REPORTED_PROVIDER, 500000000000);
	});
	RUN(&bare, {
		CHECK_INT(told.event.billing, BILLING_UNKNOWN);
		CHECK_INT(told.event.partial, PARTIAL_NO_USAGE);
		CHECK_INT(told.event.n_charges, 0);
		check_cost(REPORTED_PROVIDER, 500000000000);
	});
}

/* ---- streams ---- */

#define TOKEN "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n"
#define FINISH "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define USAGE(rest) "data: {\"choices\":[],\"usage\":{" TOKENS rest "}}\n\n"
#define DONE "data: [DONE]\n\n"

TEST(the_last_one_of_a_stream_holds)
{
	struct exchange x = {
		.target = CHAT,
		.request = ASK,
		.stream = TOKEN USAGE(",\"cost\":0.1") FINISH USAGE(",\"cost\":0.3") DONE,
	};

	RUN(&x, check_cost(REPORTED_PROVIDER, 300000000000));
	/* one without any is no other word */
	x.stream = TOKEN USAGE(",\"cost\":0.1") FINISH USAGE("") DONE;
	RUN(&x, check_cost(REPORTED_PROVIDER, 100000000000));
	/* one that is not taken is */
	x.stream = TOKEN USAGE(",\"cost\":0.1") FINISH USAGE(",\"cost\":0.1,\"is_byok\":true") DONE;
	RUN(&x, check_cost(REPORTED_NONE, 0));
	x.stream = TOKEN FINISH DONE;
	RUN(&x, check_cost(REPORTED_NONE, 0));
}

TEST(it_is_told_at_the_end_alone)
{
	static const struct exchange x = {
		.target = CHAT, .request = ASK, .stream = USAGE(",\"cost\":0.1") TOKEN FINISH DONE};
	struct feeder f;

	begin_feeder(&f, SIZE_MAX);
	memset(&told, 0, sizeof(told));
	f.id = 1;
	feed_request(&f, &x);
	CHECK_INT(told.begins, 1);
	feed_stream(&f, x.stream);
	CHECK_INT(told.ends, 0);
	check_cost(REPORTED_NONE, 0);
	CHECK_INT(provider_end(f.provider, 99), 0);
	CHECK_INT(told.ends, 1);
	/* no head was seen: that it succeeded is not known */
	check_cost(REPORTED_NONE, 0);
	provider_free(f.provider);
}

#define EVENT(type, status, usage)                 \
	"event: " type "\ndata: {\"type\":\"" type \
	"\",\"response\":" RESPONSE(status, usage) "}\n\n"

TEST(responses_and_their_streams)
{
	struct exchange x = {
		.target = RESPONSES,
		.request = ASK_RESPONSES,
		.response = RESPONSE("completed", "\"cost\":0.0000113,\"is_byok\":false"),
	};

	RUN(&x, check_cost(REPORTED_PROVIDER, 11300000));
	x.response = RESPONSE("completed", "\"cost\":{\"currency\":\"USD\",\"total_cost\":0.2}");
	RUN(&x, check_cost(REPORTED_PROVIDER, 200000000000));
	x.response = RESPONSE("completed", "\"cost_in_usd_ticks\":7");
	RUN(&x, check_cost(REPORTED_PROVIDER, 700));
	x.response = NULL;
	x.stream = EVENT("response.in_progress", "in_progress", "\"cost\":0.1")
		EVENT("response.completed", "completed", "\"cost\":0.4");
	RUN(&x, check_cost(REPORTED_PROVIDER, 400000000000));
	x.stream = EVENT("response.in_progress", "in_progress", "\"cost\":0.1");
	RUN(&x, check_cost(REPORTED_NONE, 0));
}

/* ---- gateways ---- */

#define LITELLM(cost)                                           \
	.response_fields = {"x-litellm-call-id",                \
			    "1",                                \
			    "x-litellm-response-cost",          \
			    cost,                               \
			    "x-litellm-response-cost-original", \
			    "7"}

TEST(litellm)
{
	static const struct {
		const char *text;
		int64_t amount; /* -1: not taken */
	} cases[] = {
		{"0.00325", 3250000000},
		{"3.45e-05", 34500000},
		{"0.0", 0},
		{"0", 0},
		{"None", -1},
		{"nan", -1},
		{"-0.1", -1},
		{"", -1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct exchange x = {.authority = "llm.example.com",
					   .target = CHAT,
					   .request = ASK,
					   LITELLM(cases[i].text),
					   .response = BODY(TOKENS)};
		bool taken = cases[i].amount >= 0;

		RUN(&x, check_cost(taken ? REPORTED_GATEWAY : REPORTED_NONE,
				   taken ? cases[i].amount : 0));
	}
}

TEST(litellm_of_any_family)
{
	static const struct exchange x = {
		.authority = "api.anthropic.com",
		.target = "/v1/messages",
		.request = "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[]}",
		LITELLM("0.5"),
		.response = "{\"type\":\"message\",\"id\":\"m1\",\"model\":\"m\",\"usage\":"
			    "{\"input_tokens\":3,\"output_tokens\":4}}",
	};

	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_USAGE);
		check_cost(REPORTED_GATEWAY, 500000000000);
	});
}

TEST(a_body_wins_over_a_head)
{
	struct exchange x = {.target = CHAT,
			     .request = ASK,
			     LITELLM("0.5"),
			     .response = BODY(TOKENS ",\"cost\":0.25")};

	RUN(&x, check_cost(REPORTED_PROVIDER, 250000000000));
	x.response = BODY(TOKENS ",\"cost\":0.25,\"is_byok\":true");
	RUN(&x, check_cost(REPORTED_GATEWAY, 500000000000));
}

TEST(in_litellms_streams_the_cost_is_its_own)
{
	struct exchange x = {.target = CHAT,
			     .request = ASK,
			     .response_fields = {"x-litellm-call-id", "1"},
			     .stream = TOKEN FINISH USAGE(",\"cost\":0.25") DONE};

	RUN(&x, check_cost(REPORTED_GATEWAY, 250000000000));
	x.stream = NULL;
	x.response = BODY(TOKENS ",\"cost\":0.25");
	RUN(&x, check_cost(REPORTED_PROVIDER, 250000000000));
}

/* ---- calls that have none ---- */

TEST(failed_calls_have_none)
{
	struct exchange x = {.target = CHAT,
			     .request = ASK,
			     LITELLM("0.5"),
			     .status = 500,
			     .response = BODY(TOKENS ",\"cost\":0.25")};

	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_FAILED);
		check_cost(REPORTED_NONE, 0);
	});
	x.status = 200;
	x.response = "{\"error\":{\"type\":\"overloaded\",\"code\":1}}";
	RUN(&x, {
		CHECK_INT(told.event.billing, BILLING_FAILED);
		check_cost(REPORTED_NONE, 0);
	});
	x.status = 302;
	RUN(&x, check_cost(REPORTED_NONE, 0));
}

TEST(free_calls_have_none)
{
	static const struct exchange models = {
		.method = "GET", .target = "/v1/models", LITELLM("0.5"), .response = "{}"};
	static const struct exchange poll = {
		.method = "GET",
		.target = "/v1/responses/resp_1",
		LITELLM("0.5"),
		.response = RESPONSE("completed", "\"cost\":0.25"),
	};

	RUN(&models, {
		CHECK_INT(told.event.billing, BILLING_FREE);
		check_cost(REPORTED_NONE, 0);
	});
	RUN(&poll, {
		CHECK_INT(told.event.billing, BILLING_FREE);
		check_cost(REPORTED_NONE, 0);
	});
}

/* What was only begun has its cost where its usage is: at the poll that completes it. */
TEST(background)
{
	static const struct exchange create = {
		.target = RESPONSES,
		.request = "{\"model\":\"m\",\"input\":\"hi\",\"background\":true}",
		LITELLM("0.0"),
		.response = "{\"id\":\"resp_1\",\"model\":\"m\",\"status\":\"queued\","
			    "\"background\":true,\"usage\":null}",
	};
	static const struct exchange poll = {
		.method = "GET",
		.target = "/v1/responses/resp_1",
		.response = RESPONSE("completed", "\"cost\":0.25"),
	};
	struct feeder f;

	begin_feeder(&f, SIZE_MAX);
	feed_exchange(&f, &create);
	CHECK_INT(told.event.billing, BILLING_UNKNOWN);
	check_cost(REPORTED_NONE, 0);
	feed_exchange(&f, &poll);
	CHECK_INT(told.event.billing, BILLING_USAGE);
	check_cost(REPORTED_PROVIDER, 250000000000);
	feed_exchange(&f, &poll);
	CHECK_INT(told.event.billing, BILLING_FREE);
	check_cost(REPORTED_NONE, 0);
	provider_free(f.provider);
}

TEST_MAIN()
