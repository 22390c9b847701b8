/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch of spans as an ExportTraceServiceRequest (opentelemetry-proto, collector/trace/v1). Each
 * span is encoded when it is added; the request is put together of these pieces, a ResourceSpans
 * for each resource, when it is asked for.
 */
#include "exporter/exporter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/bytes.h"
#include "exporter/compress.h"
#include "exporter/protobuf.h"
#include "exporter/span.h"

#define HEADS_MAX 12 /* bytes of the heads of a ResourceSpans and its ScopeSpans */
#define SLOTS_MIN 16
#define N_MIN 64

struct entry {
	uint64_t name; /* hash */
	size_t offset, length;
	uint32_t group;
	uint32_t number;
};

/* The spans of a resource. */
struct group {
	uint64_t id;
	size_t resource, resource_length; /* in batch->resources */
	size_t spans_length;
};

struct exporter_batch {
	struct compressor *compressor;
	struct bytes scope, resources, spans;
	struct entry *entries;
	struct group *groups;
	uint32_t *slots; /* open addressing: number of a group + 1 */
	size_t n_entries, max_entries, n_groups, max_groups, n_slots;
	size_t raw_max; /* the request is not longer than this */
	struct bytes raw, body;
	bool encoded; /* raw and, of that compression, body are those of the entries */
	enum exporter_compression compression;
};

int exporter_batch_new(struct exporter_batch **ret_batch, const char *version)
{
	struct exporter_batch *batch = calloc(1, sizeof(*batch));
	int r;

	if (!batch)
		return -ENOMEM;
	bytes_init(&batch->scope, EXPORTER_BATCH_BYTES / 2);
	bytes_init(&batch->resources, EXPORTER_BATCH_BYTES);
	bytes_init(&batch->spans, EXPORTER_BATCH_BYTES);
	bytes_init(&batch->raw, EXPORTER_BATCH_BYTES);
	bytes_init(&batch->body, 2 * EXPORTER_BATCH_BYTES);
	span_encode_scope(&batch->scope, version);
	r = batch->scope.error;
	if (r == 0)
		r = compressor_new(&batch->compressor);
	if (r < 0) {
		exporter_batch_free(batch);
		return r;
	}
	*ret_batch = batch;
	return 0;
}

/* ---- resources ---- */

static size_t slot_of(const struct exporter_batch *batch, uint64_t id)
{
	size_t slot = (size_t)(id * 0x9e3779b97f4a7c15ull >> 32);

	for (;; slot++) {
		uint32_t group = batch->slots[slot & (batch->n_slots - 1)];

		if (!group || batch->groups[group - 1].id == id)
			return slot & (batch->n_slots - 1);
	}
}

