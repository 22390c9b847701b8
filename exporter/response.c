/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/response.h"

#include <errno.h>
#include <string.h>

#include "exporter/protobuf.h"
#include "exporter/utf8.h"

enum {
	RESPONSE_PARTIAL_SUCCESS = 1,
	PARTIAL_REJECTED_SPANS = 1,
	PARTIAL_ERROR_MESSAGE = 2,
	STATUS_MESSAGE = 2,
};

/* C0, DEL and C1 control characters, and the line separators of Unicode. */
static bool is_control(const uint8_t *character, size_t length)
{
	if (length == 1)
		return character[0] < ' ' || character[0] == 0x7f;
	if (length == 2)
		return character[0] == 0xc2 && character[1] < 0xa0;
	return length == 3 && character[0] == 0xe2 && character[1] == 0x80 &&
	       (character[2] == 0xa8 || character[2] == 0xa9);
}

void response_text(const uint8_t *data, size_t length, char *text, size_t size)
{
	size_t used = 0, n;

	for (size_t at = 0; at < length; at += n) {
		const char *from = (const char *)data + at;
		size_t put;

		if (!utf8_next(data + at, length - at, &n))
			from = UTF8_REPLACEMENT;
		else if (is_control(data + at, n))
			from = " ";
		put = from == (const char *)data + at ? n : strlen(from);
		if (put >= size - used)
			break;
		memcpy(text + used, from, put);
		used += put;
	}
	while (used && text[used - 1] == ' ')
		used--;
	text[used] = '\0';
}

static int parse_partial_success(const struct protobuf_field *message, struct response *response)
{
	struct protobuf_reader reader = {message->data, message->data + message->length};
	struct protobuf_field field;
	int r;

	while ((r = protobuf_next(&reader, &field)) > 0) {
		if (field.number == PARTIAL_REJECTED_SPANS && field.type == PROTOBUF_VARINT)
			response->rejected = (int64_t)field.value > 0 ? field.value : 0;
		else if (field.number == PARTIAL_ERROR_MESSAGE && field.type == PROTOBUF_BYTES)
			response_text(field.data, field.length, response->message,
				      sizeof(response->message));
	}
	return r;
}

int response_parse_success(const uint8_t *data, size_t length, struct response *ret_response)
{
	struct protobuf_reader reader = {data, data + length};
	struct response response = {0};
	struct protobuf_field field;
	int r;

	while ((r = protobuf_next(&reader, &field)) > 0) {
		if (field.number != RESPONSE_PARTIAL_SUCCESS || field.type != PROTOBUF_BYTES)
			continue;
		r = parse_partial_success(&field, &response);
		if (r < 0)
			break;
	}
	if (r == 0)
		*ret_response = response;
	return r;
}

int response_parse_status(const uint8_t *data, size_t length, struct response *ret_response)
{
	struct protobuf_reader reader = {data, data + length};
	struct response response = {0};
	struct protobuf_field field;
	int r;

	while ((r = protobuf_next(&reader, &field)) > 0) {
		if (field.number == STATUS_MESSAGE && field.type == PROTOBUF_BYTES)
			response_text(field.data, field.length, response.message,
				      sizeof(response.message));
	}
	if (r == 0)
		*ret_response = response;
	return r;
}
