/* SPDX-License-Identifier: Apache-2.0 */
/* Rows into calls, with their charges and attributes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ledger/internal.h"
#include "agent/ledger/texts.h"
#include "agent/limits.h"

/* What comes out of other statements for one call. */
struct parts {
	bool latest; /* prices, not those of the bill */
	struct texts texts;
	struct ledger_charge *charges;
	struct attribute *attributes;
};

int ledger_read_usage(struct ledger *ledger, int64_t charge, struct pricing_usage *usage)
{
	struct prepared *statement;
	bool unknown = false;
	int r = ledger_statement(ledger, STATEMENT_USAGES, &statement);

	if (r == 0)
		ledger_bind_int(statement, ":charge", charge, &r);
	if (r < 0)
		return r;
	while ((r = ledger_step(ledger, statement)) == 1) {
		const char *name = ledger_column_text(statement, 0);
		int bucket = name ? pricing_bucket_by_name(name) : -1;

		unknown |= bucket < 0;
		if (bucket >= 0)
			pricing_usage_set(usage, (enum pricing_bucket)bucket,
					  (uint64_t)ledger_column_int(statement, 1));
	}
	return r < 0 ? r : unknown;
}

static int read_charge(struct ledger *ledger, struct prepared *statement, struct parts *parts,
		       struct ledger_charge *charge)
{
	const char **const columns[] = {&charge->model, &charge->tier, &charge->region,
					&charge->variant};
	const char *status = ledger_column_text(statement, 5);
	struct texts *texts = &parts->texts;
	int r = 0;

	memset(charge, 0, sizeof(*charge));
	for (int i = 0; r == 0 && i < 4; i++)
		r = texts_keep(texts, statement, i + 1, columns[i]);
	if (r == 0)
		r = texts_keep(texts, statement, 6, &charge->missing);
	if (r == 0)
		r = texts_keep(texts, statement, 7, &charge->currency);
	if (r == 0)
		r = texts_keep(texts, statement, 9, &charge->card_version);
	charge->status = ledger_price_status_by_name(status ? status : "");
	charge->amount = ledger_column_int(statement, 8);
	if (r == 0)
		r = ledger_read_usage(ledger, ledger_column_int(statement, 0), &charge->usage);
	return r < 0 ? r : 0;
}

static int read_charges(struct ledger *ledger, struct parts *parts, struct ledger_call *call)
{
	struct prepared *statement;
	size_t n = 0;
	int r = ledger_statement(ledger, STATEMENT_CHARGES, &statement);

	if (r == 0)
		ledger_bind_int(statement, ":call", call->id, &r);
	if (r == 0)
		ledger_bind_int(statement, ":latest", parts->latest, &r);
	if (r < 0)
		return r;
	while (n < LIMIT_CHARGES && (r = ledger_step(ledger, statement)) == 1) {
		r = read_charge(ledger, statement, parts, &parts->charges[n++]);
		if (r < 0)
			break;
	}
	ledger_reset(statement);
	call->charges = parts->charges;
	call->n_charges = n;
	return r < 0 ? r : 0;
}

static int read_attributes(struct ledger *ledger, struct parts *parts, struct ledger_call *call)
{
	struct prepared *statement;
	size_t n = 0;
	int r = ledger_statement(ledger, STATEMENT_ATTRIBUTES, &statement);

	if (r == 0)
		ledger_bind_int(statement, ":call", call->id, &r);
	if (r < 0)
		return r;
	while (n < LIMIT_ATTRIBUTES && (r = ledger_step(ledger, statement)) == 1) {
		r = texts_keep(&parts->texts, statement, 0, &parts->attributes[n].name);
		if (r == 0)
			r = texts_keep(&parts->texts, statement, 1, &parts->attributes[n].value);
		if (r < 0)
			break;
		n++;
	}
	ledger_reset(statement);
	call->attributes = parts->attributes;
	call->n_attributes = n;
	return r < 0 ? r : 0;
}

/* Columns of STATEMENT_CALLS, in its order. */
static void read_call(struct prepared *statement, struct ledger_call *call)
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
			*numbers[i] = ledger_column_int(statement, i);
	}
	call->trace_id = ledger_column_text(statement, 2);
	call->span_id = ledger_column_text(statement, 3);
	call->parent_span_id = ledger_column_text(statement, 4);
	for (int i = 0; i < 9; i++)
		*texts[i] = ledger_column_text(statement, 8 + i);
	call->server_port = ledger_column_int(statement, 17);
	call->http_status = ledger_column_int(statement, 18);
	call->error_type = ledger_column_text(statement, 19);
	call->key_fingerprint = ledger_column_text(statement, 20);
	call->cost_status = ledger_cost_status_by_name(ledger_column_text(statement, 21));
	call->completeness = ledger_column_text(statement, 22);
	call->card_version = ledger_column_text(statement, 23);
	call->capture = ledger_column_text(statement, 24);
	call->process = ledger_column_int(statement, 25);
	call->pid = ledger_column_int(statement, 26);
	call->process_name = ledger_column_text(statement, 27);
	call->executable = ledger_column_text(statement, 28);
	call->arguments = ledger_column_text(statement, 29);
	call->provider_known = ledger_column_int(statement, 30);
	call->billed_by_charges = ledger_column_int(statement, 31);
	call->reported_source = ledger_reported_source_by_name(ledger_column_text(statement, 32));
	call->reported = ledger_column_int(statement, 33);
}

enum cost_status ledger_cost_status(const struct ledger_call *call)
{
	bool priced = call->n_charges > 0;

	if (!call->billed_by_charges || call->reported_source != REPORTED_NONE)
		return call->cost_status;
	for (size_t i = 0; i < call->n_charges; i++)
		priced = priced && call->charges[i].status == PRICING_PRICED;
	return priced ? COST_PRICED : COST_UNPRICED;
}

/* Prices of a call that came later than its bill make another status. */
static void use_latest(struct ledger_call *call)
{
	const char *bill = call->card_version ? call->card_version : "";

	call->cost_status = ledger_cost_status(call);
	for (size_t i = 0; i < call->n_charges; i++) {
		const char *version = call->charges[i].card_version;

		if (version && strcmp(version, bill) != 0)
			call->card_version = version;
	}
}

static int walk_calls(struct ledger *ledger, struct prepared *statement, struct parts *parts,
		      ledger_call_fn fn, void *context)
{
	struct ledger_call call;
	int r;

	while ((r = ledger_step(ledger, statement)) == 1) {
		read_call(statement, &call);
		r = read_charges(ledger, parts, &call);
		if (r == 0)
			r = read_attributes(ledger, parts, &call);
		if (parts->latest)
			use_latest(&call);
		if (r == 0)
			r = fn(context, &call);
		texts_clear(&parts->texts);
		if (r)
			break;
	}
	ledger_reset(statement);
	return r;
}

int ledger_read_calls(struct ledger *ledger, struct prepared *statement, bool latest,
		      ledger_call_fn fn, void *context)
{
	struct parts parts = {
		.latest = latest,
		.charges = calloc(LIMIT_CHARGES, sizeof(*parts.charges)),
		.attributes = calloc(LIMIT_ATTRIBUTES, sizeof(*parts.attributes)),
	};
	int r = -ENOMEM;

	if (parts.charges && parts.attributes)
		r = walk_calls(ledger, statement, &parts, fn, context);
	texts_free(&parts.texts);
	free(parts.charges);
	free(parts.attributes);
	return r;
}
