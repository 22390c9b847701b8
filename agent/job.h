/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job: the wrapped command. It stays in our process group, so that a terminal's signals and its
 * foreground reach it as if we were not there; what others send to us is passed on to it.
 */
#ifndef AGENT_JOB_H
#define AGENT_JOB_H

#include <stdbool.h>
#include <sys/types.h>

#include "agent/user.h"

struct job;

/** job_kill - sends a signal where we may not: the command may be another user's. 0 or errno. */
typedef int (*job_kill)(void *context, pid_t pid, int signal);

struct job_opts {
	char **command;          /* NULL-ended; found by PATH */
	const char *preload;     /* put before what LD_PRELOAD has; NULL: none */
	const char *environment; /* a further NAME=VALUE; NULL: none */
	const struct user *user; /* to run as, by root; NULL: as we are */
	job_kill kill;           /* may be NULL */
	void *context;           /* of kill */
};

/*
 * job_start - fork the command, which waits for job_release() before it begins its program.
 * Blocks the signals that job_dispatch() handles.
 * Return: 0 or a negative errno.
 */
int job_start(struct job **ret_job, const struct job_opts *opts);

pid_t job_pid(const struct job *job);

/*
 * job_release - let it begin.
 * Return: 0, or the negative errno with which exec failed.
 */
int job_release(struct job *job);

/** job_fd - readable when job_dispatch() is to be called. */
int job_fd(const struct job *job);

/** job_dispatch - handle what came: children, signals to pass on, stops. */
void job_dispatch(struct job *job);

/** job_ended - has the command ended? */
bool job_ended(const struct job *job);

/** job_wait - wait until there is something to dispatch, and do so. */
void job_wait(struct job *job);

/** job_status - of a command that ended: its exit status, or minus the signal it died by. */
int job_status(const struct job *job);

/** job_exit - what main() is to return for such a status; a death by signal is died again. */
int job_exit(int status);

/** job_free - a command that was never released ends without having begun. */
void job_free(struct job *job);

#endif
