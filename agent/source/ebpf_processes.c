/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/ebpf_processes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/limits.h"
#include "agent/source/ebpf_seam.h"
#include "agent/util/clock.h"
#include "agent/util/procfs.h"
#include "agent/util/record_check.h"

#define RECENT 256

/* A mapping of some process; of one that is gone nothing else tells its file. */
struct recent {
	pid_t pid;
	char path[MAPPING_PATH_SIZE];
};

struct processes {
	const struct ebpf_opts *opts;
	bool lazy;
	processes_tell tell;
	void *context;
	struct map *map;              /* pid → struct watched */
	struct recent recent[RECENT]; /* the last mappings, of all processes */
	size_t n_recent;              /* since the start */
};

int processes_new(struct processes **ret_processes, const struct ebpf_opts *opts, bool lazy,
		  processes_tell tell, void *context)
{
	struct processes *processes = calloc(1, sizeof(*processes));
	int r;

	if (!processes)
		return -ENOMEM;
	processes->opts = opts;
	processes->lazy = lazy;
	processes->tell = tell;
	processes->context = context;
	r = map_new(&processes->map, sizeof(uint32_t), LIMIT_PROCESSES);
	if (r < 0) {
		free(processes);
		return r;
	}
	*ret_processes = processes;
	return 0;
}

/* ---- the table ---- */

static void watched_free(struct watched *watched)
{
	if (!watched)
		return;
	buffer_free(&watched->hello);
	buffer_free(&watched->record);
	free(watched);
}

struct watched *processes_find(const struct processes *processes, uint32_t pid)
{
	return map_get(processes->map, &pid);
}

struct watched *processes_next(const struct processes *processes, size_t *cursor)
{
	void *value;

	return map_next(processes->map, cursor, NULL, &value) ? value : NULL;
}

struct watched *processes_get(struct processes *processes, const struct cr_process *process)
{
	uint32_t key = process->pid;
	struct watched *watched = map_get(processes->map, &key);

	if (watched && watched->process.start == process->start)
		return watched;
	/* The same number, another process: the end of the first was not seen. */
	if (watched)
		processes_remove(processes, watched);
	watched = calloc(1, sizeof(*watched));
	if (!watched)
		return NULL;
	watched->process = *process;
	buffer_init(&watched->record, LIMIT_PROC_RECORD);
	buffer_init(&watched->hello, LIMIT_HELLO);
	if (map_put(processes->map, &key, watched) < 0) {
		free(watched);
		return NULL;
	}
	return watched;
}

void processes_remove(struct processes *processes, struct watched *watched)
{
	uint32_t key = watched->process.pid;

	map_remove(processes->map, &key);
	watched_free(watched);
}

void processes_free(struct processes *processes)
{
	struct watched *watched;
	size_t cursor = 0;

	if (!processes)
		return;
	while ((watched = processes_next(processes, &cursor)))
		watched_free(watched);
	map_free(processes->map);
	free(processes);
}

/* ---- what it runs and maps ---- */

/* Note one more of what a process runs and maps; what finds no room is left out. */
static void note_path(struct watched *watched, unsigned int tag, const char *path)
{
	struct buffer *hello = &watched->hello;
	size_t length = strlen(path);

	if (!hello->length &&
	    record_begin(hello, CR_HELLO, sizeof(struct cr_hello), clock_boot_ns()) < 0)
		return;
	if (hello->length + sizeof(struct cr_field) + length + CR_ALIGN <= LIMIT_HELLO)
		record_add_field(hello, tag, path, length);
}

void processes_note_mapping(struct processes *processes, struct watched *watched, const char *path)
{
	/* The first, its own program, says that its mappings could be read at all. */
	if (processes->lazy && watched->mapped && !processes->opts->notable(path))
		return;
	watched->mapped = true;
	note_path(watched, CR_FIELD_MAPPING, path);
}

