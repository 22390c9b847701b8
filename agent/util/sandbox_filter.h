/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls of each role. */
#ifndef AGENT_UTIL_SANDBOX_FILTER_H
#define AGENT_UTIL_SANDBOX_FILTER_H

#include "agent/util/sandbox.h"

/** sandbox_filter_load - from now on, in all threads. Return: 0 or a negative errno. */
int sandbox_filter_load(enum sandbox_role role);

#endif
