/* SPDX-License-Identifier: Apache-2.0 */
/* The collector against clients that speak the shim's protocol by hand, rightly and not. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/preload/collect.h"

#define RING 65536

/* What a client of this test does once it has its ring; the process ends with it. */
typedef void (*client_fn)(struct cr_ring *ring, uint8_t *data);

/* Until all who have the other end of a pipe have closed it. */
static void wait_for_end(int fd)
{
	char byte;

	while (read(fd, &byte, 1) < 0 && errno == EINTR)
		;
}

static int greet(const char *text, size_t hello_length)
{
	static struct {
		struct cr_hello hello;
		uint8_t fields[256];
	} message;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct cr_plan plan = {0};
	struct iovec part = {&plan, sizeof(plan)};
	struct msghdr answer = {.msg_iov = &part,
				.msg_iovlen = 1,
				.msg_control = &control,
				.msg_controllen = sizeof(control)};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0), ring = -1;
	struct timeval wait = {.tv_sec = PATIENCE_MS / 1000};

	memcpy(address.sun_path, text, strlen(text));
	address.sun_path[0] = 0;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (connect(fd, (struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(text))))
		return -errno;
	message.hello.head = (struct cr_head){
		.length = (uint32_t)hello_length, .type = CR_HELLO, .version = CR_VERSION};
	if (send(fd, &message, hello_length, MSG_NOSIGNAL) < 0)
		return -errno;
	if (recvmsg(fd, &answer, 0) == sizeof(plan) && answer.msg_controllen)
		memcpy(&ring, CMSG_DATA(&control.header), sizeof(ring));
	close(fd);
	return plan.ring_bytes == RING || ring < 0 ? ring : -EPROTO;
}

