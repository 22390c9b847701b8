/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interposed functions. What the library returns is returned; where the process has no library
 * that could be called, its own value for failure is: -1, 0 or NULL.
 */
#include <limits.h>

#include "preload/shim.h"
#include "preload/sys.h"

#define API __attribute__((visibility("default")))
#define CALLER ((uintptr_t)__builtin_return_address(0))

/*
 * Of longer writes the time of entry is told. A shorter one does not wait as a rule, so that its
 * return says as much; a read is entered long before its bytes come. The clock is half of the cost.
 */
#define ENTRY_TIME_MIN 4096

/* Calls of one thread that are inside each other, at most, to be told apart. */
#define INSIDE_MAX 4

typedef int (*plain_read)(void *, void *, int);
typedef int (*plain_write)(void *, const void *, int);
typedef int (*ex_read)(void *, void *, size_t, size_t *);
typedef int (*ex_write)(void *, const void *, size_t, size_t *);

/* Objects, with their direction as lowest bit, that this thread has a call open on. */
static __thread uintptr_t inside[INSIDE_MAX] __attribute__((tls_model("initial-exec")));

struct call {
	const struct library *library; /* NULL: there is none */
	struct session *session;       /* NULL: not captured */
	uint64_t entry_ns;
	unsigned int slot;
};

static bool is_inside(uintptr_t key)
{
	for (unsigned int i = 0; i < INSIDE_MAX; i++) {
		if (inside[i] == key)
			return true;
	}
	return false;
}

/*
 * A library that calls its own export within a call on the same object is counted once. A mark that
 * a longjmp() left behind does no harm: only calls out of the library itself are compared with it.
 */
static inline void call_begin(struct call *call, void *ssl, unsigned int direction, size_t wanted,
			      uintptr_t caller)
{
	uintptr_t key = (uintptr_t)ssl | direction;

	*call = (struct call){0};
	call->library = library_of(ssl, caller);
	if (unlikely(!call->library))
		return;
	if (unlikely(caller - call->library->low < call->library->high - call->library->low) &&
	    is_inside(key))
		return;
	call->session = session_get();
	if (!call->session)
		return;
	for (call->slot = 0; call->slot < INSIDE_MAX - 1 && inside[call->slot]; call->slot++)
		;
	inside[call->slot] = key;
	if (wanted > ENTRY_TIME_MIN && direction == CR_SEND)
		call->entry_ns = clock_boot();
}

static inline void call_end(struct call *call, void *ssl, unsigned int direction, const void *bytes,
			    size_t length)
{
	struct operation operation = {
		.ssl = ssl,
		.library = call->library,
		.direction = direction,
		.bytes = bytes,
		.length = length,
		.entry_ns = call->entry_ns,
	};

	if (!call->session)
		return;
	inside[call->slot] = 0;
	if (length)
		capture(call->session, &operation);
}

API int SSL_read(void *ssl, void *bytes, int n);
API int SSL_read(void *ssl, void *bytes, int n)
{
	struct call call;
	plain_read real;
	int ret;

	call_begin(&call, ssl, CR_RECV, (size_t)n, CALLER);
	real = call.library ? (plain_read)call.library->functions[FN_READ] : NULL;
	ret = real ? real(ssl, bytes, n) : -1;
	call_end(&call, ssl, CR_RECV, bytes, ret > 0 ? (size_t)ret : 0);
	return ret;
}

API int SSL_write(void *ssl, const void *bytes, int n);
API int SSL_write(void *ssl, const void *bytes, int n)
{
	struct call call;
	plain_write real;
	int ret;

	call_begin(&call, ssl, CR_SEND, (size_t)n, CALLER);
	real = call.library ? (plain_write)call.library->functions[FN_WRITE] : NULL;
	ret = real ? real(ssl, bytes, n) : -1;
	call_end(&call, ssl, CR_SEND, bytes, ret > 0 ? (size_t)ret : 0);
	return ret;
}

