/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/shim.h"
#include "preload/sys.h"

void *ring_take(struct session *session, uint32_t length, uint32_t bytes)
{
	struct cr_ring *ring = session->ring;
	uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_RELAXED);
	uint64_t *record;

	do {
		uint64_t used = head - __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);

		if (used > session->size || length > session->size - used)
			return NULL;
	} while (!__atomic_compare_exchange_n(&ring->head, &head, head + length, true,
					      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	record = (uint64_t *)(session->data + (head & (session->size - 1)));
	__atomic_store_n(record, (uint64_t)bytes << 32 | CR_RING_BUSY | length, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	return record;
}

void ring_commit(void *record, uint32_t length, enum cr_type type)
{
	union {
		struct {
			uint32_t length;
			uint16_t type;
			uint8_t version, flags;
		} part;
		uint64_t word;
	} first = {.part = {length, (uint16_t)type, CR_VERSION, 0}};

	__atomic_store_n((uint64_t *)record, first.word, __ATOMIC_RELEASE);
}

void ring_lose(struct session *session, enum cr_cause cause, uint64_t bytes)
{
	struct cr_ring_lost *lost = &session->ring->lost[cause];

	__atomic_fetch_add(&lost->bytes, bytes, __ATOMIC_RELAXED);
	__atomic_fetch_add(&lost->records, 1, __ATOMIC_RELAXED);
}
