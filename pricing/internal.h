/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of libpricing share; not for its users. */
#ifndef PRICING_INTERNAL_H
#define PRICING_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pricing/pricing.h"

/* Every cap of the library. Passing one of a card is an error that names the row. */
#define CARD_SIZE_MAX (16ul << 20)   /* bytes of a card's text */
#define CARD_ROWS_MAX 131072ul       /* rows of all cards together */
#define CARD_TEXT_MAX 256            /* bytes of a name */
#define CARD_SOURCE_MAX 1024         /* bytes of a source */
#define CARD_ALIASES_MAX 64          /* of a row */
#define CARD_TIERS_MAX 16            /* of a row */
#define CARD_CONTEXTS_MAX 8          /* of a tier */
#define CARD_REGIONS_MAX 64          /* of a row */
#define CARD_INTEGER_MAX (1ll << 53) /* exact in a JSON number */
#define PRICE_DIGITS_MAX 9           /* before the point */
#define PRICE_DECIMALS_MAX 12        /* behind it: pico */

#define PICO_DECIMALS 12
#define MULTIPLIER_ONE 1000000ull /* a multiplier has six decimals */

#define TIME_EVER INT64_MIN
#define TIME_NEVER INT64_MAX

/* ---- the card in memory; strings and arrays live in its arena ---- */

struct price {
	pricing_amount rate; /* pico-units for `per` */
	pricing_amount unit; /* pico-units for one: rate / per, exact */
	uint64_t per;
};

/* Prices of the buckets in `present`, in order of bucket. */
struct price_set {
	uint32_t present;
	const struct price *prices;
};

struct context_tier {
	uint64_t from; /* least total input of the request */
	struct price_set set;
};

struct price_tier {
	const char *name; /* "" is standard */
	struct price_set set;
	const struct context_tier *contexts; /* ascending */
	size_t n_contexts;
};

struct region {
	const char *name;
	uint64_t multiplier; /* of token prices, in millionths */
};

struct card_row {
	const char *provider, *model, *source, *id;
	const char *const *aliases;
	const struct price_tier *tiers; /* the first is standard */
	const struct region *regions;
	size_t n_aliases, n_tiers, n_regions;
	int64_t start, end; /* seconds; valid from start, before end */
	unsigned int layer; /* which load brought it */
	char currency[PRICING_CURRENCY_MAX];
	uint8_t billed_as[PRICING_BUCKETS]; /* itself where nothing is said */
};

/* ---- arena.c: memory that is given back at once ---- */

struct arena {
	struct arena_chunk *chunks;
};

/** arena_get - zeroed bytes aligned for any type, or NULL. */
void *arena_get(struct arena *arena, size_t size);

/** arena_text - a copy of a C string, or NULL. */
const char *arena_text(struct arena *arena, const char *text);

/** arena_join - move all chunks of `from` into `arena`. */
void arena_join(struct arena *arena, struct arena *from);

void arena_free(struct arena *arena);

/* ---- amount.c ---- */

/*
 * amount_parse - a decimal such as "0.075" in pico-units: digits, at most one point with digits on
 *	both sides, no sign, no exponent.
 * Return: 0, -EINVAL for anything else, -ERANGE for too many digits.
 */
int amount_parse(const char *text, pricing_amount *ret_amount);

/* ---- bucket.c ---- */

/** bucket_is_token - whether the unit of a bucket is a token. */
bool bucket_is_token(enum pricing_bucket bucket);

/* ---- card_json.c ---- */

struct parsed_card {
	struct arena arena;
	struct card_row *rows;
	size_t n_rows;
	char version[11]; /* YYYY-MM-DD */
	uint64_t hash;    /* over the text without insignificant white space */
};

/*
 * card_parse - read and validate the text of one card.
 * @layer, @hash: of the loads before.
 * Return: 0, and the caller frees the arena; -EINVAL with an error text; -E2BIG; -ENOMEM.
 */
int card_parse(const char *json, size_t length, unsigned int layer, uint64_t hash,
	       struct parsed_card *ret_card, char *error, size_t error_size);

/** price_exact - whether a price stays a whole number of pico-units for one with a multiplier. */
bool price_exact(const struct price *price, uint64_t multiplier, struct price *ret_price);

/* ---- card.c and match.c: the index ---- */

/* Rows of one provider and model in one layer, by start. */
struct row_group {
	const struct card_row *const *rows;
	size_t n_rows;
	const struct row_group *below; /* the same model in an earlier layer */
};

struct name_entry {
	const char *provider, *name; /* name NULL: free */
	const struct row_group *group;
	uint64_t hash;
	unsigned int layer;
	bool alias;
};

struct pricing_card {
	struct arena arena; /* rows and what they point to */
	const struct card_row **rows;
	size_t n_rows;
	struct row_group *groups;
	size_t n_groups;
	struct name_entry *names; /* open addressing */
	size_t names_mask;
	unsigned int layers;
	uint64_t hash;
	char date[11];
	char version[32];
};

/** name_hash - of a provider and the first `length` bytes of a name. */
uint64_t name_hash(const char *provider, const char *name, size_t length);

/*
 * card_find - the row for a model at a time: the model's exact name, else the model whose dated
 *	snapshot the name is, else an alias. NULL if there is none.
 */
const struct card_row *card_find(const struct pricing_card *card, const char *provider,
				 const char *model, int64_t time);

#endif
