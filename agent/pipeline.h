/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline: the one place where the stages are joined. Records in; calls, processes, losses and
 * what could not be seen out.
 */
#ifndef AGENT_PIPELINE_H
#define AGENT_PIPELINE_H

#include "agent/event.h"
#include "agent/util/hash.h"

struct pipeline;
struct recorder;

struct pipeline_sinks {
	void *context;
	call_sink call;
	process_sink process;
	loss_sink loss;
	unseen_sink unseen;
};

struct pipeline_opts {
	struct pipeline_sinks sinks;
	const struct control *control;   /* back to the source; NULL: none */
	const struct lookup *lookup;     /* what earlier runs know; NULL: nothing */
	const struct pricing_card *card; /* stays the caller's */
	struct recorder *recorder;       /* NULL: no capture file; stays the caller's */
	const char *const *endpoints;    /* HOST[:PORT]=FAMILY… */
	size_t n_endpoints;
	const char *tag;             /* of every call; NULL: none; stays the caller's */
	bool callers_only;           /* of processes only those that make calls, and their line */
	enum cr_capture capture;     /* how the records came to be; a file's own word wins */
	uint8_t salt[HASH_KEY_SIZE]; /* keys the fingerprints */
};

/*
 * pipeline_new - Return: 0, -ENOMEM, or what an endpoint is refused with (-EINVAL, -ENOENT);
 * @ret_bad_endpoint, which may be NULL, is then set to it.
 */
int pipeline_new(struct pipeline **ret_pipeline, const struct pipeline_opts *opts,
		 const char **ret_bad_endpoint);

/*
 * pipeline_feed - one record.
 * @record: well-formed, as record_check() says.
 * Return: 0 or -ENOMEM. A sink's error is counted, never returned.
 */
int pipeline_feed(struct pipeline *pipeline, const struct cr_head *record);

/** pipeline_expect - a further response that was begun in the background, of the lookup. */
void pipeline_expect(struct pipeline *pipeline, const char *response_id);

/** pipeline_end - the records end here: what is open comes out as partial. */
int pipeline_end(struct pipeline *pipeline);

/** pipeline_sink_errors - events that a sink refused, and the last of its errors. */
uint64_t pipeline_sink_errors(const struct pipeline *pipeline, int *ret_error);

void pipeline_free(struct pipeline *pipeline);

#endif
