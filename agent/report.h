/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a ledger holds, for people and for programs: a table, a tree, JSON.
 *
 * All return 0 or a negative errno: the ledger's, or -EIO where the output could not be written.
 */
#ifndef AGENT_REPORT_H
#define AGENT_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "agent/ledger/query.h"

struct report_opts {
	struct ledger *ledger;
	struct ledger_filter filter;
	const char *ledger_path; /* named at the end of the text; NULL: none */
	const char *capture;     /* how this run captured, in words; NULL: as the calls say */
	size_t max_calls;        /* rows of the text; 0: all */
	bool utf8;               /* may the text hold what is not ASCII? see report_utf8() */
};

/** report_utf8 - does the locale of the environment speak UTF-8? */
bool report_utf8(void);

/** report_json - {"calls": […], "totals": {…}, "lost": {…}, "unseen": […]}. */
int report_json(FILE *out, const struct report_opts *opts);

/** report_json_lines - the calls, one a line. */
int report_json_lines(FILE *out, const struct report_opts *opts);

/** report_json_call - one call as a line. */
int report_json_call(FILE *out, const struct ledger_call *call);

/** report_text - a table of calls, totals, and what was lost or not seen. */
int report_text(FILE *out, const struct report_opts *opts);

/** report_text_head, report_text_call - the table as it grows: its head, then call by call. */
int report_text_head(FILE *out);
int report_text_call(FILE *out, const struct ledger_call *call, bool utf8);

/** report_trace - the calls of opts->filter.trace_id as a tree under their processes. */
int report_trace(FILE *out, const struct report_opts *opts);

#endif
