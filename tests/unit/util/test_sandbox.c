/* SPDX-License-Identifier: Apache-2.0 */
/* What finder and worker can not do any more, and what they still can. */
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <time.h>

#include "agent/util/hash.h"
#include "tests/unit/util/confined.h"

#ifndef SYS_clone3
#define SYS_clone3 435
#endif

static const char contents[] = "what the file holds\n";

/* What the parent prepares. */
static struct {
	enum sandbox_role role;
	bool become;
	int pair[2];
	int map;
	int datagram; /* a Unix socket that is not connected */
	int file;
} given = {.pair = {-1, -1}, .map = -1, .datagram = -1, .file = -1};

static long bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static void close_all(void)
{
	const int fds[] = {given.pair[0], given.pair[1], given.map, given.datagram, given.file};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	memset(&given, 0, sizeof(given));
	given.pair[0] = given.pair[1] = given.map = given.datagram = given.file = -1;
}

static void set_up(enum sandbox_role role, bool become)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};
	char path[] = "/tmp/tollspan-test-XXXXXX";

	close_all();
	if (geteuid())
		SKIP("needs root");
	given.role = role;
	given.become = become;
	CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, given.pair));
	given.datagram = socket(AF_UNIX, SOCK_DGRAM, 0);
	given.map = (int)bpf(BPF_MAP_CREATE, &attr);
	if (given.map < 0 && errno == EPERM)
		SKIP("bpf is refused");
	given.file = mkstemp(path);
	CHECK(given.datagram >= 0 && given.map >= 0 && given.file >= 0);
	unlink(path);
	CHECK(write(given.file, contents, sizeof(contents)) == sizeof(contents));
}

/* ---- refused ---- */

static void *nothing(void *context)
{
	return context;
}

static void try_files(void)
{
	char text[64];
	struct stat st;

	EXPECT_REFUSED(open("/dev/null", O_RDONLY));
	EXPECT_REFUSED(open("/", O_PATH));
	EXPECT_REFUSED(openat(given.file, "", O_RDONLY));
	EXPECT_REFUSED(openat(AT_FDCWD, "tollspan-test", O_CREAT | O_WRONLY, 0600));
	EXPECT_REFUSED(syscall(SYS_openat2, AT_FDCWD, "/", NULL, 0));
	EXPECT_REFUSED(syscall(SYS_open, "/dev/null", O_RDONLY));
	EXPECT_REFUSED(syscall(SYS_creat, "/dev/null", 0));
	EXPECT_REFUSED(syscall(SYS_open_by_handle_at, 0, NULL, 0));
	EXPECT_REFUSED(stat("/", &st));
	EXPECT_REFUSED(lstat("/", &st));
	EXPECT_REFUSED(fstatat(given.file, "x", &st, AT_SYMLINK_NOFOLLOW));
	EXPECT_REFUSED(access("/", F_OK));
	EXPECT_REFUSED(readlink("/proc/self/exe", text, sizeof(text)));
	EXPECT_REFUSED(unlink("tollspan-test"));
	EXPECT_REFUSED(mkdir("/", 0700));
	EXPECT_REFUSED(rename("tollspan-test", "tollspan-test-2"));
	EXPECT_REFUSED(truncate("tollspan-test", 0));
	EXPECT_REFUSED(ftruncate(given.file, 0));
	EXPECT_REFUSED(chdir("/"));
	EXPECT_REFUSED(memfd_create("x", 0));
	EXPECT_REFUSED(fcntl(given.pair[1], F_SETOWN, getpid()));
	EXPECT_REFUSED(ioctl(given.pair[1], TIOCSTI, ""));
	EXPECT_REFUSED(ioctl(given.pair[1], FIOASYNC, text));
	EXPECT_REFUSED(shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600));
}

