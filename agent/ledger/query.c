/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ledger/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ledger/internal.h"
#include "agent/limits.h"

/* The texts of one call's charges and attributes, which come out of other statements. */
struct texts {
	char **items;
	size_t n, capacity;
};

struct parts {
	struct texts texts;
	struct ledger_charge *charges;
	struct attribute *attributes;
};

static const char *column_text(sqlite3_stmt *statement, int column)
{
	return (const char *)sqlite3_column_text(statement, column);
}

static void bind_filter(sqlite3_stmt *statement, const struct ledger_filter *filter, int *r)
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

/* ---- a call's parts ---- */

static int keep_text(struct texts *texts, sqlite3_stmt *statement, int column, const char **ret)
{
	const char *text = column_text(statement, column);
	char *copy;

	*ret = NULL;
	if (!text)
		return sqlite3_column_type(statement, column) == SQLITE_NULL ? 0 : -ENOMEM;
	if (texts->n == texts->capacity) {
		size_t capacity = texts->capacity ? 2 * texts->capacity : 16;
		char **items = realloc(texts->items, capacity * sizeof(*items));

		if (!items)
			return -ENOMEM;
		texts->items = items;
		texts->capacity = capacity;
	}
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	texts->items[texts->n++] = copy;
	*ret = copy;
	return 0;
}

static void parts_clear(struct parts *parts)
{
	for (size_t i = 0; i < parts->texts.n; i++)
		free(parts->texts.items[i]);
	parts->texts.n = 0;
}

static void parts_free(struct parts *parts)
{
	parts_clear(parts);
	free(parts->texts.items);
	free(parts->charges);
	free(parts->attributes);
}

static int read_usage(struct ledger *ledger, int64_t charge, struct pricing_usage *usage)
{
	sqlite3_stmt *statement;
	int r = ledger_statement(ledger, STATEMENT_USAGES, &statement);

	if (r == 0)
		ledger_bind_int(statement, ":charge", charge, &r);
	if (r < 0)
		return r;
	while ((r = ledger_step(ledger, statement)) == 1) {
		const char *name = column_text(statement, 0);
		int bucket = name ? pricing_bucket_by_name(name) : -1;

		if (bucket >= 0)
			pricing_usage_set(usage, (enum pricing_bucket)bucket,
					  (uint64_t)sqlite3_column_int64(statement, 1));
	}
	return r;
}

static int read_charge(struct ledger *ledger, sqlite3_stmt *statement, struct texts *texts,
		       struct ledger_charge *charge)
{
	const char **const columns[] = {&charge->model, &charge->tier, &charge->region,
					&charge->variant};
	const char *status = column_text(statement, 5);
	int r = 0;

	memset(charge, 0, sizeof(*charge));
	for (int i = 0; r == 0 && i < 4; i++)
		r = keep_text(texts, statement, i + 1, columns[i]);
	if (r == 0)
		r = keep_text(texts, statement, 6, &charge->missing);
	if (r == 0)
		r = keep_text(texts, statement, 7, &charge->currency);
	charge->status = ledger_price_status_by_name(status ? status : "");
	charge->amount = sqlite3_column_int64(statement, 8);
	return r < 0 ? r : read_usage(ledger, sqlite3_column_int64(statement, 0), &charge->usage);
}

static int read_charges(struct ledger *ledger, struct parts *parts, struct ledger_call *call)
{
	sqlite3_stmt *statement;
	size_t n = 0;
	int r = ledger_statement(ledger, STATEMENT_CHARGES, &statement);

	if (r == 0)
		ledger_bind_int(statement, ":call", call->id, &r);
	if (r < 0)
		return r;
	while (n < LIMIT_CHARGES && (r = ledger_step(ledger, statement)) == 1) {
		r = read_charge(ledger, statement, &parts->texts, &parts->charges[n++]);
		if (r < 0)
			break;
	}
	sqlite3_reset(statement);
	call->charges = parts->charges;
	call->n_charges = n;
	return r < 0 ? r : 0;
}

static int read_attributes(struct ledger *ledger, struct parts *parts, struct ledger_call *call)
{
	sqlite3_stmt *statement;
	size_t n = 0;
	int r = ledger_statement(ledger, STATEMENT_ATTRIBUTES, &statement);

	if (r == 0)
		ledger_bind_int(statement, ":call", call->id, &r);
	if (r < 0)
		return r;
	while (n < LIMIT_ATTRIBUTES && (r = ledger_step(ledger, statement)) == 1) {
		r = keep_text(&parts->texts, statement, 0, &parts->attributes[n].name);
		if (r == 0)
			r = keep_text(&parts->texts, statement, 1, &parts->attributes[n].value);
		if (r < 0)
			break;
		n++;
	}
	sqlite3_reset(statement);
	call->attributes = parts->attributes;
	call->n_attributes = n;
	return r < 0 ? r : 0;
}

