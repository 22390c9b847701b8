/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "agent/util/buffer.h"
#include "tests/unit/test.h"

#define CONTENT_MAX (8 * 1024 * 1024)

static struct buffer content;
static size_t starts[64], n_starts;
static char path[] = "/tmp/test_file.XXXXXX";
static bool made;

static void add(const void *record, size_t length)
{
	starts[n_starts++] = content.length;
	CHECK_INT(buffer_append(&content, record, length), 0);
}

static void add_file_record(void)
{
	struct cr_file file = {
		.head = {.length = sizeof(file), .type = CR_FILE, .version = 1},
		.magic = 0x4e4150534c4c4f54ull,
		.hash_key = {1, 2, 3},
		.capture = CR_CAPTURE_PRELOAD,
	};

	buffer_free(&content);
	buffer_init(&content, CONTENT_MAX);
	n_starts = 0;
	add(&file, sizeof(file));
}

static void add_data(uint32_t length)
{
	static uint8_t record[CR_LENGTH_MAX];
	struct cr_data *data = (void *)record;

	memset(record, 0, sizeof(record));
	data->head.length = (uint32_t)(sizeof(*data) + (length + 7) / 8 * 8);
	data->head.type = CR_DATA;
	data->head.version = 1;
	data->true_length = data->captured_length = length;
	memset(data + 1, 'x', length);
	add(record, data->head.length);
}

static void add_tick(uint16_t type)
{
	struct cr_tick tick = {.head = {.length = sizeof(tick), .type = type, .version = 1}};

	add(&tick, sizeof(tick));
}

static void small_file(void)
{
	add_file_record();
	add_tick(CR_TICK);
	add_data(13);
	add_tick(9999);
	add_data(0);
	starts[n_starts] = content.length;
}

static void remove_file(void)
{
	unlink(path);
}

/* The first `length` bytes of the content as a file, opened. */
static struct capture_file *open_bytes(const void *bytes, size_t length)
{
	struct capture_file *file;
	int fd = made ? open(path, O_WRONLY | O_TRUNC) : mkstemp(path);

	CHECK(fd >= 0);
	if (!made)
		atexit(remove_file);
	made = true;
	CHECK_INT(write(fd, bytes, length), (int64_t)length);
	close(fd);
	CHECK_INT(capture_file_open(&file, path), 0);
	return file;
}

TEST(every_record_in_order_with_its_offset)
{
	struct capture_file *file;
	const struct cr_head *record = NULL;

	small_file();
	file = open_bytes(content.data, content.length);
	for (size_t i = 0; i < n_starts; i++) {
		CHECK_INT(capture_file_next(file, &record), 1);
		CHECK_INT(capture_file_offset(file), starts[i]);
		CHECK_INT(record->length, starts[i + 1] - starts[i]);
		CHECK_INT((uintptr_t)record % CR_ALIGN, 0);
		CHECK(!memcmp(record, content.data + starts[i], record->length));
	}
	CHECK_INT(capture_file_next(file, &record), 0);
	CHECK_INT(capture_file_next(file, &record), 0);
	CHECK(!capture_file_reason(file));
	capture_file_free(file);
}

TEST(truncated_at_every_byte)
{
	small_file();
	for (size_t length = 0; length < content.length; length++) {
		struct capture_file *file = open_bytes(content.data, length);
		const struct cr_head *record;
		size_t whole = 0, seen = 0;
		int r;

		while (starts[whole + 1] <= length)
			whole++;
		while ((r = capture_file_next(file, &record)) > 0)
			seen++;
		CHECK_INT(seen, whole);
		CHECK_INT(capture_file_offset(file), starts[whole]);
		if (length == starts[whole] && whole > 0) {
			CHECK_INT(r, 0);
			CHECK(!capture_file_reason(file));
		} else {
			CHECK_INT(r, -ENODATA);
			CHECK(capture_file_reason(file) && *capture_file_reason(file));
			CHECK_INT(capture_file_next(file, &record), -ENODATA);
		}
		capture_file_free(file);
	}
}

/* A flipped bit is found, or changes a value, but what is before it is always delivered as it was.
 */
