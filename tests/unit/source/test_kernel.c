/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the programs in the kernel tell of processes in the tree and outside, some of them in a pid
 * namespace within ours: a child's number is what clone() gives for it, whatever it is there.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "agent/attach/site.h"
#include "agent/limits.h"
#include "agent/source/ebpf_kernel.h"
#include "agent/util/procfs.h"
#include "bpf/capture.h"
#include "tests/unit/test.h"
#include "tests/unit/source/pair.h"

#define EVENTS_MAX 64
#define NOBODY 65534
#define LENGTH 10 /* bytes of a message */

struct event {
	uint16_t type;
	struct cr_process process, parent;
	uint32_t status;
	char path[256];
};

struct fixture {
	struct ebpf_kernel *kernel;
	struct ring_buffer *lifecycle, *ring;
	struct ebpf_probes *probes;
	struct pair_log *log;
	char folder[64], library[128];
	int child_fd; /* orders to the child, and its answers */
	struct cr_process child, grandchild;
	struct event events[EVENTS_MAX];
	size_t n_events, n_data, n_wrong;
};

static struct fixture fixture;

/* ---- the child ---- */

static struct {
	pid_t pid;
	int hold; /* closed, it lets the grandchild begin its program */
} below;

static bool child_forks(void)
{
	int hold[2];
	char go;

	if (pipe2(hold, O_CLOEXEC))
		return false;
	below.pid = fork();
	if (!below.pid) {
		close(hold[1]);
		if (read(hold[0], &go, 1) == 0)
			execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
		_exit(1);
	}
	close(hold[0]);
	below.hold = hold[1];
	return below.pid > 0;
}

static bool child_does(char order, struct pair *pair)
{
	switch (order) {
	case 'u': /* becomes another user */
		return !setuid(NOBODY) && !prctl(PR_SET_PDEATHSIG, SIGKILL);
	case 'f':
		return child_forks();
	case 'e': /* the grandchild begins its program, and ends */
		return !close(below.hold) && waitpid(below.pid, NULL, 0) == below.pid;
	default: /* says something */
		return !pair_send(pair, LENGTH, 1, false);
	}
}

static int child_obeys(int fd)
{
	struct pair_library library;
	struct pair pair;
	char order;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (pair_load(&library, fixture.library) || pair_open(&pair, &library, fixture.log, 65536))
		return 1;
	while (read(fd, &order, 1) == 1)
		if (!child_does(order, &pair) || write(fd, &order, 1) != 1)
			return 2;
	return 0;
}

static void order(char what)
{
	char answer = 0;

	CHECK(write(fixture.child_fd, &what, 1) == 1);
	CHECK(read(fixture.child_fd, &answer, 1) == 1);
	CHECK_INT(answer, what);
}

static uint64_t start_of(pid_t pid)
{
	struct procfs_stat stat = {0};

	CHECK_INT(procfs_stat(pid, &stat), 0);
	return stat.start;
}

/* @namespaces: CLONE_NEWPID, or 0 for ours. */
static void start_child(unsigned long namespaces)
{
	int pair[2];
	long pid;

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	fflush(stdout);
	pid = syscall(SYS_clone, namespaces | SIGCHLD, 0, 0, 0, 0);
	CHECK(pid >= 0);
	if (!pid) {
		close(pair[0]);
		_exit(child_obeys(pair[1]));
	}
	close(pair[1]);
	fixture.child_fd = pair[0];
	fixture.child.pid = (uint32_t)pid;
	fixture.child.start = start_of((pid_t)pid);
}

/* ---- the fixture ---- */

static bool is_process(const struct cr_process *process, const struct cr_process *expected)
{
	return expected->pid && process->pid == expected->pid && process->start == expected->start;
}

