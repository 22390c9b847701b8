/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "agent/cmd.h"
#include "agent/util/log.h"
#include "agent/version.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *does;
} commands[] = {
	{"run", cmd_run, "run a command and show what its model calls cost"},
	{"record", cmd_record, "as run, and write a capture file"},
	{"agent", cmd_agent, "follow the host, as a daemon, and export to a collector"},
	{"replay", cmd_replay, "show the calls in a capture file"},
	{"report", cmd_report, "the ledger's calls and what they cost"},
	{"trace", cmd_trace, "the ledger's calls as a tree"},
	{"price", cmd_price, "what a usage costs, line by line"},
	{"reprice", cmd_reprice, "what the ledger's calls cost by the cards of today"},
	{"check", cmd_check, "what can be captured here"},
};

#define N_COMMANDS (sizeof(commands) / sizeof(*commands))

static void usage(FILE *out)
{
	fprintf(out, "Usage: tollspan COMMAND [OPTION]... [ARG]...\n\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].does);
	fprintf(out,
		"\ntollspan COMMAND --help says more of one; so does the manual, tollspan(1).\n");
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (!strcmp(name, "-h") || !strcmp(name, "--help") || !strcmp(name, "help")) {
		usage(stdout);
		return 0;
	}
	if (!strcmp(name, "--version")) {
		version_print(stdout);
		return 0;
	}
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (!strcmp(name, commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	}
	if (*name)
		log_error("%s: no such command", name);
	usage(stderr);
	return EXIT_USAGE;
}