static void try_sockets(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	int pair[2];

	for (int family = 0; family < 48; family++)
		EXPECT_REFUSED(socket(family, SOCK_DGRAM, 0));
	EXPECT_REFUSED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	EXPECT_REFUSED(connect(given.datagram, (const struct sockaddr *)&address, sizeof(address)));
	EXPECT_REFUSED(
		bind(given.datagram, (const struct sockaddr *)&address, sizeof(sa_family_t)));
	EXPECT_REFUSED(listen(given.datagram, 1));
	EXPECT_REFUSED(accept(given.datagram, NULL, NULL));
	EXPECT_REFUSED(sendto(given.datagram, "x", 1, 0, (const struct sockaddr *)&address,
			      sizeof(address)));
}

static void try_processes(void)
{
	char *const arguments[] = {"true", NULL};
	struct rlimit limit = {0};
	struct iovec part = {0};
	pthread_t thread;

	EXPECT_REFUSED(execve("/bin/true", arguments, arguments + 1));
	EXPECT_REFUSED(
		syscall(SYS_execveat, given.file, "", arguments, arguments + 1, AT_EMPTY_PATH));
	EXPECT_REFUSED(fork());
	EXPECT_REFUSED(syscall(SYS_fork));
	EXPECT_REFUSED(syscall(SYS_vfork));
	EXPECT_REFUSED(syscall(SYS_clone, 0, 0, 0, 0, 0));
	EXPECT_REFUSED(syscall(SYS_clone3, NULL, 0));
	EXPECT(pthread_create(&thread, NULL, nothing, NULL) == EPERM);
	EXPECT_REFUSED(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
	EXPECT_REFUSED(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
	EXPECT_REFUSED(process_vm_readv(getppid(), &part, 1, &part, 1, 0));
	EXPECT_REFUSED(process_vm_writev(getppid(), &part, 1, &part, 1, 0));
	EXPECT_REFUSED(kill(getppid(), 0));
	EXPECT_REFUSED(kill(getpid(), 0));
	EXPECT_REFUSED(syscall(SYS_tkill, getpid(), 0));
	EXPECT_REFUSED(syscall(SYS_tgkill, 1, 1, 0));
	EXPECT_REFUSED(syscall(SYS_rt_sigqueueinfo, getpid(), 0, NULL));
	EXPECT_REFUSED(syscall(SYS_pidfd_open, getpid(), 0));
	EXPECT_REFUSED(syscall(SYS_pidfd_send_signal, given.file, 0, NULL, 0));
	EXPECT_REFUSED(syscall(SYS_pidfd_getfd, given.file, 0, 0));
	EXPECT_REFUSED(prlimit(1, RLIMIT_CPU, NULL, &limit));
	EXPECT_REFUSED(setpriority(PRIO_PROCESS, 0, 0));
	EXPECT_REFUSED(setsid());
}

static void try_rights(void)
{
	EXPECT_REFUSED(syscall(SYS_setuid, 0));
	EXPECT_REFUSED(syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY));
	EXPECT_REFUSED(syscall(SYS_setgid, 0));
	EXPECT_REFUSED(syscall(SYS_setgroups, 0, NULL));
	EXPECT_REFUSED(syscall(SYS_capset, NULL, NULL));
	EXPECT_REFUSED(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
	EXPECT_REFUSED(prctl(PR_SET_NAME, "x", 0, 0, 0));
	EXPECT_REFUSED(syscall(SYS_seccomp, 0, 0, NULL));
	EXPECT_REFUSED(unshare(0));
	EXPECT_REFUSED(setns(given.file, 0));
	EXPECT_REFUSED(syscall(SYS_mount, NULL, NULL, NULL, 0, NULL));
	EXPECT_REFUSED(umount2("", 0));
	EXPECT_REFUSED(chroot("/"));
	EXPECT_REFUSED(syscall(SYS_userfaultfd, 0));
	EXPECT_REFUSED(syscall(SYS_io_uring_setup, 0, NULL));
	EXPECT_REFUSED(syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0));
	EXPECT_REFUSED(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
	EXPECT_REFUSED(syscall(SYS_personality, 0xffffffff));
}

static void try_bpf(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};

	EXPECT_REFUSED(bpf(BPF_MAP_CREATE, &attr));
	EXPECT_REFUSED(bpf(BPF_PROG_LOAD, &attr));
	for (int command = BPF_MAP_DELETE_ELEM; command < 48; command++)
		EXPECT_REFUSED(bpf(command, NULL));
}

static void try_memory(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *at = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(at != MAP_FAILED);
	EXPECT_REFUSED(mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	EXPECT_REFUSED(mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_PRIVATE, given.file, 0));
	EXPECT_REFUSED(mprotect(at, page, PROT_EXEC));
	EXPECT_REFUSED(mprotect(at, page, PROT_READ | PROT_WRITE | PROT_EXEC));
	EXPECT_REFUSED(syscall(SYS_pkey_mprotect, at, page, PROT_EXEC, -1));
	EXPECT(!mprotect(at, page, PROT_READ));
	munmap(at, page);
}

static void try_all(void *context)
{
	lock(given.role, given.become);
	try_files();
	try_sockets();
	try_processes();
	try_rights();
	try_bpf();
	try_memory();
}

static void check_refused(enum sandbox_role role)
{
	set_up(role, false);
	confined_run(try_all, NULL);
	set_up(role, true);
	confined_run(try_all, NULL);
	close_all();
}

TEST(worker_is_refused)
{
	check_refused(SANDBOX_WORKER);
}

TEST(finder_is_refused)
{
	check_refused(SANDBOX_FINDER);
}

/* ---- allowed ---- */

static int receive_descriptor(int from)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec part = {.iov_base = &byte, .iov_len = 1};
	struct msghdr header = {.msg_iov = &part,
				.msg_iovlen = 1,
				.msg_control = &control,
				.msg_controllen = sizeof(control)};
	struct cmsghdr *c;
	int fd;

	if (recvmsg(from, &header, MSG_CMSG_CLOEXEC) != 1)
		return -1;
	c = CMSG_FIRSTHDR(&header);
	if (!c || c->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static void send_descriptor(int to, int fd)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.align = {.cmsg_level = SOL_SOCKET,
			       .cmsg_type = SCM_RIGHTS,
			       .cmsg_len = CMSG_LEN(sizeof(int))}};
	struct iovec part = {.iov_base = "x", .iov_len = 1};
	struct msghdr header = {.msg_iov = &part,
				.msg_iovlen = 1,
				.msg_control = &control,
				.msg_controllen = sizeof(control)};

	memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	CHECK(sendmsg(to, &header, 0) == 1);
}

