/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libexporter: spans to an OpenTelemetry Collector, as OTLP over HTTP (protobuf), compressed, in
 * batches.
 *
 * The library keeps nothing of its own: spans lie in the caller's spool, from which it reads by a
 * cursor, in the order of their sequence numbers. The cursor moves only after the collector's 2xx,
 * or when spans were given up for good; so a crash, or a collector that is away, loses nothing, and
 * a span that is sent twice has the same id both times.
 *
 *	exporter_config_read(&config, …)   the OTEL_* variables
 *	exporter_new(&exporter, &config, &spool, …)
 *	exporter_start(exporter)           a thread of its own calls the spool from now on
 *	exporter_wake(exporter)            there may be more to read
 *	exporter_finish(exporter, ms)      deliver what is there, end the thread
 *	exporter_free(exporter)
 */
#ifndef EXPORTER_EXPORTER_H
#define EXPORTER_EXPORTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- spans ---- */

enum exporter_value {
	EXPORTER_STRING,
	EXPORTER_INT,
	EXPORTER_DOUBLE,
	EXPORTER_BOOL,
	EXPORTER_STRINGS, /* an array of strings */
};

/* A string that is not UTF-8 is sent repaired (U+FFFD): protobuf requires it. */
struct exporter_attribute {
	const char *name;
	enum exporter_value type;
	union {
		const char *text;
		int64_t integer;
		double real;
		bool truth;
		struct {
			const char *const *texts;
			size_t n;
		} list;
	};
};

/* What spans have in common; spans of one batch whose resources have the same id share one. */
struct exporter_resource {
	uint64_t id;
	const struct exporter_attribute *attributes;
	size_t n_attributes;
};

#define EXPORTER_TRACE_ID_SIZE 16
#define EXPORTER_SPAN_ID_SIZE 8

enum exporter_status {
	EXPORTER_STATUS_UNSET = 0,
	EXPORTER_STATUS_ERROR = 2,
};

/*
 * A span of kind CLIENT. All that it points to is borrowed for the call.
 *
 * Its attributes are sent in their order, and compress best in this one: what is the same in most
 * spans, then what differs, and last two numbers (such as token counts) and two more values that
 * differ in nearly all of them; ids and times are put between these.
 */
struct exporter_span {
	uint64_t sequence; /* above 0, and above that of the span before it */
	uint8_t trace_id[EXPORTER_TRACE_ID_SIZE];
	uint8_t span_id[EXPORTER_SPAN_ID_SIZE];
	uint8_t parent_span_id[EXPORTER_SPAN_ID_SIZE]; /* all zero: none */
	const char *name;
	int64_t start_ns, end_ns; /* since 1970, UTC */
	enum exporter_status status;
	const struct exporter_attribute *attributes;
	size_t n_attributes;
	const struct exporter_resource *resource;
};

/* ---- the spool: the caller's, called from the exporter's thread alone ---- */

/** exporter_take - takes a span. Return: 0: the next one; 1: enough; a negative errno. */
typedef int (*exporter_take)(void *to, const struct exporter_span *span);

/* Why spans were not delivered. */
enum exporter_loss {
	EXPORTER_REJECTED, /* the collector refused them: partial success, or a 4xx */
	EXPORTER_TOO_LARGE,
	EXPORTER_LOSSES,
};

/* What is told of the delivery, as it changes: for a log. */
enum exporter_news {
	EXPORTER_FAILING,   /* the first of a row of failures; text says why */
	EXPORTER_RECOVERED, /* and the end of it */
	EXPORTER_LOST,      /* spans were given up; text says why */
	EXPORTER_FELL_BACK, /* to another compression */
	EXPORTER_WARNED,    /* the collector took a batch, and had something to say: text */
};

struct exporter_spool {
	void *context;
	/*
	 * Take, or keep, the right to export for the next `ms` milliseconds. 0: give it back.
	 * Return: 0; -EBUSY: somebody else has it; another negative errno.
	 */
	int (*lease)(void *context, unsigned int ms);
	/** Sequence of the last span that was delivered or given up; 0: none. */
	int (*cursor)(void *context, uint64_t *ret_sequence);
	/* Call take() with spans after `sequence`, in order, until it returns other than 0. */
	int (*read)(void *context, uint64_t sequence, exporter_take take, void *to);
	/* Move the cursor. Of the spans up to there, lost[] were given up since the last move. */
	int (*advance)(void *context, uint64_t sequence, const uint64_t lost[EXPORTER_LOSSES]);
	/* May be NULL. @text: for a person, without the line's end; holds no secret. */
	void (*tell)(void *context, enum exporter_news news, const char *text);
};

/* ---- configuration ---- */

enum exporter_compression {
	EXPORTER_ZSTD,
	EXPORTER_GZIP,
	EXPORTER_NONE,
};

enum exporter_kind {
	EXPORTER_OFF,     /* no endpoint, OTEL_TRACES_EXPORTER=none, or OTEL_SDK_DISABLED */
	EXPORTER_OTLP,    /* to config.url */
	EXPORTER_CONSOLE, /* OTEL_TRACES_EXPORTER=console: the caller prints */
};

