/* SPDX-License-Identifier: Apache-2.0 */
/* Which library a call reaches, where the shim loads at all, and where it keeps out. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tests/unit/preload/run.h"

#define SHIM built("libtollspan-preload.so")

/* Each line "used PID CONNECTION NAME…": the copy that was reached is the one of that turn. */
static unsigned int check_used(const char *output, const char *const *names, unsigned int n)
{
	unsigned int lines = 0;

	CHECK(!strstr(output, "failed"));
	for (const char *line = strstr(output, "used "); line; line = strstr(line + 1, "used ")) {
		const char *name = names[lines++ % n];
		char text[80];

		CHECK_INT(sscanf(line, "used %*u %*x %79s", text), 1);
		CHECK_INT(strlen(text), 64);
		CHECK(!strncmp(text, name, strlen(name)));
	}
	/* one write and one read each, and none of it twice */
	CHECK_INT(all.n_streams, 2 * lines);
	for (size_t i = 0; i < all.n_streams; i++) {
		CHECK_INT(all.streams[i].ops, 1);
		CHECK_INT(all.streams[i].bytes, 64);
	}
	CHECK_INT(all.n_end, lines);
	return lines;
}

static void several_copies(const char *option)
{
	static const char *const names[] = {"aaaa", "bbbb", "opaque_a", "opaque_b", "no_ex"};
	const char *const argv[] = {program("preload_host"),
				    "3",
				    option,
				    program("libuser_a.so"),
				    program("libuser_b.so"),
				    program("libuser_opaque_a.so"),
				    program("libuser_opaque_b.so"),
				    program("libuser_no_ex.so"),
				    NULL};

	collect_start(0);
	run_under(SHIM, argv);
	CHECK_INT(check_used(ran.output, names, 5), 15);
	collect_stop();
}

TEST(copies_loaded_local_and_closed)
{
	several_copies("-p");
}

TEST(copies_loaded_at_once)
{
	several_copies("-k");
}

/* SSL_read_ex() of the stand-in calls its own SSL_read() through the linkage table. */
TEST(nested_calls_count_once)
{
	several_copies("-x");
}

TEST(no_library_at_all)
{
	const char *const argv[] = {program("preload_bare"), NULL};

	collect_start(0);
	run_under(SHIM, argv);
	CHECK_TEXT(ran.output, "SSL_read -1\nSSL_write -1\nSSL_read_ex 0\nSSL_write_ex 0\n");
	CHECK_INT(all.n_streams, 0);
	CHECK_INT(preload_source_seen(all.source, (uint32_t)ran.pid, 0), PRELOAD_GREETED);
	collect_stop();
}

/* Another interposer sees each write, before the shim or behind it. */
TEST(chain_of_preloads)
{
	const char *const argv[] = {program("preload_work"), "plain", NULL};
	const char *const pieces[2][2] = {{SHIM, program("libchain.so")},
					  {program("libchain.so"), SHIM}};

	for (unsigned int i = 0; i < 2; i++) {
		char chain[9000];
		const char *passed;

		snprintf(chain, sizeof(chain), "%s:%s", pieces[i][0], pieces[i][1]);
		collect_start(0);
		run_under(chain, argv);
		CHECK_INT(check_moved(ran.output), 4);
		passed = strstr(ran.output, "passed ");
		CHECK(passed);
		CHECK_INT(strtol(passed + 7, NULL, 10), 100);
	}
	collect_stop();
}

TEST(musl_program)
{
	static const char *const names[] = {"musl"};
	const char *const argv[] = {program("musl/preload_host"), "2", program("musl/libuser.so"),
				    NULL};
	const char *const ex[] = {argv[0], "2", "-x", argv[2], NULL};

	if (access(argv[0], X_OK))
		SKIP("musl-gcc is not installed");
	collect_start(0);
	run_under(SHIM, argv);
	CHECK_INT(check_used(ran.output, names, 1), 2);
	collect_start(0);
	run_under(SHIM, ex);
	CHECK_INT(check_used(ran.output, names, 1), 2);
	collect_stop();
}