static void use_file(int fd)
{
	char text[sizeof(contents)];
	struct stat st;
	const char *map;

	EXPECT(!fstat(fd, &st) && st.st_size == sizeof(contents));
	EXPECT(lseek(fd, 0, SEEK_SET) == 0);
	EXPECT(read(fd, text, sizeof(text)) == sizeof(text) && !strcmp(text, contents));
	EXPECT(pread(fd, text, 4, 5) == 4 && !memcmp(text, contents + 5, 4));
	map = mmap(NULL, sizeof(contents), PROT_READ, MAP_PRIVATE, fd, 0);
	EXPECT(map != MAP_FAILED && !strcmp(map, contents));
	EXPECT(!close(fd));
}

static void use_waiting(void)
{
	struct itimerspec soon = {.it_value.tv_nsec = 1000000};
	struct timespec pause = {.tv_nsec = 1000};
	struct epoll_event event = {.events = EPOLLIN};
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), counter = eventfd(0, EFD_CLOEXEC);
	struct pollfd wait = {.fd = counter, .events = POLLOUT};
	sigset_t none;
	uint64_t n = 1;

	sigemptyset(&none);
	EXPECT(epoll >= 0 && timer >= 0 && counter >= 0);
	EXPECT(!epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event));
	EXPECT(!timerfd_settime(timer, 0, &soon, NULL));
	EXPECT(epoll_wait(epoll, &event, 1, 5000) == 1);
	EXPECT(read(timer, &n, sizeof(n)) == sizeof(n) && n >= 1);
	EXPECT(epoll_pwait(epoll, &event, 1, 0, &none) == 0);
	EXPECT(write(counter, &n, sizeof(n)) == sizeof(n));
	EXPECT(poll(&wait, 1, 1000) == 1 && ppoll(&wait, 1, &pause, &none) == 1);
	EXPECT(!nanosleep(&pause, NULL));
	EXPECT(!clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL));
}

