/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/ebpf_kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/limits.h"
#include "bpf/capture.h"
#include "bpf/capture.skel.h"

/* Since Linux 6.6; Debian 12's headers are older. */
#define ATTACH_UPROBE_MULTI 48
#define UPROBE_MULTI_RETURN 1

/* PROC_PID_INIT_INO of the kernel, fixed since 3.8. */
#define FIRST_PID_NAMESPACE 0xeffffffcu

/* An entry and a return each. */
#define PROBES_MAX (2 * LIMIT_SITES)

struct link_create_multi {
	uint32_t program, target, attach_type, flags;
	uint64_t path, offsets, reference_offsets, cookies;
	uint32_t count, multi_flags, pid, reserved;
};

struct ebpf_kernel {
	struct capture_bpf *skeleton;
	bool multi;
};

struct ebpf_probes {
	struct bpf_link *links[PROBES_MAX]; /* single uprobes */
	size_t n_links;
	int multi_links[PROBES_MAX];
	size_t n_multi_links;
};

_Static_assert((int)CAPTURE_READ == (int)SITE_SSL_READ, "cookie");
_Static_assert((int)CAPTURE_WRITE == (int)SITE_SSL_WRITE, "cookie");
_Static_assert((int)CAPTURE_READ_EX == (int)SITE_SSL_READ_EX, "cookie");
_Static_assert((int)CAPTURE_WRITE_EX == (int)SITE_SSL_WRITE_EX, "cookie");
_Static_assert((int)CAPTURE_FREE == (int)SITE_SSL_FREE, "cookie");
_Static_assert((int)CAPTURE_READ_INTERNAL == (int)SITE_SSL_READ_INTERNAL, "cookie");
_Static_assert((int)CAPTURE_WRITE_INTERNAL == (int)SITE_SSL_WRITE_INTERNAL, "cookie");
_Static_assert((int)CAPTURE_WRITE_FLAGS == (int)SITE_SSL_WRITE_FLAGS, "cookie");
_Static_assert((int)CAPTURE_UP_REF == (int)SITE_SSL_UP_REF, "cookie");
_Static_assert((int)CAPTURE_NEW == (int)SITE_SSL_NEW, "cookie");

const char *ebpf_kernel_step_text(enum kernel_step step)
{
	static const char *const texts[] = {
		[KERNEL_NAMESPACE] = "/proc is not that of our pid namespace",
		[KERNEL_OPEN] = "reading the programs",
		[KERNEL_LOAD] = "loading the programs",
		[KERNEL_LIFECYCLE] = "following processes",
		[KERNEL_WATCH] = "watching mappings",
		[KERNEL_FINDER] = "starting the finder",
	};

	return step < sizeof(texts) / sizeof(*texts) ? texts[step] : "";
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static int create_multi_link(int program, const char *path, const uint64_t *offsets,
			     const uint64_t *cookies, size_t n, bool at_return)
{
	struct link_create_multi attr = {
		.program = (uint32_t)program,
		.attach_type = ATTACH_UPROBE_MULTI,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets,
		.cookies = (uintptr_t)cookies,
		.count = (uint32_t)n,
		.multi_flags = at_return ? UPROBE_MULTI_RETURN : 0,
	};
	int fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	return fd < 0 ? -errno : fd;
}

/* A kernel that knows uprobe_multi looks at the path, and says that a folder is no file. */
static bool has_multi(void)
{
	/* r0 = 0; exit */
	struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = ATTACH_UPROBE_MULTI);
	uint64_t offset = 0;
	int program = bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "Dual BSD/GPL", code, 2, &opts);
	int r;

	if (program < 0)
		return false;
	r = create_multi_link(program, "/", &offset, NULL, 1, false);
	if (r >= 0)
		close(r);
	close(program);
	return r == -EBADF;
}

