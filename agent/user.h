/* SPDX-License-Identifier: Apache-2.0 */
/* Whom the wrapped command and the parser run as, where we were called with privilege. */
#ifndef AGENT_USER_H
#define AGENT_USER_H

/** user_invoker - passwd name of who called sudo (static); NULL if nobody did, or we are not root.
 */
const char *user_invoker(void);

/** user_become - become this passwd user for good. Return: 0 or a negative errno (-ENOENT). */
int user_become(const char *name);

#endif
