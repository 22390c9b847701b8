/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "pricing/pricing.h"
#include "tests/unit/test.h"

TEST(names_go_both_ways)
{
	for (int bucket = 0; bucket < PRICING_BUCKETS; bucket++) {
		const char *name = pricing_bucket_name((enum pricing_bucket)bucket);

		CHECK(name);
		CHECK_INT(pricing_bucket_by_name(name), bucket);
	}
	CHECK(!pricing_bucket_name(PRICING_BUCKETS));
	CHECK_INT(pricing_bucket_by_name("inputs"), -ENOENT);
	CHECK_INT(pricing_bucket_by_name(""), -ENOENT);
	CHECK_INT(pricing_bucket_by_name(NULL), -ENOENT);
}

TEST(parts_are_taken_out_of_their_totals)
{
	struct pricing_usage usage = {0};
	enum pricing_bucket bucket = PRICING_BUCKETS;

	pricing_usage_set(&usage, PRICING_INPUT, 1000);
	pricing_usage_set(&usage, PRICING_CACHE_READ, 300);
	pricing_usage_set(&usage, PRICING_CACHE_READ_AUDIO, 5);
	pricing_usage_set(&usage, PRICING_CACHE_WRITE_5M, 100);
	pricing_usage_set(&usage, PRICING_CACHE_WRITE_1H, 50);
	pricing_usage_set(&usage, PRICING_INPUT_AUDIO, 45);
	pricing_usage_set(&usage, PRICING_OUTPUT, 200);
	pricing_usage_set(&usage, PRICING_REASONING, 150);
	pricing_usage_set(&usage, PRICING_OUTPUT_AUDIO, 20);
	CHECK_INT(pricing_usage_exclude(&usage, &bucket), 0);
	CHECK_INT(usage.quantity[PRICING_INPUT], 500);
	CHECK_INT(usage.quantity[PRICING_OUTPUT], 30);
	CHECK_INT(pricing_usage_input(&usage), 1000);
	CHECK_INT(pricing_usage_output(&usage), 200);
}

TEST(all_of_a_total_may_be_cached)
{
	struct pricing_usage usage = {0};
	enum pricing_bucket bucket;

	pricing_usage_set(&usage, PRICING_INPUT, 300);
	pricing_usage_set(&usage, PRICING_CACHE_READ, 300);
	CHECK_INT(pricing_usage_exclude(&usage, &bucket), 0);
	CHECK_INT(usage.quantity[PRICING_INPUT], 0);
	CHECK(pricing_usage_has(&usage, PRICING_INPUT));
}

TEST(a_negative_bucket_is_an_error_that_names_it)
{
	struct pricing_usage usage = {0}, before;
	enum pricing_bucket bucket = PRICING_BUCKETS;

	pricing_usage_set(&usage, PRICING_INPUT, 299);
	pricing_usage_set(&usage, PRICING_CACHE_READ, 300);
	before = usage;
	CHECK_INT(pricing_usage_exclude(&usage, &bucket), -ERANGE);
	CHECK_INT(bucket, PRICING_INPUT);
	CHECK(!memcmp(&usage, &before, sizeof(usage)));

	usage = (struct pricing_usage){0};
	pricing_usage_set(&usage, PRICING_INPUT, 10);
	pricing_usage_set(&usage, PRICING_OUTPUT, 1);
	pricing_usage_set(&usage, PRICING_REASONING, 2);
	before = usage;
	CHECK_INT(pricing_usage_exclude(&usage, &bucket), -ERANGE);
	CHECK_INT(bucket, PRICING_OUTPUT);
	CHECK(!memcmp(&usage, &before, sizeof(usage)));
}

TEST(parts_that_overflow_exceed_every_total)
{
	struct pricing_usage usage = {0};
	enum pricing_bucket bucket;

	pricing_usage_set(&usage, PRICING_INPUT, UINT64_MAX - 1);
	pricing_usage_set(&usage, PRICING_CACHE_READ, UINT64_MAX);
	pricing_usage_set(&usage, PRICING_CACHE_WRITE, UINT64_MAX);
	CHECK_INT(pricing_usage_exclude(&usage, &bucket), -ERANGE);
	CHECK(pricing_usage_input(&usage) == UINT64_MAX);
}

TEST(a_side_without_a_total_is_left)
{
	struct pricing_usage usage = {0};
	enum pricing_bucket bucket;

	pricing_usage_set(&usage, PRICING_CACHE_READ, 300);
	pricing_usage_set(&usage, PRICING_OUTPUT, 5);
	CHECK_INT(pricing_usage_exclude(&usage, &bucket), 0);
	CHECK(!pricing_usage_has(&usage, PRICING_INPUT));
	CHECK_INT(usage.quantity[PRICING_CACHE_READ], 300);
	CHECK_INT(usage.quantity[PRICING_OUTPUT], 5);
}

TEST(absent_is_not_zero)
{
	struct pricing_usage usage = {0};

	CHECK(!pricing_usage_has(&usage, PRICING_INPUT));
	pricing_usage_set(&usage, PRICING_INPUT, 0);
	CHECK(pricing_usage_has(&usage, PRICING_INPUT));
}

TEST_MAIN()
