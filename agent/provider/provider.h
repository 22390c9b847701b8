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

/*
 * provider_new - a stage without endpoints.
 * @loss: told what was not read: CR_CAUSE_PROTOCOL, a request to a host that bills whose path no
 *	family has; CR_CAUSE_LIMIT, a model call beyond LIMIT_CALLS. Of both, not what failed. Their
 *	wall_ns is 0.
 * Return: 0 or -ENOMEM.
 */
int provider_new(struct provider **ret_provider, call_sink sink, loss_sink loss, void *context);

/*
 * provider_add_endpoint - HOST[:PORT]=FAMILY[,FAMILY…][,provider=NAME[,gpus=N]]: this host speaks
 *	these families' APIs and is billed like them, or by the rows of the provider that is named.
 *	Of the first with `gpus` that a call fits, its calls share the time. A HOST without PORT
 *	stands for all of its ports. All endpoints are added before the first event.
 * Return: 0, -EINVAL for a malformed text, -ENOENT for an unknown family, -ENOMEM.
 */
int provider_add_endpoint(struct provider *provider, const char *text);

/** provider_set_tag - `tollspan.tag` of every call from here on; borrowed, NULL is none. */
void provider_set_tag(struct provider *provider, const char *tag);

/** provider_expect - a response begun in the background earlier: the poll that completes it bills.
 */
void provider_expect(struct provider *provider, const char *response_id);

/*
 * provider_feed - one exchange event.
 * Return: 0, EXCHANGE_IGNORE where the exchange is of no interest, or -ENOMEM.
 */
int provider_feed(struct provider *provider, const struct exchange_event *event);

/** provider_end - end open calls as partial. Return: 0 or -ENOMEM. */
int provider_end(struct provider *provider, uint64_t now_ns);

void provider_free(struct provider *provider);

#endif
