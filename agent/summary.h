/* SPDX-License-Identifier: Apache-2.0 */
/* What run and record say when the command has ended. */
#ifndef AGENT_SUMMARY_H
#define AGENT_SUMMARY_H

#include "agent/event.h"
#include "agent/options.h"

struct ledger;

struct summary {
	enum summary_format format;
	const char *file; /* NULL: standard error */
	enum cr_capture capture;
	const char *ledger; /* path of the ledger; NULL: none was written */
};

/*
 * summary_print - of all that a ledger holds.
 * Return: 0, or a negative errno of the ledger or of the file.
 */
int summary_print(const struct summary *summary, struct ledger *ledger);

#endif
