/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/salt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/limits.h"
#include "agent/paths.h"

static int salt_load(const char *path, uint8_t salt[HASH_KEY_SIZE])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, salt, HASH_KEY_SIZE);
	close(fd);
	return n == HASH_KEY_SIZE ? 0 : -EIO;
}

/* Made aside and linked into place: of several first runs at once, one file wins whole. */
static int salt_make(const char *path, uint8_t salt[HASH_KEY_SIZE])
{
	char aside[LIMIT_PATH + 16];
	int fd, r = 0;

	snprintf(aside, sizeof(aside), "%s.%ld", path, (long)getpid());
	fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, salt, HASH_KEY_SIZE) != HASH_KEY_SIZE)
		r = -EIO;
	close(fd);
	if (r == 0 && link(aside, path) < 0)
		r = -errno;
	unlink(aside);
	return r == -EEXIST ? salt_load(path, salt) : r;
}

int salt_read_file(const char *path, uint8_t salt[HASH_KEY_SIZE])
{
	int r = salt_load(path, salt);

	if (r == 0)
		return 0;
	if (getrandom(salt, HASH_KEY_SIZE, 0) != HASH_KEY_SIZE)
		return -EIO;
	return r == -ENOENT ? salt_make(path, salt) : r;
}

int salt_read(uint8_t salt[HASH_KEY_SIZE])
{
	char path[LIMIT_PATH];
	int r = paths_state("salt", path, sizeof(path));

	if (r == 0)
		return salt_read_file(path, salt);
	return getrandom(salt, HASH_KEY_SIZE, 0) == HASH_KEY_SIZE ? r : -EIO;
}
