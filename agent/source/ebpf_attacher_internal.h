/* SPDX-License-Identifier: Apache-2.0 */
/* What the attacher's files share. */
#ifndef AGENT_SOURCE_EBPF_ATTACHER_INTERNAL_H
#define AGENT_SOURCE_EBPF_ATTACHER_INTERNAL_H

#include "agent/source/ebpf_attacher.h"
#include "agent/source/ebpf_files.h"
#include "agent/source/ebpf_processes.h"
#include "agent/source/ebpf_searches.h"
#include "agent/source/ebpf_seam.h"

struct ring_buffer;

struct attacher {
	const struct ebpf_opts *opts;
	struct loop *loop;
	int socket; /* to the reader; -1: there is none */
	struct ebpf_kernel *kernel;
	struct finder *finder;
	struct probed_files *files;
	struct mapping_watch *watch;
	struct processes *processes;
	struct searches *searches; /* of the host; NULL: a tree */
	struct ring_buffer *lifecycle;
	uint64_t lifecycle_lost;
	bool mappings_lost;            /* mappings that were not told are to be looked for */
	uint64_t starts[LIMIT_SCOPES]; /* of opts->scope->pids, when they were found; 0: not yet */
	uint64_t attach_start;         /* of opts->attach, as it was before the reader spoke */
	struct cr_process root;        /* the process that was followed last; pid 0: none */
	bool swept;                    /* no process has ended since the last sweep */
	unsigned int sweeps;
};

/** attacher_take_in - remember a process that is in the tree, and probe what it has mapped. */
int attacher_take_in(struct attacher *attacher, const struct cr_process *process,
		     const char *called, unsigned int flags);

/** attacher_scan - probe all that a process has mapped. */
void attacher_scan(struct attacher *attacher, struct watched *watched);

/** attacher_report_silent - tell of it if it connected, and nothing in it is probed. */
int attacher_report_silent(struct attacher *attacher, struct watched *watched);

/* ---- the tree of a command: ebpf_tree.c ---- */

/** tree_follow - what the reader asked for: a process and its descendants. */
int tree_follow(struct attacher *attacher, pid_t root, unsigned int flags);

/** tree_kill - what job passes on to the command, and to it alone. */
int tree_kill(const struct attacher *attacher, pid_t pid, uint32_t number);

/* ---- the host: ebpf_host.c ---- */

/** host_began - a process begins a program, in the tree or not. */
int host_began(struct attacher *attacher, const struct cr_process *process, const char *called);

/** host_stranger - a process that is not captured has called a probed function. */
int host_stranger(struct attacher *attacher, const struct cr_process *process);

/** host_sweep - to be called every second. */
int host_sweep(struct attacher *attacher);

#endif
