/* SPDX-License-Identifier: Apache-2.0 */
/* What is written is read back with SQLite alone. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/ledger/file.h"

/* ---- round trips ---- */

TEST(every_field_of_a_call_comes_back)
{
	struct ledger *ledger;

	make_folder();
	ledger = open_ledger("replay");
	write_example(ledger, 7);
	ledger_close(ledger);
	CHECK_TEXT(query("SELECT trace_id, span_id, parent_span_id, writer, settled, start_ns,"
			 " end_ns, first_token_ns FROM call"),
		   EXAMPLE_TRACE "|0000000000000007|00f067aa0ba902b7|1|1|1700000001000007000|"
				 "1700000002500007000|1700000001250007001");
	CHECK_TEXT(query("SELECT operation, provider, provider_known, family, request_model,"
			 " response_model, response_id, conversation_id, method, path,"
			 " server_address, server_port FROM call"),
		   "chat|openai|1|openai.chat|gpt-4o|gpt-4o-2024-08-06|chatcmpl-1|conv_1|POST|"
		   "/v1/chat/completions|api.openai.com|8443");
	CHECK_TEXT(query("SELECT peer_address, peer_port, sni, library, http_status, error_type,"
			 " key_fingerprint, traceparent, streaming FROM call"),
		   "192.0.2.7|443|api.openai.com|/usr/lib/libssl.so.3|200|NULL|"
		   "k1:0123456789abcdef|00-" EXAMPLE_TRACE "-00f067aa0ba902b7-01|1");
	CHECK_TEXT(query("SELECT billing, cost_status, completeness, partial, bytes_seen,"
			 " bytes_declared, raw_usage, card_version, capture FROM call"),
		   "usage|priced|exact|0|1234|2345|{\"prompt_tokens\":1000}|2026-11-01+abcdef|"
		   "preload");
	CHECK_TEXT(query("SELECT connection, generation, layer, position FROM call"),
		   "-256|123456789|1|7");
	CHECK_TEXT(query("SELECT p.pid, p.start_ticks, r.pid, r.start_ticks FROM call c"
			 " JOIN process p ON p.id = c.process"
			 " JOIN process r ON r.id = c.root_process"),
		   "43|1100|42|1000");
	CHECK_TEXT(query("SELECT name, value FROM attribute ORDER BY name"),
		   "a.quote|\"\xef\xbf\xbd\n\nopenai.response.service_tier|default");
	remove_folder();
}

TEST(charges_usage_and_prices_come_back)
{
	struct ledger *ledger;

	make_folder();
	ledger = open_ledger("replay");
	write_example(ledger, 7);
	ledger_close(ledger);
	CHECK_TEXT(query("SELECT number, model, tier, region, variant, input_tokens, output_tokens"
			 " FROM charge ORDER BY number"),
		   "0|gpt-4o-2024-08-06|flex|eu|high|1200|200\n1|advisor|flex|eu|high|1200|200");
	CHECK_TEXT(query("SELECT bucket, quantity FROM usage WHERE charge = 1 ORDER BY bucket"),
		   "cache_read|300\ncache_write_1h|50\ncache_write_5m|150\ninput|700\n"
		   "input_audio|0\noutput|120\nreasoning|80\nweb_search|2");
	CHECK_TEXT(query("SELECT pricing, status, missing, currency, amount, typeof(amount),"
			 " card_version, card_row, source FROM price WHERE charge = 1"),
		   "0|priced|NULL|USD|5190000000|integer|2026-11-01+abcdef|"
		   "openai/gpt-4o/2025-01-01|https://example.com/prices");
	CHECK_TEXT(query("SELECT pricing, line, bucket, billed_as, quantity, rate, per, amount"
			 " FROM price_line WHERE charge = 1"),
		   "0|0|cache_read|input|300|3000000000000|1000000|5190000000");
	CHECK_TEXT(query("SELECT model, input_tokens, output_tokens, cost, currency, state,"
			 " time_to_first_token_ms, duration_ms, time FROM calls"),
		   "gpt-4o-2024-08-06|2400|400|0.005190000001|USD|settled|250.000001|1500.0|"
		   "2023-11-14T22:13:21.000Z");
	remove_folder();
}

