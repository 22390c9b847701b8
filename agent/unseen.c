/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/unseen.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/attach/tls.h"
#include "agent/limits.h"
#include "agent/source/preload.h"
#include "agent/unseen_reason.h"
#include "agent/util/buffer.h"
#include "agent/util/clock.h"
#include "agent/util/map.h"
#include "agent/util/procfs.h"
#include "agent/util/record_check.h"

/*
 * A process that can be captured but was not yet is looked at ever less often, down to this; what
 * the shim counts it tells at once, but Go's system calls pass by it.
 */
#define READY_INTERVAL_NS 500000000ull

struct suspect {
	struct process_key key;
	char *executable; /* NULL: not known */
	bool internet;    /* it reached for the internet, or was seen with a socket of it */
	struct unseen_evidence evidence;
	enum capture_sight sight;
	uint64_t since_ns; /* first look */
	uint64_t look_again_ns;
};

struct file_key {
	uint64_t device, inode;
};

struct unseen {
	const struct capture *capture;
	record_sink sink;
	void *context;
	pid_t root;
	bool orphans;
	char own[LIMIT_PATH]; /* our own executable: our helpers are not of the tree */
	struct map *suspects;
	struct map *inside; /* file_key → the TLS library inside of it, "" for none */
	struct buffer pids; /* of the tree that are still to be looked at */
};

int unseen_new(struct unseen **ret_unseen, const struct capture *capture, pid_t root, bool orphans,
	       record_sink sink, void *context)
{
	struct unseen *unseen = calloc(1, sizeof(*unseen));
	int r;

	if (!unseen)
		return -ENOMEM;
	*unseen = (struct unseen){.capture = capture,
				  .sink = sink,
				  .context = context,
				  .root = root,
				  .orphans = orphans};
	procfs_exe(getpid(), unseen->own, sizeof(unseen->own));
	buffer_init(&unseen->pids, LIMIT_PROCESSES * sizeof(pid_t));
	r = map_new(&unseen->suspects, sizeof(struct process_key), LIMIT_PROCESSES);
	if (r == 0)
		r = map_new(&unseen->inside, sizeof(struct file_key), LIMIT_PROBED_FILES);
	if (r < 0) {
		unseen_free(unseen);
		return r;
	}
	*ret_unseen = unseen;
	return 0;
}

static int on_mapping(void *context, const struct procfs_mapping *mapping)
{
	struct suspect *suspect = context;

	unseen_note_mapping(&suspect->evidence, mapping->path);
	return 0;
}

static void set_executable(struct suspect *suspect, const char *path)
{
	char *copy;

	if (suspect->executable && !strcmp(suspect->executable, path))
		return;
	copy = strdup(path);
	if (!copy)
		return;
	free(suspect->executable);
	suspect->executable = copy;
}

/* exec changes the file of a process: the newest is the one that is told. */
static void note_executable(struct suspect *suspect)
{
	char path[LIMIT_PATH];

	if (procfs_exe((pid_t)suspect->key.pid, path, sizeof(path)) >= 0)
		set_executable(suspect, path);
}

static uint64_t ready_interval(const struct suspect *suspect, uint64_t now)
{
	uint64_t age = now - suspect->since_ns;

	return age < READY_INTERVAL_NS ? age : READY_INTERVAL_NS;
}

static void look_at(const struct unseen *unseen, struct suspect *suspect, uint64_t now)
{
	pid_t pid = (pid_t)suspect->key.pid;
	enum capture_sight sight = capture_sight(unseen->capture, &suspect->key);

	if (sight > suspect->sight)
		suspect->sight = sight;
	if (sight == SIGHT_CALLED)
		return;
	suspect->look_again_ns = now + (sight == SIGHT_READY ? ready_interval(suspect, now) : 0);
	note_executable(suspect);
	if (!suspect->internet)
		suspect->internet = capture_used_network(unseen->capture, &suspect->key) ||
				    procfs_has_internet_socket(pid) == 1;
	if (suspect->internet)
		procfs_mappings(pid, on_mapping, suspect);
}

/* Where there is no more room: the ended that there is nothing to tell of. */
static void forget_ended(struct unseen *unseen)
{
	size_t cursor = 0;
	void *value;

	while (map_next(unseen->suspects, &cursor, NULL, &value)) {
		struct suspect *suspect = value;

		if (suspect->internet && suspect->sight != SIGHT_CALLED)
			continue;
		if (kill((pid_t)suspect->key.pid, 0) == 0 || errno != ESRCH)
			continue;
		map_remove(unseen->suspects, &suspect->key);
		free(suspect->executable);
		free(suspect);
	}
}

static struct suspect *suspect_of(struct unseen *unseen, const struct process_key *key)
{
	struct suspect *suspect = map_get(unseen->suspects, key);

	if (suspect)
		return suspect;
	if (map_count(unseen->suspects) == LIMIT_PROCESSES)
		forget_ended(unseen);
	suspect = calloc(1, sizeof(*suspect));
	if (!suspect)
		return NULL;
	suspect->key = *key;
	suspect->since_ns = clock_boot_ns();
	if (map_put(unseen->suspects, key, suspect) < 0) {
		free(suspect);
		return NULL;
	}
	return suspect;
}

static int push(void *context, pid_t pid)
{
	struct unseen *unseen = context;

	return buffer_append(&unseen->pids, &pid, sizeof(pid));
}

