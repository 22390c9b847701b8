/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call as named values: the fields of its JSON, and the attributes of its span and of the span's
 * resource. Names are those of docs/attributes.md.
 */
#ifndef AGENT_CALL_FIELDS_H
#define AGENT_CALL_FIELDS_H

#include "agent/ledger/query.h"
#include "agent/report_sum.h"

enum call_field_type {
	CALL_FIELD_TEXT,
	CALL_FIELD_INTEGER,
	CALL_FIELD_AMOUNT,      /* a number */
	CALL_FIELD_AMOUNT_TEXT, /* a string, for all digits wherever it is read */
	CALL_FIELD_TIME,        /* wall time */
	CALL_FIELD_MS,          /* nanoseconds, told as milliseconds */
	CALL_FIELD_JSON,        /* an array of strings, as JSON */
	CALL_FIELD_CHARGES,     /* of the call, which has several: see call_json_charges() */
};

/* What a field tells of. */
enum call_field_of {
	CALL_FIELD_OF_CALL,
	CALL_FIELD_OF_SPAN,    /* ids, times: a span has a place of its own for them */
	CALL_FIELD_OF_PROCESS, /* the resource */
};

struct call_field {
	const char *name;
	enum call_field_type type;
	enum call_field_of of;
	bool varies; /* it differs from each call to the next, however alike they are */
	union {
		const char *text; /* and JSON; borrowed, never NULL */
		uint64_t integer;
		pricing_amount amount;
		int64_t ns;
	};
};

typedef void (*call_field_sink)(void *context, const struct call_field *field);

/** call_fields - hand on what is known of a call. @sum: of call_sum(). */
void call_fields(const struct ledger_call *call, const struct call_sum *sum, call_field_sink sink,
		 void *context);

/** call_fields_process - of these those that are of its process. */
void call_fields_process(const struct ledger_call *call, call_field_sink sink, void *context);

/** call_fields_kind - the name of a kind of tokens. */
const char *call_fields_kind(enum kind kind);

/** call_fields_executable - the executable's name, else the process's; NULL: not known. */
const char *call_fields_executable(const struct ledger_call *call);

#endif
