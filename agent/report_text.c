/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/report.h"

#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>

#include "agent/report_row.h"
#include "agent/util/buffer.h"
#include "agent/util/text.h"

enum column {
	COLUMN_MODEL,
	COLUMN_INPUT,
	COLUMN_CACHE_READ,
	COLUMN_CACHE_WRITE,
	COLUMN_OUTPUT,
	COLUMN_REASONING,
	COLUMN_COST,
	COLUMN_FIRST,
	COLUMN_TIME,
	COLUMN_STATUS,
	COLUMNS,
};

#define MODEL_COLUMNS 28

struct row {
	char cells[COLUMNS][ROW_CELL];
};

static const struct row head = {{"MODEL", "INPUT", "CACHED", "WRITTEN", "OUTPUT", "REASON", "COST",
				 "TTFT", "TIME", "STATUS"}};

struct table {
	FILE *out;
	bool utf8;
	size_t widths[COLUMNS];
	size_t max_calls, printed;
	struct totals totals;
};

bool report_utf8(void)
{
	locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	bool utf8;

	if (!locale)
		return false;
	utf8 = !strcmp(nl_langinfo_l(CODESET, locale), "UTF-8");
	freelocale(locale);
	return utf8;
}

/* ---- rows ---- */

static void put_kinds(struct row *row, const struct kinds *kinds)
{
	row_tokens(kinds, KIND_INPUT, row->cells[COLUMN_INPUT]);
	row_tokens(kinds, KIND_CACHE_READ, row->cells[COLUMN_CACHE_READ]);
	row_tokens(kinds, KIND_CACHE_WRITE, row->cells[COLUMN_CACHE_WRITE]);
	row_tokens(kinds, KIND_OUTPUT, row->cells[COLUMN_OUTPUT]);
	row_tokens(kinds, KIND_REASONING, row->cells[COLUMN_REASONING]);
}

static void make_row(const struct ledger_call *call, bool utf8, struct row *row)
{
	struct call_sum sum;

	call_sum(call, &sum);
	row_model(call, utf8, MODEL_COLUMNS, row->cells[COLUMN_MODEL]);
	put_kinds(row, &sum.kinds);
	row_money(&sum, row->cells[COLUMN_COST]);
	row_duration(call->start_ns, call->first_token_ns, row->cells[COLUMN_FIRST]);
	row_duration(call->start_ns, call->end_ns, row->cells[COLUMN_TIME]);
	row_status(call, utf8, row->cells[COLUMN_STATUS]);
}

static void widen(size_t widths[COLUMNS], const struct row *row)
{
	for (unsigned int i = 0; i < COLUMNS; i++) {
		size_t columns = row_columns(row->cells[i]);

		widths[i] = columns > widths[i] ? columns : widths[i];
	}
}

static void pad(FILE *out, size_t n)
{
	while (n-- > 0)
		fputc(' ', out);
}

/* The model to the left, figures to the right, the status as it is; no blanks at the end. */
static int print_row(FILE *out, const struct row *row, const size_t widths[COLUMNS])
{
	unsigned int last = COLUMNS - 1;

	while (last > 0 && !row->cells[last][0])
		last--;
	for (unsigned int i = 0; i <= last; i++) {
		const char *cell = row->cells[i];
		size_t columns = row_columns(cell);
		size_t space = widths[i] > columns ? widths[i] - columns : 0;

		if (i > 0)
			fputs("  ", out);
		if (i != COLUMN_MODEL && i != COLUMN_STATUS)
			pad(out, space);
		fputs(cell, out);
		if (i == COLUMN_MODEL && i < last)
			pad(out, space);
	}
	fputc('\n', out);
	return ferror(out) ? -EIO : 0;
}

/* ---- totals ---- */

