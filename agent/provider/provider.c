/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/provider/provider.h"
#include "agent/provider/background.h"
#include "agent/provider/call.h"
#include "agent/provider/endpoint.h"
#include "agent/provider/family.h"
#include "agent/provider/field.h"
#include "agent/provider/gpu_meter.h"
#include "agent/provider/unread.h"
#include "agent/util/map.h"

struct endpoint_entry {
	struct endpoint endpoint;
	struct gpu_meter meter;
};

struct provider {
	call_sink sink;
	void *context;
	struct map *calls;         /* by id of the exchange */
	struct call *first, *last; /* in the order in which they began */
	struct call *recent;       /* that had the last event, or NULL */
	struct background *background;
	struct unread *unread;
	struct endpoint_entry *endpoints;
	size_t n_endpoints;
	const char *tag;
};

int provider_new(struct provider **ret_provider, call_sink sink, loss_sink loss, void *context)
{
	struct provider *provider = calloc(1, sizeof(*provider));

	if (!provider)
		return -ENOMEM;
	provider->sink = sink;
	provider->context = context;
	if (map_new(&provider->calls, sizeof(uint64_t), LIMIT_CALLS) < 0 ||
	    background_new(&provider->background) < 0 ||
	    unread_new(&provider->unread, loss, context) < 0) {
		provider_free(provider);
		return -ENOMEM;
	}
	*ret_provider = provider;
	return 0;
}

void provider_free(struct provider *provider)
{
	if (!provider)
		return;
	while (provider->first) {
		struct call *call = provider->first;

		provider->first = call->next;
		call_free(call);
	}
	map_free(provider->calls);
	background_free(provider->background);
	unread_free(provider->unread);
	free(provider->endpoints);
	free(provider);
}

