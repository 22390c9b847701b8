/* SPDX-License-Identifier: Apache-2.0 */
/* The exporter's thread: from the spool into a batch, and the cursor behind it. */
#include "exporter/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Between two reads of the spool, however often it is told to be filled. */
#define READ_MS 50
/* Others may write to the spool without exporter_wake(). */
#define POLL_MS 5000
/* Until the lease is asked for again, and while the exporter is to finish. */
#define BUSY_MS 1000
#define BUSY_FINISHING_MS 100
/* What the lease is longer than a request. */
#define LEASE_MARGIN_MS 5000

/* Ends the thread, with nothing left. */
#define DRAINED 1

/* ---- reading ---- */

void exporter_drop(struct exporter *exporter)
{
	exporter_batch_clear(exporter->batch);
	exporter->opened = exporter->full = exporter->more = exporter->sealed = false;
	memset(exporter->lost, 0, sizeof(exporter->lost));
}

struct taking {
	struct exporter *exporter;
	int result;
};

static int take(void *to, const struct exporter_span *span)
{
	struct taking *taking = to;
	struct exporter *exporter = taking->exporter;
	int r;

	if (span->sequence <= exporter->last)
		return taking->result = -EINVAL;
	r = exporter_batch_add(exporter->batch, span);
	if (r == -E2BIG) {
		exporter_lose(exporter, EXPORTER_TOO_LARGE, 1, "larger than a request may be");
	} else if (r == -ENOSPC) {
		exporter->full = true;
		return 1;
	} else if (r < 0) {
		return taking->result = r;
	}
	exporter->last = span->sequence;
	exporter->full = exporter_batch_spans(exporter->batch) >= exporter->split.limit;
	return exporter->full;
}

static int open_batch(struct exporter *exporter)
{
	int r = exporter->spool.cursor(exporter->spool.context, &exporter->base);

	if (r < 0)
		return r;
	exporter->last = exporter->base;
	exporter->opened = true;
	return 0;
}

/* Read on. */
static int fill(struct exporter *exporter)
{
	struct taking taking = {exporter, 0};
	uint64_t before_ms = exporter->read_ms;
	bool was_empty;
	int r = exporter->opened ? 0 : open_batch(exporter);

	if (r < 0)
		return r;
	was_empty = exporter->last == exporter->base;
	exporter->read_ms = exporter_now_ms();
	r = exporter->spool.read(exporter->spool.context, exporter->last, take, &taking);
	/* what a full batch left behind could be read then already */
	if (was_empty)
		exporter->since_ms = exporter->more ? before_ms : exporter->read_ms;
	return taking.result ? taking.result : r < 0 ? r : 0;
}

/* ---- the lease and the cursor ---- */

static int spool_failed(struct exporter *exporter, const char *what, int r)
{
	char text[128];

	snprintf(text, sizeof(text), "%s of the spool: %s", what, strerror(-r));
	exporter_tell_failing(exporter, text);
	return exporter_hold_back_off(exporter, r);
}

/* Somebody else exports: all that we know of the spool may be old by now. */
static int stand_back(struct exporter *exporter)
{
	exporter->leased = false;
	exporter_drop(exporter);
	return exporter_hold(exporter, exporter_finishing(exporter) ? BUSY_FINISHING_MS : BUSY_MS,
			     false, -EBUSY);
}

static void release(struct exporter *exporter)
{
	if (exporter->leased)
		exporter->spool.lease(exporter->spool.context, 0);
	exporter->leased = false;
}

static void count_losses(struct exporter *exporter)
{
	pthread_mutex_lock(&exporter->lock);
	for (size_t i = 0; i < EXPORTER_LOSSES; i++) {
		exporter->statistics.lost[i] += exporter->lost[i];
		exporter->untold += exporter->lost[i];
	}
	pthread_mutex_unlock(&exporter->lock);
	memset(exporter->lost, 0, sizeof(exporter->lost));
	if (!split_active(&exporter->split))
		exporter_tell_lost(exporter);
}

int exporter_commit(struct exporter *exporter)
{
	int r = exporter->spool.advance(exporter->spool.context, exporter->last, exporter->lost);

	exporter->committing = r < 0 && r != -EBUSY;
	if (exporter->committing)
		return spool_failed(exporter, "cursor", r);
	count_losses(exporter);
	if (r == -EBUSY)
		return stand_back(exporter);
	exporter->why = 0;
	exporter_batch_clear(exporter->batch);
	exporter->base = exporter->last;
	exporter->more = exporter->full;
	exporter->full = exporter->sealed = false;
	if (!split_active(&exporter->split))
		exporter->compression_tried = false;
	return 0;
}

/* ---- the loop ---- */

static bool is_due(struct exporter *exporter)
{
	return exporter->full || exporter->sealed || split_active(&exporter->split) ||
	       exporter_finishing(exporter) ||
	       exporter_now_ms() >= exporter->since_ms + exporter->config.batch_age_ms;
}

static int deliver(struct exporter *exporter)
{
	uint64_t cursor;
	int r = exporter->spool.lease(exporter->spool.context,
				      exporter->config.timeout_ms + LEASE_MARGIN_MS);

	if (r == -EBUSY)
		return stand_back(exporter);
	if (r < 0)
		return spool_failed(exporter, "lease", r);
	exporter->leased = true;
	r = exporter->spool.cursor(exporter->spool.context, &cursor);
	if (r < 0)
		return spool_failed(exporter, "cursor", r);
	if (cursor != exporter->base) {
		exporter_drop(exporter);
		return 0;
	}
	if (!exporter_batch_spans(exporter->batch))
		return exporter_commit(exporter);
	return exporter_send(exporter);
}

/* Return: 0: go on; DRAINED; a negative errno that ends the thread. */
static int turn(struct exporter *exporter)
{
	int r = 0;

	if (exporter_stopping(exporter))
		return exporter->why ?: -ETIMEDOUT;
	if (exporter->committing)
		return exporter_commit(exporter);
	if (!exporter->sealed && !exporter->full)
		r = fill(exporter);
	if (r < 0)
		return spool_failed(exporter, "rows", r);
	if (exporter->last == exporter->base) {
		if (exporter_finishing(exporter))
			return DRAINED;
		release(exporter);
		exporter_wait(exporter, exporter->read_ms + READ_MS, exporter->read_ms + POLL_MS);
		return 0;
	}
	if (is_due(exporter))
		return deliver(exporter);
	exporter_wait(exporter, exporter->read_ms + READ_MS,
		      exporter->since_ms + exporter->config.batch_age_ms);
	return 0;
}

void *exporter_thread(void *context)
{
	struct exporter *exporter = context;
	int r;

	do {
		r = turn(exporter);
	} while (r == 0);
	release(exporter);
	exporter_tell_lost(exporter);
	pthread_mutex_lock(&exporter->lock);
	exporter->result = r < 0 ? r : 0;
	exporter->ended = true;
	pthread_cond_broadcast(&exporter->changed);
	pthread_mutex_unlock(&exporter->lock);
	return NULL;
}
