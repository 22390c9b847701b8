/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of a spool as JSON lines on standard output, in a thread: what OTEL_TRACES_EXPORTER has
 * as "console".
 */
#ifndef AGENT_EXPORT_CONSOLE_H
#define AGENT_EXPORT_CONSOLE_H

#include "agent/ledger/spool.h"

struct export_console;

/** export_console_tell - why nothing can be printed, or NULL: it can again. */
typedef void (*export_console_tell)(void *context, const char *why);

/*
 * export_console_new - @spool: the thread's own from export_console_start() to
 *	export_console_finish(); outlives the console. @fd: to write to.
 * Return: 0 or -ENOMEM.
 */
int export_console_new(struct export_console **ret_console, struct ledger_spool *spool, int fd,
		       export_console_tell tell, void *context);

/* As exporter_start(), exporter_wake(), exporter_finish() and exporter_free() are. */
int export_console_start(struct export_console *console);
void export_console_wake(struct export_console *console);
int export_console_finish(struct export_console *console, unsigned int ms);
void export_console_free(struct export_console *console);

#endif
