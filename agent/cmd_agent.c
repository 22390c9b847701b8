/* SPDX-License-Identifier: Apache-2.0 */
/* agent: the daemon, in the foreground. This process is the attacher. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/agent_roles.h"
#include "agent/agent_server.h"
#include "agent/attach/libs.h"
#include "agent/attach/proc.h"
#include "agent/attach/site.h"
#include "agent/attach/tls.h"
#include "agent/cards.h"
#include "agent/cmd.h"
#include "agent/endpoint.h"
#include "agent/export_config.h"
#include "agent/paths.h"
#include "agent/pipeline.h"
#include "agent/salt.h"
#include "agent/source/ebpf_attacher.h"
#include "agent/unseen_reason.h"
#include "agent/user.h"
#include "agent/util/log.h"
#include "agent/util/sandbox.h"

#define NOBODY 65534

/* Bytes; what is mapped for it is twice that. */
#define RING_SIZE (8 * MIB)

static const char usage[] =
	"Usage: tollspan agent [OPTION]...\n"
	"Follow every process of the host, or those of a scope; keep their model calls in a\n"
	"ledger, and export them to OTEL_EXPORTER_OTLP_ENDPOINT. Needs root.\n\n"
	"Scopes; of one kind any may hold, of several kinds each must:\n"
	"      --uid=USER                  processes of this user (name or number)\n"
	"      --pid=PID                   this process, and its descendants\n"
	"      --cgroup=PATH               processes in this cgroup v2, or below\n"
	"      --exe=PATH|NAME             processes that run this program\n\n"
	"      --user=USER                 who keeps ledger and export; default: tollspan, else\n"
	"                                  nobody\n"
	"      --ledger=FILE               default: /var/lib/tollspan/ledger.db\n"
	"      --endpoint=HOST[:PORT]=FAMILY[,FAMILY...]\n"
	"                                  this host speaks these APIs: openai, anthropic\n"
	"                                  provider=NAME: by whose rows; gpus=N: shared by calls\n"
	"      --card=FILE                 a further rate card\n"
	"      --tag=TEXT                  of all calls, for rows and discounts of a card\n"
	"      --export-headers=FILE       header lines for the collector, such as a token\n"
	"      --flush-timeout=SECONDS     how long the end may wait for the collector; default 2\n"
	"      --config=FILE               a further configuration file\n"
	"  -v, --verbose                   say more\n"
	"  -h, --help                      show this\n";

struct agent {
	struct agent_config config;
	struct ebpf_opts opts;
	struct loop *loop;
	struct attacher *attacher;
	struct agent_server *server;
	struct roles *roles;
	int signal_fd;
};

/* ---- configuration, read while we may read everything ---- */

static int find_one(const char *name, const char *fallback, uid_t *uid, gid_t *gid)
{
	struct user user = {.uid = NOBODY, .gid = NOBODY};
	int r = user_find(name, &user);

	if (r == -ENOENT && fallback)
		r = user_find(fallback, &user);
	if (r == -ENOENT && fallback)
		r = 0;
	*uid = user.uid;
	*gid = user.gid;
	return r;
}

static int find_users(struct agent_config *config)
{
	const char *name = config->options.user;
	int r = find_one("tollspan-worker", "nobody", &config->worker_uid, &config->worker_gid);

	if (r == 0)
		r = find_one(name ? name : "tollspan", name ? NULL : "nobody", &config->keeper_uid,
			     &config->keeper_gid);
	if (r == -ENOENT)
		log_error("--user=%s: no such user", name);
	else if (r < 0)
		log_error("users: %s", strerror(-r));
	return r;
}

/* A scope that holds nothing is a mistake. */
static int check_pids(const struct ebpf_scope *scope)
{
	for (size_t i = 0; i < scope->n_pids; i++) {
		if (kill(scope->pids[i], 0) < 0 && errno == ESRCH) {
			log_error("--pid=%d: no such process", (int)scope->pids[i]);
			return -ESRCH;
		}
	}
	return 0;
}

static int check_endpoints(const struct options *options)
{
	struct pipeline_opts opts = {.endpoints = options->endpoints,
				     .n_endpoints = options->n_endpoints};
	struct pipeline *pipeline = NULL;
	const char *bad = NULL;
	int r = pipeline_new(&pipeline, &opts, &bad);

	if (r < 0)
		endpoint_tell(bad, r);
	pipeline_free(pipeline);
	return r;
}

static int read_card(struct agent_config *config)
{
	char error[512] = "";
	int r = cards_load(&config->card, config->options.card, error, sizeof(error));

	if (r < 0)
		log_error("%s", *error ? error : strerror(-r));
	return r;
}

