/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include <cJSON.h>

#include "agent/limits.h"
#include "agent/provider/json.h"
#include "tests/unit/test.h"

#define RECORDS 64
#define TEXT_MAX 4096

/* What a consumer that follows the rules of json.h knows in the end. */
struct record {
	unsigned int path;
	enum json_type type;
	uint64_t index;
	bool whole;
	size_t length;
	char text[TEXT_MAX];
};

struct collector {
	const char *const *paths;
	size_t n;
	struct record records[RECORDS];
};

static void forget(struct collector *c, unsigned int path, bool all, uint64_t index)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->n; i++)
		if (c->records[i].path != path || (!all && c->records[i].index != index))
			c->records[kept++] = c->records[i];
	c->n = kept;
}

/* A path is gone, and with it what lies below. */
static void forget_below(struct collector *c, unsigned int path)
{
	char name[64];
	size_t length;

	snprintf(name, sizeof(name), "%s", c->paths[path]);
	length = strcspn(name, "?");
	for (unsigned int i = 0; c->paths[i]; i++)
		if (!strncmp(c->paths[i], name, length) && c->paths[i][length] == '.')
			forget(c, i, true, 0);
}

static int collect(void *context, const struct json_value *value);

/* A value in one is the same as in three. */
static int collect_whole(void *context, const struct json_value *value)
{
	struct json_value part = *value;

	part.part = JSON_VALUE_BEGIN;
	collect(context, &part);
	part.part = JSON_VALUE_TEXT;
	if (part.length)
		collect(context, &part);
	part.part = JSON_VALUE_END;
	return collect(context, &part);
}

static int collect(void *context, const struct json_value *value)
{
	struct collector *c = context;
	bool star = strchr(c->paths[value->path], '*');
	struct record *r;

	switch (value->part) {
	case JSON_VALUE_GONE:
		forget(c, value->path, !star, value->index);
		if (!star)
			forget_below(c, value->path);
		break;
	case JSON_VALUE_BEGIN:
		CHECK(c->n < RECORDS);
		r = &c->records[c->n++];
		r->path = value->path;
		r->type = value->type;
		r->index = value->index;
		r->whole = false;
		r->length = 0;
		r->text[0] = '\0';
		break;
	case JSON_VALUE_WHOLE:
		CHECK(value->type != JSON_OBJECT && value->type != JSON_ARRAY);
		return collect_whole(context, value);
	default:
		for (r = c->records + c->n - 1; r->path != value->path; r--)
			CHECK(r > c->records);
		CHECK(!r->whole);
		CHECK(r->length + value->length < TEXT_MAX);
		if (value->part == JSON_VALUE_TEXT) {
			CHECK(value->length > 0);
			CHECK_INT(value->type, r->type);
			memcpy(r->text + r->length, value->text, value->length);
			r->length += value->length;
			r->text[r->length] = '\0';
		} else {
			r->whole = true;
		}
	}
	return 0;
}

static struct collector got;

static unsigned int count_paths(const char *const *paths)
{
	unsigned int n = 0;

	while (paths[n])
		n++;
	return n;
}

/* Scans a copy of exact size, so that a sanitizer sees each read beyond it. */
static int scan_pieces(const char *const *paths, const char *text, size_t length, size_t first,
		       size_t step)
{
	struct json *json;
	int r = 0;

	got.paths = paths;
	got.n = 0;
	CHECK_INT(json_new(&json, paths, count_paths(paths), collect, &got), 0);
	for (size_t at = 0; at < length && !r;) {
		size_t n = at ? step : first;
		char *piece;

		if (n > length - at)
			n = length - at;
		piece = malloc(n);
		memcpy(piece, text + at, n);
		r = json_feed(json, piece, n);
		free(piece);
		at += n;
	}
	if (!r)
		r = json_end(json);
	json_free(json);
	return r;
}

static int scan(const char *const *paths, const char *text)
{
	return scan_pieces(paths, text, strlen(text), SIZE_MAX, SIZE_MAX);
}

static const struct record *find(unsigned int path, uint64_t index)
{
	for (size_t i = 0; i < got.n; i++)
		if (got.records[i].path == path && got.records[i].index == index)
			return &got.records[i];
	return NULL;
}

static const char *text_of(unsigned int path, uint64_t index)
{
	const struct record *r = find(path, index);

	return r && r->whole ? r->text : NULL;
}

