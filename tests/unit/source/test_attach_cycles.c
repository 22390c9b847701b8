/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes that come and go under a TLS client and server at work. Each message says who sent it, its
 * number and its length, and its bytes follow from these: what the other side reads and what is
 * captured is held against that.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <bpf/libbpf.h>

#include "agent/attach/site.h"
#include "agent/limits.h"
#include "agent/source/ebpf_kernel.h"
#include "agent/util/procfs.h"
#include "agent/util/record_check.h"
#include "tests/unit/test.h"
#include "tests/unit/source/pair.h"

/*
 * To take a probe out, the kernel waits for all who may still be in it, 0.1 s and more; waits of
 * several threads pass together. So there are lanes: a child with a library of its own, and a
 * thread that places the probes there and takes them out.
 */
#define LANES_MAX 8
#define RING_SIZE (16 << 20)
#define MESSAGE_MAX 2048
#define PAUSE_US 200    /* after each exchange: the lanes share few processors */
#define CALLS_EACH 2    /* exchanges under the probes of one cycle, and after them */
#define CALLS_WHOLE 100 /* exchanges under the last probes; the ring has room for all */
#define PATIENCE_S 20   /* how long an exchange may take */

struct message {
	uint32_t from, number, length;
	uint32_t reserved;
};

enum { CLIENT, SERVER };

/* Shared with the child. */
struct work {
	_Atomic uint32_t exchanges; /* that were right */
	_Atomic uint32_t limit;     /* how many there may be; then the client rests */
	_Atomic uint32_t resting;
	_Atomic uint32_t failed;
	_Atomic uint32_t stop;
};

/* What is captured of one side's calls in one direction. */
struct flow {
	uint64_t calls;
	uint64_t jumps; /* calls between which others are missing */
	uint32_t last;
};

struct lane {
	char folder[64], library[128];
	int fd; /* of the library */
	struct probe_site sites[LIMIT_SITES];
	size_t n_sites;
	struct work *work;
	pid_t child;
	pthread_t thread;
	unsigned int cycles;
	const char *failure;
	struct ebpf_probes *probes;
	struct flow flows[2][2]; /* by who calls, and direction */
};

struct fixture {
	struct ebpf_kernel *kernel;
	struct ring_buffer *ring;
	size_t n_lanes;
	struct lane lanes[LANES_MAX];
	uint64_t wrong; /* records whose bytes are not those of the call */
	_Atomic unsigned int at_work;
};

static struct fixture fixture;

/* ---- the child: client and server, a thread each ---- */

struct side {
	const struct pair_library *library;
	struct work *work;
	SSL *ssl;
	uint32_t who;
};

static uint32_t message_length(uint32_t from, uint32_t number)
{
	return sizeof(struct message) + (number * (from == CLIENT ? 97u : 61u)) % 1201;
}

static bool message_right(const uint8_t *bytes, size_t length)
{
	uint32_t seed;
	struct message message;

	if (length < sizeof(message))
		return false;
	memcpy(&message, bytes, sizeof(message));
	if (message.from > SERVER || message.length != length ||
	    message_length(message.from, message.number) != length)
		return false;
	seed = 2 * message.number + message.from;
	for (size_t i = sizeof(message); i < length; i++)
		if (bytes[i] != pair_byte(seed, i))
			return false;
	return true;
}

static bool send_message(struct side *side, uint32_t number)
{
	uint8_t bytes[MESSAGE_MAX];
	struct message message = {
		.from = side->who, .number = number, .length = message_length(side->who, number)};
	size_t count = 0;

	memcpy(bytes, &message, sizeof(message));
	for (size_t i = sizeof(message); i < message.length; i++)
		bytes[i] = pair_byte(2 * number + side->who, i);
	if (number % 2)
		return side->library->write(side->ssl, bytes, (int)message.length) ==
		       (int)message.length;
	return side->library->write_ex(side->ssl, bytes, message.length, &count) == 1 &&
	       count == message.length;
}

/* A message is one TLS record, which one read gives whole. */
static bool receive_message(struct side *side, uint32_t number)
{
	uint8_t bytes[MESSAGE_MAX] = {0};
	struct message message;
	size_t count = 0;
	int n;

	if (number % 3) {
		n = side->library->read(side->ssl, bytes, sizeof(bytes));
		count = n > 0 ? (size_t)n : 0;
	} else if (side->library->read_ex(side->ssl, bytes, sizeof(bytes), &count) != 1) {
		count = 0;
	}
	memcpy(&message, bytes, sizeof(message));
	return message_right(bytes, count) && message.from != side->who && message.number == number;
}

