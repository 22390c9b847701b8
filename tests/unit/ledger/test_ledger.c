/* SPDX-License-Identifier: Apache-2.0 */
/* What is written is read back with SQLite alone. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/ledger/example.h"
#include "tests/unit/test.h"

/* ---- a folder, and SQL on the file in it ---- */

static char folder[64], path[96];

static void make_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/tollspan-ledger-XXXXXX");
	CHECK(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a/b/ledger.db", folder);
}

static void remove_file(const char *name)
{
	char file[160];

	snprintf(file, sizeof(file), "%s/%s", folder, name);
	unlink(file);
	rmdir(file);
}

static void remove_folder(void)
{
	remove_file("a/b/ledger.db-wal");
	remove_file("a/b/ledger.db-shm");
	remove_file("a/b/ledger.db");
	remove_file("a/b");
	remove_file("a");
	rmdir(folder);
}

/* The rows of a query: columns joined by "|", rows by "\n". */
static const char *query(const char *sql)
{
	static char text[8192];
	sqlite3_stmt *statement;
	size_t used = 0;
	sqlite3 *db;

	CHECK_INT(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		test_fail(__FILE__, __LINE__, "%s: %s", sql, sqlite3_errmsg(db));
	text[0] = '\0';
	for (int row = 0; sqlite3_step(statement) == SQLITE_ROW; row++) {
		for (int i = 0; i < sqlite3_column_count(statement); i++) {
			const char *value = (const char *)sqlite3_column_text(statement, i);

			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
						 i     ? "|"
						 : row ? "\n"
						       : "",
						 value ? value : "NULL");
		}
	}
	CHECK_INT(sqlite3_finalize(statement), SQLITE_OK);
	sqlite3_close(db);
	return text;
}

static struct ledger *open_ledger(const char *command)
{
	struct ledger *ledger;
	char error[256];
	int64_t writer;

	if (ledger_open(&ledger, path, error, sizeof(error)) < 0)
		test_fail(__FILE__, __LINE__, "%s", error);
	CHECK_INT(ledger_begin_writer(ledger, command, "0.1.0", EXAMPLE_OFFSET, &writer), 0);
	return ledger;
}

static void write_example(struct ledger *ledger, uint64_t position)
{
	struct process_event process = example_process(43, 1100);
	struct example example;

	CHECK_INT(ledger_write_process(ledger, &process), 0);
	example_make(&example, position);
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
}

/* ---- round trips ---- */

TEST(every_field_of_a_call_comes_back)
{
	struct ledger *ledger;

	make_folder();
	ledger = open_ledger("replay");
	write_example(ledger, 7);
	ledger_close(ledger);
	CHECK_TEXT(query("SELECT trace_id, span_id, parent_span_id, writer, settled, start_ns,"
			 " end_ns, first_token_ns FROM call"),
		   EXAMPLE_TRACE "|0000000000000007|00f067aa0ba902b7|1|1|1700000001000007000|"
				 "1700000002500007000|1700000001250007001");
	CHECK_TEXT(query("SELECT operation, provider, provider_known, family, request_model,"
			 " response_model, response_id, conversation_id, method, path,"
			 " server_address, server_port FROM call"),
		   "chat|openai|1|openai.chat|gpt-4o|gpt-4o-2024-08-06|chatcmpl-1|conv_1|POST|"
		   "/v1/chat/completions|api.openai.com|8443");
	CHECK_TEXT(query("SELECT peer_address, peer_port, sni, library, http_status, error_type,"
			 " key_fingerprint, traceparent, streaming FROM call"),
		   "192.0.2.7|443|api.openai.com|/usr/lib/libssl.so.3|200|NULL|"
		   "k1:0123456789abcdef|00-" EXAMPLE_TRACE "-00f067aa0ba902b7-01|1");
	CHECK_TEXT(query("SELECT billing, cost_status, completeness, partial, bytes_seen,"
			 " bytes_declared, raw_usage, card_version, capture FROM call"),
		   "usage|priced|exact|0|1234|2345|{\"prompt_tokens\":1000}|2026-11-01+abcdef|"
		   "preload");
	CHECK_TEXT(query("SELECT connection, generation, layer, position FROM call"),
		   "-256|123456789|1|7");
	CHECK_TEXT(query("SELECT p.pid, p.start_ticks, r.pid, r.start_ticks FROM call c"
			 " JOIN process p ON p.id = c.process"
			 " JOIN process r ON r.id = c.root_process"),
		   "43|1100|42|1000");
	CHECK_TEXT(query("SELECT name, value FROM attribute ORDER BY name"),
		   "a.quote|\"\xef\xbf\xbd\n\nopenai.response.service_tier|default");
	remove_folder();
}