/* In one piece, in two pieces cut at every place, and byte by byte. */
#define AT_EVERY_SPLIT(paths, text, checks)                                           \
	do {                                                                          \
		size_t n_ = strlen(text);                                             \
		for (size_t first_ = 1; first_ <= n_; first_++) {                     \
			CHECK_INT(scan_pieces(paths, text, n_, first_, SIZE_MAX), 0); \
			checks;                                                       \
			CHECK_INT(scan_pieces(paths, text, n_, first_, 1), 0);        \
			checks;                                                       \
		}                                                                     \
	} while (0)

TEST(scalars_and_raw)
{
	static const char *const paths[] = {"s", "n", "t", "f", "z", "o", "a", "o.k", "q?", NULL};
	static const char text[] =
		" {\"s\":\"hi\", \"n\" : -12.5e+3 ,\"t\":true,\"f\":false,\"z\":null,"
		"\"o\":{ \"k\" : [1, {\"x\":\"}\"}] },\"a\":[ ],\"q\":{\"s\":1},"
		"\"u\":{\"s\":2}}\r\n";

	AT_EVERY_SPLIT(paths, text, {
		CHECK_TEXT(text_of(0, 0), "hi");
		CHECK_TEXT(text_of(1, 0), "-12.5e+3");
		CHECK_INT(find(1, 0)->type, JSON_NUMBER);
		CHECK_TEXT(text_of(2, 0), "true");
		CHECK_TEXT(text_of(3, 0), "false");
		CHECK_TEXT(text_of(4, 0), "null");
		CHECK_INT(find(4, 0)->type, JSON_NULL);
		CHECK_TEXT(text_of(5, 0), "{ \"k\" : [1, {\"x\":\"}\"}] }");
		CHECK_TEXT(text_of(6, 0), "[ ]");
		CHECK_TEXT(text_of(7, 0), "[1, {\"x\":\"}\"}]");
		CHECK_TEXT(text_of(8, 0), "");
		CHECK_INT(find(8, 0)->type, JSON_OBJECT);
		CHECK_INT(got.n, 9);
	});
}

TEST(strings_are_unescaped)
{
	static const char *const paths[] = {"s", "t", NULL};
	static const char text[] =
		"{\"s\":\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20AC\\ud83d\\ude00b\","
		"\"t\":\"\\ud83dx\\udc00\\ud83d\\ud83d\\n\\ud83d\"}";

	AT_EVERY_SPLIT(paths, text, {
		CHECK_TEXT(text_of(0, 0), "a\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"
					  "b");
		/* high, low, high high (the second before \n), high at the end: all alone */
		CHECK_TEXT(text_of(1, 0), "\xef\xbf\xbdx\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\n"
					  "\xef\xbf\xbd");
	});
}

TEST(keys_are_unescaped)
{
	static const char *const paths[] = {"usage", "\xf0\x9f\x98\x80.k", NULL};
	static const char text[] = "{\"us\\u0061ge\":1,\"\\ud83d\\ude00\":{\"\\u006b\":2}}";

	AT_EVERY_SPLIT(paths, text, {
		CHECK_TEXT(text_of(0, 0), "1");
		CHECK_TEXT(text_of(1, 0), "2");
	});
}

TEST(keys_that_only_look_alike)
{
	static const char *const paths[] = {"usage", "a.*.b", NULL};

	CHECK_INT(scan(paths, "{\"usag\":1,\"usages\":2,\"Usage\":3,\"usage \":4,\"\":5,"
			      "\"usage\\u0000\":6,\"a\":{\"*\":{\"b\":7},\"b\":8}}"),
		  0);
	CHECK_INT(got.n, 0);
}

TEST(long_key)
{
	static const char *const paths[] = {"k", NULL};
	char text[2048] = "{\"", key[LIMIT_JSON_KEY + 2];

	for (size_t n = LIMIT_JSON_KEY - 2; n <= LIMIT_JSON_KEY + 1; n++) {
		memset(key, 'k', n);
		key[n] = '\0';
		snprintf(text, sizeof(text), "{\"\\u006b%s\":1,\"k\":2}", key);
		CHECK_INT(scan_pieces(paths, text, strlen(text), 1, 1), 0);
		CHECK_TEXT(text_of(0, 0), "2");
	}
}

