/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans as libexporter sends them.
 *
 * usage: export_dump zstd|gzip|none VERSION
 *
 * Reads lines of words, and writes the body of a request. Texts are in hex behind an "x", so that
 * they may be empty and hold any byte.
 *
 *	R ID				a resource, whose attributes follow
 *	S TRACE SPAN PARENT START END STATUS RESOURCE NAME	a span, likewise
 *	A NAME s TEXT | i INTEGER | d BITS | b 0|1 | l TEXT…
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/exporter.h"

#define RESOURCES_MAX 4096
#define ATTRIBUTES_MAX 256
#define TEXTS_MAX 64

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "export_dump: %s\n", what);
	exit(1);
}

/* All that is read lives until the end. */
struct block {
	struct block *next;
	max_align_t data[];
};

static struct block *blocks;

static void *get(size_t size)
{
	struct block *block = calloc(1, sizeof(*block) + size);

	if (!block)
		die("out of memory");
	block->next = blocks;
	blocks = block;
	return block->data;
}

static void free_all(void)
{
	while (blocks) {
		struct block *next = blocks->next;

		free(blocks);
		blocks = next;
	}
}

/* Attributes as they are read; a resource keeps its own. */
struct list {
	struct exporter_attribute attributes[ATTRIBUTES_MAX];
	size_t n;
};

static struct exporter_resource resources[RESOURCES_MAX];
static size_t n_resources;
static struct exporter_span span;
static struct list *list; /* of what is being read */
static char kind;         /* 'R', 'S', or 0 */

/* ---- words ---- */

static char *rest;

static char *word(void)
{
	char *found = strsep(&rest, " ");

	if (!found)
		die("too few words");
	return found;
}

static void unhex(const char *hex, uint8_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned int byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			die("bad hex");
		to[i] = (uint8_t)byte;
	}
}

static char *text_word(void)
{
	const char *hex = word();
	size_t n = strlen(hex) / 2;
	char *text = get(n + 1);

	if (*hex != 'x')
		die("bad text");
	unhex(hex + 1, (uint8_t *)text, n);
	return text;
}

/* ---- lines ---- */

static void read_texts(struct exporter_attribute *attribute)
{
	const char **texts = get(TEXTS_MAX * sizeof(*texts));
	size_t n = 0;

	while (rest && n < TEXTS_MAX)
		texts[n++] = text_word();
	attribute->type = EXPORTER_STRINGS;
	attribute->list.texts = texts;
	attribute->list.n = n;
}

static void read_attribute(void)
{
	struct exporter_attribute *attribute;
	uint64_t bits;

	if (!list || list->n == ATTRIBUTES_MAX)
		die("too many attributes");
	attribute = &list->attributes[list->n++];
	attribute->name = text_word();
	switch (*word()) {
	case 's':
		attribute->type = EXPORTER_STRING;
		attribute->text = text_word();
		break;
	case 'i':
		attribute->type = EXPORTER_INT;
		attribute->integer = strtoll(word(), NULL, 10);
		break;
	case 'd':
		attribute->type = EXPORTER_DOUBLE;
		bits = strtoull(word(), NULL, 16);
		memcpy(&attribute->real, &bits, sizeof(bits));
		break;
	case 'b':
		attribute->type = EXPORTER_BOOL;
		attribute->truth = *word() == '1';
		break;
	case 'l':
		read_texts(attribute);
		break;
	default:
		die("a type that is not known");
	}
}

static void begin(char what)
{
	kind = what;
	list = get(sizeof(*list));
}

static void read_resource(void)
{
	if (n_resources == RESOURCES_MAX)
		die("too many resources");
	begin('R');
	resources[n_resources].id = strtoull(word(), NULL, 10);
	resources[n_resources].attributes = list->attributes;
}

static const struct exporter_resource *resource_of(uint64_t id)
{
	for (size_t i = 0; i < n_resources; i++) {
		if (resources[i].id == id)
			return &resources[i];
	}
	die("a resource that is not known");
}

static void read_span(void)
{
	begin('S');
	span = (struct exporter_span){.sequence = span.sequence + 1};
	unhex(word(), span.trace_id, sizeof(span.trace_id));
	unhex(word(), span.span_id, sizeof(span.span_id));
	unhex(word(), span.parent_span_id, sizeof(span.parent_span_id));
	span.start_ns = strtoll(word(), NULL, 10);
	span.end_ns = strtoll(word(), NULL, 10);
	span.status = *word() == '2' ? EXPORTER_STATUS_ERROR : EXPORTER_STATUS_UNSET;
	span.resource = resource_of(strtoull(word(), NULL, 10));
	span.name = text_word();
	span.attributes = list->attributes;
}

static void finish(struct exporter_batch *batch)
{
	if (kind == 'R') {
		resources[n_resources++].n_attributes = list->n;
	} else if (kind == 'S') {
		span.n_attributes = list->n;
		if (exporter_batch_add(batch, &span) < 0)
			die("the span does not fit");
	}
	kind = 0;
}

static void read_line(struct exporter_batch *batch, char *line)
{
	char what;

	line[strcspn(line, "\n")] = '\0';
	rest = line;
	what = *word();
	if (what != 'A')
		finish(batch);
	if (what == 'R')
		read_resource();
	else if (what == 'S')
		read_span();
	else if (what == 'A')
		read_attribute();
	else
		die("a line that is not known");
}

static enum exporter_compression compression_of(const char *name)
{
	if (!strcmp(name, "zstd"))
		return EXPORTER_ZSTD;
	return strcmp(name, "gzip") ? EXPORTER_NONE : EXPORTER_GZIP;
}

int main(int argc, char **argv)
{
	struct exporter_batch *batch;
	size_t size = 0, length, raw_length;
	const uint8_t *body;
	char *line = NULL;

	if (argc != 3)
		die("usage: export_dump zstd|gzip|none VERSION");
	if (exporter_batch_new(&batch, argv[2]) < 0)
		die("out of memory");
	while (getline(&line, &size, stdin) > 0)
		read_line(batch, line);
	finish(batch);
	if (exporter_batch_encode(batch, compression_of(argv[1]), &body, &length, &raw_length) < 0)
		die("can not be encoded");
	fwrite(body, 1, length, stdout);
	free(line);
	free_all();
	exporter_batch_free(batch);
	return 0;
}