static void make_total(const struct totals *totals, unsigned int i, struct row *row)
{
	const struct money *money = i < totals->n_money ? &totals->money[i] : NULL;
	struct call_sum sum = {.has_cost = money != NULL};

	memset(row, 0, sizeof(*row));
	if (money)
		sum.money = *money;
	row_money(&sum, row->cells[COLUMN_COST]);
	if (i > 0)
		return;
	snprintf(row->cells[COLUMN_MODEL], ROW_CELL, "total of %" PRIu64 " call%s", totals->calls,
		 totals->calls == 1 ? "" : "s");
	put_kinds(row, &totals->kinds);
	row_duration(totals->first_ns, totals->last_ns, row->cells[COLUMN_TIME]);
}

static unsigned int total_rows(const struct totals *totals)
{
	return totals->n_money ? totals->n_money : 1;
}

static int print_totals(struct table *table)
{
	struct row row;
	int r = 0;

	for (unsigned int i = 0; r == 0 && i < total_rows(&table->totals); i++) {
		make_total(&table->totals, i, &row);
		r = print_row(table->out, &row, table->widths);
	}
	return r;
}

/* ---- the table ---- */

static int on_measure(void *context, const struct ledger_call *call)
{
	struct table *table = context;
	struct row row;

	totals_add(&table->totals, call);
	if (table->max_calls && table->totals.calls > table->max_calls)
		return 0;
	make_row(call, table->utf8, &row);
	widen(table->widths, &row);
	return 0;
}

#define ENOUGH 1

static int on_print(void *context, const struct ledger_call *call)
{
	struct table *table = context;
	struct row row;

	if (table->max_calls && table->printed == table->max_calls)
		return ENOUGH;
	table->printed++;
	make_row(call, table->utf8, &row);
	return print_row(table->out, &row, table->widths);
}

static int print_table(struct table *table, const struct report_opts *opts)
{
	struct row total;
	int r = ledger_calls(opts->ledger, &opts->filter, on_measure, table);

	if (r < 0)
		return r;
	if (table->totals.calls == 0) {
		fputs("no model calls\n", table->out);
		return 0;
	}
	widen(table->widths, &head);
	for (unsigned int i = 0; i < total_rows(&table->totals); i++) {
		make_total(&table->totals, i, &total);
		widen(table->widths, &total);
	}
	r = print_row(table->out, &head, table->widths);
	if (r == 0)
		r = ledger_calls(opts->ledger, &opts->filter, on_print, table);
	if (r == ENOUGH) {
		fprintf(table->out, "(and %" PRIu64 " more)\n",
			table->totals.calls - table->printed);
		r = 0;
	}
	return r < 0 ? r : print_totals(table);
}

/* ---- what there is to say beside it ---- */

struct notes {
	FILE *out;
	bool utf8, any;
};

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void print_counts(FILE *out, const struct totals *totals)
{
	uint64_t n = totals->unpriced + totals->other_money;

	if (n)
		fprintf(out,
			"unpriced: %" PRIu64 " call%s without a price; %s not in the total, and "
			"not free\n",
			n, plural(n), n == 1 ? "it is" : "they are");
	if (totals->errors)
		fprintf(out, "errors: %" PRIu64 " call%s failed\n", totals->errors,
			plural(totals->errors));
	if (totals->open)
		fprintf(out, "open: %" PRIu64 " call%s not ended, or its writer died\n",
			totals->open, plural(totals->open));
}

static const char *cause_text(const char *cause)
{
	static const struct {
		const char *cause, *text;
	} texts[] = {
		{"ring_full", "the reader was too slow"},
		{"fault", "the program's memory could not be read"},
		{"cap", "longer than is taken"},
		{"table_full", "too many connections or calls at once"},
		{"killed", "the program died while a record was written"},
		{"protocol", "a protocol that is not read"},
		{"malformed", "not what its protocol allows"},
		{"limit", "a limit was passed"},
		{"ledger", "could not be written to the ledger"},
		{"undecodable", "a content encoding that is not known, or is damaged"},
		{"export", "calls that were not exported"},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!strcmp(texts[i].cause, cause))
			return texts[i].text;
	}
	return "for an unknown cause";
}

