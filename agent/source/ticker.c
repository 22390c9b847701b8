/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/ticker.h"

#include "agent/util/clock.h"

#define DRIFT_NS 1000000

static int ticker_clock(struct ticker *ticker)
{
	struct cr_clock clock = {
		.head = {.length = sizeof(clock), .type = CR_CLOCK, .version = CR_VERSION},
		.wall_offset_ns = clock_wall_offset_ns(),
	};
	int r = clock_boot_id(clock.boot_id);

	if (r < 0)
		return r;
	clock.head.time_ns = clock_boot_ns();
	ticker->wall_offset_ns = clock.wall_offset_ns;
	return ticker->sink(ticker->context, &clock.head);
}

int ticker_start(struct ticker *ticker, record_sink sink, void *context)
{
	*ticker = (struct ticker){.sink = sink, .context = context};
	return ticker_clock(ticker);
}

int ticker_tick(struct ticker *ticker)
{
	struct cr_tick tick = {
		.head = {.length = sizeof(tick), .type = CR_TICK, .version = CR_VERSION},
	};
	int64_t drift = clock_wall_offset_ns() - ticker->wall_offset_ns;
	int r = 0;

	if (drift > DRIFT_NS || drift < -DRIFT_NS)
		r = ticker_clock(ticker);
	tick.head.time_ns = clock_boot_ns();
	return r < 0 ? r : ticker->sink(ticker->context, &tick.head);
}
