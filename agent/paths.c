/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/paths.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/limits.h"
#include "agent/user.h"

/* Where sudo was called and its privilege is given up, $HOME may still be root's. */
static const char *home_folder(void)
{
	const char *home = getenv("HOME");
	const struct passwd *entry;

	if (home && *home && (!getenv("SUDO_UID") || geteuid() == 0))
		return home;
	entry = getpwuid(geteuid());
	return entry && *entry->pw_dir ? entry->pw_dir : NULL;
}

/* An XDG folder that sudo carried over is the other user's too. */
static int xdg_path(const char *home, const char *variable, const char *fallback, const char *name,
		    char *path, size_t size)
{
	const char *folder = getenv("SUDO_UID") ? NULL : getenv(variable);
	int n;

	if (folder && *folder == '/')
		n = snprintf(path, size, "%s/tollspan/%s", folder, name);
	else if (home && *home)
		n = snprintf(path, size, "%s/%s/tollspan/%s", home, fallback, name);
	else
		return -ENOENT;
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static int make_parents(const char *path)
{
	char part[LIMIT_PATH];

	for (const char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		int n = snprintf(part, sizeof(part), "%.*s", (int)(p - path), path);

		if (n < 0 || (size_t)n >= sizeof(part))
			return -ENAMETOOLONG;
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

int paths_state(const char *name, char *path, size_t size)
{
	int r = xdg_path(home_folder(), "XDG_STATE_HOME", ".local/state", name, path, size);

	return r < 0 ? r : make_parents(path);
}

int paths_config(const char *name, char *path, size_t size)
{
	struct user invoker;
	const char *home = user_invoker(&invoker) == 0 ? invoker.home : home_folder();

	return xdg_path(home, "XDG_CONFIG_HOME", ".config", name, path, size);
}

int paths_ledger(char *path, size_t size)
{
	if (geteuid() == 0 && access(PATHS_AGENT_LEDGER, F_OK) == 0) {
		int n = snprintf(path, size, "%s", PATHS_AGENT_LEDGER);

		return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
	}
	return paths_state("ledger.db", path, size);
}
