/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a card to rows; docs/card.md has the format. Nothing unknown is passed over. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pricing/json.h"
#include "pricing/text_json.h"

#define SCHEMA 1

static int card_schema(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	int64_t schema;
	int r = json_integer(reader, what, value, 1, &schema);

	if (r >= 0 && schema != SCHEMA)
		r = json_bad(reader, "schema %lld is not known, only %d", (long long)schema,
			     SCHEMA);
	return r;
}

static int card_version(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct parsed_card *card = out;
	const char *version;
	int64_t time;
	int r = json_day(reader, what, value, &time, &version);

	if (r >= 0)
		memcpy(card->version, version, sizeof(card->version));
	return r;
}

static int card_rows(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct parsed_card *card = out;
	size_t n = (size_t)cJSON_GetArraySize(value);
	int r = 0;

	if (!cJSON_IsArray(value) || n > CARD_ROWS_MAX)
		return json_bad(reader, "%s is not an array of at most %lu", what, CARD_ROWS_MAX);
	card->rows = arena_get(reader->arena, n * sizeof(*card->rows));
	if (!card->rows)
		return -ENOMEM;
	reader->item = "row";
	reader->number = 0;
	for (const cJSON *item = value->child; item && r >= 0; item = item->next) {
		reader->number++;
		r = json_row(reader, item, &card->rows[card->n_rows++]);
	}
	if (r >= 0)
		reader->number = 0;
	return r;
}

static int card_discounts(struct json_reader *reader, const char *what, const cJSON *value,
			  void *out)
{
	struct parsed_card *card = out;
	size_t n = (size_t)cJSON_GetArraySize(value);
	int r = 0;

	if (!cJSON_IsArray(value) || n > CARD_DISCOUNTS_MAX)
		return json_bad(reader, "%s is not an array of at most %d", what,
				CARD_DISCOUNTS_MAX);
	card->discounts = arena_get(reader->arena, n * sizeof(*card->discounts));
	if (!card->discounts)
		return -ENOMEM;
	reader->item = "discount";
	for (const cJSON *item = value->child; item && r >= 0; item = item->next) {
		reader->number++;
		r = json_discount(reader, item, &card->discounts[card->n_discounts++]);
	}
	if (r >= 0)
		reader->number = 0;
	return r;
}

static int card_makers(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct parsed_card *card = out;
	size_t n = (size_t)cJSON_GetArraySize(value);
	const char **makers;

	if (!cJSON_IsArray(value) || n > CARD_MAKERS_MAX)
		return json_bad(reader, "%s is not an array of at most %d", what, CARD_MAKERS_MAX);
	makers = arena_get(reader->arena, n * sizeof(*makers));
	if (!makers)
		return -ENOMEM;
	card->makers = makers;
	for (const cJSON *item = value->child; item; item = item->next) {
		int r = json_text(reader, what, item, CARD_TEXT_MAX, &makers[card->n_makers]);

		for (size_t i = 0; i < card->n_makers && r >= 0; i++) {
			if (!strcmp(makers[i], makers[card->n_makers]))
				r = json_bad(reader, "%s has \"%s\" twice", what, makers[i]);
		}
		if (r < 0)
			return r;
		card->n_makers++;
	}
	return 0;
}

/* The providers that a name stands for. */
static int read_alias(struct json_reader *reader, const cJSON *value, struct parsed_card *card)
{
	const char *name = arena_text(reader->arena, value->string);

	if (!name)
		return -ENOMEM;
	if (!*name || strlen(name) > CARD_TEXT_MAX || !cJSON_IsArray(value) || !value->child)
		return json_bad(reader, "\"%.64s\" is no name of an array of providers", name);
	for (size_t i = 0; i < card->n_provider_aliases; i++) {
		if (!strcmp(card->provider_aliases[i].name, name))
			return json_bad(reader, "provider_aliases has \"%s\" twice", name);
	}
	for (const cJSON *item = value->child; item; item = item->next) {
		struct provider_alias *alias = &card->provider_aliases[card->n_provider_aliases];
		int r;

		if (card->n_provider_aliases == CARD_PROVIDER_ALIASES_MAX)
			return json_bad(reader, "provider_aliases has more than %d providers",
					CARD_PROVIDER_ALIASES_MAX);
		r = json_text(reader, name, item, CARD_TEXT_MAX, &alias->provider);
		if (r < 0)
			return r;
		alias->name = name;
		card->n_provider_aliases++;
	}
	return 0;
}

