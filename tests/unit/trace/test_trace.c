/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids are pinned to what Python's hashlib gives:
 *	process = boot_id + struct.pack("<QI", start, pid)
 *	trace_id = sha256(process).digest()[:16]
 *	span_id = sha256(process + struct.pack("<QQIQ", conn, generation, layer,
 *position)).digest()[:8]
 */
#include <errno.h>

#include "agent/limits.h"
#include "agent/trace/trace.h"
#include "agent/util/hash.h"
#include "agent/util/record_check.h"
#include "tests/unit/test.h"

#define ROOT_TRACE "c98540ace3e9fcf4c37c76e1f9fb65fd"  /* start 1000, pid 42 */
#define CHILD_TRACE "8eb831d626fc4d5af3e1e90bf5aa844a" /* start 1100, pid 43 */
#define CHILD_SPAN "6ea4a57cc3e9d7eb"                  /* of child_call() */

#define ROOT                             \
	{                                \
		.start = 1000, .pid = 42 \
	}
#define CHILD                            \
	{                                \
		.start = 1100, .pid = 43 \
	}
#define GRANDCHILD                       \
	{                                \
		.start = 1200, .pid = 44 \
	}

/* ---- what came out ---- */

struct seen {
	struct process_event process; /* the last; texts are copied below */
	char executable[64], name[64], service[64], arguments[8192];
	size_t n_processes;
	char trace_id[33], span_id[17], parent[17];
	struct process_key root;
	size_t n_calls;
	int r;
};

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "-");
}

static int on_process(void *context, const struct process_event *event)
{
	struct seen *seen = context;
	size_t used = 0;

	seen->process = *event;
	seen->n_processes++;
	copy(seen->executable, sizeof(seen->executable), event->executable);
	copy(seen->name, sizeof(seen->name), event->name);
	copy(seen->service, sizeof(seen->service), event->service_name);
	seen->arguments[0] = '\0';
	for (size_t i = 0; i < event->n_arguments; i++)
		used += (size_t)snprintf(seen->arguments + used, sizeof(seen->arguments) - used,
					 "%s%s", i ? "|" : "", event->arguments[i]);
	return seen->r;
}

static int on_call(void *context, struct call_event *event)
{
	struct seen *seen = context;

	hash_hex(event->trace_id, TRACE_ID_SIZE, seen->trace_id);
	hash_hex(event->span_id, SPAN_ID_SIZE, seen->span_id);
	hash_hex(event->parent_span_id, SPAN_ID_SIZE, seen->parent);
	seen->root = event->root;
	seen->n_calls++;
	return seen->r;
}

static struct trace *new_trace_of(struct seen *seen, bool callers_only)
{
	struct trace_opts opts = {.call = on_call,
				  .process = on_process,
				  .context = seen,
				  .callers_only = callers_only};
	struct trace *trace;

	memset(seen, 0, sizeof(*seen));
	CHECK_INT(trace_new(&trace, &opts), 0);
	return trace;
}

static struct trace *new_trace(struct seen *seen)
{
	return new_trace_of(seen, false);
}

/* ---- records ---- */

static void feed_clock(struct trace *trace)
{
	struct cr_clock clock = {
		.head = {.length = sizeof(clock), .type = CR_CLOCK, .version = CR_VERSION},
		.wall_offset_ns = 1700000000000000000,
	};

	for (uint8_t i = 0; i < sizeof(clock.boot_id); i++)
		clock.boot_id[i] = i;
	CHECK_INT(trace_feed(trace, &clock.head), 0);
}

static void feed_fork(struct trace *trace, struct cr_process process, struct cr_process parent)
{
	struct cr_fork fork = {
		.head = {.length = sizeof(fork), .type = CR_FORK, .version = CR_VERSION},
		.process = process,
		.parent = parent,
	};

	CHECK_INT(trace_feed(trace, &fork.head), 0);
}

