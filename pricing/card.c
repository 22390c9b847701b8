/* SPDX-License-Identifier: Apache-2.0 */
/* Loading cards, and the index over their rows. A load that fails leaves the card as it was. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pricing/internal.h"

#define FNV_BASIS 0xcbf29ce484222325ull

int pricing_card_new(struct pricing_card **ret_card)
{
	struct pricing_card *card = calloc(1, sizeof(*card));

	if (!card)
		return -ENOMEM;
	card->hash = FNV_BASIS;
	snprintf(card->version, sizeof(card->version), "none");
	*ret_card = card;
	return 0;
}

void pricing_card_free(struct pricing_card *card)
{
	if (!card)
		return;
	arena_free(&card->arena);
	free(card->rows);
	free(card->groups);
	free(card->names);
	free(card);
}

const char *pricing_card_version(const struct pricing_card *card)
{
	return card->version;
}

/* ---- order ---- */

static int compare_models(const struct card_row *a, const struct card_row *b)
{
	int order = strcmp(a->provider, b->provider);

	return order ? order : strcmp(a->model, b->model);
}

/* By model, then the latest layer first, then start. */
static int compare_rows(const void *first, const void *second)
{
	const struct card_row *a = *(const struct card_row *const *)first;
	const struct card_row *b = *(const struct card_row *const *)second;
	int order = compare_models(a, b);

	if (order)
		return order;
	if (a->layer != b->layer)
		return a->layer < b->layer ? 1 : -1;
	return (a->start > b->start) - (a->start < b->start);
}

/* ---- the index ---- */

struct index {
	struct row_group *groups;
	size_t n_groups;
	struct name_entry *names;
	size_t mask;
};

static void index_free(struct index *index)
{
	free(index->groups);
	free(index->names);
}

/* Within one card a name means one model. */
static int add_name(struct index *index, const struct card_row *row, const struct row_group *group,
		    const char *name, bool alias, const char **ret_clash)
{
	struct name_entry entry = {
		.provider = row->provider,
		.name = name,
		.group = group,
		.hash = name_hash(row->provider, name, strlen(name)),
		.layer = row->layer,
		.alias = alias,
	};
	size_t i = entry.hash & index->mask;

	for (; index->names[i].name; i = (i + 1) & index->mask) {
		struct name_entry *other = &index->names[i];

		if (other->hash != entry.hash || other->alias != alias ||
		    strcmp(other->name, name) != 0 || strcmp(other->provider, row->provider) != 0)
			continue;
		if (other->layer == row->layer && other->group != group) {
			*ret_clash = name;
			return -EINVAL;
		}
		if (other->layer < row->layer)
			*other = entry;
		return 0;
	}
	index->names[i] = entry;
	return 0;
}

static int add_names(struct index *index, const struct card_row *const *rows, size_t n_rows,
		     const struct row_group *head, const struct card_row **ret_row,
		     const char **ret_clash)
{
	int r = 0;

	for (size_t i = 0; i < n_rows && !r; i++) {
		r = add_name(index, rows[i], head, rows[i]->model, false, ret_clash);
		for (size_t j = 0; j < rows[i]->n_aliases && !r; j++)
			r = add_name(index, rows[i], head, rows[i]->aliases[j], true, ret_clash);
		if (r < 0)
			*ret_row = rows[i];
	}
	return r;
}

static int index_alloc(struct index *index, const struct card_row *const *rows, size_t n_rows)
{
	size_t n_names = 0, size = 16;

	for (size_t i = 0; i < n_rows; i++)
		n_names += 1 + rows[i]->n_aliases;
	while (size < n_names * 2)
		size *= 2;
	index->mask = size - 1;
	index->names = calloc(size, sizeof(*index->names));
	index->groups = calloc(n_rows + 1, sizeof(*index->groups));
	return index->names && index->groups ? 0 : -ENOMEM;
}

/* Groups of the first n_rows rows, which are of one model, latest layer first. */
static void add_groups(struct index *index, const struct card_row **rows, size_t n_rows)
{
	struct row_group *group = NULL;

	for (size_t i = 0; i < n_rows; i++) {
		if (!group || rows[i]->layer != group->rows[0]->layer) {
			struct row_group *next = &index->groups[index->n_groups++];

			next->rows = &rows[i];
			if (group)
				group->below = next;
			group = next;
		}
		group->n_rows++;
	}
}

/* Groups and names over sorted rows. */
static int index_build(struct index *index, const struct card_row **rows, size_t n_rows,
		       const struct card_row **ret_row, const char **ret_clash)
{
	int r = index_alloc(index, rows, n_rows);
	size_t first = 0, end;

	for (; r >= 0 && first < n_rows; first = end) {
		const struct row_group *head = &index->groups[index->n_groups];

		for (end = first + 1; end < n_rows; end++) {
			if (compare_models(rows[first], rows[end]))
				break;
		}
		add_groups(index, rows + first, end - first);
		r = add_names(index, rows + first, end - first, head, ret_row, ret_clash);
	}
	return r;
}

/* ---- loading ---- */