TEST(every_field_of_a_process_comes_back)
{
	struct process_event process = example_process(43, 1100);
	struct ledger *ledger;

	make_folder();
	ledger = open_ledger("run");
	process.parent = (struct process_key){.start = 1000, .pid = 42};
	process.root = true;
	CHECK_INT(ledger_write_process(ledger, &process), 0);
	/* what is told later adds to it, and what is not told takes nothing away */
	process = (struct process_event){.key = process.key,
					 .exit_ns = 5,
					 .uid = UINT32_MAX,
					 .exit_status = 256,
					 .wall_offset_ns = EXAMPLE_OFFSET,
					 .boot_id = {0xab, 0xcd}};
	CHECK_INT(ledger_write_process(ledger, &process), 0);
	ledger_close(ledger);
	CHECK_TEXT(query("SELECT boot_id, pid, start_ticks, parent_pid, parent_start_ticks,"
			 " start_ns, exit_ns, exit_status, uid, is_root FROM process"),
		   "abcd0000000000000000000000000000|43|1100|42|1000|1700000011000000000|"
		   "1700000000000000005|256|1000|1");
	CHECK_TEXT(query("SELECT executable, name, arguments, cgroup, service_name FROM process"),
		   "/usr/bin/python3.11|python3|[\"python3\",\"agent.py\",\"--api-key\",\"***\"]|"
		   "/user.slice|shop");
	CHECK_TEXT(query("SELECT command, version, started_ns, closed FROM writer"),
		   "run|0.1.0|1700000000000000000|1");
	remove_folder();
}

TEST(losses_and_unseen_come_back)
{
	struct process_event process = example_process(43, 1100);
	struct loss_event loss = {.process = {.start = 1100, .pid = 43},
				  .cause = CR_CAUSE_PROTOCOL,
				  .name = "HTTP/2",
				  .records = 3,
				  .bytes = UINT64_MAX,
				  .wall_ns = EXAMPLE_OFFSET};
	struct unseen_event unseen = {.process = {.start = 1100, .pid = 43},
				      .executable = "/usr/bin/node",
				      .reason = "no TLS function was found",
				      .remedy = "run it with eBPF",
				      .wall_ns = EXAMPLE_OFFSET};
	struct ledger *ledger;

	make_folder();
	for (int i = 0; i < 2; i++) {
		ledger = open_ledger("replay");
		CHECK_INT(ledger_write_process(ledger, &process), 0);
		CHECK_INT(ledger_write_loss(ledger, &loss), 0);
		CHECK_INT(ledger_write_loss(ledger, &loss), 0);
		CHECK_INT(ledger_write_unseen(ledger, &unseen), 0);
		CHECK_INT(ledger_write_unseen(ledger, &unseen), 0);
		ledger_close(ledger);
	}
	CHECK_TEXT(query("SELECT l.writer, p.pid, cause, l.name, records, bytes, time_ns, duplicate"
			 " FROM loss l JOIN process p ON p.id = l.process ORDER BY l.id"),
		   "1|43|protocol|HTTP/2|3|9223372036854775807|1700000000000000000|0\n"
		   "1|43|protocol|HTTP/2|3|9223372036854775807|1700000000000000000|0\n"
		   "2|43|protocol|HTTP/2|3|9223372036854775807|1700000000000000000|1\n"
		   "2|43|protocol|HTTP/2|3|9223372036854775807|1700000000000000000|1");
	CHECK_TEXT(query("SELECT u.writer, p.pid, u.executable, reason, remedy, duplicate"
			 " FROM unseen u JOIN process p ON p.id = u.process ORDER BY u.id"),
		   "1|43|/usr/bin/node|no TLS function was found|run it with eBPF|0\n"
		   "2|43|/usr/bin/node|no TLS function was found|run it with eBPF|1");
	remove_folder();
}

/* ---- reported costs ---- */

