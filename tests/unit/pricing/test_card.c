/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/pricing/card_text.h"

static char error[512];

static int load(struct pricing_card *card, const char *json)
{
	error[0] = '\0';
	return pricing_card_load(card, json, strlen(json), error, sizeof(error));
}

/* The error that a card gives, which must leave the card as it was. */
static const char *error_of(const char *json)
{
	struct pricing_card *card = card_of(CARD(ROW("m", PRICES)));
	struct pricing_charge charge = charge_of("p", "m");
	char version[64];
	int r;

	pricing_usage_set(&charge.usage, PRICING_INPUT, 1000);
	snprintf(version, sizeof(version), "%s", pricing_card_version(card));
	r = load(card, json);
	CHECK_TEXT(pricing_card_version(card), version);
	CHECK_TEXT(cost(card, &charge), "0.003");
	pricing_card_free(card);
	CHECK_INT(r, -EINVAL);
	return error;
}

TEST(what_is_no_json_has_a_line)
{
	CHECK_TEXT(error_of(""), "no JSON at line 1");
	CHECK_TEXT(error_of("{\n\"schema\": 1,\n]"), "no JSON at line 3");
	CHECK_TEXT(error_of(CARD("") " x"), "more than one JSON value at line 1");
	CHECK_TEXT(error_of(CARD("") "\n" CARD("")), "more than one JSON value at line 2");
	CHECK_TEXT(error_of("\xff\xfe"), "no JSON at line 1");
}

/* A card with these bytes where its second row's source is. */
static const char *error_with(const char *bytes, size_t length)
{
	static const char before[] =
		"{\"schema\": 1, \"version\": \"2026-01-31\", \"rows\": [\n{},\n{\"source\": ";
	static const char behind[] = "}]}";
	struct pricing_card *card = NULL;
	char text[512];
	size_t size = 0;

	memcpy(text, before, strlen(before));
	size = strlen(before);
	memcpy(text + size, bytes, length);
	size += length;
	memcpy(text + size, behind, strlen(behind));
	size += strlen(behind);
	CHECK_INT(pricing_card_new(&card), 0);
	CHECK_INT(pricing_card_load(card, text, size, error, sizeof(error)), -EINVAL);
	pricing_card_free(card);
	return error;
}

#define ERROR_WITH(bytes) error_with(bytes, sizeof(bytes) - 1)

/* What a lenient parser passes may be read as another name, or as another number. */
TEST(what_only_looks_like_json_names_its_row)
{
	CHECK_TEXT(ERROR_WITH("\"a\\u0000b\""),
		   "row 2: an escape that is none, or a NUL at line 3");
	CHECK_TEXT(ERROR_WITH("\"a\\uZZZZb\""),
		   "row 2: an escape that is none, or a NUL at line 3");
	CHECK_TEXT(ERROR_WITH("\"a\\x\""), "row 2: an escape that is none, or a NUL at line 3");
	CHECK_TEXT(ERROR_WITH("\"a\0b\""), "row 2: a control character in a text at line 3");
	CHECK_TEXT(ERROR_WITH("\"a\tb\""), "row 2: a control character in a text at line 3");
	CHECK_TEXT(ERROR_WITH("\"\xff\xfe\""), "row 2: a text that is not UTF-8 at line 3");
	CHECK_TEXT(ERROR_WITH("\"\xc0\x80\""), "row 2: a text that is not UTF-8 at line 3");
	CHECK_TEXT(ERROR_WITH("\"\xed\xa0\x80\""), "row 2: a text that is not UTF-8 at line 3");
	CHECK_TEXT(ERROR_WITH("\"\xf4\x90\x80\x80\""), "row 2: a text that is not UTF-8 at line 3");
	CHECK_TEXT(ERROR_WITH("01"), "row 2: a number that is none at line 3");
	CHECK_TEXT(ERROR_WITH("-"), "row 2: a number that is none at line 3");
	CHECK_TEXT(ERROR_WITH("1."), "row 2: a number that is none at line 3");
	CHECK_TEXT(ERROR_WITH("1e+"), "row 2: a number that is none at line 3");
	CHECK_TEXT(ERROR_WITH("\0 1"), "row 2: a control character at line 3");
	CHECK_TEXT(ERROR_WITH("\x01 1"), "row 2: a control character at line 3");
	CHECK_TEXT(ERROR_WITH("\"a"), "row 2: no JSON at line 3");
	CHECK_TEXT(ERROR_WITH("1 2"), "row 2: no JSON at line 3");
	/* well-formed, and read */
	CHECK_TEXT(ERROR_WITH("\"\xf0\x9f\x98\x80 \\u00e9 \\\" \\\\\", \"x\": -0.5e-3"),
		   "row 1 (?/?): the row has no \"provider\"");
}

