/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker and the keeper as the attacher sees them: made, joined to each other, made anew when
 * one of them dies, and ended one after the other.
 */
#ifndef AGENT_AGENT_ROLES_H
#define AGENT_AGENT_ROLES_H

#include "agent/agent.h"
#include "agent/util/loop.h"

struct attacher;
struct roles;

/*
 * roles_new - make both. @config, @attacher, @loop: borrowed.
 * @error: text for a person on failure: the ledger can not be opened, for one.
 * Return: 0 or a negative errno.
 */
int roles_new(struct roles **ret_roles, const struct agent_config *config,
	      struct attacher *attacher, struct loop *loop, char *error, size_t error_size);

/*
 * roles_stop - the worker finishes, then the keeper; then the loop is stopped. What takes too long
 *	is killed.
 */
void roles_stop(struct roles *roles);

/** roles_failed - did one of them have to be killed at the end? */
bool roles_failed(const struct roles *roles);

void roles_free(struct roles *roles);

#endif
