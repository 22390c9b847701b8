/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/util/text.h"

#include <stdio.h>
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

/* How much of the front is ASCII, in steps of a word: nearly all texts are, from end to end. */
static size_t ascii_front(const char *text, size_t length)
{
	size_t i = 0;
	uint64_t word;

	for (; i + sizeof(word) <= length; i += sizeof(word)) {
		memcpy(&word, text + i, sizeof(word));
		if (word & 0x8080808080808080)
			break;
	}
	return i;
}

bool text_valid(const char *text, size_t length)
{
	uint32_t code;

	for (size_t i = ascii_front(text, length), n; i < length; i += n) {
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

/* Controls; marks that reorder text or have no width (Unicode general categories Cc, Cf, Zl, Zp).
 */
static bool is_unsafe(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad || code == 0x61c ||
	       (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2060 && code <= 0x206f) || code == 0xfeff ||
	       (code >= 0xfff9 && code <= 0xfffb) || (code >= 0xe0000 && code <= 0xe0fff);
}

/* One character as it is shown: NUL-terminated in cell. Return: its columns. */
static size_t show_character(const char *text, size_t n, uint32_t code, bool utf8, char cell[16])
{
	if (n == 0) {
		snprintf(cell, 16, "\\x%02x", (unsigned int)(unsigned char)text[0]);
	} else if (code < 0x80 && !is_unsafe(code)) {
		snprintf(cell, 16, "%c", (char)code);
	} else if (code < 0x100 && is_unsafe(code)) {
		snprintf(cell, 16, "\\x%02x", (unsigned int)code);
	} else if (is_unsafe(code) || !utf8) {
		snprintf(cell, 16, "\\u%04x", (unsigned int)code);
	} else {
		snprintf(cell, 16, "%.*s", (int)n, text);
		return 1;
	}
	return strlen(cell);
}

int text_append_shown(struct buffer *out, const char *text, size_t columns, bool utf8)
{
	size_t length = strlen(text), used = 0, fit = out->length;
	uint32_t code = 0;
	char cell[16];
	int r = 0;

	for (size_t i = 0; r == 0 && i < length;) {
		size_t n = text_next(text + i, length - i, &code);
		size_t width = show_character(text + i, n, code, utf8, cell);

		if (used + width > columns) {
			out->length = fit;
			return buffer_append_text(out, "..");
		}
		r = buffer_append_text(out, cell);
		used += width;
		if (used + 2 <= columns)
			fit = out->length;
		i += n ? n : 1;
	}
	return r;
}
