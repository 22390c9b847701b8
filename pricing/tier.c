/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "pricing/card.h"

bool tier_is_standard(const char *name)
{
	static const char *const names[] = {"default", "standard", "on_demand", "auto"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!strcasecmp(name, names[i]))
			return true;
	}
	return false;
}

static const struct table_tier *tier_by_name(const struct card_match *match, const char *name)
{
	const struct table_tier *tiers = table_section(match->table, TABLE_TIERS);

	tiers += match->row->tiers;
	for (uint32_t i = 1; i < match->row->n_tiers; i++) {
		if (!strcasecmp(table_text(match->table, tiers[i].name), name))
			return &tiers[i];
	}
	return NULL;
}

/* Two names of one tier. Not of Anthropic's models: their fast is a speed, and priority another. */
static const char *synonym(const struct card_match *match, const char *provider, const char *name)
{
	if (!strcmp(provider, "anthropic") || strstr(match->model, "claude"))
		return NULL;
	if (!strcasecmp(name, "fast"))
		return "priority";
	return !strcasecmp(name, "priority") ? "fast" : NULL;
}

/* NULL where the row does not price the tier. */
static const struct table_tier *find_tier(const struct card_match *match,
					  const struct pricing_charge *charge)
{
	const struct table_tier *tiers = table_section(match->table, TABLE_TIERS), *tier;
	const char *other;

	if (!charge->tier || !*charge->tier || tier_is_standard(charge->tier))
		return &tiers[match->row->tiers];
	tier = tier_by_name(match, charge->tier);
	other = tier ? NULL : synonym(match, charge->provider, charge->tier);
	return other ? tier_by_name(match, other) : tier;
}

/* Date, weekday and time together, of the day in the zone on which the window began. */
static bool hours_hold(const struct table_hours *rule, int64_t time)
{
	int64_t local, day, second;

	if (__builtin_add_overflow(time, rule->zone, &local))
		return false;
	second = (local % SECONDS_PER_DAY + SECONDS_PER_DAY) % SECONDS_PER_DAY;
	day = local / SECONDS_PER_DAY - (local % SECONDS_PER_DAY < 0);
	if (rule->from < rule->to && (second < rule->from || second >= rule->to))
		return false;
	if (rule->from > rule->to && second < rule->to)
		day--;
	else if (second < rule->from)
		return false;
	/* the first day of 1970 was a Thursday */
	return (rule->days & (1u << (day % 7 + 10) % 7)) && day >= rule->start && day < rule->end;
}

static const struct table_list *find_list(const struct table *table, const struct table_tier *tier,
					  int64_t time)
{
	const struct table_hours *hours = table_section(table, TABLE_HOURS);

	hours += tier->hours;
	for (uint32_t i = 0; i < tier->n_hours; i++) {
		if (hours_hold(&hours[i], time))
			return &hours[i].list;
	}
	return &tier->list;
}

/* The whole request is priced by its total input. */
static void find_context(struct price_scope *scope, uint64_t input)
{
	const struct table_context *contexts = table_section(scope->table, TABLE_CONTEXTS);

	contexts += scope->list->contexts;
	scope->present = scope->list->present;
	scope->prices = scope->list->prices;
	for (uint32_t i = 0; i < scope->list->n_contexts && input >= contexts[i].from; i++) {
		scope->present = contexts[i].present;
		scope->prices = contexts[i].prices;
	}
}

/* false where the row does not price the region. */
static bool find_multiplier(const struct card_match *match, const char *name,
			    uint32_t *ret_multiplier)
{
	const struct table_region *regions = table_section(match->table, TABLE_REGIONS);
	const struct table_region *other = NULL;
	uint32_t n = match->row->n_regions;
	bool global;

	regions += match->row->regions;
	*ret_multiplier = MULTIPLIER_ONE;
	if (!name || !*name)
		return true;
	global = !strcasecmp(name, "global");
	for (uint32_t i = 0; i < n; i++) {
		const char *region = table_text(match->table, regions[i].name);

		if (!strcasecmp(region, name)) {
			*ret_multiplier = regions[i].multiplier;
			return true;
		}
		if (!strcmp(region, "*") && !global)
			other = &regions[i];
	}
	if (other)
		*ret_multiplier = other->multiplier;
	return other || (global && !n);
}

/* Variants are of the standard tier. */
static void find_variant(struct price_scope *scope, const struct card_match *match,
			 const struct table_tier *tier, const char *name)
{
	const struct table_variant *variants = table_section(match->table, TABLE_VARIANTS);

	variants += match->row->variants;
	if (!name || !*name)
		return;
	for (uint32_t i = 0; !tier->name && i < match->row->n_variants; i++) {
		if (!strcasecmp(table_text(match->table, variants[i].name), name)) {
			scope->variant = &variants[i];
			return;
		}
	}
	scope->other_variants = match->row->of_variants;
}

enum pricing_status scope_find(const struct card_match *match, const struct pricing_charge *charge,
			       struct price_scope *ret_scope)
{
	struct price_scope scope = {.table = match->table};
	const struct table_tier *tier = find_tier(match, charge);
	const char *region = charge->region && *charge->region ? charge->region : match->region;

	if (!tier)
		return PRICING_UNPRICED_TIER;
	if (!find_multiplier(match, region, &scope.multiplier))
		return PRICING_UNPRICED_REGION;
	scope.list = find_list(match->table, tier, charge->time);
	find_context(&scope, pricing_usage_input(&charge->usage));
	find_variant(&scope, match, tier, charge->variant);
	*ret_scope = scope;
	return PRICING_PRICED;
}