static int on_loss(void *context, const struct ledger_loss *loss)
{
	struct notes *notes = context;
	char cause[ROW_CELL], name[ROW_CELL] = "";

	notes->any = true;
	row_shown(loss->cause, notes->utf8, 24, cause);
	if (loss->name)
		row_shown(loss->name, notes->utf8, 40, name);
	fprintf(notes->out, "lost: %s%s%s: %" PRIu64 " record%s, %" PRIu64 " bytes: %s\n", cause,
		name[0] ? " " : "", name, loss->records, plural(loss->records), loss->bytes,
		cause_text(loss->cause));
	return 0;
}

/* A text of any length, made safe. */
static int print_shown(const struct notes *notes, const char *before, const char *text,
		       const char *after)
{
	struct buffer shown;
	int r;

	buffer_init(&shown, 16 * KIB);
	r = text_append_shown(&shown, text, 8 * KIB, notes->utf8);
	if (r == 0 || r == -E2BIG)
		fprintf(notes->out, "%s%.*s%s", before, (int)shown.length,
			shown.length ? (const char *)shown.data : "", after);
	buffer_free(&shown);
	return r == -ENOMEM ? r : 0;
}

static int on_unseen(void *context, const struct ledger_unseen *unseen)
{
	struct notes *notes = context;
	int r = print_shown(notes, "unseen: ", unseen->executable ? unseen->executable : "process",
			    "");

	notes->any = true;
	if (unseen->pid)
		fprintf(notes->out, " (pid %" PRId64 ")", unseen->pid);
	if (r == 0)
		r = print_shown(notes, ": ", unseen->reason ? unseen->reason : "", "\n");
	if (r == 0 && unseen->remedy)
		r = print_shown(notes, "        ", unseen->remedy, "\n");
	return r;
}

static void print_source(FILE *out, const struct totals *totals, const struct report_opts *opts)
{
	const char *const names[] = {totals->by_ebpf ? "eBPF" : NULL,
				     totals->by_preload ? "preload" : NULL,
				     totals->by_replay ? "replay" : NULL};
	const char *before = "captured by ";

	for (size_t i = 0; i < 3; i++) {
		if (opts->capture || !names[i])
			continue;
		fprintf(out, "%s%s", before, names[i]);
		before = ", ";
	}
	if (opts->capture)
		fprintf(out, "captured by %s", opts->capture);
	if (opts->ledger_path)
		fprintf(out, "%sledger %s",
			opts->capture || totals->by_ebpf || totals->by_preload || totals->by_replay
				? "; "
				: "",
			opts->ledger_path);
	if (opts->filter.latest)
		fputs("; prices as tollspan reprice has them", out);
	if (opts->capture || opts->ledger_path || totals->calls)
		fputc('\n', out);
}

int report_text(FILE *out, const struct report_opts *opts)
{
	struct table table = {.out = out, .utf8 = opts->utf8, .max_calls = opts->max_calls};
	struct notes notes = {.out = out, .utf8 = opts->utf8};
	int r = print_table(&table, opts);

	if (r < 0)
		return r;
	print_counts(out, &table.totals);
	r = ledger_losses(opts->ledger, &opts->filter, on_loss, &notes);
	if (r == 0)
		r = ledger_unseens(opts->ledger, &opts->filter, on_unseen, &notes);
	if (r < 0)
		return r;
	fputs(notes.any ? "not complete: calls may be missing above\n"
			: "complete: nothing lost, no process unseen\n",
	      out);
	print_source(out, &table.totals, opts);
	return fflush(out) || ferror(out) ? -EIO : 0;
}

/* ---- as it grows ---- */

static const size_t growing_widths[COLUMNS] = {28, 8, 8, 8, 7, 7, 16, 8, 8, 0};

int report_text_head(FILE *out)
{
	int r = print_row(out, &head, growing_widths);

	return r == 0 && fflush(out) ? -EIO : r;
}

int report_text_call(FILE *out, const struct ledger_call *call, bool utf8)
{
	struct row row;
	int r;

	make_row(call, utf8, &row);
	r = print_row(out, &row, growing_widths);
	return r == 0 && fflush(out) ? -EIO : r;
}