TEST(charges_usage_and_prices_come_back)
{
	struct ledger *ledger;

	make_folder();
	ledger = open_ledger("replay");
	write_example(ledger, 7);
	ledger_close(ledger);
	CHECK_TEXT(query("SELECT number, model, tier, region, variant, input_tokens, output_tokens"
			 " FROM charge ORDER BY number"),
		   "0|gpt-4o-2024-08-06|flex|eu|high|1200|200\n1|advisor|flex|eu|high|1200|200");
	CHECK_TEXT(query("SELECT bucket, quantity FROM usage WHERE charge = 1 ORDER BY bucket"),
		   "cache_read|300\ncache_write_1h|50\ncache_write_5m|150\ninput|700\n"
		   "input_audio|0\noutput|120\nreasoning|80\nweb_search|2");
	CHECK_TEXT(query("SELECT pricing, status, missing, currency, amount, typeof(amount),"
			 " card_version, card_row, source FROM price WHERE charge = 1"),
		   "0|priced|NULL|USD|5190000000|integer|2026-11-01+abcdef|"
		   "openai/gpt-4o/2025-01-01|https://example.com/prices");
	CHECK_TEXT(query("SELECT pricing, line, bucket, billed_as, quantity, rate, per, amount"
			 " FROM price_line WHERE charge = 1"),
		   "0|0|cache_read|input|300|3000000000000|1000000|5190000000");
	CHECK_TEXT(query("SELECT model, input_tokens, output_tokens, cost, currency, state,"
			 " time_to_first_token_ms, duration_ms, time FROM calls"),
		   "gpt-4o-2024-08-06|2400|400|0.005190000001|USD|settled|250.000001|1500.0|"
		   "2023-11-14T22:13:21.000Z");
	remove_folder();
}

TEST(every_field_of_a_process_comes_back)
{
	struct process_event process = example_process(43, 1100);
	struct ledger *ledger;

	make_folder();
	ledger = open_ledger("run");
	process.parent = (struct process_key){.start = 1000, .pid = 42};
	process.root = true;
	CHECK_INT(ledger_write_process(ledger, &process), 0);
	/* what is told later adds to it, and what is not told takes nothing away */
	process = (struct process_event){.key = process.key,
					 .exit_ns = 5,
					 .uid = UINT32_MAX,
					 .exit_status = 256,
					 .wall_offset_ns = EXAMPLE_OFFSET,
					 .boot_id = {0xab, 0xcd}};
	CHECK_INT(ledger_write_process(ledger, &process), 0);
	ledger_close(ledger);
	CHECK_TEXT(query("SELECT boot_id, pid, start_ticks, parent_pid, parent_start_ticks,"
			 " start_ns, exit_ns, exit_status, uid, is_root FROM process"),
		   "abcd0000000000000000000000000000|43|1100|42|1000|1700000011000000000|"
		   "1700000000000000005|256|1000|1");
	CHECK_TEXT(query("SELECT executable, name, arguments, cgroup, service_name FROM process"),
		   "/usr/bin/python3.11|python3|[\"python3\",\"agent.py\",\"--api-key\",\"***\"]|"
		   "/user.slice|shop");
	CHECK_TEXT(query("SELECT command, version, started_ns, closed FROM writer"),
		   "run|0.1.0|1700000000000000000|1");
	remove_folder();
}

