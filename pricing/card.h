/* SPDX-License-Identifier: Apache-2.0 */
/* Cards over each other, and what a charge finds in them. */
#ifndef PRICING_CARD_H
#define PRICING_CARD_H

#include "pricing/table.h"

struct pricing_card {
	const struct table *layers[CARD_LAYERS_MAX]; /* the last comes first */
	void *owned[CARD_LAYERS_MAX];                /* what is to be freed of them */
	unsigned int n_layers;
	size_t n_rows;
	uint64_t hash;
	char date[11];
	char version[32];
};

/*
 * card_add - put a table over those that are there.
 * @owned: what pricing_card_free() gives to free(); NULL if the table is not the card's. Not taken
 *	over on failure.
 * Return: 0, or -E2BIG with an error text.
 */
int card_add(struct pricing_card *card, const struct table *table, void *owned, char *error,
	     size_t error_size);

struct card_match {
	const struct table *table;
	const struct table_row *row;     /* NULL if there is none */
	const char *model;               /* the row's */
	char region[PRICING_REGION_MAX]; /* geography that the name told */
};

/*
 * card_find - the row for a charge at its time: the model's exact name, else the model whose dated
 *	snapshot the name is, else an alias, each first of the name as it is given and then of its
 *	other forms.
 * @any: rows for whatever key and tag.
 */
void card_find(const struct pricing_card *card, const struct pricing_charge *charge, bool any,
	       struct card_match *ret_match);

/*
 * card_find_alias - card_find(), where that found none and the provider's name is another's alias:
 *	by the first of those providers that has the model.
 * @charge: a copy, whose provider becomes that one.
 */
void card_find_alias(const struct pricing_card *card, struct pricing_charge *charge,
		     struct card_match *ret_match);

/*
 * card_discount - the discount for a charge that has a row.
 * Return: NULL if there is none; *ret_source is where it is from.
 */
const struct table_discount *card_discount(const struct pricing_card *card,
					   const struct pricing_charge *charge,
					   const struct card_match *match, const char **ret_source);

/* ---- tier.c: which of a row's prices ---- */

/* What of a row prices a charge. */
struct price_scope {
	const struct table *table;
	const struct table_list *list;       /* NULL where the tier has no price */
	uint32_t present, prices;            /* of the list, by the request's input */
	const struct table_variant *variant; /* NULL where there is none */
	uint32_t other_variants; /* buckets that variants price, where it is another one */
	uint32_t multiplier;     /* of token prices, in millionths */
};

/*
 * scope_find - the prices of a row that hold for a charge.
 * Return: PRICING_PRICED, PRICING_UNPRICED_TIER or PRICING_UNPRICED_REGION.
 */
enum pricing_status scope_find(const struct card_match *match, const struct pricing_charge *charge,
			       struct price_scope *ret_scope);

#endif
