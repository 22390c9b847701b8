/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP request at a time to one collector, over a connection that is kept (libcurl). */
#ifndef EXPORTER_DELIVERY_H
#define EXPORTER_DELIVERY_H

#include <stddef.h>
#include <stdint.h>

#include "exporter/exporter.h"

#define DELIVERY_RESPONSE_MAX (64u << 10) /* bytes of a body that are kept */
#define DELIVERY_REASON_SIZE 256

struct delivery;

struct delivery_answer {
	int status;                 /* of HTTP; 0: there was no answer */
	unsigned int retry_after_s; /* 0: not said */
	const char *type;           /* media type of the body, or "" */
	const uint8_t *body;        /* lives until the next request */
	size_t length;
	char reason[DELIVERY_REASON_SIZE]; /* where status is 0; holds no secret */
};

/** delivery_new - @config: outlives it. Return: 0, -EINVAL for a URL that is none, -ENOMEM. */
int delivery_new(struct delivery **ret_delivery, const struct exporter_config *config,
		 const char *version);

/*
 * delivery_post - POST a body; redirects are not followed, and after config.timeout_ms there was
 *	no answer. A status that came is one, even where the rest of the answer did not.
 * Return: 0 with the answer, -ECANCELED after delivery_break(), -ENOMEM.
 */
int delivery_post(struct delivery *delivery, enum exporter_compression compression,
		  const uint8_t *body, size_t length, struct delivery_answer *ret_answer);

/** delivery_break - break off the running request, and all later ones; from any thread. */
void delivery_break(struct delivery *delivery);

void delivery_free(struct delivery *delivery);

#endif
