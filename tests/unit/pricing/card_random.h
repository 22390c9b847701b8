/* SPDX-License-Identifier: Apache-2.0 */
/* Random cards and charges. The seed is fresh in every run, and printed. */
#ifndef TESTS_UNIT_PRICING_CARD_RANDOM_H
#define TESTS_UNIT_PRICING_CARD_RANDOM_H

#include <sys/random.h>

#include "tests/unit/pricing/card_text.h"

static uint64_t random_state;

static inline void random_seed(void)
{
	const char *given = getenv("PRICING_SEED");

	if (given)
		random_state = strtoull(given, NULL, 10);
	else
		CHECK(getrandom(&random_state, sizeof(random_state), 0) == sizeof(random_state));
	random_state |= 1;
	printf("# PRICING_SEED=%" PRIu64 "\n", random_state);
}

static inline uint64_t random_below(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 11) % below;
}

static inline bool random_is(unsigned int of_hundred)
{
	return random_below(100) < of_hundred;
}

static inline void random_date(FILE *out, const char *name, int month)
{
	fprintf(out, "\"%s\": \"%d-%02d-01\"", name, 2025 + month / 12, month % 12 + 1);
}

/* ---- cards ---- */

static inline void random_price(FILE *out)
{
	static const char *const decimals[] = {
		"0",     "3",         "0.075",    "0.0000001", "0.000000000001",
		"17.25", "1234.5678", "0.3333333"};
	static const unsigned int per[] = {1, 3, 7, 1000, 1000000, 3600000};
	const char *decimal = decimals[random_below(8)];

	if (random_is(70))
		fprintf(out, "\"%s\"", decimal);
	else
		fprintf(out, "{\"price\": \"%s\", \"per\": %u}", decimal, per[random_below(6)]);
}

static inline void random_prices(FILE *out, unsigned int of_hundred)
{
	bool some = false;

	fputs("\"prices\": {", out);
	for (int bucket = 0; bucket < PRICING_BUCKETS; bucket++) {
		/* that one is billed as another */
		if (bucket == PRICING_REASONING || !random_is(of_hundred))
			continue;
		fprintf(out, "%s\"%s\": ", some ? ", " : "",
			pricing_bucket_name((enum pricing_bucket)bucket));
		random_price(out);
		some = true;
	}
	fputc('}', out);
}

static inline void random_list(FILE *out)
{
	unsigned int from = 0, n = (unsigned int)random_below(3);

	random_prices(out, 85);
	for (unsigned int i = 0; i < n; i++) {
		from += 1 + (unsigned int)random_below(5000);
		fprintf(out, "%s{\"%s\": %u, ", i ? ", " : ", \"context\": [",
			random_is(50) ? "above" : "from", from += 2);
		random_prices(out, 85);
		fputc('}', out);
	}
	if (n)
		fputc(']', out);
}

static inline void random_rule(FILE *out)
{
	static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
	unsigned int from = (unsigned int)random_below(1440), to = (unsigned int)random_below(1440);
	bool some = false;

	to += to == from;
	fprintf(out, "{\"zone\": \"%s\", \"from\": \"%02u:%02u\", \"to\": \"%02u:%02u\", ",
		(const char *[]){"UTC", "+08:00", "-03:30", "+05:45"}[random_below(4)], from / 60,
		from % 60, to / 60, to % 60);
	for (int i = 0; i < 7; i++) {
		if (random_is(40)) {
			fprintf(out, "%s\"%s\"", some ? ", " : "\"days\": [", days[i]);
			some = true;
		}
	}
	fputs(some ? "], " : "", out);
	if (random_is(30)) {
		random_date(out, "start", (int)random_below(12));
		fputs(", ", out);
	}
	if (random_is(30)) {
		random_date(out, "end", 12 + (int)random_below(12));
		fputs(", ", out);
	}
	random_list(out);
	fputc('}', out);
}

static inline void random_hours(FILE *out)
{
	unsigned int n = (unsigned int)random_below(3);

	for (unsigned int i = 0; i < n; i++) {
		fputs(i ? ", " : ", \"hours\": [", out);
		random_rule(out);
	}
	if (n)
		fputc(']', out);
}

static inline void random_multiplier(FILE *out)
{
	fprintf(out, "\"%" PRIu64 ".%06" PRIu64 "\"", random_below(3), random_below(1000000));
}

