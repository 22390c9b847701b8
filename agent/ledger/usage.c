/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ledger/query.h"

typedef uint64_t (*side_fn)(const struct pricing_usage *usage);

/* One bucket's side: does it count among the input tokens, the output tokens, or neither? */
static bool has_side(const struct pricing_usage *usage, side_fn side)
{
	for (unsigned int i = 0; i < PRICING_BUCKETS; i++) {
		struct pricing_usage one = {.present = 0};

		if (!pricing_usage_has(usage, i))
			continue;
		pricing_usage_set(&one, i, 1);
		if (side(&one))
			return true;
	}
	return false;
}

bool ledger_usage_input(const struct pricing_usage *usage, uint64_t *ret_tokens)
{
	if (!has_side(usage, pricing_usage_input))
		return false;
	*ret_tokens = pricing_usage_input(usage);
	return true;
}

bool ledger_usage_output(const struct pricing_usage *usage, uint64_t *ret_tokens)
{
	if (!has_side(usage, pricing_usage_output))
		return false;
	*ret_tokens = pricing_usage_output(usage);
	return true;
}