TEST(the_card_itself_is_checked)
{
	CHECK_TEXT(error_of("[]"), "the card is not an object");
	CHECK_TEXT(error_of("{}"), "the card has no \"schema\"");
	CHECK_TEXT(error_of("{\"schema\": 2, \"version\": \"2026-01-01\", \"rows\": []}"),
		   "schema 2 is not known, only 1");
	CHECK_TEXT(error_of("{\"schema\": 1, \"rows\": []}"), "the card has no \"version\"");
	CHECK_TEXT(error_of("{\"schema\": 1, \"version\": \"today\", \"rows\": []}"),
		   "version is not a date (YYYY-MM-DD)");
	CHECK_TEXT(error_of("{\"schema\": 1, \"version\": \"2026-02-29\", \"rows\": []}"),
		   "version is not a day of the calendar");
	CHECK_TEXT(error_of("{\"schema\": 1, \"version\": \"2026-01-01\", \"rows\": {}}"),
		   "rows is not an array of at most 131072");
	CHECK_TEXT(error_of("{\"schema\": 1, \"schema\": 1}"), "the card has \"schema\" twice");
	CHECK_TEXT(error_of("{\"schema\": 1, \"colour\": 1}"),
		   "the card has an unknown key \"colour\"");
}

/* "row 2 (p/bad): what" for a bad row behind a good one */
static void check_row(const char *rest, const char *what)
{
	char json[4096], expected[512];

	snprintf(json, sizeof(json), CARD(ROW("good", PRICES) ",%s%s}"),
		 "{\"provider\": \"p\", \"model\": \"bad\", \"currency\": \"USD\", \"source\": "
		 "\"s\", \"checked\": \"2026-01-31\"",
		 rest);
	snprintf(expected, sizeof(expected), "row 2 (p/bad): %s", what);
	CHECK_TEXT(error_of(json), expected);
}

TEST(a_price_is_a_decimal_text)
{
	static const char *const bad[] = {
		"-1", "1e3", "", " 1", "1.", ".5", "0x1", "1234567890", "0.0000000000001", "free"};
	char rest[256], what[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(rest, sizeof(rest), ", \"prices\": {\"input\": \"%s\"}", bad[i]);
		snprintf(what, sizeof(what),
			 *bad[i] ? "the price of input is not a decimal of at most 9 digits and 12 "
				   "decimals: \"%s\""
				 : "input is empty",
			 bad[i]);
		check_row(rest, what);
	}
	check_row(", \"prices\": {\"input\": 3}", "input is not a text");
	check_row(", \"prices\": {\"input\": null}", "input is not a text");
	check_row(", \"prices\": {\"input\": [\"3\"]}", "input is not a text");
}

TEST(a_price_of_much_is_refused)
{
	check_row(", \"prices\": {\"input\": {\"price\": \"1\", \"per\": 10000001}}",
		  "the price of input is for more than 10000000");
	check_row(", \"prices\": {\"cache_storage\": {\"price\": \"1\", \"per\": 10000000001}}",
		  "the price of cache_storage is for more than 10000000000");
	/* what leaves a fraction of a pico-unit for one is taken */
	pricing_card_free(card_of(CARD(ROW("m", "\"prices\": {\"input\": \"0.0000001\", "
						"\"images\": {\"price\": \"1\", \"per\": 3}}"))));
}

