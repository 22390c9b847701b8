/* SPDX-License-Identifier: Apache-2.0 */
/* endpoint: the hosts that the configuration vouches for. */
#ifndef AGENT_PROVIDER_ENDPOINT_H
#define AGENT_PROVIDER_ENDPOINT_H

#include <stddef.h>
#include <stdint.h>

#define ENDPOINT_HOST_MAX 256
#define ENDPOINT_PROVIDER_MAX 64

struct endpoint {
	char host[ENDPOINT_HOST_MAX];         /* lower case, no brackets */
	uint16_t port;                        /* 0: any */
	unsigned int groups;                  /* bits of enum family_group */
	char provider[ENDPOINT_PROVIDER_MAX]; /* whose prices hold; "": the family's */
	unsigned int gpus;                    /* that its calls share; 0: not told */
};

/*
 * endpoint_split_host - host and port of HOST[:PORT] or [IPV6][:PORT], lower case, without a final
 *	dot.
 * @ret_port: 0 where there is none.
 * Return: 0 or -EINVAL.
 */
int endpoint_split_host(const char *text, size_t length, char ret_host[ENDPOINT_HOST_MAX],
			uint16_t *ret_port);

/*
 * endpoint_parse - HOST[:PORT]=FAMILY[,FAMILY…][,provider=NAME[,gpus=N]].
 * Return: 0, -EINVAL for a malformed text, -ENOENT for an unknown family.
 */
int endpoint_parse(const char *text, struct endpoint *ret_endpoint);

#endif
