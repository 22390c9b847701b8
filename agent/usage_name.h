/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantities as attributes of a span. Where the OpenTelemetry GenAI semantic conventions have a
 * name, its value includes the parts: input_tokens counts all input, cache_creation all writes.
 */
#ifndef AGENT_USAGE_NAME_H
#define AGENT_USAGE_NAME_H

#include "pricing/pricing.h"

/** usage_name - the attribute that tells a bucket, such as "tollspan.usage.input_audio". */
const char *usage_name(enum pricing_bucket bucket);

/*
 * usage_from_values - exclusive quantities from the values of attributes.
 * @usage: quantity[bucket] is the value of usage_name(bucket); exclusive on return.
 * Return: 0; -ERANGE if the parts of a value exceed it, with its bucket in *ret_bucket.
 */
int usage_from_values(struct pricing_usage *usage, enum pricing_bucket *ret_bucket);

#endif
