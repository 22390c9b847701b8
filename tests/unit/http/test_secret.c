/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "agent/http/secret.h"
#include "tests/unit/http/wire.h"

#define SALT "0123456789abcdef0123456789abcde" /* with its NUL, as wire_open() sets it */

/* The oracle: the library's own HMAC, over the key as it was planted. */
static const char *oracle(const char *key)
{
	static char text[4][33];
	static unsigned int turn;
	unsigned char digest[32];
	unsigned int n = 32;
	size_t digits = strlen(key) < 16 ? strlen(key) : 16;
	char *to = text[turn++ % 4];

	HMAC(EVP_sha256(), SALT, 32, (const unsigned char *)key, strlen(key), digest, &n);
	for (size_t i = 0; i < 16; i++)
		snprintf(to + 2 * i, 3, "%02x", digest[i]);
	to[digits] = '\0';
	return to;
}

TEST(names_of_fields)
{
	static const char *const carry[] = {"authorization",
					    "proxy-authorization",
					    "x-api-key",
					    "api-key",
					    "x-goog-api-key",
					    "cookie",
					    "set-cookie",
					    "x-auth-token",
					    "x-amz-security-token",
					    "ocp-apim-subscription-key",
					    "x-csrf-token",
					    "x-client-secret",
					    "x-password",
					    "x-my-credential",
					    "x-signature",
					    "x-session-id",
					    "token",
					    "x-access-tokens-token",
					    NULL};
	static const char *const harmless[] = {"content-type",
					       "x-ratelimit-remaining-tokens",
					       "idempotency-key",
					       "x-stainless-lang",
					       "content-encoding",
					       "sec-websocket-key",
					       "anthropic-ratelimit-tokens-limit",
					       "user-agent",
					       "accept",
					       "host",
					       "x-amzn-bedrock-input-token-count",
					       "traceparent",
					       "openai-organization",
					       "anthropic-version",
					       "x-request-id",
					       "retry-after",
					       NULL};

	for (size_t i = 0; carry[i]; i++) {
		if (!secret_field(carry[i], strlen(carry[i])))
			test_fail(__FILE__, __LINE__, "%s", carry[i]);
	}
	for (size_t i = 0; harmless[i]; i++) {
		if (secret_field(harmless[i], strlen(harmless[i])))
			test_fail(__FILE__, __LINE__, "%s", harmless[i]);
	}
}

