/* SPDX-License-Identifier: Apache-2.0 */
/* Calls, their charges and prices, into rows. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "agent/ledger/internal.h"
#include "agent/ledger/query.h"
#include "agent/util/hash.h"

/* ---- charges ---- */

static int insert_charge(struct ledger *ledger, int64_t call, size_t number,
			 const struct charge *charge, int64_t *ret_id)
{
	uint64_t input = 0, output = 0;
	bool has_input = ledger_usage_input(&charge->usage, &input) && input <= INT64_MAX;
	bool has_output = ledger_usage_output(&charge->usage, &output) && output <= INT64_MAX;
	struct prepared *statement;
	int r = ledger_statement(ledger, STATEMENT_CHARGE, &statement);

	if (r < 0)
		return r;
	ledger_bind_int(statement, ":call", call, &r);
	ledger_bind_int(statement, ":number", (int64_t)number, &r);
	ledger_bind_text(statement, ":model", charge->model, &r);
	ledger_bind_text(statement, ":tier", charge->tier, &r);
	ledger_bind_text(statement, ":region", charge->region, &r);
	ledger_bind_text(statement, ":variant", charge->variant, &r);
	ledger_bind_int_if(statement, ":input_tokens", has_input, (int64_t)input, &r);
	ledger_bind_int_if(statement, ":output_tokens", has_output, (int64_t)output, &r);
	if (r == 0)
		r = ledger_run(ledger, statement);
	if (r == 0)
		*ret_id = sqlite3_last_insert_rowid(ledger->db);
	return r;
}

static int insert_usage(struct ledger *ledger, int64_t charge, const struct pricing_usage *usage)
{
	int r = 0;

	for (unsigned int i = 0; r == 0 && i < PRICING_BUCKETS; i++) {
		struct prepared *statement;

		if (!pricing_usage_has(usage, i) || usage->quantity[i] > INT64_MAX)
			continue;
		r = ledger_statement(ledger, STATEMENT_USAGE, &statement);
		if (r < 0)
			break;
		ledger_bind_int(statement, ":charge", charge, &r);
		ledger_bind_text(statement, ":bucket", pricing_bucket_name(i), &r);
		ledger_bind_int(statement, ":quantity", (int64_t)usage->quantity[i], &r);
		if (r == 0)
			r = ledger_run(ledger, statement);
	}
	return r;
}

static int insert_price(struct ledger *ledger, int64_t charge, int64_t pricing,
			const struct pricing_result *price, enum pricing_status status,
			const char *card_version)
{
	bool has_row = price->currency[0] != '\0';
	struct prepared *statement;
	int r = ledger_statement(ledger, STATEMENT_PRICE, &statement);

	if (r < 0)
		return r;
	ledger_bind_int(statement, ":charge", charge, &r);
	ledger_bind_int(statement, ":pricing", pricing, &r);
	ledger_bind_text(statement, ":status", ledger_price_status_name(status), &r);
	if (status == PRICING_UNPRICED_BUCKET)
		ledger_bind_text(statement, ":missing", pricing_bucket_name(price->missing), &r);
	ledger_bind_text(statement, ":currency", has_row ? price->currency : NULL, &r);
	ledger_bind_int_if(statement, ":amount", has_row && ledger_amount_fits(price->amount),
			   (int64_t)price->amount, &r);
	ledger_bind_text(statement, ":card_version", card_version, &r);
	ledger_bind_text(statement, ":card_row", price->row, &r);
	ledger_bind_text(statement, ":source", price->source, &r);
	return r < 0 ? r : ledger_run(ledger, statement);
}

static int insert_line(struct ledger *ledger, int64_t charge, int64_t pricing, unsigned int number,
		       const struct pricing_line *line)
{
	struct prepared *statement;
	int r = ledger_statement(ledger, STATEMENT_PRICE_LINE, &statement);

	if (r < 0)
		return r;
	ledger_bind_int(statement, ":charge", charge, &r);
	ledger_bind_int(statement, ":pricing", pricing, &r);
	ledger_bind_int(statement, ":line", number, &r);
	ledger_bind_text(statement, ":bucket", pricing_bucket_name(line->bucket), &r);
	ledger_bind_text(statement, ":billed_as", pricing_bucket_name(line->billed_as), &r);
	ledger_bind_int(statement, ":quantity", ledger_saturate(line->quantity), &r);
	ledger_bind_int_if(statement, ":rate", line->priced && ledger_amount_fits(line->rate),
			   (int64_t)line->rate, &r);
	ledger_bind_int_if(statement, ":per", line->priced, ledger_saturate(line->per), &r);
	ledger_bind_int_if(statement, ":amount", line->priced && ledger_amount_fits(line->amount),
			   (int64_t)line->amount, &r);
	return r < 0 ? r : ledger_run(ledger, statement);
}

