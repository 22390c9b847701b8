/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provider: from exchanges to model calls with their charges.
 *
 * A family is one API in one file and a row in family.c. It is chosen by the endpoints of the
 * configuration, then by host, then by the path's shape; a host that nobody vouches for is read by
 * shape and not billed.
 */
#ifndef AGENT_PROVIDER_PROVIDER_H
#define AGENT_PROVIDER_PROVIDER_H

#include "agent/event.h"

struct provider;

/** provider_new - Return: 0 or -ENOMEM. */
int provider_new(struct provider **ret_provider, call_sink sink, void *context);

/*
 * provider_add_endpoint - HOST[:PORT]=FAMILY[,FAMILY…]: this host speaks these families' APIs and
 *	is billed like them. A HOST without PORT stands for all of its ports.
 * Return: 0, -EINVAL for a malformed text, -ENOENT for an unknown family, -ENOMEM.
 */
int provider_add_endpoint(struct provider *provider, const char *text);

/*
 * provider_feed - one exchange event.
 * Return: 0, EXCHANGE_IGNORE where the exchange is of no interest, or -ENOMEM.
 */
int provider_feed(struct provider *provider, const struct exchange_event *event);

/** provider_end - end open calls as partial. */
int provider_end(struct provider *provider, uint64_t now_ns);

void provider_free(struct provider *provider);

#endif
