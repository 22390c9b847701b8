/* SPDX-License-Identifier: Apache-2.0 */
/* Cards over each other. A load that fails leaves the card as it was. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pricing/card.h"

int pricing_card_new(struct pricing_card **ret_card)
{
	struct pricing_card *card = calloc(1, sizeof(*card));

	if (!card)
		return -ENOMEM;
	snprintf(card->version, sizeof(card->version), "none");
	*ret_card = card;
	return 0;
}

void pricing_card_free(struct pricing_card *card)
{
	if (!card)
		return;
	for (unsigned int i = 0; i < card->n_layers; i++)
		free(card->owned[i]);
	free(card);
}

const char *pricing_card_version(const struct pricing_card *card)
{
	return card->version;
}

static int check_room(const struct pricing_card *card, const struct table *table, char *error,
		      size_t error_size)
{
	if (card->n_layers == CARD_LAYERS_MAX) {
		if (error)
			snprintf(error, error_size, "more than %d cards", CARD_LAYERS_MAX);
		return -E2BIG;
	}
	if (table && card->n_rows + table->sections[TABLE_ROWS].n > CARD_ROWS_MAX) {
		if (error)
			snprintf(error, error_size, "more than %lu rows in all cards",
				 CARD_ROWS_MAX);
		return -E2BIG;
	}
	return 0;
}

/* The hash of the first card is its own; that of further ones depends on their order. */
static uint64_t join_hashes(const struct pricing_card *card, uint64_t hash)
{
	uint64_t joined = card->hash;

	if (!card->n_layers)
		return hash;
	for (int i = 0; i < 8; i++, hash >>= 8)
		joined = fnv_add(joined, (unsigned char)hash);
	return joined;
}

int card_add(struct pricing_card *card, const struct table *table, void *owned, char *error,
	     size_t error_size)
{
	int r = check_room(card, table, error, error_size);

	if (r < 0)
		return r;
	card->hash = join_hashes(card, table->hash);
	card->layers[card->n_layers] = table;
	card->owned[card->n_layers++] = owned;
	card->n_rows += table->sections[TABLE_ROWS].n;
	if (strcmp(table->version, card->date) > 0)
		memcpy(card->date, table->version, sizeof(card->date) - 1);
	snprintf(card->version, sizeof(card->version), "%s.%016" PRIx64, card->date, card->hash);
	return 0;
}

int pricing_card_load(struct pricing_card *card, const char *json, size_t length, char *error,
		      size_t error_size)
{
	struct parsed_card parsed = {0};
	struct table *table = NULL;
	int r = check_room(card, NULL, error, error_size);

	if (r >= 0)
		r = card_parse(json, length, &parsed, error, error_size);
	if (r >= 0) {
		r = table_new(&parsed, &table, error, error_size);
		arena_free(&parsed.arena);
	}
	if (r >= 0)
		r = card_add(card, table, table, error, error_size);
	if (r == -ENOMEM && error)
		snprintf(error, error_size, "%s", strerror(ENOMEM));
	if (r < 0)
		free(table);
	return r;
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

/* One byte more than allowed is read, so that the load refuses what grows, or has no size. */
static int read_file(const char *path, char **ret_text, size_t *ret_length)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;
	char *text = NULL;
	struct stat stat;

	if (fd < 0)
		return -errno;
	r = fstat(fd, &stat) < 0 ? -errno : S_ISDIR(stat.st_mode) ? -EISDIR : 0;
	if (!r && S_ISREG(stat.st_mode) && stat.st_size > (off_t)CARD_SIZE_MAX)
		r = -E2BIG;
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

	if (r == -E2BIG && error)
		snprintf(error, error_size, "larger than %lu bytes", CARD_SIZE_MAX);
	else if (r < 0 && error)
		snprintf(error, error_size, "%s", strerror(-r));
	if (r < 0)
		return r;
	r = pricing_card_load(card, text, length, error, error_size);
	free(text);
	return r;
}
