/* SPDX-License-Identifier: Apache-2.0 */
/* The card that is compiled in: pricing/compile.c has made it a table, which is linked as it is. */
#include "pricing/card.h"

extern const struct table pricing_builtin_table;

__asm__(".pushsection .rodata\n"
	".balign 16\n"
	".global pricing_builtin_table\n"
	".hidden pricing_builtin_table\n"
	"pricing_builtin_table:\n"
	".incbin \"" PRICING_TABLE "\"\n"
	".popsection\n");

int pricing_card_load_builtin(struct pricing_card *card, char *error, size_t error_size)
{
	return card_add(card, &pricing_builtin_table, NULL, error, error_size);
}
