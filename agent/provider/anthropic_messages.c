/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Anthropic messages.
 *
 * Input, cache reads and cache writes lie beside each other. A stream tells its usage at its start,
 * and again towards its end, where each count that comes overwrites the earlier one. Where the
 * usage has iterations, each is a charge: the top level sums those of type message only.
 */
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "agent/provider/family.h"
#include "agent/provider/usage.h"

enum request_path {
	REQUEST_MODEL,
	REQUEST_STREAM,
	REQUEST_TIER,
	REQUEST_SPEED,
	REQUEST_USER_ID,
	REQUEST_MAX_TOKENS,
	REQUEST_MESSAGES,
	REQUEST_PATHS,
};

static const char *const request_paths[] = {
	[REQUEST_MODEL] = "model",
	[REQUEST_STREAM] = "stream",
	[REQUEST_TIER] = "service_tier",
	[REQUEST_SPEED] = "speed",
	[REQUEST_USER_ID] = "metadata.user_id",
	[REQUEST_MAX_TOKENS] = "max_tokens?",
	[REQUEST_MESSAGES] = "messages?",
};

static const struct document_spec request_spec = {
	.paths = request_paths,
	.n_paths = REQUEST_PATHS,
};

enum response_path {
	RESPONSE_TYPE,
	RESPONSE_ID,
	RESPONSE_MODEL,
	RESPONSE_USAGE,
	RESPONSE_STOP,
	RESPONSE_ERROR,
	RESPONSE_ERROR_TYPE,
	EVENT_ID,
	EVENT_MODEL,
	EVENT_USAGE,
	EVENT_STOP,
	EVENT_TEXT,
	EVENT_THINKING,
	EVENT_JSON,
	RESPONSE_PATHS,
};

static const char *const response_paths[] = {
	[RESPONSE_TYPE] = "type",
	[RESPONSE_ID] = "id",
	[RESPONSE_MODEL] = "model",
	[RESPONSE_USAGE] = "usage",
	[RESPONSE_STOP] = "stop_reason",
	[RESPONSE_ERROR] = "error?",
	[RESPONSE_ERROR_TYPE] = "error.type",
	[EVENT_ID] = "message.id",
	[EVENT_MODEL] = "message.model",
	[EVENT_USAGE] = "message.usage",
	[EVENT_STOP] = "delta.stop_reason",
	[EVENT_TEXT] = "delta.text",
	[EVENT_THINKING] = "delta.thinking",
	[EVENT_JSON] = "delta.partial_json",
};

static const struct document_spec response_spec = {
	.paths = response_paths,
	.n_paths = RESPONSE_PATHS,
	.large = DOCUMENT_BIT(RESPONSE_USAGE) | DOCUMENT_BIT(EVENT_USAGE),
	.passing =
		DOCUMENT_BIT(EVENT_TEXT) | DOCUMENT_BIT(EVENT_THINKING) | DOCUMENT_BIT(EVENT_JSON),
};

static void on_response(void *context, struct document *document, const struct json_value *value)
{
	struct call *call = context;

	if ((response_spec.passing & DOCUMENT_BIT(value->path)) && value->part == JSON_VALUE_TEXT &&
	    value->type == JSON_STRING)
		call_first_token(call, call->last_ns);
}

static bool plausible(const struct call *call)
{
	return document_has(call->request, REQUEST_MESSAGES) &&
	       document_type(call->request, REQUEST_MESSAGES) == JSON_ARRAY &&
	       document_has(call->request, REQUEST_MAX_TOKENS);
}

static void request_done(struct call *call)
{
	const struct document *d = call->request;
	const char *user = document_string(d, REQUEST_USER_ID);
	const char *session = user ? strstr(user, "_session_") : NULL;

	call_set(call, CALL_REQUEST_MODEL, document_string(d, REQUEST_MODEL));
	call->streaming = call->streaming || document_is_true(d, REQUEST_STREAM);
	call_attribute(call, "anthropic.request.service_tier", document_string(d, REQUEST_TIER));
	call_attribute(call, "anthropic.request.speed", document_string(d, REQUEST_SPEED));
	call_attribute(call, "tollspan.request.metadata.user_id", user);
	/* what Claude Code puts there ends in the id of its session */
	if (session)
		call_set(call, CALL_CONVERSATION_ID, session + strlen("_session_"));
}

/* ---- usage ---- */

enum count {
	COUNT_INPUT,
	COUNT_OUTPUT,
	COUNT_CACHE_READ,
	COUNT_CACHE_WRITE,
	COUNT_WRITE_5M,
	COUNT_WRITE_1H,
	COUNT_THINKING,
	COUNT_WEB_SEARCH,
	COUNT_WEB_FETCH,
	COUNTS,
};

_Static_assert(COUNTS <= CALL_COUNTS, "counts of a call");