/* A library without the _ex form has the plain one: a program that finds ours may call it. */
static int read_by_plain(const struct library *library, void *ssl, void *bytes, size_t n,
			 size_t *ret_n)
{
	plain_read real = library ? (plain_read)library->functions[FN_READ] : NULL;
	int got = real ? real(ssl, bytes, n < INT_MAX ? (int)n : INT_MAX) : -1;

	if (got <= 0)
		return 0;
	*ret_n = (size_t)got;
	return 1;
}

static int write_by_plain(const struct library *library, void *ssl, const void *bytes, size_t n,
			  size_t *ret_n)
{
	plain_write real = library ? (plain_write)library->functions[FN_WRITE] : NULL;
	int got = real ? real(ssl, bytes, n < INT_MAX ? (int)n : INT_MAX) : -1;

	if (got <= 0)
		return 0;
	*ret_n = (size_t)got;
	return 1;
}

API int SSL_read_ex(void *ssl, void *bytes, size_t n, size_t *ret_n);
API int SSL_read_ex(void *ssl, void *bytes, size_t n, size_t *ret_n)
{
	struct call call;
	ex_read real;
	int ret;

	call_begin(&call, ssl, CR_RECV, (size_t)n, CALLER);
	real = call.library ? (ex_read)call.library->functions[FN_READ_EX] : NULL;
	ret = real ? real(ssl, bytes, n, ret_n) : read_by_plain(call.library, ssl, bytes, n, ret_n);
	call_end(&call, ssl, CR_RECV, bytes, ret > 0 ? *ret_n : 0);
	return ret;
}

API int SSL_write_ex(void *ssl, const void *bytes, size_t n, size_t *ret_n);
API int SSL_write_ex(void *ssl, const void *bytes, size_t n, size_t *ret_n)
{
	struct call call;
	ex_write real;
	int ret;

	call_begin(&call, ssl, CR_SEND, (size_t)n, CALLER);
	real = call.library ? (ex_write)call.library->functions[FN_WRITE_EX] : NULL;
	ret = real ? real(ssl, bytes, n, ret_n)
		   : write_by_plain(call.library, ssl, bytes, n, ret_n);
	call_end(&call, ssl, CR_SEND, bytes, ret > 0 ? *ret_n : 0);
	return ret;
}

API void *SSL_new(void *context);
API void *SSL_new(void *context)
{
	const struct library *library = library_of(context, CALLER);
	void *(*real)(void *) = library ? (void *)library->functions[FN_NEW] : NULL;
	void *ssl = real ? real(context) : NULL;
	struct session *session = ssl ? session_get() : NULL;

	if (session)
		conn_begin(session, ssl, true, clock_boot());
	return ssl;
}

API int SSL_clear(void *ssl);
API int SSL_clear(void *ssl)
{
	const struct library *library = library_of(ssl, CALLER);
	int (*real)(void *) = library ? (void *)library->functions[FN_CLEAR] : NULL;
	int ret = real ? real(ssl) : 0;
	struct session *session = ret > 0 ? session_get() : NULL;

	if (session)
		conn_begin(session, ssl, false, clock_boot());
	return ret;
}

API int SSL_up_ref(void *ssl);
API int SSL_up_ref(void *ssl)
{
	const struct library *library = library_of(ssl, CALLER);
	int (*real)(void *) = library ? (void *)library->functions[FN_UP_REF] : NULL;
	int ret = real ? real(ssl) : 0;
	struct session *session = ret > 0 ? session_get() : NULL;
	struct conn *conn = session ? conn_find(session, ssl) : NULL;

	if (conn)
		__atomic_fetch_add(&conn->references, 1, __ATOMIC_RELAXED);
	return ret;
}

API void SSL_free(void *ssl);
API void SSL_free(void *ssl)
{
	const struct library *library = ssl ? library_of(ssl, CALLER) : NULL;
	void (*real)(void *) = library ? (void *)library->functions[FN_FREE] : NULL;
	struct session *session = real ? session_get() : NULL;

	/* before the call: behind it, another thread may have got the same address */
	if (session)
		conn_end(session, ssl, clock_boot());
	if (real)
		real(ssl);
}
