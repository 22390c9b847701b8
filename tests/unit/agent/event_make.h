/* SPDX-License-Identifier: Apache-2.0 */
/* Events with something in every field, each another, from a seed. */
#ifndef TESTS_UNIT_AGENT_EVENT_MAKE_H
#define TESTS_UNIT_AGENT_EVENT_MAKE_H

#include <stdlib.h>
#include <string.h>

#include "agent/event.h"
#include "agent/limits.h"

#define MADE_TEXTS 1024
#define MADE_CHARGES 4

struct maker {
	uint64_t state;
	bool sparse; /* now and then a text is NULL, and a list is empty */
	char *texts[MADE_TEXTS];
	size_t n_texts;
	struct conn_info info;
	struct attribute attributes[LIMIT_ATTRIBUTES];
	struct charge charges[MADE_CHARGES];
	const char *arguments[LIMIT_ARGUMENT_COUNT];
	struct call_event call;
	struct process_event process;
	struct loss_event loss;
	struct unseen_event unseen;
};

static inline void maker_init(struct maker *m, uint64_t seed, bool sparse)
{
	memset(m, 0, sizeof(*m));
	m->state = seed * 2 + 1;
	m->sparse = sparse;
}

static inline void maker_free(struct maker *m)
{
	for (size_t i = 0; i < m->n_texts; i++)
		free(m->texts[i]);
	m->n_texts = 0;
}

