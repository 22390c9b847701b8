/* SPDX-License-Identifier: Apache-2.0 */
/* Capture by probes, against what the sender itself wrote down. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "agent/attach/proc.h"
#include "agent/attach/site.h"
#include "agent/source/ebpf.h"
#include "agent/util/clock.h"
#include "agent/util/record_check.h"
#include "agent/util/sandbox.h"
#include "tests/unit/test.h"
#include "tests/unit/source/pair.h"

#define RECORDS_MAX 65536
#define PATIENCE_NS (40 * NS_PER_SECOND)

struct capture {
	struct ebpf_source *source;
	struct cr_head *records[RECORDS_MAX];
	size_t n;
	char folder[64], library[128];
	struct pair_log *log;
	pid_t child;
	int hold[2]; /* the child waits until its end is closed */
};

static struct capture capture;

/* ---- the fixture ---- */

static int keep(void *context, const struct cr_head *record)
{
	struct capture *c = context;
	struct cr_head *copy = malloc(record->length);

	if (!copy || c->n == RECORDS_MAX) {
		free(copy);
		return -ENOMEM;
	}
	memcpy(copy, record, record->length);
	c->records[c->n++] = copy;
	return 0;
}

static struct ebpf_opts usual_opts(void)
{
	return (struct ebpf_opts){.sink = keep,
				  .context = &capture,
				  .uid = (uid_t)-1,
				  .find_sites = site_find,
				  .describe = proc_record};
}

static void clean_up(void)
{
	ebpf_source_free(capture.source);
	for (size_t i = 0; i < capture.n; i++)
		free(capture.records[i]);
	if (capture.library[0])
		unlink(capture.library);
	if (capture.folder[0])
		rmdir(capture.folder);
	if (capture.log)
		munmap(capture.log, sizeof(*capture.log));
	memset(&capture, 0, sizeof(capture));
}

static void set_up(const struct ebpf_opts *opts)
{
	const char *why = NULL;
	int r;

	clean_up();
	if (geteuid())
		SKIP("needs root");
	snprintf(capture.folder, sizeof(capture.folder), "/tmp/tollspan-test-XXXXXX");
	CHECK(mkdtemp(capture.folder));
	chmod(capture.folder, 0755);
	CHECK(!pair_copy_library(capture.folder, capture.library, sizeof(capture.library)));
	capture.log = pair_log_new();
	CHECK(capture.log);
	CHECK_INT(ebpf_source_start(&capture.source, opts), 0);
	r = ebpf_source_wait(capture.source, &why);
	if (r == -EPERM || r == -ENOSYS)
		SKIP(why ? why : "bpf is refused");
	CHECK_INT(r, 0);
}

typedef int (*child_fn)(struct pair_log *log, const char *library);

/* A child that begins when released. */
static void start_child(child_fn fn)
{
	char go;

	CHECK(!pipe2(capture.hold, O_CLOEXEC));
	fflush(stdout);
	capture.child = fork();
	CHECK(capture.child >= 0);
	if (!capture.child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(capture.hold[1]);
		while (read(capture.hold[0], &go, 1) < 0 && errno == EINTR)
			;
		_exit(fn(capture.log, capture.library));
	}
	close(capture.hold[0]);
}

static void release_child(void)
{
	close(capture.hold[1]);
}

