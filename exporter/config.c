/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/exporter.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "exporter/compress.h"
#include "exporter/pairs.h"
#include "exporter/url.h"

#define DEFAULT_ENDPOINT "http://localhost:4318"
#define DEFAULT_TIMEOUT_MS 10000
#define TIMEOUT_MAX_MS 3600000

#define GENERAL "OTEL_EXPORTER_OTLP_"
#define OF_TRACES "OTEL_EXPORTER_OTLP_TRACES_"
#define NAME_SIZE 64

struct reading {
	struct exporter_config config;
	exporter_variable variable;
	void *context;
	char *error;
	size_t error_size;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct reading *reading, const char *format,
							...)
{
	va_list args;

	if (reading->error && reading->error_size) {
		va_start(args, format);
		vsnprintf(reading->error, reading->error_size, format, args);
		va_end(args);
	}
	return -EINVAL;
}

static const char *variable(const struct reading *reading, const char *name)
{
	const char *value = reading->variable(reading->context, name);

	return value && *value ? value : NULL;
}

/* An option's value, and the name of the variable that it is from: that of traces wins. */
static const char *option(const struct reading *reading, const char *name,
			  char ret_variable[NAME_SIZE])
{
	const char *value;

	snprintf(ret_variable, NAME_SIZE, OF_TRACES "%s", name);
	value = variable(reading, ret_variable);
	if (value)
		return value;
	snprintf(ret_variable, NAME_SIZE, GENERAL "%s", name);
	return variable(reading, ret_variable);
}

/* ---- what is exported to ---- */

static int read_kind(struct reading *reading)
{
	const char *disabled = variable(reading, "OTEL_SDK_DISABLED");
	const char *exporter = variable(reading, "OTEL_TRACES_EXPORTER");
	char name[NAME_SIZE];

	if ((disabled && !strcasecmp(disabled, "true")) ||
	    (exporter && !strcasecmp(exporter, "none"))) {
		reading->config.kind = EXPORTER_OFF;
	} else if (!exporter && !option(reading, "ENDPOINT", name)) {
		reading->config.kind = EXPORTER_OFF;
		reading->config.missing = GENERAL "ENDPOINT";
	} else if (!exporter || !strcasecmp(exporter, "otlp")) {
		reading->config.kind = EXPORTER_OTLP;
	} else if (!strcasecmp(exporter, "console")) {
		reading->config.kind = EXPORTER_CONSOLE;
	} else {
		return refuse(
			reading,
			"OTEL_TRACES_EXPORTER: \"%s\" is not known: it is otlp, console or none",
			exporter);
	}
	return 0;
}

static int read_url(struct reading *reading)
{
	const char *of_traces = variable(reading, OF_TRACES "ENDPOINT");
	const char *general = variable(reading, GENERAL "ENDPOINT");
	const char *endpoint = of_traces ?: general ?: DEFAULT_ENDPOINT;
	int r = url_check(endpoint);

	if (r == -EINVAL)
		return refuse(
			reading,
			"%sENDPOINT is no http:// or https:// URL with a host, such as " DEFAULT_ENDPOINT,
			of_traces ? OF_TRACES : GENERAL);
	if (r < 0)
		return r;
	reading->config.url = of_traces ? strdup(of_traces) : url_for_traces(endpoint);
	return reading->config.url ? 0 : -ENOMEM;
}

static int read_protocol(struct reading *reading)
{
	char name[NAME_SIZE];
	const char *value = option(reading, "PROTOCOL", name);

	if (!value || !strcasecmp(value, "http/protobuf"))
		return 0;
	if (!strcasecmp(value, "grpc"))
		return refuse(reading,
			      "%s: grpc is not spoken here: use http/protobuf, and the collector's "
			      "port for HTTP, 4318 by default",
			      name);
	if (!strcasecmp(value, "http/json"))
		return refuse(reading,
			      "%s: http/json is not spoken here: use http/protobuf, which has the "
			      "same port",
			      name);
	return refuse(reading, "%s: \"%s\" is not known: use http/protobuf", name, value);
}

/* ---- how ---- */

static int read_compression(struct reading *reading)
{
	static const enum exporter_compression known[] = {EXPORTER_ZSTD, EXPORTER_GZIP,
							  EXPORTER_NONE};
	char name[NAME_SIZE];
	const char *value = option(reading, "COMPRESSION", name);

	reading->config.compression = EXPORTER_ZSTD;
	for (size_t i = 0; value && i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcasecmp(value, compression_name(known[i])) != 0)
			continue;
		reading->config.compression = known[i];
		return 0;
	}
	return value ? refuse(reading, "%s: \"%s\" is not known: it is zstd, gzip or none", name,
			      value)
		     : 0;
}

static int read_timeout(struct reading *reading)
{
	char name[NAME_SIZE], *end;
	const char *value = option(reading, "TIMEOUT", name);
	unsigned long ms;

	reading->config.timeout_ms = DEFAULT_TIMEOUT_MS;
	if (!value)
		return 0;
	errno = 0;
	ms = strtoul(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end || errno || !ms || ms > TIMEOUT_MAX_MS)
		return refuse(reading, "%s: \"%s\" is no number of milliseconds from 1 to %d", name,
			      value, TIMEOUT_MAX_MS);
	reading->config.timeout_ms = (unsigned int)ms;
	return 0;
}