/* Children of ours that are not tollspan: the command, and orphans of its tree. */
static int push_own_child(void *context, pid_t pid)
{
	struct unseen *unseen = context;
	char executable[LIMIT_PATH] = "";

	procfs_exe(pid, executable, sizeof(executable));
	if (pid != unseen->root && !strcmp(executable, unseen->own))
		return 0;
	return push(unseen, pid);
}

static void look_at_process(struct unseen *unseen, pid_t pid)
{
	struct process_key key = {.pid = (uint32_t)pid};
	struct procfs_stat status;
	struct suspect *suspect;
	uint64_t now;

	if (procfs_stat(pid, &status) < 0 || status.state == 'Z')
		return;
	key.start = status.start;
	suspect = suspect_of(unseen, &key);
	now = clock_boot_ns();
	if (suspect && suspect->sight != SIGHT_CALLED && now >= suspect->look_again_ns)
		look_at(unseen, suspect, now);
}

int unseen_look(struct unseen *unseen)
{
	int r = unseen->orphans ? procfs_children(getpid(), push_own_child, unseen)
				: push(unseen, unseen->root);

	while (r != -ENOMEM && unseen->pids.length) {
		pid_t pid;

		unseen->pids.length -= sizeof(pid);
		memcpy(&pid, unseen->pids.data + unseen->pids.length, sizeof(pid));
		look_at_process(unseen, pid);
		r = procfs_children(pid, push, unseen);
	}
	buffer_clear(&unseen->pids);
	return r == -ENOMEM ? r : 0;
}

/*
 * What the source knows, for processes that came and went between two looks too. The shim is in
 * dynamically linked programs alone; one that had no answer could not count: there, a TLS library
 * that it maps is enough. With eBPF nothing of the process was probed, nor has it been.
 */
static int note_silent(void *context, const struct silent_process *silent)
{
	const struct unseen *unseen = context;
	bool preload = capture_kind(unseen->capture) == CR_CAPTURE_PRELOAD;
	struct process_key key = {.pid = silent->process.pid, .start = silent->process.start};
	struct suspect *suspect = suspect_of(context, &key);
	size_t offset = sizeof(struct cr_hello), length;
	struct unseen_evidence *evidence;
	char path[LIMIT_PATH];
	const char *text;
	unsigned int tag;

	if (!suspect)
		return 0;
	while ((text = record_field_next(silent->hello, &offset, &tag, &length))) {
		snprintf(path, sizeof(path), "%.*s", (int)length, text);
		if (tag == CR_FIELD_EXE)
			set_executable(suspect, path);
		else if (tag == CR_FIELD_MAPPING)
			unseen_note_mapping(&suspect->evidence, path);
	}
	evidence = &suspect->evidence;
	if (preload)
		evidence->interpreter = true;
	evidence->unanswered = !silent->answered;
	if (evidence->unanswered || (!preload && suspect->sight == SIGHT_READY))
		suspect->sight = SIGHT_NONE;
	if (silent->connects || (evidence->unanswered && (evidence->openssl || evidence->library)))
		suspect->internet = true;
	return 0;
}

/* ---- telling ---- */

/* Many processes run one file, and to look through it takes long. */
static const char *library_inside(const struct unseen *unseen, const char *executable)
{
	static char none[] = "";
	struct file_key key = {0};
	struct stat status;
	const char *name;

	if (stat(executable, &status) < 0)
		return NULL;
	key.device = status.st_dev;
	key.inode = status.st_ino;
	name = map_get(unseen->inside, &key);
	if (!name) {
		name = capture_reaches(unseen->capture, executable) ? NULL : tls_inside(executable);
		name = name ? name : none;
		/* Without room it is looked through again. */
		map_put(unseen->inside, &key, (void *)name);
	}
	return *name ? name : NULL;
}

static int tell(struct unseen *unseen, const struct suspect *suspect)
{
	struct cr_process process = {.pid = suspect->key.pid, .start = suspect->key.start};
	struct unseen_evidence evidence = suspect->evidence;
	char text[LIMIT_VALUE];
	struct buffer out;
	const char *reason;
	int r;

	evidence.preload = capture_kind(unseen->capture) == CR_CAPTURE_PRELOAD;
	evidence.sight = suspect->sight != SIGHT_NONE;
	evidence.inside = suspect->executable ? library_inside(unseen, suspect->executable) : NULL;
	reason = unseen_reason(&evidence, text, sizeof(text));
	if (!reason)
		return 0;
	buffer_init(&out, CR_LENGTH_MAX);
	r = unseen_record(&out, &process, suspect->executable, &evidence, reason);
	if (r == 0)
		r = unseen->sink(unseen->context, (const struct cr_head *)out.data);
	buffer_free(&out);
	return r;
}

int unseen_end(struct unseen *unseen)
{
	size_t cursor = 0;
	void *value;
	int r = capture_silent(unseen->capture, note_silent, unseen);

	while (r >= 0 && map_next(unseen->suspects, &cursor, NULL, &value)) {
		struct suspect *suspect = value;
		enum capture_sight sight = capture_sight(unseen->capture, &suspect->key);

		if (sight > suspect->sight)
			suspect->sight = sight;
		if (suspect->internet && suspect->sight != SIGHT_CALLED)
			r = tell(unseen, suspect);
	}
	return r;
}

void unseen_free(struct unseen *unseen)
{
	size_t cursor = 0;
	void *value;

	if (!unseen)
		return;
	while (unseen->suspects && map_next(unseen->suspects, &cursor, NULL, &value)) {
		free(((struct suspect *)value)->executable);
		free(value);
	}
	buffer_free(&unseen->pids);
	map_free(unseen->suspects);
	map_free(unseen->inside);
	free(unseen);
}
