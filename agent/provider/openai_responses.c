/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenAI Responses: creating, compacting, and asking again for what was created.
 *
 * The response object is the body, or the member "response" of some events of a stream; only those
 * that end the stream bring its usage. What is asked for again was billed before, but for the first
 * complete answer to a request in the background, whose own response had none.
 */
#include <string.h>

#include <cJSON.h>

#include "agent/provider/family.h"
#include "agent/provider/openai.h"
#include "agent/provider/usage.h"

enum request_path {
	REQUEST_INPUT = OPENAI_REQUEST_PATHS,
	REQUEST_PROMPT,
	REQUEST_PREVIOUS,
	REQUEST_CONVERSATION,
	REQUEST_CONVERSATION_ID,
	REQUEST_BACKGROUND,
	REQUEST_PATHS,
};

static const char *const request_paths[] = {
	OPENAI_REQUEST_PATH_TABLE,
	[REQUEST_INPUT] = "input?",
	[REQUEST_PROMPT] = "prompt?",
	[REQUEST_PREVIOUS] = "previous_response_id",
	[REQUEST_CONVERSATION] = "conversation",
	[REQUEST_CONVERSATION_ID] = "conversation.id",
	[REQUEST_BACKGROUND] = "background",
};

static const struct document_spec request_spec = {
	.paths = request_paths,
	.n_paths = REQUEST_PATHS,
};

/* Members of a response object, which may be the body or be within an event. */
enum object_path {
	OBJECT_ID,
	OBJECT_MODEL,
	OBJECT_STATUS,
	OBJECT_TIER,
	OBJECT_USAGE,
	OBJECT_BACKGROUND,
	OBJECT_CONVERSATION,
	OBJECT_INCOMPLETE,
	OBJECT_ERROR,
	OBJECT_ERROR_TYPE,
	OBJECT_ERROR_CODE,
	OBJECT_OUTPUT,
	OBJECT_ITEM,
	OBJECT_ITEM_TYPE,
	OBJECT_ITEM_STATUS,
	OBJECT_ITEM_ACTION,
	OBJECT_PATHS,
};

#define OBJECT_PATH_TABLE(base, prefix)                                               \
	[(base) + OBJECT_ID] = prefix "id", [(base) + OBJECT_MODEL] = prefix "model", \
		  [(base) + OBJECT_STATUS] = prefix "status",                         \
		  [(base) + OBJECT_TIER] = prefix "service_tier",                     \
		  [(base) + OBJECT_USAGE] = prefix "usage",                           \
		  [(base) + OBJECT_BACKGROUND] = prefix "background",                 \
		  [(base) + OBJECT_CONVERSATION] = prefix "conversation.id",          \
		  [(base) + OBJECT_INCOMPLETE] = prefix "incomplete_details.reason",  \
		  [(base) + OBJECT_ERROR] = prefix "error?",                          \
		  [(base) + OBJECT_ERROR_TYPE] = prefix "error.type",                 \
		  [(base) + OBJECT_ERROR_CODE] = prefix "error.code",                 \
		  [(base) + OBJECT_OUTPUT] = prefix "output?",                        \
		  [(base) + OBJECT_ITEM] = prefix "output.*?",                        \
		  [(base) + OBJECT_ITEM_TYPE] = prefix "output.*.type",               \
		  [(base) + OBJECT_ITEM_STATUS] = prefix "output.*.status",           \
		  [(base) + OBJECT_ITEM_ACTION] = prefix "output.*.action.type"

enum response_path {
	BODY = 0,
	EVENT = OBJECT_PATHS, /* the object within an event */
	EVENT_TYPE = 2 * OBJECT_PATHS,
	EVENT_CODE,
	EVENT_DELTA,
	EVENT_ITEM_TYPE,
	EVENT_ITEM_STATUS,
	EVENT_ITEM_ACTION,
	RESPONSE_PATHS,
};

static const char *const response_paths[] = {
	OBJECT_PATH_TABLE(BODY, ""),
	OBJECT_PATH_TABLE(EVENT, "response."),
	[EVENT_TYPE] = "type",
	[EVENT_CODE] = "code",
	[EVENT_DELTA] = "delta",
	[EVENT_ITEM_TYPE] = "item.type",
	[EVENT_ITEM_STATUS] = "item.status",
	[EVENT_ITEM_ACTION] = "item.action.type",
};

