/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/http/http.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/http/connection.h"
#include "agent/util/map.h"

#define EXPIRE_EVERY_NS 1000000000ull

struct http {
	struct http_shared shared;
	struct map *connections; /* id of struct stream_event to struct connection */
	uint64_t expired_ns;
	uint64_t last_id; /* of the connection that had the last event */
	struct connection *last;
};

int http_new(struct http **ret_http, const struct http_opts *opts)
{
	struct http *http = calloc(1, sizeof(*http));

	if (!http)
		return -ENOMEM;
	http->shared.opts = *opts;
	http->shared.budget.max = LIMIT_DECODE_WINDOWS;
	if (map_new(&http->connections, sizeof(uint64_t), LIMIT_CONNECTIONS) < 0) {
		free(http);
		return -ENOMEM;
	}
	*ret_http = http;
	return 0;
}

void http_free(struct http *http)
{
	size_t cursor = 0;
	void *value;

	if (!http)
		return;
	while (map_next(http->connections, &cursor, NULL, &value))
		connection_free(value);
	map_free(http->connections);
	free(http);
}

static int find(struct http *http, const struct stream_event *event, struct connection **ret_c)
{
	struct connection *c = http->last;
	int r;

	if (!c || http->last_id != event->id)
		c = map_get(http->connections, &event->id);
	if (!c) {
		r = connection_new(&c, &http->shared, event);
		if (r)
			return r;
		r = map_put(http->connections, &event->id, c);
		if (r) {
			connection_free(c);
			return r;
		}
	}
	http->last = c;
	http->last_id = event->id;
	*ret_c = c;
	return 0;
}

static int end_connection(struct http *http, const struct stream_event *event)
{
	struct connection *c = map_remove(http->connections, &event->id);
	int r;

	if (!c)
		return 0;
	if (http->last == c)
		http->last = NULL;
	r = connection_feed(c, event);
	if (!r)
		r = connection_end(c, event->time_ns, true);
	connection_free(c);
	return r;
}

int http_feed(struct http *http, const struct stream_event *event)
{
	struct connection *c;
	int r;

	switch (event->type) {
	case STREAM_OPEN:
		return 0;
	case STREAM_END:
		return end_connection(http, event);
	case STREAM_INFO:
		c = map_get(http->connections, &event->id);
		return c ? connection_feed(c, event) : 0;
	case STREAM_DATA:
	case STREAM_GAP:
		r = find(http, event, &c);
		if (r == -ENOSPC)
			return 0;
		return r ? r : connection_feed(c, event);
	}
	return 0;
}

int http_expire(struct http *http, uint64_t now_ns)
{
	size_t cursor = 0;
	void *value;
	int r = 0;

	if (now_ns < http->expired_ns + EXPIRE_EVERY_NS)
		return 0;
	http->expired_ns = now_ns;
	while (!r && map_next(http->connections, &cursor, NULL, &value))
		r = connection_expire(value, now_ns);
	return r;
}

int http_end(struct http *http, uint64_t now_ns)
{
	size_t cursor = 0;
	const void *key;
	void *value;
	int r = 0;

	http->last = NULL;
	while (!r && map_next(http->connections, &cursor, &key, &value)) {
		uint64_t id = *(const uint64_t *)key;

		r = connection_end(value, now_ns, false);
		map_remove(http->connections, &id);
		connection_free(value);
	}
	return r;
}
