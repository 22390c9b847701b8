/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Worker and finder: what is not listed is refused. Keeper and attacher: what is listed is. Where a
 * filter of a list of refusals compares an argument that the kernel takes as 32 bits, it must
 * not be led astray by the upper half.
 */
#include "agent/util/sandbox_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* enum bpf_cmd of linux/bpf.h */
#define MAP_LOOKUP 1
#define MAP_UPDATE 2

#define REFUSED SCMP_ACT_ERRNO(EPERM)

/* A call with one argument that is compared. */
struct rule {
	int call;
	struct scmp_arg_cmp argument;
};

/* ---- worker and finder ---- */

static const int allowed[] = {
	/* descriptors that they have */
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(lseek), SCMP_SYS(write),
	SCMP_SYS(writev), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(close),
	SCMP_SYS(fstat),
	/* waiting */
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2),
	SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(timerfd_gettime),
	SCMP_SYS(eventfd2), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(sched_yield),
	SCMP_SYS(restart_syscall),
	/* memory */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex),
	/* time, itself */
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(time),
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
	SCMP_SYS(getegid), SCMP_SYS(getrusage), SCMP_SYS(getrlimit), SCMP_SYS(setrlimit),
	SCMP_SYS(getrandom), SCMP_SYS(sysinfo), /* qsort() asks for the memory that there is */
	/* signals that it gets, and the end */
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigpending), SCMP_SYS(rt_sigsuspend), SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(sigaltstack), SCMP_SYS(exit), SCMP_SYS(exit_group)};

