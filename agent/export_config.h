/* SPDX-License-Identifier: Apache-2.0 */
/* What run and agent export by: variables and options. Says on standard error what is wrong. */
#ifndef AGENT_EXPORT_CONFIG_H
#define AGENT_EXPORT_CONFIG_H

#include "agent/options.h"
#include "exporter/exporter.h"

/*
 * export_config_read - the OTEL_* variables, and the file of --export-headers, which is read now:
 *	it holds secrets, and whoever exports need not be able to.
 * Return: 0 or a negative errno. The caller frees it with exporter_config_free().
 */
int export_config_read(struct exporter_config *ret_config, const struct options *options);

/** export_config_tell - an export_tell: how the delivery goes. */
void export_config_tell(void *context, enum exporter_news news, const char *text);

/*
 * export_config_tell_kept - what could not be delivered in time, and stays in the ledger.
 * @next: what they go with. @r: why, of export_rows_finish().
 */
void export_config_tell_kept(uint64_t calls, const char *ledger, const char *next, int r);

#endif
