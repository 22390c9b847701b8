/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/call_fields.h"

#include <string.h>

#include "agent/usage_name.h"

struct telling {
	call_field_sink sink;
	void *context;
	enum call_field_of of;
};

static void tell(const struct telling *telling, struct call_field field)
{
	field.of = telling->of;
	telling->sink(telling->context, &field);
}

static void tell_text(const struct telling *telling, const char *name, const char *text)
{
	if (text)
		tell(telling,
		     (struct call_field){.name = name, .type = CALL_FIELD_TEXT, .text = text});
}

static void tell_own_text(const struct telling *telling, const char *name, const char *text)
{
	if (text)
		tell(telling,
		     (struct call_field){
			     .name = name, .type = CALL_FIELD_TEXT, .varies = true, .text = text});
}

static void tell_number(const struct telling *telling, const char *name, int64_t number)
{
	if (number > 0)
		tell(telling, (struct call_field){.name = name,
						  .type = CALL_FIELD_INTEGER,
						  .integer = (uint64_t)number});
}

static void tell_quantity(const struct telling *telling, const char *name, uint64_t quantity)
{
	tell(telling, (struct call_field){.name = name,
					  .type = CALL_FIELD_INTEGER,
					  .varies = true,
					  .integer = quantity});
}

static void tell_amount(const struct telling *telling, const char *name, enum call_field_type type,
			pricing_amount amount)
{
	tell(telling,
	     (struct call_field){.name = name, .type = type, .varies = true, .amount = amount});
}

static void tell_ns(const struct telling *telling, const char *name, enum call_field_type type,
		    int64_t ns)
{
	tell(telling, (struct call_field){.name = name, .type = type, .varies = true, .ns = ns});
}

/* ---- the span's own ---- */

static void tell_span(struct telling *telling, const struct ledger_call *call)
{
	telling->of = CALL_FIELD_OF_SPAN;
	tell_text(telling, "trace_id", call->trace_id);
	tell_text(telling, "span_id", call->span_id);
	tell_text(telling, "parent_span_id", call->parent_span_id);
	if (call->start_ns)
		tell_ns(telling, "start_time", CALL_FIELD_TIME, call->start_ns);
	if (call->end_ns) {
		tell_ns(telling, "end_time", CALL_FIELD_TIME, call->end_ns);
		tell_ns(telling, "duration_ms", CALL_FIELD_MS, call->end_ns - call->start_ns);
	}
}

/* ---- the call ---- */

static void tell_names(const struct telling *telling, const struct ledger_call *call)
{
	tell_text(telling, "gen_ai.operation.name", call->operation);
	tell_text(telling, "gen_ai.provider.name", call->provider);
	tell_text(telling, "gen_ai.request.model", call->request_model);
	tell_text(telling, "gen_ai.response.model", call->response_model);
	tell_own_text(telling, "gen_ai.response.id", call->response_id);
	tell_text(telling, "gen_ai.conversation.id", call->conversation_id);
}

static const enum pricing_bucket kind_buckets[KINDS] = {
	[KIND_INPUT] = PRICING_INPUT,
	[KIND_CACHE_READ] = PRICING_CACHE_READ,
	[KIND_CACHE_WRITE] = PRICING_CACHE_WRITE,
	[KIND_OUTPUT] = PRICING_OUTPUT,
	[KIND_REASONING] = PRICING_REASONING,
};

const char *call_fields_kind(enum kind kind)
{
	return usage_name(kind_buckets[kind]);
}

/* Kinds, and buckets without a standard name: the others are kinds, or what is left of a side. */
static void tell_usage(const struct telling *telling, const struct call_sum *sum)
{
	for (unsigned int i = 0; i < KINDS; i++) {
		if (sum->kinds.has[i])
			tell_quantity(telling, call_fields_kind(i), sum->kinds.tokens[i]);
	}
	for (unsigned int i = 0; i < PRICING_BUCKETS; i++) {
		const char *name = usage_name(i);

		if (pricing_usage_has(&sum->usage, i) && !strncmp(name, "tollspan.", 9))
			tell_quantity(telling, name, sum->usage.quantity[i]);
	}
}

