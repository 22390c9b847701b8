/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/http/encode.h"
#include "tests/unit/http/wire.h"

struct dialogue {
	const char *name;
	const char *script[12];
	const char *log;
};

/* What is expected is read off RFC 9112 and the messages themselves. */
static const struct dialogue dialogues[] = {
	{"a request and its answer",
	 {">POST /v1/x HTTP/1.1\r\nHost: h:1\r\nContent-Length: 5\r\n\r\nhello",
	  "<HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nbye"},
	 "1 @0 POST /v1/x h:1\n  host=h:1\n  content-length=5\n1 sent hello\n"
	 "1 request-end 0 5/5\n1 200\n  content-type=text/plain\n  content-length=3\n1 got bye\n"
	 "1 response-end 0 3/3\n1 end 0 8/8\n"},
	{"keep-alive",
	 {">GET /a HTTP/1.1\r\n\r\n", "<HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nA",
	  ">GET /b HTTP/1.1\r\n\r\n", "<HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nB"},
	 "1 @0 GET /a -\n1 request-end 0 0/0\n1 200\n  content-length=1\n1 got A\n"
	 "1 response-end 0 1/1\n1 end 0 1/1\n"
	 "2 @19 GET /b -\n2 request-end 0 0/0\n2 200\n  content-length=1\n2 got B\n"
	 "2 response-end 0 1/1\n2 end 0 1/1\n"},
	{"pipelined",
	 {">GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
	  "<HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nAHTTP/1.1 201 OK\r\nContent-Length: "
	  "1\r\n\r\nB"},
	 "1 @0 GET /a -\n1 request-end 0 0/0\n2 @19 GET /b -\n2 request-end 0 0/0\n"
	 "1 200\n  content-length=1\n1 got A\n1 response-end 0 1/1\n1 end 0 1/1\n"
	 "2 201\n  content-length=1\n2 got B\n2 response-end 0 1/1\n2 end 0 1/1\n"},
	{"chunked, with extensions and trailers",
	 {">POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=\"y\"\r\nabc\r\n"
	  "2\r\nde\r\n0\r\n\r\n",
	  "<HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n"
	  "000\r\nX-Sum: 1\r\n\r\n"},
	 "1 @0 POST / -\n  transfer-encoding=chunked\n1 sent abcde\n1 request-end 0 5/5\n"
	 "1 200\n  transfer-encoding=chunked\n1 got 0123456789\n1 response-end 0 10/10\n"
	 "1 end 0 15/15\n"},
	{"interim responses are not reported",
	 {">POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
	  "<HTTP/1.1 100 Continue\r\n\r\n", ">ok",
	  "<HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n"
	  "Content-Length: 0\r\n\r\n"},
	 "1 @0 POST / -\n  expect=100-continue\n  content-length=2\n1 sent ok\n"
	 "1 request-end 0 2/2\n1 200\n  content-length=0\n1 response-end 0 0/0\n1 end 0 2/2\n"},
	{"no body by method or status",
	 {">HEAD /h HTTP/1.1\r\n\r\n", "<HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
	  ">GET /n HTTP/1.1\r\n\r\n", "<HTTP/1.1 204 No Content\r\n\r\n",
	  ">GET /m HTTP/1.1\r\n\r\n", "<HTTP/1.1 304 Not Modified\r\nContent-Length: 42\r\n\r\n",
	  ">GET /e HTTP/1.1\r\n\r\n", "<HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"},
	 "1 @0 HEAD /h -\n1 request-end 0 0/0\n1 200\n  content-length=99\n"
	 "1 response-end 0 0/0\n1 end 0 0/0\n"
	 "2 @20 GET /n -\n2 request-end 0 0/0\n2 204\n2 response-end 0 0/0\n2 end 0 0/0\n"
	 "3 @39 GET /m -\n3 request-end 0 0/0\n3 304\n  content-length=42\n"
	 "3 response-end 0 0/0\n3 end 0 0/0\n"
	 "4 @58 GET /e -\n4 request-end 0 0/0\n4 200\n  content-length=1\n4 got x\n"
	 "4 response-end 0 1/1\n4 end 0 1/1\n"},
	{"a body that the end of the connection ends",
	 {">GET / HTTP/1.0\r\n\r\n", "<HTTP/1.0 200 OK\r\n\r\nall of it"},
	 "1 @0 GET / -\n1 request-end 0 0/0\n1 200\n1 got all of it\n1 response-end 0 9/9\n"
	 "1 end 0 9/9\n"},
	{"the last chunk is missing",
	 {">GET / HTTP/1.1\r\n\r\n",
	  "<HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: "
	  "text/event-stream\r\n\r\nE\r\ndata: [DONE]\n\n\r\n"},
	 "1 @0 GET / -\n1 request-end 0 0/0\n1 200\n  transfer-encoding=chunked\n"
	 "  content-type=text/event-stream\n1 data [DONE]\n1 message \n1 end 2 14/14\n"},
	{"less than was declared",
	 {">GET / HTTP/1.1\r\n\r\n", "<HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"},
	 "1 @0 GET / -\n1 request-end 0 0/0\n1 200\n  content-length=10\n1 got abc\n"
	 "1 end 2 3/10\n"},
	{"an answer before the request is complete",
	 {">POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nab",
	  "<HTTP/1.1 400 Bad\r\nContent-Length: 1\r\n\r\nx", ">cd"},
	 "1 @0 POST / -\n  content-length=4\n1 sent ab\n1 400\n  content-length=1\n1 got x\n"
	 "1 response-end 0 1/1\n1 sent cd\n1 request-end 0 4/4\n1 end 0 5/5\n"},
	{"absolute form",
	 {">GET http://u:p@api.x:8/v1?q=1 HTTP/1.1\r\nHost: other\r\n\r\n",
	  "<HTTP/1.1 204 No\r\n\r\n", ">GET http://api.x HTTP/1.1\r\nHost: other\r\n\r\n",
	  "<HTTP/1.1 204 No\r\n\r\n"},
	 "1 @0 GET /v1?q=1 api.x:8\n  host=other\n1 request-end 0 0/0\n1 204\n"
	 "1 response-end 0 0/0\n1 end 0 0/0\n2 @55 GET / api.x\n  host=other\n"
	 "2 request-end 0 0/0\n2 204\n2 response-end 0 0/0\n2 end 0 0/0\n"},
	{"upgraded",
	 {">GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	  "<HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n\x81\x02hi",
	  ">\x81\x02ho", "<\x81\x02hu"},
	 "1 @0 GET /ws -\n  connection=Upgrade\n  upgrade=websocket\n1 request-end 0 0/0\n1 101\n"
	 "  connection=Upgrade\n  upgrade=WebSocket\n1 response-end 0 0/0\n1 end 0 0/0\n"
	 "lost 6 websocket\nlost 6 websocket\n"},
	{"an upgrade that is refused",
	 {">GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	  "<HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", ">GET /a HTTP/1.1\r\n\r\n"},
	 "1 @0 GET /ws -\n  connection=Upgrade\n  upgrade=websocket\n1 request-end 0 0/0\n1 404\n"
	 "  content-length=0\n1 response-end 0 0/0\n1 end 0 0/0\n2 @61 GET /a -\n"
	 "2 request-end 0 0/0\n2 end 2 0/0\n"},
	{"tunnel",
	 {">CONNECT api.x:443 HTTP/1.1\r\nHost: api.x:443\r\n\r\n",
	  "<HTTP/1.1 200 Connection established\r\n\r\n", ">\x16\x03\x01", "<\x16\x03\x03"},
	 "1 @0 CONNECT api.x:443 api.x:443\n  host=api.x:443\n1 request-end 0 0/0\n1 200\n"
	 "1 response-end 0 0/0\n1 end 0 0/0\nlost 6 connect\nlost 6 connect\n"},
	{"HTTP/2", {">PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "<\x01\x02"}, "lost 6 h2\nlost 6 h2\n"},
	{"a stream of events",
	 {">GET / HTTP/1.1\r\n\r\n",
	  "<HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
	  "Content-Length: 58\r\n\r\n",
	  "<: hi\n\nevent: one\ndata: a\ndata: b\n\ndata:c\r\n\r\nid: 4\n\ndata: x"},
	 "1 @0 GET / -\n1 request-end 0 0/0\n1 200\n"
	 "  content-type=text/event-stream; charset=utf-8\n  content-length=58\n"
	 "1 data a\\nb\n1 message one\n1 data c\n1 message \n1 data x\n"
	 "1 response-end 2 58/58\n1 end 2 58/58\n"},
	{"an encoding that is not known",
	 {">GET / HTTP/1.1\r\n\r\n",
	  "<HTTP/1.1 200 OK\r\nContent-Encoding: exotic\r\nContent-Length: 2\r\n\r\nab"},
	 "1 @0 GET / -\n1 request-end 0 0/0\n1 200\n  content-encoding=exotic\n"
	 "  content-length=2\n1 response-end 10 2/2\nlost 10 exotic\n1 end 10 2/2\n"},
	{"chunk size that is none",
	 {">GET / HTTP/1.1\r\n\r\n",
	  "<HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", "<zz\r\n",
	  ">GET /b HTTP/1.1\r\n\r\n", "<HTTP/1.1 204 No\r\n\r\n"},
	 "1 @0 GET / -\n1 request-end 0 0/0\n1 200\n  transfer-encoding=chunked\n1 got ab\n"
	 "1 end 8 2/2\n2 @18 GET /b -\n2 request-end 0 0/0\n2 204\n2 response-end 0 0/0\n"
	 "2 end 0 0/0\n"},
	{"chunked prevails over a length that lies",
	 {">POST / HTTP/1.1\r\nContent-Length: 999\r\nTransfer-Encoding: chunked\r\n\r\n"
	  "1\r\na\r\n0\r\n\r\n",
	  "<HTTP/1.1 204 No\r\n\r\n"},
	 "1 @0 POST / -\n  content-length=999\n  transfer-encoding=chunked\n1 sent a\n"
	 "1 request-end 0 1/1\n1 204\n1 response-end 0 0/0\n1 end 0 1/1\n"},
	{"a length beyond all numbers",
	 {">GET / HTTP/1.1\r\n\r\n",
	  "<HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nab"},
	 "1 @0 GET / -\n1 request-end 0 0/0\n1 end 8 0/0\n"},
	{"no HTTP at all", {">hello there", "<what is this"}, ""},
};

#define N_DIALOGUES (sizeof(dialogues) / sizeof(dialogues[0]))

TEST(dialogues_however_they_are_cut)
{
	for (size_t i = 0; i < N_DIALOGUES; i++) {
		for (int split = 0; split < N_SPLITS + 20; split++) {
			struct wire w;

			wire_open(&w);
			srand((unsigned int)split);
			wire_play(&w, dialogues[i].script,
				  split < N_SPLITS ? (enum wire_split)split : SPLIT_RANDOM);
			wire_close(&w);
			if (strcmp(wire_log(&w), dialogues[i].log))
				test_fail(__FILE__, __LINE__, "%s, cut %d:\n%s", dialogues[i].name,
					  split, wire_log(&w));
			wire_free(&w);
		}
	}
}

static const char events_text[] = "event: a\ndata: one\n\ndata: two\ndata: three\n\n";

/* A POST whose body and whose response are both encoded; the last `cut` bytes are left out. */
static void play_encoded(struct wire *w, const char *encoding, const char *type,
			 const struct buffer *body, size_t cut, enum wire_split split)
{
	char head[256];

	snprintf(head, sizeof(head),
		 "POST / HTTP/1.1\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n", encoding,
		 body->length);
	wire_operation(w, CR_SEND, head, strlen(head), split);
	wire_operation(w, CR_SEND, (const char *)body->data, body->length, split);
	snprintf(head, sizeof(head),
		 "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Encoding: %s\r\n"
		 "Transfer-Encoding: chunked\r\n\r\n%zx\r\n",
		 type, encoding, body->length - cut);
	wire_operation(w, CR_RECV, head, strlen(head), split);
	wire_operation(w, CR_RECV, (const char *)body->data, body->length - cut, split);
	wire_operation(w, CR_RECV, "\r\n0\r\n\r\n", 7, split);
	wire_close(w);
}

static void encode_named(struct buffer *out, const char *name)
{
	struct buffer once;
	size_t n = sizeof(events_text) - 1;

	if (!strcmp(name, "gzip"))
		encode_zlib(out, events_text, n, 31);
	else if (!strcmp(name, "deflate"))
		encode_zlib(out, events_text, n, -15);
	else if (!strcmp(name, "br"))
		encode_brotli(out, events_text, n, 5);
	else if (!strcmp(name, "zstd"))
		encode_zstd(out, events_text, n, 3);
	else {
		buffer_init(&once, MIB);
		encode_zstd(&once, events_text, n, 3);
		encode_zlib(out, once.data, once.length, 31);
		buffer_free(&once);
	}
}

TEST(encoded_bodies_of_both_ways)
{
	static const char *const names[] = {"gzip", "deflate", "br", "zstd", "zstd, gzip"};

	for (size_t i = 0; i < 5; i++) {
		struct buffer body;

		buffer_init(&body, MIB);
		encode_named(&body, names[i]);
		for (int split = 0; split < N_SPLITS; split++) {
			struct wire w;

			wire_open(&w);
			play_encoded(&w, names[i], "text/event-stream", &body, 0,
				     (enum wire_split)split);
			CHECK_INT(w.partial, 0);
			CHECK(strstr(wire_log(&w), "\n1 sent event: a\\ndata: one\\n\\ndata: two\\n"
						   "data: three\\n\\n\n"));
			CHECK(strstr(wire_log(&w), "\n1 data one\n1 message a\n1 data two\\nthree\n"
						   "1 message \n1 response-end 0 "));
			wire_free(&w);
		}
		buffer_free(&body);
	}
}

TEST(encoded_bodies_that_are_damaged)
{
	static const char *const names[] = {"gzip", "deflate", "br", "zstd"};

	for (size_t i = 0; i < 4; i++) {
		struct buffer body;
		struct wire w;

		buffer_init(&body, MIB);
		encode_named(&body, names[i]);
		wire_open(&w);
		play_encoded(&w, names[i], "text/plain", &body, 3, SPLIT_NONE);
		CHECK_INT(w.partial, PARTIAL_ENCODING); /* cut short, though its framing is whole */
		wire_free(&w);
		memset(body.data, 0xff, body.length / 2);
		wire_open(&w);
		play_encoded(&w, names[i], "text/plain", &body, 0, SPLIT_BYTES);
		CHECK(w.partial & PARTIAL_ENCODING);
		CHECK(strstr(wire_log(&w), names[i]));
		wire_free(&w);
		buffer_free(&body);
	}
}

TEST(late_h2_is_known_by_its_alpn)
{
	struct wire w;

	wire_open(&w);
	w.info.joined_late = true;
	w.info.alpn = "h2";
	wire_text(&w, CR_RECV, "\x01\x02");
	wire_close(&w);
	CHECK_TEXT(wire_log(&w), "lost 6 h2\nlost 6 h2\n");
	CHECK_INT(w.verdict, VERDICT_NONE);
	wire_free(&w);
}

TEST_MAIN()
