/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of capture records: what every reader relies on, and building blocks for writers. */
#ifndef AGENT_UTIL_RECORD_CHECK_H
#define AGENT_UTIL_RECORD_CHECK_H

#include "agent/util/buffer.h"
#include "bpf/capture_record.h"

/*
 * record_check - is this a well-formed record: sane length, known version, and for a known type its
 *	struct whole and its data within?
 * @available: bytes that may be read at record.
 * Return: 0; -EAGAIN if more bytes are needed; -EBADMSG if it is damaged.
 */
int record_check(const struct cr_head *record, size_t available);

/*
 * record_field_next - walk the fields behind a record's struct.
 * @offset: size of the struct at first; moved on.
 * Return: the field's bytes, not NUL-terminated, or NULL at the end or at damage.
 */
const char *record_field_next(const struct cr_head *record, size_t *offset, unsigned int *ret_tag,
			      size_t *ret_length);

/** record_begin - append a zeroed struct of a record with its head to out. Return: 0 or errno. */
int record_begin(struct buffer *out, unsigned int type, size_t struct_size, uint64_t time_ns);

/** record_add_field - append a field; text beyond 65535 bytes is cut. */
int record_add_field(struct buffer *out, unsigned int tag, const char *text, size_t length);

/*
 * record_finish - pad, and set the length of the record that began at offset start of out.
 * Return: 0, -ENOMEM, or -E2BIG beyond CR_LENGTH_MAX.
 */
int record_finish(struct buffer *out, size_t start);

#endif
