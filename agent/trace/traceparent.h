/* SPDX-License-Identifier: Apache-2.0 */
/* The traceparent header of W3C Trace Context, levels 1 and 2. */
#ifndef AGENT_TRACE_TRACEPARENT_H
#define AGENT_TRACE_TRACEPARENT_H

#include "agent/event.h"

/*
 * traceparent_parse - version "-" trace-id "-" parent-id "-" trace-flags, in lower-case hex.
 *
 * Refused are version ff, ids of zeros only, and a version 00 that is longer. Of a later version
 * the same fields are read, and what follows them behind a "-" is passed over (section 3.2.4).
 * Return: 0 or -EINVAL.
 */
int traceparent_parse(const char *text, uint8_t ret_trace_id[TRACE_ID_SIZE],
		      uint8_t ret_parent_id[SPAN_ID_SIZE]);

#endif
