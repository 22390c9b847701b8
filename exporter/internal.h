/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the exporter's thread share. */
#ifndef EXPORTER_INTERNAL_H
#define EXPORTER_INTERNAL_H

#include <pthread.h>

#include "exporter/backoff.h"
#include "exporter/delivery.h"
#include "exporter/exporter.h"
#include "exporter/split.h"

#define EXPORTER_REASON_SIZE 640

/*
 * The batch holds what lies behind the sequence `base` up to `last`; but for spans that are too
 * large by themselves, which are in lost[] already.
 */
struct exporter {
	struct exporter_config config; /* borrowed, with the defaults in it */
	struct exporter_spool spool;
	char *url; /* as it may be shown */
	struct exporter_batch *batch;
	struct delivery *delivery;

	/* ---- the thread's own ---- */

	uint64_t base, last;
	bool opened;     /* base is known */
	bool full;       /* the batch takes no more */
	bool more;       /* nor did the one before: something was left to be read */
	bool sealed;     /* the batch was sent, and stays as it is */
	bool committing; /* it is done with; only the cursor has to be moved yet */
	bool leased;
	uint64_t lost[EXPORTER_LOSSES]; /* since the cursor was moved */
	uint64_t read_ms;               /* when the spool was read last */
	uint64_t since_ms;              /* since when the batch's first span could be read */

	int why; /* the last failure, while there was no success */
	struct backoff backoff;
	struct split split;
	enum exporter_compression compression; /* of the next request */
	enum exporter_compression proven;      /* not known to be refused */
	bool compression_tried;                /* all of them, in vain, with what is sent now */
	uint64_t refused_ms;                   /* since when refusals are tried again; 0: none */
	unsigned int refused_in_row;           /* single spans, with nothing taken in between */

	uint64_t untold; /* losses, of which the cursor is past */
	char untold_reason[EXPORTER_REASON_SIZE];

	/* ---- shared, under the lock ---- */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool started, woken, finishing, stopping, ended;
	uint64_t finish_by_ms;
	int result;
	struct exporter_statistics statistics;
	pthread_t thread;
};

/* ---- thread.c ---- */

void *exporter_thread(void *exporter);

/** exporter_drop - forget the batch: it is read anew from the cursor. */
void exporter_drop(struct exporter *exporter);

/** exporter_commit - the batch is done with. Return: as exporter_send(). */
int exporter_commit(struct exporter *exporter);

/* ---- send.c ---- */

/*
 * exporter_send - send the batch, and do as the answer says; the lease is ours.
 * Return: 0: go on; a negative errno that ends the thread.
 */
int exporter_send(struct exporter *exporter);

/* ---- wait.c ---- */

/** exporter_now_ms - CLOCK_MONOTONIC. */
uint64_t exporter_now_ms(void);

/** exporter_wait_until - under the lock: until something changed, or that time. */
void exporter_wait_until(struct exporter *exporter, uint64_t ms);

/*
 * exporter_hold - wait after a failure. exporter_finish() ends the wait, so that one attempt is
 *	made at once; not so one that is @hard, or that began later.
 * Return: 0; @r if exporter_finish() leaves no time for it, or the thread is to end.
 */
int exporter_hold(struct exporter *exporter, uint64_t ms, bool hard, int r);

/** exporter_hold_back_off - as exporter_hold(), for as long as there are failures already. */
int exporter_hold_back_off(struct exporter *exporter, int r);

/** exporter_wait - until exporter_wake() after @earliest_ms, @latest_ms or the end. */
void exporter_wait(struct exporter *exporter, uint64_t earliest_ms, uint64_t latest_ms);

bool exporter_finishing(struct exporter *exporter);
bool exporter_stopping(struct exporter *exporter);

/* ---- tell.c ---- */

/** exporter_reason - why an answer is no success, as a line that holds no secret. */
void exporter_reason(const struct exporter *exporter, const struct delivery_answer *answer,
		     char reason[EXPORTER_REASON_SIZE]);

/** exporter_mask - overwrite with '*' what is in the configured headers' values. */
void exporter_mask(const struct exporter_config *config, char *text);

/** exporter_tell - a line for spool.tell(). */
void exporter_tell(const struct exporter *exporter, enum exporter_news news, const char *text);

void exporter_tell_failing(struct exporter *exporter, const char *reason);
void exporter_tell_recovered(struct exporter *exporter);

/** exporter_lose - give up spans of the batch: counted when the cursor is moved. */
void exporter_lose(struct exporter *exporter, enum exporter_loss loss, uint64_t n,
		   const char *reason);
void exporter_tell_lost(struct exporter *exporter);

#endif