/* What the program says with and without the shim is one, and so is its count and the shim's. */
static void check_connects(const char *name, const char *option)
{
	const char *const argv[] = {program(name), option, NULL};
	static char bare[OUTPUT_MAX];
	unsigned int lines = 0;

	child_start(&ran, NULL, NULL, argv);
	child_end(&ran);
	CHECK_INT(ran.status, 0);
	memcpy(bare, ran.output, sizeof(bare));
	collect_start(0);
	run_under(SHIM, argv);
	for (const char *l = strstr(ran.output, "counted "); l; l = strstr(l + 1, "counted ")) {
		unsigned int pid, n;

		CHECK_INT(sscanf(l, "counted %u %u", &pid, &n), 2);
		CHECK_INT(preload_source_connects(all.source, pid, 0), n);
		lines++;
	}
	CHECK_INT(lines, 2);
	CHECK_INT(all.n_proc, 2);
	CHECK_INT(preload_source_connects(all.source, (uint32_t)getpid(), 0), 0);
	for (const char *a = bare, *b = ran.output; *a || *b;) {
		size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");

		/* but for the pids */
		CHECK(!strncmp(a, "counted ", 8) ? !strncmp(b, "counted ", 8)
						 : n == m && !strncmp(a, b, n));
		a += n + 1;
		b += m + 1;
	}
	collect_stop();
}

TEST(connects_are_counted)
{
	check_connects("preload_connect", NULL);
}

TEST(connects_are_counted_in_musl)
{
	if (access(program("musl/preload_connect"), X_OK))
		SKIP("musl-gcc is not installed");
	check_connects("musl/preload_connect", NULL);
}

TEST(thread_is_cancelled_in_connect)
{
	check_connects("preload_connect", "cancel");
	CHECK(strstr(ran.output, "\ncleaned\ncancelled\n"));
}

/* Neither a library nor a symbol version is asked for: it loads into any program. */
TEST(imports_nothing)
{
	char command[9000], line[512];
	unsigned int lines = 0, undefined = 0;
	FILE *pipe;

	snprintf(command, sizeof(command), "readelf -dVsW --dyn-syms %s", SHIM);
	pipe = popen(command, "re");
	CHECK(pipe);
	while (fgets(line, sizeof(line), pipe)) {
		lines++;
		CHECK(!strstr(line, "(NEEDED)"));
		CHECK(!strstr(line, "(VERNEED)"));
		CHECK(!strstr(line, "TEXTREL"));
		CHECK(!strstr(line, "@GLIBC"));
		if (strstr(line, " UND ") && strstr(line, "GLOBAL"))
			undefined++;
	}
	CHECK_INT(pclose(pipe), 0);
	CHECK(lines > 20);
	CHECK_INT(undefined, 0);
}

/* An abstract socket that listens; nobody takes its connections. */
static int listen_silently(struct sockaddr_un *address, socklen_t *size, char name[64])
{
	static unsigned int turn;
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(name, 64, "@tollspan-test-%d-%u", (int)getpid(), turn++);
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(address->sun_path, name, strlen(name));
	address->sun_path[0] = 0;
	*size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	CHECK_INT(bind(listener, (struct sockaddr *)address, *size), 0);
	CHECK_INT(listen(listener, 1000), 0);
	return listener;
}

/* Shorten `best` to what a program takes that greets a socket where nobody answers. */
static void time_unanswered(const char *address, int64_t *best)
{
	const char *const argv[] = {program("preload_work"), "secure", NULL};
	int64_t start = now_ms(), took;

	child_start(&ran, address ? SHIM : NULL, address, argv);
	child_end(&ran);
	CHECK_INT(ran.status, 0);
	CHECK_TEXT(ran.output, "secure 0\n");
	took = now_ms() - start;
	*best = took < *best ? took : *best;
}

