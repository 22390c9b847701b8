/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/event_wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/event_wire_layout.h"
#include "agent/limits.h"

struct event_wire_reader {
	struct conn_info info;
	struct charge charges[LIMIT_CHARGES];
	struct attribute attributes[LIMIT_ATTRIBUTES];
	const char *arguments[LIMIT_ARGUMENT_COUNT];
};

int event_wire_reader_new(struct event_wire_reader **ret_reader)
{
	struct event_wire_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return -ENOMEM;
	*ret_reader = reader;
	return 0;
}

void event_wire_reader_free(struct event_wire_reader *reader)
{
	free(reader);
}

/* What is left of a message. After damage every get gives 0 or NULL. */
struct cursor {
	const uint8_t *at;
	size_t left;
	bool damaged;
};

static const uint8_t *get_bytes(struct cursor *c, size_t size)
{
	const uint8_t *bytes = c->at;

	if (c->damaged || size > c->left) {
		c->damaged = true;
		return NULL;
	}
	c->at += size;
	c->left -= size;
	return bytes;
}

static uint64_t get_number(struct cursor *c, size_t size)
{
	const uint8_t *bytes = get_bytes(c, size);
	uint64_t value = 0;

	for (size_t i = 0; bytes && i < size; i++)
		value |= (uint64_t)bytes[i] << 8 * i;
	return value;
}

/* A number of this many bytes that is at most `last`. */
static uint64_t get_up_to(struct cursor *c, size_t size, uint64_t last)
{
	uint64_t value = get_number(c, size);

	if (value <= last)
		return value;
	c->damaged = true;
	return 0;
}

static unsigned int get_enum(struct cursor *c, unsigned int last)
{
	return (unsigned int)get_up_to(c, 1, last);
}

static bool get_bool(struct cursor *c)
{
	return get_up_to(c, 1, 1);
}

static size_t get_count(struct cursor *c, size_t cap)
{
	return get_up_to(c, 2, cap);
}

static pricing_amount get_amount(struct cursor *c)
{
	uint64_t low = get_number(c, 8), high = get_number(c, 8);

	return (pricing_amount)((unsigned __int128)high << 64 | low);
}

static void get_array(struct cursor *c, void *to, size_t size)
{
	const uint8_t *bytes = get_bytes(c, size);

	if (bytes)
		memcpy(to, bytes, size);
}

static const char *get_text(struct cursor *c)
{
	size_t size = get_number(c, 4);
	const uint8_t *bytes = size ? get_bytes(c, size) : NULL;

	if (!bytes)
		return NULL;
	if (memchr(bytes, '\0', size) != bytes + size - 1) {
		c->damaged = true;
		return NULL;
	}
	return (const char *)bytes;
}

static const char *get_known_text(struct cursor *c)
{
	const char *text = get_text(c);

	if (!text)
		c->damaged = true;
	return text;
}

/* Is a message all that it should be? */
static bool is_whole(const struct cursor *c)
{
	return !c->damaged && !c->left;
}

static struct process_key get_process_key(struct cursor *c)
{
	uint64_t start = get_number(c, 8);

	return (struct process_key){.start = start, .pid = (uint32_t)get_number(c, 4)};
}

static void get_address(struct cursor *c, struct cr_address *address)
{
	address->family = (uint8_t)get_enum(c, 6);
	if (address->family != 0 && address->family != 4 && address->family != 6)
		c->damaged = true;
	address->port = (uint16_t)get_number(c, 2);
	get_array(c, address->bytes, sizeof(address->bytes));
}

static const struct conn_info *get_info(struct cursor *c, struct conn_info *info)
{
	if (!get_bool(c))
		return NULL;
	memset(info, 0, sizeof(*info));
	info->role = (uint8_t)get_enum(c, CR_ROLE_SERVER);
	info->joined_late = get_bool(c);
	get_address(c, &info->local);
	get_address(c, &info->peer);
	info->sni = get_text(c);
	info->alpn = get_text(c);
	info->library = get_text(c);
	return info;
}

static void get_usage(struct cursor *c, struct pricing_usage *usage)
{
	uint32_t present = (uint32_t)get_up_to(c, 4, EVENT_WIRE_BUCKET_BITS);

	for (unsigned int i = 0; i < PRICING_BUCKETS; i++)
		if (present & 1u << i)
			pricing_usage_set(usage, i, get_number(c, 8));
}

