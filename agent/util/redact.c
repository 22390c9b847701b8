/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/util/redact.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "agent/limits.h"

#define MASK "***"

/* Bytes behind a known prefix that make a key of it. */
#define KEY_TAIL_MIN 8

/* A run that is this long and this mixed is taken for a key wherever it stands. */
#define RANDOM_LENGTH 32
#define RANDOM_DISTINCT 10

/* How keys of model providers, clouds and code hosts begin. */
static const char *const key_prefixes[] = {
	"sk-",   "sk_",    "rk_",   "AIza",        "ya29.",  "gsk_", "xai-",  "pplx-", "hf_",
	"r8_",   "nvapi-", "ghp_",  "gho_",        "ghs_",   "AKIA", "ASIA",  "ABSK",  "eyJ",
	"xoxb-", "xoxp-",  "xapp-", "github_pat_", "glpat-", "npm_", "pypi-",
};

/* Last word of a name whose value is a secret; words are split at "-", "_" and ".". */
static const char *const secret_words[] = {
	"key",           "keys",         "apikey",    "token",      "authtoken",   "accesstoken",
	"secret",        "clientsecret", "secretkey", "accesskey",  "password",    "passwd",
	"passphrase",    "pass",         "pwd",       "credential", "credentials", "auth",
	"authorization", "cookie",       "bearer",    "signature",  "sig",         "pat",
};

static bool is_key_char(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_';
}

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.';
}

static size_t run_length(const char *text, size_t length)
{
	size_t n = 0;

	while (n < length && is_key_char(text[n]))
		n++;
	return n;
}

/* A key goes on over the characters of base64 and of a JWT. */
static size_t key_length(const char *text, size_t length)
{
	size_t n = 0;

	while (n < length && (is_key_char(text[n]) || strchr(".+/=~%", text[n])))
		n++;
	return n;
}

static bool has_key_prefix(const char *text, size_t length)
{
	for (size_t i = 0; i < sizeof(key_prefixes) / sizeof(key_prefixes[0]); i++) {
		size_t n = strlen(key_prefixes[i]);

		if (length > n && !memcmp(text, key_prefixes[i], n) &&
		    run_length(text + n, length - n) >= KEY_TAIL_MIN)
			return true;
	}
	return false;
}

/* Words joined by dashes are a name; random bytes have no dashes, or letters of both cases. */
static bool looks_random(const char *text, size_t length)
{
	bool seen[256] = {false};
	unsigned int distinct = 0, digits = 0, upper = 0, lower = 0, joints = 0;

	if (length < RANDOM_LENGTH)
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		distinct += !seen[c];
		seen[c] = true;
		digits += isdigit(c) != 0;
		upper += isupper(c) != 0;
		lower += islower(c) != 0;
		joints += c == '-' || c == '_';
	}
	return distinct >= RANDOM_DISTINCT && digits >= 3 && upper + lower >= 3 &&
	       (joints == 0 || (upper >= 3 && lower >= 3));
}

static bool is_secret_name(const char *name, size_t length)
{
	size_t start = length;

	while (start > 0 && !strchr("-_.", name[start - 1]))
		start--;
	for (size_t i = 0; i < sizeof(secret_words) / sizeof(secret_words[0]); i++) {
		if (strlen(secret_words[i]) == length - start &&
		    !strncasecmp(name + start, secret_words[i], length - start))
			return true;
	}
	return false;
}

static bool is_scheme(const char *text, size_t length)
{
	return (length == 6 && !strncasecmp(text, "bearer", 6)) ||
	       (length == 5 && !strncasecmp(text, "basic", 5));
}

static size_t spaces(const char *text, size_t length)
{
	size_t n = 0;

	while (n < length && (text[n] == ' ' || text[n] == '\t'))
		n++;
	return n;
}

/* Length of a value: to its closing quote, or of a header to the end, else to what ends a word. */
static size_t value_length(const char *text, size_t length, char quote, bool header)
{
	size_t n = 0;

	while (n < length) {
		if (quote ? text[n] == quote : strchr("\"'\r\n", text[n]) != NULL)
			break;
		if (!quote && !header && strchr(" \t&;,|)}]", text[n]))
			break;
		n++;
	}
	return n;
}

/*
 * Where text begins with what separates a name from its value ("=", ": ", "\": \""): the length up
 * to the value, else 0.
 */
static size_t separator(const char *text, size_t length, char *ret_quote, bool *ret_header)
{
	size_t n = 0;

	*ret_quote = '\0';
	if (n < length && (text[n] == '"' || text[n] == '\''))
		n++;
	n += spaces(text + n, length - n);
	if (n >= length || (text[n] != '=' && text[n] != ':'))
		return 0;
	*ret_header = text[n] == ':';
	n++;
	n += spaces(text + n, length - n);
	if (n < length && (text[n] == '"' || text[n] == '\''))
		*ret_quote = text[n++];
	return n;
}

