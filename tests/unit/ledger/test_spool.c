/* SPDX-License-Identifier: Apache-2.0 */
/* Sequences, the cursor, the queue and what it gives up; read back with SQLite alone. */
#include <errno.h>
#include <sys/wait.h>

#include "agent/ledger/internal.h"
#include "agent/ledger/spool.h"
#include "agent/limits.h"
#include "tests/unit/ledger/file.h"

#define URL "http://collector.example:4318/v1/traces"
#define NOW EXAMPLE_OFFSET
#define QUEUE "SELECT target, sequence, call FROM export ORDER BY target, sequence"
#define LAST "coalesce((SELECT max(sequence) FROM export WHERE target = id), cursor)"
#define TARGETS "SELECT url, " LAST ", cursor, lost, dropped FROM target ORDER BY id"

static struct ledger *open_exporting(const char *url)
{
	struct ledger *ledger = open_ledger("run");

	CHECK_INT(ledger_export(ledger, url), 0);
	return ledger;
}

static struct ledger_spool *open_spool(struct ledger **ret_ledger)
{
	struct ledger_spool *spool;

	*ret_ledger = open_ledger("export");
	CHECK_INT(ledger_spool_new(&spool, *ret_ledger, URL), 0);
	return spool;
}

static void close_spool(struct ledger_spool *spool, struct ledger *ledger)
{
	ledger_spool_free(spool);
	ledger_close(ledger);
}

static void write_calls(struct ledger *ledger, uint64_t from, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		write_example(ledger, from + i);
	CHECK_INT(ledger_commit(ledger), 0);
}

/* ---- sequences ---- */

TEST(a_call_gets_its_sequence_as_it_settles)
{
	struct ledger *ledger;
	struct example example;

	make_folder();
	ledger = open_exporting(URL);
	for (uint64_t i = 1; i <= 3; i++) {
		example_make(&example, i);
		example.event.type = CALL_BEGIN;
		CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	}
	CHECK_INT(ledger_commit(ledger), 0);
	CHECK_TEXT(query(QUEUE), "");
	CHECK_INT(ledger_exported(ledger), 0);
	write_calls(ledger, 3, 1);
	write_calls(ledger, 1, 1);
	/* once more, and another than the first time: nothing is exported twice */
	write_calls(ledger, 1, 1);
	example_make(&example, 3);
	example.event.response_model = "another";
	CHECK_INT(ledger_write_call(ledger, &example.event), -EALREADY);
	CHECK_INT(ledger_exported(ledger), 2);
	ledger_close(ledger);
	CHECK_TEXT(query("SELECT e.sequence, c.span_id, c.settled FROM export e"
			 " JOIN call c ON c.id = e.call ORDER BY e.sequence"),
		   "1|0000000000000003|1\n2|0000000000000001|2");
	CHECK_TEXT(query(TARGETS), URL "|2|0|0|0");
	remove_folder();
}

TEST(only_a_writer_that_exports_gives_sequences)
{
	struct ledger *ledger, *exporting;

	make_folder();
	ledger = open_ledger("run");
	exporting = open_exporting(URL);
	write_calls(ledger, 1, 2);
	write_calls(exporting, 11, 2);
	write_calls(ledger, 21, 2);
	write_calls(exporting, 31, 1);
	ledger_close(exporting);
	ledger_close(ledger);
	CHECK_TEXT(query(QUEUE), "1|1|3\n1|2|4\n1|3|7");
	remove_folder();
}

TEST(each_target_counts_for_itself)
{
	struct ledger *first, *second;

	make_folder();
	first = open_exporting(URL);
	second = open_exporting("console");
	write_calls(first, 1, 2);
	write_calls(second, 11, 1);
	write_calls(first, 21, 1);
	ledger_close(first);
	ledger_close(second);
	CHECK_TEXT(query("SELECT url, " LAST " FROM target ORDER BY id"), URL "|3\nconsole|1");
	CHECK_TEXT(query("SELECT target, sequence FROM export ORDER BY target, sequence"),
		   "1|1\n1|2\n1|3\n2|1");
	remove_folder();
}