static void get_line(struct cursor *c, struct pricing_line *line)
{
	line->bucket = get_enum(c, PRICING_BUCKETS - 1);
	line->billed_as = get_enum(c, PRICING_BUCKETS - 1);
	line->quantity = get_number(c, 8);
	line->priced = get_bool(c);
	line->rate = get_amount(c);
	line->per = get_number(c, 8);
	line->amount = get_amount(c);
	if (!line->per)
		c->damaged = true;
}

/* NUL-terminated, and zero behind it. */
static void get_currency(struct cursor *c, char currency[PRICING_CURRENCY_MAX])
{
	get_array(c, currency, PRICING_CURRENCY_MAX);
	for (size_t i = 0; i < PRICING_CURRENCY_MAX; i++)
		if (currency[i] && (i == PRICING_CURRENCY_MAX - 1 || (i && !currency[i - 1])))
			c->damaged = true;
}

static void get_charge(struct cursor *c, struct charge *charge)
{
	struct pricing_result *price = &charge->price;

	memset(charge, 0, sizeof(*charge));
	charge->model = get_text(c);
	charge->tier = get_text(c);
	charge->region = get_text(c);
	charge->variant = get_text(c);
	charge->price.row = get_text(c);
	charge->price.source = get_text(c);
	charge->price.discount = get_text(c);
	get_usage(c, &charge->usage);
	price->status = get_enum(c, PRICING_UNPRICED_OVERFLOW);
	price->missing = get_enum(c, PRICING_BUCKETS);
	price->amount = get_amount(c);
	get_currency(c, price->currency);
	price->n_lines = (unsigned int)get_count(c, PRICING_BUCKETS);
	for (size_t i = 0; !c->damaged && i < price->n_lines; i++)
		get_line(c, &price->lines[i]);
}

static void get_call_numbers(struct cursor *c, struct call_event *event)
{
	event->type = get_enum(c, CALL_END);
	event->conn.process = get_process_key(c);
	event->conn.conn = get_number(c, 8);
	event->conn.generation = get_number(c, 8);
	event->conn.layer = (uint32_t)get_number(c, 4);
	event->position = get_number(c, 8);
	event->start_ns = get_number(c, 8);
	event->end_ns = get_number(c, 8);
	event->first_token_ns = get_number(c, 8);
	event->provider_known = get_bool(c);
	event->server_port = (uint16_t)get_number(c, 2);
	event->status = (unsigned int)get_number(c, 4);
	event->streaming = get_bool(c);
	event->billing = get_enum(c, BILLING_UNKNOWN);
	event->partial = get_enum(c, EVENT_WIRE_PARTIAL_BITS);
	event->estimated = get_bool(c);
	event->bytes_seen = get_number(c, 8);
	event->bytes_declared = get_number(c, 8);
	event->wall_offset_ns = (int64_t)get_number(c, 8);
	event->reported_source = get_enum(c, REPORTED_GATEWAY);
	event->reported = (int64_t)get_up_to(c, 8, INT64_MAX);
	event->cost_status = get_enum(c, COST_FREE);
	event->capture = (uint8_t)get_enum(c, CR_CAPTURE_REPLAY);
	get_array(c, event->trace_id, TRACE_ID_SIZE);
	get_array(c, event->span_id, SPAN_ID_SIZE);
	get_array(c, event->parent_span_id, SPAN_ID_SIZE);
	event->root = get_process_key(c);
}

static int read_call(struct event_wire_reader *reader, struct cursor *c,
		     const struct event_wire_sinks *sinks)
{
	struct call_event event = {.attributes = reader->attributes, .charges = reader->charges};

	get_call_numbers(c, &event);
	event.operation = get_text(c);
	event.provider = get_text(c);
	event.family = get_text(c);
	event.request_model = get_text(c);
	event.response_model = get_text(c);
	event.response_id = get_text(c);
	event.conversation_id = get_text(c);
	event.method = get_text(c);
	event.path = get_text(c);
	event.server_address = get_text(c);
	event.error_type = get_text(c);
	event.key_fingerprint = get_text(c);
	event.traceparent = get_text(c);
	event.raw_usage = get_text(c);
	event.card_version = get_text(c);
	event.info = get_info(c, &reader->info);
	event.n_attributes = get_count(c, LIMIT_ATTRIBUTES);
	for (size_t i = 0; !c->damaged && i < event.n_attributes; i++) {
		reader->attributes[i].name = get_known_text(c);
		reader->attributes[i].value = get_known_text(c);
	}
	event.n_charges = get_count(c, LIMIT_CHARGES);
	for (size_t i = 0; !c->damaged && i < event.n_charges; i++)
		get_charge(c, &reader->charges[i]);
	if (!is_whole(c) || !sinks->call)
		return -EBADMSG;
	return sinks->call(sinks->context, &event);
}