/* Others of the machine come and go too. */
static int on_event(void *context, void *data, size_t size)
{
	struct event *event = &fixture.events[fixture.n_events];
	const struct cr_exec *record = data;

	if (!is_process(&record->process, &fixture.child) &&
	    !is_process(&record->process, &fixture.grandchild))
		return 0;
	if (fixture.n_events == EVENTS_MAX)
		return -ENOSPC;
	memset(event, 0, sizeof(*event));
	event->type = record->head.type;
	event->process = record->process;
	if (record->head.type == CR_FORK)
		event->parent = ((const struct cr_fork *)data)->parent;
	if (record->head.type == CR_EXIT)
		event->status = ((const struct cr_exit *)data)->status;
	if (record->head.type == CR_EXEC)
		snprintf(event->path, sizeof(event->path), "%s",
			 ((const struct capture_began *)data)->path);
	fixture.n_events++;
	return 0;
}

static int on_record(void *context, void *record, size_t size)
{
	const struct cr_data *data = record;

	if (data->head.type != CR_DATA)
		return 0;
	fixture.n_data++;
	/* The child has one thread. */
	fixture.n_wrong += !is_process(&data->process, &fixture.child) ||
			   data->task != fixture.child.pid || data->op_length != LENGTH;
	return 0;
}

static void clean_up(void)
{
	if (fixture.child.pid) {
		kill((pid_t)fixture.child.pid, SIGKILL);
		waitpid((pid_t)fixture.child.pid, NULL, 0);
		close(fixture.child_fd);
	}
	ebpf_probes_free(fixture.probes);
	ring_buffer__free(fixture.lifecycle);
	ring_buffer__free(fixture.ring);
	ebpf_kernel_free(fixture.kernel);
	if (fixture.log)
		munmap(fixture.log, sizeof(*fixture.log));
	unlink(fixture.library);
	if (fixture.folder[0])
		rmdir(fixture.folder);
	memset(&fixture, 0, sizeof(fixture));
}

static void place_probes(void)
{
	struct probe_site sites[LIMIT_SITES];
	int fd = open(fixture.library, O_RDONLY | O_CLOEXEC), n, placed = -1;

	CHECK(fd >= 0);
	n = site_find(fd, 0, sites);
	if (n > 0)
		placed = ebpf_kernel_attach(fixture.kernel, fd, sites, (size_t)n, &fixture.probes);
	close(fd);
	CHECK(n >= 3);
	CHECK_INT(placed, n);
}

static void set_up(bool whole_host)
{
	struct ebpf_kernel_opts opts = {.ring_size = 65536, .whole_host = whole_host};
	enum kernel_step step;
	int fds[4], r;

	clean_up();
	if (geteuid())
		SKIP("needs root");
	snprintf(fixture.folder, sizeof(fixture.folder), "/tmp/tollspan-test-XXXXXX");
	CHECK(mkdtemp(fixture.folder));
	CHECK(!pair_copy_library(fixture.folder, fixture.library, sizeof(fixture.library)));
	fixture.log = pair_log_new();
	CHECK(fixture.log);
	r = ebpf_kernel_new(&fixture.kernel, &opts, &step);
	if (r == -EPERM || r == -ENOSYS)
		SKIP("bpf is refused");
	CHECK_INT(r, 0);
	ebpf_kernel_reader_fds(fixture.kernel, fds);
	fixture.ring = ring_buffer__new(fds[0], on_record, NULL, NULL);
	fixture.lifecycle =
		ring_buffer__new(ebpf_kernel_lifecycle_fd(fixture.kernel), on_event, NULL, NULL);
	CHECK(fixture.ring && fixture.lifecycle);
	place_probes();
}

/* What was told since the last time is in the fixture. */
static void read_on(void)
{
	fixture.n_events = fixture.n_data = fixture.n_wrong = 0;
	CHECK(ring_buffer__consume(fixture.lifecycle) >= 0);
	CHECK(ring_buffer__consume(fixture.ring) >= 0);
	CHECK_INT(fixture.n_wrong, 0);
}

