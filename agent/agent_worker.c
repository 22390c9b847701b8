/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/attach/proc.h"
#include "agent/endpoint.h"
#include "agent/event_wire.h"
#include "agent/pipeline.h"
#include "agent/unseen_reason.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "agent/util/loop.h"
#include "agent/util/record_check.h"
#include "agent/util/sandbox.h"

#define ACCEPT_MS 3000 /* at the end: how long the keeper has to take what is left */

struct worker {
	const struct agent_config *config;
	struct ebpf_source *source;
	struct pipeline *pipeline;
	struct loop *loop;
	int keeper;          /* -1: there is none now */
	struct buffer queue; /* messages, of which the first `done` bytes were accepted */
	size_t done, sent;   /* sent: bytes of the queue, the accepted ones included */
	uint64_t number;     /* of the last message */
	uint64_t dropped;    /* events without room, that are still to be told */
	uint64_t discard_ns; /* records of data before are counted, and not parsed */
	struct event_wire_reader *reader;
	struct buffer answers;
	uint64_t discarded, discarded_bytes;
};

/* ---- events, to the keeper ---- */

static int queued(struct worker *worker, int r)
{
	if (r == 0)
		worker->number++;
	else if (r == -E2BIG)
		worker->dropped++;
	return r == -ENOMEM ? r : 0;
}

/* Where room gets scarce it is for the ends of calls: an end alone makes a whole row. */
static bool is_scarce(const struct worker *worker)
{
	return worker->queue.length > worker->queue.cap / 4 * 3;
}

static int on_call(void *context, struct call_event *event)
{
	struct worker *worker = context;

	if (event->type != CALL_END && is_scarce(worker))
		return 0;
	return queued(worker, event_wire_put_call(&worker->queue, worker->number + 1, event));
}

static int on_process(void *context, const struct process_event *event)
{
	struct worker *worker = context;

	return queued(worker, event_wire_put_process(&worker->queue, worker->number + 1, event));
}

static int on_loss(void *context, const struct loss_event *event)
{
	struct worker *worker = context;

	return queued(worker, event_wire_put_loss(&worker->queue, worker->number + 1, event));
}

static int on_unseen(void *context, const struct unseen_event *event)
{
	struct worker *worker = context;

	return queued(worker, event_wire_put_unseen(&worker->queue, worker->number + 1, event));
}

/* Without a keeper what is queued waits, and is sent again from its beginning. */
static void lose_keeper(struct worker *worker)
{
	if (worker->keeper < 0)
		return;
	loop_remove(worker->loop, worker->keeper);
	close(worker->keeper);
	worker->keeper = -1;
	worker->sent = worker->done;
	buffer_clear(&worker->answers);
}

