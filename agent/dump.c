/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/dump.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "agent/util/clock.h"
#include "agent/util/hash.h"
#include "agent/util/record_check.h"

#define HEAD_BYTES 60
#define FIELD_BYTES 200

#define NAME(table, index) \
	((index) < sizeof(table) / sizeof(*(table)) && (table)[index] ? (table)[index] : "?")

static const char *const type_names[] = {
	[CR_DATA] = "data",   [CR_CONN] = "conn", [CR_LINK] = "link",     [CR_END] = "end",
	[CR_FORK] = "fork",   [CR_EXEC] = "exec", [CR_EXIT] = "exit",     [CR_PROC] = "proc",
	[CR_CLOCK] = "clock", [CR_TICK] = "tick", [CR_LOST] = "lost",     [CR_HELLO] = "hello",
	[CR_PLAN] = "plan",   [CR_FILE] = "file", [CR_UNSEEN] = "unseen",
};
static const char *const layer_names[] = {
	[CR_LAYER_TLS_STREAM] = "tls",
	[CR_LAYER_TLS_RECORD] = "tls-record",
	[CR_LAYER_SOCKET] = "socket",
};
static const char *const direction_names[] = {[CR_SEND] = "send", [CR_RECV] = "recv"};
static const char *const cut_names[] = {
	[CR_CUT_NONE] = "none",       [CR_CUT_LOST] = "lost",   [CR_CUT_CAP] = "cap",
	[CR_CUT_VERDICT] = "verdict", [CR_CUT_FAULT] = "fault", [CR_CUT_REDACTED] = "redacted",
};
static const char *const role_names[] = {
	[CR_ROLE_UNKNOWN] = "unknown",
	[CR_ROLE_CLIENT] = "client",
	[CR_ROLE_SERVER] = "server",
};
static const char *const cause_names[] = {
	[CR_CAUSE_RING_FULL] = "ring-full",
	[CR_CAUSE_FAULT] = "fault",
	[CR_CAUSE_CAP] = "cap",
	[CR_CAUSE_TABLE_FULL] = "table-full",
	[CR_CAUSE_KILLED] = "killed",
	[CR_CAUSE_PROTOCOL] = "protocol",
	[CR_CAUSE_MALFORMED] = "malformed",
	[CR_CAUSE_LIMIT] = "limit",
	[CR_CAUSE_LEDGER] = "ledger",
	[CR_CAUSE_UNDECODABLE] = "undecodable",
	[CR_CAUSE_EXPORT] = "export",
};
static const char *const capture_names[] = {
	[CR_CAPTURE_UNKNOWN] = "unknown",
	[CR_CAPTURE_EBPF] = "ebpf",
	[CR_CAPTURE_PRELOAD] = "preload",
	[CR_CAPTURE_REPLAY] = "replay",
};
static const char *const field_names[] = {
	[CR_FIELD_EXE] = "exe",       [CR_FIELD_ARG] = "arg",
	[CR_FIELD_COMM] = "comm",     [CR_FIELD_CGROUP] = "cgroup",
	[CR_FIELD_ENV] = "env",       [CR_FIELD_SNI] = "sni",
	[CR_FIELD_ALPN] = "alpn",     [CR_FIELD_LIBRARY] = "library",
	[CR_FIELD_SITE] = "site",     [CR_FIELD_MAPPING] = "mapping",
	[CR_FIELD_REASON] = "reason", [CR_FIELD_REMEDY] = "remedy",
	[CR_FIELD_NAME] = "name",
};

static void put_escaped(FILE *out, const char *bytes, size_t length, size_t most)
{
	size_t n = length < most ? length : most;

	fputc('"', out);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c == '\r' || c == '\n' || c == '\t')
			fprintf(out, "\\%c", c == '\r' ? 'r' : c == '\n' ? 'n' : 't');
		else if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			fprintf(out, "\\x%02x", c);
		else
			fputc(c, out);
	}
	fputs(n < length ? "\"..." : "\"", out);
}

