/* SPDX-License-Identifier: Apache-2.0 */
/* From a charge to its row, and to its discount. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "pricing/card.h"

/* ---- names ---- */

static bool is_date(const char *text, const char *form)
{
	int month, day;
	char digits[8] = {0};
	size_t n = 0;

	for (; *form; form++, text++) {
		if (*form == '-' ? *text != '-' : *text < '0' || *text > '9')
			return false;
		if (*form != '-')
			digits[n++] = *text;
	}
	month = (digits[4] - '0') * 10 + digits[5] - '0';
	day = (digits[6] - '0') * 10 + digits[7] - '0';
	return digits[0] == '2' && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/* Length of a dated snapshot's name without "-YYYY-MM-DD", "-YYYYMMDD" or "@YYYYMMDD", or 0. */
static size_t undated(const char *model, size_t length)
{
	if (length > 11 && model[length - 11] == '-' && is_date(model + length - 10, "0000-00-00"))
		return length - 11;
	if (length > 9 && (model[length - 9] == '-' || model[length - 9] == '@') &&
	    is_date(model + length - 8, "00000000"))
		return length - 9;
	return 0;
}

/* The model of a name, or that it is an alias of, in one card; NULL if there is none. */
static const char *name_in(const struct table *table, const char *provider, const char *name,
			   size_t length, bool alias)
{
	uint64_t hash = name_hash(provider, name, length);
	const struct table_model *model =
		table_model_find(table, hash, provider, name, length, alias);

	return model ? table_text(table, model->name) : NULL;
}

enum match_kind {
	MATCH_NAMED,    /* a model's name, or an alias */
	MATCH_SNAPSHOT, /* a dated snapshot of a model */
	MATCH_KINDS,
};

/* Within one card a dated snapshot of its model comes before an alias. */
static const char *named_in(const struct table *table, const char *provider, const char *name,
			    size_t length)
{
	const char *found = name_in(table, provider, name, length, false), *alias;
	size_t bare;

	if (found)
		return found;
	alias = name_in(table, provider, name, length, true);
	bare = alias ? undated(name, length) : 0;
	found = bare ? name_in(table, provider, name, bare, false) : NULL;
	return found ? found : alias;
}

/* By the last of the first `layers` cards that has it, whose number it then is. */
static const char *find_kind(const struct pricing_card *card, unsigned int *layers,
			     const char *provider, const char *name, enum match_kind kind)
{
	size_t length = strlen(name), bare = kind == MATCH_SNAPSHOT ? undated(name, length) : 0;
	const char *found = NULL;

	for (unsigned int i = *layers; i-- > 0;) {
		if (kind == MATCH_NAMED)
			found = named_in(card->layers[i], provider, name, length);
		else if (bare)
			found = name_in(card->layers[i], provider, name, bare, false);
		if (!found)
			continue;
		*layers = i;
		return found;
	}
	return NULL;
}

/*
 * The model that a name, or one of its forms, means in the first `layers` cards, then the number of
 * the card that has it; and the geography that the form leaves out.
 */
static const char *find_model(const struct pricing_card *card, unsigned int *layers,
			      const char *provider, const char *name,
			      char region[PRICING_REGION_MAX])
{
	const char *found = find_kind(card, layers, provider, name, MATCH_NAMED);
	struct pricing_model model;

	if (found)
		return found;
	if (pricing_model_normalise(provider, name, &model) < 0)
		model.n_forms = 0;
	for (enum match_kind kind = MATCH_NAMED; kind < MATCH_KINDS; kind++) {
		if (kind != MATCH_NAMED)
			found = find_kind(card, layers, provider, name, kind);
		if (found)
			return found;
		for (unsigned int i = 0; i < model.n_forms; i++) {
			found = find_kind(card, layers, provider, model.forms[i], kind);
			if (!found)
				continue;
			if (i >= model.n_placed)
				memcpy(region, model.region, PRICING_REGION_MAX);
			return found;
		}
	}
	return NULL;
}

/* ---- rows ---- */

/* Of rows in order of start the last that is not after `time`, where it has not ended. */
static const struct table_row *row_at(const struct table_row *rows, uint32_t n, int64_t time)
{
	uint32_t low = 0, high = n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (rows[middle].start <= time)
			low = middle + 1;
		else
			high = middle;
	}
	return low && time < rows[low - 1].end ? &rows[low - 1] : NULL;
}

/* Whether what is for `only` (0: for all) is for `name`. */
static bool holds_for(const struct table *table, uint32_t only, const char *name)
{
	return !only || (name && !strcmp(table_text(table, only), name));
}

/* The runs of a model's rows are by holder, the most special first. */
static const struct table_row *row_of(const struct table *table, const struct table_model *model,
				      const struct pricing_charge *charge, bool any)
{
	const struct table_row *rows = table_section(table, TABLE_ROWS), *row;

	rows += model->rows;
	for (uint32_t i = 0; i < model->n_rows; i += rows[i].run) {
		if (!any && !(holds_for(table, rows[i].key, charge->key) &&
			      holds_for(table, rows[i].tag, charge->tag)))
			continue;
		row = row_at(&rows[i], rows[i].run, charge->time);
		if (row)
			return row;
	}
	return NULL;
}

/* Of the last card that has one. */
static void find_row(const struct pricing_card *card, const struct pricing_charge *charge, bool any,
		     struct card_match *match)
{
	size_t length = strlen(match->model);
	uint64_t hash = name_hash(charge->provider, match->model, length);

