/* SPDX-License-Identifier: Apache-2.0 */
/* A call as JSON. */
#ifndef AGENT_CALL_JSON_H
#define AGENT_CALL_JSON_H

#include "agent/json_out.h"
#include "agent/ledger/query.h"

/** call_json - the call as an object, without the comma before it. */
void call_json(struct json_out *json, const struct ledger_call *call);

/** call_json_charges - its charges as an array. */
void call_json_charges(struct json_out *json, const struct ledger_call *call);

#endif
