/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request, and what follows from its answer (opentelemetry-proto, docs/specification.md,
 * "OTLP/HTTP Response").
 */
#include "exporter/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "exporter/compress.h"
#include "exporter/response.h"

#define RETRY_AFTER_MAX_S 300

/*
 * So many single spans given up, and nothing taken in between: then it may not be about the spans
 * (a port of TLS answers 400 to all that is not), and the next is given up after a time only.
 */
#define REFUSED_IN_ROW_MAX 16

enum verdict {
	DELIVERED,
	TRY_AGAIN,
	REFUSED_CALLER, /* by who or where we are, which may be put right */
	REFUSED_SPANS,
	TOO_LARGE,
};

static enum verdict judge(int status)
{
	if (status >= 200 && status < 300)
		return DELIVERED;
	if (status >= 300 && status < 400)
		return REFUSED_CALLER;
	switch (status) {
	case 401:
	case 403:
	case 404:
	case 405:
	case 407:
		return REFUSED_CALLER;
	case 413:
		return TOO_LARGE;
	case 408:
	case 429:
		return TRY_AGAIN;
	default:
		return status >= 400 && status < 500 ? REFUSED_SPANS : TRY_AGAIN;
	}
}

/* ---- taken ---- */

static void read_success(const struct delivery_answer *answer, struct response *response)
{
	*response = (struct response){0};
	if (!answer->type[0] || strcasestr(answer->type, "protobuf"))
		response_parse_success(answer->body, answer->length, response);
}

static void tell_success(struct exporter *exporter, struct response *response, size_t n)
{
	char text[EXPORTER_REASON_SIZE];

	exporter_mask(&exporter->config, response->message);
	if (response->rejected) {
		snprintf(text, sizeof(text), "%s: %" PRIu64 " of %zu rejected%s%s", exporter->url,
			 response->rejected, n, response->message[0] ? ": " : "",
			 response->message);
		exporter_lose(exporter, EXPORTER_REJECTED, response->rejected, text);
	} else if (response->message[0]) {
		snprintf(text, sizeof(text), "%s: %s", exporter->url, response->message);
		exporter_tell(exporter, EXPORTER_WARNED, text);
	}
}

static void settle_compression(struct exporter *exporter)
{
	char text[EXPORTER_REASON_SIZE];

	if (exporter->compression == exporter->proven)
		return;
	snprintf(text, sizeof(text), "%s: refused %s, took %s", exporter->url,
		 compression_name(exporter->proven), compression_name(exporter->compression));
	exporter->proven = exporter->compression;
	exporter_tell(exporter, EXPORTER_FELL_BACK, text);
}

static int delivered(struct exporter *exporter, const struct delivery_answer *answer)
{
	size_t n = exporter_batch_spans(exporter->batch);
	struct response response;

	read_success(answer, &response);
	if (response.rejected > n)
		response.rejected = n;
	pthread_mutex_lock(&exporter->lock);
	exporter->statistics.spans += n - response.rejected;
	pthread_mutex_unlock(&exporter->lock);
	backoff_reset(&exporter->backoff);
	exporter->refused_ms = 0;
	exporter->refused_in_row = 0;
	exporter_tell_recovered(exporter);
	settle_compression(exporter);
	tell_success(exporter, &response, n);
	split_accepted(&exporter->split, n, exporter->last);
	return exporter_commit(exporter);
}

/* ---- not taken ---- */

static int try_again(struct exporter *exporter, const struct delivery_answer *answer,
		     const char *reason)
{
	unsigned int seconds = answer->retry_after_s;

	exporter_tell_failing(exporter, reason);
	exporter->refused_ms = 0;
	if (!seconds)
		return exporter_hold_back_off(exporter, -ETIMEDOUT);
	if (seconds > RETRY_AFTER_MAX_S)
		seconds = RETRY_AFTER_MAX_S;
	return exporter_hold(exporter, seconds * 1000ull, true, -ETIMEDOUT);
}

