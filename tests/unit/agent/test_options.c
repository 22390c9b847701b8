/* SPDX-License-Identifier: Apache-2.0 */
/* What the export is told to do: on the command line, and in a configuration file. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "agent/options.h"
#include "tests/unit/test.h"

#define WORDS_MAX 8

static struct options options;
static char config[] = "/tmp/tollspan-options-XXXXXX";

/* Nothing of the user's own configuration; what is wrong is said on standard error, unseen. */
static int read_words(enum options_of command, const char *first, const char *second)
{
	char *argv[WORDS_MAX] = {(char *)"run", (char *)first, (char *)second, NULL};
	int argc = first ? second ? 3 : 2 : 1, r;
	int kept = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	setenv("HOME", "/nonexistent", 1);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("SUDO_UID");
	dup2(null, STDERR_FILENO);
	r = options_read(&options, command, argc, argv);
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(null);
	return r;
}

static const char *write_config(const char *text)
{
	static char option[64];
	int fd;

	memcpy(config + sizeof(config) - 7, "XXXXXX", 6);
	fd = mkstemp(config);
	CHECK(fd >= 0);
	CHECK_INT(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	snprintf(option, sizeof(option), "--config=%s", config);
	return option;
}

TEST(nothing_is_exported_unasked)
{
	CHECK_INT(read_words(OPTIONS_RUN, NULL, NULL), 0);
	CHECK(!options.export && !options.export_headers);
	CHECK_INT(options.flush_ms, 2000);
	options_free(&options);
}

TEST(export_is_asked_for)
{
	static const struct {
		const char *word;
		int r;
		bool export;
	} cases[] = {
		{"--export", 0, true},
		{"--export=yes", 0, true},
		{"--export=no", 0, false},
		{"--export=", -EINVAL, false},
		{"--export=maybe", -EINVAL, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK_INT(read_words(OPTIONS_RUN, cases[i].word, NULL), cases[i].r);
		if (cases[i].r == 0)
			CHECK_INT(options.export, cases[i].export);
		options_free(&options);
	}
	/* it takes no word of the command's */
	CHECK_INT(read_words(OPTIONS_RECORD, "--export", "no"), 0);
	CHECK(options.export);
	CHECK_INT(options.n_arguments, 1);
	options_free(&options);
}

TEST(flush_timeout)
{
	static const struct {
		const char *word;
		int r;
		unsigned int ms;
	} cases[] = {
		{"--flush-timeout=5", 0, 5000},
		{"--flush-timeout=5s", 0, 5000},
		{"--flush-timeout=500ms", 0, 500},
		{"--flush-timeout=0", 0, 0},
		{"--flush-timeout=3600", 0, 3600000},
		{"--flush-timeout=3600000ms", 0, 3600000},
		{"--flush-timeout=3601", -EINVAL, 0},
		{"--flush-timeout=3600001ms", -EINVAL, 0},
		{"--flush-timeout=-1", -EINVAL, 0},
		{"--flush-timeout=+1", -EINVAL, 0},
		{"--flush-timeout=", -EINVAL, 0},
		{"--flush-timeout=s", -EINVAL, 0},
		{"--flush-timeout=1m", -EINVAL, 0},
		{"--flush-timeout=1.5", -EINVAL, 0},
		{"--flush-timeout=1 s", -EINVAL, 0},
		{"--flush-timeout=18446744073709551617", -EINVAL, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int r = read_words(i % 2 ? OPTIONS_RUN : OPTIONS_AGENT, cases[i].word, NULL);

		if (r != cases[i].r || (r == 0 && options.flush_ms != cases[i].ms))
			test_fail(__FILE__, __LINE__, "%s: %d, %u ms", cases[i].word, r,
				  options.flush_ms);
		options_free(&options);
	}
}

TEST(a_file_says_it_and_the_command_line_wins)
{
	const char *file = write_config("export = yes\nflush-timeout = 7s\n"
					"export-headers = /etc/token\n");

	CHECK_INT(read_words(OPTIONS_RUN, file, NULL), 0);
	CHECK(options.export);
	CHECK_INT(options.flush_ms, 7000);
	CHECK_TEXT(options.export_headers, "/etc/token");
	options_free(&options);
	CHECK_INT(read_words(OPTIONS_RUN, "--export=no", file), 0);
	CHECK(!options.export);
	options_free(&options);
	/* the agent exports wherever an endpoint is set: the key is of others */
	CHECK_INT(read_words(OPTIONS_AGENT, file, NULL), 0);
	CHECK(!options.export);
	CHECK_INT(options.flush_ms, 7000);
	options_free(&options);
	unlink(config);
}

TEST(a_file_with_a_wrong_word_is_refused)
{
	static const char *const texts[] = {"export = 1\n", "export =\n", "flush-timeout = soon\n",
					    "flush_timeout = 2\n"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CHECK_INT(read_words(OPTIONS_RUN, write_config(texts[i]), NULL), -EINVAL);
		options_free(&options);
		unlink(config);
	}
}

TEST(commands_without_export_know_no_such_option)
{
	CHECK_INT(read_words(OPTIONS_REPLAY, "--export", NULL), -EINVAL);
	CHECK_INT(read_words(OPTIONS_REPLAY, "--flush-timeout=1", NULL), -EINVAL);
	CHECK_INT(read_words(OPTIONS_AGENT, "--export", NULL), -EINVAL);
}

TEST_MAIN()
