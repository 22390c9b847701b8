/* SPDX-License-Identifier: Apache-2.0 */
/* The table and the tree, as a person reads them, and the commands that print them. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/cmd.h"
#include "agent/report.h"
#include "tests/unit/ledger/example.h"
#include "tests/unit/test.h"

static struct ledger *ledger;
static char *text;
static size_t length;

static void write_process(uint32_t pid, uint32_t parent)
{
	struct process_event process = example_process(pid, 1000 + pid);

	process.root = parent == 0;
	if (parent)
		process.parent = (struct process_key){.start = 1000 + parent, .pid = parent};
	CHECK_INT(ledger_write_process(ledger, &process), 0);
}

static void begin(const char *path)
{
	int64_t writer;

	CHECK_INT(ledger_open(&ledger, path, NULL, 0), 0);
	CHECK_INT(ledger_begin_writer(ledger, "run", "0.1.0", EXAMPLE_OFFSET, &writer), 0);
}

static void write_call(struct example *example, uint32_t pid)
{
	example->event.conn.process = (struct process_key){.start = 1000 + pid, .pid = pid};
	CHECK_INT(ledger_write_call(ledger, &example->event), 0);
}

static const char *print(int (*report)(FILE *out, const struct report_opts *opts),
			 struct report_opts opts)
{
	FILE *out = open_memstream(&text, &length);

	opts.ledger = ledger;
	CHECK_INT(report(out, &opts), 0);
	fclose(out);
	ledger_close(ledger);
	ledger = NULL;
	return text;
}

static bool has_line(const char *line)
{
	const char *at = strstr(text, line);
	size_t n = strlen(line);

	return at && (at == text || at[-1] == '\n') && at[n] == '\n';
}

/* No line is wider than a terminal, ends in blanks or holds a control character. */
static void check_lines(void)
{
	size_t columns = 0;

	for (const char *p = text; *p; p++) {
		if (*p == '\n') {
			CHECK(columns <= 120);
			CHECK(p == text || p[-1] != ' ');
			columns = 0;
			continue;
		}
		CHECK((unsigned char)*p >= 0x20 && *p != 0x7f);
		columns += ((unsigned char)*p & 0xc0) != 0x80;
	}
}

TEST(a_table)
{
	struct example example;

	begin(NULL);
	example_make(&example, 1);
	write_call(&example, 43);
	example_make(&example, 2);
	example.event.n_charges = 1;
	example.event.first_token_ns = 0;
	example.charges[0].price.amount = 123;
	example.event.response_model = "m";
	write_call(&example, 43);
	print(report_text, (struct report_opts){.ledger_path = "/x/ledger.db", .capture = "eBPF"});
	check_lines();
	CHECK(has_line(
		"MODEL              INPUT  CACHED  WRITTEN  OUTPUT  REASON                COST"
		"    TTFT    TIME  STATUS"));
	CHECK(has_line(
		"gpt-4o-2024-08-06   2400     600      400     400     160  0.005190000001 USD"
		"  250 ms  1.50 s  ok"));
	CHECK(has_line(
		"m                   1200     300      200     200      80  0.000000000123 USD"
		"       -  1.50 s  ok"));
	CHECK(has_line(
		"total of 2 calls    3600     900      600     600     240  0.005190000124 USD"
		"          1.50 s"));
	CHECK(has_line("complete: nothing lost, no process unseen"));
	CHECK(has_line("captured by eBPF; ledger /x/ledger.db"));
	free(text);
}

