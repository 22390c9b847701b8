/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a price takes, with the built-in card loaded.
 *
 * usage: price [ROUNDS]
 *
 * Prints for each of 9 rounds the ns of processor time that one price took, one number a line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "pricing/pricing.h"

#define SAMPLES 9
#define AT 1764547200 /* 2025-12-01 */

/* By exact name, by a dated snapshot's name, and with each kind of cached token. */
static struct pricing_charge charges[] = {
	{.provider = "openai", .model = "gpt-4o-mini", .time = AT},
	{.provider = "openai", .model = "gpt-4o-2024-08-06", .time = AT},
	{.provider = "anthropic", .model = "claude-sonnet-4-5-20250929", .time = AT},
	{.provider = "anthropic", .model = "claude-opus-4-1", .tier = "standard", .time = AT},
};

#define N_CHARGES (sizeof(charges) / sizeof(*charges))

static void fill_usages(void)
{
	for (size_t i = 0; i < N_CHARGES; i++) {
		struct pricing_usage *usage = &charges[i].usage;

		pricing_usage_set(usage, PRICING_INPUT, 700);
		pricing_usage_set(usage, PRICING_CACHE_READ, 300);
		pricing_usage_set(usage, PRICING_OUTPUT, 200);
	}
	pricing_usage_set(&charges[2].usage, PRICING_CACHE_WRITE_5M, 100);
	pricing_usage_set(&charges[3].usage, PRICING_CACHE_WRITE_1H, 100);
}

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 50000;
	struct pricing_card *card = NULL;
	struct pricing_result result;
	char error[256] = "out of memory";

	if (pricing_card_new(&card) < 0 ||
	    pricing_card_load_builtin(card, error, sizeof(error)) < 0) {
		fprintf(stderr, "price: %s\n", error);
		return 1;
	}
	fill_usages();
	for (int sample = 0; sample < SAMPLES; sample++) {
		double start = now_ns();

		for (long i = 0; i < rounds; i++) {
			pricing_price(card, &charges[(size_t)i % N_CHARGES], &result);
			if (result.status != PRICING_PRICED) {
				fprintf(stderr, "price: %s: %s\n",
					charges[(size_t)i % N_CHARGES].model,
					pricing_status_text(result.status));
				return 1;
			}
		}
		printf("%.1f\n", (now_ns() - start) / (double)rounds);
	}
	pricing_card_free(card);
	return 0;
}
