/* SPDX-License-Identifier: Apache-2.0 */
#include <fnmatch.h>
#include <string.h>
#include <strings.h>

#include "agent/provider/family.h"

static const struct family *const families[] = {
	&family_openai_chat,        &family_openai_responses,
	&family_anthropic_messages, &family_anthropic_count,
	&family_openai_count,       &family_openai_stored,
	&family_openai_poll,        &family_openai_models,
	&family_anthropic_models,   NULL,
};

/* First match holds. Names of providers: GenAI semantic conventions, gen_ai.provider.name. */
static const struct {
	const char *pattern; /* fnmatch(3) */
	const char *provider;
	enum family_group billed; /* whose prices hold there */
} hosts[] = {
	{"api.openai.com", "openai", GROUP_OPENAI},
	{"*.api.openai.com", "openai", GROUP_OPENAI},
	{"api.anthropic.com", "anthropic", GROUP_ANTHROPIC},
	{"*.openai.azure.com", "azure.ai.openai", 0},
	{"*.cognitiveservices.azure.com", "azure.ai.openai", 0},
	{"*.services.ai.azure.com", "azure.ai.inference", 0},
	{"*.inference.ai.azure.com", "azure.ai.inference", 0},
	{"bedrock*.amazonaws.com", "aws.bedrock", 0},
	{"bedrock*.api.aws", "aws.bedrock", 0},
	{"generativelanguage.googleapis.com", "gcp.gemini", 0},
	{"aiplatform.googleapis.com", "gcp.vertex_ai", 0},
	{"*-aiplatform.googleapis.com", "gcp.vertex_ai", 0},
	{"api.mistral.ai", "mistral_ai", 0},
	{"codestral.mistral.ai", "mistral_ai", 0},
	{"api.cohere.com", "cohere", 0},
	{"api.cohere.ai", "cohere", 0},
	{"api.deepseek.com", "deepseek", 0},
	{"api.groq.com", "groq", 0},
	{"api.perplexity.ai", "perplexity", 0},
	{"api.x.ai", "x_ai", 0},
	{"*.api.x.ai", "x_ai", 0},
};

void host_find(const char *name, struct host *ret_host)
{
	struct host host = {0};
	size_t length = strcspn(name, ".");

	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts) && !host.named; i++) {
		if (fnmatch(hosts[i].pattern, name, 0))
			continue;
		host.named = true;
		host.provider = hosts[i].provider;
		host.billed = hosts[i].billed;
		/* a regional host serves, and bills, its geography */
		if (host.billed && *hosts[i].pattern == '*' && length < sizeof(host.region))
			memcpy(host.region, name, length);
	}
	*ret_host = host;
}

/* Does text end in the shape, beginning at a slash? A star in the shape is one whole segment. */
static bool ends_in(const char *text, size_t length, const char *shape)
{
	const char *t = text + length, *s = shape + strlen(shape);

	while (s > shape) {
		if (s[-1] == '*') {
			const char *end = t;

			while (t > text && t[-1] != '/')
				t--;
			if (t == end)
				return false;
			s--;
			continue;
		}
		if (t == text || t[-1] != s[-1])
			return false;
		t--;
		s--;
	}
	return true;
}

const struct family *family_find(const char *method, const char *path, unsigned int groups,
				 bool vouched)
{
	size_t length = strlen(path);

	while (length > 1 && path[length - 1] == '/')
		length--;
	for (size_t i = 0; families[i]; i++) {
		if (!(families[i]->group & groups))
			continue;
		for (const struct path_shape *s = families[i]->shapes; s->suffix; s++)
			if ((vouched || !s->vouched_only) && !strcasecmp(method, s->method) &&
			    ends_in(path, length, s->suffix))
				return families[i];
	}
	return NULL;
}

enum family_group family_group_by_name(const char *name, size_t length)
{
	if (length == 6 && !memcmp(name, "openai", 6))
		return GROUP_OPENAI;
	if (length == 9 && !memcmp(name, "anthropic", 9))
		return GROUP_ANTHROPIC;
	return 0;
}
