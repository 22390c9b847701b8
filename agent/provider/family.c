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
	{"aiplatform.*.rep.googleapis.com", "gcp.vertex_ai", 0},
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

	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts) && !host.named; i++) {
		if (fnmatch(hosts[i].pattern, name, 0))
			continue;
		host.named = true;
		host.provider = hosts[i].provider;
		host.billed = hosts[i].billed;
		/* a regional host serves, and bills, its geography */
		if (host.billed && pricing_host_region(name, host.region) < 0)
			host.region[0] = '\0';
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

bool path_matches(const char *path, size_t length, const char *shape)
{
	while (length > 1 && path[length - 1] == '/')
		length--;
	return ends_in(path, length, shape);
}

const struct family *family_find(const char *method, const char *path, size_t length,
				 unsigned int wanted, bool vouched)
{
	for (size_t i = 0; families[i]; i++) {
		if (!(families[i]->group & wanted))
			continue;
		for (const struct path_shape *s = families[i]->shapes; s->suffix; s++)
			if ((vouched || !s->vouched_only) && !strcasecmp(method, s->method) &&
			    path_matches(path, length, s->suffix))
				return families[i];
	}
	return NULL;
}

static const struct {
	const char *name;
	enum family_group group;
} groups[] = {
	{"openai", GROUP_OPENAI},
	{"anthropic", GROUP_ANTHROPIC},
};

const char *family_group_name(unsigned int wanted)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		if (groups[i].group == wanted)
			return groups[i].name;
	return NULL;
}

enum family_group family_group_by_name(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		if (strlen(groups[i].name) == length && !memcmp(name, groups[i].name, length))
			return groups[i].group;
	return 0;
}