static const char reported_columns[] =
	"SELECT cost_status, reported_cost, reported_source FROM call ORDER BY position";
static const char reported_view[] =
	"SELECT cost_status, cost, currency, cost_source, local_cost FROM calls ORDER BY id";

static void write_reported(struct ledger *ledger, struct example *example,
			   enum reported_source source, int64_t amount)
{
	example->event.reported_source = source;
	example->event.reported = amount;
	CHECK_INT(ledger_write_call(ledger, &example->event), 0);
}

TEST(a_reported_cost_is_the_calls)
{
	struct example example;
	struct ledger *ledger;

	make_folder();
	ledger = open_ledger("run");
	example_make(&example, 1);
	write_reported(ledger, &example, REPORTED_PROVIDER, 7500000000);
	/* the same again, and another */
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	example.event.reported++;
	CHECK_INT(ledger_write_call(ledger, &example.event), -EALREADY);
	example.event.reported--;
	example.event.reported_source = REPORTED_GATEWAY;
	CHECK_INT(ledger_write_call(ledger, &example.event), -EALREADY);
	/* no usage was told, and it cost nothing; the most that there is */
	example_make(&example, 2);
	example.event.n_charges = 0;
	example.event.billing = BILLING_UNKNOWN;
	write_reported(ledger, &example, REPORTED_GATEWAY, 0);
	example_make(&example, 3);
	write_reported(ledger, &example, REPORTED_GATEWAY, INT64_MAX);
	ledger_close(ledger);
	CHECK_TEXT(query(reported_columns), "priced|7500000000|provider\n"
					    "priced|0|gateway\n"
					    "priced|9223372036854775807|gateway");
	CHECK_TEXT(query(reported_view), "priced|0.0075|USD|provider|0.005190000001\n"
					 "priced|0|USD|gateway|NULL\n"
					 "priced|9223372.036854775807|USD|gateway|0.005190000001");
	remove_folder();
}

/* What the card can not price, or prices in another currency, has no figure beside it. */
TEST(a_reported_cost_needs_no_price)
{
	struct example example;
	struct ledger *ledger;

	make_folder();
	ledger = open_ledger("run");
	for (uint64_t i = 1; i <= 5; i++) {
		example_make(&example, i);
		if (i == 1)
			example.charges[1].price.status = PRICING_UNPRICED_MODEL;
		if (i == 2)
			example.charges[0].price.amount = (pricing_amount)INT64_MAX + 1;
		for (size_t j = 0; i == 3 && j < 2; j++)
			memcpy(example.charges[j].price.currency, "EUR", 4);
		if (i == 4)
			memcpy(example.charges[0].price.currency, "EUR", 4);
		if (i == 5)
			example.event.partial = PARTIAL_USAGE;
		write_reported(ledger, &example, REPORTED_PROVIDER, 10 + (int64_t)i);
	}
	ledger_close(ledger);
	CHECK_TEXT(query(reported_view), "priced|0.000000000011|USD|provider|NULL\n"
					 "priced|0.000000000012|USD|provider|NULL\n"
					 "priced|0.000000000013|USD|provider|NULL\n"
					 "priced|0.000000000014|USD|provider|NULL\n"
					 "priced|0.000000000015|USD|provider|NULL");
	remove_folder();
}

/* Whatever the event says: it is a settled call's that costs something. */
TEST(open_free_and_failed_calls_report_no_cost)
{
	struct example example;
	struct ledger *ledger;

	make_folder();
	ledger = open_ledger("run");
	for (uint64_t i = 1; i <= 4; i++) {
		example_make(&example, i);
		example.event.type = i == 1 ? CALL_PROGRESS : CALL_END;
		example.event.billing = i == 2   ? BILLING_FREE
					: i == 3 ? BILLING_FAILED
						 : BILLING_USAGE;
		example.event.cost_status = i == 2   ? COST_FREE
					    : i == 4 ? COST_UNPRICED
						     : COST_PRICED;
		write_reported(ledger, &example, REPORTED_PROVIDER, 5);
	}
	ledger_close(ledger);
	CHECK_TEXT(query(reported_columns),
		   "priced|NULL|NULL\nfree|NULL|NULL\npriced|NULL|NULL\nunpriced|NULL|NULL");
	CHECK_TEXT(query("SELECT cost, cost_source FROM calls WHERE cost_status = 'unpriced'"),
		   "NULL|NULL");
	remove_folder();
}

