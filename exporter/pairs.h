/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names with values: lists in variables ("k1=v1,k2=v2", percent-encoded, as in W3C Baggage without
 * properties), and arrays of "Name: value" or "name=value" that end with NULL.
 */
#ifndef EXPORTER_PAIRS_H
#define EXPORTER_PAIRS_H

#include <stddef.h>

#define PAIRS_MAX 256

/* A pair of a list, decoded; to be copied. Return: 0, or a negative errno that ends the walk. */
typedef int (*pairs_sink)(void *context, const char *name, const char *value);

/*
 * pairs_walk - call back with each pair. Empty members are passed over.
 * @ret_number: on failure the member that it came from, from 1 on.
 * Return: 0; -EINVAL: a member without "=" or name, or a bad percent sign; -ENOMEM; the sink's.
 */
int pairs_walk(const char *list, pairs_sink sink, void *context, size_t *ret_number);

typedef int (*pairs_compare)(const char *, const char *, size_t);

/*
 * pairs_put - add NAME SEPARATOR VALUE to an array; it takes the place of one of the same name.
 * @array: NULL is an empty one.
 * @compare: strncmp() or strncasecmp(), for names.
 * Return: 0, -ENOMEM, or -E2BIG at PAIRS_MAX.
 */
int pairs_put(char ***array, const char *name, const char *separator, const char *value,
	      pairs_compare compare);

/** pairs_free - the array and what is in it. */
void pairs_free(char **array);

#endif
