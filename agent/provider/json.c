/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/limits.h"
#include "agent/provider/json.h"
#include "agent/provider/json_string.h"
#include "agent/provider/json_tree.h"

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

/* An object or array that is followed. */
struct level {
	int16_t node;
	bool array;
	bool raw;
	uint64_t object;         /* number of it, of all that were opened */
	uint64_t outer_index;    /* what `index` is around it */
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
	unsigned int n_levels, max_levels;
	unsigned int n_raw;        /* levels with raw text */
	uint64_t objects;          /* that were opened so far */
	uint64_t index;            /* in the innermost array */
	uint64_t depth;            /* of brackets within what is skipped */
	bool skip_is_level;        /* the skipped value is that of the topmost level */
	struct json_string string; /* the key or string that is open */
	uint16_t key_length;       /* LIMIT_JSON_KEY + 1: too long to be any */
	const char *literal;       /* what must still come */
	struct level *levels;      /* as many as the longest path needs */
	struct json_node *nodes;
	char key[LIMIT_JSON_KEY];
};

int json_new(struct json **ret_json, const char *const *paths, unsigned int n_paths, json_sink sink,
	     void *context)
{
	struct json *json = calloc(1, sizeof(*json));

	if (!json)
		return -ENOMEM;
	json->nodes = json_tree_new(paths, n_paths, &json->n_nodes, &json->max_levels);
	json->levels = calloc(json->max_levels, sizeof(*json->levels));
	if (!json->nodes || !json->levels) {
		json_free(json);
		return -ENOMEM;
	}
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
	json->node = JSON_ROOT;
	json->n_levels = 0;
	json->n_raw = 0;
	json->index = 0;
	json_string_begin(&json->string);
}

/* ---- reporting ---- */

static int tell(struct json *json, const struct json_node *node, enum json_value_part part,
		enum json_type type, const void *text, size_t length)
{
	struct json_value value = {
		.path = (unsigned int)node->path,
		.part = part,
		.type = type,
		.text = text,
		.length = length,
		.index = json->index,
	};

	if (part == JSON_VALUE_TEXT && (node->silent || !length))
		return 0;
	return json->sink(json->context, &value);
}

/* Most values are on no path. */
static inline int report(struct json *json, int16_t node, enum json_value_part part,
			 enum json_type type, const void *text, size_t length)
{
	if (node == JSON_NO_NODE || json->nodes[node].path == JSON_NO_NODE)
		return 0;
	return tell(json, &json->nodes[node], part, type, text, length);
}

