/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are locked, full, damaged, another's or read-only. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/ledger/file.h"

/* Another program that does not let go of the file stalls a writer once, not at each event. */
TEST(a_locked_file_is_waited_for_once)
{
	struct timespec begin, end;
	struct ledger *ledger;
	struct example example;
	sqlite3 *other;

	make_folder();
	ledger = open_ledger("run");
	CHECK_INT(sqlite3_open(path, &other), SQLITE_OK);
	CHECK_INT(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (uint64_t i = 1; i <= 20; i++) {
		example_make(&example, i);
		CHECK_INT(ledger_write_call(ledger, &example.event), -EBUSY);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	CHECK(end.tv_sec - begin.tv_sec < 10);
	CHECK_INT(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	write_example(ledger, 21);
	ledger_close(ledger);
	CHECK_TEXT(query("SELECT count(*) FROM call"), "1");
	remove_folder();
}

/* An event that fails in its midst leaves nothing, and takes the others of its transaction along;
 * one that fails before it wrote takes none. */
TEST(what_an_event_that_fails_takes_along_is_counted)
{
	struct ledger *ledger;
	struct example example;

	make_folder();
	ledger = open_ledger("run");
	query("CREATE TRIGGER no_third BEFORE INSERT ON charge"
	      " WHEN (SELECT position FROM call WHERE id = NEW.call) = 3"
	      " BEGIN SELECT raise(ABORT, 'no'); END");
	write_example(ledger, 1);
	CHECK_INT(ledger_commit(ledger), 0);
	write_example(ledger, 2);
	example_make(&example, 1);
	example.event.response_model = "another";
	CHECK_INT(ledger_write_call(ledger, &example.event), -EALREADY);
	CHECK_INT(ledger_lost(ledger), 0);
	example_make(&example, 3);
	CHECK(ledger_write_call(ledger, &example.event) < 0);
	CHECK_INT(ledger_lost(ledger), 3); /* a process, a call, and what changed nothing */
	write_example(ledger, 4);
	CHECK(ledger_commit(ledger) < 0);
	ledger_close(ledger);
	CHECK_TEXT(query("SELECT group_concat(position) FROM call"), "1,4");
	CHECK_TEXT(query("SELECT count(*) FROM charge"), "4");
	remove_folder();
}

/* Writes until it fails. What was accepted is then in the file, or counted as lost. */
static int fill(struct ledger *ledger, int expected)
{
	uint64_t accepted = 0, lost;
	struct example example;
	int r = 0;

	for (uint64_t i = 1; i < 5000 && r == 0; i++) {
		example_make(&example, i);
		r = ledger_write_call(ledger, &example.event);
		accepted += r == 0;
		if (i % 16 == 0 && r == 0)
			r = ledger_commit(ledger);
	}
	ledger_commit(ledger);
	lost = ledger_lost(ledger);
	ledger_close(ledger);
	if (r != expected)
		return 2;
	return strtoull(query("SELECT count(*) FROM call"), NULL, 10) + lost == accepted ? 0 : 3;
}

static void child_passes_its_limit(void)
{
	struct rlimit limit = {.rlim_cur = 256 * 1024, .rlim_max = 256 * 1024};
	struct ledger *ledger = open_ledger("run");

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	_exit(fill(ledger, -EIO));
}

TEST(a_file_that_may_not_grow_is_an_error_and_what_it_took_is_counted)
{
	struct ledger *ledger;
	int status;
	pid_t child;

	make_folder();
	child = fork();
	if (child == 0)
		child_passes_its_limit();
	CHECK_INT(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), 0);
	ledger = open_ledger("run");
	write_example(ledger, 100000);
	ledger_close(ledger);
	CHECK_TEXT(query("PRAGMA integrity_check"), "ok");
	remove_folder();
}

#define NO_MOUNT 77

/* On a small file system that only this child sees. */
static void child_fills_a_disk(void)
{
	int status;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tollspan", folder, "tmpfs", 0, "size=1m"))
		_exit(NO_MOUNT);
	status = fill(open_ledger("run"), -ENOSPC);
	if (status == 0 && strcmp(query("PRAGMA integrity_check"), "ok"))
		status = 4;
	umount(folder);
	_exit(status);
}

TEST(a_full_disk_is_an_error_and_what_it_took_is_counted)
{
	int status;
	pid_t child;

	make_folder();
	child = fork();
	if (child == 0)
		child_fills_a_disk();
	CHECK_INT(waitpid(child, &status, 0), child);
	remove_folder();
	CHECK(WIFEXITED(status));
	if (WEXITSTATUS(status) == NO_MOUNT)
		SKIP("no small file system can be mounted here");
	CHECK_INT(WEXITSTATUS(status), 0);
}

TEST(a_file_that_is_no_ledger_is_refused)
{
	struct ledger *ledger = NULL;
	char error[256] = "";
	FILE *file;

	make_folder();
	snprintf(path, sizeof(path), "%s/ledger.db", folder);
	file = fopen(path, "w");
	CHECK(file);
	for (int i = 0; i < 1000; i++)
		fputs("this is not a database ", file);
	fclose(file);
	CHECK_INT(ledger_open(&ledger, path, error, sizeof(error)), -EBADMSG);
	CHECK(strstr(error, "damaged"));
	CHECK_INT(ledger_open_readonly(&ledger, path, error, sizeof(error)), -EBADMSG);
	CHECK_INT(ledger_open(&ledger, path, NULL, 0), -EBADMSG);
	CHECK(!ledger);
	unlink(path);
	rmdir(folder);
}

TEST(another_programs_database_is_left_alone)
{
	struct ledger *ledger = NULL;
	char error[256] = "";
	sqlite3 *db;

	make_folder();
	snprintf(path, sizeof(path), "%s/ledger.db", folder);
	CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
	CHECK_INT(
		sqlite3_exec(db, "CREATE TABLE x (a); INSERT INTO x VALUES (1)", NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	CHECK_INT(ledger_open(&ledger, path, error, sizeof(error)), -EBADMSG);
	CHECK(strstr(error, "something else"));
	CHECK_TEXT(query("SELECT name FROM sqlite_schema"), "x");
	CHECK_TEXT(query("PRAGMA journal_mode"), "delete");
	unlink(path);
	rmdir(folder);
}

TEST(a_newer_ledger_is_refused)
{
	struct ledger *ledger;
	char error[256] = "";

	make_folder();
	ledger_close(open_ledger("run"));
	query("PRAGMA user_version = 99");
	CHECK_INT(ledger_open(&ledger, path, error, sizeof(error)), -ENOTSUP);
	CHECK(strstr(error, "newer"));
	CHECK_INT(ledger_open_readonly(&ledger, path, error, sizeof(error)), -ENOTSUP);
	remove_folder();
}

/* Every page of the file damaged in turn: an error or an answer, never a crash. */
TEST(damage_is_no_crash)
{
	struct process_event process = example_process(43, 1100);
	struct ledger *ledger;
	struct stat status;
	int fd;

	make_folder();
	ledger = open_ledger("run");
	for (uint64_t i = 1; i < 40; i++)
		write_example(ledger, i);
	ledger_close(ledger);
	CHECK_INT(stat(path, &status), 0);
	for (off_t at = 0; at < status.st_size; at += 4096) {
		static char page[4096], noise[4096];
		struct example example;
		int64_t writer;

		memset(noise, 0xa5, sizeof(noise));
		fd = open(path, O_RDWR);
		CHECK_INT(pread(fd, page, sizeof(page), at), sizeof(page));
		CHECK_INT(pwrite(fd, noise, sizeof(noise), at), sizeof(noise));
		close(fd);
		if (ledger_open(&ledger, path, NULL, 0) == 0) {
			ledger_begin_writer(ledger, "run", "0", 1, &writer);
			example_make(&example, 7);
			ledger_write_process(ledger, &process);
			ledger_write_call(ledger, &example.event);
			ledger_close(ledger);
		}
		fd = open(path, O_RDWR);
		CHECK_INT(pwrite(fd, page, sizeof(page), at), sizeof(page));
		close(fd);
	}
	remove_folder();
}

TEST(a_missing_ledger_says_what_to_do)
{
	struct ledger *ledger;
	char error[256] = "";

	CHECK_INT(ledger_open_readonly(&ledger, "/nonexistent/ledger.db", error, sizeof(error)),
		  -ENOENT);
	CHECK(strstr(error, "tollspan run"));
}

TEST(readers_write_nothing)
{
	struct ledger *ledger;
	struct example example;

	make_folder();
	ledger = open_ledger("run");
	write_example(ledger, 1);
	ledger_close(ledger);
	CHECK_INT(ledger_open_readonly(&ledger, path, NULL, 0), 0);
	example_make(&example, 2);
	CHECK_INT(ledger_write_call(ledger, &example.event), -EROFS);
	ledger_close(ledger);
	CHECK_TEXT(query("SELECT count(*) FROM call"), "1");
	remove_folder();
}

/* As nobody, to whom file and folder are read-only; root may write to anything. */
static void child_reads(void)
{
	struct ledger *ledger;
	char error[256];
	int r;

	if (setgid(65534) || setuid(65534))
		_exit(9);
	r = ledger_open(&ledger, path, error, sizeof(error));
	if (r != -EACCES && r != -EROFS)
		_exit(2);
	r = ledger_open_readonly(&ledger, path, error, sizeof(error));
	if (r < 0)
		_exit(3);
	ledger_close(ledger);
	_exit(0);
}

TEST(a_read_only_file_is_read)
{
	int status;
	pid_t child;

	if (geteuid())
		SKIP("only root can become another user");
	make_folder();
	snprintf(path, sizeof(path), "%s/ledger.db", folder);
	ledger_close(open_ledger("run"));
	chmod(path, 0444);
	chmod(folder, 0555);
	child = fork();
	if (child == 0)
		child_reads();
	CHECK_INT(waitpid(child, &status, 0), child);
	chmod(folder, 0755);
	unlink(path);
	CHECK_INT(rmdir(folder), 0);
	CHECK_INT(WEXITSTATUS(status), 0);
}

TEST(the_file_is_the_users_own)
{
	struct stat status;

	make_folder();
	ledger_close(open_ledger("run"));
	CHECK_INT(stat(path, &status), 0);
	CHECK_INT(status.st_mode & 07777, 0600);
	CHECK_TEXT(query("PRAGMA journal_mode"), "wal");
	snprintf(path, sizeof(path), "%s/a", folder);
	CHECK_INT(stat(path, &status), 0);
	CHECK_INT(status.st_mode & 07777, 0700);
	remove_folder();
}

TEST_MAIN()
