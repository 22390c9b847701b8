/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/agent_roles.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/source/ebpf_attacher.h"
#include "agent/source/ebpf_seam.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"

#define TICK_MS 50
#define READY_MS 20000
#define STOP_MS 10000 /* beyond what the keeper may take to deliver */
#define CHILD_FD 3

/* The attacher hurries, for its children not to; but the ring must be read before it is full. */
#define WORKER_NICE (-10)

/* A role that dies again and again is made anew ever later. */
#define AGAIN_MIN_NS 50000000ull
#define AGAIN_MAX_NS 2000000000ull
#define STEADY_NS 60000000000ull /* having lived so long it is forgiven */

struct role {
	const char *name;
	pid_t pid; /* 0: it does not live */
	int pid_fd;
	uint64_t since_ns, again_ns; /* when it was made, and will be made anew */
	uint64_t wait_ns;
};

enum stage {
	STAGE_SERVE,
	STAGE_STOP_WORKER,
	STAGE_STOP_KEEPER,
};

struct roles {
	const struct agent_config *config;
	struct attacher *attacher;
	struct loop *loop;
	struct role worker, keeper;
	int keeper_socket;
	bool keeper_ready;
	bool other_worker; /* than the one whose events are in the ledger */
	bool discard;      /* the worker died of what it read */
	enum stage stage;
	uint64_t deadline_ns;
	bool failed;
};

/* ---- making ---- */

/*
 * A child has one descriptor of ours. What ends the agent comes to the attacher, also where the
 * signal was sent to all of a group: the others end when they are told, in order.
 */
static void become_child(int socket, int nice)
{
	static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE};
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpriority(PRIO_PROCESS, 0, nice);
	if (socket != CHILD_FD)
		dup2(socket, CHILD_FD);
	syscall(SYS_close_range, CHILD_FD + 1, ~0u, 0);
}

static int on_child_end(void *context, int fd, uint32_t events);

static int adopt_child(struct roles *roles, struct role *role, pid_t pid)
{
	role->pid = pid;
	role->since_ns = clock_boot_ns();
	role->again_ns = 0;
	role->pid_fd = pidfd_open(pid, 0);
	if (role->pid_fd < 0)
		return -errno;
	return loop_add(roles->loop, role->pid_fd, EPOLLIN, on_child_end, roles);
}

static int start_worker(struct roles *roles)
{
	int pair[2], r = ebpf_source_pair(pair);
	pid_t pid;

	if (r < 0)
		return r;
	pid = fork();
	if (pid == 0) {
		become_child(pair[0], WORKER_NICE);
		worker_main(roles->config, CHILD_FD, roles->discard);
	}
	r = pid < 0 ? -errno : 0;
	close(pair[0]);
	if (r < 0) {
		close(pair[1]);
		return r;
	}
	roles->other_worker = true;
	r = adopt_child(roles, &roles->worker, pid);
	if (r < 0) {
		close(pair[1]);
		return r;
	}
	return attacher_connect(roles->attacher, pair[1]);
}

static int start_keeper(struct roles *roles, bool first)
{
	int pair[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		become_child(pair[0], 0);
		keeper_main(roles->config, CHILD_FD, first);
	}
	r = pid < 0 ? -errno : 0;
	close(pair[0]);
	if (r < 0) {
		close(pair[1]);
		return r;
	}
	roles->keeper_socket = pair[1];
	roles->keeper_ready = false;
	return adopt_child(roles, &roles->keeper, pid);
}

/* Each of the two gets an end of a new socket. */
static int join(struct roles *roles)
{
	struct seam_message message = {.type = SEAM_NEIGHBOUR, .value = roles->other_worker};
	int pair[2], r;

	if (!roles->worker.pid || !roles->keeper.pid || !roles->keeper_ready)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	r = seam_send(roles->keeper_socket, &message, NULL, &pair[1], 1);
	if (r == 0)
		roles->other_worker = false;
	if (r == 0)
		r = attacher_send(roles->attacher, SEAM_NEIGHBOUR, pair[0]);
	close(pair[0]);
	close(pair[1]);
	/* One that has just died is made anew, and then joined. */
	return r == -EPIPE ? 0 : r;
}

