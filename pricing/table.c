/* SPDX-License-Identifier: Apache-2.0 */
#include "pricing/table.h"

#include <string.h>
#include <strings.h>

static unsigned char ascii_lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* A card's author is trusted not to make its own names collide. */
uint64_t name_hash(const char *provider, const char *name, size_t length)
{
	uint64_t hash = FNV_START;

	for (; *provider; provider++)
		hash = fnv_add(hash, (unsigned char)*provider);
	hash = fnv_add(hash, 0);
	for (size_t i = 0; i < length; i++)
		hash = fnv_add(hash, ascii_lower(name[i]));
	return hash ^ (hash >> 32);
}

const struct table_model *table_model_find(const struct table *table, uint64_t hash,
					   const char *provider, const char *name, size_t length,
					   bool alias)
{
	const struct table_name *names = table_section(table, TABLE_NAMES);
	const struct table_model *models = table_section(table, TABLE_MODELS);
	uint32_t mask = table->sections[TABLE_NAMES].n - 1;

	for (uint32_t i = (uint32_t)hash & mask; names[i].name; i = (i + 1) & mask) {
		const struct table_model *model = &models[names[i].model];
		const char *text = table_text(table, names[i].name);

		if (names[i].hash == (uint32_t)hash && names[i].alias == alias &&
		    !strncasecmp(text, name, length) && !text[length] &&
		    !strcmp(table_text(table, model->provider), provider))
			return model;
	}
	return NULL;
}

bool table_price_of(const struct table *table, uint32_t present, uint32_t prices,
		    enum pricing_bucket bucket, struct price *ret_price)
{
	const struct table_price *price = table_section(table, TABLE_PRICES);
	uint32_t bit = 1u << bucket;

	if (!(present & bit))
		return false;
	price += prices + (uint32_t)__builtin_popcount(present & (bit - 1));
	ret_price->rate = (pricing_amount)((unsigned __int128)price->high << 64 | price->low);
	ret_price->per = price->per;
	return true;
}
