/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/ebpf_files.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "agent/limits.h"
#include "agent/util/map.h"

struct file_key {
	uint64_t device, inode;
};

struct file {
	int probes;
	/* A file without probes is not held open: its number may come to mean another. */
	struct timespec changed;
	off_t size;
};

struct probed_files {
	struct ebpf_kernel *kernel;
	struct finder *finder;
	struct map *map;
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
	r = map_new(&files->map, sizeof(struct file_key), LIMIT_PROBED_FILES);
	if (r < 0) {
		free(files);
		return r;
	}
	*ret_files = files;
	return 0;
}

static int look_at(struct probed_files *files, int fd)
{
	struct probe_site sites[LIMIT_SITES];
	int n = finder_ask(files->finder, fd, sites);

	if (n <= 0)
		return n == -ENOMEM ? n : 0;
	n = ebpf_kernel_attach(files->kernel, fd, sites, (size_t)n);
	return n < 0 ? 0 : n;
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
		free(file);
	}
}

int probed_files_add(struct probed_files *files, int fd)
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
	if (file && (file->probes ||
		     (file->size == st.st_size && file->changed.tv_sec == st.st_ctim.tv_sec &&
		      file->changed.tv_nsec == st.st_ctim.tv_nsec)))
		return file->probes;
	if (!file) {
		if (map_count(files->map) >= LIMIT_PROBED_FILES)
			forget_some(files);
		file = calloc(1, sizeof(*file));
		if (!file)
			return -ENOMEM;
		r = map_put(files->map, &key, file);
		if (r < 0) {
			free(file);
			return r;
		}
	}
	file->changed = st.st_ctim;
	file->size = st.st_size;
	file->probes = look_at(files, fd);
	return file->probes;
}

void probed_files_free(struct probed_files *files)
{
	size_t cursor = 0;
	void *value;

	if (!files)
		return;
	while (map_next(files->map, &cursor, NULL, &value))
		free(value);
	map_free(files->map);
	free(files);
}