static void expect_stranger(void)
{
	read_on();
	CHECK_INT(fixture.n_events, 1);
	CHECK_INT(fixture.events[0].type, CAPTURE_EVENT_STRANGER);
	CHECK(is_process(&fixture.events[0].process, &fixture.child));
	CHECK_INT(fixture.n_data, 0);
}

static void expect_nothing(void)
{
	read_on();
	CHECK_INT(fixture.n_events, 0);
	CHECK_INT(fixture.n_data, 0);
}

static void follow(bool quiet)
{
	CHECK(ebpf_kernel_follow(fixture.kernel, (pid_t)fixture.child.pid, fixture.child.start,
				 quiet) >= 0);
}

/* ---- cases ---- */

static void check_strangers(unsigned long namespaces)
{
	set_up(true);
	start_child(namespaces);
	order('s');
	order('s');
	expect_stranger();
	order('u');
	expect_nothing();
	order('s');
	order('s');
	expect_stranger();
	follow(false);
	order('s');
	read_on();
	CHECK_INT(fixture.n_events, 0);
	CHECK_INT(fixture.n_data, 2); /* a write and a read */
	clean_up();
}

TEST(strangers_are_told_once_and_after_each_change)
{
	check_strangers(0);
}

TEST(strangers_in_a_namespace_within_ours)
{
	check_strangers(CLONE_NEWPID);
}

TEST(strangers_to_a_tree_are_its_quiet_ones)
{
	set_up(false);
	start_child(0);
	order('s');
	expect_nothing();
	follow(true);
	order('s');
	expect_stranger();
	order('s');
	expect_nothing();
	clean_up();
}

static int note_grandchild(void *context, pid_t pid)
{
	fixture.grandchild.pid = (uint32_t)pid;
	return 0;
}

/* The grandchild is made, begins a program and ends. */
static void have_a_grandchild(void)
{
	order('f');
	CHECK_INT(procfs_children((pid_t)fixture.child.pid, note_grandchild, NULL), 0);
	CHECK(fixture.grandchild.pid);
	fixture.grandchild.start = start_of((pid_t)fixture.grandchild.pid);
	order('e');
	read_on();
}

static void expect_event(size_t i, uint16_t type)
{
	CHECK(i < fixture.n_events);
	CHECK_INT(fixture.events[i].type, type);
	CHECK(is_process(&fixture.events[i].process, &fixture.grandchild));
}

static void check_a_life(unsigned long namespaces)
{
	set_up(false);
	start_child(namespaces);
	follow(false);
	have_a_grandchild();
	CHECK_INT(fixture.n_events, 3);
	expect_event(0, CR_FORK);
	CHECK(is_process(&fixture.events[0].parent, &fixture.child));
	expect_event(1, CR_EXEC);
	CHECK_TEXT(fixture.events[1].path, "/bin/sh");
	expect_event(2, CR_EXIT);
	CHECK(WIFEXITED(fixture.events[2].status));
	CHECK_INT(WEXITSTATUS(fixture.events[2].status), 7);
	CHECK(!ebpf_kernel_follows(fixture.kernel, (pid_t)fixture.grandchild.pid, NULL));
	clean_up();
}

TEST(a_life_in_the_tree)
{
	check_a_life(0);
}

TEST(a_life_in_a_namespace_within_ours)
{
	check_a_life(CLONE_NEWPID);
}

static void check_a_life_outside(unsigned long namespaces)
{
	set_up(true);
	start_child(namespaces);
	order('s');
	expect_stranger();
	have_a_grandchild();
	CHECK_INT(fixture.n_events, 1);
	expect_event(0, CR_EXEC);
	CHECK_TEXT(fixture.events[0].path, "/bin/sh");
	clean_up();
}

TEST(a_life_outside_the_tree)
{
	check_a_life_outside(0);
}

TEST(a_life_outside_the_tree_and_in_a_namespace)
{
	check_a_life_outside(CLONE_NEWPID);
}

TEST_MAIN()
