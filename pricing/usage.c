/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "pricing/pricing.h"

#define BIT(bucket) (1u << (bucket))

uint32_t pricing_usage_parts(enum pricing_bucket total)
{
	switch (total) {
	case PRICING_INPUT:
		return BIT(PRICING_CACHE_READ) | BIT(PRICING_CACHE_READ_AUDIO) |
		       BIT(PRICING_CACHE_READ_IMAGE) | BIT(PRICING_CACHE_WRITE) |
		       BIT(PRICING_CACHE_WRITE_5M) | BIT(PRICING_CACHE_WRITE_1H) |
		       BIT(PRICING_INPUT_AUDIO) | BIT(PRICING_INPUT_IMAGE) |
		       BIT(PRICING_INPUT_VIDEO);
	case PRICING_OUTPUT:
		return BIT(PRICING_REASONING) | BIT(PRICING_OUTPUT_AUDIO) |
		       BIT(PRICING_OUTPUT_IMAGE) | BIT(PRICING_OUTPUT_VIDEO);
	default:
		return 0;
	}
}

uint64_t pricing_usage_sum(const struct pricing_usage *usage, uint32_t buckets)
{
	uint64_t total = 0;

	for (uint32_t left = usage->present & buckets; left; left &= left - 1) {
		if (__builtin_add_overflow(total, usage->quantity[__builtin_ctz(left)], &total))
			return UINT64_MAX;
	}
	return total;
}

int pricing_usage_exclude(struct pricing_usage *usage, enum pricing_bucket *ret_bucket)
{
	uint64_t input = pricing_usage_sum(usage, pricing_usage_parts(PRICING_INPUT));
	uint64_t output = pricing_usage_sum(usage, pricing_usage_parts(PRICING_OUTPUT));
	bool has_input = pricing_usage_has(usage, PRICING_INPUT);
	bool has_output = pricing_usage_has(usage, PRICING_OUTPUT);

	if (has_input && usage->quantity[PRICING_INPUT] < input) {
		*ret_bucket = PRICING_INPUT;
		return -ERANGE;
	}
	if (has_output && usage->quantity[PRICING_OUTPUT] < output) {
		*ret_bucket = PRICING_OUTPUT;
		return -ERANGE;
	}
	if (has_input)
		usage->quantity[PRICING_INPUT] -= input;
	if (has_output)
		usage->quantity[PRICING_OUTPUT] -= output;
	return 0;
}

uint64_t pricing_usage_input(const struct pricing_usage *usage)
{
	return pricing_usage_sum(usage, pricing_usage_parts(PRICING_INPUT) | BIT(PRICING_INPUT));
}

uint64_t pricing_usage_output(const struct pricing_usage *usage)
{
	return pricing_usage_sum(usage, pricing_usage_parts(PRICING_OUTPUT) | BIT(PRICING_OUTPUT));
}
