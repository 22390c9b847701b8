/* SPDX-License-Identifier: Apache-2.0 */
/* Processes, losses and what was not seen, into rows. */
#include <errno.h>
#include <string.h>

#include "agent/ledger/internal.h"
#include "agent/limits.h"
#include "agent/util/hash.h"
#include "agent/util/text.h"

/* ---- processes ---- */

static void bind_key(struct ledger *ledger, struct prepared *statement,
		     const struct process_key *key, int *r)
{
	ledger_bind_text(statement, ":boot_id", ledger->boot_id, r);
	ledger_bind_int(statement, ":pid", key->pid, r);
	ledger_bind_int(statement, ":start_ticks", ledger_saturate(key->start), r);
}

/* The command line as JSON; where it is too long, nothing. */
static int append_arguments(struct buffer *json, const struct process_event *event)
{
	int r = buffer_append_text(json, "[");

	for (size_t i = 0; r == 0 && i < event->n_arguments; i++) {
		if (i > 0)
			r = buffer_append_text(json, ",");
		if (r == 0)
			r = text_append_json(json, event->arguments[i],
					     strlen(event->arguments[i]));
	}
	if (r == 0)
		r = buffer_append_text(json, "]");
	if (r == -E2BIG)
		buffer_clear(json);
	return r == -E2BIG ? 0 : r;
}

static int put_process(struct ledger *ledger, const struct process_event *event,
		       const char *arguments)
{
	bool has_status = event->exit_ns && event->exit_status != CR_EXIT_STATUS_UNKNOWN;
	struct prepared *statement;
	int r = ledger_statement(ledger, STATEMENT_PROCESS, &statement);

	if (r < 0)
		return r;
	bind_key(ledger, statement, &event->key, &r);
	ledger_bind_int_if(statement, ":parent_pid", event->parent.pid, event->parent.pid, &r);
	ledger_bind_int_if(statement, ":parent_start_ticks", event->parent.pid,
			   ledger_saturate(event->parent.start), &r);
	ledger_bind_int_if(statement, ":start_ns", event->start_ns,
			   ledger_wall(event->start_ns, event->wall_offset_ns), &r);
	ledger_bind_int_if(statement, ":exit_ns", event->exit_ns,
			   ledger_wall(event->exit_ns, event->wall_offset_ns), &r);
	ledger_bind_int_if(statement, ":exit_status", has_status, event->exit_status, &r);
	ledger_bind_int_if(statement, ":uid", event->uid != UINT32_MAX, event->uid, &r);
	ledger_bind_int(statement, ":is_root", event->root, &r);
	ledger_bind_text(statement, ":executable", event->executable, &r);
	ledger_bind_text(statement, ":name", event->name, &r);
	ledger_bind_text(statement, ":arguments", arguments, &r);
	ledger_bind_text(statement, ":cgroup", event->cgroup, &r);
	ledger_bind_text(statement, ":service_name", event->service_name, &r);
	return r < 0 ? r : ledger_run(ledger, statement);
}

static int write_process(struct ledger *ledger, const struct process_event *event)
{
	struct buffer json;
	int r;

	/* Escaping makes six bytes of one at most. */
	buffer_init(&json, 8 * LIMIT_ARGUMENTS);
	r = event->n_arguments ? append_arguments(&json, event) : 0;
	if (r == 0)
		r = put_process(ledger, event, json.length ? buffer_text(&json) : NULL);
	buffer_free(&json);
	return r;
}

int ledger_write_process(struct ledger *ledger, const struct process_event *event)
{
	char boot_id[sizeof(ledger->boot_id)];
	int r = ledger_event_begin(ledger);

	if (r < 0)
		return r;
	hash_hex(event->boot_id, sizeof(event->boot_id), boot_id);
	if (strcmp(boot_id, ledger->boot_id) != 0)
		ledger_forget(ledger);
	memcpy(ledger->boot_id, boot_id, sizeof(boot_id));
	return ledger_event_end(ledger, write_process(ledger, event));
}

