/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/conn/conn.h"
#include "agent/limits.h"
#include "agent/util/buffer.h"
#include "agent/util/record_check.h"
#include "tests/unit/test.h"

struct bench {
	struct conn_table *table;
	struct buffer log; /* a line an event */
	uint64_t next[2];  /* of one connection's directions */
	uint64_t time_ns;
};

static int on_stream(void *context, const struct stream_event *e)
{
	struct bench *b = context;
	const char *way = e->direction == CR_RECV ? "recv" : "send";

	CHECK(e->id && e->key && e->info);
	switch (e->type) {
	case STREAM_OPEN:
		buffer_printf(&b->log, "%" PRIu64 " open%s\n", e->id,
			      e->info->joined_late ? " late" : "");
		break;
	case STREAM_INFO:
		buffer_printf(&b->log, "%" PRIu64 " info %s %s%s\n", e->id,
			      e->info->sni ? e->info->sni : "-",
			      e->info->alpn ? e->info->alpn : "-",
			      e->info->joined_late ? " late" : "");
		break;
	case STREAM_DATA:
		buffer_printf(&b->log, "%" PRIu64 " %s %" PRIu64 " %.*s%s%s\n", e->id, way,
			      e->offset, (int)e->length, (const char *)e->data,
			      e->op_start ? " op" : "", e->redacted ? " redacted" : "");
		break;
	case STREAM_GAP:
		buffer_printf(&b->log, "%" PRIu64 " %s gap %" PRIu64 "+%" PRIu64 " %u\n", e->id,
			      way, e->offset, e->length, e->cut);
		break;
	case STREAM_END:
		buffer_printf(&b->log, "%" PRIu64 " end %" PRIu64 "\n", e->id, e->time_ns);
		break;
	}
	return 0;
}

static void setup(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	buffer_init(&b->log, MIB);
	CHECK(!conn_table_new(&b->table, on_stream, b));
}

static void finish(struct bench *b, const char *expected)
{
	CHECK_TEXT(buffer_text(&b->log), expected);
	conn_table_free(b->table);
	buffer_free(&b->log);
}

/* A record with its bytes, in memory of its own size. */
static struct cr_data *make_data(const char *text, uint64_t offset)
{
	size_t n = strlen(text), length = (sizeof(struct cr_data) + n + 7) / 8 * 8;
	struct cr_data *r = calloc(1, length);

	r->head = (struct cr_head){
		.length = (uint32_t)length, .type = CR_DATA, .version = CR_VERSION, .time_ns = 50};
	r->process = (struct cr_process){.pid = 10, .start = 100};
	r->conn = 0xabc;
	r->generation = 5;
	r->layer = CR_LAYER_TLS_STREAM;
	r->stream_offset = offset;
	r->true_length = r->captured_length = (uint32_t)n;
	r->op_length = n;
	r->return_ns = 50;
	memcpy(r + 1, text, n);
	return r;
}

static void feed(struct bench *b, struct cr_data *r)
{
	CHECK(!record_check(&r->head, r->head.length));
	CHECK_INT(conn_table_feed(b->table, &r->head), 0);
	free(r);
}

static void send_text(struct bench *b, const char *text, uint64_t offset)
{
	feed(b, make_data(text, offset));
}

TEST(bytes_in_order)
{
	struct bench b;
	struct cr_data *r;

	setup(&b);
	send_text(&b, "hello", 0);
	r = make_data("answer", 0);
	r->direction = CR_RECV;
	feed(&b, r);
	r = make_data("world", 5);
	r->op_offset = 5;
	r->head.flags = CR_FLAG_REDACTED;
	feed(&b, r);
	CHECK_INT(conn_table_end(b.table, 99), 0);
	finish(&b, "1 open\n1 send 0 hello op\n1 recv 0 answer op\n1 send 5 world redacted\n1 end "
		   "99\n");
}

