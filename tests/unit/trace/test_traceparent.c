/* SPDX-License-Identifier: Apache-2.0 */
/* W3C Trace Context: section 3.2, and the versioning rules of 3.2.4. */
#include <errno.h>

#include "agent/trace/traceparent.h"
#include "tests/unit/test.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

TEST(reads_the_fields)
{
	static const uint8_t trace[] = {0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6,
					0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36};
	static const uint8_t parent[] = {0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7};
	uint8_t trace_id[TRACE_ID_SIZE], parent_id[SPAN_ID_SIZE];

	CHECK_INT(traceparent_parse("00-" TRACE "-" PARENT "-01", trace_id, parent_id), 0);
	CHECK(!memcmp(trace_id, trace, sizeof(trace)));
	CHECK(!memcmp(parent_id, parent, sizeof(parent)));
}

TEST(accepts)
{
	static const char *const texts[] = {
		"00-" TRACE "-" PARENT "-00",
		"00-" TRACE "-" PARENT "-01",
		"00-" TRACE "-" PARENT "-02", /* level 2: random */
		"00-" TRACE "-" PARENT "-ff", /* unknown flags are passed over */
		"01-" TRACE "-" PARENT "-01", /* a later version */
		"cc-" TRACE "-" PARENT "-01-what-the-future-will-be-like",
		"fe-" TRACE "-" PARENT "-01-",
	};
	uint8_t trace_id[TRACE_ID_SIZE], parent_id[SPAN_ID_SIZE];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (traceparent_parse(texts[i], trace_id, parent_id))
			test_fail(__FILE__, __LINE__, "refused: %s", texts[i]);
	}
}

TEST(refuses_and_leaves_the_ids)
{
	static const char *const texts[] = {
		"",
		"00",
		"00-",
		"00-" TRACE,
		"00-" TRACE "-" PARENT,
		"00-" TRACE "-" PARENT "-",
		"00-" TRACE "-" PARENT "-0",
		"00-" TRACE "-" PARENT "-01-", /* version 00 ends here */
		"00-" TRACE "-" PARENT "-01x",
		"00-" TRACE "-" PARENT "-01-more",
		"01-" TRACE "-" PARENT "-01x", /* later versions go on with a dash */
		"01-" TRACE "-" PARENT "-01.more",
		"ff-" TRACE "-" PARENT "-01",
		"0-" TRACE "-" PARENT "-01",
		"0g-" TRACE "-" PARENT "-01",
		"00-00000000000000000000000000000000-" PARENT "-01",
		"00-" TRACE "-0000000000000000-01",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01",
		"00-" TRACE "-00F067AA0BA902B7-01",
		"00-" TRACE "-" PARENT "-0G",
		"00-" TRACE "-" PARENT "-.1",
		"00_" TRACE "-" PARENT "-01",
		"00-" TRACE "_" PARENT "-01",
		"00-" TRACE "-" PARENT "_01",
		" 00-" TRACE "-" PARENT "-01",
		"00-4bf92f3577b34da6a3ce929d0e0e473-" PARENT "-011",
		"00-4bf92f3577b34da6a3ce929d0e0e473g-" PARENT "-01",
	};
	uint8_t trace_id[TRACE_ID_SIZE], parent_id[SPAN_ID_SIZE];

	memset(trace_id, 0x5a, sizeof(trace_id));
	memset(parent_id, 0x5a, sizeof(parent_id));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (traceparent_parse(texts[i], trace_id, parent_id) != -EINVAL)
			test_fail(__FILE__, __LINE__, "accepted: %s", texts[i]);
	}
	for (size_t i = 0; i < sizeof(trace_id); i++)
		CHECK_INT(trace_id[i], 0x5a);
	for (size_t i = 0; i < sizeof(parent_id); i++)
		CHECK_INT(parent_id[i], 0x5a);
}

TEST(refuses_every_prefix)
{
	static const char whole[] = "00-" TRACE "-" PARENT "-01";
	uint8_t trace_id[TRACE_ID_SIZE], parent_id[SPAN_ID_SIZE];

	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		char *part = strndup(whole, n);

		CHECK_INT(traceparent_parse(part, trace_id, parent_id), -EINVAL);
		free(part);
	}
}

TEST_MAIN()