TEST(what_is_wrong_is_said)
{
	struct loss_event loss = {.cause = CR_CAUSE_PROTOCOL, .name = "h2\x1b", .records = 1};
	struct unseen_event unseen = {.process = {.start = 9, .pid = 77},
				      .executable = "/usr/bin/node",
				      .reason = "its TLS is its own",
				      .remedy = "sudo tollspan run -- node"};
	struct example example;

	begin(NULL);
	for (uint64_t i = 1; i <= 3; i++) {
		example_make(&example, i);
		example.event.n_charges = i == 1;
		example.event.cost_status = i == 3   ? COST_FREE
					    : i == 2 ? COST_PRICED
						     : COST_UNPRICED;
		example.charges[0].price.status = PRICING_UNPRICED_TIER;
		example.event.error_type = i == 2 ? "429" : NULL;
		example.event.response_model = "gpt\x1b]0;pwned\x07\xe2\x80\xae\xff";
		write_call(&example, 43);
	}
	example_make(&example, 4);
	example.event.type = CALL_BEGIN;
	example.event.end_ns = 0;
	example.event.n_charges = 0;
	write_call(&example, 43);
	CHECK_INT(ledger_write_loss(ledger, &loss), 0);
	CHECK_INT(ledger_write_unseen(ledger, &unseen), 0);
	print(report_text, (struct report_opts){.utf8 = true});
	check_lines();
	CHECK(strstr(text, "gpt\\x1b]0;pwned\\x07\\u202e\xef\xbf\xbd "));
	CHECK(strstr(text, "  unpriced (tier flex)\n"));
	CHECK(strstr(text, "  error (429)\n"));
	CHECK(strstr(text, "  free\n"));
	CHECK(strstr(text, "  open\n"));
	CHECK(has_line("unpriced: 1 call without a price; it is not in the total, and not free"));
	CHECK(has_line("errors: 1 call failed"));
	CHECK(has_line("open: 1 call not ended, or its writer died"));
	CHECK(has_line("lost: protocol h2\\x1b: 1 record, 0 bytes: a protocol that is not read"));
	CHECK(has_line("unseen: /usr/bin/node (pid 77): its TLS is its own"));
	CHECK(has_line("        sudo tollspan run -- node"));
	CHECK(has_line("not complete: calls may be missing above"));
	free(text);
}

TEST(whose_word_a_cost_is)
{
	struct example example;

	begin(NULL);
	for (uint64_t i = 1; i <= 3; i++) {
		example_make(&example, i);
		example.event.reported_source = i == 2 ? REPORTED_GATEWAY : REPORTED_PROVIDER;
		example.event.reported = i == 2 ? 0 : 25000000000;
		example.event.partial = i == 3 ? PARTIAL_CUT : 0;
		example.event.response_model = "m";
		write_call(&example, 43);
	}
	print(report_text, (struct report_opts){.utf8 = true});
	check_lines();
	CHECK(has_line("m                  2400     600      400     400     160  0.025 USD  250 ms"
		       "  1.50 s  ok, by provider"));
	CHECK(has_line("m                  2400     600      400     400     160      0 USD  250 ms"
		       "  1.50 s  ok, by gateway"));
	CHECK(has_line("m                  2400     600      400     400     160  0.025 USD  250 ms"
		       "  1.50 s  partial, by provider"));
	CHECK(has_line("total of 3 calls   7200    1800     1200    1200     480   0.05 USD        "
		       "  1.50 s"));
	free(text);
}

TEST(rows_can_be_capped)
{
	struct example example;

	begin(NULL);
	for (uint64_t i = 1; i <= 5; i++) {
		example_make(&example, i);
		write_call(&example, 43);
	}
	print(report_text, (struct report_opts){.max_calls = 2});
	CHECK(has_line("(and 3 more)"));
	CHECK(strstr(text, "total of 5 calls"));
	free(text);
}

TEST(no_calls)
{
	begin(NULL);
	print(report_text, (struct report_opts){0});
	CHECK_TEXT(text, "no model calls\ncomplete: nothing lost, no process unseen\n");
	free(text);
}

