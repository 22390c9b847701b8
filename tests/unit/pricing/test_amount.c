/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "pricing/internal.h"
#include "tests/unit/test.h"

static const char *text_of(pricing_amount amount)
{
	static char text[PRICING_AMOUNT_TEXT_MAX];

	return pricing_amount_text(amount, text);
}

static const char *again(const char *decimal)
{
	pricing_amount amount = -1;

	return amount_parse(decimal, &amount) ? "refused" : text_of(amount);
}

TEST(no_zero_is_put_behind_and_none_is_lost)
{
	CHECK_TEXT(text_of(0), "0");
	CHECK_TEXT(text_of(1), "0.000000000001");
	CHECK_TEXT(text_of(10), "0.00000000001");
	CHECK_TEXT(text_of(5190000000ll), "0.00519");
	CHECK_TEXT(text_of(12500000000000ll), "12.5");
	CHECK_TEXT(text_of(1000000000000ll), "1");
	CHECK_TEXT(text_of(100000000000000ll), "100");
	CHECK_TEXT(text_of(1000000000001ll), "1.000000000001");
}

TEST(the_least_and_the_largest_amount_fit)
{
	pricing_amount largest = (pricing_amount)(~(unsigned __int128)0 >> 1);

	CHECK_TEXT(text_of(largest), "170141183460469231731687303.715884105727");
	CHECK_TEXT(text_of(-largest - 1), "-170141183460469231731687303.715884105728");
	CHECK_TEXT(text_of(-1), "-0.000000000001");
}

TEST(a_decimal_is_read_exactly)
{
	CHECK_TEXT(again("3.00"), "3");
	CHECK_TEXT(again("0.075"), "0.075");
	CHECK_TEXT(again("0.1"), "0.1");
	CHECK_TEXT(again("000.3"), "0.3");
	CHECK_TEXT(again("0"), "0");
	CHECK_TEXT(again("999999999.999999999999"), "999999999.999999999999");
}

TEST(what_is_no_decimal_is_refused)
{
	static const char *const texts[] = {
		"",    ".",   ".5",    "5.",       "-1",   "+1",         "1e3",
		"1,5", " 1",  "1 ",    "1.2.3",    "0x10", "1234567890", "0.0000000000001",
		"nan", "inf", "1_000", "\xd9\xa3",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		CHECK_TEXT(again(texts[i]), "refused");
}

TEST_MAIN()