static void put_fields(FILE *out, const struct cr_head *record, size_t offset)
{
	unsigned int tag;
	size_t length;
	const char *field;

	while ((field = record_field_next(record, &offset, &tag, &length))) {
		fprintf(out, " %s=", NAME(field_names, tag));
		put_escaped(out, field, length, FIELD_BYTES);
	}
}

static void put_process(FILE *out, const char *what, const struct cr_process *process)
{
	fprintf(out, " %s=%" PRIu32 "/%" PRIu64, what, process->pid, (uint64_t)process->start);
}

static void put_conn(FILE *out, uint64_t conn, uint64_t generation, unsigned int layer)
{
	fprintf(out, " conn=%" PRIx64 "/%" PRIu64 " %s", conn, generation,
		NAME(layer_names, layer));
}

static void put_address(FILE *out, const char *what, const struct cr_address *address)
{
	char text[INET6_ADDRSTRLEN];

	if (address->family != 4 && address->family != 6)
		return;
	if (!inet_ntop(address->family == 4 ? AF_INET : AF_INET6, address->bytes, text,
		       sizeof(text)))
		return;
	fprintf(out, address->family == 4 ? " %s=%s:%u" : " %s=[%s]:%u", what, text, address->port);
}

static void put_data(FILE *out, const struct cr_head *record)
{
	const struct cr_data *data = (const void *)record;

	put_process(out, "pid", &data->process);
	put_conn(out, data->conn, data->generation, data->layer);
	fprintf(out, " %s op=%" PRIu64 "+%" PRIu64 "/%" PRIu64 " at=%" PRIu64 " length=%u/%u",
		NAME(direction_names, data->direction), (uint64_t)data->op,
		(uint64_t)data->op_offset, (uint64_t)data->op_length, (uint64_t)data->stream_offset,
		data->captured_length, data->true_length);
	if (data->cut != CR_CUT_NONE)
		fprintf(out, " cut=%s", NAME(cut_names, data->cut));
	if (data->head.flags & CR_FLAG_REDACTED)
		fputs(" redacted", out);
	if (data->op_offset > 0 || data->captured_length == 0)
		return;
	fputc(' ', out);
	put_escaped(out, (const char *)(data + 1), data->captured_length, HEAD_BYTES);
}

static void put_conn_record(FILE *out, const struct cr_head *record)
{
	const struct cr_conn *conn = (const void *)record;

	put_process(out, "pid", &conn->process);
	put_conn(out, conn->conn, conn->generation, conn->layer);
	fprintf(out, " role=%s", NAME(role_names, conn->role));
	if (conn->netns)
		fprintf(out, " netns=%" PRIu64, (uint64_t)conn->netns);
	put_address(out, "local", &conn->local);
	put_address(out, "peer", &conn->peer);
	if (conn->flags & CR_CONN_JOINED_LATE)
		fputs(" joined-late", out);
	put_fields(out, record, sizeof(*conn));
}

static void put_link(FILE *out, const struct cr_head *record)
{
	const struct cr_link *link = (const void *)record;

	put_process(out, "pid", &link->process);
	put_conn(out, link->conn, link->generation, link->layer);
	put_conn(out, link->other, link->other_generation, link->other_layer);
}

static void put_end(FILE *out, const struct cr_head *record)
{
	const struct cr_end *end = (const void *)record;

	put_process(out, "pid", &end->process);
	put_conn(out, end->conn, end->generation, end->layer);
}

static void put_fork(FILE *out, const struct cr_head *record)
{
	const struct cr_fork *fork = (const void *)record;

	put_process(out, "pid", &fork->process);
	put_process(out, "parent", &fork->parent);
}

static void put_exec(FILE *out, const struct cr_head *record)
{
	const struct cr_exec *exec = (const void *)record;

	put_process(out, "pid", &exec->process);
	put_fields(out, record, sizeof(*exec));
}

