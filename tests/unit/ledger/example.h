/* SPDX-License-Identifier: Apache-2.0 */
/* A call with every field set, for the tests of the ledger and of reports. */
#ifndef TESTS_UNIT_LEDGER_EXAMPLE_H
#define TESTS_UNIT_LEDGER_EXAMPLE_H

#include <string.h>

#include "agent/ledger/ledger.h"

#define EXAMPLE_OFFSET 1700000000000000000
#define EXAMPLE_TRACE "4bf92f3577b34da6a3ce929d0e0e4736"

struct example {
	struct call_event event;
	struct conn_info info;
	struct attribute attributes[2];
	struct charge charges[2];
};

static inline void example_price(struct charge *charge, pricing_amount amount)
{
	struct pricing_result *price = &charge->price;

	price->status = PRICING_PRICED;
	price->amount = amount;
	memcpy(price->currency, "USD", 4);
	price->row = "openai/gpt-4o/2025-01-01";
	price->source = "https://example.com/prices";
	price->n_lines = 1;
	price->lines[0] = (struct pricing_line){
		.bucket = PRICING_CACHE_READ,
		.billed_as = PRICING_INPUT,
		.quantity = 300,
		.priced = true,
		.rate = 3000000000000,
		.per = 1000000,
		.amount = amount,
	};
}

/* 700 fresh, 300 cached, 200 written to a cache; 120 of text and 80 of reasoning. */
static inline void example_usage(struct pricing_usage *usage)
{
	pricing_usage_set(usage, PRICING_INPUT, 700);
	pricing_usage_set(usage, PRICING_CACHE_READ, 300);
	pricing_usage_set(usage, PRICING_CACHE_WRITE_5M, 150);
	pricing_usage_set(usage, PRICING_CACHE_WRITE_1H, 50);
	pricing_usage_set(usage, PRICING_OUTPUT, 120);
	pricing_usage_set(usage, PRICING_REASONING, 80);
	pricing_usage_set(usage, PRICING_WEB_SEARCH, 2);
	pricing_usage_set(usage, PRICING_INPUT_AUDIO, 0);
}

static inline void example_texts(struct call_event *event)
{
	event->operation = "chat";
	event->provider = "openai";
	event->family = "openai.chat";
	event->request_model = "gpt-4o";
	event->response_model = "gpt-4o-2024-08-06";
	event->response_id = "chatcmpl-1";
	event->conversation_id = "conv_1";
	event->method = "POST";
	event->path = "/v1/chat/completions";
	event->server_address = "api.openai.com";
	event->error_type = NULL;
	event->key_fingerprint = "k1:0123456789abcdef";
	event->traceparent = "00-" EXAMPLE_TRACE "-00f067aa0ba902b7-01";
	event->raw_usage = "{\"prompt_tokens\":1000}";
	event->card_version = "2026-11-01+abcdef";
}

/* Ids are of this position, so that each is a call of its own. */
static inline void example_ids(struct call_event *event, uint64_t position)
{
	static const uint8_t trace[] = {0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6,
					0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36};
	static const uint8_t parent[] = {0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7};

	memcpy(event->trace_id, trace, sizeof(trace));
	memcpy(event->parent_span_id, parent, sizeof(parent));
	memset(event->span_id, 0, sizeof(event->span_id));
	for (size_t i = 0; i < SPAN_ID_SIZE; i++)
		event->span_id[i] = (uint8_t)(position >> (56 - 8 * i));
	event->position = position;
}

/* Settled, and priced in two charges of one currency. */
static inline void example_make(struct example *example, uint64_t position)
{
	struct call_event *event = &example->event;

	memset(example, 0, sizeof(*example));
	example->info = (struct conn_info){
		.role = CR_ROLE_CLIENT,
		.peer = {.family = 4, .port = 443, .bytes = {192, 0, 2, 7}},
		.sni = "api.openai.com",
		.library = "/usr/lib/libssl.so.3",
	};
	example->attributes[0] = (struct attribute){"openai.response.service_tier", "default"};
	example->attributes[1] = (struct attribute){"a.quote", "\"\xff\n"};
	for (size_t i = 0; i < 2; i++) {
		example->charges[i].model = i ? "advisor" : "gpt-4o-2024-08-06";
		example->charges[i].tier = "flex";
		example->charges[i].region = "eu";
		example->charges[i].variant = "high";
		example_usage(&example->charges[i].usage);
		example_price(&example->charges[i], i ? 1 : 5190000000);
	}
	event->type = CALL_END;
	event->conn = (struct conn_key){
		.process = {.start = 1100, .pid = 43},
		.conn = 0xffffffffffffff00,
		.generation = 123456789,
		.layer = 1,
	};
	event->info = &example->info;
	event->start_ns = 1000000000 + position * 1000;
	event->first_token_ns = event->start_ns + 250000001;
	event->end_ns = event->start_ns + 1500000000;
	event->provider_known = true;
	event->server_port = 8443;
	event->status = 200;
	event->streaming = true;
	event->attributes = example->attributes;
	event->n_attributes = 2;
	event->billing = BILLING_USAGE;
	event->bytes_seen = 1234;
	event->bytes_declared = 2345;
	event->charges = example->charges;
	event->n_charges = 2;
	event->wall_offset_ns = EXAMPLE_OFFSET;
	event->cost_status = COST_PRICED;
	event->capture = CR_CAPTURE_PRELOAD;
	event->root = (struct process_key){.start = 1000, .pid = 42};
	example_texts(event);
	example_ids(event, position);
}

static inline struct process_event example_process(uint32_t pid, uint64_t start)
{
	static const char *const arguments[] = {"python3", "agent.py", "--api-key", "***"};

	return (struct process_event){
		.key = {.start = start, .pid = pid},
		.start_ns = start * 10000000,
		.uid = 1000,
		.exit_status = CR_EXIT_STATUS_UNKNOWN,
		.executable = "/usr/bin/python3.11",
		.name = "python3",
		.arguments = arguments,
		.n_arguments = 4,
		.cgroup = "/user.slice",
		.service_name = "shop",
		.wall_offset_ns = EXAMPLE_OFFSET,
		.boot_id = {0xab, 0xcd},
	};
}

#endif
