/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ledger/texts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ledger/internal.h"

int texts_keep(struct texts *texts, struct prepared *statement, int column, const char **ret)
{
	const char *text = ledger_column_text(statement, column);
	char *copy;

	*ret = NULL;
	if (!text)
		return ledger_column_null(statement, column) ? 0 : -ENOMEM;
	if (texts->n == texts->capacity) {
		size_t capacity = texts->capacity ? 2 * texts->capacity : 16;
		char **items = realloc(texts->items, capacity * sizeof(*items));

		if (!items)
			return -ENOMEM;
		texts->items = items;
		texts->capacity = capacity;
	}
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	texts->items[texts->n++] = copy;
	*ret = copy;
	return 0;
}

void texts_clear(struct texts *texts)
{
	for (size_t i = 0; i < texts->n; i++)
		free(texts->items[i]);
	texts->n = 0;
}

void texts_free(struct texts *texts)
{
	texts_clear(texts);
	free(texts->items);
	*texts = (struct texts){0};
}