static const struct {
	const char *name, *inner;
} count_names[COUNTS] = {
	[COUNT_INPUT] = {"input_tokens", NULL},
	[COUNT_OUTPUT] = {"output_tokens", NULL},
	[COUNT_CACHE_READ] = {"cache_read_input_tokens", NULL},
	[COUNT_CACHE_WRITE] = {"cache_creation_input_tokens", NULL},
	[COUNT_WRITE_5M] = {"cache_creation", "ephemeral_5m_input_tokens"},
	[COUNT_WRITE_1H] = {"cache_creation", "ephemeral_1h_input_tokens"},
	[COUNT_THINKING] = {"output_tokens_details", "thinking_tokens"},
	[COUNT_WEB_SEARCH] = {"server_tool_use", "web_search_requests"},
	[COUNT_WEB_FETCH] = {"server_tool_use", "web_fetch_requests"},
};

static void read_counts(const cJSON *json, struct counts *counts)
{
	for (int i = 0; i < COUNTS; i++)
		if (usage_number(json, count_names[i].name, count_names[i].inner, &counts->value[i],
				 &counts->fault))
			counts->present |= 1u << i;
}

static bool has(const struct counts *counts, enum count count)
{
	return counts->present & (1u << count);
}

static void set_if(struct pricing_usage *usage, enum pricing_bucket bucket,
		   const struct counts *counts, enum count count)
{
	if (has(counts, count))
		pricing_usage_set(usage, bucket, counts->value[count]);
}

/* Cache writes by lifetime; what no lifetime was told of is left apart. */
static uint64_t set_writes(const struct counts *counts, struct pricing_usage *usage, bool *fault)
{
	uint64_t split = 0, total = counts->value[COUNT_CACHE_WRITE];

	set_if(usage, PRICING_CACHE_WRITE_5M, counts, COUNT_WRITE_5M);
	set_if(usage, PRICING_CACHE_WRITE_1H, counts, COUNT_WRITE_1H);
	split = usage->quantity[PRICING_CACHE_WRITE_5M] + usage->quantity[PRICING_CACHE_WRITE_1H];
	if (!has(counts, COUNT_CACHE_WRITE) || total == split) {
		/* both are zero and only the total was told */
		if (!has(counts, COUNT_WRITE_5M) && !has(counts, COUNT_WRITE_1H))
			set_if(usage, PRICING_CACHE_WRITE, counts, COUNT_CACHE_WRITE);
		return split;
	}
	if (has(counts, COUNT_WRITE_5M) || has(counts, COUNT_WRITE_1H))
		*fault = true;
	if (total < split)
		return split;
	pricing_usage_set(usage, PRICING_CACHE_WRITE, total - split);
	return total;
}

static void set_usage(const struct counts *counts, struct pricing_usage *usage, bool *fault)
{
	uint64_t writes = set_writes(counts, usage, fault);

	set_if(usage, PRICING_CACHE_READ, counts, COUNT_CACHE_READ);
	set_if(usage, PRICING_REASONING, counts, COUNT_THINKING);
	set_if(usage, PRICING_OUTPUT, counts, COUNT_OUTPUT);
	if (has(counts, COUNT_INPUT))
		pricing_usage_set(usage, PRICING_INPUT,
				  counts->value[COUNT_INPUT] + writes +
					  usage->quantity[PRICING_CACHE_READ]);
	usage_exclude(usage, fault);
}

static void set_tool_use(const struct counts *counts, struct pricing_usage *usage)
{
	set_if(usage, PRICING_WEB_SEARCH, counts, COUNT_WEB_SEARCH);
	set_if(usage, PRICING_WEB_FETCH, counts, COUNT_WEB_FETCH);
}

/* An iteration that says the same as the top level, which then says more of it. */
static bool is_top_level(const struct counts *one, const struct counts *top)
{
	for (int i = COUNT_INPUT; i <= COUNT_CACHE_WRITE; i++)
		if (has(one, i) != has(top, i) || one->value[i] != top->value[i])
			return false;
	return true;
}

static void take_iterations(struct call *call, const cJSON *iterations)
{
	const cJSON *item;
	size_t n = 0;

	cJSON_ArrayForEach(item, iterations)
	{
		struct counts counts = {0};
		const char *model = cJSON_GetStringValue(usage_member(item, "model"));
		struct tally *tally;

		read_counts(item, &counts);
		call->usage_fault = call->usage_fault || counts.fault;
		if (!counts.present)
			continue;
		tally = call_tally(call, n++);
		if (!tally) {
			call->partial |= PARTIAL_LIMIT;
			return;
		}
		if (model)
			call_tally_model(call, tally, model);
		set_usage(is_top_level(&counts, &call->counts) ? &call->counts : &counts,
			  &tally->usage, &call->usage_fault);
	}
}

