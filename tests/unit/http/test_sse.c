/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/http/sse.h"
#include "agent/util/buffer.h"
#include "tests/unit/test.h"

static int on_data(void *context, const uint8_t *data, size_t length)
{
	CHECK(length > 0);
	CHECK(!buffer_append(context, data, length));
	return 0;
}

static int on_end(void *context, const char *name)
{
	CHECK(!buffer_printf(context, "<%s>", name));
	return 0;
}

/* Streams, and their events' data with names behind them, as the HTML standard says. */
static const struct {
	const char *stream, *events;
	bool open;
} cases[] = {
	/* the standard's own examples */
	{"data: YHOO\ndata: +2\ndata: 10\n\n", "YHOO\n+2\n10<>", false},
	{": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event",
	 "first event<>second event<> third event", true},
	{"data\n\ndata\ndata\n\ndata:", "<>\n<>", true},
	{"data:test\n\ndata: test\n\n", "test<>test<>", false},
	/* line ends */
	{"data: a\r\n\r\ndata: b\r\rdata: c\n\r\n", "a<>b<>c<>", false},
	{"data: a\r\ndata: b\r\n\r\n", "a\nb<>", false},
	{"data: a\rdata: b\r\r", "a\nb<>", false},
	/* names */
	{"event: x\ndata: 1\n\ndata: 2\n\n", "1<x>2<>", false},
	{"data: 1\nevent: late\n\n", "1<late>", false},
	{"event: x\nevent: y\ndata: 1\n\n", "1<y>", false},
	{"event: x\n\ndata: 1\n\n", "1<>", false},
	{"event\ndata: 1\n\n", "1<>", false},
	/* fields of no interest */
	{"datas: 1\ndat: 2\nDATA: 3\n data: 4\nretry: 5\n\n", "", false},
	{":data: 1\n\n", "", false},
	{"data:: 1\n\n", ": 1<>", false},
	/* byte order mark */
	{"\xef\xbb\xbf"
	 "data: 1\n\n",
	 "1<>", false},
	{"\xef\xbb\xbf\xef\xbb\xbf"
	 "data: 1\n\ndata: 2\n\n",
	 "2<>", false},
	{"\xef\xbb"
	 "data: 1\ndata: 2\n\n",
	 "2<>", false},
	{"\xef\n\ndata: 1\n\n", "1<>", false},
	/* incomplete */
	{"data: 1\n", "1", true},
	{"data: 1\n\ndata: 2", "1<>2", true},
	{"data: 1\n\nda", "1<>", true},
	{"data: 1\n\n: c", "1<>", false},
	{"", "", false},
	{"\n\n\n", "", false},
	{"data: \xff\xfe\x01\n\n", "\xff\xfe\x01<>", false},
};

#define N_CASES (sizeof(cases) / sizeof(cases[0]))

static void feed(struct sse *sse, struct buffer *out, const char *text, size_t length, int split)
{
	const struct sse_sink sink = {out, on_data, on_end};

	for (size_t at = 0, n; at < length; at += n) {
		n = split == 0 ? length : split == 1 ? 1 : 1 + (size_t)rand() % 7;
		if (n > length - at)
			n = length - at;
		CHECK(!sse_feed(sse, &sink, (const uint8_t *)text + at, n));
	}
}

TEST(streams_however_they_are_cut)
{
	for (size_t i = 0; i < N_CASES; i++) {
		for (int split = 0; split < 10; split++) {
			struct buffer out;
			struct sse sse;

			srand((unsigned int)split);
			buffer_init(&out, 1000);
			sse_init(&sse);
			feed(&sse, &out, cases[i].stream, strlen(cases[i].stream), split);
			CHECK_TEXT(buffer_text(&out), cases[i].events);
			CHECK_INT(sse_open(&sse), cases[i].open);
			buffer_free(&out);
		}
	}
}

TEST(long_name_is_cut)
{
	struct buffer out;
	struct sse sse;
	char text[400];

	buffer_init(&out, 1000);
	sse_init(&sse);
	snprintf(text, sizeof(text), "event: %0300d\ndata: 1\n\n", 0);
	feed(&sse, &out, text, strlen(text), 1);
	CHECK_INT(out.length, 1 + LIMIT_SSE_NAME + 2);
	CHECK(sse.limited);
	buffer_free(&out);
}

TEST(goes_on_behind_a_gap)
{
	static const char rest[] = "the end of a lost line\ndata: half\n\ndata: whole\n\n";

	for (int split = 0; split < 10; split++) {
		struct buffer out;
		struct sse sse;

		buffer_init(&out, 1000);
		sse_init(&sse);
		feed(&sse, &out, "data: 1\n\ndata: 2", 16, split);
		sse_gap(&sse);
		feed(&sse, &out, rest, strlen(rest), split);
		CHECK_TEXT(buffer_text(&out), "1<>2whole<>");
		CHECK(!sse_open(&sse));
		buffer_free(&out);
	}
}

static int refuse(void *context, const uint8_t *data, size_t length)
{
	return -12;
}

TEST(sink_error_is_passed_up)
{
	const struct sse_sink sink = {NULL, refuse, on_end};
	struct sse sse;

	sse_init(&sse);
	CHECK_INT(sse_feed(&sse, &sink, (const uint8_t *)"data: 1\n\n", 9), -12);
}

TEST_MAIN()
