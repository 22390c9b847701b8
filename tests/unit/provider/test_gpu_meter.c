/* SPDX-License-Identifier: Apache-2.0 */
/* Whose the time of an endpoint's GPUs is, against a clock that is looked at every millisecond. */
#include <time.h>

#include "agent/provider/gpu_meter.h"
#include "tests/unit/provider/exchange.h"

#define MS 1000000ull
#define CALLS 40
#define SPAN_MS 2000

struct interval {
	unsigned int begin, end; /* ms */
	struct gpu_share share;
	uint64_t told;
};

/* In each millisecond that a call is open in it is given its part of the GPUs. */
static double share_by_looking(const struct interval *calls, size_t n, size_t which, int gpus)
{
	double share = 0;

	for (unsigned int ms = calls[which].begin; ms < calls[which].end; ms++) {
		int open = 0;

		for (size_t i = 0; i < n; i++)
			open += calls[i].begin <= ms && ms < calls[i].end;
		share += (double)gpus / open;
	}
	return share;
}

static void run_meter(struct gpu_meter *meter, struct interval *calls, size_t n)
{
	for (unsigned int ms = 0; ms <= SPAN_MS; ms++) {
		for (size_t i = 0; i < n; i++) {
			if (calls[i].end == ms)
				calls[i].told = gpu_meter_end(meter, ms * MS, &calls[i].share);
			if (calls[i].begin == ms)
				gpu_meter_begin(meter, ms * MS, &calls[i].share);
		}
	}
}

TEST(a_call_is_given_its_part_of_each_moment)
{
	unsigned int seed = (unsigned int)time(NULL);

	printf("# seed %u\n", seed);
	for (int round = 0; round < 50; round++) {
		int gpus = 1 + rand_r(&seed) % 8;
		struct gpu_meter meter = {.gpus = (unsigned int)gpus};
		struct interval calls[CALLS];

		for (size_t i = 0; i < CALLS; i++) {
			calls[i].begin = (unsigned int)rand_r(&seed) % (SPAN_MS - 1);
			calls[i].end = calls[i].begin + 1 +
				       (unsigned int)rand_r(&seed) % (SPAN_MS - calls[i].begin);
		}
		run_meter(&meter, calls, CALLS);
		for (size_t i = 0; i < CALLS; i++) {
			double off =
				(double)calls[i].told - share_by_looking(calls, CALLS, i, gpus);

			CHECK(off > -0.51 && off < 0.51);
		}
		CHECK_INT(meter.open, 0);
	}
}

TEST(a_clock_that_goes_back_takes_nothing)
{
	struct gpu_meter meter = {.gpus = 1};
	struct gpu_share a, b;

	gpu_meter_begin(&meter, 100 * MS, &a);
	gpu_meter_begin(&meter, 90 * MS, &b);
	CHECK_INT(gpu_meter_end(&meter, 95 * MS, &b), 0);
	CHECK_INT(gpu_meter_end(&meter, 150 * MS, &a), 50);
	/* years at once */
	gpu_meter_begin(&meter, 0, &a);
	CHECK_INT(gpu_meter_end(&meter, 150 * MS + (1ull << 62), &a), (1ull << 62) / MS);
}

#define CHAT "{\"model\":\"m\",\"messages\":[]}"
#define ANSWER "{\"model\":\"m\",\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}"

static const struct exchange chat = {
	.authority = "gpu.internal:8000",
	.target = "/v1/chat/completions",
	.request = CHAT,
};

static void end_exchange(struct feeder *f, uint64_t id, uint64_t ms, const char *answer,
			 unsigned int status)
{
	struct exchange x = chat;
	struct exchange_event end = {.type = EXCHANGE_END};

	x.response = answer;
	x.status = status;
	memset(&told, 0, sizeof(told));
	f->id = id;
	f->time_ns = ms * MS;
	feed_response(f, &x);
	feed(f, &end);
}

static void begin_exchange(struct feeder *f, uint64_t id, uint64_t ms)
{
	f->id = id;
	f->time_ns = ms * MS;
	f->ignored = false;
	feed_request(f, &chat);
}

TEST(calls_of_an_endpoint_share_its_gpus)
{
	struct feeder f;

	begin_feeder(&f, SIZE_MAX);
	CHECK_INT(
		provider_add_endpoint(f.provider, "gpu.internal:8000=openai,provider=mine,gpus=2"),
		0);
	begin_exchange(&f, 1, 0);
	begin_exchange(&f, 2, 1000);
	end_exchange(&f, 1, 3000, ANSWER, 200);
	CHECK_TEXT(told.provider, "mine");
	CHECK(told.event.provider_known);
	CHECK_INT(told.event.billing, BILLING_USAGE);
	CHECK_INT(quantity(0, PRICING_INPUT), 3);
	/* 1 s alone on two, 2 s with another */
	CHECK_INT(quantity(0, PRICING_GPU_MILLISECONDS), 4000);
	begin_exchange(&f, 3, 4000);
	/* no usage on the wire: its time is known all the same */
	end_exchange(&f, 2, 5000, "{\"model\":\"m\"}", 200);
	CHECK_INT(told.event.billing, BILLING_USAGE);
	CHECK(told.event.partial & PARTIAL_NO_USAGE);
	CHECK_INT(quantity(0, PRICING_INPUT), -1);
	CHECK_INT(quantity(0, PRICING_GPU_MILLISECONDS), 5000);
	end_exchange(&f, 3, 6000, "{\"error\":{\"message\":\"no\"}}", 500);
	CHECK_INT(told.event.billing, BILLING_FAILED);
	CHECK_INT(told.event.n_charges, 0);
	provider_free(f.provider);
}

TEST(without_gpus_there_is_no_time)
{
	struct exchange x = chat;

	x.response = ANSWER;
	x.endpoint = "gpu.internal=openai,provider=mine";
	RUN(&x, {
		CHECK_TEXT(told.provider, "mine");
		CHECK_INT(quantity(0, PRICING_OUTPUT), 2);
		CHECK_INT(quantity(0, PRICING_GPU_MILLISECONDS), -1);
	});
	x.endpoint = "other.internal=openai,provider=mine,gpus=1";
	RUN(&x, {
		CHECK_TEXT(told.provider, "openai");
		CHECK(!told.event.provider_known);
		CHECK_INT(quantity(0, PRICING_GPU_MILLISECONDS), -1);
	});
}

TEST_MAIN()
