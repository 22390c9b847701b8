/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of processes, and which libraries a program will load. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/attach/libs.h"
#include "agent/attach/proc.h"
#include "agent/limits.h"
#include "agent/util/procfs.h"
#include "agent/util/record_check.h"
#include "tests/unit/test.h"

#define PATIENCE_S 20

/* The kernel names the program before it has laid its arguments out: till then there are none. */
static bool has_begun(pid_t pid)
{
	struct buffer arguments;
	char path[256];
	bool begun;

	buffer_init(&arguments, LIMIT_PROC_RECORD);
	begun = procfs_exe(pid, path, sizeof(path)) > 0 && strstr(path, "sleep") &&
		!procfs_read(pid, "cmdline", &arguments) && arguments.length;
	buffer_free(&arguments);
	return begun;
}

/* A program with these arguments and this environment, stopped before it is of any use. */
static pid_t start_program(char *const arguments[], char *const environment[])
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execve("/bin/sleep", arguments, environment);
		_exit(127);
	}
	for (time_t until = time(NULL) + PATIENCE_S; !has_begun(pid) && time(NULL) < until;)
		usleep(1000);
	return pid;
}

static void end_program(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST(record_of_a_process)
{
	char *arguments[] = {"a b", "1000", NULL};
	char *environment[] = {"SECRET_KEY=sk-x", "OTEL_SERVICE_NAME=my service", NULL};
	pid_t pid = start_program(arguments, environment);
	size_t offset = sizeof(struct cr_proc), length, n_arguments = 0, n_variables = 0;
	const struct cr_proc *proc;
	const char *text;
	struct buffer record;
	unsigned int tag;
	bool exe = false, comm = false;

	buffer_init(&record, LIMIT_PROC_RECORD);
	CHECK_INT(proc_record(pid, CR_PROC_ROOT, &record), 0);
	end_program(pid);
	proc = (const struct cr_proc *)record.data;
	CHECK_INT(record_check(&proc->head, record.length), 0);
	CHECK_INT(proc->process.pid, pid);
	CHECK_INT(proc->parent.pid, getpid());
	CHECK_INT(proc->uid, geteuid());
	CHECK_INT(proc->flags, CR_PROC_ROOT | CR_PROC_HAS_UID);
	CHECK(proc->process.start >= proc->parent.start && proc->parent.start > 0);
	while ((text = record_field_next(&proc->head, &offset, &tag, &length))) {
		if (tag == CR_FIELD_EXE)
			exe = memmem(text, length, "sleep", 5);
		if (tag == CR_FIELD_COMM)
			comm = length == 5 && !memcmp(text, "sleep", 5);
		if (tag == CR_FIELD_ARG) {
			const char *expected = arguments[n_arguments++];

			CHECK(length == strlen(expected) && !memcmp(text, expected, length));
		}
		if (tag == CR_FIELD_ENV) {
			CHECK(length == strlen(environment[1]) &&
			      !memcmp(text, environment[1], length));
			n_variables++;
		}
	}
	CHECK(exe && comm);
	CHECK_INT(n_arguments, 2);
	CHECK_INT(n_variables, 1);
	buffer_free(&record);
}

TEST(process_that_is_gone)
{
	struct procfs_stat stat;
	struct buffer record;
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	buffer_init(&record, LIMIT_PROC_RECORD);
	CHECK(procfs_stat(pid, &stat) < 0);
	CHECK(proc_record(pid, 0, &record) < 0);
	CHECK_INT(record.length, 0);
	buffer_free(&record);
}

TEST(name_with_brackets)
{
	char old[16];
	struct procfs_stat stat;

	prctl(PR_GET_NAME, old);
	prctl(PR_SET_NAME, "a) R 1 (b");
	CHECK_INT(procfs_stat(getpid(), &stat), 0);
	prctl(PR_SET_NAME, old);
	CHECK_TEXT(stat.comm, "a) R 1 (b");
	CHECK_INT(stat.parent, getppid());
	CHECK(stat.start > 1);
}

static int find_child(void *context, pid_t child)
{
	return child == *(pid_t *)context;
}

TEST(children_of_a_process)
{
	pid_t pid = fork();

	if (!pid) {
		pause();
		_exit(0);
	}
	CHECK_INT(procfs_children(getpid(), find_child, &pid), 1);
	end_program(pid);
	CHECK_INT(procfs_children(getpid(), find_child, &pid), 0);
}

static int find_code(void *context, const struct procfs_mapping *mapping)
{
	uint64_t address = *(uint64_t *)context;

	return address >= mapping->start && address < mapping->end && mapping->inode &&
	       strstr(mapping->path, "test_proc");
}

TEST(mappings_of_a_process)
{
	uint64_t here = (uintptr_t)find_code;

	CHECK_INT(procfs_mappings(getpid(), find_code, &here), 1);
}

TEST(internet_sockets)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int listener, client, before = procfs_has_internet_socket(getpid());

	CHECK_INT(before, 0);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(!bind(listener, (struct sockaddr *)&address, sizeof(address)));
	CHECK(!listen(listener, 1));
	CHECK_INT(procfs_has_internet_socket(getpid()), 0);
	CHECK(!getsockname(listener, (struct sockaddr *)&address, &length));
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(!connect(client, (struct sockaddr *)&address, sizeof(address)));
	CHECK_INT(procfs_has_internet_socket(getpid()), 1);
	close(client);
	close(listener);
}

