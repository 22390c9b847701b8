/* SPDX-License-Identifier: Apache-2.0 */
/* Which TLS library an executable carries inside, told by the traces that each leaves in a binary.
 */
#ifndef AGENT_ATTACH_TLS_H
#define AGENT_ATTACH_TLS_H

#include <stdbool.h>

/*
 * tls_inside - the name of a TLS library in a file ("BoringSSL", "Go's crypto/tls"), for a person;
 *	NULL if none is known in it, or it can not be read.
 * Reads the whole file, at most LIMIT_TLS_SCAN bytes.
 */
const char *tls_inside(const char *path);

/** tls_inside_fd - as tls_inside(), of an open file, which stays the caller's. */
const char *tls_inside_fd(int fd);

/** tls_may_load - can a file load libraries at run time, as far as its symbols tell? */
bool tls_may_load(const char *path);

/*
 * tls_library - is this the path of a shared TLS library other than OpenSSL's, going by its name?
 * Return: its name, for a person, or NULL.
 */
const char *tls_library(const char *path);

#endif
