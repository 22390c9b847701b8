/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A collector's answer: any bytes, as a success and as a status. What is told of it is one line of
 * UTF-8 within its room; what is refused leaves nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/response.h"
#include "exporter/utf8.h"

#define REQUIRE(condition)                                             \
	do {                                                           \
		if (!(condition)) {                                    \
			fprintf(stderr, "violated: %s\n", #condition); \
			abort();                                       \
		}                                                      \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const char *text, size_t room)
{
	size_t length = strnlen(text, room);

	REQUIRE(length < room);
	REQUIRE(utf8_prefix((const uint8_t *)text, length) == length);
	for (size_t i = 0; i < length; i++)
		REQUIRE((uint8_t)text[i] >= ' ' && text[i] != 0x7f);
}

static void check_answer(int r, const struct response *response, const struct response *before)
{
	if (r < 0) {
		REQUIRE(!memcmp(response, before, sizeof(*response)));
		return;
	}
	REQUIRE(response->rejected <= INT64_MAX);
	check_line(response->message, sizeof(response->message));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct response before, response;
	char text[16];
	uint8_t *copy = malloc(size ? size : 1);

	if (size)
		memcpy(copy, data, size);
	memset(&before, 0x55, sizeof(before));
	response = before;
	check_answer(response_parse_success(copy, size, &response), &response, &before);
	response = before;
	check_answer(response_parse_status(copy, size, &response), &response, &before);
	response_text(copy, size, text, sizeof(text));
	check_line(text, sizeof(text));
	free(copy);
	return 0;
}
