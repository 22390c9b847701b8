/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/export_rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/export_console.h"
#include "agent/export_span.h"
#include "agent/ledger/ledger.h"
#include "agent/ledger/spool.h"
#include "agent/util/clock.h"

struct export_rows {
	struct ledger *ledger;
	struct ledger_spool *spool;
	struct export_span *span;
	struct exporter *exporter;      /* one of the two */
	struct export_console *console; /* is there */
	export_tell tell;
	void *context;
};

const char *export_rows_target(const struct exporter_config *config)
{
	return config->kind == EXPORTER_CONSOLE ? "console" : config->url;
}

static int64_t now_ns(void)
{
	return (int64_t)clock_boot_ns() + clock_wall_offset_ns();
}

/* ---- the ledger as the exporter's spool ---- */

static int on_lease(void *context, unsigned int ms)
{
	struct export_rows *rows = context;

	return ms ? ledger_spool_lease(rows->spool, now_ns(), ms)
		  : ledger_spool_release(rows->spool);
}

static int on_cursor(void *context, uint64_t *ret_sequence)
{
	struct export_rows *rows = context;

	return ledger_spool_cursor(rows->spool, ret_sequence);
}

struct reading {
	struct export_span *span;
	exporter_take take;
	void *to;
};

static int on_row(void *context, const struct ledger_spooled *spooled)
{
	struct reading *reading = context;
	const struct exporter_span *span;
	int r = export_span_make(reading->span, spooled, &span);

	return r < 0 ? r : reading->take(reading->to, span);
}

static int on_read(void *context, uint64_t sequence, exporter_take take, void *to)
{
	struct export_rows *rows = context;
	struct reading reading = {rows->span, take, to};

	return ledger_spool_read(rows->spool, sequence, on_row, &reading);
}

static int on_advance(void *context, uint64_t sequence, const uint64_t lost[EXPORTER_LOSSES])
{
	struct export_rows *rows = context;
	uint64_t all = 0;

	for (size_t i = 0; i < EXPORTER_LOSSES; i++)
		all += lost[i];
	return ledger_spool_advance(rows->spool, sequence, all);
}

static void on_tell(void *context, enum exporter_news news, const char *text)
{
	struct export_rows *rows = context;

	if (rows->tell)
		rows->tell(rows->context, news, text);
}

static void on_console(void *context, const char *why)
{
	char text[128];

	snprintf(text, sizeof(text), "standard output%s%s", why ? ": " : "", why ? why : "");
	on_tell(context, why ? EXPORTER_FAILING : EXPORTER_RECOVERED, text);
}

/* ---- making it ---- */

static int open_spool(struct export_rows *rows, const char *path, const char *target, char *error,
		      size_t size)
{
	int64_t writer;
	int r = ledger_open(&rows->ledger, path, error, size);

	if (r == 0)
		r = ledger_begin_writer(rows->ledger, "export", VERSION, now_ns(), &writer);
	return r < 0 ? r : ledger_spool_new(&rows->spool, rows->ledger, target);
}

static int open_exporter(struct export_rows *rows, const struct exporter_config *config)
{
	const struct exporter_spool spool = {
		.context = rows,
		.lease = on_lease,
		.cursor = on_cursor,
		.read = on_read,
		.advance = on_advance,
		.tell = on_tell,
	};
	int r;

	if (config->kind == EXPORTER_CONSOLE)
		return export_console_new(&rows->console, rows->spool, STDOUT_FILENO, on_console,
					  rows);
	r = export_span_new(&rows->span, config);
	return r < 0 ? r : exporter_new(&rows->exporter, config, &spool, VERSION);
}

int export_rows_new(struct export_rows **ret_rows, const char *ledger,
		    const struct exporter_config *config, export_tell tell, void *context,
		    char *error, size_t error_size)
{
	struct export_rows *rows = calloc(1, sizeof(*rows));
	int r;

	if (error_size)
		*error = '\0';
	if (!rows)
		return -ENOMEM;
	rows->tell = tell;
	rows->context = context;
	r = open_spool(rows, ledger, export_rows_target(config), error, error_size);
	if (r == 0)
		r = open_exporter(rows, config);
	if (r < 0) {
		if (error_size && !*error)
			snprintf(error, error_size, "%s", strerror(-r));
		export_rows_free(rows);
		return r;
	}
	*ret_rows = rows;
	return 0;
}

int export_rows_start(struct export_rows *rows)
{
	return rows->console ? export_console_start(rows->console) : exporter_start(rows->exporter);
}

void export_rows_wake(struct export_rows *rows)
{
	if (rows->console)
		export_console_wake(rows->console);
	else
		exporter_wake(rows->exporter);
}

int export_rows_finish(struct export_rows *rows, unsigned int ms)
{
	return rows->console ? export_console_finish(rows->console, ms)
			     : exporter_finish(rows->exporter, ms);
}

int export_rows_waiting(struct export_rows *rows, uint64_t *ret_calls)
{
	uint64_t last;

	return ledger_spool_waiting(rows->spool, ret_calls, &last);
}

void export_rows_free(struct export_rows *rows)
{
	if (!rows)
		return;
	export_console_free(rows->console);
	exporter_free(rows->exporter);
	export_span_free(rows->span);
	ledger_spool_free(rows->spool);
	ledger_close(rows->ledger);
	free(rows);
}