__attribute__((format(printf, 5, 6))) static int refuse(char *error, size_t error_size,
							const struct parsed_card *parsed,
							const struct card_row *row,
							const char *format, ...)
{
	char what[CARD_TEXT_MAX + 128];
	size_t number = 0;
	va_list args;

	if (!error)
		return -EINVAL;
	while (number < parsed->n_rows && parsed->rows[number].id != row->id)
		number++;
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	snprintf(error, error_size, "row %zu (%s): %s", number + 1, row->id, what);
	return -EINVAL;
}

/* Rows of one model in one card may not share a start or a day. */
static int check_times(const struct pricing_card *card, const struct parsed_card *parsed,
		       const struct card_row **rows, size_t n_rows, char *error, size_t error_size)
{
	for (size_t i = 1; i < n_rows; i++) {
		const struct card_row *row = rows[i], *before = rows[i - 1];

		if (row->layer != card->layers || before->layer != card->layers ||
		    compare_models(before, row))
			continue;
		if (before->start == row->start)
			return refuse(error, error_size, parsed, row, "is there twice");
		if (before->end != TIME_NEVER && before->end > row->start)
			return refuse(error, error_size, parsed, row, "overlaps with %s",
				      before->id);
	}
	return 0;
}

/* The old rows and the new ones, sorted. */
static int merge(const struct pricing_card *card, const struct parsed_card *parsed,
		 const struct card_row ***ret_rows, size_t *ret_n_rows)
{
	size_t n_rows = parsed->n_rows;
	const struct card_row **rows;

	rows = calloc(card->n_rows + n_rows + 1, sizeof(void *));
	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < n_rows; i++)
		rows[i] = &parsed->rows[i];
	for (size_t i = 0; i < card->n_rows; i++)
		rows[n_rows++] = card->rows[i];
	qsort(rows, n_rows, sizeof(void *), compare_rows);
	*ret_rows = rows;
	*ret_n_rows = n_rows;
	return 0;
}

static void commit(struct pricing_card *card, struct parsed_card *parsed,
		   const struct card_row **rows, size_t n_rows, const struct index *index)
{
	arena_join(&card->arena, &parsed->arena);
	free(card->rows);
	free(card->groups);
	free(card->names);
	card->rows = rows;
	card->n_rows = n_rows;
	card->groups = index->groups;
	card->n_groups = index->n_groups;
	card->names = index->names;
	card->names_mask = index->mask;
	card->layers++;
	card->hash = parsed->hash;
	if (strcmp(parsed->version, card->date) > 0)
		memcpy(card->date, parsed->version, sizeof(card->date));
	snprintf(card->version, sizeof(card->version), "%s.%016" PRIx64, card->date, card->hash);
}

int pricing_card_load(struct pricing_card *card, const char *json, size_t length, char *error,
		      size_t error_size)
{
	const struct card_row **rows = NULL, *row = NULL;
	struct parsed_card parsed = {0};
	struct index index = {0};
	const char *clash = NULL;
	size_t n_rows = 0;
	int r = card_parse(json, length, card->layers, card->hash, &parsed, error, error_size);

	if (r < 0)
		return r;
	if (card->n_rows + parsed.n_rows > CARD_ROWS_MAX) {
		r = -E2BIG;
		if (error)
			snprintf(error, error_size, "more than %lu rows in all cards",
				 CARD_ROWS_MAX);
	}
	if (!r)
		r = merge(card, &parsed, &rows, &n_rows);
	if (!r)
		r = check_times(card, &parsed, rows, n_rows, error, error_size);
	if (!r)
		r = index_build(&index, rows, n_rows, &row, &clash);
	if (r == -EINVAL && clash)
		refuse(error, error_size, &parsed, row, "the name \"%s\" is another model's too",
		       clash);
	if (r < 0) {
		index_free(&index);
		free(rows);
		arena_free(&parsed.arena);
		return r;
	}
	commit(card, &parsed, rows, n_rows, &index);
	return 0;
}

static int read_all(int fd, char *text, size_t size, size_t *ret_length)
{
	size_t length = 0;

	while (length < size) {
		ssize_t n = read(fd, text + length, size - length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		length += (size_t)n;
	}
	*ret_length = length;
	return 0;
}

/* One byte more than allowed is read, so that the load refuses a longer file. */
static int read_file(const char *path, char **ret_text, size_t *ret_length)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;
	char *text = NULL;
	struct stat stat;

	if (fd < 0)
		return -errno;
	r = fstat(fd, &stat) < 0 ? -errno : S_ISDIR(stat.st_mode) ? -EISDIR : 0;
	if (!r) {
		text = malloc(CARD_SIZE_MAX + 1);
		r = text ? read_all(fd, text, CARD_SIZE_MAX + 1, ret_length) : -ENOMEM;
	}
	close(fd);
	if (r < 0) {
		free(text);
		return r;
	}
	*ret_text = text;
	return 0;
}

int pricing_card_load_file(struct pricing_card *card, const char *path, char *error,
			   size_t error_size)
{
	size_t length = 0;
	char *text = NULL;
	int r = read_file(path, &text, &length);

	if (r < 0) {
		if (error)
			snprintf(error, error_size, "%s", strerror(-r));
		return r;
	}
	r = pricing_card_load(card, text, length, error, error_size);
	free(text);
	return r;
}