static int read_process(struct event_wire_reader *reader, struct cursor *c,
			const struct event_wire_sinks *sinks)
{
	struct process_event event = {.arguments = reader->arguments};

	event.key = get_process_key(c);
	event.parent = get_process_key(c);
	event.start_ns = get_number(c, 8);
	event.exit_ns = get_number(c, 8);
	event.uid = (uint32_t)get_number(c, 4);
	event.exit_status = (uint32_t)get_number(c, 4);
	event.root = get_bool(c);
	event.wall_offset_ns = (int64_t)get_number(c, 8);
	get_array(c, event.boot_id, BOOT_ID_SIZE);
	event.executable = get_text(c);
	event.name = get_text(c);
	event.cgroup = get_text(c);
	event.service_name = get_text(c);
	event.n_arguments = get_count(c, LIMIT_ARGUMENT_COUNT);
	for (size_t i = 0; !c->damaged && i < event.n_arguments; i++)
		reader->arguments[i] = get_known_text(c);
	if (!is_whole(c) || !sinks->process)
		return -EBADMSG;
	return sinks->process(sinks->context, &event);
}

static int read_loss(struct cursor *c, const struct event_wire_sinks *sinks)
{
	struct loss_event event = {.process = get_process_key(c)};

	event.cause = get_enum(c, CR_CAUSE_UNDECODABLE);
	event.records = get_number(c, 8);
	event.bytes = get_number(c, 8);
	event.wall_ns = (int64_t)get_number(c, 8);
	event.name = get_text(c);
	if (!is_whole(c) || !sinks->loss)
		return -EBADMSG;
	return sinks->loss(sinks->context, &event);
}

static int read_unseen(struct cursor *c, const struct event_wire_sinks *sinks)
{
	struct unseen_event event = {.process = get_process_key(c)};

	event.wall_ns = (int64_t)get_number(c, 8);
	event.executable = get_text(c);
	event.reason = get_text(c);
	event.remedy = get_text(c);
	if (!is_whole(c) || !sinks->unseen)
		return -EBADMSG;
	return sinks->unseen(sinks->context, &event);
}

static int read_word(struct cursor *c, const struct event_wire_sinks *sinks,
		     const struct event_wire_head *head)
{
	const char *text = head->type == EVENT_WIRE_BACKGROUND ? get_known_text(c) : NULL;

	if (!is_whole(c) || !sinks->word)
		return -EBADMSG;
	return sinks->word(sinks->context, head->number, head->type, text);
}

static int read_body(struct event_wire_reader *reader, struct cursor *c,
		     const struct event_wire_sinks *sinks, const struct event_wire_head *head)
{
	switch (head->type) {
	case EVENT_WIRE_CALL:
		return read_call(reader, c, sinks);
	case EVENT_WIRE_PROCESS:
		return read_process(reader, c, sinks);
	case EVENT_WIRE_LOSS:
		return read_loss(c, sinks);
	case EVENT_WIRE_UNSEEN:
		return read_unseen(c, sinks);
	case EVENT_WIRE_END:
	case EVENT_WIRE_ACCEPTED:
	case EVENT_WIRE_BACKGROUND:
	case EVENT_WIRE_READY:
	case EVENT_WIRE_REFUSED:
		return read_word(c, sinks, head);
	default:
		return -EBADMSG;
	}
}

int event_wire_read(struct event_wire_reader *reader, const uint8_t *data, size_t length,
		    const struct event_wire_sinks *sinks, size_t *ret_length, uint64_t *ret_number)
{
	struct cursor c = {.at = data, .left = length};
	struct event_wire_head head;
	int r;

	if (length < sizeof(head))
		return -EAGAIN;
	head.length = (uint32_t)get_number(&c, 4);
	head.type = (uint16_t)get_number(&c, 2);
	head.reserved = (uint16_t)get_number(&c, 2);
	head.number = get_number(&c, 8);
	if (head.length < sizeof(head) || head.length > EVENT_WIRE_MAX || head.reserved)
		return -EBADMSG;
	if (head.length > length)
		return -EAGAIN;
	c.left = head.length - sizeof(head);
	r = read_body(reader, &c, sinks, &head);
	if (r)
		return r;
	*ret_length = head.length;
	*ret_number = head.number;
	return 0;
}