/* Read until the child has ended. Return: its exit status. */
static int run_child(void)
{
	int status, r;

	do {
		struct pollfd wait = {.fd = ebpf_source_fd(capture.source), .events = POLLIN};

		poll(&wait, 1, 50);
		CHECK_INT(ebpf_source_dispatch(capture.source), 0);
		r = waitpid(capture.child, &status, WNOHANG);
	} while (r == 0);
	CHECK(r == capture.child);
	CHECK_INT(ebpf_source_finish(capture.source), 0);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void wait_step(struct pair_log *log, uint32_t step)
{
	while (atomic_load(&log->step) < step)
		usleep(200);
}

/* ---- what came ---- */

static const struct cr_data *data_at(size_t i)
{
	return capture.records[i]->type == CR_DATA ? (const struct cr_data *)capture.records[i]
						   : NULL;
}

static size_t count_type(unsigned int type)
{
	size_t n = 0;

	for (size_t i = 0; i < capture.n; i++)
		n += capture.records[i]->type == type;
	return n;
}

static void sum_lost(uint64_t *ret_records, uint64_t *ret_bytes)
{
	*ret_records = *ret_bytes = 0;
	for (size_t i = 0; i < capture.n; i++) {
		const struct cr_lost *lost = (const struct cr_lost *)capture.records[i];

		if (lost->head.type != CR_LOST || lost->head.length > sizeof(*lost))
			continue;
		*ret_records += lost->records;
		*ret_bytes += lost->bytes;
	}
}

/*
 * All bytes of an operation, given its pieces, from record `at` on.
 * Return: bytes, or -1 if they are not those that the sender wrote, or do not tile it.
 */
static int64_t check_operation(const struct pair_entry *entry, uint64_t op, uint32_t skip)
{
	uint64_t offset = 0;

	for (size_t i = 0; i < capture.n && offset < entry->length; i++) {
		const struct cr_data *data = data_at(i);
		const uint8_t *bytes = (const uint8_t *)(data + 1);

		if (!data || data->conn != entry->ssl || data->process.pid != entry->pid ||
		    data->direction != entry->direction || data->op != op)
			continue;
		if (data->op_offset != offset || data->op_length != entry->length ||
		    data->captured_length != data->true_length || data->task != entry->tid ||
		    data->entry_ns > data->return_ns || !data->generation)
			return -1;
		for (size_t j = 0; j < data->captured_length; j++)
			if (bytes[j] != pair_byte(entry->seed, skip + offset + j))
				return -1;
		offset += data->captured_length;
	}
	return (int64_t)offset;
}

/* Every operation that the sender noted is there, once, in order and whole; and nothing else. */
static void check_exact(void)
{
	uint32_t n = atomic_load(&capture.log->n);
	uint64_t sent = 0, captured = 0;

	CHECK(n > 0 && n <= PAIR_LOG_MAX);
	for (uint32_t i = 0; i < n; i++) {
		const struct pair_entry *entry = &capture.log->entries[i];
		uint32_t skip = 0;
		uint64_t op = 0;

		for (uint32_t j = 0; j < i; j++) {
			const struct pair_entry *before = &capture.log->entries[j];

			if (before->ssl != entry->ssl || before->direction != entry->direction ||
			    before->pid != entry->pid)
				continue;
			op++;
			if (before->seed == entry->seed)
				skip += before->length;
		}
		if (entry->direction == CR_SEND)
			skip = 0;
		CHECK_INT(check_operation(entry, op, skip), entry->length);
		sent += entry->length;
	}
	for (size_t i = 0; i < capture.n; i++)
		if (data_at(i))
			captured += data_at(i)->captured_length;
	CHECK_INT(captured, sent);
}

/* ---- cases ---- */

static int plain_and_extended(struct pair_log *log, const char *path)
{
	struct pair_library library;
	struct pair pair;

	if (pair_load(&library, path) || pair_open(&pair, &library, log, 65536))
		return 1;
	for (uint32_t i = 0; i < 50; i++)
		if (pair_send(&pair, 1 + i * 97, i + 1, i % 2))
			return 2;
	pair_close(&pair);
	return 0;
}

static void check_plain_and_extended(const struct ebpf_opts *opts)
{
	set_up(opts);
	CHECK_INT(ebpf_source_prepare(capture.source, capture.library), 0);
	start_child(plain_and_extended);
	CHECK_INT(ebpf_source_follow(capture.source, capture.child, true), 0);
	release_child();
	CHECK_INT(run_child(), 0);
	check_exact();
	CHECK_INT(capture.records[0]->type, CR_CLOCK);
	CHECK_INT(count_type(CR_END), 2);
	CHECK_INT(count_type(CR_CONN), 0);
	CHECK_INT(count_type(CR_EXIT), 1);
	CHECK_INT(count_type(CR_LOST), 0);
	clean_up();
}

TEST(plain_and_extended_forms)
{
	struct ebpf_opts opts = usual_opts();

	check_plain_and_extended(&opts);
}

TEST(single_probes)
{
	struct ebpf_opts opts = usual_opts();

	opts.single_probes = true;
	check_plain_and_extended(&opts);
}

TEST(exported_symbols)
{
	struct ebpf_opts opts = usual_opts();

	opts.find_flags = SITE_EXPORTED_ONLY;
	check_plain_and_extended(&opts);
}

/* The attacher's pid, as its own callback knows it. */
static int describe_and_tell(pid_t pid, unsigned int flags, struct buffer *out)
{
	atomic_store(&capture.log->attacher, (uint32_t)getpid());
	return proc_record(pid, flags, out);
}

/* Has the attacher got the library open? */
static bool is_at_library(void)
{
	char path[512], target[512];
	struct dirent *entry;
	bool found = false;
	ssize_t n;
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%u/fd", atomic_load(&capture.log->attacher));
	fds = opendir(path);
	while (fds && !found && (entry = readdir(fds))) {
		n = readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		found = !strcmp(target, capture.library);
	}
	if (fds)
		closedir(fds);
	return found;
}

static int loads_then_speaks(struct pair_log *log, const char *path)
{
	if (!dlopen(path, RTLD_NOW | RTLD_LOCAL))
		return 1;
	atomic_store(&log->loaded_ns, clock_boot_ns());
	atomic_store(&log->step, 1);
	wait_step(log, 2);
	return plain_and_extended(log, path);
}

/* Not prepared: the mapping itself is seen. Return: ns from then until the probes were there. */
static uint64_t load_later(void)
{
	uint64_t until = clock_boot_ns() + PATIENCE_NS, took;
	struct ebpf_opts opts = usual_opts();

	opts.describe = describe_and_tell;
	set_up(&opts);
	start_child(loads_then_speaks);
	CHECK_INT(ebpf_source_follow(capture.source, capture.child, true), 0);
	CHECK(!is_at_library());
	release_child();
	wait_step(capture.log, 1);
	while (!is_at_library() && clock_boot_ns() < until)
		usleep(500);
	CHECK(is_at_library());
	/* it answers when it has done what it was at */
	CHECK_INT(ebpf_source_kill(capture.source, capture.child, SIGWINCH), 0);
	took = clock_boot_ns() - atomic_load(&capture.log->loaded_ns);
	atomic_store(&capture.log->step, 2);
	CHECK_INT(run_child(), 0);
	check_exact();
	clean_up();
	return took;
}

/*
 * No real client speaks sooner than some milliseconds after its library is there. In an emulator
 * all takes longer, and it says by how much. The best of some tries, as the machine may be busy.
 */
TEST(library_loaded_later)
{
	const char *slowness = getenv("TOLLSPAN_TEST_SLOWNESS");
	uint64_t limit = 100000000ull * (slowness ? strtoul(slowness, NULL, 10) : 1);
	uint64_t best = load_later();

	for (int i = 0; i < 10 && best > limit; i++) {
		uint64_t took = load_later();

		best = took < best ? took : best;
	}
	CHECK(best <= limit);
}

static int one_large_write(struct pair_log *log, const char *path)
{
	struct pair_library library;
	struct pair pair;

	if (pair_load(&library, path) || pair_open(&pair, &library, log, 4096))
		return 1;
	/* The BIO holds far less: the library asks for the same write again and again. */
	if (pair_send(&pair, 300 * 1024, 7, false) || pair_send(&pair, 300 * 1024 + 1, 8, true))
		return 2;
	pair_close(&pair);
	return 0;
}

TEST(large_write_retried)
{
	struct ebpf_opts opts = usual_opts();

	set_up(&opts);
	CHECK_INT(ebpf_source_prepare(capture.source, capture.library), 0);
	start_child(one_large_write);
	CHECK_INT(ebpf_source_follow(capture.source, capture.child, true), 0);
	release_child();
	CHECK_INT(run_child(), 0);
	check_exact();
	clean_up();
}

struct worker {
	struct pair_library *library;
	struct pair_log *log;
	uint32_t number;
	int result;
};

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct pair pair;

	worker->result = 1;
	if (pair_open(&pair, worker->library, worker->log, 65536))
		return NULL;
	for (uint32_t i = 0; i < 20; i++)
		if (pair_send(&pair, 200 + worker->number * 31 + i, worker->number * 100 + i + 1,
			      i % 2))
			return NULL;
	pair_close(&pair);
	worker->result = 0;
	return NULL;
}

