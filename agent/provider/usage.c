/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <string.h>

#include <cJSON.h>

#include "agent/provider/usage.h"

#define QUANTITY_MAX 9007199254740991.0

cJSON *usage_parse(const char *text)
{
	cJSON *json = text ? cJSON_Parse(text) : NULL;

	if (json && !cJSON_IsObject(json)) {
		cJSON_Delete(json);
		return NULL;
	}
	return json;
}

const cJSON *usage_member(const cJSON *object, const char *name)
{
	const cJSON *found = NULL, *item;

	if (!cJSON_IsObject(object))
		return NULL;
	cJSON_ArrayForEach(item, object)
	{
		if (item->string && !strcmp(item->string, name))
			found = item;
	}
	return cJSON_IsNull(found) ? NULL : found;
}

bool usage_number(const cJSON *object, const char *name, const char *inner, uint64_t *ret_number,
		  bool *fault)
{
	const cJSON *item = usage_member(object, name);
	double value;

	if (item && inner) {
		if (!cJSON_IsObject(item)) {
			*fault = true;
			return false;
		}
		item = usage_member(item, inner);
	}
	if (!item)
		return false;
	value = cJSON_GetNumberValue(item);
	if (!cJSON_IsNumber(item) || !(value >= 0 && value <= QUANTITY_MAX) ||
	    value != (double)(uint64_t)value) {
		*fault = true;
		return false;
	}
	*ret_number = (uint64_t)value;
	return true;
}

bool usage_take(const cJSON *object, const char *name, const char *inner,
		struct pricing_usage *usage, enum pricing_bucket bucket, bool *fault)
{
	uint64_t number;

	if (!usage_number(object, name, inner, &number, fault))
		return false;
	pricing_usage_set(usage, bucket, number);
	return true;
}

static void drop(struct pricing_usage *usage, uint32_t buckets)
{
	for (int i = 0; i < PRICING_BUCKETS; i++)
		if (buckets & 1u << i)
			usage->quantity[i] = 0;
	usage->present &= ~buckets;
}

/* Parts alone would pass for their total, which was not told. */
static void drop_orphans(struct pricing_usage *usage, enum pricing_bucket total, bool *fault)
{
	uint32_t parts = pricing_usage_parts(total);

	if (pricing_usage_has(usage, total) || !(usage->present & parts))
		return;
	*fault = true;
	drop(usage, parts);
}

bool usage_is_one_sided(const struct pricing_usage *usage)
{
	return pricing_usage_has(usage, PRICING_INPUT) != pricing_usage_has(usage, PRICING_OUTPUT);
}

void usage_exclude(struct pricing_usage *usage, bool *fault)
{
	enum pricing_bucket bucket;

	drop_orphans(usage, PRICING_INPUT, fault);
	drop_orphans(usage, PRICING_OUTPUT, fault);
	/* once for each side at most */
	for (int i = 0; i < 3 && pricing_usage_exclude(usage, &bucket) < 0; i++) {
		*fault = true;
		drop(usage, pricing_usage_parts(bucket));
	}
}
