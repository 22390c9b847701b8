/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger as the exporter's spool. A target is the URL that calls are exported to, without user,
 * password and query; sequence, cursor and lease are kept for each. Calls that settle while their
 * writer exports to a target get the target's next sequence number, in the transaction that settles
 * them. Beyond LIMIT_EXPORT_BACKLOG the oldest are given up, and told as lost (CR_CAUSE_EXPORT).
 */
#ifndef AGENT_LEDGER_SPOOL_H
#define AGENT_LEDGER_SPOOL_H

#include "agent/ledger/ledger.h"
#include "agent/ledger/query.h"

/*
 * ledger_export - calls that this writer settles from now on are exported to the target; made where
 *	it is new. Between the first event and this call nothing may have settled.
 * Return: 0; -EINVAL: no URL, or longer than LIMIT_TARGET; another negative errno.
 */
int ledger_export(struct ledger *ledger, const char *url);

/** ledger_exported - calls that this handle gave a sequence; the last may not be committed yet. */
uint64_t ledger_exported(const struct ledger *ledger);

/*
 * ledger_settle_orphans - settle the calls that writers left open who are gone: same command, and
 *	of an earlier boot, or no such process any more. With @all: those of all writers but this.
 *	What they had told of usage was provisional: they end as partial (PARTIAL_CUT) and
 *	unpriced, the priced part kept, at the last time that is known; a free call stays free.
 *	They are exported as others are.
 * @ret_calls: how many.
 * Return: 0 or a negative errno.
 */
int ledger_settle_orphans(struct ledger *ledger, bool all, uint64_t *ret_calls);

/** ledger_settle_own - as ledger_settle_orphans(), the calls that this writer itself left open. */
int ledger_settle_own(struct ledger *ledger, uint64_t *ret_calls);

/* What one reader of a spool keeps; on a ledger handle of its own, in a thread of its own. */
struct ledger_spool;

/*
 * ledger_spool_new - on an open ledger that stays the caller's, and has begun its writer.
 * Return: 0; -EINVAL: no writer, or no URL; another negative errno.
 */
int ledger_spool_new(struct ledger_spool **ret_spool, struct ledger *ledger, const char *url);

/*
 * ledger_spool_lease - take, or keep, the right to export to the target for `ms` milliseconds from
 *	wall_ns on. A holder that is gone (its pid and start time) has none any more.
 * Return: 0; -EBUSY: somebody else has it; -EAGAIN: a writer keeps the file; another errno.
 */
int ledger_spool_lease(struct ledger_spool *spool, int64_t wall_ns, unsigned int ms);

/** ledger_spool_release - give the lease back, where it is ours. */
int ledger_spool_release(struct ledger_spool *spool);

/** ledger_spool_cursor - the last sequence that was delivered or given up; 0: none. */
int ledger_spool_cursor(struct ledger_spool *spool, uint64_t *ret_sequence);

/** ledger_spool_waiting - calls behind the cursor, and the highest sequence there is. */
int ledger_spool_waiting(struct ledger_spool *spool, uint64_t *ret_calls, uint64_t *ret_last);

struct ledger_spooled {
	uint64_t sequence;
	const struct ledger_call *call;
	/* of its process, beyond what the call has */
	const char *boot_id, *cgroup, *service_name;
	int64_t start_ticks, parent_pid, uid; /* -1: not known */
};

typedef int (*ledger_spool_fn)(void *context, const struct ledger_spooled *spooled);

/*
 * ledger_spool_read - call back with calls after a sequence, in its order; LIMIT_SPOOL_READ of them
 *	at most. No transaction is open between two calls of this function. The callback does not
 *	call the ledger.
 * Return: 0, a negative errno, or the callback's non-zero.
 */
int ledger_spool_read(struct ledger_spool *spool, uint64_t after, ledger_spool_fn fn,
		      void *context);

/*
 * ledger_spool_advance - move the cursor, durably. @lost: how many of them were given up.
 * Return: 0; -EBUSY where the lease is not ours (any more); -EAGAIN: a writer keeps the file;
 * -EINVAL: there is no such sequence; another negative errno.
 */
int ledger_spool_advance(struct ledger_spool *spool, uint64_t sequence, uint64_t lost);

void ledger_spool_free(struct ledger_spool *spool);

#endif
