/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a span takes on the wire, and what encoding and compressing it takes of a processor.
 *
 * usage: export [SAMPLES]
 *
 * Prints one JSON object. Ids are random in every span, and so are response ids, token counts,
 * times and the amounts that follow from them; models are four, and so are resources.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <zstd.h>

#include "exporter/exporter.h"

#define SPANS 10000
#define ATTRIBUTES 24
#define TEXT 64
#define START_NS 1764547200000000000ll
#define PICO 1000000000000ll

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct model {
	const char *provider, *asked, *served, *host, *path, *id, *alphabet, *name;
	unsigned int id_length;
	bool reasons;
	int64_t input, output; /* pico-units a token */
};

#define BASE62 "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static const struct model models[] = {
	{"openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18", "api.openai.com",
	 "/v1/chat/completions", "chatcmpl-", BASE62, "chat gpt-4o-mini", 29, false, 150000,
	 600000},
	{"openai", "gpt-4o", "gpt-4o-2024-08-06", "api.openai.com", "/v1/chat/completions",
	 "chatcmpl-", BASE62, "chat gpt-4o", 29, false, 2500000, 10000000},
	{"anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "api.anthropic.com",
	 "/v1/messages", "msg_01", BASE62, "chat claude-sonnet-4-5", 22, false, 3000000, 15000000},
	{"openai", "gpt-5", "gpt-5-2025-08-07", "api.openai.com", "/v1/responses", "resp_",
	 "0123456789abcdef", "chat gpt-5", 48, true, 1250000, 10000000},
};

/* What a set of spans has beside the 22 or 23 attributes that all have. */
struct kind {
	const char *name;
	bool parents, first_token;
	unsigned int calls_a_trace;
};

static const struct kind kinds[] = {
	{"typical", false, false, 1},
	{"calls_of_ten_in_a_trace", false, false, 10},
	{"all_random", true, true, 1},
};

struct made {
	struct exporter_span span;
	struct exporter_attribute attributes[ATTRIBUTES];
	char id[TEXT], amount[TEXT];
};

static struct made spans[SPANS];
static struct exporter_resource resources[4];
static struct exporter_attribute resource_attributes[4][6];
static char host_name[] = "worker-17.example.internal", container[4][65];

/* ---- chance (xorshift64*), from a fixed seed ---- */

static uint64_t state = 88172645463325252ull;

static uint64_t chance(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 2685821657736338717ull;
}

static int64_t between(int64_t low, int64_t high)
{
	return low + (int64_t)(chance() % (uint64_t)(high - low));
}

/* Small numbers are more frequent than large ones. */
static int64_t tokens(double low, double high)
{
	double share = (double)(chance() >> 11) / 9007199254740992.0;

	return (int64_t)exp(log(low) + share * (log(high) - log(low)));
}

static void fill(uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(chance() >> 56);
}

/* ---- spans ---- */

static void add_text(struct exporter_span *span, const char *name, const char *text)
{
	struct exporter_attribute *all = (struct exporter_attribute *)span->attributes;

	all[span->n_attributes++] =
		(struct exporter_attribute){.name = name, .type = EXPORTER_STRING, .text = text};
}

static void add_integer(struct exporter_span *span, const char *name, int64_t integer)
{
	struct exporter_attribute *all = (struct exporter_attribute *)span->attributes;

	all[span->n_attributes++] =
		(struct exporter_attribute){.name = name, .type = EXPORTER_INT, .integer = integer};
}

static void add_real(struct exporter_span *span, const char *name, double real)
{
	struct exporter_attribute *all = (struct exporter_attribute *)span->attributes;

	all[span->n_attributes++] =
		(struct exporter_attribute){.name = name, .type = EXPORTER_DOUBLE, .real = real};
}

static void add_same(struct exporter_span *span, const struct model *model)
{
	add_text(span, "gen_ai.operation.name", "chat");
	add_text(span, "gen_ai.provider.name", model->provider);
	add_text(span, "gen_ai.request.model", model->asked);
	add_text(span, "gen_ai.response.model", model->served);
	add_text(span, "server.address", model->host);
	add_integer(span, "server.port", 443);
	add_text(span, "http.request.method", "POST");
	add_text(span, "url.path", model->path);
	add_integer(span, "http.response.status_code", 200);
	add_text(span, "tollspan.cost.currency", "USD");
	add_text(span, "tollspan.cost.status", "priced");
	add_text(span, "tollspan.cost.source", "local");
	add_text(span, "tollspan.key.fingerprint", "9f86d081884c7d65");
	add_text(span, "tollspan.card.version", "2025-12-01");
	add_text(span, "tollspan.completeness", "exact");
	add_text(span, "tollspan.capture", "ebpf");
}

