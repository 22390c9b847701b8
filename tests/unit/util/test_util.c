/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent/util/buffer.h"
#include "agent/util/clock.h"
#include "agent/util/hash.h"
#include "agent/util/loop.h"
#include "agent/util/map.h"
#include "agent/util/record_check.h"
#include "tests/unit/test.h"

TEST(buffer_keeps_its_cap)
{
	struct buffer b;

	buffer_init(&b, 10);
	CHECK_INT(buffer_append(&b, "12345", 5), 0);
	CHECK_INT(buffer_append(&b, "678901", 6), -E2BIG);
	CHECK_INT(b.length, 5);
	CHECK_INT(buffer_printf(&b, "%d", 67890), 0);
	CHECK_TEXT(buffer_text(&b), "1234567890");
	CHECK_INT(buffer_append(&b, "x", 1), -E2BIG);
	buffer_consume(&b, 8);
	CHECK_TEXT(buffer_text(&b), "90");
	buffer_consume(&b, 100);
	CHECK_INT(b.length, 0);
	buffer_free(&b);
}

TEST(map_finds_removes_and_walks_in_order)
{
	struct map *map;
	size_t cursor = 0, n = 0;
	const void *key;
	void *value;

	CHECK_INT(map_new(&map, sizeof(uint64_t), 5000), 0);
	for (uint64_t i = 0; i < 5000; i++)
		CHECK_INT(map_put(map, &i, (void *)(uintptr_t)(i + 1)), 0);
	CHECK_INT(map_put(map, &(uint64_t){5000}, map), -ENOSPC);
	for (uint64_t i = 0; i < 5000; i += 2)
		CHECK_INT((uintptr_t)map_remove(map, &i), i + 1);
	CHECK(!map_get(map, &(uint64_t){4}));
	CHECK_INT((uintptr_t)map_get(map, &(uint64_t){5}), 6);
	while (map_next(map, &cursor, &key, &value)) {
		CHECK_INT(*(const uint64_t *)key, 2 * n + 1);
		if (n++ % 2)
			map_remove(map, key);
	}
	CHECK_INT(n, 2500);
	CHECK_INT(map_count(map), 1250);
	map_free(map);
}

