/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/report.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "agent/report_sum.h"
#include "agent/usage_name.h"
#include "agent/util/clock.h"
#include "agent/util/text.h"

/* Longest JSON of one call. */
#define JSON_MAX (4 * MIB)

/* An object or array that grows; the first error stays. */
struct json {
	struct buffer text;
	bool empty; /* nothing stands before the next member */
	int r;
};

static void json_put(struct json *json, const char *text)
{
	if (json->r == 0)
		json->r = buffer_append_text(&json->text, text);
}

static void json_open(struct json *json, const char *bracket)
{
	json_put(json, bracket);
	json->empty = true;
}

static void json_close(struct json *json, const char *bracket)
{
	json_put(json, bracket);
	json->empty = false;
}

static void json_comma(struct json *json)
{
	if (!json->empty)
		json_put(json, ",");
	json->empty = false;
}

static void json_key(struct json *json, const char *name)
{
	json_comma(json);
	if (json->r == 0)
		json->r = text_append_json(&json->text, name, strlen(name));
	json_put(json, ":");
}

static void json_text(struct json *json, const char *name, const char *value)
{
	if (!value)
		return;
	json_key(json, name);
	if (json->r == 0)
		json->r = text_append_json(&json->text, value, strlen(value));
}

static void json_raw(struct json *json, const char *name, const char *value)
{
	json_key(json, name);
	json_put(json, value);
}

static void json_unsigned(struct json *json, const char *name, uint64_t value)
{
	json_key(json, name);
	if (json->r == 0)
		json->r = buffer_printf(&json->text, "%" PRIu64, value);
}

static void json_amount(struct json *json, const char *name, pricing_amount amount)
{
	char text[PRICING_AMOUNT_TEXT_MAX];

	json_raw(json, name, pricing_amount_text(amount, text));
}

static void json_amount_text(struct json *json, const char *name, pricing_amount amount)
{
	char text[PRICING_AMOUNT_TEXT_MAX];

	json_text(json, name, pricing_amount_text(amount, text));
}

static void json_time(struct json *json, const char *name, int64_t wall_ns)
{
	char text[CLOCK_TEXT_MAX];

	if (wall_ns)
		json_text(json, name, clock_text(wall_ns, text));
}

/* Milliseconds with all their decimals; a nanosecond is 10^6 of what an amount counts. */
static void json_ms(struct json *json, const char *name, int64_t ns)
{
	json_amount(json, name, (pricing_amount)(ns > 0 ? ns : 0) * 1000000);
}

/* Writes what has grown so far, and begins anew. */
static void json_flush(struct json *json, FILE *out)
{
	if (json->r == 0 && json->text.length &&
	    fwrite(json->text.data, json->text.length, 1, out) != 1)
		json->r = -EIO;
	buffer_clear(&json->text);
}

/* ---- a call ---- */

static const enum pricing_bucket kind_buckets[KINDS] = {
	[KIND_INPUT] = PRICING_INPUT,
	[KIND_CACHE_READ] = PRICING_CACHE_READ,
	[KIND_CACHE_WRITE] = PRICING_CACHE_WRITE,
	[KIND_OUTPUT] = PRICING_OUTPUT,
	[KIND_REASONING] = PRICING_REASONING,
};

static void put_kinds(struct json *json, const struct kinds *kinds)
{
	for (unsigned int i = 0; i < KINDS; i++) {
		if (kinds->has[i])
			json_unsigned(json, usage_name(kind_buckets[i]), kinds->tokens[i]);
	}
}

/* Buckets without a standard name; the others are kinds, or what is left of a side without them. */
static void put_usage(struct json *json, const struct pricing_usage *usage)
{
	for (unsigned int i = 0; i < PRICING_BUCKETS; i++) {
		const char *name = usage_name(i);

		if (pricing_usage_has(usage, i) && !strncmp(name, "tollspan.", 9))
			json_unsigned(json, name, usage->quantity[i]);
	}
}

