/* SPDX-License-Identifier: Apache-2.0 */
/* Answers, well-formed, cut and damaged. */
#include <errno.h>

#include "exporter/response.h"
#include "tests/unit/test.h"

static struct response response;

/* Each message in a piece of memory of its own length, so that a sanitizer sees what is beyond. */
static int success(const void *data, size_t length)
{
	uint8_t *copy = calloc(1, length ? length : 1);
	int r;

	memset(&response, 0x55, sizeof(response));
	memcpy(copy, data, length);
	r = response_parse_success(copy, length, &response);
	free(copy);
	return r;
}

static int status(const void *data, size_t length)
{
	uint8_t *copy = calloc(1, length ? length : 1);
	int r;

	memset(&response, 0x55, sizeof(response));
	memcpy(copy, data, length);
	r = response_parse_status(copy, length, &response);
	free(copy);
	return r;
}

TEST(full_success_is_empty)
{
	CHECK_INT(success("", 0), 0);
	CHECK_INT(response.rejected, 0);
	CHECK_TEXT(response.message, "");
	CHECK_INT(success("\x0a\x00", 2), 0);
	CHECK_INT(response.rejected, 0);
}

TEST(partial_success)
{
	CHECK_INT(success("\x0a\x0a\x08\x96\x01\x12\x05no id", 12), 0);
	CHECK_INT(response.rejected, 150);
	CHECK_TEXT(response.message, "no id");
}

TEST(negative_count_is_none)
{
	CHECK_INT(success("\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13), 0);
	CHECK_INT(response.rejected, 0);
}

TEST(unknown_fields_and_other_types_are_passed_over)
{
	static const char data[] = "\x18\x01\x0a\x0c\x0a\x01x\x10\x07\x1d\x01\x02\x03\x04\x08\x02";

	CHECK_INT(success(data, 16), 0);
	CHECK_INT(response.rejected, 2);
	CHECK_TEXT(response.message, "");
}

TEST(every_cut_is_refused_or_whole)
{
	static const char data[] = "\x0a\x0a\x08\x96\x01\x12\x05no id\x10\x05";

	for (size_t length = 1; length < 12; length++) {
		CHECK_INT(success(data, length), -EBADMSG);
		CHECK_INT(response.message[0], 0x55);
	}
	CHECK_INT(success(data, 12), 0);
	CHECK_INT(success(data, 13), -EBADMSG);
	CHECK_INT(success(data, 14), 0);
}

TEST(other_formats_are_refused)
{
	static const char json[] = "{\"partialSuccess\":{}}", html[] = "<html>";

	CHECK_INT(success(json, strlen(json)), -EBADMSG);
	CHECK_INT(success(html, strlen(html)), -EBADMSG);
}

TEST(random_bytes)
{
	uint8_t data[64];

	srand(11);
	for (int i = 0; i < 200000; i++) {
		size_t length = (size_t)rand() % sizeof(data);

		for (size_t j = 0; j < length; j++)
			data[j] = (uint8_t)(rand() % 3 ? rand() % 32 : rand());
		if (success(data, length) == 0)
			CHECK(memchr(response.message, 0, sizeof(response.message)));
		if (status(data, length) == 0)
			CHECK(memchr(response.message, 0, sizeof(response.message)));
	}
}

TEST(status_message)
{
	CHECK_INT(status("\x08\x03\x12\x09"
			 "bad\nspan\x01\x1a\x02\x0a\x00",
			 17),
		  0);
	CHECK_TEXT(response.message, "bad span");
	CHECK_INT(status("\x12\x05"
			 "bad",
			 5),
		  -EBADMSG);
	CHECK_INT(status("", 0), 0);
	CHECK_TEXT(response.message, "");
}

TEST(text_is_one_line_of_utf8)
{
	char text[8];

	response_text((const uint8_t *)"a\r\n\x1b[m\xc2\x85z\xe2\x80\xa8", 13, text, sizeof(text));
	CHECK_TEXT(text, "a   [m");
	response_text((const uint8_t *)"\xff\xe2\x82", 3, text, sizeof(text));
	CHECK_TEXT(text, "\xef\xbf\xbd\xef\xbf\xbd");
	response_text((const uint8_t *)"12345\xe2\x82\xac", 8, text, sizeof(text));
	CHECK_TEXT(text, "12345");
	response_text((const uint8_t *)"123456789", 9, text, sizeof(text));
	CHECK_TEXT(text, "1234567");
	response_text((const uint8_t *)"x", 1, text, 1);
	CHECK_TEXT(text, "");
}

TEST(long_message_is_cut)
{
	char data[1003] = "\x12\xe8\x07";

	memset(data + 3, 'm', 1000);
	CHECK_INT(status(data, sizeof(data)), 0);
	CHECK_INT(strlen(response.message), RESPONSE_MESSAGE_SIZE - 1);
}

TEST_MAIN()
