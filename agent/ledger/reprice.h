/* SPDX-License-Identifier: Apache-2.0 */
/*
 * History priced anew: a further row of `price` beside the bill, never over it.
 *
 * A charge is rebuilt from the ledger: provider, model, tier, region, variant, quantities and the
 * time at which its call began. It gets a row, with its next number, where the card's answer
 * differs from its newest price: in what has no price, the currency, or the amount. The same card
 * again therefore adds nothing. Calls that are open, or free, are left alone. The cost of a call
 * whose response reports it stays that; the prices of its charges are what stands beside it.
 */
#ifndef AGENT_LEDGER_REPRICE_H
#define AGENT_LEDGER_REPRICE_H

#include "agent/ledger/query.h"

/* A call as it was priced last, and as it is now. */
struct ledger_repriced {
	/*
	 * Ids, time, provider, models, key, cost status, what is reported, and charges are set,
	 * and nothing else.
	 */
	struct ledger_call before, after;
	size_t n_changed; /* charges with another price */
	/*
	 * Charges with a quantity that the file could not hold, or of a bucket that this tollspan
	 * does not know: they keep their price.
	 */
	size_t n_kept;
};

typedef int (*ledger_repriced_fn)(void *context, const struct ledger_repriced *call);

/*
 * ledger_reprice - price the settled calls of a window anew, in the order of their beginning.
 * @filter: since_ns and until_ns count.
 * @dry_run: nothing is written; a ledger that is open for reading will do.
 * @fn: is told of each call after it has been committed. Texts are borrowed for the callback.
 *
 * It writes in transactions of a few hundred calls, and leaves other writers time between them; a
 * failure leaves whole what has been committed, and a second run goes on from there.
 * Return: 0, fn's non-zero, or a negative errno: -EBUSY, -EROFS, -ENOSPC, -EIO, -EBADMSG, -ENOMEM.
 */
int ledger_reprice(struct ledger *ledger, const struct ledger_filter *filter,
		   const struct pricing_card *card, bool dry_run, ledger_repriced_fn fn,
		   void *context);

#endif
