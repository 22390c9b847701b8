/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "pricing/pricing.h"
#include "tests/unit/test.h"

/* "REGION|FORM|FORM…", or "none" */
static const char *forms_of(const char *provider, const char *name)
{
	static char text[PRICING_FORMS_MAX * PRICING_MODEL_MAX + PRICING_REGION_MAX];
	struct pricing_model model;
	int length;

	if (pricing_model_normalise(provider, name, &model) < 0)
		return "none";
	CHECK(model.n_forms && model.n_forms <= PRICING_FORMS_MAX);
	length = snprintf(text, sizeof(text), "%s", model.region);
	for (unsigned int i = 0; i < model.n_forms; i++)
		length += snprintf(text + length, sizeof(text) - (size_t)length, "|%s",
				   model.forms[i]);
	return text;
}

#define BEDROCK(name) forms_of("aws.bedrock", name)

TEST(bedrock_ids)
{
	CHECK_TEXT(BEDROCK("anthropic.claude-opus-4-6-v1:0"),
		   "|anthropic.claude-opus-4-6-v1|anthropic.claude-opus-4-6");
	CHECK_TEXT(
		BEDROCK("us.amazon.nova-pro-v1:0"),
		"us|us.amazon.nova-pro-v1|us.amazon.nova-pro|amazon.nova-pro-v1:0|amazon.nova-pro-v1|amazon.nova-pro");
	CHECK_TEXT(
		BEDROCK("us-gov.amazon.nova-pro-v1:0"),
		"us-gov|us-gov.amazon.nova-pro-v1|us-gov.amazon.nova-pro|amazon.nova-pro-v1:0|amazon.nova-pro-v1|amazon.nova-pro");
	CHECK_TEXT(BEDROCK("apac.anthropic.claude-3-haiku-20240307-v1:0"),
		   "apac|apac.anthropic.claude-3-haiku-20240307-v1|"
		   "apac.anthropic.claude-3-haiku-20240307|anthropic.claude-3-haiku-20240307-v1:0|"
		   "anthropic.claude-3-haiku-20240307-v1|anthropic.claude-3-haiku-20240307");
	CHECK_TEXT(BEDROCK("openai.gpt-oss-20b-1:0"), "|openai.gpt-oss-20b-1");
	CHECK_TEXT(BEDROCK("global.anthropic.claude-x"), "global|anthropic.claude-x");
	CHECK_TEXT(BEDROCK("mistral.mistral-7b"), "none");
	CHECK_TEXT(BEDROCK("us.mistral"), "none");
	CHECK_TEXT(BEDROCK("usa.mistral.m"), "none");
	CHECK_TEXT(BEDROCK(""), "none");
	CHECK_TEXT(BEDROCK(":0"), "none");
	CHECK_TEXT(BEDROCK("-v1:0"), "|-v1");
	CHECK_TEXT(BEDROCK("0"), "none");
}

TEST(bedrock_arns)
{
	CHECK_TEXT(BEDROCK("arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-1-8b"),
		   "us-east-1|meta.llama3-1-8b");
	CHECK_TEXT(BEDROCK("arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/meta.l"),
		   "us-gov-west-1|meta.l");
	CHECK_TEXT(BEDROCK("arn:aws:bedrock:us-east-1:1:inference-profile/eu.meta.l-v1:0"),
		   "eu|eu.meta.l-v1:0|eu.meta.l-v1|eu.meta.l|meta.l-v1:0|meta.l-v1|meta.l");
	CHECK_TEXT(BEDROCK("arn:aws:bedrock:us-east-1:1:application-inference-profile/x1"), "none");
	CHECK_TEXT(BEDROCK("arn:aws:bedrock:us-east-1:1:provisioned-model/x1"), "none");
	CHECK_TEXT(BEDROCK("arn:aws:bedrock:us-east-1:1:custom-model/a.b:0/x1"), "none");
	CHECK_TEXT(BEDROCK("arn:aws:sagemaker:us-east-1:1:foundation-model/x"), "none");
	CHECK_TEXT(BEDROCK("arn:aws:bedrock:us-east-1"), "none");
	CHECK_TEXT(BEDROCK("arn:"), "none");
}

TEST(google_names)
{
	CHECK_TEXT(forms_of("gcp.gemini", "models/gemini-2.5-pro"), "|gemini-2.5-pro");
	CHECK_TEXT(forms_of("gcp.vertex_ai", "publishers/google/models/gemini-2.5-pro"),
		   "|gemini-2.5-pro");
	CHECK_TEXT(forms_of("gcp.vertex_ai",
			    "projects/p/locations/europe-west1/publishers/anthropic/models/"
			    "claude-sonnet-4@20250514"),
		   "europe-west1|claude-sonnet-4@20250514");
	CHECK_TEXT(forms_of("gcp.vertex_ai", "claude-sonnet-4@default"), "|claude-sonnet-4");
	CHECK_TEXT(forms_of("gcp.vertex_ai", "google/gemini-2.5-pro"), "|gemini-2.5-pro");
	CHECK_TEXT(forms_of("gcp.vertex_ai", "google/tuned/mine"), "none");
	CHECK_TEXT(forms_of("gcp.vertex_ai", "meta/llama-4"), "none");
	CHECK_TEXT(forms_of("gcp.vertex_ai", "projects/p/locations/global/endpoints/123"), "none");
	CHECK_TEXT(forms_of("gcp.gemini", "tunedModels/mine"), "none");
	CHECK_TEXT(forms_of("gcp.gemini", "gemini-2.5-pro"), "none");
	CHECK_TEXT(forms_of("gcp.gemini", "models/"), "none");
	CHECK_TEXT(forms_of("gcp.gemini", "@default"), "none");
}

TEST(fine_tuned_models)
{
	CHECK_TEXT(forms_of("openai", "ft:gpt-4o-mini-2024-07-18:acme::abc"),
		   "|ft:gpt-4o-mini-2024-07-18");
	CHECK_TEXT(forms_of("azure.ai.openai", "ft:gpt-4o:acme:name:id"), "|ft:gpt-4o");
	CHECK_TEXT(forms_of("azure.ai.openai", "gpt-35-turbo-0125.ft-0123abcd"),
		   "|ft:gpt-35-turbo-0125");
	CHECK_TEXT(forms_of("openai", "ft:gpt-4o"), "none");
	CHECK_TEXT(forms_of("openai", "gpt-4o"), "none");
	CHECK_TEXT(forms_of("openai", ".ft-"), "none");
}

TEST(other_providers_have_no_other_names)
{
	CHECK_TEXT(forms_of("anthropic", "us.anthropic.claude-x-v1:0"), "none");
	CHECK_TEXT(forms_of("openrouter", "models/x"), "none");
	CHECK_TEXT(forms_of("", "models/x"), "none");
}

TEST(a_name_that_is_too_long_has_no_form)
{
	char name[4096];

	memset(name, 'x', sizeof(name));
	memcpy(name, "models/", 7);
	name[7 + PRICING_MODEL_MAX - 1] = '\0';
	CHECK(strcmp(forms_of("gcp.gemini", name), "none") != 0);
	name[7 + PRICING_MODEL_MAX - 1] = 'x';
	name[7 + PRICING_MODEL_MAX] = '\0';
	CHECK_TEXT(forms_of("gcp.gemini", name), "none");
	memset(name, 'x', sizeof(name));
	memcpy(name + sizeof(name) - 6, ".ft-1", 6);
	CHECK_TEXT(forms_of("openai", name), "none");
}

TEST_MAIN()
