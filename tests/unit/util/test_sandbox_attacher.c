/* SPDX-License-Identifier: Apache-2.0 */
/* The attacher keeps some capabilities, and makes children that keep none. */
#include <linux/capability.h>
#include <netinet/in.h>
#include <sys/resource.h>

#include "tests/unit/util/confined.h"

/* What placing probes needs, signals, a high priority, and making children that keep nothing. */
#define KEPT                                                                                      \
	(1ull << CAP_BPF | 1ull << CAP_PERFMON | 1ull << CAP_SYS_ADMIN | 1ull << CAP_SYS_PTRACE | \
	 1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_KILL | 1ull << CAP_SETUID |                    \
	 1ull << CAP_SETGID | 1ull << CAP_SETPCAP | 1ull << CAP_SYS_NICE)

static void lock_and_wait(void *context)
{
	lock(SANDBOX_ATTACHER, false);
	confined_pause();
}

TEST(some_capabilities_are_kept)
{
	uint64_t had = confined_capabilities(getpid(), "CapPrm");
	uint64_t bounding = confined_capabilities(getpid(), "CapBnd");
	struct confined child;
	char value[64];

	confined_start(&child, lock_and_wait, NULL);
	confined_until_pause(&child);
	CHECK_INT(confined_capabilities(child.pid, "CapPrm"), had & KEPT);
	CHECK_INT(confined_capabilities(child.pid, "CapEff"), had & KEPT);
	CHECK_INT(confined_capabilities(child.pid, "CapBnd"), bounding & KEPT);
	CHECK_INT(confined_capabilities(child.pid, "CapInh"), 0);
	CHECK_INT(confined_capabilities(child.pid, "CapAmb"), 0);
	confined_status(child.pid, "NoNewPrivs", value, sizeof(value));
	CHECK_TEXT(value, "1");
	confined_status(child.pid, "Seccomp", value, sizeof(value));
	CHECK_TEXT(value, "2");
	CHECK_INT(confined_end(&child), 0);
}

/* Some of what only root can do, by capabilities that are not kept. */
static void try_all(void *context)
{
	bool hurries = confined_capabilities(getpid(), "CapEff") & 1ull << CAP_SYS_NICE;
	FILE *file = tmpfile();

	EXPECT(file);
	lock(SANDBOX_ATTACHER, false);
	expect_system_refused();
	EXPECT_REFUSED(fchown(fileno(file), 1, 1));
	EXPECT_REFUSED(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
	EXPECT(!hurries || setpriority(PRIO_PROCESS, 0, -20) == 0);
}

TEST(attacher_is_refused)
{
	confined_run(try_all, NULL);
}

static void try_as_child(void)
{
	char *const arguments[] = {"true", NULL};
	uid_t real, effective, saved;

	EXPECT(!sandbox_become(NOBODY, NOBODY) && !sandbox_lock(SANDBOX_FINDER));
	EXPECT(getuid() == NOBODY && geteuid() == NOBODY && getgid() == NOBODY);
	EXPECT_REFUSED(getresuid(&real, &effective, &saved));
	EXPECT_REFUSED(open("/dev/null", O_RDONLY));
	EXPECT_REFUSED(setuid(0));
	EXPECT_REFUSED(execve("/bin/true", arguments, arguments + 1));
	EXPECT_REFUSED(syscall(SYS_bpf, 0, NULL, 0));
}

static void make_child(void *context)
{
	int status = 0;
	pid_t child;

	lock(SANDBOX_ATTACHER, false);
	child = fork();
	EXPECT(child >= 0);
	if (!child) {
		try_as_child();
		confined_pause();
		_exit(0);
	}
	EXPECT(waitpid(child, &status, 0) == child && status == 0);
}

static pid_t child_of(pid_t pid)
{
	char path[64];
	int child = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	file = fopen(path, "re");
	CHECK(file);
	CHECK_INT(fscanf(file, "%d", &child), 1);
	fclose(file);
	return child;
}

TEST(children_of_the_attacher_are_locked_further)
{
	static const char *const sets[] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};
	struct confined child;
	pid_t grandchild;

	confined_start(&child, make_child, NULL);
	confined_until_pause(&child);
	grandchild = child_of(child.pid);
	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++)
		CHECK_INT(confined_capabilities(grandchild, sets[i]), 0);
	CHECK_INT(confined_end(&child), 0);
}

TEST_MAIN()
