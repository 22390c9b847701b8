/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	record ─┬─→ recorder ←──────── redactions ─┐
 *	        ├─→ conn ──→ http ─────────────────┤
 *	        │             └─→ provider → pricing → trace ─→ sinks.call
 *	        ├─→ trace ──────────────────────────────────→ sinks.process
 *	        └─→ losses, unseen ─────────────────────────→ sinks.loss, sinks.unseen
 */
#include "agent/pipeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/conn/conn.h"
#include "agent/http/http.h"
#include "agent/limits.h"
#include "agent/provider/provider.h"
#include "agent/record/record.h"
#include "agent/trace/trace.h"
#include "agent/util/record_check.h"

struct pipeline {
	struct pipeline_sinks sinks;
	const struct pricing_card *card;
	const char *tag; /* of every call, or NULL */
	struct recorder *recorder;
	enum cr_capture capture;

	struct conn_table *conn;
	struct http *http;
	struct provider *provider;
	struct trace *trace;

	uint64_t now_ns; /* the largest record time seen */
	int64_t wall_offset_ns;
	uint64_t sink_errors;
	int sink_error;
};

/* A sink that fails (a full disk) is counted; only a lack of memory goes upstream. */
static int sink_result(struct pipeline *p, int r)
{
	if (r < 0 && r != -ENOMEM) {
		p->sink_errors++;
		p->sink_error = r;
		return 0;
	}
	return r < 0 ? r : 0;
}

static int64_t wall_ns(const struct pipeline *p, uint64_t boot_ns)
{
	int64_t wall;

	/* A capture file may say anything. */
	if (__builtin_add_overflow(boot_ns, p->wall_offset_ns, &wall))
		return INT64_MAX;
	return wall;
}

/* ---- from stage to stage ---- */

static int on_stream(void *context, const struct stream_event *event)
{
	struct pipeline *p = context;

	return http_feed(p->http, event);
}

static int on_exchange(void *context, const struct exchange_event *event)
{
	struct pipeline *p = context;

	return provider_feed(p->provider, event);
}

static int on_redaction(void *context, const struct redaction_event *event)
{
	struct pipeline *p = context;

	return sink_result(p, recorder_redact(p->recorder, event));
}

static int on_loss(void *context, const struct loss_event *event)
{
	struct pipeline *p = context;
	struct loss_event loss = *event;

	loss.wall_ns = wall_ns(p, p->now_ns);
	return sink_result(p, p->sinks.loss(p->sinks.context, &loss));
}

static void price_charge(const struct pipeline *p, const struct call_event *call,
			 struct charge *charge)
{
	struct pricing_charge question = {
		.provider = call->provider_known ? call->provider : NULL,
		.model = charge->model,
		.tier = charge->tier,
		.region = charge->region,
		.variant = charge->variant,
		.key = call->key_fingerprint,
		.tag = p->tag,
		.time = wall_ns(p, call->start_ns) / 1000000000,
		.usage = charge->usage,
	};

	pricing_price(p->card, &question, &charge->price);
}

/* The bill of a call: what its response reports, else every charge priced, or the call is not. */
static void price_call(const struct pipeline *p, struct call_event *call)
{
	call->card_version = pricing_card_version(p->card);
	for (size_t i = 0; i < call->n_charges; i++)
		price_charge(p, call, &call->charges[i]);
	switch (call->billing) {
	case BILLING_FREE:
		call->cost_status = COST_FREE;
		break;
	case BILLING_FAILED:
		call->cost_status = COST_PRICED;
		break;
	case BILLING_UNKNOWN:
		call->cost_status = COST_UNPRICED;
		break;
	case BILLING_USAGE:
		/* A usage that could not be read whole has no whole price. */
		call->cost_status = call->n_charges && !(call->partial & PARTIAL_USAGE)
					    ? COST_PRICED
					    : COST_UNPRICED;
		for (size_t i = 0; i < call->n_charges; i++) {
			if (call->charges[i].price.status != PRICING_PRICED)
				call->cost_status = COST_UNPRICED;
		}
		break;
	}
	if (call->reported_source != REPORTED_NONE && call->cost_status == COST_UNPRICED)
		call->cost_status = COST_PRICED;
}

