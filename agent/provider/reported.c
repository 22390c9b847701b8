/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/provider/reported.h"

#include <errno.h>
#include <string.h>

#include <cJSON.h>

#include "agent/provider/document.h"
#include "agent/provider/field.h"
#include "agent/provider/usage.h"

#define DOLLAR_DECIMALS 12 /* of a dollar in pico-dollars */
#define TICK_DECIMALS 2    /* of 10^-10 dollars */
#define EXPONENT_MAX 1000000000

/* ---- numbers ---- */

struct decimal {
	const char *whole, *fraction;
	size_t n_whole, n_fraction;
	int64_t exponent;
};

static size_t count_digits(const char *p, const char *end)
{
	size_t n = 0;

	while (p + n < end && p[n] >= '0' && p[n] <= '9')
		n++;
	return n;
}

static int parse_exponent(const char *p, const char *end, int64_t *exponent)
{
	bool negative = p < end && *p == '-';
	int64_t value = 0;
	size_t n;

	if (p < end && (*p == '-' || *p == '+'))
		p++;
	n = count_digits(p, end);
	if (!n || p + n != end)
		return -EINVAL;
	for (; p < end; p++)
		if (value < EXPONENT_MAX)
			value = value * 10 + (*p - '0');
	*exponent = negative ? -value : value;
	return 0;
}

static int parse_decimal(const char *p, const char *end, struct decimal *d)
{
	*d = (struct decimal){.whole = p, .n_whole = count_digits(p, end)};
	if (!d->n_whole || (d->n_whole > 1 && *p == '0'))
		return -EINVAL;
	p += d->n_whole;
	if (p < end && *p == '.') {
		d->fraction = ++p;
		d->n_fraction = count_digits(p, end);
		if (!d->n_fraction)
			return -EINVAL;
		p += d->n_fraction;
	}
	if (p == end)
		return 0;
	return *p == 'e' || *p == 'E' ? parse_exponent(p + 1, end, &d->exponent) : -EINVAL;
}

static unsigned int digit(const struct decimal *d, size_t i)
{
	char c = i < d->n_whole ? d->whole[i] : d->fraction[i - d->n_whole];

	return (unsigned int)(c - '0');
}

static bool append_digit(int64_t *value, unsigned int next)
{
	return !__builtin_mul_overflow(*value, 10, value) &&
	       !__builtin_add_overflow(*value, (int64_t)next, value);
}

int reported_number(const char *text, size_t length, unsigned int decimals, int64_t *ret_amount)
{
	unsigned int first_dropped = 0;
	bool more_dropped = false;
	struct decimal d;
	int64_t kept, n, value = 0;
	int r = parse_decimal(text, text + length, &d);

	if (r < 0)
		return r;
	n = (int64_t)(d.n_whole + d.n_fraction);
	kept = (int64_t)d.n_whole + d.exponent + decimals; /* so many digits are of the amount */
	for (int64_t i = 0; i < n; i++) {
		unsigned int next = digit(&d, (size_t)i);

		if (i < kept && !append_digit(&value, next))
			return -ERANGE;
		if (i == kept)
			first_dropped = next;
		else if (i > kept)
			more_dropped |= next != 0;
	}
	for (int64_t i = n; value && i < kept; i++)
		if (!append_digit(&value, 0))
			return -ERANGE;
	if (first_dropped > 5 || (first_dropped == 5 && (more_dropped || value & 1)))
		if (__builtin_add_overflow(value, 1, &value))
			return -ERANGE;
	*ret_amount = value;
	return 0;
}

/* ---- usage ---- */

enum path {
	PATH_COST,
	PATH_TOTAL,
	PATH_CURRENCY,
	PATH_TICKS,
	PATH_BYOK,
	PATH_UPSTREAM,
	PATHS,
};

static const char *const paths[] = {
	[PATH_COST] = "cost",
	[PATH_TOTAL] = "cost.total_cost",
	[PATH_CURRENCY] = "cost.currency",
	[PATH_TICKS] = "cost_in_usd_ticks",
	[PATH_BYOK] = "is_byok",
	[PATH_UPSTREAM] = "cost_details.upstream_inference_cost",
};

static const struct document_spec spec = {.paths = paths, .n_paths = PATHS};

static bool take_number(const struct document *d, unsigned int path, unsigned int decimals,
			int64_t *ret_amount)
{
	const char *text = document_raw(d, path);

	return text && document_type(d, path) == JSON_NUMBER &&
	       reported_number(text, strlen(text), decimals, ret_amount) == 0;
}

/* Where nothing is said of whose key it was, a cost of the upstream's says so. */
static bool is_whole(const struct document *d)
{
	int64_t upstream;

	if (document_has(d, PATH_BYOK) && document_type(d, PATH_BYOK) == JSON_FALSE)
		return true;
	if (document_is_true(d, PATH_BYOK))
		return false;
	return !document_raw(d, PATH_UPSTREAM) ||
	       (take_number(d, PATH_UPSTREAM, DOLLAR_DECIMALS, &upstream) && !upstream);
}

static bool take_ticks(const struct document *d, int64_t *ret_amount)
{
	const char *text = document_raw(d, PATH_TICKS);

	return text && !strpbrk(text, ".eE") &&
	       take_number(d, PATH_TICKS, TICK_DECIMALS, ret_amount);
}

static bool take_total(const struct document *d, int64_t *ret_amount)
{
	const char *currency = document_string(d, PATH_CURRENCY);

	if (document_raw(d, PATH_CURRENCY) && (!currency || strcmp(currency, REPORTED_CURRENCY)))
		return false;
	return take_number(d, PATH_TOTAL, DOLLAR_DECIMALS, ret_amount);
}

static bool take_cost(const struct document *d, int64_t *ret_amount)
{
	if (take_ticks(d, ret_amount))
		return true;
	return is_whole(d) && (take_number(d, PATH_COST, DOLLAR_DECIMALS, ret_amount) ||
			       take_total(d, ret_amount));
}

int reported_usage(const struct cJSON *json, const char *text, enum reported_source source,
		   struct reported *reported)
{
	struct document *document;
	int r;

	if (!usage_member(json, "cost") && !usage_member(json, "cost_in_usd_ticks"))
		return 0;
	r = document_new(&document, &spec, NULL, NULL);
	if (r < 0)
		return r;
	r = document_feed(document, text, strlen(text));
	if (r == 0)
		r = document_end(document);
	reported->source =
		r == 0 && take_cost(document, &reported->amount) ? source : REPORTED_NONE;
	document_free(document);
	return r == -ENOMEM ? r : 0;
}

/* ---- heads ---- */

void reported_head(const struct exchange_event *event, struct reported *reported)
{
	const struct header_field *field = field_find(event, "x-litellm-response-cost");

	if (field && reported_number(field->value, field->value_length, DOLLAR_DECIMALS,
				     &reported->amount) == 0)
		reported->source = REPORTED_GATEWAY;
}

bool reported_by_litellm(const struct exchange_event *event)
{
	return field_find(event, "x-litellm-call-id") != NULL;
}
