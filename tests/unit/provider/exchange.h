/* SPDX-License-Identifier: Apache-2.0 */
/* An exchange as text, fed to the stage in pieces of any size, and what it told of it. */
#ifndef TESTS_UNIT_PROVIDER_EXCHANGE_H
#define TESTS_UNIT_PROVIDER_EXCHANGE_H

#include "agent/limits.h"
#include "agent/provider/provider.h"
#include "tests/unit/test.h"

struct exchange {
	const char *method;    /* POST */
	const char *authority; /* api.openai.com */
	const char *target;
	const char *request;
	const char *fields[2 * 8];          /* of the request: name, value, … */
	const char *response_fields[2 * 8]; /* of the response */
	unsigned int status;                /* 200 */
	const char *response;               /* a body, or */
	const char *stream;                 /* lines of "event: " and "data: ", empty lines */
	const char *endpoint;               /* --endpoint, or NULL */
	bool no_response;                   /* none came at all */
	bool cut;                           /* the response ends early */
	uint32_t partial;                   /* of the response's end */
};

#define TOLD_TEXT 256
#define TOLD_CHARGES (LIMIT_CHARGES + 1)

struct told_charge {
	char model[TOLD_TEXT], tier[TOLD_TEXT], region[TOLD_TEXT];
	struct pricing_usage usage;
};

/* The last event, its strings copied; "" for NULL. */
struct told {
	int begins, progresses, ends;
	bool ignored;
	size_t progress_charges; /* of the first CALL_PROGRESS that had some */
	uint64_t progress_input;
	struct call_event event;
	char operation[TOLD_TEXT], provider[TOLD_TEXT], family[TOLD_TEXT], method[TOLD_TEXT];
	char request_model[TOLD_TEXT], response_model[TOLD_TEXT], response_id[TOLD_TEXT];
	char conversation_id[TOLD_TEXT], path[TOLD_TEXT], server_address[TOLD_TEXT];
	char error_type[TOLD_TEXT], traceparent[TOLD_TEXT], raw_usage[4096];
	struct told_charge charges[TOLD_CHARGES];
	size_t n_attributes;
	char attributes[LIMIT_ATTRIBUTES][2][TOLD_TEXT];
};

static struct told told;

static void copy_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

static void copy_event(const struct call_event *event)
{
	told.event = *event;
	copy_text(told.operation, TOLD_TEXT, event->operation);
	copy_text(told.provider, TOLD_TEXT, event->provider);
	copy_text(told.family, TOLD_TEXT, event->family);
	copy_text(told.method, TOLD_TEXT, event->method);
	copy_text(told.request_model, TOLD_TEXT, event->request_model);
	copy_text(told.response_model, TOLD_TEXT, event->response_model);
	copy_text(told.response_id, TOLD_TEXT, event->response_id);
	copy_text(told.conversation_id, TOLD_TEXT, event->conversation_id);
	copy_text(told.path, TOLD_TEXT, event->path);
	copy_text(told.server_address, TOLD_TEXT, event->server_address);
	copy_text(told.error_type, TOLD_TEXT, event->error_type);
	copy_text(told.traceparent, TOLD_TEXT, event->traceparent);
	copy_text(told.raw_usage, sizeof(told.raw_usage), event->raw_usage);
	for (size_t i = 0; i < event->n_charges && i < TOLD_CHARGES; i++) {
		copy_text(told.charges[i].model, TOLD_TEXT, event->charges[i].model);
		copy_text(told.charges[i].tier, TOLD_TEXT, event->charges[i].tier);
		copy_text(told.charges[i].region, TOLD_TEXT, event->charges[i].region);
		told.charges[i].usage = event->charges[i].usage;
	}
	told.n_attributes = event->n_attributes;
	for (size_t i = 0; i < event->n_attributes; i++) {
		copy_text(told.attributes[i][0], TOLD_TEXT, event->attributes[i].name);
		copy_text(told.attributes[i][1], TOLD_TEXT, event->attributes[i].value);
	}
}

static int tell(void *context, struct call_event *event)
{
	if (event->type == CALL_PROGRESS && event->n_charges && !told.progress_charges) {
		told.progress_charges = event->n_charges;
		told.progress_input = pricing_usage_input(&event->charges[0].usage);
	}
	told.begins += event->type == CALL_BEGIN;
	told.progresses += event->type == CALL_PROGRESS;
	told.ends += event->type == CALL_END;
	copy_event(event);
	return 0;
}

/* What was lost: the last one, its name copied. */
static struct {
	int count;
	struct loss_event event;
	char name[TOLD_TEXT];
} lost;

static int tell_loss(void *context, const struct loss_event *event)
{
	lost.count++;
	lost.event = *event;
	copy_text(lost.name, sizeof(lost.name), event->name);
	return 0;
}

/* What every event of an exchange has. */
struct feeder {
	struct provider *provider;
	struct conn_key conn;
	struct conn_info info;
	uint64_t id, time_ns;
	size_t step;
	bool ignored;
};

/* Of an exchange that is ignored the heads and ends still come. */
static bool is_body(enum exchange_event_type type)
{
	return type == EXCHANGE_REQUEST_BODY || type == EXCHANGE_RESPONSE_BODY ||
	       type == EXCHANGE_MESSAGE_DATA || type == EXCHANGE_MESSAGE_END;
}

static void feed(struct feeder *f, struct exchange_event *event)
{
	int r;

	if (f->ignored && is_body(event->type))
		return;
	event->id = f->id;
	event->conn = &f->conn;
	event->info = &f->info;
	event->position = 7;
	event->time_ns = ++f->time_ns;
	r = provider_feed(f->provider, event);
	CHECK(r == 0 || r == EXCHANGE_IGNORE);
	f->ignored |= r == EXCHANGE_IGNORE;
}