TEST(only_at_its_place)
{
	static const char *const paths[] = {"usage", "response.usage", NULL};
	static const char text[] =
		"{\"input\":\"{\\\"usage\\\":{\\\"n\\\":1}}\",\"args\":{\"usage\":{\"n\":2}},"
		"\"list\":[{\"usage\":{\"n\":3}},\"usage\",{\"response\":{\"usage\":4}}],"
		"\"response\":{\"deep\":{\"usage\":5},\"usage\":{\"n\":6}}}";

	AT_EVERY_SPLIT(paths, text, {
		CHECK_INT(got.n, 1);
		CHECK_TEXT(text_of(1, 0), "{\"n\":6}");
	});
}

TEST(array_elements)
{
	static const char *const paths[] = {"a.*.k", "a.*", "m.*.*", NULL};
	static const char text[] = "{\"a\":[{\"k\":1},2,{\"x\":0},{\"k\":\"v\"},[{\"k\":9}]],"
				   "\"m\":[[],[7,8]]}";

	AT_EVERY_SPLIT(paths, text, {
		CHECK_TEXT(text_of(0, 0), "1");
		CHECK_TEXT(text_of(0, 3), "v");
		CHECK(!find(0, 1) && !find(0, 2) && !find(0, 4));
		CHECK_TEXT(text_of(1, 0), "{\"k\":1}");
		CHECK_TEXT(text_of(1, 1), "2");
		CHECK_TEXT(text_of(1, 4), "[{\"k\":9}]");
		CHECK_TEXT(text_of(2, 0), "7");
		CHECK_TEXT(text_of(2, 1), "8");
	});
}

TEST(the_last_of_a_key_wins)
{
	static const char *const paths[] = {"a", "o.x", "o.y", "l?", "l.*.v", NULL};
	static const char text[] = "{\"a\":1,\"o\":{\"x\":1,\"y\":2,\"x\":3},\"a\":{\"b\":2},"
				   "\"l\":[{\"v\":1},{\"v\":2}],"
				   "\"o\":{\"y\":4},\"l\":[{\"v\":5,\"v\":6}]}";

	AT_EVERY_SPLIT(paths, text, {
		CHECK_TEXT(text_of(0, 0), "{\"b\":2}");
		CHECK(!find(1, 0)); /* went with the first "o" */
		CHECK_TEXT(text_of(2, 0), "4");
		CHECK_TEXT(text_of(4, 0), "6");
		CHECK(!find(4, 1));
	});
}

static char *nested(const char *head, size_t depth, const char *open, const char *close,
		    const char *tail)
{
	size_t room = strlen(head) + depth * (strlen(open) + strlen(close)) + strlen(tail) + 1;
	char *text = malloc(room), *p = text;

	p = stpcpy(p, head);
	for (size_t i = 0; i < depth; i++)
		p = stpcpy(p, open);
	for (size_t i = 0; i < depth; i++)
		p = stpcpy(p, close);
	stpcpy(p, tail);
	return text;
}

TEST(deep_where_nobody_looks)
{
	static const char *const paths[] = {"usage", "messages?", NULL};
	char *text = nested("{\"messages\":[", 100000, "{\"a\":[", "]}", "],\"usage\":1}");

	for (size_t step = 1; step <= 100000; step *= 10) {
		CHECK_INT(scan_pieces(paths, text, strlen(text), step, step), 0);
		CHECK_TEXT(text_of(0, 0), "1");
	}
	free(text);
}

static int ignore(void *context, const struct json_value *value)
{
	return 0;
}

TEST(deep_raw_text)
{
	static const char *const paths[] = {"usage"};
	char *text = nested("{\"usage\":", LIMIT_JSON_DEPTH - 1, "[", "]", "}");
	struct json *json;

	CHECK_INT(json_new(&json, paths, 1, ignore, NULL), 0);
	CHECK_INT(json_feed(json, text, strlen(text)), 0);
	CHECK_INT(json_end(json), 0);
	free(text);
	text = nested("{\"usage\":", LIMIT_JSON_DEPTH + 1, "[", "]", "}");
	json_reset(json);
	CHECK_INT(json_feed(json, text, strlen(text)), -E2BIG);
	CHECK_INT(json_feed(json, "x", 1), -E2BIG);
	CHECK_INT(json_end(json), -E2BIG);
	json_reset(json);
	CHECK_INT(json_feed(json, "{}", 2), 0);
	CHECK_INT(json_end(json), 0);
	free(text);
	json_free(json);
}

