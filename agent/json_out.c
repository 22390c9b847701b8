/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/json_out.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "agent/util/clock.h"
#include "agent/util/text.h"

void json_out_put(struct json_out *json, const char *text)
{
	if (json->r == 0)
		json->r = buffer_append_text(&json->text, text);
}

void json_out_open(struct json_out *json, const char *bracket)
{
	json_out_put(json, bracket);
	json->empty = true;
}

void json_out_close(struct json_out *json, const char *bracket)
{
	json_out_put(json, bracket);
	json->empty = false;
}

void json_out_comma(struct json_out *json)
{
	if (!json->empty)
		json_out_put(json, ",");
	json->empty = false;
}

void json_out_key(struct json_out *json, const char *name)
{
	json_out_comma(json);
	if (json->r == 0)
		json->r = text_append_json(&json->text, name, strlen(name));
	json_out_put(json, ":");
}

void json_out_text(struct json_out *json, const char *name, const char *value)
{
	if (!value)
		return;
	json_out_key(json, name);
	if (json->r == 0)
		json->r = text_append_json(&json->text, value, strlen(value));
}

void json_out_raw(struct json_out *json, const char *name, const char *value)
{
	json_out_key(json, name);
	json_out_put(json, value);
}

void json_out_unsigned(struct json_out *json, const char *name, uint64_t value)
{
	json_out_key(json, name);
	if (json->r == 0)
		json->r = buffer_printf(&json->text, "%" PRIu64, value);
}

void json_out_amount(struct json_out *json, const char *name, pricing_amount amount)
{
	char text[PRICING_AMOUNT_TEXT_MAX];

	json_out_raw(json, name, pricing_amount_text(amount, text));
}

void json_out_amount_text(struct json_out *json, const char *name, pricing_amount amount)
{
	char text[PRICING_AMOUNT_TEXT_MAX];

	json_out_text(json, name, pricing_amount_text(amount, text));
}

void json_out_time(struct json_out *json, const char *name, int64_t wall_ns)
{
	char text[CLOCK_TEXT_MAX];

	if (wall_ns)
		json_out_text(json, name, clock_text(wall_ns, text));
}

/* Milliseconds with all their decimals; a nanosecond is 10^6 of what an amount counts. */
void json_out_ms(struct json_out *json, const char *name, int64_t ns)
{
	json_out_amount(json, name, (pricing_amount)(ns > 0 ? ns : 0) * 1000000);
}

/* Writes what has grown so far, and begins anew. */
void json_out_flush(struct json_out *json, FILE *out)
{
	if (json->r == 0 && json->text.length &&
	    fwrite(json->text.data, json->text.length, 1, out) != 1)
		json->r = -EIO;
	buffer_clear(&json->text);
}