/* @hold: it begins when the other end of this is closed; -1: at once. */
static void client_main(const char *address, client_fn fn, int hold)
{
	int fd = greet(address, sizeof(struct cr_hello));
	uint8_t *at;

	if (fd < 0)
		_exit(9);
	at = mmap(NULL, CR_RING_DATA + RING, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		_exit(8);
	((struct cr_ring *)at)->attached = 1;
	if (hold >= 0)
		wait_for_end(hold);
	fn((struct cr_ring *)at, at + CR_RING_DATA);
	_exit(0);
}

/* Run a client to its end; `held`, what it does to its ring is not looked at before. */
static int run(client_fn fn, bool held)
{
	int64_t until = now_ms() + PATIENCE_MS;
	int status = -1, hold[2];
	pid_t pid;

	CHECK_INT(pipe2(hold, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		close(hold[1]);
		client_main(preload_source_address(all.source), fn, held ? hold[0] : -1);
	}
	close(hold[0]);
	while (held && !preload_source_processes(all.source) && now_ms() < until) {
		CHECK_INT(preload_source_dispatch(all.source), 0);
		usleep(1000);
	}
	close(hold[1]);
	while (!waitpid(pid, &status, WNOHANG) && now_ms() < until) {
		if (!held)
			CHECK_INT(preload_source_dispatch(all.source), 0);
		usleep(1000);
	}
	CHECK_INT(preload_source_drain(all.source, false), 0);
	return status;
}

static int run_client(client_fn fn)
{
	return run(fn, false);
}

static uint64_t *word(uint8_t *data, uint64_t at)
{
	return (uint64_t *)(data + at % RING);
}

/* Write a whole DATA record, as the shim would. */
static void put_data(struct cr_ring *ring, uint8_t *data, uint32_t bytes, uint64_t offset)
{
	uint64_t at = __atomic_load_n(&ring->head, __ATOMIC_RELAXED);
	struct cr_data *record = (struct cr_data *)(data + at % RING);
	uint32_t length = (uint32_t)sizeof(*record) + ((bytes + 7) & ~7u);

	__atomic_store_n(&ring->head, at + length, __ATOMIC_RELEASE);
	record->conn = 0x1000;
	record->generation = 5;
	record->op_length = bytes;
	record->stream_offset = offset;
	record->true_length = record->captured_length = bytes;
	record->layer = CR_LAYER_TLS_STREAM;
	record->process.pid = 1; /* a lie */
	record->head.time_ns = UINT64_MAX;
	for (uint32_t i = 0; i < bytes; i++)
		((uint8_t *)(record + 1))[i] = (uint8_t)(offset + i);
	record->head.type = CR_DATA;
	record->head.version = CR_VERSION;
	__atomic_store_n(&record->head.length, length, __ATOMIC_RELEASE);
}

static void client_honest(struct cr_ring *ring, uint8_t *data)
{
	for (unsigned int i = 0; i < 100; i++)
		put_data(ring, data, 100, i * 100ull);
	ring->lost[CR_CAUSE_RING_FULL] = (struct cr_ring_lost){3, 300};
}

TEST(process_and_time_are_the_kernels_word)
{
	collect_start(RING);
	CHECK_INT(run_client(client_honest), 0);
	CHECK_INT(all.n_streams, 1);
	CHECK_INT(all.streams[0].bytes, 10000);
	CHECK(all.streams[0].patterned);
	CHECK(all.streams[0].pid > 1);
	CHECK(all.last.process.start > 0);
	CHECK(all.last_data.head.time_ns < UINT64_MAX);
	CHECK_INT(all.lost_records[CR_CAUSE_RING_FULL], 3);
	CHECK_INT(all.lost_bytes[CR_CAUSE_RING_FULL], 300);
	CHECK_INT(all.n_exit, 1);
	CHECK_INT(preload_source_processes(all.source), 0);
	CHECK_INT(preload_source_seen(all.source, all.streams[0].pid, 0), PRELOAD_CAPTURED);
	CHECK_INT(preload_source_seen(all.source, all.streams[0].pid, 1), PRELOAD_UNKNOWN);
	collect_stop();
}

/* Dies with one record busy, one with nothing written, and a whole one behind them. */
static void client_dies(struct cr_ring *ring, uint8_t *data)
{
	put_data(ring, data, 64, 0);
	*word(data, ring->head) = 1000ull << 32 | CR_RING_BUSY | 1128;
	ring->head += 1128;
	put_data(ring, data, 64, 1064);
	ring->head += 4096;
	put_data(ring, data, 64, 1128);
	raise(SIGKILL);
}

TEST(half_written_records_of_the_dead)
{
	collect_start(RING);
	CHECK(WIFSIGNALED(run_client(client_dies)));
	CHECK_INT(all.n_streams, 1);
	CHECK_INT(all.streams[0].captured, 192);
	CHECK(all.streams[0].patterned);
	CHECK_INT(all.lost_records[CR_CAUSE_KILLED], 2);
	CHECK_INT(all.lost_bytes[CR_CAUSE_KILLED], 1000);
	CHECK_INT(all.lost_records[CR_CAUSE_MALFORMED], 0);
	collect_stop();
}

/* ---- damage ---- */

static void client_long_head(struct cr_ring *ring, uint8_t *data)
{
	ring->head = RING + 8;
}

static void client_odd_head(struct cr_ring *ring, uint8_t *data)
{
	put_data(ring, data, 64, 0);
	ring->head += 3;
}

static void client_head_back(struct cr_ring *ring, uint8_t *data)
{
	ring->head = (uint64_t)-64;
}

static void client_short_length(struct cr_ring *ring, uint8_t *data)
{
	put_data(ring, data, 64, 0);
	*word(data, 0) = 8;
}

static void client_long_length(struct cr_ring *ring, uint8_t *data)
{
	put_data(ring, data, 64, 0);
	*word(data, 0) += 8;
}

static void client_huge_length(struct cr_ring *ring, uint8_t *data)
{
	ring->head = RING;
	*word(data, 0) = 0x7ffffff8;
}

static void client_other_type(struct cr_ring *ring, uint8_t *data)
{
	put_data(ring, data, 64, 0);
	((struct cr_head *)data)->type = CR_EXIT;
}

static void client_unknown_type(struct cr_ring *ring, uint8_t *data)
{
	put_data(ring, data, 64, 0);
	((struct cr_head *)data)->type = 999;
}

static void client_more_than_there_is(struct cr_ring *ring, uint8_t *data)
{
	put_data(ring, data, 64, 0);
	((struct cr_data *)data)->captured_length = ((struct cr_data *)data)->true_length = 4000;
}

static void client_other_layer(struct cr_ring *ring, uint8_t *data)
{
	put_data(ring, data, 64, 0);
	((struct cr_data *)data)->layer = CR_LAYER_SOCKET;
}

TEST(damage_closes_the_ring)
{
	static const client_fn clients[] = {
		client_long_head,    client_odd_head,     client_head_back,
		client_short_length, client_long_length,  client_huge_length,
		client_other_type,   client_unknown_type, client_more_than_there_is,
		client_other_layer,
	};

	for (size_t i = 0; i < sizeof(clients) / sizeof(*clients); i++) {
		collect_start(RING);
		CHECK_INT(run(clients[i], true), 0);
		CHECK_INT(all.lost_records[CR_CAUSE_MALFORMED], 1);
		CHECK_INT(all.n_bad, 0);
		CHECK_INT(all.n_exit, 1);
	}
	collect_stop();
}

static unsigned int seed;

static void client_garbage(struct cr_ring *ring, uint8_t *data)
{
	for (unsigned int i = 0; i < 8; i++)
		put_data(ring, data, 1 + (unsigned int)rand_r(&seed) % 300, 0);
	for (unsigned int i = 0; i < 6; i++)
		data[(unsigned int)rand_r(&seed) % ring->head] = (uint8_t)rand_r(&seed);
	if (seed % 5 == 0)
		ring->head = (uint64_t)rand_r(&seed) & ~7ull;
	memset(ring->verdicts, rand_r(&seed), sizeof(ring->verdicts));
	ring->tail = (uint64_t)rand_r(&seed);
	ring->size = 1;
	ring->magic = 0;
	ring->lost[CR_CAUSE_KILLED].records = 7;
}

TEST(garbage_does_no_harm)
{
	collect_start(RING);
	for (unsigned int i = 0; i < 200; i++) {
		seed = i;
		CHECK_INT(run(client_garbage, i & 1), 0);
	}
	CHECK_INT(all.n_exit, 200);
	CHECK_INT(all.n_bad, 0);
	CHECK(all.lost_records[CR_CAUSE_MALFORMED] > 0);
	/* and one that is in order is read as ever */
	CHECK_INT(run_client(client_honest), 0);
	CHECK_INT(all.n_exit, 201);
	collect_stop();
}

/* The reader holds what it checked: the ring can not be shrunk under it. */
static void client_shrinks(struct cr_ring *ring, uint8_t *data)
{
	int fd = greet(getenv("ADDRESS"), sizeof(struct cr_hello));

	if (fd < 0 || !ftruncate(fd, 4096) || !ftruncate(fd, RING * 64))
		_exit(1);
}

TEST(ring_is_sealed)
{
	collect_start(RING);
	setenv("ADDRESS", preload_source_address(all.source), 1);
	CHECK_INT(run_client(client_shrinks), 0);
	/* the same process twice: it began anew */
	CHECK_INT(all.n_exec, 1);
	CHECK_INT(all.n_exit, 1);
	collect_stop();
}

/* ---- greetings ---- */

static void client_bad_hellos(struct cr_ring *ring, uint8_t *data)
{
	static const size_t lengths[] = {1, 8, 16, 31, 33, 100};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		if (greet(getenv("ADDRESS"), lengths[i]) >= 0)
			_exit(1);
	}
}

TEST(bad_hello_gets_no_answer)
{
	collect_start(RING);
	setenv("ADDRESS", preload_source_address(all.source), 1);
	CHECK_INT(run_client(client_bad_hellos), 0);
	CHECK_INT(all.n_proc, 1);
	collect_stop();
}

static void client_silent(struct cr_ring *ring, uint8_t *data)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *text = getenv("ADDRESS");

	memcpy(address.sun_path, text, strlen(text));
	address.sun_path[0] = 0;
	for (unsigned int i = 0; i < 300; i++) {
		int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);

		if (connect(fd, (struct sockaddr *)&address,
			    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(text))) &&
		    errno != EAGAIN)
			_exit(1);
	}
	for (int64_t until = now_ms() + PATIENCE_MS / 2; now_ms() < until; usleep(100000)) {
		if (greet(text, sizeof(struct cr_hello)) >= 0)
			return;
	}
	_exit(2);
}

