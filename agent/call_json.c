/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/call_json.h"

#include "agent/call_fields.h"
#include "agent/report_sum.h"

static void put_charge(struct json_out *json, const struct ledger_charge *charge)
{
	json_out_comma(json);
	json_out_open(json, "{");
	json_out_text(json, "model", charge->model);
	json_out_text(json, "tier", charge->tier);
	json_out_text(json, "region", charge->region);
	json_out_text(json, "variant", charge->variant);
	json_out_key(json, "usage");
	json_out_open(json, "{");
	for (unsigned int i = 0; i < PRICING_BUCKETS; i++) {
		if (pricing_usage_has(&charge->usage, i))
			json_out_unsigned(json, pricing_bucket_name(i), charge->usage.quantity[i]);
	}
	json_out_close(json, "}");
	if (charge->status == PRICING_PRICED) {
		json_out_amount(json, "cost", charge->amount);
		json_out_text(json, "currency", charge->currency);
	} else {
		json_out_text(json, "unpriced", pricing_status_text(charge->status));
	}
	json_out_close(json, "}");
}

void call_json_charges(struct json_out *json, const struct ledger_call *call)
{
	json_out_open(json, "[");
	for (size_t i = 0; i < call->n_charges; i++)
		put_charge(json, &call->charges[i]);
	json_out_close(json, "]");
}

struct putting {
	struct json_out *json;
	const struct ledger_call *call;
};

static void put_field(void *context, const struct call_field *field)
{
	const struct putting *putting = context;
	struct json_out *json = putting->json;

	switch (field->type) {
	case CALL_FIELD_TEXT:
		json_out_text(json, field->name, field->text);
		break;
	case CALL_FIELD_INTEGER:
		json_out_unsigned(json, field->name, field->integer);
		break;
	case CALL_FIELD_AMOUNT:
		json_out_amount(json, field->name, field->amount);
		break;
	case CALL_FIELD_AMOUNT_TEXT:
		json_out_amount_text(json, field->name, field->amount);
		break;
	case CALL_FIELD_TIME:
		json_out_time(json, field->name, field->ns);
		break;
	case CALL_FIELD_MS:
		json_out_ms(json, field->name, field->ns);
		break;
	case CALL_FIELD_JSON:
		json_out_raw(json, field->name, field->text);
		break;
	case CALL_FIELD_CHARGES:
		json_out_key(json, field->name);
		call_json_charges(json, putting->call);
		break;
	}
}

void call_json(struct json_out *json, const struct ledger_call *call)
{
	struct putting putting = {json, call};
	struct call_sum sum;

	call_sum(call, &sum);
	json_out_open(json, "{");
	call_fields(call, &sum, put_field, &putting);
	json_out_close(json, "}");
}
