/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/provider/field.h"

struct known_field {
	const char *name, *attribute;
};

/* Names: semantic conventions, http.{request,response}.header.<key> and user_agent.original. */
static const struct known_field request_fields[] = {
	{"user-agent", "user_agent.original"},
	{"x-stainless-lang", "http.request.header.x-stainless-lang"},
	{"x-stainless-package-version", "http.request.header.x-stainless-package-version"},
	{"x-stainless-retry-count", "http.request.header.x-stainless-retry-count"},
	{"openai-organization", "http.request.header.openai-organization"},
	{"openai-project", "http.request.header.openai-project"},
	{"anthropic-beta", "http.request.header.anthropic-beta"},
};

static const struct known_field response_fields[] = {
	{"x-request-id", "http.response.header.x-request-id"},
	{"request-id", "http.response.header.request-id"},
	{"apim-request-id", "http.response.header.apim-request-id"},
	{"openai-organization", "http.response.header.openai-organization"},
	{"openai-project", "http.response.header.openai-project"},
	{"anthropic-organization-id", "http.response.header.anthropic-organization-id"},
	{"x-ms-deployment-name", "http.response.header.x-ms-deployment-name"},
	{"x-ms-region", "http.response.header.x-ms-region"},
	{"x-ms-is-spilled-over", "http.response.header.x-ms-is-spilled-over"},
	{"x-litellm-call-id", "http.response.header.x-litellm-call-id"},
	{"x-litellm-model-id", "http.response.header.x-litellm-model-id"},
	{"x-litellm-response-cost", "http.response.header.x-litellm-response-cost"},
};

const struct header_field *field_find(const struct exchange_event *event, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < event->n_fields; i++)
		if (event->fields[i].name_length == length &&
		    !memcmp(event->fields[i].name, name, length))
			return &event->fields[i];
	return NULL;
}

static void take(struct call *call, const struct exchange_event *event,
		 const struct known_field *known, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct header_field *field = field_find(event, known[i].name);

		if (field)
			call_attribute_bytes(call, known[i].attribute, field->value,
					     field->value_length);
	}
}

void field_take_request(struct call *call, const struct exchange_event *event)
{
	const struct header_field *trace = field_find(event, "traceparent");

	if (trace)
		call_set_bytes(call, CALL_TRACEPARENT, trace->value, trace->value_length);
	take(call, event, request_fields, sizeof(request_fields) / sizeof(*request_fields));
}

void field_take_response(struct call *call, const struct exchange_event *event)
{
	take(call, event, response_fields, sizeof(response_fields) / sizeof(*response_fields));
}
