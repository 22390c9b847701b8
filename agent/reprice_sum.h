/* SPDX-License-Identifier: Apache-2.0 */
/* What a reprice has changed, over all calls. */
#ifndef AGENT_REPRICE_SUM_H
#define AGENT_REPRICE_SUM_H

#include "agent/ledger/reprice.h"
#include "agent/report_row.h"

/* A call whose cost changed. */
struct reprice_change {
	pricing_amount size; /* by which changes are ordered; of any currency */
	int64_t start_ns;
	char trace_id[LEDGER_TRACE_ID_TEXT], span_id[LEDGER_TRACE_ID_TEXT];
	char model[ROW_CELL];
	bool had_cost, has_cost;
	struct money before, after; /* where there is a cost */
};

/* All zero before the first call. */
struct reprice_sum {
	uint64_t calls, charges;
	uint64_t changed, kept;                  /* charges */
	uint64_t newly_priced, no_longer_priced; /* calls */
	struct totals before, after;
	struct reprice_change largest[LIMIT_REPRICE_SHOWN]; /* the largest first */
	size_t n_largest;
};

/** reprice_sum_add - count a call; a ledger_repriced_fn's body. */
void reprice_sum_add(struct reprice_sum *sum, const struct ledger_repriced *call);

/*
 * reprice_sum_money - a currency's sum before and after, by number.
 * Return: false where there are no more.
 */
bool reprice_sum_money(const struct reprice_sum *sum, size_t number, struct money *ret_before,
		       struct money *ret_after);

#endif
