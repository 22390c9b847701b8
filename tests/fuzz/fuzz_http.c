/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn and http: the input is a list of operations of one connection. Checks the order of events,
 * and that the recorder is told of every byte once, in order.
 *
 * An operation: a byte of flags (direction, gap, rest of the last one, cut into bytes, end of the
 * connection), a byte of length, and the bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/conn/conn.h"
#include "agent/http/http.h"

#define OP_RECV 0x01
#define OP_GAP 0x02
#define OP_REST 0x04
#define OP_BYTES 0x08
#define OP_END 0x10
#define OP_LONG 0x20
#define OP_REDACTED 0x40

#define STREAM_MAX 65536

#define REQUIRE(condition)                                             \
	do {                                                           \
		if (!(condition)) {                                    \
			fprintf(stderr, "violated: %s\n", #condition); \
			abort();                                       \
		}                                                      \
	} while (0)

#define EXCHANGES_MAX 4096

struct exchange_state {
	uint64_t id;
	int last; /* type of its last event */
	bool ended, request_ended, response_begun, response_ended;
};

struct harness {
	struct http *http;
	struct exchange_state exchanges[EXCHANGES_MAX];
	size_t n_exchanges;
	uint64_t passed[2], told[2], arrived[2];
	unsigned int n_events;
};

static struct exchange_state *find(struct harness *h, const struct exchange_event *e)
{
	for (size_t i = 0; i < h->n_exchanges; i++) {
		if (h->exchanges[i].id == e->id)
			return &h->exchanges[i];
	}
	REQUIRE(e->type == EXCHANGE_REQUEST_HEAD);
	REQUIRE(h->n_exchanges < EXCHANGES_MAX);
	h->exchanges[h->n_exchanges].id = e->id;
	return &h->exchanges[h->n_exchanges++];
}

static int on_exchange(void *context, const struct exchange_event *e)
{
	struct harness *h = context;
	struct exchange_state *x = find(h, e);
	static volatile uint8_t touch;

	REQUIRE(!x->ended);
	for (size_t i = 0; i < e->n_fields; i++) {
		for (size_t k = 0; k < e->fields[i].name_length; k++)
			REQUIRE(e->fields[i].name[k] < 'A' || e->fields[i].name[k] > 'Z');
		for (size_t k = 0; k < e->fields[i].value_length; k++)
			touch = touch ^ (uint8_t)e->fields[i].value[k];
	}
	switch (e->type) {
	case EXCHANGE_REQUEST_HEAD:
		REQUIRE(e->method && e->target);
		break;
	case EXCHANGE_REQUEST_BODY:
		REQUIRE(!x->request_ended && e->length);
		break;
	case EXCHANGE_REQUEST_END:
		REQUIRE(!x->request_ended);
		x->request_ended = true;
		break;
	case EXCHANGE_RESPONSE_HEAD:
		REQUIRE(!x->response_begun && e->status < 1000);
		REQUIRE(e->status / 100 != 1 || e->status == 101);
		x->response_begun = true;
		break;
	case EXCHANGE_RESPONSE_BODY:
	case EXCHANGE_MESSAGE_DATA:
		REQUIRE(x->response_begun && !x->response_ended && e->length);
		for (size_t i = 0; i < e->length; i++)
			touch = touch ^ e->data[i];
		break;
	case EXCHANGE_MESSAGE_END:
		REQUIRE(x->response_begun && !x->response_ended && e->name);
		break;
	case EXCHANGE_RESPONSE_END:
		REQUIRE(x->response_begun && !x->response_ended);
		x->response_ended = true;
		break;
	case EXCHANGE_END:
		REQUIRE(e->partial || (x->request_ended && x->response_ended));
		x->ended = true;
		break;
	}
	h->n_events++;
	return h->n_events % 17 == 0 ? EXCHANGE_IGNORE : 0;
}

static int on_redaction(void *context, const struct redaction_event *e)
{
	struct harness *h = context;
	int d = e->direction;

	REQUIRE(e->offset + e->length <= h->arrived[d]);
	if (e->type == REDACTION_PASSED) {
		REQUIRE(e->offset > h->passed[d] && e->offset >= h->told[d]);
		h->passed[d] = e->offset;
		return 0;
	}
	REQUIRE(e->length && e->offset >= h->passed[d] && e->offset >= h->told[d]);
	h->told[d] = e->offset + e->length;
	if (e->type == REDACTION_KEY) {
		for (uint64_t i = 0; i < e->length; i++)
			REQUIRE((e->replacement[i] >= '0' && e->replacement[i] <= '9') ||
				(e->replacement[i] >= 'a' && e->replacement[i] <= 'f') ||
				e->replacement[i] == '*');
	}
	return 0;
}

static int on_loss(void *context, const struct loss_event *e)
{
	REQUIRE(e->cause == CR_CAUSE_PROTOCOL || e->cause == CR_CAUSE_UNDECODABLE);
	return 0;
}

/* The recorder is told of all that came by the end of the connection. */
static int on_stream(void *context, const struct stream_event *e)
{
	struct harness *h = context;
	int r;

	if (e->type == STREAM_DATA || e->type == STREAM_GAP) {
		REQUIRE(e->offset == h->arrived[e->direction] || !h->arrived[e->direction]);
		h->arrived[e->direction] = e->offset + e->length;
	}
	r = http_feed(h->http, e);
	REQUIRE(!r);
	if (e->type == STREAM_END) {
		for (int d = 0; d < 2; d++) {
			REQUIRE(h->passed[d] == h->arrived[d]);
			h->passed[d] = h->told[d] = h->arrived[d] = 0;
		}
		for (size_t i = 0; i < h->n_exchanges; i++)
			REQUIRE(h->exchanges[i].ended);
	}
	return 0;
}

struct feeder {
	struct conn_table *table;
	uint64_t offset[2], time_ns;
	uint64_t generation;
};

static void feed(struct feeder *f, uint8_t flags, const uint8_t *data, size_t length, bool begins)
{
	struct {
		struct cr_data record;
		uint8_t bytes[CR_DATA_MAX];
	} *r = calloc(1, sizeof(r->record) + length);
	int d = flags & OP_RECV;

	r->record.head = (struct cr_head){.length = (uint32_t)(sizeof(r->record) + length),
					  .type = CR_DATA,
					  .version = CR_VERSION,
					  .flags = flags & OP_REDACTED ? CR_FLAG_REDACTED : 0,
					  .time_ns = ++f->time_ns};
	r->record.process.pid = 1;
	r->record.generation = f->generation;
	r->record.layer = CR_LAYER_TLS_STREAM;
	r->record.direction = (uint8_t)d;
	r->record.op_offset = begins ? 0 : 1;
	r->record.stream_offset = f->offset[d];
	r->record.true_length = (uint32_t)length;
	r->record.captured_length = flags & OP_GAP ? 0 : (uint32_t)length;
	r->record.return_ns = f->time_ns;
	memcpy(r->bytes, data, length);
	f->offset[d] += length;
	REQUIRE(!conn_table_feed(f->table, &r->record.head));
	free(r);
}

static void end(struct feeder *f)
{
	struct cr_end record = {.head = {.length = sizeof(record), .type = CR_END},
				.process = {.pid = 1},
				.generation = f->generation,
				.layer = CR_LAYER_TLS_STREAM};

	REQUIRE(!conn_table_feed(f->table, &record.head));
	f->generation++;
	f->offset[0] = f->offset[1] = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct harness *h = calloc(1, sizeof(*h));
	struct http_opts opts = {
		.exchange = on_exchange, .redaction = on_redaction, .loss = on_loss, .context = h};
	struct feeder f = {.generation = 1};

	REQUIRE(!http_new(&h->http, &opts));
	REQUIRE(!conn_table_new(&f.table, on_stream, h));
	while (size >= 2) {
		uint8_t flags = data[0];
		size_t length = (size_t)data[1] * (flags & OP_LONG ? 16 : 1);

		data += 2;
		size -= 2;
		if (length > size)
			length = size;
		if (flags & OP_BYTES) {
			for (size_t i = 0; i < length; i++)
				feed(&f, flags, data + i, 1, !i && !(flags & OP_REST));
		} else if (length) {
			feed(&f, flags, data, length, !(flags & OP_REST));
		}
		if (flags & OP_END)
			end(&f);
		data += length;
		size -= length;
	}
	REQUIRE(!http_expire(h->http, f.time_ns + 100000000000));
	REQUIRE(!conn_table_end(f.table, f.time_ns));
	REQUIRE(!http_end(h->http, f.time_ns));
	conn_table_free(f.table);
	http_free(h->http);
	free(h);
	return 0;
}

/* Operations as they are wanted of a seed: a table keeps the corpus out of the repository. */
static const struct {
	uint8_t flags;
	const char *text;
} seeds[][8] = {
	{{0, "POST /v1/messages?key=abc HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer sk-12345\r\n"
	     "Content-Length: 5\r\n\r\nhello"},
	 {OP_RECV, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
		   "Transfer-Encoding: chunked\r\n\r\n"},
	 {OP_RECV, "e\r\ndata: [DONE]\n\n\r\n0\r\nX-Token: abc\r\n\r\n"},
	 {0, "GET / HTTP/1.1\r\n\r\n"},
	 {OP_RECV, "HTTP/1.1 304 No\r\nSet-Cookie: x\r\n\r\n"}},
	{{0, "GET /a HTTP/1.1\r\n\r\nHEAD /b HTTP/1.1\r\n\r\n"},
	 {OP_RECV | OP_BYTES,
	  "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"},
	 {OP_RECV | OP_GAP, "HTTP/1.1 200 OK\r\n"},
	 {0, "CONNECT u:p@h:1 HTTP/1.1\r\n\r\n"},
	 {OP_RECV | OP_END, "HTTP/1.1 200 OK\r\n\r\n"},
	 {0, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}},
	{{OP_RECV, "HTTP/1.0 200 OK\r\nContent-Encoding: gzip, br, deflate\r\n\r\n\x1f\x8b"},
	 {0,
	  "POST http://u:p@h/?x=1&%6bey=2 HTTP/1.1\r\nCookie: a\r\n b\r\n"
	  "Transfer-Encoding: chunked\r\nContent-Encoding: zstd\r\n\r\n4\r\n\x28\xb5\x2f\xfd\r\n"}},
};

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

/* Now and then, starts anew from a seed. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	size_t n = 0;

	if (seed % 256 || max < 2048)
		return LLVMFuzzerMutate(data, size, max);
	for (size_t i = 0; i < 8; i++) {
		const char *text = seeds[seed / 256 % 3][i].text;
		size_t length = text ? strlen(text) : 0;

		if (!text)
			break;
		REQUIRE(length < 256);
		data[n++] = seeds[seed / 256 % 3][i].flags;
		data[n++] = (uint8_t)length;
		memcpy(data + n, text, length);
		n += length;
	}
	return n;
}
