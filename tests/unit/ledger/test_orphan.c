/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that were open as their writer died. */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "agent/ledger/spool.h"
#include "tests/unit/ledger/file.h"

#define URL "http://collector.example:4318/v1/traces"

static void write_open(struct ledger *ledger, uint64_t position, enum call_billing billing,
		       size_t n_charges)
{
	struct example example;

	example_make(&example, position);
	example.event.type = n_charges ? CALL_PROGRESS : CALL_BEGIN;
	example.event.billing = billing;
	example.event.cost_status = billing == BILLING_FREE    ? COST_FREE
				    : billing == BILLING_USAGE ? COST_PRICED
							       : COST_UNPRICED;
	example.event.n_charges = n_charges;
	example.event.end_ns = 0;
	if (!n_charges)
		example.event.first_token_ns = 0;
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
}

/* Leaves three calls open, and one settled, and lives until it is killed. */
static pid_t start_writer(const char *command, uint64_t from)
{
	int told[2];
	char byte;
	pid_t child;

	CHECK_INT(pipe(told), 0);
	child = fork();
	if (child == 0) {
		struct ledger *ledger = open_ledger(command);

		write_open(ledger, from, BILLING_UNKNOWN, 0);
		write_open(ledger, from + 1, BILLING_USAGE, 1);
		write_open(ledger, from + 2, BILLING_FREE, 0);
		write_example(ledger, from + 3);
		if (ledger_commit(ledger) < 0 || write(told[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	CHECK(child > 0);
	close(told[1]);
	CHECK_INT(read(told[0], &byte, 1), 1);
	close(told[0]);
	return child;
}

static void end_writer(pid_t child)
{
	kill(child, SIGKILL);
	CHECK_INT(waitpid(child, NULL, 0), child);
}

TEST(what_a_dead_writer_left_is_settled_and_exported)
{
	struct ledger *ledger;
	uint64_t calls = 99;

	make_folder();
	end_writer(start_writer("run", 1));
	ledger = open_ledger("run");
	CHECK_INT(ledger_export(ledger, URL), 0);
	CHECK_INT(ledger_settle_orphans(ledger, false, &calls), 0);
	CHECK_INT(calls, 3);
	CHECK_INT(ledger_settle_orphans(ledger, false, &calls), 0);
	CHECK_INT(calls, 0);
	ledger_close(ledger);
	/* start, first token: 1 s + 1 µs a position; a quarter of a second later */
	CHECK_TEXT(query("SELECT span_id, settled, end_ns - 1700000000000000000, billing,"
			 " cost_status, completeness, partial FROM call WHERE position < 4"
			 " ORDER BY position"),
		   "0000000000000001|2|1000001000|unknown|unpriced|partial|2\n"
		   "0000000000000002|3|1250002001|unknown|unpriced|partial|2\n"
		   "0000000000000003|4|1000003000|free|free|partial|2");
	/* what had a price keeps it, as a part */
	CHECK_TEXT(query("SELECT p.status, p.amount FROM price p JOIN charge ch ON ch.id = p.charge"
			 " JOIN call c ON c.id = ch.call WHERE c.position = 2"),
		   "priced|5190000000");
	CHECK_TEXT(query("SELECT e.sequence, c.position FROM export e JOIN call c ON c.id = e.call"
			 " ORDER BY e.sequence"),
		   "1|1\n2|2\n3|3");
	CHECK_TEXT(query("SELECT billing, cost_status, partial FROM call WHERE position = 4"),
		   "usage|priced|0");
	remove_folder();
}

TEST(calls_of_the_living_are_left_alone)
{
	struct ledger *ledger;
	uint64_t calls = 99;
	pid_t child;

	make_folder();
	child = start_writer("run", 1);
	ledger = open_ledger("run");
	write_open(ledger, 11, BILLING_UNKNOWN, 0);
	CHECK_INT(ledger_commit(ledger), 0);
	CHECK_INT(ledger_settle_orphans(ledger, false, &calls), 0);
	CHECK_INT(calls, 0);
	/* with all, not even they; but its own are */
	CHECK_INT(ledger_settle_orphans(ledger, true, &calls), 0);
	CHECK_INT(calls, 3);
	CHECK_TEXT(query("SELECT position FROM call WHERE settled IS NULL"), "11");
	end_writer(child);
	ledger_close(ledger);
	remove_folder();
}

TEST(another_command_s_calls_are_left_alone)
{
	struct ledger *ledger;
	uint64_t calls = 99;

	make_folder();
	end_writer(start_writer("agent", 1));
	ledger = open_ledger("run");
	CHECK_INT(ledger_settle_orphans(ledger, false, &calls), 0);
	CHECK_INT(calls, 0);
	ledger_close(ledger);
	ledger = open_ledger("agent");
	CHECK_INT(ledger_settle_orphans(ledger, false, &calls), 0);
	CHECK_INT(calls, 3);
	CHECK_TEXT(query("SELECT count(*) FROM export"), "0");
	ledger_close(ledger);
	remove_folder();
}

TEST(more_than_a_transaction_of_them)
{
	struct ledger *ledger, *dead;
	uint64_t calls = 99;

	make_folder();
	dead = open_ledger("run");
	for (uint64_t i = 1; i <= 1000; i++)
		write_open(dead, i, BILLING_UNKNOWN, 0);
	ledger_close(dead);
	ledger = open_ledger("run");
	CHECK_INT(ledger_export(ledger, URL), 0);
	CHECK_INT(ledger_settle_orphans(ledger, false, &calls), 0);
	CHECK_INT(calls, 1000);
	ledger_close(ledger);
	CHECK_TEXT(query("SELECT count(DISTINCT settled), max(settled) FROM call"), "1000|1000");
	CHECK_TEXT(query("SELECT count(DISTINCT call), max(sequence) FROM export"), "1000|1000");
	remove_folder();
}

/* The dead writer's own end of a call comes too late. */
TEST(a_settled_orphan_stays_as_it_is)
{
	struct ledger *ledger;
	struct example example;
	uint64_t calls;
	pid_t child;

	make_folder();
	child = start_writer("run", 1);
	ledger = open_ledger("run");
	CHECK_INT(ledger_settle_orphans(ledger, true, &calls), 0);
	example_make(&example, 2);
	CHECK_INT(ledger_write_call(ledger, &example.event), -EALREADY);
	ledger_close(ledger);
	end_writer(child);
	CHECK_TEXT(query("SELECT cost_status FROM call WHERE position = 2"), "unpriced");
	remove_folder();
}

TEST_MAIN()