/* Room for one more, at most half full. */
static int grow_slots(struct exporter_batch *batch)
{
	size_t n = batch->n_slots ? 2 * batch->n_slots : SLOTS_MIN;
	uint32_t *slots;

	if (2 * (batch->n_groups + 1) <= batch->n_slots)
		return 0;
	slots = calloc(n, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(batch->slots);
	batch->slots = slots;
	batch->n_slots = n;
	for (size_t i = 0; i < batch->n_groups; i++)
		slots[slot_of(batch, batch->groups[i].id)] = (uint32_t)i + 1;
	return 0;
}

static int grow_groups(struct exporter_batch *batch)
{
	size_t max = batch->max_groups ? 2 * batch->max_groups : SLOTS_MIN;
	struct group *groups;

	if (batch->n_groups < batch->max_groups)
		return 0;
	groups = realloc(batch->groups, max * sizeof(*groups));
	if (!groups)
		return -ENOMEM;
	batch->groups = groups;
	batch->max_groups = max;
	return 0;
}

/* The group of a resource; if it is new, it is the last one and counts only once it is kept. */
static int find_group(struct exporter_batch *batch, const struct exporter_resource *resource,
		      uint32_t *ret_group, size_t *ret_slot)
{
	int r = grow_slots(batch);
	struct group *group;

	if (r == 0)
		r = grow_groups(batch);
	if (r < 0)
		return r;
	*ret_slot = slot_of(batch, resource->id);
	if (batch->slots[*ret_slot]) {
		*ret_group = batch->slots[*ret_slot] - 1;
		return 0;
	}
	*ret_group = (uint32_t)batch->n_groups;
	group = &batch->groups[*ret_group];
	*group = (struct group){.id = resource->id, .resource = batch->resources.length};
	span_encode_resource(&batch->resources, resource);
	group->resource_length = batch->resources.length - group->resource;
	return batch->resources.error;
}

/* ---- adding ---- */

static int grow_entries(struct exporter_batch *batch)
{
	size_t max = batch->max_entries ? 2 * batch->max_entries : N_MIN;
	struct entry *entries;

	if (batch->n_entries < batch->max_entries)
		return 0;
	entries = realloc(batch->entries, max * sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	batch->entries = entries;
	batch->max_entries = max;
	return 0;
}

/* FNV-1a: to sort by, where two of one hash do no harm. */
static uint64_t hash_name(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (; name && *name; name++)
		hash = (hash ^ (uint8_t)*name) * 0x100000001b3ull;
	return hash;
}

/* Encode behind what is there. Return: 0, or why it does not fit. */
static int add(struct exporter_batch *batch, const struct exporter_span *span)
{
	struct entry entry = {
		.name = hash_name(span->name),
		.offset = batch->spans.length,
		.number = (uint32_t)batch->n_entries,
	};
	size_t slot, more;
	int r = grow_entries(batch);

	if (r == 0)
		r = find_group(batch, span->resource, &entry.group, &slot);
	if (r < 0)
		return r;
	span_encode(&batch->spans, span);
	if (batch->spans.error)
		return batch->spans.error;
	more = entry.length = batch->spans.length - entry.offset;
	if (entry.group == batch->n_groups)
		more += HEADS_MAX + batch->scope.length +
			batch->groups[entry.group].resource_length;
	if (more > EXPORTER_BATCH_BYTES - batch->raw_max)
		return -E2BIG;
	if (entry.group == batch->n_groups)
		batch->slots[slot] = (uint32_t)++batch->n_groups;
	batch->groups[entry.group].spans_length += entry.length;
	batch->entries[batch->n_entries++] = entry;
	batch->raw_max += more;
	return 0;
}

int exporter_batch_add(struct exporter_batch *batch, const struct exporter_span *span)
{
	size_t spans = batch->spans.length, resources = batch->resources.length;
	int r = add(batch, span);

	if (r < 0) {
		bytes_truncate(&batch->spans, spans);
		bytes_truncate(&batch->resources, resources);
		return r == -E2BIG && batch->n_entries ? -ENOSPC : r;
	}
	batch->encoded = false;
	return 0;
}

size_t exporter_batch_spans(const struct exporter_batch *batch)
{
	return batch->n_entries;
}

/* ---- the request ---- */

/* Alike next to alike, as their compression likes it: of one name and of one length. */
static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	if (x->name != y->name)
		return x->name < y->name ? -1 : 1;
	if (x->length != y->length)
		return x->length < y->length ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

static void add_group_heads(struct exporter_batch *batch, const struct group *group)
{
	size_t scope_spans = batch->scope.length + group->spans_length;

	protobuf_add_head(&batch->raw, REQUEST_RESOURCE_SPANS,
			  group->resource_length + 1 + protobuf_varint_length(scope_spans) +
				  scope_spans);
	bytes_append(&batch->raw, batch->resources.data + group->resource, group->resource_length);
	protobuf_add_head(&batch->raw, RESOURCE_SPANS_SCOPE_SPANS, scope_spans);
	bytes_append(&batch->raw, batch->scope.data, batch->scope.length);
}

static int assemble(struct exporter_batch *batch)
{
	uint32_t group = UINT32_MAX;

	bytes_truncate(&batch->raw, 0);
	bytes_reserve(&batch->raw, batch->raw_max);
	if (batch->n_entries)
		qsort(batch->entries, batch->n_entries, sizeof(*batch->entries), compare);
	for (size_t i = 0; i < batch->n_entries; i++) {
		const struct entry *entry = &batch->entries[i];

		if (entry->group != group)
			add_group_heads(batch, &batch->groups[entry->group]);
		group = entry->group;
		bytes_append(&batch->raw, batch->spans.data + entry->offset, entry->length);
	}
	return batch->raw.error;
}

int exporter_batch_encode(struct exporter_batch *batch, enum exporter_compression compression,
			  const uint8_t **ret_body, size_t *ret_length, size_t *ret_raw_length)
{
	const struct bytes *body = compression == EXPORTER_NONE ? &batch->raw : &batch->body;
	int r = 0;

	if (!batch->encoded || batch->compression != compression) {
		batch->encoded = false;
		r = assemble(batch);
		if (r == 0 && compression != EXPORTER_NONE)
			r = compressor_run(batch->compressor, compression, batch->raw.data,
					   batch->raw.length, &batch->body);
	}
	if (r < 0)
		return r;
	batch->encoded = true;
	batch->compression = compression;
	*ret_body = body->data;
	*ret_length = body->length;
	*ret_raw_length = batch->raw.length;
	return 0;
}

void exporter_batch_clear(struct exporter_batch *batch)
{
	bytes_truncate(&batch->spans, 0);
	bytes_truncate(&batch->resources, 0);
	batch->n_entries = batch->n_groups = 0;
	batch->raw_max = 0;
	batch->encoded = false;
	if (batch->slots)
		memset(batch->slots, 0, batch->n_slots * sizeof(*batch->slots));
}

void exporter_batch_free(struct exporter_batch *batch)
{
	if (!batch)
		return;
	compressor_free(batch->compressor);
	bytes_free(&batch->scope);
	bytes_free(&batch->resources);
	bytes_free(&batch->spans);
	bytes_free(&batch->raw);
	bytes_free(&batch->body);
	free(batch->entries);
	free(batch->groups);
	free(batch->slots);
	free(batch);
}
