/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "pricing/internal.h"

static const char *const names[PRICING_BUCKETS] = {
	[PRICING_INPUT] = "input",
	[PRICING_CACHE_READ] = "cache_read",
	[PRICING_CACHE_READ_AUDIO] = "cache_read_audio",
	[PRICING_CACHE_READ_IMAGE] = "cache_read_image",
	[PRICING_CACHE_WRITE] = "cache_write",
	[PRICING_CACHE_WRITE_5M] = "cache_write_5m",
	[PRICING_CACHE_WRITE_1H] = "cache_write_1h",
	[PRICING_OUTPUT] = "output",
	[PRICING_REASONING] = "reasoning",
	[PRICING_INPUT_AUDIO] = "input_audio",
	[PRICING_OUTPUT_AUDIO] = "output_audio",
	[PRICING_INPUT_IMAGE] = "input_image",
	[PRICING_OUTPUT_IMAGE] = "output_image",
	[PRICING_INPUT_VIDEO] = "input_video",
	[PRICING_REQUESTS] = "requests",
	[PRICING_WEB_SEARCH] = "web_search",
	[PRICING_WEB_FETCH] = "web_fetch",
	[PRICING_FILE_SEARCH] = "file_search",
	[PRICING_CODE_EXECUTION] = "code_execution",
	[PRICING_PAGES] = "pages",
	[PRICING_IMAGES] = "images",
	[PRICING_MILLISECONDS] = "milliseconds",
	[PRICING_CHARACTERS] = "characters",
	[PRICING_CACHE_STORAGE] = "cache_storage",
	[PRICING_SEARCH_UNITS] = "search_units",
	[PRICING_GPU_MILLISECONDS] = "gpu_milliseconds",
	[PRICING_OUTPUT_VIDEO] = "output_video",
	[PRICING_SESSIONS] = "sessions",
	[PRICING_GROUNDING] = "grounding",
};

const char *pricing_bucket_name(enum pricing_bucket bucket)
{
	return (unsigned int)bucket < PRICING_BUCKETS ? names[bucket] : NULL;
}

int pricing_bucket_by_name(const char *name)
{
	if (!name)
		return -ENOENT;
	for (int bucket = 0; bucket < PRICING_BUCKETS; bucket++) {
		if (!strcmp(name, names[bucket]))
			return bucket;
	}
	return -ENOENT;
}

bool bucket_is_token(enum pricing_bucket bucket)
{
	return bucket <= PRICING_INPUT_VIDEO || bucket == PRICING_OUTPUT_VIDEO;
}
