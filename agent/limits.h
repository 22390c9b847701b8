/* SPDX-License-Identifier: Apache-2.0 */
/* Every cap of the program. Passing one marks a call partial or counts a loss; it never crashes. */
#ifndef AGENT_LIMITS_H
#define AGENT_LIMITS_H

#define KIB 1024ul
#define MIB (1024ul * KIB)

/* source */
#define LIMIT_RINGS 4096    /* processes that have a ring of the preload shim at once */
#define LIMIT_GREETINGS 256 /* shims that wait for their answer at once */
/* attach */
#define LIMIT_TLS_SCAN (1024 * MIB) /* bytes of an executable that are searched for a library */
#define LIMIT_SITES 16              /* probe sites of one file */
#define LIMIT_SYMBOLS (8ul << 20)   /* symbols of one table that are looked at */
#define LIMIT_SYMBOL_TABLE (256 * MIB)
#define LIMIT_SYMBOL_NAME 64        /* bytes of a symbol's name that is compared */
#define LIMIT_FUNCTION (2 * KIB)    /* bytes of an exported function that are disassembled */
#define LIMIT_NEEDED 256            /* libraries that one executable needs */
#define LIMIT_LIBRARY_LOOKUPS 16384 /* paths that are tried for all of them */
#define LIMIT_FINDER_SECONDS 2      /* processor time for one file */
#define LIMIT_SEARCH_SECONDS 10     /* and to search one for a TLS library inside */
#define LIMIT_PROC_FILE (1 * MIB)   /* bytes read of one file of /proc */
#define LIMIT_SOCKETS 65536 /* internet sockets of one network namespace that are compared */
#define LIMIT_LIBRARY_CACHE (16 * MIB) /* ld.so.cache */

/* source */
#define LIMIT_EARLY_RECORDS (1 * MIB) /* bytes of records before the pipeline is there */
#define LIMIT_PROBED_FILES 4096       /* files with probes in them */
#define LIMIT_KNOWN_FILES 32768       /* these, and files known to have none */
#define LIMIT_PROC_RECORD (32 * KIB)  /* bytes of a PROC record */
#define LIMIT_SCOPES 64               /* of one kind, that an agent follows */
#define LIMIT_SEARCHES 256            /* silent processes whose executable waits to be searched */

#define LIMIT_HELLO (32 * KIB)  /* bytes of what one process runs and maps */
#define LIMIT_SILENT (16 * MIB) /* bytes of what is kept of processes with nothing to probe */

/* conn */
#define LIMIT_CONNECTIONS 65536                   /* known at once */
#define LIMIT_CONN_IDLE_NS (3600ull * 1000000000) /* without a byte, then forgotten */
#define LIMIT_CONN_TEXT 4096                      /* bytes of a server name or a library's path */

/* http */
#define LIMIT_HTTP_HEAD (64 * KIB) /* bytes kept of one head */
#define LIMIT_HTTP_FIELDS 256      /* header fields kept of one head */
#define LIMIT_HTTP_PIPELINE 256    /* requests that wait for their response */
#define LIMIT_HTTP_HELD (64 * KIB) /* response bytes held until their request is seen */
#define LIMIT_HTTP_HELD_NS (10ull * 1000000000) /* and how long */
#define LIMIT_HTTP_SECRETS 256                  /* keys told of one head; with more it is opaque */
#define LIMIT_HTTP_NOT_HTTP (64 * KIB)          /* bytes without a start line before a let-go */
#define LIMIT_HTTP_LET_GO (256 * KIB)           /* bytes without a model call before heads only */
#define LIMIT_DECODE_WINDOWS (40 * MIB)         /* memory of all content decoders together */
#define LIMIT_DECODE_RATIO 2000 /* decoded bytes for one encoded byte, beyond 1 MiB */
#define LIMIT_DECODE_CHAIN 4    /* content encodings of one body, in a row */
#define LIMIT_SSE_NAME 128      /* bytes of an event's name */

/* provider */
#define LIMIT_JSON_DEPTH 512   /* nesting that is followed */
#define LIMIT_JSON_KEY 256     /* bytes of a key that is compared */
#define LIMIT_VALUE (1 * KIB)  /* bytes of an id or a name */
#define LIMIT_USAGE (16 * KIB) /* bytes of a usage object */
#define LIMIT_CHARGES 64       /* charges of one call */
#define LIMIT_ATTRIBUTES 32    /* further attributes of one call */
#define LIMIT_CALLS 65536      /* open at once */
#define LIMIT_UNREAD 4096      /* requests that are not read, open at once */
#define LIMIT_BACKGROUND 512   /* ids of responses that are made in the background */

/* options */
#define LIMIT_ENDPOINTS 64
#define LIMIT_SETTINGS 256 /* of all configuration files */

/* agent */
#define LIMIT_WORKER_QUEUE (16 * MIB) /* bytes of events that the keeper has not accepted yet */
#define LIMIT_QUESTIONS 64            /* connections to the agent's socket at once */

/* names and paths */
#define LIMIT_PATH (4 * KIB)
#define LIMIT_USER 256

/* trace */
#define LIMIT_PROCESSES 65536                       /* known at once */
#define LIMIT_ARGUMENTS (4 * KIB)                   /* bytes of a command line */
#define LIMIT_ARGUMENT_COUNT 256                    /* arguments of a command line */
#define LIMIT_PROCESS_TEXT (16 * MIB)               /* of the texts of all processes together */
#define LIMIT_PROCESS_DEPTH 256                     /* parents that are followed */
#define LIMIT_PROCESS_ENDED_NS (60 * 1000000000ull) /* after its end, then forgotten */
#define LIMIT_OPEN_CALLS 65536                      /* whose ids are kept until they end */

/* ledger and reports */
#define LIMIT_SCRATCH_LEDGER (8 * MIB) /* memory of a scratch ledger */
#define LIMIT_CURRENCIES 16            /* told apart in one total */
#define LIMIT_SUMMARY_CALLS 40         /* rows of a summary; the totals count all */
#define LIMIT_TREE_DEPTH 32            /* processes drawn one below the other */
#define LIMIT_EXPORT_BACKLOG 1000000   /* calls that wait for one target's exporter */
#define LIMIT_SPOOL_READ 1000          /* calls read of a spool at once */
#define LIMIT_TARGET (4 * KIB)         /* bytes of the URL that is exported to */
#define LIMIT_REPRICE_CALLS 200        /* priced anew in one transaction */
#define LIMIT_REPRICE_SHOWN 10         /* of the largest changes of a reprice */

/* record */
#define LIMIT_RECORD_HELD (4 * MIB) /* bytes held back until http has passed them */

/* pricing */
#define LIMIT_CARD_FILE (16 * MIB)
#define LIMIT_PRICE_MODELS 32      /* compared by price --compare, with the first */
#define LIMIT_PRICE_LINE (1 * MIB) /* bytes of a line of price --stdin */

#endif
