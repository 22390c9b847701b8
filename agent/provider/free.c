/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that cost nothing: lists of models, token counts, and asking again for what was made. */
#include <string.h>

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
	.group = GROUP_OPENAI,
	.shapes = model_shapes,
	.free = true,
};

const struct family family_anthropic_models = {
	.name = "anthropic.models",
	.operation = "list_models",
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
	.group = GROUP_OPENAI,
	.shapes = stored_shapes,
	.free = true,
};

/*
 * What stores, names, signs in, ends or reports, as the providers' price pages leave it out. What
 * begins paid work that is done later (batches, runs, fine-tuning), or is paid by the day (vector
 * stores, containers, cached contents), is not here, nor is what could not be told for sure.
 */
static const struct {
	unsigned int groups; /* of hosts that are billed so; 0: of all */
	const char *shape;   /* the path ends so; with a slash at its end: holds that */
} free_posts[] = {
	/* work that ends, whatever it was */
	{0, "/cancel"},
	{0, "/model-invocation-job/*/stop"},
	/* uploads: what reads a file is paid */
	{0, "/v1/files"},
	{0, "/v1beta/files"},
	{0, "/openai/files"},
	{0, "/v1/uploads"},
	{0, "/v1/uploads/*/parts"},
	{0, "/v1/uploads/*/complete"},
	{GROUP_ANTHROPIC, "/v1/skills"},
	{GROUP_ANTHROPIC, "/v1/skills/*/versions"},
	/* OpenAI's moderation model is free to use */
	{GROUP_OPENAI, "/v1/moderations"},
	/* counts of tokens */
	{0, "/count-tokens"},
	{0, "/count_tokens"},
	{0, "/tokenize"},
	{0, "/detokenize"},
	{0, "/tokenize-text"},
	/* what is stored until a run or a response, which is paid, reads it */
	{GROUP_OPENAI, "/chat/completions/*"},
	{GROUP_OPENAI, "/v1/conversations"}, /* elsewhere that name is a model call */
	{GROUP_OPENAI, "/v1/conversations/*"},
	{GROUP_OPENAI, "/v1/conversations/*/items"},
	{0, "/assistants"},
	{0, "/assistants/*"},
	{0, "/threads"},
	{0, "/threads/*/messages"},
	/* keys for a session that is paid as it goes, and keys at large */
	{GROUP_OPENAI, "/v1/realtime/client_secrets"},
	{GROUP_OPENAI, "/v1/realtime/sessions"},
	{GROUP_OPENAI, "/v1/realtime/transcription_sessions"},
	{0, "/oauth/token"},
	{0, "/oauth2/token"},
	{GROUP_ANTHROPIC, "/api/oauth/"},
	{GROUP_OPENAI, "/v1/organization/"},
	{GROUP_ANTHROPIC, "/v1/organizations/"},
	/* what clients report of themselves: OTLP, the tracing of an SDK, a program's own */
	{0, "/v1/traces"},
	{0, "/v1/metrics"},
	{0, "/v1/logs"},
	{GROUP_OPENAI, "/v1/traces/ingest"},
	{GROUP_ANTHROPIC, "/api/event_logging/"},
	{GROUP_ANTHROPIC, "/api/claude_code/"},
	{GROUP_ANTHROPIC, "/api/eval/"},
	{GROUP_ANTHROPIC, "/api/claude_cli_feedback"},
	{GROUP_ANTHROPIC, "/api/claude_code_shared_session_transcripts"},
};

/* Verbs behind a path's last colon (Google APIs); fetchPredictOperation is a poll. */
static const char *const free_verbs[] = {
	":countTokens",
	":computeTokens",
	":cancel",
	":fetchPredictOperation",
};

static bool ends_in_verb(const char *path, size_t length, const char *verb)
{
	size_t n = strlen(verb);

	return length > n && !memcmp(path + length - n, verb, n);
}

bool free_post(const char *path, size_t length, unsigned int groups)
{
	for (size_t i = 0; i < sizeof(free_posts) / sizeof(*free_posts); i++) {
		const char *shape = free_posts[i].shape;
		size_t n = strlen(shape);

		if (free_posts[i].groups && !(free_posts[i].groups & groups))
			continue;
		if (shape[n - 1] == '/' ? memmem(path, length, shape, n) != NULL
					: path_matches(path, length, shape))
			return true;
	}
	for (size_t i = 0; i < sizeof(free_verbs) / sizeof(*free_verbs); i++)
		if (ends_in_verb(path, length, free_verbs[i]))
			return true;
	return false;
}
