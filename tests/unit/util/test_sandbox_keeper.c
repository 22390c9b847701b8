/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper starts no program, and still has files, sockets and threads. */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <netdb.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "tests/unit/util/confined.h"

static char folder[64], ledger[128];

static void clean_up(void)
{
	static const char *const endings[] = {"", "-wal", "-shm"};
	char path[256];

	for (size_t i = 0; folder[0] && i < sizeof(endings) / sizeof(*endings); i++) {
		snprintf(path, sizeof(path), "%s%s", ledger, endings[i]);
		unlink(path);
	}
	if (folder[0])
		rmdir(folder);
	folder[0] = '\0';
}

static void set_up(void)
{
	clean_up();
	if (geteuid())
		SKIP("needs root");
	snprintf(folder, sizeof(folder), "/tmp/tollspan-test-XXXXXX");
	CHECK(mkdtemp(folder));
	CHECK(!chown(folder, NOBODY, NOBODY));
	snprintf(ledger, sizeof(ledger), "%s/ledger.db", folder);
}

/* ---- refused ---- */

static void try_all(void *context)
{
	lock(SANDBOX_KEEPER, *(const bool *)context);
	expect_system_refused();
	EXPECT_REFUSED(syscall(SYS_bpf, 0, NULL, 0));
	EXPECT_REFUSED(syscall(SYS_bpf, 5, NULL, 0));
	EXPECT_REFUSED(syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0));
}

TEST(keeper_is_refused)
{
	bool become = false;

	confined_run(try_all, &become);
	become = true;
	confined_run(try_all, &become);
}

static void try_rights(void *context)
{
	lock(SANDBOX_KEEPER, true);
	EXPECT_REFUSED(setuid(0));
	EXPECT_REFUSED(setgid(0));
	EXPECT_REFUSED(chown(folder, 0, 0));
	EXPECT(open("/etc/shadow", O_RDONLY) < 0 && errno == EACCES);
	EXPECT(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
}

TEST(keeper_has_no_rights)
{
	set_up();
	confined_run(try_rights, NULL);
	clean_up();
}

/* ---- allowed ---- */

static void run(sqlite3 *db, const char *sql)
{
	char *error = NULL;

	EXPECT(sqlite3_exec(db, sql, NULL, NULL, &error) == SQLITE_OK);
	if (error)
		dprintf(complaints, "\n  %s: %s", sql, error);
	sqlite3_free(error);
}

static void write_ledger(void *context)
{
	sqlite3 *db = NULL;

	lock(SANDBOX_KEEPER, true);
	EXPECT(sqlite3_open(ledger, &db) == SQLITE_OK);
	run(db, "PRAGMA journal_mode = wal");
	run(db, "CREATE TABLE t (n INTEGER)");
	run(db, "BEGIN IMMEDIATE");
	run(db, "INSERT INTO t VALUES (41), (1)");
	run(db, "COMMIT");
	EXPECT(sqlite3_close(db) == SQLITE_OK);
}

static int read_sum(void *context, int columns, char **values, char **names)
{
	snprintf(context, 16, "%s", values[0] ? values[0] : "");
	return 0;
}

TEST(keeper_writes_a_ledger)
{
	struct stat st;
	char sum[16] = "";
	sqlite3 *db;

	set_up();
	confined_run(write_ledger, NULL);
	CHECK(!stat(ledger, &st));
	CHECK_INT(st.st_uid, NOBODY);
	CHECK_INT(sqlite3_open_v2(ledger, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	CHECK_INT(sqlite3_exec(db, "SELECT sum(n) FROM t", read_sum, sum, NULL), SQLITE_OK);
	sqlite3_close(db);
	CHECK_TEXT(sum, "42");
	clean_up();
}

/* Resolves as libcurl does: in a thread, with libraries that are loaded for it. */
static void *resolve(void *context)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
	int r = getaddrinfo("localhost", "80", &hints, &found);

	EXPECT(r == 0 && found);
	for (const struct addrinfo *at = found; at; at = at->ai_next) {
		const struct sockaddr_in *address = (const void *)at->ai_addr;

		if (at->ai_family == AF_INET)
			EXPECT(address->sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	}
	if (found)
		freeaddrinfo(found);
	return NULL;
}

static void speak(void *context)
{
	char url[64];
	pthread_t thread;
	long error = 0;
	CURL *curl;

	lock(SANDBOX_KEEPER, true);
	EXPECT(!pthread_create(&thread, NULL, resolve, NULL) && !pthread_join(thread, NULL));
	snprintf(url, sizeof(url), "https://localhost:%u/v1/traces",
		 *(const unsigned int *)context);
	EXPECT(!curl_global_init(CURL_GLOBAL_DEFAULT));
	curl = curl_easy_init();
	EXPECT(curl);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "x");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 5000L);
	EXPECT(curl_easy_perform(curl) == CURLE_COULDNT_CONNECT);
	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
	EXPECT(error == ECONNREFUSED);
	curl_easy_cleanup(curl);
	curl_global_cleanup();
}

/* A port of the loopback that nobody listens on: bound, and no more. */
TEST(keeper_speaks_to_a_collector)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unsigned int port;

	CHECK(fd >= 0 && !bind(fd, (const struct sockaddr *)&address, size));
	CHECK(!getsockname(fd, (struct sockaddr *)&address, &size));
	port = ntohs(address.sin_port);
	confined_run(speak, &port);
	close(fd);
}

/* A thread that is there already is locked in too. */
static void *wait_then_try(void *context)
{
	char byte;

	EXPECT(read(*(const int *)context, &byte, 1) == 1);
	EXPECT_REFUSED(chroot("/"));
	return NULL;
}

static void lock_with_thread(void *context)
{
	pthread_t thread;
	int pair[2];

	EXPECT(!pipe(pair));
	EXPECT(!pthread_create(&thread, NULL, wait_then_try, &pair[0]));
	lock(SANDBOX_KEEPER, false);
	EXPECT(write(pair[1], "x", 1) == 1);
	EXPECT(!pthread_join(thread, NULL));
}

TEST(all_threads_are_locked)
{
	confined_run(lock_with_thread, NULL);
}

TEST_MAIN()
