/* SPDX-License-Identifier: Apache-2.0 */
/* tollspan price: what a usage costs, and why. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cards.h"
#include "agent/cmd.h"
#include "agent/limits.h"
#include "agent/price_compare.h"
#include "agent/price_line.h"
#include "agent/price_output.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "agent/usage_name.h"

#define ERROR_MAX 1024
#define HELP_COLUMNS 80

/* Values of options without a letter; a bucket's option is OPTION_BUCKET + bucket. */
enum {
	OPTION_MODEL = 256,
	OPTION_PROVIDER,
	OPTION_TIER,
	OPTION_REGION,
	OPTION_VARIANT,
	OPTION_KEY,
	OPTION_TAG,
	OPTION_AT,
	OPTION_CARD,
	OPTION_COMPARE,
	OPTION_JSON,
	OPTION_STDIN,
	OPTION_VALIDATE,
	OPTION_BUCKET,
};

struct options {
	struct pricing_charge charge;
	const char *card, *validate, *compare;
	int64_t now_ns;
	bool json, lines, help;
};

static const struct option plain_options[] = {
	{"model", required_argument, NULL, OPTION_MODEL},
	{"provider", required_argument, NULL, OPTION_PROVIDER},
	{"tier", required_argument, NULL, OPTION_TIER},
	{"region", required_argument, NULL, OPTION_REGION},
	{"variant", required_argument, NULL, OPTION_VARIANT},
	{"key", required_argument, NULL, OPTION_KEY},
	{"tag", required_argument, NULL, OPTION_TAG},
	{"at", required_argument, NULL, OPTION_AT},
	{"card", required_argument, NULL, OPTION_CARD},
	{"compare", required_argument, NULL, OPTION_COMPARE},
	{"json", no_argument, NULL, OPTION_JSON},
	{"stdin", no_argument, NULL, OPTION_STDIN},
	{"validate", required_argument, NULL, OPTION_VALIDATE},
	{"help", no_argument, NULL, 'h'},
};

#define N_PLAIN (sizeof(plain_options) / sizeof(*plain_options))
#define BUCKET_OPTION_MAX 32

struct option_table {
	struct option options[N_PLAIN + PRICING_BUCKETS + 1];
	char names[PRICING_BUCKETS][BUCKET_OPTION_MAX];
};

/* A bucket's option is its name with dashes. */
static void make_options(struct option_table *table)
{
	memset(table, 0, sizeof(*table));
	memcpy(table->options, plain_options, sizeof(plain_options));
	for (int bucket = 0; bucket < PRICING_BUCKETS; bucket++) {
		char *name = table->names[bucket];

		snprintf(name, BUCKET_OPTION_MAX, "%s",
			 pricing_bucket_name((enum pricing_bucket)bucket));
		for (char *c = strchr(name, '_'); c; c = strchr(c, '_'))
			*c = '-';
		table->options[N_PLAIN + (size_t)bucket] =
			(struct option){name, required_argument, NULL, OPTION_BUCKET + bucket};
	}
}

static void print_quantities(const struct option_table *table)
{
	int column = 0;

	for (int bucket = 0; bucket < PRICING_BUCKETS; bucket++) {
		const char *name = table->names[bucket];

		if (column + (int)strlen("  -- N") + (int)strlen(name) > HELP_COLUMNS) {
			putchar('\n');
			column = 0;
		}
		column += printf("  --%s N", name);
	}
	putchar('\n');
}

static void print_help(const struct option_table *table)
{
	puts("Usage: tollspan price --model M [--provider P] --QUANTITY N… [options]\n"
	     "       tollspan price --stdin [--at TIME] [--card FILE] < JSON lines\n"
	     "       tollspan price --validate FILE\n"
	     "\n"
	     "  --tier T          service tier that was served (standard)\n"
	     "  --region R        geography (none)\n"
	     "  --variant V       size and quality of an image, and the like\n"
	     "  --key FINGERPRINT whose rows and discounts hold, as tollspan.key.fingerprint\n"
	     "  --tag TEXT        tag whose rows and discounts hold\n"
	     "  --at TIME         RFC 3339, a date, in UTC, or an age as 7d (now)\n"
	     "  --card FILE       rows that come before those of the other cards\n"
	     "  --compare M2,M3   the same usage at the prices of other models\n"
	     "  --json            one JSON object\n"
	     "  --stdin           a usage a line, with the names of span attributes\n"
	     "  --validate FILE   check a card\n"
	     "  -h, --help        show this\n"
	     "\n"
	     "Quantities (input counts cached tokens in, output counts reasoning in):");
	print_quantities(table);
}

static int usage_error(const char *what, const char *why)
{
	log_error("price: %s: %s (see tollspan price --help)", what, why);
	return -EINVAL;
}

static int set_quantity(struct pricing_usage *usage, enum pricing_bucket bucket, const char *name,
			const char *text)
{
	char option[BUCKET_OPTION_MAX + 2];
	unsigned long long quantity;
	char *end;

	snprintf(option, sizeof(option), "--%s", name);
	errno = 0;
	quantity = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno)
		return usage_error(option, "needs a whole number below 2^64");
	if (pricing_usage_has(usage, bucket))
		return usage_error(option, "given twice");
	pricing_usage_set(usage, bucket, quantity);
	return 0;
}

