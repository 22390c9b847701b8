/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenAI chat completions, and the many hosts that speak it.
 *
 * Usage is in the body, or in a late chunk of the stream; some send it in each chunk, the last of
 * which holds. Cached and audio tokens lie within the prompt, reasoning and audio within the
 * completion, but for hosts whose total_tokens say otherwise (facts on the wire, provider pages).
 */
#include <string.h>

#include <cJSON.h>

#include "agent/provider/family.h"
#include "agent/provider/openai.h"
#include "agent/provider/usage.h"

enum request_path {
	REQUEST_MESSAGES = OPENAI_REQUEST_PATHS,
	REQUEST_INCLUDE_USAGE,
	REQUEST_PATHS,
};

static const char *const request_paths[] = {
	OPENAI_REQUEST_PATH_TABLE,
	[REQUEST_MESSAGES] = "messages?",
	[REQUEST_INCLUDE_USAGE] = "stream_options.include_usage",
};

static const struct document_spec request_spec = {
	.paths = request_paths,
	.n_paths = REQUEST_PATHS,
};

enum response_path {
	RESPONSE_ID,
	RESPONSE_MODEL,
	RESPONSE_TIER,
	RESPONSE_FINGERPRINT,
	RESPONSE_USAGE,
	RESPONSE_GROQ_USAGE,
	RESPONSE_ERROR,
	RESPONSE_ERROR_TYPE,
	RESPONSE_ERROR_CODE,
	RESPONSE_CHOICES,
	RESPONSE_CHOICE,
	RESPONSE_FINISH,
	RESPONSE_CONTENT, /* this and later ones are tokens */
	RESPONSE_REASONING_CONTENT,
	RESPONSE_REASONING,
	RESPONSE_REFUSAL,
	RESPONSE_TOOL_CALLS,
	RESPONSE_FUNCTION_CALL,
	RESPONSE_AUDIO,
	RESPONSE_PATHS,
};

static const char *const response_paths[] = {
	[RESPONSE_ID] = "id",
	[RESPONSE_MODEL] = "model",
	[RESPONSE_TIER] = "service_tier",
	[RESPONSE_FINGERPRINT] = "system_fingerprint",
	[RESPONSE_USAGE] = "usage",
	[RESPONSE_GROQ_USAGE] = "x_groq.usage",
	[RESPONSE_ERROR] = "error?",
	[RESPONSE_ERROR_TYPE] = "error.type",
	[RESPONSE_ERROR_CODE] = "error.code",
	[RESPONSE_CHOICES] = "choices?",
	[RESPONSE_CHOICE] = "choices.*?",
	[RESPONSE_FINISH] = "choices.*.finish_reason",
	[RESPONSE_CONTENT] = "choices.*.delta.content",
	[RESPONSE_REASONING_CONTENT] = "choices.*.delta.reasoning_content",
	[RESPONSE_REASONING] = "choices.*.delta.reasoning",
	[RESPONSE_REFUSAL] = "choices.*.delta.refusal",
	[RESPONSE_TOOL_CALLS] = "choices.*.delta.tool_calls?",
	[RESPONSE_FUNCTION_CALL] = "choices.*.delta.function_call?",
	[RESPONSE_AUDIO] = "choices.*.delta.audio?",
};

static const struct document_spec response_spec = {
	.paths = response_paths,
	.n_paths = RESPONSE_PATHS,
	.large = DOCUMENT_BIT(RESPONSE_USAGE) | DOCUMENT_BIT(RESPONSE_GROQ_USAGE),
	.passing = DOCUMENT_BIT(RESPONSE_CONTENT) | DOCUMENT_BIT(RESPONSE_REASONING_CONTENT) |
		   DOCUMENT_BIT(RESPONSE_REASONING) | DOCUMENT_BIT(RESPONSE_REFUSAL) |
		   DOCUMENT_BIT(RESPONSE_TOOL_CALLS) | DOCUMENT_BIT(RESPONSE_FUNCTION_CALL) |
		   DOCUMENT_BIT(RESPONSE_AUDIO),
	.told = DOCUMENT_BIT(RESPONSE_CHOICES) | DOCUMENT_BIT(RESPONSE_CHOICE),
};

static void on_token(struct call *call, const struct json_value *value)
{
	if (value->type == JSON_STRING
		    ? value->part == JSON_VALUE_TEXT
		    : value->part == JSON_VALUE_BEGIN &&
			      (value->type == JSON_ARRAY || value->type == JSON_OBJECT))
		call_first_token(call, call->last_ns);
}

static void on_response(void *context, struct document *document, const struct json_value *value)
{
	struct call *call = context;

	if (value->path >= RESPONSE_CONTENT) {
		on_token(call, value);
		return;
	}
	switch (value->path) {
	case RESPONSE_CHOICES: /* of this event, anew */
		if (value->part == JSON_VALUE_END)
			break;
		call->finish.length = call->finish_mark;
		call->has_choice = false;
		break;
	case RESPONSE_CHOICE:
		call->has_choice = true;
		if (value->part == JSON_VALUE_BEGIN)
			document_clear(document, RESPONSE_FINISH);
		else if (value->part == JSON_VALUE_END)
			call_finish_reason(call, document_string(document, RESPONSE_FINISH));
		break;
	}
}

