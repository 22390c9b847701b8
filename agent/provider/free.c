/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that cost nothing: lists of models, token counts, and asking again for what was made. */
#include "agent/provider/family.h"

enum request_path {
	REQUEST_MODEL,
	REQUEST_PATHS,
};

static const char *const request_paths[] = {[REQUEST_MODEL] = "model"};

static const struct document_spec request_spec = {
	.paths = request_paths,
	.n_paths = REQUEST_PATHS,
};

static bool plausible(const struct call *call)
{
	return document_string(call->request, REQUEST_MODEL);
}

static void request_done(struct call *call)
{
	call_set(call, CALL_REQUEST_MODEL, document_string(call->request, REQUEST_MODEL));
}

static const struct path_shape count_shapes[] = {
	{.method = "POST", .suffix = "/v1/messages/count_tokens"},
	{0},
};

const struct family family_anthropic_count = {
	.name = "anthropic.count_tokens",
	.operation = "count_tokens",
	.provider = "anthropic",
	.group = GROUP_ANTHROPIC,
	.shapes = count_shapes,
	.free = true,
	.request = &request_spec,
	.plausible = plausible,
	.request_done = request_done,
};

static const struct path_shape input_shapes[] = {
	{.method = "POST", .suffix = "/responses/input_tokens"},
	{0},
};

const struct family family_openai_count = {
	.name = "openai.input_tokens",
	.operation = "count_tokens",
	.provider = "openai",
	.group = GROUP_OPENAI,
	.shapes = input_shapes,
	.free = true,
	.request = &request_spec,
	.plausible = plausible,
	.request_done = request_done,
};

static const struct path_shape model_shapes[] = {
	{.method = "GET", .suffix = "/models", .vouched_only = true},
	{.method = "GET", .suffix = "/models/*", .vouched_only = true},
	{0},
};

const struct family family_openai_models = {
	.name = "openai.models",
	.operation = "list_models",
	.provider = "openai",
	.group = GROUP_OPENAI,
	.shapes = model_shapes,
	.free = true,
};

const struct family family_anthropic_models = {
	.name = "anthropic.models",
	.operation = "list_models",
	.provider = "anthropic",
	.group = GROUP_ANTHROPIC,
	.shapes = model_shapes,
	.free = true,
};

static const struct path_shape stored_shapes[] = {
	{.method = "GET", .suffix = "/chat/completions", .vouched_only = true},
	{.method = "GET", .suffix = "/chat/completions/*", .vouched_only = true},
	{.method = "GET", .suffix = "/responses/*/input_items", .vouched_only = true},
	{.method = "POST", .suffix = "/responses/*/cancel", .vouched_only = true},
	{.method = "DELETE", .suffix = "/responses/*", .vouched_only = true},
	{0},
};

const struct family family_openai_stored = {
	.name = "openai.stored",
	.operation = "retrieve_response",
	.provider = "openai",
	.group = GROUP_OPENAI,
	.shapes = stored_shapes,
	.free = true,
};
