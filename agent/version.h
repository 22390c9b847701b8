/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_VERSION_H
#define AGENT_VERSION_H

#include <stdio.h>

/** version_print - this version, and what is compiled in, with its licences. */
void version_print(FILE *out);

#endif