static bool plausible(const struct call *call)
{
	return document_has(call->request, REQUEST_MESSAGES) &&
	       document_type(call->request, REQUEST_MESSAGES) == JSON_ARRAY;
}

static void request_done(struct call *call)
{
	openai_request(call);
	if (document_is_true(call->request, REQUEST_INCLUDE_USAGE))
		call_attribute(call, "tollspan.request.include_usage", "true");
}

/* Parts that lie beside their total are added to it, so that they lie within. */
static void settle_totals(const cJSON *json, struct pricing_usage *usage, bool *fault)
{
	uint64_t *q = usage->quantity, input = q[PRICING_INPUT], output = q[PRICING_OUTPUT];
	uint64_t reasoning = q[PRICING_REASONING], cached = q[PRICING_CACHE_READ], total;

	if (!usage_number(json, "total_tokens", NULL, &total, fault) || total == input + output ||
	    !pricing_usage_has(usage, PRICING_INPUT) || !pricing_usage_has(usage, PRICING_OUTPUT))
		return;
	if (total == input + output + reasoning) {
		q[PRICING_OUTPUT] += reasoning;
	} else if (total == input + output + cached) {
		q[PRICING_INPUT] += cached;
	} else if (total == input + output + cached + reasoning) {
		q[PRICING_INPUT] += cached;
		q[PRICING_OUTPUT] += reasoning;
	}
}

static void read_usage(const cJSON *json, struct pricing_usage *usage, bool *fault)
{
	static const char in[] = "prompt_tokens_details", out[] = "completion_tokens_details";

	usage_take(json, "prompt_tokens", NULL, usage, PRICING_INPUT, fault);
	usage_take(json, "completion_tokens", NULL, usage, PRICING_OUTPUT, fault);
	if (!usage_take(json, in, "cached_tokens", usage, PRICING_CACHE_READ, fault) &&
	    !usage_take(json, "prompt_cache_hit_tokens", NULL, usage, PRICING_CACHE_READ, fault) &&
	    !usage_take(json, "cached_tokens", NULL, usage, PRICING_CACHE_READ, fault))
		usage_take(json, "num_cached_tokens", NULL, usage, PRICING_CACHE_READ, fault);
	usage_take(json, in, "cache_write_tokens", usage, PRICING_CACHE_WRITE, fault);
	usage_take(json, in, "audio_tokens", usage, PRICING_INPUT_AUDIO, fault);
	usage_take(json, in, "image_tokens", usage, PRICING_INPUT_IMAGE, fault);
	usage_take(json, in, "video_tokens", usage, PRICING_INPUT_VIDEO, fault);
	usage_take(json, out, "reasoning_tokens", usage, PRICING_REASONING, fault);
	usage_take(json, out, "audio_tokens", usage, PRICING_OUTPUT_AUDIO, fault);
	usage_take(json, out, "image_tokens", usage, PRICING_OUTPUT_IMAGE, fault);
	usage_take(json, "server_tool_use_details", "web_search_requests", usage,
		   PRICING_WEB_SEARCH, fault);
	settle_totals(json, usage, fault);
}

/* A search model searches once before each answer, and bills that apart from tokens. */
static void count_search(const struct call *call, struct pricing_usage *usage)
{
	const char *model = call->texts[CALL_RESPONSE_MODEL];

	if (call->provider_known && model && strstr(model, "-search-"))
		pricing_usage_set(usage, PRICING_WEB_SEARCH, 1);
}

static void take_usage(struct call *call, const char *text)
{
	struct tally *tally = openai_usage(call, text, read_usage);

	if (tally)
		count_search(call, &tally->usage);
}

static void message(struct call *call, const char *name)
{
	struct document *d = call->response;
	const char *usage = document_raw(d, RESPONSE_USAGE);

	call_set(call, CALL_RESPONSE_ID, document_string(d, RESPONSE_ID));
	call_set(call, CALL_RESPONSE_MODEL, document_string(d, RESPONSE_MODEL));
	openai_tier(call, document_string(d, RESPONSE_TIER));
	call_attribute(call, "openai.response.system_fingerprint",
		       document_string(d, RESPONSE_FINGERPRINT));
	if (document_has(d, RESPONSE_ERROR) && document_type(d, RESPONSE_ERROR) != JSON_NULL)
		openai_error(call, document_raw(d, RESPONSE_ERROR_TYPE),
			     document_raw(d, RESPONSE_ERROR_CODE));
	if (call->finish.length > call->finish_mark)
		call->finish_seen = true;
	call->finish_mark = call->finish.length;
	if (!usage)
		usage = document_raw(d, RESPONSE_GROQ_USAGE);
	if (usage && call_is_success(call)) {
		take_usage(call, usage);
		/* where each chunk has one, that behind the last choice is the last */
		call->final = call->has_usage && (call->finish_seen || !call->has_choice || !name);
	}
	call->has_choice = false;
}

static const struct path_shape shapes[] = {
	{.method = "POST", .suffix = "/chat/completions"},
	{0},
};

const struct family family_openai_chat = {
	.name = "openai.chat",
	.operation = "chat",
	.group = GROUP_OPENAI,
	.shapes = shapes,
	FAMILY_READ_WHOLE,
};