static void *serve(void *argument)
{
	struct side *side = argument;
	bool right = side->library->handshake(side->ssl) == 1;

	for (uint32_t number = 1; right; number++)
		right = receive_message(side, number) && send_message(side, number);
	/* The client's end is known only by what can not be read any more. */
	if (!atomic_load(&side->work->stop))
		atomic_store(&side->work->failed, 1);
	return NULL;
}

static void rest(struct work *work)
{
	usleep(PAUSE_US);
	while (atomic_load(&work->exchanges) >= atomic_load(&work->limit) &&
	       !atomic_load(&work->stop)) {
		atomic_store(&work->resting, 1);
		usleep(PAUSE_US);
	}
	atomic_store(&work->resting, 0);
}

static void *call(void *argument)
{
	struct side *side = argument;
	bool right = side->library->handshake(side->ssl) == 1;

	for (uint32_t number = 1; right; number++) {
		rest(side->work);
		if (atomic_load(&side->work->stop))
			return NULL;
		right = send_message(side, number) && receive_message(side, number);
		if (right)
			atomic_fetch_add(&side->work->exchanges, 1);
	}
	atomic_store(&side->work->failed, 1);
	return NULL;
}

static bool open_side(struct side *side, const struct pair_library *library, struct work *work,
		      int socket, uint32_t who)
{
	SSL_CTX *context = pair_context(library);
	BIO *bio = BIO_new_socket(socket, BIO_NOCLOSE);

	*side = (struct side){.library = library, .work = work, .who = who};
	side->ssl = context ? library->new (context) : NULL;
	if (!side->ssl || !bio)
		return false;
	library->bio(side->ssl, bio, bio);
	if (who == CLIENT)
		library->connect_state(side->ssl);
	else
		library->accept_state(side->ssl);
	return true;
}

static int exchange(struct work *work, const char *path)
{
	struct pair_library library;
	struct side client, server;
	pthread_t thread;
	int sockets[2];

	if (pair_load(&library, path) || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) ||
	    !open_side(&client, &library, work, sockets[0], CLIENT) ||
	    !open_side(&server, &library, work, sockets[1], SERVER) ||
	    pthread_create(&thread, NULL, serve, &server))
		return 1;
	call(&client);
	shutdown(sockets[0], SHUT_RDWR);
	pthread_join(thread, NULL);
	library.free(client.ssl);
	library.free(server.ssl);
	return atomic_load(&work->failed) ? 2 : 0;
}

static void start_child(struct lane *lane)
{
	pid_t parent = getpid();

	fflush(stdout);
	lane->child = fork();
	CHECK(lane->child >= 0);
	if (lane->child)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN); /* the server answers the end with an alert */
	_exit(getppid() == parent ? exchange(lane->work, lane->library) : 3);
}

/* Return: false if the child has ended, or nothing happens for long. */
static bool wait_for(struct lane *lane, bool (*happened)(const struct lane *, uint32_t), uint32_t n)
{
	time_t until = time(NULL) + PATIENCE_S;
	siginfo_t info = {0};

	while (!happened(lane, n)) {
		if (atomic_load(&lane->work->failed) || time(NULL) > until ||
		    waitid(P_PID, (id_t)lane->child, &info, WEXITED | WNOHANG | WNOWAIT) ||
		    info.si_pid)
			return false;
		usleep(100);
	}
	return true;
}

static bool has_made(const struct lane *lane, uint32_t exchanges)
{
	return (int32_t)(atomic_load(&lane->work->exchanges) - exchanges) >= 0;
}

static bool is_resting(const struct lane *lane, uint32_t exchanges)
{
	return atomic_load(&lane->work->resting);
}

static bool wait_more(struct lane *lane, uint32_t n)
{
	return wait_for(lane, has_made, atomic_load(&lane->work->exchanges) + n);
}

static void end_child(struct lane *lane)
{
	int status;

	atomic_store(&lane->work->stop, 1);
	CHECK(waitpid(lane->child, &status, 0) == lane->child);
	lane->child = 0;
	CHECK_INT(status, 0);
}

