/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/limits.h"
#include "agent/provider/background.h"
#include "agent/util/hash.h"

struct background {
	size_t next; /* the oldest, which is overwritten next */
	bool used[LIMIT_BACKGROUND];
	uint8_t ids[LIMIT_BACKGROUND][HASH_SIZE];
};

int background_new(struct background **ret_background)
{
	struct background *background = calloc(1, sizeof(*background));

	if (!background)
		return -ENOMEM;
	*ret_background = background;
	return 0;
}

void background_free(struct background *background)
{
	free(background);
}

static void digest(const char *id, uint8_t hash[HASH_SIZE])
{
	const struct hash_piece piece = {id, strlen(id)};

	hash_sha256(&piece, 1, hash);
}

void background_add(struct background *background, const char *id)
{
	(void)background_take(background, id);
	digest(id, background->ids[background->next]);
	background->used[background->next] = true;
	background->next = (background->next + 1) % LIMIT_BACKGROUND;
}

bool background_take(struct background *background, const char *id)
{
	uint8_t hash[HASH_SIZE];

	digest(id, hash);
	for (size_t i = 0; i < LIMIT_BACKGROUND; i++)
		if (background->used[i] && !memcmp(background->ids[i], hash, HASH_SIZE)) {
			background->used[i] = false;
			return true;
		}
	return false;
}