static int on_call(void *context, struct call_event *event)
{
	struct pipeline *p = context;

	event->wall_offset_ns = p->wall_offset_ns;
	event->capture = p->capture;
	price_call(p, event);
	return trace_call(p->trace, event);
}

static int on_traced_call(void *context, struct call_event *event)
{
	struct pipeline *p = context;

	return sink_result(p, p->sinks.call(p->sinks.context, event));
}

static int on_process(void *context, const struct process_event *event)
{
	struct pipeline *p = context;

	return sink_result(p, p->sinks.process(p->sinks.context, event));
}

/* ---- records that are no bytes ---- */

/* The first field with this tag, NUL-terminated in text; "" if there is none. */
static const char *record_text(const struct cr_head *record, size_t struct_size,
			       unsigned int wanted, char *text, size_t size)
{
	size_t offset = struct_size, length;
	unsigned int tag;
	const char *field;

	text[0] = '\0';
	while ((field = record_field_next(record, &offset, &tag, &length))) {
		if (tag != wanted)
			continue;
		length = length < size ? length : size - 1;
		memcpy(text, field, length);
		text[length] = '\0';
		break;
	}
	return text;
}

static struct process_key process_of(const struct cr_process *process)
{
	return (struct process_key){.start = process->start, .pid = process->pid};
}

static int feed_lost(struct pipeline *p, const struct cr_lost *lost)
{
	char name[LIMIT_VALUE];
	struct loss_event loss = {
		.process = process_of(&lost->process),
		.cause = lost->cause,
		.records = lost->records,
		.bytes = lost->bytes,
	};

	record_text(&lost->head, sizeof(*lost), CR_FIELD_NAME, name, sizeof(name));
	loss.name = name[0] ? name : NULL;
	return on_loss(p, &loss);
}

static int feed_unseen(struct pipeline *p, const struct cr_unseen *unseen)
{
	char executable[LIMIT_PATH], reason[LIMIT_VALUE], remedy[LIMIT_VALUE];
	struct unseen_event event = {
		.process = process_of(&unseen->process),
		.executable = record_text(&unseen->head, sizeof(*unseen), CR_FIELD_EXE, executable,
					  sizeof(executable)),
		.reason = record_text(&unseen->head, sizeof(*unseen), CR_FIELD_REASON, reason,
				      sizeof(reason)),
		.remedy = record_text(&unseen->head, sizeof(*unseen), CR_FIELD_REMEDY, remedy,
				      sizeof(remedy)),
		.wall_ns = wall_ns(p, unseen->head.time_ns),
	};
	int r = event.process.pid ? trace_tell(p->trace, &event.process) : 0;

	if (r < 0)
		return r;
	return sink_result(p, p->sinks.unseen(p->sinks.context, &event));
}

static int feed_overflow(struct pipeline *p)
{
	struct loss_event loss = {.cause = CR_CAUSE_TABLE_FULL};

	conn_table_overflow(p->conn, &loss.records, &loss.bytes);
	return loss.records ? on_loss(p, &loss) : 0;
}

static int expire(struct pipeline *p)
{
	int r = conn_table_expire(p->conn, p->now_ns);

	if (r == 0)
		r = http_expire(p->http, p->now_ns);
	if (r == 0)
		r = trace_expire(p->trace, p->now_ns);
	return r < 0 ? r : feed_overflow(p);
}

static void feed_clock(struct pipeline *p, const struct cr_clock *clock)
{
	p->wall_offset_ns = clock->wall_offset_ns;
}

static void feed_file(struct pipeline *p, const struct cr_file *file)
{
	if (file->capture == CR_CAPTURE_EBPF || file->capture == CR_CAPTURE_PRELOAD)
		p->capture = (enum cr_capture)file->capture;
}

/* ---- the one entry ---- */