/* A quantity or an amount that the file can not hold makes the charge unpriced. */
enum pricing_status ledger_charge_status(const struct pricing_usage *usage,
					 const struct pricing_result *price)
{
	for (unsigned int i = 0; i < PRICING_BUCKETS; i++) {
		if (pricing_usage_has(usage, i) && usage->quantity[i] > INT64_MAX)
			return PRICING_UNPRICED_OVERFLOW;
	}
	if (price->status == PRICING_PRICED && !ledger_amount_fits(price->amount))
		return PRICING_UNPRICED_OVERFLOW;
	return price->status;
}

int ledger_put_price(struct ledger *ledger, int64_t charge, int64_t pricing,
		     const struct pricing_usage *usage, const struct pricing_result *price,
		     const char *card_version)
{
	int r = insert_price(ledger, charge, pricing, price, ledger_charge_status(usage, price),
			     card_version);

	for (unsigned int i = 0; r == 0 && i < price->n_lines && i < PRICING_BUCKETS; i++)
		r = insert_line(ledger, charge, pricing, i, &price->lines[i]);
	return r;
}

static int write_charge(struct ledger *ledger, int64_t call, size_t number,
			const struct charge *charge, const char *card_version)
{
	int64_t id = 0;
	int r = insert_charge(ledger, call, number, charge, &id);

	if (r == 0)
		r = insert_usage(ledger, id, &charge->usage);
	return r < 0 ? r
		     : ledger_put_price(ledger, id, 0, &charge->usage, &charge->price,
					card_version);
}

/* ---- calls ---- */

/* Ids as the file and people have them. */
struct id_texts {
	char trace_id[2 * TRACE_ID_SIZE + 1];
	char span_id[2 * SPAN_ID_SIZE + 1];
	char parent_span_id[2 * SPAN_ID_SIZE + 1];
	bool has_parent;
};

static void make_id_texts(const struct call_event *event, struct id_texts *texts)
{
	static const uint8_t none[SPAN_ID_SIZE];

	hash_hex(event->trace_id, TRACE_ID_SIZE, texts->trace_id);
	hash_hex(event->span_id, SPAN_ID_SIZE, texts->span_id);
	hash_hex(event->parent_span_id, SPAN_ID_SIZE, texts->parent_span_id);
	texts->has_parent = memcmp(event->parent_span_id, none, sizeof(none)) != 0;
}

/* A cost is reported at the end, of calls that cost something. */
static bool has_reported(const struct call_event *event)
{
	return event->type == CALL_END && event->reported_source != REPORTED_NONE &&
	       event->reported >= 0 && event->cost_status == COST_PRICED &&
	       event->billing != BILLING_FAILED;
}

/* The bill as the file has it: one charge that it can not hold makes the call unpriced. */
static enum cost_status bill_status(const struct call_event *event)
{
	if (has_reported(event))
		return event->cost_status;
	for (size_t i = 0; i < event->n_charges; i++) {
		if (event->cost_status == COST_PRICED &&
		    ledger_charge_status(&event->charges[i].usage, &event->charges[i].price) ==
			    PRICING_UNPRICED_OVERFLOW)
			return COST_UNPRICED;
	}
	return event->cost_status;
}

static const char *completeness(const struct call_event *event)
{
	if (event->estimated)
		return "estimated";
	return event->partial || event->type != CALL_END ? "partial" : "exact";
}