#define WORKERS 32

static int many_threads(struct pair_log *log, const char *path)
{
	struct pair_library library;
	struct worker workers[WORKERS];
	pthread_t threads[WORKERS];
	int failed = 0;

	if (pair_load(&library, path))
		return 1;
	for (uint32_t i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){.library = &library, .log = log, .number = i};
		if (pthread_create(&threads[i], NULL, work, &workers[i]))
			return 2;
	}
	for (int i = 0; i < WORKERS; i++) {
		pthread_join(threads[i], NULL);
		failed |= workers[i].result;
	}
	return failed;
}

TEST(many_threads)
{
	struct ebpf_opts opts = usual_opts();

	set_up(&opts);
	CHECK_INT(ebpf_source_prepare(capture.source, capture.library), 0);
	start_child(many_threads);
	CHECK_INT(ebpf_source_follow(capture.source, capture.child, true), 0);
	release_child();
	CHECK_INT(run_child(), 0);
	/* Pointers are reused between threads: count, and compare bytes by generation. */
	uint32_t n = atomic_load(&capture.log->n);
	uint64_t sent = 0, captured = 0, records = 0;

	for (uint32_t i = 0; i < n; i++)
		sent += capture.log->entries[i].length;
	for (size_t i = 0; i < capture.n; i++) {
		if (!data_at(i))
			continue;
		captured += data_at(i)->captured_length;
		records++;
	}
	CHECK_INT(n, WORKERS * 20 * 2);
	CHECK_INT(records, n);
	CHECK_INT(captured, sent);
	clean_up();
}

