/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/price_output.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "agent/util/clock.h"

/* ---- text ---- */

static const char *per_text(uint64_t per, char text[24])
{
	if (per == 1000000)
		return "1M";
	if (per == 1000)
		return "1k";
	snprintf(text, 24, "%" PRIu64, per);
	return text;
}

static void line_text(FILE *out, const struct pricing_line *line, const char *currency)
{
	char rate[PRICING_AMOUNT_TEXT_MAX], amount[PRICING_AMOUNT_TEXT_MAX], per[24];
	char name[64], price[96];

	if (line->billed_as == line->bucket)
		snprintf(name, sizeof(name), "%s", pricing_bucket_name(line->bucket));
	else
		snprintf(name, sizeof(name), "%s (as %s)", pricing_bucket_name(line->bucket),
			 pricing_bucket_name(line->billed_as));
	if (!line->priced) {
		fprintf(out, "%-26s %14" PRIu64 "  %-22s %16s\n", name, line->quantity, "no price",
			"-");
		return;
	}
	snprintf(price, sizeof(price), "%s %s per %s", pricing_amount_text(line->rate, rate),
		 currency, per_text(line->per, per));
	fprintf(out, "%-26s %14" PRIu64 "  %-22s %16s\n", name, line->quantity, price,
		pricing_amount_text(line->amount, amount));
}

void price_output_unpriced(FILE *out, const struct pricing_result *result)
{
	char amount[PRICING_AMOUNT_TEXT_MAX];

	fprintf(out, "unpriced: %s", pricing_status_text(result->status));
	if (result->missing < PRICING_BUCKETS)
		fprintf(out, ": %s", pricing_bucket_name(result->missing));
	if (result->amount)
		fprintf(out, "; the part with a price is %s %s",
			pricing_amount_text(result->amount, amount), result->currency);
	fputc('\n', out);
}

static void total_text(FILE *out, const struct pricing_result *result)
{
	char amount[PRICING_AMOUNT_TEXT_MAX];

	if (result->status == PRICING_PRICED)
		fprintf(out, "%-26s %14s  %-22s %16s %s\n", "total", "", "",
			pricing_amount_text(result->amount, amount), result->currency);
	else
		price_output_unpriced(out, result);
}

void price_output_text(FILE *out, const struct pricing_card *card,
		       const struct pricing_charge *charge, const struct pricing_result *result)
{
	char time[CLOCK_TEXT_MAX];

	fprintf(out, "%s %s, %s tier%s%s%s%s, at %.19sZ\n\n",
		charge->provider ? charge->provider : "-", charge->model,
		charge->tier ? charge->tier : "standard", charge->region ? ", region " : "",
		charge->region ? charge->region : "", charge->variant ? ", variant " : "",
		charge->variant ? charge->variant : "",
		clock_text(charge->time * NS_PER_SECOND, time));
	fprintf(out, "%-26s %14s  %-22s %16s\n", "bucket", "quantity", "rate", "amount");
	for (unsigned int i = 0; i < result->n_lines; i++)
		line_text(out, &result->lines[i], result->currency);
	total_text(out, result);
	if (result->row)
		fprintf(out, "\nrow     %s\nsource  %s\n", result->row, result->source);
	else
		fputc('\n', out);
	fprintf(out, "card    %s\n", pricing_card_version(card));
}

/* ---- JSON ---- */

int price_output_line(FILE *out, const cJSON *object)
{
	char *text = cJSON_PrintUnformatted(object);

	if (!text)
		return -ENOMEM;
	fprintf(out, "%s\n", text);
	cJSON_free(text);
	return 0;
}

/* cJSON has doubles only; quantities and amounts keep all their digits. */
static bool add_integer(cJSON *object, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	return cJSON_AddRawToObject(object, name, text);
}

static bool add_amount(cJSON *object, const char *name, pricing_amount amount)
{
	char text[PRICING_AMOUNT_TEXT_MAX];

	return cJSON_AddStringToObject(object, name, pricing_amount_text(amount, text));
}

static bool add_line(cJSON *lines, const struct pricing_result *result,
		     const struct pricing_line *line)
{
	cJSON *object = cJSON_CreateObject();
	bool done = object && cJSON_AddItemToArray(lines, object);

	if (!done) {
		cJSON_Delete(object);
		return false;
	}
	done = cJSON_AddStringToObject(object, "bucket", pricing_bucket_name(line->bucket)) &&
	       add_integer(object, "quantity", line->quantity);
	if (done && line->billed_as != line->bucket)
		done = cJSON_AddStringToObject(object, "billed_as",
					       pricing_bucket_name(line->billed_as));
	if (done && line->priced)
		done = add_amount(object, "rate", line->rate) &&
		       add_integer(object, "per", line->per) &&
		       add_amount(object, "amount", line->amount);
	if (done && result->row)
		done = cJSON_AddStringToObject(object, "row", result->row);
	return done;
}

static bool add_cost(cJSON *object, const struct pricing_result *result)
{
	char text[PRICING_AMOUNT_TEXT_MAX];

	if (result->status == PRICING_PRICED)
		return cJSON_AddRawToObject(object, "gen_ai.usage.cost",
					    pricing_amount_text(result->amount, text)) &&
		       cJSON_AddStringToObject(object, "tollspan.cost.status", "priced");
	if (!cJSON_AddStringToObject(object, "tollspan.cost.status", "unpriced") ||
	    !cJSON_AddStringToObject(object, "reason", pricing_status_text(result->status)) ||
	    !add_amount(object, "tollspan.cost.priced_part", result->amount))
		return false;
	return result->missing >= PRICING_BUCKETS ||
	       cJSON_AddStringToObject(object, "missing", pricing_bucket_name(result->missing));
}

bool price_output_fill(cJSON *object, const struct pricing_card *card,
		       const struct pricing_result *result)
{
	cJSON *lines;

	if (!add_cost(object, result))
		return false;
	if (*result->currency &&
	    !cJSON_AddStringToObject(object, "tollspan.cost.currency", result->currency))
		return false;
	if (!cJSON_AddStringToObject(object, "tollspan.card.version", pricing_card_version(card)))
		return false;
	if (result->source && !cJSON_AddStringToObject(object, "source", result->source))
		return false;
	lines = cJSON_AddArrayToObject(object, "lines");
	for (unsigned int i = 0; lines && i < result->n_lines; i++) {
		if (!add_line(lines, result, &result->lines[i]))
			return false;
	}
	return lines;
}

int price_output_json(FILE *out, const struct pricing_card *card,
		      const struct pricing_result *result)
{
	cJSON *object = cJSON_CreateObject();
	int r = object && price_output_fill(object, card, result) ? price_output_line(out, object)
								  : -ENOMEM;

	cJSON_Delete(object);
	return r;
}

int price_output_error(FILE *out, const char *what)
{
	cJSON *object = cJSON_CreateObject();
	int r = -ENOMEM;

	if (object && cJSON_AddStringToObject(object, "error", what))
		r = price_output_line(out, object);
	cJSON_Delete(object);
	return r;
}
