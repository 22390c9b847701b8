/* SPDX-License-Identifier: Apache-2.0 */
/* The head (or the trailer section) of one message: its fields, bounded, with keys replaced. */
#ifndef AGENT_HTTP_HEAD_H
#define AGENT_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/event.h"
#include "agent/http/secret.h"
#include "agent/limits.h"
#include "agent/util/buffer.h"

#define HEAD_NAME_MAX 256

struct head_field {
	uint32_t name, name_length, value, value_length; /* offsets in text */
};

/* Where a key lies in the stream, and its replacement in text. */
struct head_secret {
	uint64_t offset, length;
	uint32_t at;
	bool opaque; /* could not be held: no replacement */
};

struct head {
	const uint8_t *salt;
	struct buffer text;
	struct head_field *fields;
	struct head_secret *secrets;
	size_t n_fields, n_secrets;
	bool limited; /* something was dropped */
	bool opaque;  /* more keys than can be told: none of the head may be written */

	/* the target or the value that is coming in */
	size_t item;          /* where it begins in text */
	uint64_t offset, end; /* and in the stream */
	size_t fold_index;    /* where its second line begins, in the item, 0 if it has one */
	uint64_t fold_offset; /* and in the stream */
	unsigned int folds;
	bool item_begun, item_dropped;
	bool item_plain; /* not all of it is redacted already */
	char name[HEAD_NAME_MAX];
	size_t name_length;

	size_t target_length; /* target is text[0 ...] */
	enum secret_kind key_kind;
	char fingerprint[FINGERPRINT_SIZE]; /* of the API key; "" if none */
};

/** head_new - @salt: borrowed. Return: 0 or -ENOMEM. */
int head_new(struct head **ret_head, const uint8_t *salt);

/** head_target - a piece of the request target, at this stream offset. Return: 0 or -ENOMEM. */
int head_target(struct head *head, const char *data, size_t length, uint64_t offset, bool redacted);

/** head_target_end - @authority_form: of CONNECT. Return: 0 or -ENOMEM. */
int head_target_end(struct head *head, bool authority_form);

/** head_name - a piece of a field name. */
void head_name(struct head *head, const char *data, size_t length);

/** head_value - a piece of a field value. Return: 0 or -ENOMEM. */
int head_value(struct head *head, const char *data, size_t length, uint64_t offset, bool redacted);

/** head_value_end - the field is complete, which may have had no value. Return: 0 or -ENOMEM. */
int head_value_end(struct head *head);

/*
 * head_get - the value of the first field of this lower-case name, not NUL-terminated; NULL if
 *	there is none.
 */
const char *head_get(const struct head *head, const char *name, size_t *ret_length);

/** head_fields - fill in fields, room for LIMIT_HTTP_FIELDS. Return: how many. */
size_t head_fields(const struct head *head, struct header_field *fields);

/*
 * head_request - origin form of the target, and the authority, "" if there is none, each with NUL.
 *	Both live until the head changes.
 * Return: 0 or -ENOMEM.
 */
int head_request(struct head *head, const char **ret_target, const char **ret_authority);

void head_free(struct head *head);

#endif