TEST(what_is_not_json)
{
	static const char *const paths[] = {"a", "o.x", NULL};
	static const char *const bad[] = {
		"",
		" ",
		"{",
		"}",
		"{\"a\"",
		"{\"a\":",
		"{\"a\":1",
		"{\"a\":1,}",
		"{\"a\" 1}",
		"{,}",
		"{\"a\":1]",
		"[1}",
		"[1,]",
		"[,1]",
		"[1 2]",
		"{a:1}",
		"{\"a\":tru}",
		"{\"a\":nul",
		"{\"a\":truE}",
		"{\"a\":\"\\x\"}",
		"{\"a\":\"\\u12G4\"}",
		"{} {}",
		"{}x",
		"[DONE]",
		"{\"a\":\"",
		"{\"a\":\"x}",
		"\"",
		"{\"a\":{\"b\":1}",
		"{\"o\":{\"x\":1}",
		"nul",
		"<html>",
		"{\"a\":.5}",
		"{'a':1}",
		"{\"a\":1}}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (scan(paths, bad[i]) != -EBADMSG ||
		    scan_pieces(paths, bad[i], strlen(bad[i]), 1, 1) != -EBADMSG)
			test_fail(__FILE__, __LINE__, "%s was taken", bad[i]);
	}
}

TEST(documents_without_an_object)
{
	static const char *const paths[] = {"a", "*.a", NULL};

	CHECK_INT(scan(paths, "12"), 0);
	CHECK_INT(scan(paths, "\"a\""), 0);
	CHECK_INT(scan(paths, "null "), 0);
	CHECK_INT(scan(paths, "[]"), 0);
	CHECK_INT(got.n, 0);
	CHECK_INT(scan(paths, "[{\"a\":1},{\"a\":2}]"), 0);
	CHECK_TEXT(text_of(1, 1), "2");
	CHECK(!find(0, 0));
}

TEST(bytes_that_are_not_utf8)
{
	static const char *const paths[] = {"a", "\xff", NULL};
	static const char text[] = "{\"a\":\"\xff\xfe\xc3\x01\",\"x\xf0\":\"\x80\",\"\xff\":1}";

	AT_EVERY_SPLIT(paths, text, {
		CHECK_TEXT(text_of(0, 0), "\xff\xfe\xc3\x01");
		CHECK_TEXT(text_of(1, 0), "1");
	});
}

static int refuse(void *context, const struct json_value *value)
{
	return value->part == JSON_VALUE_END ? -ENOMEM : 0;
}

TEST(the_sink_stops_it)
{
	static const char *const paths[] = {"a"};
	struct json *json;

	CHECK_INT(json_new(&json, paths, 1, refuse, NULL), 0);
	CHECK_INT(json_feed(json, "{\"a\":1,", 7), -ENOMEM);
	CHECK_INT(json_feed(json, "\"b\":2}", 6), -ENOMEM);
	CHECK_INT(json_end(json), -ENOMEM);
	json_free(json);
	json_free(NULL);
}

/* ---- random documents, against cJSON ---- */

static uint64_t seed;

static unsigned int roll(unsigned int n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)(seed >> 33) % n;
}

struct out {
	char text[TEXT_MAX];
	size_t length;
};

static void put(struct out *out, const char *text)
{
	size_t n = strlen(text);

	if (out->length + n < sizeof(out->text) - 1)
		memcpy(out->text + out->length, text, n + 1), out->length += n;
}

static void random_space(struct out *out)
{
	static const char *const spaces[] = {"", "", "", " ", "\n", "\t ", "\r\n"};

	put(out, spaces[roll(7)]);
}

static void random_value(struct out *out, int depth);

static void random_members(struct out *out, int depth, bool object)
{
	static const char *const keys[] = {"a", "b", "c", "\\u0061", "d\\n", "", "*", "ab"};
	unsigned int n = roll(4);

	for (unsigned int i = 0; i < n; i++) {
		put(out, i ? "," : "");
		random_space(out);
		if (object) {
			put(out, "\"");
			put(out, keys[roll(8)]);
			put(out, "\"");
			random_space(out);
			put(out, ":");
			random_space(out);
		}
		random_value(out, depth - 1);
		random_space(out);
	}
}