TEST(silent_clients_make_room)
{
	collect_start(RING);
	setenv("ADDRESS", preload_source_address(all.source), 1);
	CHECK_INT(run_client(client_silent), 0);
	collect_stop();
}

/* An orphan of another user has no business here; a child of ours that changed its user has. */
static int greet_as_nobody(bool orphan)
{
	int64_t until = now_ms() + PATIENCE_MS;
	struct pollfd ended = {.events = POLLIN};
	int alive[2];
	pid_t pid;

	CHECK_INT(pipe2(alive, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		pid_t inner = orphan ? fork() : 0;

		if (inner)
			_exit(0);
		while (orphan && getppid() != 1)
			usleep(1000);
		if (setgid(65534) || setuid(65534))
			_exit(3);
		greet(preload_source_address(all.source), sizeof(struct cr_hello));
		_exit(0);
	}
	close(alive[1]);
	ended.fd = alive[0];
	while (!ended.revents && now_ms() < until) {
		CHECK_INT(preload_source_dispatch(all.source), 0);
		poll(&ended, 1, 1);
	}
	CHECK(ended.revents);
	close(alive[0]);
	waitpid(pid, NULL, 0);
	CHECK_INT(preload_source_drain(all.source, false), 0);
	return (int)all.n_proc;
}

TEST(only_own_processes_greet)
{
	if (geteuid())
		SKIP("needs root");
	collect_start(RING);
	CHECK_INT(greet_as_nobody(true), 0);
	CHECK_INT(greet_as_nobody(false), 1);
	collect_stop();
}

/* ---- order ---- */

#define WRITERS 4
#define WRITES 20

/* What the writers have written, and a pipe that they live as long as. */
static unsigned int *written;
static int living[2];

static void client_in_turns(struct cr_ring *ring, uint8_t *data)
{
	for (unsigned int i = 0; i < WRITES; i++) {
		struct timespec now;
		uint64_t at = ring->head;

		clock_gettime(CLOCK_BOOTTIME, &now);
		put_data(ring, data, 8, i * 8ull);
		((struct cr_data *)(data + at % RING))->head.time_ns =
			(uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
		__atomic_add_fetch(written, 1, __ATOMIC_RELEASE);
		usleep(2000);
	}
	close(living[1]);
	wait_for_end(living[0]);
}

static uint64_t last_ns;
static unsigned int backwards, seen;

static int order_sink(void *context, const struct cr_head *record)
{
	if (record->type != CR_DATA)
		return 0;
	backwards += record->time_ns < last_ns;
	last_ns = record->time_ns;
	seen++;
	return 0;
}

TEST(rings_are_merged_by_time)
{
	struct preload_source_opts opts = {.ring_bytes = RING, .sink = order_sink};
	struct preload_source *source;
	int64_t until = now_ms() + PATIENCE_MS;
	pid_t pids[WRITERS];
	int hold[2];

	written = mmap(NULL, sizeof(*written), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	CHECK(written != MAP_FAILED);
	CHECK_INT(pipe2(hold, O_CLOEXEC), 0);
	CHECK_INT(pipe2(living, O_CLOEXEC), 0);
	CHECK_INT(preload_source_new(&opts, &source), 0);
	for (unsigned int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			close(hold[1]);
			client_main(preload_source_address(source), client_in_turns, hold[0]);
		}
	}
	while (preload_source_processes(source) < WRITERS && now_ms() < until) {
		CHECK_INT(preload_source_dispatch(source), 0);
		usleep(500);
	}
	close(hold[1]);
	while (__atomic_load_n(written, __ATOMIC_ACQUIRE) < WRITERS * WRITES && now_ms() < until)
		usleep(500);
	CHECK_INT(preload_source_drain(source, true), 0);
	preload_source_free(source);
	close(hold[0]);
	close(living[0]);
	close(living[1]);
	for (unsigned int i = 0; i < WRITERS; i++)
		waitpid(pids[i], NULL, 0);
	munmap(written, sizeof(*written));
	CHECK_INT(seen, WRITERS * WRITES);
	CHECK_INT(backwards, 0);
}

/* ---- the reader is busy ---- */

#define CROWD 20

static void client_brief(struct cr_ring *ring, uint8_t *data)
{
	put_data(ring, data, 64, 0);
}

/* Who was told of, and how many records of others came. */
static struct {
	struct preload_source *source;
	uint32_t pids[CROWD];
	unsigned int n, n_data, n_odd, n_answered;
	bool crowd_is_there;
} busy;

static unsigned int place_of(uint32_t pid)
{
	unsigned int i = 0;

	while (i < busy.n && busy.pids[i] != pid)
		i++;
	return i;
}

static int note_order(void *context, const struct cr_head *record)
{
	const struct cr_data *data = (const struct cr_data *)record;
	const struct cr_proc *proc = (const struct cr_proc *)record;

	if (record->type == CR_PROC && place_of(proc->process.pid) == busy.n)
		busy.pids[busy.n++ % CROWD] = proc->process.pid;
	if (record->type == CR_DATA) {
		busy.n_odd += place_of(data->process.pid) == busy.n;
		busy.n_data++;
	}
	return 0;
}

/* Blocks at its first record for 300 ms, in which the crowd comes and goes. */
static int blocking_sink(void *context, const struct cr_head *record)
{
	pid_t pids[CROWD];
	int64_t before = now_ms();

	note_order(context, record);
	if (busy.crowd_is_there)
		return 0;
	busy.crowd_is_there = true;
	for (unsigned int i = 0; i < CROWD - 1; i++) {
		pids[i] = fork();
		if (!pids[i])
			client_main(preload_source_address(busy.source), client_brief, -1);
	}
	for (unsigned int i = 0; i < CROWD - 1; i++) {
		int status = -1;

		waitpid(pids[i], &status, 0);
		busy.n_answered += status == 0;
	}
	while (now_ms() - before < 300)
		usleep(10000);
	return 0;
}

TEST(reader_is_blocked_while_a_crowd_greets)
{
	struct preload_source_opts opts = {.ring_bytes = RING, .sink = blocking_sink};
	pid_t pid;

	memset(&busy, 0, sizeof(busy));
	CHECK_INT(preload_source_new(&opts, &busy.source), 0);
	pid = fork();
	if (!pid)
		client_main(preload_source_address(busy.source), client_brief, -1);
	waitpid(pid, NULL, 0);
	CHECK_INT(preload_source_drain(busy.source, false), 0);
	CHECK_INT(busy.n_answered, CROWD - 1);
	CHECK_INT(preload_source_drain(busy.source, false), 0);
	CHECK_INT(busy.n_data, CROWD);
	CHECK_INT(busy.n_odd, 0);
	CHECK_INT(preload_source_processes(busy.source), 0);
	preload_source_free(busy.source);
}

/* Begins three programs, and each writes, before anybody looks. */
static void client_of_three_programs(struct cr_ring *ring, uint8_t *data)
{
	put_data(ring, data, 64, 0);
	for (unsigned int i = 0; i < 2; i++) {
		int fd = greet(getenv("ADDRESS"), sizeof(struct cr_hello));
		uint8_t *at =
			mmap(NULL, CR_RING_DATA + RING, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		if (at == MAP_FAILED)
			_exit(1);
		put_data((struct cr_ring *)at, at + CR_RING_DATA, 64, 0);
	}
}

static char order[64];

static int letter_sink(void *context, const struct cr_head *record)
{
	static const char letters[] = {[CR_PROC] = 'P',
				       [CR_DATA] = 'D',
				       [CR_EXEC] = 'X',
				       [CR_EXIT] = 'E',
				       [CR_LOST] = 'L'};
	size_t n = strlen(order);

	if (n + 1 < sizeof(order))
		order[n] = letters[record->type];
	return 0;
}

TEST(programs_of_one_process_in_their_order)
{
	struct preload_source_opts opts = {.ring_bytes = RING, .sink = letter_sink};
	struct preload_source *source;
	int status = -1;
	pid_t pid;

	CHECK_INT(preload_source_new(&opts, &source), 0);
	setenv("ADDRESS", preload_source_address(source), 1);
	pid = fork();
	if (!pid)
		client_main(preload_source_address(source), client_of_three_programs, -1);
	waitpid(pid, &status, 0);
	CHECK_INT(status, 0);
	CHECK_INT(preload_source_drain(source, false), 0);
	CHECK_TEXT(order, "PDXPDXPDE");
	preload_source_free(source);
}

/* ---- processes that are silent ---- */

static void client_connects(struct cr_ring *ring, uint8_t *data)
{
	ring->connects += 3;
}

static void client_connects_and_calls(struct cr_ring *ring, uint8_t *data)
{
	ring->connects += 1;
	put_data(ring, data, 64, 0);
}

static void client_idle(struct cr_ring *ring, uint8_t *data)
{
}

/* As a shim that waits no longer. */
static void client_unanswered(struct cr_ring *ring, uint8_t *data)
{
	ring->attached = 0;
}

/* The program that it was before had its answer, and connected. */
static void client_unanswered_at_last(struct cr_ring *ring, uint8_t *data)
{
	ring->connects += 2;
	if (greet(getenv("ADDRESS"), sizeof(struct cr_hello)) < 0)
		_exit(1);
}

static struct silent_process found;
static unsigned int n_found;

static int note_found(void *context, const struct silent_process *silent)
{
	found = *silent;
	n_found++;
	return silent->hello->type == CR_HELLO ? 0 : -EINVAL;
}

TEST(silent_processes_are_told)
{
	static const struct {
		client_fn fn;
		unsigned int n, connects;
		bool answered;
	} cases[] = {
		{client_connects, 1, 3, true},
		{client_connects_and_calls, 0, 0, false},
		{client_idle, 0, 0, false},
		{client_unanswered, 1, 0, false},
		{client_unanswered_at_last, 1, 2, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		collect_start(RING);
		setenv("ADDRESS", preload_source_address(all.source), 1);
		CHECK_INT(run_client(cases[i].fn), 0);
		CHECK_INT(all.n_exit, 1);
		found = (struct silent_process){0};
		n_found = 0;
		CHECK_INT(preload_source_silent(all.source, note_found, NULL), 0);
		CHECK_INT(n_found, cases[i].n);
		CHECK_INT(found.connects, cases[i].connects);
		CHECK_INT(found.answered, cases[i].answered);
		if (n_found)
			CHECK_INT(preload_source_connects(all.source, found.process.pid,
							  found.process.start),
				  found.connects);
	}
	collect_stop();
}

TEST_MAIN()
