/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: exact quantities out of a usage object.
 *
 * A quantity is a JSON number that is an integer from 0 to 2^53 - 1, which is what survives a
 * double. Anything else but null and absence is a fault, and is not taken.
 */
#ifndef AGENT_PROVIDER_USAGE_H
#define AGENT_PROVIDER_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/event.h"

struct cJSON;

/** usage_parse - the object of a text, or NULL; freed with cJSON_Delete(). */
struct cJSON *usage_parse(const char *text);

/** usage_member - the last member of that name, of any type; NULL where absent or null. */
const struct cJSON *usage_member(const struct cJSON *object, const char *name);

/*
 * usage_number - the quantity at name, or at inner of the object at name where inner is not NULL.
 * @fault: set where something is there that is no quantity.
 * Return: true with *ret_number set.
 */
bool usage_number(const struct cJSON *object, const char *name, const char *inner,
		  uint64_t *ret_number, bool *fault);

/** usage_take - usage_number() into a bucket. Return: true where it was there. */
bool usage_take(const struct cJSON *object, const char *name, const char *inner,
		struct pricing_usage *usage, enum pricing_bucket bucket, bool *fault);

/** usage_is_one_sided - input without output, or the other way round: half of it was not told. */
bool usage_is_one_sided(const struct pricing_usage *usage);

/*
 * usage_exclude - pricing_usage_exclude(); parts that contradict their total, or whose total was
 * not told, are dropped, and that is a fault.
 */
void usage_exclude(struct pricing_usage *usage, bool *fault);

#endif
