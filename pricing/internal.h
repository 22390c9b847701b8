/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of libpricing share; not for its users. */
#ifndef PRICING_INTERNAL_H
#define PRICING_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pricing/pricing.h"

/* Every cap of the library. Passing one of a card is an error that names the row. */
#define CARD_SIZE_MAX (16ul << 20)    /* bytes of a card's text */
#define CARD_VALUES_MAX 2000000ul     /* of a card: cJSON needs some 100 bytes for each */
#define CARD_DEPTH_MAX 16             /* of arrays and objects in each other */
#define CARD_LAYERS_MAX 16            /* cards that are loaded over each other */
#define CARD_ROWS_MAX 131072ul        /* rows of all cards together */
#define CARD_DISCOUNTS_MAX 1024       /* of a card */
#define CARD_MAKERS_MAX 256           /* of a card */
#define CARD_PROVIDER_ALIASES_MAX 256 /* of a card: names, and providers of them together */
#define CARD_TEXT_MAX 256             /* bytes of a name */
#define CARD_SOURCE_MAX 1024          /* bytes of a source */
#define CARD_ALIASES_MAX 64           /* of a row */
#define CARD_TIERS_MAX 16             /* of a row */
#define CARD_CONTEXTS_MAX 8           /* of a list of prices */
#define CARD_HOURS_MAX 16             /* rules of a tier */
#define CARD_REGIONS_MAX 64           /* of a row */
#define CARD_VARIANTS_MAX 64          /* of a row */
#define CARD_INTEGER_MAX (1ll << 53)  /* exact in a JSON number */
#define PRICE_DIGITS_MAX 9            /* before the point */
#define PRICE_DECIMALS_MAX 12         /* behind it: pico */
#define PRICE_PER_TOKENS_MAX 10000000 /* the unit of a price: see pricing/scale.c */
#define PRICE_PER_OTHER_MAX 10000000000ll
#define MULTIPLIER_MAX 1000 /* of a region */
#define FACTOR_MAX 10       /* of a discount */

#define PICO_DECIMALS 12
#define MULTIPLIER_ONE 1000000ull /* a multiplier and a factor have six decimals */

/* FNV-1a: draft-eastlake-fnv, 64 bits. */
#define FNV_START 0xcbf29ce484222325ull
#define FNV_PRIME 0x100000001b3ull

static inline uint64_t fnv_add(uint64_t hash, unsigned char byte)
{
	return (hash ^ byte) * FNV_PRIME;
}

#define TIME_EVER INT64_MIN
#define TIME_NEVER INT64_MAX
#define SECONDS_PER_DAY 86400

/* ---- a card as it is read; strings and arrays live in its arena ---- */

struct price {
	pricing_amount rate; /* pico-units for `per` */
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

struct price_list {
	struct price_set set;
	const struct context_tier *contexts; /* ascending */
	size_t n_contexts;
};

/* Prices for a time of the day; `to` before `from` is on the next day. */
struct hours_rule {
	int64_t start, end; /* days since 1970 in the zone, on which a window may begin */
	int32_t zone;       /* seconds east of UTC */
	uint32_t from, to;  /* seconds of the day in the zone */
	uint32_t days;      /* 1 << day on which the window begins; Monday is 0 */
	struct price_list list;
};

struct price_tier {
	const char *name; /* "" is standard */
	struct price_list list;
	const struct hours_rule *hours; /* the first that holds */
	size_t n_hours;
};

struct variant {
	const char *name;
	struct price_set set;
};

struct region {
	const char *name;    /* "*" is any other */
	uint32_t multiplier; /* of token prices, in millionths */
};

struct card_row {
	const char *provider, *model, *source, *id;
	const char *key, *tag; /* whose row it is; NULL: everybody's */
	const char *const *aliases;
	const struct price_tier *tiers; /* the first is standard */
	const struct region *regions;
	const struct variant *variants;
	size_t n_aliases, n_tiers, n_regions, n_variants;
	int64_t start, end; /* seconds; valid from start, before end */
	size_t number;      /* in its card, from 1 */
	char currency[PRICING_CURRENCY_MAX];
	uint8_t billed_as[PRICING_BUCKETS]; /* itself where nothing is said */
};

/* Another name of a provider. */
struct provider_alias {
	const char *name, *provider;
};

struct discount {
	const char *provider, *source;
	const char *model, *key, *tag; /* NULL: all */
	int64_t start, end;
	size_t number;
	uint32_t factor; /* in millionths */
};

/* ---- arena.c: memory that is given back at once ---- */

struct arena {
	struct arena_chunk *chunks;
};

/** arena_get - zeroed bytes aligned for any type, or NULL. */
void *arena_get(struct arena *arena, size_t size);

/** arena_text - a copy of a C string, or NULL. */
const char *arena_text(struct arena *arena, const char *text);

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

/** tier_is_standard - whether a service tier of this name is the row's own. */
bool tier_is_standard(const char *name);

/* ---- card_json.c ---- */

struct parsed_card {
	struct arena arena;
	struct card_row *rows;
	struct discount *discounts;
	const char *const *makers; /* providers */
	struct provider_alias *provider_aliases;
	size_t n_rows, n_discounts, n_makers, n_provider_aliases;
	char version[11]; /* YYYY-MM-DD */
	uint64_t hash;    /* over the text without insignificant white space */
};

/*
 * card_parse - read and validate the text of one card.
 * Return: 0, and the caller frees the arena; -EINVAL with an error text; -E2BIG; -ENOMEM.
 */
int card_parse(const char *json, size_t length, struct parsed_card *ret_card, char *error,
	       size_t error_size);

/* ---- order.c ---- */

/*
 * card_order - bring rows and discounts into the order of a table, and hold them against each
 *	other: those for the same may not share a start, nor a day that an end closes.
 * Return: 0, or -EINVAL with an error text.
 */
int card_order(struct parsed_card *card, char *error, size_t error_size);

/** card_same_model - whether two rows are of one provider's model. */
bool card_same_model(const struct card_row *a, const struct card_row *b);

/** card_same_holder - whether two rows are for the same key and tag. */
bool card_same_holder(const struct card_row *a, const struct card_row *b);

/* ---- scale.c ---- */

/* A fraction of a price, in lowest terms. */
struct scale {
	uint64_t numerator, denominator;
};

/** scale_of - a multiplier and a factor, both in millionths. */
struct scale scale_of(uint64_t multiplier, uint64_t factor);

/** scale_price - a price times a scale, exactly. */
struct price scale_price(struct price price, const struct scale *scale);

/*
 * price_amount - quantity × rate / per, rounded half to even.
 * Return: false if it does not fit.
 */
bool price_amount(const struct price *price, uint64_t quantity, pricing_amount *ret_amount);

#endif