static const struct document_spec response_spec = {
	.paths = response_paths,
	.n_paths = RESPONSE_PATHS,
	.large = DOCUMENT_BIT(BODY + OBJECT_USAGE) | DOCUMENT_BIT(EVENT + OBJECT_USAGE),
	.passing = DOCUMENT_BIT(EVENT_DELTA),
	.told = DOCUMENT_BIT(BODY + OBJECT_OUTPUT) | DOCUMENT_BIT(BODY + OBJECT_ITEM) |
		DOCUMENT_BIT(EVENT + OBJECT_OUTPUT) | DOCUMENT_BIT(EVENT + OBJECT_ITEM),
};

_Static_assert(RESPONSE_PATHS <= 64, "bits of document_spec");

/* ---- hosted tools ---- */

static void count_tool(struct pricing_usage *tools, const char *type, const char *status,
		       const char *action)
{
	static const struct {
		const char *type;
		enum pricing_bucket bucket;
	} table[] = {
		{"web_search_call", PRICING_WEB_SEARCH},
		{"file_search_call", PRICING_FILE_SEARCH},
		{"code_interpreter_call", PRICING_CODE_EXECUTION},
		{"image_generation_call", PRICING_IMAGES},
	};

	if (!type || !status || strcmp(status, "completed") != 0)
		return;
	/* of what a web search does, only searching is billed */
	if (action && (!strcmp(action, "open_page") || !strcmp(action, "find_in_page")))
		return;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (!strcmp(type, table[i].type))
			pricing_usage_set(tools, table[i].bucket,
					  tools->quantity[table[i].bucket] + 1);
}

static void on_item(struct call *call, struct document *document, unsigned int base,
		    enum json_value_part part)
{
	if (part == JSON_VALUE_BEGIN) {
		document_clear(document, base + OBJECT_ITEM_TYPE);
		document_clear(document, base + OBJECT_ITEM_STATUS);
		document_clear(document, base + OBJECT_ITEM_ACTION);
	} else if (part == JSON_VALUE_END) {
		count_tool(&call->event_tools, document_string(document, base + OBJECT_ITEM_TYPE),
			   document_string(document, base + OBJECT_ITEM_STATUS),
			   document_string(document, base + OBJECT_ITEM_ACTION));
	}
}

static void on_response(void *context, struct document *document, const struct json_value *value)
{
	struct call *call = context;
	unsigned int base = value->path >= EVENT ? EVENT : BODY;

	if (value->path == EVENT_DELTA) {
		if (value->part == JSON_VALUE_TEXT && value->type == JSON_STRING)
			call_first_token(call, call->last_ns);
		return;
	}
	if (value->path >= EVENT_TYPE)
		return;
	if (value->path - base == OBJECT_OUTPUT && value->part != JSON_VALUE_END)
		call->event_tools = (struct pricing_usage){0};
	else if (value->path - base == OBJECT_ITEM)
		on_item(call, document, base, value->part);
}

/* ---- requests ---- */

static bool plausible(const struct call *call)
{
	const struct document *d = call->request;

	return document_has(d, REQUEST_PROMPT) ||
	       (document_string(d, OPENAI_MODEL) &&
		(document_has(d, REQUEST_INPUT) || document_has(d, REQUEST_PREVIOUS) ||
		 document_has(d, REQUEST_CONVERSATION)));
}

static void request_done(struct call *call)
{
	const struct document *d = call->request;

	openai_request(call);
	call_attribute(call, "tollspan.request.previous_response_id",
		       document_string(d, REQUEST_PREVIOUS));
	call_set(call, CALL_CONVERSATION_ID, document_string(d, REQUEST_CONVERSATION));
	call_set(call, CALL_CONVERSATION_ID, document_string(d, REQUEST_CONVERSATION_ID));
	if (document_is_true(d, REQUEST_BACKGROUND)) {
		call->background = true;
		call_attribute(call, "tollspan.request.background", "true");
	}
}

/* ---- responses ---- */

static void read_usage(const cJSON *json, struct pricing_usage *usage, bool *fault)
{
	static const char in[] = "input_tokens_details", out[] = "output_tokens_details";

	usage_take(json, "input_tokens", NULL, usage, PRICING_INPUT, fault);
	usage_take(json, "output_tokens", NULL, usage, PRICING_OUTPUT, fault);
	usage_take(json, in, "cached_tokens", usage, PRICING_CACHE_READ, fault);
	usage_take(json, in, "cache_write_tokens", usage, PRICING_CACHE_WRITE, fault);
	usage_take(json, in, "audio_tokens", usage, PRICING_INPUT_AUDIO, fault);
	usage_take(json, in, "image_tokens", usage, PRICING_INPUT_IMAGE, fault);
	usage_take(json, out, "reasoning_tokens", usage, PRICING_REASONING, fault);
	usage_take(json, out, "audio_tokens", usage, PRICING_OUTPUT_AUDIO, fault);
	usage_take(json, out, "image_tokens", usage, PRICING_OUTPUT_IMAGE, fault);
}

