/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/record/record.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/limits.h"
#include "agent/source/file.h"
#include "agent/util/record_check.h"
#include "tests/unit/test.h"

#define STREAM_MAX 8192
#define WITHHELD '?'
#define MISSING '.'

/* What a capture file says of one direction: its bytes, or that they were there. */
struct readback {
	char bytes[STREAM_MAX + 1];
	uint64_t next; /* offset behind the last piece */
	size_t records, withheld;
};

static char directory[] = "/tmp/test_recorder.XXXXXX";
static char path[sizeof(directory) + 8];
static struct recorder *recorder;

static void clean_up(void)
{
	unlink(path);
	rmdir(directory);
}

static void begin(void)
{
	if (!*path) {
		CHECK(mkdtemp(directory));
		snprintf(path, sizeof(path), "%s/capture", directory);
		atexit(clean_up);
	}
	recorder_free(recorder);
	recorder = NULL;
	CHECK_INT(recorder_new(&recorder, path, CR_CAPTURE_PRELOAD), 0);
}

static void end(void)
{
	CHECK_INT(recorder_end(recorder), 0);
	recorder_free(recorder);
	recorder = NULL;
}

static const struct conn_key key = {.process = {.start = 77, .pid = 1234},
				    .conn = 0xabc,
				    .generation = 5,
				    .layer = CR_LAYER_TLS_STREAM};

static uint8_t record[CR_LENGTH_MAX] __attribute__((aligned(8)));

static void feed_cut(uint8_t direction, uint64_t offset, const char *bytes, uint32_t captured,
		     uint32_t whole, uint8_t cut)
{
	struct cr_data *data = (void *)record;

	memset(record, 0, sizeof(record));
	data->head.length = (uint32_t)(sizeof(*data) + (captured + 7) / 8 * 8);
	data->head.type = CR_DATA;
	data->head.version = CR_VERSION;
	data->process.start = key.process.start;
	data->process.pid = key.process.pid;
	data->conn = key.conn;
	data->generation = key.generation;
	data->layer = (uint8_t)key.layer;
	data->direction = direction;
	data->op_offset = offset;
	data->stream_offset = offset;
	data->true_length = whole;
	data->captured_length = captured;
	data->cut = cut;
	memset(data + 1, 'S', data->head.length - sizeof(*data)); /* padding is not to be kept */
	memcpy(data + 1, bytes, captured);
	CHECK_INT(recorder_feed(recorder, &data->head), 0);
}

static void feed(uint8_t direction, uint64_t offset, const char *bytes, size_t length)
{
	feed_cut(direction, offset, bytes, (uint32_t)length, (uint32_t)length, CR_CUT_NONE);
}

static void feed_plain(uint16_t type, size_t size, uint64_t time_ns)
{
	struct cr_head *head = (void *)record;

	memset(record, 0, sizeof(record));
	*head = (struct cr_head){
		.length = (uint32_t)size, .type = type, .version = CR_VERSION, .time_ns = time_ns};
	CHECK_INT(recorder_feed(recorder, head), 0);
}

static void redact(enum redaction_type type, uint8_t direction, uint64_t offset, uint64_t length,
		   const char *replacement)
{
	struct redaction_event event = {.type = type,
					.conn = &key,
					.direction = direction,
					.offset = offset,
					.length = length,
					.replacement = replacement};

	CHECK_INT(recorder_redact(recorder, &event), 0);
}

static void passed(uint8_t direction, uint64_t offset)
{
	redact(REDACTION_PASSED, direction, offset, 0, NULL);
}

static void read_data(struct readback *back, const struct cr_data *data)
{
	const char *bytes = (const char *)(data + 1);

	CHECK(data->head.flags & CR_FLAG_REDACTED);
	CHECK_INT(data->head.length, sizeof(*data) + (data->captured_length + 7) / 8 * 8);
	for (size_t i = data->captured_length; i < data->head.length - sizeof(*data); i++)
		CHECK_INT(bytes[i], 0);
	CHECK_INT(data->op_offset, data->stream_offset);
	CHECK(data->stream_offset >= back->next);
	back->next = data->stream_offset + data->true_length;
	CHECK(back->next <= STREAM_MAX);
	CHECK((data->captured_length == data->true_length) == (data->cut == CR_CUT_NONE));
	memset(back->bytes + data->stream_offset, data->cut == CR_CUT_REDACTED ? WITHHELD : MISSING,
	       data->true_length);
	memcpy(back->bytes + data->stream_offset, bytes, data->captured_length);
	back->records++;
	back->withheld += data->cut == CR_CUT_REDACTED;
}

