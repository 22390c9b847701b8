/* SPDX-License-Identifier: Apache-2.0 */
/* Every cap of the program. Passing one marks a call partial or counts a loss; it never crashes. */
#ifndef AGENT_LIMITS_H
#define AGENT_LIMITS_H

#define KIB 1024ul
#define MIB (1024ul * KIB)

/* conn */
#define LIMIT_CONNECTIONS 65536                   /* known at once */
#define LIMIT_CONN_IDLE_NS (3600ull * 1000000000) /* without a byte, then forgotten */
#define LIMIT_CONN_TEXT 4096                      /* bytes of a server name or a library's path */

/* http */
#define LIMIT_HTTP_HEAD (64 * KIB)      /* bytes kept of one head */
#define LIMIT_HTTP_FIELDS 256           /* header fields kept of one head */
#define LIMIT_HTTP_PIPELINE 256         /* requests that wait for their response */
#define LIMIT_HTTP_HELD (64 * KIB)      /* response bytes held until their request is seen */
#define LIMIT_HTTP_HELD_NS (10ull * 1000000000) /* and how long */
#define LIMIT_HTTP_SECRETS 256          /* keys told of one head; with more it is opaque */
#define LIMIT_HTTP_NOT_HTTP (64 * KIB)  /* bytes without a start line before a let-go */
#define LIMIT_HTTP_LET_GO (256 * KIB)   /* bytes without a model call before heads only */
#define LIMIT_DECODE_WINDOWS (48 * MIB) /* memory of all content decoders together */
#define LIMIT_DECODE_RATIO 2000         /* decoded bytes for one encoded byte, beyond 1 MiB */
#define LIMIT_DECODE_CHAIN 4            /* content encodings of one body, in a row */
#define LIMIT_SSE_NAME 128              /* bytes of an event's name */

/* provider */
#define LIMIT_JSON_DEPTH 512   /* nesting that is followed */
#define LIMIT_JSON_KEY 256     /* bytes of a key that is compared */
#define LIMIT_VALUE (1 * KIB)  /* bytes of an id or a name */
#define LIMIT_USAGE (16 * KIB) /* bytes of a usage object */
#define LIMIT_CHARGES 64       /* charges of one call */
#define LIMIT_ATTRIBUTES 32    /* further attributes of one call */

/* options */
#define LIMIT_ENDPOINTS 64
#define LIMIT_SETTINGS 256 /* of all configuration files */

/* names and paths */
#define LIMIT_PATH (4 * KIB)

/* trace */
#define LIMIT_PROCESSES 65536     /* known at once */
#define LIMIT_ARGUMENTS (4 * KIB) /* bytes of a command line */

/* record */
#define LIMIT_RECORD_HELD (4 * MIB) /* bytes held back until http has passed them */

/* pricing */
#define LIMIT_CARD_FILE (16 * MIB)

#endif
