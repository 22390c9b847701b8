/* SPDX-License-Identifier: Apache-2.0 */
/* What the process was started with: environment, auxiliary vector, clock. */
#ifndef PRELOAD_START_H
#define PRELOAD_START_H

#include <stdbool.h>

/** start_read - find environment and auxiliary vector. Return: false: they can not be had. */
bool start_read(void);

/** start_secure - the program has more rights than its caller (AT_SECURE), or may have. */
bool start_secure(void);

/** start_variable - value of a variable of the environment at start, or NULL. */
const char *start_variable(const char *name);

/** start_clock - let clock_boot() use the vDSO. */
void start_clock(void);

#endif