/* RFC 3986, 3.2.1: user information ends at the last @ of the authority. */
TEST(a_target_is_named_without_secrets)
{
	static const struct {
		const char *url, *name;
	} urls[] = {
		{"https://user:pass@host:4318/v1/traces", "https://host:4318/v1/traces"},
		{"https://user:p@ss@host/v1/traces?key=secret", "https://host/v1/traces"},
		{"https://host/a@b?c=@d#e", "https://host/a@b"},
		{"http://[::1]:4318", "http://[::1]:4318"},
		{"http://user@[::1]:4318#secret", "http://[::1]:4318"},
		{"console", "console"},
	};
	struct ledger *ledger;
	char long_url[LIMIT_TARGET + 1];

	make_folder();
	ledger = open_ledger("run");
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		char expected[128];

		snprintf(expected, sizeof(expected), "1|%s", urls[i].name);
		query("DELETE FROM target");
		CHECK_INT(ledger_export(ledger, urls[i].url), 0);
		CHECK_INT(ledger_export(ledger, urls[i].name), 0);
		CHECK_TEXT(query("SELECT count(*), max(url) FROM target"), expected);
	}
	memset(long_url, 'x', sizeof(long_url) - 1);
	long_url[sizeof(long_url) - 1] = '\0';
	CHECK_INT(ledger_export(ledger, long_url), -EINVAL);
	CHECK_INT(ledger_export(ledger, ""), -EINVAL);
	ledger_close(ledger);
	remove_folder();
}

static void child_settles(uint64_t from, uint64_t n)
{
	struct ledger *ledger = open_exporting(URL);

	for (uint64_t i = 0; i < n; i++)
		write_calls(ledger, from + i, 1);
	ledger_close(ledger);
	_exit(0);
}

/* Numbers without a hole, and no call twice, whatever the writers do at once. */
TEST(many_writers_share_a_sequence)
{
	pid_t children[4];
	int status;

	make_folder();
	for (uint64_t i = 0; i < 4; i++) {
		children[i] = fork();
		if (children[i] == 0)
			child_settles(1 + 1000 * i, 50);
		CHECK(children[i] > 0);
	}
	for (int i = 0; i < 4; i++) {
		CHECK_INT(waitpid(children[i], &status, 0), children[i]);
		CHECK_INT(status, 0);
	}
	CHECK_TEXT(query("SELECT count(*), min(sequence), max(sequence), count(DISTINCT call)"
			 " FROM export"),
		   "200|1|200|200");
	CHECK_TEXT(query("SELECT url, " LAST " FROM target"), URL "|200");
	remove_folder();
}

/* An event that fails in its midst takes back the number it was given. */
TEST(a_call_that_fails_leaves_no_hole)
{
	struct ledger *ledger;
	struct example example;

	make_folder();
	ledger = open_exporting(URL);
	write_calls(ledger, 1, 1);
	query("CREATE TRIGGER no_second BEFORE INSERT ON export WHEN NEW.sequence = 2"
	      " AND (SELECT count(*) FROM call) = 2 BEGIN SELECT raise(ABORT, 'no'); END");
	example_make(&example, 2);
	CHECK(ledger_write_call(ledger, &example.event) < 0);
	CHECK_TEXT(query("SELECT count(*) FROM call"), "1");
	query("DROP TRIGGER no_second");
	write_calls(ledger, 3, 1);
	ledger_close(ledger);
	CHECK_TEXT(query("SELECT sequence, span_id FROM export JOIN call ON id = call"),
		   "1|0000000000000001\n2|0000000000000003");
	remove_folder();
}

/* ---- reading ---- */

struct seen {
	uint64_t first, last, n;
	int answer; /* of each call of the callback */
	char text[1024];
};

static int on_spooled(void *context, const struct ledger_spooled *spooled)
{
	const struct ledger_call *call = spooled->call;
	struct seen *seen = context;

	seen->first = seen->n++ ? seen->first : spooled->sequence;
	seen->last = spooled->sequence;
	snprintf(seen->text, sizeof(seen->text),
		 "%s %s %" PRId64 " %zu %s %" PRId64 " %" PRId64 " %" PRId64 " %s %s %s",
		 call->span_id, call->response_model, call->pid, call->n_charges,
		 call->attributes[1].value, spooled->start_ticks, spooled->parent_pid, spooled->uid,
		 spooled->boot_id, spooled->cgroup, spooled->service_name);
	return seen->answer;
}