TEST(gaps)
{
	struct bench b;
	struct cr_data *r;

	setup(&b);
	send_text(&b, "ab", 0);
	send_text(&b, "cd", 12);
	r = make_data("ef", 14);
	r->true_length = 100;
	r->cut = CR_CUT_CAP;
	feed(&b, r);
	r = make_data("", 114);
	r->true_length = 6;
	r->cut = CR_CUT_VERDICT;
	feed(&b, r);
	r = make_data("x", 120);
	r->true_length = 2;
	feed(&b, r);
	finish(&b, "1 open\n1 send 0 ab op\n1 send gap 2+10 1\n1 send 12 cd op\n1 send 14 ef op\n"
		   "1 send gap 16+98 2\n1 send gap 114+6 3\n1 send 120 x op\n1 send gap 121+1 1\n");
}

TEST(overlap_and_repeats_are_dropped)
{
	struct bench b;

	setup(&b);
	send_text(&b, "abcd", 0);
	send_text(&b, "abcd", 0);
	send_text(&b, "bc", 1);
	send_text(&b, "cdef", 2);
	send_text(&b, "ij", 8);
	send_text(&b, "gh", 6); /* late: is not gone back to */
	finish(&b, "1 open\n1 send 0 abcd op\n1 send 4 ef\n1 send gap 6+2 1\n1 send 8 ij op\n");
}

TEST(first_seen_in_the_middle)
{
	struct bench b;
	struct cr_data *r;

	setup(&b);
	send_text(&b, "ab", 7);
	r = make_data("cd", 3);
	r->direction = CR_RECV;
	feed(&b, r);
	finish(&b, "1 open late\n1 send 7 ab op\n1 recv gap 0+3 1\n1 recv 3 cd op\n");
}

TEST(reused_pointer_is_a_new_connection)
{
	struct bench b;
	struct cr_data *r;
	struct cr_end end = {.head = {.length = sizeof(end),
				      .type = CR_END,
				      .version = CR_VERSION,
				      .time_ns = 70},
			     .process = {.pid = 10, .start = 100},
			     .conn = 0xabc,
			     .generation = 6,
			     .layer = CR_LAYER_TLS_STREAM};

	setup(&b);
	send_text(&b, "a", 0);
	r = make_data("b", 0); /* by generation */
	r->generation = 6;
	feed(&b, r);
	send_text(&b, "old", 1); /* of the generation before */
	CHECK_INT(conn_table_feed(b.table, &end.head), 0);
	CHECK_INT(conn_table_feed(b.table, &end.head), 0);
	r = make_data("c", 0); /* by END */
	r->generation = 6;
	feed(&b, r);
	r = make_data("d", 0); /* by process start */
	r->process.start = 101;
	feed(&b, r);
	finish(&b, "1 open\n1 send 0 a op\n1 end 50\n2 open\n2 send 0 b op\n2 end 70\n3 open\n"
		   "3 send 0 c op\n3 end 50\n4 open\n4 send 0 d op\n");
}

TEST(layers_and_processes_are_apart)
{
	struct bench b;
	struct cr_data *r;

	setup(&b);
	send_text(&b, "a", 0);
	r = make_data("b", 0);
	r->layer = CR_LAYER_SOCKET;
	feed(&b, r);
	r = make_data("c", 0);
	r->process.pid = 11;
	feed(&b, r);
	send_text(&b, "d", 1);
	finish(&b, "1 open\n1 send 0 a op\n2 open\n2 send 0 b op\n3 open\n3 send 0 c op\n"
		   "1 send 1 d op\n");
}

TEST(tls_records_pass_application_data_only)
{
	static const uint8_t types[] = {22, 23, 22, 21, 23};
	struct bench b;

	setup(&b);
	for (uint64_t i = 0; i < 5; i++) {
		struct cr_data *r = make_data("xy", 2 * i);

		r->layer = CR_LAYER_TLS_RECORD;
		r->tls_type = types[i];
		feed(&b, r);
	}
	finish(&b, "1 open\n1 send 2 xy op\n1 send 8 xy op\n");
}

