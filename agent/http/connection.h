/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connection: pairs the requests of one connection with their responses. Where a gap leaves it
 * open which response is whose, exchanges end partial rather than with another's response.
 */
#ifndef AGENT_HTTP_CONNECTION_H
#define AGENT_HTTP_CONNECTION_H

#include "agent/http/body.h"
#include "agent/http/framing.h"
#include "agent/http/http.h"

/* What all connections share. */
struct http_shared {
	struct http_opts opts;
	struct decode_budget budget;
	uint64_t last_exchange;
	struct header_field fields[LIMIT_HTTP_FIELDS];
};

struct connection;

/** connection_new - a connection of which the first bytes come. Return: 0 or -ENOMEM. */
int connection_new(struct connection **ret_connection, struct http_shared *shared,
		   const struct stream_event *event);

/** connection_feed - DATA, GAP or INFO. Return: 0 or -ENOMEM. */
int connection_feed(struct connection *connection, const struct stream_event *event);

/** connection_expire - drop a response whose request did not come. Return: 0 or -ENOMEM. */
int connection_expire(struct connection *connection, uint64_t now_ns);

/*
 * connection_end - no more comes.
 * @closed: the connection ended, and with it a body that is ended so; else the capture did.
 * Return: 0 or -ENOMEM.
 */
int connection_end(struct connection *connection, uint64_t now_ns, bool closed);

void connection_free(struct connection *connection);

#endif
