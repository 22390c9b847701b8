/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/ebpf_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/limits.h"
#include "agent/util/map.h"

/* How often a file is looked at that could not be. */
#define TRIES 3

struct file_key {
	uint64_t device, inode;
};

struct file {
	struct ebpf_probes *probes; /* NULL: none */
	int n_probes;
	int fd; /* of one with probes, so that its number stays its own; else -1 */
	bool keep;
	unsigned int round;      /* in which it was added last */
	struct timespec changed; /* of one without probes: its number may come to mean another */
	off_t size;
	unsigned int failures; /* to look at it */
};

struct probed_files {
	struct ebpf_kernel *kernel;
	struct finder *finder;
	struct map *map;
	unsigned int round;
};

int probed_files_new(struct probed_files **ret_files, struct ebpf_kernel *kernel,
		     struct finder *finder)
{
	struct probed_files *files = calloc(1, sizeof(*files));
	int r;

	if (!files)
		return -ENOMEM;
	files->kernel = kernel;
	files->finder = finder;
	r = map_new(&files->map, sizeof(struct file_key), LIMIT_KNOWN_FILES);
	if (r < 0) {
		free(files);
		return r;
	}
	*ret_files = files;
	return 0;
}

/* Time, memory or descriptors were short; else it is the file's, or the finder has died of it. */
static bool may_pass(int r)
{
	return r < 0 && r != -ENOEXEC && r != -EBADMSG && r != -EPIPE;
}

static void look_at(struct probed_files *files, struct file *file, int fd)
{
	struct probe_site sites[LIMIT_SITES];
	int n = finder_ask(files->finder, fd, sites);

	if (n > 0)
		n = ebpf_kernel_attach(files->kernel, fd, sites, (size_t)n, &file->probes);
	/* With another size it is looked at again. */
	if (may_pass(n) && ++file->failures < TRIES)
		file->size = -1;
	if (n <= 0)
		return;
	file->n_probes = n;
	file->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

static void file_free(struct file *file)
{
	ebpf_probes_free(file->probes);
	if (file->fd >= 0)
		close(file->fd);
	free(file);
}

/* Room for one more: forget those without probes. */
static void forget_some(struct probed_files *files)
{
	size_t cursor = 0;
	const void *key;
	void *value;

	while (map_next(files->map, &cursor, &key, &value)) {
		struct file *file = value;

		if (file->probes)
			continue;
		map_remove(files->map, key);
		file_free(file);
	}
}

int probed_files_add(struct probed_files *files, int fd, bool keep)
{
	struct file_key key = {0};
	struct file *file;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return 0;
	key.device = st.st_dev;
	key.inode = st.st_ino;
	file = map_get(files->map, &key);
	if (file) {
		file->round = files->round;
		file->keep |= keep;
	}
	if (file && (file->probes ||
		     (file->size == st.st_size && file->changed.tv_sec == st.st_ctim.tv_sec &&
		      file->changed.tv_nsec == st.st_ctim.tv_nsec)))
		return file->n_probes;
	if (!file) {
		if (map_count(files->map) >= LIMIT_KNOWN_FILES)
			forget_some(files);
		file = calloc(1, sizeof(*file));
		if (!file)
			return -ENOMEM;
		file->fd = -1;
		file->round = files->round;
		file->keep = keep;
		r = map_put(files->map, &key, file);
		if (r < 0) {
			free(file);
			return r;
		}
	}
	file->changed = st.st_ctim;
	file->size = st.st_size;
	look_at(files, file, fd);
	return file->n_probes;
}

void probed_files_begin(struct probed_files *files)
{
	files->round++;
}

/* In this round it was not added. */
static bool is_stale(const struct probed_files *files, const struct file *file)
{
	struct stat st;

	if (!file->probes || file->round == files->round)
		return false;
	if (file->fd >= 0 && !fstat(file->fd, &st) && st.st_nlink == 0)
		return true;
	return !file->keep && files->round - file->round >= PROBED_FILES_ROUNDS;
}

void probed_files_prune(struct probed_files *files)
{
	size_t cursor = 0;
	const void *key;
	void *value;

	while (map_next(files->map, &cursor, &key, &value)) {
		if (!is_stale(files, value))
			continue;
		map_remove(files->map, key);
		file_free(value);
	}
}

void probed_files_free(struct probed_files *files)
{
	size_t cursor = 0;
	void *value;

	if (!files)
		return;
	while (map_next(files->map, &cursor, NULL, &value))
		file_free(value);
	map_free(files->map);
	free(files);
}
