/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which geography a provider's host serves. Sources: OpenAI's guide to data residency, the endpoint
 * tables of Amazon Bedrock and of Vertex AI, xAI's page on regional endpoints.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "pricing/pricing.h"

/* A host with one star, which is the geography. */
static const char *const regional[] = {
	"*.api.openai.com",
	"*.api.x.ai",
	"*-aiplatform.googleapis.com",
	"aiplatform.*.rep.googleapis.com",
	"bedrock-runtime.*.amazonaws.com",
	"bedrock-runtime-fips.*.amazonaws.com",
	"bedrock-runtime.*.api.aws",
	"bedrock-runtime-fips.*.api.aws",
	"bedrock-mantle.*.api.aws",
};

static const char *const worldwide[] = {
	"aiplatform.googleapis.com",
};

/* What a pattern's star stands for: one label, or the first part of one; NULL if it does not fit.
 */
static const char *star(const char *pattern, const char *host, size_t *ret_length)
{
	const char *at = strchr(pattern, '*'), *behind = at + 1;
	size_t before = (size_t)(at - pattern), after = strlen(behind), length = strlen(host);

	if (length <= before + after || strncasecmp(host, pattern, before) != 0 ||
	    strcasecmp(host + length - after, behind) != 0)
		return NULL;
	*ret_length = length - before - after;
	return memchr(host + before, '.', *ret_length) ? NULL : host + before;
}

static void copy_lower(char *to, const char *from, size_t length)
{
	for (size_t i = 0; i < length; i++)
		to[i] = (char)(from[i] >= 'A' && from[i] <= 'Z' ? from[i] - 'A' + 'a' : from[i]);
	to[length] = '\0';
}

int pricing_host_region(const char *host, char ret_region[PRICING_REGION_MAX])
{
	size_t length;

	for (size_t i = 0; i < sizeof(worldwide) / sizeof(*worldwide); i++) {
		if (!strcasecmp(worldwide[i], host)) {
			memcpy(ret_region, "global", sizeof("global"));
			return 0;
		}
	}
	for (size_t i = 0; i < sizeof(regional) / sizeof(*regional); i++) {
		const char *region = star(regional[i], host, &length);

		if (region && length < PRICING_REGION_MAX) {
			copy_lower(ret_region, region, length);
			return 0;
		}
	}
	return -ENOENT;
}
