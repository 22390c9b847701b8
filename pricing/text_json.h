/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a card before it is read. */
#ifndef PRICING_TEXT_JSON_H
#define PRICING_TEXT_JSON_H

#include <stddef.h>

/* Where in a card something is. */
struct text_place {
	size_t line;      /* from 1 */
	const char *item; /* "row" or "discount" that it is in, NULL outside of them */
	size_t number;    /* of it, from 1 */
};

/*
 * text_check - look for what cJSON lets pass, though it is no JSON text (RFC 8259): control
 *	characters, numbers such as 01, escapes that are none, what is not UTF-8. A NUL in a text is
 *	refused too, and so are more values, or a deeper nesting, than a card may have.
 * @ret_place: where that is.
 * Return: NULL, or what is wrong.
 */
const char *text_check(const char *text, size_t length, struct text_place *ret_place);

/** text_place - where in a text, of which all before it has been checked, an offset is. */
void text_place(const char *text, size_t length, size_t offset, struct text_place *ret_place);

#endif
