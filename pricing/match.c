/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "pricing/internal.h"

/* FNV-1a; a card's author is trusted not to make its own names collide. */
uint64_t name_hash(const char *provider, const char *name, size_t length)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (; *provider; provider++)
		hash = (hash ^ (unsigned char)*provider) * 0x100000001b3ull;
	hash *= 0x100000001b3ull;
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3ull;
	return hash ^ (hash >> 32);
}

static const struct row_group *find_name(const struct pricing_card *card, const char *provider,
					 const char *name, size_t length, bool alias)
{
	uint64_t hash = name_hash(provider, name, length);

	if (!card->names)
		return NULL;
	for (size_t i = hash & card->names_mask; card->names[i].name;
	     i = (i + 1) & card->names_mask) {
		const struct name_entry *entry = &card->names[i];

		if (entry->hash == hash && entry->alias == alias &&
		    !strncmp(entry->name, name, length) && !entry->name[length] &&
		    !strcmp(entry->provider, provider))
			return entry->group;
	}
	return NULL;
}

static bool is_date(const char *text, const char *form)
{
	int month, day;
	char digits[8];
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

/* The row of the latest start that is not after `time`, where it has not ended. */
static const struct card_row *row_at(const struct row_group *group, int64_t time)
{
	size_t low = 0, high = group->n_rows;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (group->rows[middle]->start <= time)
			low = middle + 1;
		else
			high = middle;
	}
	return low && time < group->rows[low - 1]->end ? group->rows[low - 1] : NULL;
}

const struct card_row *card_find(const struct pricing_card *card, const char *provider,
				 const char *model, int64_t time)
{
	size_t length = strlen(model), stem = undated(model, length);
	const struct row_group *group = find_name(card, provider, model, length, false);

	if (!group && stem)
		group = find_name(card, provider, model, stem, false);
	if (!group)
		group = find_name(card, provider, model, length, true);
	for (; group; group = group->below) {
		const struct card_row *row = row_at(group, time);

		if (row)
			return row;
	}
	return NULL;
}

int pricing_card_provider(const struct pricing_card *card, const char *model, int64_t time,
			  const char **ret_provider)
{
	const char *found = NULL;

	/* rows are sorted by provider */
	for (size_t i = 0; i < card->n_rows; i++) {
		const char *provider = card->rows[i]->provider;

		if (i && !strcmp(provider, card->rows[i - 1]->provider))
			continue;
		if (!card_find(card, provider, model, time))
			continue;
		if (found)
			return -EEXIST;
		found = provider;
	}
	if (!found)
		return -ENOENT;
	*ret_provider = found;
	return 0;
}
