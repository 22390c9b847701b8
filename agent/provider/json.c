/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/limits.h"
#include "agent/provider/json.h"

#define NONE (-1)
#define ROOT 0

enum state {
	STATE_VALUE,        /* a value must come */
	STATE_FIRST,        /* of an array: a value or its end */
	STATE_FIRST_KEY,    /* of an object: a key or its end */
	STATE_NEXT_KEY,     /* behind a comma: a key */
	STATE_KEY,          /* within a key */
	STATE_COLON,        /* a colon must come */
	STATE_AFTER,        /* a comma or an end must come */
	STATE_STRING,       /* within a string that is wanted */
	STATE_NUMBER,       /* within a number */
	STATE_LITERAL,      /* within true, false, null */
	STATE_SKIP,         /* within a value that is not wanted, outside of its strings */
	STATE_SKIP_STRING,  /* within a string that is not wanted */
	STATE_SKIP_ESCAPED, /* behind a backslash there */
	STATE_DONE,         /* behind the document */
};

/* The paths as a tree of keys. */
struct node {
	const char *key;
	uint32_t length;
	int16_t parent, child, sibling;
	int16_t path; /* that ends here, or NONE */
	bool star;
	bool silent; /* no text of it */
	bool seen;   /* its key was there in the object that is open */
};

/* An object or array that is followed. */
struct level {
	int16_t node;
	bool array;
	bool raw;
	uint64_t index;
	const uint8_t *raw_from; /* in the piece being fed */
};

struct json {
	json_sink sink;
	void *context;
	int error;
	enum state state;
	enum json_type type; /* of the scalar that is open */
	int16_t node;        /* of the value that is open or comes next */
	int16_t n_nodes;
	unsigned int n_levels;
	unsigned int n_raw;   /* levels with raw text */
	uint64_t depth;       /* of brackets within what is skipped */
	bool skip_is_level;   /* the skipped value is that of the topmost level */
	uint8_t escape;       /* 1 behind a backslash, 2… before hex digit escape - 2 */
	uint16_t unicode;     /* what the digits gave so far */
	uint16_t high;        /* a high surrogate that waits for its low one */
	uint16_t key_length;  /* LIMIT_JSON_KEY + 1: too long to be any */
	const char *literal;  /* what must still come */
	struct level *levels; /* as many as the longest path needs */
	struct node *nodes;
	char key[LIMIT_JSON_KEY];
};

/* ---- the tree ---- */

static int16_t add_node(struct json *json, int16_t parent, const char *key, size_t length)
{
	int16_t at;
	struct node *node;

	for (at = json->nodes[parent].child; at != NONE; at = json->nodes[at].sibling)
		if (json->nodes[at].length == length && !memcmp(json->nodes[at].key, key, length))
			return at;
	at = json->n_nodes++;
	node = &json->nodes[at];
	*node = (struct node){
		.key = key,
		.length = (uint32_t)length,
		.parent = parent,
		.child = NONE,
		.sibling = json->nodes[parent].child,
		.path = NONE,
		.star = length == 1 && *key == '*',
	};
	json->nodes[parent].child = at;
	return at;
}

static void add_path(struct json *json, const char *path, int16_t number)
{
	size_t length = strlen(path);
	bool silent = length && path[length - 1] == '?';
	const char *end = path + length - silent;
	int16_t at = ROOT;

	while (path < end) {
		const char *dot = memchr(path, '.', (size_t)(end - path));
		const char *stop = dot ? dot : end;

		at = add_node(json, at, path, (size_t)(stop - path));
		path = stop + 1;
	}
	json->nodes[at].path = number;
	json->nodes[at].silent = silent;
}

int json_new(struct json **ret_json, const char *const *paths, unsigned int n_paths, json_sink sink,
	     void *context)
{
	struct json *json = calloc(1, sizeof(*json));
	size_t nodes = 1, levels = 1;

	if (!json)
		return -ENOMEM;
	for (unsigned int i = 0; i < n_paths; i++) {
		size_t keys = 1;

		for (const char *c = paths[i]; *c; c++)
			keys += *c == '.';
		nodes += keys;
		if (levels < keys + 1)
			levels = keys + 1;
	}
	json->nodes = calloc(nodes, sizeof(*json->nodes));
	json->levels = calloc(levels, sizeof(*json->levels));
	if (!json->nodes || !json->levels || nodes > INT16_MAX) {
		json_free(json);
		return -ENOMEM;
	}
	json->n_nodes = 1;
	json->nodes[ROOT] = (struct node){.parent = NONE, .child = NONE, .sibling = NONE};
	json->nodes[ROOT].path = NONE;
	for (unsigned int i = 0; i < n_paths; i++)
		add_path(json, paths[i], (int16_t)i);
	json->sink = sink;
	json->context = context;
	json_reset(json);
	*ret_json = json;
	return 0;
}