/* splitmix64 */
static inline uint64_t make_number(struct maker *m)
{
	uint64_t z = (m->state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static inline unsigned int make_below(struct maker *m, unsigned int n)
{
	return (unsigned int)(make_number(m) % n);
}

static inline const char *make_known_text(struct maker *m)
{
	size_t length = make_below(m, m->sparse ? 3 : 24);
	char *text = calloc(1, length + 1);

	if (!text || m->n_texts == MADE_TEXTS)
		abort();
	for (size_t i = 0; i < length; i++)
		text[i] = (char)(1 + make_below(m, 255));
	m->texts[m->n_texts++] = text;
	return text;
}

static inline const char *make_text(struct maker *m)
{
	return m->sparse && make_below(m, 3) == 0 ? NULL : make_known_text(m);
}

static inline size_t make_count(struct maker *m, unsigned int cap)
{
	return m->sparse ? make_below(m, 2) : 1 + make_below(m, cap);
}

static inline void make_bytes(struct maker *m, uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)make_number(m);
}

static inline struct process_key make_key(struct maker *m)
{
	uint64_t start = make_number(m);

	return (struct process_key){.start = start, .pid = (uint32_t)make_number(m)};
}

static inline pricing_amount make_amount(struct maker *m)
{
	uint64_t high = make_number(m), low = make_number(m);

	return (pricing_amount)((unsigned __int128)high << 64 | low);
}

static inline void make_address(struct maker *m, struct cr_address *address)
{
	static const uint8_t families[] = {4, 6, 0};

	address->family = families[make_below(m, m->sparse ? 3 : 2)];
	address->port = (uint16_t)make_number(m);
	make_bytes(m, address->bytes, sizeof(address->bytes));
}

static inline const struct conn_info *make_info(struct maker *m)
{
	if (m->sparse && make_below(m, 2))
		return NULL;
	m->info.role = (uint8_t)make_below(m, CR_ROLE_SERVER + 1);
	m->info.joined_late = make_below(m, 2);
	make_address(m, &m->info.local);
	make_address(m, &m->info.peer);
	m->info.sni = make_text(m);
	m->info.alpn = make_text(m);
	m->info.library = make_text(m);
	return &m->info;
}

static inline void make_charge(struct maker *m, struct charge *charge)
{
	struct pricing_result *price = &charge->price;

	charge->model = make_text(m);
	charge->tier = make_text(m);
	charge->region = make_text(m);
	charge->variant = make_text(m);
	for (unsigned int i = 0; i < PRICING_BUCKETS; i++)
		if (make_below(m, m->sparse ? 8 : 2))
			pricing_usage_set(&charge->usage, i, make_number(m));
	price->status = make_below(m, PRICING_UNPRICED_OVERFLOW + 1);
	price->missing = make_below(m, PRICING_BUCKETS + 1);
	price->amount = make_amount(m);
	for (size_t i = 0, n = make_below(m, PRICING_CURRENCY_MAX); i < n; i++)
		price->currency[i] = (char)('A' + make_below(m, 26));
	price->row = make_text(m);
	price->source = make_text(m);
	price->discount = make_text(m);
	price->n_lines = (unsigned int)make_count(m, PRICING_BUCKETS);
	for (unsigned int i = 0; i < price->n_lines; i++)
		price->lines[i] = (struct pricing_line){
			.bucket = make_below(m, PRICING_BUCKETS),
			.billed_as = make_below(m, PRICING_BUCKETS),
			.quantity = make_number(m),
			.priced = make_below(m, 2),
			.rate = make_amount(m),
			.per = make_number(m) | 1,
			.amount = make_amount(m),
		};
}

static inline void make_call_texts(struct maker *m, struct call_event *event)
{
	event->operation = make_text(m);
	event->provider = make_text(m);
	event->family = make_text(m);
	event->request_model = make_text(m);
	event->response_model = make_text(m);
	event->response_id = make_text(m);
	event->conversation_id = make_text(m);
	event->method = make_text(m);
	event->path = make_text(m);
	event->server_address = make_text(m);
	event->error_type = make_text(m);
	event->key_fingerprint = make_text(m);
	event->traceparent = make_text(m);
	event->raw_usage = make_text(m);
	event->card_version = make_text(m);
}

static inline struct call_event *make_call(struct maker *m)
{
	struct call_event *event = &m->call;

	event->type = make_below(m, CALL_END + 1);
	event->conn = (struct conn_key){.process = make_key(m),
					.conn = make_number(m),
					.generation = make_number(m),
					.layer = (uint32_t)make_number(m)};
	event->position = make_number(m);
	event->info = make_info(m);
	event->start_ns = make_number(m);
	event->end_ns = make_number(m);
	event->first_token_ns = make_number(m);
	make_call_texts(m, event);
	event->provider_known = make_below(m, 2);
	event->server_port = (uint16_t)make_number(m);
	event->status = (unsigned int)make_number(m);
	event->streaming = make_below(m, 2);
	event->attributes = m->attributes;
	event->n_attributes = make_count(m, LIMIT_ATTRIBUTES);
	for (size_t i = 0; i < event->n_attributes; i++)
		m->attributes[i] = (struct attribute){make_known_text(m), make_known_text(m)};
	event->billing = make_below(m, BILLING_UNKNOWN + 1);
	event->partial = make_below(m, 2 * PARTIAL_USAGE);
	event->estimated = make_below(m, 2);
	event->bytes_seen = make_number(m);
	event->bytes_declared = make_number(m);
	event->charges = m->charges;
	event->n_charges = make_count(m, MADE_CHARGES);
	for (size_t i = 0; i < event->n_charges; i++)
		make_charge(m, &m->charges[i]);
	event->wall_offset_ns = (int64_t)make_number(m);
	event->reported_source = make_below(m, REPORTED_GATEWAY + 1);
	event->reported = (int64_t)(make_number(m) >> 1);
	event->cost_status = make_below(m, COST_FREE + 1);
	event->capture = (uint8_t)make_below(m, CR_CAPTURE_REPLAY + 1);
	make_bytes(m, event->trace_id, TRACE_ID_SIZE);
	make_bytes(m, event->span_id, SPAN_ID_SIZE);
	make_bytes(m, event->parent_span_id, SPAN_ID_SIZE);
	event->root = make_key(m);
	return event;
}

static inline const struct process_event *make_process(struct maker *m)
{
	struct process_event *event = &m->process;

	event->key = make_key(m);
	event->parent = make_key(m);
	event->start_ns = make_number(m);
	event->exit_ns = make_number(m);
	event->uid = (uint32_t)make_number(m);
	event->exit_status = (uint32_t)make_number(m);
	event->root = make_below(m, 2);
	event->executable = make_text(m);
	event->name = make_text(m);
	event->arguments = m->arguments;
	event->n_arguments = make_count(m, LIMIT_ARGUMENT_COUNT);
	for (size_t i = 0; i < event->n_arguments; i++)
		m->arguments[i] = make_known_text(m);
	event->cgroup = make_text(m);
	event->service_name = make_text(m);
	event->wall_offset_ns = (int64_t)make_number(m);
	make_bytes(m, event->boot_id, BOOT_ID_SIZE);
	return event;
}

static inline const struct loss_event *make_loss(struct maker *m)
{
	struct loss_event *event = &m->loss;

	event->process = make_key(m);
	event->cause = make_below(m, CR_CAUSE_UNDECODABLE + 1);
	event->name = make_text(m);
	event->records = make_number(m);
	event->bytes = make_number(m);
	event->wall_ns = (int64_t)make_number(m);
	return event;
}

static inline const struct unseen_event *make_unseen(struct maker *m)
{
	struct unseen_event *event = &m->unseen;

	event->process = make_key(m);
	event->executable = make_text(m);
	event->reason = make_text(m);
	event->remedy = make_text(m);
	event->wall_ns = (int64_t)make_number(m);
	return event;
}

#endif
