/* SPDX-License-Identifier: Apache-2.0 */
/* Spans and what belongs to them as OTLP's messages (opentelemetry-proto: trace, common). */
#ifndef EXPORTER_SPAN_H
#define EXPORTER_SPAN_H

#include "exporter/bytes.h"
#include "exporter/exporter.h"

/** span_encode - a Span, as a field of its ScopeSpans. Errors stay in out->error. */
void span_encode(struct bytes *out, const struct exporter_span *span);

/** span_encode_resource - a Resource, as a field of its ResourceSpans. */
void span_encode_resource(struct bytes *out, const struct exporter_resource *resource);

/** span_encode_scope - the InstrumentationScope, as a field of ScopeSpans. */
void span_encode_scope(struct bytes *out, const char *version);

/* Fields that hold the above. */
enum {
	REQUEST_RESOURCE_SPANS = 1,
	RESOURCE_SPANS_SCOPE_SPANS = 2,
};

#endif
