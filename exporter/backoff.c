/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/backoff.h"

unsigned int backoff_next(struct backoff *backoff, uint32_t chance)
{
	uint64_t range;

	if (backoff->failures < 31)
		backoff->failures++;
	range = (uint64_t)backoff->min_ms << backoff->failures;
	if (range > backoff->max_ms)
		range = backoff->max_ms;
	range = range > backoff->min_ms ? range - backoff->min_ms : 0;
	return backoff->min_ms + (unsigned int)((range + 1) * chance >> 32);
}
