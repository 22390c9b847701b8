/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connect() is interposed to be counted, so that a process whose TLS is not seen is told from one
 * that never used the network. The C library's own function does the work: it is a point where a
 * thread can be cancelled.
 */
#include <errno.h>
#include <sys/socket.h>

#include "preload/elf.h"
#include "preload/shim.h"
#include "preload/sys.h"

typedef int (*connect_function)(int, const void *, unsigned int);

extern int dl_iterate_phdr(int (*fn)(struct dl_phdr_info *, size_t, void *), void *)
	__attribute__((weak));

static uintptr_t next; /* 0: not found yet */

struct search {
	uintptr_t address; /* of the first one behind this object */
	bool passed;       /* this object */
};

/* dl_iterate_phdr: stop at the first object behind this one that defines connect(). */
static int find_next(struct dl_phdr_info *info, size_t size, void *context)
{
	uintptr_t self = (uintptr_t)&connect_start;
	struct search *search = context;
	struct image image;

	image_of(info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum, &image);
	if (!image.dynamic)
		return 0;
	if (self - image.low < image.high - image.low)
		search->passed = true;
	else if (search->passed)
		search->address = image_symbol(&image, "connect");
	return search->address != 0;
}

void connect_start(void)
{
	struct search search = {0};

	if (dl_iterate_phdr && dl_iterate_phdr(find_next, &search))
		__atomic_store_n(&next, search.address, __ATOMIC_RELAXED);
}

static int call_next(int fd, const void *address, unsigned int length)
{
	uintptr_t function = __atomic_load_n(&next, __ATOMIC_RELAXED);
	int *error;
	long ret;

	/* another object's constructor may call before ours */
	if (unlikely(!function)) {
		connect_start();
		function = __atomic_load_n(&next, __ATOMIC_RELAXED);
	}
	if (likely(function))
		return ((connect_function)function)(fd, address, length);
	ret = sys3(SYS_connect, fd, address, length);
	if (ret >= 0)
		return (int)ret;
	error = errno_location();
	if (error)
		*error = (int)-ret;
	return -1;
}

/* The kernel has read the address by now. */
static bool is_internet_stream(int fd, const void *address, unsigned int length)
{
	const struct sockaddr *name = address;
	int type = 0, size = sizeof(type);

	if (length < sizeof(name->sa_family) ||
	    (name->sa_family != AF_INET && name->sa_family != AF_INET6))
		return false;
	return !sys6(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &size, 0) &&
	       type == SOCK_STREAM;
}

int interposed_connect(int fd, const void *address, unsigned int length) __asm__("connect")
	__attribute__((visibility("default")));
int interposed_connect(int fd, const void *address, unsigned int length)
{
	int ret = call_next(fd, address, length);
	int *error = errno_location();
	int saved = error ? *error : 0;
	struct session *session;

	if (ret && saved != EINPROGRESS)
		return ret;
	session = is_internet_stream(fd, address, length) ? session_get() : NULL;
	if (session)
		__atomic_fetch_add(&session->ring->connects, 1, __ATOMIC_RELAXED);
	if (error)
		*error = saved;
	return ret;
}
