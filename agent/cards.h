/* SPDX-License-Identifier: Apache-2.0 */
/* The rate cards of a command, in the order in which later ones hide earlier ones. */
#ifndef AGENT_CARDS_H
#define AGENT_CARDS_H

#include <stddef.h>

#include "pricing/pricing.h"

/*
 * cards_load - the card that is compiled in, then /etc/tollspan/card.json, then
 *	$XDG_CONFIG_HOME/tollspan/card.json (default ~/.config), then @extra_path.
 * @extra_path: of --card; NULL for none. Only this one has to exist.
 * @error: on failure "FILE: why", cut to error_size.
 *
 * Return: 0, and the caller frees the card with pricing_card_free(); or a negative errno, as
 * pricing_card_load_file() gives it.
 */
int cards_load(struct pricing_card **ret_card, const char *extra_path, char *error,
	       size_t error_size);

#endif