/* The file from its beginning; types other than DATA and TICK are counted. */
static size_t read_back(struct readback *send, struct readback *recv)
{
	struct capture_file *file;
	const struct cr_head *head;
	size_t others = 0;
	int r;

	memset(send, 0, sizeof(*send));
	memset(recv, 0, sizeof(*recv));
	CHECK_INT(capture_file_open(&file, path), 0);
	while ((r = capture_file_next(file, &head)) > 0) {
		const struct cr_data *data = (const void *)head;

		if (head->type == CR_DATA)
			read_data(data->direction == CR_SEND ? send : recv, data);
		else
			others++;
	}
	CHECK_INT(r, 0);
	capture_file_free(file);
	return others;
}

static struct readback sent, received;

static const char request[] = "GET /v1?key=SECRET1 HTTP/1.1\r\nx-api-key: SECRET22\r\n\r\nbody";
static const char redacted[] = "GET /v1?key=fp:abcd HTTP/1.1\r\nx-api-key: fp:01234\r\n\r\nbody";
#define KEY1 12
#define KEY2 41

static void pass_request(void)
{
	redact(REDACTION_KEY, CR_SEND, KEY1, 7, "fp:abcd");
	redact(REDACTION_KEY, CR_SEND, KEY2, 8, "fp:01234");
	passed(CR_SEND, strlen(request));
}

TEST(file_is_private_and_says_how_it_was_captured)
{
	const struct cr_head *head;
	struct capture_file *file;
	struct stat st;
	uint8_t first_key[16] = {0};

	for (int i = 0; i < 2; i++) {
		const struct cr_file *first;

		begin();
		CHECK_INT(stat(path, &st), 0);
		CHECK_INT(st.st_mode & 07777, 0600);
		end();
		CHECK_INT(capture_file_open(&file, path), 0);
		CHECK_INT(capture_file_next(file, &head), 1);
		first = (const void *)head;
		CHECK_INT(first->capture, CR_CAPTURE_PRELOAD);
		CHECK(memcmp(first_key, first->hash_key, 16) != 0);
		memcpy(first_key, first->hash_key, 16);
		CHECK_INT(capture_file_next(file, &head), 0);
		capture_file_free(file);
	}
}

TEST(keys_over_record_boundaries_at_every_position)
{
	size_t length = strlen(request);

	CHECK(!memcmp(request + KEY1, "SECRET1", 7) && !memcmp(request + KEY2, "SECRET22", 8));
	for (size_t first = 1; first < length; first++) {
		for (size_t second = first; second < length; second += 3) {
			begin();
			feed(CR_SEND, 0, request, first);
			if (second > first)
				feed(CR_SEND, first, request + first, second - first);
			feed(CR_SEND, second, request + second, length - second);
			pass_request();
			end();
			read_back(&sent, &received);
			CHECK_INT(sent.next, length);
			CHECK_INT(sent.withheld, 0);
			CHECK_TEXT(sent.bytes, redacted);
		}
	}
}

TEST(nothing_is_written_before_it_is_passed)
{
	size_t length = strlen(request);

	begin();
	for (size_t i = 0; i < length; i++)
		feed(CR_SEND, i, request + i, 1);
	passed(CR_SEND, 5);
	end();
	read_back(&sent, &received);
	CHECK_INT(sent.next, length);
	CHECK(!memcmp(sent.bytes, request, 5));
	for (size_t i = 5; i < length; i++)
		CHECK_INT(sent.bytes[i], WITHHELD);
}

TEST(end_writes_the_passed_part_of_a_record)
{
	begin();
	feed(CR_SEND, 0, request, strlen(request));
	redact(REDACTION_KEY, CR_SEND, KEY1, 7, "fp:abcd");
	passed(CR_SEND, 28);
	end();
	read_back(&sent, &received);
	CHECK_INT(sent.next, strlen(request));
	CHECK(!memcmp(sent.bytes, redacted, 28));
	for (size_t i = 28; i < strlen(request); i++)
		CHECK_INT(sent.bytes[i], WITHHELD);
}