TEST(wrong_types_and_keys_are_named)
{
	check_row(", \"prices\": []", "prices is not an object");
	check_row("", "the row has no \"prices\"");
	check_row(", \"prices\": {\"inputs\": \"3\"}", "prices has an unknown bucket \"inputs\"");
	check_row(", \"prices\": {\"input\": \"3\", \"input\": \"4\"}",
		  "prices has \"input\" twice");
	check_row(", \"prices\": {\"input\": {\"price\": \"3\"}}", "input has no \"per\"");
	check_row(", \"prices\": {\"input\": {\"price\": \"3\", \"per\": 0}}",
		  "per is not a whole number of at least 1");
	check_row(", \"prices\": {\"input\": {\"price\": \"3\", \"per\": 1.5}}",
		  "per is not a whole number of at least 1");
	check_row(", \"prices\": {\"input\": {\"price\": \"3\", \"per\": 1e300}}",
		  "per is not a whole number of at least 1");
	check_row(", \"prices\": {}, \"price\": 1", "the row has an unknown key \"price\"");
	check_row(", \"prices\": {}, \"model\": \"bad\"", "the row has \"model\" twice");
	check_row(", \"prices\": {}, \"aliases\": \"x\"", "aliases is not an array of at most 64");
	check_row(", \"prices\": {}, \"aliases\": [1]", "an alias is not a text");
	check_row(", \"prices\": {}, \"aliases\": [\"a\\u0007\"]",
		  "an alias has a control character");
	check_row(", \"prices\": {}, \"end\": \"2026-1-1\"", "end is not a date (YYYY-MM-DD)");
	check_row(", \"prices\": {}, \"end\": \"2026-01-011\"", "end is not a date (YYYY-MM-DD)");
	check_row(", \"prices\": {}, \"context\": {}", "context is not an array of 1 to 8");
	check_row(", \"prices\": {}, \"context\": [{\"prices\": {}}]",
		  "context has neither \"above\" nor \"from\"");
	check_row(", \"prices\": {}, \"context\": [{\"above\": 1, \"from\": 1, \"prices\": {}}]",
		  "context has both \"above\" and \"from\"");
	check_row(", \"prices\": {}, \"context\": [{\"above\": 5, \"prices\": {}}, "
		  "{\"from\": 6, \"prices\": {}}]",
		  "context is not in ascending order");
	check_row(", \"prices\": {}, \"tiers\": []", "tiers is not an object of at most 16");
	check_row(", \"prices\": {}, \"tiers\": {\"batch\": {}}", "batch has no \"prices\"");
	check_row(", \"prices\": {}, \"tiers\": {\"batch\": {\"prices\": {}}, \"Batch\": "
		  "{\"prices\": {}}}",
		  "tiers has \"Batch\" twice");
	check_row(", \"prices\": {}, \"regions\": {\"US\": {\"multiplier\": \"2\"}, \"us\": "
		  "{\"multiplier\": \"3\"}}",
		  "regions has \"us\" twice");
	check_row(", \"prices\": {}, \"tiers\": {\"default\": {\"prices\": {}}}",
		  "\"default\" can not be the name of a tier");
	check_row(", \"prices\": {}, \"tiers\": {\"fast\": \"priority\"}",
		  "tier \"fast\" is the same as \"priority\", which is no tier before it");
	check_row(", \"prices\": {}, \"tiers\": {\"fast\": \"fast\"}",
		  "tier \"fast\" is the same as \"fast\", which is no tier before it");
	check_row(", \"prices\": {}, \"regions\": {\"us\": \"1.1\"}", "us is not an object");
	check_row(", \"prices\": {}, \"regions\": {\"us\": {\"multiplier\": \"-1\"}}",
		  "multiplier is not a decimal of at most 1000 with at most 6 decimals");
	check_row(", \"prices\": {}, \"billed_as\": {\"reasoning\": \"x\"}",
		  "billed_as has \"reasoning\", which does not name two buckets");
	check_row(", \"prices\": {}, \"billed_as\": {\"reasoning\": \"reasoning\"}",
		  "billed_as has \"reasoning\", which does not name two buckets");
	check_row(
		", \"prices\": {\"reasoning\": \"1\"}, \"billed_as\": {\"reasoning\": \"output\"}",
		"reasoning has a price and is billed as another");
	check_row(", \"prices\": {}, \"billed_as\": {\"reasoning\": \"output\", \"output\": "
		  "\"input\"}",
		  "reasoning is billed as a bucket that is billed as another");
}

