/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/preload_proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/limits.h"
#include "agent/util/record_check.h"

#define PROC_FILE_MAX (256 * KIB) /* bytes read of one file of /proc */
#define SERVICE_NAME "OTEL_SERVICE_NAME="

/* A file of /proc/PID as text with a NUL behind it, which is the caller's to free. */
static char *read_proc(uint32_t pid, const char *name, size_t *ret_length)
{
	char path[64], *text = malloc(PROC_FILE_MAX + 1);
	size_t length = 0;
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	fd = text ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0) {
		free(text);
		return NULL;
	}
	while (length < PROC_FILE_MAX && (n = read(fd, text + length, PROC_FILE_MAX - length)) > 0)
		length += (size_t)n;
	close(fd);
	text[length] = 0;
	*ret_length = length;
	return text;
}

int preload_proc_stat(uint32_t pid, struct cr_process *ret_process, uint32_t *ret_parent_pid)
{
	size_t length;
	char *text = read_proc(pid, "stat", &length), *at;
	unsigned long long start;
	unsigned int parent;
	int n;

	if (!text)
		return -ESRCH;
	/* the name may hold blanks and brackets: the fields begin behind the last one */
	at = strrchr(text, ')');
	n = at ? sscanf(at + 1,
			" %*c %u %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
			"%*d %llu",
			&parent, &start)
	       : 0;
	free(text);
	if (n != 2)
		return -EBADMSG;
	*ret_process = (struct cr_process){.pid = pid, .start = start};
	if (ret_parent_pid)
		*ret_parent_pid = parent;
	return 0;
}

uint64_t preload_proc_netns(uint32_t pid)
{
	struct stat info;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/ns/net", pid);
	return stat(path, &info) ? 0 : info.st_ino;
}

int preload_proc_inherits(uint32_t pid)
{
	char line[PATH_MAX + 128];
	int found = 0;
	FILE *maps;

	snprintf(line, sizeof(line), "/proc/%u/maps", pid);
	maps = fopen(line, "re");
	while (maps && !found && fgets(line, sizeof(line), maps))
		found = strstr(line, "/memfd:tollspan-ring") != NULL;
	if (maps)
		fclose(maps);
	return found;
}

static int add_exe(struct buffer *out, uint32_t pid, const char *exe)
{
	char path[64], target[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	n = readlink(path, target, sizeof(target));
	if (n > 0)
		return record_add_field(out, CR_FIELD_EXE, target, (size_t)n);
	return exe ? record_add_field(out, CR_FIELD_EXE, exe, strlen(exe)) : 0;
}

static int add_comm(struct buffer *out, uint32_t pid)
{
	size_t length;
	char *text = read_proc(pid, "comm", &length);
	int ret = 0;

	if (text && length && text[length - 1] == '\n')
		length--;
	if (text)
		ret = record_add_field(out, CR_FIELD_COMM, text, length);
	free(text);
	return ret;
}

static int add_arguments(struct buffer *out, uint32_t pid)
{
	size_t length, at = 0;
	char *text = read_proc(pid, "cmdline", &length);
	int ret = 0;

	if (!text)
		return 0;
	length = length < LIMIT_ARGUMENTS ? length : LIMIT_ARGUMENTS;
	while (at < length && !ret) {
		size_t n = strnlen(text + at, length - at);

		ret = record_add_field(out, CR_FIELD_ARG, text + at, n);
		at += n + 1;
	}
	free(text);
	return ret;
}

/* The path in the unified hierarchy, else that of the first controller. Returns its id too. */
static int add_cgroup(struct buffer *out, uint32_t pid, uint64_t *ret_id)
{
	size_t length;
	char *text = read_proc(pid, "cgroup", &length), file[PATH_MAX];
	char *line = text ? strstr(text, "0::/") : NULL, *end;
	struct stat info;
	int ret = 0;

	if (line && line != text && line[-1] != '\n')
		line = NULL;
	if (line && (end = strchr(line, '\n'))) {
		*end = 0;
		ret = record_add_field(out, CR_FIELD_CGROUP, line + 3, strlen(line + 3));
		snprintf(file, sizeof(file), "/sys/fs/cgroup%s", line + 3);
		if (!stat(file, &info))
			*ret_id = info.st_ino;
	} else if (text && (line = strchr(text, '/')) && (end = strchr(line, '\n'))) {
		ret = record_add_field(out, CR_FIELD_CGROUP, line, (size_t)(end - line));
	}
	free(text);
	return ret;
}

static int add_service_name(struct buffer *out, uint32_t pid)
{
	size_t length, at = 0;
	char *text = read_proc(pid, "environ", &length);
	int ret = 0;

	while (text && at < length) {
		size_t n = strlen(text + at);

		if (!strncmp(text + at, SERVICE_NAME, strlen(SERVICE_NAME))) {
			ret = record_add_field(out, CR_FIELD_ENV, text + at,
					       n < LIMIT_VALUE ? n : LIMIT_VALUE);
			break;
		}
		at += n + 1;
	}
	free(text);
	return ret;
}

static uint32_t read_ns_pid(uint32_t pid)
{
	size_t length;
	char *text = read_proc(pid, "status", &length);
	char *line = text ? strstr(text, "\nNSpid:") : NULL, *end, *last;
	uint32_t ns_pid = 0;

	if (line && (end = strchr(line + 1, '\n'))) {
		*end = 0;
		last = strrchr(line, '\t');
		ns_pid = last ? (uint32_t)strtoul(last + 1, NULL, 10) : 0;
	}
	free(text);
	return ns_pid;
}

/* What is told as long as the process is there. */
static int add_facts(struct buffer *out, uint32_t pid, uint64_t *ret_cgroup)
{
	int ret = add_comm(out, pid);

	ret = ret ? ret : add_arguments(out, pid);
	ret = ret ? ret : add_cgroup(out, pid, ret_cgroup);
	return ret ? ret : add_service_name(out, pid);
}

int preload_proc_record(struct buffer *out, const struct cr_process *process, uint32_t uid,
			const char *exe, uint64_t time_ns)
{
	size_t start = out->length;
	uint64_t cgroup = 0;
	struct cr_process self, parent = {0};
	uint32_t parent_pid = 0;
	struct cr_proc *proc;
	int ret = record_begin(out, CR_PROC, sizeof(struct cr_proc), time_ns);
	bool there;

	if (ret)
		return ret;
	there = !preload_proc_stat(process->pid, &self, &parent_pid) &&
		self.start == process->start;
	if (there && parent_pid)
		preload_proc_stat(parent_pid, &parent, NULL);
	ret = add_exe(out, there ? process->pid : 0, exe);
	if (!ret && there)
		ret = add_facts(out, process->pid, &cgroup);
	if (ret)
		return ret;
	proc = (struct cr_proc *)(out->data + start);
	proc->process = *process;
	proc->parent = parent;
	proc->cgroup = cgroup;
	proc->uid = uid;
	proc->ns_pid = there ? read_ns_pid(process->pid) : 0;
	proc->flags = CR_PROC_HAS_UID;
	return record_finish(out, start);
}
