/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From rows to a table. Each section grows on its own; runs of elements that are there already are
 * shared, as most texts, lists of prices and tiers come many times.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pricing/table.h"

#define ALIGN 16

struct section {
	char *bytes;
	size_t used, size; /* bytes */
};

/* Where a run of bytes is, by its hash. */
struct shared {
	uint64_t hash;
	uint32_t offset, length; /* bytes; length 0: free */
	uint32_t section;
};

struct maker {
	const struct parsed_card *card;
	struct section sections[TABLE_SECTIONS];
	struct shared *shared;
	size_t n_shared, shared_mask;
	char *error;
	size_t error_size;
	int failed; /* the first error; nothing more is done */
};

static const size_t element_sizes[TABLE_SECTIONS] = {
	[TABLE_ROWS] = sizeof(struct table_row),
	[TABLE_MODELS] = sizeof(struct table_model),
	[TABLE_NAMES] = sizeof(struct table_name),
	[TABLE_PROVIDERS] = sizeof(uint32_t),
	[TABLE_PROVIDER_ALIASES] = sizeof(struct table_provider_alias),
	[TABLE_MAKERS] = sizeof(uint32_t),
	[TABLE_TIERS] = sizeof(struct table_tier),
	[TABLE_CONTEXTS] = sizeof(struct table_context),
	[TABLE_HOURS] = sizeof(struct table_hours),
	[TABLE_VARIANTS] = sizeof(struct table_variant),
	[TABLE_REGIONS] = sizeof(struct table_region),
	[TABLE_PRICES] = sizeof(struct table_price),
	[TABLE_DISCOUNTS] = sizeof(struct table_discount),
	[TABLE_TEXTS] = 1,
};

/* ---- sections ---- */

/* Zeroed room behind a section, or NULL. */
static void *add(struct maker *maker, enum table_section index, size_t n)
{
	struct section *section = &maker->sections[index];
	size_t bytes = n * element_sizes[index];

	if (maker->failed)
		return NULL;
	if (!section->bytes || section->size - section->used < bytes) {
		size_t size = (section->used + bytes) * 2;
		char *grown = size <= UINT32_MAX ? realloc(section->bytes, size) : NULL;

		if (!grown) {
			maker->failed = -ENOMEM;
			return NULL;
		}
		section->bytes = grown;
		section->size = size;
	}
	memset(section->bytes + section->used, 0, bytes);
	section->used += bytes;
	return section->bytes + section->used - bytes;
}

static uint32_t count(const struct maker *maker, enum table_section index)
{
	return (uint32_t)(maker->sections[index].used / element_sizes[index]);
}

static uint64_t hash_bytes(enum table_section index, const void *bytes, size_t length)
{
	const unsigned char *at = bytes;
	uint64_t hash = FNV_START ^ index;

	for (size_t i = 0; i < length; i++)
		hash = fnv_add(hash, at[i]);
	return hash ^ (hash >> 32);
}

static void grow_shared(struct maker *maker)
{
	size_t size = maker->shared ? (maker->shared_mask + 1) * 2 : 1024;
	struct shared *grown = calloc(size, sizeof(*grown));

	if (!grown) {
		maker->failed = -ENOMEM;
		return;
	}
	for (size_t i = 0; maker->shared && i <= maker->shared_mask; i++) {
		size_t to = maker->shared[i].hash & (size - 1);

		if (!maker->shared[i].length)
			continue;
		while (grown[to].length)
			to = (to + 1) & (size - 1);
		grown[to] = maker->shared[i];
	}
	free(maker->shared);
	maker->shared = grown;
	maker->shared_mask = size - 1;
}

