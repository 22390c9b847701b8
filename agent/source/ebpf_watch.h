/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executable mappings as they are made, told by perf events (perf_event_open(2),
 * PERF_RECORD_MMAP2): programs, libraries, and what is loaded later, whichever loader does it.
 */
#ifndef AGENT_SOURCE_EBPF_WATCH_H
#define AGENT_SOURCE_EBPF_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MAPPING_PATH_SIZE 512

struct mapping_watch;

struct mapping_event {
	bool lost; /* events were lost, of no one process; nothing else is set */
	pid_t pid; /* 0: of another pid namespace */
	uint64_t start, length;
	const char *path; /* as its namespace names it, a long one cut; borrowed */
};

typedef void (*mapping_fn)(void *context, const struct mapping_event *event);

/** mapping_watch_new - watch all processes on all processors. Return: 0 or a negative errno. */
int mapping_watch_new(struct mapping_watch **ret_watch);

/** mapping_watch_fds - descriptors that become readable. Return: how many. */
size_t mapping_watch_fds(const struct mapping_watch *watch, const int **ret_fds);

/** mapping_watch_drain - call back with what was mapped since the last call. */
void mapping_watch_drain(struct mapping_watch *watch, mapping_fn fn, void *context);

void mapping_watch_free(struct mapping_watch *watch);

#endif
