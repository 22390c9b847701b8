/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "agent/provider/json_string.h"

void json_string_begin(struct json_string *string)
{
	*string = (struct json_string){0};
}

static int put_code_point(uint32_t c, json_string_put put, void *context)
{
	char text[4];
	size_t n = 0;

	if (c < 0x80) {
		text[n++] = (char)c;
	} else if (c < 0x800) {
		text[n++] = (char)(0xc0 | c >> 6);
		text[n++] = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		text[n++] = (char)(0xe0 | c >> 12);
		text[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		text[n++] = (char)(0x80 | (c & 0x3f));
	} else {
		text[n++] = (char)(0xf0 | c >> 18);
		text[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		text[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		text[n++] = (char)(0x80 | (c & 0x3f));
	}
	return put(context, text, n);
}

/* A high surrogate that stays alone. */
static int flush_surrogate(struct json_string *string, json_string_put put, void *context)
{
	if (!string->high)
		return 0;
	string->high = 0;
	return put_code_point(0xfffd, put, context);
}

/* A code unit of UTF-16, as \u gives it. */
static int put_unit(struct json_string *string, uint32_t unit, json_string_put put, void *context)
{
	int r;

	if (string->high && unit >= 0xdc00 && unit <= 0xdfff) {
		unit = 0x10000 + ((uint32_t)(string->high - 0xd800) << 10) + (unit - 0xdc00);
		string->high = 0;
		return put_code_point(unit, put, context);
	}
	r = flush_surrogate(string, put, context);
	if (r)
		return r;
	if (unit >= 0xd800 && unit <= 0xdbff) {
		string->high = (uint16_t)unit;
		return 0;
	}
	return put_code_point(unit >= 0xdc00 && unit <= 0xdfff ? 0xfffd : unit, put, context);
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte behind a backslash. */
static int feed_escape(struct json_string *string, uint8_t c, json_string_put put, void *context)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *name;
	int r, digit;

	if (string->escape == 1) {
		if (c == 'u') {
			string->escape = 2;
			string->unicode = 0;
			return 0;
		}
		name = c ? strchr(names, c) : NULL;
		if (!name)
			return -EBADMSG;
		string->escape = 0;
		r = flush_surrogate(string, put, context);
		return r ? r : put(context, &values[name - names], 1);
	}
	digit = hex_digit(c);
	if (digit < 0)
		return -EBADMSG;
	string->unicode = (uint16_t)(string->unicode << 4 | digit);
	if (++string->escape < 6)
		return 0;
	string->escape = 0;
	return put_unit(string, string->unicode, put, context);
}

int json_string_feed(struct json_string *string, const uint8_t **at, const uint8_t *end,
		     json_string_put put, void *context)
{
	const uint8_t *p = *at, *stop;
	int r = 0;

	while (p < end && !r) {
		if (string->escape) {
			r = feed_escape(string, *p++, put, context);
			continue;
		}
		if (string->high && *p != '\\') {
			r = flush_surrogate(string, put, context);
			continue;
		}
		stop = json_string_stop(p, end);
		if (stop > p)
			r = put(context, (const char *)p, (size_t)(stop - p));
		p = stop;
		if (r || p == end)
			continue;
		if (*p++ == '"')
			r = 1;
		else
			string->escape = 1;
	}
	*at = p;
	return r;
}