int provider_add_endpoint(struct provider *provider, const char *text)
{
	struct endpoint_entry entry = {0}, *grown;
	int r = endpoint_parse(text, &entry.endpoint);

	if (r < 0)
		return r;
	if (provider->n_endpoints == LIMIT_ENDPOINTS)
		return -EINVAL;
	grown = realloc(provider->endpoints, (provider->n_endpoints + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	entry.meter.gpus = entry.endpoint.gpus;
	grown[provider->n_endpoints++] = entry;
	provider->endpoints = grown;
	return 0;
}

void provider_set_tag(struct provider *provider, const char *tag)
{
	provider->tag = tag;
}

/* ---- open calls ---- */

static int add_call(struct provider *provider, struct call *call)
{
	int r = map_put(provider->calls, &call->id, call);

	if (r < 0)
		return r;
	call->prev = provider->last;
	if (provider->last)
		provider->last->next = call;
	else
		provider->first = call;
	provider->last = call;
	return 0;
}

static void drop_call(struct provider *provider, struct call *call)
{
	map_remove(provider->calls, &call->id);
	provider->recent = NULL;
	if (call->prev)
		call->prev->next = call->next;
	else
		provider->first = call->next;
	if (call->next)
		call->next->prev = call->prev;
	else
		provider->last = call->prev;
	call_free(call);
}

static int emit(struct provider *provider, struct call *call, enum call_event_type type,
		const struct conn_info *info, uint64_t end_ns)
{
	return call_emit(call, type, info, end_ns, provider->sink, provider->context);
}

void provider_expect(struct provider *provider, const char *response_id)
{
	background_add(provider->background, response_id);
}

/* ---- where a request goes ---- */

#define GROUP_ALL (GROUP_OPENAI | GROUP_ANTHROPIC)

struct target {
	char host[ENDPOINT_HOST_MAX]; /* "" unknown */
	uint16_t port;
	unsigned int groups; /* families that may be there */
	bool vouched;
	struct host known;
	unsigned int billed;     /* families that are billed like their provider */
	const char *provider;    /* by the configuration, or NULL */
	struct gpu_meter *meter; /* or NULL */
};

static void peer_text(const struct cr_address *peer, char host[ENDPOINT_HOST_MAX])
{
	if (peer->family == 4)
		inet_ntop(AF_INET, peer->bytes, host, ENDPOINT_HOST_MAX);
	else if (peer->family == 6)
		inet_ntop(AF_INET6, peer->bytes, host, ENDPOINT_HOST_MAX);
}

static void find_host(const struct exchange_event *event, struct target *target)
{
	const struct conn_info *info = event->info;
	const char *name = event->authority;

	if (name && !endpoint_split_host(name, strlen(name), target->host, &target->port)) {
		if (!target->port)
			target->port = event->conn->layer == CR_LAYER_SOCKET ? 80 : 443;
		return;
	}
	if (!info)
		return;
	if (!info->sni ||
	    endpoint_split_host(info->sni, strlen(info->sni), target->host, &target->port))
		peer_text(&info->peer, target->host);
	target->port = info->peer.family ? info->peer.port : 443;
}

static void find_target(struct provider *provider, const struct exchange_event *event,
			struct target *target)
{
	find_host(event, target);
	for (size_t i = 0; i < provider->n_endpoints; i++) {
		struct endpoint_entry *entry = &provider->endpoints[i];
		const struct endpoint *e = &entry->endpoint;

		if (strcmp(e->host, target->host) != 0 || (e->port && e->port != target->port))
			continue;
		target->billed |= e->groups;
		if (!target->provider && *e->provider)
			target->provider = e->provider;
		if (!target->meter && e->gpus)
			target->meter = &entry->meter;
	}
	if (target->billed) {
		target->vouched = true;
		target->groups = target->billed;
		return;
	}
	host_find(target->host, &target->known);
	target->billed = target->known.billed;
	target->vouched = target->known.named;
	target->groups = target->billed ? target->billed : GROUP_ALL;
}

/* Nobody vouches for the host: the body must be JSON as far as its head tells. */
static bool may_be_json(const struct exchange_event *event)
{
	const struct header_field *type = field_find(event, "content-type");
	size_t length = 0;

	if (!type)
		return true;
	while (length < type->value_length && !strchr("; \t", type->value[length]))
		length++;
	return length >= 4 && !strncasecmp(type->value + length - 4, "json", 4);
}

static int open_documents(struct call *call)
{
	const struct family *family = call->family;
	int r = 0;

	if (family->request)
		r = document_new(&call->request, family->request, NULL, NULL);
	if (!r && family->response)
		r = document_new(&call->response, family->response, family->on_response, call);
	return r;
}

static void fill_call(struct call *call, const struct exchange_event *event,
		      const struct target *target)
{
	size_t path = strcspn(event->target, "?#");

	if (path > LIMIT_VALUE)
		call->partial |= PARTIAL_LIMIT;
	call->id = event->id;
	call->conn = *event->conn;
	call->position = event->position;
	call->start_ns = call->last_ns = event->time_ns;
	call->vouched = target->vouched;
	call->provider_known = target->billed & call->family->group;
	call->port = target->port;
	call_set(call, CALL_PROVIDER, target->provider);
	if (!target->provider)
		call_set(call, CALL_PROVIDER,
			 target->known.provider ? target->known.provider
						: family_group_name(call->family->group));
	call_set(call, CALL_REGION, target->known.region);
	call_set(call, CALL_METHOD, event->method);
	call_set_bytes(call, CALL_PATH, event->target, path);
	call_set(call, CALL_SERVER_ADDRESS, target->host);
	call_set(call, CALL_KEY_FINGERPRINT, event->key_fingerprint);
	field_take_request(call, event);
}

/*
 * The request is not read. It is a loss if it may cost something: a free GET, a host that nobody
 * vouches for, are none.
 * @family: that would have read it, or NULL.
 */
static int leave_unread(struct provider *provider, const struct exchange_event *event,
			const struct target *target, const struct family *family)
{
	enum cr_cause cause = family ? CR_CAUSE_LIMIT : CR_CAUSE_PROTOCOL;
	size_t length = strcspn(event->target, "?#");
	const char *name = target->known.provider;
	int r;

	if (family ? family->free && !family->poll
		   : !target->vouched || strcasecmp(event->method, "POST") != 0 ||
			     free_post(event->target, length, target->billed))
		return EXCHANGE_IGNORE;
	if (!name)
		name = family_group_name(family ? family->group : target->billed);
	r = unread_begin(provider->unread, event, cause, name ? name : target->host, length);
	return r < 0 ? r : EXCHANGE_IGNORE;
}

static int begin_call(struct provider *provider, const struct exchange_event *event,
		      const struct target *target, const struct family *family)
{
	struct call *call = call_new();
	int r;

	if (!call)
		return -ENOMEM;
	call->family = family;
	fill_call(call, event, target);
	call_attribute(call, "tollspan.tag", provider->tag);
	r = call->no_memory ? -ENOMEM : open_documents(call);
	if (!r)
		r = add_call(provider, call);
	if (r < 0) {
		call_free(call);
		return r;
	}
	if (target->meter && !family->free) {
		call->meter = target->meter;
		gpu_meter_begin(call->meter, event->time_ns, &call->share);
	}
	return 0;
}

static int on_request_head(struct provider *provider, const struct exchange_event *event)
{
	struct target target = {0};
	const struct family *family;
	int r;

	if (!event->method || !event->target)
		return EXCHANGE_IGNORE;
	find_target(provider, event, &target);
	family = family_find(event->method, event->target, strcspn(event->target, "?#"),
			     target.groups, target.vouched);
	/* the shape of another's API is read too; the host is not known to bill for it */
	if (!family && target.groups != GROUP_ALL)
		family = family_find(event->method, event->target, strcspn(event->target, "?#"),
				     GROUP_ALL, false);
	if (!family)
		return leave_unread(provider, event, &target, NULL);
	if (!target.vouched && !may_be_json(event))
		return EXCHANGE_IGNORE;
	r = begin_call(provider, event, &target, family);
	return r == -ENOSPC ? leave_unread(provider, event, &target, family) : r;
}

/* ---- requests ---- */

/*
 * The request is complete, or will not be.
 * Return: 0, EXCHANGE_IGNORE where it is no model call after all, or -ENOMEM.
 */
static int end_request(struct provider *provider, struct call *call,
		       const struct exchange_event *event, uint32_t partial)
{
	call->request_done = true;
	if (call->request) {
		(void)document_end(call->request);
		if (call->family->request_done)
			call->family->request_done(call);
	}
	if (!call->vouched && !call->begun && call->family->plausible && !partial &&
	    !call->family->plausible(call)) {
		drop_call(provider, call);
		return EXCHANGE_IGNORE;
	}
	document_free(call->request);
	call->request = NULL;
	if (call->begun)
		return 0;
	call->begun = true;
	return emit(provider, call, CALL_BEGIN, event->info, 0);
}

static int on_request_body(struct call *call, const struct exchange_event *event)
{
	int r = call->request ? document_feed(call->request, event->data, event->length) : 0;

	return r == -ENOMEM ? r : 0;
}

/* ---- responses ---- */

static int on_response_head(struct provider *provider, struct call *call,
			    const struct exchange_event *event)
{
	call->status = event->status;
	call->last_ns = event->time_ns;
	field_take_response(call, event);
	reported_head(event, &call->head_cost);
	call->by_litellm = reported_by_litellm(event);
	if (call->begun || !call->vouched)
		return 0;
	/* it answers before the request is whole */
	if (call->request && call->family->request_done)
		call->family->request_done(call);
	call->begun = true;
	return emit(provider, call, CALL_BEGIN, event->info, 0);
}

static int on_response_bytes(struct call *call, const struct exchange_event *event)
{
	int r;

	call->last_ns = event->time_ns;
	if (event->type == EXCHANGE_MESSAGE_DATA) {
		call->streaming = true;
		for (size_t i = 0; i < event->length && call->message_length < MESSAGE_HEAD; i++)
			call->message_head[call->message_length++] = (char)event->data[i];
	} else {
		call->has_body = true;
	}
	if (!call->response)
		return 0;
	r = document_feed(call->response, event->data, event->length);
	return r == -ENOMEM ? r : 0;
}

static bool is_done_marker(const struct call *call)
{
	return call->message_length >= MESSAGE_HEAD &&
	       !memcmp(call->message_head, "[DONE]", MESSAGE_HEAD);
}

/* @name: of the event, NULL for a body. @whole: all of it was there. */
static void end_document(struct call *call, const char *name, bool whole)
{
	int r = document_end(call->response);

	if (r < 0 && whole && call_is_success(call))
		call->partial |= r == -E2BIG ? PARTIAL_LIMIT : PARTIAL_MALFORMED;
	if (document_passed_limit(call->response))
		call->partial |= PARTIAL_LIMIT;
	/* of a damaged event nothing is taken, of a body what came before the damage */
	if (r == 0 || !name)
		call->family->message(call, name);
	document_reset(call->response);
}

static int on_message_end(struct provider *provider, struct call *call,
			  const struct exchange_event *event)
{
	bool done = is_done_marker(call);

	call->last_ns = event->time_ns;
	call->streaming = true;
	call->message_length = 0;
	if (call->response && done) {
		document_reset(call->response);
		call->final = call->final || call->has_usage;
	} else if (call->response && !document_is_empty(call->response)) {
		end_document(call, event->name ? event->name : "", true);
	}
	if (!call->progress_due || !call->begun)
		return 0;
	return emit(provider, call, CALL_PROGRESS, event->info, 0);
}

/* What is left of a stream's last event, which has no end, is no event. */
static void end_response(struct call *call, uint32_t partial)
{
	call->response_done = true;
	if (call->response && call->has_body && !document_is_empty(call->response))
		end_document(call, NULL, !partial);
}

/* ---- ends ---- */

/* Usage of a response that is made in the background is told by another call. */
static void settle_background(struct provider *provider, struct call *call)
{
	const char *id = call->texts[CALL_RESPONSE_ID];

	if (!id || !call_is_success(call))
		return;
	if (call->family->poll)
		call->billed_poll =
			call->has_usage && call->final && background_take(provider->background, id);
	else if (call->background && !call->has_usage)
		background_add(provider->background, id);
}

static void settle(struct provider *provider, struct call *call)
{
	char text[16];

	if (call->family->finish)
		call->family->finish(call);
	settle_background(provider, call);
	if (call->status && !call_is_success(call) && !call->texts[CALL_ERROR_TYPE]) {
		snprintf(text, sizeof(text), "%u", call->status);
		call_set(call, CALL_ERROR_TYPE, text);
	}
	if (call->finish.length) {
		char reasons[LIMIT_VALUE + 3];
		int n = snprintf(reasons, sizeof(reasons), "[%.*s]", (int)call->finish.length,
				 (const char *)call->finish.data);

		call_attribute_bytes(call, "gen_ai.response.finish_reasons", reasons, (size_t)n);
	}
}

/* The call's share of the GPUs is part of its usage; it may be all of it. */
static void read_gpus(struct call *call, uint64_t end_ns)
{
	struct tally *tally;
	uint64_t time;

	if (!call->meter)
		return;
	time = gpu_meter_end(call->meter, end_ns, &call->share);
	call->meter = NULL;
	if (!call_is_success(call))
		return;
	tally = call->n_tallies ? &call->tallies[0] : call_tally(call, 0);
	if (!tally)
		return;
	if (!call->has_usage)
		call->partial |= PARTIAL_NO_USAGE;
	call->has_usage = true;
	pricing_usage_set(&tally->usage, PRICING_GPU_MILLISECONDS, time);
}

/* Tells the end, also the beginning where it was not told, and forgets the call. */
static int end_call(struct provider *provider, struct call *call,
		    const struct exchange_event *event)
{
	uint64_t end_ns = call->status ? call->last_ns : event->time_ns;
	int r = 0;

	if (!call->request_done)
		r = end_request(provider, call, event, PARTIAL_CUT);
	if (r)
		return r;
	if (!call->response_done) {
		call->partial |= PARTIAL_CUT;
		end_response(call, PARTIAL_CUT);
	}
	settle(provider, call);
	read_gpus(call, end_ns);
	r = call->no_memory ? -ENOMEM : 0;
	if (!r)
		r = emit(provider, call, CALL_END, event->info, end_ns);
	drop_call(provider, call);
	return r;
}

static int on_end(struct provider *provider, struct call *call, const struct exchange_event *event)
{
	call->partial |= event->partial;
	call->bytes_seen = event->bytes_seen;
	call->bytes_declared = event->bytes_declared;
	return end_call(provider, call, event);
}

int provider_end(struct provider *provider, uint64_t now_ns)
{
	const struct exchange_event event = {.time_ns = now_ns};

	while (provider->first) {
		int r = end_call(provider, provider->first, &event);

		if (r < 0)
			return r;
	}
	return unread_end(provider->unread);
}

int provider_feed(struct provider *provider, const struct exchange_event *event)
{
	struct call *call;
	int r = 0;

	if (event->type == EXCHANGE_REQUEST_HEAD)
		return on_request_head(provider, event);
	call = provider->recent;
	if (!call || call->id != event->id)
		call = map_get(provider->calls, &event->id);
	if (!call) {
		r = unread_feed(provider->unread, event);
		return r < 0 ? r : EXCHANGE_IGNORE;
	}
	provider->recent = call;
	switch (event->type) {
	case EXCHANGE_REQUEST_BODY:
		r = on_request_body(call, event);
		break;
	case EXCHANGE_REQUEST_END:
		return end_request(provider, call, event, event->partial);
	case EXCHANGE_RESPONSE_HEAD:
		r = on_response_head(provider, call, event);
		break;
	case EXCHANGE_RESPONSE_BODY:
	case EXCHANGE_MESSAGE_DATA:
		r = on_response_bytes(call, event);
		break;
	case EXCHANGE_MESSAGE_END:
		r = on_message_end(provider, call, event);
		break;
	case EXCHANGE_RESPONSE_END:
		call->last_ns = event->time_ns;
		end_response(call, event->partial);
		break;
	default:
		return on_end(provider, call, event);
	}
	return !r && call->no_memory ? -ENOMEM : r;
}