TEST(end_of_a_process_ends_its_connections)
{
	struct cr_exit gone = {.head = {.length = sizeof(gone),
					.type = CR_EXIT,
					.version = CR_VERSION,
					.time_ns = 80},
			       .process = {.pid = 10, .start = 100}};
	struct cr_exec exec = {.head = {.length = sizeof(exec),
					.type = CR_EXEC,
					.version = CR_VERSION,
					.time_ns = 90},
			       .process = {.pid = 11, .start = 100}};
	struct bench b;

	setup(&b);
	for (unsigned int i = 0; i < 3; i++) {
		struct cr_data *r = make_data("a", 0);

		r->conn = i;
		r->process.pid = 10 + i / 2;
		feed(&b, r);
	}
	gone.process.start = 99;
	CHECK_INT(conn_table_feed(b.table, &gone.head), 0); /* of a process before it */
	gone.process.start = 100;
	CHECK_INT(conn_table_feed(b.table, &gone.head), 0);
	CHECK_INT(conn_table_feed(b.table, &exec.head), 0);
	finish(&b, "1 open\n1 send 0 a op\n2 open\n2 send 0 a op\n3 open\n3 send 0 a op\n2 end 80\n"
		   "1 end 80\n3 end 90\n");
}

TEST(what_is_known_of_it)
{
	struct bench b;
	struct buffer out;
	struct cr_conn *r;
	size_t start;

	setup(&b);
	for (int i = 0; i < 2; i++) {
		buffer_init(&out, MIB);
		start = out.length;
		CHECK(!record_begin(&out, CR_CONN, sizeof(*r), 40));
		r = (struct cr_conn *)out.data;
		r->process = (struct cr_process){.pid = 10, .start = 100};
		r->conn = 0xabc;
		r->generation = 5;
		r->layer = CR_LAYER_TLS_STREAM;
		r->flags = i ? CR_CONN_JOINED_LATE : 0;
		CHECK(!record_add_field(&out, i ? CR_FIELD_ALPN : CR_FIELD_SNI,
					i ? "h2" : "api.example", i ? 2 : 11));
		CHECK(!record_finish(&out, start));
		CHECK_INT(conn_table_feed(b.table, (struct cr_head *)out.data), 0);
		buffer_free(&out);
	}
	send_text(&b, "a", 0);
	finish(&b, "1 open\n1 info api.example h2 late\n1 send 0 a op\n");
}

/* Also what record_check() would refuse. */
static void feed_unchecked(struct bench *b, struct cr_data *r)
{
	CHECK_INT(conn_table_feed(b->table, &r->head), 0);
	free(r);
}

TEST(hostile_numbers)
{
	struct bench b;
	struct cr_data *r;

	setup(&b);
	send_text(&b, "a", 0);
	feed_unchecked(&b, make_data("over", UINT64_MAX - 1)); /* ends beyond all offsets */
	r = make_data("bc", 1);
	r->true_length = 1; /* less than it carries */
	feed_unchecked(&b, r);
	r = make_data("d", 2);
	r->direction = 7;
	feed_unchecked(&b, r);
	feed_unchecked(&b, make_data("", 2));
	feed_unchecked(&b, make_data("z", UINT64_MAX - 1));
	send_text(&b, "e", 2);
	finish(&b, "1 open\n1 send 0 a op\n1 send 1 b op\n1 send gap 2+18446744073709551612 1\n"
		   "1 send 18446744073709551614 z op\n");
}

TEST(idle_connections_are_forgotten)
{
	struct bench b;

	setup(&b);
	send_text(&b, "a", 0);
	CHECK_INT(conn_table_expire(b.table, 50 + LIMIT_CONN_IDLE_NS), 0);
	CHECK_INT(conn_table_expire(b.table, 100 + LIMIT_CONN_IDLE_NS + 10000000000ull), 0);
	finish(&b, "1 open\n1 send 0 a op\n1 end 3610000000100\n");
}

TEST(no_more_than_the_limit)
{
	uint64_t records, bytes;
	struct bench b;

	setup(&b);
	for (uint64_t i = 0; i < LIMIT_CONNECTIONS + 3; i++) {
		struct cr_data *r = make_data("abc", 0);

		r->conn = i;
		feed(&b, r);
		buffer_clear(&b.log);
	}
	conn_table_overflow(b.table, &records, &bytes);
	CHECK_INT(records, 3);
	CHECK_INT(bytes, 9);
	conn_table_overflow(b.table, &records, &bytes);
	CHECK_INT(records + bytes, 0);
	finish(&b, "");
}

TEST_MAIN()
