/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/paths.h"
#include "agent/user.h"
#include "agent/util/log.h"

#define LIVE (OPTIONS_RUN | OPTIONS_RECORD)
#define ALL (LIVE | OPTIONS_REPLAY | OPTIONS_AGENT)

enum key {
	KEY_CAPTURE = 256,
	KEY_CARD,
	KEY_CGROUP,
	KEY_CONFIG,
	KEY_DUMP,
	KEY_ENDPOINT,
	KEY_EXE,
	KEY_EXPORT,
	KEY_EXPORT_HEADERS,
	KEY_FLUSH_TIMEOUT,
	KEY_JSON,
	KEY_LEDGER,
	KEY_PRIORS,
	KEY_SCOPE_PID,
	KEY_SUMMARY,
	KEY_SUMMARY_FILE,
	KEY_TAG,
	KEY_UID,
};

static const struct setting {
	const char *name;
	int key;
	unsigned int commands;
	int argument; /* as getopt_long(3) has it */
	bool in_file;
} settings[] = {
	{"capture", KEY_CAPTURE, LIVE, required_argument, true},
	{"card", KEY_CARD, ALL, required_argument, true},
	{"cgroup", KEY_CGROUP, OPTIONS_AGENT, required_argument, true},
	{"config", KEY_CONFIG, ALL, required_argument, false},
	{"dump", KEY_DUMP, OPTIONS_REPLAY, no_argument, false},
	{"endpoint", KEY_ENDPOINT, ALL, required_argument, true},
	{"exe", KEY_EXE, OPTIONS_AGENT, required_argument, true},
	{"export", KEY_EXPORT, LIVE, optional_argument, true},
	{"export-headers", KEY_EXPORT_HEADERS, LIVE | OPTIONS_AGENT, required_argument, true},
	{"flush-timeout", KEY_FLUSH_TIMEOUT, LIVE | OPTIONS_AGENT, required_argument, true},
	{"help", 'h', ALL, no_argument, false},
	{"json", KEY_JSON, OPTIONS_REPLAY, optional_argument, false},
	{"ledger", KEY_LEDGER, ALL, required_argument, true},
	{"priors", KEY_PRIORS, OPTIONS_REPLAY, required_argument, true},
	{"output", 'o', OPTIONS_RECORD, required_argument, false},
	{"pid", 'p', LIVE, required_argument, false},
	{"pid", KEY_SCOPE_PID, OPTIONS_AGENT, required_argument, false},
	{"summary", KEY_SUMMARY, LIVE, required_argument, true},
	{"summary-file", KEY_SUMMARY_FILE, LIVE, required_argument, true},
	{"tag", KEY_TAG, ALL, required_argument, true},
	{"uid", KEY_UID, OPTIONS_AGENT, required_argument, true},
	{"user", 'u', LIVE, required_argument, false},
	{"user", 'u', OPTIONS_AGENT, required_argument, true},
	{"verbose", 'v', ALL, no_argument, false},
};

#define TAG_MAX 256 /* a card has no longer one */
#define FLUSH_MS 2000
#define FLUSH_MAX_MS 3600000

#define N_SETTINGS (sizeof(settings) / sizeof(*settings))

static int bad(const char *name, const char *value, const char *want)
{
	log_error("--%s=%s: %s", name, value, want);
	return -EINVAL;
}

/* The index of a word in a NULL-ended list, or -1. */
static int word_index(const char *word, const char *const *words)
{
	for (int i = 0; words[i]; i++) {
		if (!strcmp(word, words[i]))
			return i;
	}
	return -1;
}

