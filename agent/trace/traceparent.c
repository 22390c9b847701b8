/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trace/traceparent.h"

#include <errno.h>
#include <string.h>

#define TEXT_LENGTH 55 /* of version 00 */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static bool parse_hex(const char *text, uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool all_zero(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

int traceparent_parse(const char *text, uint8_t ret_trace_id[TRACE_ID_SIZE],
		      uint8_t ret_parent_id[SPAN_ID_SIZE])
{
	uint8_t version, flags, trace_id[TRACE_ID_SIZE], parent_id[SPAN_ID_SIZE];
	size_t length = strlen(text);

	if (length < TEXT_LENGTH || text[2] != '-' || text[35] != '-' || text[52] != '-')
		return -EINVAL;
	if (!parse_hex(text, &version, 1) || !parse_hex(text + 3, trace_id, sizeof(trace_id)) ||
	    !parse_hex(text + 36, parent_id, sizeof(parent_id)) || !parse_hex(text + 53, &flags, 1))
		return -EINVAL;
	if (version == 0xff || (version == 0 && length > TEXT_LENGTH) ||
	    (length > TEXT_LENGTH && text[TEXT_LENGTH] != '-'))
		return -EINVAL;
	if (all_zero(trace_id, sizeof(trace_id)) || all_zero(parent_id, sizeof(parent_id)))
		return -EINVAL;
	memcpy(ret_trace_id, trace_id, sizeof(trace_id));
	memcpy(ret_parent_id, parent_id, sizeof(parent_id));
	return 0;
}
