/* SPDX-License-Identifier: Apache-2.0 */
/* Writer and exporter, each killed at moments of chance; after each the file is whole. */
#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>

#include "agent/ledger/spool.h"
#include "agent/util/clock.h"
#include "tests/unit/ledger/file.h"

#define URL "http://collector.example:4318/v1/traces"
#define LAST "coalesce((SELECT max(sequence) FROM export), cursor)"
#define KILLS 50
#define LIVES_US 30000 /* at most, a kill's victim */
#define PATIENCE_NS (40 * NS_PER_SECOND)

static unsigned int seed;

/* Small steps: a transaction of a few calls, with calls left open in between. Tells of each. */
static void child_settles(uint64_t from, int to)
{
	struct ledger *ledger = open_ledger("run");
	struct example example;

	if (ledger_export(ledger, URL) < 0)
		_exit(1);
	for (uint64_t i = from;; i++) {
		example_make(&example, i);
		example.event.type = CALL_BEGIN;
		if (i % 3 == 0 && ledger_write_call(ledger, &example.event) < 0)
			_exit(1);
		write_example(ledger, i);
		if (i % 5 == 0 && (ledger_commit(ledger) < 0 || write(to, &i, 1) != 1))
			_exit(1);
	}
}

static int on_spooled(void *context, const struct ledger_spooled *spooled)
{
	uint64_t *last = context;

	*last = spooled->sequence;
	return 0;
}

/* Tells what it has delivered before it moves the cursor, as a collector's answer would. */
static void child_delivers(int to)
{
	struct ledger *ledger = open_ledger("export");
	struct ledger_spool *spool;
	uint64_t cursor, last = 0;

	if (ledger_spool_new(&spool, ledger, URL) < 0)
		_exit(1);
	for (;;) {
		int64_t now = (int64_t)clock_boot_ns() + clock_wall_offset_ns();

		if (ledger_spool_lease(spool, now, 60000) < 0 ||
		    ledger_spool_cursor(spool, &cursor) < 0 ||
		    ledger_spool_read(spool, cursor, on_spooled, &last) < 0)
			_exit(1);
		if (last <= cursor)
			continue;
		if (write(to, &last, sizeof(last)) != sizeof(last) ||
		    ledger_spool_advance(spool, last, 0) < 0)
			_exit(1);
		if (write(to, &last, sizeof(last)) != sizeof(last))
			_exit(1);
	}
}

/* Some of the victims are killed in the midst of their work, and not before. */
static void wait_told(int from, int bytes)
{
	uint64_t until = clock_boot_ns() + PATIENCE_NS;
	int n = 0;

	while (ioctl(from, FIONREAD, &n) == 0 && n < bytes && clock_boot_ns() < until)
		usleep(500);
	CHECK(n >= bytes);
}

static void kill_after_a_while(pid_t child)
{
	int status;

	usleep((useconds_t)(rand_r(&seed) % LIVES_US));
	kill(child, SIGKILL);
	CHECK_INT(waitpid(child, &status, 0), child);
	if (!WIFSIGNALED(status))
		test_fail(__FILE__, __LINE__, "the child ended by itself, status %d", status);
}

static uint64_t number(const char *sql)
{
	return strtoull(query(sql), NULL, 10);
}

/* Each settled call has one place in the sequence, 1 to the last; those behind the cursor wait. */
static void check_file(void)
{
	CHECK_TEXT(query("PRAGMA integrity_check"), "ok");
	CHECK_TEXT(query("PRAGMA foreign_key_check"), "");
	CHECK_TEXT(query("SELECT (SELECT count(*) FROM call WHERE settled IS NOT NULL) - " LAST
			 " FROM target"),
		   "0");
	CHECK_TEXT(query("SELECT (SELECT count(*) FROM export) - (" LAST " - cursor),"
			 " (SELECT count(DISTINCT call) FROM export) - (" LAST " - cursor),"
			 " (SELECT coalesce(min(sequence), cursor + 1) FROM export) - cursor"
			 " FROM target"),
		   "0|0|1");
	CHECK_TEXT(query("SELECT count(*) - coalesce(max(settled), 0) FROM call"
			 " WHERE settled IS NOT NULL"),
		   "0");
	CHECK_TEXT(query("SELECT count(*) FROM call c WHERE settled IS NOT NULL AND"
			 " (SELECT count(*) FROM charge WHERE call = c.id) <> 2"),
		   "0");
}

/* SQLite's connections do not pass a fork: ours is opened behind it. */
static struct ledger *open_exporting(void)
{
	struct ledger *ledger = open_ledger("run");

	CHECK_INT(ledger_export(ledger, URL), 0);
	return ledger;
}

TEST(a_killed_writer_leaves_a_sequence_without_holes)
{
	uint64_t last = 0, before, calls;
	struct ledger *ledger;

	seed = (unsigned int)time(NULL);
	printf("# seed %u\n", seed);
	make_folder();
	ledger_close(open_exporting());
	for (uint64_t i = 0; i < KILLS; i++) {
		int told[2];
		pid_t child;

		CHECK_INT(pipe(told), 0);
		child = fork();
		if (child == 0)
			child_settles(1 + i * 1000000, told[1]);
		CHECK(child > 0);
		if (i % 2)
			wait_told(told[0], 1);
		kill_after_a_while(child);
		close(told[0]);
		close(told[1]);
		check_file();
		before = last;
		last = number("SELECT " LAST " FROM target");
		CHECK(last >= before);
		ledger = open_exporting();
		CHECK_INT(ledger_settle_orphans(ledger, false, &calls), 0);
		ledger_close(ledger);
		CHECK_INT(number("SELECT count(*) FROM call WHERE settled IS NULL"), 0);
		last += calls;
		CHECK_INT(number("SELECT " LAST " FROM target"), last);
	}
	CHECK(last > KILLS);
	remove_folder();
}

/* Of what it told, the pair: delivered, and then the cursor moved. Return: the cursor it knew of.
 */
static uint64_t read_deliveries(int from, uint64_t cursor)
{
	uint64_t told[2];

	while (read(from, told, sizeof(told)) == (ssize_t)sizeof(told)) {
		CHECK(told[0] > cursor);
		CHECK_INT(told[1], told[0]);
		cursor = told[1];
	}
	return cursor;
}

TEST(a_killed_exporter_has_moved_its_cursor_or_not)
{
	uint64_t position = 1;

	seed = (unsigned int)time(NULL);
	printf("# seed %u\n", seed);
	make_folder();
	ledger_close(open_exporting());
	for (int i = 0; i < KILLS; i++) {
		uint64_t before = number("SELECT cursor FROM target"), known, cursor;
		struct ledger *ledger;
		int told[2];
		pid_t child;

		CHECK_INT(pipe(told), 0);
		child = fork();
		if (child == 0)
			child_delivers(told[1]);
		CHECK(child > 0);
		close(told[1]);
		ledger = open_exporting();
		for (int n = 0; n < 40; n++) {
			write_example(ledger, position++);
			CHECK_INT(ledger_commit(ledger), 0);
		}
		ledger_close(ledger);
		if (i % 2)
			wait_told(told[0], 2 * (int)sizeof(uint64_t));
		kill_after_a_while(child);
		known = read_deliveries(told[0], before);
		close(told[0]);
		check_file();
		/* what it saw done is done; it may have done one step more than it could tell */
		cursor = number("SELECT cursor FROM target");
		CHECK(cursor >= known);
	}
	CHECK_INT(number("SELECT " LAST " FROM target"), position - 1);
	CHECK(number("SELECT cursor FROM target") > 0);
	remove_folder();
}

TEST_MAIN()
