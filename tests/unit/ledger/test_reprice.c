/* SPDX-License-Identifier: Apache-2.0 */
/* Calls priced by one card, and anew by another; figures by hand, rows read with SQLite alone. */
#include <errno.h>

#include "agent/ledger/reprice.h"
#include "agent/limits.h"
#include "tests/unit/ledger/file.h"

#define MODEL "model-x"

/* One row for the model: currency, prices. */
static struct pricing_card *card_of(const char *model, const char *currency, const char *prices)
{
	struct pricing_card *card = NULL;
	char json[1024], error[256] = "";

	snprintf(
		json, sizeof(json),
		"{\"schema\": 1, \"version\": \"2026-01-31\", \"rows\": [{\"provider\": \"openai\","
		" \"model\": \"%s\", \"currency\": \"%s\", \"source\": \"s\","
		" \"checked\": \"2026-01-31\", \"prices\": %s}]}",
		model, currency, prices);
	CHECK_INT(pricing_card_new(&card), 0);
	if (pricing_card_load(card, json, strlen(json), error, sizeof(error)) < 0)
		test_fail(__FILE__, __LINE__, "%s", error);
	return card;
}

static struct pricing_card *one_dollar(void)
{
	return card_of(MODEL, "USD", "{\"input\": \"1\", \"output\": \"10\"}");
}

static struct pricing_card *two_dollars(void)
{
	return card_of(MODEL, "USD", "{\"input\": \"2\", \"output\": \"10\"}");
}

/* A call of one charge, 1000 tokens in and 10 out. */
static void make(struct example *example, uint64_t position)
{
	struct charge *charge = example->charges;

	example_make(example, position);
	example->event.n_charges = 1;
	memset(charge, 0, sizeof(*charge));
	charge->model = MODEL;
	pricing_usage_set(&charge->usage, PRICING_INPUT, 1000);
	pricing_usage_set(&charge->usage, PRICING_OUTPUT, 10);
}

static void bill(struct ledger *ledger, struct example *example, const struct pricing_card *card)
{
	struct call_event *event = &example->event;

	event->card_version = pricing_card_version(card);
	for (size_t i = 0; i < event->n_charges; i++) {
		struct charge *charge = &example->charges[i];
		struct pricing_charge question = {
			.provider = "openai", .model = charge->model, .usage = charge->usage};

		pricing_price(card, &question, &charge->price);
		if (event->billing == BILLING_USAGE && charge->price.status != PRICING_PRICED)
			event->cost_status = COST_UNPRICED;
	}
	CHECK_INT(ledger_write_call(ledger, event), 0);
}

static void bill_one(struct ledger *ledger, uint64_t position, const struct pricing_card *card)
{
	struct example example;

	make(&example, position);
	bill(ledger, &example, card);
}

struct told {
	size_t calls, changed, kept, priced_before, priced_after;
	pricing_amount before, after;
	uint64_t spans; /* sum of their numbers */
};

static int on_call(void *context, const struct ledger_repriced *call)
{
	struct told *told = context;

	told->calls++;
	told->changed += call->n_changed;
	told->kept += call->n_kept;
	told->priced_before += call->before.cost_status == COST_PRICED;
	told->priced_after += call->after.cost_status == COST_PRICED;
	for (size_t i = 0; i < call->before.n_charges; i++) {
		told->before += call->before.charges[i].amount;
		told->after += call->after.charges[i].amount;
	}
	told->spans += strtoull(call->before.span_id, NULL, 16);
	return 0;
}

static struct told reprice(struct ledger *ledger, const struct pricing_card *card, bool dry_run)
{
	const struct ledger_filter all = {.until_ns = 0};
	struct told told = {.calls = 0};

	CHECK_INT(ledger_commit(ledger), 0);
	CHECK_INT(ledger_reprice(ledger, &all, card, dry_run, on_call, &told), 0);
	return told;
}

/* ---- cards ---- */

