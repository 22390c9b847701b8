/* SPDX-License-Identifier: Apache-2.0 */
/* json_string: the inside of a JSON string, piece by piece (RFC 8259, 7). */
#ifndef AGENT_PROVIDER_JSON_STRING_H
#define AGENT_PROVIDER_JSON_STRING_H

#include <stddef.h>
#include <stdint.h>

struct json_string {
	uint8_t escape;   /* 1 behind a backslash, 2… before hex digit escape - 2 */
	uint16_t unicode; /* what the digits gave so far */
	uint16_t high;    /* a high surrogate that waits for its low one */
};

/** json_string_stop - the first quote or backslash, or end. */
const uint8_t *json_string_stop(const uint8_t *p, const uint8_t *end);

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
