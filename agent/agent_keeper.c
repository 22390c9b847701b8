/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/event_wire.h"
#include "agent/export_config.h"
#include "agent/export_rows.h"
#include "agent/ledger/ledger.h"
#include "agent/ledger/query.h"
#include "agent/ledger/spool.h"
#include "agent/source/ebpf_seam.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "agent/util/loop.h"
#include "agent/util/sandbox.h"

/* Others may write the ledger too, and wait for our transactions: they are kept short. */
#define COMMIT_MS 20
#define READ_SIZE (64 * KIB)
#define RETRY_FLUSH_MS 2000 /* of the spool, where the attacher is gone */

struct keeper {
	const struct agent_config *config;
	struct loop *loop;
	int attacher, worker; /* sockets; worker is -1 where there is none */
	struct ledger *ledger;
	struct export_rows *rows; /* NULL: nothing is exported */
	struct event_wire_reader *reader;
	struct buffer input;
	uint64_t number;   /* of the last message that was written */
	uint64_t accepted; /* and of the last that the worker knows of */
	bool settled;      /* a call, since the last commit */
	bool ended;        /* the worker has said so */
	bool first;        /* keeper of this agent */
	bool joined;       /* there has been a worker */
	bool stopping, abandoned;
	bool failed; /* the ledger took back what it had: nothing is accepted any more */
};

static int64_t now_ns(void)
{
	return (int64_t)clock_boot_ns() + clock_wall_offset_ns();
}

/* ---- events, from the worker ---- */

/*
 * An event that fails takes its transaction with it. The keeper then ends, and the worker sends all
 * that was not committed to the next one, but for what no ledger would ever take.
 */
static int note(struct keeper *keeper, int r)
{
	if (r >= 0 || r == -EALREADY)
		return 0;
	keeper->failed = true;
	return r;
}

static int on_call(void *context, struct call_event *event)
{
	struct keeper *keeper = context;

	keeper->settled |= event->type == CALL_END;
	return note(keeper, ledger_write_call(keeper->ledger, event));
}

static int on_process(void *context, const struct process_event *event)
{
	struct keeper *keeper = context;

	return note(keeper, ledger_write_process(keeper->ledger, event));
}

static int on_loss(void *context, const struct loss_event *event)
{
	struct keeper *keeper = context;

	return note(keeper, ledger_write_loss(keeper->ledger, event));
}

static int on_unseen(void *context, const struct unseen_event *event)
{
	struct keeper *keeper = context;

	return note(keeper, ledger_write_unseen(keeper->ledger, event));
}

static int on_word(void *context, uint64_t number, enum event_wire_type type, const char *text)
{
	struct keeper *keeper = context;

	if (type != EVENT_WIRE_END)
		return -EBADMSG;
	keeper->ended = true;
	return 0;
}

/* Return: was it sent? */
static bool send_word(struct keeper *keeper, uint64_t number, enum event_wire_type type)
{
	struct buffer word;
	bool sent;

	buffer_init(&word, 64);
	sent = event_wire_put_word(&word, number, type, NULL) == 0 &&
	       send(keeper->worker, word.data, word.length, MSG_NOSIGNAL | MSG_DONTWAIT) ==
		       (ssize_t)word.length;
	buffer_free(&word);
	return sent;
}

/* Is the error the disk's, and no word on the event? */
static bool may_pass(int r)
{
	return r == -ENOSPC || r == -EIO || r == -EROFS || r == -EBUSY || r == -EACCES ||
	       r == -ENOMEM;
}

/* The worker counts it as lost, and does not send it again. */
static void refuse_message(struct keeper *keeper, const uint8_t *message)
{
	struct event_wire_head head;

	memcpy(&head, message, sizeof(head));
	send_word(keeper, head.number, EVENT_WIRE_REFUSED);
}

static int read_messages(struct keeper *keeper)
{
	struct event_wire_sinks sinks = {.context = keeper,
					 .call = on_call,
					 .process = on_process,
					 .loss = on_loss,
					 .unseen = on_unseen,
					 .word = on_word};
	size_t at = 0, length;
	uint64_t number;
	int r = 0;

	while (r == 0) {
		r = event_wire_read(keeper->reader, keeper->input.data + at,
				    keeper->input.length - at, &sinks, &length, &number);
		if (r == 0) {
			at += length;
			keeper->number = number;
		}
	}
	if (r < 0 && keeper->failed && !may_pass(r))
		refuse_message(keeper, keeper->input.data + at);
	buffer_consume(&keeper->input, at);
	return r == -EAGAIN ? 0 : r;
}

