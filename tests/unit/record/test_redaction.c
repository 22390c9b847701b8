/* SPDX-License-Identifier: Apache-2.0 */
/* A capture file as the whole pipeline records it: no key in it, and the same calls out of it. */
#include <stdlib.h>
#include <unistd.h>

#include "agent/pipeline.h"
#include "agent/record/record.h"
#include "agent/source/file.h"
#include "agent/util/buffer.h"
#include "agent/util/record_check.h"
#include "tests/unit/test.h"

#define KEY "sk-planted-0123456789abcdefghijklmnop"

static const char request[] = "POST /v1/chat/completions?a=1&api_key=" KEY "&b=2 HTTP/1.1\r\n"
			      "Host: api.openai.com\r\n"
			      "Authorization: Bearer " KEY "\r\n"
			      "X-Api-Key: " KEY "\r\n"
			      "Content-Length: 18\r\n\r\n"
			      "{\"model\":\"gpt-4o\"}";
static const char body[] =
	"{\"id\":\"a\",\"model\":\"gpt-4o\",\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":3}}";

struct result {
	unsigned int calls;
	uint8_t span_id[SPAN_ID_SIZE];
	char fingerprint[64];
	uint64_t input, output, start_ns, end_ns;
};

static char path[] = "/tmp/test_redaction.XXXXXX";
static struct result result;
static struct pricing_card *card; /* an empty one: nothing here is about money */

static int on_call(void *context, struct call_event *event)
{
	if (event->type != CALL_END)
		return 0;
	result.calls++;
	memcpy(result.span_id, event->span_id, SPAN_ID_SIZE);
	snprintf(result.fingerprint, sizeof(result.fingerprint), "%s",
		 event->key_fingerprint ? event->key_fingerprint : "");
	result.input = event->n_charges ? pricing_usage_input(&event->charges[0].usage) : 0;
	result.output = event->n_charges ? pricing_usage_output(&event->charges[0].usage) : 0;
	result.start_ns = event->start_ns;
	result.end_ns = event->end_ns;
	return 0;
}

static int on_process(void *context, const struct process_event *event)
{
	return 0;
}

static int on_loss(void *context, const struct loss_event *event)
{
	return 0;
}

static int on_unseen(void *context, const struct unseen_event *event)
{
	return 0;
}

static void clean_up(void)
{
	pricing_card_free(card);
	unlink(path);
}

static struct pipeline *new_pipeline(struct recorder *recorder, uint8_t salt)
{
	struct pipeline_opts opts = {
		.sinks = {NULL, on_call, on_process, on_loss, on_unseen},
		.recorder = recorder,
		.capture = CR_CAPTURE_PRELOAD,
	};
	struct pipeline *pipeline;

	if (!card)
		CHECK_INT(pricing_card_new(&card), 0);
	opts.card = card;
	memset(opts.salt, salt, sizeof(opts.salt));
	CHECK_INT(pipeline_new(&pipeline, &opts, NULL), 0);
	memset(&result, 0, sizeof(result));
	return pipeline;
}

static void feed_data(struct pipeline *pipeline, uint8_t direction, uint64_t offset,
		      const char *bytes, size_t length, uint64_t time_ns)
{
	struct buffer buffer;
	struct cr_data *data;

	buffer_init(&buffer, CR_LENGTH_MAX);
	CHECK_INT(record_begin(&buffer, CR_DATA, sizeof(*data), time_ns), 0);
	CHECK_INT(buffer_append(&buffer, bytes, length), 0);
	CHECK_INT(record_finish(&buffer, 0), 0);
	data = (void *)buffer.data;
	data->process = (struct cr_process){.start = 7, .pid = 4242};
	data->conn = 0xc0;
	data->generation = 1;
	data->layer = CR_LAYER_TLS_STREAM;
	data->direction = direction;
	data->op_offset = offset;
	data->op_length = offset + length;
	data->stream_offset = offset;
	data->entry_ns = data->return_ns = time_ns;
	data->true_length = data->captured_length = (uint32_t)length;
	CHECK_INT(pipeline_feed(pipeline, &data->head), 0);
	buffer_free(&buffer);
}

static void feed_plain(struct pipeline *pipeline, uint16_t type, uint64_t time_ns)
{
	struct cr_end record = {.head = {.length = sizeof(record),
					 .type = type,
					 .version = CR_VERSION,
					 .time_ns = time_ns},
				.process = {.start = 7, .pid = 4242},
				.conn = 0xc0,
				.generation = 1,
				.layer = CR_LAYER_TLS_STREAM};

	if (type == CR_TICK)
		record.head.length = sizeof(struct cr_tick);
	CHECK_INT(pipeline_feed(pipeline, &record.head), 0);
}

static struct recorder *new_recorder(void)
{
	static bool made;
	struct recorder *recorder;

	if (!made) {
		int fd = mkstemp(path);

		CHECK(fd >= 0);
		close(fd);
		atexit(clean_up);
		made = true;
	}
	CHECK_INT(recorder_new(&recorder, path, CR_CAPTURE_PRELOAD), 0);
	return recorder;
}