TEST(opaque_ranges_at_every_position)
{
	static const char bytes[] = "abcdefghijklmnopqrst";
	size_t length = strlen(bytes);

	for (size_t from = 0; from < length; from++) {
		for (size_t to = from + 1; to <= length; to++) {
			begin();
			feed(CR_RECV, 0, bytes, 7);
			feed(CR_RECV, 7, bytes + 7, 7);
			feed(CR_RECV, 14, bytes + 14, length - 14);
			redact(REDACTION_OPAQUE, CR_RECV, from, to - from, NULL);
			passed(CR_RECV, length);
			end();
			read_back(&sent, &received);
			CHECK_INT(received.next, length);
			for (size_t i = 0; i < length; i++)
				CHECK_INT(received.bytes[i],
					  i >= from && i < to ? WITHHELD : bytes[i]);
		}
	}
}

TEST(opaque_for_good_covers_what_comes_later)
{
	begin();
	feed(CR_SEND, 0, "secretsecret", 12);
	redact(REDACTION_OPAQUE, CR_SEND, 6, UINT64_MAX, NULL);
	passed(CR_SEND, UINT64_MAX);
	feed(CR_SEND, 12, "SECRET", 6);
	feed(CR_RECV, 0, "other", 5);
	passed(CR_RECV, 5);
	end();
	read_back(&sent, &received);
	CHECK_TEXT(sent.bytes, "secret????????????");
	CHECK_TEXT(received.bytes, "other");
}

TEST(a_cut_of_the_source_is_kept)
{
	begin();
	feed_cut(CR_SEND, 0, "abcdef", 6, 10, CR_CUT_LOST);
	feed_cut(CR_SEND, 10, "ghij", 4, 9, CR_CUT_VERDICT);
	feed_cut(CR_SEND, 19, "", 0, 5, CR_CUT_FAULT);
	feed_cut(CR_SEND, 24, "klm", 3, 6, CR_CUT_CAP);
	redact(REDACTION_OPAQUE, CR_SEND, 12, 100, NULL);
	passed(CR_SEND, 13);
	end();
	read_back(&sent, &received);
	CHECK_TEXT(sent.bytes, "abcdef....gh??..........???...");
}

TEST(lengths_need_not_be_passed)
{
	begin();
	feed_cut(CR_SEND, 0, "", 0, 100, CR_CUT_VERDICT);
	feed_plain(CR_TICK, sizeof(struct cr_tick), 1);
	CHECK_INT(read_back(&sent, &received), 2); /* a tick hands on what is written */
	CHECK_INT(sent.next, 100);
	end();
}

TEST(order_is_kept_over_connections_and_types)
{
	static const uint16_t types[] = {CR_FILE, CR_CLOCK, CR_DATA, CR_TICK, CR_FORK,
					 CR_EXEC, CR_DATA,  CR_EXIT, CR_END,  CR_LOST};
	struct capture_file *file;
	const struct cr_head *head;
	size_t n = 0;

	begin();
	feed_plain(CR_CLOCK, sizeof(struct cr_clock), 1);
	feed(CR_SEND, 0, "hello", 5);
	feed_plain(CR_TICK, sizeof(struct cr_tick), 2);
	feed_plain(CR_FORK, sizeof(struct cr_fork), 3);
	feed_plain(CR_EXEC, sizeof(struct cr_exec), 4);
	feed(CR_RECV, 0, "there", 5);
	passed(CR_RECV, 5);
	feed_plain(CR_EXIT, sizeof(struct cr_exit), 5);
	feed_plain(CR_END, sizeof(struct cr_end), 6);
	feed_plain(CR_LOST, sizeof(struct cr_lost), 7);
	CHECK_INT(capture_file_open(&file, path), 0);
	CHECK_INT(capture_file_next(file, &head), -ENODATA); /* the rest waits in the buffer */
	capture_file_free(file);
	passed(CR_SEND, 5);
	end();
	CHECK_INT(capture_file_open(&file, path), 0);
	for (; capture_file_next(file, &head) > 0; n++)
		CHECK_INT(head->type, types[n]);
	CHECK_INT(n, sizeof(types) / sizeof(*types));
	capture_file_free(file);
}

