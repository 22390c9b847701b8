/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "agent/provider/endpoint.h"
#include "agent/provider/family.h"
#include "agent/provider/gpu_meter.h"

static int parse_port(const char *text, size_t length, uint16_t *ret_port)
{
	uint32_t port = 0;

	if (!length || length > 5)
		return -EINVAL;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		port = port * 10 + (uint32_t)(text[i] - '0');
	}
	if (!port || port > UINT16_MAX)
		return -EINVAL;
	*ret_port = (uint16_t)port;
	return 0;
}

static bool is_host_char(char c, bool bracketed)
{
	return isalnum((unsigned char)c) || c == '-' || c == '.' || c == '_' ||
	       (bracketed && c == ':');
}

int endpoint_split_host(const char *text, size_t length, char ret_host[ENDPOINT_HOST_MAX],
			uint16_t *ret_port)
{
	const char *end = text + length, *host = text, *stop;
	bool bracketed = length && *text == '[';
	uint16_t port = 0;

	if (bracketed)
		host++;
	stop = memchr(host, bracketed ? ']' : ':', (size_t)(end - host));
	if (bracketed && !stop)
		return -EINVAL;
	if (!stop)
		stop = end;
	text = stop + bracketed;
	if (text < end && (*text != ':' || parse_port(text + 1, (size_t)(end - text - 1), &port)))
		return -EINVAL;
	length = (size_t)(stop - host);
	if (length && host[length - 1] == '.')
		length--;
	if (!length || length >= ENDPOINT_HOST_MAX)
		return -EINVAL;
	for (size_t i = 0; i < length; i++)
		if (!is_host_char(host[i], bracketed))
			return -EINVAL;
	for (size_t i = 0; i < length; i++)
		ret_host[i] = (char)tolower((unsigned char)host[i]);
	ret_host[length] = '\0';
	*ret_port = port;
	return 0;
}

/* What is behind a key that an item begins with, or NULL. */
static const char *value_of(const char *item, size_t length, const char *key, size_t *ret_length)
{
	size_t key_length = strlen(key);

	if (length < key_length || strncmp(item, key, key_length) != 0)
		return NULL;
	*ret_length = length - key_length;
	return item + key_length;
}

static int parse_gpus(const char *text, size_t length, unsigned int *ret_gpus)
{
	unsigned int gpus = 0;

	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		gpus = gpus * 10 + (unsigned int)(text[i] - '0');
		if (gpus > GPU_METER_MAX)
			return -EINVAL;
	}
	if (!gpus)
		return -EINVAL;
	*ret_gpus = gpus;
	return 0;
}

static int parse_item(const char *item, size_t length, struct endpoint *endpoint)
{
	size_t value_length;
	const char *value = value_of(item, length, "provider=", &value_length);
	unsigned int group;

	if (value) {
		if (!value_length || value_length >= ENDPOINT_PROVIDER_MAX || *endpoint->provider)
			return -EINVAL;
		memcpy(endpoint->provider, value, value_length);
		return 0;
	}
	value = value_of(item, length, "gpus=", &value_length);
	if (value)
		return endpoint->gpus ? -EINVAL : parse_gpus(value, value_length, &endpoint->gpus);
	if (!length)
		return -EINVAL;
	group = family_group_by_name(item, length);
	endpoint->groups |= group;
	return group ? 0 : -ENOENT;
}

int endpoint_parse(const char *text, struct endpoint *ret_endpoint)
{
	struct endpoint endpoint = {0};
	const char *at = strchr(text, '=');

	if (!at || endpoint_split_host(text, (size_t)(at - text), endpoint.host, &endpoint.port))
		return -EINVAL;
	do {
		size_t length = strcspn(++at, ",");
		int r = parse_item(at, length, &endpoint);

		if (r < 0)
			return r;
		at += length;
	} while (*at == ',');
	/* a family's own provider has no price for the time of GPUs */
	if (!endpoint.groups || (endpoint.gpus && !*endpoint.provider))
		return -EINVAL;
	*ret_endpoint = endpoint;
	return 0;
}
