/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over the charges of a call and over calls. */
#ifndef AGENT_REPORT_SUM_H
#define AGENT_REPORT_SUM_H

#include "agent/ledger/query.h"
#include "agent/limits.h"

/* Tokens by the kinds that reports tell apart. */
enum kind {
	KIND_INPUT, /* all of it */
	KIND_CACHE_READ,
	KIND_CACHE_WRITE,
	KIND_OUTPUT, /* all of it */
	KIND_REASONING,
	KINDS,
};

struct kinds {
	bool has[KINDS];
	uint64_t tokens[KINDS];
};

struct money {
	char currency[PRICING_CURRENCY_MAX];
	pricing_amount amount;
};

/* A call's charges together, and the cost that its response reports in their place. */
struct call_sum {
	struct pricing_usage usage;
	struct kinds kinds;
	unsigned int n_currencies; /* 0: there is none */
	struct money money;        /* where there is one currency; what is priced of it */
	bool has_cost;             /* the call has a cost, and it is money.amount */
	bool has_local;            /* money is reported, and the card has a price for all of it: */
	struct money local;        /* this one */
};

void call_sum(const struct ledger_call *call, struct call_sum *ret_sum);

struct totals {
	uint64_t calls, open, errors;
	uint64_t unpriced; /* settled without a price */
	struct kinds kinds;
	struct money money[LIMIT_CURRENCIES]; /* of priced calls */
	unsigned int n_money;
	uint64_t other_money;      /* calls of yet another currency, not in money */
	int64_t first_ns, last_ns; /* first begin, last end */
	bool by_ebpf, by_preload, by_replay;
};

/** totals_add - zero the totals before the first. */
void totals_add(struct totals *totals, const struct ledger_call *call);

#endif
