/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8, well-formed or not (The Unicode Standard, table 3-7). */
#ifndef EXPORTER_UTF8_H
#define EXPORTER_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/*
 * utf8_next - does the text, of length > 0, begin with a well-formed character?
 * @ret_length: of that character; else of what one U+FFFD stands for, the "maximal subpart" of the
 *	standard's section 3.9.
 */
bool utf8_next(const uint8_t *text, size_t length, size_t *ret_length);

/** utf8_prefix - how many bytes from the start are well-formed. */
size_t utf8_prefix(const uint8_t *text, size_t length);

#endif