static size_t name_length(const char *text, size_t length)
{
	size_t n = 0;

	while (n < length && is_name_char(text[n]))
		n++;
	return n;
}

/* Text begins with a key: how much is kept, and how much hidden. */
static bool find_key(const char *text, size_t length, size_t *ret_keep, size_t *ret_hide)
{
	if (!has_key_prefix(text, length))
		return false;
	*ret_keep = 0;
	*ret_hide = key_length(text, length);
	return true;
}

/* Text begins with a name, `name` long, that is a scheme of Authorization, and its credentials. */
static bool find_scheme(const char *text, size_t length, size_t name, size_t *ret_keep,
			size_t *ret_hide)
{
	size_t gap;

	if (!is_scheme(text, name))
		return false;
	gap = spaces(text + name, length - name);
	if (gap == 0)
		return false;
	*ret_keep = name + gap;
	*ret_hide = value_length(text + name + gap, length - name - gap, '\0', false);
	return *ret_hide > 0;
}

/* Text begins with a name, `name` long, whose value is a secret, and the value. */
static bool find_value(const char *text, size_t length, size_t name, size_t *ret_keep,
		       size_t *ret_hide)
{
	size_t gap;
	bool header;
	char quote;

	if (name == 0 || !is_secret_name(text, name))
		return false;
	gap = separator(text + name, length - name, &quote, &header);
	if (gap == 0)
		return false;
	*ret_keep = name + gap;
	*ret_hide = value_length(text + name + gap, length - name - gap, quote, header);
	return *ret_hide > 0;
}

/* USER:PASSWORD at the front of text, up to an "@" of a URL's authority: where the password is. */
static bool find_userinfo(const char *text, size_t length, size_t *ret_keep, size_t *ret_hide)
{
	size_t end = 3, colon = 0;

	if (length < 3 || memcmp(text, "://", 3) != 0)
		return false;
	while (end < length && !strchr("@/?# \"'", text[end])) {
		if (text[end] == ':' && colon == 0)
			colon = end;
		end++;
	}
	if (end >= length || text[end] != '@' || colon == 0)
		return false;
	*ret_keep = colon + 1;
	*ret_hide = end - colon - 1;
	return *ret_hide > 0;
}

static int append_plain(struct buffer *out, const char *text, size_t length)
{
	if (looks_random(text, length))
		return buffer_append_text(out, MASK);
	return buffer_append(out, text, length);
}

static int redact_text(struct buffer *out, const char *text, size_t length)
{
	size_t i = 0, name_end = 0, keep, hide;
	int r = 0;

	while (r == 0 && i < length) {
		const char *at = text + i;
		size_t left = length - i, run = run_length(at, left);
		bool fresh = i >= name_end; /* all ends of one name have the same last word */

		if (fresh)
			name_end = i + name_length(at, left);
		if (find_key(at, left, &keep, &hide) ||
		    find_scheme(at, left, name_end - i, &keep, &hide) ||
		    (fresh && find_value(at, left, name_end - i, &keep, &hide)) ||
		    find_userinfo(at, left, &keep, &hide)) {
			r = buffer_append(out, at, keep);
			if (r == 0)
				r = buffer_append_text(out, MASK);
			i += keep + hide;
			continue;
		}
		run = run ? run : 1;
		r = append_plain(out, at, run);
		i += run;
	}
	return r;
}

static int redact_user(struct buffer *out, const char *text, size_t length)
{
	const char *colon = memchr(text, ':', length);
	size_t keep = colon ? (size_t)(colon - text) + 1 : length;
	int r = redact_text(out, text, keep);

	return r < 0 || !colon ? r : buffer_append_text(out, MASK);
}

/* What an argument says of the next: an option without "=" may have its value there. */
static enum redact_next expect(const char *text, size_t length)
{
	if (length < 2 || text[0] != '-')
		return REDACT_PLAIN;
	if ((length == 2 && text[1] == 'u') || (length == 6 && !memcmp(text, "--user", 6)))
		return REDACT_USER;
	for (size_t i = 0; i < length; i++) {
		if (!is_name_char(text[i]))
			return REDACT_PLAIN;
	}
	if (is_secret_name(text, length))
		return REDACT_SECRET;
	return REDACT_PLAIN;
}

int redact_argument(struct buffer *out, const char *text, size_t length, enum redact_next *next)
{
	enum redact_next now = *next;

	if (length > LIMIT_ARGUMENTS)
		length = LIMIT_ARGUMENTS;
	*next = expect(text, length);
	if (now == REDACT_SECRET && length > 0)
		return buffer_append_text(out, MASK);
	if (now == REDACT_USER)
		return redact_user(out, text, length);
	if (length > 7 && !memcmp(text, "--user=", 7)) {
		int r = buffer_append(out, text, 7);

		return r < 0 ? r : redact_user(out, text + 7, length - 7);
	}
	return redact_text(out, text, length);
}