void json_free(struct json *json)
{
	if (!json)
		return;
	free(json->nodes);
	free(json->levels);
	free(json);
}

void json_reset(struct json *json)
{
	json->error = 0;
	json->state = STATE_VALUE;
	json->node = ROOT;
	json->n_levels = 0;
	json->n_raw = 0;
	json->escape = 0;
	json->high = 0;
}

/* ---- reporting ---- */

static uint64_t array_index(const struct json *json)
{
	for (unsigned int i = json->n_levels; i > 0; i--)
		if (json->levels[i - 1].array)
			return json->levels[i - 1].index;
	return 0;
}

static int report(struct json *json, int16_t node, enum json_value_part part, enum json_type type,
		  const void *text, size_t length)
{
	struct json_value value = {
		.part = part,
		.type = type,
		.text = text,
		.length = length,
	};

	if (node == NONE || json->nodes[node].path == NONE)
		return 0;
	if (part == JSON_VALUE_TEXT && (json->nodes[node].silent || !length))
		return 0;
	value.path = (unsigned int)json->nodes[node].path;
	value.index = array_index(json);
	return json->sink(json->context, &value);
}

/* The key of this node came before in the same object: what was told of it is void. */
static int report_gone(struct json *json, int16_t node)
{
	for (int16_t i = 0; i < json->n_nodes; i++) {
		int16_t up = i;
		int r;

		while (up != NONE && up != node)
			up = json->nodes[up].parent;
		if (up == NONE)
			continue;
		r = report(json, i, JSON_VALUE_GONE, JSON_NULL, NULL, 0);
		if (r)
			return r;
	}
	return 0;
}

/* ---- values ---- */

static void value_done(struct json *json)
{
	json->state = json->n_levels ? STATE_AFTER : STATE_DONE;
}

static int open_level(struct json *json, bool array, const uint8_t *at)
{
	enum json_type type = array ? JSON_ARRAY : JSON_OBJECT;
	struct node *node = &json->nodes[json->node];
	struct level *level;
	int r = report(json, json->node, JSON_VALUE_BEGIN, type, NULL, 0);

	if (r)
		return r;
	level = &json->levels[json->n_levels++];
	*level = (struct level){.node = json->node, .array = array, .raw_from = at};
	level->raw = node->path != NONE && !node->silent;
	json->n_raw += level->raw;
	if (node->child == NONE) {
		json->state = STATE_SKIP;
		json->depth = 1;
		json->skip_is_level = true;
		return 0;
	}
	for (int16_t i = node->child; i != NONE; i = json->nodes[i].sibling)
		json->nodes[i].seen = false;
	json->state = array ? STATE_FIRST : STATE_FIRST_KEY;
	return 0;
}

/* @end: behind the closing bracket. */
static int close_level(struct json *json, const uint8_t *end)
{
	struct level level = json->levels[--json->n_levels];
	enum json_type type = level.array ? JSON_ARRAY : JSON_OBJECT;
	int r = 0;

	if (level.raw) {
		json->n_raw--;
		r = report(json, level.node, JSON_VALUE_TEXT, type, level.raw_from,
			   (size_t)(end - level.raw_from));
	}
	if (!r)
		r = report(json, level.node, JSON_VALUE_END, type, NULL, 0);
	value_done(json);
	return r;
}

static void array_next(struct json *json)
{
	int16_t child = json->nodes[json->levels[json->n_levels - 1].node].child;

	while (child != NONE && !json->nodes[child].star)
		child = json->nodes[child].sibling;
	json->node = child;
}

static int begin_container(struct json *json, bool array, const uint8_t *at)
{
	if (json->node != NONE &&
	    (json->nodes[json->node].path != NONE || json->nodes[json->node].child != NONE))
		return open_level(json, array, at);
	json->state = STATE_SKIP;
	json->depth = 1;
	json->skip_is_level = false;
	return 0;
}

static bool is_wanted(const struct json *json)
{
	return json->node != NONE && json->nodes[json->node].path != NONE &&
	       !json->nodes[json->node].silent;
}

