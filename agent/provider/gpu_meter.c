/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/provider/gpu_meter.h"

#define FRACTION_BITS 20
#define NS_PER_MS 1000000u

static void read_meter(struct gpu_meter *meter, uint64_t now_ns)
{
	if (now_ns <= meter->last_ns)
		return;
	if (meter->open)
		meter->at += ((unsigned __int128)(now_ns - meter->last_ns) * meter->gpus
			      << FRACTION_BITS) /
			     meter->open;
	meter->last_ns = now_ns;
}

void gpu_meter_begin(struct gpu_meter *meter, uint64_t now_ns, struct gpu_share *ret_share)
{
	read_meter(meter, now_ns);
	meter->open++;
	ret_share->begin = meter->at;
}

uint64_t gpu_meter_end(struct gpu_meter *meter, uint64_t now_ns, const struct gpu_share *share)
{
	const unsigned __int128 unit = (unsigned __int128)NS_PER_MS << FRACTION_BITS;

	read_meter(meter, now_ns);
	meter->open--;
	return (uint64_t)((meter->at - share->begin + unit / 2) / unit);
}