struct seen {
	const char *wanted;
	ino_t inode;
	bool found;
};

static int note(void *context, const char *path)
{
	struct seen *seen = context;
	struct stat st;

	if (!stat(path, &st) && st.st_ino == seen->inode)
		seen->found = true;
	return 0;
}

static int note_name(void *context, const char *path)
{
	struct seen *seen = context;

	if (strstr(path, seen->wanted))
		seen->found = true;
	return 0;
}

TEST(system_libraries)
{
	void *handle = dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL);
	struct seen seen = {0};
	struct stat st;
	Dl_info info;

	if (!handle)
		SKIP("no libssl.so.3");
	CHECK(dladdr(dlsym(handle, "SSL_read"), &info) && !stat(info.dli_fname, &st));
	seen.inode = st.st_ino;
	CHECK_INT(libs_known(NULL, note, &seen), 0);
	CHECK(seen.found);
	dlclose(handle);
}

TEST(folder_of_the_library_path)
{
	char folder[] = "/tmp/tollspan-test-XXXXXX", list[128], path[128];
	struct seen seen = {0};
	struct stat st;
	FILE *file;

	CHECK(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/libssl.so.9", folder);
	file = fopen(path, "w");
	CHECK(file && !fclose(file) && !stat(path, &st));
	seen.inode = st.st_ino;
	snprintf(list, sizeof(list), "/nowhere::%s", folder);
	CHECK_INT(libs_known(list, note, &seen), 0);
	unlink(path);
	rmdir(folder);
	CHECK(seen.found);
}

TEST(libraries_of_this_program)
{
	struct seen program = {.wanted = "test_proc"}, library = {.wanted = "/libelf.so"};

	/* It is linked with libelf, as the loader of this process can tell. */
	CHECK(dlopen("libelf.so.1", RTLD_NOW | RTLD_NOLOAD));
	CHECK_INT(libs_of("/proc/self/exe", NULL, note_name, &program), 0);
	CHECK_INT(libs_of("/proc/self/exe", NULL, note_name, &library), 0);
	CHECK(program.found && library.found);
}

static int count(void *context, const char *path)
{
	(*(unsigned int *)context)++;
	return 0;
}

/* A list of folders, of an environment or of a file, that would have paths tried without end. */
TEST(lookups_are_bounded)
{
	size_t n = LIMIT_LIBRARY_LOOKUPS + 1;
	unsigned int all = 0, some = 0;
	char *list = malloc(3 * n + 1);

	CHECK(list);
	for (size_t i = 0; i < n; i++)
		memcpy(list + 3 * i, "/~:", 4);
	CHECK_INT(libs_of("/proc/self/exe", NULL, count, &all), 0);
	CHECK_INT(libs_of("/proc/self/exe", list, count, &some), 0);
	free(list);
	CHECK(all > 1);
	CHECK_INT(some, 1);
}

TEST(interpreter_of_a_script)
{
	char folder[] = "/tmp/tollspan-test-XXXXXX", path[128];
	struct seen seen = {.wanted = "/sleep"};
	FILE *file;

	CHECK(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/script", folder);
	file = fopen(path, "w");
	CHECK(file);
	fputs("#! /usr/bin/env sleep\n", file);
	CHECK(!fclose(file));
	CHECK_INT(libs_of(path, NULL, note_name, &seen), 0);
	unlink(path);
	rmdir(folder);
	CHECK(seen.found);
}

TEST(program_that_is_not_there)
{
	struct seen seen = {.wanted = ""};

	CHECK_INT(libs_of("/nowhere/nothing", NULL, note_name, &seen), 0);
	CHECK_INT(libs_of("no-such-program-anywhere", NULL, note_name, &seen), 0);
	CHECK(!seen.found);
}

TEST_MAIN()
