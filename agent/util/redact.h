/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines without their secrets: what looks like a key, or stands where one is given, is
 * replaced by "***". It errs towards hiding.
 */
#ifndef AGENT_UTIL_REDACT_H
#define AGENT_UTIL_REDACT_H

#include <stddef.h>

#include "agent/util/buffer.h"

/* What the argument before said of this one. 0 at the start of a command line. */
enum redact_next {
	REDACT_PLAIN,
	REDACT_SECRET, /* it is the value of an option such as --api-key */
	REDACT_USER,   /* it is the value of an option such as -u: USER:PASSWORD */
};

/*
 * redact_argument - append one argument, redacted.
 * @next: from one argument of a command line to the next.
 * Return: 0, -ENOMEM, or -E2BIG at the cap of out; what was appended so far stays.
 */
int redact_argument(struct buffer *out, const char *text, size_t length, enum redact_next *next);

#endif
