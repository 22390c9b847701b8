/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ledger/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ledger/internal.h"
#include "agent/ledger/texts.h"
#include "agent/limits.h"

static void bind_filter(struct prepared *statement, const struct ledger_filter *filter, int *r)
{
	ledger_bind_int(statement, ":writer", filter->writer, r);
	ledger_bind_int(statement, ":since", filter->since_ns, r);
	ledger_bind_int(statement, ":until", filter->until_ns ? filter->until_ns : INT64_MAX, r);
}

/* ---- responses in the background ---- */

int ledger_backgrounds(void *context, void (*tell)(void *to, const char *response_id), void *to)
{
	static const char text[] =
		"SELECT response_id FROM (SELECT c.id, c.response_id FROM call c "
		"JOIN attribute a ON a.call = c.id AND a.name = 'tollspan.request.background' "
		"WHERE a.value = 'true' AND c.billing = 'unknown' AND c.response_id IS NOT NULL "
		"AND NOT EXISTS (SELECT 1 FROM call p WHERE p.response_id = c.response_id "
		"AND p.billing = 'usage') ORDER BY c.id DESC LIMIT ?1) ORDER BY id";
	struct ledger *ledger = context;
	sqlite3_stmt *statement = NULL;
	int r = sqlite3_prepare_v2(ledger->db, text, -1, &statement, NULL);

	if (r == SQLITE_OK)
		r = sqlite3_bind_int(statement, 1, LIMIT_BACKGROUND);
	while (r == SQLITE_OK && (r = sqlite3_step(statement)) == SQLITE_ROW) {
		tell(to, (const char *)sqlite3_column_text(statement, 0));
		r = SQLITE_OK;
	}
	sqlite3_finalize(statement);
	return r == SQLITE_DONE ? 0 : ledger_errno(ledger->db, r);
}

/* ---- calls ---- */

int ledger_calls(struct ledger *ledger, const struct ledger_filter *filter, ledger_call_fn fn,
		 void *context)
{
	struct prepared *statement;
	int r = ledger_statement(ledger, STATEMENT_CALLS, &statement);

	if (r == 0) {
		bind_filter(statement, filter, &r);
		ledger_bind_text(statement, ":trace_id", filter->trace_id, &r);
		ledger_bind_int(statement, ":settled_after",
				filter->settled_only ? filter->settled_after : -1, &r);
	}
	return r < 0 ? r : ledger_read_calls(ledger, statement, filter->latest, fn, context);
}

/* ---- losses ---- */