/* ---- what is captured ---- */

static void note_call(struct lane *lane, const struct cr_data *data)
{
	const uint8_t *bytes = (const uint8_t *)(data + 1);
	struct message message;
	struct flow *flow;
	uint32_t who;

	if (data->direction > 1 || data->op_length != data->captured_length || data->op_offset ||
	    !message_right(bytes, data->captured_length)) {
		fixture.wrong++;
		return;
	}
	memcpy(&message, bytes, sizeof(message));
	who = data->direction == CR_SEND ? message.from : !message.from;
	flow = &lane->flows[who][data->direction];
	fixture.wrong += flow->calls && message.number <= flow->last;
	flow->jumps += flow->calls && message.number != flow->last + 1;
	flow->last = message.number;
	flow->calls++;
}

static int on_record(void *context, void *record, size_t size)
{
	const struct cr_head *head = record;
	const struct cr_data *data = record;

	if (record_check(head, size)) {
		fixture.wrong++;
		return 0;
	}
	for (size_t i = 0; head->type == CR_DATA && i < fixture.n_lanes; i++)
		if ((uint32_t)fixture.lanes[i].child == data->process.pid)
			note_call(&fixture.lanes[i], data);
	return 0;
}

/* ---- the fixture ---- */

static void free_lane(struct lane *lane)
{
	ebpf_probes_free(lane->probes);
	if (lane->child > 0) {
		kill(lane->child, SIGKILL);
		waitpid(lane->child, NULL, 0);
	}
	if (lane->fd > 0)
		close(lane->fd);
	unlink(lane->library);
	if (lane->folder[0])
		rmdir(lane->folder);
	if (lane->work)
		munmap(lane->work, sizeof(*lane->work));
}

static void clean_up(void)
{
	for (size_t i = 0; i < fixture.n_lanes; i++)
		free_lane(&fixture.lanes[i]);
	ring_buffer__free(fixture.ring);
	ebpf_kernel_free(fixture.kernel);
	memset(&fixture, 0, sizeof(fixture));
}

static void load_programs(bool single_probes)
{
	struct ebpf_kernel_opts opts = {.ring_size = RING_SIZE, .single_probes = single_probes};
	enum kernel_step step;
	int fds[4], r = ebpf_kernel_new(&fixture.kernel, &opts, &step);

	if (r == -EPERM || r == -ENOSYS)
		SKIP("bpf is refused");
	CHECK_INT(r, 0);
	ebpf_kernel_reader_fds(fixture.kernel, fds);
	fixture.ring = ring_buffer__new(fds[0], on_record, NULL, NULL);
	CHECK(fixture.ring);
}

static void open_lane(struct lane *lane)
{
	struct procfs_stat stat;
	void *work;
	int n;

	snprintf(lane->folder, sizeof(lane->folder), "/tmp/tollspan-test-XXXXXX");
	CHECK(mkdtemp(lane->folder));
	CHECK(!pair_copy_library(lane->folder, lane->library, sizeof(lane->library)));
	lane->fd = open(lane->library, O_RDONLY | O_CLOEXEC);
	CHECK(lane->fd > 0);
	n = site_find(lane->fd, 0, lane->sites);
	CHECK(n >= 3);
	lane->n_sites = (size_t)n;
	work = mmap(NULL, sizeof(*lane->work), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		    -1, 0);
	CHECK(work != MAP_FAILED);
	lane->work = work;
	atomic_store(&lane->work->limit, UINT32_MAX);
	start_child(lane);
	CHECK_INT(procfs_stat(lane->child, &stat), 0);
	CHECK_INT(ebpf_kernel_follow(fixture.kernel, lane->child, stat.start, false), 1);
}

static void set_up(bool single_probes, size_t n_lanes)
{
	clean_up();
	if (geteuid())
		SKIP("needs root");
	load_programs(single_probes);
	while (fixture.n_lanes < n_lanes)
		open_lane(&fixture.lanes[fixture.n_lanes++]);
	for (size_t i = 0; i < n_lanes; i++)
		CHECK(wait_more(&fixture.lanes[i], 1));
}

static int descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int n = 0;

	CHECK(folder);
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

/* ---- cases ---- */

