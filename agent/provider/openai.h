/* SPDX-License-Identifier: Apache-2.0 */
/* openai: what chat completions and Responses have in common. */
#ifndef AGENT_PROVIDER_OPENAI_H
#define AGENT_PROVIDER_OPENAI_H

#include "agent/provider/call.h"

struct cJSON;

/* Paths of a request, which both tables begin with. */
enum openai_request_path {
	OPENAI_MODEL,
	OPENAI_STREAM,
	OPENAI_TIER,
	OPENAI_USER,
	OPENAI_SAFETY_IDENTIFIER,
	OPENAI_PROMPT_CACHE_KEY,
	OPENAI_METADATA,
	OPENAI_REQUEST_PATHS,
};

#define OPENAI_REQUEST_PATH_TABLE                                                             \
	[OPENAI_MODEL] = "model", [OPENAI_STREAM] = "stream", [OPENAI_TIER] = "service_tier", \
	[OPENAI_USER] = "user", [OPENAI_SAFETY_IDENTIFIER] = "safety_identifier",             \
	[OPENAI_PROMPT_CACHE_KEY] = "prompt_cache_key", [OPENAI_METADATA] = "metadata"

/** openai_request - take those of a request. */
void openai_request(struct call *call);

/** openai_tier - the service tier of a response; NULL: not told. */
void openai_tier(struct call *call, const char *tier);

/** openai_error - type and code of an error as JSON text without quotes; either may be NULL. */
void openai_error(struct call *call, const char *type, const char *code);

typedef void (*openai_usage_reader)(const struct cJSON *json, struct pricing_usage *usage,
				    bool *fault);

/*
 * openai_usage - take a usage object of a successful response, as JSON text, for the call's one
 *	tally, and the cost that it reports.
 * Return: the tally, or NULL where no quantity was told.
 */
struct tally *openai_usage(struct call *call, const char *text, openai_usage_reader read);

#endif
