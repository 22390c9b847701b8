/* SPDX-License-Identifier: Apache-2.0 */
/* What report and trace have in common: options, opening the ledger, following it. */
#ifndef AGENT_REPORT_CLI_H
#define AGENT_REPORT_CLI_H

#include "agent/limits.h"
#include "agent/report.h"

struct report_cli {
	const char *usage; /* of the command; set by the caller */
	char path[LIMIT_PATH];
	bool json, json_lines, follow;
	bool has_window; /* --since or --until was given */
	int64_t settled; /* number of the call that settled last */
	char **arguments;
	int n_arguments;
	struct report_opts opts; /* ledger, window, utf8 */
};

/*
 * report_cli_open - read the options and open the ledger; says on standard error what is wrong.
 * Return: 0 to go on; else *ret_status is the exit status.
 */
int report_cli_open(struct report_cli *cli, int argc, char **argv, int *ret_status);

/*
 * report_cli_follow - print each call that settles from report_cli_open() on, until the reader
 * goes.
 * @trace_id: of this trace alone; NULL: any.
 * Return: a negative errno.
 */
int report_cli_follow(struct report_cli *cli, const char *trace_id);

/** report_cli_close - close, and say what went wrong. Return: the exit status. */
int report_cli_close(struct report_cli *cli, int r);

#endif
