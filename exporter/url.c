/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/url.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#define TRACES_PATH "/v1/traces"

static bool has_web_scheme(const char *url)
{
	return !strncasecmp(url, "http://", 7) || !strncasecmp(url, "https://", 8);
}

int url_check(const char *url)
{
	CURLU *parts;
	int r;

	if (!has_web_scheme(url))
		return -EINVAL;
	parts = curl_url();
	if (!parts)
		return -ENOMEM;
	r = curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK ? 0 : -EINVAL;
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
