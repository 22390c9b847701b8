/* SPDX-License-Identifier: Apache-2.0 */
#include "pricing/text_json.h"

#include <stdint.h>
#include <string.h>

#include "pricing/internal.h"

struct scan {
	const char *at, *end;
	size_t values;
	unsigned int depth;
	const char *key; /* the last text of the outermost object */
	size_t key_length;
	struct text_place place;
};

/* ---- texts ---- */

static bool is_continuation(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* Length of the character at `at`, 0 if it is none (RFC 3629, section 4). */
static size_t character_length(const char *at, const char *end)
{
	const unsigned char *c = (const unsigned char *)at;
	size_t left = (size_t)(end - at);

	if (c[0] < 0x80)
		return 1;
	if (left >= 2 && c[0] >= 0xc2 && c[0] <= 0xdf && is_continuation(c[1]))
		return 2;
	if (left < 3 || !is_continuation(c[1]) || !is_continuation(c[2]))
		return 0;
	if ((c[0] == 0xe0 && c[1] >= 0xa0) || (c[0] >= 0xe1 && c[0] <= 0xec) ||
	    (c[0] == 0xed && c[1] <= 0x9f) || c[0] == 0xee || c[0] == 0xef)
		return 3;
	if (left < 4 || !is_continuation(c[3]))
		return 0;
	if ((c[0] == 0xf0 && c[1] >= 0x90) || (c[0] >= 0xf1 && c[0] <= 0xf3) ||
	    (c[0] == 0xf4 && c[1] <= 0x8f))
		return 4;
	return 0;
}

/* Behind an escape, or NULL where it is none, or is a NUL. */
static const char *escape_end(const char *at, const char *end)
{
	static const char hex[] = "0123456789abcdefABCDEF";

	if (end - at < 2 || !at[1] || !strchr("\"\\/bfnrtu", at[1]))
		return NULL;
	if (at[1] != 'u')
		return at + 2;
	if (end - at < 6 || !memcmp(at + 2, "0000", 4))
		return NULL;
	for (int i = 2; i < 6; i++) {
		if (!at[i] || !strchr(hex, at[i]))
			return NULL;
	}
	return at + 6;
}

/* From a quotation mark to behind the next; a text without an end is left to the parser. */
static const char *scan_string(struct scan *scan)
{
	const char *begin = ++scan->at;

	while (scan->at < scan->end && *scan->at != '"') {
		size_t length = character_length(scan->at, scan->end);

		if ((unsigned char)*scan->at < ' ')
			return "a control character in a text";
		if (!length)
			return "a text that is not UTF-8";
		if (*scan->at == '\\') {
			const char *behind = escape_end(scan->at, scan->end);

			if (!behind)
				return "an escape that is none, or a NUL";
			length = (size_t)(behind - scan->at);
		}
		scan->at += length;
	}
	if (scan->depth == 1) {
		scan->key = begin;
		scan->key_length = (size_t)(scan->at - begin);
	}
	if (scan->at < scan->end)
		scan->at++;
	return NULL;
}

/* ---- numbers ---- */

static const char *skip_digits(const char *at, const char *end)
{
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at;
}

/* RFC 8259, section 6: no zero in front, digits on both sides of a point. */
static const char *scan_number(struct scan *scan)
{
	static const char bad[] = "a number that is none";
	const char *at = scan->at + (*scan->at == '-'), *digits = at, *end = scan->end;

	at = skip_digits(at, end);
	if (at == digits || (*digits == '0' && at - digits > 1))
		return bad;
	if (at < end && *at == '.') {
		digits = ++at;
		at = skip_digits(at, end);
		if (at == digits)
			return bad;
	}
	if (at < end && (*at == 'e' || *at == 'E')) {
		at++;
		if (at < end && (*at == '+' || *at == '-'))
			at++;
		digits = at;
		at = skip_digits(at, end);
		if (at == digits)
			return bad;
	}
	scan->at = at;
	return NULL;
}

/* ---- the rest ---- */

static bool key_is(const struct scan *scan, const char *name)
{
	return scan->key_length == strlen(name) && !memcmp(scan->key, name, scan->key_length);
}

static const char *open_value(struct scan *scan, char c)
{
	if (scan->depth == 1 && c == '[') {
		scan->place.item = key_is(scan, "rows")        ? "row"
				   : key_is(scan, "discounts") ? "discount"
							       : NULL;
		scan->place.number = 0;
	}
	if (scan->depth == 2 && scan->place.item)
		scan->place.number++;
	scan->values++;
	return ++scan->depth > CARD_DEPTH_MAX ? "deeper nesting than a card has" : NULL;
}

static const char *scan_sign(struct scan *scan)
{
	char c = *scan->at++;

	if (c == '\n')
		scan->place.line++;
	if (c == '{' || c == '[')
		return open_value(scan, c);
	if ((c == '}' || c == ']') && scan->depth) {
		scan->depth--;
		if (scan->depth == 1)
			scan->place.item = NULL;
	}
	scan->values += c == ',';
	if (scan->values > CARD_VALUES_MAX)
		return "more values than a card has";
	if ((unsigned char)c < ' ' && c != '\n' && c != '\t' && c != '\r')
		return "a control character";
	return NULL;
}

static const char *scan_text(const char *text, size_t length, size_t stop,
			     struct text_place *ret_place)
{
	struct scan scan = {.at = text, .end = text + length, .key = text, .place = {.line = 1}};
	const char *why = NULL;

	while (!why && scan.at < text + stop) {
		if (*scan.at == '"')
			why = scan_string(&scan);
		else if (*scan.at == '-' || (*scan.at >= '0' && *scan.at <= '9'))
			why = scan_number(&scan);
		else
			why = scan_sign(&scan);
	}
	*ret_place = scan.place;
	if (!scan.place.number)
		ret_place->item = NULL;
	return why;
}

const char *text_check(const char *text, size_t length, struct text_place *ret_place)
{
	return scan_text(text, length, length, ret_place);
}

void text_place(const char *text, size_t length, size_t offset, struct text_place *ret_place)
{
	scan_text(text, length, offset, ret_place);
}
