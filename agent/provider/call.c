/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/provider/call.h"
#include "agent/provider/family.h"

struct call *call_new(void)
{
	struct call *call = calloc(1, sizeof(*call));

	if (call)
		buffer_init(&call->finish, LIMIT_VALUE);
	return call;
}

static void clear_tallies(struct call *call)
{
	for (size_t i = 0; i < call->n_tallies; i++)
		free(call->tallies[i].model);
	free(call->tallies);
	call->tallies = NULL;
	call->n_tallies = 0;
}

void call_free(struct call *call)
{
	if (!call)
		return;
	document_free(call->request);
	document_free(call->response);
	clear_tallies(call);
	buffer_free(&call->finish);
	free(call->start_usage);
	for (int i = 0; i < CALL_TEXTS; i++)
		free(call->texts[i]);
	for (size_t i = 0; i < call->n_attributes; i++)
		free(call->attributes[i].value);
	free(call);
}

/* ---- texts ---- */

/* Length of the UTF-8 character at p (RFC 3629), or 0 where there is none. */
static size_t utf8_length(const uint8_t *p, size_t left)
{
	uint32_t c = p[0], least;
	size_t n;

	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf)
		n = 2, c &= 0x1f, least = 0x80;
	else if (c >= 0xe0 && c <= 0xef)
		n = 3, c &= 0x0f, least = 0x800;
	else if (c >= 0xf0 && c <= 0xf4)
		n = 4, c &= 0x07, least = 0x10000;
	else
		return 0;
	if (left < n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	return c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : n;
}

static void clean(char *text, size_t length)
{
	uint8_t *p = (uint8_t *)text;

	while (length) {
		size_t n = utf8_length(p, length);

		if (n <= 1 && (n == 0 || *p < 0x20 || *p == 0x7f)) {
			*p = '?';
			n = 1;
		}
		p += n;
		length -= n;
	}
}

static void replace(struct call *call, char **field, const char *value, size_t length)
{
	char *copy = strndup(value, length);

	if (!copy) {
		call->no_memory = true;
		return;
	}
	free(*field);
	*field = copy;
}

/* As replace(), of text that goes on to other programs; each event of a stream may bring it. */
static void replace_clean(struct call *call, char **field, const char *value, size_t length)
{
	if (length > LIMIT_VALUE)
		length = LIMIT_VALUE;
	if (*field && strlen(*field) == length && !memcmp(*field, value, length))
		return;
	replace(call, field, value, length);
	if (*field)
		clean(*field, strlen(*field));
}

void call_set_bytes(struct call *call, enum call_text text, const char *value, size_t length)
{
	if (length)
		replace_clean(call, &call->texts[text], value, length);
}

void call_set(struct call *call, enum call_text text, const char *value)
{
	if (value)
		call_set_bytes(call, text, value, strlen(value));
}

void call_raw_usage(struct call *call, const char *text)
{
	replace(call, &call->texts[CALL_RAW_USAGE], text, strlen(text));
}

void call_attribute_bytes(struct call *call, const char *name, const char *value, size_t length)
{
	size_t i = 0;

	if (!length)
		return;
	while (i < call->n_attributes && call->attributes[i].name != name &&
	       strcmp(call->attributes[i].name, name) != 0)
		i++;
	if (i == LIMIT_ATTRIBUTES)
		return;
	replace_clean(call, &call->attributes[i].value, value, length);
	if (!call->attributes[i].value)
		return;
	call->attributes[i].name = name;
	if (i == call->n_attributes)
		call->n_attributes++;
}

void call_attribute(struct call *call, const char *name, const char *value)
{
	if (value)
		call_attribute_bytes(call, name, value, strlen(value));
}

void call_finish_reason(struct call *call, const char *reason)
{
	/* a reason is a word; one that would need escapes is not told */
	if (!reason || !*reason || strpbrk(reason, "\"\\"))
		return;
	if (buffer_printf(&call->finish, "%s\"%s\"", call->finish.length ? "," : "", reason) ==
	    -ENOMEM)
		call->no_memory = true;
}

/* ---- charges ---- */

struct tally *call_tally(struct call *call, size_t index)
{
	struct tally *grown;

	if (index == 0)
		clear_tallies(call);
	if (index >= LIMIT_CHARGES)
		return NULL;
	grown = realloc(call->tallies, (index + 1) * sizeof(*grown));
	if (!grown) {
		call->no_memory = true;
		return NULL;
	}
	call->tallies = grown;
	call->n_tallies = index + 1;
	memset(&grown[index], 0, sizeof(*grown));
	return &grown[index];
}

void call_tally_model(struct call *call, struct tally *tally, const char *model)
{
	if (*model)
		replace_clean(call, &tally->model, model, strlen(model));
}

void call_keep_start_usage(struct call *call, const char *text)
{
	replace(call, &call->start_usage, text, strlen(text));
}

void call_first_token(struct call *call, uint64_t time_ns)
{
	if (call->first_token_ns || !call->streaming)
		return;
	call->first_token_ns = time_ns;
	call->progress_due = true;
}

