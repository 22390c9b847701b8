/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/exporter.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exporter/internal.h"
#include "exporter/url.h"

#define BATCH_SPANS 1000
#define BATCH_AGE_MS 1000
#define RETRY_MIN_MS 500
#define RETRY_MAX_MS 30000
#define GIVE_UP_MS 900000
#define TIMEOUT_MS 10000

static struct exporter_config with_defaults(const struct exporter_config *given)
{
	struct exporter_config config = *given;

	config.timeout_ms = config.timeout_ms ?: TIMEOUT_MS;
	config.batch_spans = config.batch_spans ?: BATCH_SPANS;
	config.batch_age_ms = config.batch_age_ms ?: BATCH_AGE_MS;
	config.retry_min_ms = config.retry_min_ms ?: RETRY_MIN_MS;
	config.retry_max_ms = config.retry_max_ms ?: RETRY_MAX_MS;
	config.give_up_ms = config.give_up_ms ?: GIVE_UP_MS;
	return config;
}

static void init_lock(struct exporter *exporter)
{
	pthread_condattr_t monotonic;

	pthread_mutex_init(&exporter->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&exporter->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

int exporter_new(struct exporter **ret_exporter, const struct exporter_config *config,
		 const struct exporter_spool *spool, const char *version)
{
	struct exporter *exporter;
	int r;

	if (config->kind != EXPORTER_OTLP || !config->url)
		return -EINVAL;
	exporter = calloc(1, sizeof(*exporter));
	if (!exporter)
		return -ENOMEM;
	init_lock(exporter);
	exporter->config = with_defaults(config);
	exporter->spool = *spool;
	exporter->compression = exporter->proven = config->compression;
	exporter->backoff.min_ms = exporter->config.retry_min_ms;
	exporter->backoff.max_ms = exporter->config.retry_max_ms;
	split_init(&exporter->split, exporter->config.batch_spans);
	exporter->url = url_for_text(config->url);
	r = exporter->url ? exporter_batch_new(&exporter->batch, version) : -ENOMEM;
	if (r == 0)
		r = delivery_new(&exporter->delivery, &exporter->config, version);
	if (r < 0) {
		exporter_free(exporter);
		return r;
	}
	*ret_exporter = exporter;
	return 0;
}

int exporter_start(struct exporter *exporter)
{
	sigset_t all, before;
	int r;

	if (exporter->started || exporter->ended)
		return -EALREADY;
	/* signals are the program's; and one that a closed connection raises stays blocked */
	sigfillset(&all);
	r = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (r == 0) {
		r = pthread_create(&exporter->thread, NULL, exporter_thread, exporter);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	exporter->started = r == 0;
	return -r;
}

void exporter_wake(struct exporter *exporter)
{
	pthread_mutex_lock(&exporter->lock);
	if (!exporter->woken) {
		exporter->woken = true;
		pthread_cond_broadcast(&exporter->changed);
	}
	pthread_mutex_unlock(&exporter->lock);
}

void exporter_statistics(struct exporter *exporter, struct exporter_statistics *ret_statistics)
{
	pthread_mutex_lock(&exporter->lock);
	*ret_statistics = exporter->statistics;
	pthread_mutex_unlock(&exporter->lock);
}

/* Under the lock: until the thread has ended. */
static void wait_for_end(struct exporter *exporter)
{
	while (!exporter->ended && exporter_now_ms() < exporter->finish_by_ms)
		exporter_wait_until(exporter, exporter->finish_by_ms);
}

int exporter_finish(struct exporter *exporter, unsigned int ms)
{
	if (!exporter->started)
		return exporter->ended ? exporter->result : -EINVAL;
	pthread_mutex_lock(&exporter->lock);
	exporter->finishing = true;
	exporter->finish_by_ms = exporter_now_ms() + ms;
	pthread_cond_broadcast(&exporter->changed);
	wait_for_end(exporter);
	exporter->stopping = true;
	pthread_cond_broadcast(&exporter->changed);
	pthread_mutex_unlock(&exporter->lock);
	delivery_break(exporter->delivery);
	pthread_join(exporter->thread, NULL);
	exporter->started = false;
	return exporter->result;
}

void exporter_free(struct exporter *exporter)
{
	if (!exporter)
		return;
	if (exporter->started)
		exporter_finish(exporter, 0);
	delivery_free(exporter->delivery);
	exporter_batch_free(exporter->batch);
	free(exporter->url);
	pthread_cond_destroy(&exporter->changed);
	pthread_mutex_destroy(&exporter->lock);
	free(exporter);
}
