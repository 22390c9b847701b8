/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/sys.h"

#include <sys/mman.h>

/* Beyond this many bytes the string instruction's start-up pays off. */
#define STRING_COPY 512

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	unsigned char *t = to;
	const unsigned char *f = from;

#if defined(__x86_64__)
	if (n >= STRING_COPY) {
		__asm__ volatile("rep movsb" : "+D"(t), "+S"(f), "+c"(n) : : "memory");
		return to;
	}
#endif
	for (; n >= 16; n -= 16, t += 16, f += 16) {
		unsigned __int128 word;

		__builtin_memcpy(&word, f, 16);
		__builtin_memcpy(t, &word, 16);
	}
	for (; n; n--) {
		*t++ = *f++;
		/* or the compiler would make this loop a call of memcpy */
		__asm__ volatile("" : : : "memory");
	}
	return to;
}

void *memset(void *to, int byte, size_t n)
{
	unsigned char *t = to;

	for (; n; n--) {
		*t++ = (unsigned char)byte;
		__asm__ volatile("" : : : "memory");
	}
	return to;
}

size_t text_length(const char *text)
{
	size_t n = 0;

	while (text[n]) {
		n++;
		__asm__ volatile("");
	}
	return n;
}

int text_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

void *sys_map(size_t length)
{
	long memory = sys6(SYS_mmap, 0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	return memory < 0 && memory > -4096 ? NULL : (void *)memory;
}

void sys_unmap(void *memory, size_t length)
{
	sys3(SYS_munmap, memory, length, 0);
}