#define HOURS(rule) ", \"prices\": {}, \"hours\": [{" rule "}]"
#define WINDOW "\"from\": \"01:00\", \"to\": \"02:00\", \"prices\": {}"

TEST(bad_hours_are_named)
{
	static const char *const zones[] = {"",       "utc",          "Z",      "8",
					    "+8:00",  "+0800",        "+15:00", "+08:60",
					    "+14:01", "Europe/Paris", "+08:00 "};
	static const char *const times[] = {"",   "1:00",     "25:00", "24:01", "12:60",
					    "12", "12:00:00", "noon",  "-1:00"};
	char rest[512];

	for (size_t i = 0; i < sizeof(zones) / sizeof(*zones); i++) {
		snprintf(rest, sizeof(rest), HOURS("\"zone\": \"%s\", " WINDOW), zones[i]);
		check_row(rest, *zones[i] ? "zone is neither \"UTC\" nor a difference such as "
					    "\"+08:00\""
					  : "zone is empty");
	}
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		snprintf(rest, sizeof(rest),
			 HOURS("\"zone\": \"UTC\", \"from\": \"01:00\", \"to\": \"%s\", "
			       "\"prices\": {}"),
			 times[i]);
		check_row(rest, *times[i] ? "to is not a time of the day (HH:MM)" : "to is empty");
	}
	check_row(
		HOURS("\"zone\": \"UTC\", \"from\": \"24:00\", \"to\": \"01:00\", \"prices\": {}"),
		"from is not a time of the day (HH:MM)");
	check_row(
		HOURS("\"zone\": \"UTC\", \"from\": \"01:00\", \"to\": \"01:00\", \"prices\": {}"),
		"hours has a window of no length (a day is 00:00 to 24:00)");
	check_row(HOURS(WINDOW), "hours has no \"zone\"");
	check_row(HOURS("\"zone\": \"UTC\", \"day\": 1, " WINDOW),
		  "hours has an unknown key \"day\"");
	check_row(HOURS("\"zone\": \"UTC\", \"days\": [], " WINDOW),
		  "days is not an array of days");
	check_row(HOURS("\"zone\": \"UTC\", \"days\": \"mon\", " WINDOW),
		  "days is not an array of days");
	check_row(HOURS("\"zone\": \"UTC\", \"days\": [\"Mon\"], " WINDOW),
		  "days has what is not \"mon\", \"tue\" … \"sun\"");
	check_row(HOURS("\"zone\": \"UTC\", \"days\": [1], " WINDOW),
		  "days has what is not \"mon\", \"tue\" … \"sun\"");
	check_row(HOURS("\"zone\": \"UTC\", \"days\": [\"mon\", \"mon\"], " WINDOW),
		  "days has \"mon\" twice");
	check_row(
		HOURS("\"zone\": \"UTC\", \"start\": \"2026-01-02\", \"end\": \"2026-01-02\", " WINDOW),
		"hours has an end that is not after its start");
	check_row(
		HOURS("\"zone\": \"UTC\", \"from\": \"01:00\", \"to\": \"02:00\", \"prices\": "
		      "{\"input\": \"-1\"}"),
		"the price of input is not a decimal of at most 9 digits and 12 decimals: \"-1\"");
	check_row(", \"prices\": {}, \"hours\": {}", "hours is not an array of 1 to 16");
	check_row(", \"prices\": {}, \"tiers\": {\"batch\": {\"prices\": {}, \"hours\": []}}",
		  "hours is not an array of 1 to 16");
	check_row(", \"prices\": {}, \"billed_as\": {\"reasoning\": \"output\"}, \"hours\": "
		  "[{\"zone\": \"UTC\", \"from\": \"01:00\", \"to\": \"02:00\", \"prices\": "
		  "{\"reasoning\": \"1\"}}]",
		  "reasoning has a price and is billed as another");
}