static void take_rates(struct call *call, const cJSON *json)
{
	const char *tier = cJSON_GetStringValue(usage_member(json, "service_tier"));
	const char *speed = cJSON_GetStringValue(usage_member(json, "speed"));
	const char *geo = cJSON_GetStringValue(usage_member(json, "inference_geo"));

	call_attribute(call, "anthropic.response.service_tier", tier);
	call_attribute(call, "anthropic.response.speed", speed);
	call_attribute(call, "anthropic.response.inference_geo", geo);
	if (tier && strcmp(tier, "standard") != 0)
		call_set(call, CALL_TIER, tier);
	if (speed && strcmp(speed, "standard") != 0)
		call_set(call, CALL_TIER, speed);
	if (geo && strcmp(geo, "global") != 0 && strcmp(geo, "not_available") != 0)
		call_set(call, CALL_REGION, geo);
}

static void take_raw(struct call *call, const char *text, bool start)
{
	struct buffer both;

	if (start || !call->start_usage) {
		call_raw_usage(call, text);
		if (start)
			call_keep_start_usage(call, text);
		return;
	}
	buffer_init(&both, 2 * LIMIT_USAGE + 3);
	if (buffer_printf(&both, "[%s,%s]", call->start_usage, text) == 0)
		call_raw_usage(call, buffer_text(&both));
	else
		call->no_memory = true;
	buffer_free(&both);
}

static void take_usage(struct call *call, const char *text, bool start)
{
	cJSON *json = usage_parse(text);
	const cJSON *iterations;
	struct tally *tally;

	if (!json)
		return;
	read_counts(json, &call->counts);
	call->usage_fault = call->counts.fault;
	take_rates(call, json);
	if (has(&call->counts, COUNT_INPUT) || has(&call->counts, COUNT_OUTPUT)) {
		tally = call_tally(call, 0);
		if (tally)
			set_usage(&call->counts, &tally->usage, &call->usage_fault);
		iterations = usage_member(json, "iterations");
		if (cJSON_IsArray(iterations) && cJSON_GetArraySize(iterations))
			take_iterations(call, iterations);
		if (call->n_tallies)
			set_tool_use(&call->counts, &call->tallies[0].usage);
		call->has_usage = call->n_tallies > 0;
		take_raw(call, text, start);
	}
	cJSON_Delete(json);
}

/* ---- responses ---- */

static void take_error(struct call *call)
{
	const char *type = document_string(call->response, RESPONSE_ERROR_TYPE);

	call_set(call, CALL_ERROR_TYPE, type && *type ? type : "error");
}

static void message_body(struct call *call)
{
	struct document *d = call->response;
	const char *usage = document_raw(d, RESPONSE_USAGE);

	if (document_has(d, RESPONSE_ERROR) && document_type(d, RESPONSE_ERROR) != JSON_NULL)
		take_error(call);
	call_set(call, CALL_RESPONSE_ID, document_string(d, RESPONSE_ID));
	call_set(call, CALL_RESPONSE_MODEL, document_string(d, RESPONSE_MODEL));
	call_finish_reason(call, document_string(d, RESPONSE_STOP));
	if (!usage || !call_is_success(call))
		return;
	take_usage(call, usage, false);
	call->final = call->has_usage;
}

static void message_start(struct call *call)
{
	struct document *d = call->response;
	const char *usage = document_raw(d, EVENT_USAGE);

	call_set(call, CALL_RESPONSE_ID, document_string(d, EVENT_ID));
	call_set(call, CALL_RESPONSE_MODEL, document_string(d, EVENT_MODEL));
	if (!usage || !call_is_success(call))
		return;
	take_usage(call, usage, true);
	call->progress_due = true;
}

static void message_delta(struct call *call)
{
	struct document *d = call->response;
	const char *usage = document_raw(d, RESPONSE_USAGE);
	const char *stop = document_string(d, EVENT_STOP);

	if (stop) {
		call->finish.length = 0;
		call_finish_reason(call, stop);
	}
	if (!usage || !call_is_success(call))
		return;
	take_usage(call, usage, false);
	call->final = call->has_usage && stop;
}

static void message(struct call *call, const char *name)
{
	const char *type = document_string(call->response, RESPONSE_TYPE);

	if (!name)
		message_body(call);
	else if (!type)
		return;
	else if (!strcmp(type, "message_start"))
		message_start(call);
	else if (!strcmp(type, "message_delta"))
		message_delta(call);
	else if (!strcmp(type, "message_stop"))
		call->final = call->has_usage;
	else if (!strcmp(type, "error"))
		take_error(call);
}

/* Ended well or not: without its last usage, what was told may have grown. */
static void finish(struct call *call)
{
	if (call->has_usage && !call->final)
		call->partial |= PARTIAL_CUT;
}

static const struct path_shape shapes[] = {
	{.method = "POST", .suffix = "/v1/messages"},
	{0},
};

const struct family family_anthropic_messages = {
	.name = "anthropic.messages",
	.operation = "chat",
	.group = GROUP_ANTHROPIC,
	.shapes = shapes,
	FAMILY_READ_WHOLE,
	.finish = finish,
};