static void close_keeper(struct roles *roles)
{
	if (roles->keeper_socket < 0)
		return;
	loop_remove(roles->loop, roles->keeper_socket);
	close(roles->keeper_socket);
	roles->keeper_socket = -1;
	roles->keeper_ready = false;
}

/* Memory, processes or descriptors may be short for a while: that does not end the agent. */
static void put_off(struct roles *roles, struct role *role, int r)
{
	log_error("%s: %s; it is started again", role->name, strerror(-r));
	if (role->pid_fd >= 0) {
		loop_remove(roles->loop, role->pid_fd);
		close(role->pid_fd);
		role->pid_fd = -1;
	}
	if (role->pid) {
		kill(role->pid, SIGKILL);
		waitpid(role->pid, NULL, 0);
		role->pid = 0;
	}
	role->again_ns = clock_boot_ns() + AGAIN_MAX_NS;
	if (role == &roles->worker)
		attacher_disconnect(roles->attacher);
	else
		close_keeper(roles);
}

/* ---- the keeper's word ---- */

static int take_ready(struct roles *roles, int timeout_ms, char *error, size_t error_size)
{
	struct seam_message message;
	char text[512] = "";
	int r = seam_receive(roles->keeper_socket, &message, text, sizeof(text) - 1, NULL,
			     timeout_ms);

	if (r < 0 || message.type != SEAM_READY || message.value > 0) {
		snprintf(error, error_size, "the keeper does not start");
		return r < 0 ? r : -EBADMSG;
	}
	roles->keeper_ready = message.value == 0;
	if (message.value < 0)
		snprintf(error, error_size, "%s: %s", roles->config->ledger, text);
	return message.value;
}

static int on_keeper(void *context, int fd, uint32_t events)
{
	struct roles *roles = context;
	char error[1024];
	int r = take_ready(roles, 0, error, sizeof(error));

	if (r == -EAGAIN)
		return 0;
	if (r == 0) {
		r = join(roles);
		if (r < 0)
			put_off(roles, &roles->keeper, r);
		return 0;
	}
	/* Its end tells the rest. */
	loop_remove(roles->loop, fd);
	if (r != -EPIPE && roles->stage == STAGE_SERVE)
		log_error("%s", error);
	return 0;
}

/* ---- ends ---- */

static int stop_keeper(struct roles *roles)
{
	struct seam_message message = {.type = SEAM_STOP};

	roles->stage = STAGE_STOP_KEEPER;
	if (!roles->keeper.pid) {
		loop_stop(roles->loop);
		return 0;
	}
	roles->deadline_ns =
		clock_boot_ns() + (STOP_MS + (uint64_t)roles->config->options.flush_ms) * 1000000;
	seam_send(roles->keeper_socket, &message, NULL, NULL, 0);
	return 0;
}

static void make_later(struct roles *roles, struct role *role, int status)
{
	uint64_t now = clock_boot_ns();

	role->wait_ns = now - role->since_ns > STEADY_NS || !role->wait_ns ? AGAIN_MIN_NS
									   : 2 * role->wait_ns;
	if (role->wait_ns > AGAIN_MAX_NS)
		role->wait_ns = AGAIN_MAX_NS;
	role->again_ns = now + role->wait_ns;
	if (WIFSIGNALED(status))
		log_error("%s: ended by signal %d; it is started again", role->name,
			  WTERMSIG(status));
	else
		log_error("%s: ended with status %d; it is started again", role->name,
			  WEXITSTATUS(status));
}

static bool died_by_itself(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGTERM;
}

static int worker_ended(struct roles *roles, int status)
{
	roles->discard = died_by_itself(status);
	attacher_disconnect(roles->attacher);
	if (roles->stage == STAGE_STOP_WORKER)
		return stop_keeper(roles);
	make_later(roles, &roles->worker, status);
	return 0;
}

static int keeper_ended(struct roles *roles, int status)
{
	close_keeper(roles);
	if (roles->stage == STAGE_STOP_KEEPER)
		loop_stop(roles->loop);
	else
		make_later(roles, &roles->keeper, status);
	return 0;
}