static int both_after_fork(struct pair_log *log, const char *path)
{
	struct pair_library library;
	struct pair pair;
	int status;
	pid_t pid;

	if (pair_load(&library, path) || pair_open(&pair, &library, log, 65536) ||
	    pair_send(&pair, 100, 1, false))
		return 1;
	pid = fork();
	for (uint32_t i = 0; i < 10; i++)
		if (pair_send(&pair, 500 + i, (pid ? 100 : 200) + i, false))
			_exit(2);
	if (!pid)
		_exit(0);
	return waitpid(pid, &status, 0) == pid && !status ? 0 : 3;
}

TEST(both_sides_of_a_fork)
{
	struct ebpf_opts opts = usual_opts();

	set_up(&opts);
	CHECK_INT(ebpf_source_prepare(capture.source, capture.library), 0);
	start_child(both_after_fork);
	CHECK_INT(ebpf_source_follow(capture.source, capture.child, true), 0);
	release_child();
	CHECK_INT(run_child(), 0);
	check_exact();
	CHECK_INT(count_type(CR_FORK), 1);
	CHECK_INT(count_type(CR_EXIT), 2);
	CHECK_INT(count_type(CR_PROC), 2);
	clean_up();
}

static int exec_program(struct pair_log *log, const char *path)
{
	execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
	return 1;
}

TEST(exec_and_exit_status)
{
	struct ebpf_opts opts = usual_opts();
	const struct cr_exit *ended = NULL;
	const struct cr_proc *root = NULL;

	set_up(&opts);
	start_child(exec_program);
	CHECK_INT(ebpf_source_follow(capture.source, capture.child, true), 0);
	release_child();
	CHECK_INT(run_child(), 7);
	CHECK_INT(count_type(CR_EXEC), 1);
	for (size_t i = 0; i < capture.n; i++) {
		if (capture.records[i]->type == CR_EXIT)
			ended = (const struct cr_exit *)capture.records[i];
		if (capture.records[i]->type == CR_PROC && !root)
			root = (const struct cr_proc *)capture.records[i];
	}
	CHECK(ended && WIFEXITED(ended->status) && WEXITSTATUS(ended->status) == 7);
	CHECK(root && (root->flags & CR_PROC_ROOT) && root->process.pid == ended->process.pid &&
	      root->process.start == ended->process.start);
	clean_up();
}

TEST(outside_the_tree_nothing)
{
	struct ebpf_opts opts = usual_opts();
	pid_t other;

	set_up(&opts);
	CHECK_INT(ebpf_source_prepare(capture.source, capture.library), 0);
	other = fork();
	if (!other) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	start_child(plain_and_extended);
	CHECK_INT(ebpf_source_follow(capture.source, other, true), 0);
	release_child();
	CHECK_INT(run_child(), 0);
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	CHECK(atomic_load(&capture.log->n) > 0);
	for (size_t i = 0; i < capture.n; i++) {
		unsigned int type = capture.records[i]->type;

		CHECK(type == CR_CLOCK || type == CR_TICK || type == CR_PROC);
	}
	clean_up();
}

static void child_pauses(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent) /* else it is gone already */
		pause();
	_exit(0);
}

/* A child of a child of ours. */
static pid_t start_grandchild(pid_t *ret_child)
{
	pid_t self = getpid(), grandchild = 0;
	int pair[2];

	CHECK(!pipe2(pair, O_CLOEXEC));
	*ret_child = fork();
	if (!*ret_child) {
		pid_t child = getpid();

		grandchild = fork();
		if (!grandchild)
			child_pauses(child);
		if (write(pair[1], &grandchild, sizeof(grandchild)) != sizeof(grandchild))
			_exit(1);
		child_pauses(self);
	}
	CHECK(read(pair[0], &grandchild, sizeof(grandchild)) == sizeof(grandchild));
	close(pair[0]);
	close(pair[1]);
	return grandchild;
}

