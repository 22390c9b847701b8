/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cards.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "agent/paths.h"

#define SYSTEM_CARD "/etc/tollspan/card.json"
#define CARD_ERROR_MAX 1024

static int load(struct pricing_card *card, const char *path, bool required, char *error,
		size_t error_size)
{
	char why[CARD_ERROR_MAX] = "";
	int r = pricing_card_load_file(card, path, why, sizeof(why));

	if (r >= 0 || (!required && (r == -ENOENT || r == -ENOTDIR)))
		return 0;
	snprintf(error, error_size, "%s: %s", path, why);
	return r;
}

static int load_user(struct pricing_card *card, char *error, size_t error_size)
{
	char path[PATH_MAX];

	/* without a home there is no card of the user's */
	if (paths_config("card.json", path, sizeof(path)) < 0)
		return 0;
	return load(card, path, false, error, error_size);
}

int cards_load(struct pricing_card **ret_card, const char *extra_path, char *error,
	       size_t error_size)
{
	struct pricing_card *card = NULL;
	int r = pricing_card_new(&card);

	if (r >= 0)
		r = pricing_card_load_builtin(card, error, error_size);
	if (r >= 0)
		r = load(card, SYSTEM_CARD, false, error, error_size);
	if (r >= 0)
		r = load_user(card, error, error_size);
	if (r >= 0 && extra_path)
		r = load(card, extra_path, true, error, error_size);
	if (r == -ENOMEM)
		snprintf(error, error_size, "rate card: out of memory");
	if (r < 0) {
		pricing_card_free(card);
		return r;
	}
	*ret_card = card;
	return 0;
}
