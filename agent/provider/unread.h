/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unread: requests that cost money and that nothing here reads, until it is known whether they
 * succeeded. Each that did is told as one loss, named like "openai POST /v1/embeddings".
 */
#ifndef AGENT_PROVIDER_UNREAD_H
#define AGENT_PROVIDER_UNREAD_H

#include "agent/event.h"

struct unread;

/** unread_new - Return: 0 or -ENOMEM. */
int unread_new(struct unread **ret_unread, loss_sink sink, void *context);

/*
 * unread_begin - an exchange, by its request head, is not read.
 * @cause: of the loss.
 * @provider: the first word of its name.
 * @path_length: of event->target, without the query.
 * Return: 0 or -ENOMEM.
 */
int unread_begin(struct unread *unread, const struct exchange_event *event, enum cr_cause cause,
		 const char *provider, size_t path_length);

/** unread_feed - a later event of any exchange. Return: 0 or -ENOMEM. */
int unread_feed(struct unread *unread, const struct exchange_event *event);

/** unread_end - tell what is still open. Return: 0 or -ENOMEM. */
int unread_end(struct unread *unread);

void unread_free(struct unread *unread);

#endif