/* FIPS 180-4 example and RFC 4231 case 2 with its key padded to 32 bytes by zeros, as HMAC does. */
TEST(hashes_match_their_standards)
{
	uint8_t digest[HASH_SIZE], key[HASH_KEY_SIZE] = "Jefe";
	char text[2 * HASH_SIZE + 1];

	hash_sha256((struct hash_piece[]){{"a", 1}, {"bc", 2}}, 2, digest);
	hash_hex(digest, HASH_SIZE, text);
	CHECK_TEXT(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	hash_hmac(key, "what do ya want for nothing?", 28, digest);
	hash_hex(digest, HASH_SIZE, text);
	CHECK_TEXT(text, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(clock_reads_dates_times_and_ages)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {
		{"1970-01-01", 0},
		{"2024-02-29T12:00:00Z", 1709208000 * NS_PER_SECOND},
		{"2024-02-29T12:00:00.5+02:00", 1709200800 * NS_PER_SECOND + 500000000},
		{"2024-02-29 12:00:00-01:30", 1709213400 * NS_PER_SECOND},
		{"15m", 100000 * NS_PER_SECOND},
		{"1d", (100900 - 86400) * NS_PER_SECOND},
	};
	static const char *const bad[] = {"",
					  "2023-02-29",
					  "2024-13-01",
					  "2024-01-01T",
					  "2024-01-01T25:00:00Z",
					  "2024-01-01T10:00:00",
					  "5y",
					  "-3h",
					  "2024-01-01T10:00:00Zx",
					  "99999999999999999999s"};
	int64_t ns;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		CHECK_INT(clock_parse(good[i].text, 100900 * NS_PER_SECOND, &ns), 0);
		CHECK_INT(ns, good[i].ns);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_INT(clock_parse(bad[i], 0, &ns), -EINVAL);
}

TEST(clock_refuses_what_does_not_fit)
{
	static const char *const texts[] = {"9999-12-31",           "0001-01-01",
					    "2263-01-01T00:00:00Z", "1000000w",
					    "9223372036854775807s", "99999999999999999999d"};
	int64_t ns = 7;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		CHECK_INT(clock_parse(texts[i], 0, &ns), -EINVAL);
	CHECK_INT(ns, 7);
	CHECK_INT(clock_parse("2261-12-31", 0, &ns), 0);
}

TEST(clock_writes_what_it_reads)
{
	char text[CLOCK_TEXT_MAX];
	int64_t ns;

	CHECK_TEXT(clock_text(1709208000 * NS_PER_SECOND + 7, text),
		   "2024-02-29T12:00:00.000000007Z");
	CHECK_INT(clock_parse(text, 0, &ns), 0);
	CHECK_INT(ns, 1709208000 * NS_PER_SECOND + 7);
	CHECK_TEXT(clock_text(-1, text), "1969-12-31T23:59:59.999999999Z");
}

TEST(records_are_built_and_walked)
{
	struct buffer b;
	size_t offset = sizeof(struct cr_exec), length;
	const struct cr_head *head;
	unsigned int tag;
	const char *text;

	buffer_init(&b, 4096);
	CHECK_INT(record_begin(&b, CR_EXEC, sizeof(struct cr_exec), 42), 0);
	CHECK_INT(record_add_field(&b, CR_FIELD_EXE, "/bin/true", 9), 0);
	CHECK_INT(record_add_field(&b, CR_FIELD_COMM, "", 0), 0);
	CHECK_INT(record_finish(&b, 0), 0);
	head = (const void *)b.data;
	CHECK_INT(b.length % CR_ALIGN, 0);
	CHECK_INT(head->length, b.length);
	CHECK_INT(head->time_ns, 42);
	for (size_t n = 0; n < b.length; n++)
		CHECK_INT(record_check(head, n), -EAGAIN);
	CHECK_INT(record_check(head, b.length), 0);
	text = record_field_next(head, &offset, &tag, &length);
	CHECK(text && tag == CR_FIELD_EXE && length == 9 && !memcmp(text, "/bin/true", 9));
	text = record_field_next(head, &offset, &tag, &length);
	CHECK(text && tag == CR_FIELD_COMM && length == 0);
	CHECK(!record_field_next(head, &offset, &tag, &length));
	buffer_free(&b);
}

TEST(damaged_records_are_told)
{
	struct cr_data data = {
		.head = {.length = sizeof(data), .type = CR_DATA, .version = CR_VERSION}};

	CHECK_INT(record_check(&data.head, sizeof(data)), 0);
	data.captured_length = data.true_length = 8;
	CHECK_INT(record_check(&data.head, sizeof(data)), -EBADMSG);
	data.captured_length = 0;
	data.stream_offset = UINT64_MAX - 7;
	CHECK_INT(record_check(&data.head, sizeof(data)), -EBADMSG);
	data.stream_offset = 0;
	data.head.length = 20;
	CHECK_INT(record_check(&data.head, sizeof(data)), -EBADMSG);
	data.head.length = 120;
	CHECK_INT(record_check(&data.head, sizeof(data)), -EBADMSG);
	data.head.type = 999;
	CHECK_INT(record_check(&data.head, sizeof(data)), 0);
	data.head.length = CR_LENGTH_MAX + 8;
	CHECK_INT(record_check(&data.head, sizeof(data)), -EBADMSG);
}

struct turn {
	struct loop *loop;
	int fds[2][2];
	int calls[2];
};

/* Both are ready in one turn: whichever comes first takes the other out. */
static int take_other_out(void *context, int fd, uint32_t events)
{
	struct turn *turn = context;
	int own = fd == turn->fds[1][0];

	turn->calls[own]++;
	loop_remove(turn->loop, turn->fds[!own][0]);
	if (turn->calls[own] == 2)
		loop_stop(turn->loop);
	return 0;
}

TEST(loop_does_not_call_what_was_removed)
{
	struct turn turn = {0};

	CHECK_INT(loop_new(&turn.loop), 0);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(pipe(turn.fds[i]), 0);
		CHECK_INT(write(turn.fds[i][1], "x", 1), 1);
		CHECK_INT(loop_add(turn.loop, turn.fds[i][0], EPOLLIN, take_other_out, &turn), 0);
	}
	CHECK_INT(loop_run(turn.loop), 0);
	CHECK_INT(turn.calls[0] + turn.calls[1], 2);
	CHECK(turn.calls[0] == 0 || turn.calls[1] == 0);
	/* A descriptor may be added again, and be called again. */
	loop_remove(turn.loop, turn.fds[0][0]);
	loop_remove(turn.loop, turn.fds[1][0]);
	turn.calls[0] = 1;
	turn.calls[1] = 5;
	CHECK_INT(loop_add(turn.loop, turn.fds[0][0], EPOLLIN, take_other_out, &turn), 0);
	CHECK_INT(loop_run(turn.loop), 0);
	CHECK_INT(turn.calls[0], 2);
	loop_free(turn.loop);
	for (int i = 0; i < 2; i++) {
		close(turn.fds[i][0]);
		close(turn.fds[i][1]);
	}
}

TEST_MAIN()