static void send_queue(struct worker *worker)
{
	while (worker->keeper >= 0 && worker->sent < worker->queue.length) {
		ssize_t n = send(worker->keeper, worker->queue.data + worker->sent,
				 worker->queue.length - worker->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			worker->sent += (size_t)n;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		else if (errno != EINTR)
			lose_keeper(worker);
	}
}

static int tell_dropped(struct worker *worker)
{
	struct loss_event loss = {.cause = CR_CAUSE_LEDGER,
				  .name = "events that the keeper did not take in time",
				  .records = worker->dropped,
				  .wall_ns = (int64_t)clock_boot_ns() + clock_wall_offset_ns()};
	int r;

	if (!worker->dropped)
		return 0;
	r = event_wire_put_loss(&worker->queue, worker->number + 1, &loss);
	if (r == 0) {
		worker->number++;
		worker->dropped = 0;
	}
	return r == -ENOMEM ? r : 0;
}

/* All up to this number is in the ledger. */
static void accepted(struct worker *worker, uint64_t number)
{
	size_t at = worker->done;

	while (at + sizeof(struct event_wire_head) <= worker->sent) {
		struct event_wire_head head;

		memcpy(&head, worker->queue.data + at, sizeof(head));
		if (head.number > number || at + head.length > worker->sent)
			break;
		at += head.length;
	}
	worker->done = at;
	/* What is left is moved to the front when it is little. */
	if (worker->queue.length - at > at)
		return;
	buffer_consume(&worker->queue, at);
	worker->sent -= at;
	worker->done = 0;
}

/* One that the ledger will never take: it is lost, and told. */
static void refused(struct worker *worker, uint64_t number)
{
	struct buffer *queue = &worker->queue;
	struct event_wire_head head;

	for (size_t at = worker->done; at + sizeof(head) <= queue->length; at += head.length) {
		memcpy(&head, queue->data + at, sizeof(head));
		if (head.number != number)
			continue;
		memmove(queue->data + at, queue->data + at + head.length,
			queue->length - at - head.length);
		queue->length -= head.length;
		worker->sent = worker->done;
		worker->dropped++;
		return;
	}
}

static int on_word(void *context, uint64_t number, enum event_wire_type type, const char *text)
{
	struct worker *worker = context;

	if (type == EVENT_WIRE_ACCEPTED)
		accepted(worker, number);
	else if (type == EVENT_WIRE_REFUSED)
		refused(worker, number);
	else if (type == EVENT_WIRE_BACKGROUND && text)
		pipeline_expect(worker->pipeline, text);
	return 0;
}

static int read_answers(struct worker *worker)
{
	struct event_wire_sinks sinks = {.context = worker, .word = on_word};
	size_t length, at = 0;
	uint64_t number;
	int r = 0;

	while (r == 0) {
		r = event_wire_read(worker->reader, worker->answers.data + at,
				    worker->answers.length - at, &sinks, &length, &number);
		at += r == 0 ? length : 0;
	}
	buffer_consume(&worker->answers, at);
	return r == -EAGAIN ? 0 : r;
}

/* Told at each change alone: so all is read, and what there is room for is sent. */
static int on_keeper(void *context, int fd, uint32_t events)
{
	struct worker *worker = context;
	uint8_t bytes[4096];
	ssize_t n = 1;

	while (worker->keeper >= 0 && n > 0) {
		n = recv(worker->keeper, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n == 0 || (n < 0 && errno != EAGAIN) ||
			 (n > 0 && (buffer_append(&worker->answers, bytes, (size_t)n) < 0 ||
				    read_answers(worker) < 0)))
			lose_keeper(worker);
	}
	send_queue(worker);
	return 0;
}

/* ---- what the attacher brings ---- */

static int on_neighbour(void *context, int fd)
{
	struct worker *worker = context;

	lose_keeper(worker);
	worker->keeper = fd;
	return loop_add(worker->loop, fd, EPOLLIN | EPOLLOUT | EPOLLET, on_keeper, worker);
}

static void read_hello(const struct cr_head *hello, struct unseen_evidence *evidence,
		       char executable[LIMIT_PATH], char inside[LIMIT_PATH])
{
	size_t offset = sizeof(struct cr_hello), length;
	char path[LIMIT_PATH];
	unsigned int tag;
	const char *text;

	while ((text = record_field_next(hello, &offset, &tag, &length))) {
		snprintf(path, sizeof(path), "%.*s", (int)length, text);
		if (tag == CR_FIELD_EXE)
			memcpy(executable, path, sizeof(path));
		else if (tag == CR_FIELD_MAPPING)
			unseen_note_mapping(evidence, path);
		else if (tag == CR_FIELD_LIBRARY)
			memcpy(inside, path, sizeof(path));
	}
}

/* A process that reached for the network, and in which nothing is probed. */
static int on_silent(void *context, const struct silent_process *silent)
{
	char executable[LIMIT_PATH] = "", inside[LIMIT_PATH] = "", text[LIMIT_VALUE];
	struct unseen_evidence evidence = {0};
	struct worker *worker = context;
	const char *reason;
	struct buffer out;
	int r;

	read_hello(silent->hello, &evidence, executable, inside);
	evidence.inside = *inside ? inside : NULL;
	reason = unseen_reason(&evidence, text, sizeof(text));
	if (!reason)
		return 0;
	buffer_init(&out, CR_LENGTH_MAX);
	r = unseen_record(&out, &silent->process, *executable ? executable : NULL, &evidence,
			  reason);
	if (r == 0)
		r = pipeline_feed(worker->pipeline, (const struct cr_head *)out.data);
	buffer_free(&out);
	return r == -ENOMEM ? r : 0;
}

/* What killed the worker before may be in the ring still. */
static int on_record(void *context, const struct cr_head *record)
{
	struct worker *worker = context;

	if (record->type == CR_DATA && record->time_ns < worker->discard_ns) {
		worker->discarded++;
		worker->discarded_bytes += ((const struct cr_data *)record)->captured_length;
		return 0;
	}
	return pipeline_feed(worker->pipeline, record);
}

static int tell_discarded(struct worker *worker)
{
	struct loss_event loss = {.cause = CR_CAUSE_KILLED,
				  .name = "what the worker died of",
				  .records = worker->discarded,
				  .bytes = worker->discarded_bytes,
				  .wall_ns = (int64_t)clock_boot_ns() + clock_wall_offset_ns()};

	if (!worker->discarded)
		return 0;
	worker->discarded = worker->discarded_bytes = 0;
	return on_loss(worker, &loss);
}

static int on_source(void *context, int fd, uint32_t events)
{
	struct worker *worker = context;
	int r = ebpf_source_dispatch(worker->source);

	if (r == 0)
		r = tell_discarded(worker);
	if (r == 0)
		r = tell_dropped(worker);
	send_queue(worker);
	if (r == -EPIPE || ebpf_source_stopping(worker->source)) {
		loop_stop(worker->loop);
		return 0;
	}
	return r;
}

/* ---- start and end ---- */

static int open_source(struct worker *worker, int socket)
{
	struct ebpf_opts opts = {.sink = on_record,
				 .context = worker,
				 .silent = on_silent,
				 .neighbour = on_neighbour};
	int r = ebpf_source_adopt(&worker->source, &opts, socket);

	return r < 0 ? r : ebpf_source_wait(worker->source, NULL);
}

static int open_pipeline(struct worker *worker)
{
	const struct agent_config *config = worker->config;
	struct pipeline_opts opts = {
		.sinks = {.context = worker,
			  .call = on_call,
			  .process = on_process,
			  .loss = on_loss,
			  .unseen = on_unseen},
		.control = ebpf_source_control(worker->source),
		.card = config->card,
		.endpoints = config->options.endpoints,
		.n_endpoints = config->options.n_endpoints,
		.tag = config->options.tag,
		.callers_only = true,
		.capture = CR_CAPTURE_EBPF,
	};

	memcpy(opts.salt, config->salt, sizeof(opts.salt));
	return pipeline_new(&worker->pipeline, &opts, NULL);
}

static int open_all(struct worker *worker, int socket)
{
	int r = loop_new(&worker->loop);

	buffer_init(&worker->queue, LIMIT_WORKER_QUEUE);
	buffer_init(&worker->answers, EVENT_WIRE_MAX);
	if (r == 0)
		r = event_wire_reader_new(&worker->reader);
	if (r == 0)
		r = open_source(worker, socket);
	if (r == 0)
		r = open_pipeline(worker);
	if (r == 0)
		r = loop_add(worker->loop, ebpf_source_fd(worker->source), EPOLLIN, on_source,
			     worker);
	return r;
}

/* The keeper has this long for what is left; then it is lost with us. */
static void hand_over(struct worker *worker)
{
	uint64_t until = clock_boot_ns() + ACCEPT_MS * 1000000ull;

	event_wire_put_word(&worker->queue, worker->number + 1, EVENT_WIRE_END, NULL);
	while (worker->queue.length > worker->done && worker->keeper >= 0 &&
	       clock_boot_ns() < until) {
		struct pollfd answer = {.fd = worker->keeper, .events = POLLIN};

		send_queue(worker);
		if (worker->keeper >= 0 && poll(&answer, 1, 10) > 0)
			on_keeper(worker, worker->keeper, EPOLLIN);
	}
}

static void finish(struct worker *worker)
{
	ebpf_source_finish(worker->source);
	pipeline_end(worker->pipeline);
	tell_dropped(worker);
	hand_over(worker);
}

void worker_main(const struct agent_config *config, int socket, bool discard)
{
	struct worker worker = {.config = config, .keeper = -1};
	int r;

	prctl(PR_SET_NAME, "tollspan-worker");
	if (discard)
		worker.discard_ns = clock_boot_ns();
	r = sandbox_become(config->worker_uid, config->worker_gid);
	if (r == 0)
		r = open_all(&worker, socket);
	if (r == 0)
		r = sandbox_lock(SANDBOX_WORKER);
	if (r == 0)
		r = loop_run(worker.loop);
	if (r < 0)
		log_error("worker: %s", strerror(-r));
	if (worker.pipeline)
		finish(&worker);
	_exit(r < 0);
}
