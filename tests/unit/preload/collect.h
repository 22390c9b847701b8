/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a program under the shim and keeps what the collector emits, to hold against its output. */
#ifndef TESTS_UNIT_PRELOAD_COLLECT_H
#define TESTS_UNIT_PRELOAD_COLLECT_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/source/preload.h"
#include "agent/util/record_check.h"
#include "tests/unit/test.h"

#define STREAMS_MAX 4096
#define OUTPUT_MAX (256 * 1024)
#define PATIENCE_MS 20000

/* One direction of one connection, as captured. */
struct stream {
	uint32_t pid;
	uint64_t conn, generation;
	unsigned int direction;
	uint64_t ops, bytes, captured, hash, pieces;
	uint64_t next;    /* offset that the next record should have */
	uint64_t op_next; /* offset within the operation that is open, 0: none */
	bool holes;
	bool patterned; /* each byte is the low byte of its offset */
	bool late, ended;
};

struct collected {
	struct preload_source *source;
	struct stream *streams;
	size_t n_streams;
	unsigned int n_proc, n_exec, n_exit, n_end, n_conn, n_bad;
	uint64_t lost_records[16], lost_bytes[16];
	uint64_t last_ns;
	char sni[64], library[256], exe[256];
	uint32_t root_pid;
	struct conn_key last;
	struct cr_data last_data;
};

static struct collected all;

static struct stream *stream_of(uint32_t pid, uint64_t conn, uint64_t generation, unsigned int way)
{
	struct stream *s;

	for (size_t i = all.n_streams; i-- > 0;) {
		s = &all.streams[i];
		if (s->pid == pid && s->conn == conn && s->generation == generation &&
		    s->direction == way)
			return s;
	}
	if (all.n_streams == STREAMS_MAX)
		return NULL;
	s = &all.streams[all.n_streams++];
	*s = (struct stream){.pid = pid, .conn = conn, .generation = generation, .direction = way};
	s->hash = 0xcbf29ce484222325ull;
	s->patterned = true;
	return s;
}

static void collect_data(const struct cr_data *data)
{
	const uint8_t *bytes = (const uint8_t *)(data + 1);
	struct stream *s =
		stream_of(data->process.pid, data->conn, data->generation, data->direction);

	all.last_data = *data;
	all.last = (struct conn_key){
		.process = {.pid = data->process.pid, .start = data->process.start},
		.conn = data->conn,
		.generation = data->generation,
		.layer = data->layer,
	};
	if (!s)
		return;
	if (data->stream_offset != s->next || data->op_offset != s->op_next)
		s->holes = true;
	if (data->op_offset + data->true_length > data->op_length || data->op + 1 < s->ops)
		all.n_bad++;
	s->next = data->stream_offset + data->true_length;
	s->op_next = data->op_offset + data->true_length;
	if (s->op_next == data->op_length)
		s->op_next = 0;
	s->ops = data->op + 1;
	s->pieces++;
	s->bytes += data->true_length;
	s->captured += data->captured_length;
	for (uint32_t i = 0; i < data->captured_length; i++) {
		s->hash = (s->hash ^ bytes[i]) * 0x100000001b3ull;
		s->patterned = s->patterned && bytes[i] == (uint8_t)(data->stream_offset + i);
	}
}

static void collect_conn(const struct cr_conn *conn)
{
	struct stream *s = stream_of(conn->process.pid, conn->conn, conn->generation, CR_SEND);
	size_t offset = sizeof(*conn), length;
	const char *text;
	unsigned int tag;

	all.n_conn++;
	if (s)
		s->late = conn->flags & CR_CONN_JOINED_LATE;
	while ((text = record_field_next(&conn->head, &offset, &tag, &length))) {
		if (tag == CR_FIELD_SNI)
			snprintf(all.sni, sizeof(all.sni), "%.*s", (int)length, text);
		if (tag == CR_FIELD_LIBRARY)
			snprintf(all.library, sizeof(all.library), "%.*s", (int)length, text);
	}
}

static void collect_proc(const struct cr_proc *proc)
{
	size_t offset = sizeof(*proc), length;
	const char *text;
	unsigned int tag;

	all.n_proc++;
	if (proc->flags & CR_PROC_ROOT)
		all.root_pid = proc->process.pid;
	while ((text = record_field_next(&proc->head, &offset, &tag, &length))) {
		if (tag == CR_FIELD_EXE)
			snprintf(all.exe, sizeof(all.exe), "%.*s", (int)length, text);
	}
}

static int collect(void *context, const struct cr_head *record)
{
	const struct cr_lost *lost = (const struct cr_lost *)record;

	if (record_check(record, record->length))
		all.n_bad++;
	switch (record->type) {
	case CR_DATA:
		collect_data((const struct cr_data *)record);
		break;
	case CR_CONN:
		collect_conn((const struct cr_conn *)record);
		break;
	case CR_PROC:
		collect_proc((const struct cr_proc *)record);
		break;
	case CR_LOST:
		all.lost_records[lost->cause % 16] += lost->records;
		all.lost_bytes[lost->cause % 16] += lost->bytes;
		break;
	case CR_END:
		all.n_end++;
		break;
	case CR_EXEC:
		all.n_exec++;
		break;
	case CR_EXIT:
		all.n_exit++;
		break;
	default:
		all.n_bad++;
	}
	return 0;
}

static void collect_start(uint64_t ring_bytes)
{
	struct preload_source_opts opts = {.ring_bytes = ring_bytes, .sink = collect};
	static struct stream streams[STREAMS_MAX];

	preload_source_free(all.source);
	all = (struct collected){.streams = streams};
	CHECK_INT(preload_source_new(&opts, &all.source), 0);
}

static void collect_stop(void)
{
	preload_source_free(all.source);
	all.source = NULL;
}

/* A path within the build: this program is BUILD/tests/unit/FOLDER/test_X. */
static const char *built(const char *name)
{
	static char paths[8][4096];
	static unsigned int turn;
	char *path = paths[turn++ % 8];
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
	if (child->in >= 0)
		close(child->in);
	child->in = -1;
	for (int i = 0; i < PATIENCE_MS / 10 && child_poll(child, all.source != NULL, 10); i++)
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

static void run_case(const char *name)
{
	const char *const argv[] = {program("preload_work"), name, NULL};

	run_under(built("libtollspan-preload.so"), argv);
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
	CHECK_INT(all.n_bad, 0);
	CHECK_INT(sum_lost(all.lost_records), 0);
	return lines;
}

#endif
