/* SPDX-License-Identifier: Apache-2.0 */
/* The file that a recorder writes: private from its first moment, buffered, whole to the disk. */
#ifndef AGENT_RECORD_OUTPUT_H
#define AGENT_RECORD_OUTPUT_H

#include <stddef.h>

struct output;

/*
 * output_new - an empty file, 0600.
 * @path: a regular file there is replaced, not overwritten: who has it open keeps the old one. A
 *	device or pipe is written to. A symbolic link to a file is refused, as it may be another's.
 * Return: 0, -ENOMEM, -ELOOP for such a link, or the errno of creating it.
 */
int output_new(struct output **ret_output, const char *path);

/*
 * output_write - bytes at the end.
 * Return: 0 or the errno of a write, which all later calls give too.
 */
int output_write(struct output *output, const void *data, size_t length);

/** output_flush - hand what is buffered to the system. Return: as output_write(). */
int output_flush(struct output *output);

/** output_sync - flush, and wait for the disk. Return: as output_write(). */
int output_sync(struct output *output);

/** output_free - closes the file; what is not flushed is lost. */
void output_free(struct output *output);

#endif
