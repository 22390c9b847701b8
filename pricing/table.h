/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A card as one block of bytes without pointers: what the build links in, and what a card that is
 * loaded becomes. Everything in it is named by its index; a text by its offset among the texts,
 * which begin with "", so that 0 is none. No structure has padding, so that equal cards are equal
 * bytes.
 */
#ifndef PRICING_TABLE_H
#define PRICING_TABLE_H

#include "pricing/internal.h"

/* A list of prices, and those for requests with much input. */
struct table_list {
	uint32_t present, prices; /* buckets, and the index of the first one's price */
	uint32_t contexts, n_contexts;
};

struct table_price {
	uint64_t high, low; /* rate in pico-units */
	uint64_t per;
};

struct table_context {
	uint64_t from;
	uint32_t present, prices;
};

struct table_hours {
	int64_t start, end; /* as in struct hours_rule */
	int32_t zone;
	uint32_t from, to, days;
	struct table_list list;
};

struct table_tier {
	uint32_t name;
	uint32_t hours, n_hours;
	struct table_list list;
};

struct table_variant {
	uint32_t name;
	uint32_t present, prices;
};

struct table_region {
	uint32_t name;
	uint32_t multiplier;
};

struct table_discount {
	int64_t start, end;
	uint32_t provider, model, key, tag, source;
	uint32_t factor;
};

struct table_row {
	int64_t start, end;
	uint32_t id, source, key, tag;
	uint32_t tiers, n_tiers;
	uint32_t regions, n_regions;
	uint32_t variants, n_variants;
	uint32_t of_variants; /* buckets that variants price */
	uint32_t run;         /* rows of the same model, key and tag from this one */
	char currency[PRICING_CURRENCY_MAX];
	uint8_t billed_as[32];
};

struct table_model {
	uint32_t provider, name;
	uint32_t rows, n_rows; /* by holder, the most special first, and by start */
};

/* Where a name stands for several providers, they follow each other in order. */
struct table_provider_alias {
	uint32_t name, provider;
};

/* Open addressing; name 0 is free. */
struct table_name {
	uint32_t hash, name, model, alias;
};

enum table_section {
	TABLE_ROWS,
	TABLE_MODELS,
	TABLE_NAMES, /* a power of two */
	TABLE_PROVIDERS,
	TABLE_PROVIDER_ALIASES,
	TABLE_MAKERS, /* as TABLE_PROVIDERS, in the order in which they are preferred */
	TABLE_TIERS,
	TABLE_CONTEXTS,
	TABLE_HOURS,
	TABLE_VARIANTS,
	TABLE_REGIONS,
	TABLE_PRICES,
	TABLE_DISCOUNTS, /* the most special first */
	TABLE_TEXTS,
	TABLE_SECTIONS,
};

struct table {
	uint64_t size; /* bytes, of all of it */
	uint64_t hash; /* of the card's text */
	char version[16];
	struct {
		uint32_t offset, n;
	} sections[TABLE_SECTIONS];
};

_Static_assert(PRICING_BUCKETS <= 32, "buckets of a row and of a list");
_Static_assert(sizeof(struct table_list) == 16 && sizeof(struct table_price) == 24 &&
		       sizeof(struct table_context) == 16 && sizeof(struct table_hours) == 48 &&
		       sizeof(struct table_tier) == 28 && sizeof(struct table_discount) == 40 &&
		       sizeof(struct table_row) == 104 && sizeof(struct table) == 144,
	       "no padding");

/** table_section - the first element of a section. */
static inline const void *table_section(const struct table *table, enum table_section section)
{
	return (const char *)table + table->sections[section].offset;
}

/** table_text - a text, NULL for 0. */
static inline const char *table_text(const struct table *table, uint32_t text)
{
	return text ? (const char *)table_section(table, TABLE_TEXTS) + text : NULL;
}

/** name_hash - of a provider and the first `length` bytes of a name, in whatever case. */
uint64_t name_hash(const char *provider, const char *name, size_t length);

/*
 * table_model_find - the model of a name, or that a name is an alias of, in whatever case.
 * @hash: of provider and name.
 * Return: NULL if there is none.
 */
const struct table_model *table_model_find(const struct table *table, uint64_t hash,
					   const char *provider, const char *name, size_t length,
					   bool alias);

/** table_price_of - the price of a bucket in a list, if it is there. */
bool table_price_of(const struct table *table, uint32_t present, uint32_t prices,
		    enum pricing_bucket bucket, struct price *ret_price);

/*
 * table_new - a card as a table.
 * @card: as card_parse() has it.
 * Return: 0, and the caller frees the table with free(); -EINVAL with an error text where a name
 * means two models; -ENOMEM.
 */
int table_new(const struct parsed_card *card, struct table **ret_table, char *error,
	      size_t error_size);

#endif
