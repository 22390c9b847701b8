/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "pricing/internal.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

int amount_parse(const char *text, pricing_amount *ret_amount)
{
	pricing_amount amount = 0;
	int digits = 0, decimals = 0;

	for (; is_digit(*text); text++) {
		if (++digits > PRICE_DIGITS_MAX)
			return -ERANGE;
		amount = amount * 10 + (*text - '0');
	}
	if (!digits)
		return -EINVAL;
	if (*text == '.') {
		for (text++; is_digit(*text); text++) {
			if (++decimals > PRICE_DECIMALS_MAX)
				return -ERANGE;
			amount = amount * 10 + (*text - '0');
		}
		if (!decimals)
			return -EINVAL;
	}
	if (*text)
		return -EINVAL;
	for (; decimals < PICO_DECIMALS; decimals++)
		amount *= 10;
	*ret_amount = amount;
	return 0;
}

const char *pricing_amount_text(pricing_amount amount, char text[PRICING_AMOUNT_TEXT_MAX])
{
	/* negated unsigned, so that the least amount has an absolute value too */
	unsigned __int128 rest =
		amount < 0 ? -(unsigned __int128)amount : (unsigned __int128)amount;
	char digits[PRICING_AMOUNT_TEXT_MAX];
	char *first = digits + sizeof(digits) - 1;
	bool significant = false;

	*first = '\0';
	for (int place = 0; rest || place <= PICO_DECIMALS; place++) {
		char digit = (char)('0' + (int)(rest % 10));

		rest /= 10;
		if (place == PICO_DECIMALS && significant)
			*--first = '.';
		significant = significant || digit != '0';
		if (significant || place >= PICO_DECIMALS)
			*--first = digit;
	}
	if (amount < 0)
		*--first = '-';
	return memcpy(text, first, (size_t)(digits + sizeof(digits) - first));
}
