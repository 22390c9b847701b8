/* SPDX-License-Identifier: Apache-2.0 */
/* Cards for tests, and pricing with them. */
#ifndef TESTS_UNIT_PRICING_CARD_TEXT_H
#define TESTS_UNIT_PRICING_CARD_TEXT_H

#include "pricing/pricing.h"
#include "tests/unit/test.h"

#define CARD(rows) "{\"schema\": 1, \"version\": \"2026-01-31\", \"rows\": [" rows "]}"

/* A row's fixed fields, with what differs behind them. */
#define ROW(model, rest)                                                          \
	"{\"provider\": \"p\", \"model\": \"" model "\", \"currency\": \"USD\", " \
	"\"source\": \"s\", \"checked\": \"2026-01-31\", " rest "}"

#define PRICES "\"prices\": {\"input\": \"3\", \"cache_read\": \"0.3\", \"output\": \"15\"}"

#define DAY 86400ll
#define TIME_2026 1767225600ll /* 2026-01-01T00:00:00Z */

__attribute__((unused)) static struct pricing_card *card_of(const char *json)
{
	struct pricing_card *card = NULL;
	char error[512] = "";

	CHECK(pricing_card_new(&card) == 0);
	if (pricing_card_load(card, json, strlen(json), error, sizeof(error)) < 0)
		test_fail(__FILE__, __LINE__, "%s", error);
	return card;
}

__attribute__((unused)) static struct pricing_card *card_builtin(void)
{
	struct pricing_card *card = NULL;
	char error[512] = "";

	CHECK(pricing_card_new(&card) == 0);
	if (pricing_card_load_builtin(card, error, sizeof(error)) < 0)
		test_fail(__FILE__, __LINE__, "%s", error);
	return card;
}

__attribute__((unused)) static struct pricing_charge charge_of(const char *provider,
							       const char *model)
{
	return (struct pricing_charge){.provider = provider, .model = model, .time = TIME_2026};
}

/* What the charge costs, or the status where it is unpriced. */
__attribute__((unused)) static const char *cost(const struct pricing_card *card,
						const struct pricing_charge *charge)
{
	static char text[PRICING_AMOUNT_TEXT_MAX];
	struct pricing_result result;

	pricing_price(card, charge, &result);
	switch (result.status) {
	case PRICING_PRICED:
		return pricing_amount_text(result.amount, text);
	case PRICING_UNPRICED_MODEL:
		return "model";
	case PRICING_UNPRICED_BUCKET:
		return "bucket";
	case PRICING_UNPRICED_TIER:
		return "tier";
	case PRICING_UNPRICED_REGION:
		return "region";
	case PRICING_UNPRICED_VARIANT:
		return "variant";
	case PRICING_UNPRICED_OVERFLOW:
		return "overflow";
	}
	return "?";
}

#endif
