/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ledger/reprice.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/ledger/internal.h"
#include "agent/ledger/texts.h"
#include "agent/limits.h"
#include "agent/util/clock.h"

/* How often a batch is read again, where others price the same calls at the same time. */
#define ATTEMPTS 10

/* Between two transactions others get as long as the last one took, within these bounds. */
#define PAUSE_MIN_US 1000
#define PAUSE_MAX_US 100000

/* Columns of STATEMENT_REPRICE. */
enum column {
	COLUMN_CALL,
	COLUMN_START,
	COLUMN_TRACE,
	COLUMN_SPAN,
	COLUMN_PROVIDER,
	COLUMN_PROVIDER_KNOWN,
	COLUMN_REQUEST_MODEL,
	COLUMN_RESPONSE_MODEL,
	COLUMN_KEY,
	COLUMN_COST_STATUS,
	COLUMN_BY_CHARGES,
	COLUMN_CHARGE,
	COLUMN_MODEL,
	COLUMN_TIER,
	COLUMN_REGION,
	COLUMN_VARIANT,
	COLUMN_PRICING,
	COLUMN_STATUS,
	COLUMN_MISSING,
	COLUMN_CURRENCY,
	COLUMN_AMOUNT,
	COLUMN_LACKING,
	COLUMN_TAG,
	COLUMN_REPORTED_SOURCE,
	COLUMN_REPORTED,
};

/* What is done about a charge. */
struct item {
	int64_t charge, pricing; /* ids: of its row, and of its newest price */
	bool kept, changed;
	struct pricing_result result;
};

struct batch {
	struct texts texts;
	struct ledger_repriced calls[LIMIT_REPRICE_CALLS];
	size_t first[LIMIT_REPRICE_CALLS];     /* charge of each call */
	const char *tags[LIMIT_REPRICE_CALLS]; /* of each call; NULL: none */
	size_t n_calls;
	struct item *items;
	struct ledger_charge *before, *after;
	size_t n_charges, capacity;
	size_t n_changed;
};

/* ---- reading ---- */

static int grow(struct batch *batch)
{
	size_t capacity = batch->capacity ? 2 * batch->capacity : LIMIT_REPRICE_CALLS;
	struct item *items = realloc(batch->items, capacity * sizeof(*items));
	struct ledger_charge *before, *after;

	if (items)
		batch->items = items;
	before = realloc(batch->before, capacity * sizeof(*before));
	if (before)
		batch->before = before;
	after = realloc(batch->after, capacity * sizeof(*after));
	if (after)
		batch->after = after;
	if (!items || !before || !after)
		return -ENOMEM;
	batch->capacity = capacity;
	return 0;
}

static int keep(struct batch *batch, struct prepared *row, enum column column, const char **ret)
{
	return texts_keep(&batch->texts, row, (int)column, ret);
}

static int read_call(struct batch *batch, struct prepared *row)
{
	struct ledger_repriced *repriced = &batch->calls[batch->n_calls];
	struct ledger_call *call = &repriced->before;
	int r;

	memset(repriced, 0, sizeof(*repriced));
	call->id = ledger_column_int(row, COLUMN_CALL);
	call->settled = 1;
	call->start_ns = ledger_column_int(row, COLUMN_START);
	call->provider_known = ledger_column_int(row, COLUMN_PROVIDER_KNOWN);
	call->cost_status = ledger_cost_status_by_name(ledger_column_text(row, COLUMN_COST_STATUS));
	call->billed_by_charges = ledger_column_int(row, COLUMN_BY_CHARGES);
	call->reported_source =
		ledger_reported_source_by_name(ledger_column_text(row, COLUMN_REPORTED_SOURCE));
	call->reported = ledger_column_int(row, COLUMN_REPORTED);
	r = keep(batch, row, COLUMN_TRACE, &call->trace_id);
	if (r == 0)
		r = keep(batch, row, COLUMN_SPAN, &call->span_id);
	if (r == 0)
		r = keep(batch, row, COLUMN_PROVIDER, &call->provider);
	if (r == 0)
		r = keep(batch, row, COLUMN_REQUEST_MODEL, &call->request_model);
	if (r == 0)
		r = keep(batch, row, COLUMN_RESPONSE_MODEL, &call->response_model);
	if (r == 0)
		r = keep(batch, row, COLUMN_KEY, &call->key_fingerprint);
	if (r == 0)
		r = keep(batch, row, COLUMN_TAG, &batch->tags[batch->n_calls]);
	batch->first[batch->n_calls++] = batch->n_charges;
	return r;
}

