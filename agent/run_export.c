/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/run_export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent_socket.h"
#include "agent/export_config.h"
#include "agent/export_rows.h"
#include "agent/util/log.h"

struct run_export {
	struct exporter_config config;
	unsigned int flush_ms;
	struct export_rows *rows; /* NULL: not begun */
	const char *ledger;
	uint64_t exported; /* of the store, when it was told last */
};

static int read_config(struct run_export *run_export, const struct options *options)
{
	int r = export_config_read(&run_export->config, options);

	if (r < 0)
		return r;
	run_export->flush_ms = options->flush_ms;
	if (run_export->config.missing)
		log_error("--export: %s is not set; going on without export",
			  run_export->config.missing);
	return 0;
}

int run_export_new(struct run_export **ret_export, const struct options *options)
{
	struct run_export *run_export;
	int r;

	if (!options->export)
		return 0;
	if (options->ledger && !strcmp(options->ledger, "none")) {
		log_error("--export: calls are exported from the ledger: leave out --ledger=none");
		return -EINVAL;
	}
	run_export = calloc(1, sizeof(*run_export));
	if (!run_export)
		return -ENOMEM;
	r = read_config(run_export, options);
	if (r < 0 || run_export->config.kind == EXPORTER_OFF)
		run_export_free(run_export);
	else
		*ret_export = run_export;
	return r;
}

void run_export_begin(struct run_export *run_export, struct store *store, const char *ledger,
		      pid_t pid)
{
	char error[512] = "";
	int r;

	if (!run_export)
		return;
	if (!*ledger) {
		log_error("export: there is no ledger to export from; going on without export");
		return;
	}
	if (agent_follows(pid)) {
		log_verbose("export: the agent of this host follows process %d, and exports it",
			    (int)pid);
		return;
	}
	run_export->ledger = ledger;
	r = store_export(store, export_rows_target(&run_export->config));
	if (r == 0)
		r = export_rows_new(&run_export->rows, ledger, &run_export->config,
				    export_config_tell, NULL, error, sizeof(error));
	if (r == 0)
		r = export_rows_start(run_export->rows);
	if (r < 0) {
		log_error("export: %s; going on without export", *error ? error : strerror(-r));
		export_rows_free(run_export->rows);
		run_export->rows = NULL;
	}
}

void run_export_wake(struct run_export *run_export, const struct store *store)
{
	if (!run_export || !run_export->rows || run_export->exported == store_exported(store))
		return;
	run_export->exported = store_exported(store);
	export_rows_wake(run_export->rows);
}

void run_export_finish(struct run_export *run_export)
{
	uint64_t calls = 0;
	int r, counted;

	if (!run_export || !run_export->rows)
		return;
	r = export_rows_finish(run_export->rows, run_export->flush_ms);
	counted = r < 0 ? export_rows_waiting(run_export->rows, &calls) : 0;
	if (counted < 0)
		log_error("export: %s: %s", run_export->ledger, strerror(-counted));
	if (calls)
		export_config_tell_kept(calls, run_export->ledger, "run --export", r);
	export_rows_free(run_export->rows);
	run_export->rows = NULL;
}

void run_export_free(struct run_export *run_export)
{
	if (!run_export)
		return;
	export_rows_free(run_export->rows);
	exporter_config_free(&run_export->config);
	free(run_export);
}