TEST(losses_and_unseen_come_back)
{
	struct process_event process = example_process(43, 1100);
	struct loss_event loss = {.process = {.start = 1100, .pid = 43},
				  .cause = CR_CAUSE_PROTOCOL,
				  .name = "HTTP/2",
				  .records = 3,
				  .bytes = UINT64_MAX,
				  .wall_ns = EXAMPLE_OFFSET};
	struct unseen_event unseen = {.process = {.start = 1100, .pid = 43},
				      .executable = "/usr/bin/node",
				      .reason = "no TLS function was found",
				      .remedy = "run it with eBPF",
				      .wall_ns = EXAMPLE_OFFSET};
	struct ledger *ledger;

	make_folder();
	for (int i = 0; i < 2; i++) {
		ledger = open_ledger("replay");
		CHECK_INT(ledger_write_process(ledger, &process), 0);
		CHECK_INT(ledger_write_loss(ledger, &loss), 0);
		CHECK_INT(ledger_write_loss(ledger, &loss), 0);
		CHECK_INT(ledger_write_unseen(ledger, &unseen), 0);
		CHECK_INT(ledger_write_unseen(ledger, &unseen), 0);
		ledger_close(ledger);
	}
	CHECK_TEXT(query("SELECT l.writer, p.pid, cause, l.name, records, bytes, time_ns, duplicate"
			 " FROM loss l JOIN process p ON p.id = l.process ORDER BY l.id"),
		   "1|43|protocol|HTTP/2|3|9223372036854775807|1700000000000000000|0\n"
		   "1|43|protocol|HTTP/2|3|9223372036854775807|1700000000000000000|0\n"
		   "2|43|protocol|HTTP/2|3|9223372036854775807|1700000000000000000|1\n"
		   "2|43|protocol|HTTP/2|3|9223372036854775807|1700000000000000000|1");
	CHECK_TEXT(query("SELECT u.writer, p.pid, u.executable, reason, remedy, duplicate"
			 " FROM unseen u JOIN process p ON p.id = u.process ORDER BY u.id"),
		   "1|43|/usr/bin/node|no TLS function was found|run it with eBPF|0\n"
		   "2|43|/usr/bin/node|no TLS function was found|run it with eBPF|1");
	remove_folder();
}

/* ---- open and settled ---- */

TEST(an_open_call_settles_once)
{
	struct example example;
	struct ledger *ledger;

	make_folder();
	ledger = open_ledger("run");
	example_make(&example, 1);
	example.event.type = CALL_BEGIN;
	example.event.n_charges = 0;
	example.event.end_ns = 0;
	example.event.cost_status = COST_UNPRICED;
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	CHECK_INT(ledger_commit(ledger), 0);
	CHECK_TEXT(query("SELECT state, cost, completeness, duration_ms FROM calls"),
		   "open|NULL|partial|NULL");
	example_make(&example, 1);
	example.event.type = CALL_PROGRESS;
	example.event.n_charges = 1;
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	CHECK_INT(ledger_commit(ledger), 0);
	CHECK_TEXT(query("SELECT count(*) FROM charge"), "1");
	example.event.type = CALL_END;
	example.event.n_charges = 2;
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	/* the same again is no error; anything else is, and changes nothing */
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	example.event.type = CALL_BEGIN;
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	example.event.type = CALL_END;
	example.event.response_model = "another";
	CHECK_INT(ledger_write_call(ledger, &example.event), -EALREADY);
	example.event.response_model = "gpt-4o-2024-08-06";
	example.event.n_charges = 1;
	CHECK_INT(ledger_write_call(ledger, &example.event), -EALREADY);
	ledger_close(ledger);
	CHECK_TEXT(query("SELECT state, model, cost, completeness FROM calls"),
		   "settled|gpt-4o-2024-08-06|0.005190000001|exact");
	CHECK_TEXT(query("SELECT count(*) FROM charge"), "2");
	CHECK_TEXT(query("SELECT count(*) FROM attribute"), "2");
	remove_folder();
}

TEST(a_second_replay_adds_nothing)
{
	struct ledger *ledger;

	make_folder();
	for (int i = 0; i < 2; i++) {
		ledger = open_ledger("replay");
		for (uint64_t position = 1; position <= 20; position++)
			write_example(ledger, position);
		ledger_close(ledger);
	}
	CHECK_TEXT(query("SELECT count(*), max(settled), count(DISTINCT span_id) FROM call"),
		   "20|20|20");
	CHECK_TEXT(query("SELECT (SELECT count(*) FROM charge), (SELECT count(*) FROM usage),"
			 " (SELECT count(*) FROM price), (SELECT count(*) FROM process)"),
		   "40|320|40|2");
	remove_folder();
}

TEST(what_does_not_fit_is_unpriced)
{
	struct example example;
	struct ledger *ledger;

	make_folder();
	ledger = open_ledger("replay");
	example_make(&example, 1);
	example.charges[0].price.amount = (pricing_amount)INT64_MAX + 1;
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	example_make(&example, 2);
	example.charges[1].usage.quantity[PRICING_INPUT] = UINT64_MAX;
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	example_make(&example, 3);
	example.charges[0].price.amount = INT64_MAX;
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	ledger_close(ledger);
	CHECK_TEXT(query("SELECT cost_status FROM call ORDER BY id"), "unpriced\nunpriced\npriced");
	CHECK_TEXT(query("SELECT status, amount FROM price ORDER BY charge"),
		   "overflow|NULL\npriced|1\npriced|5190000000\noverflow|1\n"
		   "priced|9223372036854775807\npriced|1");
	remove_folder();
}