static int find_process(struct ledger *ledger, const struct process_key *key, int64_t *ret_id)
{
	struct prepared *statement;
	int r = ledger_statement(ledger, STATEMENT_FIND_PROCESS, &statement);

	if (r < 0)
		return r;
	bind_key(ledger, statement, key, &r);
	if (r == 0)
		r = ledger_step(ledger, statement);
	if (r == 1) {
		*ret_id = ledger_column_int(statement, 0);
		ledger_reset(statement);
	}
	return r;
}

static int find_or_make(struct ledger *ledger, const struct process_key *key, int64_t *ret_id)
{
	struct process_event unknown = {
		.key = *key, .uid = UINT32_MAX, .exit_status = CR_EXIT_STATUS_UNKNOWN};
	int r = find_process(ledger, key, ret_id);

	if (r == 0)
		r = write_process(ledger, &unknown);
	else
		return r < 0 ? r : 0;
	if (r == 0)
		r = find_process(ledger, key, ret_id);
	return r < 0 ? r : 0;
}

int ledger_find_process(struct ledger *ledger, const struct process_key *key, int64_t *ret_id)
{
	struct known_process *known = &ledger->known[key->pid % LEDGER_KNOWN_PROCESSES];
	int64_t id;
	int r;

	if (known->id && !memcmp(&known->key, key, sizeof(*key))) {
		*ret_id = known->id;
		return 0;
	}
	r = find_or_make(ledger, key, &id);
	if (r < 0)
		return r;
	*known = (struct known_process){*key, id};
	*ret_id = id;
	return 0;
}

/* ---- losses ---- */

/* The row of the process that an event is of; 0 where it is of no one process. */
static int find_any_process(struct ledger *ledger, const struct process_key *key, int64_t *ret_id)
{
	*ret_id = 0;
	return key->pid ? ledger_find_process(ledger, key, ret_id) : 0;
}

int ledger_put_loss(struct ledger *ledger, const struct loss_event *event)
{
	struct prepared *statement;
	int64_t process;
	int r = find_any_process(ledger, &event->process, &process);

	if (r == 0)
		r = ledger_statement(ledger, STATEMENT_LOSS, &statement);
	if (r < 0)
		return r;
	ledger_bind_int(statement, ":writer", ledger->writer, &r);
	ledger_bind_int_if(statement, ":process", process, process, &r);
	ledger_bind_text(statement, ":cause", ledger_cause_name(event->cause), &r);
	ledger_bind_text(statement, ":name", event->name, &r);
	ledger_bind_int(statement, ":records", ledger_saturate(event->records), &r);
	ledger_bind_int(statement, ":bytes", ledger_saturate(event->bytes), &r);
	ledger_bind_int(statement, ":time_ns", event->wall_ns, &r);
	return r < 0 ? r : ledger_run(ledger, statement);
}

int ledger_write_loss(struct ledger *ledger, const struct loss_event *event)
{
	int r = ledger_event_begin(ledger);

	return r < 0 ? r : ledger_event_end(ledger, ledger_put_loss(ledger, event));
}

/* ---- what was not seen ---- */

static const char *not_empty(const char *text)
{
	return text && text[0] ? text : NULL;
}

static int write_unseen(struct ledger *ledger, const struct unseen_event *event)
{
	const char *reason = not_empty(event->reason);
	struct prepared *statement;
	int64_t process;
	int r = find_any_process(ledger, &event->process, &process);

	if (r == 0)
		r = ledger_statement(ledger, STATEMENT_UNSEEN, &statement);
	if (r < 0)
		return r;
	ledger_bind_int(statement, ":writer", ledger->writer, &r);
	ledger_bind_int_if(statement, ":process", process, process, &r);
	ledger_bind_text(statement, ":executable", not_empty(event->executable), &r);
	ledger_bind_text(statement, ":reason", reason ? reason : "unknown", &r);
	ledger_bind_text(statement, ":remedy", not_empty(event->remedy), &r);
	ledger_bind_int(statement, ":time_ns", event->wall_ns, &r);
	return r < 0 ? r : ledger_run(ledger, statement);
}

int ledger_write_unseen(struct ledger *ledger, const struct unseen_event *event)
{
	int r = ledger_event_begin(ledger);

	return r < 0 ? r : ledger_event_end(ledger, write_unseen(ledger, event));
}
