/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stages pass to each other, and the tables of the two side doors.
 *
 * Everything that an event points to is borrowed for the call. Times named *_ns are
 * CLOCK_BOOTTIME; wall time is boot time plus wall_offset_ns. A NULL string is not known.
 */
#ifndef AGENT_EVENT_H
#define AGENT_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/capture_record.h"
#include "pricing/pricing.h"

/* ---- identity ---- */

struct process_key {
	uint64_t start; /* USER_HZ ticks since boot */
	uint32_t pid;
	uint32_t reserved; /* 0, so that the struct can be compared as bytes */
};

struct conn_key {
	struct process_key process;
	uint64_t conn;
	uint64_t generation;
	uint32_t layer;
	uint32_t reserved; /* 0 */
};

#define BOOT_ID_SIZE 16
#define TRACE_ID_SIZE 16
#define SPAN_ID_SIZE 8

/* ---- conn → http ---- */

enum stream_event_type {
	STREAM_OPEN, /* a connection is new here */
	STREAM_INFO, /* more is known of it */
	STREAM_DATA, /* the next bytes of a direction */
	STREAM_GAP,  /* the next bytes of a direction are not there */
	STREAM_END,  /* no more comes; info is still valid */
};

struct conn_info {
	uint8_t role; /* enum cr_role, as the source knows it */
	bool joined_late;
	struct cr_address local, peer;
	const char *sni, *alpn, *library;
};

struct stream_event {
	enum stream_event_type type;
	uint64_t id; /* of the connection, unique within a pipeline, never 0 */
	const struct conn_key *key;
	const struct conn_info *info;
	uint8_t direction; /* enum cr_direction, of DATA and GAP */
	uint8_t cut;       /* enum cr_cut, of GAP */
	bool redacted;     /* DATA: keys are fingerprints already */
	bool op_start;     /* DATA: the first byte begins an operation */
	uint64_t offset;   /* in its direction, of the first byte of DATA or GAP */
	uint64_t length;   /* of DATA or GAP */
	const uint8_t *data;
	uint64_t entry_ns; /* entry of the operation; of END: now */
	uint64_t time_ns;  /* return of the operation */
};

typedef int (*stream_sink)(void *context, const struct stream_event *event);

/* ---- http → provider ---- */

enum exchange_event_type {
	EXCHANGE_REQUEST_HEAD,
	EXCHANGE_REQUEST_BODY, /* decoded bytes */
	EXCHANGE_REQUEST_END,
	EXCHANGE_RESPONSE_HEAD, /* the final one: a 1xx response is not reported */
	EXCHANGE_RESPONSE_BODY, /* decoded bytes of a body that is not a stream of events */
	EXCHANGE_MESSAGE_DATA,  /* decoded bytes of an event's data; several lines joined by \n */
	EXCHANGE_MESSAGE_END,   /* the event is complete, and has its name */
	EXCHANGE_RESPONSE_END,
	EXCHANGE_END, /* always the last, once; without RESPONSE_END before it, it was cut off */
};

/* Lower-case name, value without surrounding white space; neither is NUL-terminated. */
struct header_field {
	const char *name, *value;
	size_t name_length, value_length;
};

/* Why an exchange, or a call, is not whole. Bits. */
enum partial_reason {
	PARTIAL_GAP = 0x01,       /* bytes were lost */
	PARTIAL_CUT = 0x02,       /* the connection, the process or the capture ended first */
	PARTIAL_LIMIT = 0x04,     /* a cap was passed */
	PARTIAL_MALFORMED = 0x08, /* not what its protocol allows */
	PARTIAL_ENCODING = 0x10,  /* a content encoding that is not known, or is damaged */
	PARTIAL_JOINED = 0x20,    /* its beginning was not seen */
	PARTIAL_NO_USAGE = 0x40,  /* whole, but the provider told no usage */
	PARTIAL_USAGE = 0x80,     /* the usage contradicts itself */
};

struct exchange_event {
	enum exchange_event_type type;
	uint64_t id; /* of the exchange, unique within a pipeline, never 0 */
	const struct conn_key *conn;
	const struct conn_info *info;
	uint64_t position; /* stream offset of the request's first byte */
	uint64_t time_ns;  /* return of the operation that brought these bytes (REQUEST_HEAD: entry
			      of  the operation that holds the request's first byte) */

