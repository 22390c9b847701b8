/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exact prices and amounts in 128 bits. By the caps of a card, of a price of tokens
 *
 *	rate < 10^(9 + 12) and numerator <= 10^3 · 10^6 · 10 · 10^6:
 *	rate · numerator < 10^37 < 2^127
 *	per <= 10^7 and denominator <= 10^6 · 10^6:
 *	per · denominator <= 10^19 < 2^64
 *
 * and of any other price, which has no multiplier, per <= 10^10 and denominator <= 10^6. With
 * rate = whole · per + rest, an amount is quantity · whole + quantity · rest / per, where both
 * factors of quantity · rest are below 2^64: nothing can overflow but an amount that is too large.
 */
#include "pricing/internal.h"

_Static_assert(PRICE_DIGITS_MAX + PRICE_DECIMALS_MAX == 21 && MULTIPLIER_MAX == 1000 &&
		       FACTOR_MAX == 10 && MULTIPLIER_ONE == 1000000 &&
		       PRICE_PER_TOKENS_MAX == 10000000 && PRICE_PER_OTHER_MAX == 10000000000ll,
	       "the bounds above");

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

struct scale scale_of(uint64_t multiplier, uint64_t factor)
{
	struct scale scale = {multiplier * factor, MULTIPLIER_ONE * MULTIPLIER_ONE};
	uint64_t divisor;

	if (multiplier == MULTIPLIER_ONE && factor == MULTIPLIER_ONE)
		return (struct scale){1, 1};
	if (multiplier == MULTIPLIER_ONE)
		scale = (struct scale){factor, MULTIPLIER_ONE};
	divisor = common_divisor(scale.numerator, scale.denominator);
	scale.numerator /= divisor;
	scale.denominator /= divisor;
	return scale;
}

struct price scale_price(struct price price, const struct scale *scale)
{
	uint64_t divisor;

	if (scale->numerator == scale->denominator)
		return price;
	price.rate *= (pricing_amount)scale->numerator;
	divisor = common_divisor((uint64_t)(price.rate % (pricing_amount)scale->denominator),
				 scale->denominator);
	price.rate /= (pricing_amount)divisor;
	price.per *= scale->denominator / divisor;
	return price;
}

bool price_amount(const struct price *price, uint64_t quantity, pricing_amount *ret_amount)
{
	pricing_amount whole = price->rate / (pricing_amount)price->per, amount;
	uint64_t rest = (uint64_t)(price->rate - whole * (pricing_amount)price->per);
	unsigned __int128 fraction = (unsigned __int128)quantity * rest;
	/* less than the quantity, as rest / per < 1 */
	uint64_t more = (uint64_t)(fraction / price->per);
	uint64_t below = (uint64_t)(fraction - (unsigned __int128)more * price->per);
	uint64_t above = price->per - below;

	if (__builtin_mul_overflow(whole, (pricing_amount)quantity, &amount) ||
	    __builtin_add_overflow(amount, (pricing_amount)more, &amount))
		return false;
	if (below > above || (below == above && (amount & 1)))
		return !__builtin_add_overflow(amount, 1, ret_amount);
	*ret_amount = amount;
	return true;
}
