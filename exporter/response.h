/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a collector answers: ExportTraceServiceResponse (opentelemetry-proto, collector/trace/v1),
 * and google.rpc.Status where it refuses. The bytes may be anything.
 */
#ifndef EXPORTER_RESPONSE_H
#define EXPORTER_RESPONSE_H

#include <stddef.h>
#include <stdint.h>

#define RESPONSE_MESSAGE_SIZE 256

struct response {
	uint64_t rejected;                   /* spans */
	char message[RESPONSE_MESSAGE_SIZE]; /* one line of UTF-8; "": none */
};

/** response_parse_success - of a 2xx. Return: 0 or -EBADMSG; then nothing of it counts. */
int response_parse_success(const uint8_t *data, size_t length, struct response *ret_response);

/** response_parse_status - of another: its message alone. Return: 0 or -EBADMSG. */
int response_parse_status(const uint8_t *data, size_t length, struct response *ret_response);

/*
 * response_text - bytes as one line of text, cut where it is full: control characters become
 *	blanks, what is not UTF-8 U+FFFD. @size: above 0.
 */
void response_text(const uint8_t *data, size_t length, char *text, size_t size);

#endif
