/* SPDX-License-Identifier: Apache-2.0 */
/* Who may export: between handles, processes, boots and pid namespaces. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "agent/ledger/spool.h"
#include "tests/unit/ledger/file.h"

#define URL "http://collector.example:4318/v1/traces"
#define NOW EXAMPLE_OFFSET
#define MS INT64_C(1000000)

struct holder {
	struct ledger *ledger;
	struct ledger_spool *spool;
};

static void open_holder(struct holder *holder)
{
	holder->ledger = open_ledger("export");
	CHECK_INT(ledger_spool_new(&holder->spool, holder->ledger, URL), 0);
}

static void close_holder(struct holder *holder)
{
	ledger_spool_free(holder->spool);
	ledger_close(holder->ledger);
}

TEST(one_holder_at_a_time)
{
	struct holder a, b;

	make_folder();
	open_holder(&a);
	open_holder(&b);
	CHECK_INT(ledger_spool_lease(a.spool, NOW, 1000), 0);
	CHECK_INT(ledger_spool_lease(b.spool, NOW, 1000), -EBUSY);
	CHECK_INT(ledger_spool_advance(b.spool, 0, 0), -EBUSY);
	/* kept from a later time on; then over */
	CHECK_INT(ledger_spool_lease(a.spool, NOW + 500 * MS, 1000), 0);
	CHECK_INT(ledger_spool_lease(b.spool, NOW + 1500 * MS - 1, 1000), -EBUSY);
	CHECK_INT(ledger_spool_lease(b.spool, NOW + 1500 * MS, 1000), 0);
	CHECK_INT(ledger_spool_lease(a.spool, NOW + 1500 * MS, 1000), -EBUSY);
	CHECK_INT(ledger_spool_advance(a.spool, 0, 0), -EBUSY);
	/* who gives back what is not his changes nothing */
	CHECK_INT(ledger_spool_release(a.spool), 0);
	CHECK_INT(ledger_spool_lease(a.spool, NOW + 1500 * MS, 1000), -EBUSY);
	CHECK_INT(ledger_spool_release(b.spool), 0);
	CHECK_INT(ledger_spool_lease(a.spool, NOW + 1500 * MS, 1000), 0);
	/* a handle that was closed holds none */
	close_holder(&a);
	CHECK_INT(ledger_spool_lease(b.spool, NOW + 1500 * MS, 1000), 0);
	close_holder(&b);
	remove_folder();
}

TEST(another_target_is_another_lease)
{
	struct ledger_spool *other;
	struct holder a;

	make_folder();
	open_holder(&a);
	CHECK_INT(ledger_spool_lease(a.spool, NOW, 1000), 0);
	CHECK_INT(ledger_spool_new(&other, a.ledger, "console"), 0);
	CHECK_INT(ledger_spool_advance(other, 0, 0), -EBUSY);
	CHECK_INT(ledger_spool_lease(other, NOW, 1000), 0);
	CHECK_INT(ledger_spool_release(other), 0);
	CHECK_INT(ledger_spool_advance(a.spool, 0, 0), 0);
	ledger_spool_free(other);
	close_holder(&a);
	remove_folder();
}

TEST(a_spool_needs_a_writer)
{
	struct ledger_spool *spool;
	struct ledger *ledger;

	make_folder();
	CHECK_INT(ledger_open(&ledger, path, NULL, 0), 0);
	CHECK_INT(ledger_spool_new(&spool, ledger, URL), -EINVAL);
	ledger_close(ledger);
	remove_folder();
}

/* A process of its own that does as it is told by the byte it reads, and answers with one. */
struct child {
	pid_t pid;
	int to, from;
};

static void child_obeys(int from, int to)
{
	struct holder holder;
	char order;

	open_holder(&holder);
	while (read(from, &order, 1) == 1) {
		int r = ledger_spool_lease(holder.spool, NOW, 60000);
		char answer = r == 0 ? 'y' : r == -EBUSY ? 'n' : '?';

		if (order == 'r' && ledger_spool_release(holder.spool) < 0)
			answer = '?';
		if (write(to, &answer, 1) != 1)
			break;
	}
	_exit(0);
}

static void start(struct child *child)
{
	int to[2], from[2];

	CHECK_INT(pipe(to), 0);
	CHECK_INT(pipe(from), 0);
	child->pid = fork();
	if (child->pid == 0) {
		close(to[1]);
		close(from[0]);
		child_obeys(to[0], from[1]);
	}
	CHECK(child->pid > 0);
	close(to[0]);
	close(from[1]);
	child->to = to[1];
	child->from = from[0];
}

static void order(const struct child *child, char what)
{
	CHECK_INT(write(child->to, &what, 1), 1);
}