/* The kernel counts in the first pid namespace; the programs translate to ours. */
static int use_pid_namespace(struct capture_bpf *skeleton)
{
	char self[16];
	struct stat st;
	ssize_t n = readlink("/proc/self", self, sizeof(self) - 1);

	if (n < 0 || stat("/proc/self/ns/pid", &st) < 0)
		return -errno;
	self[n] = '\0';
	/* What is read in /proc must mean the same processes. */
	if (strtol(self, NULL, 10) != getpid())
		return -EOPNOTSUPP;
	if (st.st_ino != FIRST_PID_NAMESPACE) {
		skeleton->rodata->namespace_device = st.st_dev;
		skeleton->rodata->namespace_inode = st.st_ino;
	}
	return 0;
}

static int attach_lifecycle(struct capture_bpf *skeleton)
{
	skeleton->links.on_fork = bpf_program__attach(skeleton->progs.on_fork);
	skeleton->links.on_exec = bpf_program__attach(skeleton->progs.on_exec);
	skeleton->links.on_exit = bpf_program__attach(skeleton->progs.on_exit);
	skeleton->links.on_connect = bpf_program__attach(skeleton->progs.on_connect);
	if (!skeleton->links.on_fork || !skeleton->links.on_exec || !skeleton->links.on_exit ||
	    !skeleton->links.on_connect)
		return -errno;
	return 0;
}

static int configure(struct ebpf_kernel *kernel, const struct ebpf_kernel_opts *opts)
{
	struct capture_bpf *skeleton = kernel->skeleton;
	int r;

	if (opts->ring_size) {
		r = bpf_map__set_max_entries(skeleton->maps.ring, (uint32_t)opts->ring_size);
		if (r < 0)
			return r;
	}
	skeleton->rodata->wake_level = bpf_map__max_entries(skeleton->maps.ring) / 4;
	skeleton->rodata->whole_host = opts->whole_host;
	skeleton->rodata->tick_ns = 1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK);
	kernel->multi = !opts->single_probes && has_multi();
	if (kernel->multi) {
		bpf_program__set_expected_attach_type(skeleton->progs.call_enter,
						      ATTACH_UPROBE_MULTI);
		bpf_program__set_expected_attach_type(skeleton->progs.call_return,
						      ATTACH_UPROBE_MULTI);
	}
	return 0;
}

int ebpf_kernel_new(struct ebpf_kernel **ret_kernel, const struct ebpf_kernel_opts *opts,
		    enum kernel_step *ret_step)
{
	struct ebpf_kernel *kernel = calloc(1, sizeof(*kernel));
	enum kernel_step step = KERNEL_OPEN;
	int r;

	if (!kernel)
		return -ENOMEM;
	libbpf_set_print(quiet);
	kernel->skeleton = capture_bpf__open();
	if (!kernel->skeleton) {
		r = -errno;
		goto fail;
	}
	step = KERNEL_NAMESPACE;
	r = use_pid_namespace(kernel->skeleton);
	if (r < 0)
		goto fail;
	step = KERNEL_LOAD;
	r = configure(kernel, opts);
	if (r < 0)
		goto fail;
	r = capture_bpf__load(kernel->skeleton);
	if (r < 0)
		goto fail;
	step = KERNEL_LIFECYCLE;
	r = attach_lifecycle(kernel->skeleton);
	if (r < 0)
		goto fail;
	*ret_kernel = kernel;
	return 0;
fail:
	*ret_step = step;
	ebpf_kernel_free(kernel);
	return r;
}

static int tree_fd(const struct ebpf_kernel *kernel)
{
	return bpf_map__fd(kernel->skeleton->maps.tree);
}