static int begin_string(struct json *json)
{
	json->type = JSON_STRING;
	json->escape = 0;
	json->high = 0;
	json->depth = 0;
	json->state = is_wanted(json) ? STATE_STRING : STATE_SKIP_STRING;
	return report(json, json->node, JSON_VALUE_BEGIN, JSON_STRING, NULL, 0);
}

/* @at: the first byte of a value. Moves on past an opening bracket or quote. */
static int begin_value(struct json *json, const uint8_t **at)
{
	const uint8_t *p = *at;

	switch (*p) {
	case '{':
	case '[':
		*at = p + 1;
		return begin_container(json, *p == '[', p);
	case '"':
		*at = p + 1;
		return begin_string(json);
	case 't':
		json->type = JSON_TRUE;
		json->literal = "true";
		break;
	case 'f':
		json->type = JSON_FALSE;
		json->literal = "false";
		break;
	case 'n':
		json->type = JSON_NULL;
		json->literal = "null";
		break;
	default:
		if (*p != '-' && (*p < '0' || *p > '9'))
			return -EBADMSG;
		json->type = JSON_NUMBER;
		json->literal = NULL;
	}
	json->state = json->literal ? STATE_LITERAL : STATE_NUMBER;
	return report(json, json->node, JSON_VALUE_BEGIN, json->type, NULL, 0);
}

static int end_scalar(struct json *json)
{
	int r = report(json, json->node, JSON_VALUE_END, json->type, NULL, 0);

	value_done(json);
	return r;
}

/* ---- strings ---- */

#define ONES 0x0101010101010101ull
#define HIGH_BITS 0x8080808080808080ull

/* The lowest set bit of the result is that of the first byte which equals c. */
static inline uint64_t bytes_equal(uint64_t word, uint8_t c)
{
	word ^= ONES * c;
	return (word - ONES) & ~word & HIGH_BITS;
}