TEST(unpriced_reasons_come_back)
{
	struct example example;
	struct ledger *ledger;

	make_folder();
	ledger = open_ledger("replay");
	example_make(&example, 1);
	example.event.cost_status = COST_UNPRICED;
	example.charges[0].price = (struct pricing_result){.status = PRICING_UNPRICED_BUCKET,
							   .missing = PRICING_WEB_SEARCH,
							   .amount = 12,
							   .currency = "USD",
							   .row = "row"};
	example.charges[1].price = (struct pricing_result){.status = PRICING_UNPRICED_MODEL};
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	ledger_close(ledger);
	CHECK_TEXT(query("SELECT status, missing, currency, amount, card_row FROM price"),
		   "bucket|web_search|USD|12|row\nmodel|NULL|NULL|NULL|NULL");
	CHECK_TEXT(query("SELECT cost, cost_status FROM calls"), "NULL|unpriced");
	remove_folder();
}

/* ---- several writers, and death ---- */

static void child_writes(uint64_t from, uint64_t n)
{
	struct ledger *ledger = open_ledger("run");

	for (uint64_t i = 0; i < n; i++) {
		write_example(ledger, from + i);
		if (i % 10 == 9 && ledger_commit(ledger) < 0)
			_exit(1);
	}
	ledger_close(ledger);
	_exit(0);
}

TEST(many_writers_at_once)
{
	pid_t children[4];
	int status;

	make_folder();
	for (uint64_t i = 0; i < 4; i++) {
		children[i] = fork();
		if (children[i] == 0)
			child_writes(1 + 1000 * i, 100);
		CHECK(children[i] > 0);
	}
	for (int i = 0; i < 4; i++) {
		CHECK_INT(waitpid(children[i], &status, 0), children[i]);
		CHECK_INT(status, 0);
	}
	CHECK_TEXT(query("SELECT count(*), max(settled), count(DISTINCT writer) FROM call"),
		   "400|400|4");
	CHECK_TEXT(query("SELECT count(*), sum(closed) FROM writer"), "4|4");
	CHECK_TEXT(query("PRAGMA integrity_check"), "ok");
	CHECK_TEXT(query("PRAGMA foreign_key_check"), "");
	remove_folder();
}

/* Commits ten calls, tells so, and then writes on within one transaction until it is killed. */
static void child_is_killed(int told)
{
	struct ledger *ledger = open_ledger("run");
	struct example example;

	for (uint64_t i = 1; i <= 10; i++)
		write_example(ledger, i);
	example_make(&example, 11);
	example.event.type = CALL_BEGIN;
	ledger_write_call(ledger, &example.event);
	ledger_commit(ledger);
	for (uint64_t i = 100;; i++) {
		write_example(ledger, i);
		if (i == 110 && write(told, "x", 1) != 1)
			_exit(1);
	}
}

TEST(a_killed_writer_leaves_whole_events)
{
	struct ledger *ledger;
	int status, told[2];
	char byte;
	pid_t child;

	make_folder();
	CHECK_INT(pipe2(told, O_CLOEXEC), 0);
	child = fork();
	if (child == 0)
		child_is_killed(told[1]);
	CHECK(child > 0);
	CHECK_INT(read(told[0], &byte, 1), 1);
	usleep(20000);
	kill(child, SIGKILL);
	CHECK_INT(waitpid(child, &status, 0), child);
	CHECK(WIFSIGNALED(status));
	close(told[0]);
	close(told[1]);
	ledger = open_ledger("run");
	write_example(ledger, 5000);
	ledger_close(ledger);
	CHECK_TEXT(query("PRAGMA integrity_check"), "ok");
	CHECK_TEXT(query("SELECT count(*) FROM call WHERE position BETWEEN 1 AND 10"), "10");
	CHECK_TEXT(query("SELECT state, completeness FROM calls WHERE span_id LIKE '%0b'"
			 " AND state = 'open'"),
		   "open|partial");
	CHECK_TEXT(query("SELECT count(*) FROM call c WHERE (SELECT count(*) FROM charge"
			 " WHERE call = c.id) <> 2"),
		   "0");
	CHECK_TEXT(query("SELECT closed FROM writer ORDER BY id"), "0\n1");
	remove_folder();
}

/* ---- trouble ---- */

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