static void end_child(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

TEST(only_our_children_are_followed)
{
	struct ebpf_opts opts = usual_opts();
	pid_t child, grandchild;

	set_up(&opts);
	grandchild = start_grandchild(&child);
	CHECK_INT(ebpf_source_follow(capture.source, grandchild, true), -EPERM);
	CHECK_INT(ebpf_source_follow(capture.source, 1, true), -EPERM);
	CHECK_INT(ebpf_source_follow(capture.source, getpid(), true), 0);
	CHECK_INT(count_type(CR_PROC), 0);
	CHECK_INT(ebpf_source_kill(capture.source, child, SIGTERM), -EPERM);
	CHECK_INT(ebpf_source_follow(capture.source, child, true), 0);
	CHECK_INT(ebpf_source_kill(capture.source, grandchild, SIGTERM), -EPERM);
	end_child(child);
	clean_up();
}

TEST(only_the_named_process_is_followed)
{
	struct ebpf_opts opts = usual_opts();
	pid_t child, grandchild = start_grandchild(&child);

	opts.attach = grandchild;
	set_up(&opts);
	CHECK_INT(ebpf_source_follow(capture.source, child, true), -EPERM);
	CHECK_INT(ebpf_source_follow(capture.source, grandchild, true), 0);
	end_child(child);
	clean_up();
}

TEST(only_signals_that_are_passed_on)
{
	struct ebpf_opts opts = usual_opts();
	int status;
	pid_t child;

	set_up(&opts);
	child = fork();
	if (!child)
		child_pauses(getppid());
	CHECK_INT(ebpf_source_follow(capture.source, child, true), 0);
	CHECK_INT(ebpf_source_kill(capture.source, child, SIGKILL), -EPERM);
	CHECK_INT(ebpf_source_kill(capture.source, child, SIGSTOP), -EPERM);
	CHECK_INT(ebpf_source_kill(capture.source, child, 0), -EPERM);
	CHECK_INT(ebpf_source_kill(capture.source, -1, SIGTERM), -EPERM);
	CHECK_INT(ebpf_source_kill(capture.source, child, SIGTERM), 0);
	CHECK(waitpid(child, &status, 0) == child && WTERMSIG(status) == SIGTERM);
	CHECK_INT(ebpf_source_kill(capture.source, child, SIGTERM), -ESRCH);
	clean_up();
}

static int many_small(struct pair_log *log, const char *path)
{
	struct pair_library library;
	struct pair pair;

	if (pair_load(&library, path) || pair_open(&pair, &library, log, 65536))
		return 1;
	for (uint32_t i = 0; i < 2000; i++)
		if (pair_send(&pair, 1 + i % 3000, i + 1, i % 2))
			return 2;
	pair_close(&pair);
	return 0;
}

TEST(captured_and_lost_are_sent)
{
	struct ebpf_opts opts = usual_opts();
	uint64_t sent = 0, captured = 0, records = 0, lost_records, lost_bytes;
	uint32_t n;
	int status;

	opts.ring_size = 64 * 1024;
	set_up(&opts);
	CHECK_INT(ebpf_source_prepare(capture.source, capture.library), 0);
	start_child(many_small);
	CHECK_INT(ebpf_source_follow(capture.source, capture.child, true), 0);
	release_child();
	/* The reader does nothing meanwhile. */
	CHECK(waitpid(capture.child, &status, 0) == capture.child && !status);
	CHECK_INT(ebpf_source_finish(capture.source), 0);
	n = atomic_load(&capture.log->n);
	for (uint32_t i = 0; i < n; i++)
		sent += capture.log->entries[i].length;
	for (size_t i = 0; i < capture.n; i++) {
		if (!data_at(i))
			continue;
		records++;
		captured += data_at(i)->captured_length;
	}
	sum_lost(&lost_records, &lost_bytes);
	CHECK(lost_records > 0 && records > 0);
	CHECK_INT(records + lost_records, n);
	CHECK_INT(captured + lost_bytes, sent);
	clean_up();
}

static int steps(struct pair_log *log, const char *path)
{
	static const size_t lengths[] = {100, 300 * 1024, 5000, 20000};
	struct pair_library library;
	struct pair pair;

	if (pair_load(&library, path) || pair_open(&pair, &library, log, 65536))
		return 1;
	for (uint32_t i = 0; i < 4; i++) {
		if (pair_send(&pair, lengths[i], i + 1, i % 2))
			return 2;
		atomic_store(&log->step, 2 * i + 1);
		wait_step(log, 2 * i + 2);
	}
	pair_close(&pair);
	return 0;
}

/* Let the child take its next step, and read what it did. */
static void next_step(uint32_t step)
{
	if (step > 1)
		atomic_store(&capture.log->step, step - 1);
	wait_step(capture.log, step);
	CHECK_INT(ebpf_source_dispatch(capture.source), 0);
}

TEST(joined_late)
{
	struct ebpf_opts opts = usual_opts();
	const struct pair_entry *entries;
	uint64_t bytes[2] = {0}, sent = 300 * 1024 + 5000 + 20000;

	set_up(&opts);
	start_child(steps);
	release_child();
	wait_step(capture.log, 1);
	CHECK_INT(ebpf_source_follow(capture.source, capture.child, false), 0);
	next_step(3);
	next_step(5);
	next_step(7);
	atomic_store(&capture.log->step, 8);
	CHECK_INT(run_child(), 0);
	entries = capture.log->entries;
	/* The log holds the operation before the join too: the first write and its reads. */
	CHECK_INT(entries[0].length, 100);
	for (size_t i = 0; i < capture.n; i++) {
		const struct cr_data *data = data_at(i);

		if (!data)
			continue;
		CHECK_INT(data->stream_offset, bytes[data->direction]);
		bytes[data->direction] += data->captured_length;
	}
	CHECK_INT(bytes[CR_SEND], sent);
	CHECK_INT(bytes[CR_RECV], sent);
	/* Both ends of the pair. */
	CHECK_INT(count_type(CR_CONN), 2);
	clean_up();
}

static const struct cr_data *last_sent(void)
{
	for (size_t i = capture.n; i-- > 0;)
		if (data_at(i) && data_at(i)->direction == CR_SEND)
			return data_at(i);
	return NULL;
}

static void give(const struct cr_data *data, enum verdict verdict)
{
	const struct control *control = ebpf_source_control(capture.source);
	struct conn_key key = {.process = {.start = data->process.start, .pid = data->process.pid},
			       .conn = data->conn,
			       .generation = data->generation,
			       .layer = data->layer};

	control->verdict(control->context, &key, verdict);
}

TEST(verdicts)
{
	struct ebpf_opts opts = usual_opts();
	const struct cr_data *data;

	set_up(&opts);
	CHECK_INT(ebpf_source_prepare(capture.source, capture.library), 0);
	start_child(steps);
	CHECK_INT(ebpf_source_follow(capture.source, capture.child, true), 0);
	release_child();
	next_step(1);
	data = last_sent();
	CHECK(data && data->captured_length == 100 && data->cut == CR_CUT_NONE);
	give(data, VERDICT_HEADS);
	next_step(3);
	data = last_sent();
	CHECK_INT(data->captured_length, 4096);
	CHECK_INT(data->true_length, 300 * 1024);
	CHECK_INT(data->cut, CR_CUT_VERDICT);
	CHECK_INT(data->stream_offset, 100);
	give(data, VERDICT_NONE);
	next_step(5);
	CHECK(last_sent() == data);
	give(data, VERDICT_FULL);
	next_step(7);
	data = last_sent();
	CHECK_INT(data->captured_length, 20000);
	CHECK_INT(data->stream_offset, 100 + 300 * 1024 + 5000);
	CHECK_INT(data->op, 3);
	CHECK_INT(count_type(CR_LOST), 0);
	atomic_store(&capture.log->step, 8);
	CHECK_INT(run_child(), 0);
	clean_up();
}

static int referenced(struct pair_log *log, const char *path)
{
	struct pair_library library;
	struct pair pair;

	if (pair_load(&library, path))
		return 1;
	for (uint32_t i = 0; i < 20; i++) {
		if (pair_open(&pair, &library, log, 65536) || pair_send(&pair, 10, i + 1, false))
			return 2;
		/* The first free only gives a reference back. */
		library.up_ref(pair.client);
		library.free(pair.client);
		if (pair_send(&pair, 10, 100 + i, false))
			return 3;
		pair_close(&pair);
	}
	return 0;
}

TEST(references_and_reused_pointers)
{
	struct ebpf_opts opts = usual_opts();
	uint64_t generation = 0, next = 0;

	set_up(&opts);
	CHECK_INT(ebpf_source_prepare(capture.source, capture.library), 0);
	start_child(referenced);
	CHECK_INT(ebpf_source_follow(capture.source, capture.child, true), 0);
	release_child();
	CHECK_INT(run_child(), 0);
	CHECK_INT(count_type(CR_END), 40);
	CHECK_INT(count_type(CR_CONN), 0);
	/* Two writes of ten bytes on each connection, whose pointer may be that of the last. */
	for (size_t i = 0; i < capture.n; i++) {
		const struct cr_data *data = data_at(i);

		if (!data || data->direction != CR_SEND)
			continue;
		if (data->generation != generation) {
			CHECK(data->generation > generation && next % 20 == 0);
			generation = data->generation;
			next = 0;
		}
		CHECK_INT(data->stream_offset, next);
		next += 10;
	}
	CHECK_INT(next, 20);
	clean_up();
}

TEST(reader_without_privilege)
{
	struct ebpf_opts opts = usual_opts();
	const struct cr_data *data;

	set_up(&opts);
	CHECK_INT(ebpf_source_prepare(capture.source, capture.library), 0);
	start_child(steps);
	CHECK_INT(ebpf_source_follow(capture.source, capture.child, true), 0);
	/* Without the effective user id 0 there is no effective capability. */
	CHECK(!seteuid(65534));
	release_child();
	next_step(1);
	data = last_sent();
	if (data)
		give(data, VERDICT_HEADS);
	next_step(3);
	next_step(5);
	next_step(7);
	atomic_store(&capture.log->step, 8);
	int status = run_child();

	CHECK(!seteuid(0));
	CHECK_INT(status, 0);
	CHECK(data);
	data = last_sent();
	CHECK_INT(data->captured_length, 4096);
	CHECK_INT(data->true_length, 20000);
	clean_up();
}

/* A program without any TLS library: that of the test itself may be mapped in its children. */
static int connects_in_vain(struct pair_log *log, const char *path)
{
	execl("/bin/bash", "bash", "-c", "exec 2>/dev/null; : 3<>/dev/tcp/127.0.0.1/1; exit 0",
	      (char *)NULL);
	return 1;
}

static int connects_and_stays(struct pair_log *log, const char *path)
{
	execl("/bin/bash", "bash", "-c",
	      "exec 2>/dev/null; : 3<>/dev/tcp/127.0.0.1/1; sleep 0.3; exit 0", (char *)NULL);
	return 1;
}

static struct {
	unsigned int n;
	struct cr_process process;
	char executable[256];
	bool interpreter; /* mapped */
} silent;

static int note_silent(void *context, const struct silent_process *process)
{
	size_t offset = sizeof(struct cr_hello), length;
	unsigned int tag;
	const char *text;

	silent.n++;
	silent.process = process->process;
	while ((text = record_field_next(process->hello, &offset, &tag, &length))) {
		if (tag == CR_FIELD_EXE)
			snprintf(silent.executable, sizeof(silent.executable), "%.*s", (int)length,
				 text);
		else if (tag == CR_FIELD_MAPPING && memmem(text, length, "/ld-", 4))
			silent.interpreter = true;
	}
	return 0;
}

static void check_silent(child_fn fn)
{
	struct ebpf_opts opts = usual_opts();
	struct stat bash, found;
	pid_t child;

	set_up(&opts);
	start_child(fn);
	child = capture.child;
	CHECK_INT(ebpf_source_follow(capture.source, capture.child, true), 0);
	release_child();
	CHECK_INT(run_child(), 0);
	CHECK_INT(count_type(CR_UNSEEN), 0);
	memset(&silent, 0, sizeof(silent));
	CHECK_INT(ebpf_source_silent(capture.source, note_silent, NULL), 0);
	CHECK_INT(silent.n, 1);
	CHECK_INT(silent.process.pid, child);
	CHECK(!stat("/bin/bash", &bash) && !stat(silent.executable, &found));
	CHECK(bash.st_dev == found.st_dev && bash.st_ino == found.st_ino);
	clean_up();
}

/* Often enough that the attacher gets to look at one of them. */
TEST(silent_process)
{
	for (int i = 0; i < 10 && !silent.interpreter; i++)
		check_silent(connects_and_stays);
	CHECK(silent.interpreter);
}

/* Perhaps before it could be looked at: then its path is known, of its mappings nothing. */
TEST(silent_process_that_is_gone_at_once)
{
	check_silent(connects_in_vain);
}

/* A process that locks itself in captures as before. */
TEST(attacher_that_is_locked)
{
	struct ebpf_opts opts = usual_opts();
	int status;
	pid_t child;

	if (geteuid())
		SKIP("needs root");
	fflush(stdout);
	child = fork();
	if (!child) {
		int out = setjmp(test_out);

		if (out || sandbox_lock(SANDBOX_ATTACHER))
			_exit(out ? out : 3);
		check_plain_and_extended(&opts);
		_exit(execl("/bin/true", "true", (char *)NULL) == -1 && errno == EPERM ? 0 : 4);
	}
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status));
	if (WEXITSTATUS(status) == 2)
		SKIP("bpf is refused");
	CHECK_INT(WEXITSTATUS(status), 0);
}