int ebpf_kernel_follow(struct ebpf_kernel *kernel, pid_t pid, uint64_t start, bool quiet_process)
{
	struct capture_process process = {
		.start = start, .pid = (cr_u32)pid, .quiet = quiet_process};
	uint32_t key = (uint32_t)pid;
	int r = bpf_map_update_elem(tree_fd(kernel), &key, &process, BPF_NOEXIST);

	if (r != -EEXIST)
		return r < 0 ? (r == -E2BIG ? -ENOSPC : r) : 1;
	if (bpf_map_lookup_elem(tree_fd(kernel), &key, &process) || process.quiet == quiet_process)
		return 0;
	process.told |= quiet_process;
	process.quiet = quiet_process;
	bpf_map_update_elem(tree_fd(kernel), &key, &process, BPF_EXIST);
	return 0;
}

void ebpf_kernel_let_go(struct ebpf_kernel *kernel, pid_t pid)
{
	struct capture_process process;
	uint32_t key = (uint32_t)pid;

	if (bpf_map_lookup_elem(tree_fd(kernel), &key, &process))
		return;
	if (process.quiet && !process.told)
		ebpf_kernel_unfollow(kernel, pid);
	else
		ebpf_kernel_follow(kernel, pid, process.start, true);
}

void ebpf_kernel_unfollow(struct ebpf_kernel *kernel, pid_t pid)
{
	uint32_t key = (uint32_t)pid;

	bpf_map_delete_elem(tree_fd(kernel), &key);
}

bool ebpf_kernel_follows(const struct ebpf_kernel *kernel, pid_t pid, bool *ret_quiet)
{
	struct capture_process process;
	uint32_t key = (uint32_t)pid;

	if (bpf_map_lookup_elem(tree_fd(kernel), &key, &process))
		return false;
	if (ret_quiet)
		*ret_quiet = process.quiet;
	return true;
}

static int keep_link(struct ebpf_probes *probes, struct bpf_link *link)
{
	if (!link)
		return -errno;
	if (probes->n_links == PROBES_MAX) {
		bpf_link__destroy(link);
		return -ENOSPC;
	}
	probes->links[probes->n_links++] = link;
	return 0;
}

static int keep_multi_link(struct ebpf_probes *probes, int fd)
{
	if (fd < 0)
		return fd;
	if (probes->n_multi_links == PROBES_MAX) {
		close(fd);
		return -ENOSPC;
	}
	probes->multi_links[probes->n_multi_links++] = fd;
	return 0;
}

static bool has_return(const struct probe_site *site)
{
	return site->function != SITE_SSL_FREE && site->function != SITE_SSL_UP_REF;
}

/* The return comes first: an entry without its return would be remembered in vain. */
static int attach_single(struct ebpf_kernel *kernel, struct ebpf_probes *probes, const char *path,
			 const struct probe_site *site)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .bpf_cookie = site->function);
	int r;

	if (has_return(site)) {
		opts.retprobe = true;
		r = keep_link(probes,
			      bpf_program__attach_uprobe_opts(kernel->skeleton->progs.call_return,
							      -1, path, site->offset, &opts));
		if (r < 0)
			return r;
	}
	opts.retprobe = false;
	return keep_link(probes, bpf_program__attach_uprobe_opts(kernel->skeleton->progs.call_enter,
								 -1, path, site->offset, &opts));
}

static int attach_multi(struct ebpf_kernel *kernel, struct ebpf_probes *probes, const char *path,
			const struct probe_site *sites, size_t n)
{
	uint64_t offsets[LIMIT_SITES], cookies[LIMIT_SITES];
	size_t returns = 0;
	int r;

	for (size_t i = 0; i < n; i++) {
		if (!has_return(&sites[i]))
			continue;
		offsets[returns] = sites[i].offset;
		cookies[returns++] = sites[i].function;
	}
	if (returns) {
		int program = bpf_program__fd(kernel->skeleton->progs.call_return);

		r = keep_multi_link(
			probes, create_multi_link(program, path, offsets, cookies, returns, true));
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < n; i++) {
		offsets[i] = sites[i].offset;
		cookies[i] = sites[i].function;
	}
	return keep_multi_link(
		probes, create_multi_link(bpf_program__fd(kernel->skeleton->progs.call_enter), path,
					  offsets, cookies, n, false));
}

