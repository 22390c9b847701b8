/* SPDX-License-Identifier: Apache-2.0 */
/* field: header fields that tell who called and what answered. */
#ifndef AGENT_PROVIDER_FIELD_H
#define AGENT_PROVIDER_FIELD_H

#include "agent/provider/call.h"

/** field_find - the first field of a lower-case name, or NULL. */
const struct header_field *field_find(const struct exchange_event *event, const char *name);

/** field_take_request - traceparent, and attributes of the caller. */
void field_take_request(struct call *call, const struct exchange_event *event);

/** field_take_response - attributes of what answered. */
void field_take_response(struct call *call, const struct exchange_event *event);

#endif
