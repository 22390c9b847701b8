/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/preload_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TELL_SHARE 16 /* a part of the ring so large is read before its writers are told */

static int map_ring(int fd, uint64_t size, struct preload_ring *ret_ring)
{
	size_t first = CR_RING_DATA + size;
	uint8_t *at = mmap(NULL, first + size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ret;

	if (at == MAP_FAILED)
		return -errno;
	if (mmap(at, first, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED ||
	    mmap(at + first, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		 CR_RING_DATA) == MAP_FAILED) {
		ret = -errno;
		munmap(at, first + size);
		return ret;
	}
	ret_ring->shared = (struct cr_ring *)at;
	ret_ring->data = at + CR_RING_DATA;
	ret_ring->size = size;
	return 0;
}

int preload_ring_new(uint64_t size, struct preload_ring *ret_ring, int *ret_fd)
{
	struct preload_ring ring = {0};
	int fd, ret = 0;

	fd = memfd_create("tollspan-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	/* the writer could else shrink it under the reader */
	if (ftruncate(fd, (off_t)(CR_RING_DATA + size)) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		ret = -errno;
	ret = ret ? ret : map_ring(fd, size, &ring);
	if (!ring.shared) {
		close(fd);
		return ret;
	}
	ring.shared->size = size;
	ring.shared->version = CR_RING_VERSION;
	ring.shared->magic = CR_RING_MAGIC;
	*ret_ring = ring;
	*ret_fd = fd;
	return 0;
}

uint64_t preload_ring_head(const struct preload_ring *ring)
{
	return __atomic_load_n(&ring->shared->head, __ATOMIC_ACQUIRE);
}

static void tell_tail(struct preload_ring *ring)
{
	__atomic_store_n(&ring->shared->tail, ring->tail, __ATOMIC_RELEASE);
	ring->told_tail = ring->tail;
}

/* Each touch of a shared word delays the writers, and so is not done for each record. */
static void advance(struct preload_ring *ring, uint64_t length)
{
	memset(ring->data + (ring->tail & (ring->size - 1)), 0, length);
	ring->tail += length;
	if (ring->tail - ring->told_tail >= ring->size / TELL_SHARE)
		tell_tail(ring);
}

/* Bytes between tail and head. */
static uint64_t look(struct preload_ring *ring, bool dead)
{
	uint64_t available = ring->head - ring->tail;

	if (available && available <= ring->size && !dead)
		return available;
	ring->head = preload_ring_head(ring);
	if (ring->head == ring->tail && ring->told_tail != ring->tail)
		tell_tail(ring);
	return ring->head - ring->tail;
}

/* Room that was taken and never written is all zero: it ends at the next record. */
static void skip_unwritten(struct preload_ring *ring, uint64_t available)
{
	uint64_t length = CR_ALIGN, word = 0;

	for (; length < available; length += CR_ALIGN) {
		memcpy(&word, ring->data + ((ring->tail + length) & (ring->size - 1)),
		       sizeof(word));
		if (word)
			break;
	}
	ring->killed.records++;
	advance(ring, length);
}

int preload_ring_peek(struct preload_ring *ring, bool dead, uint64_t *ret_time_ns)
{
	for (;;) {
		uint64_t available = look(ring, dead), word;
		const uint8_t *at = ring->data + (ring->tail & (ring->size - 1));
		uint32_t length;

		if (!available)
			return 0;
		if (available > ring->size || available % CR_ALIGN)
			return -EBADMSG;
		word = __atomic_load_n((const uint64_t *)at, __ATOMIC_ACQUIRE);
		length = (uint32_t)word & ~CR_RING_BUSY;
		if (!dead && (!word || word & CR_RING_BUSY))
			return 0;
		if (!word) {
			skip_unwritten(ring, available);
			continue;
		}
		if (length < sizeof(struct cr_head) || length % CR_ALIGN ||
		    length > CR_LENGTH_MAX || length > available)
			return -EBADMSG;
		if (!(word & CR_RING_BUSY)) {
			ring->length = length;
			memcpy(ret_time_ns, at + offsetof(struct cr_head, time_ns),
			       sizeof(*ret_time_ns));
			return 1;
		}
		ring->killed.records++;
		ring->killed.bytes += word >> 32 < length ? word >> 32 : length;
		advance(ring, length);
	}
}

void preload_ring_take(struct preload_ring *ring, void *record)
{
	memcpy(record, ring->data + (ring->tail & (ring->size - 1)), ring->length);
	/* the writer may have changed it since it was looked at */
	((struct cr_head *)record)->length = ring->length;
	advance(ring, ring->length);
}

bool preload_ring_lost(struct preload_ring *ring, unsigned int cause, struct cr_ring_lost *ret_lost)
{
	const struct cr_ring_lost *shared = &ring->shared->lost[cause];
	struct cr_ring_lost *told = &ring->told[cause];
	struct cr_ring_lost now = {
		.records = __atomic_load_n(&shared->records, __ATOMIC_RELAXED),
		.bytes = __atomic_load_n(&shared->bytes, __ATOMIC_RELAXED),
	};

	if (cause == CR_CAUSE_KILLED)
		now = ring->killed;
	ret_lost->records = now.records - told->records;
	ret_lost->bytes = now.bytes - told->bytes;
	*told = now;
	return ret_lost->records || ret_lost->bytes;
}

void preload_ring_verdict(struct preload_ring *ring, uint64_t conn, uint64_t generation,
			  enum cr_ring_verdict verdict)
{
	uint32_t first = cr_ring_slot_of(conn);
	/* where all are taken, one connection is captured whole again: more bytes, none wrong */
	struct cr_ring_slot *slot =
		&ring->shared->verdicts[(first + ring->serial % CR_RING_PROBES) &
					(CR_RING_VERDICTS - 1)];

	for (uint32_t i = CR_RING_PROBES; i-- > 0;) {
		struct cr_ring_slot *s =
			&ring->shared->verdicts[(first + i) & (CR_RING_VERDICTS - 1)];

		if (!s->conn)
			slot = s;
	}
	for (uint32_t i = 0; i < CR_RING_PROBES; i++) {
		struct cr_ring_slot *s =
			&ring->shared->verdicts[(first + i) & (CR_RING_VERDICTS - 1)];

		if (s->conn == conn)
			slot = s;
	}
	__atomic_store_n(&slot->conn, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&slot->generation, generation, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->verdict, verdict, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->conn, conn, __ATOMIC_RELEASE);
	__atomic_store_n(&ring->shared->serial, ++ring->serial, __ATOMIC_RELEASE);
}

void preload_ring_free(struct preload_ring *ring)
{
	if (ring->shared)
		munmap(ring->shared, CR_RING_DATA + 2 * ring->size);
	ring->shared = NULL;
}
