/* SPDX-License-Identifier: Apache-2.0 */
/* One exchange: its events out, its counts, its end. */
#ifndef AGENT_HTTP_EXCHANGE_H
#define AGENT_HTTP_EXCHANGE_H

#include "agent/http/body.h"
#include "agent/http/connection.h"

struct exchange {
	struct exchange *next; /* waits behind this one for its response */
	struct http_shared *shared;
	const struct conn_key *key;
	const struct conn_info *info;
	uint64_t id, position;
	uint64_t now_ns;         /* time of the bytes at hand */
	bool silent;             /* of a server: no events */
	bool ignored;            /* the sink wants no bodies */
	bool head_only, connect; /* by method */
	bool unpaired;           /* no response will be told to be its own */
	bool doubtful;           /* a request may lie before it whose response must come first */
	bool missed; /* its response may have been lost, and then the next is not its own */
	bool request_done, response_done;
	uint32_t partial;
	struct body request, response;
};

/** exchange_request_head - Return: 0 or -ENOMEM. */
int exchange_request_head(struct exchange *exchange, struct head *head, const char *method,
			  uint64_t begin_ns);

/** exchange_response_head - Return: 0 or -ENOMEM. */
int exchange_response_head(struct exchange *exchange, struct head *head, unsigned int status);

/** exchange_body - bytes of either body. Return: 0 or -ENOMEM. */
int exchange_body(struct exchange *exchange, bool response, const uint8_t *data, size_t length);

/** exchange_body_end - REQUEST_END or RESPONSE_END. Return: 0 or -ENOMEM. */
int exchange_body_end(struct exchange *exchange, bool response);

/** exchange_end - END, and the losses; frees the exchange. Return: 0 or -ENOMEM. */
int exchange_end(struct exchange *exchange, uint32_t partial);

void exchange_free(struct exchange *exchange);

#endif