static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
	signalled = number;
}

static int compare_bytes(const void *a, const void *b)
{
	return memcmp(a, b, 1);
}

static void use_itself(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct timespec used = {0};
	struct rlimit limit;
	uint8_t bytes[16], digest[HASH_SIZE];
	size_t size = 64ul << 20;
	char *large = malloc(size);

	EXPECT(large);
	memset(large, 1, size);
	large = realloc(large, 2 * size);
	EXPECT(large);
	qsort(large, 4096, 1, compare_bytes);
	free(large);
	EXPECT(!clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) && used.tv_nsec);
	EXPECT(!getrlimit(RLIMIT_CPU, &limit));
	limit.rlim_cur = 1000;
	EXPECT(!setrlimit(RLIMIT_CPU, &limit));
	EXPECT(getrandom(bytes, sizeof(bytes), 0) == sizeof(bytes));
	hash_sha256(&(struct hash_piece){"abc", 3}, 1, digest);
	/* FIPS 180-2, B.1 */
	EXPECT(digest[0] == 0xba && digest[1] == 0x78 && digest[31] == 0xad);
	EXPECT(!sigaction(SIGUSR1, &action, NULL));
	raise(SIGUSR1);
	EXPECT(signalled == SIGUSR1);
	EXPECT(fprintf(stderr, "%s", "") == 0 && !write(STDERR_FILENO, "", 0));
	EXPECT(fcntl(given.pair[1], F_SETFL, fcntl(given.pair[1], F_GETFL) | O_NONBLOCK) == 0);
}

static void use_map(void)
{
	uint32_t key = 0;
	uint64_t value = 41, found = 0;
	union bpf_attr attr = {
		.map_fd = (uint32_t)given.map, .key = (uintptr_t)&key, .value = (uintptr_t)&value};

	if (given.role != SANDBOX_WORKER) {
		EXPECT_REFUSED(bpf(BPF_MAP_LOOKUP_ELEM, &attr));
		EXPECT_REFUSED(bpf(BPF_MAP_UPDATE_ELEM, &attr));
		return;
	}
	EXPECT(!bpf(BPF_MAP_UPDATE_ELEM, &attr));
	attr.value = (uintptr_t)&found;
	EXPECT(!bpf(BPF_MAP_LOOKUP_ELEM, &attr) && found == 41);
}

static void use_all(void *context)
{
	int fd;

	lock(given.role, given.become);
	fd = receive_descriptor(given.pair[1]);
	EXPECT(fd >= 0);
	use_file(fd);
	EXPECT(send(given.pair[1], "answer", 6, MSG_NOSIGNAL) == 6);
	use_waiting();
	use_itself();
	use_map();
}

static void check_allowed(enum sandbox_role role)
{
	char answer[16];

	set_up(role, true);
	send_descriptor(given.pair[0], given.file);
	confined_run(use_all, NULL);
	CHECK_INT(recv(given.pair[0], answer, sizeof(answer), MSG_DONTWAIT), 6);
	close_all();
}

TEST(worker_can_work)
{
	check_allowed(SANDBOX_WORKER);
}

TEST(finder_can_find)
{
	check_allowed(SANDBOX_FINDER);
}

/* ---- the end ---- */

static void end_by_abort(void *context)
{
	lock(given.role, true);
	abort();
}