	for (unsigned int i = card->n_layers; i-- > 0 && !match->row;) {
		const struct table *table = card->layers[i];
		const struct table_model *found = table_model_find(table, hash, charge->provider,
								   match->model, length, false);

		match->table = table;
		match->row = found ? row_of(table, found, charge, any) : NULL;
	}
}

void card_find(const struct pricing_card *card, const struct pricing_charge *charge, bool any,
	       struct card_match *ret_match)
{
	unsigned int layers = card->n_layers;

	ret_match->row = NULL;
	/* What a name means in a card where no row holds hides nothing of the cards below. */
	do {
		ret_match->region[0] = '\0';
		ret_match->model = find_model(card, &layers, charge->provider, charge->model,
					      ret_match->region);
		if (ret_match->model)
			find_row(card, charge, any, ret_match);
	} while (ret_match->model && !ret_match->row);
}

void card_find_alias(const struct pricing_card *card, struct pricing_charge *charge,
		     struct card_match *ret_match)
{
	const char *name = charge->provider;

	for (unsigned int i = card->n_layers; i-- > 0;) {
		const struct table *table = card->layers[i];
		const struct table_provider_alias *aliases =
			table_section(table, TABLE_PROVIDER_ALIASES);

		for (uint32_t j = 0; j < table->sections[TABLE_PROVIDER_ALIASES].n; j++) {
			if (strcmp(table_text(table, aliases[j].name), name) != 0)
				continue;
			charge->provider = table_text(table, aliases[j].provider);
			card_find(card, charge, false, ret_match);
			if (ret_match->row)
				return;
		}
	}
	charge->provider = name;
}

static bool has_provider(const struct pricing_card *card, unsigned int n_layers, const char *name)
{
	for (unsigned int i = 0; i < n_layers; i++) {
		const uint32_t *providers = table_section(card->layers[i], TABLE_PROVIDERS);

		for (uint32_t j = 0; j < card->layers[i]->sections[TABLE_PROVIDERS].n; j++) {
			if (!strcmp(table_text(card->layers[i], providers[j]), name))
				return true;
		}
	}
	return false;
}

static bool has_row(const struct pricing_card *card, const struct pricing_charge *charge)
{
	struct card_match match;

	card_find(card, charge, true, &match);
	return match.row;
}

/* The first of the makers that has it, of the last card that names any that has. */
static const char *find_maker(const struct pricing_card *card, struct pricing_charge *charge)
{
	for (unsigned int i = card->n_layers; i-- > 0;) {
		const struct table *table = card->layers[i];
		const uint32_t *makers = table_section(table, TABLE_MAKERS);

		for (uint32_t j = 0; j < table->sections[TABLE_MAKERS].n; j++) {
			charge->provider = table_text(table, makers[j]);
			if (has_row(card, charge))
				return charge->provider;
		}
	}
	return NULL;
}

int pricing_card_provider(const struct pricing_card *card, const char *model, int64_t time,
			  const char **ret_provider)
{
	struct pricing_charge charge = {.model = model, .time = time};
	const char *found = find_maker(card, &charge);

	if (found) {
		*ret_provider = found;
		return 0;
	}
	for (unsigned int i = 0; i < card->n_layers; i++) {
		const struct table *table = card->layers[i];
		const uint32_t *providers = table_section(table, TABLE_PROVIDERS);

		for (uint32_t j = 0; j < table->sections[TABLE_PROVIDERS].n; j++) {
			charge.provider = table_text(table, providers[j]);
			if (has_provider(card, i, charge.provider) || !has_row(card, &charge))
				continue;
			if (found)
				return -EEXIST;
			found = charge.provider;
		}
	}
	if (!found)
		return -ENOENT;
	*ret_provider = found;
	return 0;
}

/* ---- discounts ---- */

/* Whether it is the provider's name, or another name of its under which nobody has rows. */
static bool is_name_of(const struct pricing_card *card, const char *name, const char *provider)
{
	if (!strcmp(name, provider))
		return true;
	for (unsigned int i = 0; i < card->n_layers; i++) {
		const struct table *table = card->layers[i];
		const struct table_provider_alias *aliases =
			table_section(table, TABLE_PROVIDER_ALIASES);

		for (uint32_t j = 0; j < table->sections[TABLE_PROVIDER_ALIASES].n; j++) {
			if (!strcmp(table_text(table, aliases[j].name), name) &&
			    !strcmp(table_text(table, aliases[j].provider), provider))
				return !has_provider(card, card->n_layers, name);
		}
	}
	return false;
}

static bool discount_holds(const struct table *table, const struct table_discount *discount,
			   const struct pricing_charge *charge, const struct card_match *match)
{
	if (charge->time < discount->start || charge->time >= discount->end)
		return false;
	return (!discount->model || !strcasecmp(table_text(table, discount->model), match->model) ||
		!strcasecmp(table_text(table, discount->model), charge->model)) &&
	       holds_for(table, discount->key, charge->key) &&
	       holds_for(table, discount->tag, charge->tag);
}

const struct table_discount *card_discount(const struct pricing_card *card,
					   const struct pricing_charge *charge,
					   const struct card_match *match, const char **ret_source)
{
	for (unsigned int i = card->n_layers; i-- > 0;) {
		const struct table *table = card->layers[i];
		const struct table_discount *discounts = table_section(table, TABLE_DISCOUNTS);

		for (uint32_t j = 0; j < table->sections[TABLE_DISCOUNTS].n; j++) {
			if (!discount_holds(table, &discounts[j], charge, match) ||
			    !is_name_of(card, table_text(table, discounts[j].provider),
					charge->provider))
				continue;
			*ret_source = table_text(table, discounts[j].source);
			return &discounts[j];
		}
	}
	return NULL;
}
