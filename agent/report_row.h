/* SPDX-License-Identifier: Apache-2.0 */
/* A call in words and figures that fit a line of a terminal. */
#ifndef AGENT_REPORT_ROW_H
#define AGENT_REPORT_ROW_H

#include "agent/report_sum.h"

#define ROW_CELL 128

/** row_model - the model that served, else the one that was asked for; "-" if neither is known. */
void row_model(const struct ledger_call *call, bool utf8, size_t columns, char cell[ROW_CELL]);

/** row_tokens - a count, or "-". */
void row_tokens(const struct kinds *kinds, enum kind kind, char cell[ROW_CELL]);

/** row_money - "0.0052 USD", "0" or "-". */
void row_money(const struct call_sum *sum, char cell[ROW_CELL]);

/** row_duration - "812 ms", "1.24 s", "3 m 05 s"; "-" for what is not known (end_ns 0). */
void row_duration(int64_t begin_ns, int64_t end_ns, char cell[ROW_CELL]);

/** row_status - "ok", or what there is to say; and whose word the cost is, if not the card's. */
void row_status(const struct ledger_call *call, bool utf8, char cell[ROW_CELL]);

/** row_shown - a text that is safe on a terminal. */
void row_shown(const char *text, bool utf8, size_t columns, char cell[ROW_CELL]);

/** row_columns - columns that a cell takes. */
size_t row_columns(const char *cell);

#endif
