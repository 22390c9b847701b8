/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/usage_name.h"

#include <errno.h>
#include <stddef.h>

#define BIT(bucket) (1u << (bucket))

static const char *const names[PRICING_BUCKETS] = {
	[PRICING_INPUT] = "gen_ai.usage.input_tokens",
	[PRICING_CACHE_READ] = "gen_ai.usage.cache_read.input_tokens",
	[PRICING_CACHE_READ_AUDIO] = "tollspan.usage.cache_read_audio",
	[PRICING_CACHE_READ_IMAGE] = "tollspan.usage.cache_read_image",
	[PRICING_CACHE_WRITE] = "gen_ai.usage.cache_creation.input_tokens",
	[PRICING_CACHE_WRITE_5M] = "tollspan.usage.cache_creation_5m",
	[PRICING_CACHE_WRITE_1H] = "tollspan.usage.cache_creation_1h",
	[PRICING_OUTPUT] = "gen_ai.usage.output_tokens",
	[PRICING_REASONING] = "gen_ai.usage.reasoning.output_tokens",
	[PRICING_INPUT_AUDIO] = "tollspan.usage.input_audio",
	[PRICING_OUTPUT_AUDIO] = "tollspan.usage.output_audio",
	[PRICING_INPUT_IMAGE] = "tollspan.usage.input_image",
	[PRICING_OUTPUT_IMAGE] = "tollspan.usage.output_image",
	[PRICING_INPUT_VIDEO] = "tollspan.usage.input_video",
	[PRICING_REQUESTS] = "tollspan.usage.requests",
	[PRICING_WEB_SEARCH] = "tollspan.usage.requests.web_search",
	[PRICING_WEB_FETCH] = "tollspan.usage.requests.web_fetch",
	[PRICING_FILE_SEARCH] = "tollspan.usage.requests.file_search",
	[PRICING_CODE_EXECUTION] = "tollspan.usage.requests.code_execution",
	[PRICING_PAGES] = "tollspan.usage.pages",
	[PRICING_IMAGES] = "tollspan.usage.images",
	[PRICING_MILLISECONDS] = "tollspan.usage.milliseconds",
	[PRICING_CHARACTERS] = "tollspan.usage.characters",
	[PRICING_CACHE_STORAGE] = "tollspan.usage.cache_storage",
	[PRICING_SEARCH_UNITS] = "tollspan.usage.search_units",
	[PRICING_GPU_MILLISECONDS] = "tollspan.usage.gpu_milliseconds",
	[PRICING_OUTPUT_VIDEO] = "tollspan.usage.output_video",
	[PRICING_SESSIONS] = "tollspan.usage.sessions",
	[PRICING_GROUNDING] = "tollspan.usage.requests.grounding",
};

/* What the value of an attribute counts besides its own bucket. */
static uint32_t parts(enum pricing_bucket bucket)
{
	switch (bucket) {
	case PRICING_CACHE_READ:
		return BIT(PRICING_CACHE_READ_AUDIO) | BIT(PRICING_CACHE_READ_IMAGE);
	case PRICING_CACHE_WRITE:
		return BIT(PRICING_CACHE_WRITE_5M) | BIT(PRICING_CACHE_WRITE_1H);
	default:
		return 0;
	}
}

const char *usage_name(enum pricing_bucket bucket)
{
	return (unsigned int)bucket < PRICING_BUCKETS ? names[bucket] : NULL;
}

static int exclude(struct pricing_usage *usage, enum pricing_bucket bucket,
		   enum pricing_bucket *ret_bucket)
{
	uint64_t within = pricing_usage_sum(usage, parts(bucket));

	if (!pricing_usage_has(usage, bucket))
		return 0;
	if (usage->quantity[bucket] < within) {
		*ret_bucket = bucket;
		return -ERANGE;
	}
	usage->quantity[bucket] -= within;
	return 0;
}

int usage_from_values(struct pricing_usage *usage, enum pricing_bucket *ret_bucket)
{
	struct pricing_usage exclusive = *usage;
	int r = exclude(&exclusive, PRICING_CACHE_READ, ret_bucket);

	if (r >= 0)
		r = exclude(&exclusive, PRICING_CACHE_WRITE, ret_bucket);
	if (r >= 0)
		r = pricing_usage_exclude(&exclusive, ret_bucket);
	if (r < 0)
		return r;
	*usage = exclusive;
	return 0;
}
