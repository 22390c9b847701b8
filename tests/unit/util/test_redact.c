/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/util/redact.h"

#include <errno.h>

#include "tests/unit/test.h"

static void check_line(const char *const *arguments, const char *const *expected)
{
	struct redact redact = {0};
	struct buffer out;

	buffer_init(&out, 4096);
	for (size_t i = 0; arguments[i]; i++) {
		buffer_clear(&out);
		CHECK_INT(redact_argument(&redact, arguments[i], strlen(arguments[i]), &out), 0);
		CHECK_TEXT(buffer_text(&out), expected[i]);
	}
	buffer_free(&out);
}

static void check_one(const char *argument, const char *expected)
{
	check_line((const char *const[]){argument, NULL}, (const char *const[]){expected, NULL});
}

TEST(what_looks_like_a_key)
{
	check_one("sk-proj-abc_DEF-123", "[redacted]");
	check_one("x=sk-ant-api03-AAAA,b", "x=[redacted],b");
	check_one("AIzaSyA-0123456789_abcdefghijklmnop", "[redacted]");
	check_one("hi sk-0123456789 there", "hi [redacted] there");
	check_one("curl -H 'X: Bearer abc.def/g+h='", "curl -H 'X: Bearer [redacted]'");
	check_one("bearer   t", "bearer   [redacted]");
	check_one("bearer", "bearer");
	check_one("bearer ", "bearer ");
}

TEST(what_is_called_a_key)
{
	check_one("OPENAI_API_KEY=abc def", "OPENAI_API_KEY=[redacted]");
	check_one("--api-key=abc", "--api-key=[redacted]");
	check_one("my_password=p w", "my_password=[redacted]");
	check_one("Authorization: Bearer abc", "Authorization: [redacted]");
	check_one("x-api-key:abc", "x-api-key:[redacted]");
	check_one("https://h/p?a=1&key=abc&b=2", "https://h/p?a=1&key=[redacted]&b=2");
	check_one("{\"api_key\": \"abc\", \"b\": 1}", "{\"api_key\": \"[redacted]\", \"b\": 1}");
	check_one("sh -c 'TOKEN=abc ./run'", "sh -c 'TOKEN=[redacted] ./run'");
	check_one("https://me:pass@host/", "https://me:[redacted]@host/");
}

TEST(value_in_the_next_argument)
{
	check_line((const char *const[]){"--token", "abc", "abc", "--secret", "--other", "x",
					 "--Password", "p", NULL},
		   (const char *const[]){"--token", "[redacted]", "abc", "--secret", "--other", "x",
					 "--Password", "[redacted]", NULL});
}

TEST(what_is_left_as_it_is)
{
	static const char *const plain[] = {"",
					    "python3",
					    "-c",
					    "print('hello: world')",
					    "sk-net",
					    "ask-me-anything-twice",
					    "https://host:8443/path?x=y@z",
					    "/usr/share/keyrings/a.gpg",
					    "--model=gpt-5",
					    NULL};

	check_line(plain, plain);
}

/* No position of the planted key within other text leaves it standing. */
TEST(at_every_position)
{
	static const char planted[] = "sk-ant-PLANTED0123";
	struct buffer out;

	buffer_init(&out, 4096);
	for (int before = 0; before < 128; before++) {
		for (int after = 0; after < 128; after++) {
			struct redact redact = {0};
			char text[64];

			if (before == '_' || before == '-' || (before > 47 && before < 58) ||
			    (before > 64 && before < 91) || (before > 96 && before < 123))
				continue;
			snprintf(text, sizeof(text), "..%s.", planted);
			text[1] = (char)before;
			text[2 + strlen(planted)] = (char)after;
			buffer_clear(&out);
			CHECK_INT(redact_argument(&redact, text, 3 + strlen(planted), &out), 0);
			CHECK(!memmem(out.data, out.length, "PLANTED", 7));
		}
	}
	buffer_free(&out);
}

TEST(too_long_is_refused)
{
	struct redact redact = {0};
	struct buffer out;

	buffer_init(&out, 4);
	CHECK_INT(redact_argument(&redact, "hello", 5, &out), -E2BIG);
	buffer_free(&out);
}

TEST_MAIN()