int pipeline_feed(struct pipeline *p, const struct cr_head *record)
{
	int r = 0;

	if (record->time_ns > p->now_ns)
		p->now_ns = record->time_ns;
	if (p->recorder)
		r = sink_result(p, recorder_feed(p->recorder, record));
	if (r < 0)
		return r;
	switch (record->type) {
	case CR_DATA:
	case CR_CONN:
	case CR_LINK:
	case CR_END:
		return conn_table_feed(p->conn, record);
	case CR_EXEC:
	case CR_EXIT:
		r = conn_table_feed(p->conn, record);
		return r < 0 ? r : trace_feed(p->trace, record);
	case CR_FORK:
	case CR_PROC:
		return trace_feed(p->trace, record);
	case CR_CLOCK:
		feed_clock(p, (const struct cr_clock *)record);
		return trace_feed(p->trace, record);
	case CR_TICK:
		return expire(p);
	case CR_LOST:
		return feed_lost(p, (const struct cr_lost *)record);
	case CR_UNSEEN:
		return feed_unseen(p, (const struct cr_unseen *)record);
	case CR_FILE:
		feed_file(p, (const struct cr_file *)record);
		return 0;
	default:
		return 0;
	}
}

int pipeline_end(struct pipeline *p)
{
	int r = conn_table_end(p->conn, p->now_ns);

	if (r == 0)
		r = http_end(p->http, p->now_ns);
	if (r == 0)
		r = provider_end(p->provider, p->now_ns);
	if (r == 0)
		r = trace_end(p->trace, p->now_ns);
	if (r == 0)
		r = feed_overflow(p);
	if (r == 0 && p->recorder)
		r = sink_result(p, recorder_end(p->recorder));
	return r;
}

uint64_t pipeline_sink_errors(const struct pipeline *p, int *ret_error)
{
	if (p->sink_errors && ret_error)
		*ret_error = p->sink_error;
	return p->sink_errors;
}

static int make_stages(struct pipeline *p, const struct pipeline_opts *opts)
{
	struct trace_opts trace = {.call = on_traced_call,
				   .process = on_process,
				   .context = p,
				   .callers_only = opts->callers_only};
	struct http_opts http = {
		.exchange = on_exchange,
		.redaction = opts->recorder ? on_redaction : NULL,
		.loss = on_loss,
		.context = p,
		.control = opts->control,
	};
	int r;

	memcpy(http.salt, opts->salt, sizeof(http.salt));
	r = conn_table_new(&p->conn, on_stream, p);
	if (r == 0)
		r = http_new(&p->http, &http);
	if (r == 0)
		r = provider_new(&p->provider, on_call, on_loss, p);
	if (r == 0)
		r = trace_new(&p->trace, &trace);
	return r;
}

void pipeline_expect(struct pipeline *p, const char *response_id)
{
	provider_expect(p->provider, response_id);
}

static void expect(void *to, const char *response_id)
{
	provider_expect(to, response_id);
}

/* What can not be looked up is not known: a poll is then not billed twice. */
static void look_up(struct pipeline *p, const struct lookup *lookup)
{
	if (lookup && lookup->backgrounds)
		lookup->backgrounds(lookup->context, expect, p->provider);
}

static int add_endpoints(struct pipeline *p, const struct pipeline_opts *opts,
			 const char **ret_bad_endpoint)
{
	for (size_t i = 0; i < opts->n_endpoints; i++) {
		int r = provider_add_endpoint(p->provider, opts->endpoints[i]);

		if (r < 0) {
			if (ret_bad_endpoint)
				*ret_bad_endpoint = opts->endpoints[i];
			return r;
		}
	}
	return 0;
}

int pipeline_new(struct pipeline **ret_pipeline, const struct pipeline_opts *opts,
		 const char **ret_bad_endpoint)
{
	struct pipeline *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->sinks = opts->sinks;
	p->card = opts->card;
	p->tag = opts->tag;
	p->recorder = opts->recorder;
	p->capture = opts->capture;
	r = make_stages(p, opts);
	if (r == 0)
		r = add_endpoints(p, opts, ret_bad_endpoint);
	if (r == 0)
		provider_set_tag(p->provider, p->tag);
	if (r < 0) {
		pipeline_free(p);
		return r;
	}
	look_up(p, opts->lookup);
	*ret_pipeline = p;
	return 0;
}

void pipeline_free(struct pipeline *p)
{
	if (!p)
		return;
	conn_table_free(p->conn);
	http_free(p->http);
	provider_free(p->provider);
	trace_free(p->trace);
	free(p);
}
