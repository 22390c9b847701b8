/* SPDX-License-Identifier: Apache-2.0 */
/* A priced charge for a person and for a program. */
#ifndef AGENT_PRICE_OUTPUT_H
#define AGENT_PRICE_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "agent/price_reported.h"
#include "pricing/pricing.h"

/** price_output_text - bucket, quantity, rate and amount of each line, total, and where it is from.
 */
void price_output_text(FILE *out, const struct pricing_card *card,
		       const struct pricing_charge *charge, const struct pricing_result *result);

/** price_output_unpriced - why there is no price, and what the rest costs; a line. */
void price_output_unpriced(FILE *out, const struct pricing_card *card,
			   const struct pricing_charge *charge,
			   const struct pricing_result *result);

/*
 * price_output_json - one object on a line, as docs/card.md has it.
 * @reported: what others say that it cost; without a source nobody does. May be NULL.
 * Return: 0 or -ENOMEM.
 */
int price_output_json(FILE *out, const struct pricing_card *card,
		      const struct pricing_charge *charge, const struct pricing_result *result,
		      const struct price_reported *reported);

/** price_output_error - {"error": what} on a line. Return: 0 or -ENOMEM. */
int price_output_error(FILE *out, const char *what);

struct cJSON;

/** price_output_fill - the members of price_output_json()'s object. Return: is there memory? */
bool price_output_fill(struct cJSON *object, const struct pricing_card *card,
		       const struct pricing_charge *charge, const struct pricing_result *result,
		       const struct price_reported *reported);

/** price_output_line - any object on a line. Return: 0 or -ENOMEM. */
int price_output_line(FILE *out, const struct cJSON *object);

#endif
