/* SPDX-License-Identifier: Apache-2.0 */
/* The finder: a process without privilege that alone parses ELF files, on descriptors it is sent.
 */
#ifndef AGENT_SOURCE_EBPF_FINDER_H
#define AGENT_SOURCE_EBPF_FINDER_H

#include "agent/source/ebpf.h"

struct finder;

/** finder_new - fork it. @opts: borrowed for as long as the finder. Return: 0 or errno. */
int finder_new(struct finder **ret_finder, const struct ebpf_opts *opts);

/*
 * finder_ask - the probe sites of a file.
 * @ret_sites: room for LIMIT_SITES.
 * Return: how many, 0 for none; -ENOEXEC, -EBADMSG of the file; -EPIPE or -EAGAIN if the finder
 * died of it or took too long: it was started anew.
 */
int finder_ask(struct finder *finder, int fd, struct probe_site *ret_sites);

/** finder_revive - make it anew where it has died, but for a search that is on its way. */
void finder_revive(struct finder *finder);

#define FINDER_NAME_MAX 64

/*
 * finder_search - begin to search a file for a TLS library inside; finder_found() answers, when
 *	finder_fd() is readable. One at a time, and no other question meanwhile.
 * Return: 0 or a negative errno.
 */
int finder_search(struct finder *finder, int fd);

int finder_fd(const struct finder *finder);

/** finder_found - "" where there is none, or the finder died of it. Return: 0; -EPIPE: it died. */
int finder_found(struct finder *finder, char ret_name[FINDER_NAME_MAX]);

void finder_free(struct finder *finder);

#endif