/* Reads until the child has ended, with no more than what a worker may do. */
static void read_locked(void)
{
	const struct cr_clock *clock;
	uint8_t boot_id[sizeof(clock->boot_id)];
	uint64_t until = clock_boot_ns() + PATIENCE_NS;

	CHECK_INT(clock_boot_id(boot_id), 0);
	CHECK_INT(sandbox_become(65534, 65534), 0);
	CHECK_INT(sandbox_lock(SANDBOX_WORKER), 0);
	CHECK_INT(ebpf_source_dispatch(capture.source), 0);
	clock = (const struct cr_clock *)capture.records[0];
	CHECK_INT(clock->head.type, CR_CLOCK);
	CHECK(!memcmp(clock->boot_id, boot_id, sizeof(boot_id)));
	CHECK_INT(ebpf_source_follow(capture.source, capture.child, true), 0);
	release_child();
	while (!count_type(CR_EXIT) && clock_boot_ns() < until) {
		struct pollfd wait = {.fd = ebpf_source_fd(capture.source), .events = POLLIN};

		poll(&wait, 1, 50);
		CHECK_INT(ebpf_source_dispatch(capture.source), 0);
	}
	CHECK_INT(ebpf_source_finish(capture.source), 0);
	check_exact();
	CHECK_INT(count_type(CR_LOST), 0);
}