/* The first quote or backslash, or end. */
static const uint8_t *string_stop(const uint8_t *p, const uint8_t *end)
{
	while (end - p >= 8) {
		uint64_t word, found;

		memcpy(&word, p, sizeof(word));
		word = le64toh(word);
		found = bytes_equal(word, '"') | bytes_equal(word, '\\');
		if (found)
			return p + __builtin_ctzll(found) / 8;
		p += 8;
	}
	while (p < end && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* Unescaped text of the key or the string that is open. */
static int put_text(struct json *json, const void *text, size_t length)
{
	if (json->state == STATE_STRING)
		return report(json, json->node, JSON_VALUE_TEXT, JSON_STRING, text, length);
	if (json->key_length + length > LIMIT_JSON_KEY) {
		json->key_length = LIMIT_JSON_KEY + 1;
		return 0;
	}
	memcpy(json->key + json->key_length, text, length);
	json->key_length += (uint16_t)length;
	return 0;
}

static int put_code_point(struct json *json, uint32_t c)
{
	char text[4];
	size_t n = 0;

	if (c < 0x80) {
		text[n++] = (char)c;
	} else if (c < 0x800) {
		text[n++] = (char)(0xc0 | c >> 6);
		text[n++] = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		text[n++] = (char)(0xe0 | c >> 12);
		text[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		text[n++] = (char)(0x80 | (c & 0x3f));
	} else {
		text[n++] = (char)(0xf0 | c >> 18);
		text[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		text[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		text[n++] = (char)(0x80 | (c & 0x3f));
	}
	return put_text(json, text, n);
}

static int flush_surrogate(struct json *json)
{
	if (!json->high)
		return 0;
	json->high = 0;
	return put_code_point(json, 0xfffd);
}

/* A code unit of UTF-16, as \u gives it. */
static int put_unit(struct json *json, uint32_t unit)
{
	int r;

	if (json->high && unit >= 0xdc00 && unit <= 0xdfff) {
		unit = 0x10000 + ((uint32_t)(json->high - 0xd800) << 10) + (unit - 0xdc00);
		json->high = 0;
		return put_code_point(json, unit);
	}
	r = flush_surrogate(json);
	if (r)
		return r;
	if (unit >= 0xd800 && unit <= 0xdbff) {
		json->high = (uint16_t)unit;
		return 0;
	}
	return put_code_point(json, unit >= 0xdc00 && unit <= 0xdfff ? 0xfffd : unit);
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte behind a backslash. */
static int feed_escape(struct json *json, uint8_t c)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *name;
	int r, digit;

	if (json->escape == 1) {
		if (c == 'u') {
			json->escape = 2;
			json->unicode = 0;
			return 0;
		}
		name = c ? strchr(names, c) : NULL;
		if (!name)
			return -EBADMSG;
		json->escape = 0;
		r = flush_surrogate(json);
		return r ? r : put_text(json, &values[name - names], 1);
	}
	digit = hex_digit(c);
	if (digit < 0)
		return -EBADMSG;
	json->unicode = (uint16_t)(json->unicode << 4 | digit);
	if (++json->escape < 6)
		return 0;
	json->escape = 0;
	return put_unit(json, json->unicode);
}

/*
 * Bytes within a key or a wanted string.
 * Return: 1 past the closing quote, 0 where more must come, or an error.
 */
static int feed_string(struct json *json, const uint8_t **at, const uint8_t *end)
{
	const uint8_t *p = *at, *stop;
	int r = 0;

	while (p < end && !r) {
		if (json->escape) {
			r = feed_escape(json, *p++);
			continue;
		}
		if (json->high && *p != '\\') {
			r = flush_surrogate(json);
			continue;
		}
		stop = string_stop(p, end);
		if (stop > p) {
			r = put_text(json, p, (size_t)(stop - p));
			p = stop;
		} else if (*p++ == '\\') {
			json->escape = 1;
		} else {
			r = 1;
		}
	}
	*at = p;
	return r;
}

static int key_found(struct json *json, const char *key, size_t length)
{
	int16_t at = json->nodes[json->levels[json->n_levels - 1].node].child;

	json->state = STATE_COLON;
	while (at != NONE && (json->nodes[at].star || json->nodes[at].length != length ||
			      memcmp(json->nodes[at].key, key, length)))
		at = json->nodes[at].sibling;
	json->node = at;
	if (at == NONE)
		return 0;
	if (json->nodes[at].seen)
		return report_gone(json, at);
	json->nodes[at].seen = true;
	return 0;
}

/* @at: behind the opening quote. */
static int begin_key(struct json *json, const uint8_t **at, const uint8_t *end)
{
	const uint8_t *p = *at, *stop = string_stop(p, end);

	if (stop < end && *stop == '"') {
		*at = stop + 1;
		return key_found(json, (const char *)p, (size_t)(stop - p));
	}
	json->state = STATE_KEY;
	json->key_length = 0;
	json->escape = 0;
	json->high = 0;
	return 0;
}

/* ---- what is not wanted ---- */

static int end_skipped(struct json *json, const uint8_t *end)
{
	if (json->depth == 0 && json->state == STATE_SKIP_STRING)
		return end_scalar(json);
	if (json->skip_is_level)
		return close_level(json, end);
	value_done(json);
	return 0;
}

static const bool is_structural[256] = {
	['"'] = true, ['{'] = true, ['}'] = true, ['['] = true, [']'] = true,
};

/* Brackets of a skipped value. Their kinds are not compared. */
static int feed_skip(struct json *json, const uint8_t **at, const uint8_t *end)
{
	const uint8_t *p = *at;

	while (p < end) {
		uint8_t c = *p++;

		if (!is_structural[c])
			continue;
		if (c == '"') {
			const uint8_t *stop = string_stop(p, end);

			if (stop < end && *stop == '"') {
				p = stop + 1;
				continue;
			}
			*at = stop;
			json->state = STATE_SKIP_STRING;
			return 0;
		}
		if (c == '{' || c == '[') {
			json->depth++;
			if (json->n_raw && json->depth + json->n_levels > LIMIT_JSON_DEPTH)
				return -E2BIG;
		} else if (--json->depth == 0) {
			*at = p;
			return end_skipped(json, p);
		}
	}
	*at = p;
	return 0;
}

static int feed_skip_string(struct json *json, const uint8_t **at, const uint8_t *end)
{
	const uint8_t *p = *at;

	if (json->state == STATE_SKIP_ESCAPED) {
		*at = p + 1;
		json->state = STATE_SKIP_STRING;
		return 0;
	}
	for (;;) {
		p = string_stop(p, end);
		if (p == end || *p == '"')
			break;
		if (end - p < 2) {
			*at = end;
			json->state = STATE_SKIP_ESCAPED;
			return 0;
		}
		p += 2;
	}
	*at = p < end ? p + 1 : end;
	if (p == end)
		return 0;
	if (json->depth == 0)
		return end_skipped(json, p + 1);
	json->state = STATE_SKIP;
	return 0;
}

/* ---- structure ---- */

static int feed_number(struct json *json, const uint8_t **at, const uint8_t *end)
{
	const uint8_t *p = *at;
	int r;

	while (p < end && ((*p >= '0' && *p <= '9') || *p == '-' || *p == '+' || *p == '.' ||
			   *p == 'e' || *p == 'E'))
		p++;
	r = report(json, json->node, JSON_VALUE_TEXT, json->type, *at, (size_t)(p - *at));
	*at = p;
	if (!r && p < end)
		r = end_scalar(json);
	return r;
}

static int feed_literal(struct json *json, const uint8_t **at, const uint8_t *end)
{
	const uint8_t *p = *at;
	int r;

	while (p < end && *json->literal) {
		if (*p != (uint8_t)*json->literal)
			return -EBADMSG;
		p++;
		json->literal++;
	}
	r = report(json, json->node, JSON_VALUE_TEXT, json->type, *at, (size_t)(p - *at));
	*at = p;
	if (!r && !*json->literal)
		r = end_scalar(json);
	return r;
}

/* A comma or a closing bracket behind a value. */
static int after_value(struct json *json, const uint8_t **at)
{
	struct level *level = &json->levels[json->n_levels - 1];
	uint8_t c = *(*at)++;

	if (c == (level->array ? ']' : '}'))
		return close_level(json, *at);
	if (c != ',')
		return -EBADMSG;
	if (!level->array) {
		json->state = STATE_NEXT_KEY;
		return 0;
	}
	level->index++;
	array_next(json);
	json->state = STATE_VALUE;
	return 0;
}

/* Any state in which white space means nothing; **at is something else. */
static int feed_structure(struct json *json, const uint8_t **at, const uint8_t *end)
{
	uint8_t c = **at;

	switch (json->state) {
	case STATE_FIRST:
		if (c == ']') {
			++*at;
			return close_level(json, *at);
		}
		array_next(json);
		return begin_value(json, at);
	case STATE_VALUE:
		return begin_value(json, at);
	case STATE_FIRST_KEY:
	case STATE_NEXT_KEY:
		++*at;
		if (c == '}' && json->state == STATE_FIRST_KEY)
			return close_level(json, *at);
		return c == '"' ? begin_key(json, at, end) : -EBADMSG;
	case STATE_COLON:
		++*at;
		json->state = STATE_VALUE;
		return c == ':' ? 0 : -EBADMSG;
	case STATE_AFTER:
		return after_value(json, at);
	default: /* behind the document */
		return -EBADMSG;
	}
}

static int feed_state(struct json *json, const uint8_t **at, const uint8_t *end)
{
	int r;

	switch (json->state) {
	case STATE_KEY:
		r = feed_string(json, at, end);
		if (r != 1)
			return r;
		if (json->high)
			r = flush_surrogate(json);
		return key_found(json, json->key, json->key_length);
	case STATE_STRING:
		r = feed_string(json, at, end);
		if (r != 1)
			return r;
		r = flush_surrogate(json);
		return r ? r : end_scalar(json);
	case STATE_NUMBER:
		return feed_number(json, at, end);
	case STATE_LITERAL:
		return feed_literal(json, at, end);
	case STATE_SKIP:
		return feed_skip(json, at, end);
	case STATE_SKIP_STRING:
	case STATE_SKIP_ESCAPED:
		return feed_skip_string(json, at, end);
	default:
		while (*at < end && (**at == ' ' || **at == '\t' || **at == '\n' || **at == '\r'))
			++*at;
		return *at < end ? feed_structure(json, at, end) : 0;
	}
}

/* At the end of a piece: hand on what it holds of raw text that is still open. */
static int flush_raw(struct json *json, const uint8_t *end)
{
	for (unsigned int i = 0; i < json->n_levels; i++) {
		struct level *level = &json->levels[i];
		int r;

		if (!level->raw)
			continue;
		r = report(json, level->node, JSON_VALUE_TEXT,
			   level->array ? JSON_ARRAY : JSON_OBJECT, level->raw_from,
			   (size_t)(end - level->raw_from));
		if (r)
			return r;
	}
	return 0;
}

int json_feed(struct json *json, const void *data, size_t length)
{
	const uint8_t *p = data, *end = p + length;

	for (unsigned int i = 0; i < json->n_levels; i++)
		json->levels[i].raw_from = p;
	while (p < end && !json->error)
		json->error = feed_state(json, &p, end);
	if (!json->error && json->n_raw)
		json->error = flush_raw(json, end);
	return json->error;
}

int json_end(struct json *json)
{
	if (json->error)
		return json->error;
	if (json->state == STATE_NUMBER && !json->n_levels)
		json->error = end_scalar(json);
	if (!json->error && json->state != STATE_DONE)
		json->error = -EBADMSG;
	return json->error;
}
