/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/ebpf_watch.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DATA_PAGES 16
#define PROCESSORS_MAX 4096

struct mapping_watch {
	size_t n;
	int *fds;
	struct perf_event_mmap_page **pages;
	size_t page_size;
};

/* The head of PERF_RECORD_MMAP2, as far as it is needed. */
struct mmap_record {
	struct perf_event_header header;
	uint32_t pid, tid;
	uint64_t address, length, offset;
	uint32_t major, minor;
	uint64_t inode, inode_generation;
	uint32_t protection, flags;
};

_Static_assert(sizeof(struct mmap_record) == 72, "the path follows");

static int open_processor(struct mapping_watch *watch, int processor)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.mmap = 1,
		.mmap2 = 1,
		.watermark = 1,
		.wakeup_watermark = 1,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, -1, processor, -1, PERF_FLAG_FD_CLOEXEC);
	void *pages;

	if (fd < 0)
		return -errno;
	pages = mmap(NULL, (DATA_PAGES + 1) * watch->page_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		     fd, 0);
	if (pages == MAP_FAILED) {
		int r = -errno;

		close(fd);
		return r;
	}
	watch->fds[watch->n] = fd;
	watch->pages[watch->n++] = pages;
	return 0;
}

int mapping_watch_new(struct mapping_watch **ret_watch)
{
	struct mapping_watch *watch = calloc(1, sizeof(*watch));
	long processors = sysconf(_SC_NPROCESSORS_CONF);
	int r = -ENOMEM;

	if (!watch)
		return -ENOMEM;
	if (processors < 1 || processors > PROCESSORS_MAX)
		processors = 1;
	watch->page_size = (size_t)sysconf(_SC_PAGESIZE);
	watch->fds = calloc((size_t)processors, sizeof(*watch->fds));
	watch->pages = calloc((size_t)processors, sizeof(struct perf_event_mmap_page *));
	if (!watch->fds || !watch->pages)
		goto fail;
	for (int i = 0; i < processors; i++) {
		r = open_processor(watch, i);
		/* A processor that is switched off is no error. */
		if (r < 0 && r != -ENODEV)
			goto fail;
	}
	if (!watch->n) {
		r = -ENODEV;
		goto fail;
	}
	*ret_watch = watch;
	return 0;
fail:
	mapping_watch_free(watch);
	return r;
}

size_t mapping_watch_fds(const struct mapping_watch *watch, const int **ret_fds)
{
	*ret_fds = watch->fds;
	return watch->n;
}

/* Copy out of the ring, whose end may lie within a record. */
static void copy_out(const uint8_t *ring, uint64_t size, uint64_t at, void *to, size_t length)
{
	size_t offset = at % size, first = length < size - offset ? length : size - offset;

	memcpy(to, ring + offset, first);
	memcpy((uint8_t *)to + first, ring, length - first);
}

/* What follows the head: a path, NUL-terminated and padded. */
static void copy_path(const uint8_t *ring, uint64_t size, uint64_t at,
		      const struct mmap_record *record, char path[MAPPING_PATH_SIZE])
{
	size_t length = record->header.size - sizeof(*record);

	length = length < MAPPING_PATH_SIZE ? length : MAPPING_PATH_SIZE - 1;
	copy_out(ring, size, at + sizeof(*record), path, length);
	path[length] = '\0';
}

static void drain_processor(struct mapping_watch *watch, size_t i, mapping_fn fn, void *context)
{
	struct perf_event_mmap_page *page = watch->pages[i];
	const uint8_t *ring = (const uint8_t *)page + watch->page_size;
	uint64_t size = DATA_PAGES * watch->page_size, tail = page->data_tail;
	uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);

	while (tail < head) {
		struct mapping_event event = {0};
		struct mmap_record record = {0};
		char path[MAPPING_PATH_SIZE];

		copy_out(ring, size, tail, &record.header, sizeof(record.header));
		if (record.header.size < sizeof(record.header))
			break;
		if (record.header.type == PERF_RECORD_MMAP2 &&
		    record.header.size >= sizeof(record)) {
			copy_out(ring, size, tail, &record, sizeof(record));
			event.pid = (pid_t)record.pid;
			event.start = record.address;
			event.length = record.length;
			copy_path(ring, size, tail, &record, path);
			event.path = path;
			fn(context, &event);
		} else if (record.header.type == PERF_RECORD_LOST) {
			event.lost = true;
			fn(context, &event);
		}
		tail += record.header.size;
	}
	__atomic_store_n(&page->data_tail, head, __ATOMIC_RELEASE);
}

void mapping_watch_drain(struct mapping_watch *watch, mapping_fn fn, void *context)
{
	for (size_t i = 0; i < watch->n; i++)
		drain_processor(watch, i, fn, context);
}

void mapping_watch_free(struct mapping_watch *watch)
{
	if (!watch)
		return;
	for (size_t i = 0; i < watch->n; i++) {
		munmap(watch->pages[i], (DATA_PAGES + 1) * watch->page_size);
		close(watch->fds[i]);
	}
	free(watch->fds);
	free(watch->pages);
	free(watch);
}