static int read_charge(struct ledger *ledger, struct batch *batch, struct prepared *row)
{
	int r = batch->n_charges == batch->capacity ? grow(batch) : 0;
	const char *status = ledger_column_text(row, COLUMN_STATUS);
	struct ledger_charge *charge;
	struct item *item;

	if (r < 0)
		return r;
	item = &batch->items[batch->n_charges];
	charge = &batch->before[batch->n_charges++];
	memset(charge, 0, sizeof(*charge));
	item->charge = ledger_column_int(row, COLUMN_CHARGE);
	item->pricing = ledger_column_int(row, COLUMN_PRICING);
	item->changed = false;
	charge->status = ledger_price_status_by_name(status ? status : "");
	charge->amount = ledger_column_int(row, COLUMN_AMOUNT);
	r = keep(batch, row, COLUMN_MODEL, &charge->model);
	if (r == 0)
		r = keep(batch, row, COLUMN_TIER, &charge->tier);
	if (r == 0)
		r = keep(batch, row, COLUMN_REGION, &charge->region);
	if (r == 0)
		r = keep(batch, row, COLUMN_VARIANT, &charge->variant);
	if (r == 0)
		r = keep(batch, row, COLUMN_MISSING, &charge->missing);
	if (r == 0)
		r = keep(batch, row, COLUMN_CURRENCY, &charge->currency);
	if (r == 0)
		r = ledger_read_usage(ledger, item->charge, &charge->usage);
	item->kept = r == 1 || ledger_column_int(row, COLUMN_LACKING);
	return r < 0 ? r : 0;
}

static int read_row(struct ledger *ledger, struct batch *batch, struct prepared *row)
{
	size_t n = batch->n_calls;
	int r = 0;

	if (n == 0 || batch->calls[n - 1].before.id != ledger_column_int(row, COLUMN_CALL))
		r = read_call(batch, row);
	if (r == 0 && !ledger_column_null(row, COLUMN_CHARGE))
		r = read_charge(ledger, batch, row);
	return r;
}

/* The calls behind the one that the last batch ended with. */
static int read_batch(struct ledger *ledger, const struct ledger_filter *from, int64_t after,
		      struct batch *batch)
{
	struct prepared *row;
	int r = ledger_statement(ledger, STATEMENT_REPRICE, &row);

	texts_clear(&batch->texts);
	batch->n_calls = batch->n_charges = batch->n_changed = 0;
	if (r == 0) {
		ledger_bind_int(row, ":since", from->since_ns, &r);
		ledger_bind_int(row, ":until", from->until_ns ? from->until_ns : INT64_MAX, &r);
		ledger_bind_int(row, ":after", after, &r);
		ledger_bind_int(row, ":limit", LIMIT_REPRICE_CALLS, &r);
	}
	if (r < 0)
		return r;
	while ((r = ledger_step(ledger, row)) == 1) {
		r = read_row(ledger, batch, row);
		if (r < 0)
			break;
	}
	ledger_reset(row);
	return r;
}

/* ---- pricing ---- */

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* The charge with the card's answer, as the file will hold it. */
static void set_price(struct ledger_charge *charge, const struct pricing_result *result)
{
	charge->status = ledger_charge_status(&charge->usage, result);
	charge->missing = charge->status == PRICING_UNPRICED_BUCKET
				  ? pricing_bucket_name(result->missing)
				  : NULL;
	charge->currency = result->currency[0] ? result->currency : NULL;
	charge->amount =
		charge->currency && ledger_amount_fits(result->amount) ? result->amount : 0;
}

static void price_charge(const struct pricing_card *card, const struct ledger_call *call,
			 const char *tag, struct batch *batch, size_t i)
{
	const struct ledger_charge *before = &batch->before[i];
	struct ledger_charge *after = &batch->after[i];
	struct item *item = &batch->items[i];
	const struct pricing_charge question = {
		.provider = call->provider_known ? call->provider : NULL,
		.model = before->model,
		.tier = before->tier,
		.region = before->region,
		.variant = before->variant,
		.key = call->key_fingerprint,
		.tag = tag,
		.time = call->start_ns / NS_PER_SECOND,
		.usage = before->usage,
	};

	*after = *before;
	if (item->kept)
		return;
	pricing_price(card, &question, &item->result);
	set_price(after, &item->result);
	item->changed = after->status != before->status || after->amount != before->amount ||
			!same_text(after->missing, before->missing) ||
			!same_text(after->currency, before->currency);
}

