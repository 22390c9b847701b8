/* SPDX-License-Identifier: Apache-2.0 */
/* Prices by the time of the day, from JSON. */
#include <errno.h>
#include <string.h>

#include "pricing/json.h"

#define MINUTE 60
#define HOUR 3600
#define ZONE_HOURS_MAX 14

/* "HH:MM" in seconds, or -1. */
static int clock_seconds(const char *text)
{
	int hours, minutes;

	for (int i = 0; i < 5; i++) {
		if (i == 2 ? text[i] != ':' : text[i] < '0' || text[i] > '9')
			return -1;
	}
	hours = (text[0] - '0') * 10 + text[1] - '0';
	minutes = (text[3] - '0') * 10 + text[4] - '0';
	return text[5] || minutes > 59 ? -1 : hours * HOUR + minutes * MINUTE;
}

static int rule_zone(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct hours_rule *rule = out;
	const char *zone = "";
	int seconds, r = json_text(reader, what, value, CARD_TEXT_MAX, &zone);

	if (r < 0)
		return r;
	if (!strcmp(zone, "UTC"))
		return 0;
	seconds = *zone == '+' || *zone == '-' ? clock_seconds(zone + 1) : -1;
	if (seconds < 0 || seconds > ZONE_HOURS_MAX * HOUR)
		return json_bad(reader, "%s is neither \"UTC\" nor a difference such as \"+08:00\"",
				what);
	rule->zone = *zone == '-' ? -seconds : seconds;
	return 0;
}

static int read_clock(struct json_reader *reader, const char *what, const cJSON *value, int most,
		      uint32_t *ret_seconds)
{
	const char *text = "";
	int seconds, r = json_text(reader, what, value, CARD_TEXT_MAX, &text);

	if (r < 0)
		return r;
	seconds = clock_seconds(text);
	if (seconds < 0 || seconds > most)
		return json_bad(reader, "%s is not a time of the day (HH:MM)", what);
	*ret_seconds = (uint32_t)seconds;
	return 0;
}

static int rule_from(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct hours_rule *rule = out;

	return read_clock(reader, what, value, SECONDS_PER_DAY - MINUTE, &rule->from);
}

static int rule_to(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct hours_rule *rule = out;

	return read_clock(reader, what, value, SECONDS_PER_DAY, &rule->to);
}

static int rule_days(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
	struct hours_rule *rule = out;

	rule->days = 0;
	for (const cJSON *item = cJSON_IsArray(value) ? value->child : NULL; item;
	     item = item->next) {
		const char *name = cJSON_GetStringValue(item);
		unsigned int day = 0;

		while (name && day < 7 && strcmp(names[day], name) != 0)
			day++;
		if (!name || day == 7)
			return json_bad(reader, "%s has what is not \"mon\", \"tue\" … \"sun\"",
					what);
		if (rule->days & (1u << day))
			return json_bad(reader, "%s has \"%s\" twice", what, name);
		rule->days |= 1u << day;
	}
	if (!rule->days)
		return json_bad(reader, "%s is not an array of days", what);
	return 0;
}

static int read_day(struct json_reader *reader, const char *what, const cJSON *value,
		    int64_t *ret_day)
{
	const char *text;
	int64_t time;
	int r = json_day(reader, what, value, &time, &text);

	if (r >= 0)
		*ret_day = time / SECONDS_PER_DAY;
	return r;
}

static int rule_start(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct hours_rule *rule = out;

	return read_day(reader, what, value, &rule->start);
}

static int rule_end(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct hours_rule *rule = out;

	return read_day(reader, what, value, &rule->end);
}

static int rule_prices(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct hours_rule *rule = out;

	return json_prices(reader, what, value, &rule->list.set);
}

static int rule_context(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct hours_rule *rule = out;

	return json_contexts(reader, what, value, &rule->list);
}

static int read_rule(struct json_reader *reader, const char *what, const cJSON *value,
		     struct hours_rule *ret_rule)
{
	static const struct json_field fields[] = {
		{"zone", rule_zone, true},     {"from", rule_from, true},
		{"to", rule_to, true},         {"days", rule_days, false},
		{"start", rule_start, false},  {"end", rule_end, false},
		{"prices", rule_prices, true}, {"context", rule_context, false},
	};
	struct hours_rule rule = {.start = TIME_EVER, .end = TIME_NEVER, .days = 0x7f};
	int r = json_fields(reader, what, value, fields, sizeof(fields) / sizeof(*fields), &rule);

	if (r < 0)
		return r;
	if (rule.from == rule.to)
		return json_bad(reader, "%s has a window of no length (a day is 00:00 to 24:00)",
				what);
	if (rule.end <= rule.start)
		return json_bad(reader, "%s has an end that is not after its start", what);
	*ret_rule = rule;
	return 0;
}

int json_hours(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct price_tier *tier = out;
	int n = cJSON_GetArraySize(value);
	struct hours_rule *rules;

	if (!cJSON_IsArray(value) || n < 1 || n > CARD_HOURS_MAX)
		return json_bad(reader, "%s is not an array of 1 to %d", what, CARD_HOURS_MAX);
	rules = arena_get(reader->arena, (size_t)n * sizeof(*rules));
	if (!rules)
		return -ENOMEM;
	tier->hours = rules;
	for (const cJSON *item = value->child; item; item = item->next) {
		int r = read_rule(reader, what, item, &rules[tier->n_hours]);

		if (r < 0)
			return r;
		tier->n_hours++;
	}
	return 0;
}
