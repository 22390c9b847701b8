/* SPDX-License-Identifier: Apache-2.0 */
/* One usage at the prices of several models. */
#ifndef AGENT_PRICE_COMPARE_H
#define AGENT_PRICE_COMPARE_H

#include <stdio.h>

#include "pricing/pricing.h"

struct price_compare;

/*
 * price_compare_new - price a usage by its own model, and by others.
 * @charge: of the first model; its strings and those of the card are borrowed.
 * @models: names with commas between them. A model is looked for at the charge's provider, else at
 *	its maker, or the only one that has it.
 * Return: 0, and the caller frees it; -EINVAL: a name is empty; -E2BIG: more than
 *	LIMIT_PRICE_MODELS; -ENOMEM.
 */
int price_compare_new(struct price_compare **ret_compare, const struct pricing_card *card,
		      const struct pricing_charge *charge, const char *models);

void price_compare_free(struct price_compare *compare);

/** price_compare_text - model, provider, amount, and how much of the first one's that is. */
void price_compare_text(FILE *out, const struct price_compare *compare);

/** price_compare_json - {"models": […]} on a line, as docs/card.md has it. Return: 0 or -ENOMEM. */
int price_compare_json(FILE *out, const struct price_compare *compare);

/** price_find_provider - pricing_card_provider(), where the charge names none. */
void price_find_provider(const struct pricing_card *card, struct pricing_charge *charge);

#endif
