/* SPDX-License-Identifier: Apache-2.0 */
/* A call of the ledger as a span. */
#ifndef AGENT_EXPORT_SPAN_H
#define AGENT_EXPORT_SPAN_H

#include "agent/ledger/spool.h"
#include "exporter/exporter.h"

/* What spans are made in, one after the other. */
struct export_span;

/** export_span_new - @config: for its resource attributes; copied. Return: 0 or -ENOMEM. */
int export_span_new(struct export_span **ret_span, const struct exporter_config *config);

/*
 * export_span_make - attributes are the call's fields, in an order in which those that differ from
 *	span to span come last.
 * @ret_span: lives until the next call of this function, and not longer than @spooled.
 * Return: 0 or -ENOMEM.
 */
int export_span_make(struct export_span *span, const struct ledger_spooled *spooled,
		     const struct exporter_span **ret_span);

void export_span_free(struct export_span *span);

#endif
