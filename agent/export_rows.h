/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export_rows: the ledger's calls as spans. Joins ledger/ and exporter/, which know nothing of each
 * other, for run and agent.
 */
#ifndef AGENT_EXPORT_ROWS_H
#define AGENT_EXPORT_ROWS_H

#include <stdbool.h>

#include "exporter/exporter.h"

struct export_rows;

/* How a person is told of the delivery; may be NULL. */
typedef void (*export_tell)(void *context, enum exporter_news news, const char *text);

/*
 * export_rows_new - deliver the calls of a ledger file to config.url, or print them, a JSON line a
 *	call, for EXPORTER_CONSOLE. Opens the ledger once more, for the delivering thread.
 * @config: outlives it; not of kind EXPORTER_OFF.
 * @tell: called from the thread.
 * @error: text for a person on failure.
 * Return: 0 or a negative errno.
 */
int export_rows_new(struct export_rows **ret_rows, const char *ledger,
		    const struct exporter_config *config, export_tell tell, void *context,
		    char *error, size_t error_size);

/** export_rows_target - what ledger_export() of the writing side is to be called with. */
const char *export_rows_target(const struct exporter_config *config);

/** export_rows_start - begin, in a thread. Return: 0 or a negative errno. */
int export_rows_start(struct export_rows *rows);

/** export_rows_wake - calls have settled. */
void export_rows_wake(struct export_rows *rows);

/** export_rows_finish - as exporter_finish(). */
int export_rows_finish(struct export_rows *rows, unsigned int ms);

/** export_rows_waiting - calls that are not delivered yet, after the end. 0 or a negative errno. */
int export_rows_waiting(struct export_rows *rows, uint64_t *ret_calls);

/** export_rows_free - ends at once where export_rows_finish() did not; takes NULL. */
void export_rows_free(struct export_rows *rows);

#endif
