/* SPDX-License-Identifier: Apache-2.0 */
/* System calls without a C library, and the few functions that the compiler may call for. */
#ifndef PRELOAD_SYS_H
#define PRELOAD_SYS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/** sys_call - a raw system call. Return: its result, or a negative errno; errno is not touched. */
static inline long sys_call(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
	long ret;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
#else
#error "no system calls for this machine"
#endif
}

#define sys3(n, a, b, c) sys_call(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define sys6(n, a, b, c, d, e, f) \
	sys_call(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/** sys_map - private anonymous memory, zeroed. Return: NULL on failure. */
void *sys_map(size_t length);
void sys_unmap(void *memory, size_t length);

/* No C library is linked: the compiler's own calls end here. */
void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int byte, size_t n);
size_t text_length(const char *text);
int text_equal(const char *a, const char *b);

#endif
