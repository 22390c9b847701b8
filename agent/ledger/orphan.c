/* SPDX-License-Identifier: Apache-2.0 */
/* Calls whose writer died before they ended. */
#include "agent/ledger/internal.h"
#include "agent/ledger/spool.h"

/* Other writers wait for a transaction: it is ended after so many calls. */
#define CALLS_AT_ONCE 256

/* Settle one open call of a writer. Return: 1; 0: it has none; a negative errno. */
static int settle_one(struct ledger *ledger, int64_t writer)
{
	struct prepared *statement;
	int64_t call = 0;
	int r = ledger_statement(ledger, STATEMENT_SETTLE_ORPHAN, &statement);

	if (r == 0) {
		ledger_bind_int(statement, ":writer", writer, &r);
		ledger_bind_int(statement, ":cut", PARTIAL_CUT, &r);
	}
	if (r == 0)
		r = ledger_step(ledger, statement);
	if (r <= 0)
		return r;
	call = ledger_column_int(statement, 0);
	r = ledger_run(ledger, statement);
	if (r == 0)
		r = ledger_export_call(ledger, call);
	return r < 0 ? r : 1;
}

static int settle_writer(struct ledger *ledger, int64_t writer, uint64_t *calls)
{
	int r, committed = 0;

	do {
		r = ledger_event_begin(ledger);
		if (r == 0)
			r = ledger_event_end(ledger, settle_one(ledger, writer));
		if (r == 1 && ++*calls % CALLS_AT_ONCE == 0)
			committed = ledger_commit(ledger);
	} while (r == 1 && committed == 0);
	if (r == 0)
		committed = ledger_commit(ledger);
	return r < 0 ? r : committed;
}

/* The next writer after this one that has open calls. Return: 1; 0: there is none; errno. */
static int next_writer(struct ledger *ledger, bool all, int64_t *writer)
{
	struct prepared *statement;
	int r = ledger_statement(ledger, STATEMENT_OPEN_WRITER, &statement);

	if (r == 0) {
		ledger_bind_int(statement, ":after", *writer, &r);
		ledger_bind_int(statement, ":self", ledger->writer, &r);
		ledger_bind_int(statement, ":all", all, &r);
	}
	if (r == 0)
		r = ledger_step(ledger, statement);
	if (r <= 0)
		return r;
	*writer = ledger_column_int(statement, 0);
	ledger_reset(statement);
	return *writer != 0;
}

int ledger_settle_orphans(struct ledger *ledger, bool all, uint64_t *ret_calls)
{
	uint64_t calls = 0;
	int64_t writer = 0;
	int r;

	while ((r = next_writer(ledger, all, &writer)) == 1) {
		bool gone = all;

		r = all ? 0 : ledger_writer_gone(ledger, writer, &gone);
		if (r == 0 && gone)
			r = settle_writer(ledger, writer, &calls);
		if (r < 0)
			break;
	}
	if (r == 0)
		*ret_calls = calls;
	return r;
}

int ledger_settle_own(struct ledger *ledger, uint64_t *ret_calls)
{
	uint64_t calls = 0;
	int r = settle_writer(ledger, ledger->writer, &calls);

	if (r == 0)
		*ret_calls = calls;
	return r;
}