TEST(bad_variants_and_holders_are_named)
{
	check_row(", \"prices\": {}, \"variants\": []", "variants is not an object of at most 64");
	check_row(", \"prices\": {}, \"variants\": {\"High\": {\"prices\": {}}}",
		  "the variant \"High\" is not in lower case");
	check_row(", \"prices\": {}, \"variants\": {\"\": {\"prices\": {}}}",
		  "\"\" can not be the name of a variant");
	check_row(", \"prices\": {}, \"variants\": {\"low\": {}}", "low has no \"prices\"");
	check_row(", \"prices\": {}, \"variants\": {\"low\": {\"images\": \"1\"}}",
		  "low has an unknown key \"images\"");
	check_row(", \"prices\": {}, \"variants\": {\"low\": {\"prices\": {}}, \"low\": "
		  "{\"prices\": {}}}",
		  "variants has \"low\" twice");
	check_row(", \"prices\": {}, \"billed_as\": {\"images\": \"pages\"}, \"variants\": "
		  "{\"low\": {\"prices\": {\"images\": \"1\"}}}",
		  "images has a price and is billed as another");
	check_row(", \"prices\": {}, \"only\": {}", "only has neither \"key\" nor \"tag\"");
	check_row(", \"prices\": {}, \"only\": \"k\"", "only is not an object");
	check_row(", \"prices\": {}, \"only\": {\"key\": 1}", "key is not a text");
	check_row(", \"prices\": {}, \"only\": {\"team\": \"x\"}",
		  "only has an unknown key \"team\"");
	CHECK_TEXT(error_of(CARD(ROW("a", "\"only\": {\"key\": \"k\"}, " PRICES) "," ROW(
			   "a", PRICES) "," ROW("a", "\"only\": {\"key\": \"k\"}, " PRICES))),
		   "row 3 (p/a;key=k): is there twice");
}

#define DISCOUNT(rest)                                                                \
	"{\"schema\": 1, \"version\": \"2026-01-31\", \"rows\": [], \"discounts\": [" \
	"{\"provider\": \"p\", \"model\": \"m\", \"source\": \"s\", \"checked\": "    \
	"\"2026-01-31\", " rest "}]}"
#define SECOND                                                                        \
	"}, {\"provider\": \"p\", \"model\": \"m\", \"source\": \"s\", \"checked\": " \
	"\"2026-01-31\", \"factor\": \"0.9\""