/* ---- open and settled ---- */

TEST(an_open_call_settles_once)
{
	struct example example;
	struct ledger *ledger;

	make_folder();
	ledger = open_ledger("run");
	example_make(&example, 1);
	example.event.type = CALL_BEGIN;
	example.event.n_charges = 0;
	example.event.end_ns = 0;
	example.event.cost_status = COST_UNPRICED;
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	CHECK_INT(ledger_commit(ledger), 0);
	CHECK_TEXT(query("SELECT state, cost, completeness, duration_ms FROM calls"),
		   "open|NULL|partial|NULL");
	example_make(&example, 1);
	example.event.type = CALL_PROGRESS;
	example.event.n_charges = 1;
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	CHECK_INT(ledger_commit(ledger), 0);
	CHECK_TEXT(query("SELECT count(*) FROM charge"), "1");
	example.event.type = CALL_END;
	example.event.n_charges = 2;
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	/* the same again is no error; anything else is, and changes nothing */
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	example.event.type = CALL_BEGIN;
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	example.event.type = CALL_END;
	example.event.response_model = "another";
	CHECK_INT(ledger_write_call(ledger, &example.event), -EALREADY);
	example.event.response_model = "gpt-4o-2024-08-06";
	example.event.n_charges = 1;
	CHECK_INT(ledger_write_call(ledger, &example.event), -EALREADY);
	ledger_close(ledger);
	CHECK_TEXT(query("SELECT state, model, cost, completeness FROM calls"),
		   "settled|gpt-4o-2024-08-06|0.005190000001|exact");
	CHECK_TEXT(query("SELECT count(*) FROM charge"), "2");
	CHECK_TEXT(query("SELECT count(*) FROM attribute"), "2");
	remove_folder();
}

TEST(a_second_replay_adds_nothing)
{
	struct ledger *ledger;

	make_folder();
	for (int i = 0; i < 2; i++) {
		ledger = open_ledger("replay");
		for (uint64_t position = 1; position <= 20; position++)
			write_example(ledger, position);
		ledger_close(ledger);
	}
	CHECK_TEXT(query("SELECT count(*), max(settled), count(DISTINCT span_id) FROM call"),
		   "20|20|20");
	CHECK_TEXT(query("SELECT (SELECT count(*) FROM charge), (SELECT count(*) FROM usage),"
			 " (SELECT count(*) FROM price), (SELECT count(*) FROM process)"),
		   "40|320|40|2");
	remove_folder();
}

TEST(what_does_not_fit_is_unpriced)
{
	struct example example;
	struct ledger *ledger;

	make_folder();
	ledger = open_ledger("replay");
	example_make(&example, 1);
	example.charges[0].price.amount = (pricing_amount)INT64_MAX + 1;
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	example_make(&example, 2);
	example.charges[1].usage.quantity[PRICING_INPUT] = UINT64_MAX;
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	example_make(&example, 3);
	example.charges[0].price.amount = INT64_MAX;
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	ledger_close(ledger);
	CHECK_TEXT(query("SELECT cost_status FROM call ORDER BY id"), "unpriced\nunpriced\npriced");
	CHECK_TEXT(query("SELECT status, amount FROM price ORDER BY charge"),
		   "overflow|NULL\npriced|1\npriced|5190000000\noverflow|1\n"
		   "priced|9223372036854775807\npriced|1");
	remove_folder();
}

