/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/price_output.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/clock.h"

#define PICO 1000000000000ll
#define MILLION 1000000
#define MORE_DIGITS 12 /* of a rate, beyond those of a pico-unit */
#define NAME_TEXT_MAX 64
#define TEXT_COLUMNS 100
#define RATE_TEXT_MAX (PRICING_AMOUNT_TEXT_MAX + MORE_DIGITS + 1)

/* A model of several providers is not found without one, which its status does not tell. */
static const char *reason(const struct pricing_card *card, const struct pricing_charge *charge,
			  const struct pricing_result *result)
{
	const char *provider;

	if (!charge->provider &&
	    pricing_card_provider(card, charge->model, charge->time, &provider) == -EEXIST)
		return "several providers have this model, and none is named";
	return pricing_status_text(result->status);
}

/* ---- text ---- */

/* The units that price lists have for times, which the card has in smaller ones. */
static const struct {
	enum pricing_bucket bucket;
	uint64_t per;
	const char *text;
} time_units[] = {
	{PRICING_MILLISECONDS, 1000, "second"},
	{PRICING_MILLISECONDS, 60000, "minute"},
	{PRICING_MILLISECONDS, 3600000, "hour"},
	{PRICING_GPU_MILLISECONDS, 1000, "second"},
	{PRICING_GPU_MILLISECONDS, 60000, "minute"},
	{PRICING_GPU_MILLISECONDS, 3600000, "hour"},
	{PRICING_CACHE_STORAGE, 3600000000, "1M token-hours"},
};

static const char *per_text(enum pricing_bucket bucket, uint64_t per, char text[24])
{
	for (size_t i = 0; i < sizeof(time_units) / sizeof(*time_units); i++)
		if (time_units[i].bucket == bucket && time_units[i].per == per)
			return time_units[i].text;
	if (per == MILLION)
		return "1M";
	if (per == 1000)
		return "1k";
	snprintf(text, 24, "%" PRIu64, per);
	return text;
}

