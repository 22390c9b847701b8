/* SPDX-License-Identifier: Apache-2.0 */
/* Which header fields and query parameters carry keys, and how a key becomes a fingerprint. */
#ifndef AGENT_HTTP_SECRET_H
#define AGENT_HTTP_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/hash.h"

/* Hex digits of a fingerprint; a shorter key has a shorter one. */
#define FINGERPRINT_DIGITS 16
#define FINGERPRINT_SIZE (FINGERPRINT_DIGITS + 1)

/* Greater is more surely the key that the provider bills. */
enum secret_kind {
	SECRET_NONE,
	SECRET_OTHER,         /* a cookie, a signature, a password */
	SECRET_QUERY_KEY,     /* an API key in the query */
	SECRET_FIELD_KEY,     /* x-api-key and its like */
	SECRET_AUTHORIZATION, /* keeps its scheme word */
	SECRET_PROXY,         /* proxy-authorization: keeps its scheme word, is no API key */
};

struct secret_span {
	size_t start, length;
	enum secret_kind kind;
};

/** secret_field - what a header field of this lower-case name carries. */
enum secret_kind secret_field(const char *name, size_t length);

/*
 * secret_credentials - where, in the value of an authorization field, the credentials begin: behind
 *	a scheme of the IANA registry (RFC 9110 section 11.4) or one in common use, else at 0.
 */
size_t secret_credentials(const char *value, size_t length);

/*
 * secret_next - the next secret of a URL or of text that holds one: user information before an
 *	"@" (RFC 3986 section 3.2.1) or the value of a query parameter with a telling name.
 * @cursor: 0 at first.
 * @authority_form: text may begin with user information (target of CONNECT).
 */
bool secret_next(const char *text, size_t length, bool authority_form, size_t *cursor,
		 struct secret_span *ret_span);

/*
 * secret_mask - write the replacement of a key: hex of HMAC-SHA256(salt, key), at most
 *	FINGERPRINT_DIGITS of it, padded with '*'.
 * @out: out_length bytes; may be where the key stands.
 */
void secret_mask(const uint8_t salt[HASH_KEY_SIZE], const char *key, size_t length, char *out,
		 size_t out_length);

/** secret_fingerprint - the fingerprint, with NUL, that a replacement begins with. */
void secret_fingerprint(const char *mask, size_t length, char text[FINGERPRINT_SIZE]);

#endif
