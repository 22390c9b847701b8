/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/report.h"

#include <errno.h>
#include <string.h>

#include "agent/call_fields.h"
#include "agent/call_json.h"
#include "agent/json_out.h"
#include "agent/report_sum.h"

/* Longest JSON of one call. */
#define JSON_MAX (4 * MIB)

/* ---- the whole ---- */

struct whole {
	FILE *out;
	struct json_out json;
	struct totals totals;
	bool any_lost, any_unseen;
	char cause[64]; /* of the losses that are being written; "" before the first */
	bool names;     /* names of this cause are being written */
	uint64_t records, bytes;
};

static int on_call(void *context, const struct ledger_call *call)
{
	struct whole *whole = context;

	totals_add(&whole->totals, call);
	json_out_comma(&whole->json);
	json_out_put(&whole->json, "\n");
	call_json(&whole->json, call);
	json_out_flush(&whole->json, whole->out);
	return whole->json.r;
}

static void put_loss(struct json_out *json, uint64_t records, uint64_t bytes)
{
	json_out_unsigned(json, "records", records);
	json_out_unsigned(json, "bytes", bytes);
	json_out_close(json, "}");
}

static void end_cause(struct whole *whole)
{
	if (whole->names)
		json_out_close(&whole->json, "}");
	if (whole->cause[0])
		put_loss(&whole->json, whole->records, whole->bytes);
	whole->names = false;
	whole->records = whole->bytes = 0;
}

static uint64_t add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Losses come by cause: an object for each, with a further one by name where they have names. */
static int on_loss(void *context, const struct ledger_loss *loss)
{
	struct whole *whole = context;
	struct json_out *json = &whole->json;

	if (strncmp(whole->cause, loss->cause, sizeof(whole->cause) - 1) != 0) {
		end_cause(whole);
		snprintf(whole->cause, sizeof(whole->cause), "%s", loss->cause);
		json_out_key(json, loss->cause);
		json_out_open(json, "{");
	}
	if (loss->name) {
		if (!whole->names) {
			json_out_key(json, "names");
			json_out_open(json, "{");
		}
		whole->names = true;
		json_out_key(json, loss->name);
		json_out_open(json, "{");
		put_loss(json, loss->records, loss->bytes);
	}
	whole->records = add(whole->records, loss->records);
	whole->bytes = add(whole->bytes, loss->bytes);
	whole->any_lost = true;
	json_out_flush(json, whole->out);
	return json->r;
}

static int on_unseen(void *context, const struct ledger_unseen *unseen)
{
	struct whole *whole = context;
	struct json_out *json = &whole->json;

	whole->any_unseen = true;
	json_out_comma(json);
	json_out_open(json, "{");
	if (unseen->pid)
		json_out_unsigned(json, "process.pid", (uint64_t)unseen->pid);
	json_out_text(json, "process.executable.path", unseen->executable);
	json_out_text(json, "reason", unseen->reason);
	json_out_text(json, "remedy", unseen->remedy);
	json_out_close(json, "}");
	json_out_flush(json, whole->out);
	return json->r;
}

static void put_kinds(struct json_out *json, const struct kinds *kinds)
{
	for (unsigned int i = 0; i < KINDS; i++) {
		if (kinds->has[i])
			json_out_unsigned(json, call_fields_kind(i), kinds->tokens[i]);
	}
}

static void put_totals(struct json_out *json, const struct totals *totals, bool complete)
{
	json_out_open(json, "{");
	json_out_unsigned(json, "calls", totals->calls);
	put_kinds(json, &totals->kinds);
	json_out_key(json, "cost");
	json_out_open(json, "{");
	for (unsigned int i = 0; i < totals->n_money; i++)
		json_out_amount(json, totals->money[i].currency, totals->money[i].amount);
	json_out_close(json, "}");
	json_out_unsigned(json, "unpriced_calls", totals->unpriced + totals->other_money);
	json_out_unsigned(json, "errors", totals->errors);
	json_out_unsigned(json, "open_calls", totals->open);
	if (totals->last_ns)
		json_out_ms(json, "wall_time_ms", totals->last_ns - totals->first_ns);
	json_out_raw(json, "complete", complete ? "true" : "false");
	json_out_close(json, "}");
}

static int write_whole(struct whole *whole, const struct report_opts *opts)
{
	struct json_out *json = &whole->json;
	int r;

	json_out_open(json, "{");
	json_out_key(json, "calls");
	json_out_open(json, "[");
	r = ledger_calls(opts->ledger, &opts->filter, on_call, whole);
	json_out_close(json, "],\n\"lost\":");
	json_out_open(json, "{");
	if (r == 0)
		r = ledger_losses(opts->ledger, &opts->filter, on_loss, whole);
	end_cause(whole);
	json_out_close(json, "},\n\"unseen\":");
	json_out_open(json, "[");
	if (r == 0)
		r = ledger_unseens(opts->ledger, &opts->filter, on_unseen, whole);
	json_out_close(json, "],\n\"totals\":");
	put_totals(json, &whole->totals, !whole->any_lost && !whole->any_unseen);
	json_out_close(json, "}\n");
	json_out_flush(json, whole->out);
	return r ? r : json->r;
}

int report_json(FILE *out, const struct report_opts *opts)
{
	struct whole whole = {.out = out};
	int r;

	buffer_init(&whole.json.text, JSON_MAX);
	r = write_whole(&whole, opts);
	buffer_free(&whole.json.text);
	return r == 0 && fflush(out) ? -EIO : r;
}

int report_json_call(FILE *out, const struct ledger_call *call)
{
	struct json_out json = {.empty = true};

	buffer_init(&json.text, JSON_MAX);
	call_json(&json, call);
	json_out_put(&json, "\n");
	json_out_flush(&json, out);
	buffer_free(&json.text);
	return json.r;
}

static int on_line(void *context, const struct ledger_call *call)
{
	return report_json_call(context, call);
}

int report_json_lines(FILE *out, const struct report_opts *opts)
{
	int r = ledger_calls(opts->ledger, &opts->filter, on_line, out);

	return r == 0 && fflush(out) ? -EIO : r;
}
