/* SPDX-License-Identifier: Apache-2.0 */
/* A capture record as a line of text, for `replay --dump`. */
#ifndef AGENT_DUMP_H
#define AGENT_DUMP_H

#include <stdint.h>
#include <stdio.h>

#include "bpf/capture_record.h"

/*
 * dump_record - one line: offset in the file, boot time in seconds, type, and what the record says;
 *	of an operation the first bytes too. All that is not printable ASCII is escaped.
 * @record: well-formed, as record_check() says.
 */
void dump_record(FILE *out, uint64_t file_offset, const struct cr_head *record);

#endif
