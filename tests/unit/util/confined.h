/* SPDX-License-Identifier: Apache-2.0 */
/* Children that lock themselves in, and tell what was not as it should be. */
#ifndef TESTS_UNIT_UTIL_CONFINED_H
#define TESTS_UNIT_UTIL_CONFINED_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/quota.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/util/sandbox.h"
#include "tests/unit/test.h"

#define NOBODY 65534

/* Of a child: its end of the pipe to the parent. */
static int complaints = -1;

#define EXPECT(condition)                                                                 \
	do {                                                                              \
		if (!(condition))                                                         \
			dprintf(complaints, "\n  line %d: %s (%s)", __LINE__, #condition, \
				strerror(errno));                                         \
	} while (0)

/*
 * A call that fails with EPERM: its arguments are such that it does not without a filter. It is
 * made by number where a sanitizer would look at what the arguments point to.
 */
#define EXPECT_REFUSED(call)                                                                   \
	do {                                                                                   \
		long result_;                                                                  \
                                                                                               \
		errno = 0;                                                                     \
		result_ = (long)(call);                                                        \
		if (result_ != -1 || errno != EPERM)                                           \
			dprintf(complaints, "\n  line %d: %s gives %ld (%s)", __LINE__, #call, \
				result_, strerror(errno));                                     \
	} while (0)

/* Without the user's change, the filter alone is what refuses. */
static inline void lock(enum sandbox_role role, bool become)
{
	int r = become ? sandbox_become(NOBODY, NOBODY) : 0;

	if (!r)
		r = sandbox_lock(role);
	if (r < 0) {
		dprintf(complaints, "\n  it can not be locked: %s", strerror(-r));
		_exit(1);
	}
}

/* ---- what keeper and attacher are refused ---- */