static int on_child_end(void *context, int fd, uint32_t events)
{
	struct roles *roles = context;
	struct role *role = fd == roles->worker.pid_fd ? &roles->worker : &roles->keeper;
	int status = 0;

	if (waitpid(role->pid, &status, WNOHANG) != role->pid)
		return 0;
	loop_remove(roles->loop, fd);
	close(fd);
	role->pid_fd = -1;
	role->pid = 0;
	return role == &roles->worker ? worker_ended(roles, status) : keeper_ended(roles, status);
}

/* ---- time ---- */

static bool is_due(const struct role *role, uint64_t now)
{
	return !role->pid && role->again_ns && now >= role->again_ns;
}

static void make_again(struct roles *roles, uint64_t now)
{
	int r = 0;

	if (is_due(&roles->worker, now) && roles->stage == STAGE_SERVE) {
		r = start_worker(roles);
		if (r == 0)
			r = join(roles);
		if (r < 0)
			put_off(roles, &roles->worker, r);
	}
	if (is_due(&roles->keeper, now) && roles->stage != STAGE_STOP_KEEPER) {
		r = start_keeper(roles, false);
		if (r == 0)
			r = loop_add(roles->loop, roles->keeper_socket, EPOLLIN, on_keeper, roles);
		if (r < 0)
			put_off(roles, &roles->keeper, r);
	}
}

static void kill_role(struct roles *roles, const struct role *role)
{
	if (!role->pid)
		return;
	log_error("%s: does not end; killed", role->name);
	roles->failed = true;
	kill(role->pid, SIGKILL);
}

static int on_tick(void *context, int fd, uint32_t events)
{
	struct roles *roles = context;
	uint64_t now = clock_boot_ns();

	if (roles->stage != STAGE_SERVE && now > roles->deadline_ns) {
		roles->deadline_ns = now + STOP_MS * 1000000ull;
		kill_role(roles,
			  roles->stage == STAGE_STOP_WORKER ? &roles->worker : &roles->keeper);
	}
	make_again(roles, now);
	return 0;
}

/* ---- the whole ---- */

int roles_new(struct roles **ret_roles, const struct agent_config *config,
	      struct attacher *attacher, struct loop *loop, char *error, size_t error_size)
{
	struct roles *roles = calloc(1, sizeof(*roles));
	int r;

	if (!roles)
		return -ENOMEM;
	*roles = (struct roles){.config = config,
				.attacher = attacher,
				.loop = loop,
				.worker = {.name = "worker", .pid_fd = -1},
				.keeper = {.name = "keeper", .pid_fd = -1},
				.keeper_socket = -1};
	r = start_keeper(roles, true);
	if (r == 0)
		r = take_ready(roles, READY_MS, error, error_size);
	if (r == 0)
		r = loop_add(loop, roles->keeper_socket, EPOLLIN, on_keeper, roles);
	if (r == 0)
		r = start_worker(roles);
	if (r == 0)
		r = join(roles);
	if (r == 0)
		r = loop_every(loop, TICK_MS, on_tick, roles);
	if (r < 0) {
		roles_free(roles);
		return r;
	}
	*ret_roles = roles;
	return 0;
}

void roles_stop(struct roles *roles)
{
	if (roles->stage != STAGE_SERVE)
		return;
	roles->deadline_ns = clock_boot_ns() + STOP_MS * 1000000ull;
	/* One that has just died has left records in the ring, which count. */
	if (!roles->worker.pid && start_worker(roles) == 0)
		join(roles);
	roles->stage = STAGE_STOP_WORKER;
	if (!roles->worker.pid || attacher_send(roles->attacher, SEAM_STOP, -1) < 0)
		stop_keeper(roles);
}

bool roles_failed(const struct roles *roles)
{
	return roles->failed;
}

static void role_free(struct role *role)
{
	if (role->pid)
		kill(role->pid, SIGKILL);
	if (role->pid)
		waitpid(role->pid, NULL, 0);
	if (role->pid_fd >= 0)
		close(role->pid_fd);
}

void roles_free(struct roles *roles)
{
	if (!roles)
		return;
	role_free(&roles->worker);
	role_free(&roles->keeper);
	close_keeper(roles);
	free(roles);
}
