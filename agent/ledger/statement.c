/* SPDX-License-Identifier: Apache-2.0 */
/* Every statement of the ledger, and how statements are bound and run. */
#include "agent/ledger/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/text.h"

/* As read_call.c takes them apart. */
#define CALL_COLUMNS                                                                            \
	"c.id, c.settled, c.trace_id, c.span_id, c.parent_span_id, c.start_ns, c.end_ns,"       \
	" c.first_token_ns, c.operation, c.provider, c.request_model, c.response_model,"        \
	" c.response_id, c.conversation_id, c.method, c.path, c.server_address, c.server_port," \
	" c.http_status, c.error_type, c.key_fingerprint, c.cost_status, c.completeness,"       \
	" c.card_version, c.capture, c.process, p.pid, p.name, p.executable,"                   \
	" iif(json_valid(p.arguments), json(p.arguments), NULL), c.provider_known,"             \
	" c.billing = 'usage' AND NOT c.partial & 128, c.reported_source, c.reported_cost"

static const char *const texts[STATEMENTS] = {
	[STATEMENT_WRITER] =
		"INSERT INTO writer (command, version, pid, started_ns, start_ticks, boot_id,"
		" pid_namespace) VALUES (:command, :version, :pid, :started_ns, :start_ticks,"
		" :boot_id, :pid_namespace)",
	[STATEMENT_WRITER_ENDS] = "UPDATE writer SET closed = 1 WHERE id = :writer",
	[STATEMENT_WRITER_IDENTITY] = "SELECT closed, boot_id, pid, start_ticks, pid_namespace"
				      " FROM writer WHERE id = :writer",

	[STATEMENT_PROCESS] =
		"INSERT INTO process (boot_id, pid, start_ticks, parent_pid, parent_start_ticks,"
		" start_ns, exit_ns, exit_status, uid, is_root, executable, name, arguments,"
		" cgroup, service_name)"
		" VALUES (:boot_id, :pid, :start_ticks, :parent_pid, :parent_start_ticks,"
		" :start_ns, :exit_ns, :exit_status, :uid, :is_root, :executable, :name, :arguments,"
		" :cgroup, :service_name)"
		" ON CONFLICT (boot_id, pid, start_ticks) DO UPDATE SET"
		" parent_pid = coalesce(excluded.parent_pid, parent_pid),"
		" parent_start_ticks = coalesce(excluded.parent_start_ticks, parent_start_ticks),"
		" start_ns = coalesce(excluded.start_ns, start_ns),"
		" exit_ns = coalesce(excluded.exit_ns, exit_ns),"
		" exit_status = coalesce(excluded.exit_status, exit_status),"
		" uid = coalesce(excluded.uid, uid), is_root = max(excluded.is_root, is_root),"
		" executable = coalesce(excluded.executable, executable),"
		" name = coalesce(excluded.name, name),"
		" arguments = coalesce(excluded.arguments, arguments),"
		" cgroup = coalesce(excluded.cgroup, cgroup),"
		" service_name = coalesce(excluded.service_name, service_name)",
	[STATEMENT_FIND_PROCESS] = "SELECT id FROM process WHERE boot_id = :boot_id"
				   " AND pid = :pid AND start_ticks = :start_ticks",

	[STATEMENT_FIND_CALL] = "SELECT id, settled IS NOT NULL,"
				" end_ns IS :end_ns AND response_model IS :response_model"
				" AND http_status IS :http_status AND cost_status = :cost_status"
				" AND raw_usage IS :raw_usage AND card_version IS :card_version"
				" AND reported_cost IS :reported_cost"
				" AND reported_source IS :reported_source,"
				" (SELECT count(*) FROM charge WHERE call = call.id),"
				" EXISTS (SELECT 1 FROM attribute WHERE call = call.id)"
				" FROM call WHERE trace_id = :trace_id AND span_id = :span_id",
	[STATEMENT_CALL] =
		"INSERT INTO call (id, trace_id, span_id, parent_span_id, writer, process,"
		" root_process, settled, start_ns, end_ns, first_token_ns, operation, provider,"
		" provider_known, family, request_model, response_model, response_id,"
		" conversation_id, method, path, server_address, server_port, peer_address,"
		" peer_port, sni, library, http_status, error_type, key_fingerprint, traceparent,"
		" streaming, billing, cost_status, completeness, partial, bytes_seen,"
		" bytes_declared, raw_usage, card_version, capture, connection, generation, layer,"
		" position, reported_cost, reported_source)"
		" VALUES (:id, :trace_id, :span_id, :parent_span_id, :writer, :process,"
		" :root_process,"
		" iif(:settle, (SELECT coalesce(max(settled), 0) + 1 FROM call), NULL),"
		" :start_ns, :end_ns, :first_token_ns, :operation, :provider, :provider_known,"
		" :family, :request_model, :response_model, :response_id, :conversation_id,"
		" :method, :path, :server_address, :server_port, :peer_address, :peer_port, :sni,"
		" :library, :http_status, :error_type, :key_fingerprint, :traceparent, :streaming,"
		" :billing, :cost_status, :completeness, :partial, :bytes_seen, :bytes_declared,"
		" :raw_usage, :card_version, :capture, :connection, :generation, :layer, :position,"
		" :reported_cost, :reported_source)"
		" ON CONFLICT (id) DO UPDATE SET settled = excluded.settled,"
		" process = excluded.process, root_process = excluded.root_process,"
		" start_ns = excluded.start_ns, end_ns = excluded.end_ns,"
		" first_token_ns = excluded.first_token_ns, operation = excluded.operation,"
		" provider = excluded.provider, provider_known = excluded.provider_known,"
		" family = excluded.family, request_model = excluded.request_model,"
		" response_model = excluded.response_model, response_id = excluded.response_id,"
		" conversation_id = excluded.conversation_id, method = excluded.method,"
		" path = excluded.path, server_address = excluded.server_address,"
		" server_port = excluded.server_port, peer_address = excluded.peer_address,"
		" peer_port = excluded.peer_port, sni = excluded.sni, library = excluded.library,"
		" http_status = excluded.http_status, error_type = excluded.error_type,"
		" key_fingerprint = excluded.key_fingerprint, streaming = excluded.streaming,"
		" billing = excluded.billing, cost_status = excluded.cost_status,"
		" completeness = excluded.completeness, partial = excluded.partial,"
		" bytes_seen = excluded.bytes_seen, bytes_declared = excluded.bytes_declared,"
		" raw_usage = excluded.raw_usage, card_version = excluded.card_version,"
		" capture = excluded.capture, reported_cost = excluded.reported_cost,"
		" reported_source = excluded.reported_source WHERE settled IS NULL",
	[STATEMENT_DROP_CHARGES] = "DELETE FROM charge WHERE call = :call",
	[STATEMENT_DROP_ATTRIBUTES] = "DELETE FROM attribute WHERE call = :call",
	[STATEMENT_ATTRIBUTE] = "INSERT OR REPLACE INTO attribute (call, name, value)"
				" VALUES (:call, :name, :value)",

	[STATEMENT_CHARGE] =
		"INSERT INTO charge (call, number, model, tier, region, variant, input_tokens,"
		" output_tokens) VALUES (:call, :number, :model, :tier, :region, :variant,"
		" :input_tokens, :output_tokens)",
	[STATEMENT_USAGE] = "INSERT INTO usage (charge, bucket, quantity)"
			    " VALUES (:charge, :bucket, :quantity)",
	[STATEMENT_PRICE] =
		"INSERT INTO price (charge, pricing, status, missing, currency, amount,"
		" card_version, card_row, source) VALUES (:charge, :pricing, :status, :missing,"
		" :currency, :amount, :card_version, :card_row, :source)",
	[STATEMENT_PRICE_LINE] =
		"INSERT INTO price_line (charge, pricing, line, bucket, billed_as, quantity, rate,"
		" per, amount) VALUES (:charge, :pricing, :line, :bucket, :billed_as, :quantity,"
		" :rate, :per, :amount)",

	[STATEMENT_LOSS] =
		"INSERT INTO loss (writer, process, cause, name, records, bytes, time_ns, duplicate)"
		" VALUES (:writer, :process, :cause, :name, :records, :bytes, :time_ns,"
		" EXISTS (SELECT 1 FROM loss WHERE time_ns = :time_ns AND writer < :writer"
		" AND process IS :process AND cause = :cause AND name IS :name"
		" AND records = :records AND bytes = :bytes))",
	[STATEMENT_UNSEEN] =
		"INSERT OR IGNORE INTO unseen (writer, process, executable, reason, remedy,"
		" time_ns, duplicate)"
		" VALUES (:writer, :process, :executable, :reason, :remedy, :time_ns,"
		" EXISTS (SELECT 1 FROM unseen WHERE time_ns = :time_ns AND writer < :writer"
		" AND process IS :process AND executable IS :executable AND reason = :reason))",

	/* Open calls are those without a number in the index of all that have settled. */
	[STATEMENT_OPEN_WRITER] =
		"SELECT min(c.writer) FROM call c JOIN writer w ON w.id = c.writer"
		" WHERE c.settled IS NULL AND c.writer > :after AND c.writer <> :self AND (:all"
		" OR w.command = (SELECT command FROM writer WHERE id = :self))",
	/* What the response had told of its usage was not its last word: that is no bill. */
	[STATEMENT_SETTLE_ORPHAN] =
		"UPDATE call SET settled = (SELECT coalesce(max(settled), 0) + 1 FROM call),"
		" end_ns = coalesce(end_ns, first_token_ns, start_ns), partial = partial | :cut,"
		" completeness = 'partial',"
		" cost_status = iif(billing = 'free', cost_status, 'unpriced'),"
		" billing = iif(billing = 'free', billing, 'unknown')"
		" WHERE id = (SELECT id FROM call WHERE writer = :writer AND settled IS NULL LIMIT 1)"
		" RETURNING id",

	[STATEMENT_ADD_TARGET] = "INSERT INTO target (url) VALUES (:url) ON CONFLICT DO NOTHING",
	[STATEMENT_FIND_TARGET] = "SELECT id FROM target WHERE url = :url",
	[STATEMENT_ENQUEUE] = "INSERT INTO export (target, sequence, call)"
			      " VALUES (:target, :sequence, :call)",
	[STATEMENT_DEQUEUE] = "DELETE FROM export WHERE target = :target AND sequence <= :cursor",
	[STATEMENT_DROPPED] = "UPDATE target SET cursor = :cursor, dropped = dropped + :dropped"
			      " WHERE id = :target",
	/* Calls behind the cursor are all in the queue: its last one is the last there is. */
	[STATEMENT_TARGET] =
		"SELECT cursor, coalesce((SELECT max(sequence) FROM export WHERE target = :target),"
		" cursor), lease_holder, lease_until_ns FROM target WHERE id = :target",
	[STATEMENT_LEASE] = "UPDATE target SET lease_holder = :writer, lease_until_ns = :until"
			    " WHERE id = :target",
	[STATEMENT_RELEASE_LEASE] = "UPDATE target SET lease_holder = NULL, lease_until_ns = 0"
				    " WHERE id = :target AND lease_holder = :writer",
	/* The cursor may be ahead: a writer drops what is too much. */
	[STATEMENT_ADVANCE] = "UPDATE target SET cursor = max(cursor, :cursor),"
			      " lost = lost + :lost WHERE id = :target",
	[STATEMENT_SPOOL] =
		"SELECT " CALL_COLUMNS ", e.sequence, p.boot_id, p.cgroup, p.service_name,"
		" p.start_ticks, p.parent_pid, p.uid FROM export e JOIN call c ON c.id = e.call"
		" LEFT JOIN process p ON p.id = c.process"
		" WHERE e.target = :target AND e.sequence > :after ORDER BY e.sequence LIMIT :limit",

	[STATEMENT_CALLS] =
		"SELECT " CALL_COLUMNS " FROM call c LEFT JOIN process p ON p.id = c.process"
		" WHERE (:writer = 0 OR c.writer = :writer)"
		" AND c.start_ns >= :since AND c.start_ns < :until"
		" AND (:trace_id IS NULL OR c.trace_id = :trace_id)"
		" AND (:settled_after < 0 OR c.settled > :settled_after)"
		" ORDER BY iif(:settled_after < 0, c.start_ns, c.settled), c.id",
	[STATEMENT_NEWEST_TRACE] =
		"SELECT trace_id FROM call WHERE (:writer = 0 OR writer = :writer)"
		" AND start_ns >= :since AND start_ns < :until ORDER BY start_ns DESC, id DESC"
		" LIMIT 1",
	/* Hex digits sort below "g": a range, so that the index serves. */
	[STATEMENT_FIND_TRACE] = "SELECT DISTINCT trace_id FROM call WHERE trace_id >= :prefix"
				 " AND trace_id < :prefix || 'g' LIMIT 2",
	[STATEMENT_LAST_SETTLED] = "SELECT coalesce(max(settled), 0) FROM call",
	[STATEMENT_CHARGES] =
		"SELECT ch.id, ch.model, ch.tier, ch.region, ch.variant, p.status, p.missing,"
		" p.currency, p.amount, p.card_version FROM charge ch"
		" LEFT JOIN price p ON p.charge = ch.id AND p.pricing = iif(:latest,"
		" (SELECT max(pricing) FROM price WHERE charge = ch.id), 0)"
		" WHERE ch.call = :call ORDER BY ch.number",
	/* A quantity that the file could not hold has a line, and no row of usage. */
	[STATEMENT_REPRICE] =
		"SELECT c.id, c.start_ns, c.trace_id, c.span_id, c.provider, c.provider_known,"
		" c.request_model, c.response_model, c.key_fingerprint, c.cost_status,"
		" c.billing = 'usage' AND NOT c.partial & 128, ch.id, ch.model, ch.tier, ch.region,"
		" ch.variant, p.pricing, p.status, p.missing, p.currency, p.amount,"
		" EXISTS (SELECT 1 FROM price_line l WHERE l.charge = ch.id AND l.pricing = 0"
		" AND NOT EXISTS (SELECT 1 FROM usage u WHERE u.charge = l.charge"
		" AND u.bucket = l.bucket)),"
		" (SELECT value FROM attribute WHERE call = c.id AND name = 'tollspan.tag'),"
		" c.reported_source, c.reported_cost"
		" FROM (SELECT * FROM call WHERE start_ns >= :since AND start_ns < :until"
		" AND settled IS NOT NULL AND (start_ns > :since OR id > :after)"
		" ORDER BY start_ns, id LIMIT :limit) c"
		" LEFT JOIN charge ch ON ch.call = c.id AND c.billing <> 'free'"
		" LEFT JOIN price p ON p.charge = ch.id AND p.pricing ="
		" (SELECT max(pricing) FROM price WHERE charge = ch.id)"
		" ORDER BY c.start_ns, c.id, ch.number",
	[STATEMENT_NEWEST_PRICING] = "SELECT coalesce(max(pricing), 0) FROM price"
				     " WHERE charge = :charge",
	[STATEMENT_USAGES] = "SELECT bucket, quantity FROM usage WHERE charge = :charge",
	[STATEMENT_ATTRIBUTES] = "SELECT name, value FROM attribute WHERE call = :call"
				 " ORDER BY name",
	[STATEMENT_LOSSES] = "SELECT cause, name, records, bytes FROM loss"
			     " WHERE iif(:writer, writer = :writer, NOT duplicate)"
			     " AND time_ns >= :since AND time_ns < :until"
			     " ORDER BY cause, name",
	[STATEMENT_UNSEENS] =
		"SELECT p.pid, coalesce(u.executable, p.executable, p.name), u.reason, u.remedy"
		" FROM unseen u LEFT JOIN process p ON p.id = u.process"
		" WHERE iif(:writer, u.writer = :writer, NOT u.duplicate)"
		" AND u.time_ns >= :since AND u.time_ns < :until ORDER BY u.id",
	[STATEMENT_ANCESTORS] =
		"WITH RECURSIVE line (id, depth) AS (SELECT :process, 0 UNION SELECT parent.id,"
		" line.depth + 1 FROM line JOIN process child ON child.id = line.id"
		" JOIN process parent ON parent.boot_id = child.boot_id"
		" AND parent.pid = child.parent_pid"
		" AND parent.start_ticks = child.parent_start_ticks"
		" WHERE NOT child.is_root AND line.depth < :depth)"
		" SELECT p.id, p.pid, p.start_ns, p.exit_ns, p.is_root, p.executable, p.name,"
		" iif(json_valid(p.arguments), json(p.arguments), NULL)"
		" FROM line JOIN process p ON p.id = line.id ORDER BY line.depth",
};

