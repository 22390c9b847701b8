/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/shim.h"
#include "preload/sys.h"

/*
 * A table without locks: an object's slot is one of PROBES in a row, and all of them are looked at,
 * so that a slot can be freed without a trace. Calls on one object are its user's to order.
 */
#define SLOTS 16384 /* connections at once; power of two */
#define PROBES 64

struct table {
	uint64_t keys[SLOTS + PROBES];
	struct conn conns[SLOTS + PROBES];
};

static struct table *table;

static struct table *table_get(void)
{
	struct table *have = __atomic_load_n(&table, __ATOMIC_ACQUIRE), *made;

	if (likely(have != NULL))
		return have;
	made = sys_map(sizeof(*made));
	if (!made)
		return NULL;
	if (__atomic_compare_exchange_n(&table, &have, made, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return made;
	sys_unmap(made, sizeof(*made));
	return have;
}

static uint32_t slot_of(uint64_t key)
{
	return (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> 40) & (SLOTS - 1);
}

static void conn_reset(struct session *session, struct conn *conn, uint64_t now)
{
	struct conn fresh = {
		.generation = now,
		.epoch = session->epoch,
		.references = conn->references,
		.serial = __atomic_load_n(&session->ring->serial, __ATOMIC_RELAXED) - 1,
	};

	*conn = fresh;
}

struct conn *conn_find(struct session *session, const void *ssl)
{
	uint64_t key = (uintptr_t)ssl;
	uint32_t slot = slot_of(key);
	struct table *t = table_get();

	for (uint32_t i = slot; t && i < slot + PROBES; i++) {
		if (__atomic_load_n(&t->keys[i], __ATOMIC_ACQUIRE) == key)
			return &t->conns[i];
	}
	return NULL;
}

static struct conn *conn_add(struct session *session, const void *ssl, uint64_t now)
{
	uint64_t key = (uintptr_t)ssl, empty = 0;
	uint32_t slot = slot_of(key);
	struct table *t = table_get();

	for (uint32_t i = slot; t && i < slot + PROBES; i++, empty = 0) {
		if (__atomic_load_n(&t->keys[i], __ATOMIC_RELAXED))
			continue;
		if (!__atomic_compare_exchange_n(&t->keys[i], &empty, key, false, __ATOMIC_ACQ_REL,
						 __ATOMIC_ACQUIRE))
			continue;
		t->conns[i].references = 0;
		conn_reset(session, &t->conns[i], now);
		return &t->conns[i];
	}
	return NULL;
}

struct conn *conn_of(struct session *session, const void *ssl, uint64_t now)
{
	struct conn *conn = conn_find(session, ssl);

	if (unlikely(!conn))
		return conn_add(session, ssl, now);
	if (unlikely(conn->epoch != session->epoch)) {
		bool late = conn->late || conn->op[CR_SEND] || conn->op[CR_RECV];

		conn_reset(session, conn, now);
		conn->late = late;
	}
	return conn;
}

static void say_end(struct session *session, const void *ssl, const struct conn *conn, uint64_t now)
{
	struct cr_end *end;

	if (conn->epoch != session->epoch || (!conn->op[CR_SEND] && !conn->op[CR_RECV]))
		return;
	end = ring_take(session, sizeof(*end), 0);
	if (!end)
		return;
	end->head.time_ns = now;
	end->process = (struct cr_process){.pid = session->pid};
	end->conn = (uintptr_t)ssl;
	end->generation = conn->generation;
	end->layer = CR_LAYER_TLS_STREAM;
	memset(end->reserved, 0, sizeof(end->reserved));
	ring_commit(end, sizeof(*end), CR_END);
}

void conn_begin(struct session *session, const void *ssl, bool fresh, uint64_t now)
{
	struct conn *conn = conn_find(session, ssl);

	if (!conn) {
		conn_add(session, ssl, now);
		return;
	}
	say_end(session, ssl, conn, now);
	conn_reset(session, conn, now);
	if (fresh)
		conn->references = 0;
}

void conn_end(struct session *session, const void *ssl, uint64_t now)
{
	struct conn *conn = conn_find(session, ssl);
	uint32_t references;

	if (!conn)
		return;
	references = __atomic_load_n(&conn->references, __ATOMIC_RELAXED);
	while (references) {
		if (__atomic_compare_exchange_n(&conn->references, &references, references - 1,
						true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return;
	}
	say_end(session, ssl, conn, now);
	__atomic_store_n(&table->keys[conn - table->conns], 0, __ATOMIC_RELEASE);
}

static enum cr_ring_verdict look_up(const struct cr_ring *ring, const struct conn *conn,
				    uint64_t key)
{
	uint32_t slot = cr_ring_slot_of(key);

	for (uint32_t i = 0; i < CR_RING_PROBES; i++) {
		const struct cr_ring_slot *s = &ring->verdicts[(slot + i) & (CR_RING_VERDICTS - 1)];

		if (__atomic_load_n(&s->conn, __ATOMIC_ACQUIRE) == key &&
		    __atomic_load_n(&s->generation, __ATOMIC_RELAXED) == conn->generation)
			return (enum cr_ring_verdict)__atomic_load_n(&s->verdict, __ATOMIC_RELAXED);
	}
	return CR_VERDICT_FULL;
}

enum cr_ring_verdict conn_verdict(struct session *session, struct conn *conn, const void *ssl)
{
	uint32_t serial = __atomic_load_n(&session->ring->serial, __ATOMIC_ACQUIRE);

	if (unlikely(serial != conn->serial)) {
		conn->verdict = (uint8_t)look_up(session->ring, conn, (uintptr_t)ssl);
		conn->serial = serial;
	}
	return (enum cr_ring_verdict)conn->verdict;
}
