/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/library.h"

#include <dlfcn.h>

#include "preload/elf.h"
#include "preload/shim.h"
#include "preload/sys.h"

/* Words of an object in which the method table is looked for. */
#define OBJECT_WORDS 4

/* Objects that are looked at when the caller's needs are followed. */
#define SEARCH_MAX 32

#define LOCK_TRIES 10000

extern int dl_iterate_phdr(int (*fn)(struct dl_phdr_info *, size_t, void *), void *)
	__attribute__((weak));
extern void *dlopen(const char *path, int mode) __attribute__((weak));
extern char *dlerror(void) __attribute__((weak));

static const char *const names[FN_COUNT] = {
	[FN_READ] = "SSL_read",
	[FN_WRITE] = "SSL_write",
	[FN_READ_EX] = "SSL_read_ex",
	[FN_WRITE_EX] = "SSL_write_ex",
	[FN_FREE] = "SSL_free",
	[FN_NEW] = "SSL_new",
	[FN_CLEAR] = "SSL_clear",
	[FN_UP_REF] = "SSL_up_ref",
	[FN_SERVERNAME] = "SSL_get_servername",
	[FN_ALPN] = "SSL_get0_alpn_selected",
	[FN_RFD] = "SSL_get_rfd",
	[FN_WFD] = "SSL_get_wfd",
	[FN_IS_SERVER] = "SSL_is_server",
};

/* A library defines these both; an interposer only the first. */
static const char read_name[] = "SSL_read", maker_name[] = "SSL_CTX_new";

static struct {
	unsigned int n; /* beside the first entry: one line of the cache serves most programs */
	unsigned int lock;
	struct library entries[LIBRARY_MAX]; /* only ever added to; each is pinned in memory */
	uintptr_t self;                      /* an address within this object */
	uintptr_t next[FN_HOOKED];           /* functions of an interposer behind this one */
} libraries __attribute__((aligned(64)));

static bool within(uintptr_t address, uintptr_t low, uintptr_t high)
{
	return address - low < high - low;
}

static const struct library *owner_of(const void *object)
{
	const uintptr_t *words = object;
	unsigned int n = __atomic_load_n(&libraries.n, __ATOMIC_ACQUIRE);

	for (unsigned int w = 0; w < OBJECT_WORDS; w++) {
		for (unsigned int i = 0; i < n; i++) {
			const struct library *l = &libraries.entries[i];

			if (within(words[w], l->low, l->high))
				return l;
		}
	}
	return NULL;
}

static const struct library *library_at(uintptr_t low)
{
	unsigned int n = __atomic_load_n(&libraries.n, __ATOMIC_ACQUIRE);

	for (unsigned int i = 0; i < n; i++) {
		if (libraries.entries[i].low == low)
			return &libraries.entries[i];
	}
	return NULL;
}

/* dl_iterate_phdr: stop at the first library that is not known yet. */
static int find_new(struct dl_phdr_info *info, size_t size, void *context)
{
	struct library *found = context;
	struct image image;
	size_t length;

	image_of(info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum, &image);
	if (!image.dynamic || within(libraries.self, image.low, image.high) ||
	    library_at(image.low) || !image_symbol(&image, read_name) ||
	    !image_symbol(&image, maker_name))
		return 0;
	length = info->dlpi_name ? text_length(info->dlpi_name) : 0;
	if (length >= sizeof(found->path))
		return 0;
	found->low = image.low;
	found->high = image.high;
	for (unsigned int f = 0; f < FN_COUNT; f++) {
		uintptr_t next = f < FN_HOOKED ? libraries.next[f] : 0;

		found->functions[f] = next ? next : image_symbol(&image, names[f]);
	}
	memcpy(found->path, info->dlpi_name, length);
	found->path[length] = 0;
	return 1;
}

/* Keep a library mapped for good, so that what is known of it stays true after dlclose(). */
static bool pin(const struct library *library)
{
	if (!*library->path || !dlopen)
		return true;
	if (dlopen(library->path, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE))
		return true;
	if (dlerror)
		dlerror();
	return false;
}

