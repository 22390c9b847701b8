/* SPDX-License-Identifier: Apache-2.0 */
/* URLs of a collector. */
#ifndef EXPORTER_URL_H
#define EXPORTER_URL_H

/** url_check - has it a host, and the scheme http or https? Return: 0, -EINVAL or -ENOMEM. */
int url_check(const char *url);

/*
 * url_for_traces - of OTEL_EXPORTER_OTLP_ENDPOINT, to whose path the signal's is appended
 *	(OpenTelemetry specification, "OpenTelemetry Protocol Exporter").
 * Return: text to be freed, or NULL on -ENOMEM.
 */
char *url_for_traces(const char *endpoint);

/*
 * url_for_text - as it may be shown: user, password, query and fragment may be secrets.
 * Return: text to be freed, or NULL on -ENOMEM.
 */
char *url_for_text(const char *url);

#endif
