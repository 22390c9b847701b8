/* SPDX-License-Identifier: Apache-2.0 */
/* A spool in memory: spans 1, 2, 3 …, whose ids are their sequence numbers. */
#ifndef TESTS_UNIT_EXPORTER_SPOOL_H
#define TESTS_UNIT_EXPORTER_SPOOL_H

#include <errno.h>
#include <pthread.h>

#include "exporter/exporter.h"

#define NEWS_MAX 100
#define NEWS_SIZE 1024

struct spool {
	pthread_mutex_t lock;
	uint64_t rows, cursor, lost[EXPORTER_LOSSES];
	uint64_t large; /* this span has large_size bytes of text; 0: none */
	size_t large_size;
	int lease_result, cursor_result, read_result, advance_result;
	unsigned int leases, released, advances, reads;
	unsigned int lease_ms; /* of the last lease that was not given back */
	enum exporter_news news[NEWS_MAX];
	char texts[NEWS_MAX][NEWS_SIZE];
	int n_news;
};

static int spool_lease(void *context, unsigned int ms)
{
	struct spool *spool = context;
	int r;

	pthread_mutex_lock(&spool->lock);
	r = spool->lease_result;
	spool->leases += ms != 0;
	spool->released += ms == 0;
	if (ms)
		spool->lease_ms = ms;
	pthread_mutex_unlock(&spool->lock);
	return r;
}

static int spool_cursor(void *context, uint64_t *ret_sequence)
{
	struct spool *spool = context;
	int r;

	pthread_mutex_lock(&spool->lock);
	r = spool->cursor_result;
	if (r == 0)
		*ret_sequence = spool->cursor;
	pthread_mutex_unlock(&spool->lock);
	return r;
}

static int take_row(struct spool *spool, uint64_t sequence, exporter_take take, void *to)
{
	static const struct exporter_attribute of_resource = {
		.name = "service.name", .type = EXPORTER_STRING, .text = "test"};
	static const struct exporter_resource resource = {1, &of_resource, 1};
	struct exporter_attribute attribute = {
		.name = "text", .type = EXPORTER_STRING, .text = "short"};
	struct exporter_span span = {
		.sequence = sequence,
		.trace_id = {1},
		.name = "chat m",
		.start_ns = 1,
		.end_ns = 2,
		.attributes = &attribute,
		.n_attributes = 1,
		.resource = &resource,
	};
	char *large = NULL;
	int r;

	for (int i = 0; i < 8; i++)
		span.span_id[i] = (uint8_t)(sequence >> (56 - 8 * i));
	if (sequence == spool->large) {
		large = malloc(spool->large_size + 1);
		memset(large, 'x', spool->large_size);
		large[spool->large_size] = '\0';
		attribute.text = large;
	}
	r = take(to, &span);
	free(large);
	return r;
}

static int spool_read(void *context, uint64_t sequence, exporter_take take, void *to)
{
	struct spool *spool = context;
	uint64_t rows;
	int r;

	pthread_mutex_lock(&spool->lock);
	rows = spool->rows;
	r = spool->read_result;
	spool->reads++;
	pthread_mutex_unlock(&spool->lock);
	while (r == 0 && sequence < rows)
		r = take_row(spool, ++sequence, take, to);
	return r < 0 ? r : 0;
}

static int spool_advance(void *context, uint64_t sequence, const uint64_t lost[EXPORTER_LOSSES])
{
	struct spool *spool = context;
	int r;

	pthread_mutex_lock(&spool->lock);
	r = spool->advance_result;
	spool->advances++;
	if (r == 0 && sequence <= spool->cursor)
		abort();
	if (r == 0) {
		spool->cursor = sequence;
		for (int i = 0; i < EXPORTER_LOSSES; i++)
			spool->lost[i] += lost[i];
	}
	pthread_mutex_unlock(&spool->lock);
	return r;
}

static void spool_tell(void *context, enum exporter_news news, const char *text)
{
	struct spool *spool = context;

	pthread_mutex_lock(&spool->lock);
	if (spool->n_news < NEWS_MAX) {
		spool->news[spool->n_news] = news;
		snprintf(spool->texts[spool->n_news++], NEWS_SIZE, "%s", text);
	}
	pthread_mutex_unlock(&spool->lock);
}

static struct exporter_spool spool_of(struct spool *spool, uint64_t rows)
{
	*spool = (struct spool){.rows = rows};
	pthread_mutex_init(&spool->lock, NULL);
	return (struct exporter_spool){spool,      spool_lease,   spool_cursor,
				       spool_read, spool_advance, spool_tell};
}

/* How many news of a kind there were; the text of the last. */
static int spool_news(struct spool *spool, enum exporter_news news, const char **ret_text)
{
	int n = 0;

	pthread_mutex_lock(&spool->lock);
	for (int i = 0; i < spool->n_news; i++) {
		if (spool->news[i] != news)
			continue;
		n++;
		if (ret_text)
			*ret_text = spool->texts[i];
	}
	pthread_mutex_unlock(&spool->lock);
	return n;
}

#define SPOOL_GET(spool, field)                       \
	({                                            \
		__typeof__((spool)->field) got_;      \
		pthread_mutex_lock(&(spool)->lock);   \
		got_ = (spool)->field;                \
		pthread_mutex_unlock(&(spool)->lock); \
		got_;                                 \
	})

#define SPOOL_SET(spool, field, value)                \
	do {                                          \
		pthread_mutex_lock(&(spool)->lock);   \
		(spool)->field = (value);             \
		pthread_mutex_unlock(&(spool)->lock); \
	} while (0)

#endif
