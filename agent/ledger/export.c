/* SPDX-License-Identifier: Apache-2.0 */
/* Calls into the queue of the target that their writer exports to. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ledger/internal.h"
#include "agent/ledger/spool.h"
#include "agent/limits.h"
#include "agent/util/clock.h"

/* A target beyond its backlog drops this share of it at once, so that few calls pay for it. */
#define BACKLOG_STEPS 100

/* What tells one target from another, and may be shown: without user, password and query. */
static char *target_name(const char *url)
{
	const char *authority = strstr(url, "://"), *at;
	size_t scheme, host, path;
	char *name;

	authority = authority ? authority + 3 : url;
	scheme = (size_t)(authority - url);
	host = strcspn(authority, "/?#");
	at = memrchr(authority, '@', host);
	if (at)
		authority = at + 1;
	path = strcspn(authority, "?#");
	name = malloc(scheme + path + 1);
	if (!name)
		return NULL;
	memcpy(name, url, scheme);
	memcpy(name + scheme, authority, path);
	name[scheme + path] = '\0';
	return name;
}

static int find_target(struct ledger *ledger, const char *name, int64_t *ret_id)
{
	struct prepared *statement;
	int r = ledger_statement(ledger, STATEMENT_ADD_TARGET, &statement);

	if (r == 0)
		ledger_bind_text(statement, ":url", name, &r);
	if (r == 0)
		r = ledger_run(ledger, statement);
	if (r == 0)
		r = ledger_statement(ledger, STATEMENT_FIND_TARGET, &statement);
	if (r == 0)
		ledger_bind_text(statement, ":url", name, &r);
	if (r == 0)
		r = ledger_step(ledger, statement);
	if (r != 1)
		return r < 0 ? r : -EBADMSG;
	*ret_id = ledger_column_int(statement, 0);
	ledger_reset(statement);
	return 0;
}

int ledger_find_target(struct ledger *ledger, const char *url, int64_t *ret_id, char **ret_name)
{
	int64_t id = 0;
	char *name;
	int r;

	if (!*url || strlen(url) >= LIMIT_TARGET)
		return -EINVAL;
	name = target_name(url);
	if (!name)
		return -ENOMEM;
	r = ledger_event_begin(ledger);
	if (r == 0)
		r = ledger_event_end(ledger, find_target(ledger, name, &id));
	if (r == 0)
		r = ledger_commit(ledger);
	if (r < 0) {
		free(name);
		return r;
	}
	*ret_id = id;
	*ret_name = name;
	return 0;
}

int ledger_export(struct ledger *ledger, const char *url)
{
	int64_t target;
	char *name;
	int r = ledger_find_target(ledger, url, &target, &name);

	if (r < 0)
		return r;
	free(ledger->target_name);
	ledger->target_name = name;
	ledger->target = target;
	ledger->cursor = ledger->sequence = -1;
	return 0;
}

uint64_t ledger_exported(const struct ledger *ledger)
{
	return ledger->exported;
}

int ledger_write_not_exported(struct ledger *ledger, const char *target, uint64_t calls)
{
	struct loss_event loss = {
		.cause = CR_CAUSE_EXPORT,
		.name = target,
		.records = calls,
		.wall_ns = ledger_wall(clock_boot_ns(), clock_wall_offset_ns()),
	};

	return ledger_put_loss(ledger, &loss);
}

/* What is dropped counts as given up: the cursor passes it. */
static int drop_oldest(struct ledger *ledger)
{
	int64_t left = ledger->backlog - ledger->backlog / BACKLOG_STEPS, dropped;
	int64_t cursor = ledger->sequence - left;
	struct prepared *statement;
	int r = ledger_statement(ledger, STATEMENT_DEQUEUE, &statement);

	if (r == 0) {
		ledger_bind_int(statement, ":target", ledger->target, &r);
		ledger_bind_int(statement, ":cursor", cursor, &r);
	}
	if (r == 0)
		r = ledger_run(ledger, statement);
	dropped = sqlite3_changes64(ledger->db);
	if (r == 0)
		r = ledger_statement(ledger, STATEMENT_DROPPED, &statement);
	if (r == 0) {
		ledger_bind_int(statement, ":target", ledger->target, &r);
		ledger_bind_int(statement, ":cursor", cursor, &r);
		ledger_bind_int(statement, ":dropped", dropped, &r);
	}
	if (r == 0)
		r = ledger_run(ledger, statement);
	if (r < 0)
		return r;
	ledger->cursor = cursor;
	return ledger_write_not_exported(ledger, ledger->target_name, (uint64_t)dropped);
}

int ledger_read_target(struct ledger *ledger, int64_t id, struct ledger_target *ret_target)
{
	struct prepared *statement;
	int r = ledger_statement(ledger, STATEMENT_TARGET, &statement);

	if (r == 0)
		ledger_bind_int(statement, ":target", id, &r);
	if (r == 0)
		r = ledger_step(ledger, statement);
	if (r != 1)
		return r < 0 ? r : -EBADMSG;
	*ret_target = (struct ledger_target){
		.cursor = ledger_column_int(statement, 0),
		.last = ledger_column_int(statement, 1),
		.holder = ledger_column_int(statement, 2),
		.until_ns = ledger_column_int(statement, 3),
	};
	ledger_reset(statement);
	return 0;
}

/* While the transaction lasts nobody else moves them. */
static int know_target(struct ledger *ledger)
{
	struct ledger_target target;
	int r = ledger->sequence < 0 ? ledger_read_target(ledger, ledger->target, &target) : 1;

	if (r == 0) {
		ledger->cursor = target.cursor;
		ledger->sequence = target.last;
	}
	return r < 0 ? r : 0;
}

int ledger_export_call(struct ledger *ledger, int64_t call)
{
	struct prepared *statement;
	int r;

	if (!ledger->target)
		return 0;
	r = know_target(ledger);
	if (r == 0)
		r = ledger_statement(ledger, STATEMENT_ENQUEUE, &statement);
	if (r < 0)
		return r;
	ledger_bind_int(statement, ":target", ledger->target, &r);
	ledger_bind_int(statement, ":sequence", ledger->sequence + 1, &r);
	ledger_bind_int(statement, ":call", call, &r);
	if (r == 0)
		r = ledger_run(ledger, statement);
	if (r < 0)
		return r;
	ledger->sequence++;
	ledger->exported++;
	return ledger->sequence - ledger->cursor > ledger->backlog ? drop_oldest(ledger) : 0;
}
