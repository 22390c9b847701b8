/* SPDX-License-Identifier: Apache-2.0 */
/* The wire format; the bytes are those of protobuf.dev, "Encoding", or made by hand from it. */
#include <errno.h>
#include <math.h>

#include "exporter/protobuf.h"
#include "exporter/utf8.h"
#include "tests/unit/test.h"

static struct bytes out;

static void begin(size_t cap)
{
	bytes_init(&out, cap);
}

static void check_bytes(const char *expected, size_t length)
{
	CHECK_INT(out.error, 0);
	CHECK_INT(out.length, length);
	CHECK(!memcmp(out.data, expected, length));
	bytes_free(&out);
}

#define CHECK_BYTES(text) check_bytes(text, sizeof(text) - 1)

TEST(varints)
{
	static const struct {
		uint64_t value;
		const char *bytes;
		size_t length;
	} known[] = {
		{0, "\0", 1},
		{1, "\x01", 1},
		{127, "\x7f", 1},
		{128, "\x80\x01", 2},
		{150, "\x96\x01", 2},
		{16383, "\xff\x7f", 2},
		{16384, "\x80\x80\x01", 3},
		{(uint64_t)-2, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},
		{UINT64_MAX, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		begin(100);
		protobuf_varint(&out, known[i].value);
		CHECK_INT(protobuf_varint_length(known[i].value), known[i].length);
		check_bytes(known[i].bytes, known[i].length);
	}
}

TEST(fields_of_each_type)
{
	begin(100);
	protobuf_add_varint(&out, 1, 150);
	CHECK_BYTES("\x08\x96\x01");
	begin(100);
	protobuf_add_bytes(&out, 2, "testing", 7);
	CHECK_BYTES("\x12\x07testing");
	begin(100);
	protobuf_add_fixed64(&out, 7, 0x0102030405060708ull);
	CHECK_BYTES("\x39\x08\x07\x06\x05\x04\x03\x02\x01");
	begin(100);
	protobuf_add_double(&out, 4, 1.0);
	CHECK_BYTES("\x21\0\0\0\0\0\0\xf0\x3f");
	begin(100);
	protobuf_add_double(&out, 4, -INFINITY);
	CHECK_BYTES("\x21\0\0\0\0\0\0\xf0\xff");
	begin(100);
	protobuf_add_varint(&out, 16, 1);
	CHECK_BYTES("\x80\x01\x01");
}

TEST(messages_in_messages)
{
	char text[301];
	size_t outer, inner;

	begin(1000);
	outer = protobuf_begin(&out, 3);
	inner = protobuf_begin(&out, 1);
	protobuf_end(&out, inner);
	protobuf_add_varint(&out, 1, 150);
	protobuf_end(&out, outer);
	CHECK_BYTES("\x1a\x05\x0a\x00\x08\x96\x01");
	memset(text, 'x', 300);
	text[300] = '\0';
	begin(1000);
	outer = protobuf_begin(&out, 3);
	protobuf_add_text(&out, 1, text);
	protobuf_end(&out, outer);
	CHECK_INT(out.length, 3 + 3 + 300);
	CHECK(!memcmp(out.data, "\x1a\xaf\x02\x0a\xac\x02xxx", 9));
	bytes_free(&out);
}

static void check_repaired(const char *text, const char *expected)
{
	size_t length = strlen(expected);

	begin(200);
	protobuf_add_text(&out, 1, text);
	CHECK_INT(out.error, 0);
	CHECK_INT(out.data[1], length);
	CHECK_INT(out.length, 2 + length);
	CHECK(!memcmp(out.data + 2, expected, length));
	bytes_free(&out);
}

/* Unicode, section 3.9: tables 3-8 to 3-11, one U+FFFD for each maximal subpart. */
TEST(text_that_is_not_utf8)
{
	check_repaired("", "");
	check_repaired(NULL, "");
	check_repaired("plain ascii, longer than eight", "plain ascii, longer than eight");
	check_repaired("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		       "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	check_repaired("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", "���"
							       "���"
							       "��A");
	check_repaired("\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", "���"
							       "���"
							       "��A");
	check_repaired("\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", "�����A"
							       "��B");
	check_repaired("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", "����A");
	check_repaired("end \xf0\x9f\x98", "end �");
	check_repaired("eight ok\xff", "eight ok�");
}

TEST(what_passes_the_cap_is_an_error_that_stays)
{
	begin(10);
	protobuf_add_bytes(&out, 1, "12345678", 8);
	CHECK_INT(out.error, 0);
	protobuf_add_varint(&out, 1, 1);
	CHECK_INT(out.error, -E2BIG);
	CHECK_INT(out.length, 10);
	protobuf_add_varint(&out, 1, 1);
	protobuf_end(&out, protobuf_begin(&out, 2));
	CHECK_INT(out.length, 10);
	bytes_truncate(&out, 2);
	protobuf_add_varint(&out, 1, 1);
	CHECK_INT(out.error, 0);
	CHECK_INT(out.length, 4);
	bytes_free(&out);
}

/* ---- reading ---- */

static int next(const char *data, size_t length, struct protobuf_field *field)
{
	struct protobuf_reader reader = {(const uint8_t *)data, (const uint8_t *)data + length};

	return protobuf_next(&reader, field);
}

TEST(reading_fields)
{
	static const char all[] = "\x08\x96\x01\x12\x02hi\x19\x01\0\0\0\0\0\0\x80\x25\x02\0\0\0";
	struct protobuf_reader reader = {(const uint8_t *)all,
					 (const uint8_t *)all + sizeof(all) - 1};
	struct protobuf_field field;

	CHECK_INT(protobuf_next(&reader, &field), 1);
	CHECK(field.number == 1 && field.type == PROTOBUF_VARINT && field.value == 150);
	CHECK_INT(protobuf_next(&reader, &field), 1);
	CHECK(field.number == 2 && field.type == PROTOBUF_BYTES && field.length == 2);
	CHECK(!memcmp(field.data, "hi", 2));
	CHECK_INT(protobuf_next(&reader, &field), 1);
	CHECK(field.number == 3 && field.type == PROTOBUF_FIXED64);
	CHECK(field.value == 0x8000000000000001ull);
	CHECK_INT(protobuf_next(&reader, &field), 1);
	CHECK(field.number == 4 && field.type == PROTOBUF_FIXED32 && field.value == 2);
	CHECK_INT(protobuf_next(&reader, &field), 0);
}

TEST(reading_damage)
{
	struct protobuf_field field;

	CHECK_INT(next("", 0, &field), 0);
	CHECK_INT(next("\x08", 1, &field), -EBADMSG);
	CHECK_INT(next("\x80", 1, &field), -EBADMSG);
	CHECK_INT(next("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, &field), -EBADMSG);
	CHECK_INT(next("\x00\x01", 2, &field), -EBADMSG);   /* field 0 */
	CHECK_INT(next("\x0b", 1, &field), -EBADMSG);       /* a group */
	CHECK_INT(next("\x0f\x01", 2, &field), -EBADMSG);   /* type 7 */
	CHECK_INT(next("\x12\x03hi", 4, &field), -EBADMSG); /* longer than there is */
	CHECK_INT(next("\x19\0\0\0\0\0\0\0", 8, &field), -EBADMSG);
	CHECK_INT(next("\x25\0\0\0", 4, &field), -EBADMSG);
	CHECK_INT(next("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, &field), -EBADMSG);
}

TEST_MAIN()
