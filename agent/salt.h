/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SALT_H
#define AGENT_SALT_H

#include <stdint.h>

#include "agent/util/hash.h"

/*
 * salt_read - the key of the key fingerprints, kept in a 0600 file of the user's state folder and
 *	made there on first use, so that a key has the same fingerprint in every run.
 * Return: 0; else a negative errno, and the salt is random, of this run alone.
 */
int salt_read(uint8_t salt[HASH_KEY_SIZE]);

/** salt_read_file - as salt_read(), from a file whose folder is there. */
int salt_read_file(const char *path, uint8_t salt[HASH_KEY_SIZE]);

#endif
