/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <time.h>

#include "agent/limits.h"
#include "agent/util/redact.h"
#include "tests/unit/test.h"

/* Redacts words up to a NULL; they come out joined by "|". */
static const char *redact(struct buffer *out, const char *const *words)
{
	enum redact_next next = REDACT_PLAIN;

	buffer_clear(out);
	for (size_t i = 0; words[i]; i++) {
		CHECK_INT(redact_argument(out, words[i], strlen(words[i]), &next), 0);
		if (words[i + 1])
			CHECK_INT(buffer_append_text(out, "|"), 0);
	}
	return buffer_text(out);
}

#define KEY "sk-proj-abcdefghij0123456789"
#define RANDOM "fK3h7LqP0aZx9Vb2Nm5Tr8Wy1Uc4Ed6G"

static const struct {
	const char *words[6];
	const char *expected;
} cases[] = {
	/* keys by how they begin */
	{{KEY}, "***"},
	{{"sk-ant-api03-AbCdEfGh_-0123"}, "***"},
	{{"AIzaSyA1234567890abcdefg"}, "***"},
	{{"run", KEY, "now"}, "run|***|now"},
	{{"x=" KEY ",y"}, "x=***,y"},
	{{"sh", "-c", "curl -d " KEY " http://h/"}, "sh|-c|curl -d *** http://h/"},
	{{"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"}, "***"},
	{{"a.b." KEY}, "a.b.***"},
	/* options and their values */
	{{"--api-key", "abc"}, "--api-key|***"},
	{{"--api-key=abc"}, "--api-key=***"},
	{{"--token", "abc", "file"}, "--token|***|file"},
	{{"--openai_api_key=abc", "x"}, "--openai_api_key=***|x"},
	{{"--password", "p w"}, "--password|***"},
	{{"-u", "me:secret"}, "-u|me:***"},
	{{"--user", "me:secret"}, "--user|me:***"},
	{{"--user=me:secret"}, "--user=me:***"},
	{{"python3", "-u", "agent.py"}, "python3|-u|agent.py"},
	/* header fields */
	{{"-H", "Authorization: Bearer abc"}, "-H|Authorization: ***"},
	{{"-H", "authorization:abc def"}, "-H|authorization:***"},
	{{"-H", "x-api-key: abc"}, "-H|x-api-key: ***"},
	{{"-H", "x-goog-api-key: abc"}, "-H|x-goog-api-key: ***"},
	{{"-H", "Cookie: a=b; c=d"}, "-H|Cookie: ***"},
	{{"Bearer abc"}, "Bearer ***"},
	{{"x.bearer abc"}, "x.bearer ***"},
	{{"a.b.api_key=abc"}, "a.b.api_key=***"},
	{{"a.b.api_key.x=abc"}, "a.b.api_key.x=abc"},
	{{"basic   QWxhZGRpbjpvcGVu"}, "basic   ***"},
	{{"-H", "Content-Type: application/json"}, "-H|Content-Type: application/json"},
	/* variables, queries, JSON */
	{{"env", "OPENAI_API_KEY=abc", "python3"}, "env|OPENAI_API_KEY=***|python3"},
	{{"sh", "-c", "A_TOKEN=abc python3 x.py"}, "sh|-c|A_TOKEN=*** python3 x.py"},
	{{"https://h/v1?key=abc&alt=sse"}, "https://h/v1?key=***&alt=sse"},
	{{"https://me:secret@h/x"}, "https://me:***@h/x"},
	{{"{\"api_key\": \"a b\", \"n\": 1}"}, "{\"api_key\": \"***\", \"n\": 1}"},
	{{"apiKey='a b'"}, "apiKey='***'"},
	/* long and mixed */
	{{RANDOM}, "***"},
	{{"--x", "a/" RANDOM "/b"}, "--x|a/***/b"},
	/* no keys */
	{{"python3", "agent.py", "--model", "gpt-4o-mini-2024-07-18"},
	 "python3|agent.py|--model|gpt-4o-mini-2024-07-18"},
	{{"--max-tokens", "100"}, "--max-tokens|100"},
	{{"--max_tokens=100"}, "--max_tokens=100"},
	{{"--tokenizer", "cl100k"}, "--tokenizer|cl100k"},
	{{"monkey=banana"}, "monkey=banana"},
	{{"sk-"}, "sk-"},
	{{"/usr/lib/python3.11/site-packages/openai"}, "/usr/lib/python3.11/site-packages/openai"},
	{{"--key"}, "--key"},
	{{"--token="}, "--token="},
	{{""}, ""},
	{{"claude-sonnet-4-5-20250929-v1-thinking"}, "claude-sonnet-4-5-20250929-v1-thinking"},
};