TEST(calls_are_read_with_their_process)
{
	struct process_event process = example_process(43, 1100);
	struct ledger *ledger, *reading;
	struct ledger_spool *spool;
	struct seen seen = {0};
	struct example example;

	make_folder();
	ledger = open_exporting(URL);
	process.parent = (struct process_key){.start = 1000, .pid = 42};
	CHECK_INT(ledger_write_process(ledger, &process), 0);
	example_make(&example, 7);
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	CHECK_INT(ledger_commit(ledger), 0);
	spool = open_spool(&reading);
	CHECK_INT(ledger_spool_read(spool, 0, on_spooled, &seen), 0);
	CHECK_INT(seen.n, 1);
	CHECK_TEXT(seen.text, "0000000000000007 gpt-4o-2024-08-06 43 2 default 1100 42 1000"
			      " abcd0000000000000000000000000000 /user.slice shop");
	CHECK_INT(ledger_spool_read(spool, 1, on_spooled, &seen), 0);
	CHECK_INT(seen.n, 1);
	/* of this process nothing was told but that it is */
	example_make(&example, 8);
	example.event.conn.process = (struct process_key){.start = 5, .pid = 6};
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	CHECK_INT(ledger_commit(ledger), 0);
	CHECK_INT(ledger_spool_read(spool, 1, on_spooled, &seen), 0);
	CHECK_TEXT(seen.text, "0000000000000008 gpt-4o-2024-08-06 6 2 default 5 -1 -1"
			      " abcd0000000000000000000000000000 (null) (null)");
	close_spool(spool, reading);
	ledger_close(ledger);
	remove_folder();
}

TEST(reading_is_bounded_and_ends_when_told)
{
	struct ledger *ledger, *reading;
	struct ledger_spool *spool;
	struct seen seen = {0};

	make_folder();
	ledger = open_exporting(URL);
	write_calls(ledger, 1, LIMIT_SPOOL_READ + 5);
	spool = open_spool(&reading);
	CHECK_INT(ledger_spool_read(spool, 0, on_spooled, &seen), 0);
	CHECK_INT(seen.n, LIMIT_SPOOL_READ);
	CHECK_INT(seen.first, 1);
	CHECK_INT(seen.last, LIMIT_SPOOL_READ);
	seen = (struct seen){0};
	CHECK_INT(ledger_spool_read(spool, LIMIT_SPOOL_READ, on_spooled, &seen), 0);
	CHECK_INT(seen.n, 5);
	CHECK_INT(seen.last, LIMIT_SPOOL_READ + 5);
	seen = (struct seen){.answer = 7};
	CHECK_INT(ledger_spool_read(spool, 3, on_spooled, &seen), 7);
	CHECK_INT(seen.n, 1);
	CHECK_INT(seen.first, 4);
	close_spool(spool, reading);
	ledger_close(ledger);
	remove_folder();
}

/* ---- the cursor ---- */

TEST(the_cursor_moves_with_the_lease_alone)
{
	struct ledger *ledger, *reading;
	struct ledger_spool *spool;
	uint64_t cursor = 99, calls = 99, last = 99;

	make_folder();
	ledger = open_exporting(URL);
	write_calls(ledger, 1, 5);
	spool = open_spool(&reading);
	CHECK_INT(ledger_spool_advance(spool, 2, 0), -EBUSY);
	CHECK_INT(ledger_spool_cursor(spool, &cursor), 0);
	CHECK_INT(cursor, 0);
	CHECK_INT(ledger_spool_lease(spool, NOW, 1000), 0);
	CHECK_INT(ledger_spool_advance(spool, 2, 0), 0);
	CHECK_INT(ledger_spool_advance(spool, 6, 0), -EINVAL);
	CHECK_INT(ledger_spool_cursor(spool, &cursor), 0);
	CHECK_INT(cursor, 2);
	CHECK_INT(ledger_spool_waiting(spool, &calls, &last), 0);
	CHECK_INT(calls, 3);
	CHECK_INT(last, 5);
	CHECK_TEXT(query("SELECT group_concat(sequence) FROM export"), "3,4,5");
	CHECK_TEXT(query("SELECT count(*) FROM call"), "5");
	/* never back */
	CHECK_INT(ledger_spool_advance(spool, 1, 0), 0);
	CHECK_INT(ledger_spool_cursor(spool, &cursor), 0);
	CHECK_INT(cursor, 2);
	CHECK_INT(ledger_spool_advance(spool, 5, 0), 0);
	write_calls(ledger, 6, 1);
	CHECK_TEXT(query(QUEUE), "1|6|6");
	close_spool(spool, reading);
	ledger_close(ledger);
	CHECK_TEXT(query(TARGETS), URL "|6|5|0|0");
	remove_folder();
}

