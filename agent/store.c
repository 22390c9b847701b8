/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/ledger/ledger.h"
#include "agent/ledger/query.h"
#include "agent/ledger/spool.h"

struct store {
	const char *command;
	int64_t wall_ns;
	struct ledger *scratch;
	struct ledger *ledger; /* NULL: none */
	int failure;           /* the ledger's first error */
	uint64_t events_lost;  /* that it did not take */
	int scratch_failure;   /* the scratch ledger's first error */
};

int store_open(struct store **ret_store, const char *command, int64_t wall_ns)
{
	struct store *store = calloc(1, sizeof(*store));
	int64_t writer;
	int r;

	if (!store)
		return -ENOMEM;
	store->command = command;
	store->wall_ns = wall_ns;
	r = ledger_open(&store->scratch, NULL, NULL, 0);
	if (r == 0)
		r = ledger_begin_writer(store->scratch, command, VERSION, wall_ns, &writer);
	if (r < 0) {
		store_free(store);
		return r;
	}
	*ret_store = store;
	return 0;
}

int store_add_ledger(struct store *store, const char *path, char *error, size_t error_size)
{
	int64_t writer;
	int r = ledger_open(&store->ledger, path, error, error_size);

	if (r < 0)
		return r;
	r = ledger_begin_writer(store->ledger, store->command, VERSION, store->wall_ns, &writer);
	if (r < 0) {
		snprintf(error, error_size, "can not be written");
		ledger_close(store->ledger);
		store->ledger = NULL;
	}
	return r;
}

int store_export(struct store *store, const char *target)
{
	return store->ledger ? ledger_export(store->ledger, target) : -ENOENT;
}

uint64_t store_exported(const struct store *store)
{
	return store->ledger ? ledger_exported(store->ledger) : 0;
}

/* The scratch ledger's own result counts; the user's ledger is noted apart. */
static int note(struct store *store, int scratch, int ledger)
{
	if (scratch < 0 && scratch != -EALREADY && !store->scratch_failure)
		store->scratch_failure = scratch;
	/* A settled call that is replayed with another card keeps its first price there. */
	if (ledger < 0 && ledger != -EALREADY) {
		store->events_lost++;
		if (!store->failure)
			store->failure = ledger;
	}
	return scratch;
}

static int on_call(void *context, struct call_event *event)
{
	struct store *store = context;

	return note(store, ledger_write_call(store->scratch, event),
		    store->ledger ? ledger_write_call(store->ledger, event) : 0);
}

static int on_process(void *context, const struct process_event *event)
{
	struct store *store = context;

	return note(store, ledger_write_process(store->scratch, event),
		    store->ledger ? ledger_write_process(store->ledger, event) : 0);
}

static int on_loss(void *context, const struct loss_event *event)
{
	struct store *store = context;

	return note(store, ledger_write_loss(store->scratch, event),
		    store->ledger ? ledger_write_loss(store->ledger, event) : 0);
}

static int on_unseen(void *context, const struct unseen_event *event)
{
	struct store *store = context;

	return note(store, ledger_write_unseen(store->scratch, event),
		    store->ledger ? ledger_write_unseen(store->ledger, event) : 0);
}

void store_sinks(struct store *store, struct pipeline_sinks *ret_sinks)
{
	*ret_sinks = (struct pipeline_sinks){
		.context = store,
		.call = on_call,
		.process = on_process,
		.loss = on_loss,
		.unseen = on_unseen,
	};
}

void store_lookup(const struct store *store, struct lookup *ret_lookup)
{
	*ret_lookup = (struct lookup){
		.context = store->ledger,
		.backgrounds = store->ledger ? ledger_backgrounds : NULL,
	};
}

void store_commit(struct store *store)
{
	int r = store->ledger ? ledger_commit(store->ledger) : 0;

	if (r < 0 && !store->failure)
		store->failure = r;
}

int store_failure(const struct store *store, uint64_t *ret_events)
{
	*ret_events = store->events_lost + (store->ledger ? ledger_lost(store->ledger) : 0);
	return store->failure;
}

int store_scratch_failure(const struct store *store)
{
	return store->scratch_failure;
}

struct ledger *store_scratch(struct store *store)
{
	return store->scratch;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	ledger_close(store->ledger);
	ledger_close(store->scratch);
	free(store);
}
