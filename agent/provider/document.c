/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "agent/limits.h"
#include "agent/provider/document.h"
#include "agent/util/buffer.h"

struct slot {
	struct buffer text;
	enum json_type type;
	bool whole;    /* the value came to its end */
	bool overlong; /* and was longer than its cap */
};

struct document {
	struct json *json;
	const struct document_spec *spec;
	document_sink sink;
	void *context;
	bool empty;
	bool passed_limit;
	uint64_t told; /* paths that the sink is to hear of, as bits */
	uint64_t used; /* slots that may hold something, as bits */
	struct slot slots[];
};

static void begin(struct document *document, const struct json_value *value)
{
	document_clear(document, value->path);
	document->used |= DOCUMENT_BIT(value->path);
	document->slots[value->path].type = value->type;
}

static int append(struct document *document, const struct json_value *value)
{
	struct slot *slot = &document->slots[value->path];
	int r;

	if (slot->overlong)
		return 0;
	r = buffer_append(&slot->text, value->text, value->length);
	if (r == -E2BIG) {
		slot->overlong = true;
		document->passed_limit = true;
		return 0;
	}
	return r;
}

static int finish(struct document *document, const struct json_value *value)
{
	struct slot *slot = &document->slots[value->path];

	if (slot->overlong)
		return 0;
	if (!buffer_text(&slot->text))
		return -ENOMEM;
	slot->whole = true;
	return 0;
}

static int keep(struct document *document, const struct json_value *value)
{
	int r;

	switch (value->part) {
	case JSON_VALUE_BEGIN:
		begin(document, value);
		return 0;
	case JSON_VALUE_TEXT:
		return append(document, value);
	case JSON_VALUE_END:
		return finish(document, value);
	case JSON_VALUE_WHOLE:
		begin(document, value);
		if (value->type == JSON_NULL) { /* its text is asked for by nobody */
			document->slots[value->path].whole = true;
			return 0;
		}
		r = append(document, value);
		return r ? r : finish(document, value);
	case JSON_VALUE_GONE:
		document_clear(document, value->path);
		return 0;
	}
	return 0;
}

/* The sink is told a whole value in its parts, as any other. */
static void tell(struct document *document, const struct json_value *value)
{
	struct json_value part = *value;

	if (value->part != JSON_VALUE_WHOLE) {
		document->sink(document->context, document, value);
		return;
	}
	part.part = JSON_VALUE_BEGIN;
	document->sink(document->context, document, &part);
	part.part = JSON_VALUE_TEXT;
	if (part.length)
		document->sink(document->context, document, &part);
	part.part = JSON_VALUE_END;
	document->sink(document->context, document, &part);
}

static int on_value(void *context, const struct json_value *value)
{
	struct document *document = context;

	if (!(document->spec->passing & DOCUMENT_BIT(value->path))) {
		int r = keep(document, value);

		if (r)
			return r;
	}
	if (document->told & DOCUMENT_BIT(value->path))
		tell(document, value);
	return 0;
}

int document_new(struct document **ret_document, const struct document_spec *spec,
		 document_sink sink, void *context)
{
	struct document *document =
		calloc(1, sizeof(*document) + spec->n_paths * sizeof(struct slot));
	int r;

	if (!document)
		return -ENOMEM;
	document->spec = spec;
	document->sink = sink;
	document->context = context;
	document->told = sink ? spec->passing | spec->told : 0;
	document->empty = true;
	for (unsigned int i = 0; i < spec->n_paths; i++)
		buffer_init(&document->slots[i].text,
			    spec->large & DOCUMENT_BIT(i) ? LIMIT_USAGE : LIMIT_VALUE);
	r = json_new(&document->json, spec->paths, spec->n_paths, on_value, document);
	if (r < 0) {
		document_free(document);
		return r;
	}
	*ret_document = document;
	return 0;
}

void document_free(struct document *document)
{
	if (!document)
		return;
	for (unsigned int i = 0; i < document->spec->n_paths; i++)
		buffer_free(&document->slots[i].text);
	json_free(document->json);
	free(document);
}

int document_feed(struct document *document, const void *data, size_t length)
{
	if (length)
		document->empty = false;
	return json_feed(document->json, data, length);
}

int document_end(struct document *document)
{
	return json_end(document->json);
}

bool document_is_empty(const struct document *document)
{
	return document->empty;
}

bool document_passed_limit(const struct document *document)
{
	return document->passed_limit;
}

void document_reset(struct document *document)
{
	json_reset(document->json);
	document->empty = true;
	document->passed_limit = false;
	for (; document->used; document->used &= document->used - 1)
		document_clear(document, (unsigned int)__builtin_ctzll(document->used));
}

bool document_has(const struct document *document, unsigned int path)
{
	return document->slots[path].whole;
}

enum json_type document_type(const struct document *document, unsigned int path)
{
	return document->slots[path].type;
}

const char *document_string(const struct document *document, unsigned int path)
{
	const struct slot *slot = &document->slots[path];

	return slot->whole && slot->type == JSON_STRING ? (const char *)slot->text.data : NULL;
}

const char *document_raw(const struct document *document, unsigned int path)
{
	const struct slot *slot = &document->slots[path];

	return slot->whole && slot->type != JSON_NULL ? (const char *)slot->text.data : NULL;
}

bool document_is_true(const struct document *document, unsigned int path)
{
	return document->slots[path].whole && document->slots[path].type == JSON_TRUE;
}

void document_clear(struct document *document, unsigned int path)
{
	struct slot *slot = &document->slots[path];

	buffer_clear(&slot->text);
	slot->whole = false;
	slot->overlong = false;
}
