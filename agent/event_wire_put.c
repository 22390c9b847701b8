/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/event_wire.h"

#include <errno.h>
#include <string.h>

#include "agent/event_wire_layout.h"
#include "agent/limits.h"

/* The first error stays; nothing is appended after it. */
struct writer {
	struct buffer *out;
	size_t start; /* of the message */
	int error;
};

static void fail(struct writer *w, int error)
{
	if (!w->error)
		w->error = error;
}

static void put_bytes(struct writer *w, const void *bytes, size_t size)
{
	if (!w->error)
		w->error = buffer_append(w->out, bytes, size);
}

static void put_number(struct writer *w, uint64_t value, size_t size)
{
	uint8_t bytes[sizeof(value)];

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
	put_bytes(w, bytes, size);
}

static void put_amount(struct writer *w, pricing_amount amount)
{
	put_number(w, (uint64_t)amount, 8);
	put_number(w, (uint64_t)(amount >> 64), 8);
}

/* @last: the largest value of the enumeration, or all its bits. */
static void put_enum(struct writer *w, unsigned int value, unsigned int last)
{
	if (value > last)
		fail(w, -EINVAL);
	put_number(w, value, 1);
}

static void put_count(struct writer *w, size_t n, size_t cap)
{
	if (n > cap)
		fail(w, -E2BIG);
	put_number(w, n, 2);
}

static void put_text(struct writer *w, const char *text)
{
	size_t size = text ? strlen(text) + 1 : 0;

	if (size > EVENT_WIRE_MAX)
		fail(w, -E2BIG);
	put_number(w, size, 4);
	if (size)
		put_bytes(w, text, size);
}

/* One that the reader does not take for NULL. */
static void put_known_text(struct writer *w, const char *text)
{
	if (!text)
		fail(w, -EINVAL);
	put_text(w, text);
}

static struct writer put_head(struct buffer *out, uint64_t number, enum event_wire_type type)
{
	struct writer w = {.out = out, .start = out->length};

	put_number(&w, 0, 4); /* the length, when it is known */
	put_number(&w, type, 2);
	put_number(&w, 0, 2);
	put_number(&w, number, 8);
	return w;
}

static int put_end(struct writer *w)
{
	size_t length = w->out->length - w->start;

	if (length > EVENT_WIRE_MAX)
		fail(w, -E2BIG);
	if (w->error) {
		w->out->length = w->start;
		return w->error;
	}
	for (size_t i = 0; i < 4; i++)
		w->out->data[w->start + i] = (uint8_t)(length >> 8 * i);
	return 0;
}

static void put_process_key(struct writer *w, const struct process_key *key)
{
	put_number(w, key->start, 8);
	put_number(w, key->pid, 4);
}

/* What a captured process says of itself may be anything: what is no family is no address. */
static void put_address(struct writer *w, const struct cr_address *address)
{
	bool known = address->family == 4 || address->family == 6;

	put_number(w, known ? address->family : 0, 1);
	put_number(w, address->port, 2);
	put_bytes(w, address->bytes, sizeof(address->bytes));
}

static void put_info(struct writer *w, const struct conn_info *info)
{
	put_number(w, info != NULL, 1);
	if (!info)
		return;
	put_number(w, info->role <= CR_ROLE_SERVER ? info->role : CR_ROLE_UNKNOWN, 1);
	put_number(w, info->joined_late, 1);
	put_address(w, &info->local);
	put_address(w, &info->peer);
	put_text(w, info->sni);
	put_text(w, info->alpn);
	put_text(w, info->library);
}

static void put_usage(struct writer *w, const struct pricing_usage *usage)
{
	put_number(w, usage->present & EVENT_WIRE_BUCKET_BITS, 4);
	for (unsigned int i = 0; i < PRICING_BUCKETS; i++)
		if (pricing_usage_has(usage, i))
			put_number(w, usage->quantity[i], 8);
}

static void put_line(struct writer *w, const struct pricing_line *line)
{
	if (!line->per)
		fail(w, -EINVAL);
	put_enum(w, line->bucket, PRICING_BUCKETS - 1);
	put_enum(w, line->billed_as, PRICING_BUCKETS - 1);
	put_number(w, line->quantity, 8);
	put_number(w, line->priced, 1);
	put_amount(w, line->rate);
	put_number(w, line->per, 8);
	put_amount(w, line->amount);
}

static void put_charge(struct writer *w, const struct charge *charge)
{
	const struct pricing_result *price = &charge->price;
	char currency[PRICING_CURRENCY_MAX] = "";

	put_text(w, charge->model);
	put_text(w, charge->tier);
	put_text(w, charge->region);
	put_text(w, charge->variant);
	put_text(w, charge->price.row);
	put_text(w, charge->price.source);
	put_text(w, charge->price.discount);
	put_usage(w, &charge->usage);
	put_enum(w, price->status, PRICING_UNPRICED_OVERFLOW);
	put_enum(w, price->missing, PRICING_BUCKETS);
	put_amount(w, price->amount);
	memcpy(currency, price->currency, strnlen(price->currency, sizeof(currency) - 1));
	put_bytes(w, currency, sizeof(currency));
	put_count(w, price->n_lines, PRICING_BUCKETS);
	for (size_t i = 0; !w->error && i < price->n_lines; i++)
		put_line(w, &price->lines[i]);
}

