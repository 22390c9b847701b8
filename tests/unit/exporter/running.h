/* SPDX-License-Identifier: Apache-2.0 */
/* An exporter between a spool in memory and a collector on the loopback. */
#ifndef TESTS_UNIT_EXPORTER_RUNNING_H
#define TESTS_UNIT_EXPORTER_RUNNING_H

#include "exporter/exporter.h"
#include "tests/unit/test.h"
#include "tests/unit/exporter/server.h"
#include "tests/unit/exporter/spool.h"

#define URL_SIZE 128
#define PATIENCE_MS 40000

struct running {
	struct server server;
	struct spool spool;
	struct exporter_spool callbacks;
	struct exporter_config config;
	struct exporter *exporter;
	char url[URL_SIZE];
};

/* Config may be changed before run_start(). */
static void run_prepare(struct running *run, server_handler handler, uint64_t rows)
{
	memset(run, 0, sizeof(*run));
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	unsetenv("ALL_PROXY");
	server_start(&run->server, handler);
	run->callbacks = spool_of(&run->spool, rows);
	snprintf(run->url, sizeof(run->url), "http://127.0.0.1:%u/v1/traces", run->server.port);
	run->config = (struct exporter_config){
		.kind = EXPORTER_OTLP,
		.url = run->url,
		.timeout_ms = 20000,
		.batch_spans = 10,
		.batch_age_ms = 30,
		.retry_min_ms = 10,
		.retry_max_ms = 40,
	};
}

static void run_start(struct running *run)
{
	CHECK_INT(exporter_new(&run->exporter, &run->config, &run->callbacks, "1.2.3"), 0);
	CHECK_INT(exporter_start(run->exporter), 0);
}

static bool run_wait_cursor(struct running *run, uint64_t sequence)
{
	uint64_t until = now_ms() + PATIENCE_MS;

	while (SPOOL_GET(&run->spool, cursor) != sequence && now_ms() < until)
		usleep(2000);
	return SPOOL_GET(&run->spool, cursor) == sequence;
}

__attribute__((unused)) static bool run_wait_news(struct running *run, enum exporter_news news,
						  int n)
{
	uint64_t until = now_ms() + PATIENCE_MS;

	while (spool_news(&run->spool, news, NULL) < n && now_ms() < until)
		usleep(2000);
	return spool_news(&run->spool, news, NULL) == n;
}

static void run_end(struct running *run)
{
	exporter_free(run->exporter);
	server_stop(&run->server);
	pthread_mutex_destroy(&run->spool.lock);
}

/* Were the spans of these requests 1, 2, 3 … n, whatever the order within a request? */
__attribute__((unused)) static bool run_sent(struct running *run, int first_request, int n)
{
	bool seen[REQUEST_SPANS_MAX + 1] = {false};
	int total = 0;

	for (int i = first_request - 1; i < run->server.n; i++) {
		const struct request *request = run->server.requests[i];

		for (int j = 0; j < request->n; j++) {
			if (request->ids[j] < 1 || request->ids[j] > (uint64_t)n ||
			    seen[request->ids[j]])
				return false;
			seen[request->ids[j]] = true;
			total++;
		}
	}
	return total == n;
}

#endif
