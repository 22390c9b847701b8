/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/user.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *user_invoker(void)
{
	static char name[LOGIN_NAME_MAX]; /* getpwnam() would overwrite its own */
	const char *text = getenv("SUDO_UID");
	const struct passwd *entry;
	unsigned long uid;
	char *end;

	if (!text || geteuid() != 0)
		return NULL;
	errno = 0;
	uid = strtoul(text, &end, 10);
	if (errno || end == text || *end || uid == 0 || uid >= (uid_t)-1)
		return NULL;
	entry = getpwuid((uid_t)uid);
	if (!entry)
		return NULL;
	snprintf(name, sizeof(name), "%s", entry->pw_name);
	return name;
}

int user_become(const char *name)
{
	const struct passwd *entry;

	errno = 0;
	entry = getpwnam(name);
	if (!entry)
		return errno ? -errno : -ENOENT;
	if (geteuid() == entry->pw_uid && getuid() == entry->pw_uid)
		return 0;
	if (initgroups(entry->pw_name, entry->pw_gid) < 0 ||
	    setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) < 0 ||
	    setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) < 0)
		return -errno;
	return 0;
}
