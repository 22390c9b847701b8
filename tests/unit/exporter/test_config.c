/* SPDX-License-Identifier: Apache-2.0 */
/* The OTEL_* variables; what they mean is the OpenTelemetry specification's. */
#include <errno.h>

#include "exporter/exporter.h"
#include "tests/unit/test.h"

#define GENERAL "OTEL_EXPORTER_OTLP_"
#define TRACES "OTEL_EXPORTER_OTLP_TRACES_"

/* "NAME", "value", …, NULL */
static const char *const *environment;
static struct exporter_config config;
static char error[512];

static const char *look_up(void *context, const char *name)
{
	CHECK(context == &config);
	for (const char *const *at = environment; *at; at += 2) {
		if (!strcmp(at[0], name))
			return at[1];
	}
	return NULL;
}

static int read_with(const char *headers, const char *const *variables)
{
	environment = variables;
	error[0] = '\0';
	memset(&config, 0x55, sizeof(config));
	return exporter_config_read(&config, look_up, &config, headers, error, sizeof(error));
}

#define READ(...) read_with(NULL, (const char *const[]){__VA_ARGS__, NULL})

#define CHECK_REFUSED(part, ...)                                             \
	do {                                                                 \
		CHECK_INT(READ(__VA_ARGS__), -EINVAL);                       \
		if (!strstr(error, part))                                    \
			test_fail(__FILE__, __LINE__, "says \"%s\"", error); \
		CHECK_INT((unsigned char)*(char *)&config, 0x55);            \
	} while (0)

#define ENDPOINT GENERAL "ENDPOINT", "http://h:1"

static void check_list(char **list, const char *const *expected)
{
	size_t n = 0;

	for (; expected[n]; n++) {
		CHECK(list && list[n]);
		CHECK_TEXT(list[n], expected[n]);
	}
	CHECK(!list || !list[n]);
}

#define CHECK_LIST(list, ...) check_list(list, (const char *const[]){__VA_ARGS__, NULL})

/* ---- what, and where to ---- */

TEST(off_without_an_endpoint)
{
	CHECK_INT(READ(NULL), 0);
	CHECK_INT(config.kind, EXPORTER_OFF);
	exporter_config_free(&config);
	CHECK_INT(READ(GENERAL "ENDPOINT", ""), 0);
	CHECK_INT(config.kind, EXPORTER_OFF);
	exporter_config_free(&config);
}

TEST(an_endpoint_and_the_defaults)
{
	CHECK_INT(READ(ENDPOINT), 0);
	CHECK_INT(config.kind, EXPORTER_OTLP);
	CHECK_TEXT(config.url, "http://h:1/v1/traces");
	CHECK_INT(config.compression, EXPORTER_ZSTD);
	CHECK_INT(config.timeout_ms, 10000);
	CHECK(!config.headers && !config.attributes && !config.ca_file);
	CHECK(!config.client_certificate && !config.client_key);
	CHECK_INT(config.batch_spans, 0);
	exporter_config_free(&config);
}

TEST(explicit_otlp_has_a_default_endpoint)
{
	CHECK_INT(READ("OTEL_TRACES_EXPORTER", "otlp"), 0);
	CHECK_INT(config.kind, EXPORTER_OTLP);
	CHECK_TEXT(config.url, "http://localhost:4318/v1/traces");
	exporter_config_free(&config);
}

TEST(kinds)
{
	CHECK_INT(READ(ENDPOINT, "OTEL_TRACES_EXPORTER", "none"), 0);
	CHECK_INT(config.kind, EXPORTER_OFF);
	exporter_config_free(&config);
	CHECK_INT(READ(ENDPOINT, "OTEL_TRACES_EXPORTER", "console"), 0);
	CHECK_INT(config.kind, EXPORTER_CONSOLE);
	exporter_config_free(&config);
	CHECK_INT(READ(ENDPOINT, "OTEL_TRACES_EXPORTER", ""), 0);
	CHECK_INT(config.kind, EXPORTER_OTLP);
	exporter_config_free(&config);
	CHECK_REFUSED("zipkin", ENDPOINT, "OTEL_TRACES_EXPORTER", "zipkin");
	CHECK_REFUSED("OTEL_TRACES_EXPORTER", ENDPOINT, "OTEL_TRACES_EXPORTER", "otlp,console");
}

TEST(disabled_by_true_alone)
{
	CHECK_INT(READ(ENDPOINT, "OTEL_SDK_DISABLED", "TrUe", GENERAL "PROTOCOL", "grpc"), 0);
	CHECK_INT(config.kind, EXPORTER_OFF);
	exporter_config_free(&config);
	for (int i = 0; i < 4; i++) {
		static const char *const values[] = {"1", "yes", "false", ""};

		CHECK_INT(READ(ENDPOINT, "OTEL_SDK_DISABLED", values[i]), 0);
		CHECK_INT(config.kind, EXPORTER_OTLP);
		exporter_config_free(&config);
	}
}

static void check_url(const char *endpoint, const char *url)
{
	CHECK_INT(READ(GENERAL "ENDPOINT", endpoint), 0);
	CHECK_TEXT(config.url, url);
	exporter_config_free(&config);
}