/* A response object that will not change. */
static void take_final(struct call *call, unsigned int base)
{
	struct document *d = call->response;
	const char *usage = document_raw(d, base + OBJECT_USAGE);

	if (document_has(d, base + OBJECT_OUTPUT))
		call->tools = call->event_tools;
	if (document_has(d, base + OBJECT_ERROR) &&
	    document_type(d, base + OBJECT_ERROR) != JSON_NULL)
		openai_error(call, document_raw(d, base + OBJECT_ERROR_TYPE),
			     document_raw(d, base + OBJECT_ERROR_CODE));
	if (usage && call_is_success(call))
		(void)openai_usage(call, usage, read_usage);
	call->final = call->has_usage;
	call->finish.length = 0;
	call_finish_reason(call, document_string(d, base + OBJECT_STATUS));
	call_attribute(call, "tollspan.response.incomplete_reason",
		       document_string(d, base + OBJECT_INCOMPLETE));
}

/* What any response object tells, also an early one. */
static void take_object(struct call *call, unsigned int base)
{
	struct document *d = call->response;

	call_set(call, CALL_RESPONSE_ID, document_string(d, base + OBJECT_ID));
	call_set(call, CALL_RESPONSE_MODEL, document_string(d, base + OBJECT_MODEL));
	call_set(call, CALL_CONVERSATION_ID, document_string(d, base + OBJECT_CONVERSATION));
	openai_tier(call, document_string(d, base + OBJECT_TIER));
	if (document_is_true(d, base + OBJECT_BACKGROUND))
		call->background = true;
}

static bool is_one_of(const char *text, const char *const *words)
{
	while (text && *words && strcmp(text, *words) != 0)
		words++;
	return text && *words;
}

static void message_body(struct call *call)
{
	static const char *const early[] = {"queued", "in_progress", NULL};

	take_object(call, BODY);
	if (!is_one_of(document_string(call->response, BODY + OBJECT_STATUS), early))
		take_final(call, BODY);
}

static void message_event(struct call *call)
{
	static const char *const last[] = {"response.completed", "response.incomplete",
					   "response.failed", "response.cancelled", NULL};
	struct document *d = call->response;
	const char *type = document_string(d, EVENT_TYPE);

	if (!type) {
		/* an error without the envelope */
		if (document_has(d, BODY + OBJECT_ERROR))
			openai_error(call, document_raw(d, BODY + OBJECT_ERROR_TYPE),
				     document_raw(d, BODY + OBJECT_ERROR_CODE));
	} else if (is_one_of(type, last)) {
		take_object(call, EVENT);
		take_final(call, EVENT);
	} else if (!strcmp(type, "error")) {
		const char *code = document_raw(d, EVENT_CODE);

		openai_error(call, document_raw(d, BODY + OBJECT_ERROR_TYPE),
			     code ? code : document_raw(d, BODY + OBJECT_ERROR_CODE));
	} else if (!strcmp(type, "response.output_item.done")) {
		count_tool(&call->tools, document_string(d, EVENT_ITEM_TYPE),
			   document_string(d, EVENT_ITEM_STATUS),
			   document_string(d, EVENT_ITEM_ACTION));
	} else {
		take_object(call, EVENT);
	}
}

static void message(struct call *call, const char *name)
{
	if (name)
		message_event(call);
	else
		message_body(call);
	call->event_tools = (struct pricing_usage){0};
}

static void finish(struct call *call)
{
	struct tally *tally = call->n_tallies ? &call->tallies[0] : NULL;

	for (unsigned int i = 0; tally && i < PRICING_BUCKETS; i++)
		if (pricing_usage_has(&call->tools, i))
			pricing_usage_set(&tally->usage, i, call->tools.quantity[i]);
}

static const struct path_shape shapes[] = {
	{.method = "POST", .suffix = "/responses"},
	{.method = "POST", .suffix = "/responses/compact"},
	{0},
};

const struct family family_openai_responses = {
	.name = "openai.responses",
	.operation = "chat",
	.group = GROUP_OPENAI,
	.shapes = shapes,
	FAMILY_READ_WHOLE,
	.finish = finish,
};

static const struct path_shape poll_shapes[] = {
	{.method = "GET", .suffix = "/responses/*", .vouched_only = true},
	{0},
};

const struct family family_openai_poll = {
	.name = "openai.responses.poll",
	.operation = "retrieve_response",
	.group = GROUP_OPENAI,
	.shapes = poll_shapes,
	.free = true,
	.poll = true,
	.response = &response_spec,
	.on_response = on_response,
	.message = message,
	.finish = finish,
};