static void feed_exit(struct trace *trace, struct cr_process process, uint64_t time_ns)
{
	struct cr_exit record = {
		.head = {.length = sizeof(record),
			 .type = CR_EXIT,
			 .version = CR_VERSION,
			 .time_ns = time_ns},
		.process = process,
		.status = 3 << 8,
	};

	CHECK_INT(trace_feed(trace, &record.head), 0);
}

struct field {
	unsigned int tag;
	const char *text;
};

static void feed_fields(struct trace *trace, struct cr_proc *proc, const struct field *fields)
{
	size_t size = proc->head.type == CR_EXEC ? sizeof(struct cr_exec) : sizeof(*proc);
	struct buffer record;

	buffer_init(&record, CR_LENGTH_MAX);
	CHECK_INT(record_begin(&record, proc->head.type, size, proc->head.time_ns), 0);
	proc->head = *(struct cr_head *)record.data;
	memcpy(record.data, proc, size);
	for (; fields->tag; fields++)
		CHECK_INT(
			record_add_field(&record, fields->tag, fields->text, strlen(fields->text)),
			0);
	CHECK_INT(record_finish(&record, 0), 0);
	CHECK_INT(record_check((struct cr_head *)record.data, record.length), 0);
	CHECK_INT(trace_feed(trace, (struct cr_head *)record.data), 0);
	buffer_free(&record);
}

static void feed_root(struct trace *trace)
{
	static const struct field fields[] = {
		{CR_FIELD_EXE, "/usr/bin/python3.11"},
		{CR_FIELD_COMM, "python3"},
		{CR_FIELD_ARG, "python3"},
		{CR_FIELD_ARG, "agent.py"},
		{CR_FIELD_ARG, "--api-key"},
		{CR_FIELD_ARG, "hunter2"},
		{CR_FIELD_ENV, "OTEL_SERVICE_NAME=shop"},
		{CR_FIELD_ENV, "OTEL_SERVICE_NAMES=other"},
		{0, NULL},
	};
	struct cr_proc proc = {
		.head.type = CR_PROC,
		.process = ROOT,
		.uid = 1000,
		.flags = CR_PROC_ROOT | CR_PROC_HAS_UID,
	};

	feed_fields(trace, &proc, fields);
}

static struct call_event child_call(enum call_event_type type)
{
	return (struct call_event){
		.type = type,
		.conn = {.process = CHILD,
			 .conn = 0x7f00deadbeef,
			 .generation = 123456789,
			 .layer = 1},
		.position = 4096,
	};
}

static void call(struct trace *trace, enum call_event_type type)
{
	struct call_event event = child_call(type);

	CHECK_INT(trace_call(trace, &event), 0);
}

/* ---- ids ---- */

TEST(ids_are_the_hashes_that_are_documented)
{
	struct seen seen;
	struct trace *trace = new_trace(&seen);

	feed_clock(trace);
	call(trace, CALL_END);
	CHECK_TEXT(seen.trace_id, CHILD_TRACE);
	CHECK_TEXT(seen.span_id, CHILD_SPAN);
	CHECK_TEXT(seen.parent, "0000000000000000");
	CHECK_INT(seen.root.pid, 43);
	trace_free(trace);
}

TEST(a_wrapped_tree_is_one_trace)
{
	struct seen seen;
	struct trace *trace = new_trace(&seen);

	feed_clock(trace);
	feed_root(trace);
	feed_fork(trace, (struct cr_process)CHILD, (struct cr_process)ROOT);
	call(trace, CALL_END);
	CHECK_TEXT(seen.trace_id, ROOT_TRACE);
	CHECK_TEXT(seen.span_id, CHILD_SPAN);
	CHECK_INT(seen.root.pid, 42);
	CHECK_INT(seen.root.start, 1000);
	trace_free(trace);
}