static int card_provider_aliases(struct json_reader *reader, const char *what, const cJSON *value,
				 void *out)
{
	struct parsed_card *card = out;
	int r = 0;

	if (!cJSON_IsObject(value))
		return json_bad(reader, "%s is not an object", what);
	card->provider_aliases = arena_get(reader->arena, CARD_PROVIDER_ALIASES_MAX *
								  sizeof(*card->provider_aliases));
	if (!card->provider_aliases)
		return -ENOMEM;
	for (const cJSON *item = value->child; item && r >= 0; item = item->next)
		r = read_alias(reader, item, card);
	return r;
}

/* FNV-1a over the text without white space between its tokens. */
static uint64_t text_hash(const char *json, size_t length)
{
	uint64_t hash = FNV_START;
	bool in_string = false;

	for (size_t i = 0; i < length; i++) {
		char c = json[i];

		if (!in_string && (c == ' ' || c == '\t' || c == '\r' || c == '\n'))
			continue;
		if (c == '"')
			in_string = !in_string;
		hash = fnv_add(hash, (unsigned char)c);
		if (in_string && c == '\\' && i + 1 < length)
			hash = fnv_add(hash, (unsigned char)json[++i]);
	}
	return hash;
}

/* An error of the text itself: it has a line, and within a row a row. */
static int bad_text(struct json_reader *reader, const char *what, const struct text_place *place)
{
	if (place->item)
		return json_bad(reader, "%s %zu: %s at line %zu", place->item, place->number, what,
				place->line);
	return json_bad(reader, "%s at line %zu", what, place->line);
}

static int parse_json(struct json_reader *reader, const char *json, size_t length, cJSON **ret_root)
{
	struct text_place place = {1, NULL, 0};
	const char *end = json, *what = text_check(json, length, &place);
	cJSON *root;

	if (what)
		return bad_text(reader, what, &place);
	root = cJSON_ParseWithLengthOpts(json, length, &end, false);
	if (!root) {
		text_place(json, length, end ? (size_t)(end - json) : 0, &place);
		return bad_text(reader, "no JSON", &place);
	}
	while (end < json + length && *end && strchr(" \t\r\n", *end))
		end++;
	if (end < json + length) {
		cJSON_Delete(root);
		text_place(json, length, (size_t)(end - json), &place);
		return bad_text(reader, "more than one JSON value", &place);
	}
	*ret_root = root;
	return 0;
}

int card_parse(const char *json, size_t length, struct parsed_card *ret_card, char *error,
	       size_t error_size)
{
	static const struct json_field fields[] = {
		{"schema", card_schema, true},  {"version", card_version, true},
		{"makers", card_makers, false}, {"provider_aliases", card_provider_aliases, false},
		{"rows", card_rows, true},      {"discounts", card_discounts, false},
	};
	struct parsed_card card = {0};
	struct json_reader reader = {
		.arena = &card.arena, .error = error, .error_size = error_size};
	cJSON *root = NULL;
	int r;

	if (length > CARD_SIZE_MAX) {
		json_bad(&reader, "larger than %lu bytes", CARD_SIZE_MAX);
		return -E2BIG;
	}
	r = parse_json(&reader, json, length, &root);
	if (r >= 0)
		r = json_fields(&reader, "the card", root, fields, sizeof(fields) / sizeof(*fields),
				&card);
	cJSON_Delete(root);
	if (r >= 0)
		r = card_order(&card, error, error_size);
	if (r < 0) {
		arena_free(&card.arena);
		return r;
	}
	card.hash = text_hash(json, length);
	*ret_card = card;
	return 0;
}