static inline void random_row(FILE *out, const char *provider, int model, const char *only)
{
	fprintf(out, "{\"provider\": \"%s\", \"model\": \"m%d\", \"aliases\": [\"a%d\"], ",
		provider, model, model);
	fputs("\"currency\": \"USD\", \"source\": \"s\", \"checked\": \"2026-01-31\", ", out);
	fputs(only, out);
	random_list(out);
	random_hours(out);
	fputs(", \"billed_as\": {\"reasoning\": \"output\"}", out);
	if (random_is(60)) {
		fputs(", \"tiers\": {\"batch\": {", out);
		random_list(out);
		random_hours(out);
		fprintf(out, "}, \"flex\": \"batch\", \"%s\": {",
			random_is(50) ? "priority" : "fast");
		random_list(out);
		fputs("}}", out);
	}
	if (random_is(60)) {
		fputs(", \"regions\": {\"us\": {\"multiplier\": ", out);
		random_multiplier(out);
		fputs("}, \"eu\": {\"multiplier\": ", out);
		random_multiplier(out);
		fputs(random_is(50) ? "}, \"*\": {\"multiplier\": \"1\"}}" : "}}", out);
	}
	if (random_is(50)) {
		fputs(", \"variants\": {\"high/1024x1024\": {", out);
		random_prices(out, 30);
		fputs("}, \"low\": {", out);
		random_prices(out, 30);
		fputs("}}", out);
	}
	fputc('}', out);
}

/* Rows of one holder one after the other in time. */
static inline void random_rows(FILE *out, const char *provider, int model, const char *only,
			       bool *some)
{
	int month = (int)random_below(8);

	for (int left = 1 + (int)random_below(3); left; left--) {
		char *times = NULL;
		size_t size = 0;
		FILE *text = open_memstream(&times, &size);

		CHECK(text);
		fputs(only, text);
		if (month > 1) {
			random_date(text, "start", month);
			fputs(", ", text);
		}
		month += 3;
		if (random_is(30)) {
			random_date(text, "end", month - (int)random_below(2));
			fputs(", ", text);
		}
		fclose(text);
		fputs(*some ? ",\n" : "", out);
		random_row(out, provider, model, times);
		free(times);
		*some = true;
	}
}

static inline void random_discounts(FILE *out)
{
	fputs("\"discounts\": [", out);
	for (int i = 0, some = 0; i < 16; i++) {
		if (!random_is(30))
			continue;
		fprintf(out,
			"%s{\"provider\": \"%s\", \"source\": \"discount %d\", "
			"\"checked\": \"2026-01-31\", \"factor\": ",
			some++ ? ",\n" : "", i & 8 ? "p" : "q", i);
		random_multiplier(out);
		fputs(i & 4 ? ", \"model\": \"m1\"" : "", out);
		fputs(i & 2 ? ", \"key\": \"k\"" : "", out);
		fputs(i & 1 ? ", \"tag\": \"t\"" : "", out);
		if (random_is(50)) {
			fputs(", ", out);
			random_date(out, "start", (int)random_below(12));
			fputs(", ", out);
			random_date(out, "end", 12 + (int)random_below(12));
		}
		fputc('}', out);
	}
	fputs("]", out);
}

/* A card of providers p and q and models m0 to m3; the caller frees it. */
static inline char *random_card(void)
{
	static const char *const holders[] = {
		"",
		"\"only\": {\"key\": \"k\"}, ",
		"\"only\": {\"tag\": \"t\"}, ",
		"\"only\": {\"key\": \"k\", \"tag\": \"t\"}, ",
	};
	char *json = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&json, &size);
	bool some = false;

	CHECK(out);
	fputs("{\"schema\": 1, \"version\": \"2026-01-31\", ", out);
	random_discounts(out);
	fputs(", \"rows\": [", out);
	for (int i = 0; i < 8; i++) {
		for (int holder = 3; holder >= 0; holder--) {
			if (random_is(holder ? 20 : 90))
				random_rows(out, i & 4 ? "p" : "q", i & 3, holders[holder], &some);
		}
	}
	fputs("]}", out);
	fclose(out);
	return json;
}

/* ---- charges ---- */

static inline uint64_t random_quantity(void)
{
	return random_below(1ull << (1 + random_below(45)));
}

static inline struct pricing_charge random_charge(void)
{
	static const char *const names[] = {"m0", "m1", "m2", "m3", "m1-2025-02-03",
					    "a2", "a3", "m"};
	static const char *const tiers[] = {NULL,   NULL,       "default", "batch", "flex",
					    "fast", "priority", "auto",    "scale"};
	static const char *const regions[] = {NULL, NULL, "", "us", "eu", "global", "jp"};
	static const char *const variants[] = {NULL, NULL, "low", "high/1024x1024", "medium"};
	struct pricing_charge charge = {
		.provider = random_is(50) ? "p" : "q",
		.model = names[random_below(8)],
		.tier = tiers[random_below(9)],
		.region = regions[random_below(7)],
		.variant = variants[random_below(5)],
		.key = random_is(50) ? "k" : NULL,
		.tag = random_is(50) ? "t" : NULL,
		.time = TIME_2026 - 400 * DAY + (int64_t)random_below(800ull * (uint64_t)DAY),
	};

	for (int bucket = 0; bucket < PRICING_BUCKETS; bucket++) {
		if (random_is(15))
			pricing_usage_set(&charge.usage, (enum pricing_bucket)bucket,
					  random_quantity());
	}
	return charge;
}

#endif
