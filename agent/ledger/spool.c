/* SPDX-License-Identifier: Apache-2.0 */
/* The reading side of a target's queue: lease, cursor, calls. */
#include "agent/ledger/spool.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/ledger/internal.h"
#include "agent/limits.h"

#define NS_PER_MS 1000000ll

struct ledger_spool {
	struct ledger *ledger;
	int64_t target;
	char *name;
};

int ledger_spool_new(struct ledger_spool **ret_spool, struct ledger *ledger, const char *url)
{
	struct ledger_spool *spool;
	int r;

	if (!ledger->writer)
		return -EINVAL;
	spool = calloc(1, sizeof(*spool));
	if (!spool)
		return -ENOMEM;
	spool->ledger = ledger;
	r = ledger_find_target(ledger, url, &spool->target, &spool->name);
	if (r < 0) {
		free(spool);
		return r;
	}
	*ret_spool = spool;
	return 0;
}

static int read_target(const struct ledger_spool *spool, struct ledger_target *ret_target)
{
	return ledger_read_target(spool->ledger, spool->target, ret_target);
}

/* ---- transactions: a writer that keeps the file is no other exporter ---- */

static int begin(struct ledger_spool *spool)
{
	int r = ledger_event_begin(spool->ledger);

	return r == -EBUSY ? -EAGAIN : r;
}

static int end(struct ledger_spool *spool, int r)
{
	int committed;

	r = ledger_event_end(spool->ledger, r);
	committed = ledger_commit(spool->ledger);
	if (r == 0)
		r = committed == -EBUSY ? -EAGAIN : committed;
	return r;
}

/* ---- the lease ---- */

static int64_t later(int64_t wall_ns, unsigned int ms)
{
	int64_t until;

	return __builtin_add_overflow(wall_ns, ms * NS_PER_MS, &until) ? INT64_MAX : until;
}

/* Return: 0; -EBUSY: somebody else has it; another negative errno. */
static int check_holder(const struct ledger_spool *spool, int64_t wall_ns)
{
	struct ledger_target target;
	bool gone;
	int r = read_target(spool, &target);

	if (r < 0 || !target.holder || target.holder == spool->ledger->writer ||
	    target.until_ns <= wall_ns)
		return r;
	r = ledger_writer_gone(spool->ledger, target.holder, &gone);
	if (r < 0)
		return r;
	return gone ? 0 : -EBUSY;
}

static int take_lease(struct ledger_spool *spool, int64_t wall_ns, unsigned int ms)
{
	struct prepared *statement = NULL;
	int r = check_holder(spool, wall_ns);

	if (r == 0)
		r = ledger_statement(spool->ledger, STATEMENT_LEASE, &statement);
	if (r < 0)
		return r;
	ledger_bind_int(statement, ":target", spool->target, &r);
	ledger_bind_int(statement, ":writer", spool->ledger->writer, &r);
	ledger_bind_int(statement, ":until", later(wall_ns, ms), &r);
	return r < 0 ? r : ledger_run(spool->ledger, statement);
}

int ledger_spool_lease(struct ledger_spool *spool, int64_t wall_ns, unsigned int ms)
{
	int r = begin(spool);

	return r < 0 ? r : end(spool, take_lease(spool, wall_ns, ms));
}

static int release(struct ledger_spool *spool)
{
	struct prepared *statement;
	int r = ledger_statement(spool->ledger, STATEMENT_RELEASE_LEASE, &statement);

	if (r < 0)
		return r;
	ledger_bind_int(statement, ":target", spool->target, &r);
	ledger_bind_int(statement, ":writer", spool->ledger->writer, &r);
	return r < 0 ? r : ledger_run(spool->ledger, statement);
}

int ledger_spool_release(struct ledger_spool *spool)
{
	int r = begin(spool);

	return r < 0 ? r : end(spool, release(spool));
}

/* ---- reading ---- */

int ledger_spool_cursor(struct ledger_spool *spool, uint64_t *ret_sequence)
{
	struct ledger_target target;
	int r = read_target(spool, &target);

	if (r == 0)
		*ret_sequence = (uint64_t)target.cursor;
	return r;
}

