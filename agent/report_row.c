/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/report_row.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/text.h"

void row_shown(const char *text, bool utf8, size_t columns, char cell[ROW_CELL])
{
	struct buffer shown;

	cell[0] = '\0';
	buffer_init(&shown, ROW_CELL - 1);
	/* What passes the cap is cut between characters. */
	text_append_shown(&shown, text, columns, utf8);
	if (shown.length)
		snprintf(cell, ROW_CELL, "%.*s", (int)shown.length, (const char *)shown.data);
	buffer_free(&shown);
}

size_t row_columns(const char *cell)
{
	size_t n = 0;

	for (; *cell; cell++)
		n += ((unsigned char)*cell & 0xc0) != 0x80;
	return n;
}

void row_model(const struct ledger_call *call, bool utf8, size_t columns, char cell[ROW_CELL])
{
	const char *model = call->response_model ? call->response_model : call->request_model;

	row_shown(model && *model ? model : "-", utf8, columns, cell);
}

void row_tokens(const struct kinds *kinds, enum kind kind, char cell[ROW_CELL])
{
	if (kinds->has[kind])
		snprintf(cell, ROW_CELL, "%" PRIu64, kinds->tokens[kind]);
	else
		snprintf(cell, ROW_CELL, "-");
}

void row_money(const struct call_sum *sum, char cell[ROW_CELL])
{
	char amount[PRICING_AMOUNT_TEXT_MAX];

	if (!sum->has_cost) {
		snprintf(cell, ROW_CELL, "-");
		return;
	}
	pricing_amount_text(sum->money.amount, amount);
	snprintf(cell, ROW_CELL, "%s%s%s", amount, sum->money.currency[0] ? " " : "",
		 sum->money.currency);
}

void row_duration(int64_t begin_ns, int64_t end_ns, char cell[ROW_CELL])
{
	int64_t ms = end_ns > begin_ns ? (end_ns - begin_ns + 500000) / 1000000 : 0;

	if (end_ns == 0)
		snprintf(cell, ROW_CELL, "-");
	else if (ms < 1000)
		snprintf(cell, ROW_CELL, "%" PRId64 " ms", ms);
	else if (ms < 60000)
		snprintf(cell, ROW_CELL, "%" PRId64 ".%02d s", ms / 1000, (int)(ms % 1000 / 10));
	else
		snprintf(cell, ROW_CELL, "%" PRId64 " m %02d s", ms / 60000,
			 (int)(ms % 60000 / 1000));
}

/* What has no price, in a word or two: its kind, and its name. */
static void why_unpriced(const struct ledger_call *call, const char **ret_kind,
			 const char **ret_name)
{
	const struct ledger_charge *charge = call->charges;

	*ret_kind = call->n_charges ? "unknown host" : "no usage";
	*ret_name = NULL;
	if (call->n_charges == 0 || !call->provider_known)
		return;
	for (size_t i = 0; charge->status == PRICING_PRICED && i < call->n_charges; i++)
		charge = &call->charges[i];
	switch (charge->status) {
	case PRICING_UNPRICED_BUCKET:
		*ret_kind = charge->missing;
		break;
	case PRICING_UNPRICED_TIER:
		*ret_kind = "tier";
		*ret_name = charge->tier;
		break;
	case PRICING_UNPRICED_REGION:
		*ret_kind = "region";
		*ret_name = charge->region;
		break;
	case PRICING_UNPRICED_VARIANT:
		*ret_kind = "variant";
		*ret_name = charge->variant;
		break;
	case PRICING_UNPRICED_OVERFLOW:
		*ret_kind = "too much";
		break;
	default:
		*ret_kind = "model";
		break;
	}
}

/* A word, and what it is about in brackets; both may come from the wire. */
static void add_word(char cell[ROW_CELL], const char *word, const char *about, bool utf8)
{
	char shown_word[ROW_CELL], shown_about[ROW_CELL];
	size_t used = strlen(cell);

	row_shown(word, utf8, 24, shown_word);
	row_shown(about ? about : "", utf8, 24, shown_about);
	snprintf(cell + used, ROW_CELL - used, "%s%s%s%s%s", used ? ", " : "", shown_word,
		 about ? " (" : "", shown_about, about ? ")" : "");
}

void row_status(const struct ledger_call *call, bool utf8, char cell[ROW_CELL])
{
	const char *completeness = call->completeness ? call->completeness : "partial";
	const char *kind, *name;
	char why[ROW_CELL];

	cell[0] = '\0';
	if (call->settled == 0)
		add_word(cell, "open", NULL, utf8);
	if (call->error_type)
		add_word(cell, "error", call->error_type, utf8);
	if (call->cost_status == COST_FREE)
		add_word(cell, "free", NULL, utf8);
	if (call->settled && strcmp(completeness, "exact") != 0)
		add_word(cell, completeness, NULL, utf8);
	if (call->settled && call->cost_status == COST_UNPRICED) {
		why_unpriced(call, &kind, &name);
		snprintf(why, sizeof(why), "%s%s%s", kind ? kind : "a quantity", name ? " " : "",
			 name ? name : "");
		add_word(cell, "unpriced", why, utf8);
	}
	if (!cell[0])
		add_word(cell, "ok", NULL, utf8);
	if (call->reported_source != REPORTED_NONE)
		add_word(cell,
			 call->reported_source == REPORTED_GATEWAY ? "by gateway" : "by provider",
			 NULL, utf8);
}