static void put_call_numbers(struct writer *w, const struct call_event *event)
{
	put_enum(w, event->type, CALL_END);
	put_process_key(w, &event->conn.process);
	put_number(w, event->conn.conn, 8);
	put_number(w, event->conn.generation, 8);
	put_number(w, event->conn.layer, 4);
	put_number(w, event->position, 8);
	put_number(w, event->start_ns, 8);
	put_number(w, event->end_ns, 8);
	put_number(w, event->first_token_ns, 8);
	put_number(w, event->provider_known, 1);
	put_number(w, event->server_port, 2);
	put_number(w, event->status, 4);
	put_number(w, event->streaming, 1);
	put_enum(w, event->billing, BILLING_UNKNOWN);
	put_enum(w, event->partial, EVENT_WIRE_PARTIAL_BITS);
	put_number(w, event->estimated, 1);
	put_number(w, event->bytes_seen, 8);
	put_number(w, event->bytes_declared, 8);
	put_number(w, (uint64_t)event->wall_offset_ns, 8);
	put_enum(w, event->reported_source, REPORTED_GATEWAY);
	if (event->reported < 0)
		fail(w, -EINVAL);
	put_number(w, (uint64_t)event->reported, 8);
	put_enum(w, event->cost_status, COST_FREE);
	put_enum(w, event->capture, CR_CAPTURE_REPLAY);
	put_bytes(w, event->trace_id, TRACE_ID_SIZE);
	put_bytes(w, event->span_id, SPAN_ID_SIZE);
	put_bytes(w, event->parent_span_id, SPAN_ID_SIZE);
	put_process_key(w, &event->root);
}

int event_wire_put_call(struct buffer *out, uint64_t number, const struct call_event *event)
{
	struct writer w = put_head(out, number, EVENT_WIRE_CALL);

	put_call_numbers(&w, event);
	put_text(&w, event->operation);
	put_text(&w, event->provider);
	put_text(&w, event->family);
	put_text(&w, event->request_model);
	put_text(&w, event->response_model);
	put_text(&w, event->response_id);
	put_text(&w, event->conversation_id);
	put_text(&w, event->method);
	put_text(&w, event->path);
	put_text(&w, event->server_address);
	put_text(&w, event->error_type);
	put_text(&w, event->key_fingerprint);
	put_text(&w, event->traceparent);
	put_text(&w, event->raw_usage);
	put_text(&w, event->card_version);
	put_info(&w, event->info);
	put_count(&w, event->n_attributes, LIMIT_ATTRIBUTES);
	for (size_t i = 0; !w.error && i < event->n_attributes; i++) {
		put_known_text(&w, event->attributes[i].name);
		put_known_text(&w, event->attributes[i].value);
	}
	put_count(&w, event->n_charges, LIMIT_CHARGES);
	for (size_t i = 0; !w.error && i < event->n_charges; i++)
		put_charge(&w, &event->charges[i]);
	return put_end(&w);
}

int event_wire_put_process(struct buffer *out, uint64_t number, const struct process_event *event)
{
	struct writer w = put_head(out, number, EVENT_WIRE_PROCESS);

	put_process_key(&w, &event->key);
	put_process_key(&w, &event->parent);
	put_number(&w, event->start_ns, 8);
	put_number(&w, event->exit_ns, 8);
	put_number(&w, event->uid, 4);
	put_number(&w, event->exit_status, 4);
	put_number(&w, event->root, 1);
	put_number(&w, (uint64_t)event->wall_offset_ns, 8);
	put_bytes(&w, event->boot_id, BOOT_ID_SIZE);
	put_text(&w, event->executable);
	put_text(&w, event->name);
	put_text(&w, event->cgroup);
	put_text(&w, event->service_name);
	put_count(&w, event->n_arguments, LIMIT_ARGUMENT_COUNT);
	for (size_t i = 0; !w.error && i < event->n_arguments; i++)
		put_known_text(&w, event->arguments[i]);
	return put_end(&w);
}

int event_wire_put_loss(struct buffer *out, uint64_t number, const struct loss_event *event)
{
	struct writer w = put_head(out, number, EVENT_WIRE_LOSS);

	put_process_key(&w, &event->process);
	/* A cause of another version's record is none that has a name. */
	put_number(&w, event->cause <= CR_CAUSE_UNDECODABLE ? event->cause : 0, 1);
	put_number(&w, event->records, 8);
	put_number(&w, event->bytes, 8);
	put_number(&w, (uint64_t)event->wall_ns, 8);
	put_text(&w, event->name);
	return put_end(&w);
}

int event_wire_put_unseen(struct buffer *out, uint64_t number, const struct unseen_event *event)
{
	struct writer w = put_head(out, number, EVENT_WIRE_UNSEEN);

	put_process_key(&w, &event->process);
	put_number(&w, (uint64_t)event->wall_ns, 8);
	put_text(&w, event->executable);
	put_text(&w, event->reason);
	put_text(&w, event->remedy);
	return put_end(&w);
}

int event_wire_put_word(struct buffer *out, uint64_t number, enum event_wire_type type,
			const char *text)
{
	struct writer w = put_head(out, number, type);

	if (type < EVENT_WIRE_END || type > EVENT_WIRE_REFUSED)
		fail(&w, -EINVAL);
	if (type == EVENT_WIRE_BACKGROUND)
		put_known_text(&w, text);
	return put_end(&w);
}
