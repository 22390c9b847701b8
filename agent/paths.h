/* SPDX-License-Identifier: Apache-2.0 */
/* Where the user's and the host's files lie. */
#ifndef AGENT_PATHS_H
#define AGENT_PATHS_H

#include <stddef.h>

#define PATHS_AGENT_STATE "/var/lib/tollspan"
#define PATHS_AGENT_LEDGER PATHS_AGENT_STATE "/ledger.db"
#define PATHS_AGENT_SALT PATHS_AGENT_STATE "/salt"
#define PATHS_AGENT_SOCKET "/run/tollspan/agent.sock"

/*
 * paths_state - NAME in $XDG_STATE_HOME/tollspan, else in ~/.local/state/tollspan (XDG Base
 *	Directory Specification). Makes the folder, 0700.
 * Return: 0, -ENOENT without a home, -ENAMETOOLONG, or the errno of making the folder.
 */
int paths_state(const char *name, char *path, size_t size);

/*
 * paths_config - NAME in $XDG_CONFIG_HOME/tollspan, else ~/.config/tollspan, under sudo of the user
 *	who called it; makes nothing.
 */
int paths_config(const char *name, char *path, size_t size);

/*
 * paths_ledger - the ledger that is read by default: as root the agent's where it exists, else the
 *	user's.
 */
int paths_ledger(char *path, size_t size);

#endif
