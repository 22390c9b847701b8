/* SPDX-License-Identifier: Apache-2.0 */
/* Whom the wrapped command and the parser run as, where we were called with privilege. */
#ifndef AGENT_USER_H
#define AGENT_USER_H

#include <sys/types.h>

#include "agent/limits.h"

struct user {
	uid_t uid;
	gid_t gid;
	char name[LIMIT_USER]; /* "" where the passwd database does not know the uid */
	char home[LIMIT_PATH], shell[LIMIT_PATH];
};

/** user_find - by passwd name. Return: 0, -ENOENT, or the errno of the look-up. */
int user_find(const char *name, struct user *ret_user);

/*
 * user_invoker - who called sudo(8), by SUDO_UID and SUDO_GID.
 * Return: 0; -ENOENT where nobody did, or root, or we are not root; -EINVAL where the variables are
 * not understood.
 */
int user_invoker(struct user *ret_user);

/** user_become - be this user for good. Return: 0 or a negative errno (-EPERM: we may not). */
int user_become(const struct user *user);

/** user_environment - HOME, USER, LOGNAME and SHELL, as login(1) sets them. */
void user_environment(const struct user *user);

#endif