static void bind_end(struct prepared *statement, const struct call_event *event, int *r)
{
	ledger_bind_int_if(statement, ":end_ns", event->end_ns,
			   ledger_wall(event->end_ns, event->wall_offset_ns), r);
	ledger_bind_text(statement, ":response_model", event->response_model, r);
	ledger_bind_int_if(statement, ":http_status", event->status, event->status, r);
	ledger_bind_text(statement, ":cost_status", ledger_cost_status_name(bill_status(event)), r);
	ledger_bind_text(statement, ":raw_usage", event->raw_usage, r);
	ledger_bind_text(statement, ":card_version", event->card_version, r);
	if (!has_reported(event))
		return;
	ledger_bind_int(statement, ":reported_cost", event->reported, r);
	ledger_bind_text(statement, ":reported_source",
			 ledger_reported_source_name(event->reported_source), r);
}

/* @text: room for the peer's address, which the statement borrows. */
static void bind_peer(struct prepared *statement, const struct conn_info *info,
		      char text[INET6_ADDRSTRLEN], int *r)
{
	int family;

	if (!info)
		return;
	ledger_bind_text(statement, ":sni", info->sni, r);
	ledger_bind_text(statement, ":library", info->library, r);
	if (info->peer.family != 4 && info->peer.family != 6)
		return;
	family = info->peer.family == 4 ? AF_INET : AF_INET6;
	ledger_bind_text(statement, ":peer_address",
			 inet_ntop(family, info->peer.bytes, text, INET6_ADDRSTRLEN), r);
	ledger_bind_int(statement, ":peer_port", info->peer.port, r);
}

static void bind_texts(struct prepared *statement, const struct call_event *event, int *r)
{
	const struct {
		const char *name, *text;
	} columns[] = {
		{":operation", event->operation},
		{":provider", event->provider},
		{":family", event->family},
		{":request_model", event->request_model},
		{":response_id", event->response_id},
		{":conversation_id", event->conversation_id},
		{":method", event->method},
		{":path", event->path},
		{":server_address", event->server_address},
		{":error_type", event->error_type},
		{":key_fingerprint", event->key_fingerprint},
		{":traceparent", event->traceparent},
		{":billing", ledger_billing_name(event->billing)},
		{":completeness", completeness(event)},
		{":capture", ledger_capture_name(event->capture)},
	};

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		ledger_bind_text(statement, columns[i].name, columns[i].text, r);
}

static void bind_numbers(struct prepared *statement, const struct call_event *event, int *r)
{
	ledger_bind_int(statement, ":settle", event->type == CALL_END, r);
	ledger_bind_int(statement, ":start_ns", ledger_wall(event->start_ns, event->wall_offset_ns),
			r);
	ledger_bind_int_if(statement, ":first_token_ns", event->first_token_ns,
			   ledger_wall(event->first_token_ns, event->wall_offset_ns), r);
	ledger_bind_int(statement, ":provider_known", event->provider_known, r);
	ledger_bind_int_if(statement, ":server_port", event->server_port, event->server_port, r);
	ledger_bind_int(statement, ":streaming", event->streaming, r);
	ledger_bind_int(statement, ":partial", event->partial, r);
	ledger_bind_int(statement, ":bytes_seen", ledger_saturate(event->bytes_seen), r);
	ledger_bind_int(statement, ":bytes_declared", ledger_saturate(event->bytes_declared), r);
	ledger_bind_int(statement, ":connection", (int64_t)event->conn.conn, r);
	ledger_bind_int(statement, ":generation", ledger_saturate(event->conn.generation), r);
	ledger_bind_int(statement, ":layer", event->conn.layer, r);
	ledger_bind_int(statement, ":position", ledger_saturate(event->position), r);
}

/* A call's row as it was found. */
struct found {
	int64_t id; /* 0: there is none */
	bool settled, same;
	bool has_charges, has_attributes;
};

static int find_call(struct ledger *ledger, const struct call_event *event,
		     const struct id_texts *ids, struct found *found)
{
	struct prepared *statement;
	int r = ledger_statement(ledger, STATEMENT_FIND_CALL, &statement);
	int64_t n_charges;

	if (r < 0)
		return r;
	ledger_bind_text(statement, ":trace_id", ids->trace_id, &r);
	ledger_bind_text(statement, ":span_id", ids->span_id, &r);
	bind_end(statement, event, &r);
	if (r == 0)
		r = ledger_step(ledger, statement);
	if (r != 1)
		return r;
	found->id = ledger_column_int(statement, 0);
	found->settled = ledger_column_int(statement, 1);
	n_charges = ledger_column_int(statement, 3);
	found->same = ledger_column_int(statement, 2) && n_charges == (int64_t)event->n_charges;
	found->has_charges = n_charges;
	found->has_attributes = ledger_column_int(statement, 4);
	ledger_reset(statement);
	return 0;
}