TEST(reader_that_is_locked)
{
	struct ebpf_opts opts = usual_opts();
	int status;
	pid_t reader;

	set_up(&opts);
	CHECK_INT(ebpf_source_prepare(capture.source, capture.library), 0);
	start_child(plain_and_extended);
	fflush(stdout);
	reader = fork();
	if (!reader) {
		int out = setjmp(test_out);

		if (!out)
			read_locked();
		_exit(out);
	}
	release_child();
	CHECK(waitpid(reader, &status, 0) == reader);
	CHECK_INT(status, 0);
	CHECK(waitpid(capture.child, &status, 0) == capture.child && status == 0);
	clean_up();
}

static const struct cr_lost *find_lost(uint32_t cause)
{
	for (size_t i = 0; i < capture.n; i++) {
		const struct cr_lost *lost = (const struct cr_lost *)capture.records[i];

		if (lost->head.type == CR_LOST && lost->cause == cause)
			return lost;
	}
	return NULL;
}

TEST(attacher_that_died_is_a_loss)
{
	uint64_t until = clock_boot_ns() + PATIENCE_NS;
	struct ebpf_opts opts = usual_opts();
	pid_t child;

	opts.describe = describe_and_tell;
	set_up(&opts);
	child = fork();
	if (!child)
		child_pauses(getppid());
	CHECK_INT(ebpf_source_follow(capture.source, child, true), 0);
	CHECK_INT(ebpf_source_dispatch(capture.source), 0);
	CHECK(atomic_load(&capture.log->attacher) > 1);
	CHECK(!kill((pid_t)atomic_load(&capture.log->attacher), SIGKILL));
	while (ebpf_source_dispatch(capture.source) != -EPIPE && clock_boot_ns() < until)
		usleep(10000);
	CHECK_INT(ebpf_source_dispatch(capture.source), -EPIPE);
	CHECK_INT(ebpf_source_finish(capture.source), -EPIPE);
	CHECK_INT(count_type(CR_LOST), 1);
	CHECK(find_lost(CR_CAUSE_KILLED));
	CHECK(find_lost(CR_CAUSE_KILLED)->records > 0);
	end_child(child);
	clean_up();
}

static int describe_badly(pid_t pid, unsigned int flags, struct buffer *out)
{
	int r = proc_record(pid, flags, out);

	if (!r)
		((struct cr_head *)out->data)->version = 77;
	return r;
}

TEST(malformed_record_is_a_loss)
{
	struct ebpf_opts opts = usual_opts();
	pid_t child;

	opts.describe = describe_badly;
	set_up(&opts);
	child = fork();
	if (!child)
		child_pauses(getppid());
	CHECK_INT(ebpf_source_follow(capture.source, child, true), 0);
	CHECK_INT(count_type(CR_PROC), 0);
	CHECK_INT(count_type(CR_LOST), 1);
	CHECK(find_lost(CR_CAUSE_MALFORMED));
	CHECK_INT(find_lost(CR_CAUSE_MALFORMED)->records, 1);
	end_child(child);
	clean_up();
}

TEST_MAIN()
