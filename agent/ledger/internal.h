/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share: the open ledger, its transaction and its statements. */
#ifndef AGENT_LEDGER_INTERNAL_H
#define AGENT_LEDGER_INTERNAL_H

#include <sqlite3.h>

#include "agent/ledger/ledger.h"
#include "agent/ledger/query.h"

enum statement {
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
	STATEMENT_REPRICE,
	STATEMENT_NEWEST_PRICING,
	STATEMENT_USAGES,
	STATEMENT_ATTRIBUTES,
	STATEMENT_LOSSES,
	STATEMENT_UNSEENS,
	STATEMENT_ANCESTORS,
	STATEMENTS,
};

/* Where a name was found; names are literals, and so known by their address. */
struct parameter {
	const char *name;
	int index;
};

/* A statement that is kept, and its parameters as far as they were bound. */
struct prepared {
	sqlite3_stmt *handle;
	struct parameter *parameters;
	size_t room; /* power of two */
};

#define LEDGER_KNOWN_PROCESSES 16

struct known_process {
	struct process_key key;
	int64_t id; /* of its row; 0: none is known */
};

struct ledger {
	sqlite3 *db;
	struct prepared statements[STATEMENTS];
	int64_t writer;
	char boot_id[2 * BOOT_ID_SIZE + 1]; /* of the processes that are being written, hex */
	struct known_process known[LEDGER_KNOWN_PROCESSES]; /* of them, as they were asked for */
	bool in_transaction;
	uint64_t begun_ns; /* when the transaction began */
	uint64_t pending;  /* events in it */
	int64_t changes;   /* of rows, as the event began */
	uint64_t lost;     /* events that were taken back after they had been accepted */
	int lost_error;    /* why; told by the next commit */
	int64_t target;    /* that calls are exported to as they settle; 0: none */
	char *target_name;
	int64_t cursor, sequence; /* of the target, as the transaction knows them; -1: not yet */
	int64_t backlog;          /* LIMIT_EXPORT_BACKLOG; a test's may be smaller */
	uint64_t exported;        /* calls that were given a sequence */
};

/** ledger_errno - the negative errno of an SQLite result. */
int ledger_errno(sqlite3 *db, int result);

/** ledger_statement - a statement, prepared once, reset and without bindings. */
int ledger_statement(struct ledger *ledger, enum statement which, struct prepared **ret_statement);

/** ledger_finalize - forget a statement, where it was prepared. */
void ledger_finalize(struct prepared *statement);

/*
 * ledger_step - run a statement to its next row.
 * Return: 1 for a row; 0 at the end, and a negative errno, with the statement reset.
 */
int ledger_step(struct ledger *ledger, struct prepared *statement);

/** ledger_run - run a statement that has no row of interest. Return: 0 or a negative errno. */
int ledger_run(struct ledger *ledger, struct prepared *statement);

/** ledger_reset - end a walk before its end. */
static inline void ledger_reset(struct prepared *statement)
{
	sqlite3_reset(statement->handle);
}

/* Columns of the row that a step gave. Texts are borrowed until the next step. */
static inline int64_t ledger_column_int(struct prepared *statement, int column)
{
	return sqlite3_column_int64(statement->handle, column);
}

static inline const char *ledger_column_text(struct prepared *statement, int column)
{
	return (const char *)sqlite3_column_text(statement->handle, column);
}

static inline bool ledger_column_null(struct prepared *statement, int column)
{
	return sqlite3_column_type(statement->handle, column) == SQLITE_NULL;
}

/*
 * Bind by name (":name", a literal); the first failure stays in *r. NULL texts, and absent values,
 * are NULL. A text is borrowed until the statement has run.
 */
void ledger_bind_int(struct prepared *statement, const char *name, int64_t value, int *r);
void ledger_bind_int_if(struct prepared *statement, const char *name, bool present, int64_t value,
			int *r);
void ledger_bind_text(struct prepared *statement, const char *name, const char *text, int *r);

/** ledger_forget - what is remembered of rows may be wrong: the file is asked again. */
void ledger_forget(struct ledger *ledger);

/** ledger_event_begin - an event's writes begin: all of them are written, or none. */
int ledger_event_begin(struct ledger *ledger);

/*
 * ledger_event_end - of an event that failed after it had written something nothing stays, nor of
 *	the others of its transaction, which count as lost.
 * Return: r.
 */
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

/* The row of a target. */
struct ledger_target {
	int64_t cursor, last;
	int64_t holder, until_ns; /* 0: nobody */
};

/** ledger_read_target - Return: 0 or a negative errno. */
int ledger_read_target(struct ledger *ledger, int64_t id, struct ledger_target *ret_target);

/* Within an event: a call that has just settled, where its writer exports. 0 or errno. */
int ledger_export_call(struct ledger *ledger, int64_t call);

/* Within an event: a loss; and that of calls which a target will not get. 0 or errno. */
int ledger_put_loss(struct ledger *ledger, const struct loss_event *event);
int ledger_write_not_exported(struct ledger *ledger, const char *target, uint64_t calls);

/*
 * ledger_read_calls - walk the rows of a statement that begins with the columns of a call.
 * @latest: with the latest price of each charge, not the bill.
 * Return: 0, a negative errno, or fn's non-zero; the statement is reset.
 */
int ledger_read_calls(struct ledger *ledger, struct prepared *statement, bool latest,
		      ledger_call_fn fn, void *context);

/*
 * ledger_read_usage - a charge's quantities; a bucket that this tollspan does not know is left out.
 * Return: 0, 1 where something was left out, or a negative errno.
 */
int ledger_read_usage(struct ledger *ledger, int64_t charge, struct pricing_usage *usage);

/** ledger_charge_status - of a price as the file can hold it. */
enum pricing_status ledger_charge_status(const struct pricing_usage *usage,
					 const struct pricing_result *price);

/** ledger_amount_fits - can the file hold an amount? */
static inline bool ledger_amount_fits(pricing_amount amount)
{
	return amount >= INT64_MIN && amount <= INT64_MAX;
}

/*
 * Within an event: a price of a charge, with its lines.
 * @pricing: 0 is the bill; a later one's number.
 */
int ledger_put_price(struct ledger *ledger, int64_t charge, int64_t pricing,
		     const struct pricing_usage *usage, const struct pricing_result *price,
		     const char *card_version);

/* Of struct ledger_call's columns there are so many. */
#define LEDGER_CALL_COLUMNS 34

/* The words for an enumeration's values; what is out of range has the word for unknown. */
const char *ledger_price_status_name(enum pricing_status status);
const char *ledger_cause_name(uint32_t cause);
const char *ledger_billing_name(enum call_billing billing);
const char *ledger_cost_status_name(enum cost_status status);
const char *ledger_capture_name(uint8_t capture);
const char *ledger_reported_source_name(enum reported_source source); /* NULL for none */

/** ledger_price_status_by_name - Return: the status, PRICING_UNPRICED_MODEL for an unknown name. */
enum pricing_status ledger_price_status_by_name(const char *name);

/** ledger_cost_status_by_name - Return: the status, COST_UNPRICED for an unknown name. */
enum cost_status ledger_cost_status_by_name(const char *name);

/** ledger_reported_source_by_name - Return: the source, REPORTED_NONE for NULL or another name. */
enum reported_source ledger_reported_source_by_name(const char *name);

/** ledger_cost_status - a call's status by the prices of its charges, where they make it. */
enum cost_status ledger_cost_status(const struct ledger_call *call);

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
