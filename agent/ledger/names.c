/* SPDX-License-Identifier: Apache-2.0 */
/* Enumerations as the words that stand in the file. */
#include <string.h>

#include "agent/ledger/internal.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const price_statuses[] = {
	[PRICING_PRICED] = "priced",
	[PRICING_UNPRICED_MODEL] = "model",
	[PRICING_UNPRICED_BUCKET] = "bucket",
	[PRICING_UNPRICED_TIER] = "tier",
	[PRICING_UNPRICED_REGION] = "region",
	[PRICING_UNPRICED_VARIANT] = "variant",
	[PRICING_UNPRICED_OVERFLOW] = "overflow",
};

static const char *const causes[] = {
	[0] = "unknown",
	[CR_CAUSE_RING_FULL] = "ring_full",
	[CR_CAUSE_FAULT] = "fault",
	[CR_CAUSE_CAP] = "cap",
	[CR_CAUSE_TABLE_FULL] = "table_full",
	[CR_CAUSE_KILLED] = "killed",
	[CR_CAUSE_PROTOCOL] = "protocol",
	[CR_CAUSE_MALFORMED] = "malformed",
	[CR_CAUSE_LIMIT] = "limit",
	[CR_CAUSE_LEDGER] = "ledger",
	[CR_CAUSE_UNDECODABLE] = "undecodable",
	[CR_CAUSE_EXPORT] = "export",
};

static const char *const billings[] = {
	[BILLING_USAGE] = "usage",
	[BILLING_FREE] = "free",
	[BILLING_FAILED] = "failed",
	[BILLING_UNKNOWN] = "unknown",
};

static const char *const cost_statuses[] = {
	[COST_UNPRICED] = "unpriced",
	[COST_PRICED] = "priced",
	[COST_FREE] = "free",
};

static const char *const captures[] = {
	[CR_CAPTURE_UNKNOWN] = NULL,
	[CR_CAPTURE_EBPF] = "ebpf",
	[CR_CAPTURE_PRELOAD] = "preload",
	[CR_CAPTURE_REPLAY] = "replay",
};

static const char *const reported_sources[] = {
	[REPORTED_NONE] = NULL,
	[REPORTED_PROVIDER] = "provider",
	[REPORTED_GATEWAY] = "gateway",
};

const char *ledger_price_status_name(enum pricing_status status)
{
	return status < COUNT(price_statuses) ? price_statuses[status] : "model";
}

enum pricing_status ledger_price_status_by_name(const char *name)
{
	for (size_t i = 0; i < COUNT(price_statuses); i++) {
		if (!strcmp(price_statuses[i], name))
			return (enum pricing_status)i;
	}
	return PRICING_UNPRICED_MODEL;
}

const char *ledger_cause_name(uint32_t cause)
{
	return cause < COUNT(causes) ? causes[cause] : causes[0];
}

const char *ledger_billing_name(enum call_billing billing)
{
	return billing < COUNT(billings) ? billings[billing] : billings[BILLING_UNKNOWN];
}

const char *ledger_cost_status_name(enum cost_status status)
{
	return status < COUNT(cost_statuses) ? cost_statuses[status] : cost_statuses[COST_UNPRICED];
}

enum cost_status ledger_cost_status_by_name(const char *name)
{
	for (unsigned int i = COST_UNPRICED; i <= COST_FREE; i++) {
		if (name && !strcmp(name, ledger_cost_status_name(i)))
			return i;
	}
	return COST_UNPRICED;
}

const char *ledger_capture_name(uint8_t capture)
{
	return capture < COUNT(captures) ? captures[capture] : NULL;
}

const char *ledger_reported_source_name(enum reported_source source)
{
	return source < COUNT(reported_sources) ? reported_sources[source] : NULL;
}

enum reported_source ledger_reported_source_by_name(const char *name)
{
	for (unsigned int i = REPORTED_PROVIDER; i < COUNT(reported_sources); i++) {
		if (name && !strcmp(name, reported_sources[i]))
			return i;
	}
	return REPORTED_NONE;
}
