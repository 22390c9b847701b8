/* SPDX-License-Identifier: Apache-2.0 */
/* What all sources share: where their records go, and what a well-formed record is. */
#ifndef AGENT_SOURCE_SOURCE_H
#define AGENT_SOURCE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/capture_record.h"

/** record_sink - takes one well-formed record, borrowed. Return: 0 or a negative errno: stop. */
typedef int (*record_sink)(void *context, const struct cr_head *record);

/* A process that reached for the network, and of which no data came, though some may have been. */
struct silent_process {
	struct cr_process process;
	bool answered;     /* false: the shim's answer came too late, and it sees nothing */
	uint64_t connects; /* above 0 where it was answered */
	const struct cr_head *hello; /* struct cr_hello, EXE and MAPPING; borrowed */
};

typedef int (*silent_fn)(void *context, const struct silent_process *silent);

#endif
