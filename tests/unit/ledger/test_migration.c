/* SPDX-License-Identifier: Apache-2.0 */
/* Files of older versions, made with SQLite alone, are brought up to date with all that they hold.
 */
#include <errno.h>
#include <sys/stat.h>

#include "agent/ledger/schema.h"
#include "agent/ledger/spool.h"
#include "tests/unit/ledger/file.h"

static const char version_1_rows[] =
	"INSERT INTO writer (command, version, pid, started_ns) VALUES ('run', '0.1.0', 1, 2);"
	"INSERT INTO process (id, boot_id, pid, start_ticks, is_root, name)"
	" VALUES (5, 'abcd0000000000000000000000000000', 43, 1100, 1, 'python3');"
	"INSERT INTO call (id, trace_id, span_id, writer, process, settled, start_ns, end_ns,"
	" operation, request_model, provider_known, streaming, billing, cost_status, completeness,"
	" partial, bytes_seen, bytes_declared, connection, generation, layer, position)"
	" VALUES (8, '" EXAMPLE_TRACE "', '00000000000000aa', 1, 5, 3, 100, 200, 'chat', 'gpt-4o',"
	" 1, 0, 'usage', 'priced', 'exact', 0, 1, 1, 1, 1, 1, 1),"
	" (9, '" EXAMPLE_TRACE "', '00000000000000bb', 1, 5, NULL, 300, NULL, 'chat', 'gpt-4o',"
	" 1, 0, 'unknown', 'unpriced', 'partial', 0, 1, 1, 1, 1, 1, 2);"
	"INSERT INTO charge (id, call, number, model) VALUES (4, 8, 0, 'gpt-4o');"
	"INSERT INTO usage VALUES (4, 'input', 700);"
	"INSERT INTO price (charge, pricing, status, currency, amount)"
	" VALUES (4, 0, 'priced', 'USD', 5190000000);"
	"INSERT INTO loss (writer, cause, records, bytes, time_ns, duplicate)"
	" VALUES (1, 'cap', 2, 3, 4, 0);";

static const char version_2_rows[] =
	"INSERT INTO target (url) VALUES ('console');"
	"INSERT INTO export (target, sequence, call) VALUES (1, 1, 8);";