/* Where a planted key "KEY…" stands, a client's request and the fingerprint to be told. */
static const struct {
	const char *request, *key, *fingerprint_of;
} requests[] = {
	{"GET / HTTP/1.1\r\nAuthorization: Bearer KEY-0123456789abcdef\r\n\r\n",
	 "KEY-0123456789abcdef", "KEY-0123456789abcdef"},
	{"GET / HTTP/1.1\r\nAUTHORIZATION:bearer    KEY-0123456789abcdef \t\r\n\r\n",
	 "KEY-0123456789abcdef", "KEY-0123456789abcdef"},
	{"GET / HTTP/1.1\r\nAuthorization: KEY-0123456789 abcdef\r\n\r\n", "KEY-0123456789 abcdef",
	 "KEY-0123456789 abcdef"},
	{"GET / HTTP/1.1\r\nx-api-key: KEYshort\r\n\r\n", "KEYshort", "KEYshort"},
	{"GET / HTTP/1.1\r\napi-key: KEY-0123456789abcdef0123456789\r\nHost: h\r\n\r\n",
	 "KEY-0123456789abcdef0123456789", "KEY-0123456789abcdef0123456789"},
	{"GET / HTTP/1.1\r\nX-Goog-Api-Key:KEY-012345678\r\n\r\n", "KEY-012345678",
	 "KEY-012345678"},
	{"GET /v1?key=KEY-0123456789abcdef HTTP/1.1\r\n\r\n", "KEY-0123456789abcdef",
	 "KEY-0123456789abcdef"},
	{"GET /v1?a=b&api_key=KEY-0123456789abcdef&c=d HTTP/1.1\r\n\r\n", "KEY-0123456789abcdef",
	 "KEY-0123456789abcdef"},
	{"GET /v1?%6b%45y=KEY-0123456789abcdef HTTP/1.1\r\n\r\n", "KEY-0123456789abcdef",
	 "KEY-0123456789abcdef"},
	{"GET /v1?key%3DKEY-0123456789abcdef HTTP/1.1\r\n\r\n", "KEY-0123456789abcdef",
	 "KEY-0123456789abcdef"},
	{"GET /v1?x=1;key=KEY-01234;56789abcdef HTTP/1.1\r\n\r\n", "KEY-01234;56789abcdef",
	 "KEY-01234;56789abcdef"},
	{"GET /cb?u=http%3A%2F%2Fx%3Ftoken%3DKEY-0123456789 HTTP/1.1\r\n\r\n", "KEY-0123456789",
	 NULL},
	{"GET /s3?X-Amz-Signature=KEY-1234&X-Amz-Date=1 HTTP/1.1\r\n\r\n", "KEY-1234", NULL},
	{"GET /s3?X-Amz-Credential=KEY-1234 HTTP/1.1\r\n\r\n", "KEY-1234", NULL},
	{"GET /b?sig=KEY-1234&se=2 HTTP/1.1\r\n\r\n", "KEY-1234", NULL},
	{"GET /#access_token=KEY-1234 HTTP/1.1\r\n\r\n", "KEY-1234", NULL},
	{"GET http://user:KEY-12345678@h/ HTTP/1.1\r\n\r\n", "KEY-12345678", NULL},
	{"CONNECT user:KEY-12345678@h:443 HTTP/1.1\r\n\r\n", "KEY-12345678", NULL},
	{"GET / HTTP/1.1\r\nCookie: a=KEY-12345678; b=c\r\n\r\n", "KEY-12345678", NULL},
	{"GET / HTTP/1.1\r\nProxy-Authorization: Basic KEY-12345678=\r\n\r\n", "KEY-12345678",
	 NULL},
	{"GET / HTTP/1.1\r\nReferer: https://x/?key=KEY-12345678\r\n\r\n", "KEY-12345678",
	 "KEY-12345678"},
	{"GET / HTTP/1.1\r\nX-Api-Key: KEY-0123456789\r\nX-Api-Key: KEY-0123456789\r\n\r\n",
	 "KEY-0123456789", "KEY-0123456789"},
	{"GET / HTTP/1.1\r\nAuthorization: Bearer\r\n KEY-0123456789\r\n\r\n", "KEY-0123456789",
	 "KEY-0123456789"},
	{"GET / HTTP/1.1\r\nCookie: a\r\n\t \r\n KEY-0123456789\r\n\t; b\r\nA: b\r\n\r\n",
	 "KEY-0123456789", NULL},
	{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
	 "X-Auth-Token: KEY-0123456789\r\n\r\n",
	 "KEY-0123456789", NULL},
	{"GET / HTTP/1.1\r\nX-Api-Key : KEY-0123456789\r\n\r\n", "KEY-0123456789", NULL},
	{"GET / HTTP/1.1\r\nX-Api-Key\r\n: KEY-0123456789\r\n\r\n", "KEY-0123456789", NULL},
	{"GET / HTTP/1.1\nX-Api-Key: KEY-0123456789\n\n", "KEY-0123456789", "KEY-0123456789"},
	{"GET / HTTP/1.1\r\nX-Api-Key: KEY-0123456789", "KEY-0123456789", NULL},
	{"GET /?key=KEY-0123456789", "KEY-0123456789", NULL},
};

#define N_REQUESTS (sizeof(requests) / sizeof(requests[0]))

static bool has_key(const struct buffer *b, const char *key)
{
	return b->length && (memmem(b->data, b->length, key, strlen(key)) ||
			     memmem(b->data, b->length, "KEY", 3));
}

TEST(no_key_is_written_however_it_comes)
{
	for (size_t i = 0; i < N_REQUESTS; i++) {
		for (int split = 0; split < N_SPLITS + 10; split++) {
			const char *request = requests[i].request;
			struct wire w;

			srand((unsigned int)split);
			wire_open(&w);
			wire_operation(&w, CR_SEND, request, strlen(request),
				       split < N_SPLITS ? (enum wire_split)split : SPLIT_RANDOM);
			wire_close(&w);
			if (has_key(&w.direction[0].file, requests[i].key) ||
			    has_key(&w.log, requests[i].key))
				test_fail(__FILE__, __LINE__, "%s\n%s\n%s", request,
					  wire_file(&w, 0), wire_log(&w));
			if (requests[i].fingerprint_of && w.n_exchanges)
				CHECK_TEXT(w.fingerprint, oracle(requests[i].fingerprint_of));
			else
				CHECK_TEXT(w.fingerprint, "");
			if (requests[i].fingerprint_of)
				CHECK(w.n_exchanges || strstr(request, ": Bearer\r\n"));
			wire_free(&w);
		}
	}
}