	/* REQUEST_HEAD */
	const char *method;
	const char *target;    /* origin form, with keys in the query replaced */
	const char *authority; /* host[:port] of Host or of the absolute target; NULL if none */
	const char *key_fingerprint;
	/* RESPONSE_HEAD */
	unsigned int status;
	/* both heads */
	const struct header_field *fields;
	size_t n_fields;

	/* REQUEST_BODY, RESPONSE_BODY, MESSAGE_DATA */
	const uint8_t *data;
	size_t length;

	/* MESSAGE_END: "" where the event has no name */
	const char *name;

	/* REQUEST_END, RESPONSE_END: of this body; END: of both bodies together */
	uint32_t partial;        /* bits of enum partial_reason */
	uint64_t bytes_seen;     /* of the encoded body */
	uint64_t bytes_declared; /* by Content-Length, else bytes_seen plus what is known missing */
};

/* A sink of exchange events returns this to be spared the bodies of this exchange from now on. */
#define EXCHANGE_IGNORE 1

typedef int (*exchange_sink)(void *context, const struct exchange_event *event);

/* ---- http → record ---- */

enum redaction_type {
	REDACTION_KEY,    /* these bytes are a key: overwrite them with the replacement */
	REDACTION_PASSED, /* all bytes before offset may be written, but for the keys told */
	REDACTION_OPAQUE, /* bytes from offset, length of them, could not be parsed: lengths only */
};

/* All redactions of a direction come in stream order, KEY and OPAQUE before their PASSED. */
struct redaction_event {
	enum redaction_type type;
	const struct conn_key *conn;
	uint8_t direction;
	uint64_t offset;
	uint64_t length;
	const char *replacement; /* KEY: `length` bytes */
};

typedef int (*redaction_sink)(void *context, const struct redaction_event *event);

/* ---- provider → pricing → trace → ledger ---- */

enum call_event_type {
	CALL_BEGIN,    /* request complete, or first response byte if earlier */
	CALL_PROGRESS, /* first token, cumulative usage */
	CALL_END,
};

enum call_billing {
	BILLING_USAGE,   /* by its charges */
	BILLING_FREE,    /* a kind of call that costs nothing */
	BILLING_FAILED,  /* failed before any usage: costs nothing */
	BILLING_UNKNOWN, /* whole or cut, but no usage was told: unpriced */
};

enum cost_status {
	COST_UNPRICED,
	COST_PRICED,
	COST_FREE,
};

/* Whose word a reported cost is. */
enum reported_source {
	REPORTED_NONE,
	REPORTED_PROVIDER,
	REPORTED_GATEWAY, /* a proxy of the user's, by its own prices */
};

#define REPORTED_CURRENCY "USD" /* of every cost that is reported */

struct charge {
	const char *model, *tier, *region, *variant;
	struct pricing_usage usage;
	struct pricing_result price; /* filled in between provider and trace */
};

/* A further attribute of a span, in semantic-convention or provider naming. */
struct attribute {
	const char *name;
	const char *value;
};

struct call_event {
	enum call_event_type type;
	struct conn_key conn;
	uint64_t position;
	const struct conn_info *info;

	uint64_t start_ns;       /* request's first byte */
	uint64_t end_ns;         /* response's last byte; 0 while open */
	uint64_t first_token_ns; /* 0 until one was seen */

	const char *operation; /* gen_ai.operation.name */
	const char *provider;  /* gen_ai.provider.name */
	bool provider_known;   /* host is one that this provider bills for */
	const char *family;    /* row of the family table that read it */
	const char *request_model, *response_model, *response_id, *conversation_id;
	const char *method, *path, *server_address;
	uint16_t server_port; /* 0 unknown */
	unsigned int status;  /* HTTP status, 0 if none came */
	const char *error_type;
	const char *key_fingerprint;
	const char *traceparent; /* request header as sent */
	bool streaming;

	const struct attribute *attributes;
	size_t n_attributes;

