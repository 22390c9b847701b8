/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/util/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/limits.h"

#define PATH_SIZE 64
#define LINE_SIZE 512

#define TCP_LISTEN_STATE 0x0a
#define UDP_UNCONNECTED_STATE 0x07

static void proc_path(char path[PATH_SIZE], pid_t pid, const char *name)
{
	snprintf(path, PATH_SIZE, "/proc/%d/%s", (int)pid, name);
}

int procfs_read(pid_t pid, const char *name, struct buffer *out)
{
	char path[PATH_SIZE], chunk[4096];
	ssize_t n;
	int fd, r = 0;

	proc_path(path, pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0) {
		size_t room = out->cap - out->length;

		r = buffer_append(out, chunk, (size_t)n < room ? (size_t)n : room);
		if (r < 0 || (size_t)n > room)
			break;
	}
	if (n < 0)
		r = -errno;
	close(fd);
	return r;
}

/* The whole of a short file as text. Return: its length or a negative errno. */
static int read_text(pid_t pid, const char *name, char *text, size_t size)
{
	char path[PATH_SIZE];
	ssize_t n;
	int fd;

	proc_path(path, pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n >= 0)
		text[n] = '\0';
	return (int)n;
}

int procfs_stat(pid_t pid, struct procfs_stat *ret_stat)
{
	struct procfs_stat stat = {0};
	char text[1024], *open_bracket, *close_bracket;
	int parent, r = read_text(pid, "stat", text, sizeof(text));

	if (r < 0)
		return r;
	/* The name may itself hold brackets and blanks: it ends at the last bracket. */
	open_bracket = strchr(text, '(');
	close_bracket = strrchr(text, ')');
	if (!open_bracket || !close_bracket || close_bracket < open_bracket)
		return -EBADMSG;
	*close_bracket = '\0';
	snprintf(stat.comm, sizeof(stat.comm), "%s", open_bracket + 1);
	if (sscanf(close_bracket + 1,
		   " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
		   "%" SCNu64,
		   &stat.state, &parent, &stat.start) != 3)
		return -EBADMSG;
	stat.parent = parent;
	*ret_stat = stat;
	return 0;
}

int procfs_exe(pid_t pid, char *path, size_t size)
{
	char link[PATH_SIZE];
	ssize_t n;

	proc_path(link, pid, "exe");
	n = readlink(link, path, size - 1);
	if (n < 0)
		return -errno;
	path[n] = '\0';
	return (int)n;
}

/* The text behind a name at the start of a line, or NULL. */
static const char *line_value(const char *text, const char *name)
{
	size_t length = strlen(name);

	while (text && *text) {
		if (!strncmp(text, name, length))
			return text + length;
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	return NULL;
}

int procfs_ids(pid_t pid, uid_t *ret_uid, pid_t *ret_ns_pid)
{
	char text[4096] = "";
	const char *uids, *pids;
	unsigned int effective;
	int r = read_text(pid, "status", text, sizeof(text));
	pid_t ns_pid = 0;

	if (r < 0)
		return r;
	uids = line_value(text, "Uid:");
	if (!uids || sscanf(uids, "%*u %u", &effective) != 1)
		return -EBADMSG;
	pids = line_value(text, "NSpid:");
	while (pids && (*pids == '\t' || *pids == ' ')) {
		char *end;

		ns_pid = (pid_t)strtol(pids, &end, 10);
		pids = end == pids ? NULL : end;
	}
	*ret_uid = effective;
	*ret_ns_pid = ns_pid;
	return 0;
}

int procfs_cgroup(pid_t pid, char *path, size_t size)
{
	char text[4096 + 64] = "";
	const char *value;
	size_t length;
	int r = read_text(pid, "cgroup", text, sizeof(text));

	if (r < 0)
		return r;
	value = line_value(text, "0::");
	if (!value)
		return -ENOENT;
	length = strcspn(value, "\n");
	if (length >= size)
		return -ENAMETOOLONG;
	memcpy(path, value, length);
	path[length] = '\0';
	return (int)length;
}

uint64_t procfs_cgroup_id(const char *path)
{
	static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	char full[4096 + 64];
	struct stat st;

	for (size_t i = 0; i < 2; i++) {
		snprintf(full, sizeof(full), "%s/cgroup.procs", roots[i]);
		if (stat(full, &st) < 0 && strcmp(path, "/"))
			continue;
		snprintf(full, sizeof(full), "%s%s", roots[i], path);
		if (!stat(full, &st))
			return st.st_ino;
	}
	return 0;
}

int procfs_children(pid_t pid, int (*fn)(void *context, pid_t child), void *context)
{
	char path[PATH_SIZE], name[PATH_SIZE];
	struct dirent *entry;
	int r = 0;
	DIR *tasks;

	proc_path(path, pid, "task");
	tasks = opendir(path);
	if (!tasks)
		return -errno;
	while (!r && (entry = readdir(tasks))) {
		struct buffer text;
		const char *at;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "task/%.16s/children", entry->d_name);
		buffer_init(&text, LIMIT_PROC_FILE);
		if (!procfs_read(pid, name, &text) && (at = buffer_text(&text))) {
			char *end;
			long child;

			while (!r && (child = strtol(at, &end, 10)) > 0) {
				r = fn(context, (pid_t)child);
				at = end;
			}
		}
		buffer_free(&text);
	}
	closedir(tasks);
	return r;
}