struct exporter_config {
	enum exporter_kind kind;
	const char *missing; /* EXPORTER_OFF: the variable that is not set; NULL: it is so wanted */
	char *url;           /* of the traces, such as http://localhost:4318/v1/traces */
	char **headers;      /* "Name: value", NULL-ended; secrets */
	enum exporter_compression compression;
	unsigned int timeout_ms; /* of one request */
	char *ca_file;           /* NULL: the system's */
	char *client_certificate, *client_key;
	/* OTEL_RESOURCE_ATTRIBUTES: for the caller, who adds them where a resource has none such */
	char **attributes; /* "name=value", decoded, NULL-ended */
	/* Not of the environment; 0: the default */
	size_t batch_spans;        /* spans in a request at most: 1,000 */
	unsigned int batch_age_ms; /* how long a span may wait for others: 1,000 */
	unsigned int retry_min_ms; /* wait after a failure, at least and at most: 500, 30,000 */
	unsigned int retry_max_ms;
	unsigned int give_up_ms; /* how long a refusal (4xx) is tried again: 900,000 */
};

/** exporter_variable - the value of a variable, as getenv(3); NULL where it is not set. */
typedef const char *(*exporter_variable)(void *context, const char *name);

/*
 * exporter_config_read - the OTLP exporter's variables (OpenTelemetry specification, "OpenTelemetry
 *	Protocol Exporter" and "SDK environment variables"): OTEL_EXPORTER_OTLP_{ENDPOINT, HEADERS,
 *	PROTOCOL, COMPRESSION, TIMEOUT, CERTIFICATE, CLIENT_CERTIFICATE, CLIENT_KEY}, their
 *	OTEL_EXPORTER_OTLP_TRACES_ forms, which win, OTEL_TRACES_EXPORTER, OTEL_SDK_DISABLED,
 *	OTEL_RESOURCE_ATTRIBUTES. An empty value is as one that is not set.
 * @headers: further lines of a file, which win: "Name: value" as it is, or "name=value" as in the
 *	variable; '#' begins a comment. NULL: none.
 * @error: on failure what is wrong, and what to do ("grpc" is refused by name); may be NULL.
 * Return: 0, -EINVAL, -ENOMEM. The caller frees it with exporter_config_free().
 */
int exporter_config_read(struct exporter_config *ret_config, exporter_variable variable,
			 void *context, const char *headers, char *error, size_t error_size);

/*
 * exporter_config_url - config.url as it may be shown: without user, password, query, fragment.
 * Return: text to be freed, or NULL on -ENOMEM.
 */
char *exporter_config_url(const struct exporter_config *config);

void exporter_config_free(struct exporter_config *config);

/* ---- delivery ---- */

struct exporter;

/*
 * exporter_new - @config: of kind EXPORTER_OTLP; outlives the exporter. @spool: copied.
 * @version: of the program, for User-Agent and the instrumentation scope.
 * Return: 0, -EINVAL for a URL that is none, -ENOMEM.
 */
int exporter_new(struct exporter **ret_exporter, const struct exporter_config *config,
		 const struct exporter_spool *spool, const char *version);

/** exporter_start - begin to deliver, in a thread. Return: 0 or a negative errno. */
int exporter_start(struct exporter *exporter);

/** exporter_wake - there may be more to read; safe from any thread, and cheap. */
void exporter_wake(struct exporter *exporter);

struct exporter_statistics {
	uint64_t spans, requests, failures; /* delivered; sent; of these not delivered */
	uint64_t bytes, raw_bytes;          /* of bodies sent, compressed and before */
	uint64_t lost[EXPORTER_LOSSES];
	bool failing;
};

/** exporter_statistics - since exporter_new(); safe from any thread. */
void exporter_statistics(struct exporter *exporter, struct exporter_statistics *ret_statistics);

/*
 * exporter_finish - deliver what the spool has now without waiting for more, and end the thread;
 *	after `ms` milliseconds at most (a running request is broken off then; a call of the spool
 *	is not).
 * Return: 0 if all was delivered or given up; -EINVAL if it was not started; else spans were left,
 * which the spool keeps: -ETIMEDOUT, -EBUSY (somebody else exports) or what the spool gave.
 */
int exporter_finish(struct exporter *exporter, unsigned int ms);

/** exporter_free - ends at once where exporter_finish() did not. */
void exporter_free(struct exporter *exporter);

/* ---- the encoding, for tests and benchmarks ---- */

struct exporter_batch;

#define EXPORTER_BATCH_BYTES (4u << 20) /* of a request at most, before compression */

/** exporter_batch_new - an empty batch. Return: 0 or -ENOMEM. */
int exporter_batch_new(struct exporter_batch **ret_batch, const char *version);

/*
 * exporter_batch_add - encode a span.
 * Return: 0; -ENOSPC: the batch is full (EXPORTER_BATCH_BYTES): send it first; -E2BIG: the span
 * alone is too large, and is left out; -ENOMEM.
 */
int exporter_batch_add(struct exporter_batch *batch, const struct exporter_span *span);

size_t exporter_batch_spans(const struct exporter_batch *batch);

/*
 * exporter_batch_encode - the batch as an ExportTraceServiceRequest, compressed.
 * @ret_body: lives until the batch is changed or freed.
 * Return: 0 or a negative errno.
 */
int exporter_batch_encode(struct exporter_batch *batch, enum exporter_compression compression,
			  const uint8_t **ret_body, size_t *ret_length, size_t *ret_raw_length);

/** exporter_batch_clear - empty again; memory is kept. */
void exporter_batch_clear(struct exporter_batch *batch);

void exporter_batch_free(struct exporter_batch *batch);

#endif
