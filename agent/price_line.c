/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/price_line.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/clock.h"
#include "agent/usage_name.h"

#define NAME_MAX_SHOWN 128              /* bytes of a field's name in an error */
#define QUANTITY_MAX 9007199254740992.0 /* 2^53: below it each is exact in a double */

struct price_line {
	cJSON *object; /* the charge's texts are in it */
	struct pricing_charge charge;
	char region[PRICING_REGION_MAX]; /* by the host */
	struct price_reported reported;
	bool failed;
};

struct reader {
	struct price_line *line;
	char *error;
	size_t error_size;
};

/* The name as it is in the line, cut between two characters. */
static int bad(const struct reader *reader, const char *name, const char *why)
{
	size_t length = strnlen(name, NAME_MAX_SHOWN + 1);

	if (length > NAME_MAX_SHOWN)
		do
			length--;
		while (((unsigned char)name[length] & 0xc0) == 0x80);
	snprintf(reader->error, reader->error_size, "%.*s%s%s", (int)length, name, *why ? " " : "",
		 why);
	return -EINVAL;
}

static bool starts_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length >= end_length && !strcmp(text + length - end_length, end);
}

/* An empty text says nothing. */
static int read_text(const struct reader *reader, const char *name, const char **ret_text)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(reader->line->object, name);

	if (!value || cJSON_IsNull(value))
		return 0;
	if (!cJSON_IsString(value))
		return bad(reader, name, "is not a text");
	if (*cJSON_GetStringValue(value))
		*ret_text = cJSON_GetStringValue(value);
	return 0;
}

static int read_time(const struct reader *reader, int64_t now_ns)
{
	const char *text = NULL;
	int64_t time_ns = now_ns;
	int r = read_text(reader, "start_time", &text);

	if (r >= 0)
		r = read_text(reader, "time", &text);
	if (r < 0)
		return r;
	if (text && (strchr("0123456789", *text) == NULL || strlen(text) < 10 ||
		     clock_parse(text, now_ns, &time_ns) < 0))
		return bad(reader, "time", "is neither RFC 3339 nor a date");
	/* towards the past, before 1970 too */
	reader->line->charge.time = time_ns / NS_PER_SECOND - (time_ns % NS_PER_SECOND < 0);
	return 0;
}

/* The bucket of an attribute, under its name or the one that conventions before 1.27 had. */
static int find_bucket(const char *name)
{
	if (!strcmp(name, "gen_ai.usage.prompt_tokens"))
		return PRICING_INPUT;
	if (!strcmp(name, "gen_ai.usage.completion_tokens"))
		return PRICING_OUTPUT;
	for (int bucket = 0; bucket < PRICING_BUCKETS; bucket++) {
		if (!strcmp(name, usage_name((enum pricing_bucket)bucket)))
			return bucket;
	}
	return -1;
}

static int read_quantity(const struct reader *reader, const cJSON *value)
{
	double number = cJSON_GetNumberValue(value);
	int bucket = find_bucket(value->string);

	/* of other instrumentations: it is the sum of what is read */
	if (cJSON_IsNull(value) || !strcmp(value->string, "gen_ai.usage.total_tokens"))
		return 0;
	if (bucket < 0)
		return bad(reader, value->string, "is not a quantity that is known");
	if (!(number >= 0 && number < QUANTITY_MAX) || (double)(uint64_t)number != number)
		return bad(reader, value->string, "is not a whole number below 2^53");
	if (pricing_usage_has(&reader->line->charge.usage, bucket))
		return bad(reader, value->string, "is there twice");
	pricing_usage_set(&reader->line->charge.usage, (enum pricing_bucket)bucket,
			  (uint64_t)number);
	return 0;
}

/* The tier that was served, and the geography, under the names that spans have for them. */
static int read_rate(const struct reader *reader, const char *name)
{
	struct pricing_charge *charge = &reader->line->charge;
	const char *speed = NULL;
	int r = 0;

	if (ends_with(name, ".response.service_tier") && !charge->tier)
		return read_text(reader, name, &charge->tier);
	if (ends_with(name, ".response.inference_geo"))
		return read_text(reader, name, &charge->region);
	if (ends_with(name, ".response.speed"))
		r = read_text(reader, name, &speed);
	if (r >= 0 && speed && strcmp(speed, "standard") != 0)
		charge->tier = speed;
	return r;
}

