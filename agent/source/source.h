/* SPDX-License-Identifier: Apache-2.0 */
/* What all sources share: where their records go, and what a well-formed record is. */
#ifndef AGENT_SOURCE_SOURCE_H
#define AGENT_SOURCE_SOURCE_H

#include "bpf/capture_record.h"

/** record_sink - takes one well-formed record, borrowed. Return: 0 or a negative errno: stop. */
typedef int (*record_sink)(void *context, const struct cr_head *record);

#endif
