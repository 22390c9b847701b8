/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/attach/proc.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "agent/limits.h"
#include "agent/util/clock.h"
#include "agent/util/procfs.h"
#include "agent/util/record_check.h"

static const char *const allowed[] = {"OTEL_SERVICE_NAME="};

/* Call add() with each NUL-terminated string of a file of /proc. */
static int add_strings(pid_t pid, const char *name, size_t limit,
		       int (*add)(struct buffer *out, const char *text, size_t length),
		       struct buffer *out)
{
	struct buffer text;
	const char *at;
	int r;

	buffer_init(&text, limit);
	r = procfs_read(pid, name, &text);
	at = r < 0 ? NULL : (const char *)text.data;
	r = 0;
	for (size_t left = at ? text.length : 0; left && !r;) {
		size_t length = strnlen(at, left);

		r = add(out, at, length);
		length += length < left;
		at += length;
		left -= length;
	}
	buffer_free(&text);
	return r;
}

static int add_argument(struct buffer *out, const char *text, size_t length)
{
	return record_add_field(out, CR_FIELD_ARG, text, length);
}

static int add_variable(struct buffer *out, const char *text, size_t length)
{
	for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed); i++) {
		size_t name = strlen(allowed[i]);

		if (length >= name && !memcmp(text, allowed[i], name))
			return record_add_field(out, CR_FIELD_ENV, text, length);
	}
	return 0;
}

static int add_fields(struct buffer *out, pid_t pid, const char *comm, const char *cgroup)
{
	char path[PATH_MAX];
	int n = procfs_exe(pid, path, sizeof(path));
	int r = 0;

	if (n > 0)
		r = record_add_field(out, CR_FIELD_EXE, path, (size_t)n);
	if (!r)
		r = record_add_field(out, CR_FIELD_COMM, comm, strlen(comm));
	if (!r && cgroup)
		r = record_add_field(out, CR_FIELD_CGROUP, cgroup, strlen(cgroup));
	if (!r)
		r = add_strings(pid, "environ", LIMIT_PROC_FILE, add_variable, out);
	if (!r)
		r = add_strings(pid, "cmdline", LIMIT_ARGUMENTS, add_argument, out);
	return r;
}

int proc_record(pid_t pid, unsigned int flags, struct buffer *out)
{
	struct procfs_stat stat, parent;
	char cgroup[PATH_MAX];
	size_t start = out->length;
	struct cr_proc proc;
	pid_t ns_pid = 0;
	uid_t uid = 0;
	int r, n;

	r = procfs_stat(pid, &stat);
	if (r < 0)
		return r;
	r = record_begin(out, CR_PROC, sizeof(proc), clock_boot_ns());
	if (r < 0)
		return r;
	memcpy(&proc, out->data + start, sizeof(proc));
	proc.process.pid = (uint32_t)pid;
	proc.process.start = stat.start;
	proc.flags = flags;
	if (stat.parent > 0 && !procfs_stat(stat.parent, &parent)) {
		proc.parent.pid = (uint32_t)stat.parent;
		proc.parent.start = parent.start;
	}
	if (!procfs_ids(pid, &uid, &ns_pid)) {
		proc.uid = uid;
		proc.ns_pid = (uint32_t)ns_pid;
		proc.flags |= CR_PROC_HAS_UID;
	}
	n = procfs_cgroup(pid, cgroup, sizeof(cgroup));
	if (n > 0)
		proc.cgroup = procfs_cgroup_id(cgroup);
	memcpy(out->data + start, &proc, sizeof(proc));
	r = add_fields(out, pid, stat.comm, n > 0 ? cgroup : NULL);
	if (!r)
		r = record_finish(out, start);
	if (r < 0)
		out->length = start;
	return r;
}
