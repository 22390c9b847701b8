/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture: the one live source of a run, eBPF or the shim, behind one face.
 *
 * Call order: capture_new() with privilege; job_start(); capture_follow(); give up the privilege;
 * capture_watch(); job_release(). Records come only from within capture_watch()'s callbacks and
 * capture_drain().
 */
#ifndef AGENT_CAPTURE_H
#define AGENT_CAPTURE_H

#include <stdbool.h>

#include "agent/event.h"
#include "agent/job.h"
#include "agent/options.h"
#include "agent/source/source.h"
#include "agent/util/loop.h"

struct capture;

/*
 * capture_new - choose the source, and make it ready.
 * @attach: the process that runs already and is to be followed; 0: a child of ours is.
 * @error: on failure what is wrong and what to do, for a person.
 * Return: 0 or a negative errno.
 */
int capture_new(struct capture **ret_capture, enum capture_mode mode, pid_t attach,
		record_sink sink, void *context, char *error, size_t error_size);

/** capture_kind - which it is. */
enum cr_capture capture_kind(const struct capture *capture);

/** capture_job - what the wrapped command needs in its environment. */
void capture_job(const struct capture *capture, struct job_opts *opts);

/*
 * capture_follow - follow this process and all that come of it; its calls are seen from now on.
 * @executable: what it is going to run, as it is called; NULL for one that runs already.
 * Return: 0 or a negative errno.
 */
int capture_follow(struct capture *capture, pid_t root, const char *executable, char *error,
		   size_t error_size);

/** capture_watch - let the loop call the source. Return: 0 or a negative errno. */
int capture_watch(struct capture *capture, struct loop *loop);

/*
 * capture_drain - hand on all that is there, and count what was lost, at the end of a run.
 * Return: 0 or a negative errno.
 */
int capture_drain(struct capture *capture);

/** capture_kill - a job_kill: the source's privileged side sends the signal. */
int capture_kill(void *capture, pid_t pid, int signal);

/** capture_control - the way back to the source; lives as long as it. */
const struct control *capture_control(struct capture *capture);

enum capture_sight {
	SIGHT_NONE,   /* nothing of the process can be seen */
	SIGHT_READY,  /* its TLS calls would be seen */
	SIGHT_CALLED, /* some were */
};

/** capture_sight - how a process can be seen, also after its end. */
enum capture_sight capture_sight(const struct capture *capture, const struct process_key *process);

/** capture_reaches - is there something to probe in a file? False with the shim. */
bool capture_reaches(const struct capture *capture, const char *path);

/*
 * capture_used_network - did a process that the shim is in connect to the internet? Also after its
 *	end. False with eBPF, which tells at the end (capture_silent()), and where the shim is not.
 */
bool capture_used_network(const struct capture *capture, const struct process_key *process);

/*
 * capture_silent - call back with each process that reached for the network, but of which nothing
 *	came, as the source knows it: the shim is in it, or eBPF found nothing to probe in it.
 * Return: 0, or what the callback returned.
 */
int capture_silent(const struct capture *capture, silent_fn fn, void *context);

void capture_free(struct capture *capture);

#endif
