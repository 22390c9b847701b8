/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/pairs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r\n"

static char *trim(char *text)
{
	size_t length;

	text += strspn(text, BLANKS);
	length = strlen(text);
	while (length && strchr(BLANKS, text[length - 1]))
		length--;
	text[length] = '\0';
	return text;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* In place. Return: false for a bad percent sign, or a NUL. */
static bool percent_decode(char *text)
{
	char *to = text;

	for (; *text; text++, to++) {
		int high, low;

		*to = *text;
		if (*text != '%')
			continue;
		high = hex_digit(text[1]);
		low = high < 0 ? -1 : hex_digit(text[2]);
		if (low < 0 || (high == 0 && low == 0))
			return false;
		*to = (char)(high << 4 | low);
		text += 2;
	}
	*to = '\0';
	return true;
}

static int walk_member(char *member, pairs_sink sink, void *context)
{
	char *value = strchr(member, '='), *name;

	if (!value)
		return *trim(member) ? -EINVAL : 0;
	*value = '\0';
	name = trim(member);
	value = trim(value + 1);
	if (!*name || !percent_decode(name) || !percent_decode(value))
		return -EINVAL;
	return sink(context, name, value);
}

int pairs_walk(const char *list, pairs_sink sink, void *context, size_t *ret_number)
{
	char *copy = strdup(list), *rest = copy, *member;
	size_t number = 0;
	int r = 0;

	if (!copy)
		return -ENOMEM;
	while (r == 0 && (member = strsep(&rest, ","))) {
		number++;
		r = walk_member(member, sink, context);
	}
	free(copy);
	if (r < 0)
		*ret_number = number;
	return r;
}

int pairs_put(char ***array, const char *name, const char *separator, const char *value,
	      pairs_compare compare)
{
	size_t length = strlen(name), n = 0;
	char **more, *pair;

	while (*array && (*array)[n] &&
	       (compare((*array)[n], name, length) ||
		strncmp((*array)[n] + length, separator, strlen(separator)) != 0))
		n++;
	if (n == PAIRS_MAX)
		return -E2BIG;
	if (asprintf(&pair, "%s%s%s", name, separator, value) < 0)
		return -ENOMEM;
	if (*array && (*array)[n]) {
		free((*array)[n]);
		(*array)[n] = pair;
		return 0;
	}
	more = realloc(*array, (n + 2) * sizeof(*more));
	if (!more) {
		free(pair);
		return -ENOMEM;
	}
	more[n] = pair;
	more[n + 1] = NULL;
	*array = more;
	return 0;
}

void pairs_free(char **array)
{
	for (size_t i = 0; array && array[i]; i++)
		free(array[i]);
	free(array);
}