/* The index of a run of n elements in its section: of one that is there, or of a new one. */
static uint32_t share(struct maker *maker, enum table_section index, const void *bytes, size_t n)
{
	size_t length = n * element_sizes[index], i;
	uint64_t hash = hash_bytes(index, bytes, length);
	uint32_t first = count(maker, index);
	void *room;

	if (!n)
		return 0;
	if (!maker->shared || maker->n_shared * 2 > maker->shared_mask)
		grow_shared(maker);
	if (maker->failed)
		return 0;
	for (i = hash & maker->shared_mask; maker->shared[i].length;
	     i = (i + 1) & maker->shared_mask) {
		const struct shared *other = &maker->shared[i];

		if (other->hash == hash && other->section == index && other->length == length &&
		    !memcmp(maker->sections[index].bytes + other->offset, bytes, length))
			return (uint32_t)(other->offset / element_sizes[index]);
	}
	room = add(maker, index, n);
	if (!room)
		return 0;
	memcpy(room, bytes, length);
	maker->shared[i] = (struct shared){hash, first * (uint32_t)element_sizes[index],
					   (uint32_t)length, index};
	maker->n_shared++;
	return first;
}

static uint32_t text(struct maker *maker, const char *string)
{
	return string && *string ? share(maker, TABLE_TEXTS, string, strlen(string) + 1) : 0;
}

/* ---- what a row has ---- */

static uint32_t prices(struct maker *maker, const struct price_set *set)
{
	struct table_price made[PRICING_BUCKETS];
	size_t n = (size_t)__builtin_popcount(set->present);

	for (size_t i = 0; i < n; i++) {
		unsigned __int128 rate = (unsigned __int128)set->prices[i].rate;

		made[i] = (struct table_price){(uint64_t)(rate >> 64), (uint64_t)rate,
					       set->prices[i].per};
	}
	return share(maker, TABLE_PRICES, made, n);
}

static struct table_list list(struct maker *maker, const struct price_list *from)
{
	struct table_context contexts[CARD_CONTEXTS_MAX];

	for (size_t i = 0; i < from->n_contexts; i++) {
		const struct context_tier *context = &from->contexts[i];

		contexts[i] = (struct table_context){context->from, context->set.present,
						     prices(maker, &context->set)};
	}
	return (struct table_list){
		.present = from->set.present,
		.prices = prices(maker, &from->set),
		.contexts = share(maker, TABLE_CONTEXTS, contexts, from->n_contexts),
		.n_contexts = (uint32_t)from->n_contexts,
	};
}

static uint32_t hours(struct maker *maker, const struct price_tier *tier)
{
	struct table_hours made[CARD_HOURS_MAX];

	for (size_t i = 0; i < tier->n_hours; i++) {
		const struct hours_rule *rule = &tier->hours[i];

		made[i] = (struct table_hours){
			.start = rule->start,
			.end = rule->end,
			.zone = rule->zone,
			.from = rule->from,
			.to = rule->to,
			.days = rule->days,
			.list = list(maker, &rule->list),
		};
	}
	return share(maker, TABLE_HOURS, made, tier->n_hours);
}

static uint32_t tiers(struct maker *maker, const struct card_row *row)
{
	struct table_tier made[CARD_TIERS_MAX + 1];

	for (size_t i = 0; i < row->n_tiers; i++) {
		const struct price_tier *tier = &row->tiers[i];

		made[i] = (struct table_tier){
			.name = text(maker, tier->name),
			.hours = hours(maker, tier),
			.n_hours = (uint32_t)tier->n_hours,
			.list = list(maker, &tier->list),
		};
	}
	return share(maker, TABLE_TIERS, made, row->n_tiers);
}

static uint32_t regions(struct maker *maker, const struct card_row *row)
{
	struct table_region made[CARD_REGIONS_MAX];

	for (size_t i = 0; i < row->n_regions; i++)
		made[i] = (struct table_region){text(maker, row->regions[i].name),
						row->regions[i].multiplier};
	return share(maker, TABLE_REGIONS, made, row->n_regions);
}