TEST(a_new_price_stands_beside_the_bill)
{
	struct pricing_card *first = one_dollar(), *second = two_dollars();
	struct ledger *ledger;
	struct told told;

	make_folder();
	ledger = open_ledger("run");
	bill_one(ledger, 1, first);
	told = reprice(ledger, second, false);
	CHECK_INT(told.calls, 1);
	CHECK_INT(told.changed, 1);
	CHECK_INT(told.before, 1100000000);
	CHECK_INT(told.after, 2100000000);
	CHECK_TEXT(query("SELECT pricing, status, currency, amount FROM price ORDER BY pricing"),
		   "0|priced|USD|1100000000\n1|priced|USD|2100000000");
	CHECK_TEXT(query("SELECT pricing, line, bucket, billed_as, quantity, rate, per, amount"
			 " FROM price_line ORDER BY pricing, line"),
		   "0|0|input|input|1000|1000000000000|1000000|1000000000\n"
		   "0|1|output|output|10|10000000000000|1000000|100000000\n"
		   "1|0|input|input|1000|2000000000000|1000000|2000000000\n"
		   "1|1|output|output|10|10000000000000|1000000|100000000");
	CHECK_TEXT(query("SELECT card_version FROM price WHERE pricing = 1"),
		   pricing_card_version(second));
	ledger_close(ledger);
	pricing_card_free(first);
	pricing_card_free(second);
	remove_folder();
}

TEST(the_same_card_again_adds_nothing)
{
	struct pricing_card *first = one_dollar(), *second = two_dollars();
	struct ledger *ledger;

	make_folder();
	ledger = open_ledger("run");
	bill_one(ledger, 1, first);
	CHECK_INT(reprice(ledger, first, false).changed, 0);
	CHECK_INT(reprice(ledger, second, false).changed, 1);
	CHECK_INT(reprice(ledger, second, false).changed, 0);
	CHECK_TEXT(query("SELECT count(*) FROM price"), "2");
	/* back again: a third price, and not the first one's place */
	CHECK_INT(reprice(ledger, first, false).changed, 1);
	CHECK_TEXT(query("SELECT pricing, amount FROM price ORDER BY pricing"),
		   "0|1100000000\n1|2100000000\n2|1100000000");
	ledger_close(ledger);
	pricing_card_free(first);
	pricing_card_free(second);
	remove_folder();
}

static int take_call(void *context, const struct ledger_call *call)
{
	struct told *told = context;

	told->calls++;
	told->priced_after += call->cost_status == COST_PRICED;
	for (size_t i = 0; i < call->n_charges; i++)
		told->after += call->charges[i].amount;
	return 0;
}

static struct told read_calls(struct ledger *ledger, bool latest)
{
	const struct ledger_filter filter = {.latest = latest};
	struct told told = {.calls = 0};

	CHECK_INT(ledger_calls(ledger, &filter, take_call, &told), 0);
	return told;
}

TEST(what_had_no_price_gets_one)
{
	struct pricing_card *first = card_of("other", "USD", "{\"input\": \"1\"}");
	struct pricing_card *second = two_dollars();
	struct ledger *ledger;
	struct told told;

	make_folder();
	ledger = open_ledger("run");
	bill_one(ledger, 1, first);
	told = reprice(ledger, second, false);
	CHECK_INT(told.priced_before, 0);
	CHECK_INT(told.priced_after, 1);
	CHECK_TEXT(query("SELECT cost_status FROM call"), "unpriced");
	CHECK_INT(read_calls(ledger, false).priced_after, 0);
	CHECK_INT(read_calls(ledger, false).after, 0);
	CHECK_INT(read_calls(ledger, true).priced_after, 1);
	CHECK_INT(read_calls(ledger, true).after, 2100000000);
	/* and loses it again */
	told = reprice(ledger, first, false);
	CHECK_INT(told.priced_before, 1);
	CHECK_INT(told.priced_after, 0);
	CHECK_TEXT(query("SELECT pricing, status, currency, amount FROM price ORDER BY pricing"),
		   "0|model|NULL|NULL\n1|priced|USD|2100000000\n2|model|NULL|NULL");
	ledger_close(ledger);
	pricing_card_free(first);
	pricing_card_free(second);
	remove_folder();
}

