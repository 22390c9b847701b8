/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/util/redact.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Fewer characters behind a prefix are a word, such as sk-net. */
#define KEY_MIN 6

static const char *const prefixes[] = {
	"sk-", "AIza", "gsk_", "xai-", "pplx-", "hf_", "ghp_", "github_pat_", "AKIA", "r8_",
};

static const char *const schemes[] = {"bearer", "basic"};

static const char *const words[] = {"key",    "token",         "secret",     "password",
				    "passwd", "authorization", "credential", "signature"};

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'' || c == '\\';
}

static bool speaks_of_key(const char *name, size_t length)
{
	for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
		size_t n = strlen(words[w]);

		for (size_t i = 0; i + n <= length; i++) {
			if (!strncasecmp(name + i, words[w], n))
				return true;
		}
	}
	return false;
}

static bool has_key_prefix(const char *word, size_t length)
{
	for (size_t p = 0; p < sizeof(prefixes) / sizeof(prefixes[0]); p++) {
		size_t n = strlen(prefixes[p]);

		if (length >= n + KEY_MIN && !strncmp(word, prefixes[p], n))
			return true;
	}
	return false;
}

static bool is_scheme(const char *word, size_t length)
{
	for (size_t s = 0; s < sizeof(schemes) / sizeof(schemes[0]); s++) {
		if (length == strlen(schemes[s]) && !strncasecmp(word, schemes[s], length))
			return true;
	}
	return false;
}

/* Where a value ends that begins at text[at]. */
static size_t value_end(const char *text, size_t length, size_t at, bool whole_line)
{
	while (at < length && !is_quote(text[at]) && text[at] != '\n' && text[at] != '\r') {
		if (!whole_line && (isspace((unsigned char)text[at]) || strchr("&;,)}", text[at])))
			break;
		at++;
	}
	return at;
}

/*
 * The value of a name that speaks of a key: behind "=" or ":", spaces and a quote may stand. A
 * value of its own argument, and that of a header, has spaces in it. Return: where it begins;
 * *ret_end where it ends; length if there is none.
 */
static size_t named_value(const char *text, size_t length, size_t name, size_t at, size_t *ret_end)
{
	bool whole_line;

	while (at < length && (is_quote(text[at]) || text[at] == ' '))
		at++;
	if (at >= length || (text[at] != '=' && text[at] != ':'))
		return length;
	if (text[at] == '=' && name == 0) {
		*ret_end = length;
		return at + 1;
	}
	whole_line = text[at] == ':';
	at++;
	while (at < length && (is_quote(text[at]) || text[at] == ' '))
		at++;
	*ret_end = value_end(text, length, at, whole_line);
	return at;
}

/* The password in scheme://user:password@host, where text[at] begins the "://". */
static size_t url_password(const char *text, size_t length, size_t at, size_t *ret_end)
{
	size_t begin = length;

	for (size_t i = at + 3; i < length; i++) {
		if (text[i] == '@' && begin < length) {
			*ret_end = i;
			return begin;
		}
		if (strchr("/?#", text[i]) || isspace((unsigned char)text[i]) || is_quote(text[i]))
			break;
		if (text[i] == ':' && begin == length)
			begin = i + 1;
	}
	return length;
}

/*
 * The first key at or behind *at, which is moved to where the search goes on if there is none here.
 * Return: where the key begins, or length.
 */
static size_t next_key(const char *text, size_t length, size_t *at, size_t *ret_end)
{
	size_t name = *at, end = name, begin = length;

	if (!is_name(text[name])) {
		if (length - name > 3 && !memcmp(text + name, "://", 3))
			begin = url_password(text, length, name, ret_end);
		*at = name + 1;
		return begin;
	}
	while (end < length && is_name(text[end]))
		end++;
	*at = end;
	if (has_key_prefix(text + name, end - name)) {
		*ret_end = end;
		return name;
	}
	if (is_scheme(text + name, end - name)) {
		begin = end;
		while (begin < length && text[begin] == ' ')
			begin++;
		*ret_end = value_end(text, length, begin, false);
		return begin > end ? begin : length;
	}
	if (speaks_of_key(text + name, end - name))
		begin = named_value(text, length, name, end, ret_end);
	return begin;
}

static bool is_key_option(const char *text, size_t length)
{
	if (length < 2 || text[0] != '-')
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!is_name(text[i]))
			return false;
	}
	return speaks_of_key(text, length);
}

int redact_argument(struct redact *redact, const char *text, size_t length, struct buffer *out)
{
	bool value = redact->value_follows && length > 0 && text[0] != '-';
	size_t done = 0, at = 0;
	int r = 0;

	redact->value_follows = is_key_option(text, length);
	if (value)
		return buffer_append_text(out, REDACT_TEXT);
	while (r == 0 && at < length) {
		size_t end = length, begin = next_key(text, length, &at, &end);

		if (begin >= length || end <= begin)
			continue;
		r = buffer_append(out, text + done, begin - done);
		if (r == 0)
			r = buffer_append_text(out, REDACT_TEXT);
		done = at = end;
	}
	return r < 0 ? r : buffer_append(out, text + done, length - done);
}