static void random_value(struct out *out, int depth)
{
	static const char *const scalars[] = {
		"0",
		"-1.5e2",
		"12345678",
		"true",
		"false",
		"null",
		"\"\"",
		"\"x\"",
		"\"a\\\"}]{[,:\"",
		"\"\\u20ac\\ud83d\\ude00\\\\\"",
		"\"\\n\"",
	};
	unsigned int kind = depth > 0 ? roll(4) : 0;

	if (kind < 2) {
		put(out, scalars[roll(11)]);
	} else {
		put(out, kind == 2 ? "{" : "[");
		random_space(out);
		random_members(out, depth, kind == 2);
		put(out, kind == 2 ? "}" : "]");
	}
}

static const char *const random_paths[] = {"a", "b?", "a.b", "b.c", "c?", "c.*.a", "c.*.b", NULL};

static const cJSON *last_member(const cJSON *object, const char *name)
{
	const cJSON *item, *found = NULL;

	if (!cJSON_IsObject(object))
		return NULL;
	cJSON_ArrayForEach(item, object) if (!strcmp(item->string, name)) found = item;
	return found;
}

static void check_same(unsigned int path, uint64_t index, const cJSON *item)
{
	const struct record *r = find(path, index);
	cJSON *raw;

	CHECK((r != NULL) == (item != NULL));
	if (!r)
		return;
	CHECK(r->whole);
	if (strchr(random_paths[path], '?')) {
		CHECK_INT(r->length, 0);
		return;
	}
	if (cJSON_IsString(item)) {
		CHECK_INT(r->type, JSON_STRING);
		CHECK_TEXT(r->text, item->valuestring);
		return;
	}
	raw = cJSON_Parse(r->text);
	CHECK(raw);
	char *one = cJSON_PrintUnformatted(raw), *two = cJSON_PrintUnformatted(item);
	CHECK_TEXT(one, two);
	free(one);
	free(two);
	cJSON_Delete(raw);
}

static void check_all(const cJSON *root)
{
	const cJSON *list = last_member(root, "c");
	int n = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;

	check_same(0, 0, last_member(root, "a"));
	check_same(1, 0, last_member(root, "b"));
	check_same(2, 0, last_member(last_member(root, "a"), "b"));
	check_same(3, 0, last_member(last_member(root, "b"), "c"));
	check_same(4, 0, list);
	for (int i = 0; i < 4; i++) {
		const cJSON *item = i < n ? cJSON_GetArrayItem(list, i) : NULL;

		check_same(5, (uint64_t)i, last_member(item, "a"));
		check_same(6, (uint64_t)i, last_member(item, "b"));
	}
}

TEST(random_documents_as_cjson_reads_them)
{
	for (seed = 1; seed < 20000ull * 977;) {
		uint64_t start = seed += 977;
		struct out out = {.length = 0};
		cJSON *root;

		put(&out, "{");
		random_members(&out, 5, true);
		put(&out, "}");
		root = cJSON_Parse(out.text);
		if (root) {
			CHECK_INT(scan_pieces(random_paths, out.text, out.length, 1 + roll(20),
					      1 + roll(20)),
				  0);
			check_all(root);
			CHECK_INT(scan(random_paths, out.text), 0);
			check_all(root);
			/* cut short it is never whole */
			CHECK(scan_pieces(random_paths, out.text, roll((unsigned int)out.length), 7,
					  7) < 0);
		}
		cJSON_Delete(root);
		seed = start;
	}
}

TEST(random_bytes)
{
	static const char alphabet[] = "{}[]\",:\\u019aefl nrtsbc.-\x80\xff";

	seed = 42;
	for (int round = 0; round < 20000; round++) {
		char text[64];
		size_t length = roll(sizeof(text));
		int whole, pieces;

		for (size_t i = 0; i < length; i++)
			text[i] = alphabet[roll(sizeof(alphabet) - 1)];
		whole = scan_pieces(random_paths, text, length, SIZE_MAX, SIZE_MAX);
		pieces = scan_pieces(random_paths, text, length, 1, 1);
		CHECK_INT(whole, pieces);
	}
}

TEST_MAIN()
