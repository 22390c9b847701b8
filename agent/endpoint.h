/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_ENDPOINT_H
#define AGENT_ENDPOINT_H

/** endpoint_tell - say on standard error why pipeline_new() refused; @endpoint NULL: not one's. */
void endpoint_tell(const char *endpoint, int error);

#endif
