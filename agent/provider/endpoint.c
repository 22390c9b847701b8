/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "agent/provider/endpoint.h"
#include "agent/provider/family.h"

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

int endpoint_parse(const char *text, struct endpoint *ret_endpoint)
{
	struct endpoint endpoint = {0};
	const char *at = strchr(text, '=');

	if (!at || endpoint_split_host(text, (size_t)(at - text), endpoint.host, &endpoint.port))
		return -EINVAL;
	do {
		size_t length = strcspn(++at, ",");
		unsigned int group = family_group_by_name(at, length);

		if (!length)
			return -EINVAL;
		if (!group)
			return -ENOENT;
		endpoint.groups |= group;
		at += length;
	} while (*at == ',');
	*ret_endpoint = endpoint;
	return 0;
}
