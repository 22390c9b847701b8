/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a rate card: loaded over a good one, then asked for prices. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pricing/pricing.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static const char good[] =
	"{\"schema\": 1, \"version\": \"2026-01-31\", \"rows\": [{\"provider\": \"p\", \"model\": "
	"\"m\", \"currency\": \"USD\", \"source\": \"s\", \"checked\": \"2026-01-31\", \"prices\": "
	"{\"input\": \"3\"}}]}";

static void ask(const struct pricing_card *card, struct pricing_charge charge)
{
	struct pricing_result result;
	pricing_amount total = 0;

	charge.model = "m-2026-01-31";
	for (int bucket = 0; bucket < PRICING_BUCKETS; bucket++)
		pricing_usage_set(&charge.usage, (enum pricing_bucket)bucket, 1ull << bucket);
	pricing_price(card, &charge, &result);
	for (unsigned int i = 0; i < result.n_lines; i++)
		total += result.lines[i].amount;
	if (total != result.amount || result.n_lines != PRICING_BUCKETS)
		abort();
}

static void normalise(const uint8_t *bytes, size_t length)
{
	static const char *const providers[] = {"aws.bedrock", "gcp.vertex_ai", "openai"};
	struct pricing_model model;
	char name[1024];

	length = length < sizeof(name) ? length : sizeof(name) - 1;
	memcpy(name, bytes, length);
	name[length] = '\0';
	for (int i = 0; i < 3; i++) {
		if (pricing_model_normalise(providers[i], name, &model) < 0)
			continue;
		if (!model.n_forms || model.n_forms > PRICING_FORMS_MAX)
			abort();
		for (unsigned int j = 0; j < model.n_forms; j++) {
			if (!*model.forms[j])
				abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct pricing_card *card;
	char error[256], version[64] = "";
	int r;

	if (pricing_card_new(&card) < 0)
		return 0;
	if (pricing_card_load(card, good, strlen(good), NULL, 0) < 0)
		abort();
	strncpy(version, pricing_card_version(card), sizeof(version) - 1);
	error[0] = '\0';
	r = pricing_card_load(card, (const char *)bytes, length, error, sizeof(error));
	/* a refused card says why, and changes nothing */
	if (r < 0 && (!*error || strcmp(version, pricing_card_version(card)) != 0))
		abort();
	ask(card, (struct pricing_charge){.provider = "p"});
	ask(card, (struct pricing_charge){
			  .provider = "p", .tier = "batch", .region = "us", .time = 1767225600});
	ask(card, (struct pricing_charge){.provider = "p",
					  .tier = "fast",
					  .variant = "low",
					  .key = "k",
					  .tag = "t",
					  .time = INT64_MAX});
	/* a model's name is as free as a card */
	normalise(bytes, length);
	pricing_card_free(card);
	return 0;
}
