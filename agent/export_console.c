/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/export_console.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/call_json.h"
#include "agent/json_out.h"
#include "agent/limits.h"
#include "agent/util/clock.h"

#define LEASE_MS 10000
#define BUSY_MS 100  /* until the lease is asked for again */
#define AGAIN_MS 500 /* and after a failure */
#define POLL_MS 5000 /* others may write to the spool too */
#define WRITE_MS 50  /* between two looks at whether it is to end */
#define LINES_MAX (8 * MIB)
#define LINES_FULL (64 * KIB) /* are written, and the cursor moved, before more is read */

#define DRAINED 1

struct export_console {
	struct ledger_spool *spool;
	int fd;
	export_console_tell tell;
	void *context;

	/* the thread's own */
	struct json_out lines;
	uint64_t last; /* sequence of the last of them */
	bool failing;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool started, woken, finishing, stopping, ended;
	int result;
	pthread_t thread;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int64_t wall_ns(void)
{
	return (int64_t)clock_boot_ns() + clock_wall_offset_ns();
}

/* ---- what the two threads share ---- */

static void wait_until(struct export_console *console, uint64_t ms)
{
	const struct timespec until = {.tv_sec = (time_t)(ms / 1000),
				       .tv_nsec = (long)(ms % 1000) * 1000000};

	pthread_cond_timedwait(&console->changed, &console->lock, &until);
}

static bool is_set(struct export_console *console, const bool *flag)
{
	bool set;

	pthread_mutex_lock(&console->lock);
	set = *flag;
	pthread_mutex_unlock(&console->lock);
	return set;
}

/* For that long, or until the end comes near; with @wake also until there is more. */
static void rest(struct export_console *console, unsigned int ms, bool wake)
{
	uint64_t until = now_ms() + ms;
	bool finishing;

	pthread_mutex_lock(&console->lock);
	finishing = console->finishing;
	while (!console->stopping && console->finishing == finishing && now_ms() < until &&
	       !(wake && (console->woken || finishing)))
		wait_until(console, until);
	if (wake)
		console->woken = false;
	pthread_mutex_unlock(&console->lock);
}

/* ---- printing ---- */

static int on_row(void *context, const struct ledger_spooled *spooled)
{
	struct export_console *console = context;

	call_json(&console->lines, spooled->call);
	json_out_put(&console->lines, "\n");
	if (console->lines.r < 0)
		return console->lines.r;
	console->last = spooled->sequence;
	return console->lines.text.length >= LINES_FULL;
}

/* Whoever should read it may not; so no more is written at once than there is room for. */
static int write_lines(struct export_console *console)
{
	struct buffer *text = &console->lines.text;
	struct pollfd out = {.fd = console->fd, .events = POLLOUT};

	for (size_t at = 0; at < text->length;) {
		size_t left = text->length - at;
		ssize_t n;

		if (is_set(console, &console->stopping))
			return -ETIMEDOUT;
		if (poll(&out, 1, WRITE_MS) <= 0)
			continue;
		n = write(console->fd, text->data + at, left < PIPE_BUF ? left : PIPE_BUF);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int print(struct export_console *console)
{
	uint64_t cursor = 0, waiting, last;
	int r = ledger_spool_waiting(console->spool, &waiting, &last);

	if (r == 0 && !waiting)
		return DRAINED;
	if (r == 0)
		r = ledger_spool_lease(console->spool, wall_ns(), LEASE_MS);
	if (r == 0)
		r = ledger_spool_cursor(console->spool, &cursor);
	if (r < 0)
		return r;
	console->lines.r = 0;
	console->last = cursor;
	buffer_clear(&console->lines.text);
	r = ledger_spool_read(console->spool, cursor, on_row, console);
	if (r < 0)
		return r;
	if (console->last == cursor)
		return DRAINED;
	r = write_lines(console);
	return r < 0 ? r : ledger_spool_advance(console->spool, console->last, 0);
}

static void tell(struct export_console *console, int r)
{
	bool failing = r < 0 && r != -EBUSY && r != -EAGAIN;

	if (console->tell && failing != console->failing)
		console->tell(console->context, failing ? strerror(-r) : NULL);
	console->failing = failing;
}

/* Return: 0: go on; DRAINED; a negative errno that ends the thread. */
static int turn(struct export_console *console)
{
	bool finishing = is_set(console, &console->finishing);
	int r = print(console);

	if (is_set(console, &console->stopping))
		return r == DRAINED ? r : -ETIMEDOUT;
	tell(console, r);
	if (r == -EBUSY || r == -EAGAIN) {
		rest(console, BUSY_MS, false);
		return 0;
	}
	if (r < 0) {
		if (finishing)
			return r;
		rest(console, AGAIN_MS, false);
	} else if (r == DRAINED) {
		if (finishing)
			return r;
		ledger_spool_release(console->spool);
		rest(console, POLL_MS, true);
	}
	return 0;
}

static void *run(void *context)
{
	struct export_console *console = context;
	int r;

	do {
		r = turn(console);
	} while (r == 0);
	ledger_spool_release(console->spool);
	pthread_mutex_lock(&console->lock);
	console->result = r < 0 ? r : 0;
	console->ended = true;
	pthread_cond_broadcast(&console->changed);
	pthread_mutex_unlock(&console->lock);
	return NULL;
}

/* ---- from outside ---- */

int export_console_new(struct export_console **ret_console, struct ledger_spool *spool, int fd,
		       export_console_tell told, void *context)
{
	struct export_console *console = calloc(1, sizeof(*console));
	pthread_condattr_t monotonic;

	if (!console)
		return -ENOMEM;
	console->spool = spool;
	console->fd = fd;
	console->tell = told;
	console->context = context;
	buffer_init(&console->lines.text, LINES_MAX);
	console->lines.empty = true;
	pthread_mutex_init(&console->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&console->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	*ret_console = console;
	return 0;
}

int export_console_start(struct export_console *console)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&console->thread, NULL, run, console);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	console->started = r == 0;
	return -r;
}

void export_console_wake(struct export_console *console)
{
	pthread_mutex_lock(&console->lock);
	console->woken = true;
	pthread_cond_broadcast(&console->changed);
	pthread_mutex_unlock(&console->lock);
}

int export_console_finish(struct export_console *console, unsigned int ms)
{
	uint64_t until = now_ms() + ms;

	if (!console->started)
		return console->ended ? console->result : -EINVAL;
	pthread_mutex_lock(&console->lock);
	console->finishing = true;
	pthread_cond_broadcast(&console->changed);
	while (!console->ended && now_ms() < until)
		wait_until(console, until);
	console->stopping = true;
	pthread_cond_broadcast(&console->changed);
	pthread_mutex_unlock(&console->lock);
	pthread_join(console->thread, NULL);
	console->started = false;
	return console->result;
}

void export_console_free(struct export_console *console)
{
	if (!console)
		return;
	if (console->started)
		export_console_finish(console, 0);
	buffer_free(&console->lines.text);
	pthread_cond_destroy(&console->changed);
	pthread_mutex_destroy(&console->lock);
	free(console);
}
