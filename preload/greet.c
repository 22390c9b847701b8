/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "preload/elf.h"
#include "preload/shim.h"
#include "preload/start.h"
#include "preload/sys.h"

#define SOCKET_VARIABLE "TOLLSPAN_PRELOAD_SOCKET"
#define PAGE 4096
#define PATH_BYTES 4096
#define RING_BYTES_MAX (1ull << 32)

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

enum phase {
	PHASE_NEW = 0, /* also a child of fork(), whose page is wiped */
	PHASE_GREETING,
	PHASE_READY,
	PHASE_INERT,
};

static struct {
	struct session *session; /* NULL: inert */
	bool asks_pid;           /* the kernel does not wipe pages in children */
	bool refused;            /* once there was no answer, children do not ask again */
	struct sockaddr_un address;
	unsigned int address_size;
} shim;

extern int dl_iterate_phdr(int (*fn)(struct dl_phdr_info *, size_t, void *), void *)
	__attribute__((weak));

uint64_t signals_block(void)
{
	uint64_t all = ~0ull, old = 0;

	sys6(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, sizeof(all), 0, 0);
	return old;
}

void signals_restore(uint64_t mask)
{
	sys6(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, sizeof(mask), 0, 0);
}

static int64_t now_ms(void)
{
	struct timespec time = {0};

	sys3(SYS_clock_gettime, CLOCK_MONOTONIC, &time, 0);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* ---- HELLO ---- */

struct hello {
	struct cr_hello record;
	uint8_t fields[CR_HELLO_MAX - sizeof(struct cr_hello)];
};

static void add_field(struct hello *hello, unsigned int tag, const char *text, size_t length)
{
	struct cr_field field = {(uint16_t)tag, (uint16_t)length};
	uint32_t at = hello->record.head.length;

	if (!length || length > PATH_BYTES || length + sizeof(field) > sizeof(*hello) - at)
		return;
	memcpy((uint8_t *)hello + at, &field, sizeof(field));
	memcpy((uint8_t *)hello + at + sizeof(field), text, length);
	hello->record.head.length += (uint32_t)(sizeof(field) + length);
}

static int add_mapping(struct dl_phdr_info *info, size_t size, void *context)
{
	if (info->dlpi_name)
		add_field(context, CR_FIELD_MAPPING, info->dlpi_name, text_length(info->dlpi_name));
	return 0;
}

static long read_file(const char *path, char *bytes, size_t size)
{
	long fd = sys6(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
	long n;

	if (fd < 0)
		return fd;
	n = sys3(SYS_read, fd, bytes, size);
	sys3(SYS_close, fd, 0, 0);
	return n;
}

/* Field 22 of /proc/self/stat; the name in field 2 may hold anything, so count from its end. */
static uint64_t start_ticks(char *scratch)
{
	long n = read_file("/proc/self/stat", scratch, PATH_BYTES);
	unsigned int field = 2;
	uint64_t ticks = 0;
	long at = n;

	while (at > 0 && scratch[at - 1] != ')')
		at--;
	for (; at > 0 && at < n && field <= 22; at++) {
		if (scratch[at] == ' ')
			field++;
		else if (field == 22)
			ticks = ticks * 10 + (uint64_t)(scratch[at] - '0');
	}
	return ticks;
}

static void make_hello(struct hello *hello, char *scratch)
{
	long n;

	hello->record.head = (struct cr_head){
		.length = sizeof(hello->record),
		.type = CR_HELLO,
		.version = CR_VERSION,
		.time_ns = clock_boot(),
	};
	hello->record.process.pid = (uint32_t)sys3(SYS_getpid, 0, 0, 0);
	hello->record.process.start = start_ticks(scratch);
	n = sys6(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", scratch, PATH_BYTES, 0, 0);
	if (n > 0)
		add_field(hello, CR_FIELD_EXE, scratch, (size_t)n);
	if (dl_iterate_phdr)
		dl_iterate_phdr(add_mapping, hello);
	/* the memory behind is zero: the end of the fields, and padding */
	hello->record.head.length = (hello->record.head.length + CR_ALIGN - 1) & ~(CR_ALIGN - 1u);
}

/* ---- conversation ---- */

static int connect_collector(int64_t deadline)
{
	struct timespec pause = {.tv_nsec = 1000000};
	long fd = sys3(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	long ret;

	if (fd < 0)
		return (int)fd;
	/* EAGAIN: its queue is full */
	while ((ret = sys3(SYS_connect, fd, &shim.address, shim.address_size)) == -EAGAIN &&
	       now_ms() < deadline)
		sys3(SYS_nanosleep, &pause, 0, 0);
	if (ret < 0) {
		sys3(SYS_close, fd, 0, 0);
		return (int)ret;
	}
	return (int)fd;
}

static int receive_plan(int fd, int64_t deadline, struct cr_plan *ret_plan)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec part = {ret_plan, sizeof(*ret_plan)};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct pollfd poll = {.fd = fd, .events = POLLIN};
	int64_t left = deadline - now_ms();
	struct timespec wait = {.tv_nsec = (left > 0 ? left : 0) * 1000000};
	long n = sys6(SYS_ppoll, &poll, 1, &wait, 0, sizeof(uint64_t), 0);
	int ring = -1;

	if (n <= 0)
		return -ETIMEDOUT;
	n = sys3(SYS_recvmsg, fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n > 0 && message.msg_controllen >= CMSG_LEN(sizeof(int)) &&
	    control.header.cmsg_level == SOL_SOCKET && control.header.cmsg_type == SCM_RIGHTS)
		memcpy(&ring, CMSG_DATA(&control.header), sizeof(ring));
	if (n == sizeof(*ret_plan) && ret_plan->head.type == CR_PLAN &&
	    ret_plan->head.version == CR_VERSION && ring >= 0)
		return ring;
	if (ring >= 0)
		sys3(SYS_close, ring, 0, 0);
	return -EPROTO;
}

static int greet_collector(struct hello *hello, char *scratch, struct cr_plan *ret_plan)
{
	int64_t deadline = now_ms() + GREETING_MS;
	int fd = connect_collector(deadline), ring;
	long n;

	if (fd < 0)
		return fd;
	make_hello(hello, scratch);
	n = sys6(SYS_sendto, fd, hello, hello->record.head.length, MSG_NOSIGNAL, 0, 0);
	ring = n < 0 ? (int)n : receive_plan(fd, deadline, ret_plan);
	sys3(SYS_close, fd, 0, 0);
	return ring;
}

/* ---- session ---- */

static long map_at(uintptr_t at, size_t length, int fd, long offset)
{
	return sys6(SYS_mmap, at, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		    offset);
}

static bool map_ring(struct session *session, int fd, uint64_t size)
{
	size_t whole = CR_RING_DATA + 2 * size;
	long at;

	if (size < PAGE || size > RING_BYTES_MAX || size & (size - 1))
		return false;
	at = sys6(SYS_mmap, 0, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at < 0 && at > -4096)
		return false;
	if (map_at((uintptr_t)at, CR_RING_DATA + size, fd, 0) != at ||
	    map_at((uintptr_t)at + CR_RING_DATA + size, size, fd, CR_RING_DATA) < 0) {
		sys_unmap((void *)at, whole);
		return false;
	}
	session->ring = (struct cr_ring *)at;
	session->data = (uint8_t *)at + CR_RING_DATA;
	session->size = size;
	session->populated = 0;
	if (session->ring->magic != CR_RING_MAGIC || session->ring->version != CR_RING_VERSION ||
	    session->ring->size != size) {
		sys_unmap((void *)at, whole);
		return false;
	}
	return true;
}

static bool open_session(struct session *session)
{
	size_t size = sizeof(struct hello) + PATH_BYTES;
	struct hello *hello = sys_map(size);
	struct cr_plan plan = {0};
	bool ready = false;
	int fd;

	if (!hello)
		return false;
	fd = greet_collector(hello, (char *)(hello + 1), &plan);
	if (fd >= 0) {
		ready = map_ring(session, fd, plan.ring_bytes);
		sys3(SYS_close, fd, 0, 0);
	}
	sys_unmap(hello, size);
	if (!ready)
		return false;
	session->epoch = clock_boot();
	__atomic_store_n(&session->ring->attached, 1, __ATOMIC_RELEASE);
	return true;
}

/* One thread greets; the others wait for it, or what they move in between would be lost. */
static void begin_session(struct session *session)
{
	struct timespec pause = {.tv_nsec = 200000};
	int64_t deadline = now_ms() + 2 * GREETING_MS;
	uint64_t mask = signals_block();
	uint32_t phase = PHASE_NEW;
	int *error = errno_location();
	int saved = error ? *error : 0;

	if (__atomic_compare_exchange_n(&session->phase, &phase, PHASE_GREETING, false,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		session->pid = (uint32_t)sys3(SYS_getpid, 0, 0, 0);
		phase = !shim.refused && open_session(session) ? PHASE_READY : PHASE_INERT;
		shim.refused = phase == PHASE_INERT;
		__atomic_store_n(&session->phase, phase, __ATOMIC_RELEASE);
	}
	while (__atomic_load_n(&session->phase, __ATOMIC_ACQUIRE) == PHASE_GREETING &&
	       now_ms() < deadline)
		sys3(SYS_nanosleep, &pause, 0, 0);
	if (error)
		*error = saved;
	signals_restore(mask);
}

__attribute__((noinline)) static struct session *session_slow(struct session *session)
{
	uint32_t pid = session->pid;

	/* where children keep the page, the first of a child's threads makes it new */
	if (shim.asks_pid && pid != (uint32_t)sys3(SYS_getpid, 0, 0, 0) &&
	    __atomic_compare_exchange_n(&session->pid, &pid, (uint32_t)sys3(SYS_getpid, 0, 0, 0),
					false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		__atomic_store_n(&session->phase, PHASE_NEW, __ATOMIC_RELEASE);
	if (__atomic_load_n(&session->phase, __ATOMIC_ACQUIRE) <= PHASE_GREETING)
		begin_session(session);
	return __atomic_load_n(&session->phase, __ATOMIC_ACQUIRE) == PHASE_READY ? session : NULL;
}

struct session *session_get(void)
{
	struct session *session = shim.session;

	if (!session)
		return NULL;
	if (likely(__atomic_load_n(&session->phase, __ATOMIC_ACQUIRE) == PHASE_READY) &&
	    likely(!shim.asks_pid))
		return session;
	return session_slow(session);
}

/* "@name" is an abstract address, "/path" a file's. */
static bool read_address(const char *text)
{
	size_t n = text ? text_length(text) : 0;

	if (n < 2 || n >= sizeof(shim.address.sun_path) || (*text != '@' && *text != '/'))
		return false;
	shim.address.sun_family = AF_UNIX;
	memcpy(shim.address.sun_path, text, n);
	if (*text == '@')
		shim.address.sun_path[0] = 0;
	shim.address_size = (unsigned int)(offsetof(struct sockaddr_un, sun_path) + n);
	if (*text == '/')
		shim.address_size++;
	return true;
}

__attribute__((constructor)) static void load(void)
{
	struct session *session;

	library_start((uintptr_t)&load);
	connect_start();
	if (!start_read() || start_secure() || !read_address(start_variable(SOCKET_VARIABLE)))
		return;
	start_clock();
	session = sys_map(PAGE);
	if (!session)
		return;
	shim.asks_pid = sys3(SYS_madvise, session, PAGE, MADV_WIPEONFORK) != 0;
	begin_session(session);
	if (session->phase == PHASE_READY)
		shim.session = session;
	else
		sys_unmap(session, PAGE);
}