static void make_texts(struct made *made, const struct model *model, int64_t pico)
{
	size_t length = strlen(model->id), last;

	memcpy(made->id, model->id, length);
	for (unsigned int i = 0; i < model->id_length; i++)
		made->id[length + i] = model->alphabet[chance() % strlen(model->alphabet)];
	made->id[length + model->id_length] = '\0';
	last = (size_t)snprintf(made->amount, sizeof(made->amount), "%lld.%012lld",
				(long long)(pico / PICO), (long long)(pico % PICO));
	while (last && made->amount[last - 1] == '0')
		made->amount[--last] = '\0';
}

static void add_different(struct made *made, const struct model *model, const struct kind *kind)
{
	struct exporter_span *span = &made->span;
	int64_t input = tokens(50, 20000), output = tokens(5, 3000), pico;
	int64_t cached = between(0, 5) < 3 ? 0 : input / 128 * 128;

	pico = (input - cached) * model->input + cached * model->input / 10 +
	       output * model->output;
	make_texts(made, model, pico);
	add_integer(span, "gen_ai.usage.cache_read.input_tokens", cached);
	if (model->reasons)
		add_integer(span, "gen_ai.usage.reasoning.output_tokens", between(0, output));
	if (kind->first_token)
		add_real(span, "tollspan.time_to_first_token_ms",
			 (double)between(100000000, 2000000000) / 1e6);
	add_text(span, "gen_ai.response.id", made->id);
	add_integer(span, "gen_ai.usage.input_tokens", input);
	add_integer(span, "gen_ai.usage.output_tokens", output);
	add_real(span, "gen_ai.usage.cost", (double)pico / (double)PICO);
	add_text(span, "tollspan.cost.amount", made->amount);
}

static void make_span(size_t i, const struct kind *kind)
{
	const struct model *model = &models[chance() % LENGTH(models)];
	struct made *made = &spans[i];
	struct exporter_span *span = &made->span;

	*span = (struct exporter_span){
		.sequence = i + 1,
		.name = model->name,
		.start_ns = START_NS + (int64_t)i * 10000000 + between(0, 10000000),
		.attributes = made->attributes,
		.resource = &resources[chance() % LENGTH(resources)],
	};
	span->end_ns = span->start_ns + between(200000000, 30000000000);
	if (i % kind->calls_a_trace)
		memcpy(span->trace_id, spans[i - 1].span.trace_id, sizeof(span->trace_id));
	else
		fill(span->trace_id, sizeof(span->trace_id));
	fill(span->span_id, sizeof(span->span_id));
	if (kind->parents)
		fill(span->parent_span_id, sizeof(span->parent_span_id));
	add_same(span, model);
	add_different(made, model, kind);
}

static void make_resources(void)
{
	static const char *const services[] = {"triage", "summariser", "support-bot", "indexer"};
	static const char *const command[] = {"python3", "-m", "agent.main", "--queue=default"};

	for (size_t i = 0; i < LENGTH(resources); i++) {
		struct exporter_attribute attributes[] = {
			{"service.name", EXPORTER_STRING, {.text = services[i]}},
			{"process.pid", EXPORTER_INT, {.integer = between(300, 60000)}},
			{"process.executable.name", EXPORTER_STRING, {.text = "python3.11"}},
			{"process.command_args",
			 EXPORTER_STRINGS,
			 {.list = {command, LENGTH(command)}}},
			{"host.name", EXPORTER_STRING, {.text = host_name}},
			{"container.id", EXPORTER_STRING, {.text = container[i]}},
		};

		for (size_t j = 0; j < 64; j++)
			container[i][j] = "0123456789abcdef"[chance() % 16];
		memcpy(resource_attributes[i], attributes, sizeof(attributes));
		resources[i] = (struct exporter_resource){i + 1, resource_attributes[i],
							  LENGTH(attributes)};
	}
}

/* ---- measuring ---- */

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void check(int r, const char *what)
{
	if (r < 0) {
		fprintf(stderr, "export: %s: %s\n", what, strerror(-r));
		exit(1);
	}
}

struct sum {
	size_t body, raw, requests;
};

static void send_batch(struct exporter_batch *batch, enum exporter_compression compression,
		       struct sum *sum)
{
	const uint8_t *body;
	size_t length, raw;