/* Put right by somebody, or given up after a time. */
static int wait_for_change(struct exporter *exporter, enum exporter_loss loss, const char *reason)
{
	uint64_t now = exporter_now_ms();

	exporter_tell_failing(exporter, reason);
	if (!exporter->refused_ms)
		exporter->refused_ms = now;
	if (now - exporter->refused_ms < exporter->config.give_up_ms)
		return exporter_hold_back_off(exporter, -ETIMEDOUT);
	exporter->refused_ms = 0;
	exporter->refused_in_row = 0;
	exporter_lose(exporter, loss, exporter_batch_spans(exporter->batch), reason);
	split_given_up(&exporter->split, exporter->last);
	return exporter_commit(exporter);
}

/* The batch in halves; of one span, it is the span. */
static int refused_spans(struct exporter *exporter, enum exporter_loss loss, const char *reason)
{
	size_t n = exporter_batch_spans(exporter->batch);

	if (n > 1) {
		split_refused(&exporter->split, n, exporter->last, loss == EXPORTER_TOO_LARGE);
		exporter_drop(exporter);
		return 0;
	}
	if (exporter->refused_in_row == REFUSED_IN_ROW_MAX)
		return wait_for_change(exporter, loss, reason);
	exporter->refused_in_row++;
	exporter_lose(exporter, loss, n, reason);
	split_given_up(&exporter->split, exporter->last);
	return exporter_commit(exporter);
}

/*
 * A collector that does not know a compression says 415, or 400 as for any data that it can not
 * read. Return: is there another one to try? If not, it was not the compression.
 */
static bool fall_back(struct exporter *exporter, int status)
{
	if ((status != 400 && status != 415) || exporter->compression_tried)
		return false;
	if (exporter->compression == EXPORTER_NONE) {
		exporter->compression = exporter->proven;
		exporter->compression_tried = true;
		return false;
	}
	exporter->compression =
		exporter->compression == EXPORTER_ZSTD ? EXPORTER_GZIP : EXPORTER_NONE;
	return true;
}

static int act(struct exporter *exporter, const struct delivery_answer *answer)
{
	enum verdict verdict = judge(answer->status);
	char reason[EXPORTER_REASON_SIZE];

	if (verdict == DELIVERED)
		return delivered(exporter, answer);
	pthread_mutex_lock(&exporter->lock);
	exporter->statistics.failures++;
	pthread_mutex_unlock(&exporter->lock);
	if (fall_back(exporter, answer->status))
		return 0;
	exporter_reason(exporter, answer, reason);
	switch (verdict) {
	case REFUSED_CALLER:
		return wait_for_change(exporter, EXPORTER_REJECTED, reason);
	case REFUSED_SPANS:
		return refused_spans(exporter, EXPORTER_REJECTED, reason);
	case TOO_LARGE:
		return refused_spans(exporter, EXPORTER_TOO_LARGE, reason);
	default:
		return try_again(exporter, answer, reason);
	}
}

int exporter_send(struct exporter *exporter)
{
	struct delivery_answer answer = {0};
	const uint8_t *body;
	size_t length, raw_length;
	int r = exporter_batch_encode(exporter->batch, exporter->compression, &body, &length,
				      &raw_length);

	exporter->sealed = true;
	if (r == 0) {
		pthread_mutex_lock(&exporter->lock);
		exporter->statistics.requests++;
		exporter->statistics.bytes += length;
		exporter->statistics.raw_bytes += raw_length;
		pthread_mutex_unlock(&exporter->lock);
		r = delivery_post(exporter->delivery, exporter->compression, body, length, &answer);
	}
	if (r == -ECANCELED)
		return -ETIMEDOUT;
	if (r < 0) {
		exporter_tell_failing(exporter, strerror(-r));
		return exporter_hold_back_off(exporter, r);
	}
	return act(exporter, &answer);
}
