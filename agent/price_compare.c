/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/price_compare.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/limits.h"
#include "agent/price_output.h"

#define RATIO_ONE 1000000       /* a ratio has six decimals */
#define PICO_OF_RATIO 1000000ll /* so that it is written as an amount is */

struct compared {
	struct pricing_charge charge;
	struct pricing_result result;
};

struct price_compare {
	const struct pricing_card *card;
	char *names; /* the models' names point into it */
	size_t n;
	struct compared models[LIMIT_PRICE_MODELS];
};

void price_find_provider(const struct pricing_card *card, struct pricing_charge *charge)
{
	if (!charge->provider)
		pricing_card_provider(card, charge->model, charge->time, &charge->provider);
}

/* ---- pricing ---- */

static int add_model(struct price_compare *compare, const struct pricing_charge *charge,
		     const char *model)
{
	struct compared *compared = &compare->models[compare->n];

	if (!*model)
		return -EINVAL;
	if (compare->n == LIMIT_PRICE_MODELS)
		return -E2BIG;
	compared->charge = *charge;
	compared->charge.model = model;
	price_find_provider(compare->card, &compared->charge);
	pricing_price(compare->card, &compared->charge, &compared->result);
	/* a provider that does not have it is no reason not to look at the others */
	if (compared->result.status == PRICING_UNPRICED_MODEL &&
	    pricing_card_provider(compare->card, model, charge->time, &compared->charge.provider) ==
		    0)
		pricing_price(compare->card, &compared->charge, &compared->result);
	compare->n++;
	return 0;
}

int price_compare_new(struct price_compare **ret_compare, const struct pricing_card *card,
		      const struct pricing_charge *charge, const char *models)
{
	struct price_compare *compare = calloc(1, sizeof(*compare));
	char *rest, *name;
	int r;

	if (!compare)
		return -ENOMEM;
	compare->card = card;
	compare->names = rest = strdup(models);
	r = rest ? add_model(compare, charge, charge->model) : -ENOMEM;
	while (r == 0 && (name = strsep(&rest, ",")))
		r = add_model(compare, charge, name);
	if (r < 0) {
		price_compare_free(compare);
		return r;
	}
	*ret_compare = compare;
	return 0;
}

void price_compare_free(struct price_compare *compare)
{
	if (!compare)
		return;
	free(compare->names);
	free(compare);
}

/*
 * How much of the first model's amount this is, rounded to six decimals. There is none where one
 * of them is unpriced, the first is 0, or the currencies differ.
 */
static bool ratio_text(const struct price_compare *compare, const struct pricing_result *result,
		       char text[PRICING_AMOUNT_TEXT_MAX])
{
	const struct pricing_result *first = &compare->models[0].result;
	pricing_amount scaled;

	if (first->status != PRICING_PRICED || result->status != PRICING_PRICED || !first->amount ||
	    strcmp(first->currency, result->currency) != 0 ||
	    __builtin_mul_overflow(result->amount, (pricing_amount)RATIO_ONE, &scaled) ||
	    __builtin_add_overflow(scaled, first->amount / 2, &scaled))
		return false;
	scaled /= first->amount;
	if (__builtin_mul_overflow(scaled, (pricing_amount)PICO_OF_RATIO, &scaled))
		return false;
	pricing_amount_text(scaled, text);
	return true;
}

/* ---- text ---- */

static int column(int least, size_t length)
{
	return (int)length > least ? (int)length : least;
}

void price_compare_text(FILE *out, const struct price_compare *compare)
{
	char amount[PRICING_AMOUNT_TEXT_MAX], ratio[PRICING_AMOUNT_TEXT_MAX];
	int model = 5, provider = 8;

	for (size_t i = 0; i < compare->n; i++) {
		const struct pricing_charge *charge = &compare->models[i].charge;

		model = column(model, strlen(charge->model));
		provider = column(provider, charge->provider ? strlen(charge->provider) : 1);
	}
	fprintf(out, "%-*s  %-*s  %16s %-3s  %10s\n", model, "model", provider, "provider",
		"amount", "", "ratio");
	for (size_t i = 0; i < compare->n; i++) {
		const struct pricing_charge *charge = &compare->models[i].charge;
		const struct pricing_result *result = &compare->models[i].result;

		fprintf(out, "%-*s  %-*s  ", model, charge->model, provider,
			charge->provider ? charge->provider : "-");
		if (result->status != PRICING_PRICED) {
			price_output_unpriced(out, compare->card, charge, result);
			continue;
		}
		fprintf(out, "%16s %-3s  %10s\n", pricing_amount_text(result->amount, amount),
			result->currency, ratio_text(compare, result, ratio) ? ratio : "-");
	}
	fprintf(out, "\ncard      %s\n", pricing_card_version(compare->card));
}

/* ---- JSON ---- */

static bool add_compared(cJSON *models, const struct price_compare *compare,
			 const struct compared *compared)
{
	char ratio[PRICING_AMOUNT_TEXT_MAX];
	cJSON *object = cJSON_CreateObject();

	if (!object || !cJSON_AddItemToArray(models, object)) {
		cJSON_Delete(object);
		return false;
	}
	if (!cJSON_AddStringToObject(object, "gen_ai.request.model", compared->charge.model))
		return false;
	if (compared->charge.provider &&
	    !cJSON_AddStringToObject(object, "gen_ai.provider.name", compared->charge.provider))
		return false;
	if (ratio_text(compare, &compared->result, ratio) &&
	    !cJSON_AddRawToObject(object, "ratio", ratio))
		return false;
	return price_output_fill(object, compare->card, &compared->charge, &compared->result, NULL);
}

int price_compare_json(FILE *out, const struct price_compare *compare)
{
	cJSON *object = cJSON_CreateObject();
	cJSON *models = cJSON_AddArrayToObject(object, "models");
	bool done = models;
	int r;

	for (size_t i = 0; done && i < compare->n; i++)
		done = add_compared(models, compare, &compare->models[i]);
	r = done ? price_output_line(out, object) : -ENOMEM;
	cJSON_Delete(object);
	return r;
}
