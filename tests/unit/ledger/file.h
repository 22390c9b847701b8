/* SPDX-License-Identifier: Apache-2.0 */
/* A folder for a ledger's file, and SQL on the file: what is written is read with SQLite alone. */
#ifndef TESTS_UNIT_LEDGER_FILE_H
#define TESTS_UNIT_LEDGER_FILE_H

#include <sqlite3.h>
#include <unistd.h>

#include "tests/unit/ledger/example.h"
#include "tests/unit/test.h"

static char folder[64], path[96];

static inline void make_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/tollspan-ledger-XXXXXX");
	CHECK(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a/b/ledger.db", folder);
}

static inline void remove_file(const char *name)
{
	char file[160];

	snprintf(file, sizeof(file), "%s/%s", folder, name);
	unlink(file);
	rmdir(file);
}

static inline void remove_folder(void)
{
	remove_file("a/b/ledger.db-wal");
	remove_file("a/b/ledger.db-shm");
	remove_file("a/b/ledger.db");
	remove_file("a/b");
	remove_file("a");
	rmdir(folder);
}

/* The rows of a query: columns joined by "|", rows by "\n". */
static inline const char *query(const char *sql)
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

static inline struct ledger *open_ledger(const char *command)
{
	struct ledger *ledger;
	char error[256];
	int64_t writer;

	if (ledger_open(&ledger, path, error, sizeof(error)) < 0)
		test_fail(__FILE__, __LINE__, "%s", error);
	CHECK_INT(ledger_begin_writer(ledger, command, "0.1.0", EXAMPLE_OFFSET, &writer), 0);
	return ledger;
}

static inline void write_example(struct ledger *ledger, uint64_t position)
{
	struct process_event process = example_process(43, 1100);
	struct example example;

	CHECK_INT(ledger_write_process(ledger, &process), 0);
	example_make(&example, position);
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
}

#endif