static int set_time(struct options *options, const char *text)
{
	int64_t time_ns;

	if (clock_parse(text, options->now_ns, &time_ns) < 0)
		return usage_error("--at", "needs a time in RFC 3339, a date or an age");
	options->now_ns = time_ns;
	return 0;
}

/* Where an option's text is kept; NULL for one without. */
static const char **text_of(struct options *options, int option)
{
	struct pricing_charge *charge = &options->charge;

	switch (option) {
	case OPTION_MODEL:
		return &charge->model;
	case OPTION_PROVIDER:
		return &charge->provider;
	case OPTION_TIER:
		return &charge->tier;
	case OPTION_REGION:
		return &charge->region;
	case OPTION_VARIANT:
		return &charge->variant;
	case OPTION_KEY:
		return &charge->key;
	case OPTION_TAG:
		return &charge->tag;
	case OPTION_CARD:
		return &options->card;
	case OPTION_COMPARE:
		return &options->compare;
	case OPTION_VALIDATE:
		return &options->validate;
	default:
		return NULL;
	}
}

static int set_option(struct options *options, int option, const char *name)
{
	const char **text = text_of(options, option);

	if (text && !*optarg)
		return usage_error(name, "needs a value");
	if (text) {
		*text = optarg;
		return 0;
	}
	switch (option) {
	case OPTION_AT:
		return set_time(options, optarg);
	case OPTION_JSON:
		options->json = true;
		return 0;
	case OPTION_STDIN:
		options->lines = true;
		return 0;
	case 'h':
		options->help = true;
		return 0;
	}
	return set_quantity(&options->charge.usage, (enum pricing_bucket)(option - OPTION_BUCKET),
			    name, optarg);
}

/* The bucket that the parts exceed is the total as it was given. */
static int check_charge(struct options *options)
{
	enum pricing_bucket bucket;
	char what[64];

	if (!options->charge.model)
		return usage_error("--model", "is needed");
	if (!options->charge.usage.present)
		return usage_error("quantities", "none is given, such as --input N");
	if (pricing_usage_exclude(&options->charge.usage, &bucket) < 0) {
		snprintf(what, sizeof(what), "--%s", pricing_bucket_name(bucket));
		return usage_error(what, "is less than its parts");
	}
	return 0;
}

/* What an option says of a usage would be lost on lines, and on a card. */
static int check_alone(const struct options *options)
{
	const struct pricing_charge *charge = &options->charge;
	bool described = charge->model || charge->provider || charge->tier || charge->region ||
			 charge->variant || charge->key || charge->tag;

	if (options->validate && options->lines)
		return usage_error("--validate", "checks one card, and reads no lines");
	if (options->compare)
		return usage_error("--compare", "compares one usage, that of --model");
	if (described || charge->usage.present)
		return usage_error(options->lines ? "--stdin" : "--validate",
				   options->lines ? "the lines say what was used, no option does"
						  : "prices nothing, and takes no usage");
	return 0;
}

static int parse_options(int argc, char **argv, const struct option_table *table,
			 struct options *options)
{
	int option, index = 0, r = 0;

	optind = 0;
	opterr = 0;
	options->now_ns = (int64_t)clock_boot_ns() + clock_wall_offset_ns();
	while (r >= 0 && (option = getopt_long(argc, argv, ":h", table->options, &index)) != -1) {
		if (option == '?' || option == ':')
			return usage_error(argv[optind - 1],
					   option == ':' ? "needs a value" : "no such option");
		r = set_option(options, option, table->options[index].name);
	}
	if (r < 0 || options->help)
		return r;
	if (optind < argc)
		return usage_error(argv[optind], "unexpected");
	options->charge.time =
		options->now_ns / NS_PER_SECOND - (options->now_ns % NS_PER_SECOND < 0);
	return options->validate || options->lines ? check_alone(options) : check_charge(options);
}

static int validate(const char *path)
{
	struct pricing_card *card = NULL;
	char error[ERROR_MAX] = "";
	int r = pricing_card_new(&card);

	if (r >= 0)
		r = pricing_card_load_file(card, path, error, sizeof(error));
	if (r < 0)
		log_error("%s: %s", path, error);
	else
		printf("%s: valid, version %s\n", path, pricing_card_version(card));
	pricing_card_free(card);
	return r;
}

/* What failed costs 0 for certain, whatever its model. */
static void price_found(const struct pricing_card *card, struct price_line *line,
			struct pricing_result *result)
{
	if (price_line_failed(line)) {
		*result = (struct pricing_result){.missing = PRICING_BUCKETS};
		return;
	}
	price_find_provider(card, price_line_charge(line));
	pricing_price(card, price_line_charge(line), result);
}