static int attach(struct ebpf_kernel *kernel, struct ebpf_probes *probes, int fd,
		  const struct probe_site *sites, size_t n)
{
	char path[64];
	int placed = 0, r = -ENOENT;

	/* The file that was scanned is the file that is probed. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (kernel->multi && !attach_multi(kernel, probes, path, sites, n))
		return (int)n;
	for (size_t i = 0; i < n; i++) {
		r = kernel->multi ? attach_multi(kernel, probes, path, &sites[i], 1)
				  : attach_single(kernel, probes, path, &sites[i]);
		placed += r == 0;
	}
	return placed ? placed : r;
}

int ebpf_kernel_attach(struct ebpf_kernel *kernel, int fd, const struct probe_site *sites, size_t n,
		       struct ebpf_probes **ret_probes)
{
	struct ebpf_probes *probes;
	int r;

	if (n > LIMIT_SITES)
		return -EINVAL;
	probes = calloc(1, sizeof(*probes));
	if (!probes)
		return -ENOMEM;
	r = attach(kernel, probes, fd, sites, n);
	if (r < 0)
		ebpf_probes_free(probes);
	else
		*ret_probes = probes;
	return r;
}

/* The entries go first: a call that is noted and never returns would take a slot. */
void ebpf_probes_free(struct ebpf_probes *probes)
{
	if (!probes)
		return;
	while (probes->n_links)
		bpf_link__destroy(probes->links[--probes->n_links]);
	while (probes->n_multi_links)
		close(probes->multi_links[--probes->n_multi_links]);
	free(probes);
}

/* Delete the entries of a map whose process is not in the tree. */
static void sweep_map(const struct ebpf_kernel *kernel, const struct bpf_map *map, size_t pid_at)
{
	uint8_t key[64], next[64];
	size_t size = bpf_map__key_size(map);
	int fd = bpf_map__fd(map);
	bool more;

	if (size > sizeof(key))
		return;
	more = !bpf_map_get_next_key(fd, NULL, next);
	while (more) {
		uint32_t pid;

		memcpy(key, next, size);
		memcpy(&pid, key + pid_at, sizeof(pid));
		more = !bpf_map_get_next_key(fd, key, next);
		if (!ebpf_kernel_follows(kernel, (pid_t)pid, NULL))
			bpf_map_delete_elem(fd, key);
	}
}

void ebpf_kernel_sweep(struct ebpf_kernel *kernel)
{
	sweep_map(kernel, kernel->skeleton->maps.connections,
		  offsetof(struct capture_conn_key, pid));
	sweep_map(kernel, kernel->skeleton->maps.verdicts,
		  offsetof(struct capture_verdict_key, pid));
}

int ebpf_kernel_lifecycle_fd(const struct ebpf_kernel *kernel)
{
	return bpf_map__fd(kernel->skeleton->maps.lifecycle);
}

uint64_t ebpf_kernel_lifecycle_lost(const struct ebpf_kernel *kernel)
{
	uint32_t key = CAPTURE_LOSS_LIFECYCLE;
	struct capture_lost lost = {0};

	bpf_map_lookup_elem(bpf_map__fd(kernel->skeleton->maps.losses), &key, &lost);
	return lost.records;
}

void ebpf_kernel_reader_fds(const struct ebpf_kernel *kernel, int fds[4])
{
	fds[0] = bpf_map__fd(kernel->skeleton->maps.ring);
	fds[1] = bpf_map__fd(kernel->skeleton->maps.losses);
	fds[2] = bpf_map__fd(kernel->skeleton->maps.verdicts);
	fds[3] = bpf_map__fd(kernel->skeleton->maps.verdict_epoch);
}

void ebpf_kernel_free(struct ebpf_kernel *kernel)
{
	if (!kernel)
		return;
	capture_bpf__destroy(kernel->skeleton);
	free(kernel);
}
