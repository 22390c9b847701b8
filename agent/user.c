/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void user_fill(struct user *user, const struct passwd *entry)
{
	user->uid = entry->pw_uid;
	user->gid = entry->pw_gid;
	snprintf(user->name, sizeof(user->name), "%s", entry->pw_name);
	snprintf(user->home, sizeof(user->home), "%s", entry->pw_dir);
	snprintf(user->shell, sizeof(user->shell), "%s", entry->pw_shell);
}

int user_find(const char *name, struct user *ret_user)
{
	const struct passwd *entry;
	struct user user = {0};

	errno = 0;
	entry = getpwnam(name);
	if (!entry)
		return errno ? -errno : -ENOENT;
	user_fill(&user, entry);
	*ret_user = user;
	return 0;
}

/* A variable that holds an id. Return: 0, -ENOENT where it is not set, -EINVAL. */
static int id_variable(const char *variable, unsigned int *ret_id)
{
	const char *text = getenv(variable);
	unsigned long id;
	char *end;

	if (!text)
		return -ENOENT;
	errno = 0;
	id = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || id >= (uid_t)-1)
		return -EINVAL;
	*ret_id = (unsigned int)id;
	return 0;
}

int user_invoker(struct user *ret_user)
{
	const struct passwd *entry;
	struct user user = {0};
	unsigned int uid, gid;
	int r = geteuid() == 0 ? id_variable("SUDO_UID", &uid) : -ENOENT;

	if (r < 0)
		return r;
	if (uid == 0)
		return -ENOENT;
	entry = getpwuid(uid);
	if (entry) {
		user_fill(&user, entry);
	} else {
		if (id_variable("SUDO_GID", &gid) < 0)
			return -EINVAL;
		user.uid = uid;
		user.gid = gid;
	}
	*ret_user = user;
	return 0;
}

int user_become(const struct user *user)
{
	int r;

	if (geteuid() == user->uid && getuid() == user->uid)
		return 0;
	r = user->name[0] ? initgroups(user->name, user->gid) : setgroups(1, &user->gid);
	if (r < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
	    setresuid(user->uid, user->uid, user->uid) < 0)
		return -errno;
	return 0;
}

static void set_if_known(const char *variable, const char *value)
{
	if (*value)
		setenv(variable, value, 1);
	else
		unsetenv(variable);
}

void user_environment(const struct user *user)
{
	set_if_known("HOME", user->home);
	set_if_known("USER", user->name);
	set_if_known("LOGNAME", user->name);
	set_if_known("SHELL", user->shell);
}