static void add(const struct library *library)
{
	uint64_t mask = signals_block();
	unsigned int n;

	/* the holder may have been another thread of the parent, which fork() did not bring along
	 */
	for (unsigned int i = 0; i < LOCK_TRIES; i++) {
		if (!__atomic_exchange_n(&libraries.lock, 1, __ATOMIC_ACQUIRE))
			break;
		sys3(SYS_sched_yield, 0, 0, 0);
	}
	n = libraries.n;
	if (n < LIBRARY_MAX && !library_at(library->low)) {
		libraries.entries[n] = *library;
		__atomic_store_n(&libraries.n, n + 1, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&libraries.lock, 0, __ATOMIC_RELEASE);
	signals_restore(mask);
}

struct search {
	const char *name;  /* looked for by name, or */
	uintptr_t address; /* by an address within it */
	struct image image;
};

static const char *base_name(const char *path)
{
	const char *base = path;

	for (; *path; path++) {
		if (*path == '/')
			base = path + 1;
	}
	return base;
}

static int find_object(struct dl_phdr_info *info, size_t size, void *context)
{
	struct search *s = context;
	struct image image;
	const char *soname;

	image_of(info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum, &image);
	if (!image.dynamic)
		return 0;
	if (s->name) {
		soname = image_soname(&image);
		if (!(soname && text_equal(soname, s->name)) &&
		    !(info->dlpi_name && text_equal(base_name(info->dlpi_name), s->name)))
			return 0;
	} else if (!within(s->address, image.low, image.high)) {
		return 0;
	}
	s->image = image;
	return 1;
}

/* The first library among what the caller needs, breadth first, as the loader searches. */
static const struct library *needed_by(uintptr_t caller)
{
	struct image queue[SEARCH_MAX];
	struct search s = {.address = caller};
	unsigned int n = 0;

	if (dl_iterate_phdr(find_object, &s))
		queue[n++] = s.image;
	for (unsigned int i = 0; i < n; i++) {
		const struct library *library = library_at(queue[i].low);

		if (library)
			return library;
		for (unsigned int k = 0; (s.name = image_needed(&queue[i], k)); k++) {
			bool seen = n == SEARCH_MAX || !dl_iterate_phdr(find_object, &s);

			for (unsigned int j = 0; j < n && !seen; j++)
				seen = queue[j].low == s.image.low;
			if (!seen)
				queue[n++] = s.image;
		}
	}
	return NULL;
}

/* Not inlined: the way of every call stays short. */
__attribute__((noinline)) static const struct library *search(const void *object, uintptr_t caller)
{
	const struct library *library;
	struct library found;

	if (!dl_iterate_phdr)
		return NULL;
	for (unsigned int i = 0; i < LIBRARY_MAX && dl_iterate_phdr(find_new, &found); i++) {
		if (pin(&found))
			add(&found);
	}
	library = object ? owner_of(object) : NULL;
	if (!library)
		library = needed_by(caller);
	if (!library && libraries.n)
		library = &libraries.entries[0];
	return library;
}

const struct library *library_of(const void *object, uintptr_t caller)
{
	const struct library *library = object ? owner_of(object) : NULL;
	int *error, saved;

	if (likely(library != NULL))
		return library;
	error = errno_location();
	saved = error ? *error : 0;
	library = search(object, caller);
	if (error)
		*error = saved;
	return library;
}

/* dl_iterate_phdr: an interposer stands behind this object and before the first library. */
static int find_next(struct dl_phdr_info *info, size_t size, void *context)
{
	bool *passed = context;
	struct image image;

	image_of(info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum, &image);
	if (!image.dynamic)
		return 0;
	if (within(libraries.self, image.low, image.high)) {
		*passed = true;
		return 0;
	}
	if (image_symbol(&image, maker_name))
		return image_symbol(&image, read_name) != 0 && *passed;
	for (unsigned int f = 0; *passed && f < FN_HOOKED; f++) {
		if (!libraries.next[f])
			libraries.next[f] = image_symbol(&image, names[f]);
	}
	return 0;
}

void library_start(uintptr_t self)
{
	bool passed = false;

	libraries.self = self;
	if (dl_iterate_phdr)
		dl_iterate_phdr(find_next, &passed);
}
