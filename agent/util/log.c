/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/util/log.h"

#include <stdarg.h>
#include <stdio.h>

static int verbose;

/* One write a message, so that those of several processes do not mix. */
static void log_write(const char *format, va_list args)
{
	char text[1024];
	int n = vsnprintf(text, sizeof(text), format, args);

	if (n >= 0)
		fprintf(stderr, "tollspan: %s\n", text);
}

void log_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_write(format, args);
	va_end(args);
}

void log_notice(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_write(format, args);
	va_end(args);
}

void log_verbose(const char *format, ...)
{
	va_list args;

	if (!verbose)
		return;
	va_start(args, format);
	log_write(format, args);
	va_end(args);
}

void log_set_verbose(int level)
{
	verbose = level;
}
