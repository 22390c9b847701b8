/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/reprice_output.h"

#include <errno.h>
#include <inttypes.h>

#include "agent/json_out.h"
#include "agent/util/clock.h"

#define JSON_MAX (64 * KIB)

/* ---- text ---- */

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void counts_text(FILE *out, const struct reprice_sum *sum)
{
	fprintf(out,
		"%" PRIu64 " call%s, %" PRIu64 " charge%s: %" PRIu64 " changed, %" PRIu64
		" unchanged\n",
		sum->calls, plural(sum->calls), sum->charges, plural(sum->charges), sum->changed,
		sum->charges - sum->changed);
	if (sum->newly_priced)
		fprintf(out, "newly priced: %" PRIu64 " call%s\n", sum->newly_priced,
			plural(sum->newly_priced));
	if (sum->no_longer_priced)
		fprintf(out, "no longer priced: %" PRIu64 " call%s\n", sum->no_longer_priced,
			plural(sum->no_longer_priced));
	if (sum->kept)
		fprintf(out,
			"kept: %" PRIu64 " charge%s with a quantity that the ledger does not "
			"hold\n",
			sum->kept, plural(sum->kept));
	if (sum->before.other_money || sum->after.other_money)
		fprintf(out, "calls in further currencies are not in the sums\n");
}

static void money_text(bool has, const struct money *money, char cell[ROW_CELL])
{
	const struct call_sum sum = {.has_cost = has, .money = *money};

	row_money(&sum, cell);
}

static void difference_text(const struct money *before, const struct money *after,
			    char cell[ROW_CELL])
{
	char text[PRICING_AMOUNT_TEXT_MAX];
	pricing_amount difference = after->amount - before->amount;

	snprintf(cell, ROW_CELL, "%s%s", difference > 0 ? "+" : "",
		 pricing_amount_text(difference, text));
}

static void sums_text(FILE *out, const struct reprice_sum *sum)
{
	char was[ROW_CELL], is[ROW_CELL], difference[ROW_CELL];
	struct money before, after;

	for (size_t i = 0; reprice_sum_money(sum, i, &before, &after); i++) {
		if (i == 0)
			fprintf(out, "%22s  %22s  %22s\n", "BEFORE", "AFTER", "DIFFERENCE");
		money_text(true, &before, was);
		money_text(true, &after, is);
		difference_text(&before, &after, difference);
		fprintf(out, "%22s  %22s  %22s\n", was, is, difference);
	}
}

static void changes_text(FILE *out, const struct reprice_sum *sum, bool utf8)
{
	char time[CLOCK_TEXT_MAX], model[ROW_CELL], was[ROW_CELL], is[ROW_CELL];

	if (sum->n_largest)
		fprintf(out, "\n%-20s  %-28s  %18s  %18s  %s\n", "LARGEST CHANGES", "MODEL",
			"BEFORE", "AFTER", "TRACE");
	for (size_t i = 0; i < sum->n_largest; i++) {
		const struct reprice_change *change = &sum->largest[i];

		row_shown(change->model, utf8, 28, model);
		money_text(change->had_cost, &change->before, was);
		money_text(change->has_cost, &change->after, is);
		fprintf(out, "%.19sZ  %s%*s  %18s  %18s  %s\n", clock_text(change->start_ns, time),
			model, (int)(28 - row_columns(model)), "", was, is, change->trace_id);
	}
	if (sum->n_largest)
		fputc('\n', out);
}

int reprice_output_text(FILE *out, const struct reprice_head *head, const struct reprice_sum *sum)
{
	counts_text(out, sum);
	sums_text(out, sum);
	changes_text(out, sum, head->utf8);
	if (head->dry_run)
		fputs("dry run: nothing was written\n", out);
	fprintf(out, "card %s; ledger %s\n", head->card_version, head->ledger_path);
	return fflush(out) || ferror(out) ? -EIO : 0;
}

/* ---- JSON ---- */

static void put_sums(struct json_out *json, const struct reprice_sum *sum, bool after)
{
	struct money money[2];

	json_out_key(json, after ? "after" : "before");
	json_out_open(json, "{");
	for (size_t i = 0; reprice_sum_money(sum, i, &money[0], &money[1]); i++)
		json_out_amount(json, money[after].currency, money[after].amount);
	json_out_close(json, "}");
}

static void put_cost(struct json_out *json, const char *name, bool has, const struct money *money)
{
	if (!has)
		return;
	json_out_key(json, name);
	json_out_open(json, "{");
	json_out_amount(json, "amount", money->amount);
	if (money->currency[0])
		json_out_text(json, "currency", money->currency);
	json_out_close(json, "}");
}

static void put_change(struct json_out *json, const struct reprice_change *change)
{
	json_out_comma(json);
	json_out_open(json, "{");
	json_out_text(json, "trace_id", change->trace_id);
	json_out_text(json, "span_id", change->span_id);
	json_out_time(json, "start_time", change->start_ns);
	json_out_text(json, "model", change->model);
	put_cost(json, "before", change->had_cost, &change->before);
	put_cost(json, "after", change->has_cost, &change->after);
	json_out_close(json, "}");
}

static void put_all(struct json_out *json, const struct reprice_head *head,
		    const struct reprice_sum *sum)
{
	json_out_open(json, "{");
	json_out_unsigned(json, "calls", sum->calls);
	json_out_unsigned(json, "charges", sum->charges);
	json_out_unsigned(json, "changed", sum->changed);
	json_out_unsigned(json, "unchanged", sum->charges - sum->changed);
	json_out_unsigned(json, "kept", sum->kept);
	json_out_unsigned(json, "newly_priced", sum->newly_priced);
	json_out_unsigned(json, "no_longer_priced", sum->no_longer_priced);
	put_sums(json, sum, false);
	put_sums(json, sum, true);
	json_out_key(json, "largest");
	json_out_open(json, "[");
	for (size_t i = 0; i < sum->n_largest; i++)
		put_change(json, &sum->largest[i]);
	json_out_close(json, "]");
	json_out_text(json, "tollspan.card.version", head->card_version);
	json_out_raw(json, "dry_run", head->dry_run ? "true" : "false");
	json_out_close(json, "}\n");
}

int reprice_output_json(FILE *out, const struct reprice_head *head, const struct reprice_sum *sum)
{
	struct json_out json = {.empty = true};

	buffer_init(&json.text, JSON_MAX);
	put_all(&json, head, sum);
	json_out_flush(&json, out);
	buffer_free(&json.text);
	return json.r == 0 && (fflush(out) || ferror(out)) ? -EIO : json.r;
}
