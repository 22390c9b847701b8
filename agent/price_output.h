/* SPDX-License-Identifier: Apache-2.0 */
/* A priced charge for a person and for a program. */
#ifndef AGENT_PRICE_OUTPUT_H
#define AGENT_PRICE_OUTPUT_H

#include <stdio.h>

#include "pricing/pricing.h"

/** price_output_text - bucket, quantity, rate and amount of each line, total, row and source. */
void price_output_text(FILE *out, const struct pricing_card *card,
		       const struct pricing_charge *charge, const struct pricing_result *result);

/** price_output_json - one object on a line, as docs/card.md has it. Return: 0 or -ENOMEM. */
int price_output_json(FILE *out, const struct pricing_card *card,
		      const struct pricing_result *result);

/** price_output_error - {"error": what} on a line. Return: 0 or -ENOMEM. */
int price_output_error(FILE *out, const char *what);

#endif