/* Calls and processes in the order of their beginning. */
TEST(a_tree)
{
	struct report_opts opts = {.filter = {.trace_id = EXAMPLE_TRACE}, .utf8 = true};
	struct example example;

	begin(NULL);
	write_process(42, 0); /* begins at 10.42 s */
	write_process(43, 42);
	write_process(44, 43);
	write_process(45, 42);
	for (uint64_t i = 1; i <= 3; i++) {
		example_make(&example, i);
		example.event.start_ns = 10400000000 + i * 15000000; /* 10.415, 10.43, 10.445 s */
		example.event.end_ns = example.event.start_ns + 1500000000;
		example.event.n_charges = 1;
		write_call(&example, i == 2 ? 44 : 42);
	}
	print(report_trace, opts);
	check_lines();
	CHECK_TEXT(
		text,
		"trace " EXAMPLE_TRACE "  2023-11-14T22:13:30Z  3 calls  1.53 s  0.01557 USD\n"
		"└─ python3 agent.py --api-key *** (pid 42)\n"
		"   ├─ chat gpt-4o-2024-08-06  +0 ms  1.50 s  1200 in (300 cached), 200 out"
		"  0.00519 USD  ok\n"
		"   ├─ python3 agent.py --api-key *** (pid 43)\n"
		"   │  └─ python3 agent.py --api-key *** (pid 44)\n"
		"   │     └─ chat gpt-4o-2024-08-06  +15 ms  1.50 s  1200 in (300 cached), 200 out"
		"  0.00519 USD  ok\n"
		"   └─ chat gpt-4o-2024-08-06  +30 ms  1.50 s  1200 in (300 cached), 200 out"
		"  0.00519 USD  ok\n");
	free(text);
}

/* Parents in a circle, no root, and more depth than is drawn. */
TEST(trees_that_are_none)
{
	struct report_opts opts = {.filter = {.trace_id = EXAMPLE_TRACE}};
	struct example example;

	begin(NULL);
	write_process(1, 2);
	write_process(2, 1);
	example_make(&example, 1);
	write_call(&example, 1);
	for (uint32_t pid = 100; pid < 300; pid++)
		write_process(pid, pid == 100 ? 0 : pid - 1);
	example_make(&example, 2);
	write_call(&example, 299);
	example_make(&example, 3);
	write_call(&example, 110);
	print(report_trace, opts);
	CHECK(strstr(text, "|- python3 agent.py --api-key *** (pid 1)\n"));
	CHECK(strstr(text, "(pid 299)\n"));
	CHECK(strstr(text, "(pid 100)\n"));
	for (const char *p = text; *p; p++)
		CHECK((unsigned char)*p < 0x80);
	free(text);
}

/* ---- the commands ---- */

static char folder[64], path[96];

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000000 + now.tv_nsec;
}