static void feed_pieces(struct feeder *f, enum exchange_event_type type, const char *text,
			size_t length)
{
	for (size_t at = 0; at < length;) {
		struct exchange_event event = {.type = type};
		size_t n = f->step < length - at ? f->step : length - at;
		uint8_t *piece = malloc(n);

		memcpy(piece, text + at, n);
		event.data = piece;
		event.length = n;
		feed(f, &event);
		free(piece);
		at += n;
	}
}

static void feed_stream(struct feeder *f, const char *text)
{
	char name[TOLD_TEXT] = "";
	bool any = false;

	for (const char *line = text; *line;) {
		size_t length = strcspn(line, "\n");

		if (!strncmp(line, "event: ", 7)) {
			snprintf(name, sizeof(name), "%.*s", (int)length - 7, line + 7);
		} else if (!strncmp(line, "data: ", 6)) {
			feed_pieces(f, EXCHANGE_MESSAGE_DATA, line + 6, length - 6);
			any = true;
		} else if (!length && any) {
			struct exchange_event end = {.type = EXCHANGE_MESSAGE_END, .name = name};

			feed(f, &end);
			name[0] = '\0';
			any = false;
		}
		line += length + (line[length] == '\n');
	}
}

static size_t fill_fields(struct header_field *fields, const char *const *texts, const char *type)
{
	size_t n = 0;

	if (type)
		fields[n++] = (struct header_field){"content-type", type, 12, strlen(type)};
	for (size_t i = 0; i < 16 && texts[i]; i += 2)
		fields[n++] = (struct header_field){texts[i], texts[i + 1], strlen(texts[i]),
						    strlen(texts[i + 1])};
	return n;
}

static void feed_request(struct feeder *f, const struct exchange *x)
{
	struct header_field fields[9];
	struct exchange_event head = {
		.type = EXCHANGE_REQUEST_HEAD,
		.method = x->method ? x->method : "POST",
		.target = x->target,
		.authority = x->authority ? x->authority : "api.openai.com",
		.key_fingerprint = "fp",
		.fields = fields,
	};
	struct exchange_event end = {.type = EXCHANGE_REQUEST_END};

	head.n_fields =
		fill_fields(fields, x->fields,
			    x->request && (!x->fields[0] || strcmp(x->fields[0], "content-type"))
				    ? "application/json"
				    : NULL);
	feed(f, &head);
	if (x->request)
		feed_pieces(f, EXCHANGE_REQUEST_BODY, x->request, strlen(x->request));
	feed(f, &end);
}

static void feed_response(struct feeder *f, const struct exchange *x)
{
	struct header_field fields[9];
	struct exchange_event head = {
		.type = EXCHANGE_RESPONSE_HEAD,
		.status = x->status ? x->status : 200,
		.fields = fields,
	};
	struct exchange_event end = {.type = EXCHANGE_RESPONSE_END, .partial = x->partial};

	head.n_fields = fill_fields(fields, x->response_fields, NULL);
	feed(f, &head);
	if (x->response)
		feed_pieces(f, EXCHANGE_RESPONSE_BODY, x->response, strlen(x->response));
	if (x->stream)
		feed_stream(f, x->stream);
	if (!x->cut)
		feed(f, &end);
}

/* One more exchange over a stage that there is already. */
static void feed_exchange(struct feeder *f, const struct exchange *x)
{
	struct exchange_event end = {
		.type = EXCHANGE_END,
		.partial = x->partial,
		.bytes_seen = 11,
		.bytes_declared = 12,
	};

	memset(&told, 0, sizeof(told));
	memset(&lost, 0, sizeof(lost));
	f->id++;
	f->ignored = false;
	feed_request(f, x);
	if (!x->no_response)
		feed_response(f, x);
	feed(f, &end);
	told.ignored = f->ignored;
	if (!told.ignored) {
		CHECK_INT(told.begins, 1);
		CHECK_INT(told.ends, 1);
	}
}

static void begin_feeder(struct feeder *f, size_t step)
{
	*f = (struct feeder){
		.step = step,
		.conn = {.process = {.start = 5, .pid = 6}, .layer = CR_LAYER_TLS_STREAM}};
	CHECK_INT(provider_new(&f->provider, tell, tell_loss, NULL), 0);
}

static void run_at(const struct exchange *x, size_t step)
{
	struct feeder f;

	begin_feeder(&f, step);
	if (x->endpoint)
		CHECK_INT(provider_add_endpoint(f.provider, x->endpoint), 0);
	feed_exchange(&f, x);
	provider_free(f.provider);
}

static const size_t run_steps[] = {SIZE_MAX, 1, 2, 3, 5, 17, 64};

/* Pieces of several sizes, of single bytes first of all: the checks hold for each. */
#define RUN(x, checks)                                                                   \
	do {                                                                             \
		for (size_t i_ = 0; i_ < sizeof(run_steps) / sizeof(*run_steps); i_++) { \
			run_at(x, run_steps[i_]);                                        \
			checks;                                                          \
		}                                                                        \
	} while (0)

static inline const char *attribute(const char *name)
{
	for (size_t i = 0; i < told.n_attributes; i++)
		if (!strcmp(told.attributes[i][0], name))
			return told.attributes[i][1];
	return NULL;
}

/* The quantity of a bucket, or -1 where it was not told. */
static inline int64_t quantity(size_t charge, enum pricing_bucket bucket)
{
	const struct pricing_usage *usage = &told.charges[charge].usage;

	if (charge >= told.event.n_charges || !pricing_usage_has(usage, bucket))
		return -1;
	return (int64_t)usage->quantity[bucket];
}

#endif
