/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/util/text.h"

#include <string.h>

static bool is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

size_t text_next(const char *text, size_t length, uint32_t *ret_code)
{
	/* Of a character of n bytes: the first byte's mark and mask, and the least code. */
	static const struct {
		unsigned char mark, mask;
		uint32_t least;
	} forms[] = {
		{0x00, 0x80, 0}, {0xc0, 0xe0, 0x80}, {0xe0, 0xf0, 0x800}, {0xf0, 0xf8, 0x10000}};
	const unsigned char *bytes = (const unsigned char *)text;

	for (size_t n = 1; n <= 4 && n <= length; n++) {
		uint32_t code;

		if ((bytes[0] & forms[n - 1].mask) != forms[n - 1].mark)
			continue;
		code = bytes[0] & (unsigned char)~forms[n - 1].mask;
		for (size_t i = 1; i < n; i++) {
			if (!is_tail(bytes[i]))
				return 0;
			code = code << 6 | (bytes[i] & 0x3f);
		}
		if (code < forms[n - 1].least || code > 0x10ffff ||
		    (code >= 0xd800 && code <= 0xdfff))
			return 0;
		*ret_code = code;
		return n;
	}
	return 0;
}

bool text_valid(const char *text, size_t length)
{
	uint32_t code;

	for (size_t i = 0, n; i < length; i += n) {
		n = text_next(text + i, length - i, &code);
		if (n == 0)
			return false;
	}
	return true;
}

int text_append_valid(struct buffer *out, const char *text, size_t length)
{
	uint32_t code;
	int r = 0;

	for (size_t i = 0; r == 0 && i < length;) {
		size_t n = text_next(text + i, length - i, &code);

		r = n ? buffer_append(out, text + i, n) : buffer_append_text(out, TEXT_REPLACEMENT);
		i += n ? n : 1;
	}
	return r;
}

/* Controls, DEL included, for the sake of terminals; and what JSON itself reserves. */
static int append_json_character(struct buffer *out, const char *text, size_t n, uint32_t code)
{
	if (code == '"' || code == '\\')
		return buffer_printf(out, "\\%c", (char)code);
	if (code == '\n')
		return buffer_append_text(out, "\\n");
	if (code < 0x20 || (code >= 0x7f && code < 0xa0))
		return buffer_printf(out, "\\u%04x", (unsigned int)code);
	return buffer_append(out, text, n);
}

int text_append_json(struct buffer *out, const char *text, size_t length)
{
	int r = buffer_append_text(out, "\"");
	uint32_t code;

	for (size_t i = 0; r == 0 && i < length;) {
		size_t n = text_next(text + i, length - i, &code);

		r = n ? append_json_character(out, text + i, n, code)
		      : buffer_append_text(out, TEXT_REPLACEMENT);
		i += n ? n : 1;
	}
	return r < 0 ? r : buffer_append_text(out, "\"");
}
