/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ledger/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/ledger/internal.h"
#include "agent/ledger/schema.h"
#include "agent/limits.h"
#include "agent/util/buffer.h"
#include "agent/util/clock.h"

/* How long a writer waits for the others; and after it has waited in vain, until they let it. */
#define BUSY_MS 5000
#define STILL_BUSY_MS 20
#define RETRY_MS 10

/* A transaction keeps other writers out: an older one is committed by the next write. */
#define TRANSACTION_NS 250000000ull

__attribute__((format(printf, 3, 4))) static void say(char *error, size_t size, const char *format,
						      ...)
{
	va_list args;

	if (!error || size == 0)
		return;
	va_start(args, format);
	vsnprintf(error, size, format, args);
	va_end(args);
}

/* ---- opening ---- */

static int make_folders(const char *path)
{
	char folder[LIMIT_PATH];

	if (strlen(path) >= sizeof(folder))
		return -ENAMETOOLONG;
	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		memcpy(folder, path, (size_t)(slash - path));
		folder[slash - path] = '\0';
		if (mkdir(folder, 0700) < 0 && errno != EEXIST && errno != EROFS && errno != EACCES)
			return -errno;
	}
	return 0;
}

/* SQLite would make it with the umask's mode; -wal and -shm take the file's own. */
static int make_file(const char *path)
{
	int r = make_folders(path), fd;

	if (r < 0)
		return r;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int execute(struct ledger *ledger, const char *sql)
{
	return ledger_errno(ledger->db, sqlite3_exec(ledger->db, sql, NULL, NULL, NULL));
}

static int read_number(struct ledger *ledger, const char *sql, int64_t *ret_number)
{
	sqlite3_stmt *statement;
	int r = sqlite3_prepare_v2(ledger->db, sql, -1, &statement, NULL);

	if (r != SQLITE_OK)
		return ledger_errno(ledger->db, r);
	r = sqlite3_step(statement);
	if (r == SQLITE_ROW)
		*ret_number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return r == SQLITE_ROW ? 0 : ledger_errno(ledger->db, r) ?: -EBADMSG;
}

/* Whose file is this, and of which version? 0 is an empty one. */
static int read_version(struct ledger *ledger, int64_t *ret_version, char *error, size_t size)
{
	int64_t application = 0, version = 0, objects = 0;
	int r = read_number(ledger, "PRAGMA application_id", &application);

	if (r == 0)
		r = read_number(ledger, "PRAGMA user_version", &version);
	if (r == 0)
		r = read_number(ledger, "SELECT count(*) FROM sqlite_schema", &objects);
	if (r < 0)
		return r;
	if (application != LEDGER_APPLICATION_ID && (application || version || objects)) {
		say(error, size, "is a database of something else; choose another --ledger=FILE");
		return -EBADMSG;
	}
	if (version > LEDGER_VERSION) {
		say(error, size, "is of a newer tollspan (schema %lld, this one knows %d)",
		    (long long)version, LEDGER_VERSION);
		return -ENOTSUP;
	}
	*ret_version = version;
	return 0;
}

/* As read_version(), in one look: another writer may be making the schema. */
static int look_at_version(struct ledger *ledger, int64_t *ret_version, char *error, size_t size)
{
	int r = execute(ledger, "BEGIN");

	if (r < 0)
		return r;
	r = read_version(ledger, ret_version, error, size);
	sqlite3_exec(ledger->db, "COMMIT", NULL, NULL, NULL);
	return r;
}

/* Under the write lock, for another writer may be at it too. */
static int migrate(struct ledger *ledger, char *error, size_t size)
{
	char pragma[64];
	int64_t version = 0;
	int r = execute(ledger, "BEGIN IMMEDIATE");

	if (r < 0)
		return r;
	r = read_version(ledger, &version, error, size);
	for (; r == 0 && version < LEDGER_VERSION; version++)
		r = execute(ledger, ledger_migrations[version]);
	snprintf(pragma, sizeof(pragma), "PRAGMA application_id = %d", LEDGER_APPLICATION_ID);
	if (r == 0)
		r = execute(ledger, pragma);
	snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d", LEDGER_VERSION);
	if (r == 0)
		r = execute(ledger, pragma);
	if (r == 0)
		r = execute(ledger, "COMMIT");
	if (r < 0)
		sqlite3_exec(ledger->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

/* Two that make the same file a WAL at once get in each other's way without waiting. */
static int enter_wal(struct ledger *ledger)
{
	int r = execute(ledger, "PRAGMA journal_mode = WAL");

	for (int waited = 0; r == -EBUSY && waited < BUSY_MS; waited += RETRY_MS) {
		usleep(RETRY_MS * 1000);
		r = execute(ledger, "PRAGMA journal_mode = WAL");
	}
	return r;
}

static int bring_up_to_date(struct ledger *ledger, int64_t version, char *error, size_t size)
{
	int r = execute(ledger, "PRAGMA foreign_keys = ON");

	return r == 0 && version < LEDGER_VERSION ? migrate(ledger, error, size) : r;
}

static int prepare_to_write(struct ledger *ledger, char *error, size_t size)
{
	int64_t version = 0;
	int r = look_at_version(ledger, &version, error, size);

	if (r == 0)
		r = enter_wal(ledger);
	if (r == 0)
		r = execute(ledger, "PRAGMA synchronous = NORMAL");
	return r < 0 ? r : bring_up_to_date(ledger, version, error, size);
}

/* SQLite's database without a name: memory, and beyond that a temporary file without a name. */
static int prepare_scratch(struct ledger *ledger, char *error, size_t size)
{
	char pragma[64];
	int r;

	snprintf(pragma, sizeof(pragma), "PRAGMA cache_size = -%lu", LIMIT_SCRATCH_LEDGER / KIB);
	r = execute(ledger, pragma);
	if (r == 0)
		r = execute(ledger, "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF");
	return r < 0 ? r : bring_up_to_date(ledger, 0, error, size);
}

static const char *reason_of(int r)
{
	switch (r) {
	case -EBADMSG:
		return "is damaged, or no ledger; move it away, or choose another --ledger=FILE";
	case -EBUSY:
		return "is locked by another program";
	case -ENOENT:
		return "there is no such file; a first `tollspan run -- CMD` makes one";
	default:
		return strerror(-r);
	}
}

/* Opens, and says why not; a text that a step has set already stays. */
static int open_database(struct ledger **ret_ledger, const char *name, int flags,
			 int (*prepare)(struct ledger *ledger, char *error, size_t size),
			 char *error, size_t size)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));
	int r;

	if (!ledger)
		return -ENOMEM;
	ledger->backlog = LIMIT_EXPORT_BACKLOG;
	memset(ledger->boot_id, '0', sizeof(ledger->boot_id) - 1);
	r = sqlite3_open_v2(name, &ledger->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
	r = ledger_errno(ledger->db, r);
	if (r == 0) {
		sqlite3_busy_timeout(ledger->db, BUSY_MS);
		sqlite3_extended_result_codes(ledger->db, 1);
		r = prepare(ledger, error, size);
	}
	if (r < 0) {
		ledger_close(ledger);
		return r;
	}
	*ret_ledger = ledger;
	return 0;
}

int ledger_open(struct ledger **ret_ledger, const char *path, char *error, size_t error_size)
{
	int r = path ? make_file(path) : 0;

	say(error, error_size, "%s", "");
	if (r == 0)
		r = open_database(ret_ledger, path ? path : "", SQLITE_OPEN_READWRITE,
				  path ? prepare_to_write : prepare_scratch, error, error_size);
	if (r < 0 && error && error_size && !error[0])
		say(error, error_size, "%s", reason_of(r));
	return r;
}

static int prepare_to_read(struct ledger *ledger, char *error, size_t size)
{
	int64_t version = 0;
	/* The file may be another user's: nothing in its schema is run. */
	int r = execute(ledger, "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF");

	if (r == 0)
		r = look_at_version(ledger, &version, error, size);
	if (r == 0 && version == 0)
		return -ENOENT;
	if (r == 0 && version < LEDGER_VERSION) {
		say(error, size,
		    "is of an older tollspan; any `tollspan run` brings it up to date");
		return -ENOTSUP;
	}
	return r;
}

/* As a URI, where a path may hold any byte (RFC 3986). */
static int open_immutable(struct ledger **ret_ledger, const char *path, char *error, size_t size)
{
	struct buffer uri;
	int r;

	buffer_init(&uri, 4 * LIMIT_PATH);
	r = buffer_append_text(&uri, "file:");
	for (const char *p = path; r == 0 && *p; p++) {
		if (strchr("%?#", *p))
			r = buffer_printf(&uri, "%%%02x", (unsigned int)*p);
		else
			r = buffer_append(&uri, p, 1);
	}
	if (r == 0)
		r = buffer_append_text(&uri, "?immutable=1");
	if (r == 0 && !buffer_text(&uri))
		r = -ENOMEM;
	if (r == 0)
		r = open_database(ret_ledger, (const char *)uri.data,
				  SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, prepare_to_read, error,
				  size);
	buffer_free(&uri);
	return r;
}

int ledger_open_readonly(struct ledger **ret_ledger, const char *path, char *error,
			 size_t error_size)
{
	int r = access(path, R_OK) < 0 ? -errno : 0;

	say(error, error_size, "%s", "");
	if (r == 0) {
		r = open_database(ret_ledger, path, SQLITE_OPEN_READONLY, prepare_to_read, error,
				  error_size);
		/* Even readers of a WAL need to write beside it; where they can not, nobody can. */
		if (r == -EROFS || r == -EACCES || (r == -ENOENT && access(path, W_OK) < 0))
			r = open_immutable(ret_ledger, path, error, error_size);
	}
	if (r < 0 && error && error_size && !error[0])
		say(error, error_size, "%s", reason_of(r));
	return r;
}

/* ---- the transaction ---- */

void ledger_forget(struct ledger *ledger)
{
	memset(ledger->known, 0, sizeof(ledger->known));
	ledger->cursor = ledger->sequence = -1;
}

/* SQLite takes a whole transaction back at some errors: what it held is then lost, and said. */
static void note_rollback(struct ledger *ledger, int error)
{
	ledger_forget(ledger);
	if (!ledger->in_transaction || !sqlite3_get_autocommit(ledger->db))
		return;
	ledger->in_transaction = false;
	ledger->lost += ledger->pending;
	if (ledger->pending)
		ledger->lost_error = error;
	ledger->pending = 0;
}

static int begin(struct ledger *ledger)
{
	int r = execute(ledger, "BEGIN IMMEDIATE");

	sqlite3_busy_timeout(ledger->db, r == -EBUSY ? STILL_BUSY_MS : BUSY_MS);
	if (r < 0)
		return r;
	ledger->in_transaction = true;
	ledger->cursor = ledger->sequence = -1;
	ledger->begun_ns = clock_boot_ns();
	return 0;
}

int ledger_event_begin(struct ledger *ledger)
{
	int r = 0;

	if (ledger->in_transaction && clock_boot_ns() - ledger->begun_ns > TRANSACTION_NS)
		r = ledger_commit(ledger);
	if (r == 0 && !ledger->in_transaction)
		r = begin(ledger);
	if (r == 0)
		ledger->changes = sqlite3_total_changes64(ledger->db);
	return r;
}

/*
 * A savepoint for each event would copy every page that it touches. Events fail where files and
 * memory do, and then the transaction is lost with them.
 */
int ledger_event_end(struct ledger *ledger, int r)
{
	if (r >= 0) {
		ledger->pending++;
		return r;
	}
	if (!sqlite3_get_autocommit(ledger->db) &&
	    sqlite3_total_changes64(ledger->db) != ledger->changes)
		sqlite3_exec(ledger->db, "ROLLBACK", NULL, NULL, NULL);
	note_rollback(ledger, r);
	return r;
}

int ledger_commit(struct ledger *ledger)
{
	int r = 0;

	if (ledger->in_transaction) {
		r = execute(ledger, "COMMIT");
		if (r < 0) {
			sqlite3_exec(ledger->db, "ROLLBACK", NULL, NULL, NULL);
			note_rollback(ledger, r);
		}
		ledger->in_transaction = false;
		ledger->pending = 0;
	}
	if (r == 0)
		r = ledger->lost_error;
	ledger->lost_error = 0;
	return r;
}

uint64_t ledger_lost(const struct ledger *ledger)
{
	return ledger->lost;
}

void ledger_close(struct ledger *ledger)
{
	if (!ledger)
		return;
	if (ledger->db) {
		ledger_commit(ledger);
		ledger_end_writer(ledger);
	}
	for (size_t i = 0; i < STATEMENTS; i++)
		ledger_finalize(&ledger->statements[i]);
	sqlite3_close(ledger->db);
	free(ledger->target_name);
	free(ledger);
}
