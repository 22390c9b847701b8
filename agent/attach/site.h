/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probe sites for cost. An exported TLS function mostly begins with an instruction that the kernel
 * must single-step, at about 15 µs a call; the function behind it begins with a push, which the
 * kernel emulates. A probe in the wrong place ends the program under it, so the inner function is
 * taken only where both exported forms hand their arguments on to it in the same, expected way.
 */
#ifndef AGENT_ATTACH_SITE_H
#define AGENT_ATTACH_SITE_H

#include <stddef.h>

#include "agent/event.h"

#define SITE_EXPORTED_ONLY 0x01 /* do not look behind the exports: for comparing costs */

/*
 * site_find - where to probe the OpenSSL functions of a file.
 * @fd: readable; stays the caller's.
 * @ret_sites: room for LIMIT_SITES.
 * Return: how many there are, 0 for a file without them; -ENOEXEC if it is no ELF file of this
 * machine; -EBADMSG if it is damaged; -ENOMEM.
 */
int site_find(int fd, unsigned int flags, struct probe_site *ret_sites);

#endif