static void put_cost(struct json *json, const struct ledger_call *call, const struct call_sum *sum)
{
	static const char *const statuses[] = {
		[COST_UNPRICED] = "unpriced", [COST_PRICED] = "priced", [COST_FREE] = "free"};

	if (sum->has_cost) {
		json_amount(json, "gen_ai.usage.cost", sum->money.amount);
		json_amount_text(json, "tollspan.cost.amount", sum->money.amount);
	}
	if (sum->n_currencies == 1)
		json_text(json, "tollspan.cost.currency", sum->money.currency);
	json_text(json, "tollspan.cost.status", statuses[call->cost_status]);
	if (call->cost_status == COST_PRICED && call->n_charges)
		json_text(json, "tollspan.cost.source", "local");
	if (call->cost_status == COST_UNPRICED && sum->n_currencies == 1)
		json_amount_text(json, "tollspan.cost.priced_part", sum->money.amount);
}

static void put_charge(struct json *json, const struct ledger_charge *charge)
{
	json_comma(json);
	json_open(json, "{");
	json_text(json, "model", charge->model);
	json_text(json, "tier", charge->tier);
	json_text(json, "region", charge->region);
	json_text(json, "variant", charge->variant);
	json_key(json, "usage");
	json_open(json, "{");
	for (unsigned int i = 0; i < PRICING_BUCKETS; i++) {
		if (pricing_usage_has(&charge->usage, i))
			json_unsigned(json, pricing_bucket_name(i), charge->usage.quantity[i]);
	}
	json_close(json, "}");
	if (charge->status == PRICING_PRICED) {
		json_amount(json, "cost", charge->amount);
		json_text(json, "currency", charge->currency);
	} else {
		json_text(json, "unpriced", pricing_status_text(charge->status));
	}
	json_close(json, "}");
}

static void put_charges(struct json *json, const struct ledger_call *call)
{
	if (call->n_charges < 2)
		return;
	json_key(json, "tollspan.charges");
	json_open(json, "[");
	for (size_t i = 0; i < call->n_charges; i++)
		put_charge(json, &call->charges[i]);
	json_close(json, "]");
}

static void put_http(struct json *json, const struct ledger_call *call)
{
	json_text(json, "server.address", call->server_address);
	if (call->server_port)
		json_unsigned(json, "server.port", (uint64_t)call->server_port);
	json_text(json, "http.request.method", call->method);
	json_text(json, "url.path", call->path);
	if (call->http_status)
		json_unsigned(json, "http.response.status_code", (uint64_t)call->http_status);
	json_text(json, "error.type", call->error_type);
}

static void put_process(struct json *json, const struct ledger_call *call)
{
	const char *slash = call->executable ? strrchr(call->executable, '/') : NULL;
	const char *name = slash ? slash + 1 : call->executable;

	if (call->pid)
		json_unsigned(json, "process.pid", (uint64_t)call->pid);
	json_text(json, "process.executable.name", name ? name : call->process_name);
	if (call->arguments)
		json_raw(json, "process.command_args", call->arguments);
}

static void put_names(struct json *json, const struct ledger_call *call)
{
	json_text(json, "gen_ai.operation.name", call->operation);
	json_text(json, "gen_ai.provider.name", call->provider);
	json_text(json, "gen_ai.request.model", call->request_model);
	json_text(json, "gen_ai.response.model", call->response_model);
	json_text(json, "gen_ai.response.id", call->response_id);
	json_text(json, "gen_ai.conversation.id", call->conversation_id);
}

static void put_call(struct json *json, const struct ledger_call *call)
{
	struct call_sum sum;

	call_sum(call, &sum);
	json_open(json, "{");
	json_text(json, "trace_id", call->trace_id);
	json_text(json, "span_id", call->span_id);
	json_text(json, "parent_span_id", call->parent_span_id);
	json_time(json, "start_time", call->start_ns);
	json_time(json, "end_time", call->end_ns);
	if (call->end_ns)
		json_ms(json, "duration_ms", call->end_ns - call->start_ns);
	if (call->first_token_ns)
		json_ms(json, "tollspan.time_to_first_token_ms",
			call->first_token_ns - call->start_ns);
	put_names(json, call);
	put_kinds(json, &sum.kinds);
	put_usage(json, &sum.usage);
	put_cost(json, call, &sum);
	put_charges(json, call);
	json_text(json, "tollspan.key.fingerprint", call->key_fingerprint);
	json_text(json, "tollspan.card.version", call->card_version);
	json_text(json, "tollspan.completeness", call->completeness);
	json_text(json, "tollspan.capture", call->capture);
	put_http(json, call);
	put_process(json, call);
	for (size_t i = 0; i < call->n_attributes; i++)
		json_text(json, call->attributes[i].name, call->attributes[i].value);
	json_close(json, "}");
}

