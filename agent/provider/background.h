/* SPDX-License-Identifier: Apache-2.0 */
/* background: ids of responses whose usage a later poll will bring; the oldest give way. */
#ifndef AGENT_PROVIDER_BACKGROUND_H
#define AGENT_PROVIDER_BACKGROUND_H

#include <stdbool.h>

struct background;

/** background_new - Return: 0 or -ENOMEM. */
int background_new(struct background **ret_background);

void background_add(struct background *background, const char *id);

/** background_take - Return: true if the id was there; it is no longer. */
bool background_take(struct background *background, const char *id);

void background_free(struct background *background);

#endif
