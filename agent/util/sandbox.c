/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/util/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/util/sandbox_filter.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Capability sets are 64 bits wide (capabilities(7)); a kernel knows some of them. */
#define CAPABILITIES 64

static const cap_value_t attacher_keeps[] = {
	CAP_BPF,
	CAP_PERFMON,         /* probes; mappings of all processes */
	CAP_SYS_ADMIN,       /* /proc/PID/map_files */
	CAP_SYS_PTRACE,      /* /proc of other users' processes */
	CAP_DAC_READ_SEARCH, /* the files that they have mapped */
	CAP_KILL,            /* the command of `run`; finder, worker and keeper */
	CAP_SETUID,          /* sandbox_become() in its children, with the next two */
	CAP_SETGID,
	CAP_SETPCAP,
	CAP_SYS_NICE, /* what was just loaded must be probed before it runs: it hurries */
};

static bool is_in(cap_value_t capability, const cap_value_t *kept, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (kept[i] == capability)
			return true;
	return false;
}

static int drop_bounding(const cap_value_t *kept, size_t n)
{
	for (cap_value_t i = 0; i < CAPABILITIES; i++) {
		int has = prctl(PR_CAPBSET_READ, i, 0, 0, 0);

		/* The kernel does not know this one, nor any behind it. */
		if (has < 0)
			return i && errno == EINVAL ? 0 : -errno;
		if (has && !is_in(i, kept, n) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
			return -errno;
	}
	return 0;
}

/* Of those to be kept, what the process has: a container may have been given less. */
static int fill(cap_t to, const cap_value_t *kept, size_t n)
{
	cap_t now = cap_get_proc();
	int r = now ? 0 : -errno;

	for (size_t i = 0; !r && i < n; i++) {
		cap_flag_value_t has = CAP_CLEAR;

		/* One that this libcap does not know, the process does not have. */
		cap_get_flag(now, kept[i], CAP_PERMITTED, &has);
		if (has == CAP_SET && (cap_set_flag(to, CAP_PERMITTED, 1, &kept[i], CAP_SET) < 0 ||
				       cap_set_flag(to, CAP_EFFECTIVE, 1, &kept[i], CAP_SET) < 0))
			r = -errno;
	}
	cap_free(now);
	return r;
}

/* Permitted and effective; nothing is inheritable. */
static int keep_only(const cap_value_t *kept, size_t n)
{
	cap_t capabilities = cap_init();
	int r;

	if (!capabilities)
		return -errno;
	r = fill(capabilities, kept, n);
	if (!r && (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
		   cap_set_proc(capabilities) < 0))
		r = -errno;
	cap_free(capabilities);
	return r;
}

int sandbox_become(uid_t uid, gid_t gid)
{
	struct rlimit none = {0};
	int r;

	if (uid == (uid_t)-1 || gid == (gid_t)-1)
		return -EINVAL;
	/* In this order: each step takes the right to the one before it. */
	r = drop_bounding(NULL, 0);
	if (r < 0)
		return r;
	if (setrlimit(RLIMIT_CORE, &none) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	r = keep_only(NULL, 0);
	if (r < 0)
		return r;
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
}

int sandbox_lock(enum sandbox_role role)
{
	int r = 0;

	if (role == SANDBOX_ATTACHER) {
		r = drop_bounding(attacher_keeps, COUNT(attacher_keeps));
		if (!r)
			r = keep_only(attacher_keeps, COUNT(attacher_keeps));
	}
	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return sandbox_filter_load(role);
}