TEST(types_that_may_hold_anything_are_not_written)
{
	begin();
	feed_plain(CR_HELLO, 64, 0);
	feed_plain(CR_PLAN, 64, 0);
	feed_plain(4711, 64, 0);
	feed_plain(CR_FILE, sizeof(struct cr_file), 0);
	feed_plain(CR_TICK, sizeof(struct cr_tick), 0);
	end();
	CHECK_INT(read_back(&sent, &received), 2);
}

TEST(beyond_the_cap_the_oldest_become_lengths)
{
	static char bytes[CR_DATA_MAX];
	size_t n = 2 * LIMIT_RECORD_HELD / sizeof(bytes);
	struct capture_file *file;
	const struct cr_head *head;
	uint64_t next = 0, written = 0, withheld = 0;

	memset(bytes, 'b', sizeof(bytes));
	begin();
	for (size_t i = 0; i < n; i++)
		feed(CR_SEND, i * sizeof(bytes), bytes, sizeof(bytes));
	passed(CR_SEND, n * sizeof(bytes));
	end();
	CHECK_INT(capture_file_open(&file, path), 0);
	CHECK_INT(capture_file_next(file, &head), 1);
	while (capture_file_next(file, &head) > 0) {
		const struct cr_data *data = (const void *)head;

		CHECK_INT(data->stream_offset, next);
		CHECK_INT(data->true_length, sizeof(bytes));
		CHECK_INT(data->cut, data->captured_length ? CR_CUT_NONE : CR_CUT_REDACTED);
		CHECK(data->captured_length == 0 || data->captured_length == sizeof(bytes));
		CHECK(data->captured_length || written == 0); /* the oldest */
		next += data->true_length;
		written += data->captured_length;
		withheld += data->true_length - data->captured_length;
	}
	capture_file_free(file);
	CHECK_INT(next, n * sizeof(bytes));
	CHECK(written <= LIMIT_RECORD_HELD && written > LIMIT_RECORD_HELD / 2);
	CHECK(withheld >= LIMIT_RECORD_HELD);
}

/* Pieces count with what they take, so that cutting a record small can not pass the cap. */
TEST(cutting_to_pieces_stays_below_the_cap)
{
	static char bytes[CR_DATA_MAX];

	memset(bytes, 'b', sizeof(bytes));
	begin();
	for (size_t i = 0; i < 4; i++)
		feed(CR_SEND, i * sizeof(bytes), bytes, sizeof(bytes));
	for (size_t i = 0; i < 4 * sizeof(bytes); i += 2)
		redact(REDACTION_OPAQUE, CR_SEND, i, 1, NULL);
	end();
}

TEST(reused_pointer_after_end)
{
	struct cr_end ended = {
		.head = {.length = sizeof(ended), .type = CR_END, .version = CR_VERSION},
		.process = {.start = 77, .pid = 1234},
		.conn = 0xabc,
		.generation = 5,
		.layer = CR_LAYER_TLS_STREAM};

	begin();
	feed(CR_SEND, 0, "one", 3);
	CHECK_INT(recorder_feed(recorder, &ended.head), 0);
	passed(CR_SEND, 3);
	CHECK_INT(recorder_feed(recorder, &ended.head), 0);
	feed(CR_SEND, 3, "two", 3);
	passed(CR_SEND, 6);
	end();
	CHECK_INT(read_back(&sent, &received), 3);
	CHECK_TEXT(sent.bytes, "onetwo");
}

static void add_field(size_t *at, uint16_t tag, const char *text)
{
	struct cr_field field = {.tag = tag, .length = (uint16_t)strlen(text)};

	memcpy(record + *at, &field, sizeof(field));
	memcpy(record + *at + sizeof(field), text, field.length);
	*at += sizeof(field) + field.length;
}