TEST(table)
{
	struct buffer out;

	buffer_init(&out, 64 * KIB);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK_TEXT(redact(&out, cases[i].words), cases[i].expected);
	buffer_free(&out);
}

/* A planted key never comes out whole, whatever stands around it. */
TEST(planted_keys_do_not_come_out)
{
	static const char *const around[] = {"",     " ",    "\"", "'",  "=", ":",
					     "/",    "?k=",  "\n", "\t", "(", "{\"a\":\"",
					     "--x=", "\xff", "a,", "@",  "\\"};
	const size_t n = sizeof(around) / sizeof(around[0]);
	struct buffer out;

	buffer_init(&out, 64 * KIB);
	for (size_t i = 0; i < n * n; i++) {
		char word[256];
		const char *words[] = {word, NULL};

		snprintf(word, sizeof(word), "%s%s%s", around[i / n], KEY, around[i % n]);
		CHECK(!strstr(redact(&out, words), "abcdefghij"));
	}
	buffer_free(&out);
}

TEST(any_bytes_are_bounded_in_time_and_space)
{
	static char text[65536];
	const char *const fills[] = {"a.", "a:", "-", "=", "sk-", "\"", "://a:b", "x y ", ".-_"};
	enum redact_next next = REDACT_PLAIN;
	struct buffer out;

	buffer_init(&out, 2 * LIMIT_ARGUMENTS);
	for (size_t i = 0; i < sizeof(fills) / sizeof(fills[0]); i++) {
		size_t n = strlen(fills[i]);
		int r;

		for (size_t at = 0; at + n <= sizeof(text); at += n)
			memcpy(text + at, fills[i], n);
		buffer_clear(&out);
		r = redact_argument(&out, text, sizeof(text), &next);
		CHECK(r == 0 || r == -E2BIG);
	}
	srandom(1);
	for (int i = 0; i < 2000; i++) {
		size_t n = (size_t)random() % 200;

		for (size_t k = 0; k < n; k++)
			text[k] = (char)random();
		buffer_clear(&out);
		CHECK_INT(redact_argument(&out, text, n, &next), 0);
	}
	buffer_free(&out);
}

#define TRIES 5

/* CPU time of an argument that is full of this, many times. */
static double seconds(const char *fill)
{
	static char text[LIMIT_ARGUMENTS];
	struct timespec begin, end;
	struct buffer out;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = fill[i % strlen(fill)];
	buffer_init(&out, 2 * LIMIT_ARGUMENTS);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
	for (int i = 0; i < 20; i++) {
		enum redact_next next = REDACT_PLAIN;

		buffer_clear(&out);
		CHECK_INT(redact_argument(&out, text, sizeof(text), &next), 0);
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
	buffer_free(&out);
	return (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
}

TEST(no_text_takes_time_by_the_square_of_its_length)
{
	static const char *const fills[] = {"a.", "key.", " ", ".", "bearer.", "://"};
	double plain = 0, best[sizeof(fills) / sizeof(*fills)];

	/* in turns, as the machine may be slower at times */
	for (int n = 0; n < TRIES; n++) {
		double took = seconds("a,");

		plain = !n || took < plain ? took : plain;
		for (size_t i = 0; i < sizeof(fills) / sizeof(*fills); i++) {
			took = seconds(fills[i]);
			best[i] = !n || took < best[i] ? took : best[i];
		}
	}
	for (size_t i = 0; i < sizeof(fills) / sizeof(*fills); i++)
		if (best[i] > 4 * plain)
			test_fail(__FILE__, __LINE__, "\"%s\" takes long", fills[i]);
}

TEST_MAIN()
