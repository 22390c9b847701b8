/* SPDX-License-Identifier: Apache-2.0 */
/* The shim in real programs over real OpenSSL: what it records is what they moved. */
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "tests/unit/preload/run.h"

static void run_case(const char *name)
{
	const char *const argv[] = {program("preload_work"), name, NULL};

	run_under(built("libtollspan-preload.so"), argv);
}

TEST(plain_calls)
{
	collect_start(0);
	run_case("plain");
	CHECK_INT(check_moved(ran.output), 4);
	CHECK_INT(all.n_proc, 1);
	CHECK_INT(all.n_conn, 2);
	CHECK_INT(all.n_end, 2);
	CHECK_INT(all.n_exit, 1);
	CHECK_INT(all.root_pid, ran.pid);
	CHECK_TEXT(all.exe, program("preload_work"));
	CHECK_TEXT(all.sni, "api.example.test");
	CHECK(strstr(all.library, "libssl.so"));
	CHECK_INT(preload_source_seen(all.source, (uint32_t)ran.pid, 0), PRELOAD_CAPTURED);
	collect_stop();
}

TEST(ex_calls)
{
	collect_start(0);
	run_case("ex");
	CHECK_INT(check_moved(ran.output), 4);
	collect_stop();
}

TEST(one_write_of_300_kb)
{
	unsigned int pieces = 0;

	collect_start(0);
	run_case("big");
	CHECK_INT(check_moved(ran.output), 4);
	for (size_t i = 0; i < all.n_streams; i++) {
		if (all.streams[i].bytes == 300000 && all.streams[i].ops == 1)
			pieces = (unsigned int)all.streams[i].pieces;
	}
	CHECK_INT(pieces, (300000 + CR_DATA_MAX - 1) / CR_DATA_MAX);
	collect_stop();
}

TEST(threads_at_once)
{
	collect_start(64 << 20);
	run_case("threads");
	CHECK_INT(check_moved(ran.output), 64 * 4);
	collect_stop();
}

TEST(fork_and_both_sides_call)
{
	unsigned int late = 0;

	collect_start(0);
	run_case("fork");
	CHECK_INT(check_moved(ran.output), 16);
	CHECK_INT(all.n_proc, 2);
	CHECK_INT(all.n_exit, 2);
	for (size_t i = 0; i < all.n_streams; i++)
		late += all.streams[i].late;
	/* both ends of the child's copy of the old connection, and no other */
	CHECK_INT(late, 2);
	collect_stop();
}

TEST(forks_with_threads)
{
	collect_start(64 << 20);
	run_case("forks");
	CHECK_INT(check_moved(ran.output), 4 + 4 * 4 + 4 * 64 * 4);
	CHECK_INT(all.n_proc, 5);
	collect_stop();
}

TEST(vfork_and_exec)
{
	collect_start(0);
	run_case("vfork");
	CHECK_INT(check_moved(ran.output), 12);
	CHECK_INT(all.n_proc, 2);
	CHECK_INT(all.n_exec, 0);
	collect_stop();
}

TEST(exec_in_place)
{
	collect_start(0);
	run_case("exec");
	CHECK_INT(check_moved(ran.output), 8);
	CHECK_INT(all.n_proc, 2);
	CHECK_INT(all.n_exec, 1);
	CHECK_INT(all.n_exit, 1);
	collect_stop();
}

TEST(descriptors_closed_under_it)
{
	collect_start(0);
	run_case("close_range");
	CHECK_INT(check_moved(ran.output), 4);
	collect_stop();
}

TEST(errno_is_preserved)
{
	const char *const argv[] = {program("preload_work"), "errno", NULL};
	static char bare[OUTPUT_MAX];

	collect_start(0);
	child_start(&ran, NULL, NULL, argv);
	child_end(&ran);
	memcpy(bare, ran.output, sizeof(bare));
	CHECK(strstr(bare, "read -1"));
	run_case("errno");
	CHECK_TEXT(ran.output, bare);
	CHECK(all.n_streams > 0);
	collect_stop();
}

TEST(calls_in_a_signal_handler)
{
	const char *const argv[] = {program("preload_signal"), NULL};

	collect_start(64 << 20);
	run_under(built("libtollspan-preload.so"), argv);
	CHECK_INT(check_moved(ran.output), 4);
	collect_stop();
}

TEST(pointers_used_again)
{
	collect_start(0);
	run_case("reuse");
	CHECK_INT(check_moved(ran.output), 200);
	CHECK_INT(all.n_end, 100);
	collect_stop();
}

TEST(references_are_counted)
{
	collect_start(0);
	run_case("references");
	CHECK_INT(check_moved(ran.output), 4);
	CHECK_INT(all.n_end, 2);
	collect_stop();
}

/* Threads that write and read when SIGKILL comes: what was captured is true up to its end. */
TEST(killed_while_it_records)
{
	for (unsigned int i = 0; i < 10; i++) {
		const char *const argv[] = {program("preload_work"), "endless", NULL};
		int64_t until = now_ms() + PATIENCE_MS;

		collect_start(256 * 1024);
		child_start(&ran, built("libtollspan-preload.so"),
			    preload_source_address(all.source), argv);
		while (all.n_streams < 16 && now_ms() < until)
			child_poll(&ran, true, 10);
		for (unsigned int k = 0; k < i; k++)
			child_poll(&ran, true, 2);
		kill(ran.pid, SIGKILL);
		child_end(&ran);
		CHECK(WIFSIGNALED(ran.status));
		CHECK_INT(all.n_bad, 0);
		CHECK_INT(all.n_exit, 1);
		CHECK_INT(all.lost_records[CR_CAUSE_MALFORMED], 0);
		CHECK(all.n_streams >= 16);
		for (size_t s = 0; s < all.n_streams; s++)
			CHECK(all.streams[s].patterned);
	}
	collect_stop();
}

