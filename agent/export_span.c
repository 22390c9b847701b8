/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/export_span.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/call_fields.h"
#include "agent/call_json.h"
#include "agent/export_resource.h"
#include "agent/json_out.h"
#include "agent/limits.h"

/* The fields of call_fields.c, every bucket, and the call's further attributes. */
#define ATTRIBUTES_MAX (32 + PRICING_BUCKETS + LIMIT_ATTRIBUTES)
#define AMOUNTS_MAX 4
#define CHARGES_MAX (2 * MIB) /* bytes of JSON */
#define NAME_SIZE (2 * LIMIT_VALUE)

struct export_span {
	struct exporter_span span;
	struct export_resource *resource;
	const struct ledger_call *call;
	struct call_sum sum;
	bool varying; /* which fields are added now */
	struct exporter_attribute attributes[ATTRIBUTES_MAX];
	char amounts[AMOUNTS_MAX][PRICING_AMOUNT_TEXT_MAX];
	size_t n_amounts;
	struct json_out charges;
	char name[NAME_SIZE];
	int r;
};

int export_span_new(struct export_span **ret_span, const struct exporter_config *config)
{
	struct export_span *span = calloc(1, sizeof(*span));
	int r = span ? export_resource_new(&span->resource, config->attributes) : -ENOMEM;

	if (r < 0) {
		free(span);
		return r;
	}
	buffer_init(&span->charges.text, CHARGES_MAX);
	*ret_span = span;
	return 0;
}

/* ---- attributes ---- */

static void add(struct export_span *span, struct exporter_attribute attribute)
{
	if (span->span.n_attributes < ATTRIBUTES_MAX)
		span->attributes[span->span.n_attributes++] = attribute;
}

static void add_text(struct export_span *span, const char *name, const char *text)
{
	add(span, (struct exporter_attribute){.name = name, .type = EXPORTER_STRING, .text = text});
}

static void add_integer(struct export_span *span, const char *name, uint64_t integer)
{
	add(span, (struct exporter_attribute){.name = name,
					      .type = EXPORTER_INT,
					      .integer = integer > INT64_MAX ? INT64_MAX
									     : (int64_t)integer});
}

static void add_real(struct export_span *span, const char *name, double real)
{
	add(span, (struct exporter_attribute){.name = name, .type = EXPORTER_DOUBLE, .real = real});
}

/* A number has no currency beside it: only that of the convention's cost is told as one. */
static void add_amount(struct export_span *span, const char *name, pricing_amount amount)
{
	char text[PRICING_AMOUNT_TEXT_MAX];

	if (span->sum.n_currencies == 1 && !strcmp(span->sum.money.currency, "USD"))
		add_real(span, name, strtod(pricing_amount_text(amount, text), NULL));
}

static void add_amount_text(struct export_span *span, const char *name, pricing_amount amount)
{
	if (span->n_amounts < AMOUNTS_MAX)
		add_text(span, name, pricing_amount_text(amount, span->amounts[span->n_amounts++]));
}

/* JSON beyond the cap is left out: what it is the sum of is there. */
static void add_charges(struct export_span *span, const char *name)
{
	const char *text;

	buffer_clear(&span->charges.text);
	span->charges.r = 0;
	call_json_charges(&span->charges, span->call);
	text = span->charges.r == 0 ? buffer_text(&span->charges.text) : NULL;
	if (text)
		add_text(span, name, text);
	else if (span->charges.r != -E2BIG)
		span->r = -ENOMEM;
}

static void add_field(void *context, const struct call_field *field)
{
	struct export_span *span = context;

	if (field->of != CALL_FIELD_OF_CALL || field->varies != span->varying)
		return;
	switch (field->type) {
	case CALL_FIELD_TEXT:
	case CALL_FIELD_JSON:
		add_text(span, field->name, field->text);
		break;
	case CALL_FIELD_INTEGER:
		add_integer(span, field->name, field->integer);
		break;
	case CALL_FIELD_AMOUNT:
		add_amount(span, field->name, field->amount);
		break;
	case CALL_FIELD_AMOUNT_TEXT:
		add_amount_text(span, field->name, field->amount);
		break;
	case CALL_FIELD_MS:
		add_real(span, field->name, field->ns > 0 ? (double)field->ns / 1e6 : 0);
		break;
	case CALL_FIELD_CHARGES:
		add_charges(span, field->name);
		break;
	case CALL_FIELD_TIME:
		break;
	}
}

static int add_fields(struct export_span *span)
{
	span->n_amounts = 0;
	span->r = 0;
	for (int i = 0; i < 2; i++) {
		span->varying = i;
		call_fields(span->call, &span->sum, add_field, span);
	}
	return span->r;
}

/* ---- the span ---- */

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* All zero where the text is none of this size. */
static void read_id(const char *text, uint8_t *id, size_t size)
{
	memset(id, 0, size);
	if (!text || strlen(text) != 2 * size)
		return;
	for (size_t i = 0; i < size; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0) {
			memset(id, 0, size);
			return;
		}
		id[i] = (uint8_t)(high << 4 | low);
	}
}

/* OpenTelemetry semantic conventions, "GenAI spans": "{operation} {model}". */
static const char *make_name(struct export_span *span)
{
	const struct ledger_call *call = span->call;
	const char *operation = call->operation ? call->operation : call->method;
	const char *model = call->request_model ? call->request_model : call->response_model;

	snprintf(span->name, sizeof(span->name), "%s%s%s", operation ? operation : "call",
		 model ? " " : "", model ? model : "");
	return span->name;
}

int export_span_make(struct export_span *span, const struct ledger_spooled *spooled,
		     const struct exporter_span **ret_span)
{
	const struct ledger_call *call = spooled->call;
	struct exporter_span *made = &span->span;
	int r;

	span->call = call;
	call_sum(call, &span->sum);
	*made = (struct exporter_span){
		.sequence = spooled->sequence,
		.name = make_name(span),
		.start_ns = call->start_ns,
		.end_ns = call->end_ns > call->start_ns ? call->end_ns : call->start_ns,
		.status = call->error_type ? EXPORTER_STATUS_ERROR : EXPORTER_STATUS_UNSET,
		.attributes = span->attributes,
		.resource = export_resource_make(span->resource, spooled),
	};
	read_id(call->trace_id, made->trace_id, sizeof(made->trace_id));
	read_id(call->span_id, made->span_id, sizeof(made->span_id));
	read_id(call->parent_span_id, made->parent_span_id, sizeof(made->parent_span_id));
	r = add_fields(span);
	if (r == 0)
		*ret_span = made;
	return r;
}

void export_span_free(struct export_span *span)
{
	if (!span)
		return;
	export_resource_free(span->resource);
	buffer_free(&span->charges.text);
	free(span);
}