TEST(bad_discounts_are_named)
{
	CHECK_TEXT(error_of("{\"schema\": 1, \"version\": \"2026-01-31\", \"discounts\": {}}"),
		   "discounts is not an array of at most 1024");
	CHECK_TEXT(error_of("{\"schema\": 1, \"version\": \"2026-01-31\", \"discounts\": [1]}"),
		   "discount 1 (?/*): the discount is not an object");
	CHECK_TEXT(error_of(DISCOUNT("\"key\": \"k\"")),
		   "discount 1 (p/m): the discount has no \"factor\"");
	CHECK_TEXT(
		error_of(DISCOUNT("\"factor\": \"-0.5\"")),
		"discount 1 (p/m): factor is not a decimal of at most 10 with at most 6 decimals");
	CHECK_TEXT(
		error_of(DISCOUNT("\"factor\": \"0.1234567\"")),
		"discount 1 (p/m): factor is not a decimal of at most 10 with at most 6 decimals");
	CHECK_TEXT(
		error_of(DISCOUNT("\"factor\": \"10.000001\"")),
		"discount 1 (p/m): factor is not a decimal of at most 10 with at most 6 decimals");
	CHECK_TEXT(error_of(DISCOUNT("\"factor\": 0.5")), "discount 1 (p/m): factor is not a text");
	CHECK_TEXT(error_of(DISCOUNT("\"percent\": \"5\"")),
		   "discount 1 (p/m): the discount has an unknown key \"percent\"");
	CHECK_TEXT(error_of(DISCOUNT("\"factor\": \"0.5\", \"start\": \"2026-01-02\", \"end\": "
				     "\"2026-01-01\"")),
		   "discount 1 (p/m@2026-01-02): end is not after start");
	CHECK_TEXT(error_of(DISCOUNT("\"factor\": \"0.5\"" SECOND)),
		   "discount 2 (p/m): is there twice");
	CHECK_TEXT(error_of(DISCOUNT("\"factor\": \"0.5\", \"end\": \"2026-01-03\"" SECOND
				     ", \"start\": \"2026-01-02\"")),
		   "discount 2 (p/m): overlaps with one before it");
}

TEST(at_most_sixteen_cards_lie_over_each_other)
{
	struct pricing_card *card = card_of(CARD(""));

	for (int i = 1; i < 16; i++)
		CHECK_INT(load(card, CARD("")), 0);
	CHECK_INT(load(card, CARD("")), -E2BIG);
	CHECK_TEXT(error, "more than 16 cards");
	pricing_card_free(card);
}

TEST(a_row_without_a_name_has_a_number)
{
	CHECK_TEXT(error_of(CARD("{}")), "row 1 (?/?): the row has no \"provider\"");
	CHECK_TEXT(error_of(CARD("1")), "row 1 (?/?): the row is not an object");
	CHECK_TEXT(error_of(CARD("{\"provider\": \"\"}")), "row 1 (?/?): provider is empty");
	CHECK_TEXT(error_of(CARD("{\"provider\": \"p\", \"model\": 4}")),
		   "row 1 (p/?): model is not a text");
	CHECK_TEXT(error_of(CARD("{\"provider\": \"p\", \"model\": \"m\", \"start\": "
				 "\"2026-01-01\", \"currency\": \"usd\"}")),
		   "row 1 (p/m@2026-01-01): currency is not a code of ISO 4217");
}

TEST(rows_that_contradict_each_other_are_named)
{
	CHECK_TEXT(error_of(CARD(ROW("a", PRICES) "," ROW("b", PRICES) "," ROW("a", PRICES))),
		   "row 3 (p/a): is there twice");
	CHECK_TEXT(error_of(CARD(ROW("a", "\"start\": \"2026-01-01\", " PRICES) "," ROW(
			   "a", "\"end\": \"2026-01-02\", " PRICES))),
		   "row 1 (p/a@2026-01-01): overlaps with p/a");
	CHECK_TEXT(error_of(CARD(ROW(
			   "a", "\"start\": \"2026-01-02\", \"end\": \"2026-01-02\", " PRICES))),
		   "row 1 (p/a@2026-01-02): end is not after start");
	CHECK_TEXT(error_of(CARD(ROW("a", "\"aliases\": [\"x\"], " PRICES) "," ROW(
			   "b", "\"aliases\": [\"x\"], " PRICES))),
		   "row 2 (p/b): the name \"x\" is another model's too");
}

TEST(nesting_and_length_are_bounded)
{
	enum { DEPTH = 100000 };
	char *deep = malloc(DEPTH + 1);

	memset(deep, '[', DEPTH);
	deep[DEPTH] = '\0';
	CHECK_TEXT(error_of(deep), "deeper nesting than a card has at line 1");
	free(deep);
}

