/* SPDX-License-Identifier: Apache-2.0 */
/* Rows and discounts in the order in which a table has them, and what holds between them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pricing/internal.h"

static int compare_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

/* Both before the key alone, before the tag alone, before none. */
static int rank_of(const char *key, const char *tag)
{
	return (key ? 2 : 0) + (tag ? 1 : 0);
}

static int compare_models(const struct card_row *a, const struct card_row *b)
{
	int order = strcmp(a->provider, b->provider);

	return order ? order : strcmp(a->model, b->model);
}

bool card_same_model(const struct card_row *a, const struct card_row *b)
{
	return !compare_models(a, b);
}

bool card_same_holder(const struct card_row *a, const struct card_row *b)
{
	return !compare_text(a->key, b->key) && !compare_text(a->tag, b->tag);
}

/* By model, then the most special holder first, then start. */
static int compare_rows(const void *first, const void *second)
{
	const struct card_row *a = first, *b = second;
	int order = compare_models(a, b);

	if (!order)
		order = rank_of(b->key, b->tag) - rank_of(a->key, a->tag);
	if (!order)
		order = compare_text(a->key, b->key);
	if (!order)
		order = compare_text(a->tag, b->tag);
	if (!order)
		order = (a->start > b->start) - (a->start < b->start);
	return order ? order : (a->number > b->number) - (a->number < b->number);
}

static int discount_rank(const struct discount *discount)
{
	return (discount->model ? 4 : 0) + rank_of(discount->key, discount->tag);
}

/* Whether, and in which order, two discounts are for different charges. */
static int compare_scopes(const struct discount *a, const struct discount *b)
{
	int order = discount_rank(b) - discount_rank(a);

	if (!order)
		order = strcmp(a->provider, b->provider);
	if (!order)
		order = compare_text(a->model, b->model);
	if (!order)
		order = compare_text(a->key, b->key);
	return order ? order : compare_text(a->tag, b->tag);
}

/* The most special first, and of those for the same charges the one that began last. */
static int compare_discounts(const void *first, const void *second)
{
	const struct discount *a = first, *b = second;
	int order = compare_scopes(a, b);

	if (!order)
		order = (a->start < b->start) - (a->start > b->start);
	return order ? order : (a->number > b->number) - (a->number < b->number);
}

static int refuse(char *error, size_t error_size, const struct card_row *row, const char *what,
		  const char *other)
{
	if (error)
		snprintf(error, error_size, "row %zu (%s): %s%s", row->number, row->id, what,
			 other);
	return -EINVAL;
}

static int check_rows(const struct parsed_card *card, char *error, size_t error_size)
{
	for (size_t i = 1; i < card->n_rows; i++) {
		const struct card_row *row = &card->rows[i], *before = row - 1;

		if (!card_same_model(before, row) || !card_same_holder(before, row))
			continue;
		if (before->start == row->start)
			return refuse(error, error_size, row, "is there twice", "");
		if (before->end != TIME_NEVER && before->end > row->start)
			return refuse(error, error_size, row, "overlaps with ", before->id);
	}
	return 0;
}

static int check_discounts(const struct parsed_card *card, char *error, size_t error_size)
{
	for (size_t i = 1; i < card->n_discounts; i++) {
		const struct discount *earlier = &card->discounts[i], *later = earlier - 1;
		bool twice = earlier->start == later->start;

		if (compare_scopes(later, earlier) ||
		    (!twice && (earlier->end == TIME_NEVER || earlier->end <= later->start)))
			continue;
		if (twice)
			later = earlier;
		if (error)
			snprintf(error, error_size, "discount %zu (%s/%s): %s", later->number,
				 later->provider, later->model ? later->model : "*",
				 twice ? "is there twice" : "overlaps with one before it");
		return -EINVAL;
	}
	return 0;
}

int card_order(struct parsed_card *card, char *error, size_t error_size)
{
	int r;

	if (card->n_rows)
		qsort(card->rows, card->n_rows, sizeof(*card->rows), compare_rows);
	if (card->n_discounts)
		qsort(card->discounts, card->n_discounts, sizeof(*card->discounts),
		      compare_discounts);
	r = check_rows(card, error, error_size);
	return r < 0 ? r : check_discounts(card, error, error_size);
}
