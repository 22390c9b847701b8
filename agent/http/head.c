/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/http/head.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TARGET_MAX (LIMIT_HTTP_HEAD / 2) /* leaves room for fields */

int head_new(struct head **ret_head, const uint8_t *salt)
{
	struct head *head = calloc(1, sizeof(*head));

	if (!head)
		return -ENOMEM;
	head->salt = salt;
	buffer_init(&head->text, 3 * LIMIT_HTTP_HEAD);
	*ret_head = head;
	return 0;
}

void head_free(struct head *head)
{
	if (!head)
		return;
	buffer_free(&head->text);
	free(head->fields);
	free(head->secrets);
	free(head);
}

/* Room for one more entry of an array that doubles, up to max. Return: 0, -ENOMEM or -ENOSPC. */
static int grow(void **array, size_t size, size_t n, size_t max)
{
	void *larger;

	if (n == max)
		return -ENOSPC;
	if (n && (n < 8 || n & (n - 1)))
		return 0;
	larger = realloc(*array, (n < 8 ? 8 : 2 * n) * size);
	if (!larger)
		return -ENOMEM;
	*array = larger;
	return 0;
}

static int add_secret(struct head *head, const struct head_secret *secret)
{
	struct head_secret *last = head->n_secrets ? &head->secrets[head->n_secrets - 1] : NULL;
	int r;

	if (secret->opaque && last && last->opaque) {
		last->length = secret->offset + secret->length - last->offset;
		return 0;
	}
	r = grow((void **)&head->secrets, sizeof(*secret), head->n_secrets, LIMIT_HTTP_SECRETS);
	if (r == -ENOSPC)
		head->opaque = true;
	if (r)
		return r == -ENOMEM ? r : 0;
	head->secrets[head->n_secrets++] = *secret; /* NOLINT: grow() made it */
	return 0;
}

static int add_opaque(struct head *head)
{
	head->limited = true;
	return add_secret(head, &(struct head_secret){.offset = head->offset,
						      .length = head->end - head->offset,
						      .opaque = true});
}

static void begin_item(struct head *head)
{
	head->item = head->text.length;
	head->fold_index = 0;
	head->folds = 0;
	head->item_begun = false;
	head->item_dropped = false;
	head->item_plain = false;
}

/* Bytes of the item; a line fold (RFC 9112 section 5.2) counts as one space. */
static int append_item(struct head *head, const char *data, size_t length, uint64_t offset,
		       bool redacted, size_t max)
{
	bool folded = head->item_begun && offset != head->end;
	int r;

	if (!length)
		return 0;
	if (!head->item_begun)
		head->offset = offset;
	head->item_begun = true;
	head->end = offset + length;
	head->item_plain |= !redacted;
	if (head->item_dropped)
		return 0;
	if (head->text.length + folded + length > max) {
		head->item_dropped = true;
		return 0;
	}
	if (folded) {
		r = buffer_append(&head->text, " ", 1);
		if (r)
			return -ENOMEM;
		if (!head->folds++) {
			head->fold_index = head->text.length - head->item;
			head->fold_offset = offset;
		}
	}
	return buffer_append(&head->text, data, length) ? -ENOMEM : 0;
}

/* Stream offset of a byte of the item, if it is not behind a second fold. */
static uint64_t item_offset(const struct head *head, size_t index)
{
	if (head->folds && index >= head->fold_index)
		return head->fold_offset + (index - head->fold_index);
	return head->offset + index;
}

static void take_fingerprint(struct head *head, const char *mask, size_t length,
			     enum secret_kind kind)
{
	if (kind < SECRET_QUERY_KEY || kind > SECRET_AUTHORIZATION || kind <= head->key_kind)
		return;
	head->key_kind = kind;
	secret_fingerprint(mask, length, head->fingerprint);
}

/*
 * Replace the secret at `start` of the item by its fingerprint. With folds it reaches to the item's
 * end, and grows by what the folds took.
 */
