/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many spans to send at once. Where a collector does not take a batch, it goes again in halves,
 * down to the span that it is about; behind the end of that batch all is as before.
 */
#ifndef EXPORTER_SPLIT_H
#define EXPORTER_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct split {
	size_t max;   /* spans, of the configuration */
	size_t usual; /* what a batch may have outside of splitting; below max after "too large" */
	size_t limit; /* now */
	uint64_t until;  /* sequence of the last span of the batch that is split; 0: none */
	size_t accepted; /* the most that was taken of it at once */
	bool too_large;
	bool growing;           /* a span was given up: the rest may be good */
	unsigned int successes; /* since `usual` was made smaller */
};

void split_init(struct split *split, size_t max);

/*
 * split_refused - a batch of n > 1 spans was refused as a whole.
 * @last: sequence of its last span.
 * @too_large: for its size.
 */
void split_refused(struct split *split, size_t n, uint64_t last, bool too_large);

/** split_accepted - n spans, up to @last, were taken. */
void split_accepted(struct split *split, size_t n, uint64_t last);

/** split_given_up - of the spans up to @last, the last ones were given up. */
void split_given_up(struct split *split, uint64_t last);

static inline bool split_active(const struct split *split)
{
	return split->until != 0;
}

#endif
