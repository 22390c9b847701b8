/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/report_sum.h"

#include <string.h>

static uint64_t add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void add_usage(struct pricing_usage *sum, const struct pricing_usage *usage)
{
	for (unsigned int i = 0; i < PRICING_BUCKETS; i++) {
		if (pricing_usage_has(usage, i))
			pricing_usage_set(sum, i, add(sum->quantity[i], usage->quantity[i]));
	}
}

static void set_kind(struct kinds *kinds, enum kind kind, const struct pricing_usage *usage,
		     uint32_t buckets)
{
	for (unsigned int i = 0; i < PRICING_BUCKETS; i++) {
		if (!(buckets & (1u << i)) || !pricing_usage_has(usage, i))
			continue;
		kinds->has[kind] = true;
		kinds->tokens[kind] = add(kinds->tokens[kind], usage->quantity[i]);
	}
}

static void make_kinds(const struct pricing_usage *usage, struct kinds *kinds)
{
	kinds->has[KIND_INPUT] = ledger_usage_input(usage, &kinds->tokens[KIND_INPUT]);
	kinds->has[KIND_OUTPUT] = ledger_usage_output(usage, &kinds->tokens[KIND_OUTPUT]);
	set_kind(kinds, KIND_CACHE_READ, usage,
		 1u << PRICING_CACHE_READ | 1u << PRICING_CACHE_READ_AUDIO |
			 1u << PRICING_CACHE_READ_IMAGE);
	set_kind(kinds, KIND_CACHE_WRITE, usage,
		 1u << PRICING_CACHE_WRITE | 1u << PRICING_CACHE_WRITE_5M |
			 1u << PRICING_CACHE_WRITE_1H);
	set_kind(kinds, KIND_REASONING, usage, 1u << PRICING_REASONING);
}

static void set_currency(struct money *money, const char *currency)
{
	size_t length = strnlen(currency, sizeof(money->currency) - 1);

	memset(money->currency, 0, sizeof(money->currency));
	memcpy(money->currency, currency, length);
}

static void add_charge_money(struct call_sum *sum, const struct ledger_charge *charge)
{
	if (!charge->currency)
		return;
	if (sum->n_currencies == 0) {
		set_currency(&sum->money, charge->currency);
		sum->n_currencies = 1;
	} else if (strcmp(sum->money.currency, charge->currency) != 0) {
		sum->n_currencies = 2;
	}
	sum->money.amount += charge->amount;
}

static bool has_local_price(const struct ledger_call *call)
{
	for (size_t i = 0; i < call->n_charges; i++) {
		if (call->charges[i].status != PRICING_PRICED)
			return false;
	}
	return call->n_charges && call->billed_by_charges;
}

static void take_reported(struct call_sum *sum, const struct ledger_call *call)
{
	sum->has_local = sum->n_currencies == 1 && has_local_price(call);
	sum->local = sum->money;
	set_currency(&sum->money, REPORTED_CURRENCY);
	sum->money.amount = call->reported;
	sum->n_currencies = 1;
}

void call_sum(const struct ledger_call *call, struct call_sum *ret_sum)
{
	struct call_sum sum = {.n_currencies = 0};

	for (size_t i = 0; i < call->n_charges; i++) {
		add_usage(&sum.usage, &call->charges[i].usage);
		if (call->cost_status != COST_FREE)
			add_charge_money(&sum, &call->charges[i]);
	}
	if (call->reported_source != REPORTED_NONE)
		take_reported(&sum, call);
	make_kinds(&sum.usage, &sum.kinds);
	sum.has_cost = call->cost_status != COST_UNPRICED && sum.n_currencies < 2;
	*ret_sum = sum;
}

static struct money *find_money(struct totals *totals, const char *currency)
{
	struct money *money;

	for (unsigned int i = 0; i < totals->n_money; i++) {
		if (!strcmp(totals->money[i].currency, currency))
			return &totals->money[i];
	}
	if (totals->n_money == LIMIT_CURRENCIES)
		return NULL;
	money = &totals->money[totals->n_money++];
	set_currency(money, currency);
	return money;
}

/* Return: false where there is no room for another currency. */
static bool add_amount(struct totals *totals, const char *currency, pricing_amount amount)
{
	struct money *money = find_money(totals, currency);

	if (money)
		money->amount += amount;
	return money;
}

/* Charge by charge, for they may be in several currencies. */
static void add_money(struct totals *totals, const struct ledger_call *call)
{
	bool all = true;

	if (call->reported_source != REPORTED_NONE) {
		totals->other_money += !add_amount(totals, REPORTED_CURRENCY, call->reported);
		return;
	}
	for (size_t i = 0; i < call->n_charges; i++) {
		const struct ledger_charge *charge = &call->charges[i];

		if (charge->currency)
			all &= add_amount(totals, charge->currency, charge->amount);
	}
	totals->other_money += !all;
}

void totals_add(struct totals *totals, const struct ledger_call *call)
{
	const char *capture = call->capture ? call->capture : "";
	struct call_sum sum;

	call_sum(call, &sum);
	for (unsigned int i = 0; i < KINDS; i++) {
		totals->kinds.has[i] |= sum.kinds.has[i];
		if (sum.kinds.has[i])
			totals->kinds.tokens[i] = add(totals->kinds.tokens[i], sum.kinds.tokens[i]);
	}
	if (call->cost_status == COST_PRICED)
		add_money(totals, call);
	if (totals->calls == 0 || call->start_ns < totals->first_ns)
		totals->first_ns = call->start_ns;
	if (call->end_ns > totals->last_ns)
		totals->last_ns = call->end_ns;
	totals->calls++;
	totals->open += call->settled == 0;
	totals->unpriced += call->settled && call->cost_status == COST_UNPRICED;
	totals->errors += call->error_type != NULL;
	totals->by_ebpf |= !strcmp(capture, "ebpf");
	totals->by_preload |= !strcmp(capture, "preload");
	totals->by_replay |= !strcmp(capture, "replay");
}
