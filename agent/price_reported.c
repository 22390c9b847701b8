/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/price_reported.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 15   /* before the point */
#define DECIMALS_MAX 12 /* of an amount */
#define COST_MAX 1e15
#define COST_TEXT_MAX (DIGITS_MAX + DECIMALS_MAX + 3)

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* An amount with at most so many digits, and nothing else. */
static bool read_amount(const char *text, pricing_amount *ret_amount)
{
	pricing_amount amount = 0;
	int digits = 0, decimals = 0;

	for (; is_digit(*text) && digits <= DIGITS_MAX; text++, digits++)
		amount = amount * 10 + (*text - '0');
	if (!digits || digits > DIGITS_MAX)
		return false;
	if (*text == '.') {
		for (text++; is_digit(*text) && decimals <= DECIMALS_MAX; text++, decimals++)
			amount = amount * 10 + (*text - '0');
		if (!decimals || decimals > DECIMALS_MAX)
			return false;
	}
	for (; decimals < DECIMALS_MAX; decimals++)
		amount *= 10;
	*ret_amount = amount;
	return !*text;
}

/* The shortest decimal that is this double, else the nearest of twelve decimals. */
static bool read_cost(double cost, pricing_amount *ret_amount)
{
	char text[COST_TEXT_MAX];
	double again = -1;

	if (!(cost >= 0 && cost < COST_MAX))
		return false;
	for (int decimals = 0; decimals <= DECIMALS_MAX && again != cost; decimals++) {
		snprintf(text, sizeof(text), "%.*f", decimals, cost);
		again = strtod(text, NULL);
	}
	return read_amount(text, ret_amount);
}

static bool is_currency(const char *text)
{
	return strlen(text) == 3 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3;
}

/* A text; NULL where there is none, or where it is no text. */
static const char *text_of(const cJSON *object, const char *name, bool *ret_wrong)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);

	*ret_wrong = value && !cJSON_IsNull(value) && !cJSON_IsString(value);
	return value ? cJSON_GetStringValue(value) : NULL;
}

static const char *read_value(const cJSON *object, struct price_reported *reported)
{
	const cJSON *cost = cJSON_GetObjectItemCaseSensitive(object, "gen_ai.usage.cost");
	bool wrong;
	const char *amount = text_of(object, "tollspan.cost.amount", &wrong);

	if (wrong || (amount && !read_amount(amount, &reported->amount)))
		return "tollspan.cost.amount is not an amount";
	if (!amount && (!cJSON_IsNumber(cost) || !read_cost(cost->valuedouble, &reported->amount)))
		return cost ? "gen_ai.usage.cost is not an amount" : "gen_ai.usage.cost is missing";
	return NULL;
}

int price_reported_read(const cJSON *object, struct price_reported *ret_reported,
			const char **ret_why)
{
	struct price_reported reported = {.currency = "USD"};
	const char *why = NULL, *currency;
	bool wrong;

	reported.source = text_of(object, "tollspan.cost.source", &wrong);
	if (!wrong && (!reported.source || !strcmp(reported.source, "local"))) {
		*ret_reported = (struct price_reported){.source = NULL};
		return 0;
	}
	if (wrong ||
	    (strcmp(reported.source, "provider") != 0 && strcmp(reported.source, "gateway") != 0))
		why = "tollspan.cost.source is not local, provider or gateway";
	if (!why)
		why = read_value(object, &reported);
	currency = text_of(object, "tollspan.cost.currency", &wrong);
	if (!why && (wrong || (currency && !is_currency(currency))))
		why = "tollspan.cost.currency is not a currency";
	if (why) {
		*ret_why = why;
		return -EINVAL;
	}
	if (currency)
		memcpy(reported.currency, currency, strlen(currency));
	*ret_reported = reported;
	return 0;
}