static bool parse_mapping(char *line, struct procfs_mapping *mapping)
{
	char permissions[5];
	int path_at = 0;

	if (sscanf(line,
		   "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %" SCNx32 ":%" SCNx32 " %" SCNu64 " %n",
		   &mapping->start, &mapping->end, permissions, &mapping->offset, &mapping->major,
		   &mapping->minor, &mapping->inode, &path_at) != 7)
		return false;
	mapping->path = line + path_at;
	return permissions[2] == 'x' && mapping->inode;
}

int procfs_mappings(pid_t pid, int (*fn)(void *context, const struct procfs_mapping *mapping),
		    void *context)
{
	char path[PATH_SIZE], *line = NULL;
	size_t size = 0;
	ssize_t n;
	FILE *file;
	int r = 0;

	proc_path(path, pid, "maps");
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (!r && (n = getline(&line, &size, file)) > 0) {
		struct procfs_mapping mapping;

		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		if (parse_mapping(line, &mapping))
			r = fn(context, &mapping);
	}
	free(line);
	fclose(file);
	return r;
}

/* ---- sockets ---- */

static int compare_inodes(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Inodes of the sockets of a process, sorted. Return: their number or a negative errno. */
static int socket_inodes(pid_t pid, uint64_t **ret_inodes)
{
	char path[PATH_SIZE], target[64];
	uint64_t *inodes = NULL, inode;
	size_t n = 0, room = 0;
	struct dirent *entry;
	DIR *fds;

	proc_path(path, pid, "fd");
	fds = opendir(path);
	if (!fds)
		return -errno;
	while (n < LIMIT_SOCKETS && (entry = readdir(fds))) {
		ssize_t length = readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1);

		if (length < 0)
			continue;
		target[length] = '\0';
		if (sscanf(target, "socket:[%" SCNu64 "]", &inode) != 1)
			continue;
		if (n == room) {
			uint64_t *larger = realloc(inodes, (room += 64) * sizeof(*inodes));

			if (!larger)
				break;
			inodes = larger;
		}
		inodes[n++] = inode;
	}
	closedir(fds);
	if (inodes)
		qsort(inodes, n, sizeof(*inodes), compare_inodes);
	*ret_inodes = inodes;
	return (int)n;
}

static bool table_has(pid_t pid, const char *name, unsigned int other_than, const uint64_t *inodes,
		      size_t n)
{
	char path[PATH_SIZE], line[LINE_SIZE];
	bool found = false;
	FILE *file;

	proc_path(path, pid, name);
	file = fopen(path, "re");
	if (!file)
		return false;
	for (size_t i = 0; !found && i <= LIMIT_SOCKETS && fgets(line, sizeof(line), file); i++) {
		unsigned int state;
		uint64_t inode;

		if (sscanf(line, " %*d: %*s %*s %x %*s %*s %*s %*u %*u %" SCNu64, &state, &inode) ==
			    2 &&
		    state != other_than)
			found = bsearch(&inode, inodes, n, sizeof(*inodes), compare_inodes);
	}
	fclose(file);
	return found;
}

int procfs_has_internet_socket(pid_t pid)
{
	static const struct {
		const char *name;
		unsigned int other_than;
	} tables[] = {
		{"net/tcp", TCP_LISTEN_STATE},
		{"net/tcp6", TCP_LISTEN_STATE},
		{"net/udp", UDP_UNCONNECTED_STATE},
		{"net/udp6", UDP_UNCONNECTED_STATE},
	};
	uint64_t *inodes = NULL;
	int n = socket_inodes(pid, &inodes), found = 0;

	if (n < 0)
		return n;
	for (size_t i = 0; inodes && !found && i < sizeof(tables) / sizeof(*tables); i++)
		found = table_has(pid, tables[i].name, tables[i].other_than, inodes, (size_t)n);
	free(inodes);
	return found;
}