TEST(a_missing_bucket_is_named_and_the_rest_is_kept_apart)
{
	struct pricing_card *first = one_dollar();
	struct pricing_card *second = card_of(MODEL, "USD", "{\"input\": \"1\"}");
	struct ledger *ledger;

	make_folder();
	ledger = open_ledger("run");
	bill_one(ledger, 1, first);
	CHECK_INT(reprice(ledger, second, false).priced_after, 0);
	CHECK_TEXT(query("SELECT status, missing, currency, amount FROM price WHERE pricing = 1"),
		   "bucket|output|USD|1000000000");
	ledger_close(ledger);
	pricing_card_free(first);
	pricing_card_free(second);
	remove_folder();
}

TEST(another_currency_is_a_change)
{
	struct pricing_card *first = one_dollar();
	struct pricing_card *second =
		card_of(MODEL, "EUR", "{\"input\": \"1\", \"output\": \"10\"}");
	struct ledger *ledger;

	make_folder();
	ledger = open_ledger("run");
	bill_one(ledger, 1, first);
	CHECK_INT(reprice(ledger, second, false).changed, 1);
	CHECK_TEXT(query("SELECT currency, amount FROM price ORDER BY pricing"),
		   "USD|1100000000\nEUR|1100000000");
	ledger_close(ledger);
	pricing_card_free(first);
	pricing_card_free(second);
	remove_folder();
}

/* ---- what the file can not hold ---- */

TEST(an_amount_beyond_63_bits_is_no_price)
{
	struct pricing_card *first = one_dollar();
	struct pricing_card *second =
		card_of(MODEL, "USD",
			"{\"input\": {\"price\": \"999999999\", \"per\": 1}, \"output\": \"1\"}");
	struct ledger *ledger;
	struct told told;

	make_folder();
	ledger = open_ledger("run");
	bill_one(ledger, 1, first);
	told = reprice(ledger, second, false);
	CHECK_INT(told.priced_after, 0);
	CHECK_TEXT(query("SELECT status, amount FROM price WHERE pricing = 1"), "overflow|NULL");
	CHECK_INT(reprice(ledger, second, false).changed, 0);
	CHECK_INT(reprice(ledger, first, false).priced_after, 1);
	ledger_close(ledger);
	pricing_card_free(first);
	pricing_card_free(second);
	remove_folder();
}

TEST(a_quantity_that_is_not_in_the_file_is_not_left_out_of_a_price)
{
	struct pricing_card *first = one_dollar(), *second = two_dollars();
	struct ledger *ledger;
	struct example example;
	struct told told;

	make_folder();
	ledger = open_ledger("run");
	make(&example, 1);
	pricing_usage_set(&example.charges[0].usage, PRICING_INPUT, UINT64_MAX);
	bill(ledger, &example, first);
	told = reprice(ledger, second, false);
	CHECK_INT(told.kept, 1);
	CHECK_INT(told.changed, 0);
	CHECK_INT(told.priced_after, 0);
	CHECK_TEXT(query("SELECT pricing, status FROM price"), "0|overflow");
	ledger_close(ledger);
	pricing_card_free(first);
	pricing_card_free(second);
	remove_folder();
}

TEST(a_bucket_of_another_tollspan_is_not_left_out_of_a_price)
{
	struct pricing_card *first = one_dollar(), *second = two_dollars();
	struct ledger *ledger;

	make_folder();
	ledger = open_ledger("run");
	bill_one(ledger, 1, first);
	CHECK_INT(ledger_commit(ledger), 0);
	query("INSERT INTO usage SELECT id, 'tokens_of_tomorrow', 5 FROM charge");
	CHECK_INT(reprice(ledger, second, false).kept, 1);
	CHECK_TEXT(query("SELECT count(*) FROM price"), "1");
	ledger_close(ledger);
	pricing_card_free(first);
	pricing_card_free(second);
	remove_folder();
}

/* ---- calls ---- */