static inline void expect_no_programs(void)
{
	char *const arguments[] = {"true", NULL};
	struct iovec part = {0};
	long pid;

	EXPECT_REFUSED(execve("/bin/true", arguments, arguments + 1));
	EXPECT_REFUSED(syscall(SYS_execveat, 0, "", arguments, arguments + 1, AT_EMPTY_PATH));
	EXPECT_REFUSED(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
	EXPECT_REFUSED(process_vm_readv(getppid(), &part, 1, &part, 1, 0));
	EXPECT_REFUSED(process_vm_writev(getppid(), &part, 1, &part, 1, 0));
	EXPECT_REFUSED(syscall(SYS_pidfd_getfd, 0, 0, 0));
	EXPECT_REFUSED(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
	EXPECT_REFUSED(syscall(SYS_clone, CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0));
	EXPECT_REFUSED(syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0));
	errno = 0;
	pid = syscall(SYS_clone3, NULL, 0);
	EXPECT(pid == -1 && errno == ENOSYS);
}

static inline void expect_no_mounts(void)
{
	EXPECT_REFUSED(syscall(SYS_mount, NULL, NULL, NULL, 0, NULL));
	EXPECT_REFUSED(umount2("", 0));
	EXPECT_REFUSED(syscall(SYS_pivot_root, NULL, NULL));
	EXPECT_REFUSED(syscall(SYS_fsopen, NULL, 0));
	EXPECT_REFUSED(syscall(SYS_fsmount, -1, 0, 0));
	EXPECT_REFUSED(syscall(SYS_open_tree, -1, NULL, 0));
	EXPECT_REFUSED(syscall(SYS_move_mount, -1, NULL, -1, NULL, 0));
	EXPECT_REFUSED(chroot("/"));
	EXPECT_REFUSED(unshare(0));
	EXPECT_REFUSED(setns(-1, 0));
	EXPECT_REFUSED(syscall(SYS_name_to_handle_at, -1, NULL, NULL, NULL, 0));
	EXPECT_REFUSED(syscall(SYS_open_by_handle_at, -1, NULL, 0));
}

static inline void expect_no_machine(void)
{
	struct timex nothing = {0};

	EXPECT_REFUSED(syscall(SYS_init_module, NULL, 0, NULL));
	EXPECT_REFUSED(syscall(SYS_finit_module, -1, NULL, 0));
	EXPECT_REFUSED(syscall(SYS_delete_module, NULL, 0));
	EXPECT_REFUSED(syscall(SYS_kexec_load, 0, 17, NULL, 0));
	EXPECT_REFUSED(syscall(SYS_kexec_file_load, -1, -1, 0, NULL, 0));
	EXPECT_REFUSED(reboot(0));
	EXPECT_REFUSED(swapon("", 0));
	EXPECT_REFUSED(swapoff(""));
	EXPECT_REFUSED(syscall(SYS_settimeofday, NULL, NULL));
	EXPECT_REFUSED(syscall(SYS_clock_settime, 99, NULL));
	EXPECT_REFUSED(adjtimex(&nothing));
	EXPECT_REFUSED(acct(""));
	EXPECT_REFUSED(quotactl(0, NULL, 0, NULL));
	EXPECT_REFUSED(syscall(SYS_syslog, 10, NULL, 0));
	EXPECT_REFUSED(syscall(SYS_personality, 0xffffffff));
#ifdef __x86_64__
	EXPECT_REFUSED(syscall(SYS_iopl, 0));
	EXPECT_REFUSED(syscall(SYS_ioperm, 0, 0, 0));
#endif
	EXPECT_REFUSED(syscall(SYS_add_key, NULL, NULL, NULL, 0, 0));
	EXPECT_REFUSED(syscall(SYS_request_key, NULL, NULL, NULL, 0));
	EXPECT_REFUSED(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
	EXPECT_REFUSED(syscall(SYS_userfaultfd, 0));
	EXPECT_REFUSED(syscall(SYS_io_uring_setup, 0, NULL));
	EXPECT_REFUSED(syscall(SYS_io_uring_enter, -1, 0, 0, 0, NULL, 0));
	EXPECT_REFUSED(syscall(SYS_io_uring_register, -1, 0, NULL, 0));
}

/* The upper half of an argument that the kernel takes as 32 bits. */
#define UPPER 0x100000000ul

static inline void expect_few_sockets(void)
{
	static const int allowed[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

	for (int family = 0; family < 48; family++) {
		bool is_allowed = false;
		int fd;

		for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed); i++)
			is_allowed = is_allowed || allowed[i] == family;
		if (is_allowed) {
			/* A kernel without IPv6 has another reason. */
			fd = socket(family, SOCK_DGRAM, 0);
			EXPECT(fd >= 0 || errno == EAFNOSUPPORT);
			close(fd);
			continue;
		}
		EXPECT_REFUSED(socket(family, SOCK_DGRAM, 0));
		EXPECT_REFUSED(syscall(SYS_socket, UPPER | (unsigned int)family, SOCK_DGRAM, 0));
	}
	EXPECT_REFUSED(socket(AF_NETLINK, SOCK_DGRAM, 16)); /* NETLINK_GENERIC */
	EXPECT_REFUSED(ioctl(-1, TIOCSTI, ""));
	EXPECT_REFUSED(syscall(SYS_ioctl, -1, UPPER | TIOCSTI, ""));
}

static inline void expect_system_refused(void)
{
	expect_no_programs();
	expect_no_mounts();
	expect_no_machine();
	expect_few_sockets();
}

/* ---- children ---- */

struct confined {
	pid_t pid;
	int told;  /* what it complains of */
	int until; /* the child may wait until this end is closed: confined_wait() */
};

static int wait_end = -1;

/* @fn: what the child does; it locks itself. */
static inline void confined_start(struct confined *child, void (*fn)(void *context), void *context)
{
	int out[2], in[2];

	if (geteuid())
		SKIP("needs root");
	CHECK(!pipe(out) && !pipe(in));
	fflush(stdout);
	child->pid = fork();
	CHECK(child->pid >= 0);
	if (!child->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(out[0]);
		close(in[1]);
		complaints = out[1];
		wait_end = in[0];
		fn(context);
		_exit(0);
	}
	close(out[1]);
	close(in[0]);
	child->told = out[0];
	child->until = in[1];
}

/* In the child: say that it has come so far, and wait for the parent. */
static inline void confined_pause(void)
{
	char byte = '!';

	if (write(complaints, &byte, 1) == 1 && read(wait_end, &byte, 1) < 0)
		_exit(1);
}

/* In the parent: until the child pauses. What it complains of before is left for the end. */
static inline void confined_until_pause(const struct confined *child)
{
	char byte = 0;

	CHECK(read(child->told, &byte, 1) == 1);
	CHECK_INT(byte, '!');
}

/* Let it go on, and return its status; a complaint fails the case. */
static inline int confined_end(struct confined *child)
{
	char text[8192];
	size_t length = 0;
	ssize_t n;
	int status = 0;

	close(child->until);
	while (length < sizeof(text) - 1 &&
	       (n = read(child->told, text + length, sizeof(text) - 1 - length)) > 0)
		length += (size_t)n;
	text[length] = '\0';
	close(child->told);
	CHECK(waitpid(child->pid, &status, 0) == child->pid);
	if (length)
		test_fail(__FILE__, __LINE__, "the child:%s", text);
	return status;
}

static inline void confined_run(void (*fn)(void *context), void *context)
{
	struct confined child;

	confined_start(&child, fn, context);
	CHECK_INT(confined_end(&child), 0);
}

/* A line of /proc/PID/status without its name and blanks. */
static inline void confined_status(pid_t pid, const char *name, char *value, size_t size)
{
	char path[64], line[512];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	CHECK(file);
	value[0] = '\0';
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, strlen(name)) != 0 || line[strlen(name)] != ':')
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(value, size, "%s",
			 line + strlen(name) + 1 + strspn(line + strlen(name) + 1, " \t"));
	}
	fclose(file);
}

static inline uint64_t confined_capabilities(pid_t pid, const char *name)
{
	char value[64];

	confined_status(pid, name, value, sizeof(value));
	CHECK(value[0]);
	return strtoull(value, NULL, 16);
}

#endif
