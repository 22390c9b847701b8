/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a ledger back: calls with their charges, losses, what was not seen, processes.
 *
 * Times are wall time in ns since 1970. Texts are borrowed for the callback, and NULL where not
 * known. A callback's non-zero return ends the walk and is handed on. A walk does not nest in
 * another of the same function.
 */
#ifndef AGENT_LEDGER_QUERY_H
#define AGENT_LEDGER_QUERY_H

#include "agent/ledger/ledger.h"

/* All zero: everything. */
struct ledger_filter {
	int64_t writer;       /* 0: any */
	int64_t since_ns;     /* calls that began at or after; losses that were told then */
	int64_t until_ns;     /* and before; 0: no end */
	const char *trace_id; /* calls of this trace alone; NULL: any */
	bool settled_only;    /* calls that settled after number settled_after, in that order */
	int64_t settled_after;
	bool latest; /* the latest price of each charge, in place of the bill */
};

struct ledger_charge {
	const char *model, *tier, *region, *variant;
	struct pricing_usage usage;
	enum pricing_status status;
	const char *missing;  /* bucket, for PRICING_UNPRICED_BUCKET */
	const char *currency; /* NULL where no row of the card matched */
	const char *card_version;
	pricing_amount amount; /* of what is priced */
};

struct ledger_call {
	int64_t id;
	int64_t settled; /* number in the order of settling; 0 while open */
	const char *trace_id, *span_id, *parent_span_id;
	int64_t start_ns;
	int64_t end_ns, first_token_ns; /* 0: not known */
	const char *operation, *provider, *request_model, *response_model, *response_id;
	const char *conversation_id, *method, *path, *server_address;
	int64_t server_port, http_status; /* 0: not known */
	const char *error_type, *key_fingerprint;
	enum cost_status cost_status;
	const char *completeness, *card_version, *capture;
	bool provider_known;
	bool billed_by_charges; /* priced if all charges are; else cost_status stands by itself */
	enum reported_source reported_source; /* whose word the cost is; or it is the charges' */
	int64_t reported;                     /* pico-units of REPORTED_CURRENCY */
	int64_t process;                      /* id of its row */
	int64_t pid;
	const char *process_name, *executable;
	const char *arguments; /* JSON array of strings */
	const struct ledger_charge *charges;
	size_t n_charges;
	const struct attribute *attributes;
	size_t n_attributes;
};

typedef int (*ledger_call_fn)(void *context, const struct ledger_call *call);

/** ledger_calls - walk calls in the order of their beginning. Return: 0, errno, or fn's. */
int ledger_calls(struct ledger *ledger, const struct ledger_filter *filter, ledger_call_fn fn,
		 void *context);

struct ledger_loss {
	const char *cause, *name;
	uint64_t records, bytes; /* sums; UINT64_MAX: beyond */
};

typedef int (*ledger_loss_fn)(void *context, const struct ledger_loss *loss);

/** ledger_losses - walk losses, one for each cause and name, by cause. */
int ledger_losses(struct ledger *ledger, const struct ledger_filter *filter, ledger_loss_fn fn,
		  void *context);

struct ledger_unseen {
	int64_t pid; /* 0: not known */
	const char *executable, *reason, *remedy;
};

typedef int (*ledger_unseen_fn)(void *context, const struct ledger_unseen *unseen);

/** ledger_unseens - walk the processes that could not be captured. */
int ledger_unseens(struct ledger *ledger, const struct ledger_filter *filter, ledger_unseen_fn fn,
		   void *context);

struct ledger_process {
	int64_t id, pid;
	int64_t start_ns, exit_ns; /* 0: not known */
	bool root;
	const char *executable, *name;
	const char *arguments; /* JSON array of strings */
};

typedef int (*ledger_process_fn)(void *context, const struct ledger_process *process);

/*
 * ledger_ancestors - walk from a process to its parent and on, to the root of a wrapped tree or to
 *	the last one that is known; LIMIT_TREE_DEPTH at most.
 */
int ledger_ancestors(struct ledger *ledger, int64_t process, ledger_process_fn fn, void *context);

/*
 * ledger_usage_input, ledger_usage_output - all tokens of a side, as libpricing sums them.
 * Return: false where no bucket of that side was reported; @ret_tokens is then untouched.
 */
bool ledger_usage_input(const struct pricing_usage *usage, uint64_t *ret_tokens);
bool ledger_usage_output(const struct pricing_usage *usage, uint64_t *ret_tokens);

/*
 * ledger_backgrounds - a struct lookup's backgrounds, of this ledger: the last LIMIT_BACKGROUND.
 * Return: 0 or a negative errno.
 */
int ledger_backgrounds(void *ledger, void (*tell)(void *to, const char *response_id), void *to);

#define LEDGER_TRACE_ID_TEXT 33

/*
 * ledger_find_trace - the trace whose id begins so, or the one of the newest call.
 * @prefix: lower-case hex; NULL: the newest, within the filter.
 * Return: 0; -ENOENT: none; -EEXIST: several.
 */
int ledger_find_trace(struct ledger *ledger, const struct ledger_filter *filter, const char *prefix,
		      char ret_trace_id[LEDGER_TRACE_ID_TEXT]);

/** ledger_last_settled - the number of the call that settled last; 0: none yet. */
int ledger_last_settled(struct ledger *ledger, int64_t *ret_number);

#endif
