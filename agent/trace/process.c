/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trace/process.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/limits.h"
#include "agent/util/redact.h"
#include "agent/util/map.h"
#include "agent/util/record_check.h"

/* The clock that field 22 of /proc/PID/stat counts in is 100 Hz towards user space everywhere. */
#define NS_PER_TICK 10000000ull

/* What stands for an argument that may hold content, and the longest that does not. */
#define CONTENT "[content]"
#define WORD_MAX 256

/* What an exec replaces as a whole. */
struct program {
	char *executable, *name, *cgroup, *service_name;
	char *arguments; /* one after the other, each with a NUL */
	size_t arguments_length;
	size_t n_arguments;
	const char **argv; /* into arguments */
	size_t size;       /* bytes of all of these */
};

struct process {
	struct process_key key, parent;
	struct program program;
	uint64_t exit_ns;
	uint32_t exit_status;
	uint32_t uid;
	bool is_root;
	bool root_known;
	bool marked;
	uint64_t described_ns; /* of the last CR_PROC: an older exec is known with it */
	struct process_key root;
};

struct process_table {
	struct map *processes;
	size_t text_size;
};

static const char service_variable[] = "OTEL_SERVICE_NAME=";

static struct process_key key_of(const struct cr_process *process)
{
	return (struct process_key){.start = process->start, .pid = process->pid};
}

/* ---- programs ---- */

static void program_clear(struct process_table *table, struct program *program)
{
	table->text_size -= program->size;
	free(program->executable);
	free(program->name);
	free(program->cgroup);
	free(program->service_name);
	free(program->arguments);
	free(program->argv);
	memset(program, 0, sizeof(*program));
}

/* Texts beyond the table's budget are left out: they are then not known. */
static int program_set(struct process_table *table, struct program *program, char **text,
		       const char *value, size_t length)
{
	char *copy;

	if (*text || length == 0 || table->text_size + length + 1 > LIMIT_PROCESS_TEXT)
		return 0;
	copy = strndup(value, length);
	if (!copy)
		return -ENOMEM;
	*text = copy;
	program->size += length + 1;
	table->text_size += length + 1;
	return 0;
}

static int program_index_arguments(struct process_table *table, struct program *program)
{
	size_t size = (program->n_arguments + 1) * sizeof(*program->argv);
	const char *at = program->arguments;

	program->argv = malloc(size);
	if (!program->argv)
		return -ENOMEM;
	for (size_t i = 0; i < program->n_arguments; i++) {
		program->argv[i] = at;
		at += strlen(at) + 1;
	}
	program->size += size;
	table->text_size += size;
	return 0;
}

static int program_set_arguments(struct process_table *table, struct program *program,
				 const char *bytes, size_t length, size_t n)
{
	if (length == 0 || table->text_size + length > LIMIT_PROCESS_TEXT)
		return 0;
	program->arguments = malloc(length);
	if (!program->arguments)
		return -ENOMEM;
	memcpy(program->arguments, bytes, length);
	program->arguments_length = length;
	program->n_arguments = n;
	program->size += length;
	table->text_size += length;
	return program_index_arguments(table, program);
}

/* A child runs its parent's program until it execs. */
static int program_copy(struct process_table *table, struct program *to, const struct program *from)
{
	const char *const texts[] = {from->executable, from->name, from->cgroup,
				     from->service_name};
	char **const copies[] = {&to->executable, &to->name, &to->cgroup, &to->service_name};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i])
			r = program_set(table, to, copies[i], texts[i], strlen(texts[i]));
	}
	if (r == 0)
		r = program_set_arguments(table, to, from->arguments, from->arguments_length,
					  from->n_arguments);
	return r;
}

/* A word names something; what has blanks in it, or is JSON or long, may be a prompt. */
static bool is_content(const char *text, size_t length)
{
	if (length > WORD_MAX || (length > 0 && (text[0] == '{' || text[0] == '[')))
		return true;
	for (size_t i = 0; i < length; i++) {
		if (isspace((unsigned char)text[i]))
			return true;
	}
	return false;
}

/* One argument behind the others; what passes the cap is cut, and nothing follows it. */
static int add_argument(struct buffer *arguments, size_t *n, const char *text, size_t length,
			enum redact_next *next)
{
	size_t begin = arguments->length, room;
	struct buffer one;
	int r;