	enum call_billing billing;
	uint32_t partial; /* bits of enum partial_reason */
	bool estimated;
	uint64_t bytes_seen, bytes_declared;
	const char *raw_usage;  /* JSON as the provider sent it */
	struct charge *charges; /* pipeline.c writes their prices */
	size_t n_charges;

	/* of CALL_END: the whole cost, as the response tells it; it stands for that of the charges
	 */
	enum reported_source reported_source;
	int64_t reported; /* pico-units, not below 0 */

	/* filled in by pipeline.c */
	int64_t wall_offset_ns;
	enum cost_status cost_status;
	const char *card_version;
	uint8_t capture; /* enum cr_capture */

	/* filled in by trace */
	uint8_t trace_id[TRACE_ID_SIZE];
	uint8_t span_id[SPAN_ID_SIZE];
	uint8_t parent_span_id[SPAN_ID_SIZE]; /* all zero: none */
	struct process_key root; /* the process that the trace is of, where it is of a process */
};

typedef int (*call_sink)(void *context, struct call_event *event);

/* ---- process, loss, unseen: past the stages, to trace and ledger ---- */

struct process_event {
	struct process_key key;
	struct process_key parent;    /* pid 0: unknown */
	uint64_t start_ns;            /* boot time */
	uint64_t exit_ns;             /* 0: lives */
	uint32_t uid;                 /* UINT32_MAX: unknown */
	uint32_t exit_status;         /* CR_EXIT_STATUS_UNKNOWN while it lives */
	bool root;                    /* of the tree that `run` wraps */
	const char *executable;       /* path */
	const char *name;             /* short name */
	const char *const *arguments; /* keys redacted */
	size_t n_arguments;
	const char *cgroup;
	const char *service_name; /* its own OTEL_SERVICE_NAME */
	int64_t wall_offset_ns;
	uint8_t boot_id[BOOT_ID_SIZE];
};

struct loss_event {
	struct process_key process; /* pid 0: of no one process */
	uint32_t cause;             /* enum cr_cause */
	const char *name;           /* what it is about, such as a protocol; NULL */
	uint64_t records, bytes;
	int64_t wall_ns;
};

struct unseen_event {
	struct process_key process;
	const char *executable, *reason, *remedy;
	int64_t wall_ns;
};

typedef int (*process_sink)(void *context, const struct process_event *event);
typedef int (*loss_sink)(void *context, const struct loss_event *event);
typedef int (*unseen_sink)(void *context, const struct unseen_event *event);

/* ---- side doors ---- */

enum verdict {
	VERDICT_FULL,  /* all bytes */
	VERDICT_HEADS, /* the first bytes of each operation */
	VERDICT_NONE,  /* nothing */
};

/* Back to the source. A NULL function is a source that can not do it. */
struct control {
	void *context;
	void (*verdict)(void *context, const struct conn_key *conn, enum verdict verdict);
};

/* What earlier runs know, read once at the start. A NULL function knows nothing. */
struct lookup {
	void *context;
	/* Tell each response that was begun in the background and not billed yet, oldest first. */
	int (*backgrounds)(void *context, void (*tell)(void *to, const char *response_id),
			   void *to);
};

/* ---- attach → source ---- */

#define SITE_NAME_MAX 64

enum site_function {
	SITE_SSL_READ = 1,
	SITE_SSL_WRITE = 2,
	SITE_SSL_READ_EX = 3,
	SITE_SSL_WRITE_EX = 4,
	SITE_SSL_FREE = 5,
	SITE_SSL_READ_INTERNAL = 6, /* int f(SSL *, void *, size_t, size_t *): behind both forms */
	SITE_SSL_WRITE_INTERNAL = 7,
	SITE_SSL_WRITE_FLAGS =
		8, /* int f(SSL *, void *, size_t, uint64_t, size_t *): OpenSSL ≥ 3.3 */
	SITE_SSL_UP_REF = 9,
	SITE_SSL_NEW = 10,
};

struct probe_site {
	enum site_function function;
	uint64_t offset; /* in the file */
	bool emulated;   /* the kernel emulates the instruction there */
	char name[SITE_NAME_MAX];
};

#endif
