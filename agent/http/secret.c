/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/http/secret.h"

#include <string.h>
#include <strings.h>

#define PARAMETER_NAME_MAX 128 /* a longer name is taken for telling */

static bool equals(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && !memcmp(text, word, length);
}

static bool starts(const char *text, size_t length, const char *word)
{
	return strlen(word) <= length && !memcmp(text, word, strlen(word));
}

static bool contains(const char *text, size_t length, const char *word)
{
	return memmem(text, length, word, strlen(word)) != NULL;
}

static bool in(const char *const *list, const char *text, size_t length)
{
	for (; *list; list++) {
		if (equals(text, length, *list))
			return true;
	}
	return false;
}

/* Token counts are what this program is for: "tokens" and "token-count" are no tokens. */
static bool names_token(const char *name, size_t length)
{
	const char *at = name, *end = name + length;

	while ((at = memmem(at, (size_t)(end - at), "token", 5))) {
		at += 5;
		if (!starts(at, (size_t)(end - at), "s") &&
		    !starts(at, (size_t)(end - at), "-count") &&
		    !starts(at, (size_t)(end - at), "_count"))
			return true;
	}
	return false;
}

static bool telling(const char *name, size_t length)
{
	static const char *const words[] = {"auth",    "key",        "secret",    "password",
					    "passwd",  "credential", "signature", "cookie",
					    "session", NULL};

	for (size_t i = 0; words[i]; i++) {
		if (contains(name, length, words[i]))
			return true;
	}
	return names_token(name, length);
}

enum secret_kind secret_field(const char *name, size_t length)
{
	static const char *const keys[] = {"x-api-key", "api-key", "x-goog-api-key", NULL};
	static const char *const harmless[] = {"idempotency-key", "x-idempotency-key", "authority",
					       "surrogate-key", NULL};
	static const char *const prefixes[] = {"x-stainless-", "content-", "sec-websocket-",
					       "access-control-", NULL};

	if (equals(name, length, "authorization"))
		return SECRET_AUTHORIZATION;
	if (equals(name, length, "proxy-authorization"))
		return SECRET_PROXY;
	if (in(keys, name, length))
		return SECRET_FIELD_KEY;
	if (in(harmless, name, length) || contains(name, length, "ratelimit"))
		return SECRET_NONE;
	for (size_t i = 0; prefixes[i]; i++) {
		if (starts(name, length, prefixes[i]))
			return SECRET_NONE;
	}
	return telling(name, length) ? SECRET_OTHER : SECRET_NONE;
}

size_t secret_credentials(const char *value, size_t length)
{
	static const char *const schemes[] = {"bearer",
					      "basic",
					      "digest",
					      "negotiate",
					      "ntlm",
					      "token",
					      "apikey",
					      "api-key",
					      "key",
					      "dpop",
					      "gnap",
					      "hoba",
					      "mutual",
					      "oauth",
					      "privatetoken",
					      "vapid",
					      "aws4-hmac-sha256",
					      "googlelogin",
					      "sharedkey",
					      "scram-sha-1",
					      "scram-sha-256",
					      NULL};
	size_t n = 0, start;

	while (n < length && value[n] != ' ' && value[n] != '\t')
		n++;
	for (start = n; start < length && (value[start] == ' ' || value[start] == '\t');)
		start++;
	if (start == length)
		return 0;
	for (size_t i = 0; schemes[i]; i++) {
		if (strlen(schemes[i]) == n && !strncasecmp(value, schemes[i], n))
			return start;
	}
	return 0;
}

static enum secret_kind parameter_kind(const char *name, size_t length)
{
	static const char *const keys[] = {"key", "api_key", "api-key", "apikey", NULL};
	static const char *const others[] = {"sig", "pwd", "pass", "jwt", NULL};

	if (length == PARAMETER_NAME_MAX)
		return SECRET_OTHER;
	if (in(keys, name, length))
		return SECRET_QUERY_KEY;
	return in(others, name, length) || telling(name, length) ? SECRET_OTHER : SECRET_NONE;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The character at a place, percent-decoded once and in lower case, and the bytes it takes. */
static char decoded(const char *text, size_t length, size_t *ret_width)
{
	int high = length >= 3 && text[0] == '%' ? hex_digit(text[1]) : -1;
	int low = high >= 0 ? hex_digit(text[2]) : -1;
	char c = low >= 0 ? (char)(high * 16 + low) : text[0];

	*ret_width = low >= 0 ? 3 : 1;
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static bool ends_authority(char c)
{
	return c == '/' || c == '?' || c == '#' || c == ' ' || c == '"' || c == '>';
}

/* User information that begins at `start`, if the authority there has any. */
static bool user_information(const char *text, size_t length, size_t start,
			     struct secret_span *ret_span)
{
	size_t at = 0;

	for (size_t i = start; i < length && !ends_authority(text[i]); i++) {
		if (text[i] == '@')
			at = i;
	}
	if (at <= start)
		return false;
	*ret_span =
		(struct secret_span){.start = start, .length = at - start, .kind = SECRET_OTHER};
	return true;
}

bool secret_next(const char *text, size_t length, bool authority_form, size_t *cursor,
		 struct secret_span *ret_span)
{
	char name[PARAMETER_NAME_MAX];
	size_t i = *cursor, n = 0, width;
	bool naming = false;

	if (!i && authority_form && user_information(text, length, 0, ret_span)) {
		*cursor = ret_span->length;
		return true;
	}
	/* A value that was found ended at a separator, which begins a name. */
	for (; i < length; i += width) {
		char c = decoded(text + i, length - i, &width);

		if (c == '?' || c == '&' || c == ';' || c == '#') {
			naming = true;
			n = 0;
		} else if (c == '=' && naming) {
			size_t end = i + width;
			enum secret_kind kind = parameter_kind(name, n);

			naming = false;
			while (end < length && text[end] != '&' && text[end] != '#' &&
			       text[end] != ' ')
				end++;
			if (kind && end > i + width) {
				*ret_span = (struct secret_span){i + width, end - i - width, kind};
				*cursor = end;
				return true;
			}
		} else if (c == ':' && i + 3 <= length && !memcmp(text + i, "://", 3) &&
			   user_information(text, length, i + 3, ret_span)) {
			*cursor = ret_span->start + ret_span->length;
			return true;
		} else if (naming && n < sizeof(name)) {
			name[n++] = c;
		}
	}
	*cursor = length;
	return false;
}

void secret_mask(const uint8_t salt[HASH_KEY_SIZE], const char *key, size_t length, char *out,
		 size_t out_length)
{
	uint8_t digest[HASH_SIZE];
	char hex[FINGERPRINT_SIZE];
	size_t n = out_length < FINGERPRINT_DIGITS ? out_length : FINGERPRINT_DIGITS;

	hash_hmac(salt, key, length, digest);
	hash_hex(digest, FINGERPRINT_DIGITS / 2, hex);
	memcpy(out, hex, n);
	memset(out + n, '*', out_length - n);
}

void secret_fingerprint(const char *mask, size_t length, char text[FINGERPRINT_SIZE])
{
	size_t n = 0;

	while (n < length && n < FINGERPRINT_DIGITS && mask[n] != '*')
		n++;
	memcpy(text, mask, n);
	text[n] = '\0';
}