	if (*n >= LIMIT_ARGUMENT_COUNT || begin >= LIMIT_ARGUMENTS)
		return 0;
	length = strnlen(text, length);
	buffer_init(&one, 2 * LIMIT_ARGUMENTS);
	r = redact_argument(&one, text, length, next);
	if (is_content(text, length)) {
		buffer_clear(&one);
		r = buffer_append_text(&one, CONTENT);
	}
	if (r == 0 || r == -E2BIG) {
		room = LIMIT_ARGUMENTS - begin;
		r = buffer_append(arguments, one.data, one.length < room ? one.length : room);
		if (r == 0)
			r = buffer_append(arguments, "", 1);
		(*n)++;
	}
	buffer_free(&one);
	return r;
}

static int program_set_field(struct process_table *table, struct program *program, unsigned int tag,
			     const char *text, size_t length)
{
	const size_t prefix = sizeof(service_variable) - 1;

	switch (tag) {
	case CR_FIELD_EXE:
		return program_set(table, program, &program->executable, text, length);
	case CR_FIELD_COMM:
		return program_set(table, program, &program->name, text, length);
	case CR_FIELD_CGROUP:
		return program_set(table, program, &program->cgroup, text, length);
	case CR_FIELD_ENV:
		if (length <= prefix || memcmp(text, service_variable, prefix) != 0)
			return 0;
		return program_set(table, program, &program->service_name, text + prefix,
				   length - prefix);
	default:
		return 0;
	}
}

static int program_read(struct process_table *table, struct program *program,
			const struct cr_head *record, size_t struct_size)
{
	size_t offset = struct_size, length, n = 0;
	enum redact_next next = REDACT_PLAIN;
	struct buffer arguments;
	unsigned int tag;
	const char *text;
	int r = 0;

	/* One byte more than the cap: the NUL of an argument that was cut at it. */
	buffer_init(&arguments, LIMIT_ARGUMENTS + 1);
	while (r == 0 && (text = record_field_next(record, &offset, &tag, &length))) {
		if (tag == CR_FIELD_ARG)
			r = add_argument(&arguments, &n, text, length, &next);
		else
			r = program_set_field(table, program, tag, text, length);
	}
	if (r == 0)
		r = program_set_arguments(table, program, (const char *)arguments.data,
					  arguments.length, n);
	buffer_free(&arguments);
	return r;
}

/* ---- the table ---- */

static void process_free(struct process_table *table, struct process *process)
{
	program_clear(table, &process->program);
	free(process);
}

int process_table_new(struct process_table **ret_table)
{
	struct process_table *table = calloc(1, sizeof(*table));
	int r;

	if (!table)
		return -ENOMEM;
	r = map_new(&table->processes, sizeof(struct process_key), LIMIT_PROCESSES);
	if (r < 0) {
		free(table);
		return r;
	}
	*ret_table = table;
	return 0;
}

void process_table_free(struct process_table *table)
{
	size_t cursor = 0;
	void *process;

	if (!table)
		return;
	while (map_next(table->processes, &cursor, NULL, &process))
		process_free(table, process);
	map_free(table->processes);
	free(table);
}

int process_table_get(struct process_table *table, const struct process_key *key, bool *ret_new,
		      struct process **ret_process)
{
	struct process *process = map_get(table->processes, key);
	bool made = !process;
	int r;

	if (!process) {
		process = calloc(1, sizeof(*process));
		if (!process)
			return -ENOMEM;
		process->key = *key;
		process->uid = UINT32_MAX;
		process->exit_status = CR_EXIT_STATUS_UNKNOWN;
		r = map_put(table->processes, key, process);
		if (r < 0) {
			free(process);
			if (r == -ENOMEM)
				return r;
			process = NULL;
			made = false;
		}
	}
	*ret_new = made;
	*ret_process = process;
	return 0;
}

struct process *process_parent(const struct process_table *table, const struct process *process)
{
	return process->parent.pid ? map_get(table->processes, &process->parent) : NULL;
}

bool process_root(struct process_table *table, struct process *process,
		  struct process_key *ret_root)
{
	struct process *at = process;