TEST(a_grandchild_is_found_through_parents_and_after_their_end)
{
	struct call_event event = child_call(CALL_END);
	struct seen seen;
	struct trace *trace = new_trace(&seen);

	event.conn.process = (struct process_key)GRANDCHILD;
	feed_clock(trace);
	feed_root(trace);
	feed_fork(trace, (struct cr_process)CHILD, (struct cr_process)ROOT);
	feed_fork(trace, (struct cr_process)GRANDCHILD, (struct cr_process)CHILD);
	feed_exit(trace, (struct cr_process)CHILD, 5);
	feed_exit(trace, (struct cr_process)ROOT, 6);
	CHECK_INT(trace_expire(trace, 2 * LIMIT_PROCESS_ENDED_NS), 0);
	CHECK_INT(trace_call(trace, &event), 0);
	CHECK_TEXT(seen.trace_id, ROOT_TRACE);
	trace_free(trace);
}

TEST(a_root_that_is_told_late_counts_for_later_calls)
{
	struct seen seen;
	struct trace *trace = new_trace(&seen);

	feed_clock(trace);
	feed_fork(trace, (struct cr_process)CHILD, (struct cr_process)ROOT);
	call(trace, CALL_BEGIN);
	CHECK_TEXT(seen.trace_id, CHILD_TRACE);
	feed_root(trace);
	call(trace, CALL_PROGRESS);
	CHECK_TEXT(seen.trace_id, CHILD_TRACE); /* fixed at its beginning */
	call(trace, CALL_END);
	CHECK_TEXT(seen.trace_id, CHILD_TRACE);
	CHECK_INT(seen.root.pid, 43);
	call(trace, CALL_BEGIN);
	CHECK_TEXT(seen.trace_id, ROOT_TRACE);
	trace_free(trace);
}

