/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "exporter/response.h"

#define SECRET_MIN 4 /* shorter words of a header are in any text */

/* ---- why ---- */

static void mask_word(char *text, const char *word, size_t length)
{
	for (char *at = text; (at = memmem(at, strlen(at), word, length)); at += length)
		memset(at, '*', length);
}

/* A collector may send back what it was sent, as in "unknown token …". */
void exporter_mask(const struct exporter_config *config, char *text)
{
	for (char **header = config->headers; header && *header; header++) {
		const char *word = *header + strcspn(*header, ":");

		for (word += strspn(word, ": "); *word; word += strspn(word, " ,;=")) {
			size_t length = strcspn(word, " ,;=");

			if (length >= SECRET_MIN)
				mask_word(text, word, length);
			word += length;
		}
	}
}

static void read_message(const struct delivery_answer *answer, struct response *response)
{
	*response = (struct response){0};
	if (strcasestr(answer->type, "protobuf"))
		response_parse_status(answer->body, answer->length, response);
	else if (!strncasecmp(answer->type, "text/plain", strlen("text/plain")))
		response_text(answer->body, answer->length, response->message,
			      sizeof(response->message));
}

static const char *hint(int status)
{
	if (status >= 300 && status < 400)
		return " (a redirect; none is followed)";
	switch (status) {
	case 401:
	case 403:
		return " (are the headers right?)";
	case 404:
	case 405:
		return " (is the endpoint's path right?)";
	default:
		return "";
	}
}

void exporter_reason(const struct exporter *exporter, const struct delivery_answer *answer,
		     char reason[EXPORTER_REASON_SIZE])
{
	struct response response;

	if (!answer->status) {
		snprintf(reason, EXPORTER_REASON_SIZE, "%s: %s", exporter->url, answer->reason);
		return;
	}
	read_message(answer, &response);
	exporter_mask(&exporter->config, response.message);
	snprintf(reason, EXPORTER_REASON_SIZE, "%s: HTTP %d%s%s%s", exporter->url, answer->status,
		 hint(answer->status), response.message[0] ? ": " : "", response.message);
}

/* ---- news ---- */

void exporter_tell(const struct exporter *exporter, enum exporter_news news, const char *text)
{
	if (exporter->spool.tell)
		exporter->spool.tell(exporter->spool.context, news, text);
}

/* Return: what it was. */
static bool set_failing(struct exporter *exporter, bool failing)
{
	bool was;

	pthread_mutex_lock(&exporter->lock);
	was = exporter->statistics.failing;
	exporter->statistics.failing = failing;
	pthread_mutex_unlock(&exporter->lock);
	return was;
}

void exporter_tell_failing(struct exporter *exporter, const char *reason)
{
	if (!set_failing(exporter, true))
		exporter_tell(exporter, EXPORTER_FAILING, reason);
}

void exporter_tell_recovered(struct exporter *exporter)
{
	if (set_failing(exporter, false))
		exporter_tell(exporter, EXPORTER_RECOVERED, exporter->url);
}

void exporter_lose(struct exporter *exporter, enum exporter_loss loss, uint64_t n,
		   const char *reason)
{
	exporter->lost[loss] += n;
	if (!exporter->untold)
		snprintf(exporter->untold_reason, sizeof(exporter->untold_reason), "%s", reason);
}

void exporter_tell_lost(struct exporter *exporter)
{
	char text[EXPORTER_REASON_SIZE + 64];

	if (!exporter->untold)
		return;
	snprintf(text, sizeof(text), "%" PRIu64 " span%s given up: %s", exporter->untold,
		 exporter->untold == 1 ? "" : "s", exporter->untold_reason);
	exporter->untold = 0;
	exporter_tell(exporter, EXPORTER_LOST, text);
}
