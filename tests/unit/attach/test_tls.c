/* SPDX-License-Identifier: Apache-2.0 */
/* Traces of TLS libraries in files that are made for it. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/attach/tls.h"
#include "tests/unit/test.h"

#define MEBIBYTE (1l << 20)

static char path[] = "/tmp/tollspan-test-XXXXXX";
static int fd = -1;

static void make_file(off_t size)
{
	if (fd < 0)
		fd = mkstemp(path);
	CHECK(fd >= 0);
	CHECK(!ftruncate(fd, 0) && !ftruncate(fd, size));
}

static void put(const char *text, size_t length, off_t at)
{
	CHECK(pwrite(fd, text, length, at) == (ssize_t)length);
}

static void remove_file(void)
{
	close(fd);
	fd = -1;
	unlink(path);
	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
}

TEST(trace_at_every_place_around_a_window)
{
	static const char text[] = "crypto/tls.(*Conn).Write";

	for (off_t at = MEBIBYTE - 100; at < MEBIBYTE + 100; at++) {
		make_file(MEBIBYTE + 4096);
		put(text, sizeof(text), at);
		CHECK_TEXT(tls_inside(path), "Go's crypto/tls");
	}
	remove_file();
}

TEST(trace_at_both_ends)
{
	make_file(12);
	put("ssl_lib.cc..", 12, 0);
	CHECK(!tls_inside(path));
	put("rustls::", 8, 0);
	CHECK_TEXT(tls_inside(path), "rustls");
	make_file(3 * MEBIBYTE);
	put("rustls::", 8, 3 * MEBIBYTE - 8);
	CHECK_TEXT(tls_inside(path), "rustls");
	make_file(3 * MEBIBYTE);
	put("rustls:", 7, 3 * MEBIBYTE - 7);
	CHECK(!tls_inside(path));
	remove_file();
}

TEST(most_telling_trace_wins)
{
	make_file(5 * MEBIBYTE);
	put("OpenSSL 1.", 10, 10);
	CHECK_TEXT(tls_inside(path), "OpenSSL");
	put("ssl/ssl_lib.cc", 14, 4 * MEBIBYTE);
	CHECK_TEXT(tls_inside(path), "BoringSSL");
	remove_file();
}

TEST(dlopen_is_a_whole_entry)
{
	make_file(2 * MEBIBYTE);
	put("xdlopen", 8, MEBIBYTE - 4);
	CHECK(!tls_may_load(path));
	put("\0dlopen", 8, MEBIBYTE - 4);
	CHECK(tls_may_load(path));
	remove_file();
}

TEST(what_is_no_file)
{
	make_file(0);
	CHECK(!tls_inside(path));
	remove_file();
	CHECK(!tls_inside(path));
	CHECK(!tls_inside("/"));
	CHECK(!tls_inside("/dev/zero"));
}

TEST_MAIN()
