/* SPDX-License-Identifier: Apache-2.0 */
/* tollspan reprice: what the ledger's calls cost by the cards of today, beside their bill. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cards.h"
#include "agent/cmd.h"
#include "agent/options.h"
#include "agent/paths.h"
#include "agent/report.h"
#include "agent/reprice_output.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"

#define ERROR_MAX 1024

static const char usage[] =
	"Usage: tollspan reprice --since=TIME [OPTION]...\n"
	"Prices the ledger's calls anew, by the rate cards as they are now. The first amount stays;\n"
	"tollspan report --pricing=latest shows the new one.\n"
	"\n"
	"      --since=TIME    calls that began from here on: RFC 3339, a date, or an age (90s, 24h, "
	"7d)\n"
	"      --until=TIME    up to here\n"
	"      --card=FILE     rows that come before those of the other cards\n"
	"      --ledger=FILE   this ledger\n"
	"      --dry-run       say what would change, and write nothing\n"
	"      --json          one JSON object\n"
	"  -h, --help          show this\n";

enum option_key {
	OPTION_HELP = 'h',
	OPTION_CARD = 256,
	OPTION_DRY_RUN,
	OPTION_JSON,
	OPTION_LEDGER,
	OPTION_SINCE,
	OPTION_UNTIL,
};

static const struct option long_options[] = {
	{"card", required_argument, NULL, OPTION_CARD},
	{"dry-run", no_argument, NULL, OPTION_DRY_RUN},
	{"help", no_argument, NULL, OPTION_HELP},
	{"json", no_argument, NULL, OPTION_JSON},
	{"ledger", required_argument, NULL, OPTION_LEDGER},
	{"since", required_argument, NULL, OPTION_SINCE},
	{"until", required_argument, NULL, OPTION_UNTIL},
	{NULL, 0, NULL, 0},
};

struct reprice {
	struct ledger_filter filter;
	const char *card, *path;
	bool has_since, dry_run, json, help;
	char default_path[LIMIT_PATH];
};

/* ---- options ---- */

static int set_time(const char *name, const char *text, int64_t *time_ns)
{
	int64_t now_ns = (int64_t)clock_boot_ns() + clock_wall_offset_ns();

	if (clock_parse(text, now_ns, time_ns) == 0)
		return 0;
	log_error("--%s=%s: not a time: use RFC 3339, a date, or an age such as 90s, 15m, 24h, 7d",
		  name, text);
	return -EINVAL;
}

static int apply(struct reprice *reprice, int key, const char *value)
{
	switch (key) {
	case OPTION_SINCE:
		reprice->has_since = true;
		return set_time("since", value, &reprice->filter.since_ns);
	case OPTION_UNTIL:
		return set_time("until", value, &reprice->filter.until_ns);
	case OPTION_CARD:
		reprice->card = value;
		return 0;
	case OPTION_LEDGER:
		reprice->path = value;
		return 0;
	case OPTION_DRY_RUN:
		reprice->dry_run = true;
		return 0;
	case OPTION_JSON:
		reprice->json = true;
		return 0;
	default:
		reprice->help = true;
		return 0;
	}
}

static int read_options(struct reprice *reprice, int argc, char **argv)
{
	int key, r = 0;

	optind = 0;
	opterr = 0;
	while (r == 0 && (key = getopt_long(argc, argv, ":h", long_options, NULL)) != -1)
		r = key == '?' || key == ':' ? options_refuse(argv, key)
					     : apply(reprice, key, optarg);
	if (r < 0 || reprice->help)
		return r;
	if (optind < argc) {
		log_error("reprice: %s: takes no argument", argv[optind]);
		return -EINVAL;
	}
	if (!reprice->has_since) {
		log_error("reprice: --since: is needed: a time, a date, or an age such as 7d");
		return -EINVAL;
	}
	return 0;
}

/* ---- the work ---- */

/* A ledger that is not there is not made: there would be nothing to price. */
static int open_ledger(struct reprice *reprice, struct ledger **ret_ledger)
{
	char error[ERROR_MAX] = "";
	int r;

	if (!reprice->path) {
		r = paths_ledger(reprice->default_path, sizeof(reprice->default_path));
		if (r < 0) {
			log_error("ledger: %s; name one with --ledger=FILE", strerror(-r));
			return r;
		}
		reprice->path = reprice->default_path;
	}
	if (reprice->dry_run || access(reprice->path, F_OK) < 0)
		r = ledger_open_readonly(ret_ledger, reprice->path, error, sizeof(error));
	else
		r = ledger_open(ret_ledger, reprice->path, error, sizeof(error));
	if (r < 0)
		log_error("%s: %s", reprice->path, error);
	return r;
}

static int on_call(void *context, const struct ledger_repriced *call)
{
	reprice_sum_add(context, call);
	return 0;
}

static int reprice_ledger(struct reprice *reprice, struct ledger *ledger,
			  const struct pricing_card *card)
{
	const struct reprice_head head = {
		.card_version = pricing_card_version(card),
		.ledger_path = reprice->path,
		.dry_run = reprice->dry_run,
		.utf8 = report_utf8(),
	};
	struct reprice_sum sum = {.calls = 0};
	int r = ledger_reprice(ledger, &reprice->filter, card, reprice->dry_run, on_call, &sum);
	int written;

	if (r < 0)
		log_error("%s: %s%s", reprice->path,
			  r == -EBUSY ? "is locked by another program" : strerror(-r),
			  sum.changed ? "; what is shown has been priced anew, the rest has not"
				      : "; nothing has been changed");
	if (r < 0 && !sum.changed)
		return r;
	written = reprice->json ? reprice_output_json(stdout, &head, &sum)
				: reprice_output_text(stdout, &head, &sum);
	if (written < 0)
		log_error("reprice: standard output: %s", strerror(-written));
	return r < 0 ? r : written;
}

int cmd_reprice(int argc, char **argv)
{
	struct reprice reprice = {.has_since = false};
	struct pricing_card *card = NULL;
	struct ledger *ledger = NULL;
	char error[ERROR_MAX] = "";
	int r;

	if (read_options(&reprice, argc, argv) < 0)
		return EXIT_USAGE;
	if (reprice.help)
		return fputs(usage, stdout) < 0 || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
	r = cards_load(&card, reprice.card, error, sizeof(error));
	if (r < 0)
		log_error("%s", error);
	if (r == 0)
		r = open_ledger(&reprice, &ledger);
	if (r == 0)
		r = reprice_ledger(&reprice, ledger, card);
	ledger_close(ledger);
	pricing_card_free(card);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
