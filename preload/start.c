/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/start.h"

#include <elf.h>
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
}

uint64_t clock_boot(void)
{
	struct timespec time = {0};

	if (!start.clock || start.clock(CLOCK_BOOTTIME, &time))
		sys3(SYS_clock_gettime, CLOCK_BOOTTIME, &time, 0);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

int *errno_location(void)
{
	return __errno_location ? __errno_location() : NULL;
}