static bool is_token(enum pricing_bucket bucket)
{
	struct pricing_usage usage = {.present = 0};

	pricing_usage_set(&usage, bucket, 1);
	return pricing_usage_input(&usage) || pricing_usage_output(&usage);
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* Return: false where that is no decimal of these digits. */
static bool rate_per_million(const struct pricing_line *line, char text[RATE_TEXT_MAX])
{
	uint64_t divisor = common_divisor(MILLION, line->per), per = line->per / divisor, rest;
	char units[PRICING_AMOUNT_TEXT_MAX], digits[MORE_DIGITS + 1] = "";
	pricing_amount rate;

	if (__builtin_mul_overflow(line->rate, (pricing_amount)(MILLION / divisor), &rate))
		return false;
	rest = (uint64_t)(rate % (pricing_amount)per);
	rate /= (pricing_amount)per;
	for (int i = 0; rest && i < MORE_DIGITS; i++) {
		unsigned __int128 ten = (unsigned __int128)rest * 10;

		digits[i] = (char)('0' + (int)(ten / per));
		rest = (uint64_t)(ten % per);
	}
	if (rest)
		return false;
	if (!*digits)
		pricing_amount_text(rate, text);
	else
		snprintf(text, RATE_TEXT_MAX, "%s.%012lld%s",
			 pricing_amount_text(rate - rate % PICO, units), (long long)(rate % PICO),
			 digits);
	return true;
}

/* What a million tokens cost, as price lists say it; other units as the card says it. */
static void rate_text(const struct pricing_line *line, const char *currency, char *text,
		      size_t size)
{
	char rate[RATE_TEXT_MAX], per[24];
	bool million = is_token(line->billed_as) && rate_per_million(line, rate);

	if (!million)
		pricing_amount_text(line->rate, rate);
	snprintf(text, size, "%s %s per %s", rate, currency,
		 per_text(line->billed_as, million ? MILLION : line->per, per));
}

/* A line of the table, and how wide its columns are. */
struct cells {
	char name[NAME_TEXT_MAX], quantity[24], rate[RATE_TEXT_MAX + 64];
	char amount[PRICING_AMOUNT_TEXT_MAX];
};

struct widths {
	int name, quantity, rate, amount;
};

static int wider(int width, const char *text)
{
	return (int)strlen(text) > width ? (int)strlen(text) : width;
}

static void name_text(const struct pricing_line *line, char text[NAME_TEXT_MAX])
{
	if (line->billed_as == line->bucket)
		snprintf(text, NAME_TEXT_MAX, "%s", pricing_bucket_name(line->bucket));
	else
		snprintf(text, NAME_TEXT_MAX, "%s (as %s)", pricing_bucket_name(line->bucket),
			 pricing_bucket_name(line->billed_as));
}

static void line_cells(const struct pricing_line *line, const char *currency,
		       struct cells *ret_cells)
{
	name_text(line, ret_cells->name);
	snprintf(ret_cells->quantity, sizeof(ret_cells->quantity), "%" PRIu64, line->quantity);
	if (line->priced) {
		rate_text(line, currency, ret_cells->rate, sizeof(ret_cells->rate));
		pricing_amount_text(line->amount, ret_cells->amount);
	} else {
		snprintf(ret_cells->rate, sizeof(ret_cells->rate), "no price");
		snprintf(ret_cells->amount, sizeof(ret_cells->amount), "-");
	}
}

void price_output_unpriced(FILE *out, const struct pricing_card *card,
			   const struct pricing_charge *charge, const struct pricing_result *result)
{
	char amount[PRICING_AMOUNT_TEXT_MAX];

	fprintf(out, "unpriced: %s", reason(card, charge, result));
	if (result->missing < PRICING_BUCKETS)
		fprintf(out, ": %s", pricing_bucket_name(result->missing));
	if (result->amount)
		fprintf(out, "; the part with a price is %s %s",
			pricing_amount_text(result->amount, amount), result->currency);
	fputc('\n', out);
}

static struct widths find_widths(const struct pricing_result *result)
{
	struct widths widths = {26, 14, 18, 14};
	char total[PRICING_AMOUNT_TEXT_MAX];
	struct cells cells;

	for (unsigned int i = 0; i < result->n_lines; i++) {
		line_cells(&result->lines[i], result->currency, &cells);
		widths.name = wider(widths.name, cells.name);
		widths.quantity = wider(widths.quantity, cells.quantity);
		widths.rate = wider(widths.rate, cells.rate);
		widths.amount = wider(widths.amount, cells.amount);
	}
	widths.amount = wider(widths.amount, pricing_amount_text(result->amount, total));
	return widths;
}

static void detail_text(FILE *out, const char *name, const char *value)
{
	if (value)
		fprintf(out, ", %s %s", name, value);
}

static void charge_text(FILE *out, const struct pricing_charge *charge)
{
	char time[CLOCK_TEXT_MAX];

	fprintf(out, "%s %s, %s tier", charge->provider ? charge->provider : "-", charge->model,
		charge->tier ? charge->tier : "standard");
	detail_text(out, "region", charge->region);
	detail_text(out, "variant", charge->variant);
	detail_text(out, "key", charge->key);
	detail_text(out, "tag", charge->tag);
	fprintf(out, ", at %.19sZ\n", clock_text(charge->time * NS_PER_SECOND, time));
}

static void row_text(FILE *out, struct widths widths, const struct cells *cells)
{
	fprintf(out, "%-*s %*s  %-*s %*s", widths.name, cells->name, widths.quantity,
		cells->quantity, widths.rate, cells->rate, widths.amount, cells->amount);
}

static void lines_text(FILE *out, const struct pricing_result *result)
{
	struct cells cells = {"bucket", "quantity", "rate", "amount"};
	struct widths widths = find_widths(result);

	row_text(out, widths, &cells);
	fputc('\n', out);
	for (unsigned int i = 0; i < result->n_lines; i++) {
		line_cells(&result->lines[i], result->currency, &cells);
		row_text(out, widths, &cells);
		fputc('\n', out);
	}
	if (result->status != PRICING_PRICED)
		return;
	cells = (struct cells){"total", "", "", ""};
	pricing_amount_text(result->amount, cells.amount);
	row_text(out, widths, &cells);
	fprintf(out, " %s\n", result->currency);
}

/* At blanks, into lines of TEXT_COLUMNS where the words allow it, under each other. */
static void wrapped_text(FILE *out, const char *name, const char *text)
{
	int column = fprintf(out, "%-9s", name), indent = column;

	for (;;) {
		size_t word = strcspn(text, " ");

		if (column > indent && (size_t)column + 1 + word > TEXT_COLUMNS)
			column = fprintf(out, "\n%*s", indent, "") - 1;
		column += fprintf(out, " %.*s", (int)word, text);
		if (!text[word])
			break;
		text += word + 1;
	}
	fputc('\n', out);
}

void price_output_text(FILE *out, const struct pricing_card *card,
		       const struct pricing_charge *charge, const struct pricing_result *result)
{
	charge_text(out, charge);
	fputc('\n', out);
	lines_text(out, result);
	if (result->status != PRICING_PRICED)
		price_output_unpriced(out, card, charge, result);
	fputc('\n', out);
	if (result->row)
		fprintf(out, "row       %s\n", result->row);
	if (result->row)
		wrapped_text(out, "source", result->source);
	if (result->discount)
		wrapped_text(out, "discount", result->discount);
	fprintf(out, "card      %s\n", pricing_card_version(card));
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

static bool add_cost(cJSON *object, pricing_amount amount, const char *currency)
{
	char text[PRICING_AMOUNT_TEXT_MAX];

	return cJSON_AddRawToObject(object, "gen_ai.usage.cost",
				    pricing_amount_text(amount, text)) &&
	       cJSON_AddStringToObject(object, "tollspan.cost.status", "priced") &&
	       (!*currency || cJSON_AddStringToObject(object, "tollspan.cost.currency", currency));
}

static bool add_unpriced(cJSON *object, const struct pricing_result *result, const char *why)
{
	return cJSON_AddStringToObject(object, "reason", why) &&
	       add_amount(object, "tollspan.cost.priced_part", result->amount) &&
	       (result->missing >= PRICING_BUCKETS ||
		cJSON_AddStringToObject(object, "missing", pricing_bucket_name(result->missing)));
}

static bool add_own_cost(cJSON *object, const struct pricing_result *result, const char *why)
{
	if (result->status == PRICING_PRICED)
		return add_cost(object, result->amount, result->currency);
	return cJSON_AddStringToObject(object, "tollspan.cost.status", "unpriced") &&
	       add_unpriced(object, result, why) &&
	       (!*result->currency ||
		cJSON_AddStringToObject(object, "tollspan.cost.currency", result->currency));
}

/* What others say that it cost is the amount, as on a span; what the card says stands beside it. */
static bool add_reported_cost(cJSON *object, const struct pricing_result *result, const char *why,
			      const struct price_reported *reported)
{
	bool same = !*result->currency || !strcmp(result->currency, reported->currency);

	if (!add_cost(object, reported->amount, reported->currency) ||
	    !cJSON_AddStringToObject(object, "tollspan.cost.source", reported->source))
		return false;
	if (!same &&
	    !cJSON_AddStringToObject(object, "tollspan.cost.local_currency", result->currency))
		return false;
	if (result->status != PRICING_PRICED)
		return add_unpriced(object, result, why);
	return add_amount(object, "tollspan.cost.local_amount", result->amount) &&
	       (!same ||
		add_amount(object, "tollspan.cost.difference", reported->amount - result->amount));
}

static bool add_lines(cJSON *object, const struct pricing_result *result)
{
	cJSON *lines = cJSON_AddArrayToObject(object, "lines");

	for (unsigned int i = 0; lines && i < result->n_lines; i++) {
		if (!add_line(lines, result, &result->lines[i]))
			return false;
	}
	return lines;
}

bool price_output_fill(cJSON *object, const struct pricing_card *card,
		       const struct pricing_charge *charge, const struct pricing_result *result,
		       const struct price_reported *reported)
{
	const char *why = result->status == PRICING_PRICED ? NULL : reason(card, charge, result);
	bool done = reported && reported->source ? add_reported_cost(object, result, why, reported)
						 : add_own_cost(object, result, why);

	if (done)
		done = cJSON_AddStringToObject(object, "tollspan.card.version",
					       pricing_card_version(card));
	if (done && result->source)
		done = cJSON_AddStringToObject(object, "source", result->source);
	if (done && result->discount)
		done = cJSON_AddStringToObject(object, "tollspan.cost.discount", result->discount);
	return done && add_lines(object, result);
}

int price_output_json(FILE *out, const struct pricing_card *card,
		      const struct pricing_charge *charge, const struct pricing_result *result,
		      const struct price_reported *reported)
{
	cJSON *object = cJSON_CreateObject();
	int r = -ENOMEM;

	if (object && price_output_fill(object, card, charge, result, reported))
		r = price_output_line(out, object);
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
