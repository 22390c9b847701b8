/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/http/exchange.h"

#include <errno.h>
#include <stdlib.h>

static int emit(struct exchange *x, struct exchange_event *event)
{
	const struct http_opts *opts = &x->shared->opts;
	int r;

	if (x->silent)
		return 0;
	event->id = x->id;
	event->conn = x->key;
	event->info = x->info;
	event->position = x->position;
	if (!event->time_ns)
		event->time_ns = x->now_ns;
	r = opts->exchange(opts->context, event);
	if (r == EXCHANGE_IGNORE) {
		x->ignored = true;
		body_stop(&x->request);
		body_stop(&x->response);
	}
	return r == -ENOMEM ? r : 0;
}

int exchange_request_head(struct exchange *x, struct head *head, const char *method,
			  uint64_t begin_ns)
{
	struct exchange_event event = {
		.type = EXCHANGE_REQUEST_HEAD, .time_ns = begin_ns, .method = method};
	int r;

	if (head->limited)
		x->partial |= PARTIAL_LIMIT;
	r = head_request(head, &event.target, &event.authority);
	if (r)
		return r;
	if (!event.authority[0])
		event.authority = NULL;
	if (head->fingerprint[0])
		event.key_fingerprint = head->fingerprint;
	event.fields = x->shared->fields;
	event.n_fields = head_fields(head, x->shared->fields);
	r = emit(x, &event);
	if (!r && !x->ignored)
		r = body_begin(&x->request, head, &x->shared->budget, false);
	return r;
}

int exchange_response_head(struct exchange *x, struct head *head, unsigned int status)
{
	struct exchange_event event = {.type = EXCHANGE_RESPONSE_HEAD, .status = status};
	int r;

	if (head->limited)
		x->partial |= PARTIAL_LIMIT;
	event.fields = x->shared->fields;
	event.n_fields = head_fields(head, x->shared->fields);
	r = emit(x, &event);
	if (!r && !x->ignored)
		r = body_begin(&x->response, head, &x->shared->budget, true);
	return r;
}

static int emit_data(struct exchange *x, enum exchange_event_type type, const uint8_t *data,
		     size_t length)
{
	struct exchange_event event = {.type = type, .data = data, .length = length};

	if (x->ignored || !length)
		return 0;
	return emit(x, &event);
}

static int request_bytes(void *context, const uint8_t *data, size_t length)
{
	return emit_data(context, EXCHANGE_REQUEST_BODY, data, length);
}

static int response_bytes(void *context, const uint8_t *data, size_t length)
{
	return emit_data(context, EXCHANGE_RESPONSE_BODY, data, length);
}

static int message_bytes(void *context, const uint8_t *data, size_t length)
{
	return emit_data(context, EXCHANGE_MESSAGE_DATA, data, length);
}

static int message_end(void *context, const char *name)
{
	struct exchange *x = context;
	struct exchange_event event = {.type = EXCHANGE_MESSAGE_END, .name = name};

	return x->ignored ? 0 : emit(x, &event);
}

int exchange_body(struct exchange *x, bool response, const uint8_t *data, size_t length)
{
	const struct body_sink sink = {
		.context = x,
		.bytes = response ? response_bytes : request_bytes,
		.message = {.context = x, .data = message_bytes, .end = message_end}};

	return body_feed(response ? &x->response : &x->request, &sink, data, length);
}

int exchange_body_end(struct exchange *x, bool response)
{
	struct body *body = response ? &x->response : &x->request;
	struct exchange_event event = {.type = response ? EXCHANGE_RESPONSE_END
							: EXCHANGE_REQUEST_END};

	if (response)
		x->response_done = true;
	else
		x->request_done = true;
	if (!x->ignored)
		body_end(body);
	x->partial |= body->partial;
	event.partial = body->partial;
	event.bytes_seen = body->seen;
	event.bytes_declared = body_declared(body);
	/* Its memory is of use to others, while the exchange goes on. */
	body_stop(body);
	return emit(x, &event);
}

static void tell_undecoded(const struct exchange *x, const struct body *body)
{
	const struct http_opts *opts = &x->shared->opts;
	struct loss_event loss = {.process = x->key->process,
				  .cause = CR_CAUSE_UNDECODABLE,
				  .name = body->encoding,
				  .records = 1,
				  .bytes = body->undecoded,
				  .wall_ns = (int64_t)x->now_ns};

	if (body->encoding && opts->loss && !x->silent)
		(void)opts->loss(opts->context, &loss);
}

int exchange_end(struct exchange *x, uint32_t partial)
{
	struct exchange_event event = {
		.type = EXCHANGE_END,
		.partial = x->partial | x->request.partial | x->response.partial | partial,
		.bytes_seen = x->request.seen + x->response.seen,
		.bytes_declared = body_declared(&x->request) + body_declared(&x->response)};
	int r;

	tell_undecoded(x, &x->request);
	tell_undecoded(x, &x->response);
	r = emit(x, &event);
	exchange_free(x);
	return r;
}

void exchange_free(struct exchange *x)
{
	if (!x)
		return;
	body_release(&x->request);
	body_release(&x->response);
	free(x);
}