static int mask_item(struct head *head, size_t start, size_t length, enum secret_kind kind)
{
	struct head_secret secret = {.offset = item_offset(head, start), .length = length};
	char *key = (char *)head->text.data + head->item + start;
	uint8_t filler[64] = {0};
	int r = 0;

	if (!length)
		return 0;
	if (!head->item_plain) {
		take_fingerprint(head, key, length, kind);
		return 0;
	}
	secret.at = (uint32_t)(head->item + start);
	if (head->folds) {
		size_t joined = length;

		secret.length = head->end - secret.offset;
		if (secret.length > LIMIT_HTTP_HEAD)
			return add_opaque(head);
		secret_mask(head->salt, key, joined, (char *)filler, FINGERPRINT_DIGITS);
		head->text.length = secret.at;
		for (size_t left = secret.length; left && !r;) {
			size_t n = left < sizeof(filler) ? left : sizeof(filler);

			if (left < secret.length)
				memset(filler, '*', sizeof(filler));
			else
				memset(filler + FINGERPRINT_DIGITS, '*',
				       sizeof(filler) - FINGERPRINT_DIGITS);
			r = buffer_append(&head->text, filler, n);
			left -= n;
		}
		if (r)
			return -ENOMEM;
		key = (char *)head->text.data + secret.at;
	} else {
		secret_mask(head->salt, key, length, key, length);
	}
	take_fingerprint(head, key, (size_t)secret.length, kind);
	return add_secret(head, &secret);
}

/* Keys in the query of a URL, and passwords before its host, wherever a URL stands. */
static int mask_url(struct head *head, size_t length, bool authority_form)
{
	struct secret_span span;
	size_t cursor = 0;
	int r = 0;

	while (!r && length &&
	       secret_next((const char *)head->text.data + head->item, length, authority_form,
			   &cursor, &span)) {
		if (head->folds)
			return mask_item(head, 0, length, SECRET_OTHER);
		r = mask_item(head, span.start, span.length, span.kind);
	}
	return r;
}

int head_target(struct head *head, const char *data, size_t length, uint64_t offset, bool redacted)
{
	return append_item(head, data, length, offset, redacted, TARGET_MAX);
}

int head_target_end(struct head *head, bool authority_form)
{
	int r = 0;

	if (head->item_dropped) {
		const uint8_t *query = memchr(head->text.data, '?', head->text.length);

		/* Keys lie in what is cut off, or before the host. */
		r = add_opaque(head);
		if (query)
			head->text.length = (size_t)(query - head->text.data);
		head->target_length = head->text.length;
		head->item_plain = true;
		if (!r && memchr(head->text.data, '@', head->text.length))
			head->target_length = head->text.length = 0;
	} else {
		head->target_length = head->text.length;
		r = mask_url(head, head->text.length, authority_form);
	}
	if (!r && buffer_append(&head->text, "", 1))
		r = -ENOMEM;
	begin_item(head);
	return r;
}

void head_name(struct head *head, const char *data, size_t length)
{
	for (size_t i = 0; i < length && head->name_length < HEAD_NAME_MAX; i++) {
		char c = data[i];

		head->name[head->name_length++] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
	}
}

int head_value(struct head *head, const char *data, size_t length, uint64_t offset, bool redacted)
{
	if (!head->item_begun)
		begin_item(head);
	return append_item(head, data, length, offset, redacted, LIMIT_HTTP_HEAD - HEAD_NAME_MAX);
}

static enum secret_kind name_kind(const struct head *head)
{
	if (head->name_length == HEAD_NAME_MAX)
		return SECRET_OTHER;
	return secret_field(head->name, head->name_length);
}

static int mask_value(struct head *head, size_t length)
{
	const char *value = (const char *)head->text.data + head->item;
	enum secret_kind kind = name_kind(head);
	size_t start = 0;

	if (!kind)
		return mask_url(head, length, false);
	if (kind == SECRET_AUTHORIZATION || kind == SECRET_PROXY)
		start = secret_credentials(value, length);
	if (head->folds > 1 && start > head->fold_index)
		start = 0;
	return mask_item(head, start, length - start, kind);
}