static int read_fields(const struct reader *reader)
{
	for (const cJSON *value = reader->line->object->child; value; value = value->next) {
		int r;

		if (starts_with(value->string, "gen_ai.usage.cost"))
			continue;
		if (starts_with(value->string, "gen_ai.usage.") ||
		    starts_with(value->string, "tollspan.usage."))
			r = read_quantity(reader, value);
		else
			r = read_rate(reader, value->string);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_reported(const struct reader *reader)
{
	struct price_line *line = reader->line;
	const char *why;
	int r = price_reported_read(line->object, &line->reported, &why);

	return r < 0 ? bad(reader, why, "") : 0;
}

/* Where nothing else tells the geography, the host may. */
static int read_host(const struct reader *reader)
{
	struct price_line *line = reader->line;
	const char *host = NULL;
	int r = read_text(reader, "server.address", &host);

	if (r >= 0 && host && !line->charge.region && !pricing_host_region(host, line->region))
		line->charge.region = line->region;
	return r;
}

/* Without usage only what failed has a price, which is 0. */
static int check_usage(const struct reader *reader)
{
	struct price_line *line = reader->line;
	const char *error = NULL;
	enum pricing_bucket bucket;
	int r = read_text(reader, "error.type", &error);

	line->failed = error && !line->charge.usage.present;
	if (r < 0 || line->failed)
		return r;
	if (!line->charge.model)
		return bad(reader, "gen_ai.request.model", "is missing");
	if (!line->charge.usage.present)
		return bad(reader, "gen_ai.usage.*", "is missing");
	if (usage_from_values(&line->charge.usage, &bucket) < 0)
		return bad(reader, usage_name(bucket), "is less than its parts");
	return 0;
}

static int read_charge(const struct reader *reader)
{
	struct pricing_charge *charge = &reader->line->charge;
	int r = read_fields(reader);

	if (r >= 0)
		r = read_text(reader, "gen_ai.provider.name", &charge->provider);
	if (r >= 0)
		r = read_text(reader, "gen_ai.request.model", &charge->model);
	if (r >= 0)
		r = read_text(reader, "gen_ai.response.model", &charge->model);
	if (r >= 0)
		r = read_text(reader, "tollspan.region", &charge->region);
	if (r >= 0)
		r = read_host(reader);
	if (r >= 0)
		r = read_text(reader, "tollspan.variant", &charge->variant);
	if (r >= 0)
		r = read_text(reader, "tollspan.key.fingerprint", &charge->key);
	if (r >= 0)
		r = read_text(reader, "tollspan.tag", &charge->tag);
	return r;
}

static int read_line(const struct reader *reader, int64_t now_ns)
{
	int r;

	if (!cJSON_IsObject(reader->line->object))
		return bad(reader, "the line", "is not a JSON object");
	r = read_charge(reader);
	if (r >= 0)
		r = read_time(reader, now_ns);
	if (r >= 0)
		r = read_reported(reader);
	return r < 0 ? r : check_usage(reader);
}

/* A text that holds a NUL, as such or escaped, would be read as a shorter one. */
static bool has_nul(const char *text, size_t length)
{
	static const char escape[] = "u0000";
	const size_t size = sizeof(escape) - 1;

	for (size_t i = 0; i < length; i++) {
		if (!text[i])
			return true;
		if (text[i] != '\\')
			continue;
		if (++i + size <= length && !memcmp(text + i, escape, size))
			return true;
	}
	return false;
}

int price_line_parse(struct price_line **ret_line, const char *text, size_t length, int64_t now_ns,
		     char *error, size_t error_size)
{
	struct price_line *line = calloc(1, sizeof(*line));
	struct reader reader = {line, error, error_size};
	const char *end = NULL;
	int r;

	if (!line)
		return -ENOMEM;
	line->object = cJSON_ParseWithLengthOpts(text, length, &end, false);
	while (line->object && end < text + length && strchr(" \t\r\n", *end) && *end)
		end++;
	if (!line->object || end != text + length)
		r = bad(&reader, "the line", "is not JSON");
	else if (has_nul(text, length))
		r = bad(&reader, "the line", "has a NUL");
	else
		r = read_line(&reader, now_ns);
	if (r < 0) {
		price_line_free(line);
		return r;
	}
	*ret_line = line;
	return 0;
}

struct pricing_charge *price_line_charge(struct price_line *line)
{
	return &line->charge;
}

bool price_line_failed(const struct price_line *line)
{
	return line->failed;
}

const struct price_reported *price_line_reported(const struct price_line *line)
{
	return &line->reported;
}

void price_line_free(struct price_line *line)
{
	if (!line)
		return;
	cJSON_Delete(line->object);
	free(line);
}