static int read_configuration(struct agent *agent)
{
	struct agent_config *config = &agent->config;
	int r = find_users(config);

	if (r == 0)
		r = check_pids(&config->options.scope);
	if (r == 0)
		r = check_endpoints(&config->options);
	if (r == 0)
		r = export_config_read(&config->exporter, &config->options);
	return r < 0 ? r : read_card(config);
}

/* ---- files ---- */

/*
 * The folder is the keeper's, who may have put anything there: only a file that has no other name
 * is given to it.
 */
static int give_file(const char *path, const struct agent_config *config)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), r = 0;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		r = -EPERM;
	else if (fchown(fd, config->keeper_uid, config->keeper_gid) < 0)
		r = -errno;
	close(fd);
	return r;
}

/* The keeper's own folder, and what lies there from a keeper that was somebody else. */
static int own_state(const struct agent_config *config)
{
	static const char *const files[] = {PATHS_AGENT_LEDGER, PATHS_AGENT_LEDGER "-wal",
					    PATHS_AGENT_LEDGER "-shm"};
	int r = 0;

	if (mkdir(PATHS_AGENT_STATE, 0750) < 0 && errno != EEXIST)
		return -errno;
	if (lchown(PATHS_AGENT_STATE, config->keeper_uid, config->keeper_gid) < 0)
		return -errno;
	for (size_t i = 0; r == 0 && i < sizeof(files) / sizeof(*files); i++)
		r = give_file(files[i], config);
	return r;
}

static int make_owned(const char *path, const struct agent_config *config)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600), r = 0;

	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	if (fchown(fd, config->keeper_uid, config->keeper_gid) < 0)
		r = -errno;
	close(fd);
	return r;
}

/*
 * A ledger elsewhere: what is missing is made as the keeper's, the folder in which it lies among
 * it; what is there stays as it is.
 */
static int own_ledger(const struct agent_config *config)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char path[LIMIT_PATH + 8];
	struct stat st;
	int r = 0;

	for (char *slash = strchr(config->ledger + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(path, sizeof(path), "%.*s", (int)(slash - config->ledger), config->ledger);
		if (mkdir(path, strchr(slash + 1, '/') ? 0755 : 0750) < 0) {
			if (errno != EEXIST)
				return -errno;
		} else if (lchown(path, config->keeper_uid, config->keeper_gid) < 0) {
			return -errno;
		}
	}
	if (!lstat(config->ledger, &st))
		return 0;
	/* SQLite makes the two others beside it, for which it would need the folder. */
	for (size_t i = 0; r == 0 && i < sizeof(ends) / sizeof(*ends); i++) {
		snprintf(path, sizeof(path), "%s%s", config->ledger, ends[i]);
		r = make_owned(path, config);
	}
	return r;
}

static int place_ledger(struct agent_config *config)
{
	const char *path = config->options.ledger;
	char folder[LIMIT_PATH] = "";
	int n;

	if (!path)
		path = PATHS_AGENT_LEDGER;
	if (*path != '/' && !getcwd(folder, sizeof(folder)))
		return -errno;
	n = snprintf(config->ledger, sizeof(config->ledger), "%s%s%s", folder, *folder ? "/" : "",
		     path);
	return n < 0 || (size_t)n >= sizeof(config->ledger) ? -ENAMETOOLONG : 0;
}

static int make_files(struct agent_config *config)
{
	int r = place_ledger(config);

	if (r == 0)
		r = own_state(config);
	if (r < 0) {
		log_error("%s: %s", PATHS_AGENT_STATE, strerror(-r));
		return r;
	}
	if (config->options.ledger)
		r = own_ledger(config);
	if (r < 0) {
		log_error("%s: %s", config->ledger, strerror(-r));
		return r;
	}
	r = salt_read_file(PATHS_AGENT_SALT, config->salt);
	if (r < 0)
		log_error("%s: %s; fingerprints of keys hold until the agent ends",
			  PATHS_AGENT_SALT, strerror(-r));
	return 0;
}

/* ---- following ---- */

static int on_signal(void *context, int fd, uint32_t events)
{
	struct agent *agent = context;
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		roles_stop(agent->roles);
	return 0;
}

static int watch_signals(struct agent *agent)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	agent->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (agent->signal_fd < 0)
		return -errno;
	return loop_add(agent->loop, agent->signal_fd, EPOLLIN, on_signal, agent);
}