static int read_number(const char *value, long long min, long long max, long long *ret_number)
{
	long long number;
	char *end;

	errno = 0;
	number = strtoll(value, &end, 10);
	if (errno || *end || end == value || number < min || number > max)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

static int set_pid(const char *value, pid_t *ret_pid)
{
	long long pid;

	if (read_number(value, 1, INT32_MAX, &pid) < 0)
		return bad("pid", value, "not a process id");
	*ret_pid = (pid_t)pid;
	return 0;
}

static int set_uid(const char *value, uid_t *ret_uid)
{
	struct user user;
	long long uid;

	if (read_number(value, 0, UINT32_MAX - 1, &uid) == 0) {
		*ret_uid = (uid_t)uid;
		return 0;
	}
	if (user_find(value, &user) < 0)
		return bad("uid", value, "no such user");
	*ret_uid = user.uid;
	return 0;
}

/* A path as the shell sees it, or as /proc/PID/cgroup has it. */
static int set_cgroup(const char *value, const char **ret_path)
{
	static const char mount[] = "/sys/fs/cgroup";

	if (!strncmp(value, mount, strlen(mount)) &&
	    (!value[strlen(mount)] || value[strlen(mount)] == '/'))
		value += strlen(mount);
	*ret_path = *value ? value : "/";
	return 0;
}

static int set_scope(struct ebpf_scope *scope, int key, const char *value)
{
	const char *name = key == KEY_UID         ? "uid"
			   : key == KEY_SCOPE_PID ? "pid"
			   : key == KEY_CGROUP    ? "cgroup"
						  : "exe";
	size_t *n = key == KEY_UID         ? &scope->n_uids
		    : key == KEY_SCOPE_PID ? &scope->n_pids
		    : key == KEY_CGROUP    ? &scope->n_cgroups
					   : &scope->n_exes;
	int r = 0;

	if (*n == LIMIT_SCOPES)
		return bad(name, value, "too many");
	if (key == KEY_UID)
		r = set_uid(value, &scope->uids[*n]);
	else if (key == KEY_SCOPE_PID)
		r = set_pid(value, &scope->pids[*n]);
	else if (key == KEY_CGROUP)
		r = set_cgroup(value, &scope->cgroups[*n]);
	else
		scope->exes[*n] = value;
	if (r == 0)
		(*n)++;
	return r;
}

static int set_words(struct options *options, int key, const char *value)
{
	static const char *const captures[] = {"auto", "ebpf", "preload", NULL};
	static const char *const summaries[] = {"auto", "none", "text", "json", NULL};
	int word = word_index(value, key == KEY_CAPTURE ? captures : summaries);

	if (word < 0)
		return key == KEY_CAPTURE ? bad("capture", value, "not auto, ebpf or preload")
					  : bad("summary", value, "not none, text or json");
	if (key == KEY_CAPTURE)
		options->capture = (enum capture_mode)word;
	else
		options->summary = (enum summary_format)word;
	return 0;
}

static int set_json(struct options *options, const char *value)
{
	if (value && strcmp(value, "lines"))
		return bad("json", value, "not lines");
	options->json = true;
	options->json_lines = value;
	return 0;
}

static int set_export(struct options *options, const char *value)
{
	static const char *const words[] = {"no", "yes", NULL};
	int word = value ? word_index(value, words) : 1;

	if (word < 0)
		return bad("export", value, "not yes or no");
	options->export = word;
	return 0;
}

/* Seconds; with a unit, "s" or "ms". */
static int set_flush_timeout(struct options *options, const char *value)
{
	char digits[16];
	size_t length = strspn(value, "0123456789");
	const char *unit = value + length;
	bool in_ms = !strcmp(unit, "ms");
	long long number, per = in_ms ? 1 : 1000;

	if (length < sizeof(digits) && (in_ms || !*unit || !strcmp(unit, "s"))) {
		memcpy(digits, value, length);
		digits[length] = '\0';
		if (read_number(digits, 0, FLUSH_MAX_MS / per, &number) == 0) {
			options->flush_ms = (unsigned int)(number * per);
			return 0;
		}
	}
	return bad("flush-timeout", value, "not seconds, such as 2, or 500ms; 3600 at most");
}

static int set_endpoint(struct options *options, const char *value)
{
	if (options->n_endpoints == LIMIT_ENDPOINTS)
		return bad("endpoint", value, "too many");
	options->endpoints[options->n_endpoints++] = value;
	return 0;
}

static int set_tag(struct options *options, const char *value)
{
	size_t length = strlen(value);

	if (length < 1 || length > TAG_MAX)
		return bad("tag", value, "not a text of 1 to 256 bytes");
	for (size_t i = 0; i < length; i++) {
		if (iscntrl((unsigned char)value[i]))
			return bad("tag", value, "has a control character");
	}
	options->tag = value;
	return 0;
}

static int apply(struct options *options, int key, const char *value)
{
	switch (key) {
	case KEY_CAPTURE:
	case KEY_SUMMARY:
		return set_words(options, key, value);
	case KEY_CARD:
		options->card = value;
		return 0;
	case KEY_DUMP:
		options->dump = true;
		return 0;
	case KEY_ENDPOINT:
		return set_endpoint(options, value);
	case KEY_CGROUP:
	case KEY_EXE:
	case KEY_SCOPE_PID:
	case KEY_UID:
		return set_scope(&options->scope, key, value);
	case KEY_EXPORT:
		return set_export(options, value);
	case KEY_FLUSH_TIMEOUT:
		return set_flush_timeout(options, value);
	case KEY_EXPORT_HEADERS:
		options->export_headers = value;
		return 0;
	case KEY_JSON:
		return set_json(options, value);
	case KEY_LEDGER:
		options->ledger = value;
		return 0;
	case KEY_PRIORS:
		options->priors = value;
		return 0;
	case KEY_SUMMARY_FILE:
		options->summary_file = value;
		return 0;
	case KEY_TAG:
		return set_tag(options, value);
	case 'h':
		options->help = true;
		return 0;
	case 'o':
		options->output = value;
		return 0;
	case 'p':
		return set_pid(value, &options->pid);
	case 'u':
		options->user = value;
		return 0;
	case 'v':
		log_set_verbose(1);
		return 0;
	default:
		return 0;
	}
}

/* ---- configuration files ---- */

static char *trim(char *text)
{
	size_t length;

	while (isspace((unsigned char)*text))
		text++;
	for (length = strlen(text); length && isspace((unsigned char)text[length - 1]); length--)
		;
	text[length] = '\0';
	return text;
}

static const char *keep(struct options *options, const char *value)
{
	char *copy = options->n_memory < LIMIT_SETTINGS ? strdup(value) : NULL;

	if (copy)
		options->memory[options->n_memory++] = copy;
	else
		log_error("configuration: more than %d settings", LIMIT_SETTINGS);
	return copy;
}

static int apply_line(struct options *options, enum options_of command, char *line,
		      const char *path, int number)
{
	char *key = trim(line), *value = strchr(key, '=');
	const char *kept;

	if (!*key || *key == '#')
		return 0;
	if (!value) {
		log_error("%s:%d: not KEY = VALUE", path, number);
		return -EINVAL;
	}
	*value++ = '\0';
	key = trim(key);
	for (size_t i = 0; i < N_SETTINGS; i++) {
		if (strcmp(settings[i].name, key) || !settings[i].in_file)
			continue;
		if (!(settings[i].commands & command))
			return 0; /* of another command */
		kept = keep(options, trim(value));
		return kept ? apply(options, settings[i].key, kept) : -EINVAL;
	}
	log_error("%s:%d: %s: no such setting", path, number, key);
	return -EINVAL;
}

static int read_file(struct options *options, enum options_of command, const char *path,
		     bool must_exist)
{
	char *line = NULL;
	size_t size = 0;
	FILE *file = fopen(path, "re");
	int r = 0;

	if (!file) {
		if (!must_exist && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
			return 0;
		log_error("%s: %s", path, strerror(errno));
		return -EINVAL;
	}
	for (int number = 1; r == 0 && getline(&line, &size, file) >= 0; number++)
		r = apply_line(options, command, line, path, number);
	free(line);
	fclose(file);
	return r;
}

static int read_files(struct options *options, enum options_of command, const char *config)
{
	char path[LIMIT_PATH];
	int r = read_file(options, command, "/etc/tollspan/tollspan.conf", false);

	if (r == 0 && paths_config("tollspan.conf", path, sizeof(path)) == 0)
		r = read_file(options, command, path, false);
	if (r == 0 && config)
		r = read_file(options, command, config, true);
	return r;
}

/* ---- command line ---- */

static void make_table(enum options_of command, struct option *table)
{
	for (size_t i = 0; i < N_SETTINGS; i++) {
		if (settings[i].commands & command)
			*table++ = (struct option){settings[i].name, settings[i].argument, NULL,
						   settings[i].key};
	}
	*table = (struct option){0};
}

int options_refuse(char **argv, int key)
{
	log_error("%s: %s: %s; see tollspan %s --help", argv[0], argv[optind - 1],
		  key == ':' ? "its value is missing" : "no such option, or not with a value",
		  argv[0]);
	return -EINVAL;
}

/* Walks the command line: for --config alone first, since files come before the command line. */
static int read_line(struct options *options, enum options_of command, int argc, char **argv,
		     const char **ret_config)
{
	struct option table[N_SETTINGS + 1];
	const char *letters = command == OPTIONS_RUN      ? "+:hp:u:v"
			      : command == OPTIONS_RECORD ? "+:ho:p:u:v"
							  : ":hv";
	int key, r = 0;

	make_table(command, table);
	optind = 0;
	opterr = 0;
	while (r == 0 && (key = getopt_long(argc, argv, letters, table, NULL)) != -1) {
		if (key == '?' || key == ':')
			r = ret_config ? 0 : options_refuse(argv, key);
		else if (ret_config && key == KEY_CONFIG)
			*ret_config = optarg;
		else if (!ret_config)
			r = apply(options, key, optarg);
	}
	options->arguments = argv + optind;
	options->n_arguments = argc - optind;
	return ret_config ? 0 : r;
}

int options_read(struct options *options, enum options_of command, int argc, char **argv)
{
	const char *config = NULL;
	int r;

	*options = (struct options){.flush_ms = FLUSH_MS};
	r = read_line(options, command, argc, argv, &config);
	if (r == 0)
		r = read_files(options, command, config);
	if (r == 0)
		r = read_line(options, command, argc, argv, NULL);
	if (r < 0)
		options_free(options);
	return r;
}

void options_free(struct options *options)
{
	for (size_t i = 0; i < options->n_memory; i++)
		free(options->memory[i]);
	options->n_memory = 0;
}
