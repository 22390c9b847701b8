/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/job.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/cmd.h"
#include "agent/limits.h"
#include "agent/user.h"

struct job {
	job_kill kill;
	void *context;
	pid_t pid;
	int go_fd;     /* a byte lets the command begin */
	int failed_fd; /* the errno of exec, or its end where exec worked */
	int signal_fd;
	sigset_t mask; /* as it was before */
	bool ended;
	int status;
};

static const int passed_on[] = {SIGTERM, SIGHUP,  SIGINT,  SIGQUIT, SIGUSR1,
				SIGUSR2, SIGCONT, SIGALRM, SIGWINCH};

static int set_preload(const char *library)
{
	const char *before = getenv("LD_PRELOAD");
	char *text;
	int r;

	if (asprintf(&text, "%s%s%s", library, before && *before ? ":" : "", before ? before : "") <
	    0)
		return -ENOMEM;
	r = setenv("LD_PRELOAD", text, 1) < 0 ? -errno : 0;
	free(text);
	return r;
}

/* The child's side; never returns. */
static void job_child(const struct job_opts *opts, const sigset_t *mask, int go_fd, int failed_fd)
{
	char go;
	int error = 0;

	if (read(go_fd, &go, 1) != 1)
		_exit(EXIT_NOT_STARTED);
	if (opts->user)
		error = -user_become(opts->user);
	if (opts->user)
		user_environment(opts->user);
	if (!error && opts->preload)
		error = -set_preload(opts->preload);
	if (opts->environment)
		putenv((char *)opts->environment);
	sigprocmask(SIG_SETMASK, mask, NULL);
	if (!error) {
		execvp(opts->command[0], opts->command);
		error = errno;
	}
	if (write(failed_fd, &error, sizeof(error)) < 0)
		_exit(EXIT_NOT_STARTED);
	_exit(127);
}

static int job_block_signals(struct job *job)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(*passed_on); i++)
		sigaddset(&set, passed_on[i]);
	if (sigprocmask(SIG_BLOCK, &set, &job->mask) < 0)
		return -errno;
	job->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return job->signal_fd < 0 ? -errno : 0;
}

static int job_fork(struct job *job, const struct job_opts *opts)
{
	int go[2], failed[2], r;

	if (pipe2(go, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(failed, O_CLOEXEC) < 0) {
		r = -errno;
		close(go[0]);
		close(go[1]);
		return r;
	}
	job->pid = fork();
	r = job->pid < 0 ? -errno : 0;
	if (job->pid == 0) {
		close(go[1]);
		close(failed[0]);
		job_child(opts, &job->mask, go[0], failed[1]);
	}
	close(go[0]);
	close(failed[1]);
	job->go_fd = go[1];
	job->failed_fd = failed[0];
	return r;
}

int job_start(struct job **ret_job, const struct job_opts *opts)
{
	struct job *job = calloc(1, sizeof(*job));
	int r;

	if (!job)
		return -ENOMEM;
	*job = (struct job){.kill = opts->kill,
			    .context = opts->context,
			    .go_fd = -1,
			    .failed_fd = -1,
			    .signal_fd = -1};
	/* Orphans of the tree stay below us, where they can still be seen. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	r = job_block_signals(job);
	if (r == 0)
		r = job_fork(job, opts);
	if (r < 0) {
		job_free(job);
		return r;
	}
	*ret_job = job;
	return 0;
}

pid_t job_pid(const struct job *job)
{
	return job->pid;
}

int job_release(struct job *job)
{
	int error = 0;
	ssize_t n;

	if (write(job->go_fd, "", 1) != 1)
		return -errno;
	do {
		n = read(job->failed_fd, &error, sizeof(error));
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(error) ? -error : 0;
}

int job_fd(const struct job *job)
{
	return job->signal_fd;
}

static void job_signal(const struct job *job, int signal_number)
{
	if (kill(job->pid, signal_number) < 0 && errno == EPERM && job->kill)
		job->kill(job->context, job->pid, signal_number);
}

/*
 * A command that its terminal stopped stops us too, so that the shell sees the job stop; we go on
 * together. One that somebody stopped by SIGSTOP is not for us to follow.
 */
static void job_stopped(const struct job *job, int signal_number)
{
	if (signal_number == SIGSTOP)
		return;
	kill(getpid(), SIGSTOP);
	job_signal(job, SIGCONT);
}

static void job_reap(struct job *job)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
		if (pid != job->pid)
			continue;
		if (WIFSTOPPED(status)) {
			job_stopped(job, WSTOPSIG(status));
			continue;
		}
		job->ended = true;
		job->status = status;
	}
}

void job_dispatch(struct job *job)
{
	struct signalfd_siginfo info;

	while (read(job->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			job_reap(job);
		else if (info.ssi_code != SI_KERNEL && !job->ended)
			job_signal(job, (int)info.ssi_signo); /* a terminal's own came to all */
	}
}

bool job_ended(const struct job *job)
{
	return job->ended;
}

void job_wait(struct job *job)
{
	struct pollfd readable = {.fd = job->signal_fd, .events = POLLIN};

	poll(&readable, 1, -1);
	job_dispatch(job);
}

int job_status(const struct job *job)
{
	return WIFSIGNALED(job->status) ? -WTERMSIG(job->status) : WEXITSTATUS(job->status);
}

int job_exit(int status)
{
	struct rlimit no_core = {0, 0};
	sigset_t set;

	if (status >= 0)
		return status;
	fflush(NULL);
	setrlimit(RLIMIT_CORE, &no_core);
	signal(-status, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, -status);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(-status);
	return 128 - status;
}

void job_free(struct job *job)
{
	if (!job)
		return;
	if (job->go_fd >= 0)
		close(job->go_fd);
	if (job->failed_fd >= 0)
		close(job->failed_fd);
	if (job->signal_fd >= 0)
		close(job->signal_fd);
	free(job);
}
