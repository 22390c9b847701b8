/* SPDX-License-Identifier: Apache-2.0 */
/* Text of unknown origin: UTF-8 as RFC 3629 has it, and its way into JSON (RFC 8259). */
#ifndef AGENT_UTIL_TEXT_H
#define AGENT_UTIL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/buffer.h"

#define TEXT_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/*
 * text_next - the first character of text.
 * @length: > 0.
 * Return: its bytes, 1 to 4, or 0 where text does not begin with well-formed UTF-8.
 */
size_t text_next(const char *text, size_t length, uint32_t *ret_code);

/** text_valid - is all of it well-formed UTF-8? */
bool text_valid(const char *text, size_t length);

/** text_append_valid - append, each byte that is not UTF-8 as U+FFFD. Return: 0 or errno. */
int text_append_valid(struct buffer *out, const char *text, size_t length);

/** text_append_json - append as a JSON string with its quotes, as valid UTF-8. Return: 0 or errno.
 */
int text_append_json(struct buffer *out, const char *text, size_t length);

/*
 * text_append_shown - append for a terminal: controls, and what turns or hides text, are escaped.
 * @columns: characters at most, escapes counted; a longer text ends in "..".
 * @utf8: may what is not ASCII be shown?
 * Return: 0 or errno.
 */
int text_append_shown(struct buffer *out, const char *text, size_t columns, bool utf8);

#endif
