/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of rows that are to outlive the next step of their statement. */
#ifndef AGENT_LEDGER_TEXTS_H
#define AGENT_LEDGER_TEXTS_H

#include <stddef.h>

struct prepared;

/* All zero: none. */
struct texts {
	char **items;
	size_t n, capacity;
};

/** texts_keep - copy a column's text; NULL stays NULL. Return: 0 or -ENOMEM. */
int texts_keep(struct texts *texts, struct prepared *statement, int column, const char **ret);

/** texts_clear - forget them; memory for their list is kept. */
void texts_clear(struct texts *texts);

void texts_free(struct texts *texts);

#endif
