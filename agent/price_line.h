/* SPDX-License-Identifier: Apache-2.0 */
/* A line of `price --stdin`: a JSON object with the attribute names of a span. */
#ifndef AGENT_PRICE_LINE_H
#define AGENT_PRICE_LINE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/price_reported.h"
#include "pricing/pricing.h"

struct price_line;

/*
 * price_line_parse - read one line.
 * @now_ns: the time of a line that has none.
 * @error: on failure what is wrong.
 * Return: 0, and the caller frees the line; -EINVAL; -ENOMEM.
 */
int price_line_parse(struct price_line **ret_line, const char *text, size_t length, int64_t now_ns,
		     char *error, size_t error_size);

/** price_line_charge - its charge, which lives as long as the line. */
struct pricing_charge *price_line_charge(struct price_line *line);

/** price_line_failed - whether it has an error and no usage, and so costs nothing. */
bool price_line_failed(const struct price_line *line);

/** price_line_reported - what others say that it cost, which lives as long as the line. */
const struct price_reported *price_line_reported(const struct price_line *line);

void price_line_free(struct price_line *line);

#endif
