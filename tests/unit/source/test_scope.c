/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes, held against living processes of our own. */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/source/ebpf_scope.h"
#include "agent/util/procfs.h"
#include "tests/unit/test.h"

#define PATIENCE_S 20

static char folder[64];

/* A copy of sleep(1) under a name of our own. */
static pid_t start_program(const char *name, char *path, size_t size)
{
	char command[512];
	pid_t pid;

	snprintf(folder, sizeof(folder), "/tmp/tollspan-test-XXXXXX");
	CHECK(mkdtemp(folder));
	snprintf(path, size, "%s/%s", folder, name);
	snprintf(command, sizeof(command), "cp \"$(command -v sleep)\" %s", path);
	CHECK_INT(system(command), 0);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(path, name, "60", (char *)NULL);
		_exit(127);
	}
	for (time_t until = time(NULL) + PATIENCE_S; time(NULL) < until; usleep(10000)) {
		char exe[LIMIT_PATH] = "";

		if (procfs_exe(pid, exe, sizeof(exe)) > 0 && !strcmp(exe, path))
			break;
	}
	return pid;
}

static void end_program(pid_t pid, const char *path)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	unlink(path);
	rmdir(folder);
}

TEST(nothing_named_holds_everything)
{
	struct ebpf_scope scope = {0};

	CHECK(ebpf_scope_holds(&scope, getpid()));
}

TEST(executables_by_path_and_by_name)
{
	char path[128];
	pid_t pid = start_program("napper", path, sizeof(path));
	struct ebpf_scope by_path = {.exes = {"/bin/no-such", path}, .n_exes = 2};
	struct ebpf_scope by_name = {.exes = {"napper"}, .n_exes = 1};
	struct ebpf_scope by_part = {.exes = {"nap", "/napper"}, .n_exes = 2};

	CHECK(ebpf_scope_holds(&by_path, pid));
	CHECK(ebpf_scope_holds(&by_name, pid));
	CHECK(!ebpf_scope_holds(&by_part, pid));
	CHECK(!ebpf_scope_holds(&by_path, getpid()));
	/* Its file may be replaced while it runs. */
	CHECK_INT(unlink(path), 0);
	CHECK(ebpf_scope_holds(&by_path, pid));
	CHECK(ebpf_scope_holds(&by_name, pid));
	end_program(pid, path);
}

TEST(users)
{
	struct ebpf_scope own = {.uids = {4242, geteuid()}, .n_uids = 2};
	struct ebpf_scope other = {.uids = {geteuid() + 1}, .n_uids = 1};

	CHECK(ebpf_scope_holds(&own, getpid()));
	CHECK(!ebpf_scope_holds(&other, getpid()));
}

TEST(of_several_kinds_each_must_hold)
{
	char exe[LIMIT_PATH];
	struct ebpf_scope both = {.uids = {geteuid()}, .n_uids = 1, .exes = {exe}, .n_exes = 1};

	CHECK(procfs_exe(getpid(), exe, sizeof(exe)) > 0);
	CHECK(ebpf_scope_holds(&both, getpid()));
	both.uids[0]++;
	CHECK(!ebpf_scope_holds(&both, getpid()));
	both.uids[0]--;
	both.exes[0] = "/bin/no-such";
	CHECK(!ebpf_scope_holds(&both, getpid()));
}

TEST(cgroups_with_what_is_below)
{
	char path[LIMIT_PATH], longer[LIMIT_PATH + 2];
	struct ebpf_scope scope = {.cgroups = {"/"}, .n_cgroups = 1};

	if (procfs_cgroup(getpid(), path, sizeof(path)) < 0)
		SKIP("there is no cgroup v2");
	CHECK(ebpf_scope_holds(&scope, getpid()));
	scope.cgroups[0] = path;
	CHECK(ebpf_scope_holds(&scope, getpid()));
	snprintf(longer, sizeof(longer), "%sx", path);
	scope.cgroups[0] = longer;
	CHECK(!ebpf_scope_holds(&scope, getpid()));
}

TEST(tollspan_is_known_under_its_name)
{
	char path[128];
	pid_t pid = start_program("tollspan", path, sizeof(path));

	CHECK(ebpf_scope_is_own(pid));
	CHECK(ebpf_scope_is_own(getpid()));
	end_program(pid, path);
	pid = start_program("tollspanner", path, sizeof(path));
	CHECK(!ebpf_scope_is_own(pid));
	end_program(pid, path);
}

TEST(a_process_that_is_gone)
{
	struct ebpf_scope scope = {.uids = {geteuid()}, .n_uids = 1};
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	CHECK(!ebpf_scope_holds(&scope, pid));
	CHECK(!ebpf_scope_is_own(pid));
}

TEST_MAIN()