/* ---- calls ---- */

static enum cost_status cost_status_by_name(const char *name)
{
	for (unsigned int i = COST_UNPRICED; i <= COST_FREE; i++) {
		if (name && !strcmp(name, ledger_cost_status_name(i)))
			return i;
	}
	return COST_UNPRICED;
}

/* Columns of STATEMENT_CALLS, in its order. */
static void read_call(sqlite3_stmt *statement, struct ledger_call *call)
{
	int64_t *const numbers[] = {
		&call->id, &call->settled,  NULL,          NULL,
		NULL,      &call->start_ns, &call->end_ns, &call->first_token_ns};
	const char **const texts[] = {
		&call->operation,      &call->provider,    &call->request_model,
		&call->response_model, &call->response_id, &call->conversation_id,
		&call->method,         &call->path,        &call->server_address,
	};

	memset(call, 0, sizeof(*call));
	for (int i = 0; i < 8; i++) {
		if (numbers[i])
			*numbers[i] = sqlite3_column_int64(statement, i);
	}
	call->trace_id = column_text(statement, 2);
	call->span_id = column_text(statement, 3);
	call->parent_span_id = column_text(statement, 4);
	for (int i = 0; i < 9; i++)
		*texts[i] = column_text(statement, 8 + i);
	call->server_port = sqlite3_column_int64(statement, 17);
	call->http_status = sqlite3_column_int64(statement, 18);
	call->error_type = column_text(statement, 19);
	call->key_fingerprint = column_text(statement, 20);
	call->cost_status = cost_status_by_name(column_text(statement, 21));
	call->completeness = column_text(statement, 22);
	call->card_version = column_text(statement, 23);
	call->capture = column_text(statement, 24);
	call->process = sqlite3_column_int64(statement, 25);
	call->pid = sqlite3_column_int64(statement, 26);
	call->process_name = column_text(statement, 27);
	call->executable = column_text(statement, 28);
	call->arguments = column_text(statement, 29);
	call->provider_known = sqlite3_column_int(statement, 30);
}

static int walk_calls(struct ledger *ledger, sqlite3_stmt *statement, struct parts *parts,
		      ledger_call_fn fn, void *context)
{
	struct ledger_call call;
	int r;

	while ((r = ledger_step(ledger, statement)) == 1) {
		read_call(statement, &call);
		r = read_charges(ledger, parts, &call);
		if (r == 0)
			r = read_attributes(ledger, parts, &call);
		if (r == 0)
			r = fn(context, &call);
		parts_clear(parts);
		if (r)
			break;
	}
	sqlite3_reset(statement);
	return r;
}

int ledger_calls(struct ledger *ledger, const struct ledger_filter *filter, ledger_call_fn fn,
		 void *context)
{
	struct parts parts = {
		.charges = calloc(LIMIT_CHARGES, sizeof(*parts.charges)),
		.attributes = calloc(LIMIT_ATTRIBUTES, sizeof(*parts.attributes)),
	};
	sqlite3_stmt *statement;
	int r = parts.charges && parts.attributes ? 0 : -ENOMEM;

	if (r == 0)
		r = ledger_statement(ledger, STATEMENT_CALLS, &statement);
	if (r == 0) {
		bind_filter(statement, filter, &r);
		ledger_bind_text(statement, ":trace_id", filter->trace_id, &r);
		ledger_bind_int(statement, ":settled_after",
				filter->settled_only ? filter->settled_after : -1, &r);
	}
	if (r == 0)
		r = walk_calls(ledger, statement, &parts, fn, context);
	parts_free(&parts);
	return r;
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

	for (size_t i = 0; i < sum->texts.n; i++)
		free(sum->texts.items[i]);
	sum->texts.n = 0;
	return r;
}