static int read_file(struct reading *reading, const char *name, char **ret_path)
{
	char variable_name[NAME_SIZE];
	const char *value = option(reading, name, variable_name);

	if (!value)
		return 0;
	*ret_path = strdup(value);
	return *ret_path ? 0 : -ENOMEM;
}

/* ---- headers; their values are secrets, and in no message ---- */

/* RFC 9110 section 5.6.2 */
static bool is_token(const char *text)
{
	return *text && !text[strspn(text, "!#$%&'*+-.^_`|~0123456789"
					   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")];
}

/* RFC 9110 section 5.5: without it, a value could begin a header of its own. */
static bool is_field_value(const char *text)
{
	for (; *text; text++) {
		if (((unsigned char)*text < ' ' && *text != '\t') || *text == '\x7f')
			return false;
	}
	return true;
}

static int put_header(void *context, const char *name, const char *value)
{
	struct reading *reading = context;

	if (!is_token(name) || !is_field_value(value))
		return -EINVAL;
	return pairs_put(&reading->config.headers, name, ": ", value, strncasecmp);
}

static int list_result(struct reading *reading, int r, const char *name, size_t number)
{
	if (r == -E2BIG)
		return refuse(reading, "%s: more than %d members", name, PAIRS_MAX);
	if (r != -EINVAL)
		return r;
	return refuse(reading,
		      "%s: member %zu is not of the form name=value, percent-encoded, with commas "
		      "between members",
		      name, number);
}

static int read_header_list(struct reading *reading)
{
	char name[NAME_SIZE];
	const char *list = option(reading, "HEADERS", name);
	size_t number = 0;
	int r = list ? pairs_walk(list, put_header, reading, &number) : 0;

	return list_result(reading, r, name, number);
}

/* "Name: value" as it is, or a list as in the variable; blank, and '#' and a comment. */
static int read_header_line(struct reading *reading, char *line, size_t number)
{
	size_t length = strcspn(line, ":="), unused;
	char *value = line + length + 1;
	int r;

	line[strcspn(line, "\r")] = '\0';
	if (line[0] == '#' || !line[strspn(line, " \t")])
		return 0;
	if (line[length] == ':') {
		line[length] = '\0';
		value += strspn(value, " \t");
		for (length = strlen(value); length && strchr(" \t", value[length - 1]); length--)
			value[length - 1] = '\0';
		r = put_header(reading, line, value);
	} else {
		r = pairs_walk(line, put_header, reading, &unused);
	}
	if (r == -EINVAL)
		return refuse(reading,
			      "line %zu of the headers is neither \"Name: value\" nor name=value",
			      number);
	return list_result(reading, r, "the headers", number);
}

static int read_header_lines(struct reading *reading, const char *text)
{
	char *copy = text ? strdup(text) : NULL, *rest = copy, *line;
	size_t number = 0;
	int r = text && !copy ? -ENOMEM : 0;

	while (r == 0 && (line = strsep(&rest, "\n")))
		r = read_header_line(reading, line, ++number);
	free(copy);
	return r;
}

/* ---- attributes ---- */

static int put_attribute(void *context, const char *name, const char *value)
{
	struct reading *reading = context;

	if (strchr(name, '='))
		return -EINVAL;
	return pairs_put(&reading->config.attributes, name, "=", value, strncmp);
}

static int read_attributes(struct reading *reading)
{
	static const char name[] = "OTEL_RESOURCE_ATTRIBUTES";
	const char *list = variable(reading, name);
	size_t number = 0;
	int r = list ? pairs_walk(list, put_attribute, reading, &number) : 0;

	return list_result(reading, r, name, number);
}

/* ---- all ---- */

static int read_otlp(struct reading *reading, const char *headers)
{
	int r = read_protocol(reading);

	if (r == 0)
		r = read_url(reading);
	if (r == 0)
		r = read_header_list(reading);
	if (r == 0)
		r = read_header_lines(reading, headers);
	if (r == 0)
		r = read_compression(reading);
	if (r == 0)
		r = read_timeout(reading);
	if (r == 0)
		r = read_file(reading, "CERTIFICATE", &reading->config.ca_file);
	if (r == 0)
		r = read_file(reading, "CLIENT_CERTIFICATE", &reading->config.client_certificate);
	if (r == 0)
		r = read_file(reading, "CLIENT_KEY", &reading->config.client_key);
	return r;
}

int exporter_config_read(struct exporter_config *ret_config, exporter_variable variable_of,
			 void *context, const char *headers, char *error, size_t error_size)
{
	struct reading reading = {
		.variable = variable_of,
		.context = context,
		.error = error,
		.error_size = error_size,
	};
	int r = read_kind(&reading);

	if (r == 0 && reading.config.kind == EXPORTER_OTLP)
		r = read_otlp(&reading, headers);
	if (r == 0 && reading.config.kind != EXPORTER_OFF)
		r = read_attributes(&reading);
	if (r == -ENOMEM && error && error_size)
		snprintf(error, error_size, "out of memory");
	if (r < 0) {
		exporter_config_free(&reading.config);
		return r;
	}
	*ret_config = reading.config;
	return 0;
}

char *exporter_config_url(const struct exporter_config *config)
{
	return url_for_text(config->url);
}

void exporter_config_free(struct exporter_config *config)
{
	if (!config)
		return;
	free(config->url);
	pairs_free(config->headers);
	free(config->ca_file);
	free(config->client_certificate);
	free(config->client_key);
	pairs_free(config->attributes);
	*config = (struct exporter_config){0};
}
