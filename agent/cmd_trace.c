/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cmd.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "agent/report_cli.h"
#include "agent/util/log.h"

static const char usage[] =
	"Usage: tollspan trace [OPTION]... [ID]\n"
	"Shows a trace of the ledger as a tree: processes and their calls. ID is a trace id or its\n"
	"beginning; without it, the newest trace of the last 24 hours.\n"
	"\n"
	"      --ledger=FILE   read this ledger\n"
	"      --since=TIME    from here on: RFC 3339, a date, or an age (90s, 15m, 24h, 7d)\n"
	"      --until=TIME    up to here\n"
	"      --json[=lines]  JSON: one object, or a call a line\n"
	"      --pricing=first|latest\n"
	"                      the bill, or what tollspan reprice made of it\n"
	"  -f, --follow        then show each call of it as it settles\n"
	"  -h, --help          show this\n";

/* Hex digits in lower case, as the ledger has them. */
static int read_prefix(const char *text, char prefix[LEDGER_TRACE_ID_TEXT])
{
	size_t length = strlen(text);

	if (length == 0 || length >= LEDGER_TRACE_ID_TEXT)
		return -EINVAL;
	for (size_t i = 0; i <= length; i++) {
		if (text[i] && !isxdigit((unsigned char)text[i]))
			return -EINVAL;
		prefix[i] = (char)tolower((unsigned char)text[i]);
	}
	return 0;
}

/* An id is looked for at any time, unless a window was asked for. */
static int find(struct report_cli *cli, const char *text, char trace_id[LEDGER_TRACE_ID_TEXT])
{
	char prefix[LEDGER_TRACE_ID_TEXT];
	int r;

	if (text && read_prefix(text, prefix) < 0) {
		log_error("trace: %s: not the beginning of a trace id, which is 32 hex digits",
			  text);
		return -EINVAL;
	}
	if (!cli->has_window && text)
		cli->opts.filter.since_ns = 0;
	r = ledger_find_trace(cli->opts.ledger, &cli->opts.filter, text ? prefix : NULL, trace_id);
	if (r == -ENOENT && text)
		log_error("trace: %s: no such trace in %s", text, cli->path);
	else if (r == -ENOENT)
		log_error("trace: %s has no call of that time; --since=7d looks further back",
			  cli->path);
	else if (r == -EEXIST)
		log_error("trace: %s: several traces begin so; give more digits", text);
	else if (r < 0)
		log_error("%s: %s", cli->path, strerror(-r));
	return r;
}

static int show(struct report_cli *cli)
{
	if (cli->json && (cli->json_lines || cli->follow))
		return report_json_lines(stdout, &cli->opts);
	if (cli->json)
		return report_json(stdout, &cli->opts);
	return report_trace(stdout, &cli->opts);
}

int cmd_trace(int argc, char **argv)
{
	char trace_id[LEDGER_TRACE_ID_TEXT];
	struct report_cli cli = {.usage = usage};
	int status, r;

	if (report_cli_open(&cli, argc, argv, &status) < 0)
		return status;
	if (cli.n_arguments > 1) {
		log_error("trace: %s: one ID at most", cli.arguments[1]);
		r = -EINVAL;
	} else {
		r = find(&cli, cli.n_arguments ? cli.arguments[0] : NULL, trace_id);
	}
	if (r < 0) {
		ledger_close(cli.opts.ledger);
		return r == -EINVAL ? EXIT_USAGE : 1;
	}
	cli.opts.filter.trace_id = trace_id;
	/* The whole trace, though it began before the window. */
	if (!cli.has_window)
		cli.opts.filter.since_ns = 0;
	r = show(&cli);
	if (r == 0 && cli.follow)
		r = report_cli_follow(&cli, trace_id);
	return report_cli_close(&cli, r);
}