	for (int depth = 0; at && depth < LIMIT_PROCESS_DEPTH; depth++) {
		if (at->is_root || at->root_known) {
			process->root = at->is_root ? at->key : at->root;
			process->root_known = true;
			*ret_root = process->root;
			return true;
		}
		at = process_parent(table, at);
	}
	return false;
}

bool process_mark(struct process *process)
{
	bool before = process->marked;

	process->marked = true;
	return before;
}

bool process_is_marked(const struct process *process)
{
	return process->marked;
}

void process_describe(const struct process *process, struct process_event *ret_event)
{
	const struct program *program = &process->program;

	*ret_event = (struct process_event){
		.key = process->key,
		.parent = process->parent,
		.start_ns = process->key.start * NS_PER_TICK,
		.exit_ns = process->exit_ns,
		.uid = process->uid,
		.exit_status = process->exit_status,
		.root = process->is_root,
		.executable = program->executable,
		.name = program->name,
		.arguments = program->argv,
		.n_arguments = program->n_arguments,
		.cgroup = program->cgroup,
		.service_name = program->service_name,
	};
}

void process_table_expire(struct process_table *table, uint64_t now_ns)
{
	size_t cursor = 0;
	const void *key;
	void *value;

	while (map_next(table->processes, &cursor, &key, &value)) {
		struct process *process = value;

		if (process->exit_ns && now_ns > process->exit_ns &&
		    now_ns - process->exit_ns > LIMIT_PROCESS_ENDED_NS) {
			map_remove(table->processes, &process->key);
			process_free(table, process);
		}
	}
}

/* ---- records ---- */

/* The root is noted now, for parents may be forgotten before their children. */
static void set_parent(struct process_table *table, struct process *process,
		       const struct cr_process *parent)
{
	struct process_key root;

	if (parent->pid == 0)
		return;
	process->parent = key_of(parent);
	process_root(table, process, &root);
}

static int feed_fork(struct process_table *table, struct process *process,
		     const struct cr_fork *fork)
{
	struct process *parent;

	set_parent(table, process, &fork->parent);
	parent = map_get(table->processes, &process->parent);
	if (!parent || parent == process || process->program.size)
		return 0;
	process->uid = parent->uid;
	return program_copy(table, &process->program, &parent->program);
}

static int feed_proc(struct process_table *table, struct process *process,
		     const struct cr_proc *proc)
{
	set_parent(table, process, &proc->parent);
	process->described_ns = proc->head.time_ns;
	if (proc->flags & CR_PROC_ROOT)
		process->is_root = true;
	if (proc->flags & CR_PROC_HAS_UID)
		process->uid = proc->uid;
	program_clear(table, &process->program);
	return program_read(table, &process->program, &proc->head, sizeof(*proc));
}

static int feed_exec(struct process_table *table, struct process *process,
		     const struct cr_exec *exec)
{
	/* They come by two ways: what was read of the new program may be here before its begin. */
	if (exec->head.time_ns < process->described_ns)
		return 0;
	program_clear(table, &process->program);
	return program_read(table, &process->program, &exec->head, sizeof(*exec));
}

static void feed_exit(struct process *process, const struct cr_exit *exit_record)
{
	process->exit_ns = exit_record->head.time_ns;
	process->exit_status = exit_record->status;
}

int process_table_feed(struct process_table *table, const struct cr_head *record,
		       struct process **ret_process)
{
	/* FORK, EXEC, EXIT and PROC all have their process right behind the head. */
	const struct cr_exec *any = (const struct cr_exec *)record;
	struct process_key key = key_of(&any->process);
	struct process *process;
	bool made;
	int r = process_table_get(table, &key, &made, &process);

	if (r == 0 && process) {
		switch (record->type) {
		case CR_FORK:
			r = feed_fork(table, process, (const struct cr_fork *)record);
			break;
		case CR_PROC:
			r = feed_proc(table, process, (const struct cr_proc *)record);
			break;
		case CR_EXEC:
			r = feed_exec(table, process, any);
			break;
		case CR_EXIT:
			feed_exit(process, (const struct cr_exit *)record);
			break;
		}
	}
	if (r == 0)
		*ret_process = process;
	return r;
}