TEST(path_is_appended_to_the_general_endpoint)
{
	check_url("http://h", "http://h/v1/traces");
	check_url("http://h/", "http://h/v1/traces");
	check_url("https://h:4318//", "https://h:4318/v1/traces");
	check_url("https://h/otlp/", "https://h/otlp/v1/traces");
	check_url("HTTP://h/a/b", "HTTP://h/a/b/v1/traces");
	check_url("http://[::1]:4318", "http://[::1]:4318/v1/traces");
	check_url("https://h/p/?key=a/b", "https://h/p/v1/traces?key=a/b");
}

TEST(endpoint_of_traces_is_used_as_it_is)
{
	CHECK_INT(READ(TRACES "ENDPOINT", "https://t/", ENDPOINT), 0);
	CHECK_TEXT(config.url, "https://t/");
	exporter_config_free(&config);
	CHECK_INT(READ(TRACES "ENDPOINT", "", ENDPOINT), 0);
	CHECK_TEXT(config.url, "http://h:1/v1/traces");
	exporter_config_free(&config);
}

TEST(endpoints_that_are_none)
{
	CHECK_REFUSED(GENERAL "ENDPOINT", GENERAL "ENDPOINT", "localhost:4318");
	CHECK_REFUSED(GENERAL "ENDPOINT", GENERAL "ENDPOINT", "collector");
	CHECK_REFUSED(GENERAL "ENDPOINT", GENERAL "ENDPOINT", "ftp://h");
	CHECK_REFUSED(GENERAL "ENDPOINT", GENERAL "ENDPOINT", "http://");
	CHECK_REFUSED(GENERAL "ENDPOINT", GENERAL "ENDPOINT", "http://h:99999");
	CHECK_REFUSED(TRACES "ENDPOINT", TRACES "ENDPOINT", "unix:///run/x", ENDPOINT);
	CHECK_INT(READ(GENERAL "ENDPOINT", "user:s3cret@h"), -EINVAL);
	CHECK(!strstr(error, "s3cret"));
}

TEST(protocols)
{
	CHECK_INT(READ(ENDPOINT, GENERAL "PROTOCOL", "http/protobuf"), 0);
	exporter_config_free(&config);
	CHECK_REFUSED("http/protobuf", ENDPOINT, GENERAL "PROTOCOL", "grpc");
	CHECK_REFUSED("4318", ENDPOINT, GENERAL "PROTOCOL", "grpc");
	CHECK_REFUSED(TRACES "PROTOCOL: grpc", ENDPOINT, TRACES "PROTOCOL", "grpc");
	CHECK_REFUSED("http/json", ENDPOINT, GENERAL "PROTOCOL", "http/json");
	CHECK_REFUSED("carrier pigeon", ENDPOINT, GENERAL "PROTOCOL", "carrier pigeon");
	CHECK_INT(READ(ENDPOINT, TRACES "PROTOCOL", "http/protobuf", GENERAL "PROTOCOL", "grpc"),
		  0);
	exporter_config_free(&config);
}

/* ---- how ---- */

TEST(compressions)
{
	CHECK_INT(READ(ENDPOINT, GENERAL "COMPRESSION", "gzip"), 0);
	CHECK_INT(config.compression, EXPORTER_GZIP);
	exporter_config_free(&config);
	CHECK_INT(READ(ENDPOINT, GENERAL "COMPRESSION", "gzip", TRACES "COMPRESSION", "none"), 0);
	CHECK_INT(config.compression, EXPORTER_NONE);
	exporter_config_free(&config);
	CHECK_INT(READ(ENDPOINT, GENERAL "COMPRESSION", "none", TRACES "COMPRESSION", "zstd"), 0);
	CHECK_INT(config.compression, EXPORTER_ZSTD);
	exporter_config_free(&config);
	CHECK_REFUSED("brotli", ENDPOINT, GENERAL "COMPRESSION", "brotli");
}

TEST(timeouts)
{
	CHECK_INT(READ(ENDPOINT, GENERAL "TIMEOUT", "2500"), 0);
	CHECK_INT(config.timeout_ms, 2500);
	exporter_config_free(&config);
	CHECK_INT(READ(ENDPOINT, GENERAL "TIMEOUT", "2500", TRACES "TIMEOUT", "1"), 0);
	CHECK_INT(config.timeout_ms, 1);
	exporter_config_free(&config);
	CHECK_REFUSED(GENERAL "TIMEOUT", ENDPOINT, GENERAL "TIMEOUT", "0");
	CHECK_REFUSED(GENERAL "TIMEOUT", ENDPOINT, GENERAL "TIMEOUT", "-5");
	CHECK_REFUSED(GENERAL "TIMEOUT", ENDPOINT, GENERAL "TIMEOUT", "10s");
	CHECK_REFUSED(GENERAL "TIMEOUT", ENDPOINT, GENERAL "TIMEOUT", " 10");
	CHECK_REFUSED(GENERAL "TIMEOUT", ENDPOINT, GENERAL "TIMEOUT", "4294967297");
	CHECK_REFUSED(GENERAL "TIMEOUT", ENDPOINT, GENERAL "TIMEOUT", "99999999999999999999");
}