static uint32_t variants(struct maker *maker, const struct card_row *row, uint32_t *ret_buckets)
{
	struct table_variant made[CARD_VARIANTS_MAX];

	*ret_buckets = 0;
	for (size_t i = 0; i < row->n_variants; i++) {
		const struct variant *variant = &row->variants[i];

		made[i] = (struct table_variant){text(maker, variant->name), variant->set.present,
						 prices(maker, &variant->set)};
		*ret_buckets |= variant->set.present;
	}
	return share(maker, TABLE_VARIANTS, made, row->n_variants);
}

static void add_row(struct maker *maker, const struct card_row *row, size_t run)
{
	struct table_row made = {
		.start = row->start,
		.end = row->end,
		.id = text(maker, row->id),
		.source = text(maker, row->source),
		.key = text(maker, row->key),
		.tag = text(maker, row->tag),
		.tiers = tiers(maker, row),
		.n_tiers = (uint32_t)row->n_tiers,
		.regions = regions(maker, row),
		.n_regions = (uint32_t)row->n_regions,
		.n_variants = (uint32_t)row->n_variants,
		.run = (uint32_t)run,
	};
	struct table_row *room = add(maker, TABLE_ROWS, 1);

	if (!room)
		return;
	made.variants = variants(maker, row, &made.of_variants);
	memcpy(made.currency, row->currency, sizeof(made.currency));
	memcpy(made.billed_as, row->billed_as, sizeof(row->billed_as));
	*room = made;
}

/* ---- names ---- */

static const char *text_at(const struct maker *maker, uint32_t offset)
{
	return maker->sections[TABLE_TEXTS].bytes + offset;
}

/* Within one card a name means one model. */
static void add_name(struct maker *maker, const struct card_row *row, uint32_t model,
		     const char *name, bool alias)
{
	struct table_name *names = (struct table_name *)maker->sections[TABLE_NAMES].bytes;
	const struct table_model *models =
		(const struct table_model *)maker->sections[TABLE_MODELS].bytes;
	uint32_t hash = (uint32_t)name_hash(row->provider, name, strlen(name));
	uint32_t mask = count(maker, TABLE_NAMES) - 1, i = hash & mask;
	struct table_name made = {hash, text(maker, name), model, alias};

	if (maker->failed)
		return;
	for (; names[i].name; i = (i + 1) & mask) {
		if (names[i].alias != made.alias ||
		    strcasecmp(text_at(maker, names[i].name), name) ||
		    models[names[i].model].provider != models[model].provider)
			continue;
		if (names[i].model == model)
			return;
		if (maker->error)
			snprintf(maker->error, maker->error_size,
				 "row %zu (%s): the name \"%s\" is another model's too",
				 row->number, row->id, name);
		maker->failed = -EINVAL;
		return;
	}
	names[i] = made;
}

static void add_names(struct maker *maker)
{
	const struct parsed_card *card = maker->card;
	uint32_t model = 0;
	size_t n_names = 0, size = 16;

	for (size_t i = 0; i < card->n_rows; i++)
		n_names += 1 + card->rows[i].n_aliases;
	while (size < n_names * 2)
		size *= 2;
	add(maker, TABLE_NAMES, size);
	for (size_t i = 0; i < card->n_rows && !maker->failed; i++) {
		const struct card_row *row = &card->rows[i];

		model += i && !card_same_model(row - 1, row);
		add_name(maker, row, model, row->model, false);
		for (size_t j = 0; j < row->n_aliases; j++)
			add_name(maker, row, model, row->aliases[j], true);
	}
}

/* ---- the whole ---- */

static void add_model(struct maker *maker, const struct card_row *rows, size_t n_rows)
{
	struct table_model *model = add(maker, TABLE_MODELS, 1);
	uint32_t provider = text(maker, rows->provider), name = text(maker, rows->model), *last;

	if (!model || maker->failed)
		return;
	*model = (struct table_model){provider, name, count(maker, TABLE_ROWS), (uint32_t)n_rows};
	last = (uint32_t *)maker->sections[TABLE_PROVIDERS].bytes;
	if (last && last[count(maker, TABLE_PROVIDERS) - 1] == provider)
		return;
	last = add(maker, TABLE_PROVIDERS, 1);
	if (last)
		*last = provider;
}

