/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger: calls, charges, prices, processes and losses in SQLite.
 *
 * Writes are gathered into a transaction that ledger_commit() ends. Many writers may share one
 * file.
 */
#ifndef AGENT_LEDGER_LEDGER_H
#define AGENT_LEDGER_LEDGER_H

#include "agent/event.h"

struct ledger;

/*
 * ledger_open - open or create, and bring the schema up to date.
 * @path: NULL for a scratch ledger: in memory, beyond LIMIT_SCRATCH_LEDGER in a file without name.
 * Missing folders are made, 0700; the file is 0600.
 * @error: text for a person on failure; may be NULL.
 * Return: 0 or a negative errno (-ENOTSUP: the file is of a newer tollspan).
 */
int ledger_open(struct ledger **ret_ledger, const char *path, char *error, size_t error_size);

/** ledger_open_readonly - as ledger_open(), of an existing file, without writing to it. */
int ledger_open_readonly(struct ledger **ret_ledger, const char *path, char *error,
			 size_t error_size);

/*
 * ledger_begin_writer - this process begins to write; later rows carry the writer's id. Comes
 *	before the first event.
 * @command: "run", "record", "replay", "agent".
 */
int ledger_begin_writer(struct ledger *ledger, const char *command, const char *version,
			int64_t wall_ns, int64_t *ret_writer);

/*
 * Write one event, as a whole or not at all. CALL_BEGIN makes an open row, CALL_END settles it; a
 * settled row never changes
 * (-EALREADY, or 0 where the same row is written again, as by a second replay).
 * What does not fit 63 bits is not written as if it did: its charge is then unpriced. An error
 * (but -EALREADY and -EBUSY) may take back what was accepted since the last commit: ledger_lost().
 * Return: 0 or a negative errno: -ENOSPC, -EIO, -EROFS, -EBUSY, -EBADMSG (damaged file), -ENOMEM.
 */
int ledger_write_call(struct ledger *ledger, const struct call_event *event);
int ledger_write_process(struct ledger *ledger, const struct process_event *event);
int ledger_write_loss(struct ledger *ledger, const struct loss_event *event);
int ledger_write_unseen(struct ledger *ledger, const struct unseen_event *event);

/*
 * ledger_commit - end the transaction: what was written now survives the death of the process, and
 *	others see it. While one is open other writers wait, so call this a few times a second.
 * Return: 0 or a negative errno; also the error that took events back after they had been accepted.
 */
int ledger_commit(struct ledger *ledger);

/** ledger_lost - events that were accepted and then taken back, by a full disk for example. */
uint64_t ledger_lost(const struct ledger *ledger);

/** ledger_close - commits; takes NULL. */
void ledger_close(struct ledger *ledger);

#endif
