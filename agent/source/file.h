/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capture-file source: reads a file, a pipe or a file that is still being written, in constant
 * memory, and hands on the records as they are.
 */
#ifndef AGENT_SOURCE_FILE_H
#define AGENT_SOURCE_FILE_H

#include "agent/source/source.h"

struct capture_file;

/*
 * capture_file_open - open a capture file; nothing is read yet.
 * @path: "-" is standard input, which stays the caller's.
 * Return: 0, -ENOMEM, or the errno of opening it.
 */
int capture_file_open(struct capture_file **ret_file, const char *path);

/*
 * capture_file_next - the next record; the first is always the struct cr_file.
 * @ret_record: borrowed until the next call, aligned to CR_ALIGN, well-formed as record_check()
 *	says; its type may be unknown.
 *
 * After an error every further call gives the same one.
 * Return: 1 with a record; 0 at the end; -EBADMSG where this is not a capture file or is damaged;
 * -ENODATA where it ends within a record; or the errno of a read.
 */
int capture_file_next(struct capture_file *file, const struct cr_head **ret_record);

/** capture_file_feed - all records to a sink. Return: 0 at the end, or the first error of either.
 */
int capture_file_feed(struct capture_file *file, record_sink sink, void *context);

/** capture_file_offset - where in the file the last record, or the one that is damaged, begins. */
uint64_t capture_file_offset(const struct capture_file *file);

/** capture_file_reason - what is wrong with the file, for a person; NULL while nothing is. */
const char *capture_file_reason(const struct capture_file *file);

/** capture_file_free - closes the file. */
void capture_file_free(struct capture_file *file);

#endif