/* What the file system said, where SQLite tells no more than that something failed. */
static int system_errno(sqlite3 *db, int otherwise)
{
	int error = db ? sqlite3_system_errno(db) : 0;

	if (error == ENOSPC || error == EDQUOT || error == EFBIG)
		return -ENOSPC;
	return error ? -error : otherwise;
}

int ledger_errno(sqlite3 *db, int result)
{
	switch (result & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_ERROR: /* its tables are not ours */
	case SQLITE_MISMATCH:
		return -EBADMSG;
	case SQLITE_CANTOPEN:
		return system_errno(db, -ENOENT);
	case SQLITE_TOOBIG:
		return -E2BIG;
	case SQLITE_IOERR:
		return system_errno(db, -EIO);
	default:
		return -EIO;
	}
}

static int prepare(struct ledger *ledger, enum statement which, struct prepared *statement)
{
	size_t room = 1;
	int r = sqlite3_prepare_v3(ledger->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT,
				   &statement->handle, NULL);

	if (r != SQLITE_OK)
		return ledger_errno(ledger->db, r);
	while (room < 2 * (size_t)sqlite3_bind_parameter_count(statement->handle))
		room *= 2;
	statement->parameters = calloc(room, sizeof(*statement->parameters));
	statement->room = room;
	if (statement->parameters)
		return 0;
	ledger_finalize(statement);
	return -ENOMEM;
}

