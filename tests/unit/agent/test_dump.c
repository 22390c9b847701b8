/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/dump.h"

#include "agent/util/buffer.h"
#include "agent/util/record_check.h"
#include "tests/unit/test.h"

static char line[8192];

static const char *dump(uint64_t offset, const struct cr_head *record)
{
	FILE *out = fmemopen(line, sizeof(line), "w");

	CHECK(out);
	dump_record(out, offset, record);
	CHECK_INT(fclose(out), 0);
	return line;
}

static struct cr_head *finish(struct buffer *buffer)
{
	CHECK_INT(record_finish(buffer, 0), 0);
	return (struct cr_head *)buffer->data;
}

static const struct cr_process process = {.start = 55, .pid = 1234};

TEST(data_with_the_first_bytes_of_its_operation)
{
	static const char bytes[] = "GET /\"\\ HTTP/1.1\r\n\t\x01\xff";
	struct buffer buffer;
	struct cr_data *data;

	buffer_init(&buffer, CR_LENGTH_MAX);
	CHECK_INT(record_begin(&buffer, CR_DATA, sizeof(*data), 1002003456), 0);
	CHECK_INT(buffer_append(&buffer, bytes, sizeof(bytes) - 1), 0);
	data = (void *)finish(&buffer);
	data->process = process;
	data->conn = 0xabcdef;
	data->generation = 9;
	data->layer = CR_LAYER_TLS_STREAM;
	data->direction = CR_RECV;
	data->op = 3;
	data->op_length = 100;
	data->stream_offset = 4096;
	data->true_length = 30;
	data->captured_length = sizeof(bytes) - 1;
	data->cut = CR_CUT_LOST;
	data->head.flags = CR_FLAG_REDACTED;
	CHECK_TEXT(dump(48, &data->head),
		   "        48      1.002003 data   pid=1234/55 conn=abcdef/9 tls recv op=3+0/100 "
		   "at=4096 length=21/30 cut=lost redacted "
		   "\"GET /\\\"\\\\ HTTP/1.1\\r\\n\\t\\x01\\xff\"\n");
	data->op_offset = 8;
	CHECK(!strchr(dump(48, &data->head), '"'));
	buffer_free(&buffer);
}

TEST(connection_with_addresses_and_names)
{
	struct buffer buffer;
	struct cr_conn *conn;

	buffer_init(&buffer, CR_LENGTH_MAX);
	CHECK_INT(record_begin(&buffer, CR_CONN, sizeof(*conn), 0), 0);
	CHECK_INT(record_add_field(&buffer, CR_FIELD_SNI, "api.openai.com", 14), 0);
	CHECK_INT(record_add_field(&buffer, 999, "new", 3), 0);
	conn = (void *)finish(&buffer);
	conn->process = process;
	conn->layer = CR_LAYER_SOCKET;
	conn->role = CR_ROLE_CLIENT;
	conn->local = (struct cr_address){.family = 4, .port = 4000, .bytes = {127, 0, 0, 1}};
	conn->peer = (struct cr_address){.family = 6, .port = 443, .bytes = {[15] = 1}};
	CHECK_TEXT(dump(0, &conn->head),
		   "         0      0.000000 conn   pid=1234/55 conn=0/0 socket role=client "
		   "local=127.0.0.1:4000 peer=[::1]:443 sni=\"api.openai.com\" ?=\"new\"\n");
	buffer_free(&buffer);
}

TEST(clock_as_wall_time)
{
	struct cr_clock record = {
		.head = {.length = sizeof(record), .type = CR_CLOCK, .version = 1, .time_ns = 5},
		.boot_id = {0xab, [15] = 0x01},
		.wall_offset_ns = 1700000000000000000,
	};

	CHECK_TEXT(dump(7, &record.head),
		   "         7      0.000000 clock  boot=ab000000000000000000000000000001 "
		   "wall=2023-11-14T22:13:20.000000005Z\n");
	record.head.time_ns = UINT64_MAX;
	record.wall_offset_ns = INT64_MIN;
	CHECK(strstr(dump(7, &record.head), "wall="));
}

/* Whatever a record's numbers are, it is one line. */
TEST(any_type_and_any_values_are_one_line)
{
	static uint8_t record[512] __attribute__((aligned(8)));
	struct cr_head *head = (void *)record;

	for (int fill = 0; fill < 256; fill += 5) {
		for (unsigned int type = 0; type < 20; type++) {
			memset(record, fill, sizeof(record));
			head->length = sizeof(record);
			head->type = (uint16_t)type;
			head->version = CR_VERSION;
			if (record_check(head, sizeof(record)) < 0)
				continue;
			dump(UINT64_MAX, head);
			CHECK(strlen(line) > 30);
			CHECK(strchr(line, '\n') == line + strlen(line) - 1);
		}
	}
}

TEST(unknown_types_are_shown_by_number)
{
	struct cr_head head = {.length = 16, .type = 4711, .version = 1};

	CHECK_TEXT(dump(1, &head), "         1      0.000000 ?      type=4711 length=16\n");
}

TEST_MAIN()
