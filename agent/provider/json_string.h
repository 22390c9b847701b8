/* SPDX-License-Identifier: Apache-2.0 */
/* json_string: the inside of a JSON string, piece by piece (RFC 8259, 7). */
#ifndef AGENT_PROVIDER_JSON_STRING_H
#define AGENT_PROVIDER_JSON_STRING_H

#include <stddef.h>
#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

struct json_string {
	uint8_t escape;   /* 1 behind a backslash, 2… before hex digit escape - 2 */
	uint16_t unicode; /* what the digits gave so far */
	uint16_t high;    /* a high surrogate that waits for its low one */
};

/** json_string_stop - the first quote or backslash, or end. */
static inline const uint8_t *json_string_stop(const uint8_t *p, const uint8_t *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');

	while (end - p >= 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
		unsigned int found = (unsigned int)_mm_movemask_epi8(_mm_or_si128(
			_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));

		if (found)
			return p + __builtin_ctz(found);
		p += 16;
	}
#endif
	while (p < end && *p != '"' && *p != '\\')
		p++;
	return p;
}

/** json_string_begin - behind the opening quote. */
void json_string_begin(struct json_string *string);

/* Takes unescaped text; 0 goes on, a negative errno is passed on. */
typedef int (*json_string_put)(void *context, const char *text, size_t length);

/*
 * json_string_feed - bytes of the string; moves *at on.
 * Return: 1 past the closing quote, 0 where more must come, -EBADMSG for an escape that there is
 * not, or what put gave.
 */
int json_string_feed(struct json_string *string, const uint8_t **at, const uint8_t *end,
		     json_string_put put, void *context);

#endif
