/* SPDX-License-Identifier: Apache-2.0 */
/* run and record: a command under capture, and what its calls cost when it ends. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/capture.h"
#include "agent/cards.h"
#include "agent/cmd.h"
#include "agent/endpoint.h"
#include "agent/job.h"
#include "agent/options.h"
#include "agent/paths.h"
#include "agent/pipeline.h"
#include "agent/record/record.h"
#include "agent/run_export.h"
#include "agent/salt.h"
#include "agent/store.h"
#include "agent/summary.h"
#include "agent/unseen.h"
#include "agent/user.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"

static const char usage[] =
	"Usage: tollspan %s [OPTION]... -- COMMAND [ARG]...\n"
	"   or: tollspan %s [OPTION]... -p PID\n"
	"Run a command and show what its model calls cost.\n\n"
	"%s"
	"      --capture=auto|ebpf|preload how to capture; auto: eBPF where privileged\n"
	"  -p, --pid=PID                   follow what runs already, with descendants\n"
	"  -u, --user=USER                 run the command as this user\n"
	"      --summary=none|text|json    default: text where standard error is a terminal\n"
	"      --summary-file=FILE         write the summary there\n"
	"      --ledger=FILE|none          default: ~/.local/state/tollspan/ledger.db\n"
	"      --endpoint=HOST[:PORT]=FAMILY[,FAMILY...]\n"
	"                                  this host speaks these APIs: openai, anthropic\n"
	"                                  provider=NAME: by whose rows; gpus=N: shared by calls\n"
	"      --export[=yes|no]           export the calls to OTEL_EXPORTER_OTLP_ENDPOINT\n"
	"      --export-headers=FILE       header lines for the collector, such as a token\n"
	"      --flush-timeout=SECONDS     how long the end may wait for the collector; default 2\n"
	"      --card=FILE                 a further rate card\n"
	"      --tag=TEXT                  of all calls, for rows and discounts of a card\n"
	"      --config=FILE               a further configuration file\n"
	"  -v, --verbose                   say more\n"
	"  -h, --help                      show this\n";

/* Others that write the ledger wait for our transactions: they are kept short. */
#define COMMIT_INTERVAL_MS 20

struct run {
	struct options options;
	struct user user, invoker; /* of -u; who called sudo */
	bool has_invoker;
	const char *command; /* "run" or "record" */
	struct capture *capture;
	struct job *job;       /* NULL with -p */
	int pid_fd, signal_fd; /* of -p */
	struct loop *loop;
	struct pricing_card *card;
	struct store *store;
	struct recorder *recorder;
	struct pipeline *pipeline;
	struct unseen *unseen;
	struct run_export *export; /* NULL: nothing is exported */
	char ledger[LIMIT_PATH];   /* "" where none is written */
	int64_t began_ns;
};

/* ---- what the loop calls ---- */

static int on_record(void *context, const struct cr_head *record)
{
	struct run *run = context;

	return pipeline_feed(run->pipeline, record);
}

static int on_commit(void *context, int fd, uint32_t events)
{
	struct run *run = context;

	store_commit(run->store);
	run_export_wake(run->export, run->store);
	return 0;
}

static int on_look(void *context, int fd, uint32_t events)
{
	struct run *run = context;

	return unseen_look(run->unseen);
}

static int on_job(void *context, int fd, uint32_t events)
{
	struct run *run = context;

	job_dispatch(run->job);
	if (job_ended(run->job))
		loop_stop(run->loop);
	return 0;
}

static int on_end(void *context, int fd, uint32_t events)
{
	struct run *run = context;

	loop_stop(run->loop);
	return 0;
}

static void tell_failure(const struct run *run, int r)
{
	if (r < 0)
		log_error("%s: %s", run->command, strerror(-r));
}

static pid_t root_of(const struct run *run)
{
	return run->job ? job_pid(run->job) : run->options.pid;
}

/* ---- making it ---- */

static int check_options(const struct run *run)
{
	const struct options *o = &run->options;

	if (o->pid && o->n_arguments) {
		log_error("%s: either -p PID or a command, not both", run->command);
		return -EINVAL;
	}
	if (!o->pid && !o->n_arguments) {
		log_error("%s: no command; try: tollspan %s -- python3 my_agent.py", run->command,
			  run->command);
		return -EINVAL;
	}
	if (!strcmp(run->command, "record") && !o->output) {
		log_error("record: -o FILE is missing: the capture file to write");
		return -EINVAL;
	}
	return 0;
}

static int find_invoker(struct run *run)
{
	int r = user_invoker(&run->invoker);

	run->has_invoker = r == 0;
	if (r == 0 || r == -ENOENT)
		return 0;
	log_error("SUDO_UID, SUDO_GID: not understood; unset them to run as root");
	return r;
}