TEST(a_file_beyond_the_cap_is_refused)
{
	struct pricing_card *card = card_of(CARD(""));
	int fd = memfd_create("card", MFD_CLOEXEC);
	char path[32];

	CHECK(fd >= 0);
	CHECK_INT(ftruncate(fd, 100 << 20), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_INT(pricing_card_load_file(card, path, error, sizeof(error)), -E2BIG);
	CHECK_TEXT(error, "larger than 16777216 bytes");
	close(fd);
	CHECK_INT(pricing_card_load_file(card, path, error, sizeof(error)), -ENOENT);
	CHECK_INT(pricing_card_load_file(card, "/", error, sizeof(error)), -EISDIR);
	pricing_card_free(card);
}

TEST(the_version_has_the_latest_date_and_all_rows)
{
	static const char first[] = "{\"schema\": 1, \"version\": \"2026-02-01\", \"rows\": []}";
	static const char spaced[] =
		"\n{ \"schema\" :1,\"version\":\t\"2026-02-01\",\"rows\":[ ]}\r\n";
	static const char other[] = CARD(ROW("m", PRICES));
	static const char more[] = CARD(ROW("m ", PRICES));
	struct pricing_card *a = card_of(first), *b = card_of(spaced);
	char version[64];

	CHECK(!strncmp(pricing_card_version(a), "2026-02-01.", 11));
	CHECK_TEXT(pricing_card_version(b), pricing_card_version(a));
	CHECK_INT(load(a, other), 0);
	CHECK(!strncmp(pricing_card_version(a), "2026-02-01.", 11));
	CHECK(strcmp(pricing_card_version(a), pricing_card_version(b)) != 0);
	snprintf(version, sizeof(version), "%s", pricing_card_version(a));
	CHECK_INT(load(b, more), 0);
	CHECK(strcmp(pricing_card_version(b), version) != 0);
	pricing_card_free(a);
	pricing_card_free(b);
	CHECK_INT(pricing_card_new(&a), 0);
	CHECK_TEXT(pricing_card_version(a), "none");
	pricing_card_free(a);
	pricing_card_free(NULL);
}

/* Damage of a good card at every byte: an error or a card, never a crash. */
TEST(damage_at_every_byte_is_survived)
{
	static const char good[] = CARD(ROW(
		"m",
		"\"aliases\": [\"n\"], \"start\": \"2026-01-01\", " PRICES
		", \"context\": [{\"above\": 9, \"prices\": {}}], \"billed_as\": {\"reasoning\": "
		"\"output\"}, \"tiers\": {\"a\": {\"prices\": {}}, \"b\": \"a\"}, \"regions\": "
		"{\"us\": {\"multiplier\": \"1.1\"}}, \"only\": {\"key\": \"k\"}, \"hours\": "
		"[{\"zone\": \"+08:00\", \"from\": \"01:00\", \"to\": \"00:30\", \"days\": "
		"[\"mon\"], \"prices\": {}}], \"variants\": {\"low\": {\"prices\": "
		"{\"images\": \"1\"}}}"));
	static const char junk[] = {0,   '"', '{',  '}', '[', ']',
				    ',', ':', '\\', '9', '-', (char)0xff};
	char text[sizeof(good)];
	unsigned int refused = 0;

	for (size_t i = 0; i < sizeof(good) - 1; i++) {
		for (size_t j = 0; j < sizeof(junk); j++) {
			struct pricing_card *card = NULL;

			memcpy(text, good, sizeof(good));
			text[i] = junk[j];
			CHECK_INT(pricing_card_new(&card), 0);
			refused += pricing_card_load(card, text, sizeof(good) - 1, error,
						     sizeof(error)) < 0;
			refused += pricing_card_load(card, good, i, NULL, 0) < 0;
			pricing_card_free(card);
		}
	}
	CHECK(refused > sizeof(good));
}

TEST_MAIN()