static char answer(const struct child *child)
{
	char byte = 0;

	CHECK_INT(read(child->from, &byte, 1), 1);
	return byte;
}

static void stop(const struct child *child)
{
	close(child->to);
	close(child->from);
	kill(child->pid, SIGKILL);
	CHECK_INT(waitpid(child->pid, NULL, 0), child->pid);
}

/* Both ask in the same moment, a hundred times: always one of them gets it. */
TEST(two_processes_that_ask_at_once)
{
	struct child a, b;

	make_folder();
	start(&a);
	start(&b);
	for (int i = 0; i < 100; i++) {
		char of_a, of_b;

		order(&a, 'l');
		order(&b, 'l');
		of_a = answer(&a);
		of_b = answer(&b);
		CHECK((of_a == 'y' && of_b == 'n') || (of_a == 'n' && of_b == 'y'));
		order(of_a == 'y' ? &a : &b, 'r');
		CHECK_INT(answer(of_a == 'y' ? &a : &b), 'y');
	}
	stop(&a);
	stop(&b);
	remove_folder();
}

TEST(a_holder_that_died_holds_no_more)
{
	struct holder own;
	struct child a;

	make_folder();
	start(&a);
	order(&a, 'l');
	CHECK_INT(answer(&a), 'y');
	open_holder(&own);
	CHECK_INT(ledger_spool_lease(own.spool, NOW, 1000), -EBUSY);
	/* stopped it still has it; dead, and not waited for yet, it has not */
	kill(a.pid, SIGSTOP);
	CHECK_INT(ledger_spool_lease(own.spool, NOW, 1000), -EBUSY);
	kill(a.pid, SIGKILL);
	CHECK_INT(waitid(P_PID, (id_t)a.pid, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
	CHECK_INT(ledger_spool_lease(own.spool, NOW, 1000), 0);
	CHECK_INT(ledger_spool_release(own.spool), 0);
	stop(&a);
	CHECK_INT(ledger_spool_lease(own.spool, NOW, 1000), 0);
	close_holder(&own);
	remove_folder();
}

/* The pid of the holder is another's by now, or its start is not known, or it is of another boot.
 */
TEST(a_pid_alone_is_nobody)
{
	struct holder own;
	struct child a;

	make_folder();
	start(&a);
	order(&a, 'l');
	CHECK_INT(answer(&a), 'y');
	open_holder(&own);
	query("UPDATE writer SET start_ticks = start_ticks - 1 WHERE id = 1");
	CHECK_INT(ledger_spool_lease(own.spool, NOW, 1000), 0);
	CHECK_INT(ledger_spool_release(own.spool), 0);
	query("UPDATE target SET lease_holder = 1, lease_until_ns = 2 * "
	      "1700000000000000000");
	query("UPDATE writer SET start_ticks = NULL WHERE id = 1");
	CHECK_INT(ledger_spool_lease(own.spool, NOW, 1000), -EBUSY);
	query("UPDATE writer SET boot_id = NULL WHERE id = 1");
	CHECK_INT(ledger_spool_lease(own.spool, NOW, 1000), -EBUSY);
	query("UPDATE writer SET boot_id = '00000000000000000000000000000000' WHERE id = 1");
	CHECK_INT(ledger_spool_lease(own.spool, NOW, 1000), 0);
	close_holder(&own);
	stop(&a);
	remove_folder();
}

/* In a pid namespace of its own: what it calls itself says nothing to us. */
static void child_in_a_namespace(void)
{
	pid_t inner;
	int status;

	if (unshare(CLONE_NEWPID))
		_exit(77);
	inner = fork();
	if (inner == 0) {
		struct holder holder;

		open_holder(&holder);
		_exit(ledger_spool_lease(holder.spool, NOW, 1000) == 0 ? 0 : 1);
	}
	if (waitpid(inner, &status, 0) != inner)
		_exit(2);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 3);
}

TEST(a_holder_of_another_pid_namespace_keeps_it_for_its_time)
{
	struct holder own;
	int status;
	pid_t child;

	make_folder();
	child = fork();
	if (child == 0)
		child_in_a_namespace();
	CHECK_INT(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		remove_folder();
		SKIP("no pid namespace can be made here");
	}
	CHECK_INT(WEXITSTATUS(status), 0);
	CHECK_TEXT(query("SELECT pid, start_ticks, pid_namespace IS NULL FROM writer"), "1|NULL|0");
	open_holder(&own);
	CHECK_INT(ledger_spool_lease(own.spool, NOW, 1000), -EBUSY);
	CHECK_INT(ledger_spool_lease(own.spool, NOW + 1000 * MS, 1000), 0);
	close_holder(&own);
	remove_folder();
}

TEST_MAIN()
