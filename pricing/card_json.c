/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a card to rows; docs/card.md has the format. Nothing unknown is passed over. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pricing/json.h"

#define SCHEMA 1

/* ---- a row ---- */

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

	return json_prices(reader, what, value, &text->standard.set);
}

static int row_context(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct row_text *text = out;

	return json_contexts(reader, what, value, &text->standard);
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

/* What holds between the fields of one set of prices and its row. */
static int check_set(struct json_reader *reader, const struct row_text *text,
		     const struct price_set *set)
{
	const struct price *price = set->prices;

	for (uint32_t left = set->present; left; left &= left - 1, price++) {
		enum pricing_bucket bucket = (enum pricing_bucket)__builtin_ctz(left);
		struct price scaled;

		if (text->billed & (1u << bucket))
			return json_bad(reader, "%s has a price and is billed as another",
					pricing_bucket_name(bucket));
		for (size_t i = 0; i < text->row.n_regions && bucket_is_token(bucket); i++) {
			if (!price_exact(price, text->row.regions[i].multiplier, &scaled))
				return json_bad(
					reader,
					"the price of %s in region %s has more decimals than "
					"can be kept exactly",
					pricing_bucket_name(bucket), text->row.regions[i].name);
		}
	}
	return 0;
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
	for (size_t i = 0; i < row->n_tiers; i++) {
		int r = check_set(reader, text, &row->tiers[i].set);

		for (size_t j = 0; !r && j < row->tiers[i].n_contexts; j++)
			r = check_set(reader, text, &row->tiers[i].contexts[j].set);
		if (r < 0)
			return r;
	}
	return 0;
}

static int name_row(struct json_reader *reader, struct row_text *text)
{
	char id[2 * CARD_TEXT_MAX + 32];

	snprintf(id, sizeof(id), "%s/%s%s%s", text->row.provider, text->row.model,
		 text->start ? "@" : "", text->start ? text->start : "");
	text->row.id = arena_text(reader->arena, id);
	return text->row.id ? 0 : -ENOMEM;
}

static int read_row(struct json_reader *reader, const cJSON *value, unsigned int layer,
		    struct card_row *ret_row)
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
		{"tiers", row_tiers, false},
		{"regions", row_regions, false},
	};
	struct row_text text = {.standard.name = ""};
	struct price_tier *tiers;
	int r;

	reader->provider = reader->model = reader->start = NULL;
	text.row.start = TIME_EVER;
	text.row.end = TIME_NEVER;
	text.row.layer = layer;
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

/* ---- the card ---- */

struct card_text {
	struct parsed_card *card;
	unsigned int layer;
};

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
	struct card_text *text = out;
	const char *version;
	int64_t time;
	int r = json_day(reader, what, value, &time, &version);

	if (r >= 0)
		memcpy(text->card->version, version, sizeof(text->card->version));
	return r;
}

static int card_rows(struct json_reader *reader, const char *what, const cJSON *value, void *out)
{
	struct card_text *text = out;
	size_t n = (size_t)cJSON_GetArraySize(value);
	int r = 0;

	if (!cJSON_IsArray(value) || n > CARD_ROWS_MAX)
		return json_bad(reader, "%s is not an array of at most %lu", what, CARD_ROWS_MAX);
	text->card->rows = arena_get(reader->arena, n * sizeof(*text->card->rows));
	if (!text->card->rows)
		return -ENOMEM;
	for (const cJSON *item = value->child; item && r >= 0; item = item->next) {
		reader->number++;
		r = read_row(reader, item, text->layer, &text->card->rows[text->card->n_rows++]);
	}
	if (r >= 0)
		reader->number = 0;
	return r;
}

/* FNV-1a over the text without white space between its tokens. */
static uint64_t text_hash(uint64_t hash, const char *json, size_t length)
{
	bool in_string = false;

	for (size_t i = 0; i < length; i++) {
		if (!in_string && strchr(" \t\r\n", json[i]))
			continue;
		if (json[i] == '"')
			in_string = !in_string;
		hash = (hash ^ (unsigned char)json[i]) * 0x100000001b3ull;
		if (in_string && json[i] == '\\' && i + 1 < length)
			hash = (hash ^ (unsigned char)json[++i]) * 0x100000001b3ull;
	}
	return hash;
}

static size_t line_of(const char *json, const char *at)
{
	size_t line = 1;

	for (; json < at; json++)
		line += *json == '\n';
	return line;
}

static int parse_json(struct json_reader *reader, const char *json, size_t length, cJSON **ret_root)
{
	const char *end = NULL;
	cJSON *root = cJSON_ParseWithLengthOpts(json, length, &end, false);

	if (!root)
		return json_bad(reader, "no JSON at line %zu", end ? line_of(json, end) : 1);
	for (; end < json + length; end++) {
		if (!*end || !strchr(" \t\r\n", *end)) {
			cJSON_Delete(root);
			return json_bad(reader, "more than one JSON value, at line %zu",
					line_of(json, end));
		}
	}
	*ret_root = root;
	return 0;
}

int card_parse(const char *json, size_t length, unsigned int layer, uint64_t hash,
	       struct parsed_card *ret_card, char *error, size_t error_size)
{
	static const struct json_field fields[] = {
		{"schema", card_schema, true},
		{"version", card_version, true},
		{"rows", card_rows, true},
	};
	struct parsed_card card = {0};
	struct json_reader reader = {
		.arena = &card.arena, .error = error, .error_size = error_size};
	struct card_text text = {&card, layer};
	cJSON *root = NULL;
	int r;

	if (length > CARD_SIZE_MAX) {
		json_bad(&reader, "larger than %lu bytes", CARD_SIZE_MAX);
		return -E2BIG;
	}
	r = parse_json(&reader, json, length, &root);
	if (r >= 0)
		r = json_fields(&reader, "the card", root, fields, 3, &text);
	cJSON_Delete(root);
	if (r < 0) {
		arena_free(&card.arena);
		return r;
	}
	card.hash = text_hash(hash, json, length);
	*ret_card = card;
	return 0;
}