int ledger_statement(struct ledger *ledger, enum statement which, struct prepared **ret_statement)
{
	struct prepared *statement = &ledger->statements[which];
	int r = statement->handle ? 0 : prepare(ledger, which, statement);

	if (r < 0)
		return r;
	sqlite3_reset(statement->handle);
	sqlite3_clear_bindings(statement->handle);
	*ret_statement = statement;
	return 0;
}

void ledger_finalize(struct prepared *statement)
{
	sqlite3_finalize(statement->handle);
	free(statement->parameters);
	*statement = (struct prepared){0};
}

int ledger_step(struct ledger *ledger, struct prepared *statement)
{
	int result = sqlite3_step(statement->handle), r;

	if (result == SQLITE_ROW)
		return 1;
	r = ledger_errno(ledger->db, result);
	sqlite3_reset(statement->handle);
	return r;
}

int ledger_run(struct ledger *ledger, struct prepared *statement)
{
	int r;

	do
		r = ledger_step(ledger, statement);
	while (r == 1);
	return r;
}

static int bind_result(int index, int result)
{
	if (index == 0)
		return -EINVAL;
	return result == SQLITE_NOMEM ? -ENOMEM : ledger_errno(NULL, result);
}

/* SQLite compares names one by one, which for the columns of a call is most of a binding's time. */
static int parameter_index(struct prepared *statement, const char *name)
{
	size_t mask = statement->room - 1, at = (uintptr_t)name / 4;
	struct parameter *parameter = &statement->parameters[at & mask];

	for (size_t i = 0; i < statement->room; i++) {
		parameter = &statement->parameters[(at + i) & mask];
		if (!parameter->name || parameter->name == name)
			break;
	}
	if (parameter->name != name)
		*parameter = (struct parameter){
			name, sqlite3_bind_parameter_index(statement->handle, name)};
	return parameter->index;
}