/* What was committed need not be sent again to a keeper that comes after us. */
static void accept_messages(struct keeper *keeper)
{
	if (keeper->worker >= 0 && keeper->accepted != keeper->number &&
	    send_word(keeper, keeper->number, EVENT_WIRE_ACCEPTED))
		keeper->accepted = keeper->number;
}

static int commit(struct keeper *keeper)
{
	int r = ledger_commit(keeper->ledger);

	if (r < 0)
		keeper->failed = true;
	if (keeper->failed)
		return r;
	accept_messages(keeper);
	if (keeper->settled && keeper->rows)
		export_rows_wake(keeper->rows);
	keeper->settled = false;
	return 0;
}

static int on_commit(void *context, int fd, uint32_t events)
{
	return commit(context);
}

/* The calls that a dead worker was in the middle of end here, and that is a loss. */
static int settle_orphans(struct keeper *keeper, bool own)
{
	struct loss_event loss = {.cause = CR_CAUSE_KILLED,
				  .name = "the worker ended in the middle of its work",
				  .wall_ns = now_ns()};
	uint64_t own_calls = 0;
	int r = ledger_settle_orphans(keeper->ledger, false, &loss.records);

	if (r == 0 && own)
		r = ledger_settle_own(keeper->ledger, &own_calls);
	loss.records += own_calls;
	keeper->settled |= loss.records > 0;
	/* Between two calls too something may have been on its way. */
	if (own && !loss.records)
		loss.records = 1;
	if (r == 0 && loss.records)
		r = ledger_write_loss(keeper->ledger, &loss);
	return note(keeper, r);
}

static int lose_worker(struct keeper *keeper)
{
	int r = 0;

	if (keeper->worker < 0)
		return 0;
	loop_remove(keeper->loop, keeper->worker);
	close(keeper->worker);
	keeper->worker = -1;
	buffer_clear(&keeper->input);
	if (!keeper->ended)
		r = settle_orphans(keeper, true);
	if (keeper->abandoned)
		loop_stop(keeper->loop);
	return r < 0 ? r : commit(keeper);
}

static int on_worker(void *context, int fd, uint32_t events)
{
	struct keeper *keeper = context;
	static uint8_t bytes[READ_SIZE];
	ssize_t n = recv(keeper->worker, bytes, sizeof(bytes), MSG_DONTWAIT);
	int r;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	r = n <= 0 ? -EPIPE : buffer_append(&keeper->input, bytes, (size_t)n);
	if (r == 0)
		r = read_messages(keeper);
	if (keeper->failed)
		return r;
	if (r == -EBADMSG)
		log_error("keeper: the worker sent what is no event");
	if (r == -EBADMSG || r == -EPIPE)
		return lose_worker(keeper);
	return r == 0 && keeper->ended ? commit(keeper) : r;
}

static void tell_background(void *context, const char *response_id)
{
	event_wire_put_word(context, 0, EVENT_WIRE_BACKGROUND, response_id);
}

/* The table is small, and the socket is empty: it fits, or is not known there. */
static void push_lookup(struct keeper *keeper)
{
	struct buffer words;

	buffer_init(&words, EVENT_WIRE_MAX);
	ledger_backgrounds(keeper->ledger, tell_background, &words);
	event_wire_put_word(&words, 0, EVENT_WIRE_READY, NULL);
	send(keeper->worker, words.data, words.length, MSG_NOSIGNAL | MSG_DONTWAIT);
	buffer_free(&words);
}

/* All that the one before has sent comes first. */
static int drain_worker(struct keeper *keeper)
{
	int r = 0;

	while (r == 0 && keeper->worker >= 0) {
		uint64_t before = keeper->number;
		size_t length = keeper->input.length;

		r = on_worker(keeper, keeper->worker, EPOLLIN);
		if (keeper->number == before && keeper->input.length == length)
			return r < 0 ? r : lose_worker(keeper);
	}
	return r;
}

/* @other: not the one whose events a keeper before has written: that one was not seen to end. */
static int take_worker(struct keeper *keeper, int fd, bool other)
{
	int r = drain_worker(keeper);

	if (r == 0 && other && !keeper->first && !keeper->joined)
		r = settle_orphans(keeper, true);
	keeper->joined = true;
	keeper->worker = fd;
	keeper->number = keeper->accepted = 0;
	keeper->ended = false;
	push_lookup(keeper);
	return r < 0 ? r : loop_add(keeper->loop, fd, EPOLLIN, on_worker, keeper);
}