TEST(open_and_free_calls_and_unknown_hosts_stay)
{
	struct pricing_card *first = card_of("other", "USD", "{\"input\": \"1\"}");
	struct pricing_card *second = two_dollars();
	struct ledger *ledger;
	struct example example;
	struct told told;

	make_folder();
	ledger = open_ledger("run");
	make(&example, 1);
	example.event.type = CALL_BEGIN;
	bill(ledger, &example, first);
	make(&example, 2);
	example.event.billing = BILLING_FREE;
	example.event.cost_status = COST_FREE;
	bill(ledger, &example, first);
	make(&example, 3);
	example.event.provider_known = false;
	bill(ledger, &example, first);
	told = reprice(ledger, second, false);
	CHECK_INT(told.calls, 2);
	CHECK_INT(told.spans, 2 + 3);
	CHECK_INT(told.changed, 0);
	CHECK_TEXT(query("SELECT count(*) FROM price WHERE pricing > 0"), "0");
	ledger_close(ledger);
	pricing_card_free(first);
	pricing_card_free(second);
	remove_folder();
}

TEST(a_call_without_a_whole_usage_stays_unpriced)
{
	struct pricing_card *first = one_dollar(), *second = two_dollars();
	struct ledger *ledger;
	struct example example;
	struct told told;

	make_folder();
	ledger = open_ledger("run");
	make(&example, 1);
	example.event.partial = PARTIAL_USAGE;
	example.event.cost_status = COST_UNPRICED;
	bill(ledger, &example, first);
	make(&example, 2);
	example.event.billing = BILLING_UNKNOWN;
	example.event.cost_status = COST_UNPRICED;
	bill(ledger, &example, first);
	told = reprice(ledger, second, false);
	CHECK_INT(told.changed, 2);
	CHECK_INT(told.priced_after, 0);
	CHECK_INT(read_calls(ledger, true).priced_after, 0);
	ledger_close(ledger);
	pricing_card_free(first);
	pricing_card_free(second);
	remove_folder();
}

TEST(a_call_is_priced_if_all_its_charges_are)
{
	struct pricing_card *first = card_of("other", "USD", "{\"input\": \"1\"}");
	struct pricing_card *second = two_dollars();
	struct ledger *ledger;
	struct example example;

	make_folder();
	ledger = open_ledger("run");
	make(&example, 1);
	example.charges[1] = example.charges[0];
	example.charges[1].model = "advisor";
	example.event.n_charges = 2;
	bill(ledger, &example, first);
	CHECK_INT(reprice(ledger, second, false).changed, 1);
	CHECK_INT(read_calls(ledger, true).priced_after, 0);
	CHECK_INT(read_calls(ledger, true).after, 2100000000);
	ledger_close(ledger);
	pricing_card_free(first);
	pricing_card_free(second);
	remove_folder();
}

/* More than a transaction's, and all of one moment. */
TEST(each_of_many_calls_is_told_once)
{
	struct pricing_card *first = one_dollar(), *second = two_dollars();
	const uint64_t n = 2 * LIMIT_REPRICE_CALLS + 7;
	struct ledger *ledger;
	struct told told;

	make_folder();
	ledger = open_ledger("run");
	for (uint64_t i = 1; i <= n; i++) {
		struct example example;

		make(&example, i);
		example.event.start_ns = i > n / 2 ? 5000000000 : 4000000000;
		bill(ledger, &example, first);
	}
	told = reprice(ledger, second, false);
	CHECK_INT(told.calls, n);
	CHECK_INT(told.changed, n);
	CHECK_INT(told.spans, n * (n + 1) / 2);
	CHECK_TEXT(
		query("SELECT count(*), count(DISTINCT charge), sum(amount) / 2100000000 FROM price"
		      " WHERE pricing = 1"),
		"407|407|407");
	ledger_close(ledger);
	pricing_card_free(first);
	pricing_card_free(second);
	remove_folder();
}

TEST(only_calls_of_the_window)
{
	struct pricing_card *first = one_dollar(), *second = two_dollars();
	struct ledger_filter filter = {.since_ns = 0};
	struct told told = {.calls = 0};
	struct ledger *ledger;

	make_folder();
	ledger = open_ledger("run");
	for (uint64_t i = 1; i <= 5; i++)
		bill_one(ledger, i, first);
	CHECK_INT(ledger_commit(ledger), 0);
	/* position 2 begins at the first moment, position 4 at the end that is no part of it */
	filter.since_ns = EXAMPLE_OFFSET + 1000000000 + 2 * 1000;
	filter.until_ns = EXAMPLE_OFFSET + 1000000000 + 4 * 1000;
	CHECK_INT(ledger_reprice(ledger, &filter, second, false, on_call, &told), 0);
	CHECK_INT(told.calls, 2);
	CHECK_INT(told.spans, 2 + 3);
	ledger_close(ledger);
	pricing_card_free(first);
	pricing_card_free(second);
	remove_folder();
}

