/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the attacher remembers of the processes in the tree, and tells the reader of them: who they
 * are, and which of them reached for the network with nothing probed in them.
 */
#ifndef AGENT_SOURCE_EBPF_PROCESSES_H
#define AGENT_SOURCE_EBPF_PROCESSES_H

#include "agent/source/ebpf.h"
#include "agent/source/ebpf_watch.h"
#include "agent/util/map.h"

struct watched {
	struct cr_process process;
	struct buffer hello;  /* CR_HELLO: what it runs and maps, as far as it is known */
	struct buffer record; /* the last CR_PROC of it; empty where it was not described */
	uint64_t exe_device, exe_inode; /* 0: not known */
	uint64_t connected_ns;          /* it has opened a TCP connection; 0: not that is known */
	bool mapped;                    /* a mapping of it was noted */
	bool probed;                    /* it has mapped a file with probes */
	bool reported;                  /* that nothing of it is probed */
	bool untold;                    /* its record found no room on the way to the reader */
};

/*
 * processes_tell - to the reader. @type: SEAM_RECORD or SEAM_SILENT.
 * Return: 0; -EAGAIN: no room; -EPIPE: there is no reader.
 */
typedef int (*processes_tell)(void *context, uint32_t type, const struct buffer *payload);

struct processes;

/*
 * processes_new - @opts: borrowed for as long.
 * @lazy: a process is told of only where something is probed in it, and of what it maps only the
 *	first and what opts->notable() names is kept: there are many.
 * Return: 0 or -ENOMEM.
 */
int processes_new(struct processes **ret_processes, const struct ebpf_opts *opts, bool lazy,
		  processes_tell tell, void *context);

/** processes_get - made where it is not known yet. Return: NULL without room. */
struct watched *processes_get(struct processes *processes, const struct cr_process *process);

/** processes_find - Return: NULL where it is not known. */
struct watched *processes_find(const struct processes *processes, uint32_t pid);

/** processes_next - as map_next(). */
struct watched *processes_next(const struct processes *processes, size_t *cursor);

/** processes_recent - remember that this process (any) has mapped this path. */
void processes_recent(struct processes *processes, const struct mapping_event *event);

/*
 * processes_begin - it begins a program: what was known of the one before is forgotten.
 * @called: how it was called, for a process that is gone already; may be NULL.
 */
void processes_begin(struct processes *processes, struct watched *watched, const char *called);

/** processes_note_mapping - it has mapped this file. */
void processes_note_mapping(struct processes *processes, struct watched *watched, const char *path);

/** processes_describe - read what it is, and tell. Return: 0, or -EPIPE. */
int processes_describe(struct processes *processes, struct watched *watched, unsigned int flags);

/** processes_probed - something is probed in it from now on. Return: 0, or -EPIPE. */
int processes_probed(struct processes *processes, struct watched *watched);

/*
 * processes_inherit - it was born, and is what its parent is.
 * @time_ns: when: what it has become since is told by records of later times.
 * Return: 0, or -EPIPE.
 */
int processes_inherit(struct processes *processes, struct watched *watched,
		      const struct watched *parent, uint64_t time_ns);

/** processes_tell_all - there is a new reader, or room again. @all: else what was untold. */
void processes_tell_all(struct processes *processes, bool all);

/*
 * processes_is_silent - has it connected, with nothing probed in it, and was not reported?
 *	Marks it as reported.
 * @ret_hello: CR_HELLO of it, whole.
 */
bool processes_is_silent(struct watched *watched, const struct buffer **ret_hello);

void processes_remove(struct processes *processes, struct watched *watched);

void processes_free(struct processes *processes);

#endif
