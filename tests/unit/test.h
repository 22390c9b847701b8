/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A unit test is a program of cases: TEST(name) { … } and one TEST_MAIN(). It prints a line a case,
 * "ok NAME", "FAIL NAME: FILE:LINE: what" or "skip NAME: why", and exits 1 if one failed. With
 * arguments it runs the named cases only; --list prints their names.
 */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_case {
	const char *name;
	void (*run)(void);
	struct test_case *next;
};

static struct test_case *test_cases, **test_tail = &test_cases;
static jmp_buf test_out;
static const char *test_name;

#define TEST(id)                                                         \
	static void test_##id(void);                                     \
	static struct test_case test_case_##id = {#id, test_##id, NULL}; \
	__attribute__((constructor)) static void test_add_##id(void)     \
	{                                                                \
		*test_tail = &test_case_##id;                            \
		test_tail = &test_case_##id.next;                        \
	}                                                                \
	static void test_##id(void)

__attribute__((noreturn, format(printf, 3, 4), unused)) static void
test_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	printf("FAIL %s: %s:%d: ", test_name, file, line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	longjmp(test_out, 1);
}

#define CHECK(condition)                                                 \
	do {                                                             \
		if (!(condition))                                        \
			test_fail(__FILE__, __LINE__, "%s", #condition); \
	} while (0)

#define CHECK_INT(value, expected)                                                               \
	do {                                                                                     \
		int64_t v_ = (int64_t)(value), e_ = (int64_t)(expected);                         \
		if (v_ != e_)                                                                    \
			test_fail(__FILE__, __LINE__, "%s is %" PRId64 ", not %" PRId64, #value, \
				  v_, e_);                                                       \
	} while (0)

#define CHECK_TEXT(value, expected)                                                       \
	do {                                                                              \
		const char *v_ = (value), *e_ = (expected);                               \
		if (!v_ || strcmp(v_, e_))                                                \
			test_fail(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", #value, \
				  v_ ? v_ : "(null)", e_);                                \
	} while (0)

#define SKIP(why)                                        \
	do {                                             \
		printf("skip %s: %s\n", test_name, why); \
		fflush(stdout);                          \
		longjmp(test_out, 2);                    \
	} while (0)

/* Returns true if the case failed. */
static bool test_run_case(const struct test_case *test)
{
	int out;

	test_name = test->name;
	out = setjmp(test_out);
	if (out)
		return out == 1;
	test->run();
	printf("ok %s\n", test->name);
	fflush(stdout);
	return false;
}

static int test_run(int argc, char **argv)
{
	bool list = argc == 2 && !strcmp(argv[1], "--list"), failed = false;

	for (const struct test_case *test = test_cases; test; test = test->next) {
		bool wanted = argc < 2;

		for (int i = 1; i < argc; i++)
			wanted = wanted || !strcmp(argv[i], test->name);
		if (list)
			puts(test->name);
		else if (wanted && test_run_case(test))
			failed = true;
	}
	return failed;
}

#define TEST_MAIN()                          \
	int main(int argc, char **argv)      \
	{                                    \
		return test_run(argc, argv); \
	}

#endif
