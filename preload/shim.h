/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shim's own state. It never prints, never exits, never waits for its reader, and keeps no
 * descriptor open; where anything fails, the program runs as if it were not there.
 */
#ifndef PRELOAD_SHIM_H
#define PRELOAD_SHIM_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/capture_record.h"
#include "preload/library.h"

#define GREETING_MS 50 /* no answer in this time: inert */

/* What one process has from its collector; in a page that fork() wipes in the child. */
struct session {
	uint32_t phase; /* enum phase; 0 in a fresh child */
	uint32_t pid;   /* in its own pid namespace */
	uint64_t epoch; /* boot time of the greeting: tells a child's use of a connection apart */
	struct cr_ring *ring;
	uint8_t *data; /* mapped twice in a row */
	uint64_t size;
	uint64_t populated; /* bytes of data whose pages are there; UINT64_MAX: all */
};

/* ---- greet.c ---- */

/** session_get - the process's session, made anew in a forked child; NULL: inert. */
struct session *session_get(void);

/** clock_boot - CLOCK_BOOTTIME in ns, without a system call where the vDSO allows it. */
uint64_t clock_boot(void);

/** errno_location - the thread's errno, or NULL where it can not be had. */
int *errno_location(void);

/** signals_block - block all signals of the thread. Return: what to give signals_restore(). */
uint64_t signals_block(void);
void signals_restore(uint64_t mask);

/* ---- connect.c ---- */

/** connect_start - find the connect() behind this object; in the constructor. */
void connect_start(void);

/* ---- ring.c ---- */

/*
 * ring_take - room for a record of `length` bytes (multiple of CR_ALIGN), marked busy.
 * @bytes: of the program, that it will carry.
 * Return: NULL if there is none; nothing was counted.
 */
void *ring_take(struct session *session, uint32_t length, uint32_t bytes);

/** ring_commit - give a record that is written, but for its first eight bytes, to the reader. */
void ring_commit(void *record, uint32_t length, enum cr_type type);

/** ring_lose - count a record that could not be taken. */
void ring_lose(struct session *session, enum cr_cause cause, uint64_t bytes);

/* ---- conn.c ---- */

/* What is known of one SSL object. Its user calls from one thread at a time, or locks. */
struct conn {
	uint64_t generation;
	uint64_t epoch;     /* session.epoch of the process that counted the offsets */
	uint64_t offset[2]; /* by enum cr_direction */
	uint64_t op[2];
	uint32_t references; /* beyond the first */
	uint32_t serial;     /* cr_ring.serial at which verdict was looked up */
	uint8_t verdict;     /* enum cr_ring_verdict */
	bool told;           /* its CONN record was sent */
	bool late;           /* bytes went by in a parent process */
	uint8_t reserved;
};

/** conn_of - the connection of an SSL object, new if it is not known. Return: NULL: table full. */
struct conn *conn_of(struct session *session, const void *ssl, uint64_t now);

/** conn_find - as conn_of(), but NULL if it is not known. */
struct conn *conn_find(struct session *session, const void *ssl);

/** conn_begin - the object is a new connection, and itself new (SSL_new) or not (SSL_clear). */
void conn_begin(struct session *session, const void *ssl, bool fresh, uint64_t now);

/** conn_end - the object is gone. */
void conn_end(struct session *session, const void *ssl, uint64_t now);

/** conn_verdict - how much of a connection is wanted. */
enum cr_ring_verdict conn_verdict(struct session *session, struct conn *conn, const void *ssl);

/* ---- capture.c ---- */

struct operation {
	void *ssl;
	const struct library *library;
	unsigned int direction; /* enum cr_direction */
	const void *bytes;
	uint64_t length;
	uint64_t entry_ns; /* 0: not known */
};

/** capture - send what an operation moved. errno is preserved. */
void capture(struct session *session, const struct operation *operation);

#endif
