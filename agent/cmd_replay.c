/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cards.h"
#include "agent/cmd.h"
#include "agent/dump.h"
#include "agent/endpoint.h"
#include "agent/ledger/query.h"
#include "agent/options.h"
#include "agent/pipeline.h"
#include "agent/report.h"
#include "agent/source/file.h"
#include "agent/store.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"

static const char usage[] =
	"Usage: tollspan replay [OPTION]... FILE\n"
	"Show the calls in a capture file (- is standard input).\n\n"
	"      --json[=lines]              JSON: one object, or a call a line\n"
	"      --dump                      list the records of the file\n"
	"      --ledger=FILE               write them to a ledger too\n"
	"      --priors=FILE               what this ledger knows of earlier responses\n"
	"      --endpoint=HOST[:PORT]=FAMILY[,FAMILY...]\n"
	"                                  this host speaks these APIs: openai, anthropic\n"
	"                                  provider=NAME: by whose rows; gpus=N: shared by calls\n"
	"      --card=FILE                 a further rate card\n"
	"      --tag=TEXT                  of all calls, for rows and discounts of a card\n"
	"      --config=FILE               a further configuration file\n"
	"  -v, --verbose                   say more\n"
	"  -h, --help                      show this\n";

static int on_record(void *context, const struct cr_head *record)
{
	return pipeline_feed(context, record);
}

/* Damage is told with its place; what came before it counts. */
static int tell_file_error(const struct capture_file *file, const char *path, int r)
{
	if (capture_file_reason(file))
		log_error("%s: at byte offset %llu: %s", path,
			  (unsigned long long)capture_file_offset(file), capture_file_reason(file));
	else
		log_error("%s: %s", path, strerror(-r));
	return EXIT_FAILURE;
}

static int dump(struct capture_file *file, const char *path)
{
	const struct cr_head *record;
	int r;

	while ((r = capture_file_next(file, &record)) > 0)
		dump_record(stdout, capture_file_offset(file), record);
	return r < 0 ? tell_file_error(file, path, r) : 0;
}

static int show(const struct options *options, struct store *store)
{
	struct report_opts opts = {
		.ledger = store_scratch(store),
		.ledger_path = options->ledger,
		.utf8 = report_utf8(),
	};
	int r;

	if (options->json_lines)
		r = report_json_lines(stdout, &opts);
	else if (options->json)
		r = report_json(stdout, &opts);
	else
		r = report_text(stdout, &opts);
	if (r < 0)
		log_error("output: %s", strerror(-r));
	return r;
}

/* The ledger of --priors; *ret_priors stays NULL without. */
static int open_priors(const struct options *options, struct ledger **ret_priors)
{
	char error[512] = "";
	int r = options->priors
			? ledger_open_readonly(ret_priors, options->priors, error, sizeof(error))
			: 0;

	if (r < 0)
		log_error("%s: %s", options->priors, *error ? error : strerror(-r));
	return r;
}

static int make_pipeline(const struct options *options, struct store *store,
			 const struct pricing_card *card, struct pipeline **ret_pipeline)
{
	struct ledger *priors = NULL;
	struct lookup lookup = {0};
	struct pipeline_opts opts = {
		.card = card,
		.lookup = &lookup,
		.endpoints = options->endpoints,
		.n_endpoints = options->n_endpoints,
		.tag = options->tag,
		.capture = CR_CAPTURE_REPLAY,
	};
	const char *bad = NULL;
	int r;

	r = open_priors(options, &priors);
	if (r < 0)
		return r;
	if (priors)
		lookup = (struct lookup){priors, ledger_backgrounds};
	/* Keys in a file are fingerprints already: no salt, and the same output anywhere. */
	store_sinks(store, &opts.sinks);
	r = pipeline_new(ret_pipeline, &opts, &bad);
	if (r < 0)
		endpoint_tell(bad, r);
	ledger_close(priors);
	return r;
}

static int open_store(const struct options *options, struct store **ret_store)
{
	char error[512] = "";
	int r = store_open(ret_store, "replay", clock_wall_offset_ns() + (int64_t)clock_boot_ns());

	if (r == 0 && options->ledger && strcmp(options->ledger, "none"))
		r = store_add_ledger(*ret_store, options->ledger, error, sizeof(error));
	if (r < 0)
		log_error("%s: %s", options->ledger ? options->ledger : "scratch ledger",
			  *error ? error : strerror(-r));
	return r;
}

/* What is behind the damage was not seen: the totals are not complete. */
static void feed_damage(struct pipeline *pipeline)
{
	struct cr_lost lost = {
		.head = {.length = sizeof(lost), .type = CR_LOST, .version = CR_VERSION},
		.cause = CR_CAUSE_MALFORMED,
		.records = 1,
	};

	pipeline_feed(pipeline, &lost.head);
}

static int replay(const struct options *options, struct capture_file *file, const char *path)
{
	struct pipeline *pipeline = NULL;
	struct pricing_card *card = NULL;
	struct store *store = NULL;
	char error[512] = "";
	int status = EXIT_FAILURE, r;
	uint64_t events = 0;

	r = cards_load(&card, options->card, error, sizeof(error));
	if (r < 0)
		log_error("%s", *error ? error : strerror(-r));
	if (r == 0)
		r = open_store(options, &store);
	if (r == 0)
		r = make_pipeline(options, store, card, &pipeline);
	if (r == 0) {
		r = capture_file_feed(file, on_record, pipeline);
		status = r < 0 ? tell_file_error(file, path, r) : 0;
		if (r < 0)
			feed_damage(pipeline);
		r = pipeline_end(pipeline);
		store_commit(store);
		if (r < 0 || show(options, store) < 0)
			status = EXIT_FAILURE;
		r = store_failure(store, &events);
		if (r < 0) {
			log_error("%s: %s", options->ledger, strerror(-r));
			status = EXIT_FAILURE;
		}
		r = store_scratch_failure(store);
		if (r < 0) {
			log_error("replay: %s; what is shown is not whole", strerror(-r));
			status = EXIT_FAILURE;
		}
	}
	pipeline_free(pipeline);
	store_free(store);
	pricing_card_free(card);
	return status;
}

int cmd_replay(int argc, char **argv)
{
	struct capture_file *file;
	struct options options;
	int status, r;

	if (options_read(&options, OPTIONS_REPLAY, argc, argv) < 0)
		return EXIT_USAGE;
	if (options.help) {
		fputs(usage, stdout);
		options_free(&options);
		return 0;
	}
	if (options.n_arguments != 1) {
		log_error("replay: one capture file, please; see tollspan replay --help");
		options_free(&options);
		return EXIT_USAGE;
	}
	r = capture_file_open(&file, options.arguments[0]);
	if (r < 0) {
		log_error("%s: %s", options.arguments[0], strerror(-r));
		options_free(&options);
		return EXIT_FAILURE;
	}
	status = options.dump ? dump(file, options.arguments[0])
			      : replay(&options, file, options.arguments[0]);
	capture_file_free(file);
	options_free(&options);
	if (fflush(stdout) != 0 || ferror(stdout))
		status = EXIT_FAILURE;
	return status;
}
