/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/url.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#define TRACES_PATH "/v1/traces"

static int part_is_web_scheme(CURLU *parts)
{
	char *scheme;
	int r;

	if (curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		return -EINVAL;
	r = strcasecmp(scheme, "http") && strcasecmp(scheme, "https") ? -EINVAL : 0;
	curl_free(scheme);
	return r;
}

int url_check(const char *url)
{
	CURLU *parts = curl_url();
	int r;

	if (!parts)
		return -ENOMEM;
	r = curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK ? part_is_web_scheme(parts)
								    : -EINVAL;
	curl_url_cleanup(parts);
	return r;
}

char *url_for_traces(const char *endpoint)
{
	size_t path_end = strcspn(endpoint, "?#"), end = path_end;
	char *url;

	while (end && endpoint[end - 1] == '/')
		end--;
	if (asprintf(&url, "%.*s" TRACES_PATH "%s", (int)end, endpoint, endpoint + path_end) < 0)
		return NULL;
	return url;
}

char *url_for_text(const char *url)
{
	static const CURLUPart secret[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY,
					   CURLUPART_FRAGMENT};
	CURLU *parts = curl_url();
	char *shown = NULL, *text;

	if (!parts)
		return NULL;
	if (curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK) {
		for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
			curl_url_set(parts, secret[i], NULL, 0);
		curl_url_get(parts, CURLUPART_URL, &shown, 0);
	}
	text = strdup(shown ? shown : "(no URL)");
	curl_free(shown);
	curl_url_cleanup(parts);
	return text;
}
