/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a capture file: read, shown, and recorded again with redactions in the middle. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/dump.h"
#include "agent/record/record.h"
#include "agent/source/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static struct capture_file *open_bytes(const uint8_t *bytes, size_t length)
{
	struct capture_file *file = NULL;
	char path[32];
	int fd = memfd_create("capture", MFD_CLOEXEC);

	if (fd < 0 || write(fd, bytes, length) != (ssize_t)length)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (capture_file_open(&file, path) < 0)
		abort();
	close(fd);
	return file;
}

/* The record's own numbers choose what of it is a key, opaque or passed. */
static void redact(struct recorder *recorder, const struct cr_data *data)
{
	static const char replacement[CR_LENGTH_MAX];
	struct conn_key conn = {
		.process = {.start = data->process.start, .pid = data->process.pid},
		.conn = data->conn,
		.generation = data->generation,
		.layer = data->layer,
	};
	struct redaction_event event = {
		.type = (enum redaction_type)(data->op % 3),
		.conn = &conn,
		.direction = data->direction,
		.offset = data->stream_offset + data->op_offset % CR_LENGTH_MAX,
		.length = data->op_length % CR_LENGTH_MAX,
		.replacement = replacement,
	};

	recorder_redact(recorder, &event);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct capture_file *file = open_bytes(bytes, length);
	struct recorder *recorder;
	const struct cr_head *record;
	FILE *out = fopen("/dev/null", "w");

	if (!out || recorder_new(&recorder, "/dev/null", CR_CAPTURE_REPLAY) < 0)
		abort();
	while (capture_file_next(file, &record) > 0) {
		dump_record(out, capture_file_offset(file), record);
		recorder_feed(recorder, record);
		if (record->type == CR_DATA)
			redact(recorder, (const struct cr_data *)record);
	}
	recorder_end(recorder);
	recorder_free(recorder);
	capture_file_free(file);
	fclose(out);
	return 0;
}
