/* SPDX-License-Identifier: Apache-2.0 */
/* Events over the seam between two processes: whole, cut short, and damaged. */
#include <errno.h>

#include "agent/event_wire.h"
#include "tests/unit/agent/event_make.h"
#include "tests/unit/test.h"

#define ROUNDS 200
#define OUT_CAP (4ul * EVENT_WIRE_MAX)

static struct maker maker;
static uint64_t seed;

/* What the sinks got, and must have got. */
static struct {
	bool compare;
	unsigned int n;
	enum event_wire_type type;
	uint64_t number;
	char text[64];
} got;

/* ---- sinks that compare ---- */

#define SAME(field)                                                                         \
	do {                                                                                \
		if (!(event->field == made->field))                                         \
			test_fail(__FILE__, __LINE__, "seed %" PRIu64 ": %s differs", seed, \
				  #field);                                                  \
	} while (0)

#define SAME_BYTES(field)                                                                   \
	do {                                                                                \
		if (memcmp(&event->field, &made->field, sizeof(made->field)) != 0)          \
			test_fail(__FILE__, __LINE__, "seed %" PRIu64 ": %s differs", seed, \
				  #field);                                                  \
	} while (0)

#define SAME_TEXT(field)                                                                    \
	do {                                                                                \
		if (!event->field != !made->field ||                                        \
		    (made->field && strcmp(event->field, made->field) != 0))                \
			test_fail(__FILE__, __LINE__, "seed %" PRIu64 ": %s differs", seed, \
				  #field);                                                  \
	} while (0)

static void same_info(const struct conn_info *event, const struct conn_info *made)
{
	CHECK(!event == !made);
	if (!made)
		return;
	SAME(role);
	SAME(joined_late);
	SAME_BYTES(local);
	SAME_BYTES(peer);
	SAME_TEXT(sni);
	SAME_TEXT(alpn);
	SAME_TEXT(library);
}

static void same_line(const struct pricing_line *event, const struct pricing_line *made)
{
	SAME(bucket);
	SAME(billed_as);
	SAME(quantity);
	SAME(priced);
	SAME(rate);
	SAME(per);
	SAME(amount);
}

static void same_charge(const struct charge *event, const struct charge *made)
{
	SAME_TEXT(model);
	SAME_TEXT(tier);
	SAME_TEXT(region);
	SAME_TEXT(variant);
	SAME(usage.present);
	for (size_t i = 0; i < PRICING_BUCKETS; i++)
		SAME(usage.quantity[i]);
	SAME(price.status);
	SAME(price.missing);
	SAME(price.amount);
	SAME_TEXT(price.currency);
	SAME_TEXT(price.row);
	SAME_TEXT(price.source);
	SAME_TEXT(price.discount);
	SAME(price.n_lines);
	for (size_t i = 0; i < made->price.n_lines; i++)
		same_line(&event->price.lines[i], &made->price.lines[i]);
}

static void same_call_texts(const struct call_event *event, const struct call_event *made)
{
	SAME_TEXT(operation);
	SAME_TEXT(provider);
	SAME_TEXT(family);
	SAME_TEXT(request_model);
	SAME_TEXT(response_model);
	SAME_TEXT(response_id);
	SAME_TEXT(conversation_id);
	SAME_TEXT(method);
	SAME_TEXT(path);
	SAME_TEXT(server_address);
	SAME_TEXT(error_type);
	SAME_TEXT(key_fingerprint);
	SAME_TEXT(traceparent);
	SAME_TEXT(raw_usage);
	SAME_TEXT(card_version);
}

static void same_call(const struct call_event *event, const struct call_event *made)
{
	SAME(type);
	SAME_BYTES(conn);
	SAME(position);
	same_info(event->info, made->info);
	SAME(start_ns);
	SAME(end_ns);
	SAME(first_token_ns);
	same_call_texts(event, made);
	SAME(provider_known);
	SAME(server_port);
	SAME(status);
	SAME(streaming);
	SAME(n_attributes);
	for (size_t i = 0; i < made->n_attributes; i++) {
		SAME_TEXT(attributes[i].name);
		SAME_TEXT(attributes[i].value);
	}
	SAME(billing);
	SAME(partial);
	SAME(estimated);
	SAME(bytes_seen);
	SAME(bytes_declared);
	SAME(n_charges);
	for (size_t i = 0; i < made->n_charges; i++)
		same_charge(&event->charges[i], &made->charges[i]);
	SAME(wall_offset_ns);
	SAME(reported_source);
	SAME(reported);
	SAME(cost_status);
	SAME(capture);
	SAME_BYTES(trace_id);
	SAME_BYTES(span_id);
	SAME_BYTES(parent_span_id);
	SAME_BYTES(root);
}

static void same_process(const struct process_event *event, const struct process_event *made)
{
	SAME_BYTES(key);
	SAME_BYTES(parent);
	SAME(start_ns);
	SAME(exit_ns);
	SAME(uid);
	SAME(exit_status);
	SAME(root);
	SAME_TEXT(executable);
	SAME_TEXT(name);
	SAME(n_arguments);
	for (size_t i = 0; i < made->n_arguments; i++)
		SAME_TEXT(arguments[i]);
	SAME_TEXT(cgroup);
	SAME_TEXT(service_name);
	SAME(wall_offset_ns);
	SAME_BYTES(boot_id);
}

static void same_loss(const struct loss_event *event, const struct loss_event *made)
{
	SAME_BYTES(process);
	SAME(cause);
	SAME_TEXT(name);
	SAME(records);
	SAME(bytes);
	SAME(wall_ns);
}

static void same_unseen(const struct unseen_event *event, const struct unseen_event *made)
{
	SAME_BYTES(process);
	SAME_TEXT(executable);
	SAME_TEXT(reason);
	SAME_TEXT(remedy);
	SAME(wall_ns);
}

/* ---- what must hold of anything that a sink gets ---- */

static size_t all_length;

static void text_ends(const char *text)
{
	all_length += text ? strlen(text) : 0;
}

static void info_is_sane(const struct conn_info *info)
{
	if (!info)
		return;
	CHECK(info->role <= CR_ROLE_SERVER && *(const uint8_t *)&info->joined_late <= 1);
	CHECK(info->local.family == 0 || info->local.family == 4 || info->local.family == 6);
	CHECK(info->peer.family == 0 || info->peer.family == 4 || info->peer.family == 6);
	text_ends(info->sni);
	text_ends(info->alpn);
	text_ends(info->library);
}

static void charge_is_sane(const struct charge *charge)
{
	const struct pricing_result *price = &charge->price;

	text_ends(charge->model);
	text_ends(charge->tier);
	text_ends(charge->region);
	text_ends(charge->variant);
	text_ends(price->row);
	text_ends(price->source);
	text_ends(price->discount);
	CHECK(charge->usage.present < 1u << PRICING_BUCKETS);
	for (unsigned int i = 0; i < PRICING_BUCKETS; i++)
		CHECK(pricing_usage_has(&charge->usage, i) || !charge->usage.quantity[i]);
	CHECK(price->status <= PRICING_UNPRICED_OVERFLOW && price->missing <= PRICING_BUCKETS);
	CHECK(memchr(price->currency, '\0', PRICING_CURRENCY_MAX));
	CHECK(price->n_lines <= PRICING_BUCKETS);
	for (unsigned int i = 0; i < price->n_lines; i++) {
		const struct pricing_line *line = &price->lines[i];

		CHECK(line->bucket < PRICING_BUCKETS && line->billed_as < PRICING_BUCKETS);
		CHECK(line->per > 0 && *(const uint8_t *)&line->priced <= 1);
	}
}

static void call_is_sane(const struct call_event *event)
{
	CHECK(event->type <= CALL_END && event->billing <= BILLING_UNKNOWN);
	CHECK(event->cost_status <= COST_FREE && event->capture <= CR_CAPTURE_REPLAY);
	CHECK(event->partial < 2 * PARTIAL_USAGE);
	CHECK(*(const uint8_t *)&event->provider_known <= 1);
	CHECK(*(const uint8_t *)&event->streaming <= 1 && *(const uint8_t *)&event->estimated <= 1);
	CHECK(!event->conn.reserved && !event->conn.process.reserved && !event->root.reserved);
	text_ends(event->operation);
	text_ends(event->provider);
	text_ends(event->family);
	text_ends(event->request_model);
	text_ends(event->response_model);
	text_ends(event->response_id);
	text_ends(event->conversation_id);
	text_ends(event->method);
	text_ends(event->path);
	text_ends(event->server_address);
	text_ends(event->error_type);
	text_ends(event->key_fingerprint);
	text_ends(event->traceparent);
	text_ends(event->raw_usage);
	text_ends(event->card_version);
	info_is_sane(event->info);
	CHECK(event->n_attributes <= LIMIT_ATTRIBUTES && event->n_charges <= LIMIT_CHARGES);
	for (size_t i = 0; i < event->n_attributes; i++) {
		CHECK(event->attributes[i].name && event->attributes[i].value);
		text_ends(event->attributes[i].name);
		text_ends(event->attributes[i].value);
	}
	for (size_t i = 0; i < event->n_charges; i++)
		charge_is_sane(&event->charges[i]);
}

static int on_call(void *context, struct call_event *event)
{
	got.n++;
	got.type = EVENT_WIRE_CALL;
	if (got.compare)
		same_call(event, &maker.call);
	call_is_sane(event);
	return 0;
}

static int on_process(void *context, const struct process_event *event)
{
	got.n++;
	got.type = EVENT_WIRE_PROCESS;
	if (got.compare)
		same_process(event, &maker.process);
	CHECK(*(const uint8_t *)&event->root <= 1 && event->n_arguments <= LIMIT_ARGUMENT_COUNT);
	text_ends(event->executable);
	text_ends(event->name);
	text_ends(event->cgroup);
	text_ends(event->service_name);
	for (size_t i = 0; i < event->n_arguments; i++) {
		CHECK(event->arguments[i]);
		text_ends(event->arguments[i]);
	}
	return 0;
}

static int on_loss(void *context, const struct loss_event *event)
{
	got.n++;
	got.type = EVENT_WIRE_LOSS;
	if (got.compare)
		same_loss(event, &maker.loss);
	CHECK(event->cause <= CR_CAUSE_UNDECODABLE);
	text_ends(event->name);
	return 0;
}

static int on_unseen(void *context, const struct unseen_event *event)
{
	got.n++;
	got.type = EVENT_WIRE_UNSEEN;
	if (got.compare)
		same_unseen(event, &maker.unseen);
	text_ends(event->executable);
	text_ends(event->reason);
	text_ends(event->remedy);
	return 0;
}

static int on_word(void *context, uint64_t number, enum event_wire_type type, const char *text)
{
	got.n++;
	got.type = type;
	got.number = number;
	snprintf(got.text, sizeof(got.text), "%s", text ? text : "(null)");
	CHECK(type >= EVENT_WIRE_END && type <= EVENT_WIRE_REFUSED);
	CHECK(!text == (type != EVENT_WIRE_BACKGROUND));
	return 0;
}

static const struct event_wire_sinks all = {.call = on_call,
					    .process = on_process,
					    .loss = on_loss,
					    .unseen = on_unseen,
					    .word = on_word};

/* ---- the fixture ---- */

static struct event_wire_reader *reader;
static struct buffer out;

static void set_up(void)
{
	event_wire_reader_free(reader);
	buffer_free(&out);
	buffer_init(&out, OUT_CAP);
	memset(&got, 0, sizeof(got));
	CHECK_INT(event_wire_reader_new(&reader), 0);
}

static void clean_up(void)
{
	event_wire_reader_free(reader);
	reader = NULL;
	buffer_free(&out);
	maker_free(&maker);
}

/* A message of each type, from the seed. Return: bytes of it. */
static size_t put(enum event_wire_type type, uint64_t number, bool sparse)
{
	size_t before = out.length;
	int r;

	maker_free(&maker);
	maker_init(&maker, seed, sparse);
	switch (type) {
	case EVENT_WIRE_CALL:
		r = event_wire_put_call(&out, number, make_call(&maker));
		break;
	case EVENT_WIRE_PROCESS:
		r = event_wire_put_process(&out, number, make_process(&maker));
		break;
	case EVENT_WIRE_LOSS:
		r = event_wire_put_loss(&out, number, make_loss(&maker));
		break;
	case EVENT_WIRE_UNSEEN:
		r = event_wire_put_unseen(&out, number, make_unseen(&maker));
		break;
	default:
		r = event_wire_put_word(&out, number, type, make_known_text(&maker));
	}
	CHECK_INT(r, 0);
	return out.length - before;
}

/* Read exactly these bytes, which lie at the end of what may be touched. */
static int read_copy(const uint8_t *data, size_t length, size_t *ret_length, uint64_t *ret_number)
{
	uint8_t *copy = malloc(length ? length : 1);
	int r;

	CHECK(copy);
	memcpy(copy, data, length);
	r = event_wire_read(reader, copy, length, &all, ret_length, ret_number);
	free(copy);
	return r;
}

static void round_trip(enum event_wire_type type, bool sparse)
{
	uint64_t number, expected = ~seed;
	size_t length, size;

	got.compare = true;
	got.n = 0;
	buffer_clear(&out);
	size = put(type, expected, sparse);
	CHECK_INT(read_copy(out.data, out.length, &length, &number), 0);
	CHECK_INT(length, size);
	CHECK(number == expected);
	CHECK_INT(got.n, 1);
	CHECK_INT(got.type, type);
}

static void round_trips(enum event_wire_type type)
{
	set_up();
	for (seed = 1; seed <= ROUNDS; seed++) {
		round_trip(type, false);
		round_trip(type, true);
	}
	clean_up();
}

/* ---- cases ---- */

TEST(calls_come_back)
{
	round_trips(EVENT_WIRE_CALL);
}

TEST(processes_come_back)
{
	round_trips(EVENT_WIRE_PROCESS);
}

TEST(losses_come_back)
{
	round_trips(EVENT_WIRE_LOSS);
}

TEST(unseen_come_back)
{
	round_trips(EVENT_WIRE_UNSEEN);
}

/* Nothing known but what can not be absent. */
TEST(minimal_events_come_back)
{
	uint64_t number;
	size_t length;

	set_up();
	got.compare = true;
	maker_init(&maker, 0, true);
	CHECK_INT(event_wire_put_call(&out, 1, &maker.call), 0);
	CHECK_INT(event_wire_put_process(&out, 2, &maker.process), 0);
	CHECK_INT(event_wire_put_loss(&out, 3, &maker.loss), 0);
	CHECK_INT(event_wire_put_unseen(&out, 4, &maker.unseen), 0);
	for (uint64_t i = 1; i <= 4; i++) {
		CHECK_INT(read_copy(out.data, out.length, &length, &number), 0);
		CHECK_INT(number, i);
		CHECK_INT(got.type, (int)i);
		buffer_consume(&out, length);
	}
	CHECK_INT(out.length, 0);
	clean_up();
}

TEST(null_is_not_empty)
{
	struct loss_event null = {.name = NULL}, empty = {.name = ""};
	size_t length;
	uint64_t number;

	set_up();
	got.compare = true;
	maker.loss = null;
	CHECK_INT(event_wire_put_loss(&out, 1, &null), 0);
	CHECK_INT(read_copy(out.data, out.length, &length, &number), 0);
	buffer_clear(&out);
	maker.loss = empty;
	CHECK_INT(event_wire_put_loss(&out, 1, &empty), 0);
	CHECK_INT(read_copy(out.data, out.length, &length, &number), 0);
	clean_up();
}

TEST(words_come_back)
{
	uint64_t number = 0;
	size_t length = 0;

	set_up();
	CHECK_INT(event_wire_put_word(&out, 7, EVENT_WIRE_ACCEPTED, NULL), 0);
	CHECK_INT(event_wire_put_word(&out, 8, EVENT_WIRE_BACKGROUND, "resp_1"), 0);
	CHECK_INT(event_wire_put_word(&out, 9, EVENT_WIRE_READY, NULL), 0);
	CHECK_INT(event_wire_put_word(&out, UINT64_MAX, EVENT_WIRE_END, NULL), 0);
	CHECK_INT(read_copy(out.data, out.length, &length, &number), 0);
	CHECK(got.type == EVENT_WIRE_ACCEPTED && got.number == 7 && number == 7);
	CHECK_INT(length, 16);
	CHECK_TEXT(got.text, "(null)");
	buffer_consume(&out, length);
	CHECK_INT(read_copy(out.data, out.length, &length, &number), 0);
	CHECK(got.type == EVENT_WIRE_BACKGROUND && got.number == 8);
	CHECK_TEXT(got.text, "resp_1");
	buffer_consume(&out, length);
	CHECK_INT(read_copy(out.data, out.length, &length, &number), 0);
	CHECK(got.type == EVENT_WIRE_READY && got.number == 9);
	buffer_consume(&out, length);
	CHECK_INT(read_copy(out.data, out.length, &length, &number), 0);
	CHECK(got.type == EVENT_WIRE_END && got.number == UINT64_MAX);
	CHECK_INT(length, out.length);
	CHECK_INT(event_wire_put_word(&out, 1, EVENT_WIRE_CALL, NULL), -EINVAL);
	CHECK_INT(event_wire_put_word(&out, 1, EVENT_WIRE_BACKGROUND, NULL), -EINVAL);
	CHECK_INT(out.length, length);
	clean_up();
}

/* What was cut off waits for more; what claims to be shorter than it is, is damage. */
TEST(every_truncation)
{
	set_up();
	for (int type = EVENT_WIRE_CALL; type <= EVENT_WIRE_REFUSED; type++) {
		uint64_t number = 77;
		size_t length = 77, size;

		seed = 1000 + (uint64_t)type;
		buffer_clear(&out);
		size = put(type, 5, false);
		got.n = 0;
		for (size_t n = 0; n < size; n++) {
			CHECK_INT(read_copy(out.data, n, &length, &number), -EAGAIN);
			if (n < 4)
				continue;
			for (size_t i = 0; i < 4; i++)
				out.data[i] = (uint8_t)(n >> 8 * i);
			CHECK_INT(read_copy(out.data, n, &length, &number),
				  n < 16 ? -EAGAIN : -EBADMSG);
			CHECK_INT(read_copy(out.data, size, &length, &number), -EBADMSG);
			for (size_t i = 0; i < 4; i++)
				out.data[i] = (uint8_t)(size >> 8 * i);
		}
		CHECK_INT(got.n, 0);
		CHECK(length == 77 && number == 77);
	}
	clean_up();
}

TEST(trailing_bytes_are_damage)
{
	uint64_t number;
	size_t length;

	set_up();
	for (int type = EVENT_WIRE_CALL; type <= EVENT_WIRE_REFUSED; type++) {
		size_t size;

		buffer_clear(&out);
		size = put(type, 5, true) + 1;
		CHECK_INT(buffer_append(&out, "", 1), 0);
		CHECK_INT(read_copy(out.data, out.length, &length, &number), 0);
		for (size_t i = 0; i < 4; i++)
			out.data[i] = (uint8_t)(size >> 8 * i);
		CHECK_INT(read_copy(out.data, out.length, &length, &number), -EBADMSG);
	}
	clean_up();
}

/* Any other value of any one byte: refused, or an event that can be relied on. */
TEST(every_corrupted_byte)
{
	unsigned int refused = 0, taken = 0;

	set_up();
	for (int type = EVENT_WIRE_CALL; type <= EVENT_WIRE_REFUSED; type++) {
		size_t length, size;
		uint64_t number;

		seed = 2000 + (uint64_t)type;
		buffer_clear(&out);
		size = put(type, 5, type <= EVENT_WIRE_PROCESS);
		for (size_t at = 0; at < size; at++) {
			uint8_t was = out.data[at];

			for (unsigned int value = 0; value < 256; value++) {
				int r;

				out.data[at] = (uint8_t)value;
				r = read_copy(out.data, size, &length, &number);
				CHECK(r == 0 || r == -EBADMSG || (r == -EAGAIN && at < 4));
				refused += r != 0;
				taken += r == 0;
			}
			out.data[at] = was;
		}
	}
	CHECK(refused > 1000 && taken > 1000);
	clean_up();
}

TEST(several_corrupted_bytes)
{
	unsigned int taken = 0;

	set_up();
	for (seed = 3000; seed < 3300; seed++) {
		size_t length, size;
		uint64_t number;

		buffer_clear(&out);
		size = put(EVENT_WIRE_CALL, 5, false);
		for (int round = 0; round < 40; round++) {
			for (int i = 0; i < 2; i++)
				out.data[16 + make_number(&maker) % (size - 16)] =
					(uint8_t)make_number(&maker);
			taken += read_copy(out.data, size, &length, &number) == 0;
		}
	}
	CHECK(taken > 0);
	clean_up();
}

TEST(damaged_heads)
{
	uint8_t head[16] = {16, 0, 0, 0, EVENT_WIRE_END};
	uint64_t number;
	size_t length;

	set_up();
	CHECK_INT(read_copy(head, sizeof(head), &length, &number), 0);
	head[4] = 0;
	CHECK_INT(read_copy(head, sizeof(head), &length, &number), -EBADMSG);
	head[4] = EVENT_WIRE_REFUSED + 1;
	CHECK_INT(read_copy(head, sizeof(head), &length, &number), -EBADMSG);
	head[4] = EVENT_WIRE_END;
	head[6] = 1;
	CHECK_INT(read_copy(head, sizeof(head), &length, &number), -EBADMSG);
	head[6] = 0;
	head[0] = 15;
	CHECK_INT(read_copy(head, sizeof(head), &length, &number), -EBADMSG);
	head[0] = 17;
	CHECK_INT(read_copy(head, sizeof(head), &length, &number), -EAGAIN);
	/* One byte over the longest: no use to wait for it. */
	head[0] = 1;
	head[2] = EVENT_WIRE_MAX >> 16;
	CHECK_INT(read_copy(head, sizeof(head), &length, &number), -EBADMSG);
	head[0] = 0;
	CHECK_INT(read_copy(head, sizeof(head), &length, &number), -EAGAIN);
	clean_up();
}

static int refuse(void *context, const struct loss_event *event)
{
	return *(int *)context;
}

TEST(sinks_that_refuse)
{
	int answer = -ENOSPC;
	const struct event_wire_sinks refusing = {.context = &answer, .loss = refuse}, none = {0};
	size_t length = 77;
	uint64_t number = 77;

	set_up();
	for (int type = EVENT_WIRE_CALL; type <= EVENT_WIRE_REFUSED; type++) {
		buffer_clear(&out);
		put(type, 5, false);
		CHECK_INT(event_wire_read(reader, out.data, out.length, &none, &length, &number),
			  -EBADMSG);
	}
	buffer_clear(&out);
	put(EVENT_WIRE_LOSS, 5, false);
	CHECK_INT(event_wire_read(reader, out.data, out.length, &refusing, &length, &number),
		  -ENOSPC);
	CHECK(length == 77 && number == 77);
	clean_up();
}

/* ---- caps ---- */

static struct charge charges[LIMIT_CHARGES + 1];
static struct attribute attributes[LIMIT_ATTRIBUTES + 1];
static const char *arguments[LIMIT_ARGUMENT_COUNT + 1];

static void fill_lists(void)
{
	for (size_t i = 0; i <= LIMIT_CHARGES; i++)
		charges[i] = (struct charge){.model = "m"};
	for (size_t i = 0; i <= LIMIT_ATTRIBUTES; i++)
		attributes[i] = (struct attribute){"n", "v"};
	for (size_t i = 0; i <= LIMIT_ARGUMENT_COUNT; i++)
		arguments[i] = "a";
}

/* @good: the largest that goes; one more does not. */
static void call_cap(struct call_event *event, size_t *field, size_t good)
{
	uint64_t number;
	size_t length, before = out.length;

	*field = good + 1;
	CHECK_INT(event_wire_put_call(&out, 1, event), -E2BIG);
	CHECK_INT(out.length, before);
	*field = good;
	CHECK_INT(event_wire_put_call(&out, 1, event), 0);
	CHECK_INT(read_copy(out.data, out.length, &length, &number), 0);
	buffer_clear(&out);
	*field = 0;
}

TEST(caps_of_lists)
{
	struct process_event process = {.arguments = arguments};
	struct call_event call = {.charges = charges, .attributes = attributes};
	uint64_t number;
	size_t length;

	set_up();
	fill_lists();
	for (size_t i = 0; i <= LIMIT_CHARGES; i++)
		charges[i].price.missing = PRICING_BUCKETS;
	call_cap(&call, &call.n_charges, LIMIT_CHARGES);
	call_cap(&call, &call.n_attributes, LIMIT_ATTRIBUTES);
	process.n_arguments = LIMIT_ARGUMENT_COUNT + 1;
	CHECK_INT(event_wire_put_process(&out, 1, &process), -E2BIG);
	process.n_arguments = LIMIT_ARGUMENT_COUNT;
	CHECK_INT(event_wire_put_process(&out, 1, &process), 0);
	CHECK_INT(read_copy(out.data, out.length, &length, &number), 0);
	charges[0].price.n_lines = PRICING_BUCKETS + 1;
	call.n_charges = 1;
	CHECK_INT(event_wire_put_call(&out, 1, &call), -E2BIG);
	clean_up();
}

/* The counts of a message that is right but for one of them. */
TEST(counts_beyond_their_caps)
{
	struct process_event process = {.arguments = arguments,
					.n_arguments = LIMIT_ARGUMENT_COUNT};
	size_t length, count_at;
	uint64_t number;

	set_up();
	fill_lists();
	CHECK_INT(event_wire_put_process(&out, 1, &process), 0);
	/* One more argument: u32 length 2, "a", NUL; its count is before them all. */
	count_at = out.length - LIMIT_ARGUMENT_COUNT * 6ul - 2;
	CHECK_INT(out.data[count_at] | out.data[count_at + 1] << 8, LIMIT_ARGUMENT_COUNT);
	CHECK_INT(buffer_append(&out, "\2\0\0\0a", 6), 0);
	out.data[count_at]++;
	for (size_t i = 0; i < 4; i++)
		out.data[i] = (uint8_t)(out.length >> 8 * i);
	CHECK_INT(read_copy(out.data, out.length, &length, &number), -EBADMSG);
	out.data[count_at]--;
	out.length -= 6;
	for (size_t i = 0; i < 4; i++)
		out.data[i] = (uint8_t)(out.length >> 8 * i);
	CHECK_INT(read_copy(out.data, out.length, &length, &number), 0);
	clean_up();
}

TEST(cap_of_a_message)
{
	/* Head, process, wall time, and two texts of NULL; then the third's length and NUL. */
	const size_t rest = 16 + 12 + 8 + 4 + 4 + 4 + 1;
	char *text = malloc(EVENT_WIRE_MAX);
	struct unseen_event event = {.remedy = text};
	uint64_t number;
	size_t length;

	set_up();
	CHECK(text);
	memset(text, 'x', EVENT_WIRE_MAX);
	text[EVENT_WIRE_MAX - rest + 1] = '\0';
	CHECK_INT(event_wire_put_loss(&out, 1, &(struct loss_event){.name = "before"}), 0);
	length = out.length;
	CHECK_INT(event_wire_put_unseen(&out, 1, &event), -E2BIG);
	CHECK_INT(out.length, length);
	buffer_clear(&out);
	text[EVENT_WIRE_MAX - rest] = '\0';
	CHECK_INT(event_wire_put_unseen(&out, 1, &event), 0);
	CHECK_INT(out.length, EVENT_WIRE_MAX);
	CHECK_INT(read_copy(out.data, out.length, &length, &number), 0);
	free(text);
	buffer_free(&out);
	buffer_init(&out, 64);
	CHECK_INT(event_wire_put_call(&out, 1, &(struct call_event){.path = "/"}), -E2BIG);
	CHECK_INT(out.length, 0);
	clean_up();
}

/* A captured process says what it likes of its connections. */
TEST(what_has_no_name_is_unknown)
{
	struct conn_info info = {.role = 9, .local = {.family = 5}, .peer = {.family = 6}};
	struct call_event call = {.info = &info};
	struct loss_event loss = {.cause = 12345};
	uint64_t number;
	size_t length;

	set_up();
	CHECK_INT(event_wire_put_call(&out, 1, &call), 0);
	CHECK_INT(read_copy(out.data, out.length, &length, &number), 0);
	buffer_clear(&out);
	CHECK_INT(event_wire_put_loss(&out, 1, &loss), 0);
	CHECK_INT(read_copy(out.data, out.length, &length, &number), 0);
	CHECK_INT(got.n, 2);
	clean_up();
}

/* What the reader would refuse is not sent. */
TEST(what_would_be_refused)
{
	struct call_event call = {.charges = charges, .attributes = attributes};

	set_up();
	fill_lists();
	call.type = CALL_END + 1;
	CHECK_INT(event_wire_put_call(&out, 1, &call), -EINVAL);
	call.type = CALL_END;
	call.partial = 2 * PARTIAL_USAGE;
	CHECK_INT(event_wire_put_call(&out, 1, &call), -EINVAL);
	call.partial = 0;
	call.n_attributes = 1;
	attributes[0].value = NULL;
	CHECK_INT(event_wire_put_call(&out, 1, &call), -EINVAL);
	call.n_attributes = 0;
	call.reported = -1;
	CHECK_INT(event_wire_put_call(&out, 1, &call), -EINVAL);
	call.reported = INT64_MAX;
	call.reported_source = REPORTED_GATEWAY + 1;
	CHECK_INT(event_wire_put_call(&out, 1, &call), -EINVAL);
	call.reported_source = REPORTED_GATEWAY;
	call.n_charges = 1;
	charges[0].price.n_lines = 1;
	CHECK_INT(event_wire_put_call(&out, 1, &call), -EINVAL);
	charges[0].price.lines[0].per = 1;
	CHECK_INT(event_wire_put_call(&out, 1, &call), 0);
	clean_up();
}

TEST_MAIN()
