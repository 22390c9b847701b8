/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one writer stores and one exporter reads, with a call of usual size: one charge of four
 * buckets, two attributes, 64 calls open at once, transactions of 20 ms.
 *
 * usage: ledger FILE [CALLS]
 *
 * FILE is made, and stays. Prints {"stored_per_s": …, "settled_per_s": …, "read_per_s": …}: calls
 * that begin and settle, calls that settle at once, calls that are read and passed by the cursor.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/ledger/spool.h"

#define OPEN 64
#define TRANSACTION_S 0.02
#define URL "http://localhost:4318/v1/traces"

static struct attribute attributes[] = {
	{"openai.response.service_tier", "default"},
	{"openai.response.system_fingerprint", "fp_0123456789"},
};

static struct charge charge = {.model = "gpt-4o-2024-08-06", .tier = "default"};

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void fill_charge(void)
{
	static const enum pricing_bucket buckets[] = {PRICING_INPUT, PRICING_CACHE_READ,
						      PRICING_OUTPUT, PRICING_REASONING};
	struct pricing_result *price = &charge.price;

	for (unsigned int i = 0; i < 4; i++) {
		pricing_usage_set(&charge.usage, buckets[i], 100 + i);
		price->lines[i] = (struct pricing_line){
			.bucket = buckets[i],
			.billed_as = buckets[i],
			.quantity = 100 + i,
			.priced = true,
			.rate = 2500000000000,
			.per = 1000000,
			.amount = 250000000,
		};
	}
	price->n_lines = 4;
	price->amount = 1000000000;
	price->row = "openai/gpt-4o/2025-01-01";
	price->source = "https://example.com/prices";
	memcpy(price->currency, "USD", 4);
}

/* Ids without an order, as hashes are; sixteen calls share a trace. */
static void fill_ids(struct call_event *event, uint64_t i)
{
	const uint64_t odd = 0x9e3779b97f4a7c15;
	uint64_t trace[2] = {(i / 16 + 1) * odd, ~(i / 16 + 1) * odd}, span = (i + 1) * odd;

	memcpy(event->trace_id, trace, sizeof(trace));
	memcpy(event->span_id, &span, sizeof(span));
}

static int write_call(struct ledger *ledger, uint64_t i, enum call_event_type type)
{
	struct call_event event = {
		.type = type,
		.conn = {.process = {.start = 1100, .pid = 43}, .conn = i, .generation = 1},
		.start_ns = 1000000 * i,
		.first_token_ns = type == CALL_END ? 1000000 * i + 1000 : 0,
		.end_ns = type == CALL_END ? 1000000 * i + 2000 : 0,
		.operation = "chat",
		.provider = "openai",
		.provider_known = true,
		.family = "openai.chat",
		.request_model = "gpt-4o",
		.response_model = type == CALL_END ? "gpt-4o-2024-08-06" : NULL,
		.response_id = type == CALL_END ? "chatcmpl-0123456789abcdef" : NULL,
		.method = "POST",
		.path = "/v1/chat/completions",
		.server_address = "api.openai.com",
		.server_port = 443,
		.status = type == CALL_END ? 200 : 0,
		.key_fingerprint = "k1:0123456789abcdef",
		.attributes = attributes,
		.n_attributes = type == CALL_END ? 2 : 0,
		.billing = type == CALL_END ? BILLING_USAGE : BILLING_UNKNOWN,
		.raw_usage = type == CALL_END ? "{\"prompt_tokens\":201,\"completion_tokens\":205}"
					      : NULL,
		.charges = &charge,
		.n_charges = type == CALL_END,
		.wall_offset_ns = 1700000000000000000,
		.cost_status = type == CALL_END ? COST_PRICED : COST_UNPRICED,
		.card_version = "2026-11-01+abcdef",
		.root = {.start = 1000, .pid = 42},
	};

	fill_ids(&event, i);
	return ledger_write_call(ledger, &event);
}

/* Calls from..from+n; each begins first, and ends OPEN calls later, where `begin` says so. */
static int store(struct ledger *ledger, uint64_t from, uint64_t n, bool begin, double *ret_per_s)
{
	double start = now_s(), begun = start;
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < n + OPEN; i++) {
		if (begin && i < n)
			r = write_call(ledger, from + i, CALL_BEGIN);
		if (r == 0 && i >= OPEN)
			r = write_call(ledger, from + i - OPEN, CALL_END);
		if (r == 0 && now_s() - begun > TRANSACTION_S) {
			r = ledger_commit(ledger);
			begun = now_s();
		}
	}
	if (r == 0)
		r = ledger_commit(ledger);
	*ret_per_s = (double)n / (now_s() - start);
	return r;
}

static int on_spooled(void *context, const struct ledger_spooled *spooled)
{
	uint64_t *last = context;

	*last = spooled->sequence;
	return 0;
}

static int deliver(struct ledger *ledger, uint64_t n, double *ret_per_s)
{
	struct ledger_spool *spool = NULL;
	uint64_t last = 0, cursor;
	double start = now_s();
	int r = ledger_spool_new(&spool, ledger, URL);

	do {
		cursor = last;
		if (r == 0)
			r = ledger_spool_lease(spool, 1, 1000);
		if (r == 0)
			r = ledger_spool_read(spool, cursor, on_spooled, &last);
		if (r == 0)
			r = ledger_spool_advance(spool, last, 0);
	} while (r == 0 && last != cursor);
	*ret_per_s = (double)n / (now_s() - start);
	ledger_spool_free(spool);
	return r == 0 && last != n ? -1 : r;
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 20000;
	double stored = 0, settled = 0, read = 0;
	struct ledger *ledger = NULL;
	int64_t writer;
	int r = argc > 1 ? ledger_open(&ledger, argv[1], NULL, 0) : -1;

	fill_charge();
	if (r == 0)
		r = ledger_begin_writer(ledger, "run", "0", 1, &writer);
	if (r == 0)
		r = ledger_export(ledger, URL);
	if (r == 0)
		r = store(ledger, 0, n, true, &stored);
	if (r == 0)
		r = store(ledger, n, n, false, &settled);
	if (r == 0)
		r = deliver(ledger, 2 * n, &read);
	ledger_close(ledger);
	if (r < 0) {
		fprintf(stderr, "ledger: %s\n",
			r == -1 ? "usage, or not all was read" : strerror(-r));
		return 1;
	}
	printf("{\"stored_per_s\": %.0f, \"settled_per_s\": %.0f, \"read_per_s\": %.0f}\n", stored,
	       settled, read);
	return 0;
}
