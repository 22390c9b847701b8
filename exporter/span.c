/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/span.h"

#include "exporter/protobuf.h"

#define SCOPE_NAME "tollspan"
#define SPAN_KIND_CLIENT 3

/* Attributes behind the span's start and trace id, and behind its end and span id. */
#define START_BEFORE 2
#define END_BEFORE 3

/* opentelemetry/proto/common/v1 */
enum {
	KEY_VALUE_KEY = 1,
	KEY_VALUE_VALUE = 2,
	ANY_STRING = 1,
	ANY_BOOL = 2,
	ANY_INT = 3,
	ANY_DOUBLE = 4,
	ANY_ARRAY = 5,
	ARRAY_VALUES = 1,
	SCOPE_FIELD_NAME = 1,
	SCOPE_FIELD_VERSION = 2,
};

/* opentelemetry/proto/trace/v1, and resource/v1 */
enum {
	RESOURCE_SPANS_RESOURCE = 1,
	RESOURCE_ATTRIBUTES = 1,
	SCOPE_SPANS_SCOPE = 1,
	SCOPE_SPANS_SPANS = 2,
	SPAN_TRACE_ID = 1,
	SPAN_SPAN_ID = 2,
	SPAN_PARENT_SPAN_ID = 4,
	SPAN_NAME = 5,
	SPAN_KIND = 6,
	SPAN_START = 7,
	SPAN_END = 8,
	SPAN_ATTRIBUTES = 9,
	SPAN_STATUS = 15,
	STATUS_CODE = 3,
};

/* A field that is its type's default is left out, but for members of a oneof. */
static void add_text(struct bytes *out, unsigned int field, const char *text)
{
	if (text && *text)
		protobuf_add_text(out, field, text);
}

static void add_string(struct bytes *out, unsigned int field, const char *text)
{
	size_t begin = protobuf_begin(out, field);

	protobuf_add_text(out, ANY_STRING, text);
	protobuf_end(out, begin);
}

static void add_array(struct bytes *out, const struct exporter_attribute *attribute)
{
	size_t begin = protobuf_begin(out, ANY_ARRAY);

	for (size_t i = 0; i < attribute->list.n && !out->error; i++)
		add_string(out, ARRAY_VALUES, attribute->list.texts[i]);
	protobuf_end(out, begin);
}

static void add_value(struct bytes *out, const struct exporter_attribute *attribute)
{
	switch (attribute->type) {
	case EXPORTER_STRING:
		protobuf_add_text(out, ANY_STRING, attribute->text);
		break;
	case EXPORTER_INT:
		protobuf_add_varint(out, ANY_INT, (uint64_t)attribute->integer);
		break;
	case EXPORTER_DOUBLE:
		protobuf_add_double(out, ANY_DOUBLE, attribute->real);
		break;
	case EXPORTER_BOOL:
		protobuf_add_varint(out, ANY_BOOL, attribute->truth);
		break;
	case EXPORTER_STRINGS:
		add_array(out, attribute);
		break;
	}
}

static void add_attribute(struct bytes *out, unsigned int field,
			  const struct exporter_attribute *attribute)
{
	size_t begin = protobuf_begin(out, field), value;

	add_text(out, KEY_VALUE_KEY, attribute->name);
	value = protobuf_begin(out, KEY_VALUE_VALUE);
	add_value(out, attribute);
	protobuf_end(out, value);
	protobuf_end(out, begin);
}

static bool is_zero(const uint8_t *id, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (id[i])
			return false;
	}
	return true;
}

static void add_time(struct bytes *out, unsigned int field, int64_t ns)
{
	if (ns > 0)
		protobuf_add_fixed64(out, field, (uint64_t)ns);
}

static void add_end(struct bytes *out, const struct exporter_span *span)
{
	add_time(out, SPAN_END, span->end_ns);
	protobuf_add_bytes(out, SPAN_SPAN_ID, span->span_id, sizeof(span->span_id));
	if (!is_zero(span->parent_span_id, sizeof(span->parent_span_id)))
		protobuf_add_bytes(out, SPAN_PARENT_SPAN_ID, span->parent_span_id,
				   sizeof(span->parent_span_id));
}

static void add_start(struct bytes *out, const struct exporter_span *span)
{
	add_time(out, SPAN_START, span->start_ns);
	protobuf_add_bytes(out, SPAN_TRACE_ID, span->trace_id, sizeof(span->trace_id));
}

/*
 * Fields may come in any order. Ids and times stand among the last attributes, where by the
 * caller's order other values are that differ from span to span: a compressor then has fewer
 * changes between what is new and what is as in the span before (about 2 bytes a span).
 */
static void add_fields(struct bytes *out, const struct exporter_span *span)
{
	size_t n = span->n_attributes;
	size_t start = n > START_BEFORE ? n - START_BEFORE : 0;
	size_t end = n > END_BEFORE ? n - END_BEFORE : 0;

	for (size_t i = 0; i <= n && !out->error; i++) {
		if (i == end)
			add_end(out, span);
		if (i == start)
			add_start(out, span);
		if (i < n)
			add_attribute(out, SPAN_ATTRIBUTES, &span->attributes[i]);
	}
}

void span_encode(struct bytes *out, const struct exporter_span *span)
{
	size_t begin = protobuf_begin(out, SCOPE_SPANS_SPANS), status;

	add_text(out, SPAN_NAME, span->name);
	protobuf_add_varint(out, SPAN_KIND, SPAN_KIND_CLIENT);
	if (span->status != EXPORTER_STATUS_UNSET) {
		status = protobuf_begin(out, SPAN_STATUS);
		protobuf_add_varint(out, STATUS_CODE, span->status);
		protobuf_end(out, status);
	}
	add_fields(out, span);
	protobuf_end(out, begin);
}

void span_encode_resource(struct bytes *out, const struct exporter_resource *resource)
{
	size_t begin = protobuf_begin(out, RESOURCE_SPANS_RESOURCE);

	for (size_t i = 0; i < resource->n_attributes && !out->error; i++)
		add_attribute(out, RESOURCE_ATTRIBUTES, &resource->attributes[i]);
	protobuf_end(out, begin);
}

void span_encode_scope(struct bytes *out, const char *version)
{
	size_t begin = protobuf_begin(out, SCOPE_SPANS_SCOPE);

	add_text(out, SCOPE_FIELD_NAME, SCOPE_NAME);
	add_text(out, SCOPE_FIELD_VERSION, version);
	protobuf_end(out, begin);
}
