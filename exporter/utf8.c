/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/utf8.h"

#include <string.h>

/* Bytes that follow a first byte, and what the first of them may be. */
struct sequence {
	uint8_t follow, low, high;
};

static bool sequence_of(uint8_t first, struct sequence *ret)
{
	if (first < 0x80)
		*ret = (struct sequence){0, 0, 0};
	else if (first >= 0xc2 && first <= 0xdf)
		*ret = (struct sequence){1, 0x80, 0xbf};
	else if ((first & 0xf0) == 0xe0)
		*ret = (struct sequence){2, first == 0xe0 ? 0xa0 : 0x80,
					 first == 0xed ? 0x9f : 0xbf};
	else if (first >= 0xf0 && first <= 0xf4)
		*ret = (struct sequence){3, first == 0xf0 ? 0x90 : 0x80,
					 first == 0xf4 ? 0x8f : 0xbf};
	else
		return false;
	return true;
}

bool utf8_next(const uint8_t *text, size_t length, size_t *ret_length)
{
	struct sequence sequence;
	size_t i;

	*ret_length = 1;
	if (!sequence_of(text[0], &sequence))
		return false;
	for (i = 1; i <= sequence.follow && i < length; i++) {
		if (text[i] < (i == 1 ? sequence.low : 0x80) ||
		    text[i] > (i == 1 ? sequence.high : 0xbf))
			break;
	}
	*ret_length = i;
	return i == 1u + sequence.follow;
}

size_t utf8_prefix(const uint8_t *text, size_t length)
{
	size_t at = 0, n;

	while (at < length) {
		uint64_t eight;

		if (length - at >= sizeof(eight)) {
			memcpy(&eight, text + at, sizeof(eight));
			if (!(eight & 0x8080808080808080ull)) {
				at += sizeof(eight);
				continue;
			}
		}
		if (!utf8_next(text + at, length - at, &n))
			break;
		at += n;
	}
	return at;
}
