/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON (RFC 8259) as it is written, member by member. The first error stays, and what is written
 * after it is left out.
 */
#ifndef AGENT_JSON_OUT_H
#define AGENT_JSON_OUT_H

#include <stdbool.h>
#include <stdio.h>

#include "agent/util/buffer.h"
#include "pricing/pricing.h"

/* An object or array that grows. */
struct json_out {
	struct buffer text;
	bool empty; /* nothing stands before the next member */
	int r;      /* 0 or a negative errno */
};

/** json_out_put - text as it is. */
void json_out_put(struct json_out *json, const char *text);

/* Brackets, the comma before an array's member, and the name of an object's. */
void json_out_open(struct json_out *json, const char *bracket);
void json_out_close(struct json_out *json, const char *bracket);
void json_out_comma(struct json_out *json);
void json_out_key(struct json_out *json, const char *name);

/* Members of an object. A text that is NULL, and a time that is 0, are not known, and left out. */
void json_out_text(struct json_out *json, const char *name, const char *value);
void json_out_raw(struct json_out *json, const char *name, const char *value);
void json_out_unsigned(struct json_out *json, const char *name, uint64_t value);
void json_out_time(struct json_out *json, const char *name, int64_t wall_ns);

/** json_out_amount - as a number with all its digits; json_out_amount_text - as a string. */
void json_out_amount(struct json_out *json, const char *name, pricing_amount amount);
void json_out_amount_text(struct json_out *json, const char *name, pricing_amount amount);

/** json_out_ms - nanoseconds as milliseconds with all their decimals; below 0 is 0. */
void json_out_ms(struct json_out *json, const char *name, int64_t ns);

/** json_out_flush - write what has grown so far, and begin anew. */
void json_out_flush(struct json_out *json, FILE *out);

#endif
