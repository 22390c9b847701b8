/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json: an incremental, path-selective JSON scanner (RFC 8259).
 *
 * It is fed pieces of any size and holds none of the document. The caller names the paths that it
 * wants; keys are compared after unescaping. Strings come unescaped, in pieces; numbers and
 * literals as their text; a wanted object or array can be had as raw text. What is on no wanted
 * path is only skipped: its brackets and strings must balance, nothing more is asked of it, and it
 * may nest as deep as it likes. Bytes that are not UTF-8 pass through; a lone surrogate becomes
 * U+FFFD.
 */
#ifndef AGENT_PROVIDER_JSON_H
#define AGENT_PROVIDER_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_OBJECT,
	JSON_ARRAY,
};

enum json_value_part {
	JSON_VALUE_BEGIN, /* type is known; no text yet */
	JSON_VALUE_TEXT,  /* some of the text; may come many times or never */
	JSON_VALUE_END,   /* complete */
	JSON_VALUE_WHOLE, /* the three in one: a scalar that lay in one piece, with its text */
	JSON_VALUE_GONE,  /* forget the value: its key, or one above it, comes again (last wins) */
};

struct json_value {
	unsigned int path; /* index in the table of paths */
	enum json_value_part part;
	enum json_type type; /* not of GONE */
	const char *text; /* TEXT: string unescaped to UTF-8, else the JSON text as it was sent */
	size_t length;
	uint64_t index; /* innermost array index on the way, where the path has a "*" */
};

/*
 * A path is keys joined by "."; "*" stands for every element of an array. "usage" is the member of
 * the top-level object; "choices.*.delta.content" a nested one. An object or array that is named
 * comes as raw text; paths below it are still reported as well. A path that ends in "?" is told
 * without its text: only that it begins, of which type, and ends.
 *
 * A sink returns 0, or a negative errno that stops the scanner.
 */
typedef int (*json_sink)(void *context, const struct json_value *value);

struct json;

/*
 * json_new - a scanner for the paths, which must outlive it and differ from each other.
 * Return: 0 or -ENOMEM.
 */
int json_new(struct json **ret_json, const char *const *paths, unsigned int n_paths, json_sink sink,
	     void *context);

/*
 * json_feed - the next bytes of the document.
 * Return: 0; -EBADMSG where this is not JSON (what came before was reported; all later calls fail
 * too); -E2BIG where raw text nests beyond LIMIT_JSON_DEPTH; or what the sink gave.
 */
int json_feed(struct json *json, const void *data, size_t length);

/*
 * json_end - the document ends here.
 * Return: 0, -EBADMSG where it is not complete, or what an earlier call gave.
 */
int json_end(struct json *json);

/** json_reset - ready for another document. */
void json_reset(struct json *json);

void json_free(struct json *json);

#endif
