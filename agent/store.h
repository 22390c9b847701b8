/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store: where a pipeline's events go in run, record and replay: the user's ledger, and beside it a
 * scratch ledger of this one run, so that the summary is whole even where the other fails.
 */
#ifndef AGENT_STORE_H
#define AGENT_STORE_H

#include "agent/pipeline.h"

struct ledger;
struct store;

/*
 * store_open - with no ledger at first, only the scratch one.
 * @command: "run", "record" or "replay". @wall_ns: now.
 * Return: 0 or a negative errno.
 */
int store_open(struct store **ret_store, const char *command, int64_t wall_ns);

/*
 * store_add_ledger - write to the ledger of this path too.
 * @error: text for a person on failure.
 * Return: 0 or a negative errno; the store works on without it.
 */
int store_add_ledger(struct store *store, const char *path, char *error, size_t error_size);

/*
 * store_export - calls that settle from now on are exported to the target, from the ledger; before
 *	it none may have settled.
 * Return: 0; -ENOENT: there is no ledger; another negative errno.
 */
int store_export(struct store *store, const char *target);

/** store_exported - how many have settled since; the last may not be committed yet. */
uint64_t store_exported(const struct store *store);

/** store_sinks - the sinks for pipeline_new(). */
void store_sinks(struct store *store, struct pipeline_sinks *ret_sinks);

/** store_lookup - what the user's ledger knows, for pipeline_new(). */
void store_lookup(const struct store *store, struct lookup *ret_lookup);

/** store_commit - make what came durable; an error counts as the ledger's. */
void store_commit(struct store *store);

/** store_failure - the first error of the ledger since it was opened, and what it lost; 0 if none.
 */
int store_failure(const struct store *store, uint64_t *ret_events);

/** store_scratch_failure - the first event's error that reports lack for it; 0 if none. */
int store_scratch_failure(const struct store *store);

/** store_scratch - the ledger that holds just what came, for queries. */
struct ledger *store_scratch(struct store *store);

/** store_free - commits and closes. */
void store_free(struct store *store);

#endif