/* The request cut in three, and its response, recorded. */
static void record_exchange(size_t first, size_t second)
{
	struct recorder *recorder = new_recorder();
	struct pipeline *pipeline = new_pipeline(recorder, 1);
	size_t length = strlen(request);
	char response[512];
	int n = snprintf(response, sizeof(response),
			 "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
			 "Set-Cookie: a=" KEY "\r\nContent-Length: %zu\r\n\r\n%s",
			 strlen(body), body);

	feed_data(pipeline, CR_SEND, 0, request, first, 100);
	if (second > first)
		feed_data(pipeline, CR_SEND, first, request + first, second - first, 101);
	feed_data(pipeline, CR_SEND, second, request + second, length - second, 102);
	feed_data(pipeline, CR_RECV, 0, response, (size_t)n, 103);
	feed_plain(pipeline, CR_END, 104);
	CHECK_INT(pipeline_end(pipeline), 0);
	pipeline_free(pipeline);
	recorder_free(recorder);
}

static void read_file(struct buffer *content)
{
	FILE *file = fopen(path, "r");
	char chunk[4096];
	size_t n;

	CHECK(file);
	buffer_init(content, 1024 * 1024);
	while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
		CHECK_INT(buffer_append(content, chunk, n), 0);
	fclose(file);
}

/* No stretch of eight bytes of the key may stand anywhere. */
static void check_no_key(void)
{
	struct buffer content;

	read_file(&content);
	for (size_t i = strlen("sk-planted-"); i + 8 <= strlen(KEY); i++)
		CHECK(!memmem(content.data, content.length, KEY + i, 8));
	buffer_free(&content);
}

static int on_record(void *context, const struct cr_head *record)
{
	return pipeline_feed(context, record);
}

static void replay(uint8_t salt)
{
	struct pipeline *pipeline = new_pipeline(NULL, salt);
	struct capture_file *file;

	CHECK_INT(capture_file_open(&file, path), 0);
	CHECK_INT(capture_file_feed(file, on_record, pipeline), 0);
	CHECK_INT(pipeline_end(pipeline), 0);
	capture_file_free(file);
	pipeline_free(pipeline);
}

TEST(keys_cut_anywhere_are_not_in_the_file_and_calls_are_the_same)
{
	for (size_t first = 1; first < strlen(request); first++) {
		for (size_t second = first; second < strlen(request) && second <= first + 29;
		     second += 29) {
			struct result live;

			record_exchange(first, second);
			live = result;
			CHECK_INT(live.calls, 1);
			CHECK_INT(live.input, 12);
			CHECK_INT(live.output, 3);
			CHECK(strlen(live.fingerprint) >= 8);
			check_no_key();
			replay(99); /* another salt: the file needs none */
			CHECK(!memcmp(&live, &result, sizeof(live)));
		}
	}
}

TEST(what_is_no_http_is_written_as_lengths)
{
	struct recorder *recorder = new_recorder();
	struct pipeline *pipeline = new_pipeline(recorder, 1);
	static const char bytes[] = "\x01\x02 some protocol " KEY;
	struct capture_file *file;
	const struct cr_head *head;
	uint64_t length = 0;

	for (uint64_t i = 0; i < 10; i++)
		feed_data(pipeline, CR_SEND, i * sizeof(bytes), bytes, sizeof(bytes), i);
	CHECK_INT(pipeline_end(pipeline), 0);
	pipeline_free(pipeline);
	recorder_free(recorder);
	check_no_key();
	CHECK_INT(capture_file_open(&file, path), 0);
	while (capture_file_next(file, &head) > 0) {
		if (head->type != CR_DATA)
			continue;
		CHECK_INT(((const struct cr_data *)head)->captured_length, 0);
		CHECK_INT(((const struct cr_data *)head)->cut, CR_CUT_REDACTED);
		length += ((const struct cr_data *)head)->true_length;
	}
	CHECK_INT(length, 10 * sizeof(bytes));
	capture_file_free(file);
}

/* A head that never ends holds back what others say, but not beyond its connection. */
TEST(what_is_held_is_let_go_at_the_end_of_its_connection)
{
	struct recorder *recorder = new_recorder();
	struct pipeline *pipeline = new_pipeline(recorder, 1);
	struct capture_file *file;
	const struct cr_head *head;
	unsigned int ticks = 0;

	feed_data(pipeline, CR_SEND, 0, request, 100, 1);
	feed_plain(pipeline, CR_TICK, 2);
	feed_plain(pipeline, CR_END, 3);
	feed_plain(pipeline, CR_TICK, 4);
	CHECK_INT(capture_file_open(&file, path), 0);
	while (capture_file_next(file, &head) > 0)
		ticks += head->type == CR_TICK;
	capture_file_free(file);
	CHECK_INT(ticks, 2);
	check_no_key();
	CHECK_INT(pipeline_end(pipeline), 0);
	pipeline_free(pipeline);
	recorder_free(recorder);
}

TEST_MAIN()
