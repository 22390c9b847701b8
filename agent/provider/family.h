/* SPDX-License-Identifier: Apache-2.0 */
/* family: the table of APIs, how their paths look, and which hosts speak them. */
#ifndef AGENT_PROVIDER_FAMILY_H
#define AGENT_PROVIDER_FAMILY_H

#include "agent/provider/call.h"

/* Groups of families, as `--endpoint` names them. Bits. */
enum family_group {
	GROUP_OPENAI = 0x01,
	GROUP_ANTHROPIC = 0x02,
};

/* One shape of a path. */
struct path_shape {
	const char *method;
	const char *suffix; /* the path ends so; a star stands for one segment */
	bool vouched_only;  /* says too little on a host that nobody vouches for */
};

struct family {
	const char *name;
	const char *operation;
	enum family_group group;         /* also the provider, where no host names one */
	const struct path_shape *shapes; /* to one without suffix */
	bool free; /* costs nothing, but for a poll that is the first to tell */
	bool poll; /* asks for a response that was made earlier */
	const struct document_spec *request, *response; /* NULL: not read */
	document_sink on_response;                      /* context: the call */

	/* The request told enough to be one of this API, where only the path says so. NULL: no. */
	bool (*plausible)(const struct call *call);

	/* The request is complete, or as much of it as there is. May be NULL. */
	void (*request_done)(struct call *call);

	/*
	 * A body (name NULL) or an event of a stream is complete. Of a failed call too.
	 */
	void (*message)(struct call *call, const char *name);

	/* No more comes. May be NULL. */
	void (*finish)(struct call *call);
};

/* Members of a family that reads request and response, each by the name that its file gives it. */
#define FAMILY_READ_WHOLE                                                                 \
	.request = &request_spec, .response = &response_spec, .on_response = on_response, \
	.plausible = plausible, .request_done = request_done, .message = message

extern const struct family family_openai_chat, family_openai_responses, family_anthropic_messages;
extern const struct family family_openai_poll, family_openai_count, family_openai_models;
extern const struct family family_openai_stored, family_anthropic_count, family_anthropic_models;

/* What a host is known to be. */
struct host {
	const char *provider; /* gen_ai.provider.name; NULL: the family's */
	enum family_group billed;
	bool named; /* in the table or the configuration */
	char region[PRICING_REGION_MAX];
};

/** host_find - what the table says of a lower-case host; all zero where it is not there. */
void host_find(const char *name, struct host *ret_host);

/*
 * family_find - the family of a request.
 * @path: @length bytes, without query.
 * @wanted: groups that the host is said to speak.
 * @vouched: paths that say too little by themselves count as well.
 * Return: NULL where there is none.
 */
const struct family *family_find(const char *method, const char *path, size_t length,
				 unsigned int wanted, bool vouched);

/** path_matches - the path ends in the shape, or in the shape and slashes. */
bool path_matches(const char *path, size_t length, const char *shape);

/*
 * free_post - a POST to a host that bills, of no family, that costs nothing.
 * @path: @length bytes, without query.
 * @groups: those that the host is billed as; 0 where it is none of them.
 */
bool free_post(const char *path, size_t length, unsigned int groups);

/** family_group_name - the provider of one group; NULL of none and of several. */
const char *family_group_name(unsigned int wanted);

/** family_group_by_name - 0 where there is none. */
enum family_group family_group_by_name(const char *name, size_t length);

#endif