static uint64_t add(uint64_t sum, int64_t more)
{
	return more < 0 || sum > UINT64_MAX - (uint64_t)more ? UINT64_MAX : sum + (uint64_t)more;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* The sum so far goes out when the next cause or name comes, and at the end. */
struct loss_sum {
	struct ledger_loss loss;
	struct texts texts; /* cause, and name if it has one */
};

static int loss_flush(struct loss_sum *sum, ledger_loss_fn fn, void *context)
{
	int r = sum->texts.n ? fn(context, &sum->loss) : 0;

	texts_clear(&sum->texts);
	return r;
}

static int walk_losses(struct ledger *ledger, struct prepared *statement, struct loss_sum *sum,
		       ledger_loss_fn fn, void *context)
{
	struct ledger_loss *loss = &sum->loss;
	int r;

	while ((r = ledger_step(ledger, statement)) == 1) {
		r = 0;
		if (sum->texts.n == 0 ||
		    !same_text(loss->cause, ledger_column_text(statement, 0)) ||
		    !same_text(loss->name, ledger_column_text(statement, 1))) {
			r = loss_flush(sum, fn, context);
			loss->records = loss->bytes = 0;
			if (r == 0)
				r = texts_keep(&sum->texts, statement, 0, &loss->cause);
			if (r == 0)
				r = texts_keep(&sum->texts, statement, 1, &loss->name);
		}
		if (r)
			break;
		loss->records = add(loss->records, ledger_column_int(statement, 2));
		loss->bytes = add(loss->bytes, ledger_column_int(statement, 3));
	}
	ledger_reset(statement);
	return r ? r : loss_flush(sum, fn, context);
}

int ledger_losses(struct ledger *ledger, const struct ledger_filter *filter, ledger_loss_fn fn,
		  void *context)
{
	struct loss_sum sum = {0};
	struct prepared *statement;
	int r = ledger_statement(ledger, STATEMENT_LOSSES, &statement);

	if (r == 0)
		bind_filter(statement, filter, &r);
	if (r == 0)
		r = walk_losses(ledger, statement, &sum, fn, context);
	texts_free(&sum.texts);
	return r;
}

/* ---- unseen, processes, traces ---- */

int ledger_unseens(struct ledger *ledger, const struct ledger_filter *filter, ledger_unseen_fn fn,
		   void *context)
{
	struct prepared *statement;
	int r = ledger_statement(ledger, STATEMENT_UNSEENS, &statement);

	if (r == 0)
		bind_filter(statement, filter, &r);
	if (r < 0)
		return r;
	while ((r = ledger_step(ledger, statement)) == 1) {
		struct ledger_unseen unseen = {
			.pid = ledger_column_int(statement, 0),
			.executable = ledger_column_text(statement, 1),
			.reason = ledger_column_text(statement, 2),
			.remedy = ledger_column_text(statement, 3),
		};

		r = fn(context, &unseen);
		if (r)
			break;
	}
	ledger_reset(statement);
	return r;
}

int ledger_ancestors(struct ledger *ledger, int64_t process, ledger_process_fn fn, void *context)
{
	struct prepared *statement;
	int r = ledger_statement(ledger, STATEMENT_ANCESTORS, &statement);

	if (r == 0) {
		ledger_bind_int(statement, ":process", process, &r);
		ledger_bind_int(statement, ":depth", LIMIT_TREE_DEPTH - 1, &r);
	}
	if (r < 0)
		return r;
	while ((r = ledger_step(ledger, statement)) == 1) {
		struct ledger_process row = {
			.id = ledger_column_int(statement, 0),
			.pid = ledger_column_int(statement, 1),
			.start_ns = ledger_column_int(statement, 2),
			.exit_ns = ledger_column_int(statement, 3),
			.root = ledger_column_int(statement, 4),
			.executable = ledger_column_text(statement, 5),
			.name = ledger_column_text(statement, 6),
			.arguments = ledger_column_text(statement, 7),
		};

		r = fn(context, &row);
		if (r)
			break;
	}
	ledger_reset(statement);
	return r;
}

static int take_trace(struct ledger *ledger, struct prepared *statement,
		      char ret_trace_id[LEDGER_TRACE_ID_TEXT])
{
	char found[LEDGER_TRACE_ID_TEXT] = "";
	const char *text;
	int r = ledger_step(ledger, statement);

	if (r != 1)
		return r < 0 ? r : -ENOENT;
	text = ledger_column_text(statement, 0);
	if (!text || snprintf(found, sizeof(found), "%s", text) >= (int)sizeof(found)) {
		ledger_reset(statement);
		return -EBADMSG;
	}
	r = ledger_step(ledger, statement);
	ledger_reset(statement);
	if (r)
		return r < 0 ? r : -EEXIST;
	memcpy(ret_trace_id, found, sizeof(found));
	return 0;
}

int ledger_find_trace(struct ledger *ledger, const struct ledger_filter *filter, const char *prefix,
		      char ret_trace_id[LEDGER_TRACE_ID_TEXT])
{
	struct prepared *statement;
	int r = ledger_statement(ledger, prefix ? STATEMENT_FIND_TRACE : STATEMENT_NEWEST_TRACE,
				 &statement);

	if (r == 0 && prefix)
		ledger_bind_text(statement, ":prefix", prefix, &r);
	else if (r == 0)
		bind_filter(statement, filter, &r);
	return r < 0 ? r : take_trace(ledger, statement, ret_trace_id);
}

int ledger_last_settled(struct ledger *ledger, int64_t *ret_number)
{
	struct prepared *statement;
	int r = ledger_statement(ledger, STATEMENT_LAST_SETTLED, &statement);

	if (r == 0)
		r = ledger_step(ledger, statement);
	if (r != 1)
		return r < 0 ? r : -EBADMSG;
	*ret_number = ledger_column_int(statement, 0);
	ledger_reset(statement);
	return 0;
}
