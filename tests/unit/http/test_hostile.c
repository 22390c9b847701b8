/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes: heads, bodies, bombs and crowds, and the memory they take. */
#include <malloc.h>

#include "tests/unit/http/encode.h"
#include "tests/unit/http/wire.h"

#if defined(__SANITIZE_ADDRESS__)
#define MEASURED false /* the sanitizer's allocator tells nothing of use */
#else
#define MEASURED true
#endif

static size_t in_use(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static void feed_many(struct wire *w, int direction, const void *data, size_t length,
		      unsigned int n, size_t *peak)
{
	for (unsigned int i = 0; i < n; i++) {
		wire_data(w, direction, data, length, true);
		if (in_use() > *peak)
			*peak = in_use();
	}
}

TEST(head_of_ten_megabytes)
{
	static const char *const fields[] = {"X-Field: some value of it\r\n", "a",
					     "X-Api-Key: k\r\n", "X-Same: v\r\n y\r\n"};

	for (size_t i = 0; i < 4; i++) {
		size_t before, peak = 0;
		struct buffer text;
		struct wire w;

		wire_open(&w);
		w.quiet = true;
		buffer_init(&text, MIB);
		while (text.length < 16000)
			buffer_append_text(&text, fields[i]);
		before = in_use();
		wire_text(&w, CR_SEND, i == 1 ? "GET / HTTP/1.1\r\nX: " : "GET / HTTP/1.1\r\n");
		feed_many(&w, CR_SEND, text.data, text.length, 650, &peak);
		wire_text(&w, CR_SEND, "\r\n\r\n");
		wire_text(&w, CR_RECV, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
		CHECK_INT(w.n_exchanges, 1);
		CHECK_INT(w.partial, PARTIAL_LIMIT);
		if (MEASURED)
			CHECK(peak - before < 512 * KIB);
		wire_close(&w);
		buffer_free(&text);
		wire_free(&w);
	}
}

TEST(body_of_a_gigabyte)
{
	size_t length = 256 * KIB, before, peak = 0;
	uint8_t *zeros = calloc(1, length);
	struct wire w;

	wire_open(&w);
	w.quiet = true;
	before = in_use();
	wire_text(&w, CR_SEND, "GET / HTTP/1.1\r\n\r\n");
	wire_text(&w, CR_RECV, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
	feed_many(&w, CR_RECV, zeros, length, 4096, &peak);
	CHECK_INT(w.n_exchanges, 1);
	CHECK_INT(w.partial, 0);
	CHECK_INT(w.n_bytes, 1ull << 30);
	if (MEASURED)
		CHECK(peak - before < 300 * KIB);
	wire_close(&w);
	wire_free(&w);
	free(zeros);
}

TEST(bombs)
{
	static const char *const names[] = {"gzip", "br", "zstd"};
	size_t length = 64 * MIB;
	uint8_t *zeros = calloc(1, length);

	for (int i = 0; i < 3; i++) {
		size_t before, peak = 0;
		struct buffer body;
		struct wire w;

		wire_open(&w);
		w.quiet = true;
		buffer_init(&body, MIB);
		if (i == 0)
			encode_zlib(&body, zeros, length, 31);
		else if (i == 1)
			encode_brotli(&body, zeros, length, 5);
		else
			encode_zstd(&body, zeros, length, 3);
		before = in_use();
		wire_text(&w, CR_SEND, "GET / HTTP/1.1\r\n\r\n");
		wire_text(&w, CR_RECV, "HTTP/1.1 200 OK\r\nContent-Encoding: ");
		wire_text(&w, CR_RECV, names[i]);
		wire_text(&w, CR_RECV, "\r\n\r\n");
		feed_many(&w, CR_RECV, body.data, body.length, 4, &peak);
		wire_close(&w);
		CHECK_INT(w.n_exchanges, 1);
		CHECK_INT(w.partial, i ? PARTIAL_LIMIT : 0);
		if (!i)
			CHECK_INT(w.n_bytes, 4 * length);
		if (MEASURED)
			CHECK(peak - before < 10 * MIB);
		buffer_free(&body);
		wire_free(&w);
	}
	free(zeros);
}

TEST(a_thousand_pipelined)
{
	static const char request[] = "GET / HTTP/1.1\r\n\r\n";
	static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
	size_t before, peak = 0;
	struct wire w;

	wire_open(&w);
	w.quiet = true;
	before = in_use();
	feed_many(&w, CR_SEND, request, sizeof(request) - 1, 1000, &peak);
	feed_many(&w, CR_RECV, response, sizeof(response) - 1, 1000, &peak);
	wire_close(&w);
	CHECK_INT(w.n_exchanges, 1000);
	/* Those beyond LIMIT_HTTP_PIPELINE have no answer told. */
	CHECK_INT(w.n_bytes, LIMIT_HTTP_PIPELINE);
	if (MEASURED)
		CHECK(peak - before < 256 * KIB);
	wire_free(&w);
}

TEST(a_response_that_no_request_claims)
{
	char text[4096];
	struct wire w;

	memset(text, 'x', sizeof(text));
	wire_open(&w);
	wire_text(&w, CR_RECV, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
	for (int i = 0; i < 100; i++)
		wire_data(&w, CR_RECV, text, sizeof(text), true);
	wire_text(&w, CR_SEND, "GET / HTTP/1.1\r\n\r\n");
	wire_close(&w);
	CHECK_TEXT(wire_log(&w), "1 @0 GET / -\n1 request-end 0 0/0\n1 end 2 0/0\n");
	wire_free(&w);
}

TEST(a_response_before_its_request)
{
	static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
	static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

	for (int split = 0; split < N_SPLITS; split++) {
		struct wire w;

		wire_open(&w);
		wire_operation(&w, CR_RECV, response, sizeof(response) - 1, (enum wire_split)split);
		wire_operation(&w, CR_SEND, request, sizeof(request) - 1, (enum wire_split)split);
		wire_close(&w);
		CHECK_TEXT(wire_log(&w), "1 @0 GET / h\n  host=h\n1 request-end 0 0/0\n1 200\n"
					 "  content-length=3\n1 got abc\n1 response-end 0 3/3\n"
					 "1 end 0 3/3\n");
		wire_free(&w);
	}
}

TEST(a_held_response_is_dropped_in_time)
{
	struct wire w;

	wire_open(&w);
	wire_text(&w, CR_RECV, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
	CHECK_INT(http_expire(w.http, w.time_ns + LIMIT_HTTP_HELD_NS + 100), 0);
	wire_check_cover(&w);
	wire_close(&w);
	CHECK_TEXT(wire_log(&w), "");
	wire_free(&w);
}

TEST(let_go_of_what_nobody_wants)
{
	char text[4096];
	struct wire w;

	memset(text, 'x', sizeof(text));
	wire_open(&w);
	w.ignore = EXCHANGE_REQUEST_HEAD;
	wire_text(&w, CR_SEND, "GET / HTTP/1.1\r\n\r\n");
	wire_text(&w, CR_RECV, "HTTP/1.1 200 OK\r\nContent-Length: 409600\r\n\r\n");
	for (int i = 0; i < 100; i++) {
		CHECK_INT(w.verdict, i <= 64 ? VERDICT_FULL : VERDICT_HEADS);
		wire_data(&w, CR_RECV, text, sizeof(text), true);
	}
	CHECK_INT(w.n_bytes, 0);
	CHECK_INT(w.n_exchanges, 1);
	w.ignore = -1;
	wire_text(&w, CR_SEND, "GET / HTTP/1.1\r\n\r\n");
	CHECK_INT(w.verdict, VERDICT_FULL);
	CHECK_INT(w.n_verdicts, 2);
	wire_close(&w);
	wire_free(&w);
}

TEST(let_go_of_what_is_not_http)
{
	char text[4096];
	struct wire w;

	memset(text, 'x', sizeof(text));
	wire_open(&w);
	for (int i = 0; i < 20; i++) {
		CHECK_INT(w.verdict, i <= 16 ? VERDICT_FULL : VERDICT_NONE);
		wire_data(&w, i & 1, text, sizeof(text), true);
	}
	CHECK_INT(w.n_verdicts, 1);
	wire_close(&w);
	CHECK_TEXT(wire_log(&w), "");
	wire_free(&w);
}

TEST(ignored_at_any_event)
{
	for (int type = EXCHANGE_REQUEST_HEAD; type < EXCHANGE_END; type++) {
		const char *stream = type == EXCHANGE_MESSAGE_DATA || type == EXCHANGE_MESSAGE_END
					     ? "text/event-stream"
					     : "text/plain";
		struct wire w;

		wire_open(&w);
		w.ignore = type;
		wire_text(&w, CR_SEND, "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nab");
		wire_text(&w, CR_SEND, "cd");
		wire_text(&w, CR_RECV, "HTTP/1.1 200 OK\r\nContent-Length: 18\r\nContent-Type: ");
		wire_text(&w, CR_RECV, stream);
		wire_text(&w, CR_RECV, "\r\n\r\ndata: a\n\n");
		wire_text(&w, CR_RECV, "data: b\n\n");
		wire_close(&w);
		CHECK_INT(w.n_exchanges, 1);
		CHECK_INT(w.partial, 0);
		CHECK(strstr(wire_log(&w), "1 response-end 0 18/18\n1 end 0 22/22\n"));
		CHECK((!strstr(wire_log(&w), "data: b") && !strstr(wire_log(&w), "data b")) ||
		      type == EXCHANGE_RESPONSE_END);
		wire_free(&w);
	}
}

TEST(times_are_those_of_the_operations)
{
	struct wire w;

	wire_open(&w);
	wire_text(&w, CR_SEND, "POST / HTTP/1.1\r\nContent-"); /* 1000 to 1001 */
	wire_text(&w, CR_SEND, "Length: 4\r\n\r\nab");         /* 1010 to 1011 */
	wire_text(&w, CR_SEND, "cd");                          /* 1020 to 1021 */
	wire_text(&w, CR_RECV, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
	wire_text(&w, CR_RECV, "a");
	wire_text(&w, CR_RECV, "b"); /* 1050 to 1051 */
	CHECK_INT(w.times[EXCHANGE_REQUEST_HEAD], 1000);
	CHECK_INT(w.times[EXCHANGE_REQUEST_END], 1021);
	CHECK_INT(w.times[EXCHANGE_RESPONSE_HEAD], 1031);
	CHECK_INT(w.times[EXCHANGE_RESPONSE_END], 1051);
	CHECK_INT(w.times[EXCHANGE_END], 1051);
	wire_close(&w);
	wire_free(&w);
}

TEST(joined_late)
{
	struct wire w;

	wire_open(&w);
	w.info.joined_late = true;
	wire_text(&w, CR_SEND, "the rest of some body");
	wire_text(&w, CR_RECV, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale");
	wire_text(&w, CR_SEND, "GET /new HTTP/1.1\r\n\r\n");
	wire_text(&w, CR_RECV, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew");
	wire_close(&w);
	CHECK_TEXT(wire_log(&w), "1 @21 GET /new -\n1 request-end 0 0/0\n1 200\n"
				 "  content-length=3\n1 got new\n1 response-end 0 3/3\n"
				 "1 end 0 3/3\n");
	wire_free(&w);
}

/* 1,000 event streams at once, each with its response open. */
TEST(memory_of_a_crowd)
{
	struct stream_event event = {.type = STREAM_DATA, .op_start = true};
	static const char *const texts[] = {
		"POST /v1/messages HTTP/1.1\r\nHost: api\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
		"Transfer-Encoding: chunked\r\n\r\n",
		"f\r\ndata: {\"a\": 1}\n"};
	size_t before;
	struct wire w;

	wire_open(&w);
	w.quiet = true;
	before = in_use();
	event.key = &w.key;
	event.info = &w.info;
	for (uint64_t id = 1; id <= 1000; id++) {
		event.id = id;
		event.offset = 0;
		for (unsigned int i = 0; i < 3; i++) {
			event.direction = i > 0;
			event.data = (const uint8_t *)texts[i];
			event.length = strlen(texts[i]);
			event.offset = i == 2 ? strlen(texts[1]) : 0;
			w.offset[event.direction] = event.offset + event.length;
			w.direction[0].passed = w.direction[1].passed = 0;
			CHECK_INT(http_feed(w.http, &event), 0);
		}
	}
	if (MEASURED)
		CHECK((in_use() - before) / 1000 < 4 * KIB);
	CHECK_INT(http_end(w.http, 1), 0);
	CHECK_INT(w.n_exchanges, 1000);
	CHECK_INT(w.partial, PARTIAL_CUT);
	wire_free(&w);
}

TEST_MAIN()