TEST(every_bit_flipped)
{
	small_file();
	for (size_t bit = 0; bit < content.length * 8; bit++) {
		const struct cr_head *record;
		struct capture_file *file;
		size_t before = 0;
		uint64_t at = 0;
		int r;

		content.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		file = open_bytes(content.data, content.length);
		while ((r = capture_file_next(file, &record)) > 0) {
			at = capture_file_offset(file);
			CHECK(at + record->length <= content.length);
			if (at + record->length <= bit / 8)
				before++;
		}
		for (size_t i = 0; i < n_starts; i++)
			before -= starts[i + 1] <= bit / 8;
		CHECK_INT(before, 0);
		CHECK(r == 0 || r == -EBADMSG || r == -ENODATA);
		CHECK((r == 0) == !capture_file_reason(file));
		CHECK(r == 0 || capture_file_offset(file) <= content.length);
		capture_file_free(file);
		content.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void check_damage(size_t at, uint32_t value, size_t record, const char *word)
{
	uint32_t saved;
	struct capture_file *file;
	const struct cr_head *head;
	size_t seen = 0;
	int r;

	memcpy(&saved, content.data + at, 4);
	memcpy(content.data + at, &value, 4);
	file = open_bytes(content.data, content.length);
	while ((r = capture_file_next(file, &head)) > 0)
		seen++;
	CHECK_INT(r, -EBADMSG);
	CHECK_INT(seen, record);
	CHECK_INT(capture_file_offset(file), starts[record]);
	if (!strstr(capture_file_reason(file), word))
		test_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"",
			  capture_file_reason(file), word);
	capture_file_free(file);
	memcpy(content.data + at, &saved, 4);
}

TEST(damage_is_named)
{
	small_file();
	check_damage(starts[2], 0, 2, "length says 0");
	check_damage(starts[2], 15, 2, "length says 15");
	check_damage(starts[2], 0xfffffff8u, 2, "length says 4294967288");
	check_damage(starts[2] + 4, 0x00020000u | CR_DATA, 2, "version says 2");
	check_damage(starts[2] + offsetof(struct cr_data, captured_length), 14, 2, "type 1");
	check_damage(starts[2] + offsetof(struct cr_data, true_length), 0, 2, "type 1");
}

TEST(another_kind_of_file)
{
	static const char text[] =
		"{\"id\": \"not a capture file, but long enough to be one\"}\n\n";
	static const uint8_t zeros[4096];

	small_file();
	check_damage(4, 0x00010000u | CR_TICK, 0, "not a capture file");
	check_damage(16, 0, 0, "not a capture file");
	check_damage(4, 0x00020000u | CR_FILE, 0, "version 2");
	for (int i = 0; i < 2; i++) {
		struct capture_file *file = open_bytes(i ? (const void *)zeros : text,
						       i ? sizeof(zeros) : sizeof(text));
		const struct cr_head *record;

		CHECK_INT(capture_file_next(file, &record), -EBADMSG);
		CHECK_TEXT(capture_file_reason(file), "this is not a capture file");
		CHECK_INT(capture_file_offset(file), 0);
		capture_file_free(file);
	}
}

TEST(longest_records_and_many)
{
	struct capture_file *file;
	const struct cr_head *record;
	size_t n = 0;
	int r;

	add_file_record();
	while (n_starts < 60)
		add_data(CR_LENGTH_MAX - sizeof(struct cr_data));
	starts[n_starts] = content.length;
	file = open_bytes(content.data, content.length);
	while ((r = capture_file_next(file, &record)) > 0) {
		CHECK_INT(capture_file_offset(file), starts[n]);
		CHECK(!memcmp(record, content.data + starts[n], record->length));
		n++;
	}
	CHECK_INT(r, 0);
	CHECK_INT(n, 60);
	capture_file_free(file);
}

static int count(void *context, const struct cr_head *record)
{
	return ++*(int *)context == 3 ? -ECANCELED : 0;
}

TEST(sink_may_stop)
{
	struct capture_file *file;
	int n = 0;

	small_file();
	file = open_bytes(content.data, content.length);
	CHECK_INT(capture_file_feed(file, count, &n), -ECANCELED);
	CHECK_INT(n, 3);
	CHECK_INT(capture_file_feed(file, count, &n), 0);
	CHECK_INT(n, (int64_t)n_starts);
	capture_file_free(file);
}

TEST(pipe_that_is_written_slowly)
{
	const struct cr_head *record;
	struct capture_file *file;
	char name[32];
	int ends[2];

	small_file();
	CHECK_INT(pipe(ends), 0);
	snprintf(name, sizeof(name), "/dev/fd/%d", ends[0]);
	CHECK_INT(capture_file_open(&file, name), 0);
	close(ends[0]);
	for (size_t i = 0; i < n_starts; i++) {
		CHECK_INT(write(ends[1], content.data + starts[i], starts[i + 1] - starts[i]),
			  (int64_t)(starts[i + 1] - starts[i]));
		CHECK_INT(capture_file_next(file, &record), 1);
		CHECK_INT(capture_file_offset(file), starts[i]);
	}
	close(ends[1]);
	CHECK_INT(capture_file_next(file, &record), 0);
	capture_file_free(file);
}

TEST(standard_input_stays_open)
{
	const struct cr_head *record;
	struct capture_file *file;

	small_file();
	capture_file_free(open_bytes(content.data, content.length));
	CHECK(freopen(path, "r", stdin));
	CHECK_INT(capture_file_open(&file, "-"), 0);
	CHECK_INT(capture_file_next(file, &record), 1);
	capture_file_free(file);
	CHECK(fcntl(STDIN_FILENO, F_GETFD) >= 0);
}

TEST(what_can_not_be_opened_or_read)
{
	struct capture_file *file = NULL;
	const struct cr_head *record;

	CHECK_INT(capture_file_open(&file, "/nonexistent/file"), -ENOENT);
	CHECK(!file);
	CHECK_INT(capture_file_open(&file, "/"), 0);
	CHECK_INT(capture_file_next(file, &record), -EISDIR);
	CHECK(strstr(capture_file_reason(file), "can not be read"));
	capture_file_free(file);
	capture_file_free(NULL);
}

TEST_MAIN()
