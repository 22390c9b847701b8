/* SPDX-License-Identifier: Apache-2.0 */
/* How long to wait, and how much to send at once. */
#include "exporter/backoff.h"
#include "exporter/split.h"
#include "tests/unit/test.h"

TEST(backoff_doubles_its_range_up_to_the_most)
{
	static const unsigned int tops[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000};
	struct backoff low = {500, 30000, 0}, high = {500, 30000, 0}, middle = {500, 30000, 0};

	for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++) {
		CHECK_INT(backoff_next(&low, 0), 500);
		CHECK_INT(backoff_next(&high, UINT32_MAX), tops[i]);
		CHECK_INT(backoff_next(&middle, 1u << 31), 500 + (tops[i] - 500 + 1) / 2);
	}
	for (int i = 0; i < 1000; i++)
		backoff_next(&high, 5);
	CHECK_INT(backoff_next(&high, UINT32_MAX), 30000);
	backoff_reset(&high);
	CHECK_INT(backoff_next(&high, UINT32_MAX), 1000);
}

TEST(backoff_of_odd_ranges)
{
	struct backoff same = {100, 100, 0}, reversed = {100, 50, 0}, wide = {1, UINT32_MAX, 40};

	CHECK_INT(backoff_next(&same, UINT32_MAX), 100);
	CHECK_INT(backoff_next(&reversed, UINT32_MAX), 100);
	CHECK(backoff_next(&wide, UINT32_MAX) >= 1u << 31);
}

/* Sends 1 … n to a collector that refuses the bad one. Return: requests; given up in *ret_lost. */
static int send_all(struct split *split, uint64_t n, uint64_t bad, size_t collector_max,
		    int *ret_lost)
{
	int requests = 0;

	*ret_lost = 0;
	for (uint64_t cursor = 0; cursor < n; requests++) {
		size_t size = n - cursor < split->limit ? (size_t)(n - cursor) : split->limit;
		uint64_t last = cursor + size;

		CHECK(size > 0 && requests < 10000);
		if (size > collector_max || (bad > cursor && bad <= last)) {
			if (size > 1) {
				split_refused(split, size, last, size > collector_max);
				continue;
			}
			CHECK_INT(last, bad);
			++*ret_lost;
			split_given_up(split, last);
		} else {
			split_accepted(split, size, last);
		}
		cursor = last;
	}
	return requests;
}

TEST(each_single_bad_span_is_found_soon)
{
	int lost;

	for (uint64_t bad = 1; bad <= 1000; bad++) {
		struct split split;

		split_init(&split, 1000);
		CHECK(send_all(&split, 1000, bad, 1000, &lost) <= 32);
		CHECK_INT(lost, 1);
		CHECK(!split_active(&split));
		CHECK_INT(split.limit, 1000);
	}
}

TEST(limit_of_the_collector_is_kept_and_tried_again)
{
	struct split split;
	int lost;

	split_init(&split, 1000);
	CHECK_INT(send_all(&split, 10000, 0, 300, &lost), 42);
	CHECK_INT(lost, 0);
	CHECK_INT(split.limit, 250);
	for (int i = 0; i < 64; i++)
		split_accepted(&split, 250, 20000);
	CHECK_INT(split.limit, 500);
}

TEST_MAIN()
