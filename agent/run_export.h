/* SPDX-License-Identifier: Apache-2.0 */
/* --export of run and record: from the ledger to a collector, while the command runs. */
#ifndef AGENT_RUN_EXPORT_H
#define AGENT_RUN_EXPORT_H

#include <sys/types.h>

#include "agent/options.h"
#include "agent/store.h"

struct run_export;

/*
 * run_export_new - read what is configured, and say what is wrong with it.
 * @ret_export: NULL where nothing is to be exported; the functions below take that.
 * Return: 0 or a negative errno.
 */
int run_export_new(struct run_export **ret_export, const struct options *options);

/*
 * run_export_begin - the command runs, and nothing has settled yet. Begins to export, unless an
 *	agent does that; what fails is said, and the run goes on without.
 * @ledger: path of the store's; "": there is none. Lives as long as the export.
 */
void run_export_begin(struct run_export *run_export, struct store *store, const char *ledger,
		      pid_t pid);

/** run_export_wake - the store was committed. */
void run_export_wake(struct run_export *run_export, const struct store *store);

/** run_export_finish - deliver the rest, for --flush-timeout at most; say what is left. */
void run_export_finish(struct run_export *run_export);

void run_export_free(struct run_export *run_export);

#endif
