/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "pricing/json.h"

int json_bad(struct json_reader *reader, const char *format, ...)
{
	char where[2 * CARD_TEXT_MAX + 64] = "", what[512];
	va_list args;

	if (!reader->error)
		return -EINVAL;
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (reader->number)
		snprintf(where, sizeof(where), "%s %zu (%s/%s%s%s): ", reader->item, reader->number,
			 reader->provider ? reader->provider : "?",
			 reader->model ? reader->model : "?", reader->start ? "@" : "",
			 reader->start ? reader->start : "");
	snprintf(reader->error, reader->error_size, "%s%s", where, what);
	return -EINVAL;
}

int json_fields(struct json_reader *reader, const char *what, const cJSON *object,
		const struct json_field *fields, size_t n_fields, void *out)
{
	uint32_t seen = 0;

	if (!cJSON_IsObject(object))
		return json_bad(reader, "%s is not an object", what);
	for (const cJSON *value = object->child; value; value = value->next) {
		size_t i = 0;
		int r;

		while (i < n_fields && strcmp(fields[i].name, value->string) != 0)
			i++;
		if (i == n_fields)
			return json_bad(reader, "%s has an unknown key \"%.64s\"", what,
					value->string);
		if (seen & (1u << i))
			return json_bad(reader, "%s has \"%s\" twice", what, fields[i].name);
		seen |= 1u << i;
		r = fields[i].read(reader, fields[i].name, value, out);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < n_fields; i++) {
		if (fields[i].required && !(seen & (1u << i)))
			return json_bad(reader, "%s has no \"%s\"", what, fields[i].name);
	}
	return 0;
}

int json_text(struct json_reader *reader, const char *what, const cJSON *value, size_t max,
	      const char **ret_text)
{
	const char *text = cJSON_GetStringValue(value);

	if (!text)
		return json_bad(reader, "%s is not a text", what);
	if (!*text)
		return json_bad(reader, "%s is empty", what);
	if (strlen(text) > max)
		return json_bad(reader, "%s is longer than %zu bytes", what, max);
	for (const char *c = text; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return json_bad(reader, "%s has a control character", what);
	}
	text = arena_text(reader->arena, text);
	if (!text)
		return -ENOMEM;
	*ret_text = text;
	return 0;
}

int json_integer(struct json_reader *reader, const char *what, const cJSON *value, int64_t min,
		 int64_t *ret_integer)
{
	double number = cJSON_GetNumberValue(value);

	/* not a number is not within */
	if (!(number >= (double)min && number <= (double)CARD_INTEGER_MAX) ||
	    (double)(int64_t)number != number)
		return json_bad(reader, "%s is not a whole number of at least %lld", what,
				(long long)min);
	*ret_integer = (int64_t)number;
	return 0;
}

/* A day's first second in UTC. */
int json_day(struct json_reader *reader, const char *what, const cJSON *value, int64_t *ret_time,
	     const char **ret_text)
{
	static const char form[] = "0000-00-00";
	const char *text = "";
	struct tm day = {0}, check;
	time_t seconds;
	int r = json_text(reader, what, value, CARD_TEXT_MAX, &text);

	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(form); i++) {
		if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
			return json_bad(reader, "%s is not a date (YYYY-MM-DD)", what);
	}
	if (sscanf(text, "%4d-%2d-%2d", &day.tm_year, &day.tm_mon, &day.tm_mday) != 3)
		return json_bad(reader, "%s is not a date (YYYY-MM-DD)", what);
	day.tm_year -= 1900;
	day.tm_mon--;
	check = day;
	seconds = timegm(&check);
	if (check.tm_mon != day.tm_mon || check.tm_mday != day.tm_mday)
		return json_bad(reader, "%s is not a day of the calendar", what);
	*ret_time = seconds;
	*ret_text = text;
	return 0;
}