static void execute(sqlite3 *db, const char *sql)
{
	CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void make_version(int version)
{
	char pragma[64];
	sqlite3 *db;

	snprintf(folder, sizeof(folder), "/tmp/tollspan-ledger-XXXXXX");
	CHECK(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/ledger.db", folder);
	CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
	snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d", version);
	execute(db, "PRAGMA journal_mode = WAL");
	for (int i = 0; i < version; i++)
		execute(db, ledger_migrations[i]);
	execute(db, "PRAGMA application_id = 0x7473706e");
	execute(db, pragma);
	execute(db, version_1_rows);
	if (version >= 2)
		execute(db, version_2_rows);
	sqlite3_close(db);
}

static void remove_version(void)
{
	unlink(path);
	CHECK_INT(rmdir(folder), 0);
}

/* Of any version. */
static void check_what_it_held(void)
{
	CHECK_TEXT(query("PRAGMA user_version"), "3");
	CHECK_TEXT(query("SELECT span_id, settled, start_ns, end_ns, cost_status FROM call"
			 " ORDER BY id"),
		   "00000000000000aa|3|100|200|priced\n00000000000000bb|NULL|300|NULL|unpriced");
	CHECK_TEXT(query("SELECT state, model, process, cost, currency, cost_source, local_cost"
			 " FROM calls ORDER BY id"),
		   "settled|gpt-4o|python3|0.00519|USD|local|NULL\n"
		   "open|gpt-4o|python3|NULL|NULL|NULL|NULL");
	CHECK_TEXT(query("SELECT reported_cost, reported_source FROM call ORDER BY id"),
		   "NULL|NULL\nNULL|NULL");
	CHECK_TEXT(query("SELECT cause, records, bytes FROM loss"), "cap|2|3");
	CHECK_TEXT(query("SELECT command, version, pid, closed, start_ticks, boot_id, pid_namespace"
			 " FROM writer WHERE id = 1"),
		   "run|0.1.0|1|0|NULL|NULL|NULL");
}

/* And it goes on from there. */
static void check_that_it_goes_on(struct ledger *ledger)
{
	struct example example;

	write_example(ledger, 7);
	example_make(&example, 8);
	example.event.reported_source = REPORTED_PROVIDER;
	example.event.reported = 12;
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	ledger_close(ledger);
	CHECK_TEXT(query("SELECT settled, reported_cost FROM call WHERE position IN (7, 8)"),
		   "4|NULL\n5|12");
	CHECK_TEXT(query("PRAGMA integrity_check"), "ok");
	CHECK_TEXT(query("PRAGMA foreign_key_check"), "");
}

TEST(what_version_1_holds_stays)
{
	struct ledger *ledger;

	make_version(1);
	ledger = open_ledger("run");
	check_what_it_held();
	CHECK_TEXT(query("SELECT count(*) FROM target"), "0");
	CHECK_TEXT(query("SELECT count(*) FROM export"), "0");
	check_that_it_goes_on(ledger);
	remove_version();
}

TEST(what_version_2_holds_stays)
{
	struct ledger *ledger;

	make_version(2);
	CHECK_TEXT(query("SELECT cost, currency FROM calls ORDER BY id"), "0.00519|USD\nNULL|NULL");
	ledger = open_ledger("run");
	check_what_it_held();
	CHECK_TEXT(query("SELECT url, cursor FROM target"), "console|0");
	CHECK_TEXT(query("SELECT target, sequence, call FROM export"), "1|1|8");
	check_that_it_goes_on(ledger);
	remove_version();
}

/* Version 1 did not say who its writers were: whether they live is not known. */
TEST(open_calls_of_version_1_are_settled_when_told)
{
	struct ledger *ledger;
	uint64_t calls = 99;

	make_version(1);
	ledger = open_ledger("run");
	CHECK_INT(ledger_export(ledger, "console"), 0);
	CHECK_INT(ledger_settle_orphans(ledger, false, &calls), 0);
	CHECK_INT(calls, 0);
	CHECK_INT(ledger_settle_orphans(ledger, true, &calls), 0);
	CHECK_INT(calls, 1);
	ledger_close(ledger);
	CHECK_TEXT(query("SELECT settled, end_ns, partial FROM call WHERE id = 9"), "4|300|2");
	CHECK_TEXT(query("SELECT sequence, call FROM export"), "1|9");
	remove_version();
}

TEST(a_migrated_file_is_as_a_new_one)
{
	static const char shape[] =
		"SELECT group_concat(m.name || '.' || c.name || ' ' || c.type || c.\"notnull\""
		" || c.pk) FROM (SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')"
		" AND name NOT LIKE 'sqlite_%' ORDER BY name) m, pragma_table_info(m.name) c";
	static const char indexes[] = "SELECT group_concat(name) FROM (SELECT name FROM"
				      " sqlite_schema WHERE type = 'index' ORDER BY name)";
	char migrated[8192], migrated_indexes[512];

	make_version(2);
	ledger_close(open_ledger("run"));
	snprintf(migrated, sizeof(migrated), "%s", query(shape));
	snprintf(migrated_indexes, sizeof(migrated_indexes), "%s", query(indexes));
	CHECK(strstr(migrated, "export.sequence INTEGER12"));
	CHECK(strstr(migrated_indexes, "call_start"));
	CHECK(!strstr(migrated_indexes, "call_writer"));
	remove_version();
	make_folder();
	ledger_close(open_ledger("run"));
	CHECK_TEXT(query(shape), migrated);
	CHECK_TEXT(query(indexes), migrated_indexes);
	remove_folder();
}

TEST(a_reader_of_version_1_says_who_updates_it)
{
	struct ledger *ledger;
	char error[256];

	make_version(1);
	CHECK_INT(ledger_open_readonly(&ledger, path, error, sizeof(error)), -ENOTSUP);
	CHECK(strstr(error, "older tollspan"));
	CHECK_TEXT(query("PRAGMA user_version"), "1");
	remove_version();
}

TEST_MAIN()
