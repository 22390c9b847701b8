/* SPDX-License-Identifier: Apache-2.0 */
/* How long to wait after failures: exponential, with jitter. */
#ifndef EXPORTER_BACKOFF_H
#define EXPORTER_BACKOFF_H

#include <stdint.h>

struct backoff {
	unsigned int min_ms, max_ms;
	unsigned int failures; /* in a row */
};

/*
 * backoff_next - after another failure: evenly between min_ms and twice that, then four times,
 *	eight times …, never above max_ms.
 * @chance: a random number.
 * Return: milliseconds.
 */
unsigned int backoff_next(struct backoff *backoff, uint32_t chance);

/** backoff_reset - after a success. */
static inline void backoff_reset(struct backoff *backoff)
{
	backoff->failures = 0;
}

#endif