TEST(calls_that_were_given_up_are_told_as_lost)
{
	struct ledger *ledger, *reading;
	struct ledger_spool *spool;

	make_folder();
	ledger = open_exporting("http://me:secret@collector.example:4318/v1/traces");
	write_calls(ledger, 1, 5);
	spool = open_spool(&reading);
	CHECK_INT(ledger_spool_lease(spool, NOW, 1000), 0);
	CHECK_INT(ledger_spool_advance(spool, 3, 2), 0);
	CHECK_INT(ledger_spool_advance(spool, 4, 1), 0);
	close_spool(spool, reading);
	ledger_close(ledger);
	CHECK_TEXT(query(TARGETS), URL "|5|4|3|0");
	CHECK_TEXT(query("SELECT l.cause, l.name, l.records, l.bytes, l.process, w.command,"
			 " l.duplicate FROM loss l JOIN writer w ON w.id = l.writer ORDER BY l.id"),
		   "export|" URL "|2|0|NULL|export|0\nexport|" URL "|1|0|NULL|export|0");
	CHECK_TEXT(query("SELECT count(*) FROM loss WHERE abs(time_ns / 1000000000"
			 " - unixepoch()) < 60"),
		   "2");
	remove_folder();
}

/* ---- what is too much ---- */

TEST(a_backlog_drops_its_oldest)
{
	struct ledger *ledger, *reading;
	struct ledger_spool *spool;
	struct seen seen = {0};
	uint64_t calls, last, losses;

	make_folder();
	ledger = open_exporting(URL);
	ledger->backlog = 1000;
	write_calls(ledger, 1, 1000);
	CHECK_TEXT(query("SELECT count(*) FROM loss"), "0");
	write_calls(ledger, 1001, 1500);
	spool = open_spool(&reading);
	CHECK_INT(ledger_spool_waiting(spool, &calls, &last), 0);
	CHECK_INT(last, 2500);
	CHECK(calls <= 1000 && calls >= 990);
	CHECK_INT(ledger_spool_read(spool, 0, on_spooled, &seen), 0);
	CHECK_INT(seen.first, 2501 - calls);
	CHECK_INT(seen.last, 2500);
	CHECK_INT(seen.n, calls);
	/* each call is in the queue or was told as lost, and it is told in few steps */
	CHECK_INT(strtoull(query("SELECT dropped FROM target"), NULL, 10), 2500 - calls);
	CHECK_INT(
		strtoull(
			query("SELECT sum(records) FROM loss WHERE cause = 'export' AND name = '" URL
			      "'"),
			NULL, 10),
		2500 - calls);
	losses = strtoull(query("SELECT count(*) FROM loss"), NULL, 10);
	CHECK(losses >= 100 && losses <= 160);
	/* who was reading all the while may still move the cursor, which has passed it */
	CHECK_INT(ledger_spool_lease(spool, NOW, 1000), 0);
	CHECK_INT(ledger_spool_advance(spool, 700, 0), 0);
	CHECK_INT(ledger_spool_cursor(spool, &last), 0);
	CHECK_INT(last, 2500 - calls);
	close_spool(spool, reading);
	ledger_close(ledger);
	CHECK_TEXT(query("SELECT count(*) FROM call"), "2500");
	CHECK_TEXT(query("PRAGMA integrity_check"), "ok");
	remove_folder();
}

TEST_MAIN()
