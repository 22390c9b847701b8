/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/mman.h>

#include "preload/shim.h"
#include "preload/sys.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* Pages are got so many bytes at a time, as a fault for each would cost more than its records. */
#define POPULATE_STEP (128 * 1024ull)

__attribute__((noinline)) static void populate(struct session *session)
{
	uint64_t done = __atomic_load_n(&session->populated, __ATOMIC_RELAXED);
	uint64_t next = done + POPULATE_STEP < session->size ? done + POPULATE_STEP : UINT64_MAX;
	uint64_t length = next == UINT64_MAX ? session->size - done : POPULATE_STEP;

	/* where the kernel can not (before 5.14), they are faulted in as they are used */
	if (done != UINT64_MAX &&
	    __atomic_compare_exchange_n(&session->populated, &done, next, false, __ATOMIC_RELAXED,
					__ATOMIC_RELAXED))
		sys3(SYS_madvise, session->data + done, length, MADV_POPULATE_WRITE);
}

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
	if (unlikely(head + length > __atomic_load_n(&session->populated, __ATOMIC_RELAXED)))
		populate(session);
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