TEST(files)
{
	CHECK_INT(READ(ENDPOINT, GENERAL "CERTIFICATE", "/a", GENERAL "CLIENT_CERTIFICATE", "/b",
		       GENERAL "CLIENT_KEY", "/c"),
		  0);
	CHECK_TEXT(config.ca_file, "/a");
	CHECK_TEXT(config.client_certificate, "/b");
	CHECK_TEXT(config.client_key, "/c");
	exporter_config_free(&config);
	CHECK_INT(READ(ENDPOINT, GENERAL "CERTIFICATE", "/a", TRACES "CERTIFICATE", "/d",
		       TRACES "CLIENT_CERTIFICATE", "/e", TRACES "CLIENT_KEY", "/f"),
		  0);
	CHECK_TEXT(config.ca_file, "/d");
	CHECK_TEXT(config.client_certificate, "/e");
	CHECK_TEXT(config.client_key, "/f");
	exporter_config_free(&config);
}

/* ---- lists ---- */

TEST(headers_are_decoded)
{
	CHECK_INT(READ(ENDPOINT, GENERAL "HEADERS",
		       " api-key = fake%20key%2C1 ,, Authorization=Basic%20YTpi==,x-e= ,api-KEY=2"),
		  0);
	CHECK_LIST(config.headers, "api-KEY: 2", "Authorization: Basic YTpi==", "x-e: ");
	exporter_config_free(&config);
}

TEST(headers_of_traces_win)
{
	CHECK_INT(READ(ENDPOINT, GENERAL "HEADERS", "a=1,b=2", TRACES "HEADERS", "b=3"), 0);
	CHECK_LIST(config.headers, "b: 3");
	exporter_config_free(&config);
}

TEST(bad_headers)
{
	static const char *const bad[] = {
		"fake-secret",       "=fake-secret",
		"a b=fake-secret",   "a=fake-secret%",
		"a=fake-secret%2",   "a=fake-secret%zz",
		"a=fake-secret%00x", "a=fake-secret%0d%0aB: c",
		"a%0a=fake-secret",  "a=fake-secret%7f",
		"a:=fake-secret",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_REFUSED(GENERAL "HEADERS", ENDPOINT, GENERAL "HEADERS", bad[i]);
		CHECK(!strstr(error, "fake-secret"));
	}
	CHECK_REFUSED("member 2", ENDPOINT, GENERAL "HEADERS", "a=1,b");
	CHECK_REFUSED(TRACES "HEADERS", ENDPOINT, TRACES "HEADERS", "b");
}

TEST(headers_of_a_file)
{
	static const char lines[] = "# of the collector\r\n"
				    "Authorization: Bearer a=b%20c \r\n"
				    "\n"
				    "x-tenant=team%20one\n"
				    "X-Empty:\n";

	CHECK_INT(read_with(lines, (const char *const[]){ENDPOINT, GENERAL "HEADERS",
							 "authorization=old,k=v", NULL}),
		  0);
	CHECK_LIST(config.headers, "Authorization: Bearer a=b%20c", "k: v", "x-tenant: team one",
		   "X-Empty: ");
	exporter_config_free(&config);
	CHECK_INT(read_with("a: 1\nfake-secret\n", (const char *const[]){ENDPOINT, NULL}), -EINVAL);
	CHECK(strstr(error, "line 2") && !strstr(error, "fake-secret"));
	CHECK_INT(read_with("a b: fake-secret", (const char *const[]){ENDPOINT, NULL}), -EINVAL);
	CHECK(strstr(error, "line 1") && !strstr(error, "fake-secret"));
}

TEST(too_many_headers)
{
	char list[300 * 8];
	size_t length = 0;

	for (int i = 0; i < 300; i++)
		length += (size_t)snprintf(list + length, sizeof(list) - length, "h%d=1,", i);
	CHECK_REFUSED("more than", ENDPOINT, GENERAL "HEADERS", list);
}

TEST(resource_attributes)
{
	CHECK_INT(READ("OTEL_TRACES_EXPORTER", "console", "OTEL_RESOURCE_ATTRIBUTES",
		       "deployment.environment=a%3Db,team=x,Team=y,team=z"),
		  0);
	CHECK_LIST(config.attributes, "deployment.environment=a=b", "team=z", "Team=y");
	exporter_config_free(&config);
	CHECK_REFUSED("OTEL_RESOURCE_ATTRIBUTES", ENDPOINT, "OTEL_RESOURCE_ATTRIBUTES", "a");
	CHECK_REFUSED("member 2", ENDPOINT, "OTEL_RESOURCE_ATTRIBUTES", "b=1,a%3D=2");
}

TEST(without_room_for_words)
{
	environment = (const char *const[]){ENDPOINT, GENERAL "PROTOCOL", "grpc", NULL};
	CHECK_INT(exporter_config_read(&config, look_up, &config, NULL, NULL, 0), -EINVAL);
	exporter_config_free(NULL);
}

TEST_MAIN()
