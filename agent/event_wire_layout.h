/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both halves of event_wire agree on.
 *
 * Numbers are little-endian. A text is its length (u32), its NUL counted, and its bytes; length 0
 * is NULL. A list is its count (u16) and its elements. Of a usage, only what is present follows.
 */
#ifndef AGENT_EVENT_WIRE_LAYOUT_H
#define AGENT_EVENT_WIRE_LAYOUT_H

#include "agent/event_wire.h"

#define EVENT_WIRE_PARTIAL_BITS (2u * PARTIAL_USAGE - 1)
#define EVENT_WIRE_BUCKET_BITS ((1u << PRICING_BUCKETS) - 1)

_Static_assert(sizeof(struct event_wire_head) == 16, "event_wire_head");

/* A field that is new here must be put and read too. */
_Static_assert(sizeof(struct call_event) == 384, "call_event");
_Static_assert(sizeof(struct conn_key) == 40, "conn_key");
_Static_assert(sizeof(struct conn_info) == 80, "conn_info");
_Static_assert(sizeof(struct charge) == 2672, "charge");
_Static_assert(sizeof(struct pricing_line) == 80, "pricing_line");
_Static_assert(sizeof(struct process_event) == 136, "process_event");
_Static_assert(sizeof(struct loss_event) == 56, "loss_event");
_Static_assert(sizeof(struct unseen_event) == 48, "unseen_event");

#endif
