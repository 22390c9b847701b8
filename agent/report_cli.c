/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/report_cli.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "agent/cmd.h"
#include "agent/options.h"
#include "agent/paths.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"

#define DEFAULT_WINDOW_NS (24 * 3600 * NS_PER_SECOND)
#define FOLLOW_MS 500

enum option_key {
	OPTION_FOLLOW = 'f',
	OPTION_HELP = 'h',
	OPTION_VERBOSE = 'v',
	OPTION_JSON = 256,
	OPTION_LEDGER,
	OPTION_PRICING,
	OPTION_SINCE,
	OPTION_UNTIL,
};

static const struct option options[] = {
	{"follow", no_argument, NULL, OPTION_FOLLOW},
	{"help", no_argument, NULL, OPTION_HELP},
	{"json", optional_argument, NULL, OPTION_JSON},
	{"ledger", required_argument, NULL, OPTION_LEDGER},
	{"pricing", required_argument, NULL, OPTION_PRICING},
	{"since", required_argument, NULL, OPTION_SINCE},
	{"until", required_argument, NULL, OPTION_UNTIL},
	{"verbose", no_argument, NULL, OPTION_VERBOSE},
	{NULL, 0, NULL, 0},
};

static int set_time(struct report_cli *cli, const char *name, const char *text, int64_t now_ns,
		    int64_t *time_ns)
{
	if (clock_parse(text, now_ns, time_ns) < 0) {
		log_error("--%s=%s: not a time: use RFC 3339, a date, or an age such as 90s, 15m, "
			  "24h, 7d",
			  name, text);
		return -EINVAL;
	}
	cli->has_window = true;
	return 0;
}

static int set_path(struct report_cli *cli, const char *path)
{
	if (strlen(path) >= sizeof(cli->path)) {
		log_error("--ledger: %s", strerror(ENAMETOOLONG));
		return -EINVAL;
	}
	memcpy(cli->path, path, strlen(path) + 1);
	return 0;
}

static int set_json(struct report_cli *cli, const char *form)
{
	if (form && strcmp(form, "lines") != 0) {
		log_error("--json=%s: not lines", form);
		return -EINVAL;
	}
	cli->json = true;
	cli->json_lines = form;
	return 0;
}

static int set_pricing(struct report_cli *cli, const char *which)
{
	if (strcmp(which, "first") != 0 && strcmp(which, "latest") != 0) {
		log_error("--pricing=%s: neither first nor latest", which);
		return -EINVAL;
	}
	cli->opts.filter.latest = !strcmp(which, "latest");
	return 0;
}

/* Return: 0, -EINVAL, or -ECANCELED where only help was asked for. */
static int apply(struct report_cli *cli, int key, const char *value, int64_t now_ns)
{
	switch (key) {
	case OPTION_FOLLOW:
		cli->follow = true;
		return 0;
	case OPTION_JSON:
		return set_json(cli, value);
	case OPTION_LEDGER:
		return set_path(cli, value);
	case OPTION_PRICING:
		return set_pricing(cli, value);
	case OPTION_SINCE:
		return set_time(cli, "since", value, now_ns, &cli->opts.filter.since_ns);
	case OPTION_UNTIL:
		return set_time(cli, "until", value, now_ns, &cli->opts.filter.until_ns);
	case OPTION_VERBOSE:
		log_set_verbose(1);
		return 0;
	case OPTION_HELP:
		fputs(cli->usage, stdout);
		return -ECANCELED;
	default:
		fputs(cli->usage, stderr);
		return -EINVAL;
	}
}

static int read_options(struct report_cli *cli, int argc, char **argv)
{
	int64_t now_ns = (int64_t)clock_boot_ns() + clock_wall_offset_ns();
	int key, r = 0;

	cli->opts.filter.since_ns = now_ns - DEFAULT_WINDOW_NS;
	optind = 0;
	opterr = 0;
	while (r == 0 && (key = getopt_long(argc, argv, ":fhv", options, NULL)) != -1)
		r = key == '?' || key == ':' ? options_refuse(argv, key)
					     : apply(cli, key, optarg, now_ns);
	cli->arguments = argv + optind;
	cli->n_arguments = argc - optind;
	return r;
}

int report_cli_open(struct report_cli *cli, int argc, char **argv, int *ret_status)
{
	char error[256];
	int r = read_options(cli, argc, argv);

	if (r < 0) {
		*ret_status = r == -ECANCELED ? 0 : EXIT_USAGE;
		return r;
	}
	if (!cli->path[0])
		r = paths_ledger(cli->path, sizeof(cli->path));
	if (r < 0) {
		log_error("ledger: %s; name one with --ledger=FILE", strerror(-r));
		*ret_status = 1;
		return r;
	}
	r = ledger_open_readonly(&cli->opts.ledger, cli->path, error, sizeof(error));
	if (r == 0) {
		/* Before anything is shown, so that no call falls between. */
		r = ledger_last_settled(cli->opts.ledger, &cli->settled);
		snprintf(error, sizeof(error), "%s", strerror(-r));
	}
	if (r < 0) {
		ledger_close(cli->opts.ledger);
		log_error("%s: %s", cli->path, error);
		*ret_status = 1;
		return r;
	}
	cli->opts.ledger_path = cli->path;
	cli->opts.utf8 = report_utf8();
	return 0;
}

/* A reader that went away ends us as it ends every filter, even while nothing is written. */
static int wait_a_while(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO};

	if (poll(&out, 1, FOLLOW_MS) < 0)
		return errno == EINTR ? 0 : -errno;
	if (out.revents & (POLLERR | POLLNVAL))
		return -EPIPE;
	return 0;
}

static int on_settled(void *context, const struct ledger_call *call)
{
	struct report_cli *cli = context;
	int r;

	cli->settled = call->settled;
	if (!cli->json)
		return report_text_call(stdout, call, cli->opts.utf8);
	r = report_json_call(stdout, call);
	return r == 0 && fflush(stdout) ? -EIO : r;
}

int report_cli_follow(struct report_cli *cli, const char *trace_id)
{
	struct ledger_filter filter = {
		.settled_only = true, .trace_id = trace_id, .latest = cli->opts.filter.latest};
	int r = 0;

	while (r == 0) {
		r = wait_a_while();
		filter.settled_after = cli->settled;
		if (r == 0)
			r = ledger_calls(cli->opts.ledger, &filter, on_settled, cli);
	}
	return r;
}

int report_cli_close(struct report_cli *cli, int r)
{
	ledger_close(cli->opts.ledger);
	if (fclose(stdout) && r == 0)
		r = -EIO;
	if (r == -EIO)
		log_error("output: can not be written");
	else if (r < 0 && r != -EPIPE)
		log_error("%s: %s", cli->path, strerror(-r));
	return r < 0;
}
