/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/start.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <time.h>

#include "preload/elf.h"
#include "preload/shim.h"
#include "preload/sys.h"

#if defined(__aarch64__)
#define VDSO_CLOCK "__kernel_clock_gettime"
#else
#define VDSO_CLOCK "__vdso_clock_gettime"
#endif

#define CLOCK_SOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"

/*
 * glibc may run this object's constructor before it sets environ, but has long told where the
 * stack begins; musl knows no such symbol, and sets environ first.
 */
extern void *__libc_stack_end __attribute__((weak));
extern char **environ __attribute__((weak));
extern int *__errno_location(void) __attribute__((weak));

static struct {
	char **environment;
	const ElfW(auxv_t) * auxiliary;
	int (*clock)(clockid_t, struct timespec *);
} start;

bool start_read(void)
{
	char **e = NULL;

	if (&__libc_stack_end && __libc_stack_end) {
		uintptr_t *stack = __libc_stack_end;

		e = (char **)(stack + 1 + stack[0] + 1); /* argc, arguments, NULL */
	} else if (&environ) {
		e = environ;
	}
	if (!e)
		return false;
	start.environment = e;
	while (*e)
		e++;
	start.auxiliary = (const ElfW(auxv_t) *)(e + 1);
	return true;
}

static uintptr_t auxiliary(unsigned long type)
{
	for (const ElfW(auxv_t) *a = start.auxiliary; a->a_type != AT_NULL; a++) {
		if (a->a_type == type)
			return a->a_un.a_val;
	}
	return 0;
}

bool start_secure(void)
{
	/* the page size is always there: without it, this is not the vector */
	return auxiliary(AT_SECURE) || !auxiliary(AT_PAGESZ);
}

const char *start_variable(const char *name)
{
	size_t n = text_length(name);

	for (char **e = start.environment; *e; e++) {
		size_t i = 0;

		while (i < n && (*e)[i] == name[i])
			i++;
		if (i == n && (*e)[n] == '=')
			return *e + n + 1;
	}
	return NULL;
}

static uint64_t read_clock(void)
{
	struct timespec time = {0};

	if (!start.clock || start.clock(CLOCK_BOOTTIME, &time))
		sys3(SYS_clock_gettime, CLOCK_BOOTTIME, &time, 0);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

#if defined(__x86_64__)
/*
 * The vDSO takes 25 ns, twice a call: so between two looks at it, at most about a millisecond apart
 * in each thread, the time stamp counter says how much later it is.
 */
#define ANCHOR_NS (1 << 20)
#define SCALE_BITS 20 /* ns = ticks * scale >> SCALE_BITS */
#define CALIBRATE_MIN_NS 10000000ull
#define CALIBRATE_MAX_NS 1000000000ull

static struct {
	bool usable; /* the kernel itself takes its time from the counter */
	uint64_t ticks, ns;
	uint64_t scale; /* 0: not known yet */
	bool settled;
} counter;

static __thread struct {
	uint64_t ticks, ns;
	uint64_t limit; /* in ticks; 0: no anchor */
} anchor __attribute__((tls_model("initial-exec")));

static uint64_t read_counter(void)
{
	return __builtin_ia32_rdtsc();
}

static void calibrate(uint64_t ticks, uint64_t ns)
{
	uint64_t passed = ns - counter.ns, scale;

	if (counter.settled || passed < CALIBRATE_MIN_NS || ticks <= counter.ticks)
		return;
	/* the longest span that does not overflow is 4 hours */
	scale = passed < 1ull << 43 ? (passed << SCALE_BITS) / (ticks - counter.ticks) : 0;
	if (scale)
		__atomic_store_n(&counter.scale, scale, __ATOMIC_RELAXED);
	counter.settled = passed > CALIBRATE_MAX_NS;
}

__attribute__((noinline)) static uint64_t look_at_clock(uint64_t ticks)
{
	uint64_t ns = read_clock(), scale;

	calibrate(ticks, ns);
	scale = __atomic_load_n(&counter.scale, __ATOMIC_RELAXED);
	anchor.limit = 0;
	anchor.ticks = ticks;
	anchor.ns = ns;
	anchor.limit = scale ? ((uint64_t)ANCHOR_NS << SCALE_BITS) / scale : 0;
	return ns;
}

uint64_t clock_boot(void)
{
	uint64_t ticks, passed;

	if (unlikely(!counter.usable))
		return read_clock();
	ticks = read_counter();
	passed = ticks - anchor.ticks;
	if (unlikely(passed >= anchor.limit))
		return look_at_clock(ticks);
	return anchor.ns +
	       (passed * __atomic_load_n(&counter.scale, __ATOMIC_RELAXED) >> SCALE_BITS);
}

static void start_counter(void)
{
	char name[8] = {0};
	long fd = sys6(SYS_openat, AT_FDCWD, CLOCK_SOURCE, O_RDONLY | O_CLOEXEC, 0, 0, 0);

	if (fd < 0)
		return;
	sys3(SYS_read, fd, name, sizeof(name) - 1);
	sys3(SYS_close, fd, 0, 0);
	counter.usable = text_equal(name, "tsc\n");
	counter.ticks = read_counter();
	counter.ns = read_clock();
}
#else
uint64_t clock_boot(void)
{
	return read_clock();
}

static void start_counter(void)
{
}
#endif

void start_clock(void)
{
	uintptr_t head = auxiliary(AT_SYSINFO_EHDR);
	const ElfW(Ehdr) *elf = (const ElfW(Ehdr) *)head;
	const ElfW(Phdr) * phdr;
	struct image image;

	phdr = (const ElfW(Phdr) *)(head + (head ? elf->e_phoff : 0));
	for (unsigned int i = 0; head && !start.clock && i < elf->e_phnum; i++) {
		if (phdr[i].p_type != PT_LOAD)
			continue;
		image_of(head + phdr[i].p_offset - phdr[i].p_vaddr, phdr, elf->e_phnum, &image);
		start.clock =
			(int (*)(clockid_t, struct timespec *))image_symbol(&image, VDSO_CLOCK);
	}
	start_counter();
}

int *errno_location(void)
{
	return __errno_location ? __errno_location() : NULL;
}
