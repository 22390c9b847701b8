/* SPDX-License-Identifier: Apache-2.0 */
/* The records that a live source makes itself: CLOCK and TICK. */
#ifndef AGENT_SOURCE_TICKER_H
#define AGENT_SOURCE_TICKER_H

#include <stdint.h>

#include "agent/source/source.h"

#define TICKER_INTERVAL_MS 250

struct ticker {
	record_sink sink;
	void *context;
	int64_t wall_offset_ns; /* as last told */
};

/** ticker_start - tell the boot id and the wall clock. Return: 0 or what the sink gave. */
int ticker_start(struct ticker *ticker, record_sink sink, void *context);

/*
 * ticker_tick - time passes; to be called every TICKER_INTERVAL_MS. Tells the wall clock anew where
 *	it was set or drifted by more than a millisecond.
 */
int ticker_tick(struct ticker *ticker);

#endif
