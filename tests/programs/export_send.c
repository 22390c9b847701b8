/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans from a spool in memory to the collector that the OTEL_* variables name.
 *
 * usage: export_send SPANS MS
 *
 * Has MS milliseconds for it. Prints what was told, a line each ("failing TEXT", …), and then
 * "result R cursor C"; or "config TEXT".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/exporter.h"

struct spool {
	uint64_t rows, cursor;
};

static int lease(void *context, unsigned int ms)
{
	return 0;
}

static int cursor(void *context, uint64_t *ret_sequence)
{
	*ret_sequence = ((struct spool *)context)->cursor;
	return 0;
}

static int read_rows(void *context, uint64_t sequence, exporter_take take, void *to)
{
	const struct spool *spool = context;
	struct exporter_resource resource = {1, NULL, 0};
	int r = 0;

	while (r == 0 && sequence < spool->rows) {
		struct exporter_span span = {
			.sequence = ++sequence,
			.trace_id = {1},
			.span_id = {(uint8_t)(sequence >> 8), (uint8_t)sequence, 1},
			.name = "chat m",
			.start_ns = 1,
			.end_ns = 2,
			.resource = &resource,
		};

		r = take(to, &span);
	}
	return r < 0 ? r : 0;
}

static int advance(void *context, uint64_t sequence, const uint64_t lost[EXPORTER_LOSSES])
{
	((struct spool *)context)->cursor = sequence;
	return 0;
}

static void tell(void *context, enum exporter_news news, const char *text)
{
	static const char *const names[] = {"failing", "recovered", "lost", "fell_back", "warned"};

	printf("%s %s\n", names[news], text);
}

static const char *variable(void *context, const char *name)
{
	return getenv(name);
}

int main(int argc, char **argv)
{
	struct spool spool = {.rows = argc == 3 ? strtoull(argv[1], NULL, 10) : 0};
	struct exporter_spool callbacks = {&spool, lease, cursor, read_rows, advance, tell};
	struct exporter_config config;
	struct exporter *exporter;
	char error[512];
	int r;

	if (argc != 3)
		return 2;
	if (exporter_config_read(&config, variable, NULL, NULL, error, sizeof(error)) < 0) {
		printf("config %s\n", error);
		return 1;
	}
	config.retry_min_ms = 20;
	config.retry_max_ms = 100;
	r = exporter_new(&exporter, &config, &callbacks, VERSION);
	if (r == 0)
		r = exporter_start(exporter);
	if (r < 0) {
		printf("config %s\n", strerror(-r));
		return 1;
	}
	r = exporter_finish(exporter, (unsigned int)strtoul(argv[2], NULL, 10));
	exporter_free(exporter);
	exporter_config_free(&config);
	printf("result %d cursor %llu\n", r, (unsigned long long)spool.cursor);
	return 0;
}
