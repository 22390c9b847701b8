/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of run, record, replay and agent: the configuration files, then the command line. A key
 * of a file is the long option's name: "endpoint = localhost:8443=openai".
 */
#ifndef AGENT_OPTIONS_H
#define AGENT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "agent/limits.h"
#include "agent/source/ebpf_scope.h"

enum capture_mode {
	CAPTURE_AUTO,
	CAPTURE_EBPF,
	CAPTURE_PRELOAD,
};

enum summary_format {
	SUMMARY_AUTO, /* text where standard error is a terminal */
	SUMMARY_NONE,
	SUMMARY_TEXT,
	SUMMARY_JSON,
};

/* Strings live until options_free(). */
struct options {
	enum capture_mode capture;
	enum summary_format summary;
	pid_t pid; /* 0: a command */
	const char *user, *summary_file, *ledger, *card, *output, *priors;
	const char *tag; /* of every call, for the prices of a card; NULL: none */
	const char *endpoints[LIMIT_ENDPOINTS];
	size_t n_endpoints;
	struct ebpf_scope scope;    /* of agent */
	bool export;                /* of run and record */
	const char *export_headers; /* file */
	unsigned int flush_ms;      /* how long the end may wait for the collector */
	bool json, json_lines, dump, help;
	char **arguments; /* what is left of the command line */
	int n_arguments;
	char *memory[LIMIT_SETTINGS]; /* what the strings point into */
	size_t n_memory;
};

/* Which command reads the options: each has its own set. */
enum options_of {
	OPTIONS_RUN = 1,
	OPTIONS_RECORD = 2,
	OPTIONS_REPLAY = 4,
	OPTIONS_AGENT = 8,
};

/*
 * options_read - says on standard error what is wrong with them.
 * Return: 0 or -EINVAL.
 */
int options_read(struct options *options, enum options_of command, int argc, char **argv);

/*
 * options_refuse - say what is wrong with the option that getopt_long(3) gave as '?' or ':', with
 *	opterr 0 and a ":" before its letters.
 * Return: -EINVAL.
 */
int options_refuse(char **argv, int key);

void options_free(struct options *options);

#endif