/* What was written is read again, as it would be from a capture file. */
TEST(replay_tells_the_same)
{
	for (size_t i = 0; i < N_REQUESTS; i++) {
		struct wire live, again;

		wire_open(&live);
		wire_text(&live, CR_SEND, requests[i].request);
		wire_close(&live);
		wire_open(&again);
		again.redacted = true;
		if (memchr(live.direction[0].cover.data, 'o', live.direction[0].cover.length)) {
			wire_free(&live);
			wire_free(&again);
			continue;
		}
		wire_text(&again, CR_SEND, wire_file(&live, 0));
		wire_close(&again);
		CHECK_TEXT(wire_file(&again, 0), wire_file(&live, 0));
		CHECK_TEXT(again.fingerprint, live.fingerprint);
		/* A fold is not told again, for its replacement has none. */
		CHECK_TEXT(wire_log(&again), wire_log(&live));
		wire_free(&live);
		wire_free(&again);
	}
}

TEST(replacement_keeps_length_and_rest)
{
	static const char request[] = "GET /?key=abc&x=1 HTTP/1.1\r\nAuthorization: Bearer "
				      "sk-0123456789abcdefghij\r\nA: b\r\n\r\n";
	char expected[sizeof(request)];
	struct wire w;

	wire_open(&w);
	wire_text(&w, CR_SEND, request);
	wire_close(&w);
	snprintf(expected, sizeof(expected),
		 "GET /?key=%s&x=1 HTTP/1.1\r\nAuthorization: Bearer %s*******\r\nA: b\r\n\r\n",
		 oracle("abc"), oracle("sk-0123456789abcdefghij"));
	CHECK_TEXT(wire_file(&w, 0), expected);
	CHECK(strstr(wire_log(&w), "  authorization=Bearer "));
	CHECK_TEXT(w.fingerprint, oracle("sk-0123456789abcdefghij"));
	wire_free(&w);
}

TEST(responses_and_servers_too)
{
	struct wire w;

	wire_open(&w);
	wire_text(&w, CR_RECV, "GET /?token=KEY-1 HTTP/1.1\r\nCookie: KEY-2\r\n\r\n");
	wire_text(&w, CR_SEND,
		  "HTTP/1.1 302 Found\r\nSet-Cookie: s=KEY-3\r\nLocation: /x?sig=KEY-4\r\n"
		  "Transfer-Encoding: chunked\r\n\r\n0\r\nX-Token: KEY-5\r\n\r\n");
	wire_close(&w);
	CHECK_TEXT(wire_log(&w), "");
	CHECK(!has_key(&w.direction[0].file, "KEY"));
	CHECK(!has_key(&w.direction[1].file, "KEY"));
	CHECK(!strncmp(wire_file(&w, 0), "HTTP/1.1 302 Found\r\nSet-Cookie: ", 32));
	wire_free(&w);
}

TEST(heads_beyond_all_caps)
{
	static const char *const starts[] = {
		"GET / HTTP/1.1\r\nX-Api-Key: ", "GET / HTTP/1.1\r\nA: b?key=", "GET /?key=",
		"GET / HTTP/1.1\r\nAuthorization: Bearer ", "GET / HTTP/1.1\r\nX-Pad: "};

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		struct wire w;
		char pad[4096];

		wire_open(&w);
		memset(pad, 'p', sizeof(pad));
		memcpy(pad, "KEY", 3);
		wire_text(&w, CR_SEND, starts[i]);
		for (int n = 0; n < 100; n++)
			wire_data(&w, CR_SEND, pad, sizeof(pad), true);
		wire_text(&w, CR_SEND,
			  i == 2 ? " HTTP/1.1\r\n\r\n" : "\r\nX-Api-Key: KEY-2\r\n\r\n");
		wire_text(&w, CR_RECV, "HTTP/1.1 204 No\r\n\r\n");
		wire_close(&w);
		CHECK_INT(w.n_exchanges, 1);
		CHECK_INT(w.partial, PARTIAL_LIMIT);
		if (i < 4)
			CHECK(!has_key(&w.direction[0].file, "KEY"));
		CHECK(!memmem(w.direction[0].file.data, w.direction[0].file.length, "KEY-2", 5));
		wire_free(&w);
	}
}

TEST(more_keys_than_can_be_told)
{
	struct wire w;

	wire_open(&w);
	wire_text(&w, CR_SEND, "GET / HTTP/1.1\r\n");
	for (int i = 0; i < 1000; i++)
		wire_text(&w, CR_SEND, "X-Key: KEY\r\n");
	wire_text(&w, CR_SEND, "\r\n");
	wire_close(&w);
	CHECK(!has_key(&w.direction[0].file, "KEY"));
	CHECK_INT(w.n_exchanges, 1);
	wire_free(&w);
}

TEST_MAIN()
