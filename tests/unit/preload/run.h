/* SPDX-License-Identifier: Apache-2.0 */
/* Runs programs under the shim, and holds what was collected against what they say. */
#ifndef TESTS_UNIT_PRELOAD_RUN_H
#define TESTS_UNIT_PRELOAD_RUN_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/preload/collect.h"

#define OUTPUT_MAX (256 * 1024)

/* A path within the build: this program is BUILD/tests/unit/FOLDER/test_X. */
static const char *built(const char *name)
{
	static char paths[16][4096];
	static unsigned int turn;
	char *path = paths[turn++ % 16];
	ssize_t n = readlink("/proc/self/exe", path, 3000);

	CHECK(n > 0);
	path[n] = 0;
	for (unsigned int i = 0; i < 4; i++)
		*strrchr(path, '/') = 0;
	snprintf(path + strlen(path), 1000, "/%s", name);
	return path;
}

static const char *program(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "tests/programs/%s", name);
	return built(path);
}

struct child {
	pid_t pid;
	int in, out; /* its standard input and output; -1 closed */
	char output[OUTPUT_MAX];
	size_t length;
	int status;
};

/* Start a program under the shim, or, with preload NULL, without. */
static void child_start(struct child *child, const char *preload, const char *address,
			const char *const *argv)
{
	int in[2], out[2];

	memset(child, 0, sizeof(*child));
	CHECK_INT(pipe2(in, O_CLOEXEC), 0);
	CHECK_INT(pipe2(out, O_CLOEXEC), 0);
	child->pid = fork();
	if (!child->pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		if (preload) {
			setenv("LD_PRELOAD", preload, 1);
			setenv(PRELOAD_SOCKET_VARIABLE, address, 1);
		}
		execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	child->in = in[1];
	child->out = out[0];
	if (all.source)
		preload_source_set_root(all.source, (uint32_t)child->pid);
}

/* Take output, and drain if that is wanted, for at most so long. Return: false at its end. */
static bool child_poll(struct child *child, bool drain, int timeout_ms)
{
	struct pollfd fds[2] = {
		{.fd = child->out, .events = POLLIN},
		{.fd = drain ? preload_source_fd(all.source) : -1, .events = POLLIN}};
	ssize_t n;

	poll(fds, 2, timeout_ms < 10 ? timeout_ms : 10);
	if (drain)
		CHECK_INT(preload_source_dispatch(all.source), 0);
	if (!(fds[0].revents & (POLLIN | POLLHUP)))
		return true;
	n = read(child->out, child->output + child->length,
		 sizeof(child->output) - 1 - child->length);
	if (n > 0)
		child->length += (size_t)n;
	child->output[child->length] = 0;
	return n > 0;
}

static void child_end(struct child *child)
{
	int64_t until = now_ms() + PATIENCE_MS;

	if (child->in >= 0)
		close(child->in);
	child->in = -1;
	while (child_poll(child, all.source != NULL, 10) && now_ms() < until)
		;
	close(child->out);
	/* nothing holds its output any more: it has ended, or is about to */
	CHECK_INT(waitpid(child->pid, &child->status, 0), child->pid);
	if (all.source)
		CHECK_INT(preload_source_drain(all.source, false), 0);
}

static struct child ran;

/* Run a program under the shim to its end. */
static void run_under(const char *preload, const char *const *argv)
{
	child_start(&ran, preload, preload_source_address(all.source), argv);
	child_end(&ran);
	CHECK(WIFEXITED(ran.status));
	CHECK_INT(WEXITSTATUS(ran.status), 0);
}

static uint64_t sum_lost(const uint64_t *by_cause)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < 16; i++)
		sum += by_cause[i];
	return sum;
}

/* The stream that fits what a program says it moved; each is taken once. */
static struct stream *find_moved(uint32_t pid, uint64_t conn, unsigned int way, uint64_t hash)
{
	for (size_t i = 0; i < all.n_streams; i++) {
		struct stream *s = &all.streams[i];

		if (s->pid == pid && s->conn == conn && s->direction == way && s->hash == hash)
			return s;
	}
	return NULL;
}

/* Each line "moved …" of the output has its stream, exact; and there is no other stream. */
static unsigned int check_moved(const char *output)
{
	unsigned int lines = 0, streams = 0;

	for (const char *line = strstr(output, "moved "); line; line = strstr(line + 1, "moved ")) {
		unsigned long long conn, ops, bytes, hash;
		unsigned int pid;
		char way[8];
		struct stream *s;

		CHECK_INT(sscanf(line, "moved %u %llx %7s %llu %llu %llx", &pid, &conn, way, &ops,
				 &bytes, &hash),
			  6);
		s = find_moved(pid, conn, strcmp(way, "send") ? CR_RECV : CR_SEND, hash);
		CHECK(s);
		CHECK_INT(s->ops, ops);
		CHECK_INT(s->bytes, bytes);
		CHECK_INT(s->captured, bytes);
		CHECK(!s->holes && !s->op_next);
		lines++;
	}
	for (size_t i = 0; i < all.n_streams; i++)
		streams += all.streams[i].bytes > 0;
	CHECK_INT(streams, lines);
	CHECK_INT(all.n_bad + all.n_odd, 0);
	CHECK_INT(sum_lost(all.lost_records), 0);
	return lines;
}

#endif