static void end_by_other_numbers(void *context)
{
	lock(given.role, true);
	/* openat() by the table of x32 */
	syscall(0x40000000 | SYS_openat, AT_FDCWD, "/", O_RDONLY);
}

static void check_end(enum sandbox_role role, void (*fn)(void *context), int expected)
{
	struct confined child;
	int status;

	set_up(role, true);
	confined_start(&child, fn, NULL);
	status = confined_end(&child);
	CHECK(WIFSIGNALED(status));
	CHECK_INT(WTERMSIG(status), expected);
	CHECK(!WCOREDUMP(status));
	close_all();
}

TEST(abort_ends_it)
{
	check_end(SANDBOX_WORKER, end_by_abort, SIGABRT);
	check_end(SANDBOX_FINDER, end_by_abort, SIGABRT);
}

TEST(calls_of_another_table_end_it)
{
#ifdef __x86_64__
	check_end(SANDBOX_WORKER, end_by_other_numbers, SIGSYS);
	check_end(SANDBOX_FINDER, end_by_other_numbers, SIGSYS);
	check_end(SANDBOX_KEEPER, end_by_other_numbers, SIGSYS);
	check_end(SANDBOX_ATTACHER, end_by_other_numbers, SIGSYS);
#else
	SKIP("there is no other table");
#endif
}

/* ---- what the kernel says of it ---- */

static void lock_and_wait(void *context)
{
	lock(given.role, given.become);
	confined_pause();
}

static bool no_core(pid_t pid)
{
	char path[64], line[256], soft[32] = "", hard[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/limits", (int)pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file) &&
	       sscanf(line, "Max core file size %31s %31s", soft, hard) != 2)
		;
	if (file)
		fclose(file);
	return !strcmp(soft, "0") && !strcmp(hard, "0");
}

static void check_status(enum sandbox_role role)
{
	static const char *const sets[] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};
	static const struct {
		const char *name, *value;
	} lines[] = {
		{"Uid", "65534\t65534\t65534\t65534"},
		{"Gid", "65534\t65534\t65534\t65534"},
		{"Groups", ""},
		{"NoNewPrivs", "1"},
		{"Seccomp", "2"},
	};
	struct confined child;
	char value[256], path[64];
	struct stat st;

	set_up(role, true);
	confined_start(&child, lock_and_wait, NULL);
	confined_until_pause(&child);
	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++)
		CHECK_INT(confined_capabilities(child.pid, sets[i]), 0);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		confined_status(child.pid, lines[i].name, value, sizeof(value));
		value[strcspn(value, " ")] = '\0';
		CHECK_TEXT(value, lines[i].value);
	}
	CHECK(no_core(child.pid));
	/* The files of a process that is not dumpable are root's (proc(5)). */
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)child.pid);
	CHECK(!stat(path, &st));
	CHECK_INT(st.st_uid, 0);
	CHECK_INT(confined_end(&child), 0);
	close_all();
}

TEST(nothing_is_left)
{
	check_status(SANDBOX_WORKER);
	check_status(SANDBOX_FINDER);
	check_status(SANDBOX_KEEPER);
}

static void become_root_without_rights(void *context)
{
	EXPECT(sandbox_become(-1, NOBODY) == -EINVAL);
	EXPECT(sandbox_become(NOBODY, -1) == -EINVAL);
	EXPECT(!sandbox_become(0, 0));
	EXPECT_REFUSED(setuid(1));
	EXPECT(sandbox_become(NOBODY, NOBODY) < 0);
	confined_pause();
}

TEST(root_without_rights)
{
	struct confined child;

	confined_start(&child, become_root_without_rights, NULL);
	confined_until_pause(&child);
	CHECK_INT(confined_capabilities(child.pid, "CapEff"), 0);
	CHECK_INT(confined_capabilities(child.pid, "CapPrm"), 0);
	CHECK_INT(confined_capabilities(child.pid, "CapBnd"), 0);
	CHECK_INT(confined_end(&child), 0);
}

TEST_MAIN()
