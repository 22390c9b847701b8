/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TLS libraries of the process, and which of them a call is for.
 *
 * An interposed function stands before every copy of libssl that the process loads. A call belongs
 * to the copy that made its object: an SSL or SSL_CTX keeps, in its first words, a pointer to the
 * method table of its library (OpenSSL 1.0 to 3.x, LibreSSL, BoringSSL). Where no such word is
 * found, the libraries that the calling object needs decide, in the order of DT_NEEDED; then the
 * first one loaded. dlsym(RTLD_NEXT) is not used: it does not see what was loaded RTLD_LOCAL, and
 * is not there in every program.
 */
#ifndef PRELOAD_LIBRARY_H
#define PRELOAD_LIBRARY_H

#include <stdint.h>

#define LIBRARY_MAX 16
#define LIBRARY_PATH_MAX 256

enum function {
	FN_READ,
	FN_WRITE,
	FN_READ_EX,
	FN_WRITE_EX,
	FN_FREE,
	FN_NEW,
	FN_CLEAR,
	FN_UP_REF,
	FN_HOOKED, /* those above are interposed, those below are asked */
	FN_SERVERNAME = FN_HOOKED,
	FN_ALPN,
	FN_RFD,
	FN_WFD,
	FN_IS_SERVER,
	FN_COUNT
};

struct library {
	uintptr_t low, high;           /* its segments */
	uintptr_t functions[FN_COUNT]; /* 0: it has none */
	char path[LIBRARY_PATH_MAX];   /* "": the executable */
};

/** library_start - find interposers that come behind this one; in the constructor. */
void library_start(uintptr_t self);

/*
 * library_of - the library that a call is for; async-signal-safe once the library is known.
 * @object: SSL or SSL_CTX, may be NULL.
 * @caller: return address of the interposed call.
 * Return: NULL if the process has no TLS library.
 */
const struct library *library_of(const void *object, uintptr_t caller);

#endif
