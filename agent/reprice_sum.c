/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/reprice_sum.h"

#include <stdio.h>
#include <string.h>

static pricing_amount absolute(pricing_amount amount)
{
	return amount < 0 ? -amount : amount;
}

/* Costs of two currencies have no difference: then the larger figure counts. */
static pricing_amount size_of(const struct call_sum *before, const struct call_sum *after)
{
	pricing_amount was = before->has_cost ? before->money.amount : 0;
	pricing_amount is = after->has_cost ? after->money.amount : 0;

	if (before->has_cost && after->has_cost && was && is &&
	    strcmp(before->money.currency, after->money.currency) != 0)
		return absolute(was) > absolute(is) ? absolute(was) : absolute(is);
	return absolute(is - was);
}

static bool same_cost(const struct call_sum *before, const struct call_sum *after)
{
	if (!before->has_cost || !after->has_cost)
		return before->has_cost == after->has_cost;
	return before->money.amount == after->money.amount &&
	       !strcmp(before->money.currency, after->money.currency);
}

static void keep_largest(struct reprice_sum *sum, const struct reprice_change *change)
{
	size_t at = sum->n_largest;

	while (at > 0 && sum->largest[at - 1].size < change->size)
		at--;
	if (at == LIMIT_REPRICE_SHOWN)
		return;
	if (sum->n_largest < LIMIT_REPRICE_SHOWN)
		sum->n_largest++;
	memmove(&sum->largest[at + 1], &sum->largest[at],
		(sum->n_largest - at - 1) * sizeof(*change));
	sum->largest[at] = *change;
}

static void add_change(struct reprice_sum *sum, const struct ledger_repriced *call)
{
	struct call_sum before, after;
	struct reprice_change change;

	call_sum(&call->before, &before);
	call_sum(&call->after, &after);
	if (same_cost(&before, &after))
		return;
	change = (struct reprice_change){
		.size = size_of(&before, &after),
		.start_ns = call->before.start_ns,
		.had_cost = before.has_cost,
		.has_cost = after.has_cost,
		.before = before.money,
		.after = after.money,
	};
	snprintf(change.trace_id, sizeof(change.trace_id), "%s", call->before.trace_id);
	snprintf(change.span_id, sizeof(change.span_id), "%s", call->before.span_id);
	row_model(&call->before, true, ROW_CELL - 1, change.model);
	keep_largest(sum, &change);
}

void reprice_sum_add(struct reprice_sum *sum, const struct ledger_repriced *call)
{
	bool was_priced = call->before.cost_status == COST_PRICED;
	bool is_priced = call->after.cost_status == COST_PRICED;

	sum->calls++;
	sum->charges += call->before.n_charges;
	sum->changed += call->n_changed;
	sum->kept += call->n_kept;
	sum->newly_priced += !was_priced && is_priced;
	sum->no_longer_priced += was_priced && !is_priced;
	totals_add(&sum->before, &call->before);
	totals_add(&sum->after, &call->after);
	if (call->n_changed)
		add_change(sum, call);
}

static const struct money *find(const struct totals *totals, const char *currency)
{
	for (unsigned int i = 0; i < totals->n_money; i++) {
		if (!strcmp(totals->money[i].currency, currency))
			return &totals->money[i];
	}
	return NULL;
}

/* Those that were there before, then those that only came. */
static const struct money *money_at(const struct reprice_sum *sum, size_t number)
{
	if (number < sum->before.n_money)
		return &sum->before.money[number];
	number -= sum->before.n_money;
	for (unsigned int i = 0; i < sum->after.n_money; i++) {
		const struct money *money = &sum->after.money[i];

		if (!find(&sum->before, money->currency) && number-- == 0)
			return money;
	}
	return NULL;
}

bool reprice_sum_money(const struct reprice_sum *sum, size_t number, struct money *ret_before,
		       struct money *ret_after)
{
	const struct money *money = money_at(sum, number), *before, *after;

	if (!money)
		return false;
	before = find(&sum->before, money->currency);
	after = find(&sum->after, money->currency);
	*ret_before = before ? *before : *money;
	*ret_after = after ? *after : *money;
	if (!before)
		ret_before->amount = 0;
	if (!after)
		ret_after->amount = 0;
	return true;
}