TEST(unpriced_reasons_come_back)
{
	struct example example;
	struct ledger *ledger;

	make_folder();
	ledger = open_ledger("replay");
	example_make(&example, 1);
	example.event.cost_status = COST_UNPRICED;
	example.charges[0].price = (struct pricing_result){.status = PRICING_UNPRICED_BUCKET,
							   .missing = PRICING_WEB_SEARCH,
							   .amount = 12,
							   .currency = "USD",
							   .row = "row"};
	example.charges[1].price = (struct pricing_result){.status = PRICING_UNPRICED_MODEL};
	CHECK_INT(ledger_write_call(ledger, &example.event), 0);
	ledger_close(ledger);
	CHECK_TEXT(query("SELECT status, missing, currency, amount, card_row FROM price"),
		   "bucket|web_search|USD|12|row\nmodel|NULL|NULL|NULL|NULL");
	CHECK_TEXT(query("SELECT cost, cost_status FROM calls"), "NULL|unpriced");
	remove_folder();
}

/* ---- several writers, and death ---- */

static void child_writes(uint64_t from, uint64_t n)
{
	struct ledger *ledger = open_ledger("run");

	for (uint64_t i = 0; i < n; i++) {
		write_example(ledger, from + i);
		if (i % 10 == 9 && ledger_commit(ledger) < 0)
			_exit(1);
	}
	ledger_close(ledger);
	_exit(0);
}

TEST(many_writers_at_once)
{
	pid_t children[4];
	int status;

	make_folder();
	for (uint64_t i = 0; i < 4; i++) {
		children[i] = fork();
		if (children[i] == 0)
			child_writes(1 + 1000 * i, 100);
		CHECK(children[i] > 0);
	}
	for (int i = 0; i < 4; i++) {
		CHECK_INT(waitpid(children[i], &status, 0), children[i]);
		CHECK_INT(status, 0);
	}
	CHECK_TEXT(query("SELECT count(*), max(settled), count(DISTINCT writer) FROM call"),
		   "400|400|4");
	CHECK_TEXT(query("SELECT count(*), sum(closed) FROM writer"), "4|4");
	CHECK_TEXT(query("PRAGMA integrity_check"), "ok");
	CHECK_TEXT(query("PRAGMA foreign_key_check"), "");
	remove_folder();
}

/* Commits ten calls, tells so, and then writes on within one transaction until it is killed. */
static void child_is_killed(int told)
{
	struct ledger *ledger = open_ledger("run");
	struct example example;

	for (uint64_t i = 1; i <= 10; i++)
		write_example(ledger, i);
	example_make(&example, 11);
	example.event.type = CALL_BEGIN;
	ledger_write_call(ledger, &example.event);
	ledger_commit(ledger);
	for (uint64_t i = 100;; i++) {
		write_example(ledger, i);
		if (i == 110 && write(told, "x", 1) != 1)
			_exit(1);
	}
}

TEST(a_killed_writer_leaves_whole_events)
{
	struct ledger *ledger;
	int status, told[2];
	char byte;
	pid_t child;

	make_folder();
	CHECK_INT(pipe2(told, O_CLOEXEC), 0);
	child = fork();
	if (child == 0)
		child_is_killed(told[1]);
	CHECK(child > 0);
	CHECK_INT(read(told[0], &byte, 1), 1);
	usleep(20000);
	kill(child, SIGKILL);
	CHECK_INT(waitpid(child, &status, 0), child);
	CHECK(WIFSIGNALED(status));
	close(told[0]);
	close(told[1]);
	ledger = open_ledger("run");
	write_example(ledger, 5000);
	ledger_close(ledger);
	CHECK_TEXT(query("PRAGMA integrity_check"), "ok");
	CHECK_TEXT(query("SELECT count(*) FROM call WHERE position BETWEEN 1 AND 10"), "10");
	CHECK_TEXT(query("SELECT state, completeness FROM calls WHERE span_id LIKE '%0b'"
			 " AND state = 'open'"),
		   "open|partial");
	CHECK_TEXT(query("SELECT count(*) FROM call c WHERE (SELECT count(*) FROM charge"
			 " WHERE call = c.id) <> 2"),
		   "0");
	CHECK_TEXT(query("SELECT closed FROM writer ORDER BY id"), "0\n1");
	remove_folder();
}

TEST_MAIN()