static int put_call(struct ledger *ledger, const struct call_event *event,
		    const struct id_texts *ids, int64_t *id)
{
	struct prepared *statement = NULL;
	char peer[INET6_ADDRSTRLEN];
	int64_t process = 0, root = 0;
	int r = ledger_find_process(ledger, &event->conn.process, &process);

	if (r == 0 && event->root.pid)
		r = ledger_find_process(ledger, &event->root, &root);
	if (r == 0)
		r = ledger_statement(ledger, STATEMENT_CALL, &statement);
	if (r < 0)
		return r;
	ledger_bind_int_if(statement, ":id", *id, *id, &r);
	ledger_bind_text(statement, ":trace_id", ids->trace_id, &r);
	ledger_bind_text(statement, ":span_id", ids->span_id, &r);
	ledger_bind_text(statement, ":parent_span_id", ids->has_parent ? ids->parent_span_id : NULL,
			 &r);
	ledger_bind_int(statement, ":writer", ledger->writer, &r);
	ledger_bind_int(statement, ":process", process, &r);
	ledger_bind_int_if(statement, ":root_process", root, root, &r);
	bind_numbers(statement, event, &r);
	bind_texts(statement, event, &r);
	bind_end(statement, event, &r);
	bind_peer(statement, event->info, peer, &r);
	if (r == 0)
		r = ledger_run(ledger, statement);
	if (r == 0 && *id == 0)
		*id = sqlite3_last_insert_rowid(ledger->db);
	return r;
}

static int run_on_call(struct ledger *ledger, enum statement which, int64_t call)
{
	struct prepared *statement;
	int r = ledger_statement(ledger, which, &statement);

	if (r == 0)
		ledger_bind_int(statement, ":call", call, &r);
	return r < 0 ? r : ledger_run(ledger, statement);
}

static int write_attribute(struct ledger *ledger, int64_t call, const struct attribute *attribute)
{
	struct prepared *statement;
	int r = ledger_statement(ledger, STATEMENT_ATTRIBUTE, &statement);

	if (r < 0)
		return r;
	ledger_bind_int(statement, ":call", call, &r);
	ledger_bind_text(statement, ":name", attribute->name, &r);
	ledger_bind_text(statement, ":value", attribute->value, &r);
	return r < 0 ? r : ledger_run(ledger, statement);
}

static int drop_parts(struct ledger *ledger, const struct found *found)
{
	int r = 0;

	if (found->has_charges)
		r = run_on_call(ledger, STATEMENT_DROP_CHARGES, found->id);
	if (r == 0 && found->has_attributes)
		r = run_on_call(ledger, STATEMENT_DROP_ATTRIBUTES, found->id);
	return r;
}

static int write_parts(struct ledger *ledger, const struct call_event *event, int64_t call)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < event->n_attributes; i++) {
		if (event->attributes[i].name && event->attributes[i].value)
			r = write_attribute(ledger, call, &event->attributes[i]);
	}
	for (size_t i = 0; r == 0 && i < event->n_charges; i++)
		r = write_charge(ledger, call, i, &event->charges[i], event->card_version);
	return r;
}

/* Return: 0, or 1 where a settled row differs from this event. */
static int write_call(struct ledger *ledger, const struct call_event *event)
{
	struct found found = {.id = 0};
	struct id_texts ids;
	int r;

	make_id_texts(event, &ids);
	r = find_call(ledger, event, &ids, &found);
	if (r < 0)
		return r;
	if (found.settled)
		return event->type == CALL_END && !found.same;
	/* What hangs on an open call's row is replaced as a whole. */
	if (found.id)
		r = drop_parts(ledger, &found);
	if (r == 0)
		r = put_call(ledger, event, &ids, &found.id);
	if (r == 0)
		r = write_parts(ledger, event, found.id);
	return r == 0 && event->type == CALL_END ? ledger_export_call(ledger, found.id) : r;
}

int ledger_write_call(struct ledger *ledger, const struct call_event *event)
{
	int r = ledger_event_begin(ledger);

	if (r == 0)
		r = ledger_event_end(ledger, write_call(ledger, event));
	return r == 1 ? -EALREADY : r;
}
