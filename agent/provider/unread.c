/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/provider/unread.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/limits.h"
#include "agent/util/buffer.h"
#include "agent/util/map.h"

/* Of a path, as much as names an API: ids and names of a user's own would be names without end. */
#define NAME_SEGMENTS 3
#define NAME_WORD 32

struct unread {
	loss_sink sink;
	void *context;
	struct map *open; /* by id of the exchange */
};

struct entry {
	struct process_key process;
	enum cr_cause cause;
	unsigned int status; /* 0: none came yet */
	char name[];
};

int unread_new(struct unread **ret_unread, loss_sink sink, void *context)
{
	struct unread *unread = calloc(1, sizeof(*unread));

	if (!unread)
		return -ENOMEM;
	unread->sink = sink;
	unread->context = context;
	if (map_new(&unread->open, sizeof(uint64_t), LIMIT_UNREAD) < 0) {
		free(unread);
		return -ENOMEM;
	}
	*ret_unread = unread;
	return 0;
}

void unread_free(struct unread *unread)
{
	size_t cursor = 0;
	void *entry;

	if (!unread)
		return;
	while (map_next(unread->open, &cursor, NULL, &entry))
		free(entry);
	map_free(unread->open);
	free(unread);
}

/* ---- names ---- */

/* "v1", "v1beta", "v1alpha2" */
static bool is_version(const char *text, size_t length)
{
	size_t n = 1;

	if (length < 2 || text[0] != 'v')
		return false;
	while (n < length && isdigit((unsigned char)text[n]))
		n++;
	if (n == 1)
		return false;
	if (length - n >= 4 && !memcmp(text + n, "beta", 4))
		n += 4;
	else if (length - n >= 5 && !memcmp(text + n, "alpha", 5))
		n += 5;
	while (n < length && isdigit((unsigned char)text[n]))
		n++;
	return n == length;
}

static bool is_word(const char *text, size_t length)
{
	if (length > NAME_WORD)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalpha((unsigned char)text[i]) && !strchr("-_.", text[i]))
			return false;
	return true;
}

static int append_word(struct buffer *out, const char *text, size_t length)
{
	if (!is_version(text, length) && !is_word(text, length))
		return buffer_append_text(out, "*");
	return buffer_append(out, text, length);
}

/* A last colon comes before a verb, as in "models/NAME:embedContent" (AIP-136). */
static int append_segment(struct buffer *out, const char *text, size_t length)
{
	const char *colon = memrchr(text, ':', length);
	size_t noun = colon ? (size_t)(colon - text) : length;
	int r = buffer_append_text(out, "/");

	if (!r)
		r = append_word(out, text, noun);
	if (!r && colon)
		r = buffer_append_text(out, ":");
	if (!r && colon)
		r = append_word(out, colon + 1, length - noun - 1);
	return r;
}

static int append_path(struct buffer *out, const char *path, size_t length)
{
	size_t at = 0;
	int r = 0;

	for (int segments = 0; !r && segments < NAME_SEGMENTS; segments++) {
		const char *end;
		size_t n;

		while (at < length && path[at] == '/')
			at++;
		if (at == length)
			return segments ? 0 : buffer_append_text(out, "/");
		end = memchr(path + at, '/', length - at);
		n = end ? (size_t)(end - path) - at : length - at;
		r = append_segment(out, path + at, n);
		at += n;
	}
	return r;
}

/* ---- entries ---- */

static int tell(struct unread *unread, const struct entry *entry, uint64_t bytes)
{
	const struct loss_event loss = {
		.process = entry->process,
		.cause = entry->cause,
		.name = entry->name,
		.records = 1,
		.bytes = bytes,
	};

	/* what failed costs nothing; of what is not known to have failed that is not known */
	if (entry->status && (entry->status < 200 || entry->status > 299))
		return 0;
	return unread->sink(unread->context, &loss) == -ENOMEM ? -ENOMEM : 0;
}

static struct entry *entry_new(const struct exchange_event *event, enum cr_cause cause,
			       const char *name)
{
	size_t size = strlen(name) + 1;
	struct entry *entry = malloc(sizeof(*entry) + size);

	if (!entry)
		return NULL;
	*entry = (struct entry){.process = event->conn->process, .cause = cause};
	memcpy(entry->name, name, size);
	return entry;
}

int unread_begin(struct unread *unread, const struct exchange_event *event, enum cr_cause cause,
		 const char *provider, size_t path_length)
{
	struct entry *entry = NULL;
	struct buffer name;
	int r;

	buffer_init(&name, LIMIT_VALUE);
	r = buffer_printf(&name, "%s %s ", provider, event->method);
	if (!r)
		r = append_path(&name, event->target, path_length);
	if (!r && buffer_text(&name))
		entry = entry_new(event, cause, buffer_text(&name));
	buffer_free(&name);
	if (!entry)
		return -ENOMEM;
	r = map_put(unread->open, &event->id, entry);
	if (!r)
		return 0;
	/* no room to wait for its end: told now */
	if (r == -ENOSPC)
		r = tell(unread, entry, 0);
	free(entry);
	return r;
}

int unread_feed(struct unread *unread, const struct exchange_event *event)
{
	struct entry *entry;
	int r;

	if (event->type != EXCHANGE_RESPONSE_HEAD && event->type != EXCHANGE_END)
		return 0;
	entry = map_get(unread->open, &event->id);
	if (!entry)
		return 0;
	if (event->type == EXCHANGE_RESPONSE_HEAD) {
		entry->status = event->status;
		return 0;
	}
	map_remove(unread->open, &event->id);
	r = tell(unread, entry, event->bytes_seen);
	free(entry);
	return r;
}

int unread_end(struct unread *unread)
{
	size_t cursor = 0;
	const void *key;
	void *entry;
	int r = 0;

	while (!r && map_next(unread->open, &cursor, &key, &entry)) {
		uint64_t id = *(const uint64_t *)key;

		map_remove(unread->open, &id);
		r = tell(unread, entry, 0);
		free(entry);
	}
	return r;
}