/* ---- the whole ---- */

struct whole {
	FILE *out;
	struct json json;
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
	json_comma(&whole->json);
	json_put(&whole->json, "\n");
	put_call(&whole->json, call);
	json_flush(&whole->json, whole->out);
	return whole->json.r;
}

static void put_loss(struct json *json, uint64_t records, uint64_t bytes)
{
	json_unsigned(json, "records", records);
	json_unsigned(json, "bytes", bytes);
	json_close(json, "}");
}

static void end_cause(struct whole *whole)
{
	if (whole->names)
		json_close(&whole->json, "}");
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
	struct json *json = &whole->json;

	if (strncmp(whole->cause, loss->cause, sizeof(whole->cause) - 1) != 0) {
		end_cause(whole);
		snprintf(whole->cause, sizeof(whole->cause), "%s", loss->cause);
		json_key(json, loss->cause);
		json_open(json, "{");
	}
	if (loss->name) {
		if (!whole->names) {
			json_key(json, "names");
			json_open(json, "{");
		}
		whole->names = true;
		json_key(json, loss->name);
		json_open(json, "{");
		put_loss(json, loss->records, loss->bytes);
	}
	whole->records = add(whole->records, loss->records);
	whole->bytes = add(whole->bytes, loss->bytes);
	whole->any_lost = true;
	json_flush(json, whole->out);
	return json->r;
}

static int on_unseen(void *context, const struct ledger_unseen *unseen)
{
	struct whole *whole = context;
	struct json *json = &whole->json;

	whole->any_unseen = true;
	json_comma(json);
	json_open(json, "{");
	if (unseen->pid)
		json_unsigned(json, "process.pid", (uint64_t)unseen->pid);
	json_text(json, "process.executable.path", unseen->executable);
	json_text(json, "reason", unseen->reason);
	json_text(json, "remedy", unseen->remedy);
	json_close(json, "}");
	json_flush(json, whole->out);
	return json->r;
}

static void put_totals(struct json *json, const struct totals *totals, bool complete)
{
	json_open(json, "{");
	json_unsigned(json, "calls", totals->calls);
	put_kinds(json, &totals->kinds);
	json_key(json, "cost");
	json_open(json, "{");
	for (unsigned int i = 0; i < totals->n_money; i++)
		json_amount(json, totals->money[i].currency, totals->money[i].amount);
	json_close(json, "}");
	json_unsigned(json, "unpriced_calls", totals->unpriced + totals->other_money);
	json_unsigned(json, "errors", totals->errors);
	json_unsigned(json, "open_calls", totals->open);
	if (totals->last_ns)
		json_ms(json, "wall_time_ms", totals->last_ns - totals->first_ns);
	json_raw(json, "complete", complete ? "true" : "false");
	json_close(json, "}");
}

static int write_whole(struct whole *whole, const struct report_opts *opts)
{
	struct json *json = &whole->json;
	int r;

	json_open(json, "{");
	json_key(json, "calls");
	json_open(json, "[");
	r = ledger_calls(opts->ledger, &opts->filter, on_call, whole);
	json_close(json, "],\n\"lost\":");
	json_open(json, "{");
	if (r == 0)
		r = ledger_losses(opts->ledger, &opts->filter, on_loss, whole);
	end_cause(whole);
	json_close(json, "},\n\"unseen\":");
	json_open(json, "[");
	if (r == 0)
		r = ledger_unseens(opts->ledger, &opts->filter, on_unseen, whole);
	json_close(json, "],\n\"totals\":");
	put_totals(json, &whole->totals, !whole->any_lost && !whole->any_unseen);
	json_close(json, "}\n");
	json_flush(json, whole->out);
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
	struct json json = {.empty = true};

	buffer_init(&json.text, JSON_MAX);
	put_call(&json, call);
	json_put(&json, "\n");
	json_flush(&json, out);
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