int ledger_spool_waiting(struct ledger_spool *spool, uint64_t *ret_calls, uint64_t *ret_last)
{
	struct ledger_target target;
	int r = read_target(spool, &target);

	if (r < 0)
		return r;
	*ret_calls = (uint64_t)(target.last - target.cursor);
	*ret_last = (uint64_t)target.last;
	return 0;
}

struct walk {
	struct prepared *statement;
	ledger_spool_fn fn;
	void *context;
};

static int64_t number(struct prepared *statement, int column)
{
	return ledger_column_null(statement, column) ? -1 : ledger_column_int(statement, column);
}

/* Columns of STATEMENT_SPOOL behind those of the call, in its order. */
static int on_call(void *context, const struct ledger_call *call)
{
	const struct walk *walk = context;
	struct prepared *statement = walk->statement;
	const int at = LEDGER_CALL_COLUMNS;
	struct ledger_spooled spooled = {
		.call = call,
		.sequence = (uint64_t)ledger_column_int(statement, at),
		.boot_id = ledger_column_text(statement, at + 1),
		.cgroup = ledger_column_text(statement, at + 2),
		.service_name = ledger_column_text(statement, at + 3),
		.start_ticks = number(statement, at + 4),
		.parent_pid = number(statement, at + 5),
		.uid = number(statement, at + 6),
	};

	return walk->fn(walk->context, &spooled);
}

int ledger_spool_read(struct ledger_spool *spool, uint64_t after, ledger_spool_fn fn, void *context)
{
	struct walk walk = {.fn = fn, .context = context};
	int r = ledger_statement(spool->ledger, STATEMENT_SPOOL, &walk.statement);

	if (r < 0)
		return r;
	ledger_bind_int(walk.statement, ":target", spool->target, &r);
	ledger_bind_int(walk.statement, ":after", ledger_saturate(after), &r);
	ledger_bind_int(walk.statement, ":limit", LIMIT_SPOOL_READ, &r);
	return r < 0 ? r : ledger_read_calls(spool->ledger, walk.statement, false, on_call, &walk);
}

/* ---- the cursor ---- */

static int dequeue(struct ledger_spool *spool, int64_t sequence)
{
	struct prepared *statement;
	int r = ledger_statement(spool->ledger, STATEMENT_DEQUEUE, &statement);

	if (r < 0)
		return r;
	ledger_bind_int(statement, ":target", spool->target, &r);
	ledger_bind_int(statement, ":cursor", sequence, &r);
	return r < 0 ? r : ledger_run(spool->ledger, statement);
}

static int move_cursor(struct ledger_spool *spool, int64_t sequence, uint64_t lost)
{
	struct prepared *statement;
	int r = ledger_statement(spool->ledger, STATEMENT_ADVANCE, &statement);

	if (r < 0)
		return r;
	ledger_bind_int(statement, ":target", spool->target, &r);
	ledger_bind_int(statement, ":cursor", sequence, &r);
	ledger_bind_int(statement, ":lost", ledger_saturate(lost), &r);
	return r < 0 ? r : ledger_run(spool->ledger, statement);
}

static int advance(struct ledger_spool *spool, uint64_t sequence, uint64_t lost)
{
	struct ledger_target target;
	int r = read_target(spool, &target);

	if (r < 0)
		return r;
	if (target.holder != spool->ledger->writer)
		return -EBUSY;
	if (sequence > (uint64_t)target.last)
		return -EINVAL;
	r = dequeue(spool, (int64_t)sequence);
	if (r == 0)
		r = move_cursor(spool, (int64_t)sequence, lost);
	if (r == 0 && lost)
		r = ledger_write_not_exported(spool->ledger, spool->name, lost);
	return r;
}

int ledger_spool_advance(struct ledger_spool *spool, uint64_t sequence, uint64_t lost)
{
	int r = begin(spool);

	return r < 0 ? r : end(spool, advance(spool, sequence, lost));
}

void ledger_spool_free(struct ledger_spool *spool)
{
	if (!spool)
		return;
	free(spool->name);
	free(spool);
}
