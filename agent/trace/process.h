/* SPDX-License-Identifier: Apache-2.0 */
/* The table of processes: who they are, whose children, and of which tree. */
#ifndef AGENT_TRACE_PROCESS_H
#define AGENT_TRACE_PROCESS_H

#include "agent/event.h"

struct process;
struct process_table;

/** process_table_new - Return: 0 or -ENOMEM. */
int process_table_new(struct process_table **ret_table);

void process_table_free(struct process_table *table);

/*
 * process_table_feed - a record of type FORK, EXEC, EXIT or PROC.
 * @ret_process: the process that changed; NULL where the table is full.
 * Return: 0 or -ENOMEM.
 */
int process_table_feed(struct process_table *table, const struct cr_head *record,
		       struct process **ret_process);

/*
 * process_table_get - a process by its key, made where it is not known yet.
 * @ret_new: it was made now; nothing but its key is known.
 * @ret_process: NULL where the table is full.
 * Return: 0 or -ENOMEM.
 */
int process_table_get(struct process_table *table, const struct process_key *key, bool *ret_new,
		      struct process **ret_process);

/** process_root - the root of the wrapped tree that holds this process. Return: is there one? */
bool process_root(struct process_table *table, struct process *process,
		  struct process_key *ret_root);

/** process_parent - Return: NULL where it is not known. */
struct process *process_parent(const struct process_table *table, const struct process *process);

/** process_mark - note that it was told of. Return: was it told of before? */
bool process_mark(struct process *process);

bool process_is_marked(const struct process *process);

/** process_describe - what is known; borrowed from the process. Clock and boot id are not set. */
void process_describe(const struct process *process, struct process_event *ret_event);

/** process_table_expire - forget the processes that ended LIMIT_PROCESS_ENDED_NS ago. */
void process_table_expire(struct process_table *table, uint64_t now_ns);

#endif
