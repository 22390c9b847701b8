/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cmd.h"

#include <errno.h>

#include "agent/report_cli.h"
#include "agent/util/log.h"

static const char usage[] =
	"Usage: tollspan report [OPTION]...\n"
	"Shows the calls in the ledger, of the last 24 hours, and what they cost.\n"
	"\n"
	"      --ledger=FILE   read this ledger\n"
	"      --since=TIME    from here on: RFC 3339, a date, or an age (90s, 15m, 24h, 7d)\n"
	"      --until=TIME    up to here\n"
	"      --json[=lines]  JSON: one object, or a call a line\n"
	"      --pricing=first|latest\n"
	"                      the bill, or what tollspan reprice made of it\n"
	"  -f, --follow        then show each call as it settles\n"
	"  -h, --help          show this\n";

static int show(struct report_cli *cli)
{
	if (cli->json && (cli->json_lines || cli->follow))
		return report_json_lines(stdout, &cli->opts);
	if (cli->json)
		return report_json(stdout, &cli->opts);
	return report_text(stdout, &cli->opts);
}

static int follow(struct report_cli *cli)
{
	int r = cli->json ? 0 : report_text_head(stdout);

	return r < 0 ? r : report_cli_follow(cli, NULL);
}

int cmd_report(int argc, char **argv)
{
	struct report_cli cli = {.usage = usage};
	int status, r;

	if (report_cli_open(&cli, argc, argv, &status) < 0)
		return status;
	if (cli.n_arguments) {
		log_error("report: %s: takes no argument", cli.arguments[0]);
		ledger_close(cli.opts.ledger);
		return EXIT_USAGE;
	}
	r = show(&cli);
	if (r == 0 && cli.follow)
		r = follow(&cli);
	return report_cli_close(&cli, r);
}
