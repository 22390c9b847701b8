/* SPDX-License-Identifier: Apache-2.0 */
/* The card that is compiled in: the build runs at the root of the sources. */
#include "pricing/pricing.h"

extern const char pricing_builtin_card[], pricing_builtin_card_end[];

__asm__(".pushsection .rodata\n"
	".global pricing_builtin_card\n"
	".global pricing_builtin_card_end\n"
	".hidden pricing_builtin_card\n"
	".hidden pricing_builtin_card_end\n"
	"pricing_builtin_card:\n"
	".incbin \"pricing/card.json\"\n"
	"pricing_builtin_card_end:\n"
	".popsection\n");

int pricing_card_load_builtin(struct pricing_card *card, char *error, size_t error_size)
{
	return pricing_card_load(card, pricing_builtin_card,
				 (size_t)(pricing_builtin_card_end - pricing_builtin_card), error,
				 error_size);
}
