/* SPDX-License-Identifier: Apache-2.0 */
/*
 * preload_dump SHIM COMMAND…: run a command under the shim and print its records, a line each, on
 * standard error; with the bytes of DATA where DUMP_BYTES is set, and none where DUMP_NOTHING is;
 * DUMP_RING is the size of the rings in bytes.
 */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/source/preload.h"
#include "agent/util/record_check.h"

static void print_fields(const struct cr_head *record, size_t offset)
{
	unsigned int tag;
	size_t length;
	const char *text;

	while ((text = record_field_next(record, &offset, &tag, &length)))
		fprintf(stderr, " %u=%.*s", tag, (int)length, text);
}

static void print_bytes(const struct cr_data *data)
{
	const unsigned char *bytes = (const unsigned char *)(data + 1);

	fputs(" \"", stderr);
	for (uint32_t i = 0; i < data->captured_length; i++) {
		if (isprint(bytes[i]))
			fputc(bytes[i], stderr);
		else
			fprintf(stderr, bytes[i] == '\n' ? "\\n" : "\\x%02x", bytes[i]);
	}
	fputc('"', stderr);
}

static int print(void *context, const struct cr_head *record)
{
	const struct cr_data *data = (const struct cr_data *)record;
	const struct cr_conn *conn = (const struct cr_conn *)record;
	const struct cr_lost *lost = (const struct cr_lost *)record;

	if (getenv("DUMP_NOTHING"))
		return 0;
	switch (record->type) {
	case CR_DATA:
		fprintf(stderr, "DATA %u %s op %llu+%llu/%llu at %llu length %u/%u cut %u",
			data->process.pid, data->direction == CR_SEND ? "send" : "recv",
			(unsigned long long)data->op, (unsigned long long)data->op_offset,
			(unsigned long long)data->op_length,
			(unsigned long long)data->stream_offset, data->captured_length,
			data->true_length, data->cut);
		if (getenv("DUMP_BYTES"))
			print_bytes(data);
		break;
	case CR_CONN:
		fprintf(stderr, "CONN %u role %u late %u peer %u.%u.%u.%u:%u", conn->process.pid,
			conn->role, conn->flags, conn->peer.bytes[0], conn->peer.bytes[1],
			conn->peer.bytes[2], conn->peer.bytes[3], conn->peer.port);
		print_fields(record, sizeof(*conn));
		break;
	case CR_LOST:
		fprintf(stderr, "LOST %u cause %u records %llu bytes %llu", lost->process.pid,
			lost->cause, (unsigned long long)lost->records,
			(unsigned long long)lost->bytes);
		break;
	case CR_PROC:
		fprintf(stderr, "PROC %u parent %u", ((const struct cr_proc *)record)->process.pid,
			((const struct cr_proc *)record)->parent.pid);
		print_fields(record, sizeof(struct cr_proc));
		break;
	default:
		fprintf(stderr, "TYPE %u %u", record->type,
			((const struct cr_exec *)record)->process.pid);
	}
	fputc('\n', stderr);
	return 0;
}

int main(int argc, char **argv)
{
	struct preload_source_opts opts = {.sink = print};
	struct preload_source *source;
	struct pollfd poll_fd = {.events = POLLIN};
	int status;
	pid_t pid;

	if (getenv("DUMP_RING"))
		opts.ring_bytes = strtoull(getenv("DUMP_RING"), NULL, 10);
	if (argc < 3 || preload_source_new(&opts, &source))
		return 125;
	pid = fork();
	if (!pid) {
		setenv(PRELOAD_SOCKET_VARIABLE, preload_source_address(source), 1);
		setenv("LD_PRELOAD", argv[1], 1);
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	preload_source_set_root(source, (uint32_t)pid);
	poll_fd.fd = preload_source_fd(source);
	while (!waitpid(pid, &status, WNOHANG)) {
		poll(&poll_fd, 1, 10);
		if (preload_source_dispatch(source))
			break;
	}
	preload_source_drain(source, true);
	preload_source_free(source);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}