	check(exporter_batch_encode(batch, compression, &body, &length, &raw), "encode");
	sum->body += length;
	sum->raw += raw;
	sum->requests++;
	exporter_batch_clear(batch);
}

/* All spans in requests of n, or of fewer where EXPORTER_BATCH_BYTES are full before. */
static struct sum send_all(struct exporter_batch *batch, enum exporter_compression compression,
			   size_t n)
{
	struct sum sum = {0};

	for (size_t i = 0; i < SPANS; i++) {
		int r = exporter_batch_add(batch, &spans[i].span);

		if (r == -ENOSPC) {
			send_batch(batch, compression, &sum);
			r = exporter_batch_add(batch, &spans[i].span);
		}
		check(r, "add");
		if ((i + 1) % n == 0)
			send_batch(batch, compression, &sum);
	}
	return sum;
}

static void print_sizes(struct exporter_batch *batch, const struct kind *kind)
{
	static const size_t sizes[] = {1, 10, 100, 1000, 10000};
	size_t attributes = 0;

	for (size_t i = 0; i < SPANS; i++)
		make_span(i, kind);
	for (size_t i = 0; i < SPANS; i++)
		attributes += spans[i].span.n_attributes;
	printf("  \"%s\": {\n    \"attributes\": %.1f", kind->name, (double)attributes / SPANS);
	for (size_t i = 0; i < LENGTH(sizes); i++) {
		struct sum zstd = send_all(batch, EXPORTER_ZSTD, sizes[i]);
		struct sum gzip = send_all(batch, EXPORTER_GZIP, sizes[i]);

		printf(",\n    \"%zu\": {\"zstd\": %.1f, \"gzip\": %.1f, \"none\": %.1f, "
		       "\"requests\": %zu}",
		       sizes[i], (double)zstd.body / SPANS, (double)gzip.body / SPANS,
		       (double)zstd.raw / SPANS, zstd.requests);
	}
	printf("\n  },\n");
}

static void print_speed(struct exporter_batch *batch, enum exporter_compression compression,
			const char *name, int samples, const char *behind)
{
	double best = 0;

	for (int i = 0; i < samples; i++) {
		double start = now_s(), rate;

		send_all(batch, compression, 1000);
		rate = SPANS / (now_s() - start);
		best = rate > best ? rate : best;
	}
	printf("    \"%s\": %.0f%s\n", name, best, behind);
}

/* What zstd's levels do to one batch. */
static void print_levels(struct exporter_batch *batch, size_t n, int samples, const char *behind)
{
	static const int levels[] = {1, 3, 6, 9, 12, 15, 17, 19, 22};
	const uint8_t *raw;
	size_t length, raw_length, room;
	uint8_t *to;

	for (size_t i = 0; i < n; i++)
		check(exporter_batch_add(batch, &spans[i].span), "add");
	check(exporter_batch_encode(batch, EXPORTER_NONE, &raw, &length, &raw_length), "encode");
	room = ZSTD_compressBound(length);
	to = malloc(room);
	printf("    \"%zu\": {", n);
	for (size_t i = 0; i < LENGTH(levels) && to; i++) {
		double best = 1e9;
		size_t size = 0;

		for (int j = 0; j < samples; j++) {
			double start = now_s(), took;

			size = ZSTD_compress(to, room, raw, length, levels[i]);
			took = now_s() - start;
			best = took < best ? took : best;
		}
		printf("%s\n      \"%d\": {\"bytes\": %.1f, \"us\": %.1f}", i ? "," : "", levels[i],
		       (double)size / (double)n, best * 1e6 / (double)n);
	}
	printf("\n    }%s\n", behind);
	free(to);
	exporter_batch_clear(batch);
}

int main(int argc, char **argv)
{
	long samples = argc > 1 ? strtol(argv[1], NULL, 10) : 3;
	struct exporter_batch *batch;

	check(exporter_batch_new(&batch, VERSION), "batch");
	make_resources();
	printf("{\n");
	for (size_t i = LENGTH(kinds); i-- > 0;)
		print_sizes(batch, &kinds[i]);
	printf("  \"spans_a_second\": {\n");
	print_speed(batch, EXPORTER_ZSTD, "zstd", (int)samples, ",");
	print_speed(batch, EXPORTER_GZIP, "gzip", (int)samples, ",");
	print_speed(batch, EXPORTER_NONE, "none", (int)samples, "");
	printf("  },\n  \"zstd_levels\": {\n");
	print_levels(batch, 100, (int)samples, ",");
	print_levels(batch, 1000, (int)samples, "");
	printf("  }\n}\n");
	exporter_batch_free(batch);
	return 0;
}