/* A descriptor for each processor, and for each probe. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int start_attacher(struct agent *agent)
{
	enum kernel_step step = KERNEL_OPEN;
	int r;

	agent->opts = (struct ebpf_opts){
		.uid = agent->config.worker_uid,
		.gid = agent->config.worker_gid,
		.find_sites = site_find,
		.describe = proc_record,
		.search = tls_inside_fd,
		.notable = unseen_notable,
		.scope = &agent->config.options.scope,
		.ring_size = RING_SIZE,
	};
	raise_descriptors();
	/* What a program has just loaded must be probed before it is used; so hurry. */
	setpriority(PRIO_PROCESS, 0, -20);
	r = attacher_new(&agent->attacher, &agent->opts, agent->loop, &step);
	if (r == -EPERM || r == -EACCES)
		log_error("eBPF: %s: %s; the agent needs root", ebpf_kernel_step_text(step),
			  strerror(-r));
	else if (r < 0)
		log_error("eBPF: %s: %s", ebpf_kernel_step_text(step), strerror(-r));
	return r;
}

static bool captures(void *context, pid_t pid)
{
	struct agent *agent = context;

	return attacher_captures(agent->attacher, pid);
}

/* A second agent, of another scope, goes without the socket. */
static int start_server(struct agent *agent)
{
	int r = agent_server_new(&agent->server, agent->loop, PATHS_AGENT_SOCKET, captures, agent);

	if (r == 0)
		return 0;
	log_error("%s: %s%s", PATHS_AGENT_SOCKET, strerror(-r),
		  r == -EADDRINUSE ? "; going on beside another agent" : "");
	return r == -EADDRINUSE ? 0 : r;
}

static int start_roles(struct agent *agent)
{
	char error[1024] = "";
	int r = roles_new(&agent->roles, &agent->config, agent->attacher, agent->loop, error,
			  sizeof(error));

	if (r == -EACCES || r == -EROFS)
		log_error("%s; its folder must be writable for uid %u: see --user", error,
			  agent->config.keeper_uid);
	else if (r < 0)
		log_error("%s", *error ? error : strerror(-r));
	return r;
}

/*
 * The socket is there when all that runs is followed. What is read of the host is read by then;
 * from here on the attacher has what it needs for files, probes and processes, and no more.
 */
static int start(struct agent *agent)
{
	int r = loop_new(&agent->loop);

	if (r == 0)
		r = start_attacher(agent);
	if (r < 0)
		return r;
	r = watch_signals(agent);
	if (r == 0)
		r = libs_known(NULL, attacher_prepare, agent->attacher);
	if (r < 0) {
		log_error("agent: %s", strerror(-r));
		return r;
	}
	r = sandbox_lock(SANDBOX_ATTACHER);
	if (r < 0)
		log_error("agent: sandbox: %s", strerror(-r));
	if (r == 0)
		r = start_roles(agent);
	if (r == 0)
		r = attacher_follow_host(agent->attacher);
	return r < 0 ? r : start_server(agent);
}

static void tell_ready(const struct agent *agent)
{
	const struct exporter_config *exporter = &agent->config.exporter;
	char *url = exporter->kind == EXPORTER_OTLP ? exporter_config_url(exporter) : NULL;

	log_notice("agent: ready; ledger %s; %s%s", agent->config.ledger,
		   exporter->kind == EXPORTER_OTLP ? "exporting to " : "",
		   exporter->kind == EXPORTER_OTLP      ? (url ? url : "a collector")
		   : exporter->kind == EXPORTER_CONSOLE ? "printing spans"
							: "no export");
	free(url);
}

static void agent_free(struct agent *agent)
{
	agent_server_free(agent->server);
	roles_free(agent->roles);
	attacher_free(agent->attacher);
	if (agent->signal_fd >= 0)
		close(agent->signal_fd);
	loop_free(agent->loop);
	exporter_config_free(&agent->config.exporter);
	pricing_card_free(agent->config.card);
	options_free(&agent->config.options);
}

static int serve(struct agent *agent)
{
	int r = loop_run(agent->loop);

	if (r < 0)
		log_error("agent: %s", strerror(-r));
	return r < 0 || roles_failed(agent->roles);
}

int cmd_agent(int argc, char **argv)
{
	struct agent agent = {.signal_fd = -1};
	struct options *options = &agent.config.options;
	int status = 1;

	if (options_read(options, OPTIONS_AGENT, argc, argv) < 0)
		return EXIT_USAGE;
	if (options->help) {
		fputs(usage, stdout);
		options_free(options);
		return 0;
	}
	if (options->n_arguments) {
		log_error("agent: %s: no such argument; see tollspan agent --help",
			  options->arguments[0]);
		options_free(options);
		return EXIT_USAGE;
	}
	if (geteuid() != 0) {
		log_error("agent: needs root: use sudo, or wrap a command: tollspan run -- CMD");
		options_free(options);
		return 1;
	}
	prctl(PR_SET_NAME, "tollspan-attach");
	if (read_configuration(&agent) == 0 && make_files(&agent.config) == 0 &&
	    start(&agent) == 0) {
		tell_ready(&agent);
		status = serve(&agent);
	}
	agent_free(&agent);
	return status;
}
