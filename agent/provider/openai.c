/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <cJSON.h>

#include "agent/provider/openai.h"
#include "agent/provider/usage.h"

void openai_request(struct call *call)
{
	const struct document *d = call->request;

	call_set(call, CALL_REQUEST_MODEL, document_string(d, OPENAI_MODEL));
	call->streaming = call->streaming || document_is_true(d, OPENAI_STREAM);
	call_attribute(call, "openai.request.service_tier", document_string(d, OPENAI_TIER));
	call_attribute(call, "tollspan.request.user", document_string(d, OPENAI_USER));
	call_attribute(call, "tollspan.request.safety_identifier",
		       document_string(d, OPENAI_SAFETY_IDENTIFIER));
	call_attribute(call, "tollspan.request.prompt_cache_key",
		       document_string(d, OPENAI_PROMPT_CACHE_KEY));
	call_attribute(call, "tollspan.request.metadata", document_raw(d, OPENAI_METADATA));
}

void openai_tier(struct call *call, const char *tier)
{
	if (!tier)
		return;
	call_attribute(call, "openai.response.service_tier", tier);
	/* "auto" is what was asked for; what was served is told later, or is the default */
	if (strcmp(tier, "auto") != 0)
		call_set(call, CALL_TIER, tier);
}

void openai_error(struct call *call, const char *type, const char *code)
{
	call_attribute(call, "tollspan.error.code", code);
	if (!type || !*type)
		type = code;
	call_set(call, CALL_ERROR_TYPE, type && *type ? type : "error");
}

/* In its streams LiteLLM's proxy writes its own figure there. */
static void take_reported(struct call *call, const cJSON *json, const char *text)
{
	bool by_gateway = call->by_litellm && !call->has_body;

	if (reported_usage(json, text, by_gateway ? REPORTED_GATEWAY : REPORTED_PROVIDER,
			   &call->usage_cost) < 0)
		call->no_memory = true;
}

struct tally *openai_usage(struct call *call, const char *text, openai_usage_reader read)
{
	struct pricing_usage usage = {0};
	struct tally *tally;
	bool fault = false;
	cJSON *json = usage_parse(text);

	if (!json)
		return NULL;
	read(json, &usage, &fault);
	take_reported(call, json, text);
	cJSON_Delete(json);
	call->usage_fault = fault || usage_is_one_sided(&usage);
	usage_exclude(&usage, &call->usage_fault);
	if (!usage.present)
		return NULL;
	tally = call_tally(call, 0);
	if (!tally)
		return NULL;
	tally->usage = usage;
	call->has_usage = true;
	call_raw_usage(call, text);
	return tally;
}