void processes_recent(struct processes *processes, const struct mapping_event *event)
{
	struct recent *recent = &processes->recent[processes->n_recent++ % RECENT];

	recent->pid = event->pid;
	snprintf(recent->path, sizeof(recent->path), "%s", event->path);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* What a process ran that is gone already. @called: its path as it was given, maybe relative. */
static void note_called(const struct processes *processes, struct watched *watched,
			const char *called)
{
	size_t n = processes->n_recent < RECENT ? processes->n_recent : RECENT;

	for (size_t i = 1; *called != '/' && i <= n; i++) {
		const struct recent *recent =
			&processes->recent[(processes->n_recent - i) % RECENT];

		if ((cr_u32)recent->pid == watched->process.pid &&
		    !strcmp(base_name(recent->path), base_name(called)))
			called = recent->path;
	}
	if (*called == '/')
		note_path(watched, CR_FIELD_EXE, called);
}

void processes_begin(struct processes *processes, struct watched *watched, const char *called)
{
	pid_t pid = (pid_t)watched->process.pid;
	char path[LIMIT_PATH], link[64];
	struct stat st;

	buffer_clear(&watched->hello);
	watched->connected_ns = 0;
	watched->reported = false;
	watched->mapped = watched->probed = false;
	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	watched->exe_device = watched->exe_inode = 0;
	if (!stat(link, &st)) {
		watched->exe_device = st.st_dev;
		watched->exe_inode = st.st_ino;
	}
	if (procfs_exe(pid, path, sizeof(path)) > 0)
		note_path(watched, CR_FIELD_EXE, path);
	else if (called)
		note_called(processes, watched, called);
}

/* ---- what the reader is told ---- */

/* Without room it is told later; without a reader, to the next one. */
static int tell_record(struct processes *processes, struct watched *watched)
{
	int r;

	if (!watched->record.length || (processes->lazy && !watched->probed))
		return 0;
	r = processes->tell(processes->context, SEAM_RECORD, &watched->record);
	watched->untold = r < 0;
	return r == -EPIPE ? r : 0;
}

int processes_probed(struct processes *processes, struct watched *watched)
{
	if (watched->probed)
		return 0;
	watched->probed = true;
	return processes->lazy ? tell_record(processes, watched) : 0;
}

/* One that is gone already stays what it was. */
int processes_describe(struct processes *processes, struct watched *watched, unsigned int flags)
{
	struct buffer record;

	buffer_init(&record, LIMIT_PROC_RECORD);
	if (processes->opts->describe((pid_t)watched->process.pid, flags, &record) < 0) {
		buffer_free(&record);
		return 0;
	}
	buffer_free(&watched->record);
	watched->record = record;
	return tell_record(processes, watched);
}

/* It may be gone before it could be read, so its parent's record is copied. */
int processes_inherit(struct processes *processes, struct watched *watched,
		      const struct watched *parent, uint64_t time_ns)
{
	struct cr_proc proc;

	watched->probed = parent->probed;
	watched->mapped = parent->mapped;
	watched->exe_device = parent->exe_device;
	watched->exe_inode = parent->exe_inode;
	buffer_clear(&watched->hello);
	if (buffer_append(&watched->hello, parent->hello.data, parent->hello.length) < 0)
		buffer_clear(&watched->hello);
	if (parent->record.length < sizeof(proc))
		return processes_describe(processes, watched, 0);
	buffer_clear(&watched->record);
	if (buffer_append(&watched->record, parent->record.data, parent->record.length) < 0)
		return 0;
	memcpy(&proc, watched->record.data, sizeof(proc));
	proc.head.time_ns = time_ns;
	proc.process = watched->process;
	proc.parent = parent->process;
	proc.ns_pid = 0;
	proc.flags &= ~(cr_u32)CR_PROC_ROOT;
	memcpy(watched->record.data, &proc, sizeof(proc));
	return tell_record(processes, watched);
}

void processes_tell_all(struct processes *processes, bool all)
{
	struct watched *watched;
	size_t cursor = 0;

	while ((watched = processes_next(processes, &cursor)))
		if (all || watched->untold)
			tell_record(processes, watched);
}

bool processes_is_silent(struct watched *watched, const struct buffer **ret_hello)
{
	struct buffer *hello = &watched->hello;
	int r = 0;

	if (!watched->connected_ns || watched->probed || watched->reported)
		return false;
	watched->reported = true;
	if (!hello->length)
		r = record_begin(hello, CR_HELLO, sizeof(struct cr_hello), clock_boot_ns());
	if (r < 0)
		return false;
	memcpy(hello->data + offsetof(struct cr_hello, process), &watched->process,
	       sizeof(watched->process));
	if (record_finish(hello, 0) < 0)
		return false;
	*ret_hello = hello;
	return true;
}