static bool attach(struct lane *lane)
{
	return ebpf_kernel_attach(fixture.kernel, lane->fd, lane->sites, lane->n_sites,
				  &lane->probes) == (int)lane->n_sites;
}

static void detach(struct lane *lane)
{
	ebpf_probes_free(lane->probes);
	lane->probes = NULL;
}

static void *run_cycles(void *argument)
{
	struct lane *lane = argument;

	for (unsigned int i = 0; !lane->failure && i < lane->cycles; i++) {
		if (!attach(lane))
			lane->failure = "attach";
		else if (!wait_more(lane, CALLS_EACH))
			lane->failure = "exchanges under probes";
		detach(lane);
		if (!lane->failure && !wait_more(lane, CALLS_EACH))
			lane->failure = "exchanges after probes";
	}
	atomic_fetch_sub(&fixture.at_work, 1);
	return NULL;
}

/* Each thread ends by itself before anything is checked. */
static void check_cycles(unsigned int cycles)
{
	int read = 0;

	atomic_store(&fixture.at_work, fixture.n_lanes);
	for (size_t i = 0; i < fixture.n_lanes; i++) {
		struct lane *lane = &fixture.lanes[i];

		lane->cycles = cycles / (unsigned int)fixture.n_lanes;
		if (pthread_create(&lane->thread, NULL, run_cycles, lane))
			abort();
	}
	while (atomic_load(&fixture.at_work) && read >= 0) {
		read = ring_buffer__consume(fixture.ring);
		usleep(1000);
	}
	for (size_t i = 0; i < fixture.n_lanes; i++)
		pthread_join(fixture.lanes[i].thread, NULL);
	CHECK(read >= 0);
	CHECK_INT(fixture.wrong, 0);
	for (size_t i = 0; i < fixture.n_lanes; i++) {
		CHECK_TEXT(fixture.lanes[i].failure ? fixture.lanes[i].failure : "", "");
		for (size_t j = 0; j < 4; j++)
			CHECK(fixture.lanes[i].flows[j / 2][j % 2].calls > 0);
	}
}

/*
 * All calls of both sides from here on, one after the other, none left out. The server waits in a
 * call already, which may be known or not.
 */
static void check_whole(void)
{
	for (size_t i = 0; i < fixture.n_lanes; i++) {
		struct lane *lane = &fixture.lanes[i];

		atomic_store(&lane->work->limit, 0);
		CHECK(wait_for(lane, is_resting, 0));
		CHECK(attach(lane));
	}
	CHECK(ring_buffer__consume(fixture.ring) >= 0);
	for (size_t i = 0; i < fixture.n_lanes; i++) {
		struct lane *lane = &fixture.lanes[i];
		uint32_t limit = atomic_load(&lane->work->exchanges) + CALLS_WHOLE;

		memset(lane->flows, 0, sizeof(lane->flows));
		atomic_store(&lane->work->limit, limit);
		CHECK(wait_for(lane, has_made, limit));
		CHECK(wait_for(lane, is_resting, 0));
	}
	CHECK(ring_buffer__consume(fixture.ring) >= 0);
	CHECK_INT(fixture.wrong, 0);
	for (size_t i = 0; i < fixture.n_lanes; i++) {
		const struct flow(*flows)[2] = fixture.lanes[i].flows;

		CHECK_INT(flows[CLIENT][CR_SEND].calls, CALLS_WHOLE);
		CHECK_INT(flows[CLIENT][CR_RECV].calls, CALLS_WHOLE);
		CHECK_INT(flows[SERVER][CR_SEND].calls, CALLS_WHOLE);
		CHECK(flows[SERVER][CR_RECV].calls >= CALLS_WHOLE - 1);
		for (size_t j = 0; j < 4; j++)
			CHECK_INT(flows[j / 2][j % 2].jumps, 0);
	}
}

static void check(bool single_probes, size_t n_lanes, unsigned int cycles)
{
	int before;

	set_up(single_probes, n_lanes);
	before = descriptors();
	check_cycles(cycles);
	CHECK_INT(descriptors(), before);
	check_whole();
	for (size_t i = 0; i < fixture.n_lanes; i++)
		end_child(&fixture.lanes[i]);
	clean_up();
}

TEST(a_thousand_cycles)
{
	check(false, LANES_MAX, 1000);
}

TEST(cycles_of_single_probes)
{
	check(true, 4, 12);
}

TEST_MAIN()