static void add_rows(struct maker *maker)
{
	const struct card_row *rows = maker->card->rows;
	size_t n_rows = maker->card->n_rows;

	for (size_t first = 0, end; first < n_rows && !maker->failed; first = end) {
		size_t run_end = first;

		for (end = first + 1; end < n_rows && card_same_model(&rows[first], &rows[end]);)
			end++;
		add_model(maker, &rows[first], end - first);
		for (size_t i = first; i < end; i++) {
			for (; run_end < end && card_same_holder(&rows[i], &rows[run_end]);)
				run_end++;
			add_row(maker, &rows[i], run_end - i);
		}
	}
}

static void add_discounts(struct maker *maker)
{
	for (size_t i = 0; i < maker->card->n_discounts; i++) {
		const struct discount *discount = &maker->card->discounts[i];
		struct table_discount made = {
			.start = discount->start,
			.end = discount->end,
			.provider = text(maker, discount->provider),
			.model = text(maker, discount->model),
			.key = text(maker, discount->key),
			.tag = text(maker, discount->tag),
			.source = text(maker, discount->source),
			.factor = discount->factor,
		};
		struct table_discount *room = add(maker, TABLE_DISCOUNTS, 1);

		if (room)
			*room = made;
	}
}

static void add_makers(struct maker *maker)
{
	for (size_t i = 0; i < maker->card->n_makers; i++) {
		uint32_t name = text(maker, maker->card->makers[i]);
		uint32_t *room = add(maker, TABLE_MAKERS, 1);

		if (room)
			*room = name;
	}
}

static void add_provider_aliases(struct maker *maker)
{
	for (size_t i = 0; i < maker->card->n_provider_aliases; i++) {
		const struct provider_alias *alias = &maker->card->provider_aliases[i];
		struct table_provider_alias made = {text(maker, alias->name),
						    text(maker, alias->provider)};
		struct table_provider_alias *room = add(maker, TABLE_PROVIDER_ALIASES, 1);

		if (room)
			*room = made;
	}
}

static struct table *join(struct maker *maker)
{
	struct table head = {.hash = maker->card->hash}, *table;
	size_t size = sizeof(head);

	for (unsigned int i = 0; i < TABLE_SECTIONS; i++) {
		head.sections[i].offset = (uint32_t)size;
		head.sections[i].n = count(maker, i);
		size += (maker->sections[i].used + ALIGN - 1) / ALIGN * ALIGN;
	}
	head.size = size;
	memcpy(head.version, maker->card->version, sizeof(maker->card->version));
	table = size <= UINT32_MAX ? calloc(1, size) : NULL;
	if (!table) {
		maker->failed = -ENOMEM;
		return NULL;
	}
	*table = head;
	for (unsigned int i = 0; i < TABLE_SECTIONS; i++) {
		if (maker->sections[i].used)
			memcpy((char *)table + head.sections[i].offset, maker->sections[i].bytes,
			       maker->sections[i].used);
	}
	return table;
}

int table_new(const struct parsed_card *card, struct table **ret_table, char *error,
	      size_t error_size)
{
	struct maker maker = {.card = card, .error = error, .error_size = error_size};
	struct table *table = NULL;

	add(&maker, TABLE_TEXTS, 1);
	add_rows(&maker);
	add_names(&maker);
	add_discounts(&maker);
	add_makers(&maker);
	add_provider_aliases(&maker);
	if (!maker.failed)
		table = join(&maker);
	for (unsigned int i = 0; i < TABLE_SECTIONS; i++)
		free(maker.sections[i].bytes);
	free(maker.shared);
	if (maker.failed)
		return maker.failed;
	*ret_table = table;
	return 0;
}
