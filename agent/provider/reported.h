/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reported: the whole cost of a call as its response tells it, in US dollars.
 *
 * In a usage object of OpenAI's shape:
 * - `cost`, a number: what OpenRouter takes off the account, in credits of a dollar each
 *   (https://openrouter.ai/docs/use-cases/usage-accounting). With the user's own key at the
 *   upstream provider (`is_byok`) that is its fee alone, and not taken. The page has an
 *   upstream's cost for such calls alone; recorded responses have it beside an `is_byok` of
 *   false too.
 * - `cost.total_cost`: Perplexity, in the currency that stands beside it, if one does
 *   (https://schemas.apis.io/schemas/perplexity/perplexity-responsescost/).
 * - `cost_in_usd_ticks`: xAI, an integer of 10^-10 dollars, after discounts and with tools
 *   (https://docs.x.ai/developers/cost-tracking).
 * `estimated_cost`, as DeepInfra sends it, is by its name an estimate, and not taken.
 *
 * In the response's head: `x-litellm-response-cost`, by LiteLLM's proxy
 * (https://docs.litellm.ai/docs/proxy/response_headers). Its streams do not have it
 * (https://github.com/BerriAI/litellm/issues/12689), and the `cost` in their last chunk is the
 * proxy's too (https://github.com/BerriAI/litellm/issues/41486).
 */
#ifndef AGENT_PROVIDER_REPORTED_H
#define AGENT_PROVIDER_REPORTED_H

#include "agent/event.h"

struct cJSON;

struct reported {
	enum reported_source source;
	int64_t amount; /* pico-dollars, where there is a source */
};

/*
 * reported_number - an amount of JSON text (RFC 8259, 6), exact, with or without exponent.
 * @decimals: of the unit's; what is below 10^-decimals is rounded, half to even.
 * @ret_amount: in units of 10^-decimals.
 * Return: 0; -EINVAL: no number, or one with a minus; -ERANGE: beyond 63 bits.
 */
int reported_number(const char *text, size_t length, unsigned int decimals, int64_t *ret_amount);

/*
 * reported_usage - the cost in a usage object: a later one replaces an earlier one, and what is not
 *	taken makes it REPORTED_NONE; a usage without any leaves it.
 * @json, @text: the usage, parsed and as it came.
 * @source: whose word it is.
 * Return: 0 or -ENOMEM.
 */
int reported_usage(const struct cJSON *json, const char *text, enum reported_source source,
		   struct reported *reported);

/** reported_head - the cost in a response's head; untouched where there is none. */
void reported_head(const struct exchange_event *event, struct reported *reported);

/** reported_by_litellm - the response's head is of LiteLLM's proxy. */
bool reported_by_litellm(const struct exchange_event *event);

#endif