/* The key of this node came before in the same object: what was told of it is void. */
__attribute__((noinline)) static int report_gone(struct json *json, int16_t node)
{
	for (int16_t i = 0; i < json->n_nodes; i++) {
		int16_t up = i;
		int r;

		while (up != JSON_NO_NODE && up != node)
			up = json->nodes[up].parent;
		if (up == JSON_NO_NODE)
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
	struct json_node *node = &json->nodes[json->node];
	struct level *level;
	int r = report(json, json->node, JSON_VALUE_BEGIN, type, NULL, 0);

	if (r)
		return r;
	level = &json->levels[json->n_levels++];
	*level = (struct level){
		.node = json->node, .array = array, .raw_from = at, .outer_index = json->index};
	if (array)
		json->index = 0;
	level->raw = node->path != JSON_NO_NODE && !node->silent;
	json->n_raw += level->raw;
	if (node->child == JSON_NO_NODE) {
		json->state = STATE_SKIP;
		json->depth = 1;
		json->skip_is_level = true;
		return 0;
	}
	level->object = ++json->objects;
	json->state = array ? STATE_FIRST : STATE_FIRST_KEY;
	return 0;
}

/* @end: behind the closing bracket. */
static int close_level(struct json *json, const uint8_t *end)
{
	struct level level = json->levels[--json->n_levels];
	enum json_type type = level.array ? JSON_ARRAY : JSON_OBJECT;
	int r = 0;

	json->index = level.outer_index;
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

	while (child != JSON_NO_NODE && !json->nodes[child].star)
		child = json->nodes[child].sibling;
	json->node = child;
}

static int begin_container(struct json *json, bool array, const uint8_t *at)
{
	if (json->node != JSON_NO_NODE && (json->nodes[json->node].path != JSON_NO_NODE ||
					   json->nodes[json->node].child != JSON_NO_NODE))
		return open_level(json, array, at);
	json->state = STATE_SKIP;
	json->depth = 1;
	json->skip_is_level = false;
	return 0;
}

static bool is_wanted(const struct json *json)
{
	return json->node != JSON_NO_NODE && json->nodes[json->node].path != JSON_NO_NODE &&
	       !json->nodes[json->node].silent;
}

static int end_scalar(struct json *json)
{
	int r = report(json, json->node, JSON_VALUE_END, json->type, NULL, 0);

	value_done(json);
	return r;
}

/* A scalar that lies in one piece and needs no unescaping. */
static int whole_scalar(struct json *json, enum json_type type, const uint8_t *text, size_t length)
{
	value_done(json);
	if (!is_wanted(json))
		length = 0;
	return report(json, json->node, JSON_VALUE_WHOLE, type, text, length);
}

/* @at: the opening quote. */
static int begin_string(struct json *json, const uint8_t **at, const uint8_t *end)
{
	const uint8_t *p = *at + 1, *stop = json_string_stop(p, end);

	if (stop < end && *stop == '"') {
		*at = stop + 1;
		return whole_scalar(json, JSON_STRING, p, (size_t)(stop - p));
	}
	*at = p;
	json->type = JSON_STRING;
	json_string_begin(&json->string);
	json->depth = 0;
	json->state = is_wanted(json) ? STATE_STRING : STATE_SKIP_STRING;
	return report(json, json->node, JSON_VALUE_BEGIN, JSON_STRING, NULL, 0);
}

static int begin_literal(struct json *json, const uint8_t **at, const uint8_t *end,
			 enum json_type type, const char *text, size_t length)
{
	const uint8_t *p = *at;

	if ((size_t)(end - p) >= length && !memcmp(p, text, length)) {
		*at = p + length;
		return whole_scalar(json, type, p, length);
	}
	json->type = type;
	json->state = STATE_LITERAL;
	json->literal = text;
	return report(json, json->node, JSON_VALUE_BEGIN, type, NULL, 0);
}

/* @at: the first byte of a value. Moves on at least past an opening bracket or quote. */
static int begin_value(struct json *json, const uint8_t **at, const uint8_t *end)
{
	const uint8_t *p = *at;

	switch (*p) {
	case '{':
	case '[':
		*at = p + 1;
		return begin_container(json, *p == '[', p);
	case '"':
		return begin_string(json, at, end);
	case 't':
		return begin_literal(json, at, end, JSON_TRUE, "true", 4);
	case 'f':
		return begin_literal(json, at, end, JSON_FALSE, "false", 5);
	case 'n':
		return begin_literal(json, at, end, JSON_NULL, "null", 4);
	default:
		if (*p != '-' && (*p < '0' || *p > '9'))
			return -EBADMSG;
		json->type = JSON_NUMBER;
		json->state = STATE_NUMBER;
		return report(json, json->node, JSON_VALUE_BEGIN, JSON_NUMBER, NULL, 0);
	}
}

/* ---- keys and strings ---- */

/* Unescaped text of the key or the string that is open. */
static int put_text(void *context, const char *text, size_t length)
{
	struct json *json = context;

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

__attribute__((noinline)) static int16_t find_child(const struct json *json, int16_t at,
						    const char *key, size_t length)
{
	uint64_t tag = json_key_tag(key, length);

	while (at != JSON_NO_NODE) {
		const struct json_node *node = &json->nodes[at];

		if (node->tag == tag && node->length == length && !node->star &&
		    (length <= JSON_TAG_SIZE ||
		     !memcmp(node->key + JSON_TAG_SIZE, key + JSON_TAG_SIZE,
			     length - JSON_TAG_SIZE)))
			break;
		at = node->sibling;
	}
	return at;
}

/* Of the keys, most are of no interest: that is found out in line. */
__attribute__((always_inline)) static inline int key_found(struct json *json, const char *key,
							   size_t length)
{
	const struct level *level = &json->levels[json->n_levels - 1];
	const struct json_node *node = &json->nodes[level->node];
	int16_t at = JSON_NO_NODE;

	if (node->child_bits & JSON_KEY_BIT(key, length))
		at = find_child(json, node->child, key, length);
	json->state = STATE_COLON;
	json->node = at;
	if (at == JSON_NO_NODE)
		return 0;
	if (json->nodes[at].seen_in == level->object)
		return report_gone(json, at);
	json->nodes[at].seen_in = level->object;
	return 0;
}

/* @at: behind the opening quote. */
static int begin_key(struct json *json, const uint8_t **at, const uint8_t *end)
{
	const uint8_t *p = *at, *stop = json_string_stop(p, end);

	if (stop < end && *stop == '"') {
		*at = stop + 1;
		return key_found(json, (const char *)p, (size_t)(stop - p));
	}
	json->state = STATE_KEY;
	json->key_length = 0;
	json_string_begin(&json->string);
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

/* Brackets that are open; that of a level which is skipped counts in both. */
static uint64_t nesting(const struct json *json)
{
	return json->n_levels + json->depth - json->skip_is_level;
}

/* Brackets of a skipped value. Their kinds are not compared. */
static int feed_skip(struct json *json, const uint8_t **at, const uint8_t *end)
{
	const uint8_t *p = *at;

	while (p < end) {
		uint8_t c = *p++;

		if (!is_structural[c])
			continue;
		if (c == '"') {
			const uint8_t *stop = json_string_stop(p, end);

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
			if (json->n_raw && nesting(json) > LIMIT_JSON_DEPTH)
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
		p = json_string_stop(p, end);
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
	json->index++;
	array_next(json);
	json->state = STATE_VALUE;
	return 0;
}

/* @at: the opening quote of a key. Mostly its colon and its value follow at once. */
static int feed_member(struct json *json, const uint8_t **at, const uint8_t *end)
{
	int r;

	++*at;
	r = begin_key(json, at, end);
	if (r || json->state != STATE_COLON || *at == end || **at != ':')
		return r;
	++*at;
	json->state = STATE_VALUE;
	return *at<end &&* * at> ' ' ? begin_value(json, at, end) : 0;
}

/* Any state in which white space means nothing; **at is something else. */
static int feed_structure(struct json *json, const uint8_t **at, const uint8_t *end)
{
	uint8_t c = **at;
	int r;

	switch (json->state) {
	case STATE_FIRST:
		if (c == ']') {
			++*at;
			return close_level(json, *at);
		}
		array_next(json);
		return begin_value(json, at, end);
	case STATE_VALUE:
		return begin_value(json, at, end);
	case STATE_FIRST_KEY:
		if (c == '}') {
			++*at;
			return close_level(json, *at);
		}
		return c == '"' ? feed_member(json, at, end) : -EBADMSG;
	case STATE_NEXT_KEY:
		return c == '"' ? feed_member(json, at, end) : -EBADMSG;
	case STATE_COLON:
		++*at;
		json->state = STATE_VALUE;
		return c == ':' ? 0 : -EBADMSG;
	case STATE_AFTER:
		r = after_value(json, at);
		if (!r && json->state == STATE_NEXT_KEY && *at < end && **at == '"')
			r = feed_member(json, at, end);
		return r;
	default: /* behind the document */
		return -EBADMSG;
	}
}

static bool is_space(uint8_t c)
{
	return c <= ' ' && (c == ' ' || c == '\t' || c == '\n' || c == '\r');
}

static int feed_state(struct json *json, const uint8_t **at, const uint8_t *end)
{
	int r;

	switch (json->state) {
	case STATE_KEY:
		r = json_string_feed(&json->string, at, end, put_text, json);
		return r == 1 ? key_found(json, json->key, json->key_length) : r;
	case STATE_STRING:
		r = json_string_feed(&json->string, at, end, put_text, json);
		return r == 1 ? end_scalar(json) : r;
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
		while (*at < end && is_space(**at))
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
	const uint8_t *p = data, *end;
	int r = json->error;

	if (!length)
		return json->error;
	end = p + length;
	for (unsigned int i = 0; i < json->n_levels; i++)
		json->levels[i].raw_from = p;
	while (p < end && !r)
		r = feed_state(json, &p, end);
	if (!r && json->n_raw)
		r = flush_raw(json, end);
	json->error = r;
	return r;
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
