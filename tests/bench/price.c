/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a price takes with the built-in card loaded, and what loading a card takes.
 *
 * usage: price CHARGES TIME
 *        price --load CARD
 *
 * A line of the file CHARGES is a provider, a model, and BUCKET=QUANTITY for each quantity, with
 * tabs between them. All are priced in random order, each time in another one, as of TIME (seconds
 * since 1970): first by the pass, then by the single price, with what reading the clock takes in
 * it. Prints an object: charges and how many of them had a price, ns of a price on average, and
 * those that 50 and 99 of 100 prices took at most.
 *
 * With --load: ms that pass until the file is loaded, over the built-in card, of 9 loads each.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pricing/pricing.h"

#define PASSES 9
#define LOADS 9
#define LINE_MAX_BYTES 4096
#define AGAIN 100000
#define PROVIDER "openai"
#define MODEL "gpt-4o-mini"

struct list {
	struct pricing_charge *charges;
	size_t n, capacity;
};

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "price: %s: %s\n", what, why);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- the charges ---- */

static void read_quantity(struct pricing_charge *charge, char *text)
{
	char *equals = strchr(text, '='), *end = NULL;
	int bucket;

	if (!equals)
		fail(text, "is no quantity");
	*equals = '\0';
	bucket = pricing_bucket_by_name(text);
	if (bucket < 0)
		fail(text, "is no bucket");
	pricing_usage_set(&charge->usage, (enum pricing_bucket)bucket,
			  strtoull(equals + 1, &end, 10));
	if (end == equals + 1 || *end)
		fail(equals + 1, "is no number");
}

static void read_charge(struct list *list, char *line, int64_t time)
{
	struct pricing_charge charge = {.time = time};
	char *rest = line, *text;

	line[strcspn(line, "\n")] = '\0';
	charge.provider = strdup(strsep(&rest, "\t"));
	text = strsep(&rest, "\t");
	charge.model = strdup(text ? text : "");
	while ((text = strsep(&rest, "\t")))
		read_quantity(&charge, text);
	if (list->n == list->capacity) {
		list->capacity = list->capacity ? 2 * list->capacity : 1024;
		list->charges = realloc(list->charges, list->capacity * sizeof(charge));
	}
	if (!list->charges || !charge.provider || !charge.model)
		fail("charges", strerror(ENOMEM));
	list->charges[list->n++] = charge;
}

static void read_charges(struct list *list, const char *path, int64_t time)
{
	FILE *file = fopen(path, "re");
	char line[LINE_MAX_BYTES];

	if (!file)
		fail(path, strerror(errno));
	while (fgets(line, sizeof(line), file))
		read_charge(list, line, time);
	fclose(file);
	if (!list->n)
		fail(path, "no charges");
}

static void free_charges(struct list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free((char *)list->charges[i].provider);
		free((char *)list->charges[i].model);
	}
	free(list->charges);
}

/* Fisher and Yates; what a cache had of the last pass helps the next one little. */
static void shuffle(struct list *list)
{
	for (size_t i = list->n; i > 1; i--) {
		size_t j = (size_t)random() % i;
		struct pricing_charge charge = list->charges[j];

		list->charges[j] = list->charges[i - 1];
		list->charges[i - 1] = charge;
	}
}

/* ---- measuring ---- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double share(double *values, size_t n, double part)
{
	qsort(values, n, sizeof(*values), compare);
	return values[(size_t)((double)(n - 1) * part)];
}

/* Return: how many have a price. */
static size_t price_all(const struct pricing_card *card, const struct list *list)
{
	struct pricing_result result;
	size_t priced = 0;

	for (size_t i = 0; i < list->n; i++) {
		pricing_price(card, &list->charges[i], &result);
		priced += result.status == PRICING_PRICED;
	}
	return priced;
}

static void price_each(const struct pricing_card *card, const struct list *list, double *ns)
{
	struct pricing_result result;

	for (size_t i = 0; i < list->n; i++) {
		uint64_t start = now_ns();

		pricing_price(card, &list->charges[i], &result);
		ns[i] = (double)(now_ns() - start);
	}
}

static double price_again(const struct pricing_card *card, const struct list *list)
{
	const struct pricing_charge *charge = NULL;
	struct pricing_result result;
	uint64_t start;

	for (size_t i = 0; i < list->n && !charge; i++) {
		if (!strcmp(list->charges[i].provider, PROVIDER) &&
		    !strcmp(list->charges[i].model, MODEL))
			charge = &list->charges[i];
	}
	if (!charge)
		fail(MODEL, "is not among the charges");
	start = now_ns();
	for (int i = 0; i < AGAIN; i++)
		pricing_price(card, charge, &result);
	return (double)(now_ns() - start) / AGAIN;
}

static void measure(const struct pricing_card *card, struct list *list)
{
	double mean[PASSES], *each = calloc(list->n * PASSES, sizeof(*each));
	size_t priced = 0;

	if (!each)
		fail("charges", strerror(ENOMEM));
	for (size_t pass = 0; pass < PASSES; pass++) {
		uint64_t start;

		shuffle(list);
		start = now_ns();
		priced = price_all(card, list);
		mean[pass] = (double)(now_ns() - start) / (double)list->n;
		shuffle(list);
		price_each(card, list, each + pass * list->n);
	}
	printf("{\"charges\": %zu, \"priced\": %zu, \"mean_ns\": %.1f, ", list->n, priced,
	       share(mean, PASSES, 0.5));
	printf("\"p50_ns\": %.0f, \"p99_ns\": %.0f, ", share(each, list->n * PASSES, 0.5),
	       share(each, list->n * PASSES, 0.99));
	printf("\"again_ns\": %.1f}\n", price_again(card, list));
	free(each);
}

static struct pricing_card *builtin_card(void)
{
	struct pricing_card *card = NULL;
	char error[256] = "out of memory";

	if (pricing_card_new(&card) < 0 ||
	    pricing_card_load_builtin(card, error, sizeof(error)) < 0)
		fail("built-in card", error);
	return card;
}

static void measure_load(const char *path)
{
	char error[512] = "out of memory";

	for (int i = 0; i < LOADS; i++) {
		struct pricing_card *card = builtin_card();
		uint64_t start = now_ns();

		if (pricing_card_load_file(card, path, error, sizeof(error)) < 0)
			fail(path, error);
		printf("%.3f\n", (double)(now_ns() - start) / 1e6);
		pricing_card_free(card);
	}
}

int main(int argc, char **argv)
{
	struct list list = {.n = 0};
	struct pricing_card *card;

	if (argc != 3)
		fail("usage", "price CHARGES TIME, or price --load CARD");
	if (!strcmp(argv[1], "--load")) {
		measure_load(argv[2]);
		return 0;
	}
	read_charges(&list, argv[1], strtoll(argv[2], NULL, 10));
	srandom((unsigned int)now_ns());
	card = builtin_card();
	measure(card, &list);
	pricing_card_free(card);
	free_charges(&list);
	return 0;
}