static const struct rule allowed_if[] = {
	/* Nothing becomes a program. */
	{SCMP_SYS(mmap), {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
	{SCMP_SYS(mprotect), {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
	/* How glibc does fstat() from 2.33 on. */
	{SCMP_SYS(newfstatat), {3, SCMP_CMP_EQ, AT_EMPTY_PATH, 0}},
	/* To the other end, and no one else. */
	{SCMP_SYS(sendto), {4, SCMP_CMP_EQ, 0, 0}},
	/* F_SETOWN would send signals. */
	{SCMP_SYS(fcntl), {1, SCMP_CMP_EQ, F_GETFD, 0}},
	{SCMP_SYS(fcntl), {1, SCMP_CMP_EQ, F_SETFD, 0}},
	{SCMP_SYS(fcntl), {1, SCMP_CMP_EQ, F_GETFL, 0}},
	{SCMP_SYS(fcntl), {1, SCMP_CMP_EQ, F_SETFL, 0}},
	/* Its own, which is what glibc's getrlimit() and setrlimit() are. */
	{SCMP_SYS(prlimit64), {0, SCMP_CMP_EQ, 0, 0}},
};

/* The maps that it was given. */
static const struct rule allowed_to_worker[] = {
	{SCMP_SYS(bpf), {0, SCMP_CMP_EQ, MAP_LOOKUP, 0}},
	{SCMP_SYS(bpf), {0, SCMP_CMP_EQ, MAP_UPDATE, 0}},
};

/* ---- keeper and attacher ---- */

static const int refused[] = {
	/* programs, and other processes' memory */
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(uselib), SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(process_madvise),
	SCMP_SYS(kcmp), SCMP_SYS(pidfd_getfd),
	/* mounts and namespaces */
	SCMP_SYS(mount), SCMP_SYS(umount), SCMP_SYS(umount2), SCMP_SYS(move_mount),
	SCMP_SYS(mount_setattr), SCMP_SYS(open_tree), SCMP_SYS(fsopen), SCMP_SYS(fsconfig),
	SCMP_SYS(fsmount), SCMP_SYS(fspick), SCMP_SYS(pivot_root), SCMP_SYS(chroot),
	SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(name_to_handle_at),
	SCMP_SYS(open_by_handle_at),
	/* the machine */
	SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module),
	SCMP_SYS(create_module), SCMP_SYS(query_module), SCMP_SYS(get_kernel_syms),
	SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(reboot), SCMP_SYS(swapon),
	SCMP_SYS(swapoff), SCMP_SYS(acct), SCMP_SYS(quotactl), SCMP_SYS(quotactl_fd),
	SCMP_SYS(nfsservctl), SCMP_SYS(_sysctl), SCMP_SYS(sysfs), SCMP_SYS(syslog),
	SCMP_SYS(vhangup), SCMP_SYS(sethostname), SCMP_SYS(setdomainname), SCMP_SYS(iopl),
	SCMP_SYS(ioperm), SCMP_SYS(modify_ldt), SCMP_SYS(personality), SCMP_SYS(lookup_dcookie),
	/* its clock */
	SCMP_SYS(settimeofday), SCMP_SYS(stime), SCMP_SYS(clock_settime), SCMP_SYS(clock_adjtime),
	SCMP_SYS(adjtimex),
	/* parts of the kernel that nothing here uses */
	SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(keyctl), SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register)};

static const int refused_to_keeper[] = {SCMP_SYS(bpf), SCMP_SYS(perf_event_open)};

static const struct rule refused_if[] = {
	{SCMP_SYS(clone), {0, SCMP_CMP_MASKED_EQ, CLONE_NEWNS, CLONE_NEWNS}},
	{SCMP_SYS(clone), {0, SCMP_CMP_MASKED_EQ, CLONE_NEWCGROUP, CLONE_NEWCGROUP}},
	{SCMP_SYS(clone), {0, SCMP_CMP_MASKED_EQ, CLONE_NEWUTS, CLONE_NEWUTS}},
	{SCMP_SYS(clone), {0, SCMP_CMP_MASKED_EQ, CLONE_NEWIPC, CLONE_NEWIPC}},
	{SCMP_SYS(clone), {0, SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER}},
	{SCMP_SYS(clone), {0, SCMP_CMP_MASKED_EQ, CLONE_NEWPID, CLONE_NEWPID}},
	{SCMP_SYS(clone), {0, SCMP_CMP_MASKED_EQ, CLONE_NEWNET, CLONE_NEWNET}},
	/* Input that a terminal did not get from its user. */
	{SCMP_SYS(ioctl), {1, SCMP_CMP_MASKED_EQ, UINT32_MAX, TIOCSTI}},
	{SCMP_SYS(ioctl), {1, SCMP_CMP_MASKED_EQ, UINT32_MAX, TIOCLINUX}},
};

static const unsigned int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

/* ---- rules ---- */

static int add_calls(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t n)
{
	int r = 0;

	for (size_t i = 0; !r && i < n; i++)
		r = seccomp_rule_add_array(filter, action, calls[i], 0, NULL);
	return r;
}

static int add_rules(scmp_filter_ctx filter, uint32_t action, const struct rule *rules, size_t n)
{
	int r = 0;

	for (size_t i = 0; !r && i < n; i++)
		r = seccomp_rule_add_array(filter, action, rules[i].call, 1, &rules[i].argument);
	return r;
}

static int add_rule(scmp_filter_ctx filter, uint32_t action, int call, unsigned int argument,
		    enum scmp_compare compare, uint64_t value)
{
	const struct rule rule = {call, {argument, compare, value, 0}};

	return add_rules(filter, action, &rule, 1);
}

/* Worker and finder. */
static int add_allowed(scmp_filter_ctx filter, enum sandbox_role role)
{
	int r = add_calls(filter, SCMP_ACT_ALLOW, allowed, COUNT(allowed));

	if (!r)
		r = add_rules(filter, SCMP_ACT_ALLOW, allowed_if, COUNT(allowed_if));
	/* abort() */
	if (!r)
		r = add_rule(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 0, SCMP_CMP_EQ,
			     (uint64_t)getpid());
	if (!r && role == SANDBOX_WORKER)
		r = add_rules(filter, SCMP_ACT_ALLOW, allowed_to_worker, COUNT(allowed_to_worker));
	return r;
}

/* The families of sockets that are not listed, and of netlink all but the routes. */
static int add_families(scmp_filter_ctx filter)
{
	static const struct scmp_arg_cmp netlink[] = {
		{0, SCMP_CMP_EQ, AF_NETLINK, 0},
		{2, SCMP_CMP_NE, NETLINK_ROUTE, 0},
	};
	unsigned int last = 0;
	int r = 0;

	for (size_t i = 0; !r && i < COUNT(families); last = families[i++] + 1)
		for (unsigned int family = last; !r && family < families[i]; family++)
			r = add_rule(filter, REFUSED, SCMP_SYS(socket), 0, SCMP_CMP_EQ, family);
	if (!r)
		r = add_rule(filter, REFUSED, SCMP_SYS(socket), 0, SCMP_CMP_GE, last);
	if (!r)
		r = seccomp_rule_add_array(filter, REFUSED, SCMP_SYS(socket), 2, netlink);
	return r;
}

/* Keeper and attacher. */
static int add_refused(scmp_filter_ctx filter, enum sandbox_role role)
{
	int r = add_calls(filter, REFUSED, refused, COUNT(refused));

	if (!r && role == SANDBOX_KEEPER)
		r = add_calls(filter, REFUSED, refused_to_keeper, COUNT(refused_to_keeper));
	if (!r)
		r = add_rules(filter, REFUSED, refused_if, COUNT(refused_if));
	/* Its flags can not be looked at; glibc then takes clone(). */
	if (!r)
		r = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0,
					   NULL);
	return r ? r : add_families(filter);
}

int sandbox_filter_load(enum sandbox_role role)
{
	bool closed = role == SANDBOX_WORKER || role == SANDBOX_FINDER;
	scmp_filter_ctx filter = seccomp_init(closed ? REFUSED : SCMP_ACT_ALLOW);
	int r;

	if (!filter)
		return -ENOMEM;
	r = closed ? add_allowed(filter, role) : add_refused(filter, role);
	if (!r)
		r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!r)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!r)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}