static int price_text(const struct pricing_card *card, const char *text, size_t length,
		      int64_t now_ns, uint64_t number)
{
	char error[ERROR_MAX] = "", what[ERROR_MAX + 32];
	struct pricing_result result;
	struct price_line *line = NULL;
	int r = price_line_parse(&line, text, length, now_ns, error, sizeof(error));
	int written;

	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		snprintf(what, sizeof(what), "line %" PRIu64 ": %s", number, error);
		written = price_output_error(stdout, what);
		return written < 0 ? written : r;
	}
	price_found(card, line, &result);
	r = price_output_json(stdout, card, price_line_charge(line), &result,
			      price_line_reported(line));
	price_line_free(line);
	return r;
}

/*
 * Reads a line into text, without its end; of a longer one the rest is dropped.
 * Return: its length, LIMIT_PRICE_LINE + 1 for one that is too long, or -1 at the end.
 */
static long read_line(char text[LIMIT_PRICE_LINE])
{
	size_t length = 0;
	int c = getc_unlocked(stdin);

	if (c == EOF)
		return -1;
	for (; c != EOF && c != '\n'; c = getc_unlocked(stdin)) {
		if (length < LIMIT_PRICE_LINE)
			text[length] = (char)c;
		length += length <= LIMIT_PRICE_LINE;
	}
	return (long)length;
}

static bool is_blank(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (i == LIMIT_PRICE_LINE || !text[i] || !strchr(" \t\r", text[i]))
			return false;
	return true;
}

static int too_long(uint64_t number)
{
	char what[64];

	snprintf(what, sizeof(what), "line %" PRIu64 ": longer than %lu bytes", number,
		 LIMIT_PRICE_LINE);
	return price_output_error(stdout, what) < 0 ? -ENOMEM : -EINVAL;
}

/* Whoever reads the answers of a pipe may wait for each before the next question. */
static void answer_at_once(void)
{
	struct stat stat;

	if (!fstat(STDOUT_FILENO, &stat) && !S_ISREG(stat.st_mode))
		setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
}

static int answer(const struct pricing_card *card, const char *text, size_t length, int64_t now_ns,
		  uint64_t number)
{
	return length > LIMIT_PRICE_LINE ? too_long(number)
					 : price_text(card, text, length, now_ns, number);
}

/* Each line has its answer, but for blank ones that only an end follows, as in many logs. */
static int price_lines(const struct pricing_card *card, int64_t now_ns)
{
	char *text = malloc(LIMIT_PRICE_LINE);
	uint64_t number = 0, answered = 0;
	int result = 0;
	long length;

	if (!text)
		return -ENOMEM;
	answer_at_once();
	while (result != -ENOMEM && (length = read_line(text)) >= 0) {
		number++;
		while (!is_blank(text, (size_t)length) && answered < number) {
			bool this = ++answered == number;
			int r = answer(card, text, this ? (size_t)length : 0, now_ns, answered);

			if (r < 0)
				result = r;
		}
	}
	free(text);
	if (ferror(stdin)) {
		log_error("price: standard input: can not be read");
		return -EIO;
	}
	if (result == -EINVAL)
		log_error("price: some lines could not be read: see their \"error\"");
	return result;
}

static int price_one(const struct pricing_card *card, struct options *options)
{
	struct pricing_result result;

	price_find_provider(card, &options->charge);
	pricing_price(card, &options->charge, &result);
	if (options->json)
		return price_output_json(stdout, card, &options->charge, &result, NULL);
	price_output_text(stdout, card, &options->charge, &result);
	return 0;
}

static int compare(const struct pricing_card *card, const struct options *options)
{
	struct price_compare *models = NULL;
	int r = price_compare_new(&models, card, &options->charge, options->compare);

	if (r == -EINVAL || r == -E2BIG)
		return usage_error("--compare", r == -EINVAL ? "needs names of models, with commas"
							     : "too many models");
	if (r < 0)
		return r;
	if (options->json)
		r = price_compare_json(stdout, models);
	else
		price_compare_text(stdout, models);
	price_compare_free(models);
	return r;
}

static int price(const struct pricing_card *card, struct options *options)
{
	if (options->lines)
		return price_lines(card, options->now_ns);
	return options->compare ? compare(card, options) : price_one(card, options);
}

int cmd_price(int argc, char **argv)
{
	struct pricing_card *card = NULL;
	struct options options = {0};
	struct option_table table;
	char error[ERROR_MAX] = "";
	int r;

	make_options(&table);
	if (parse_options(argc, argv, &table, &options) < 0)
		return EXIT_USAGE;
	if (options.help) {
		print_help(&table);
		return EXIT_SUCCESS;
	}
	if (options.validate)
		return validate(options.validate) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	r = cards_load(&card, options.card, error, sizeof(error));
	if (r < 0) {
		log_error("%s", error);
		return EXIT_FAILURE;
	}
	r = price(card, &options);
	if (r == -ENOMEM)
		log_error("price: out of memory");
	if (fflush(stdout) || ferror(stdout)) {
		log_error("price: standard output: can not be written");
		r = -EIO;
	}
	pricing_card_free(card);
	if (options.compare && (r == -EINVAL || r == -E2BIG))
		return EXIT_USAGE;
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
