/* SPDX-License-Identifier: Apache-2.0 */
/* What a reprice has changed, for a person and for a program. */
#ifndef AGENT_REPRICE_OUTPUT_H
#define AGENT_REPRICE_OUTPUT_H

#include <stdio.h>

#include "agent/reprice_sum.h"

struct reprice_head {
	const char *card_version, *ledger_path;
	bool dry_run;
	bool utf8; /* may the text hold what is not ASCII? */
};

/** reprice_output_text - counts, sums per currency, the largest changes. Return: 0 or -EIO. */
int reprice_output_text(FILE *out, const struct reprice_head *head, const struct reprice_sum *sum);

/** reprice_output_json - one object, as docs/ledger.md has it. Return: 0, -EIO or -ENOMEM. */
int reprice_output_json(FILE *out, const struct reprice_head *head, const struct reprice_sum *sum);

#endif
