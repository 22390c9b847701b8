/* SPDX-License-Identifier: Apache-2.0 */
/* A row of a card, from JSON. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pricing/json.h"

struct row_text {
	struct card_row row;
	struct price_tier standard;
	const char *start, *end, *checked, *currency;
	uint32_t billed; /* buckets that billed_as names */
};

static int row_provider(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct row_text *text = out;
	int r = json_text(reader, what, value, CARD_TEXT_MAX, &text->row.provider);

	reader->provider = text->row.provider;
	return r;
}

static int row_model(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct row_text *text = out;
	int r = json_text(reader, what, value, CARD_TEXT_MAX, &text->row.model);

	reader->model = text->row.model;
	return r;
}

static int row_aliases(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct row_text *text = out;
	int n = cJSON_GetArraySize(value);
	const char **aliases;

	if (!cJSON_IsArray(value) || n > CARD_ALIASES_MAX)
		return json_bad(reader, "%s is not an array of at most %d", what, CARD_ALIASES_MAX);
	aliases = arena_get(reader->arena, (size_t)n * sizeof(*aliases));
	if (!aliases)
		return -ENOMEM;
	text->row.aliases = aliases;
	for (const cJSON *item = value->child; item; item = item->next) {
		int r = json_text(reader, "an alias", item, CARD_TEXT_MAX,
				  &aliases[text->row.n_aliases]);

		if (r < 0)
			return r;
		text->row.n_aliases++;
	}
	return 0;
}

static int row_start(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct row_text *text = out;
	int r = json_day(reader, what, value, &text->row.start, &text->start);

	reader->start = text->start;
	return r;
}

static int row_end(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct row_text *text = out;

	return json_day(reader, what, value, &text->row.end, &text->end);
}

static int row_currency(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct row_text *text = out;
	int r = json_text(reader, what, value, CARD_TEXT_MAX, &text->currency);

	if (r < 0)
		return r;
	if (strlen(text->currency) != 3 ||
	    strspn(text->currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
		return json_bad(reader, "%s is not a code of ISO 4217", what);
	memcpy(text->row.currency, text->currency, 4);
	return 0;
}

static int row_source(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct row_text *text = out;

	return json_text(reader, what, value, CARD_SOURCE_MAX, &text->row.source);
}

static int row_checked(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct row_text *text = out;
	int64_t time;

	return json_day(reader, what, value, &time, &text->checked);
}

static int row_prices(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct row_text *text = out;

	return json_prices(reader, what, value, &text->standard.list.set);
}

static int row_context(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct row_text *text = out;

	return json_contexts(reader, what, value, &text->standard.list);
}

static int row_hours(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct row_text *text = out;

	return json_hours(reader, what, value, &text->standard);
}

static int only_key(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct row_text *text = out;

	return json_text(reader, what, value, CARD_TEXT_MAX, &text->row.key);
}

static int only_tag(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct row_text *text = out;

	return json_text(reader, what, value, CARD_TEXT_MAX, &text->row.tag);
}

static int row_only(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	static const struct json_field fields[] = {
		{"key", only_key, false},
		{"tag", only_tag, false},
	};
	struct row_text *text = out;
	int r = json_fields(reader, what, value, fields, 2, text);

	if (r >= 0 && !text->row.key && !text->row.tag)
		return json_bad(reader, "%s has neither \"key\" nor \"tag\"", what);
	return r;
}

static int row_billed_as(struct json_reader *reader, const char *what, const cJSON *value,
			 void *out)
{
	struct row_text *text = out;

	if (!cJSON_IsObject(value))
		return json_bad(reader, "%s is not an object", what);
	for (const cJSON *item = value->child; item; item = item->next) {
		int bucket = pricing_bucket_by_name(item->string);
		int as = pricing_bucket_by_name(cJSON_GetStringValue(item));

		if (bucket < 0 || as < 0 || bucket == as)
			return json_bad(reader, "%s has \"%.64s\", which does not name two buckets",
					what, item->string);
		if (text->billed & (1u << bucket))
			return json_bad(reader, "%s has \"%s\" twice", what, item->string);
		text->billed |= 1u << bucket;
		text->row.billed_as[bucket] = (uint8_t)as;
	}
	return 0;
}

static int row_tiers(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct row_text *text = out;

	return json_tiers(reader, what, value, &text->row);
}

static int row_regions(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct row_text *text = out;

	return json_regions(reader, what, value, &text->row);
}

static int row_variants(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct row_text *text = out;

	return json_variants(reader, what, value, &text->row);
}

/* ---- what holds between the fields of a row ---- */

static int check_set(struct json_reader *reader, const struct row_text *text,
		     const struct price_set *set)
{
	uint32_t both = set->present & text->billed;

	if (!both)
		return 0;
	return json_bad(reader, "%s has a price and is billed as another",
			pricing_bucket_name((enum pricing_bucket)__builtin_ctz(both)));
}

static int check_list(struct json_reader *reader, const struct row_text *text,
		      const struct price_list *list)
{
	int r = check_set(reader, text, &list->set);

	for (size_t i = 0; r >= 0 && i < list->n_contexts; i++)
		r = check_set(reader, text, &list->contexts[i].set);
	return r;
}

static int check_prices(struct json_reader *reader, const struct row_text *text)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < text->row.n_tiers; i++) {
		const struct price_tier *tier = &text->row.tiers[i];

		r = check_list(reader, text, &tier->list);
		for (size_t j = 0; r >= 0 && j < tier->n_hours; j++)
			r = check_list(reader, text, &tier->hours[j].list);
	}
	for (size_t i = 0; r >= 0 && i < text->row.n_variants; i++)
		r = check_set(reader, text, &text->row.variants[i].set);
	return r;
}