/* Ours beside a cost that the response reports. */
static void tell_local(const struct telling *telling, const struct call_sum *sum)
{
	tell_amount(telling, "tollspan.cost.local_amount", CALL_FIELD_AMOUNT_TEXT,
		    sum->local.amount);
	if (strcmp(sum->local.currency, sum->money.currency) != 0)
		tell_text(telling, "tollspan.cost.local_currency", sum->local.currency);
	else
		tell_amount(telling, "tollspan.cost.difference", CALL_FIELD_AMOUNT_TEXT,
			    sum->money.amount - sum->local.amount);
}

static void tell_cost(const struct telling *telling, const struct ledger_call *call,
		      const struct call_sum *sum)
{
	static const char *const sources[] = {[REPORTED_NONE] = "local",
					      [REPORTED_PROVIDER] = "provider",
					      [REPORTED_GATEWAY] = "gateway"};
	static const char *const statuses[] = {
		[COST_UNPRICED] = "unpriced", [COST_PRICED] = "priced", [COST_FREE] = "free"};

	if (sum->has_cost) {
		tell_amount(telling, "gen_ai.usage.cost", CALL_FIELD_AMOUNT, sum->money.amount);
		tell_amount(telling, "tollspan.cost.amount", CALL_FIELD_AMOUNT_TEXT,
			    sum->money.amount);
	}
	if (sum->n_currencies == 1)
		tell_text(telling, "tollspan.cost.currency", sum->money.currency);
	tell_text(telling, "tollspan.cost.status", statuses[call->cost_status]);
	if (call->cost_status == COST_PRICED && (call->n_charges || call->reported_source))
		tell_text(telling, "tollspan.cost.source", sources[call->reported_source]);
	if (sum->has_local)
		tell_local(telling, sum);
	if (call->cost_status == COST_UNPRICED && sum->n_currencies == 1)
		tell_amount(telling, "tollspan.cost.priced_part", CALL_FIELD_AMOUNT_TEXT,
			    sum->money.amount);
	if (call->n_charges > 1)
		tell(telling, (struct call_field){.name = "tollspan.charges",
						  .type = CALL_FIELD_CHARGES,
						  .varies = true});
}

static void tell_http(const struct telling *telling, const struct ledger_call *call)
{
	tell_text(telling, "server.address", call->server_address);
	tell_number(telling, "server.port", call->server_port);
	tell_text(telling, "http.request.method", call->method);
	tell_text(telling, "url.path", call->path);
	tell_number(telling, "http.response.status_code", call->http_status);
	tell_text(telling, "error.type", call->error_type);
}

static void tell_call(struct telling *telling, const struct ledger_call *call,
		      const struct call_sum *sum)
{
	telling->of = CALL_FIELD_OF_CALL;
	if (call->first_token_ns)
		tell_ns(telling, "tollspan.time_to_first_token_ms", CALL_FIELD_MS,
			call->first_token_ns - call->start_ns);
	tell_names(telling, call);
	tell_usage(telling, sum);
	tell_cost(telling, call, sum);
	tell_text(telling, "tollspan.key.fingerprint", call->key_fingerprint);
	tell_text(telling, "tollspan.card.version", call->card_version);
	tell_text(telling, "tollspan.completeness", call->completeness);
	tell_text(telling, "tollspan.capture", call->capture);
	tell_http(telling, call);
}

/* ---- the process ---- */

const char *call_fields_executable(const struct ledger_call *call)
{
	const char *slash = call->executable ? strrchr(call->executable, '/') : NULL;
	const char *name = slash ? slash + 1 : call->executable;

	return name ? name : call->process_name;
}

void call_fields_process(const struct ledger_call *call, call_field_sink sink, void *context)
{
	const struct telling telling = {
		.sink = sink, .context = context, .of = CALL_FIELD_OF_PROCESS};

	tell_number(&telling, "process.pid", call->pid);
	tell_text(&telling, "process.executable.name", call_fields_executable(call));
	if (call->arguments)
		tell(&telling, (struct call_field){.name = "process.command_args",
						   .type = CALL_FIELD_JSON,
						   .text = call->arguments});
}

void call_fields(const struct ledger_call *call, const struct call_sum *sum, call_field_sink sink,
		 void *context)
{
	struct telling telling = {.sink = sink, .context = context};

	tell_span(&telling, call);
	tell_call(&telling, call, sum);
	call_fields_process(call, sink, context);
	for (size_t i = 0; i < call->n_attributes; i++)
		tell_text(&telling, call->attributes[i].name, call->attributes[i].value);
}
