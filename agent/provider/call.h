/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call: one model call as it comes to be known, and the events that tell it.
 *
 * Setters copy what they are given, with control characters and what is not UTF-8 replaced. They
 * return nothing: out of memory is remembered in `no_memory`.
 */
#ifndef AGENT_PROVIDER_CALL_H
#define AGENT_PROVIDER_CALL_H

#include "agent/event.h"
#include "agent/limits.h"
#include "agent/provider/document.h"
#include "agent/provider/gpu_meter.h"
#include "agent/provider/reported.h"
#include "agent/util/buffer.h"

struct family;

enum call_text {
	CALL_REQUEST_MODEL,
	CALL_RESPONSE_MODEL,
	CALL_RESPONSE_ID,
	CALL_CONVERSATION_ID,
	CALL_METHOD,
	CALL_PATH,
	CALL_SERVER_ADDRESS,
	CALL_ERROR_TYPE,
	CALL_KEY_FINGERPRINT,
	CALL_TRACEPARENT,
	CALL_PROVIDER,
	CALL_TIER,
	CALL_REGION,
	CALL_RAW_USAGE,
	CALL_TEXTS,
};

/* What one charge is made of; the model where it is not the call's. */
struct tally {
	char *model;
	struct pricing_usage usage;
};

#define CALL_COUNTS 9

/* First bytes of an event's data: enough to tell the end mark, "[DONE]", of some streams. */
#define MESSAGE_HEAD 6

/* Counts that later events of a stream overwrite one by one. */
struct counts {
	uint64_t value[CALL_COUNTS];
	uint32_t present; /* bits */
	bool fault;       /* something there was no quantity */
};

struct call {
	struct call *prev, *next;
	uint64_t id; /* of the exchange */
	const struct family *family;
	struct document *request, *response;
	struct conn_key conn;
	uint64_t position;
	uint64_t start_ns, last_ns, first_token_ns;
	unsigned int status;
	uint16_t port;
	uint32_t partial;
	uint64_t bytes_seen, bytes_declared;

	bool vouched;        /* its host speaks this API for sure: no look at the body is needed */
	bool provider_known; /* and is billed like the provider */
	bool begun;          /* CALL_BEGIN went out */
	bool request_done, response_done;
	bool streaming;
	bool background;   /* answered later, by a poll */
	bool billed_poll;  /* the first to bring the usage of one that was */
	bool has_usage;    /* quantities were told */
	bool usage_fault;  /* they contradict themselves, or one was no quantity */
	bool final;        /* the last usage that this response has is there */
	bool finish_seen;  /* a choice was finished */
	bool progress_due; /* something for CALL_PROGRESS was learned */
	bool no_memory;

	/* of the event or body that is being read */
	char message_head[MESSAGE_HEAD];
	size_t message_length;
	bool has_body; /* it is a body, not a stream */
	bool has_choice;
	struct pricing_usage event_tools;

	struct pricing_usage tools; /* runs of hosted tools */
	struct counts counts;
	char *start_usage; /* of an Anthropic stream, as it came */

	struct reported head_cost, usage_cost;
	bool by_litellm; /* the response comes from LiteLLM's proxy */

	struct gpu_meter *meter; /* of the endpoint, while the call is on it */
	struct gpu_share share;

	struct buffer finish; /* reasons, as the inside of a JSON array */
	size_t finish_mark;   /* of which so many bytes are of earlier events */
	struct tally *tallies;
	size_t n_tallies;
	char *texts[CALL_TEXTS];
	struct {
		const char *name;
		char *value;
	} attributes[LIMIT_ATTRIBUTES];
	size_t n_attributes;
};

/** call_new - Return: NULL on -ENOMEM. */
struct call *call_new(void);

void call_free(struct call *call);

/** call_set - set a text; NULL or "" leaves it as it is. */
void call_set(struct call *call, enum call_text text, const char *value);
void call_set_bytes(struct call *call, enum call_text text, const char *value, size_t length);

/** call_attribute - set an attribute; the name must live as long as the call. NULL, "": nothing. */
void call_attribute(struct call *call, const char *name, const char *value);
void call_attribute_bytes(struct call *call, const char *name, const char *value, size_t length);

/** call_raw_usage - set CALL_RAW_USAGE to JSON text as it came. */
void call_raw_usage(struct call *call, const char *text);

/** call_finish_reason - one more of gen_ai.response.finish_reasons. */
void call_finish_reason(struct call *call, const char *reason);

/** call_tally - tally number `index`, made zero first; NULL beyond LIMIT_CHARGES. */
struct tally *call_tally(struct call *call, size_t index);

/** call_tally_model - set the model of a tally. */
void call_tally_model(struct call *call, struct tally *tally, const char *model);

/** call_keep_start_usage - keep JSON text as it came. */
void call_keep_start_usage(struct call *call, const char *text);

/** call_is_success - the status is 2xx. */
bool call_is_success(const struct call *call);

/** call_first_token - a token was seen. */
void call_first_token(struct call *call, uint64_t time_ns);

/*
 * call_emit - tell the call as it stands.
 * @end_ns: its end, for CALL_END.
 * Return: 0 or -ENOMEM.
 */
int call_emit(struct call *call, enum call_event_type type, const struct conn_info *info,
	      uint64_t end_ns, call_sink sink, void *context);

#endif
