/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gpu_meter: whose the time of an endpoint's GPUs is.
 *
 * At every moment all of its GPUs are shared alike by the calls that are open: of n GPUs and k
 * calls each call is given n / k of the time. The meter runs at that pace, so that a call's share
 * is the difference between two readings, exact but for 2^-20 ns at each change of k. Time in which
 * no call is open is nobody's.
 */
#ifndef AGENT_PROVIDER_GPU_METER_H
#define AGENT_PROVIDER_GPU_METER_H

#include <stdint.h>

struct gpu_meter {
	unsigned int gpus;                  /* 1 to GPU_METER_MAX; 0: there is no meter */
	unsigned int open;                  /* calls */
	uint64_t last_ns;                   /* of the reading */
	__extension__ unsigned __int128 at; /* GPU time of each open call, in 2^-20 ns */
};

#define GPU_METER_MAX 65536

/* A call on a meter. */
struct gpu_share {
	__extension__ unsigned __int128 begin;
};

/** gpu_meter_begin - a call is open from now_ns. */
void gpu_meter_begin(struct gpu_meter *meter, uint64_t now_ns, struct gpu_share *ret_share);

/*
 * gpu_meter_end - a call ended at now_ns. Times that go back are taken as no time.
 * Return: its milliseconds of GPU, to the nearest.
 */
uint64_t gpu_meter_end(struct gpu_meter *meter, uint64_t now_ns, const struct gpu_share *share);

#endif
