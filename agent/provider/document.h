/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document: a JSON body, or one event of a stream, of which chosen values are kept.
 *
 * The values of a family's paths are kept in slots, by the path's number. The last of a key wins.
 */
#ifndef AGENT_PROVIDER_DOCUMENT_H
#define AGENT_PROVIDER_DOCUMENT_H

#include "agent/provider/json.h"

struct document;

struct document_spec {
	const char *const *paths; /* at most 64 */
	unsigned int n_paths;
	uint64_t passing; /* bits of paths that are told to the sink, not kept */
	uint64_t told;    /* of those that are kept, and told too */
	uint64_t large;   /* bits of paths that are kept up to LIMIT_USAGE, not LIMIT_VALUE */
};

#define DOCUMENT_BIT(path) (1ull << (path))

/* Told of some values, behind their being kept. Returns nothing: what it needs, it keeps. */
typedef void (*document_sink)(void *context, struct document *document,
			      const struct json_value *value);

/** document_new - @sink may be NULL. Return: 0 or -ENOMEM. */
int document_new(struct document **ret_document, const struct document_spec *spec,
		 document_sink sink, void *context);

/** document_feed - Return: 0, -ENOMEM, or as json_feed(). */
int document_feed(struct document *document, const void *data, size_t length);

/** document_end - Return: 0, -ENOMEM, or as json_end(). */
int document_end(struct document *document);

/** document_is_empty - nothing was fed since the last reset. */
bool document_is_empty(const struct document *document);

/** document_passed_limit - a value was too long to be kept. */
bool document_passed_limit(const struct document *document);

/** document_reset - ready for another document. */
void document_reset(struct document *document);

/** document_has - the value came whole; of a container path its end too. */
bool document_has(const struct document *document, unsigned int path);

/** document_type - of a value that document_has(). */
enum json_type document_type(const struct document *document, unsigned int path);

/** document_string - the text of a string, NUL-terminated; NULL where it is none. */
const char *document_string(const struct document *document, unsigned int path);

/** document_raw - the text of a value of any type but null; NULL where there is none. */
const char *document_raw(const struct document *document, unsigned int path);

/** document_is_true - the value is the literal true. */
bool document_is_true(const struct document *document, unsigned int path);

/** document_clear - forget one value. */
void document_clear(struct document *document, unsigned int path);

void document_free(struct document *document);

#endif