static int find_user(struct run *run)
{
	const char *name = run->options.user;
	int r = name ? user_find(name, &run->user) : 0;

	if (r == -ENOENT)
		log_error("-u %s: no such user", name);
	else if (r < 0)
		log_error("-u %s: %s", name, strerror(-r));
	if (r < 0 || !name || geteuid() == 0 || run->user.uid == geteuid())
		return r;
	log_error("-u %s: only root may run as another user; use sudo", name);
	return -EPERM;
}

/* Whom the command runs as; NULL: as we are. */
static const struct user *command_user(const struct run *run)
{
	if (run->options.user)
		return &run->user;
	return run->has_invoker ? &run->invoker : NULL;
}

static int start_capture(struct run *run)
{
	const struct options *o = &run->options;
	struct job_opts job = {.command = o->arguments, .user = command_user(run)};
	char error[512] = "";
	int r;

	r = capture_new(&run->capture, o->capture, o->pid, on_record, run, error, sizeof(error));
	if (r < 0) {
		log_error("%s", *error ? error : strerror(-r));
		return r;
	}
	capture_job(run->capture, &job);
	job.kill = capture_kill;
	job.context = run->capture;
	if (!o->pid) {
		r = job_start(&run->job, &job);
		if (r < 0)
			log_error("%s: %s", o->arguments[0], strerror(-r));
	}
	return r;
}

/* Without privilege: files that somebody else wrote are looked through here. */
static int start_following(struct run *run)
{
	const struct options *o = &run->options;
	char error[512] = "";
	int r = capture_follow(run->capture, root_of(run), o->pid ? NULL : o->arguments[0], error,
			       sizeof(error));
	if (r < 0)
		log_error("%s", *error ? error : strerror(-r));
	return r;
}

static int open_card(struct run *run)
{
	char error[512] = "";
	int r = cards_load(&run->card, run->options.card, error, sizeof(error));

	if (r < 0)
		log_error("%s", *error ? error : strerror(-r));
	return r;
}

/* A ledger that can not be opened is said, and the run goes on: the summary needs none. */
static int open_store(struct run *run)
{
	const char *path = run->options.ledger;
	char error[512] = "";
	int r = store_open(&run->store, run->command, clock_wall_offset_ns() + run->began_ns);

	if (r < 0) {
		log_error("scratch ledger: %s", strerror(-r));
		return r;
	}
	if (path && !strcmp(path, "none"))
		return 0;
	if (path)
		snprintf(run->ledger, sizeof(run->ledger), "%s", path);
	else
		r = paths_state("ledger.db", run->ledger, sizeof(run->ledger));
	if (r == 0)
		r = store_add_ledger(run->store, run->ledger, error, sizeof(error));
	if (r < 0) {
		log_error("%s: %s; going on without a ledger",
			  run->ledger[0] ? run->ledger : "ledger", *error ? error : strerror(-r));
		run->ledger[0] = '\0';
	}
	return 0;
}

static int open_recorder(struct run *run)
{
	const char *path = run->options.output;
	int r = path ? recorder_new(&run->recorder, path, capture_kind(run->capture)) : 0;

	if (r < 0)
		log_error("%s: %s", path, strerror(-r));
	return r;
}

static int open_pipeline(struct run *run)
{
	struct lookup lookup;
	struct pipeline_opts opts = {
		.control = capture_control(run->capture),
		.lookup = &lookup,
		.card = run->card,
		.recorder = run->recorder,
		.endpoints = run->options.endpoints,
		.n_endpoints = run->options.n_endpoints,
		.tag = run->options.tag,
		.capture = capture_kind(run->capture),
	};
	const char *bad = NULL;
	int r = salt_read(opts.salt);

	if (r < 0)
		log_verbose("salt: %s; fingerprints of keys hold for this run only", strerror(-r));
	store_sinks(run->store, &opts.sinks);
	store_lookup(run->store, &lookup);
	r = pipeline_new(&run->pipeline, &opts, &bad);
	if (r < 0)
		endpoint_tell(bad, r);
	return r;
}

static int open_loop(struct run *run)
{
	int r = loop_new(&run->loop);

	if (r == 0)
		r = capture_watch(run->capture, run->loop);
	if (r == 0)
		r = loop_every(run->loop, COMMIT_INTERVAL_MS, on_commit, run);
	if (r == 0)
		r = loop_every(run->loop, UNSEEN_INTERVAL_MS, on_look, run);
	if (r == 0 && run->job)
		r = loop_add(run->loop, job_fd(run->job), EPOLLIN, on_job, run);
	if (r == 0 && !run->job)
		r = loop_add(run->loop, run->pid_fd, EPOLLIN, on_end, run);
	if (r == 0 && !run->job)
		r = loop_add(run->loop, run->signal_fd, EPOLLIN, on_end, run);
	return r;
}

/* With -p there is no command that signals could be passed on to: they end the following. The
 * command itself was forked before. */