/* ---- the attacher's words ---- */

static int on_attacher(void *context, int fd, uint32_t events)
{
	struct keeper *keeper = context;
	struct seam_message message;
	int fds[SEAM_FDS_MAX];
	int r = seam_receive(keeper->attacher, &message, NULL, 0, fds, 0);

	if (r == -EAGAIN)
		return 0;
	if (r == 0 && message.type == SEAM_NEIGHBOUR && fds[0] >= 0)
		return take_worker(keeper, fds[0], message.value);
	if (r == 0 && message.type == SEAM_STOP) {
		keeper->stopping = true;
		loop_stop(keeper->loop);
		return 0;
	}
	/* The attacher is gone; the worker will notice, and hand over what it has. */
	keeper->abandoned = true;
	loop_remove(keeper->loop, keeper->attacher);
	if (keeper->worker < 0)
		loop_stop(keeper->loop);
	return 0;
}

/* ---- start and end ---- */

static int open_rows(struct keeper *keeper, char *error, size_t size)
{
	const struct exporter_config *config = &keeper->config->exporter;
	int r;

	if (config->kind == EXPORTER_OFF)
		return 0;
	r = ledger_export(keeper->ledger, export_rows_target(config));
	if (r == 0)
		r = export_rows_new(&keeper->rows, keeper->config->ledger, config,
				    export_config_tell, NULL, error, size);
	return r < 0 ? r : export_rows_start(keeper->rows);
}

static int open_all(struct keeper *keeper, char *error, size_t size)
{
	int64_t writer;
	int r = loop_new(&keeper->loop);

	buffer_init(&keeper->input, EVENT_WIRE_MAX + READ_SIZE);
	if (r == 0)
		r = event_wire_reader_new(&keeper->reader);
	if (r == 0)
		r = ledger_open(&keeper->ledger, keeper->config->ledger, error, size);
	if (r == 0)
		r = ledger_begin_writer(keeper->ledger, "agent", VERSION, now_ns(), &writer);
	if (r == 0)
		r = open_rows(keeper, error, size);
	if (r == 0 && keeper->first)
		r = settle_orphans(keeper, false);
	if (r == 0)
		r = loop_add(keeper->loop, keeper->attacher, EPOLLIN, on_attacher, keeper);
	if (r == 0)
		r = loop_every(keeper->loop, COMMIT_MS, on_commit, keeper);
	return r;
}

static void tell_ready(const struct keeper *keeper, int r, const char *error)
{
	const char *text = *error ? error : strerror(-r);
	struct seam_message ready = {.type = SEAM_READY, .value = r};

	ready.length = r < 0 ? (uint32_t)strlen(text) : 0;
	seam_send(keeper->attacher, &ready, text, NULL, 0);
}

/* What could not be delivered in time is kept, and that is said. */
static void finish_rows(struct keeper *keeper, unsigned int ms)
{
	uint64_t calls = 0;
	int r = export_rows_finish(keeper->rows, ms);

	if (r < 0 && export_rows_waiting(keeper->rows, &calls) == 0 && calls)
		export_config_tell_kept(calls, keeper->config->ledger, "start", r);
}

static void finish(struct keeper *keeper)
{
	int r = commit(keeper);

	if (r < 0)
		log_error("%s: %s", keeper->config->ledger, strerror(-r));
	if (keeper->rows)
		finish_rows(keeper,
			    keeper->stopping ? keeper->config->options.flush_ms : RETRY_FLUSH_MS);
	export_rows_free(keeper->rows);
	ledger_close(keeper->ledger);
}

void keeper_main(const struct agent_config *config, int socket, bool first)
{
	struct keeper keeper = {.config = config, .attacher = socket, .worker = -1, .first = first};
	char error[512] = "";
	int r;

	prctl(PR_SET_NAME, "tollspan-keeper");
	signal(SIGPIPE, SIG_IGN);
	r = sandbox_become(config->keeper_uid, config->keeper_gid);
	if (r == 0)
		r = sandbox_lock(SANDBOX_KEEPER);
	if (r == 0)
		r = open_all(&keeper, error, sizeof(error));
	tell_ready(&keeper, r, error);
	if (r == 0)
		r = loop_run(keeper.loop);
	if (r < 0 && *error == '\0')
		log_error("%s: %s", config->ledger, strerror(-r));
	if (keeper.ledger)
		finish(&keeper);
	_exit(r < 0);
}