void ledger_bind_int_if(struct prepared *statement, const char *name, bool present, int64_t value,
			int *r)
{
	int index = parameter_index(statement, name);

	if (*r == 0 && present)
		*r = bind_result(index, sqlite3_bind_int64(statement->handle, index, value));
}

void ledger_bind_int(struct prepared *statement, const char *name, int64_t value, int *r)
{
	ledger_bind_int_if(statement, name, true, value, r);
}

/* A text that is not UTF-8 would trip every other reader of the file. */
static int bind_repaired(sqlite3_stmt *statement, int index, const char *text, size_t length)
{
	struct buffer repaired;
	int r;

	buffer_init(&repaired, 3 * length);
	r = text_append_valid(&repaired, text, length);
	if (r == 0)
		r = bind_result(
			index, sqlite3_bind_text64(statement, index, (const char *)repaired.data,
						   repaired.length, SQLITE_TRANSIENT, SQLITE_UTF8));
	buffer_free(&repaired);
	return r;
}

void ledger_bind_text(struct prepared *statement, const char *name, const char *text, int *r)
{
	int index = parameter_index(statement, name);
	size_t length;

	if (*r < 0 || !text)
		return;
	length = strlen(text);
	if (!text_valid(text, length))
		*r = bind_repaired(statement->handle, index, text, length);
	else
		*r = bind_result(index, sqlite3_bind_text64(statement->handle, index, text, length,
							    SQLITE_STATIC, SQLITE_UTF8));
}