/* Nobody reads: captured + lost is what the program moved, in records and bytes. */
TEST(reader_is_stopped)
{
	static const uint64_t sizes[] = {4096, 65536};

	for (unsigned int i = 0; i < 2; i++) {
		const char *const argv[] = {program("preload_work"), "stopped", NULL};
		uint64_t bytes = 0, pieces = 0, sent = 0, records = 0;
		int64_t until = now_ms() + PATIENCE_MS;

		collect_start(sizes[i]);
		child_start(&ran, built("libtollspan-preload.so"),
			    preload_source_address(all.source), argv);
		while (!preload_source_processes(all.source) && now_ms() < until)
			child_poll(&ran, true, 10);
		while (!strstr(ran.output, "done") && now_ms() < until)
			child_poll(&ran, false, 10);
		child_end(&ran);
		for (const char *l = strstr(ran.output, "moved "); l; l = strstr(l + 1, "moved ")) {
			unsigned long long n, made;

			CHECK_INT(sscanf(l, "moved %*u %*x %*s %*u %llu %*x %llu", &n, &made), 2);
			sent += n;
			records += made;
		}
		for (size_t s = 0; s < all.n_streams; s++) {
			bytes += all.streams[s].captured;
			pieces += all.streams[s].pieces;
		}
		CHECK(all.lost_records[CR_CAUSE_RING_FULL] > 0 && pieces > 0);
		CHECK_INT(bytes + all.lost_bytes[CR_CAUSE_RING_FULL], sent);
		CHECK_INT(pieces + all.lost_records[CR_CAUSE_RING_FULL], records);
		CHECK_INT(sum_lost(all.lost_bytes), all.lost_bytes[CR_CAUSE_RING_FULL]);
		CHECK_INT(all.n_bad, 0);
	}
	collect_stop();
}

static void step(struct child *child, unsigned int ops)
{
	int64_t until = now_ms() + PATIENCE_MS;

	CHECK_INT(write(child->in, "\n", 1), 1);
	while (now_ms() < until) {
		child_poll(child, true, 10);
		/* the last of a round's records: the client reads what came back */
		if (all.last_data.direction == CR_RECV && all.last_data.op_length == 5000 &&
		    all.last_data.op + 1 >= ops)
			return;
	}
	CHECK(!"a step was not captured");
}

TEST(verdicts_cut)
{
	const char *const argv[] = {program("preload_work"), "steps", NULL};
	static const uint64_t expected[] = {10000, 4096, 0, 10000};
	static const enum verdict verdicts[] = {VERDICT_FULL, VERDICT_HEADS, VERDICT_NONE,
						VERDICT_FULL};
	struct control control;
	uint64_t before[2 * STREAMS_MAX / 1024];
	int64_t until = now_ms() + PATIENCE_MS;

	collect_start(0);
	control = preload_source_control(all.source);
	child_start(&ran, built("libtollspan-preload.so"), preload_source_address(all.source),
		    argv);
	while (all.n_streams < 4 && now_ms() < until)
		child_poll(&ran, true, 10);
	CHECK_INT(all.n_streams, 4);
	for (unsigned int v = 1; v < 4; v++) {
		for (size_t i = 0; i < all.n_streams; i++) {
			struct conn_key key = all.last;

			key.conn = all.streams[i].conn;
			key.generation = all.streams[i].generation;
			control.verdict(control.context, &key, verdicts[v]);
			before[i] = all.streams[i].captured;
		}
		step(&ran, v + 1);
		for (size_t i = 0; i < all.n_streams; i++) {
			struct stream *s = &all.streams[i];
			uint64_t most = expected[v] < 5000 ? expected[v] : 5000;

			CHECK(!s->holes);
			CHECK_INT(s->bytes % 5000, 0);
			if (s->bytes == (v + 1) * 10000 && s->direction == CR_SEND)
				CHECK_INT(s->captured - before[i], expected[v]);
			if (s->bytes == (v + 1) * 5000)
				CHECK_INT(s->captured - before[i], most);
		}
	}
	child_end(&ran);
	CHECK_INT(sum_lost(all.lost_records), 0);
	collect_stop();
}

TEST(own_user_and_root_given_up)
{
	char directory[] = "/tmp/preload-XXXXXX";
	const char *const argv[] = {program("preload_work"), "dropped", directory, NULL};

	if (geteuid())
		SKIP("needs root");
	CHECK(mkdtemp(directory));
	collect_start(0);
	run_under(built("libtollspan-preload.so"), argv);
	rmdir(directory);
	CHECK_INT(check_moved(ran.output), 8);
	CHECK_INT(all.n_proc, 2);
	collect_stop();
}

TEST(dev_shm_is_full)
{
	pid_t pid;
	int status;

	if (geteuid())
		SKIP("needs root");
	pid = fork();
	if (!pid) {
		char junk[8192] = {0};
		int fd;

		if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		    mount("none", "/dev/shm", "tmpfs", 0, "size=4096"))
			_exit(77);
		fd = open("/dev/shm/full", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		if (write(fd, junk, sizeof(junk)) == (ssize_t)sizeof(junk))
			_exit(78);
		collect_start(0);
		run_case("plain");
		_exit(check_moved(ran.output) == 4 ? 0 : 1);
	}
	CHECK_INT(waitpid(pid, &status, 0), pid);
	if (WEXITSTATUS(status) == 77)
		SKIP("may not mount");
	CHECK_INT(status, 0);
}

TEST_MAIN()