static int check_row(struct json_reader *reader, const struct row_text *text)
{
	const struct card_row *row = &text->row;

	if (row->end <= row->start)
		return json_bad(reader, "end is not after start");
	for (int bucket = 0; bucket < PRICING_BUCKETS; bucket++) {
		if (text->billed & (1u << bucket) && text->billed & (1u << row->billed_as[bucket]))
			return json_bad(reader,
					"%s is billed as a bucket that is billed as another",
					pricing_bucket_name((enum pricing_bucket)bucket));
	}
	return check_prices(reader, text);
}

/* provider/model@start;key=K;tag=T */
static int name_row(struct json_reader *reader, struct row_text *text)
{
	const struct card_row *row = &text->row;
	char id[4 * CARD_TEXT_MAX + 32];

	snprintf(id, sizeof(id), "%s/%s%s%s%s%s%s%s", row->provider, row->model,
		 text->start ? "@" : "", text->start ? text->start : "", row->key ? ";key=" : "",
		 row->key ? row->key : "", row->tag ? ";tag=" : "", row->tag ? row->tag : "");
	text->row.id = arena_text(reader->arena, id);
	return text->row.id ? 0 : -ENOMEM;
}

int json_row(struct json_reader *reader, const cJSON *value, struct card_row *ret_row)
{
	static const struct json_field fields[] = {
		{"provider", row_provider, true},
		{"model", row_model, true},
		{"aliases", row_aliases, false},
		{"start", row_start, false},
		{"end", row_end, false},
		{"currency", row_currency, true},
		{"source", row_source, true},
		{"checked", row_checked, true},
		{"prices", row_prices, true},
		{"context", row_context, false},
		{"billed_as", row_billed_as, false},
		{"hours", row_hours, false},
		{"only", row_only, false},
		{"tiers", row_tiers, false},
		{"regions", row_regions, false},
		{"variants", row_variants, false},
	};
	struct row_text text = {.standard.name = ""};
	struct price_tier *tiers;
	int r;

	reader->provider = reader->model = reader->start = NULL;
	text.row.start = TIME_EVER;
	text.row.end = TIME_NEVER;
	text.row.number = reader->number;
	for (int bucket = 0; bucket < PRICING_BUCKETS; bucket++)
		text.row.billed_as[bucket] = (uint8_t)bucket;
	text.row.tiers = &text.standard;
	text.row.n_tiers = 1;
	r = json_fields(reader, "the row", value, fields, sizeof(fields) / sizeof(*fields), &text);
	if (r < 0)
		return r;
	/* the standard tier may have been read after the others */
	tiers = arena_get(reader->arena, text.row.n_tiers * sizeof(*tiers));
	if (!tiers)
		return -ENOMEM;
	memcpy(tiers, text.row.tiers, text.row.n_tiers * sizeof(*tiers));
	tiers[0] = text.standard;
	text.row.tiers = tiers;
	r = check_row(reader, &text);
	if (r >= 0)
		r = name_row(reader, &text);
	if (r < 0)
		return r;
	*ret_row = text.row;
	return 0;
}
