/* SPDX-License-Identifier: Apache-2.0 */
/* Who writes: the rows of writers, and whether one of them still lives. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/ledger/internal.h"
#include "agent/util/clock.h"
#include "agent/util/hash.h"
#include "agent/util/procfs.h"

/* A process among all that there were. What is not known is "" or 0. */
struct identity {
	char boot_id[2 * BOOT_ID_SIZE + 1];
	uint64_t pid_namespace; /* inode of /proc/PID/ns/pid; pids are of it */
	uint64_t start;         /* USER_HZ ticks since boot */
	pid_t pid;
};

/* In a /proc of another pid namespace our pid names somebody else. */
static bool proc_is_ours(pid_t pid)
{
	char text[24], expected[24];
	ssize_t n = readlink("/proc/self", text, sizeof(text) - 1);

	if (n < 0)
		return false;
	text[n] = '\0';
	snprintf(expected, sizeof(expected), "%d", (int)pid);
	return !strcmp(text, expected);
}

static void find_identity(struct identity *self)
{
	struct procfs_stat process;
	uint8_t boot_id[BOOT_ID_SIZE];
	struct stat namespace;

	*self = (struct identity){.pid = getpid()};
	if (clock_boot_id(boot_id) == 0)
		hash_hex(boot_id, sizeof(boot_id), self->boot_id);
	if (stat("/proc/self/ns/pid", &namespace) == 0)
		self->pid_namespace = namespace.st_ino;
	if (proc_is_ours(self->pid) && procfs_stat(self->pid, &process) == 0)
		self->start = process.start;
}

int ledger_begin_writer(struct ledger *ledger, const char *command, const char *version,
			int64_t wall_ns, int64_t *ret_writer)
{
	struct identity self;
	struct prepared *statement;
	int r = ledger_statement(ledger, STATEMENT_WRITER, &statement);

	if (r < 0)
		return r;
	find_identity(&self);
	ledger_bind_text(statement, ":command", command, &r);
	ledger_bind_text(statement, ":version", version, &r);
	ledger_bind_int(statement, ":pid", self.pid, &r);
	ledger_bind_int(statement, ":started_ns", wall_ns, &r);
	ledger_bind_int_if(statement, ":start_ticks", self.start, ledger_saturate(self.start), &r);
	ledger_bind_text(statement, ":boot_id", self.boot_id[0] ? self.boot_id : NULL, &r);
	ledger_bind_int_if(statement, ":pid_namespace", self.pid_namespace,
			   ledger_saturate(self.pid_namespace), &r);
	if (r == 0)
		r = ledger_run(ledger, statement);
	if (r < 0)
		return r;
	ledger->writer = sqlite3_last_insert_rowid(ledger->db);
	*ret_writer = ledger->writer;
	return 0;
}

void ledger_end_writer(struct ledger *ledger)
{
	struct prepared *statement;
	int r = ledger->writer ? ledger_statement(ledger, STATEMENT_WRITER_ENDS, &statement) : -1;

	if (r < 0)
		return;
	ledger_bind_int(statement, ":writer", ledger->writer, &r);
	if (r == 0)
		ledger_run(ledger, statement);
}

/* ---- is it gone? ---- */

/* A process that can not be looked at is there. */
static bool process_is_gone(pid_t pid, uint64_t start)
{
	struct procfs_stat process;

	if (kill(pid, 0) < 0 && errno == ESRCH)
		return true;
	if (start == 0 || !proc_is_ours(getpid()) || procfs_stat(pid, &process) < 0)
		return false;
	return process.start != start || process.state == 'Z' || process.state == 'X';
}

static bool is_gone(const struct identity *writer)
{
	struct identity self;

	find_identity(&self);
	if (!writer->boot_id[0] || !self.boot_id[0])
		return false;
	if (strcmp(writer->boot_id, self.boot_id) != 0)
		return true;
	if (!writer->pid_namespace || writer->pid_namespace != self.pid_namespace)
		return false;
	return writer->pid > 0 && process_is_gone(writer->pid, writer->start);
}

/* Columns of STATEMENT_WRITER_IDENTITY, in its order. */
static void read_identity(struct prepared *statement, struct identity *writer)
{
	const char *boot_id = (const char *)ledger_column_text(statement, 1);

	*writer = (struct identity){
		.pid = (pid_t)ledger_column_int(statement, 2),
		.start = (uint64_t)ledger_column_int(statement, 3),
		.pid_namespace = (uint64_t)ledger_column_int(statement, 4),
	};
	snprintf(writer->boot_id, sizeof(writer->boot_id), "%s", boot_id ? boot_id : "");
}

int ledger_writer_gone(struct ledger *ledger, int64_t writer, bool *ret_gone)
{
	struct identity identity;
	struct prepared *statement;
	bool closed;
	int r = ledger_statement(ledger, STATEMENT_WRITER_IDENTITY, &statement);

	if (r == 0)
		ledger_bind_int(statement, ":writer", writer, &r);
	if (r == 0)
		r = ledger_step(ledger, statement);
	if (r < 0)
		return r;
	closed = r == 0 || ledger_column_int(statement, 0);
	if (!closed)
		read_identity(statement, &identity);
	ledger_reset(statement);
	*ret_gone = closed || (writer != ledger->writer && is_gone(&identity));
	return 0;
}