static int walk_losses(struct ledger *ledger, sqlite3_stmt *statement, struct loss_sum *sum,
		       ledger_loss_fn fn, void *context)
{
	struct ledger_loss *loss = &sum->loss;
	int r;

	while ((r = ledger_step(ledger, statement)) == 1) {
		r = 0;
		if (sum->texts.n == 0 || !same_text(loss->cause, column_text(statement, 0)) ||
		    !same_text(loss->name, column_text(statement, 1))) {
			r = loss_flush(sum, fn, context);
			loss->records = loss->bytes = 0;
			if (r == 0)
				r = keep_text(&sum->texts, statement, 0, &loss->cause);
			if (r == 0)
				r = keep_text(&sum->texts, statement, 1, &loss->name);
		}
		if (r)
			break;
		loss->records = add(loss->records, sqlite3_column_int64(statement, 2));
		loss->bytes = add(loss->bytes, sqlite3_column_int64(statement, 3));
	}
	sqlite3_reset(statement);
	return r ? r : loss_flush(sum, fn, context);
}

int ledger_losses(struct ledger *ledger, const struct ledger_filter *filter, ledger_loss_fn fn,
		  void *context)
{
	struct loss_sum sum = {0};
	sqlite3_stmt *statement;
	int r = ledger_statement(ledger, STATEMENT_LOSSES, &statement);

	if (r == 0)
		bind_filter(statement, filter, &r);
	if (r == 0)
		r = walk_losses(ledger, statement, &sum, fn, context);
	for (size_t i = 0; i < sum.texts.n; i++)
		free(sum.texts.items[i]);
	free(sum.texts.items);
	return r;
}

/* ---- unseen, processes, traces ---- */

int ledger_unseens(struct ledger *ledger, const struct ledger_filter *filter, ledger_unseen_fn fn,
		   void *context)
{
	sqlite3_stmt *statement;
	int r = ledger_statement(ledger, STATEMENT_UNSEENS, &statement);

	if (r == 0)
		bind_filter(statement, filter, &r);
	if (r < 0)
		return r;
	while ((r = ledger_step(ledger, statement)) == 1) {
		struct ledger_unseen unseen = {
			.pid = sqlite3_column_int64(statement, 0),
			.executable = column_text(statement, 1),
			.reason = column_text(statement, 2),
			.remedy = column_text(statement, 3),
		};

		r = fn(context, &unseen);
		if (r)
			break;
	}
	sqlite3_reset(statement);
	return r;
}

int ledger_ancestors(struct ledger *ledger, int64_t process, ledger_process_fn fn, void *context)
{
	sqlite3_stmt *statement;
	int r = ledger_statement(ledger, STATEMENT_ANCESTORS, &statement);

	if (r == 0) {
		ledger_bind_int(statement, ":process", process, &r);
		ledger_bind_int(statement, ":depth", LIMIT_TREE_DEPTH - 1, &r);
	}
	if (r < 0)
		return r;
	while ((r = ledger_step(ledger, statement)) == 1) {
		struct ledger_process row = {
			.id = sqlite3_column_int64(statement, 0),
			.pid = sqlite3_column_int64(statement, 1),
			.start_ns = sqlite3_column_int64(statement, 2),
			.exit_ns = sqlite3_column_int64(statement, 3),
			.root = sqlite3_column_int(statement, 4),
			.executable = column_text(statement, 5),
			.name = column_text(statement, 6),
			.arguments = column_text(statement, 7),
		};

		r = fn(context, &row);
		if (r)
			break;
	}
	sqlite3_reset(statement);
	return r;
}

static int take_trace(struct ledger *ledger, sqlite3_stmt *statement,
		      char ret_trace_id[LEDGER_TRACE_ID_TEXT])
{
	char found[LEDGER_TRACE_ID_TEXT] = "";
	const char *text;
	int r = ledger_step(ledger, statement);

	if (r != 1)
		return r < 0 ? r : -ENOENT;
	text = column_text(statement, 0);
	if (!text || snprintf(found, sizeof(found), "%s", text) >= (int)sizeof(found)) {
		sqlite3_reset(statement);
		return -EBADMSG;
	}
	r = ledger_step(ledger, statement);
	sqlite3_reset(statement);
	if (r)
		return r < 0 ? r : -EEXIST;
	memcpy(ret_trace_id, found, sizeof(found));
	return 0;
}

int ledger_find_trace(struct ledger *ledger, const struct ledger_filter *filter, const char *prefix,
		      char ret_trace_id[LEDGER_TRACE_ID_TEXT])
{
	sqlite3_stmt *statement;
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
	sqlite3_stmt *statement;
	int r = ledger_statement(ledger, STATEMENT_LAST_SETTLED, &statement);

	if (r == 0)
		r = ledger_step(ledger, statement);
	if (r != 1)
		return r < 0 ? r : -EBADMSG;
	*ret_number = sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return 0;
}