static void put_exit(FILE *out, const struct cr_head *record)
{
	const struct cr_exit *exit = (const void *)record;

	put_process(out, "pid", &exit->process);
	if (exit->status != CR_EXIT_STATUS_UNKNOWN)
		fprintf(out, " status=0x%x", exit->status);
}

static void put_proc(FILE *out, const struct cr_head *record)
{
	const struct cr_proc *proc = (const void *)record;

	put_process(out, "pid", &proc->process);
	if (proc->parent.pid)
		put_process(out, "parent", &proc->parent);
	if (proc->flags & CR_PROC_HAS_UID)
		fprintf(out, " uid=%u", proc->uid);
	if (proc->ns_pid)
		fprintf(out, " ns-pid=%u", proc->ns_pid);
	if (proc->cgroup)
		fprintf(out, " cgroup-id=%" PRIu64, (uint64_t)proc->cgroup);
	if (proc->flags & CR_PROC_ROOT)
		fputs(" root", out);
	put_fields(out, record, sizeof(*proc));
}

static void put_clock(FILE *out, const struct cr_head *record)
{
	const struct cr_clock *clock = (const void *)record;
	char id[2 * sizeof(clock->boot_id) + 1], text[CLOCK_TEXT_MAX];
	int64_t wall;

	hash_hex(clock->boot_id, sizeof(clock->boot_id), id);
	if (__builtin_add_overflow((int64_t)record->time_ns, clock->wall_offset_ns, &wall))
		wall = 0;
	fprintf(out, " boot=%s wall=%s", id, clock_text(wall, text));
}

static void put_lost(FILE *out, const struct cr_head *record)
{
	const struct cr_lost *lost = (const void *)record;

	if (lost->process.pid)
		put_process(out, "pid", &lost->process);
	if (lost->conn)
		fprintf(out, " conn=%" PRIx64 "/%" PRIu64, (uint64_t)lost->conn,
			(uint64_t)lost->generation);
	fprintf(out, " cause=%s records=%" PRIu64 " bytes=%" PRIu64, NAME(cause_names, lost->cause),
		(uint64_t)lost->records, (uint64_t)lost->bytes);
	put_fields(out, record, sizeof(*lost));
}

static void put_file(FILE *out, const struct cr_head *record)
{
	const struct cr_file *file = (const void *)record;

	fprintf(out, " version=%u capture=%s", record->version, NAME(capture_names, file->capture));
}

static void put_unseen(FILE *out, const struct cr_head *record)
{
	const struct cr_unseen *unseen = (const void *)record;

	put_process(out, "pid", &unseen->process);
	put_fields(out, record, sizeof(*unseen));
}

static void (*const put[])(FILE *out, const struct cr_head *record) = {
	[CR_DATA] = put_data, [CR_CONN] = put_conn_record, [CR_LINK] = put_link,
	[CR_END] = put_end,   [CR_FORK] = put_fork,        [CR_EXEC] = put_exec,
	[CR_EXIT] = put_exit, [CR_PROC] = put_proc,        [CR_CLOCK] = put_clock,
	[CR_LOST] = put_lost, [CR_FILE] = put_file,        [CR_UNSEEN] = put_unseen,
};

void dump_record(FILE *out, uint64_t file_offset, const struct cr_head *record)
{
	fprintf(out, "%10" PRIu64 " %6" PRIu64 ".%06" PRIu64 " %-6s", file_offset,
		(uint64_t)(record->time_ns / NS_PER_SECOND),
		(uint64_t)(record->time_ns % NS_PER_SECOND / 1000), NAME(type_names, record->type));
	if (record->type < sizeof(put) / sizeof(*put) && put[record->type])
		put[record->type](out, record);
	else if (record->type != CR_TICK)
		fprintf(out, " type=%u length=%u", record->type, record->length);
	fputc('\n', out);
}