/* ---- reported costs ---- */

static int take_reported(void *context, const struct ledger_repriced *call)
{
	struct ledger_call *after = context;

	CHECK_INT(call->before.reported_source, call->after.reported_source);
	CHECK_INT(call->before.reported, call->after.reported);
	CHECK_INT(call->before.cost_status, COST_PRICED);
	CHECK_INT(call->after.cost_status, COST_PRICED);
	*after = call->after;
	return 0;
}

/* The cost stays; what the card says beside it is another, or none. */
TEST(a_reported_cost_stays)
{
	struct pricing_card *first = one_dollar(), *second = two_dollars();
	struct pricing_card *none = card_of("other", "USD", "{\"input\": \"1\"}");
	const struct ledger_filter all = {.until_ns = 0};
	struct ledger_call after = {.id = 0};
	struct example example;
	struct ledger *ledger;

	make_folder();
	ledger = open_ledger("run");
	make(&example, 1);
	example.event.reported_source = REPORTED_GATEWAY;
	example.event.reported = 77;
	bill(ledger, &example, first);
	CHECK_INT(ledger_commit(ledger), 0);
	CHECK_INT(ledger_reprice(ledger, &all, second, false, take_reported, &after), 0);
	CHECK_INT(after.reported_source, REPORTED_GATEWAY);
	CHECK_INT(after.reported, 77);
	CHECK_INT(ledger_reprice(ledger, &all, none, false, take_reported, &after), 0);
	CHECK_TEXT(query("SELECT pricing, status, amount FROM price ORDER BY pricing"),
		   "0|priced|1100000000\n1|priced|2100000000\n2|model|NULL");
	CHECK_TEXT(query("SELECT cost_status, reported_cost, reported_source FROM call"),
		   "priced|77|gateway");
	CHECK_INT(read_calls(ledger, true).priced_after, 1);
	ledger_close(ledger);
	pricing_card_free(first);
	pricing_card_free(second);
	pricing_card_free(none);
	remove_folder();
}

/* ---- the file ---- */

TEST(a_dry_run_writes_nothing)
{
	struct pricing_card *first = one_dollar(), *second = two_dollars();
	const struct ledger_filter all = {.until_ns = 0};
	struct told told = {.calls = 0};
	struct ledger *ledger;
	char error[256];

	make_folder();
	ledger = open_ledger("run");
	bill_one(ledger, 1, first);
	ledger_close(ledger);
	CHECK_INT(ledger_open_readonly(&ledger, path, error, sizeof(error)), 0);
	CHECK_INT(reprice(ledger, second, true).after, 2100000000);
	CHECK_INT(ledger_reprice(ledger, &all, second, false, on_call, &told), -EROFS);
	CHECK_INT(told.calls, 0);
	ledger_close(ledger);
	CHECK_TEXT(query("SELECT count(*) FROM price"), "1");
	pricing_card_free(first);
	pricing_card_free(second);
	remove_folder();
}

/* What spans are made from, and what waits for export. */
TEST(nothing_but_prices_is_written)
{
	static const char state[] =
		"SELECT c.*, (SELECT count(*) FROM call), (SELECT count(*) FROM charge),"
		" (SELECT count(*) FROM usage), (SELECT count(*) FROM export),"
		" (SELECT count(*) FROM writer), (SELECT amount FROM price WHERE pricing = 0)"
		" FROM call c";
	struct pricing_card *first = one_dollar(), *second = two_dollars();
	struct ledger *ledger;
	char *before;

	make_folder();
	ledger = open_ledger("run");
	bill_one(ledger, 1, first);
	CHECK_INT(ledger_commit(ledger), 0);
	before = strdup(query(state));
	CHECK(before);
	CHECK_INT(reprice(ledger, second, false).changed, 1);
	CHECK_TEXT(query(state), before);
	free(before);
	ledger_close(ledger);
	pricing_card_free(first);
	pricing_card_free(second);
	remove_folder();
}

TEST_MAIN()
