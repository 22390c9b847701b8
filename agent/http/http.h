/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http: from byte streams to exchanges, with decoded bodies.
 *
 * Reads HTTP/1.1 (RFC 9112) leniently, resynchronises after gaps, decodes contents incrementally,
 * and splits text/event-stream into its events. Keys in header fields and queries are turned into
 * fingerprints here and reach no later stage.
 */
#ifndef AGENT_HTTP_HTTP_H
#define AGENT_HTTP_HTTP_H

#include "agent/event.h"
#include "agent/util/hash.h"

struct http;

struct http_opts {
	exchange_sink exchange;
	redaction_sink redaction;      /* NULL: nobody records */
	loss_sink loss;                /* protocols that are not read, what could not be decoded */
	void *context;                 /* of the three sinks */
	const struct control *control; /* NULL: none */
	uint8_t salt[HASH_KEY_SIZE];   /* keys the fingerprints */
};

/** http_new - Return: 0 or -ENOMEM. */
int http_new(struct http **ret_http, const struct http_opts *opts);

/** http_feed - Return: 0 or -ENOMEM. */
int http_feed(struct http *http, const struct stream_event *event);

/** http_expire - drop what has been held too long. */
int http_expire(struct http *http, uint64_t now_ns);

/** http_end - end open exchanges as cut off. */
int http_end(struct http *http, uint64_t now_ns);

void http_free(struct http *http);

#endif