/* In turns, so that what else the machine does is for all alike, until each had a good moment. */
TEST(no_answer_makes_it_inert)
{
	int64_t bare = INT64_MAX, silent = INT64_MAX, full = INT64_MAX, nobody = INT64_MAX;
	int64_t until = now_ms() + PATIENCE_MS;
	char silent_name[64], full_name[64];
	struct sockaddr_un address;
	socklen_t size;
	int silent_listener = listen_silently(&address, &size, silent_name);
	int full_listener = listen_silently(&address, &size, full_name);
	int fillers[8];

	CHECK_INT(listen(full_listener, 1), 0);
	for (unsigned int i = 0; i < 8; i++) {
		fillers[i] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)!connect(fillers[i], (struct sockaddr *)&address, size);
	}
	for (int i = 0; i < 5 || (now_ms() < until && (silent >= bare + 200 || full >= bare + 200 ||
						       nobody >= bare + 40));
	     i++) {
		time_unanswered(NULL, &bare);
		time_unanswered(silent_name, &silent);
		time_unanswered(full_name, &full);
		time_unanswered("@tollspan-nobody", &nobody);
	}
	for (unsigned int i = 0; i < 8; i++)
		close(fillers[i]);
	close(full_listener);
	close(silent_listener);
	CHECK(silent >= 45 && silent < bare + 200);
	CHECK(full >= 45 && full < bare + 200);
	/* nobody listens: at once */
	CHECK(nobody < bare + 40);
}

/* And then the program's calls still work, also in children. */
TEST(inert_passes_calls_on)
{
	const char *const argv[] = {program("preload_work"), "fork", NULL};
	unsigned int lines = 0;

	child_start(&ran, SHIM, "@tollspan-nobody", argv);
	child_end(&ran);
	CHECK_INT(ran.status, 0);
	for (const char *l = strstr(ran.output, "moved "); l; l = strstr(l + 1, "moved "))
		lines++;
	CHECK_INT(lines, 16);
}

static void copy_file(const char *from, const char *to)
{
	static char bytes[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	ssize_t n;

	CHECK(in >= 0 && out >= 0);
	while ((n = read(in, bytes, sizeof(bytes))) > 0)
		CHECK_INT(write(out, bytes, (size_t)n), n);
	close(in);
	close(out);
}

/* Run a program as another user, with an address that listens. Returns its exit status. */
static int run_as_nobody(const char *path)
{
	const char *const argv[] = {path, NULL};
	int64_t until = now_ms() + PATIENCE_MS;
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		if (setgid(65534) || setuid(65534))
			_exit(126);
		setenv(PRELOAD_SOCKET_VARIABLE, preload_source_address(all.source), 1);
		child_start(&ran, NULL, NULL, argv);
		while (child_poll(&ran, false, 10) && now_ms() < until)
			;
		_exit(strstr(ran.output, "SSL_read -1") ? 0 : 126);
	}
	while (!waitpid(pid, &status, WNOHANG) && now_ms() < until) {
		CHECK_INT(preload_source_dispatch(all.source), 0);
		usleep(5000);
	}
	CHECK_INT(preload_source_drain(all.source, false), 0);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/*
 * The loader drops LD_PRELOAD in a setuid program, unless the shim is in a system folder and setuid
 * itself. The program here is linked with it, so that its own look at AT_SECURE decides.
 */
TEST(setuid_program_is_left_alone)
{
	char directory[] = "/tmp/preload-XXXXXX", copy[64];
	int plain, secure;

	if (geteuid())
		SKIP("needs root");
	CHECK(mkdtemp(directory));
	CHECK_INT(chmod(directory, 0755), 0);
	snprintf(copy, sizeof(copy), "%s/program", directory);
	copy_file(program("preload_linked"), copy);
	collect_start(0);
	CHECK_INT(chmod(copy, 0755), 0);
	plain = run_as_nobody(copy);
	plain = plain ? plain : all.n_proc != 1;
	CHECK_INT(chmod(copy, 04755), 0);
	secure = run_as_nobody(copy);
	unlink(copy);
	rmdir(directory);
	if (plain == 126)
		SKIP("another user can not read the build");
	CHECK_INT(plain, 0);
	CHECK_INT(secure, 0);
	CHECK_INT(all.n_proc, 1);
	collect_stop();
}

TEST_MAIN()