static void feed_process(uint16_t type, size_t at)
{
	struct cr_proc *proc = (void *)record;

	memset(record, 0, sizeof(record));
	if (type == CR_PROC)
		proc->uid = 1000;
	proc->process.pid = 42;
	add_field(&at, CR_FIELD_EXE, "/usr/bin/python3");
	add_field(&at, CR_FIELD_ARG, "agent.py");
	add_field(&at, CR_FIELD_ARG, "--api-key");
	add_field(&at, CR_FIELD_ARG, "PLANTED-ONE");
	add_field(&at, CR_FIELD_ARG, "Authorization: Bearer PLANTED-TWO");
	add_field(&at, CR_FIELD_ENV, "OTEL_EXPORTER_OTLP_HEADERS=api-key=PLANTED-THREE");
	add_field(&at, CR_FIELD_ENV, "OTEL_SERVICE_NAME=agent");
	add_field(&at, CR_FIELD_CGROUP, "/user.slice");
	proc->head = (struct cr_head){
		.length = (uint32_t)(at + 7) / 8 * 8, .type = type, .version = CR_VERSION};
	CHECK_INT(recorder_feed(recorder, &proc->head), 0);
}

static void check_command_line(uint16_t type, size_t offset)
{
	static const char *const expected[] = {"/usr/bin/python3",
					       "agent.py",
					       "--api-key",
					       "***",
					       "Authorization: ***",
					       "OTEL_EXPORTER_OTLP_HEADERS=api-key=***",
					       "OTEL_SERVICE_NAME=agent",
					       "/user.slice"};
	struct capture_file *file;
	const struct cr_head *head;
	size_t length, n = 0;
	const char *field;
	unsigned int tag;

	begin();
	feed_process(type, offset);
	end();
	CHECK_INT(capture_file_open(&file, path), 0);
	CHECK_INT(capture_file_next(file, &head), 1);
	CHECK_INT(capture_file_next(file, &head), 1);
	CHECK_INT(head->type, type);
	CHECK_INT(((const struct cr_exec *)head)->process.pid, 42);
	if (type == CR_PROC)
		CHECK_INT(((const struct cr_proc *)head)->uid, 1000);
	while ((field = record_field_next(head, &offset, &tag, &length))) {
		char text[64];

		snprintf(text, sizeof(text), "%.*s", (int)length, field);
		CHECK_TEXT(text, expected[n]);
		n++;
	}
	CHECK_INT(n, 8);
	capture_file_free(file);
}

TEST(keys_in_command_lines)
{
	check_command_line(CR_PROC, sizeof(struct cr_proc));
}

TEST(keys_in_the_command_lines_of_new_programs)
{
	check_command_line(CR_EXEC, sizeof(struct cr_exec));
}

TEST(full_disk_is_an_error_and_stays_one)
{
	int r = 0;

	if (access("/dev/full", W_OK) < 0)
		SKIP("no /dev/full");
	begin();
	recorder_free(recorder);
	recorder = NULL;
	CHECK_INT(recorder_new(&recorder, "/dev/full", CR_CAPTURE_EBPF), 0);
	feed(CR_SEND, 0, "abc", 3);
	passed(CR_SEND, 3);
	r = recorder_end(recorder);
	CHECK_INT(r, -ENOSPC);
	CHECK_INT(recorder_end(recorder), -ENOSPC);
}

TEST(another_file_is_replaced_not_overwritten)
{
	char link[sizeof(path) + 8], text[8] = "";
	int fd;

	begin();
	end();
	fd = open(path, O_RDWR | O_TRUNC);
	CHECK(fd >= 0);
	CHECK_INT(write(fd, "precious", 8), 8);
	fchmod(fd, 0644);
	begin();
	end();
	CHECK_INT(pread(fd, text, 8, 0), 8);
	CHECK(!memcmp(text, "precious", 8));
	close(fd);
	snprintf(link, sizeof(link), "%s.link", path);
	CHECK_INT(symlink(path, link), 0);
	CHECK_INT(recorder_new(&recorder, link, CR_CAPTURE_EBPF), -ELOOP);
	unlink(link);
	CHECK_INT(recorder_new(&recorder, "/nonexistent/capture", CR_CAPTURE_EBPF), -ENOENT);
	CHECK(!recorder);
	recorder_free(NULL);
}

TEST_MAIN()
