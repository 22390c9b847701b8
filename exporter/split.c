/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/split.h"

/* After so many successes in a row, a limit of the collector's is tried anew. */
#define SUCCESSES 64

void split_init(struct split *split, size_t max)
{
	*split = (struct split){.max = max, .usual = max, .limit = max};
}

static size_t at_most(size_t a, size_t b)
{
	return a < b ? a : b;
}

void split_refused(struct split *split, size_t n, uint64_t last, bool too_large)
{
	if (!split->until) {
		split->accepted = 0;
		split->too_large = false;
	}
	split->until = last > split->until ? last : split->until;
	split->too_large = split->too_large || too_large;
	split->growing = false;
	split->limit = n / 2;
}

/* What could be sent at once of a batch that was too large is what is sent from now on. */
static void pass(struct split *split, uint64_t last)
{
	if (last < split->until)
		return;
	if (split->too_large && split->accepted) {
		split->usual = split->accepted;
		split->successes = 0;
	}
	split->until = 0;
	split->growing = false;
	split->limit = split->usual;
}

void split_accepted(struct split *split, size_t n, uint64_t last)
{
	if (split->until) {
		split->accepted = n > split->accepted ? n : split->accepted;
		if (split->growing)
			split->limit = at_most(2 * split->limit, split->usual);
		pass(split, last);
	} else if (split->usual < split->max && ++split->successes == SUCCESSES) {
		split->successes = 0;
		split->limit = split->usual = at_most(2 * split->usual, split->max);
	}
}

void split_given_up(struct split *split, uint64_t last)
{
	split->growing = true;
	if (split->until)
		pass(split, last);
}
