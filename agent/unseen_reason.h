/* SPDX-License-Identifier: Apache-2.0 */
/* Why a process that reached for the network could not be captured, from what is known of it. */
#ifndef AGENT_UNSEEN_REASON_H
#define AGENT_UNSEEN_REASON_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/util/buffer.h"
#include "bpf/capture_record.h"

struct unseen_evidence {
	bool preload;        /* captured by the shim, else by eBPF */
	const char *inside;  /* a TLS library inside the executable, which is not captured */
	const char *library; /* a TLS library that it mapped and that is not captured */
	bool openssl;        /* it mapped a shared OpenSSL */
	bool mapped;         /* something is known of what it maps */
	bool interpreter;    /* it is dynamically linked */
	bool sight;          /* its calls would be seen */
	bool unanswered;     /* the shim in it had its answer too late */
};

/** unseen_note_mapping - it maps a file of this path. */
void unseen_note_mapping(struct unseen_evidence *evidence, const char *path);

/** unseen_notable - does a mapping of this path say something? */
bool unseen_notable(const char *path);

/** unseen_reason - for a person; NULL where nothing says that it used TLS unseen. */
const char *unseen_reason(const struct unseen_evidence *evidence, char *text, size_t size);

/*
 * unseen_record - append a CR_UNSEEN record to out.
 * @executable: may be NULL.
 * Return: 0 or a negative errno.
 */
int unseen_record(struct buffer *out, const struct cr_process *process, const char *executable,
		  const struct unseen_evidence *evidence, const char *reason);

#endif
