/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in command lines and environments: found by how they look and by what they are called. */
#ifndef AGENT_UTIL_REDACT_H
#define AGENT_UTIL_REDACT_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/util/buffer.h"

#define REDACT_TEXT "[redacted]"

/* One command line; zero it before its first argument. */
struct redact {
	bool value_follows; /* the argument before was an option that takes a key */
};

/*
 * redact_argument - append the next argument of a command line, or one NAME=VALUE, to out, with
 *	each key in it replaced by REDACT_TEXT.
 *
 * A key is what has a provider's prefix (sk-, AIza, …); what follows Bearer or Basic; the value of
 * a name that speaks of a key, token, secret, password or authorization, behind "=" or ":" or as
 * the next argument; and the password of a URL. Rather one word too many than one too few.
 * Return: 0, -ENOMEM or -E2BIG, as buffer_append().
 */
int redact_argument(struct redact *redact, const char *text, size_t length, struct buffer *out);

#endif