static void make_file(uint64_t n)
{
	struct example example;

	snprintf(folder, sizeof(folder), "/tmp/tollspan-report-XXXXXX");
	CHECK(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/ledger.db", folder);
	begin(path);
	for (uint64_t i = 1; i <= n; i++) {
		example_make(&example, i);
		example.event.wall_offset_ns = now_ns() - 3600000000000;
		example.event.trace_id[0] = (uint8_t)i;
		write_call(&example, 43);
	}
	ledger_close(ledger);
}

static void remove_file(void)
{
	static const char *const ends[] = {"", "-wal", "-shm"};

	for (size_t i = 0; i < 3; i++) {
		char file[128];

		snprintf(file, sizeof(file), "%s%s", path, ends[i]);
		unlink(file);
	}
	CHECK_INT(rmdir(folder), 0);
}

/* Runs a command in a child with its output in a file. Return: its wait status. */
static int command(int (*run)(int argc, char **argv), const char *const *words, char *out,
		   size_t size)
{
	char *argv[8] = {NULL}, file[128], ledger_option[128];
	int argc = 0, status, fd;
	pid_t child;
	ssize_t n;

	snprintf(file, sizeof(file), "%s/out", folder);
	snprintf(ledger_option, sizeof(ledger_option), "--ledger=%s", path);
	argv[argc++] = (char *)words[0];
	argv[argc++] = ledger_option;
	for (int i = 1; words[i]; i++)
		argv[argc++] = (char *)words[i];
	child = fork();
	if (child == 0) {
		if (!freopen(file, "w", stdout) || !freopen("/dev/null", "w", stderr))
			_exit(99);
		exit(run(argc, argv));
	}
	CHECK_INT(waitpid(child, &status, 0), child);
	fd = open(file, O_RDONLY);
	n = read(fd, out, size - 1);
	out[n > 0 ? n : 0] = '\0';
	close(fd);
	unlink(file);
	return status;
}

TEST(report_and_trace_exit_statuses)
{
	static const struct {
		int (*run)(int argc, char **argv);
		const char *words[4];
		int status;
		const char *out;
	} cases[] = {
		{cmd_report, {"report"}, 0, "total of 2 calls"},
		{cmd_report, {"report", "--since=30m"}, 0, "no model calls"},
		{cmd_report, {"report", "--until=2h"}, 0, "no model calls"},
		{cmd_report, {"report", "--json"}, 0, "\"totals\":{\"calls\":2,"},
		{cmd_report, {"report", "--json=lines"}, 0, "{\"trace_id\":\"01f9"},
		{cmd_report, {"report", "--help"}, 0, "Usage: tollspan report"},
		{cmd_report, {"report", "--since=yesterday"}, 2, ""},
		{cmd_report, {"report", "--json=xml"}, 2, ""},
		{cmd_report, {"report", "--no-such"}, 2, ""},
		{cmd_report, {"report", "word"}, 2, ""},
		{cmd_trace, {"trace"}, 0, "trace 02f9"},
		{cmd_trace, {"trace", "01F9"}, 0, "trace 01f9"},
		{cmd_trace, {"trace", "0"}, 1, ""},
		{cmd_trace, {"trace", "ab"}, 1, ""},
		{cmd_trace, {"trace", "xyz"}, 2, ""},
		{cmd_trace, {"trace", "01", "02"}, 2, ""},
		{cmd_trace, {"trace", "--json", "01"}, 0, "\"totals\":{\"calls\":1,"},
		{cmd_trace, {"trace", "--since=1m"}, 1, ""},
	};
	char out[16384];

	make_file(2);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int status = command(cases[i].run, cases[i].words, out, sizeof(out));

		if (!WIFEXITED(status) || WEXITSTATUS(status) != cases[i].status ||
		    !strstr(out, cases[i].out) || (!cases[i].out[0] && out[0]))
			test_fail(__FILE__, __LINE__, "%s %s: status %x, \"%s\"", cases[i].words[0],
				  cases[i].words[1] ? cases[i].words[1] : "", status, out);
	}
	remove_file();
}

/* A call that settles while report follows comes out; a reader that goes ends it. */
TEST(follow)
{
	char option[128], line[4096] = "";
	struct example example;
	int pipe_fds[2], status;
	FILE *in;
	pid_t child;

	make_file(1);
	snprintf(option, sizeof(option), "--ledger=%s", path);
	CHECK_INT(pipe(pipe_fds), 0);
	child = fork();
	if (child == 0) {
		char *argv[] = {"report", option, "--json", "--follow", NULL};

		dup2(pipe_fds[1], STDOUT_FILENO);
		close(pipe_fds[0]);
		close(pipe_fds[1]);
		alarm(20);
		_exit(cmd_report(4, argv));
	}
	close(pipe_fds[1]);
	in = fdopen(pipe_fds[0], "r");
	CHECK(fgets(line, sizeof(line), in));
	CHECK(strstr(line, "\"span_id\":\"0000000000000001\""));
	begin(path);
	example_make(&example, 2);
	example.event.type = CALL_BEGIN;
	write_call(&example, 43);
	example_make(&example, 3);
	write_call(&example, 43);
	CHECK_INT(ledger_commit(ledger), 0);
	CHECK(fgets(line, sizeof(line), in));
	CHECK(strstr(line, "\"span_id\":\"0000000000000003\""));
	example_make(&example, 2);
	write_call(&example, 43);
	ledger_close(ledger);
	CHECK(fgets(line, sizeof(line), in));
	CHECK(strstr(line, "\"span_id\":\"0000000000000002\""));
	fclose(in);
	CHECK_INT(waitpid(child, &status, 0), child);
	CHECK(!WIFSIGNALED(status) || WTERMSIG(status) != SIGALRM);
	remove_file();
}

TEST_MAIN()
