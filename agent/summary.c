/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/summary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/report.h"

static enum summary_format summary_format(const struct summary *summary)
{
	if (summary->format != SUMMARY_AUTO)
		return summary->format;
	return summary->file || isatty(STDERR_FILENO) ? SUMMARY_TEXT : SUMMARY_NONE;
}

/* A pipe that nobody reads is an error, not a wait for ever. */
static FILE *open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
	FILE *file;

	if (fd < 0)
		return NULL;
	file = fcntl(fd, F_SETFL, 0) < 0 ? NULL : fdopen(fd, "w");
	if (!file)
		close(fd);
	return file;
}

int summary_print(const struct summary *summary, struct ledger *ledger)
{
	struct report_opts opts = {
		.ledger = ledger,
		.ledger_path = summary->ledger,
		.capture = summary->capture == CR_CAPTURE_EBPF ? "eBPF" : "preload",
		.max_calls = LIMIT_SUMMARY_CALLS,
		.utf8 = report_utf8(),
	};
	enum summary_format format = summary_format(summary);
	FILE *out = stderr;
	int r;

	if (format == SUMMARY_NONE)
		return 0;
	if (summary->file)
		out = open_file(summary->file);
	if (!out)
		return -errno;
	r = format == SUMMARY_JSON ? report_json(out, &opts) : report_text(out, &opts);
	if (summary->file && fclose(out) != 0 && r == 0)
		r = -errno;
	return r;
}