static int open_signals(struct run *run)
{
	sigset_t set;

	/* Whoever reads our summary may go away: the status is still the command's. */
	signal(SIGPIPE, SIG_IGN);
	if (run->job)
		return 0;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	run->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	run->pid_fd = pidfd_open(run->options.pid, 0);
	return run->signal_fd < 0 || run->pid_fd < 0 ? -errno : 0;
}

/* All that is made without privilege: files are the invoking user's. */
static int open_all(struct run *run)
{
	int r = run_export_new(&run->export, &run->options);

	if (r == 0)
		r = open_card(run);
	if (r == 0)
		r = open_store(run);
	if (r == 0)
		r = open_recorder(run);
	if (r == 0)
		r = open_pipeline(run);
	if (r < 0)
		return r;
	r = open_signals(run);
	if (r == 0)
		r = unseen_new(&run->unseen, run->capture, root_of(run), run->job != NULL,
			       on_record, run);
	if (r == 0)
		r = open_loop(run);
	tell_failure(run, r);
	return r;
}

static int drop_privilege(const struct run *run)
{
	int r = run->has_invoker ? user_become(&run->invoker) : 0;

	if (r < 0)
		log_error("become uid %u: %s", run->invoker.uid, strerror(-r));
	return r;
}

/* ---- ending it ---- */

/* What is on its way still counts; and where that fails, what was open is still told. */
static void finish_capture(struct run *run)
{
	tell_failure(run, capture_drain(run->capture));
	tell_failure(run, unseen_end(run->unseen));
	tell_failure(run, pipeline_end(run->pipeline));
	store_commit(run->store);
}

static void report_failures(struct run *run)
{
	uint64_t events = 0;
	int r = store_failure(run->store, &events);

	if (r < 0)
		log_error("%s: %s; %" PRIu64 " events are missing there", run->ledger, strerror(-r),
			  events);
	r = store_scratch_failure(run->store);
	if (r < 0)
		log_error("%s: %s; the summary is not whole", run->command, strerror(-r));
	if (run->recorder && pipeline_sink_errors(run->pipeline, &r))
		log_error("%s: %s; the capture file is not whole", run->options.output,
			  strerror(-r));
}

static void show_summary(struct run *run)
{
	struct summary summary = {
		.format = run->options.summary,
		.file = run->options.summary_file,
		.capture = capture_kind(run->capture),
		.ledger = run->ledger[0] ? run->ledger : NULL,
	};
	int r = summary_print(&summary, store_scratch(run->store));

	if (r < 0)
		log_error("%s: %s", summary.file ? summary.file : "summary", strerror(-r));
}

static void run_free(struct run *run)
{
	run_export_free(run->export);
	unseen_free(run->unseen);
	pipeline_free(run->pipeline);
	recorder_free(run->recorder);
	store_free(run->store);
	pricing_card_free(run->card);
	capture_free(run->capture);
	loop_free(run->loop);
	job_free(run->job);
	options_free(&run->options);
}

/* Let the command begin. Return: 0, or the exit status where it could not. */
static int release(struct run *run)
{
	int r = run->job ? job_release(run->job) : 0;

	if (r == 0)
		return 0;
	log_error("%s: %s", run->options.arguments[0], strerror(-r));
	return r == -ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

static void follow(struct run *run)
{
	run_export_begin(run->export, run->store, run->ledger, root_of(run));
	tell_failure(run, loop_run(run->loop));
	/* Without us the command still has its own end, and its own status. */
	while (run->job && !job_ended(run->job))
		job_wait(run->job);
	finish_capture(run);
	run_export_finish(run->export);
	report_failures(run);
	show_summary(run);
}

static const char *run_help(enum options_of kind)
{
	return kind == OPTIONS_RECORD
		       ? "  -o, --output=FILE               the capture file to write; it holds content\n"
		       : "";
}

static int run_main(enum options_of kind, int argc, char **argv)
{
	struct run run = {.command = argv[0], .pid_fd = -1, .signal_fd = -1};
	int status = EXIT_NOT_STARTED, r;

	if (options_read(&run.options, kind, argc, argv) < 0)
		return EXIT_NOT_STARTED;
	if (run.options.help) {
		printf(usage, run.command, run.command, run_help(kind));
		options_free(&run.options);
		return 0;
	}
	run.began_ns = (int64_t)clock_boot_ns();
	r = check_options(&run);
	if (r == 0)
		r = find_invoker(&run);
	if (r == 0)
		r = find_user(&run);
	if (r == 0)
		r = start_capture(&run);
	if (r == 0)
		r = drop_privilege(&run);
	if (r == 0)
		r = start_following(&run);
	if (r == 0)
		r = open_all(&run);
	if (r == 0)
		status = release(&run);
	if (r == 0 && status == 0) {
		follow(&run);
		status = run.job ? job_status(run.job) : 0;
	}
	run_free(&run);
	return job_exit(status);
}

int cmd_run(int argc, char **argv)
{
	return run_main(OPTIONS_RUN, argc, argv);
}

int cmd_record(int argc, char **argv)
{
	return run_main(OPTIONS_RECORD, argc, argv);
}