bool call_is_success(const struct call *call)
{
	return call->status >= 200 && call->status < 300;
}

static enum call_billing billing(const struct call *call, enum call_event_type type)
{
	if (call->family->free && !call->billed_poll)
		return BILLING_FREE;
	if (call->has_usage)
		return BILLING_USAGE;
	if (type != CALL_END || !call->status)
		return BILLING_UNKNOWN;
	if (!call_is_success(call) || call->texts[CALL_ERROR_TYPE])
		return BILLING_FAILED;
	return BILLING_UNKNOWN;
}

static uint32_t partial(const struct call *call, enum call_event_type type,
			enum call_billing billing_now)
{
	uint32_t bits = call->partial;

	if (type != CALL_END)
		return bits;
	/* what the provider will bill was told: that the rest is missing changes nothing */
	if (call->final || billing_now == BILLING_FREE ||
	    (billing_now == BILLING_FAILED && call->texts[CALL_ERROR_TYPE]))
		bits &= ~(uint32_t)PARTIAL_CUT;
	if (call->usage_fault)
		bits |= PARTIAL_USAGE;
	if (billing_now == BILLING_UNKNOWN && call_is_success(call))
		bits |= PARTIAL_NO_USAGE;
	return bits;
}

/* A provider's figure is what the money is; a gateway's is by its own price list. */
static void fill_reported(const struct call *call, struct call_event *event)
{
	const struct reported *cost =
		call->usage_cost.source ? &call->usage_cost : &call->head_cost;

	if (event->type != CALL_END || !call_is_success(call) ||
	    (event->billing != BILLING_USAGE && event->billing != BILLING_UNKNOWN))
		return;
	/* what is made in the background has cost nothing yet */
	if (call->background && !call->has_usage)
		return;
	event->reported_source = cost->source;
	event->reported = cost->source ? cost->amount : 0;
}

static void fill_charges(const struct call *call, struct charge *charges)
{
	for (size_t i = 0; i < call->n_tallies; i++) {
		const char *model = call->tallies[i].model;

		if (!model)
			model = call->texts[CALL_RESPONSE_MODEL];
		if (!model)
			model = call->texts[CALL_REQUEST_MODEL];
		charges[i].model = model;
		charges[i].tier = call->texts[CALL_TIER];
		charges[i].region = call->texts[CALL_REGION];
		charges[i].usage = call->tallies[i].usage;
	}
}

static void fill_event(const struct call *call, struct call_event *event)
{
	char *const *texts = call->texts;

	event->conn = call->conn;
	event->position = call->position;
	event->start_ns = call->start_ns;
	event->first_token_ns = call->first_token_ns;
	event->operation = call->family->operation;
	event->provider = texts[CALL_PROVIDER];
	event->provider_known = call->provider_known;
	event->family = call->family->name;
	event->request_model = texts[CALL_REQUEST_MODEL];
	event->response_model = texts[CALL_RESPONSE_MODEL];
	event->response_id = texts[CALL_RESPONSE_ID];
	event->conversation_id = texts[CALL_CONVERSATION_ID];
	event->method = texts[CALL_METHOD];
	event->path = texts[CALL_PATH];
	event->server_address = texts[CALL_SERVER_ADDRESS];
	event->server_port = call->port;
	event->status = call->status;
	event->error_type = texts[CALL_ERROR_TYPE];
	event->key_fingerprint = texts[CALL_KEY_FINGERPRINT];
	event->traceparent = texts[CALL_TRACEPARENT];
	event->streaming = call->streaming;
	event->bytes_seen = call->bytes_seen;
	event->bytes_declared = call->bytes_declared;
}

int call_emit(struct call *call, enum call_event_type type, const struct conn_info *info,
	      uint64_t end_ns, call_sink sink, void *context)
{
	struct attribute attributes[LIMIT_ATTRIBUTES];
	struct call_event event = {.type = type, .info = info, .attributes = attributes};
	struct charge *charges = NULL;
	int r;

	fill_event(call, &event);
	for (size_t i = 0; i < call->n_attributes; i++)
		attributes[i] =
			(struct attribute){call->attributes[i].name, call->attributes[i].value};
	event.n_attributes = call->n_attributes;
	event.billing = billing(call, type);
	event.partial = partial(call, type, event.billing);
	fill_reported(call, &event);
	if (event.billing != BILLING_FREE)
		event.raw_usage = call->texts[CALL_RAW_USAGE];
	if (type == CALL_END)
		event.end_ns = end_ns;
	if (event.billing == BILLING_USAGE && call->n_tallies) {
		charges = calloc(call->n_tallies, sizeof(*charges));
		if (!charges)
			return -ENOMEM;
		fill_charges(call, charges);
		event.charges = charges;
		event.n_charges = call->n_tallies;
	}
	call->progress_due = false;
	r = sink(context, &event);
	free(charges);
	return r == -ENOMEM ? r : 0;
}
