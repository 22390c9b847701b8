/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tool of the build: a card as the table that is linked in.
 *
 * usage: compile CARD TABLE
 */
#include <stdio.h>
#include <stdlib.h>

#include "pricing/card.h"

#define ERROR_MAX 1024

static int write_table(const struct table *table, const char *path)
{
	FILE *out = fopen(path, "wb");
	bool written;

	if (!out) {
		perror(path);
		return EXIT_FAILURE;
	}
	written = fwrite(table, table->size, 1, out) == 1;
	if (fclose(out) || !written) {
		perror(path);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	char error[ERROR_MAX] = "";
	struct pricing_card *card = NULL;
	int r;

	if (argc != 3) {
		fprintf(stderr, "usage: compile CARD TABLE\n");
		return 2;
	}
	r = pricing_card_new(&card);
	if (r >= 0)
		r = pricing_card_load_file(card, argv[1], error, sizeof(error));
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", argv[1], error);
		pricing_card_free(card);
		return EXIT_FAILURE;
	}
	r = write_table(card->layers[0], argv[2]);
	pricing_card_free(card);
	return r;
}