TEST(a_traceparent_is_adopted)
{
	struct call_event event = child_call(CALL_BEGIN);
	struct seen seen;
	struct trace *trace = new_trace(&seen);

	feed_clock(trace);
	feed_root(trace);
	feed_fork(trace, (struct cr_process)CHILD, (struct cr_process)ROOT);
	event.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
	CHECK_INT(trace_call(trace, &event), 0);
	CHECK_TEXT(seen.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
	CHECK_TEXT(seen.parent, "00f067aa0ba902b7");
	CHECK_TEXT(seen.span_id, CHILD_SPAN);
	CHECK_INT(seen.root.pid, 0);
	call(trace, CALL_END); /* the end no longer has the header */
	CHECK_TEXT(seen.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
	CHECK_TEXT(seen.parent, "00f067aa0ba902b7");
	event.traceparent = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
	CHECK_INT(trace_call(trace, &event), 0);
	CHECK_TEXT(seen.trace_id, ROOT_TRACE);
	CHECK_TEXT(seen.parent, "0000000000000000");
	trace_free(trace);
}

TEST(each_place_has_a_span_of_its_own)
{
	struct seen seen;
	struct trace *trace = new_trace(&seen);
	char spans[6][17];

	feed_clock(trace);
	for (int i = 0; i < 6; i++) {
		struct call_event event = child_call(CALL_END);

		event.position += i == 1;
		event.conn.conn += i == 2;
		event.conn.generation += i == 3;
		event.conn.layer += i == 4;
		event.conn.process.pid += i == 5;
		CHECK_INT(trace_call(trace, &event), 0);
		memcpy(spans[i], seen.span_id, sizeof(spans[i]));
		for (int k = 0; k < i; k++)
			CHECK(strcmp(spans[i], spans[k]));
	}
	trace_free(trace);
}

TEST(parents_in_a_circle_end)
{
	struct seen seen;
	struct trace *trace = new_trace(&seen);

	feed_clock(trace);
	feed_fork(trace, (struct cr_process)CHILD, (struct cr_process)ROOT);
	feed_fork(trace, (struct cr_process)ROOT, (struct cr_process)CHILD);
	feed_fork(trace, (struct cr_process)GRANDCHILD, (struct cr_process)GRANDCHILD);
	call(trace, CALL_END);
	CHECK_TEXT(seen.trace_id, CHILD_TRACE);
	trace_free(trace);
}

/* ---- processes ---- */

TEST(a_process_is_described)
{
	struct seen seen;
	struct trace *trace = new_trace(&seen);

	feed_clock(trace);
	feed_root(trace);
	CHECK_INT(seen.process.key.pid, 42);
	CHECK_INT(seen.process.uid, 1000);
	CHECK(seen.process.root);
	CHECK_INT(seen.process.start_ns, 10000000000); /* 1000 ticks of 10 ms */
	CHECK_INT(seen.process.exit_ns, 0);
	CHECK_INT(seen.process.wall_offset_ns, 1700000000000000000);
	CHECK_INT(seen.process.boot_id[15], 15);
	CHECK_TEXT(seen.executable, "/usr/bin/python3.11");
	CHECK_TEXT(seen.name, "python3");
	CHECK_TEXT(seen.service, "shop");
	CHECK_TEXT(seen.arguments, "python3|agent.py|--api-key|***");
	feed_exit(trace, (struct cr_process)ROOT, 777);
	CHECK_INT(seen.process.exit_ns, 777);
	CHECK_INT(seen.process.exit_status, 3 << 8);
	CHECK_TEXT(seen.arguments, "python3|agent.py|--api-key|***");
	trace_free(trace);
}

TEST(a_child_runs_its_parents_program_until_it_execs)
{
	static const struct field exe[] = {{CR_FIELD_EXE, "/bin/sh"}, {0, NULL}};
	struct cr_proc exec = {.head.type = CR_EXEC, .process = CHILD};
	struct seen seen;
	struct trace *trace = new_trace(&seen);

	feed_clock(trace);
	feed_root(trace);
	feed_fork(trace, (struct cr_process)CHILD, (struct cr_process)ROOT);
	CHECK_TEXT(seen.executable, "/usr/bin/python3.11");
	CHECK_TEXT(seen.arguments, "python3|agent.py|--api-key|***");
	CHECK_INT(seen.process.uid, 1000);
	CHECK(!seen.process.root);
	CHECK_INT(seen.process.parent.pid, 42);
	feed_fields(trace, &exec, exe);
	CHECK_TEXT(seen.executable, "/bin/sh");
	CHECK_TEXT(seen.arguments, "");
	CHECK_TEXT(seen.name, "-");
	CHECK_INT(seen.process.parent.pid, 42);
	trace_free(trace);
}

TEST(a_process_that_nobody_told_of_is_made_known_once)
{
	struct seen seen;
	struct trace *trace = new_trace(&seen);

	feed_clock(trace);
	call(trace, CALL_BEGIN);
	CHECK_INT(seen.n_processes, 1);
	CHECK_INT(seen.process.key.pid, 43);
	CHECK(seen.process.uid == UINT32_MAX);
	CHECK_TEXT(seen.executable, "-");
	call(trace, CALL_END);
	CHECK_INT(seen.n_processes, 1);
	trace_free(trace);
}

TEST(a_command_line_is_capped)
{
	static char word[251];
	struct field fields[42] = {0};
	struct cr_proc proc = {.head.type = CR_PROC, .process = CHILD};
	struct seen seen;
	struct trace *trace = new_trace(&seen);

	memset(word, '.', sizeof(word) - 1);
	for (size_t i = 0; i < 40; i++)
		fields[i] = (struct field){CR_FIELD_ARG, word};
	feed_fields(trace, &proc, fields);
	CHECK(seen.process.n_arguments < 40);
	CHECK(strlen(seen.arguments) <= LIMIT_ARGUMENTS);
	CHECK(strlen(seen.arguments) > LIMIT_ARGUMENTS - 64);
	trace_free(trace);
}

TEST(a_prompt_in_a_command_line_is_not_kept)
{
	static char long_word[300];
	const struct field fields[] = {{CR_FIELD_ARG, "claude"},
				       {CR_FIELD_ARG, "-p"},
				       {CR_FIELD_ARG, "write a poem"},
				       {CR_FIELD_ARG, "{\"messages\":[]}"},
				       {CR_FIELD_ARG, "two\nlines"},
				       {CR_FIELD_ARG, long_word},
				       {0, NULL}};
	struct cr_proc proc = {.head.type = CR_PROC, .process = CHILD};
	struct seen seen;
	struct trace *trace = new_trace(&seen);

	memset(long_word, 'w', sizeof(long_word) - 1);
	feed_fields(trace, &proc, fields);
	CHECK_INT(seen.process.n_arguments, 6);
	CHECK_TEXT(seen.arguments, "claude|-p|[content]|[content]|[content]|[content]");
	trace_free(trace);
}

TEST(more_processes_than_fit_still_get_ids)
{
	struct seen seen;
	struct trace *trace = new_trace(&seen);
	struct call_event event = child_call(CALL_END);

	feed_clock(trace);
	for (uint32_t i = 0; i < LIMIT_PROCESSES + 100; i++)
		feed_fork(trace, (struct cr_process){.start = 1, .pid = i + 100},
			  (struct cr_process)ROOT);
	CHECK_INT(trace_call(trace, &event), 0);
	CHECK_TEXT(seen.trace_id, CHILD_TRACE);
	CHECK_INT(trace_end(trace, 0), 0);
	trace_free(trace);
}

TEST(only_a_lack_of_memory_goes_upstream)
{
	struct call_event event = child_call(CALL_END);
	struct seen seen;
	struct trace *trace = new_trace(&seen);

	feed_clock(trace);
	seen.r = -ENOSPC;
	CHECK_INT(trace_call(trace, &event), 0);
	seen.r = -ENOMEM;
	CHECK_INT(trace_call(trace, &event), -ENOMEM);
	trace_free(trace);
	trace_free(NULL);
}

/* What a program is comes by another way than its begin, and may be here first. */
TEST(an_exec_from_before_a_description_changes_nothing)
{
	static const struct field called[] = {{CR_FIELD_EXE, "./agent"}, {0, NULL}};
	static const struct field read_later[] = {{CR_FIELD_EXE, "/opt/agent"}, {0, NULL}};
	struct cr_proc proc = {.head = {.type = CR_PROC, .time_ns = 200}, .process = ROOT};
	struct cr_proc exec = {.head = {.type = CR_EXEC, .time_ns = 100}, .process = ROOT};
	struct seen seen;
	struct trace *trace = new_trace(&seen);

	feed_clock(trace);
	feed_fields(trace, &proc, read_later);
	feed_fields(trace, &exec, called);
	CHECK_TEXT(seen.executable, "/opt/agent");
	exec.head.time_ns = 300;
	feed_fields(trace, &exec, called);
	CHECK_TEXT(seen.executable, "./agent");
	trace_free(trace);
}

TEST(of_a_host_only_callers_and_their_line_are_told)
{
	struct cr_process stranger = {.start = 1, .pid = 7};
	struct seen seen;
	struct trace *trace = new_trace_of(&seen, true);

	feed_clock(trace);
	feed_root(trace);
	feed_fork(trace, stranger, (struct cr_process)ROOT);
	feed_fork(trace, (struct cr_process)CHILD, (struct cr_process)ROOT);
	feed_exit(trace, stranger, 1);
	CHECK_INT(seen.n_processes, 0);
	call(trace, CALL_BEGIN);
	CHECK_INT(seen.n_processes, 2); /* the child, and whose it is */
	CHECK_INT(seen.process.key.pid, 42);
	call(trace, CALL_END);
	CHECK_INT(seen.n_processes, 2);
	feed_exit(trace, (struct cr_process)CHILD, 2);
	CHECK_INT(seen.n_processes, 3);
	CHECK_INT(seen.process.key.pid, 43);
	CHECK_INT(seen.process.exit_ns, 2);
	trace_free(trace);
}

TEST(of_a_host_a_process_is_told_when_it_is_asked_for)
{
	struct process_key root = ROOT;
	struct seen seen;
	struct trace *trace = new_trace_of(&seen, true);

	feed_clock(trace);
	feed_root(trace);
	CHECK_INT(trace_tell(trace, &root), 0);
	CHECK_INT(trace_tell(trace, &root), 0);
	CHECK_INT(seen.n_processes, 1);
	CHECK_TEXT(seen.executable, "/usr/bin/python3.11");
	trace_free(trace);
}

TEST_MAIN()