static int keep_field(struct head *head, size_t value_length)
{
	struct head_field field = {.value = (uint32_t)head->item,
				   .value_length = (uint32_t)value_length,
				   .name = (uint32_t)head->text.length,
				   .name_length = (uint32_t)head->name_length};
	int r = -ENOSPC;

	if (head->text.length + head->name_length <= LIMIT_HTTP_HEAD)
		r = grow((void **)&head->fields, sizeof(field), head->n_fields, LIMIT_HTTP_FIELDS);
	if (r == -ENOSPC)
		head->limited = true;
	if (r)
		return r == -ENOSPC ? 0 : r;
	if (buffer_append(&head->text, head->name, head->name_length))
		return -ENOMEM;
	head->fields[head->n_fields++] = field;
	return 0;
}

int head_value_end(struct head *head)
{
	size_t n_secrets = head->n_secrets, length;
	bool dropped;
	int r = 0;

	if (!head->item_begun)
		begin_item(head);
	dropped = head->item_dropped;
	if (dropped) {
		head->text.length = head->item;
		r = add_opaque(head);
	}
	for (length = head->text.length - head->item; length; length--) {
		char c = (char)head->text.data[head->item + length - 1];

		if (c != ' ' && c != '\t')
			break;
		head->end--;
		head->text.length--;
	}
	if (!r && length)
		r = mask_value(head, length);
	if (!r && !dropped) {
		size_t n_fields = head->n_fields;

		r = keep_field(head, head->text.length - head->item);
		/* Of a field that is not kept, only a replacement is. */
		if (n_fields == head->n_fields && n_secrets == head->n_secrets)
			head->text.length = head->item;
	}
	head->name_length = 0;
	begin_item(head);
	return r;
}

const char *head_get(const struct head *head, const char *name, size_t *ret_length)
{
	const char *text = (const char *)head->text.data;
	size_t length = strlen(name);

	for (size_t i = 0; i < head->n_fields; i++) {
		const struct head_field *field = &head->fields[i];

		if (field->name_length == length && !memcmp(text + field->name, name, length)) {
			*ret_length = field->value_length;
			return text + field->value;
		}
	}
	return NULL;
}

size_t head_fields(const struct head *head, struct header_field *fields)
{
	const char *text = (const char *)head->text.data;

	for (size_t i = 0; i < head->n_fields; i++) {
		const struct head_field *field = &head->fields[i];

		fields[i] = (struct header_field){.name = text + field->name,
						  .name_length = field->name_length,
						  .value = text + field->value,
						  .value_length = field->value_length};
	}
	return head->n_fields;
}

int head_request(struct head *head, const char **ret_target, const char **ret_authority)
{
	const char *target = (const char *)head->text.data, *authority = NULL, *end;
	size_t length = 0, at, path = 0;

	/* Absolute form (RFC 9112 section 3.2.2): its authority goes before that of Host. */
	if (head->target_length && target[0] != '/' && target[0] != '*' &&
	    (authority = strstr(target, "://"))) {
		authority += 3;
		length = strcspn(authority, "/?#");
		path = (size_t)(authority + length - target);
		end = memrchr(authority, '@', length);
		if (end) {
			length -= (size_t)(end + 1 - authority);
			authority = end + 1;
		}
	} else {
		authority = head_get(head, "host", &length);
	}
	at = head->text.length;
	if (authority) {
		/* The text may move while it grows. */
		size_t from = (size_t)(authority - (const char *)head->text.data);

		for (size_t i = 0; i < length; i++) {
			char c = (char)head->text.data[from + i];

			if (buffer_append(&head->text, &c, 1))
				return -ENOMEM;
		}
	}
	if (buffer_append(&head->text, "", 1))
		return -ENOMEM;
	target = (const char *)head->text.data + path;
	*ret_target = path && target[0] != '/' ? "/" : target;
	*ret_authority = (const char *)head->text.data + at;
	return 0;
}
