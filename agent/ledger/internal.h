/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share: the open ledger, its transaction and its statements. */
#ifndef AGENT_LEDGER_INTERNAL_H
#define AGENT_LEDGER_INTERNAL_H

#include <sqlite3.h>

#include "agent/ledger/ledger.h"
#include "agent/ledger/query.h"

enum statement {
	STATEMENT_SAVEPOINT,
	STATEMENT_RELEASE,
	STATEMENT_UNDO,
	STATEMENT_WRITER,
	STATEMENT_WRITER_ENDS,
	STATEMENT_WRITER_IDENTITY,
	STATEMENT_PROCESS,
	STATEMENT_FIND_PROCESS,
	STATEMENT_FIND_CALL,
	STATEMENT_CALL,
	STATEMENT_DROP_CHARGES,
	STATEMENT_DROP_ATTRIBUTES,
	STATEMENT_ATTRIBUTE,
	STATEMENT_CHARGE,
	STATEMENT_USAGE,
	STATEMENT_PRICE,
	STATEMENT_PRICE_LINE,
	STATEMENT_LOSS,
	STATEMENT_UNSEEN,
	STATEMENT_OPEN_WRITER,
	STATEMENT_SETTLE_ORPHAN,
	STATEMENT_ADD_TARGET,
	STATEMENT_FIND_TARGET,
	STATEMENT_NEXT_SEQUENCE,
	STATEMENT_ENQUEUE,
	STATEMENT_DEQUEUE,
	STATEMENT_DROPPED,
	STATEMENT_TARGET,
	STATEMENT_LEASE,
	STATEMENT_RELEASE_LEASE,
	STATEMENT_ADVANCE,
	STATEMENT_SPOOL,
	STATEMENT_CALLS,
	STATEMENT_NEWEST_TRACE,
	STATEMENT_FIND_TRACE,
	STATEMENT_LAST_SETTLED,
	STATEMENT_CHARGES,
	STATEMENT_USAGES,
	STATEMENT_ATTRIBUTES,
	STATEMENT_LOSSES,
	STATEMENT_UNSEENS,
	STATEMENT_ANCESTORS,
	STATEMENTS,
};

struct ledger {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENTS];
	int64_t writer;
	uint8_t boot_id[BOOT_ID_SIZE]; /* of the processes that are being written */
	bool in_transaction;
	uint64_t begun_ns; /* when the transaction began */
	uint64_t pending;  /* events in it */
	uint64_t lost;     /* events that were taken back after they had been accepted */
	int lost_error;    /* why; told by the next commit */
	int64_t target;    /* that calls are exported to as they settle; 0: none */
	char *target_name;
	int64_t backlog;   /* LIMIT_EXPORT_BACKLOG; a test's may be smaller */
	uint64_t exported; /* calls that were given a sequence */
};

/** ledger_errno - the negative errno of an SQLite result. */
int ledger_errno(sqlite3 *db, int result);

/** ledger_statement - a statement, prepared once, reset and without bindings. */
int ledger_statement(struct ledger *ledger, enum statement which, sqlite3_stmt **ret_statement);

/*
 * ledger_step - run a statement to its next row.
 * Return: 1 for a row; 0 at the end, and a negative errno, with the statement reset.
 */
int ledger_step(struct ledger *ledger, sqlite3_stmt *statement);

/** ledger_run - run a statement that has no row of interest. Return: 0 or a negative errno. */
int ledger_run(struct ledger *ledger, sqlite3_stmt *statement);

/* Bind by name (":name"); the first failure stays in *r. NULL texts, and absent values, are NULL.
 */
void ledger_bind_int(sqlite3_stmt *statement, const char *name, int64_t value, int *r);
void ledger_bind_int_if(sqlite3_stmt *statement, const char *name, bool present, int64_t value,
			int *r);
void ledger_bind_text(sqlite3_stmt *statement, const char *name, const char *text, int *r);

/** ledger_event_begin - an event's writes begin: all of them are written, or none. */
int ledger_event_begin(struct ledger *ledger);

/** ledger_event_end - Return: r, or what went wrong at the end of a good one. */
int ledger_event_end(struct ledger *ledger, int r);

/** ledger_end_writer - this handle's writer came to its end. */
void ledger_end_writer(struct ledger *ledger);

/*
 * ledger_writer_gone - has a writer ended, or died? One of another pid namespace that is not of an
 *	earlier boot is never taken for gone, nor is a process that can not be looked at.
 * Return: 0 or a negative errno.
 */
int ledger_writer_gone(struct ledger *ledger, int64_t writer, bool *ret_gone);

/*
 * ledger_find_target - the row of a target, made where it is new, in a transaction of its own.
 * @ret_name: what it is called; the caller frees it.
 * Return: 0; -EINVAL: empty, or longer than LIMIT_TARGET; another negative errno.
 */
int ledger_find_target(struct ledger *ledger, const char *url, int64_t *ret_id, char **ret_name);

/* Within an event: a call that has just settled, where its writer exports. 0 or errno. */
int ledger_export_call(struct ledger *ledger, int64_t call);

/* Within an event: a loss; and that of calls which a target will not get. 0 or errno. */
int ledger_put_loss(struct ledger *ledger, const struct loss_event *event);
int ledger_write_not_exported(struct ledger *ledger, const char *target, uint64_t calls);

/*
 * ledger_read_calls - walk the rows of a statement that begins with the columns of a call.
 * Return: 0, a negative errno, or fn's non-zero; the statement is reset.
 */
int ledger_read_calls(struct ledger *ledger, sqlite3_stmt *statement, ledger_call_fn fn,
		      void *context);

/* Of struct ledger_call's columns there are so many. */
#define LEDGER_CALL_COLUMNS 31

/** ledger_column_text - NULL for NULL; borrowed until the statement's next step. */
const char *ledger_column_text(sqlite3_stmt *statement, int column);

/* The words for an enumeration's values; what is out of range has the word for unknown. */
const char *ledger_price_status_name(enum pricing_status status);
const char *ledger_cause_name(uint32_t cause);
const char *ledger_billing_name(enum call_billing billing);
const char *ledger_cost_status_name(enum cost_status status);
const char *ledger_capture_name(uint8_t capture);

/** ledger_price_status_by_name - Return: the status, PRICING_UNPRICED_MODEL for an unknown name. */
enum pricing_status ledger_price_status_by_name(const char *name);

static inline int64_t ledger_saturate(uint64_t value)
{
	return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

/** ledger_wall - wall time of a boot time. */
static inline int64_t ledger_wall(uint64_t boot_ns, int64_t offset_ns)
{
	int64_t sum;

	if (__builtin_add_overflow(ledger_saturate(boot_ns), offset_ns, &sum))
		return INT64_MAX;
	return sum;
}

/** ledger_find_process - the row of a process, made where there is none. */
int ledger_find_process(struct ledger *ledger, const struct process_key *key, int64_t *ret_id);

#endif
