/* SPDX-License-Identifier: Apache-2.0 */
/* What a provider, or a gateway, says that a call cost, in the attributes of its span. */
#ifndef AGENT_PRICE_REPORTED_H
#define AGENT_PRICE_REPORTED_H

#include "pricing/pricing.h"

struct cJSON;

struct price_reported {
	const char *source; /* "provider" or "gateway"; NULL where nobody reported a cost */
	pricing_amount amount;
	char currency[PRICING_CURRENCY_MAX];
};

/*
 * price_reported_read - the cost of an object whose `tollspan.cost.source` says that it is not
 * ours.
 * @ret_reported: the source is borrowed from the object.
 * @ret_why: on failure the attribute and what is wrong with it.
 *
 * The amount is `tollspan.cost.amount`, which has all its digits, else `gen_ai.usage.cost`, rounded
 * to a pico-unit; the currency is US dollars where none is told.
 * Return: 0 or -EINVAL.
 */
int price_reported_read(const struct cJSON *object, struct price_reported *ret_reported,
			const char **ret_why);

#endif