static void price_call(const struct pricing_card *card, struct batch *batch, size_t i)
{
	size_t end = i + 1 < batch->n_calls ? batch->first[i + 1] : batch->n_charges;
	struct ledger_repriced *call = &batch->calls[i];

	for (size_t j = batch->first[i]; j < end; j++) {
		price_charge(card, &call->before, batch->tags[i], batch, j);
		call->n_changed += batch->items[j].changed;
		call->n_kept += batch->items[j].kept;
	}
	batch->n_changed += call->n_changed;
	call->before.n_charges = end - batch->first[i];
	call->after = call->before;
	if (call->before.n_charges) {
		call->before.charges = batch->before + batch->first[i];
		call->after.charges = batch->after + batch->first[i];
	}
	call->before.cost_status = ledger_cost_status(&call->before);
	call->after.cost_status = ledger_cost_status(&call->after);
}

/* ---- writing ---- */

/* Return: 0, -EAGAIN where somebody else has priced the charge meanwhile, or another errno. */
static int write_price(struct ledger *ledger, const struct pricing_card *card,
		       const struct batch *batch, size_t i)
{
	const struct item *item = &batch->items[i];
	struct prepared *row;
	int64_t newest;
	int r = ledger_statement(ledger, STATEMENT_NEWEST_PRICING, &row);

	if (r == 0)
		ledger_bind_int(row, ":charge", item->charge, &r);
	if (r == 0)
		r = ledger_step(ledger, row);
	if (r != 1)
		return r < 0 ? r : -EBADMSG;
	newest = ledger_column_int(row, 0);
	ledger_reset(row);
	if (newest != item->pricing)
		return -EAGAIN;
	return ledger_put_price(ledger, item->charge, newest + 1, &batch->before[i].usage,
				&item->result, pricing_card_version(card));
}

static int write_batch(struct ledger *ledger, const struct pricing_card *card,
		       const struct batch *batch)
{
	int r = ledger_event_begin(ledger), committed;

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < batch->n_charges; i++) {
		if (batch->items[i].changed)
			r = write_price(ledger, card, batch, i);
	}
	r = ledger_event_end(ledger, r);
	committed = ledger_commit(ledger);
	return r < 0 ? r : committed;
}

/* A writer that waits looks again only now and then. */
static void let_others(uint64_t begun_ns)
{
	uint64_t us = (clock_boot_ns() - begun_ns) / 1000;

	us = us < PAUSE_MIN_US ? PAUSE_MIN_US : us;
	usleep((useconds_t)(us > PAUSE_MAX_US ? PAUSE_MAX_US : us));
}

/* ---- batch by batch ---- */

static int reprice_batch(struct ledger *ledger, const struct ledger_filter *from, int64_t after,
			 const struct pricing_card *card, bool dry_run, struct batch *batch)
{
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < ATTEMPTS; i++) {
		uint64_t begun_ns = clock_boot_ns();

		r = read_batch(ledger, from, after, batch);
		for (size_t j = 0; r == 0 && j < batch->n_calls; j++)
			price_call(card, batch, j);
		if (r < 0 || dry_run || batch->n_changed == 0)
			return r;
		r = write_batch(ledger, card, batch);
		let_others(begun_ns);
	}
	return r == -EAGAIN ? -EBUSY : r;
}

static int tell(const struct batch *batch, ledger_repriced_fn fn, void *context)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < batch->n_calls; i++)
		r = fn(context, &batch->calls[i]);
	return r;
}

int ledger_reprice(struct ledger *ledger, const struct ledger_filter *filter,
		   const struct pricing_card *card, bool dry_run, ledger_repriced_fn fn,
		   void *context)
{
	struct batch *batch = calloc(1, sizeof(*batch));
	struct ledger_filter from = *filter;
	int64_t after = 0;
	int r = 0;

	if (!batch)
		return -ENOMEM;
	do {
		r = reprice_batch(ledger, &from, after, card, dry_run, batch);
		if (r == 0)
			r = tell(batch, fn, context);
		if (r == 0 && batch->n_calls) {
			from.since_ns = batch->calls[batch->n_calls - 1].before.start_ns;
			after = batch->calls[batch->n_calls - 1].before.id;
		}
	} while (r == 0 && batch->n_calls == LIMIT_REPRICE_CALLS);
	texts_free(&batch->texts);
	free(batch->items);
	free(batch->before);
	free(batch->after);
	free(batch);
	return r;
}
